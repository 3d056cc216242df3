/* SPDX-License-Identifier: Apache-2.0
 *
 * When SPF records are looked up, what of their failures is told, and what is kept: months in milliseconds.
 * DNS is a function of the test; the store is one that was never started, so that it keeps in memory.
 */
/* LINK: -Wl,--wrap=log_write */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "app_question.c"
#include "app_sources.c"
#include "app_spf.c"
#include "app_store.c"
#include "app_store_kept.c"

#include "wire.h"

#define MINUTE (60 * SECOND_NS)
#define HOUR (3600 * SECOND_NS)
enum { GROUPS = 12 };

static struct wire wire; /* 64 KB: not on the stack */

static struct {
    struct settings settings;
    struct group groups[GROUPS];
    struct app_question *question;
    struct app_store *store;
    struct app_sources sources;
    struct app_spf spf;
    int64_t now_ns;
    const char *record; /* of every domain; NULL: no answer */
    unsigned n_asked;
    unsigned n_warnings;
    char error[SPF_TEXT_SIZE]; /* of the last warning */
    char ranges[256];          /* of the last warning that names some */
    unsigned n_infos;
    char info[256]; /* the last one */
} t;

void __wrap_log_write(enum log_level level, const char *message, ...);
void __wrap_log_write(enum log_level level, const char *message, ...) {
    va_list args;
    va_start(args, message);
    for (const char *key; (key = va_arg(args, const char *)) != NULL;) {
        const char *value = va_arg(args, const char *);
        if (strcmp(key, "error") == 0 && level >= LOG_WARN)
            snprintf(t.error, sizeof t.error, "%s", value);
        if (strcmp(key, "ranges") == 0 && level >= LOG_WARN)
            snprintf(t.ranges, sizeof t.ranges, "%s", value);
    }
    va_end(args);
    t.n_warnings += level >= LOG_WARN;
    t.n_infos += level == LOG_INFO;
    if (level == LOG_INFO)
        snprintf(t.info, sizeof t.info, "%s", message);
}

/* As the daemon does it. */
static void load(void) {
    struct sources *sources = NULL;
    struct app_spf_groups groups;
    assert_int_equal(app_sources_begin(&t.sources, &t.settings, &sources), STATUS_OK);
    assert_int_equal(app_spf_begin(&t.spf, &t.settings, sources, &groups), STATUS_OK);
    app_sources_use(&t.sources, &sources);
    app_spf_use(&t.spf, &groups, t.now_ns);
}

static int begin_test(void **state) {
    static const struct endpoint server = {.ip = {.lo = 0x7f000001, .family = IP_V4}, .port = 53};
    memset(&t, 0, sizeof t);
    t.now_ns = 1000 * SECOND_NS;
    t.groups[0] = (struct group){.name = "out", .spf = "example.net"};
    t.settings = (struct settings){.groups = t.groups, .n_groups = 1};
    t.question = app_question_new(t.now_ns);
    t.store = app_store_open("/proc/nothing/here", APP_STORE_ALL, 0);
    if (t.question == NULL || t.store == NULL)
        return -1;
    question_ask_through(t.question->questions, &server, 1, SECOND_NS, 1);
    app_spf_init(&t.spf, t.question, &t.sources);
    t.spf.store = t.store;
    t.record = "v=spf1 ip4:192.0.2.0/24 -all";
    load();
    return 0;
}

static int end_test(void **state) {
    app_spf_free(&t.spf);
    app_sources_free(&t.sources);
    app_question_free(t.question);
    app_store_close(t.store, 0, t.now_ns);
    return 0;
}

static void answer(const struct question_ask *ask) {
    size_t len = t.record != NULL ? strlen(t.record) : 0;
    t.n_asked++;
    if (t.record == NULL) {
        assert_true(app_question_answer(t.question, ask->cookie, RESOLVER_TIMEOUT, NULL, 0, t.now_ns));
        return;
    }
    wire.len = 0;
    wire_bytes(&wire, ask->message, ask->len);
    wire.bytes[2] = 0x81;
    wire.bytes[3] = 0x80;
    wire.bytes[7] = 1;
    wire_u16(&wire, 0xc00c);
    wire_fixed(&wire, QUERY_TXT, len + 1);
    wire_u8(&wire, (unsigned)len);
    wire_bytes(&wire, t.record, len);
    assert_true(
        app_question_answer(t.question, ask->cookie, RESOLVER_ANSWER, wire.bytes, wire.len, t.now_ns));
}

static void turn(void) {
    struct question_ask ask;
    app_spf_turn(&t.spf, t.now_ns);
    while (question_next(t.question->questions, (uint64_t)t.now_ns * 0x9e3779b97f4a7c15u, t.now_ns, &ask)) {
        answer(&ask);
        app_spf_turn(&t.spf, t.now_ns);
    }
}

