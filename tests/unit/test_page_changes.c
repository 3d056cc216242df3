/* SPDX-License-Identifier: Apache-2.0
 *
 * The status page: what changed last.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "page_fixture.h"

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
    EXPECT(*state, "<h2 id=\"changes\">Latest changes</h2>\n<p>Nothing has happened yet.</p>",
           "!>event</th>");
    process.history = NULL;
    EXPECT(*state, "<p>Nothing has happened yet.</p>");
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
    EXPECT(
        *state,
        "<tr><td>" TIME("2024-12-31", "23:51",
                        "40") " (8 min 20 s ago)</td><td>was listed when first seen "
                              "(spam-source,a&quot;b)</td><td>" LINK("192.0.2.1") "</td><td>block</td></tr>",
        "<td><strong class=\"bad\">listed</strong></td><td>" LINK("2001:db8::1") "</td>",
        "<td><strong class=\"good\">delisted</strong></td>", "<td>codes changed: other</td>",
        "<td>list ok &rarr; refused (blocked_answer)</td><td></td><td>block</td>",
        "<td>list refused &rarr; ok</td><td></td><td>&lt;i&gt;</td>",
        "<td>started, version 1.2.3</td><td></td><td></td>", "<td>configuration reloaded, version 1.2.3</td>",
        "<td>stopped, version &lt;b&gt;</td>", "<caption>The newest first.</caption>");
    struct buf out = render(*state);
    assert_true(strstr(buf_text(&out), "stopped") < strstr(buf_text(&out), "started"));
    buf_release(&out);
}

static void shows_the_latest_changes_and_where_the_rest_is(void **state) {
    char ip[32];
    for (int i = 0; i < 60; i++) {
        snprintf(ip, sizeof ip, "203.0.113.%d", i);
        happened(HISTORY_LISTED, ip, "block", "", 1735689600 + i);
    }
    EXPECT(*state,
           "<caption>The latest 50, the newest first; an address leads to what is known of it.</caption>",
           ">203.0.113.59</a>", ">203.0.113.10</a>", "!>203.0.113.9</a>");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_WORLD(says_when_nothing_has_changed),
        IN_WORLD(tells_what_changed_last_the_latest_first),
        IN_WORLD(shows_the_latest_changes_and_where_the_rest_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
