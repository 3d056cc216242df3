/* SPDX-License-Identifier: Apache-2.0
 *
 * world: a small configuration with a checker, for tests of what is written from it. Lists of every kind,
 * single addresses of both families, ranges that overlap, safelists across them, and a name or text in every
 * place that could break out of it.
 */
#ifndef RBL_TESTS_WORLD_H
#define RBL_TESTS_WORLD_H

#include "core/checker.h"

#include <assert.h>
#include <string.h>

#define SECOND INT64_C(1000000000)
#define MINUTE (60 * SECOND)
#define HOUR (3600 * SECOND)
/* Monotonic 5,000 s are 2025-01-01T00:00:00Z. */
#define WORLD_START (5000 * SECOND)
#define WORLD_OFFSET (INT64_C(1735689600) * SECOND - WORLD_START)

enum { BLOCK, SCORE, ALLOW, OFF, KEYED, WORLD_LISTS };
enum { OUTBOUND, FLEET, NOWHERE, WORLD_GROUPS };
enum { SAFE, UNWATCHED, WORLD_SAFELISTS };

struct world {
    struct settings settings;
    struct targets *targets;
    struct checker *checker;
    int64_t now_ns;
};

static const char *const world_codes[] = {"spam-source", "a\"b\\c", "other"};
static const struct budget_settings world_budgets[] = {{"shared", 10000, 24 * HOUR}};
static const struct list world_lists[WORLD_LISTS] = {
    [BLOCK] = {.name = "block",
               .zone = "bl.example.net",
               .kind = LIST_BLOCK,
               .families = {true, true},
               .enabled = true,
               .code_names = world_codes,
               .n_code_names = 3,
               .budget = {.share = -1, .queries = 300000, .per_ns = 24 * HOUR, .rate = 5, .burst = 1},
               .self_test = {.positive = {true, true}},
               .confirm = 1,
               .note = "",
               .delist_url = "https://example.net/remove?a=1&b=\"2\""},
    [SCORE] = {.name = "score",
               .zone = "score.example.net",
               .kind = LIST_REPUTATION,
               .tier = LIST_WARN,
               .families = {true, false},
               .enabled = true,
               .budget = {.share = 0, .rate = 5, .burst = 1},
               .self_test = {.positive = {true, true}},
               .confirm = 1,
               .note = "",
               .delist_url = ""},
    [ALLOW] = {.name = "allow",
               .zone = "allow.example.net",
               .kind = LIST_ALLOW,
               .tier = LIST_INFO,
               .families = {true, false},
               .enabled = true,
               .budget = {.share = -1, .rate = 5, .burst = 1},
               .self_test = {.positive = {true, true}},
               .confirm = 1,
               .note = "",
               .delist_url = ""},
    [OFF] = {.name = "off",
             .zone = "off.example.net",
             .families = {true, true},
             .budget = {.share = -1, .rate = 5, .burst = 1},
             .confirm = 1,
             .note = "",
             .delist_url = ""},
    [KEYED] = {.name = "keyed",
               .zone = "{key}.bl.example.org",
               .kind = LIST_BLOCK,
               .families = {true, false},
               .enabled = true,
               .budget = {.share = -1, .rate = 5, .burst = 1},
               .confirm = 1,
               .note = "",
               .delist_url = "javascript:alert(1)"},
};
static const bool world_everywhere[WORLD_LISTS] = {
    [BLOCK] = true, [SCORE] = true, [ALLOW] = true, [KEYED] = true};
static const bool world_block_and_score[WORLD_LISTS] = {[BLOCK] = true, [SCORE] = true};
static const bool world_nowhere[WORLD_LISTS];

static inline struct ip world_ip(const char *text) {
    struct ip ip;
    enum status status = ip_parse(text, strlen(text), &ip);
    assert(status == STATUS_OK);
    return ip;
}

static inline struct group_range world_range(const char *text) {
    struct group_range range = {.label = text};
    enum ip_range_error error = ip_range_parse(text, strlen(text), &range.range);
    assert(error == IP_RANGE_OK);
    return range;
}

static inline const struct group *world_groups(void) {
    static struct ip outbound[4];
    static struct ip fleet[1];
    static struct ip nowhere[1];
    static struct group_range ranges[3];
    static const struct group group = {
        .interval_ns = 15 * MINUTE, .sweep_interval_ns = 24 * HOUR, .ranges_date_days = -1};
    static struct group groups[WORLD_GROUPS];
    outbound[0] = world_ip("192.0.2.2");
    outbound[1] = world_ip("192.0.2.1");
    outbound[2] = world_ip("2001:db8::1");
    outbound[3] = world_ip("198.51.100.9");
    fleet[0] = world_ip("198.51.100.9");
    nowhere[0] = world_ip("203.0.113.1");
    ranges[0] = world_range("198.51.100.0/28");
    ranges[1] = world_range("198.51.100.8-198.51.100.20");
    ranges[2] = world_range("2001:db8:1::/124");
    for (int i = 0; i < WORLD_GROUPS; i++)
        groups[i] = group;
    groups[OUTBOUND].name = "outbound";
    groups[OUTBOUND].addresses = outbound;
    groups[OUTBOUND].n_addresses = 4;
    groups[OUTBOUND].lists = world_everywhere;
    groups[FLEET].name = "fleet";
    groups[FLEET].addresses = fleet;
    groups[FLEET].n_addresses = 1;
    groups[FLEET].ranges = ranges;
    groups[FLEET].n_ranges = 3;
    groups[FLEET].lists = world_block_and_score;
    groups[NOWHERE].name = "nowhere";
    groups[NOWHERE].addresses = nowhere;
    groups[NOWHERE].n_addresses = 1;
    groups[NOWHERE].lists = world_nowhere;
    return groups;
}