/* Goes on as a loop would that wakes when it is asked to. */
static void run_for(int64_t ns) {
    int64_t until_ns = t.now_ns + ns;
    while (t.now_ns < until_ns) {
        turn();
        int64_t wake_ns = t.spf.wake_ns;
        if (app_question_wake_ns(t.question) < wake_ns)
            wake_ns = app_question_wake_ns(t.question);
        assert_true(wake_ns > t.now_ns);
        t.now_ns = wake_ns < until_ns ? wake_ns : until_ns;
    }
}

static size_t n_ranges(const char *group) {
    const struct source_set *set = sources_find(t.sources.now, group, SOURCE_SPF);
    return set != NULL ? set->n_ranges : 0;
}

static void is_looked_up_at_start_and_daily(void **state) {
    run_for(SECOND_NS);
    assert_int_equal(t.n_asked, 1);
    assert_int_equal(n_ranges("out"), 1);
    assert_true(t.sources.changed);
    t.sources.changed = false;
    run_for(24 * HOUR - 2 * SECOND_NS);
    assert_int_equal(t.n_asked, 1);
    run_for(10 * 24 * HOUR);
    assert_int_equal(t.n_asked, 11);
    assert_false(t.sources.changed); /* nothing is new */
    assert_int_equal(t.n_warnings, 0);
    assert_int_equal(t.n_infos, 1);
}

static void a_failure_is_told_once_and_tried_again_with_growing_pauses(void **state) {
    static const int64_t minutes[] = {10, 20, 40, 80, 160, 320, 360, 360};
    run_for(SECOND_NS);
    t.record = NULL;
    run_for(24 * HOUR);
    assert_int_equal(t.n_asked, 2);
    for (size_t i = 0; i < sizeof minutes / sizeof *minutes; i++) {
        run_for(minutes[i] * MINUTE - 2 * SECOND_NS);
        assert_int_equal(t.n_asked, 2 + i);
        run_for(2 * SECOND_NS);
        assert_int_equal(t.n_asked, 3 + i);
    }
    assert_int_equal(t.n_warnings, 1);
    assert_string_equal(t.error, "example.net: no answer in time");
    assert_int_equal(n_ranges("out"), 1);
    t.record = "v=spf1 ip4:192.0.2.0/33";
    run_for(24 * HOUR);
    assert_int_equal(t.n_warnings, 2); /* of another kind */
    assert_string_equal(t.error, "example.net: the term ip4:192.0.2.0/33 has a prefix length out of range");
    assert_int_equal(t.n_infos, 1);
    t.record = "v=spf1 ip4:192.0.2.0/24";
    run_for(7 * HOUR);
    assert_int_equal(t.n_infos, 2);
    assert_string_equal(t.info, "an SPF record can be used again");
    unsigned n = t.n_asked;
    run_for(3 * 24 * HOUR);
    assert_int_equal(t.n_asked, n + 3);
    assert_int_equal(t.n_warnings, 2);
}

static void a_reload_looks_again_at_once_and_tells_what_fails(void **state) {
    t.record = "v=spf1 mx -all";
    run_for(SECOND_NS);
    load();
    run_for(SECOND_NS);
    assert_int_equal(t.n_asked, 2);
    assert_int_equal(t.n_warnings, 2);
    assert_string_equal(t.error,
                        "example.net: its record names no addresses, and these terms are not followed: "
                        "mx of example.net");
    run_for(11 * MINUTE);
    assert_int_equal(t.n_asked, 3); /* the pauses begin anew */
    assert_int_equal(t.n_warnings, 2);
}

static void a_reload_in_the_middle_forgets_what_was_under_way(void **state) {
    struct question_ask ask;
    app_spf_turn(&t.spf, t.now_ns);
    assert_true(question_next(t.question->questions, 1, t.now_ns, &ask));
    load();
    answer(&ask);
    assert_int_equal(n_ranges("out"), 0);
    run_for(SECOND_NS);
    assert_int_equal(n_ranges("out"), 1);
    assert_int_equal(t.n_asked, 2);
    t.settings.n_groups = 0;
    load();
    run_for(48 * HOUR);
    assert_int_equal(t.n_asked, 2);
}

static void what_is_kept_is_there_at_the_next_start(void **state) {
    run_for(SECOND_NS);
    app_spf_free(&t.spf);
    app_sources_free(&t.sources);
    app_spf_init(&t.spf, t.question, &t.sources);
    t.spf.store = t.store;
    load();
    assert_int_equal(n_ranges("out"), 1);
    assert_false(t.sources.changed);
    assert_true(sources_changed_ns(t.sources.now, "out") > 0);
    t.record = NULL;
    run_for(SECOND_NS);
    assert_int_equal(t.n_warnings, 1);
    assert_int_equal(n_ranges("out"), 1);
}

