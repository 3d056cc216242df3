/* SPDX-License-Identifier: Apache-2.0
 *
 * scenario_driver [--seed=N] [--months=N] FILE...: each is one test; the exit code is 0 if all of them
 * passed. The options replace what the files say about `seed` and `months`: a longer run of the same.
 */
#include "driver.h"

#include "driver_expect.h"
#include "driver_play.h"
#include "driver_probe.h"
#include "driver_script.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MONTH_NS (30 * 86400 * SECOND_NS)
enum { EVENTS_SHOWN = 40, METRICS_SHOWN = 400, REPEAT_DEPTH = 4 };

static struct play play;
static uint64_t other_seed;   /* 0: as the file says */
static uint64_t other_months; /* the same */
static struct arena texts;    /* of the scenario: statements are kept as pointers into them */

/* ---- failing ---- */

static void show_moment(int64_t ns) {
    long long ms = (ns - play.start_ns) / 1000000;
    fprintf(stderr, "  %4lldd %02lld:%02lld:%02lld.%03lld  ", ms / 86400000, ms / 3600000 % 24,
            ms / 60000 % 60, ms / 1000 % 60, ms % 1000);
}

static void show_events(void) {
    size_t from = play.n_events > EVENTS_SHOWN ? play.n_events - EVENTS_SHOWN : 0;
    fprintf(stderr, "events (%zu of %zu; those marked + were expected or forgotten):\n", play.n_events - from,
            play.n_events);
    for (size_t i = from; i < play.n_events; i++) {
        show_moment(play.events[i].at_ns);
        fprintf(stderr, "%c %s\n", play.events[i].expected ? '+' : ' ', play.events[i].text);
    }
    show_moment(play.now_ns);
    fprintf(stderr, "  now\n");
}

/* What is worth reading of /metrics: no help, and not the buckets of histograms. */
static void show_metrics(void) {
    struct buf text;
    buf_init(&text, 64 << 20);
    play_metrics(&play, &text);
    fprintf(stderr, "/metrics:\n");
    unsigned n = 0;
    for (const char *line = buf_text(&text); *line != '\0' && n < METRICS_SHOWN;) {
        int len = (int)strcspn(line, "\n");
        if (*line != '#' && strncmp(line, "process_", 8) != 0 && strncmp(line, "rbl_exporter_", 13) != 0 &&
            strncmp(line, "rbl_list_query_duration_seconds", 31) != 0 && n++ < METRICS_SHOWN)
            fprintf(stderr, "  %.*s\n", len, line);
        line += len + (line[len] == '\n');
    }
    if (n == METRICS_SHOWN)
        fprintf(stderr, "  ...\n");
    buf_release(&text);
}

static void say_why(const char *format, va_list args) {
    fprintf(stderr, "%s:%u: ", script_path, script_line);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
}

noreturn void driver_misread(const char *format, ...) {
    va_list args;
    va_start(args, format);
    say_why(format, args);
    va_end(args);
    _Exit(2);
}

noreturn void driver_fail(const char *format, ...) {
    static bool failing; /* what is shown of /metrics may fail as well */
    va_list args;
    va_start(args, format);
    say_why(format, args);
    va_end(args);
    if (!failing) {
        failing = true;
        show_events();
        if (play.checker != NULL)
            show_metrics();
    }
    _Exit(1);
}

void *driver_alloc(void *old, size_t n, size_t size) {
    void *memory = realloc(old, n > 0 ? n * size : 1);
    if (memory == NULL)
        driver_misread("out of memory");
    return memory;
}

/* ---- statements ---- */

static void play_text(char *text, unsigned line, unsigned depth);

static const char *need_block(const struct statement *s) {
    script_end(s);
    if (s->block == NULL)
        driver_misread("a block { ... } is missing");
    return s->block;
}

