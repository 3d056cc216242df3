/* SPDX-License-Identifier: Apache-2.0
 *
 * What is kept of a list as a whole: its health, its counters, how far its sweep and rings are.
 */
#include "core/restore_internal.h"

#include "core/save_internal.h"

#include <string.h>

/* What a self-test of the store was made of. */
struct tested {
    struct endpoint at;
    unsigned family;
    bool positive;
    struct ip listed;
    struct ip not_listed;
};

/* ---- health ---- */

static struct checker_track *find_track(const struct restore *r, struct checker_list *l,
                                        const struct tested *t) {
    const struct list_self_test *test = &l->list->self_test;
    if (save_is_keyed(l->list) || !l->list->families[t->family] || test->positive[t->family] != t->positive ||
        !ip_equal(&test->listed[t->family], &t->listed) ||
        !ip_equal(&test->not_listed[t->family], &t->not_listed))
        return NULL;
    for (uint32_t i = 0; i < l->n_servers; i++) {
        const struct endpoint *at = &r->c->servers[l->servers[i]].endpoint;
        if (at->port == t->at.port && ip_equal(&at->ip, &t->at.ip))
            return &l->tracks[i];
    }
    return NULL;
}

static struct tested read_tested(struct unpack *u) {
    struct tested t;
    unpack_ip(u, &t.at.ip);
    t.at.port = (uint16_t)unpack_u32(u);
    t.family = unpack_u8(u);
    t.positive = unpack_u8(u) != 0;
    unpack_ip(u, &t.listed);
    unpack_ip(u, &t.not_listed);
    if (t.family >= IP_FAMILIES) {
        t.family = 0;
        u->bad = true;
    }
    return t;
}

static int64_t between(int64_t value, int64_t low, int64_t high) {
    if (value < low)
        return low;
    return value < high ? value : high;
}

static void read_owner(struct unpack *u, struct qname *out) {
    unsigned len = unpack_u8(u);
    const uint8_t *wire = unpack_bytes(u, len);
    if (wire == NULL)
        return;
    memcpy(out->wire, wire, len);
    out->len = (uint8_t)len;
}

/* `*h` is complete only if nothing was bad. */
static void read_health(const struct restore *r, struct unpack *u, int64_t ahead_ns, struct health *h,
                        bool *case_kept) {
    unsigned state = unpack_u8(u);
    h->state =
        state < HEALTH_STATES && state != HEALTH_QUOTA_EXHAUSTED ? (enum health_state)state : HEALTH_UNKNOWN;
    h->tested = unpack_u8(u) != 0;
    h->started_ns = restore_moment(r, u);
    h->ended_ns = restore_moment(r, u);
    h->right_ns = restore_moment(r, u);
    h->due_ns = restore_due(r, u, ahead_ns);
    h->back_off_ns = between(unpack_i64(u), 0, HEALTH_REFUSED_MAX_NS);
    h->refused_ns = between(unpack_i64(u), 0, HEALTH_REFUSED_MAX_NS);
    h->lesson.learnt = unpack_u8(u) != 0;
    h->lesson.without_soa = unpack_u8(u) != 0;
    h->without_soa_ns = restore_moment(r, u);
    read_owner(u, &h->lesson.owner);
    *case_kept = unpack_u8(u) != 0;
}

/* A list whose self-test has come due meanwhile is not believed before it has passed it. */
static void settle_health(const struct restore *r, struct health *h) {
    if (h->due_ns == INT64_MIN || h->due_ns <= r->now_ns)
        h->due_ns = r->now_ns;
    if (h->ended_ns == INT64_MIN || h->started_ns == INT64_MIN) {
        h->tested = false;
        h->ended_ns = 0;
        h->started_ns = 0;
    }
    if (h->without_soa_ns == INT64_MIN)
        h->without_soa_ns = 0;
    if (h->due_ns > r->now_ns && h->tested)
        return;
    if (h->state == HEALTH_OK || !h->tested) {
        h->state = HEALTH_UNKNOWN;
        h->tested = false;
    }
}

static void restore_health(const struct restore *r, struct restore_list *stored, struct checker_list *l,
                           struct unpack *u) {
    struct health kept = {.positive = false};
    struct tested t = read_tested(u);
    bool case_kept = false;
    int64_t interval_ns = l->list->self_test.interval_ns * CHECKER_STANDBY;
    read_health(r, u, interval_ns > HEALTH_REFUSED_MAX_NS ? interval_ns : HEALTH_REFUSED_MAX_NS, &kept,
                &case_kept);
    if (u->bad)
        return;
    if (kept.right_ns > stored->right_ns[t.family])
        stored->right_ns[t.family] = kept.right_ns;
    struct checker_track *track = find_track(r, l, &t);
    if (track == NULL)
        return;
    kept.positive = t.positive;
    settle_health(r, &kept);
    track->health[t.family] = kept;
    track->case_kept[t.family] = case_kept;
}

/* ---- freezes, counters ---- */