static void damaged_bytes_are_told_and_looked_up_anew(void **state) {
    assert_true(app_store_keep(t.store, "out", KEPT_SPF, "\1bytes", 6));
    load();
    assert_int_equal(t.n_warnings, 1);
    assert_int_equal(n_ranges("out"), 0);
    run_for(SECOND_NS);
    assert_int_equal(n_ranges("out"), 1);
}

static void a_record_that_names_too_much_leaves_the_last_good_ranges(void **state) {
    run_for(SECOND_NS);
    t.sources.changed = false;
    t.record = "v=spf1 ip4:1.0.0.0/8 ip4:2.0.0.0/8 ip4:3.0.0.0/8 ip4:4.0.0.0/8 -all";
    run_for(7 * 24 * HOUR);
    assert_int_equal(t.n_warnings, 1);
    assert_non_null(strstr(t.error, "example.net: it leads to a range of 16777216 addresses, 1.0.0.0/8, "));
    assert_int_equal(n_ranges("out"), 1);
    assert_false(t.sources.changed);
    assert_true(t.n_asked > 20); /* as after any failure */
}

static void private_ranges_are_left_out_and_told_once_for_each_content(void **state) {
    t.record = "v=spf1 ip4:192.0.2.0/24 ip4:10.0.0.0/8 ip4:192.168.3.7 ip6:fd00::/8 -all";
    run_for(3 * 24 * HOUR);
    assert_int_equal(n_ranges("out"), 1);
    assert_int_equal(t.n_warnings, 1);
    assert_string_equal(t.ranges, "10.0.0.0/8, 192.168.3.7/32, fd00::/8");
    load();
    run_for(3 * 24 * HOUR);
    assert_int_equal(t.n_warnings, 1);
    t.record = "v=spf1 ip4:192.0.2.0/24 ip4:10.1.0.0/16 -all";
    run_for(3 * 24 * HOUR);
    assert_int_equal(t.n_warnings, 2);
    assert_string_equal(t.ranges, "10.1.0.0/16");
    t.record = "v=spf1 ip4:10.1.0.0/16 mx -all";
    run_for(3 * 24 * HOUR);
    assert_int_equal(n_ranges("out"), 1);
    assert_int_equal(t.n_warnings, 3);
    assert_string_equal(t.error, "example.net: its record names no addresses that mail comes from, only "
                                 "10.1.0.0/16, and these terms are not followed: mx of example.net");
}

/* Starts anew with these ranges as the ones that are kept. */
static void start_with_kept(const char *const *texts, size_t n) {
    const struct spf_set_about about = {.domain = "example.net", .good_ns = 1, .changed_ns = 1};
    struct source_set set;
    struct buf bytes;
    source_set_init(&set);
    buf_init(&bytes, KEPT_SIZE);
    for (size_t i = 0; i < n; i++) {
        struct ip_range range;
        assert_int_equal(ip_range_parse(texts[i], strlen(texts[i]), &range), IP_RANGE_OK);
        assert_int_equal(source_set_add_range(&set, &range), STATUS_OK);
    }
    source_set_finish(&set);
    spf_set_pack(&about, &set, &bytes);
    assert_true(app_store_keep(t.store, "out", KEPT_SPF, bytes.data, bytes.len));
    buf_release(&bytes);
    source_set_release(&set);
    app_spf_free(&t.spf);
    app_sources_free(&t.sources);
    app_spf_init(&t.spf, t.question, &t.sources);
    t.spf.store = t.store;
    load();
}

static void what_is_kept_is_bounded_too(void **state) {
    static const char *const with_private[] = {"10.0.0.0/8", "192.0.2.0/25", "192.0.2.128/25"};
    static const char *const too_large[] = {"192.0.2.0/25", "192.0.2.128/25", "64.0.0.0/9"};
    start_with_kept(with_private, 3);
    assert_int_equal(n_ranges("out"), 2);
    assert_int_equal(t.n_warnings, 0); /* its look-up tells it */
    start_with_kept(too_large, 3);
    assert_int_equal(n_ranges("out"), 0);
    assert_int_equal(t.n_warnings, 1);
    assert_non_null(strstr(t.error, "64.0.0.0/9"));
    run_for(SECOND_NS);
    assert_int_equal(n_ranges("out"), 1);
}

