/* SPDX-License-Identifier: Apache-2.0
 *
 * The status page: what changed last, and whether that is being kept.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/page.h"

#include "world.h"

#include <stdio.h>

static struct history history;
static const struct page_process process = {
    .telemetry_path = "/metrics", .version = "0.1.0", .history = &history, .storage_why = ""};

static struct buf render(const struct world *w, const struct page_process *with) {
    struct buf out;
    buf_init(&out, SIZE_MAX);
    page_render(&out, w->checker, with, w->now_ns, WORLD_OFFSET);
    assert_int_equal(buf_status(&out), STATUS_OK);
    return out;
}

/* Texts that the page holds, or with a `!` before them does not. */
static void expect(struct world *w, const char *const *texts, size_t n) {
    struct buf out = render(w, &process);
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

static int setup(void **state) {
    static struct world world;
    history = (struct history){.n = 0};
    struct settings settings = world_settings();
    world_begin(&world, &settings);
    *state = &world;
    return 0;
}

static int teardown(void **state) {
    world_end(*state);
    return 0;
}

static void happened(enum history_kind kind, const char *ip, const char *list, const char *detail,
                     int64_t wall_s) {
    struct history_event event = {.wall_ns = wall_s * SECOND, .kind = kind, .has_ip = ip != NULL};
    if (ip != NULL)
        event.ip = world_ip(ip);
    snprintf(event.list, sizeof event.list, "%s", list);
    snprintf(event.detail, sizeof event.detail, "%s", detail);
    history_add(&history, &event);
}

static void says_when_nothing_has_changed(void **state) {
    EXPECT(*state, "<h2>Latest changes</h2>\n<p>Nothing has happened yet.</p>", "!<th>event</th>");
    struct page_process without = process;
    without.history = NULL;
    struct buf out = render(*state, &without);
    assert_non_null(strstr(buf_text(&out), "<p>Nothing has happened yet.</p>"));
    buf_release(&out);
}

static void tells_what_changed_last_the_latest_first(void **state) {
    enum { MIDNIGHT = 1735689600 };
    happened(HISTORY_STARTED, NULL, "", "1.2.3", MIDNIGHT - 600);
    happened(HISTORY_FIRST_LISTED, "192.0.2.1", "block", "spam-source,a\"b", MIDNIGHT - 500);
    happened(HISTORY_LISTED, "2001:db8::1", "block", "", MIDNIGHT - 400);
    happened(HISTORY_CODES, "2001:db8::1", "block", "other", MIDNIGHT - 300);
    happened(HISTORY_DELISTED, "2001:db8::1", "block", "", MIDNIGHT - 200);
    happened(HISTORY_STATE, NULL, "block", "ok refused blocked_answer", MIDNIGHT - 100);
    happened(HISTORY_STATE, NULL, "<i>", "refused ok", MIDNIGHT - 60);
    happened(HISTORY_STATE, NULL, "block", "", MIDNIGHT - 50);
    happened(HISTORY_RELOADED, NULL, "", "1.2.3", MIDNIGHT - 20);
    happened(HISTORY_STOPPED, NULL, "", "<b>", MIDNIGHT - 10);
    EXPECT(*state,
           "<td><time datetime=\"2024-12-31T23:51:40Z\">2024-12-31 23:51 UTC</time> (8 min 20 s "
           "ago)</td><td>was listed when first seen "
           "(spam-source,a&quot;b)</td><td class=\"ip\"><a href=\"check?ip=192.0.2.1\">192.0.2.1</a>"
           "</td><td>block</td></tr>",
           "<td>listed</td><td class=\"ip\"><a href=\"check?ip=2001:db8::1\">2001:db8::1</a></td>",
           "<td>delisted</td>", "<td>codes changed: other</td>",
           "<td>list ok &rarr; refused (blocked_answer)</td><td class=\"ip\"></td><td>block</td>",
           "<td>list refused &rarr; ok</td><td class=\"ip\"></td><td>&lt;i&gt;</td>",
           "<td>started, version 1.2.3</td><td class=\"ip\"></td><td></td>",
           "<td>configuration reloaded, version 1.2.3</td>", "<td>stopped, version &lt;b&gt;</td>",
           "!These are the latest");
    struct buf out = render(*state, &process);
    assert_true(strstr(buf_text(&out), "stopped") < strstr(buf_text(&out), "started"));
    buf_release(&out);
}

static void shows_the_latest_changes_and_where_the_rest_is(void **state) {
    char ip[32];
    for (int i = 0; i < 60; i++) {
        snprintf(ip, sizeof ip, "203.0.113.%d", i);
        happened(HISTORY_LISTED, ip, "block", "", 1735689600 + i);
    }
    EXPECT(*state, "<p>These are the latest 50;", ">203.0.113.59</a>", ">203.0.113.10</a>",
           "!>203.0.113.9</a>");
}

static void says_why_state_is_not_being_saved(void **state) {
    struct page_process down = process;
    EXPECT(*state, "!State is not being saved");
    down.storage_why = "data/state.db cannot be written: <disk> full";
    struct buf out = render(*state, &down);
    assert_non_null(strstr(buf_text(&out), "<p><strong class=\"bad\">State is not being saved:</strong> "
                                           "data/state.db cannot be written: &lt;disk&gt; full</p>"));
    buf_release(&out);
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_WORLD(says_when_nothing_has_changed),
        IN_WORLD(tells_what_changed_last_the_latest_first),
        IN_WORLD(shows_the_latest_changes_and_where_the_rest_is),
        IN_WORLD(says_why_state_is_not_being_saved),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
