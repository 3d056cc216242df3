/* SPDX-License-Identifier: Apache-2.0
 *
 * The status page: which lists can be believed, what is left of their budgets, and how far ranges have been
 * looked at.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "page_fixture.h"

static void tells_the_state_of_each_list(void **state) {
    struct world *w = *state;
    struct checker_list *l = &w->checker->lists[KEYED];
    l->health_check_ns = w->now_ns - 90 * SECOND;
    w->checker->lists[BLOCK].last_failure =
        (struct verdict){.kind = VERDICT_UNKNOWN, .reason = REASON_INVALID_ANSWER, .detail = DETAIL_NO_SOA};
    w->checker->lists[BLOCK].last_failure_ns = w->now_ns - 5 * MINUTE;
    EXPECT(w,
           ROW("keyed <small>{key}.bl.example.org</small>") "<td>blocklist, page</td><td><strong "
                                                            "class=\"good\">ok</strong> (unproven: without a "
                                                            "test entry that must be listed)</td><td>" AGE(
                                                                "2024-12-31", "23:58:30",
                                                                "1 min 30 s ago") "</td><td></td><td>no "
                                                                                  "quota</td>",
           ROW("score <small>score.example.net</small>") "<td>reputation, warn</td>",
           ROW("block <small>bl.example.net</small>") "<td>blocklist, page</td><td><strong "
                                                      "class=\"good\">ok</strong></td><td>none "
                                                      "yet</td><td>" AGE("2024-12-31", "23:55:00",
                                                                         "5 min ago") ": an answer came "
                                                                                      "that proves nothing: ",
           "!off.example.net", "!cannot be believed");
}

static void says_what_to_do_about_lists_that_cannot_be_believed(void **state) {
    struct world *w = *state;
    struct checker_list *l = &w->checker->lists[KEYED];
    world_blind(w, KEYED, HEALTH_REFUSED);
    world_blind(w, BLOCK, HEALTH_TIMEOUT);
    l->last_failure = (struct verdict){
        .kind = VERDICT_UNKNOWN, .reason = REASON_BLOCKED_ANSWER, .culprit = 0x7ffffffe, .score = -1};
    l->tracks[0].health[IP_V4].due_ns = w->now_ns + 5 * MINUTE;
    w->now_ns += MINUTE;
    EXPECT(w,
           "<h2 id=\"blind\">Lists that cannot be believed</h2>\n<h3 class=\"bad\">refused</h3>\n<p>The list "
           "refuses",
           "<li><strong>keyed</strong> since " TIME(
               "2025-01-01", "00:00", "00") " (1 min ago): the list answered that "
                                            "it may not be asked (127.255.255.254). It is tested again " AGE(
                                                "2025-01-01", "00:05:00", "in 4 min") ".</li>",
           "<h3 class=\"bad\">timeout</h3>", "<li><strong>block</strong> since ", "tested again now.",
           "!<h3 class=\"bad\">silent</h3>", "<td><strong class=\"bad\">refused</strong> (unproven");
}

/* What is to be done is said once, however many lists share a dead resolver. */
static void says_the_same_advice_once(void **state) {
    struct world *w = *state;
    for (uint32_t list = 0; list < WORLD_LISTS; list++)
        if (list != OFF)
            world_blind(w, list, HEALTH_TIMEOUT);
    struct buf out = render(w);
    const char *first = strstr(buf_text(&out), "The list does not answer in time");
    assert_non_null(first);
    assert_null(strstr(first + 1, "The list does not answer in time"));
    buf_release(&out);
}

static void gives_the_note_of_a_list_that_refuses(void **state) {
    struct world *w = *state;
    struct list lists[WORLD_LISTS];
    memcpy(lists, world_lists, sizeof lists);
    lists[KEYED].note = "register at <https://example.org>";
    w->settings.lists = lists;
    const struct list *before = w->checker->lists[KEYED].list;
    w->checker->lists[KEYED].list = &lists[KEYED];
    world_blind(w, KEYED, HEALTH_SILENT);
    EXPECT(w, "!register at");
    world_blind(w, KEYED, HEALTH_REFUSED);
    EXPECT(w, " register at &lt;https://example.org&gt;</li>");
    w->settings.lists = world_lists;
    w->checker->lists[KEYED].list = before;
}

