/* SPDX-License-Identifier: Apache-2.0
 *
 * Addresses are posted a few at a time, in rounds: what was not there in time, and what the exporter had no
 * place for, is asked again in the next one.
 */
#include "app_check_send.h"

#include "app_check.h"
#include "app_complain.h"

#include "core/check_told.h"
#include "core/problem.h"

#include "edge/clock.h"
#include "edge/yaml.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SECOND_NS INT64_C(1000000000)
#define CONNECT_NS (5 * SECOND_NS)
#define TOTAL_NS (20 * SECOND_NS) /* of one answer, which takes 8 s at most */
#define ALL_NS (120 * SECOND_NS)  /* of all rounds: a minute until the exporter has places again, and more */
#define PROGRESS_NS (SECOND_NS / 4)
#define PAUSE_NS (SECOND_NS / 10)
enum { AT_ONCE = 4, PATHS_CAP = 1 << 20, RETRY_LEAST_S = 1, RETRY_MOST_S = 30, SAID_LEAST_S = 10 };

struct sending {
    const struct cli *cli;
    const struct app_send *send;
    struct check_told *told;
    const struct ip *addresses;
    size_t n;
    char *paths[CHECK_TOLD_ADDRESSES];
    bool pending[CHECK_TOLD_ADDRESSES];
    bool answered[CHECK_TOLD_ADDRESSES]; /* at least once */
    struct client_exchange round[CHECK_TOLD_ADDRESSES];
    size_t places[CHECK_TOLD_ADDRESSES]; /* of the exchanges of a round: which address */
    size_t n_round;
    unsigned retry_s; /* before the next round */
    int64_t until_ns;
    int64_t progress_ns; /* when the next line is due; INT64_MAX: nobody looks */
};

/* ---- interrupted ---- */

static volatile sig_atomic_t interrupted;

static void on_signal(int number) {
    (void)number;
    interrupted = 1;
}

static void watch_signals(void) {
    struct sigaction action = {.sa_handler = on_signal};
    interrupted = 0;
    sigemptyset(&action.sa_mask);
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
}

/* ---- what is asked ---- */

/* A name as the value of a parameter. */
static void add_escaped(struct buf *out, const char *text) {
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";
    for (; *text != '\0'; text++) {
        if (strchr(plain, *text) != NULL)
            buf_add_char(out, *text);
        else
            buf_addf(out, "%%%02X", (unsigned char)*text);
    }
}

static bool make_paths(struct sending *s) {
    struct buf query;
    buf_init(&query, PATHS_CAP);
    buf_add_text(&query, "?limit=1"); /* nobody asks for the history here */
    for (size_t i = 0; i < s->cli->n_list_names; i++) {
        buf_add_text(&query, "&list=");
        add_escaped(&query, s->cli->list_names[i]);
    }
    bool good = buf_status(&query) == STATUS_OK;
    for (size_t i = 0; good && i < s->n; i++) {
        char ip[IP_TEXT_SIZE];
        (void)ip_format(&s->addresses[i], ip);
        good = asprintf(&s->paths[i], "/api/v1/addresses/%s%s", ip, buf_text(&query)) >= 0;
        if (!good)
            s->paths[i] = NULL;
    }
    buf_release(&query);
    return good;
}

/* ---- rounds ---- */

static size_t count_pending(const struct sending *s) {
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++)
        n += s->pending[i];
    return n;
}

static void show_progress(struct sending *s, size_t n_done) {
    int64_t now_ns = clock_now_ns();
    if (now_ns < s->progress_ns)
        return;
    s->progress_ns = now_ns + PROGRESS_NS;
    (void)fprintf(stderr, "\r\033[K%zu of %zu addresses looked up, %u listings", n_done, s->n,
                  check_told_listings(s->told));
}

static bool on_turn(void *context, size_t n_ended) {
    struct sending *s = context;
    show_progress(s, s->n - s->n_round + n_ended);
    return !interrupted && clock_now_ns() < s->until_ns;
}

static void begin_round(struct sending *s) {
    s->n_round = 0;
    s->retry_s = 0;
    for (size_t i = 0; i < s->n; i++) {
        if (!s->pending[i])
            continue;
        s->places[s->n_round] = i;
        s->round[s->n_round++].request = (struct client_request){.path = s->paths[i],
                                                                 .post = true,
                                                                 .accept = "application/json",
                                                                 .connect_ns = CONNECT_NS,
                                                                 .total_ns = TOTAL_NS};
    }
}

static enum status take_answer(struct sending *s, size_t place, const struct buf *body) {
    struct arena arena;
    const struct node *root = NULL;
    struct problems *problems = malloc(sizeof *problems);
    if (problems == NULL)
        return STATUS_NO_MEMORY;
    bool open = false;
    problems_init(problems);
    arena_init(&arena);
    enum status status = yaml_parse_json(buf_text(body), body->len, &arena, problems, &root);
    if (status == STATUS_OK)
        status = check_told_add(s->told, place, root, &open);
    s->pending[place] = status == STATUS_OK && open;
    s->answered[place] = s->answered[place] || status == STATUS_OK;
    arena_release(&arena);
    problems_release(problems);
    free(problems);
    return status;
}

static void come_back(struct sending *s, const struct client_answer *answer) {
    unsigned retry_s = answer->retry_after_s;
    retry_s = retry_s < RETRY_LEAST_S ? RETRY_LEAST_S : retry_s > RETRY_MOST_S ? RETRY_MOST_S : retry_s;
    if (retry_s > s->retry_s)
        s->retry_s = retry_s;
}

