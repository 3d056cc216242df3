/* SPDX-License-Identifier: Apache-2.0
 *
 * What the configuration will cost and achieve: as a table for people, and as lines in the log.
 */
#include "app_text.h"

#include "core/forecast.h"
#include "core/human.h"

#include "edge/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_CAP = 1 << 16 };

/* ---- pieces ---- */

/* "12,345", and below ten a digit more. */
static const char *number(double x, char out[HUMAN_SIZE]) {
    if (x > 0 && x < 9.95)
        (void)snprintf(out, HUMAN_SIZE, "%.1f", x);
    else
        (void)human_number((uint64_t)(x + 0.5), out);
    return out;
}

static void allowance(const struct settings *s, const struct list *list, char *out, size_t size) {
    const struct budget_settings *shared = list->budget.share >= 0 ? &s->budgets[list->budget.share] : NULL;
    uint64_t queries = shared != NULL ? shared->queries : list->budget.queries;
    int64_t per_ns = shared != NULL ? shared->per_ns : list->budget.per_ns;
    char texts[2][HUMAN_SIZE];
    char rate[HUMAN_SIZE] = "";
    if (list->budget.rate > 0)
        (void)snprintf(rate, sizeof rate, "%g/s", list->budget.rate);
    if (queries > 0)
        (void)snprintf(out, size, "%s per %s%s%s%s", human_number(queries, texts[0]),
                       human_duration(per_ns, texts[1]), shared != NULL ? "*" : "",
                       rate[0] != '\0' ? ", " : "", rate);
    else
        (void)snprintf(out, size, "%s", rate[0] != '\0' ? rate : "unlimited");
}

/* "490 of 2,880", or one number if both are the same. */
static void part(double given, double wanted, char *out, size_t size) {
    char texts[2][HUMAN_SIZE];
    if (given >= 0.995 * wanted)
        (void)snprintf(out, size, "%s", number(wanted, texts[0]));
    else
        (void)snprintf(out, size, "%.30s of %.30s", number(given, texts[0]), number(wanted, texts[1]));
}

/* Of the shortest interval, which is the first to suffer. */
static const char *recheck(const struct forecast_list *l, char out[HUMAN_SIZE]) {
    return l->n_rings > 0 ? human_duration(l->rings[0].achieved_ns, out) : "-";
}

static const char *sweep(const struct forecast_list *l, char out[HUMAN_SIZE]) {
    if (l->n_swept == 0)
        return "-";
    if (l->sweep_took_ns == 0)
        return "fast";
    return human_time((double)l->sweep_took_ns / 1e9, out);
}

static void bound(const struct forecast_list *l, char *out, size_t size) {
    if (l->n_swept == 0)
        (void)snprintf(out, size, "-");
    else
        (void)snprintf(out, size, "%.2f-%.2f%%", 100 * l->low, 100 * l->high);
}

/* ---- the table ---- */

struct columns {
    int name;
    int allowed;
};

static struct columns measure(const struct settings *s, const struct forecast *f) {
    struct columns widths = {.name = 4, .allowed = 12};
    for (uint32_t i = 0; i < f->n_lists; i++) {
        const struct list *list = &s->lists[f->lists[i].list];
        char allowed[80];
        allowance(s, list, allowed, sizeof allowed);
        int name_len = (int)strlen(list->name);
        int allowed_len = (int)strlen(allowed);
        widths.name = name_len > widths.name ? name_len : widths.name;
        widths.allowed = allowed_len > widths.allowed ? allowed_len : widths.allowed;
    }
    return widths;
}

/* The pieces of a line, from name to bound. */
static void line(struct buf *out, const struct columns *widths, const char *const pieces[10]) {
    buf_addf(out, "%-*s  %-*s %9s %9s %16s %18s %9s %9s %10s %11s\n", widths->name, pieces[0],
             widths->allowed, pieces[1], pieces[2], pieces[3], pieces[4], pieces[5], pieces[6], pieces[7],
             pieces[8], pieces[9]);
}