static void says_what_is_left_of_budgets_and_when_more_comes(void **state) {
    struct world *w = *state;
    EXPECT(w, "<td><strong>300,000</strong> left, 0 of 300,000 used in 1 d</td>", "!come back");
    quota_take(checker_quota(w->checker, SCORE), BUDGET_WATCHED, w->now_ns);
    EXPECT(
        w,
        "<td><strong>9,999</strong> left, 1 of 10,000 used in 1 d, shared: shared; the next come back <time "
        "datetime=\"2025-01-02T00:0");
    struct quota *quota = checker_quota(w->checker, SCORE);
    quota->slots[quota->newest] = 10000;
    quota->used = 10000;
    world_blind(w, SCORE, HEALTH_QUOTA_EXHAUSTED);
    EXPECT(w, "<td><strong class=\"bad\">0</strong> left, 10,000 of 10,000 used",
           "The next queries come back <time ");
}

static void tells_how_much_of_each_range_was_looked_at(void **state) {
    struct world *w = *state;
    fill(w);
    world_not_listed(w, BLOCK, "198.51.100.20", LOOK_SWEEP);
    struct registry_stale stale = {
        .sweep_ns = 6 * HOUR, .ring_ns = (const int64_t[]){6 * HOUR}, .n_rings = 1};
    registry_scan(w->checker->registry, BLOCK, &stale, 1000, w->now_ns);
    EXPECT(w,
           ROW("198.51.100.0/28") "<td>fleet</td><td>block</td><td>2</td><td><strong class=\"bad\">100.00 "
                                  "%</strong> "
                                  "(20.65 % to 100.00 %) of 1</td><td>2 of 16 (12.50 %)</td><td>" TIME(
                                      "2025-01-01", "00:00", "00") " (1 h 2 min ago)</td></tr>",
           ROW("198.51.100.8-198.51.100.20") "<td>fleet</td><td>block</td><td>1</td>",
           ROW("2001:db8:1::/124") "<td>fleet</td><td>block</td><td>0</td><td></td><td>0 of 16 (0.00 "
                                   "%)</td><td></td>",
           ROW("198.51.100.0/28") "<td>fleet</td><td>score</td><td></td><td></td><td>0 of 16 (0.00 "
                                  "%)</td><td></td>",
           "!" ROW("2001:db8:1::/124") "<td>fleet</td><td>score</td>");
}

static void tells_how_far_sweeps_have_come(void **state) {
    struct world *w = *state;
    struct plan_sweep *sweep = &w->checker->lists[BLOCK].plan.sweep;
    w->now_ns += HOUR;
    EXPECT(w, "<td>not begun</td>", "!running: ");
    sweep->running = true;
    sweep->position = sweep->n - 1;
    EXPECT(w, "<td>running: 36 of 37 (97.29 %)</td>");
    sweep->completed_ns = w->now_ns - 2 * HOUR;
    sweep->duration_ns = 50 * HOUR;
    EXPECT(w, "<td>running: 36 of 37 (97.29 %); the last ended " TIME("2024-12-31", "23:00",
                                                                      "00") " (2 h ago) after 2 "
                                                                            "d 2 h</td>");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_WORLD(tells_the_state_of_each_list),
        IN_WORLD(says_what_to_do_about_lists_that_cannot_be_believed),
        IN_WORLD(says_the_same_advice_once),
        IN_WORLD(gives_the_note_of_a_list_that_refuses),
        IN_WORLD(says_what_is_left_of_budgets_and_when_more_comes),
        IN_WORLD(tells_how_much_of_each_range_was_looked_at),
        IN_WORLD(tells_how_far_sweeps_have_come),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