/* False: it was complained of. */
static bool end_exchange(struct sending *s, const struct client_exchange *exchange, size_t place) {
    const struct client_answer *answer = &exchange->answer;
    bool is_busy = answer->result == CLIENT_ANSWERED && (answer->status == 429 || answer->status == 503);
    if (answer->result == CLIENT_STOPPED)
        return true;
    if (is_busy && clock_now_ns() < s->until_ns - SECOND_NS * RETRY_LEAST_S) {
        come_back(s, answer);
        return true;
    }
    if (answer->result != CLIENT_ANSWERED || answer->status != 200) {
        app_send_complain(s->send, exchange);
        return false;
    }
    enum status status = take_answer(s, place, &answer->body);
    if (status == STATUS_NO_MEMORY)
        app_complain("error: not enough memory for this check");
    else if (status != STATUS_OK)
        app_complain("error: what %s answers is not what an rbl_exporter says of an address",
                     s->send->place.shown);
    return status == STATUS_OK;
}

static bool end_round(struct sending *s) {
    bool good = true;
    for (size_t i = 0; i < s->n_round; i++) {
        good = good && end_exchange(s, &s->round[i], s->places[i]);
        buf_release(&s->round[i].answer.body);
    }
    return good;
}

/* Who waits for half a minute wants to know for what. */
static void say_that_it_waits(const struct sending *s) {
    if (s->retry_s < SAID_LEAST_S || s->until_ns - clock_now_ns() < s->retry_s * SECOND_NS)
        return;
    if (s->progress_ns != INT64_MAX)
        (void)fputs("\r\033[K", stderr);
    app_complain(
        "the exporter at %s has checked as many addresses as it may within a minute: %zu wait for %u s",
        s->send->place.shown, count_pending(s), s->retry_s);
}

static void wait_for_places(struct sending *s) {
    const struct timespec pause = {.tv_nsec = PAUSE_NS};
    int64_t until_ns = clock_now_ns() + s->retry_s * SECOND_NS;
    while (!interrupted && clock_now_ns() < until_ns && clock_now_ns() < s->until_ns) {
        (void)nanosleep(&pause, NULL);
        show_progress(s, s->n - count_pending(s));
    }
}

/* False: it was complained of. */
static bool ask_all(struct sending *s) {
    while (count_pending(s) > 0 && !interrupted && clock_now_ns() < s->until_ns) {
        begin_round(s);
        client_run(s->send->client, &s->send->place, s->round, s->n_round, AT_ONCE, on_turn, s);
        if (!end_round(s))
            return false;
        if (s->retry_s > 0 && count_pending(s) > 0) {
            say_that_it_waits(s);
            wait_for_places(s);
        }
    }
    return true;
}

/* ---- the result ---- */

static bool has_all_families(const struct sending *s, const struct ip_range *ranges, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (!check_told_knows(s->told, ranges[i].first.family)) {
            app_check_complain_of_family(&ranges[i]);
            return false;
        }
    }
    return true;
}

static size_t count_unanswered(const struct sending *s) {
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++)
        n += !s->answered[i];
    return n;
}

static int tell(struct sending *s, const struct ip_range *ranges, size_t n) {
    size_t n_unanswered = count_unanswered(s);
    if (interrupted)
        app_complain("interrupted: what was not answered by then is unknown");
    else if (n_unanswered > 0)
        app_complain("the exporter at %s had no time for %zu addresses: they are unknown; check fewer, or "
                     "later",
                     s->send->place.shown, n_unanswered);
    if (n_unanswered == s->n)
        return CHECK_UNKNOWN;
    if (n_unanswered == 0 && !has_all_families(s, ranges, n))
        return APP_CHECK_FAILED;
    check_told_interrupt(s->told);
    const struct check_view view = check_told_view(s->told);
    return app_check_print(&view, s->cli->output, 0);
}

/* What was given on the command line is the business of that exporter, if it is not of this one. */
static void say_who(const struct sending *s) {
    if (s->send->is_default && (s->cli->config_file != NULL || isatty(STDERR_FILENO)))
        app_complain("the exporter at %s is asked, by its configuration and budgets (--send=none: look up "
                     "here)",
                     s->send->place.shown);
}

static bool prepare(struct sending *s, const struct ip_range *ranges, size_t n) {
    s->told = check_told_new(ranges, n);
    if (s->told == NULL)
        return false;
    s->addresses = check_told_addresses(s->told, &s->n);
    for (size_t i = 0; i < s->n; i++)
        s->pending[i] = true;
    return make_paths(s);
}

static int run(struct sending *s, const struct ip_range *ranges, size_t n) {
    bool is_watched = isatty(STDERR_FILENO) != 0;
    say_who(s);
    watch_signals();
    s->until_ns = clock_now_ns() + ALL_NS;
    s->progress_ns = is_watched ? clock_now_ns() + PROGRESS_NS : INT64_MAX;
    bool good = ask_all(s);
    if (is_watched)
        (void)fputs("\r\033[K", stderr);
    return good ? tell(s, ranges, n) : APP_CHECK_FAILED;
}

int app_check_send(const struct cli *cli, const struct ip_range *ranges, size_t n,
                   const struct app_send *send) {
    struct sending *s = calloc(1, sizeof *s);
    int code = APP_CHECK_FAILED;
    if (s != NULL)
        *s = (struct sending){.cli = cli, .send = send};
    if (s != NULL && prepare(s, ranges, n))
        code = run(s, ranges, n);
    else
        app_complain("error: not enough memory for this check");
    for (size_t i = 0; s != NULL && i < s->n; i++)
        free(s->paths[i]);
    if (s != NULL)
        check_told_free(s->told);
    free(s);
    return code;
}