static void row(struct buf *out, const struct columns *widths, const struct settings *s,
                const struct forecast_list *l) {
    const struct list *list = &s->lists[l->list];
    char allowed[80];
    char parts[3][2 * HUMAN_SIZE];
    char texts[4][HUMAN_SIZE];
    char bounds[HUMAN_SIZE];
    allowance(s, list, allowed, sizeof allowed);
    part(l->given.tests, l->wanted.tests, parts[0], sizeof parts[0]);
    part(l->given.watched, l->wanted.watched, parts[1], sizeof parts[1]);
    part(l->given.sweep, l->wanted.sweep, parts[2], sizeof parts[2]);
    bound(l, bounds, sizeof bounds);
    line(out, widths,
         (const char *const[10]){list->name, allowed, l->allowed > 0 ? number(l->allowed, texts[0]) : "-",
                                 parts[0], parts[1], parts[2], human_duration(l->test_ns, texts[1]),
                                 recheck(l, texts[2]), sweep(l, texts[3]), bounds});
}

/* The names of all lists of which the same is to be said as of `first`, if that is the first of them. */
static bool name_lists(const struct settings *s, const struct forecast *f, const struct buf *texts,
                       uint32_t first, struct buf *out) {
    for (uint32_t i = 0; i < first; i++)
        if (strcmp(buf_text(&texts[i]), buf_text(&texts[first])) == 0)
            return false;
    for (uint32_t i = first; i < f->n_lists; i++)
        if (strcmp(buf_text(&texts[i]), buf_text(&texts[first])) == 0)
            buf_addf(out, "%s%s", i > first ? ", " : "", s->lists[f->lists[i].list].name);
    buf_add_text(out, ":\n");
    return true;
}

static void sentences(struct buf *out, const char *text) {
    while (*text != '\0') {
        size_t len = strcspn(text, "\n");
        buf_addf(out, "  - %.*s\n", (int)len, text);
        text += len + (text[len] == '\n');
    }
}

static void all_advice(struct buf *out, const struct settings *s, const struct forecast *f) {
    struct buf *texts = calloc(f->n_lists + 1, sizeof *texts);
    bool any = false;
    if (texts == NULL)
        return;
    buf_add_text(out, "\nWhat to change\n");
    for (uint32_t i = 0; i < f->n_lists; i++) {
        buf_init(&texts[i], TEXT_CAP);
        forecast_advise(f, &f->lists[i], &texts[i]);
    }
    for (uint32_t i = 0; i < f->n_lists; i++) {
        if (texts[i].len == 0 || !name_lists(s, f, texts, i, out))
            continue;
        sentences(out, buf_text(&texts[i]));
        any = true;
    }
    if (!any)
        buf_add_text(out, "Nothing: every list can do what is wanted of it.\n");
    for (uint32_t i = 0; i < f->n_lists; i++)
        buf_release(&texts[i]);
    free(texts);
}

/* The command looks nothing up. */
static void spf_note(struct buf *out, const struct settings *s) {
    bool any = false;
    for (size_t i = 0; i < s->n_groups; i++) {
        if (s->groups[i].spf == NULL)
            continue;
        buf_addf(out, "%s%s", any ? ", " : "Without the ranges out of SPF records (", s->groups[i].name);
        any = true;
    }
    if (any)
        buf_add_text(out, "), which only the running exporter looks up.\n");
}

/* Of which groups the sweeps are in two laps. */
static void name_filtered(struct buf *out, const struct settings *s) {
    unsigned n = 0;
    for (size_t g = 0; g < s->n_groups; g++)
        if (s->groups[g].only_ptr != NULL)
            buf_addf(out, "%s%s", n++ > 0 ? ", " : "\nIn groups with only_ptr (", s->groups[g].name);
    if (n > 0)
        buf_add_text(
            out, ") senders come first: a sweep asks about addresses with such a host name, and then "
                 "about the\nrest with what is left. How many they are is not known here: ONE SWEEP is of "
                 "all addresses.\n");
}