static void another_domain_replaces_the_set_or_drops_it(void **state) {
    run_for(SECOND_NS);
    t.groups[0].spf = "other.test";
    load();
    assert_int_equal(n_ranges("out"), 1);
    t.record = "v=spf1 ip4:198.51.100.0/24 ip4:203.0.113.0/24";
    run_for(SECOND_NS);
    assert_int_equal(n_ranges("out"), 2);
    t.groups[0].spf = "third.test";
    load();
    t.record = NULL;
    assert_int_equal(n_ranges("out"), 2);
    run_for(SECOND_NS);
    assert_int_equal(n_ranges("out"), 0);
    assert_null(app_store_kept_find(t.store, "out", KEPT_SPF));
}

static void and_back_before_it_was_read_keeps_the_set(void **state) {
    run_for(SECOND_NS);
    t.groups[0].spf = "other.test";
    load();
    t.groups[0].spf = "Example.NET";
    load();
    t.record = NULL;
    run_for(SECOND_NS);
    assert_int_equal(n_ranges("out"), 1);
}

static void a_group_of_a_known_domain_begins_with_its_ranges(void **state) {
    run_for(SECOND_NS);
    int64_t changed_ns = sources_changed_ns(t.sources.now, "out");
    t.record = NULL;
    t.groups[0].name = "renamed";
    t.groups[1] = (struct group){.name = "second", .spf = "EXAMPLE.net"};
    t.groups[2] = (struct group){.name = "other", .spf = "other.test"};
    t.settings.n_groups = 3;
    load();
    assert_int_equal(n_ranges("out"), 0);
    assert_int_equal(n_ranges("renamed"), 1);
    assert_int_equal(n_ranges("second"), 1);
    assert_int_equal(n_ranges("other"), 0);
    assert_int_equal(sources_changed_ns(t.sources.now, "renamed"), changed_ns);
    run_for(SECOND_NS);
    assert_int_equal(n_ranges("renamed"), 1);
    t.groups[2].spf = "example.net"; /* which had nothing */
    load();
    assert_int_equal(n_ranges("other"), 1);
    t.record = "v=spf1 ip4:192.0.2.0/25 ip4:198.51.100.0/24";
    run_for(SECOND_NS);
    assert_int_equal(n_ranges("renamed"), 2);
    assert_int_equal(n_ranges("second"), 2);
    t.settings.n_groups = 0;
    load();
}

static void many_groups_take_turns(void **state) {
    char names[GROUPS][16];
    for (int i = 0; i < GROUPS; i++) {
        snprintf(names[i], sizeof names[i], "g%d", i);
        t.groups[i] = (struct group){.name = names[i], .spf = "example.net"};
    }
    t.settings.n_groups = GROUPS;
    load();
    app_spf_turn(&t.spf, t.now_ns);
    assert_int_equal(app_question_room(t.question, APP_QUESTION_SPF), APP_QUESTION_QUEUE - RUNNING);
    run_for(5 * SECOND_NS);
    for (int i = 0; i < GROUPS; i++)
        assert_int_equal(n_ranges(names[i]), 1);
    assert_int_equal(t.n_asked, GROUPS);
    t.settings.n_groups = 0;
    load();
}

static void finds_room_though_others_ask_much(void **state) {
    struct qname name;
    struct ip ip = ip_v4(1);
    qname_for_ptr(&ip, &name);
    unsigned n = 0;
    while (app_question_put(t.question, APP_QUESTION_SENDERS, n, QUERY_PTR, &name, t.now_ns) == STATUS_OK)
        n++;
    assert_int_equal(n, APP_QUESTION_QUEUE - APP_QUESTION_RESERVED);
    assert_int_equal(app_question_room(t.question, APP_QUESTION_SENDERS), 0);
    app_spf_turn(&t.spf, t.now_ns);
    struct question_ask ask;
    assert_true(question_next(t.question->questions, 1, t.now_ns, &ask));
    assert_int_equal(ask.channel, QUESTION_UDP_TXT);
    answer(&ask);
    assert_int_equal(n_ranges("out"), 1);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin_test, end_test)
    const struct CMUnitTest tests[] = {
        TEST(is_looked_up_at_start_and_daily),
        TEST(a_failure_is_told_once_and_tried_again_with_growing_pauses),
        TEST(a_reload_looks_again_at_once_and_tells_what_fails),
        TEST(a_reload_in_the_middle_forgets_what_was_under_way),
        TEST(what_is_kept_is_there_at_the_next_start),
        TEST(damaged_bytes_are_told_and_looked_up_anew),
        TEST(a_record_that_names_too_much_leaves_the_last_good_ranges),
        TEST(private_ranges_are_left_out_and_told_once_for_each_content),
        TEST(what_is_kept_is_bounded_too),
        TEST(another_domain_replaces_the_set_or_drops_it),
        TEST(and_back_before_it_was_read_keeps_the_set),
        TEST(a_group_of_a_known_domain_begins_with_its_ranges),
        TEST(many_groups_take_turns),
        TEST(finds_room_though_others_ask_much),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
