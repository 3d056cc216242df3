/* SPDX-License-Identifier: Apache-2.0 */
#include "driver_expect.h"

#include "driver.h"
#include "driver_probe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WALL_START_S 1767225600.0 /* the moment 0 of a scenario in /metrics */
enum { METRICS_CAP = 256 << 20, SELECTOR_LABELS = 8 };

/* ---- /metrics ---- */

/* `name{label="value",...}`, some labels of a series. */
struct selector {
    char name[128];
    char labels[SELECTOR_LABELS][128]; /* label="value" */
    unsigned n_labels;
};

struct found {
    unsigned n;
    double value; /* of the first */
    double sum;
};

static void read_selector(const char *text, struct selector *out) {
    size_t len = strcspn(text, "{");
    *out = (struct selector){.n_labels = 0};
    if (strncmp(text, "rbl_", 4) != 0 || len >= sizeof out->name)
        driver_misread("no series of this program: %s", text);
    memcpy(out->name, text, len);
    for (const char *at = text + len; *at == '{' || *at == ','; out->n_labels++) {
        const char *start = at + 1;
        const char *quote = strchr(start, '"');
        const char *end = quote != NULL ? strchr(quote + 1, '"') : NULL;
        if (end == NULL || out->n_labels == SELECTOR_LABELS || end - start + 2 > (int)sizeof out->labels[0])
            driver_misread("the labels are not written like {list=\"bl\",group=\"out\"}: %s", text);
        memcpy(out->labels[out->n_labels], start, (size_t)(end - start + 1));
        at = end + 1;
    }
}

static bool has_label(const char *line, size_t len, const char *wanted) {
    size_t n = strlen(wanted);
    for (size_t i = 1; i + n < len; i++)
        if ((line[i - 1] == '{' || line[i - 1] == ',') && memcmp(line + i, wanted, n) == 0)
            return true;
    return false;
}

static bool matches(const struct selector *selector, const char *line, size_t len) {
    size_t n = strlen(selector->name);
    if (len <= n || memcmp(line, selector->name, n) != 0 || (line[n] != '{' && line[n] != ' '))
        return false;
    for (unsigned i = 0; i < selector->n_labels; i++)
        if (!has_label(line, len, selector->labels[i]))
            return false;
    return true;
}

static struct found find(struct play *p, const char *text) {
    struct selector selector;
    struct found found = {0};
    struct buf metrics;
    read_selector(text, &selector);
    buf_init(&metrics, METRICS_CAP);
    play_metrics(p, &metrics);
    for (const char *line = buf_text(&metrics); *line != '\0';) {
        size_t len = strcspn(line, "\n");
        if (matches(&selector, line, len)) {
            const char *value = line + len;
            while (value[-1] != ' ')
                value--;
            double number = strtod(value, NULL);
            if (found.n++ == 0)
                found.value = number;
            found.sum += number;
        }
        line += len + (line[len] == '\n');
    }
    buf_release(&metrics);
    return found;
}

static double find_one(struct play *p, const char *text) {
    struct found found = find(p, text);
    if (found.n == 0)
        driver_fail("expected a series %s, found none", text);
    if (found.n > 1)
        driver_fail("expected one series %s, found %u: name more labels, or use `expect count`", text,
                    found.n);
    return found.value;
}

double expect_sum(struct play *p, const char *series) {
    struct found found = find(p, series);
    if (found.n == 0)
        driver_fail("expected a series %s, found none", series);
    return found.sum;
}

static void expect_moment(struct play *p, struct statement *s, const char *text) {
    double low = (double)script_time(s) / 1e9;
    double high = script_is(s, "to") ? (double)script_time(s) / 1e9 : low + 1;
    script_end(s);
    double moment = find_one(p, text) - WALL_START_S;
    if (moment < low - 1 || moment > high)
        driver_fail("expected %s to be %g to %g s after the start, it is %g s", text, low, high, moment);
}

static void expect_value(struct play *p, struct statement *s, const char *text) {
    struct bounds bounds = script_bounds(s);
    script_end(s);
    double value = find_one(p, text);
    if (!bounds_hold(&bounds, value))
        driver_fail("expected %s %s, it is %.15g", text, bounds.text, value);
}

static void expect_absent(struct play *p, struct statement *s) {
    const char *text = script_word(s, "a series");
    script_end(s);
    struct found found = find(p, text);
    if (found.n > 0)
        driver_fail("expected no series %s, found %u, the first of them %.15g", text, found.n, found.value);
}

static void expect_count(struct play *p, struct statement *s) {
    const char *text = script_word(s, "a series");
    struct bounds bounds = script_bounds(s);
    script_end(s);
    struct found found = find(p, text);
    if (!bounds_hold(&bounds, found.n))
        driver_fail("expected the number of series %s to be %s, found %u", text, bounds.text, found.n);
}

/* ---- questions ---- */

struct sent_filter {
    const struct world_zone *zone;
    const char *kind; /* "": all */
    bool by_range, by_server;
    struct ip_range range;
    struct ip server;
};

static bool passes(const struct sent_filter *f, const struct play_sent *sent) {
    if (sent->zone != f->zone || (f->by_range && !ip_range_contains(&f->range, &sent->ip)) ||
        (f->by_server && !ip_equal(&sent->server, &f->server)))
        return false;
    switch (*f->kind) {
    case 'c': return !sent->is_test && !sent->txt;
    case 't':
        if (strcmp(f->kind, "tests") == 0)
            return sent->is_test;
        return strcmp(f->kind, "txt") == 0 ? sent->txt : sent->tcp;
    default: return true;
    }
}