static void table(struct buf *out, const struct settings *s, const struct forecast *f) {
    static const char *const heads[2][10] = {
        {"", "", "QUERIES", "SELF-", "WATCHED", "", "SELF-TEST", "RE-CHECK", "ONE", "1 % LISTED"},
        {"LIST", "MAY BE ASKED", "A DAY", "TESTS", "ADDRESSES", "SWEEP", "EVERY", "EVERY", "SWEEP",
         "IS SHOWN AS"}};
    const struct columns widths = measure(s, f);
    bool shared = false;
    line(out, &widths, heads[0]);
    line(out, &widths, heads[1]);
    for (uint32_t i = 0; i < f->n_lists; i++) {
        row(out, &widths, s, &f->lists[i]);
        shared = shared || s->lists[f->lists[i].list].budget.share >= 0;
    }
    if (shared)
        buf_add_text(out, "* shared by several lists\n");
    buf_add_text(out,
                 "\nSELF-TESTS, ADDRESSES and SWEEP are queries a day, given of wanted. RE-CHECK EVERY is "
                 "what watched "
                 "addresses get (those of\nthe shortest interval), ONE SWEEP how long it takes to go through "
                 "all ranges; "
                 "the last column is the 95 % bound that 30 days\nof it give. No query was sent for this.\n");
    spf_note(out, s);
    name_filtered(out, s);
    all_advice(out, s, f);
}

enum status app_text_plan(struct buf *out, const struct settings *settings) {
    struct targets *targets = NULL;
    struct forecast *forecast = NULL;
    enum status status = targets_build(settings, &targets);
    if (status == STATUS_OK)
        status = forecast_new(targets, &forecast);
    if (status == STATUS_OK)
        table(out, settings, forecast);
    else
        (void)fprintf(stderr, "rbl_exporter: cannot plan: %s\n", status_text(status));
    forecast_free(forecast);
    targets_free(targets);
    return status;
}

/* ---- the log ---- */

static void log_list(const struct settings *s, const struct forecast *f, const struct forecast_list *l) {
    char texts[8][HUMAN_SIZE];
    char allowed[80];
    struct buf text;
    buf_init(&text, TEXT_CAP);
    forecast_advise(f, l, &text);
    /* The log has one line for each list, and the advice of all is long: the command prints the rest. */
    char first[512];
    size_t len = strcspn(buf_text(&text), "\n");
    (void)snprintf(first, sizeof first, "%.*s", (int)len, buf_text(&text));
    buf_release(&text);
    allowance(s, &s->lists[l->list], allowed, sizeof allowed);
    double wanted = l->wanted.tests + l->wanted.watched + l->wanted.sweep;
    double given = l->given.tests + l->given.watched + l->given.sweep;
    log_write(LOG_INFO, "plan of a list", "list", s->lists[l->list].name, "budget", allowed,
              "wanted_queries_per_day", number(wanted, texts[0]), "given_queries_per_day",
              number(given, texts[1]), "self_test_interval", human_duration(l->test_ns, texts[2]),
              "addresses", l->n_watched > 0 ? human_number(l->n_watched, texts[3]) : NULL, "recheck_interval",
              l->n_rings > 0 ? recheck(l, texts[4]) : NULL, "swept",
              l->n_swept > 0 ? human_number(l->n_swept, texts[5]) : NULL, "sweep_duration",
              l->n_swept > 0 ? sweep(l, texts[6]) : NULL, "advice", first[0] != '\0' ? first : NULL, NULL);
}

void app_plan_log(const struct settings *settings, const struct targets *targets) {
    struct forecast *f = NULL;
    if (forecast_new(targets, &f) != STATUS_OK)
        return; /* what it says is worth no failure */
    for (uint32_t i = 0; i < f->n_lists; i++)
        log_list(settings, f, &f->lists[i]);
    forecast_free(f);
}