static void restore_freezes(const struct restore *r, struct restore_list *stored, struct unpack *u) {
    stored->frozen = unpack_u8(u) != 0;
    stored->frozen_since_ns = restore_moment(r, u);
    uint32_t n = unpack_u32(u);
    for (uint32_t i = 0; i < n && !u->bad; i++) {
        struct registry_period period = {.start_ns = restore_moment(r, u)};
        period.end_ns = restore_moment(r, u);
        if (stored->n_freezes == REGISTRY_FREEZES || period.end_ns < period.start_ns)
            u->bad = true;
        else if (!u->bad)
            stored->freezes[stored->n_freezes++] = period;
    }
    if (stored->frozen_since_ns == INT64_MIN)
        stored->frozen = false;
}

/* Where the next ones probably are: they are stored in the order of the configuration. */
struct flips_hint {
    uint32_t group;
    uint32_t range;
};

static uint32_t find_group(const struct settings *s, const char *name, uint32_t hint) {
    if (hint < s->n_groups && strcmp(s->groups[hint].name, name) == 0)
        return hint;
    for (uint32_t g = 0; g < s->n_groups; g++)
        if (strcmp(s->groups[g].name, name) == 0)
            return g;
    return UINT32_MAX;
}

static void keep_flips(const struct restore *r, uint32_t list, const char *group, const char *range,
                       const struct registry_flips *flips, struct flips_hint *hint) {
    const struct targets *t = r->c->targets;
    struct registry_list *l = &r->c->registry->lists[list];
    uint32_t g = find_group(t->settings, group, range[0] == '\0' ? hint->group + 1 : hint->group);
    if (g == UINT32_MAX)
        return;
    hint->group = g;
    if (range[0] == '\0') {
        l->group_flips[g] = *flips;
        return;
    }
    uint32_t i = target_range_find(t, g, range, hint->range);
    if (i == UINT32_MAX)
        return;
    l->range_flips[i] = *flips;
    hint->range = i + 1;
    if (i + 1 == t->group_ranges[g + 1])
        hint->group = g + 1;
}

static void restore_flips(const struct restore *r, uint32_t list, struct unpack *u) {
    struct flips_hint hint = {.group = UINT32_MAX};
    uint32_t n = unpack_u32(u);
    for (uint32_t i = 0; i < n && !u->bad; i++) {
        char group[RECORD_NAME_SIZE];
        char range[IP_RANGE_TEXT_SIZE];
        unpack_text(u, group, sizeof group);
        unpack_text(u, range, sizeof range);
        struct registry_flips flips = {.listings = unpack_u64(u)};
        flips.delistings = unpack_u64(u);
        flips.changed = restore_stamp(r, u);
        if (!u->bad)
            keep_flips(r, list, group, range, &flips, &hint);
    }
}

/* ---- safelists ---- */

/* The formats of LIST that were the first to have them, and to have since when they are known. */
enum { FORMAT_SAFELISTS = 2, FORMAT_KNOWN = 3, FORMAT_WHOLE = 4 };

static struct registry_safelist read_safelist(const struct restore *r, struct unpack *u, unsigned format,
                                              struct ip_range *range) {
    char text[IP_RANGE_TEXT_SIZE];
    unpack_text(u, text, sizeof text);
    unsigned open = unpack_u8(u);
    uint32_t listed = restore_stamp(r, u);
    uint32_t known = format >= FORMAT_KNOWN ? restore_stamp(r, u) : 0;
    if (open > 1 || ip_range_parse(text, strlen(text), range) != IP_RANGE_OK)
        u->bad = true;
    return (struct registry_safelist){.listed = listed, .known = known, .open = open == 1};
}

/* Twice: what a range tells of others depends on whether those are there as well. */
static void restore_safelists(const struct restore *r, uint32_t list, struct unpack *u, unsigned format) {
    struct ip_range range;
    uint32_t n = unpack_u32(u);
    struct unpack ahead = *u;
    for (uint32_t i = 0; i < n && !ahead.bad; i++) {
        (void)read_safelist(r, &ahead, format, &range);
        if (!ahead.bad)
            registry_safelists_name(r->c->registry, list, &range);
    }
    for (uint32_t i = 0; i < n && !u->bad; i++) {
        struct registry_safelist kept = read_safelist(r, u, format, &range);
        if (!u->bad)
            registry_safelists_inherit(r->c->registry, list, &range, &kept);
    }
}

/* ---- progress ---- */

struct sweep_kept {
    uint64_t seed;
    uint32_t n;
    uint32_t reached;
    bool running;
    bool asked;
    int64_t started_ns;
    int64_t completed_ns;
    int64_t duration_ns;
    int64_t last_interval_ns;
};

static struct sweep_kept read_sweep(const struct restore *r, struct unpack *u) {
    struct sweep_kept k = {.seed = unpack_u64(u)};
    k.n = unpack_u32(u);
    k.reached = unpack_u32(u);
    k.running = unpack_u8(u) != 0;
    k.asked = unpack_u8(u) != 0;
    k.started_ns = restore_moment(r, u);
    k.completed_ns = restore_moment(r, u);
    k.duration_ns = unpack_i64(u);
    k.last_interval_ns = unpack_i64(u);
    if (k.reached > k.n || k.duration_ns < 0 || k.last_interval_ns < 0 || k.started_ns == INT64_MIN)
        u->bad = true;
    return k;
}

