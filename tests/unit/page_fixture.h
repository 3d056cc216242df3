/* SPDX-License-Identifier: Apache-2.0
 *
 * page_fixture: what the tests of the status page share: a page of the small world, and looking for texts in
 * it. Include it behind cmocka.h.
 */
#ifndef RBL_TESTS_PAGE_FIXTURE_H
#define RBL_TESTS_PAGE_FIXTURE_H

#include "core/page.h"

#include "world.h"

#include <stdio.h>

static struct history history;
static struct page_process process;

static inline struct buf render(const struct world *w) {
    struct buf out;
    buf_init(&out, SIZE_MAX);
    page_render(&out, w->checker, &process, w->now_ns, WORLD_OFFSET);
    assert_int_equal(buf_status(&out), STATUS_OK);
    return out;
}

/* Texts that the page holds, or with a `!` before them does not. */
static inline void expect(const struct world *w, const char *const *texts, size_t n) {
    struct buf out = render(w);
    for (size_t i = 0; i < n; i++) {
        bool wanted = texts[i][0] != '!';
        if ((strstr(buf_text(&out), texts[i] + !wanted) != NULL) != wanted)
            fail_msg("%s: %s", wanted ? "not there" : "should not be there", texts[i] + !wanted);
    }
    buf_release(&out);
}
#define EXPECT(w, ...)                                                                                       \
    do {                                                                                                     \
        static const char *const texts_[] = {__VA_ARGS__};                                                   \
        expect(w, texts_, sizeof texts_ / sizeof *texts_);                                                   \
    } while (0)

/* As literals: an element of a moment, one with its age, a link to an address, one as the head of a row. */
#define TIME(date, minute, second)                                                                           \
    "<time datetime=\"" date "T" minute ":" second "Z\">" date " " minute " UTC</time>"
#define AGE(date, time, age) "<time datetime=\"" date "T" time "Z\">" age "</time>"
#define LINK(ip) "<a href=\"check?ip=" ip "\">" ip "</a>"
#define ROW(text) "<tr><th scope=\"row\">" text "</th>"

static inline int setup(void **state) {
    static struct world world;
    history = (struct history){.n = 0};
    process = (struct page_process){
        .telemetry_path = "/metrics", .version = "0.1.0 <&\">", .history = &history, .storage_why = ""};
    struct settings settings = world_settings();
    settings.n_groups = NOWHERE; /* or its address would be in the way of every first line */
    world_begin(&world, &settings);
    *state = &world;
    return 0;
}

static inline int teardown(void **state) {
    world_end(*state);
    return 0;
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

/* Five listings, the last of them a flip, and an event with markup in it. */
static inline void fill(struct world *w) {
    world_listed(w, BLOCK, "192.0.2.1", LOOK_WATCHED, 3);
    world_not_listed(w, BLOCK, "192.0.2.2", LOOK_WATCHED);
    world_listed(w, KEYED, "192.0.2.2", LOOK_WATCHED, 1);
    world_listed(w, BLOCK, "198.51.100.9", LOOK_WATCHED, 1);
    world_listed(w, BLOCK, "198.51.100.3", LOOK_SWEEP, 1);
    w->now_ns += HOUR + MINUTE + SECOND;
    world_listed(w, BLOCK, "192.0.2.2", LOOK_WATCHED, 1);
    w->now_ns += MINUTE;
    history_add(&history, &(struct history_event){.kind = HISTORY_LISTED,
                                                  .list = "<i>",
                                                  .has_ip = true,
                                                  .ip = ip_v4(0xc0000202),
                                                  .detail = "a\"b<"});
}

/* Every address of every block list has been looked at, and is not listed. */
static inline void clean(struct world *w) {
    static const struct verdict verdict = {.kind = VERDICT_NOT_LISTED, .reason = REASON_NONE, .score = -1};
    for (uint32_t list = 0; list < w->settings.n_lists; list++) {
        const struct target_set *set = w->targets->sets[list];
        for (uint32_t i = 0; set != NULL && w->settings.lists[list].kind == LIST_BLOCK && i < set->n; i++) {
            struct ip ip = target_ip(set, i);
            world_look(w, list, &ip, LOOK_SWEEP, &verdict);
        }
    }
}

/* Every list has a test entry that must be listed. */
static inline void world_proven(struct world *w) {
    for (uint32_t list = 0; list < w->settings.n_lists; list++)
        w->checker->lists[list].unproven = false;
}

/* The first self-tests are done. */
static inline void world_ready(struct world *w) {
    for (uint32_t list = 0; list < w->settings.n_lists; list++)
        for (int server = 0; server < LIST_MAX_NAMESERVERS; server++)
            for (int family = 0; family < IP_FAMILIES; family++)
                w->checker->lists[list].tracks[server].health[family].tested = true;
}

#endif
