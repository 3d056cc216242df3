/* SPDX-License-Identifier: Apache-2.0
 *
 * scraped: what the tests of metrics share: a scrape of the small world, and looking for lines in it. Include
 * it behind cmocka.h.
 */
#ifndef RBL_TESTS_SCRAPED_H
#define RBL_TESTS_SCRAPED_H

#include "core/metrics.h"

#include "world.h"

#include <stdio.h>

static const char *const scraped_levels[METRICS_LOG_LEVELS] = {"debug", "info", "warn", "error"};
static const char *const scraped_results[METRICS_BOUNCE_RESULTS] = {"confirmed", "not_listed", "unknown",
                                                                    "unparsed"};
static const struct metrics_bounces scraped_bounces = {.by_list = {[0] = {7, 6, 5, 0}},
                                                       .of_none = {0, 0, 1, 4}};
static const struct metrics_process scraped_process = {
    .version = "0.1.0",
    .revision = "abc",
    .branch = "a\"branch\\\n",
    .compiler = "gcc",
    .arch = "x86_64",
    .reload_ok = true,
    .storage_up = true,
    .storage_errors = 5,
    .reload_ns = INT64_C(1735689600) * SECOND + SECOND / 2,
    .log_messages = {1, 2, 3, 4},
    .log_levels = scraped_levels,
    .bounces = &scraped_bounces,
    .bounce_results = scraped_results,
    .cpu_ns = 1500 * SECOND / 1000,
    .open_fds = 9,
    .max_fds = 1024,
    .virtual_bytes = 1 << 20,
    .virtual_max_bytes = UINT64_MAX,
    .resident_bytes = 1 << 19,
    .start_ns = INT64_C(1735689590) * SECOND,
    .threads = 3,
};

static const struct metrics_filter scraped_all = {.is_set = false};

static inline struct buf render_as(struct world *w, enum promtext_format format) {
    struct buf out;
    buf_init(&out, SIZE_MAX);
    metrics_render(&out, format, &scraped_all, w->checker, &scraped_process, w->now_ns, WORLD_OFFSET);
    assert_int_equal(buf_status(&out), STATUS_OK);
    return out;
}

/* How many lines begin with `start` (with `whole`: are `start`). */
static inline unsigned count_lines(const char *text, const char *start, bool whole) {
    size_t n = strlen(start);
    unsigned count = 0;
    for (const char *line = text; *line != '\0'; line = strchr(line, '\n') + 1)
        if (strncmp(line, start, n) == 0 && (!whole || line[n] == '\n'))
            count++;
    return count;
}

static inline void expect_line(const char *text, const char *line) {
    if (count_lines(text, line, true) != 1)
        fail_msg("%u times: %s", count_lines(text, line, true), line);
}

static inline void expect_none(const char *text, const char *start) {
    if (count_lines(text, start, false) != 0)
        fail_msg("should not be there: %s", start);
}

/* One line, or `line` with a `!` before it that no line may begin with. */
static inline void expect(struct world *w, const char *const *lines, size_t n) {
    struct buf out = render_as(w, PROMTEXT_004);
    for (size_t i = 0; i < n; i++) {
        if (lines[i][0] == '!')
            expect_none(buf_text(&out), lines[i] + 1);
        else
            expect_line(buf_text(&out), lines[i]);
    }
    buf_release(&out);
}
#define EXPECT(w, ...)                                                                                       \
    do {                                                                                                     \
        static const char *const lines_[] = {__VA_ARGS__};                                                   \
        expect(w, lines_, sizeof lines_ / sizeof *lines_);                                                   \
    } while (0)

static inline int setup(void **state) {
    static struct world world;
    struct settings settings = world_settings();
    world_begin(&world, &settings);
    *state = &world;
    return 0;
}

static inline int teardown(void **state) {
    world_end(*state);
    return 0;
}

static inline void fill(struct world *w) {
    world_listed(w, BLOCK, "192.0.2.1", LOOK_WATCHED, 3);
    world_not_listed(w, BLOCK, "192.0.2.2", LOOK_WATCHED);
    world_not_listed(w, KEYED, "192.0.2.2", LOOK_WATCHED);
    world_listed(w, ALLOW, "192.0.2.2", LOOK_WATCHED, 1);
    world_score(w, "192.0.2.1", LOOK_WATCHED, 42);
    world_listed(w, BLOCK, "198.51.100.3", LOOK_SWEEP, 1);
    w->now_ns += HOUR;
    world_not_listed(w, BLOCK, "192.0.2.1", LOOK_WATCHED);
    world_listed(w, BLOCK, "192.0.2.2", LOOK_WATCHED, 1);
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

#endif