static void do_config(struct statement *s, bool first) {
    if (first == (play.checker != NULL))
        driver_misread(first ? "there is a configuration: use `reload`" : "there is no configuration yet");
    play_config(&play, need_block(s), s->block_len, s->line + 1);
}

static void do_restart(struct statement *s, bool crash) {
    int64_t for_ns = script_time(s);
    script_end(s);
    play_restart(&play, crash, for_ns, s->block, s->block_len, s->line + 1);
}

static void play_again(const struct statement *s, const char *block, unsigned depth) {
    char *copy = arena_copy(&texts, block, s->block_len);
    if (copy == NULL)
        driver_misread("out of memory");
    play_text(copy, s->line, depth + 1);
}

static void do_repeat(struct statement *s, unsigned depth) {
    double times = script_number(s);
    const char *block = need_block(s);
    if (depth == REPEAT_DEPTH)
        driver_misread("`repeat` is nested too deeply");
    for (double i = 0; i < times; i++)
        play_again(s, block, depth);
}

static void do_months(struct statement *s, unsigned depth) {
    double times = script_number(s);
    if (other_months > 0)
        times = (double)other_months;
    const char *block = need_block(s);
    if (depth == REPEAT_DEPTH)
        driver_misread("`months` is nested too deeply");
    for (double i = 0; i < times; i++) {
        play_run(&play, MONTH_NS);
        expect_month(&play);
        play_again(s, block, depth);
        play_forget(&play);
        play_trim(&play);
    }
}

static void do_run(struct statement *s) {
    int64_t least_ns = script_time(s);
    int64_t most_ns = script_is(s, "to") ? script_time(s) : least_ns;
    if (most_ns < least_ns)
        driver_misread("the longer time comes last");
    uint64_t range = (uint64_t)(most_ns - least_ns) + 1;
    play_run(&play, least_ns + (int64_t)(world_random(&play.world.random) % range));
}

static void do_bounce(struct statement *s) {
    struct ip ip = script_ip(s);
    script_end(s);
    play_bounce(&play, &ip);
}

/* The first comes after a pause like any other. */
static void do_bounces(struct statement *s) {
    double n = script_number(s);
    if (n <= 0 || !script_is(s, "per"))
        driver_misread("expected: bounces N per TIME of RANGE on ZONE");
    struct play_bouncer *b = &play.bouncer;
    *b = (struct play_bouncer){.pause_ns = (int64_t)((double)script_time(s) / n)};
    if (!script_is(s, "of"))
        driver_misread("expected: of RANGE");
    b->range = script_range(s);
    if (!script_is(s, "on"))
        driver_misread("expected: on ZONE");
    b->zone = world_zone(&play.world, script_word(s, "a zone"));
    b->next_ns = play.now_ns + (int64_t)churn_exponential((double)b->pause_ns, &play.world.random);
}

static void do_seed(struct statement *s) {
    uint64_t seed = (uint64_t)script_number(s);
    if (other_seed > 0)
        seed = other_seed;
    if (seed == 0 || play.checker != NULL)
        driver_misread("`seed` takes a number above 0, before the configuration");
    play.random = seed;
    play.world.random = seed;
}

/* Statements about the world; false if this is none. */
static bool change_world(struct statement *s) {
    if (script_is(s, "zone"))
        world_do_zone(&play.world, s);
    else if (script_is(s, "list"))
        world_do_list(&play.world, s, play.now_ns);
    else if (script_is(s, "delist"))
        world_do_delist(&play.world, s, play.now_ns);
    else if (script_is(s, "churn"))
        world_do_churn(&play.world, s, play.now_ns);
    else if (script_is(s, "claim"))
        world_do_claim(&play.world, s, true);
    else if (script_is(s, "deny"))
        world_do_claim(&play.world, s, false);
    else if (script_is(s, "fail"))
        world_do_fail(&play.world, s);
    else if (script_is(s, "mode"))
        world_do_mode(&play.world, s);
    else if (script_is(s, "delay"))
        world_do_delay(&play.world, s);
    else if (script_is(s, "loss"))
        world_do_loss(&play.world, s);
    else if (script_is(s, "ptr"))
        senders_do(&play.senders, s);
    else
        return false;
    return true;
}