/* A sweep that was under way begins its walk anew, and passes over what was asked since it began. */
static void restore_sweep(const struct restore *r, struct plan_sweep *s, const struct sweep_kept *k) {
    if (s->n == 0 || k->n == 0)
        return;
    s->order = permute_make(s->n, k->seed);
    s->completed_ns = k->completed_ns != INT64_MIN ? k->completed_ns : 0;
    s->duration_ns = between(k->duration_ns, 0, PLAN_LONGEST_NS);
    s->last_interval_ns = between(k->last_interval_ns, 0, PLAN_LONGEST_NS);
    s->started_ns = k->started_ns;
    s->whole_ns = k->started_ns;
    s->running = k->running && k->asked;
    s->asked = k->asked;
    s->skip_since_ns = s->running ? k->started_ns : INT64_MAX;
    s->reached = s->running && s->n == k->n ? k->reached : 0;
    s->next_ns = s->asked && !s->running ? k->started_ns + s->interval_ns : r->now_ns;
}

/* By an older program the place is a number that has nothing to do with it, and as good as any. */
static void restore_ring(const struct restore *r, struct plan *p, struct unpack *u) {
    uint32_t place = (uint32_t)unpack_u64(u);
    struct plan_ring kept = {.interval_ns = unpack_i64(u)};
    kept.n = unpack_u32(u);
    kept.position = unpack_u32(u);
    kept.start_ns = restore_moment(r, u);
    kept.last_ns = unpack_i64(u);
    kept.round = unpack_u32(u);
    if (kept.start_ns == INT64_MIN || kept.last_ns < 0 || kept.position >= kept.n)
        u->bad = true;
    kept.last_ns = between(kept.last_ns, 0, PLAN_LONGEST_NS);
    if (!u->bad)
        plan_ring_resume(p, &kept, place, r->now_ns);
}

/* One more query than was written down may have been sent in the last second before a crash. */
static void restore_rate(struct rate *rate, int64_t tat_ns, int64_t now_ns) {
    if (rate->interval_ns == 0 || tat_ns == INT64_MIN)
        return;
    int64_t fresh_ns = now_ns + rate->slack_ns;
    rate->tat_ns = (tat_ns > fresh_ns ? tat_ns : fresh_ns) + rate->interval_ns;
}

static void restore_pending(struct restore_list *list, struct unpack *u) {
    uint32_t n = unpack_u32(u);
    if (n > RECORD_PENDING)
        u->bad = true;
    list->n_pending = 0;
    for (uint32_t i = 0; i < n && !u->bad; i++)
        unpack_ip(u, &list->pending[list->n_pending++]);
}

/* Without it the second lap would be gone through from its beginning at each start. */
static void restore_whole(const struct restore *r, struct plan_sweep *s, struct unpack *u) {
    int64_t whole_ns = restore_moment(r, u);
    if (!u->bad && whole_ns != INT64_MIN && whole_ns < s->whole_ns)
        s->whole_ns = whole_ns;
}

void restore_progress(const struct restore *r, struct restore_list *list, struct unpack *u, bool has_whole) {
    struct plan *p = &r->c->lists[list->index].plan;
    int64_t tat_ns = restore_due(r, u, p->rate.slack_ns + p->rate.interval_ns);
    struct sweep_kept k = read_sweep(r, u);
    if (!u->bad) {
        restore_rate(&p->rate, tat_ns, r->now_ns);
        restore_sweep(r, &p->sweep, &k);
    }
    uint32_t n = unpack_u32(u);
    for (uint32_t i = 0; i < n && !u->bad; i++)
        restore_ring(r, p, u);
    restore_pending(list, u);
    if (has_whole)
        restore_whole(r, &p->sweep, u);
}

/* ---- LIST ---- */

enum status restore_list_data(struct restore *r, struct restore_list *list) {
    struct checker_list *l = &r->c->lists[list->index];
    struct unpack u = unpack_begin(list->data, list->len);
    char text[256];
    unsigned format = unpack_u8(&u); /* known, like zone, kind and budget */
    unpack_text(&u, text, sizeof text);
    (void)unpack_u8(&u);
    unpack_text(&u, text, sizeof text);
    int64_t check_ns = restore_moment(r, &u);
    l->health_check_ns = check_ns != INT64_MIN ? check_ns : 0;
    for (int family = 0; family < IP_FAMILIES; family++)
        list->right_ns[family] = INT64_MIN;
    uint32_t n = unpack_u32(&u);
    for (uint32_t i = 0; i < n && !u.bad; i++)
        restore_health(r, list, l, &u);
    restore_freezes(r, list, &u);
    restore_flips(r, list->index, &u);
    if (format >= FORMAT_SAFELISTS)
        restore_safelists(r, list->index, &u, format);
    restore_progress(r, list, &u, format >= FORMAT_WHOLE);
    return unpack_is_done(&u) ? STATUS_OK : STATUS_SYNTAX;
}