/* One across the ends of ranges, single addresses and half a range; one that nobody watches. */
static inline const struct safelist *world_safelists(void) {
    static struct group_range ranges[4];
    static const struct safelist safelists[WORLD_SAFELISTS] = {
        [SAFE] = {.name = "safe",
                  .ranges = ranges,
                  .n_ranges = 3,
                  .added_days = 20059, /* 2024-12-02 */
                  .ticket = "KH-\"1\" <b>\\"},
        [UNWATCHED] = {
            .name = "unwatched", .ranges = &ranges[3], .n_ranges = 1, .added_days = -1, .ticket = ""}};
    ranges[0] = world_range("198.51.100.8/29");
    ranges[1] = world_range("192.0.2.0/24");
    ranges[2] = world_range("2001:db8:1::/125");
    ranges[3] = world_range("203.0.113.0/24");
    return safelists;
}

static inline struct settings world_settings(void) {
    return (struct settings){
        .resolver = {.timeout_ns = 2 * SECOND, .attempts = 3},
        .defaults = {.interval_ns = 15 * MINUTE,
                     .sweep_interval_ns = 24 * HOUR,
                     .confirm = 1,
                     .series_limit = 2},
        .budgets = world_budgets,
        .n_budgets = 1,
        .lists = world_lists,
        .n_lists = WORLD_LISTS,
        .groups = world_groups(),
        .n_groups = WORLD_GROUPS,
        .safelists = world_safelists(),
        .n_safelists = WORLD_SAFELISTS,
    };
}

static inline void world_ignore_change(void *context, const struct registry_event *event) {
    (void)context;
    (void)event;
}

static inline void world_ignore_state(void *context, uint32_t list, enum health_state from,
                                      enum health_state to, const struct verdict *because) {
    (void)context;
    (void)list;
    (void)from;
    (void)to;
    (void)because;
}

/* `w` must stay where it is. All lists are ok, as after right self-tests at WORLD_START. */
static inline void world_begin(struct world *w, const struct settings *settings) {
    static const struct checker_watch watch = {.changed = world_ignore_change, .state = world_ignore_state};
    const struct endpoint resolver = {.ip = ip_v4(0x7f000001), .port = 53};
    *w = (struct world){.settings = *settings, .now_ns = WORLD_START};
    enum status status = targets_build(&w->settings, &w->targets);
    assert(status == STATUS_OK);
    status =
        checker_new(w->targets, &resolver, 1, registry_epoch(WORLD_START), 1, &watch, w->now_ns, &w->checker);
    assert(status == STATUS_OK);
    for (uint32_t list = 0; list < settings->n_lists; list++) {
        if (!settings->lists[list].enabled)
            continue;
        w->checker->lists[list].state = HEALTH_OK;
        registry_freeze(w->checker->registry, list, false, w->now_ns);
    }
}

static inline void world_end(struct world *w) {
    checker_free(w->checker);
    targets_free(w->targets);
}

/* A conclusive look that was proven at once. */
static inline void world_look(struct world *w, uint32_t list, const struct ip *ip, enum look_source source,
                              const struct verdict *verdict) {
    struct registry *r = w->checker->registry;
    uint32_t index = target_index(w->targets->sets[list], ip);
    assert(index != UINT32_MAX);
    enum look_follow follow;
    uint16_t ring = source == LOOK_WATCHED ? 0 : REGISTRY_NO_RING;
    enum status status = registry_look(r, list, index, source, ring, 0, verdict, w->now_ns, &follow,
                                       world_ignore_change, NULL);
    assert(status == STATUS_OK);
    registry_right(r, list, 0, registry_mark(r, list), w->now_ns, w->now_ns, world_ignore_change, NULL);
}

static inline void world_listed(struct world *w, uint32_t list, const char *ip, enum look_source source,
                                uint64_t codes) {
    const struct verdict verdict = {
        .kind = VERDICT_LISTED, .reason = REASON_NONE, .codes = codes, .score = -1};
    struct ip address = world_ip(ip);
    world_look(w, list, &address, source, &verdict);
}

static inline void world_not_listed(struct world *w, uint32_t list, const char *ip, enum look_source source) {
    const struct verdict verdict = {.kind = VERDICT_NOT_LISTED, .reason = REASON_NONE, .score = -1};
    struct ip address = world_ip(ip);
    world_look(w, list, &address, source, &verdict);
}

static inline void world_score(struct world *w, const char *ip, enum look_source source, int score) {
    const struct verdict verdict = {.kind = VERDICT_LISTED, .reason = REASON_NONE, .score = score};
    struct ip address = world_ip(ip);
    world_look(w, SCORE, &address, source, &verdict);
}

/* The list can no longer be believed. */
static inline void world_blind(struct world *w, uint32_t list, enum health_state state) {
    w->checker->lists[list].state = state;
    registry_freeze(w->checker->registry, list, true, w->now_ns);
}

#endif