static void play_statement(struct statement *s, unsigned depth) {
    if (change_world(s))
        script_end(s);
    else if (script_is(s, "seed"))
        do_seed(s);
    else if (script_is(s, "config"))
        do_config(s, true);
    else if (script_is(s, "reload"))
        do_config(s, false);
    else if (script_is(s, "store"))
        play.keeps = true;
    else if (script_is(s, "restart"))
        do_restart(s, false);
    else if (script_is(s, "crash"))
        do_restart(s, true);
    else if (script_is(s, "run"))
        do_run(s);
    else if (script_is(s, "stop"))
        play_stop(&play, script_time(s));
    else if (script_is(s, "bounce"))
        do_bounce(s);
    else if (script_is(s, "probe"))
        probe_do(&play, s);
    else if (script_is(s, "bounces"))
        do_bounces(s);
    else if (script_is(s, "months"))
        do_months(s, depth);
    else if (script_is(s, "expect"))
        expect_do(&play, s);
    else if (script_is(s, "forget"))
        play_forget(&play);
    else if (script_is(s, "repeat"))
        do_repeat(s, depth);
    else
        driver_misread("no statement: %s", script_word(s, "a statement"));
    script_end(s);
}

static void play_text(char *text, unsigned line, unsigned depth) {
    struct statement s;
    while (script_next(&text, &line, &s))
        play_statement(&s, depth);
}

/* ---- files ---- */

static char *read_file(const char *path) {
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        driver_misread("cannot be read");
    struct buf text;
    char piece[4096];
    buf_init(&text, 16 << 20);
    for (size_t n = fread(piece, 1, sizeof piece, file); n > 0; n = fread(piece, 1, sizeof piece, file))
        buf_add(&text, piece, n);
    if (ferror(file) != 0 || buf_status(&text) != STATUS_OK ||
        memchr(buf_text(&text), '\0', text.len) != NULL)
        driver_misread("cannot be read, or is no text");
    fclose(file);
    char *copy = arena_copy(&texts, buf_text(&text), text.len);
    buf_release(&text);
    if (copy == NULL)
        driver_misread("out of memory");
    return copy;
}

static void play_file(const char *path) {
    script_path = path;
    script_line = 0;
    arena_init(&texts);
    play_init(&play);
    play_text(read_file(path), 0, 0);
    if (play.checker == NULL)
        driver_misread("nothing was played");
    printf("%s: %g h, %zu queries, %llu turns\n", path, (double)(play.now_ns - play.start_ns) / 3600e9,
           (size_t)play.sent_before + play.n_sent, (unsigned long long)play.turns);
    if (play.months > 0)
        printf("inside %u of %u months\n", play.months_inside, play.months);
    play_release(&play);
    arena_release(&texts);
}

/* The number in `--name=NUMBER`; 0 if it is something else. */
static uint64_t option(const char *argument, const char *name) {
    size_t len = strlen(name);
    return strncmp(argument, name, len) == 0 ? strtoull(argument + len, NULL, 10) : 0;
}

int main(int argc, char **argv) {
    int i = 1;
    for (; i < argc && argv[i][0] == '-'; i++) {
        uint64_t seed = option(argv[i], "--seed=");
        uint64_t months = option(argv[i], "--months=");
        other_seed = seed > 0 ? seed : other_seed;
        other_months = months > 0 ? months : other_months;
        if (seed == 0 && months == 0)
            i = argc;
    }
    if (i >= argc) {
        fprintf(stderr, "usage: %s [--seed=N] [--months=N] FILE...\n", argv[0]);
        return 2;
    }
    for (; i < argc; i++)
        play_file(argv[i]);
    return 0;
}