static void expect_queries(struct play *p, struct statement *s) {
    static const char *const kinds[] = {"tests", "checks", "txt", "tcp"};
    struct sent_filter f = {.zone = world_zone(&p->world, script_word(s, "a zone")), .kind = ""};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (script_is(s, kinds[i]))
            f.kind = kinds[i];
    f.by_range = script_is(s, "of");
    if (f.by_range)
        f.range = script_range(s);
    f.by_server = script_is(s, "at");
    if (f.by_server)
        f.server = script_ip(s);
    struct bounds bounds = script_bounds(s);
    script_end(s);
    size_t n = 0;
    for (size_t i = p->sent_from; i < p->n_sent; i++)
        n += passes(&f, &p->sent[i]);
    if (!bounds_hold(&bounds, (double)n))
        driver_fail("expected the number of queries about %s to be %s, there were %zu", f.zone->name,
                    bounds.text, n);
}

static int compare_ips(const void *a, const void *b) {
    return ip_compare(a, b);
}

static void expect_repeats(struct play *p, struct statement *s) {
    const struct sent_filter f = {.zone = world_zone(&p->world, script_word(s, "a zone")), .kind = "checks"};
    struct bounds bounds = script_bounds(s);
    script_end(s);
    struct ip *ips = driver_alloc(NULL, p->n_sent - p->sent_from + 1, sizeof *ips);
    size_t n = 0;
    for (size_t i = p->sent_from; i < p->n_sent; i++)
        if (passes(&f, &p->sent[i]))
            ips[n++] = p->sent[i].ip;
    qsort(ips, n, sizeof *ips, compare_ips);
    size_t repeats = 0;
    for (size_t i = 1; i < n; i++)
        repeats += ip_equal(&ips[i - 1], &ips[i]);
    free(ips);
    if (!bounds_hold(&bounds, (double)repeats))
        driver_fail("expected the number of repeated checks on %s to be %s, there were %zu", f.zone->name,
                    bounds.text, repeats);
}

/* ---- events ---- */

/* The first event that begins with these words and is not yet expected; NULL without one. */
static struct play_event *find_event(struct play *p, const char *text) {
    size_t len = strlen(text);
    for (size_t i = 0; i < p->n_events; i++) {
        struct play_event *event = &p->events[i];
        if (!event->expected && strncmp(event->text, text, len) == 0 &&
            (len == 0 || event->text[len] == '\0' || event->text[len] == ' '))
            return event;
    }
    return NULL;
}

static void expect_event(struct play *p, struct statement *s) {
    const char *text = script_word(s, "an event");
    script_end(s);
    struct play_event *event = find_event(p, text);
    if (event == NULL)
        driver_fail("expected an event '%s', there was none", text);
    event->expected = true;
}

static void expect_no_event(struct play *p, struct statement *s) {
    if (!script_is(s, "event"))
        driver_misread("expected: no event");
    const char *text = s->at < s->n_words ? script_word(s, "an event") : "";
    script_end(s);
    const struct play_event *event = find_event(p, text);
    if (event != NULL)
        driver_fail("expected no event%s%s, there was '%s'", *text != '\0' ? " " : "", text, event->text);
}

/* ---- the truth ---- */

static void expect_truth(struct play *p, struct statement *s) {
    const char *name = script_word(s, "a list");
    script_end(s);
    for (uint32_t i = 0; i < p->settings->n_lists; i++) {
        const struct registry_list *l = &p->checker->registry->lists[i];
        if (strcmp(p->settings->lists[i].name, name) != 0 || l->set == NULL)
            continue;
        struct world_zone *zone = world_zone(&p->world, p->settings->lists[i].zone);
        for (uint32_t index = 0; index < l->set->n; index++) {
            struct ip ip = target_ip(l->set, index);
            char text[IP_TEXT_SIZE];
            ip_format(&ip, text);
            world_refresh(zone, &ip, p->now_ns);
            const struct world_entry *entry = world_entry_find(zone, &ip);
            bool listed = entry != NULL && entry->listed;
            if (!registry_is_fresh(l, index))
                driver_fail("expected %s to know about %s, it does not", name, text);
            if ((registry_verdict_of(l, index) == REGISTRY_LISTED) != listed)
                driver_fail("%s is %s on %s in truth, but not to the program", text,
                            listed ? "listed" : "not listed", name);
        }
        return;
    }
    driver_misread("there is no list %s", name);
}

void expect_do(struct play *p, struct statement *s) {
    if (p->checker == NULL)
        driver_misread("there is no configuration yet");
    if (script_is(s, "absent"))
        expect_absent(p, s);
    else if (script_is(s, "count"))
        expect_count(p, s);
    else if (script_is(s, "queries"))
        expect_queries(p, s);
    else if (script_is(s, "repeats"))
        expect_repeats(p, s);
    else if (script_is(s, "event"))
        expect_event(p, s);
    else if (script_is(s, "truth"))
        expect_truth(p, s);
    else if (script_is(s, "no"))
        expect_no_event(p, s);
    else if (script_is(s, "probe"))
        probe_expect(p, s);
    else if (script_is(s, "ptr"))
        senders_expect(&p->senders, s);
    else if (!expect_long(p, s)) {
        const char *text = script_word(s, "a series");
        if (script_is(s, "at"))
            expect_moment(p, s, text);
        else
            expect_value(p, s, text);
    }
}
