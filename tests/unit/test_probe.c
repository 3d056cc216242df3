/* SPDX-License-Identifier: Apache-2.0
 *
 * /probe: what is asked, and what is answered as metrics.
 */
/* LINK: -Wl,--wrap=calloc */
#include "core/checker_probe.h"
#include "core/checker_probe_internal.h"
#include "core/probe.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "world.h"

#include <stdio.h>

static bool no_memory;

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);

void *__wrap_calloc(size_t n, size_t size) {
    return no_memory ? NULL : __real_calloc(n, size);
}

static int setup(void **state) {
    static struct world world;
    struct settings settings = world_settings();
    world_begin(&world, &settings);
    *state = &world;
    no_memory = false;
    return 0;
}

static int teardown(void **state) {
    world_end(*state);
    return 0;
}

/* ---- what is asked ---- */

static void reads_what_is_asked(void **state) {
    static const struct {
        const char *query;
        const char *ip;
        const char *lists; /* the first letters of those that are asked */
        bool debug;
    } rows[] = {
        {"target=203.0.113.77", "203.0.113.77", "bsak", false},
        {"target=203.0.113.77&debug=true", "203.0.113.77", "bsak", true},
        {"debug=false&target=203%2e0.113.77", "203.0.113.77", "bsak", false},
        {"list=keyed&target=203.0.113.77&list=block&list=block", "203.0.113.77", "bk", false},
        {"module=http_2xx&&target=203.0.113.77&x&y=%20", "203.0.113.77", "bsak", false},
        {"target=2001:4860::1", "2001:4860::1", "b", false},
        {"target=2001:4860::1&list=block", "2001:4860::1", "b", false},
        {"target=2001:db8::1", "2001:db8::1", "b", false}, /* configured */
    };
    struct world *w = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct probe_question q;
        struct buf out;
        char lists[WORLD_LISTS + 1] = "";
        buf_init(&out, SIZE_MAX);
        if (!probe_read(&out, w->checker, rows[i].query, &q))
            fail_msg("%s: %s", rows[i].query, buf_text(&out));
        struct ip ip = world_ip(rows[i].ip);
        size_t n = 0;
        for (size_t list = 0; list < LIST_MAX; list++)
            if (q.lists[list])
                lists[n++] = world_lists[list].name[0];
        if (!ip_equal(&ip, &q.ip) || strcmp(lists, rows[i].lists) != 0 || q.debug != rows[i].debug)
            fail_msg("%s: lists %s, debug %d", rows[i].query, lists, q.debug);
        buf_release(&out);
    }
}

static void refuses_what_is_no_question(void **state) {
    static const struct {
        const char *query, *why;
    } rows[] = {
        {"", "the parameter target is missing: expected /probe?target=IP\n"},
        {"list=block", "the parameter target is missing"},
        {"target=", "the parameter target is empty"},
        {"target", "the parameter target is empty"},
        {"target=192.0.2.1&target=192.0.2.1", "the parameter target is there twice"},
        {"target=mail.example.net",
         "the target 'mail.example.net' is no IP address: lists are asked about addresses"},
        {"target=192.0.2.1:25", "the target '192.0.2.1:25' is no IP address"},
        {"target=192.0.2.0/24", "is no IP address"},
        {"target=%1b%5b0m%c3x", "the target '?[0m?x' is no IP address"},
        {"target=10.0.0.1", "the target 10.0.0.1 is a private address: no mail comes from it"},
        {"target=127.0.0.2", "is a loopback address"},
        {"target=::ffff:192.0.2.1", "unless it is configured\n"},
        {"target=192.0.2.1&list=nowhere",
         "there is no list 'nowhere': there are block, score, allow, keyed\n"},
        {"target=192.0.2.1&list=", "there is no list ''"},
        {"target=192.0.2.1&list=off", "the list 'off' is disabled in the configuration (enabled: false)\n"},
        {"target=2001:db8::1&list=score", "the list 'score' is not asked about IPv6 addresses"},
        {"list=score&list=block&target=2001:db8::1", "the list 'score' is not asked about IPv6 addresses"},
        {"target=192.0.2.1&debug=1", "debug must be true or false, not '1'\n"},
        {"target=192.0.2.1&debug", "debug must be true or false, not ''\n"},
        {"target=192.0.2.1&debug=true&debug=true", "the parameter debug is there twice"},
        {"target=192.0.2.1&x=%zz", "what is behind ? cannot be read: "},
    };
    struct world *w = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct probe_question q = {.debug = true};
        struct buf out;
        buf_init(&out, SIZE_MAX);
        if (probe_read(&out, w->checker, rows[i].query, &q) || strstr(buf_text(&out), rows[i].why) == NULL)
            fail_msg("%s: wanted %s, not %s", rows[i].query, rows[i].why, buf_text(&out));
        const char *text = buf_text(&out);
        assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
        assert_true(q.debug);
        buf_release(&out);
    }
}

static void says_that_no_list_is_of_the_family(void **state) {
    static struct list lists[WORLD_LISTS];
    static struct world only_v4;
    struct settings settings = world_settings();
    struct probe_question q;
    struct buf out;
    (void)state;
    memcpy(lists, world_lists, sizeof lists);
    lists[BLOCK].families[IP_V6] = false;
    settings.lists = lists;
    settings.n_groups = 0;
    settings.n_safelists = 0;
    world_begin(&only_v4, &settings);
    buf_init(&out, SIZE_MAX);
    assert_false(probe_read(&out, only_v4.checker, "target=2001:4860::1", &q));
    assert_string_equal(buf_text(&out), "no list is enabled that is asked about IPv6 addresses\n");
    buf_release(&out);
    world_end(&only_v4);
}

static void takes_half_a_second_off_the_time(void **state) {
    static const struct {
        const char *text;
        int64_t ns; /* 0: refused */
    } rows[] = {
        {"", PROBE_UNSAID_NS},
        {"10", INT64_C(9500000000)},
        {"10.0", INT64_C(9500000000)},
        {"2.25", INT64_C(1750000000)},
        {"1.0000000019", INT64_C(500000001)},
        {"0.5", PROBE_LEAST_NS},
        {"0.000000001", PROBE_LEAST_NS},
        {"0.7", INT64_C(200000000)},
        {"60.5", PROBE_MOST_SECONDS * SECOND},
        {"120", PROBE_MOST_SECONDS * SECOND},
        {"999999999", PROBE_MOST_SECONDS * SECOND},
        {"0", 0},
        {"0.0", 0},
        {"0.0000000001", 0},
        {"-1", 0},
        {"+1", 0},
        {" 1", 0},
        {"1 ", 0},
        {"1s", 0},
        {"1.", 0},
        {".5", 0},
        {"1.2.3", 0},
        {"1e3", 0},
        {"NaN", 0},
        {"Inf", 0},
        {"9999999999", 0},
        {"1.0000000000000000000", 0},
        {"ten\x1b", 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct buf out;
        int64_t ns = -1;
        buf_init(&out, SIZE_MAX);
        bool taken = probe_read_time(&out, rows[i].text, &ns);
        if (taken != (rows[i].ns != 0) || ns != (taken ? rows[i].ns : -1))
            fail_msg("'%s': %d, %lld", rows[i].text, taken, (long long)ns);
        assert_int_equal(out.len == 0, taken);
        if (!taken)
            assert_non_null(strstr(buf_text(&out), "X-Prometheus-Scrape-Timeout-Seconds must be a positive"));
        buf_release(&out);
    }
}

/* ---- what is answered ---- */

/* What a list has told a probe of an address that is not configured. */
static void told(struct world *w, uint32_t list, const char *ip, enum registry_verdict verdict,
                 uint64_t codes, int score) {
    struct ip address = world_ip(ip);
    struct checker_pair *pair = &checker_probe_find(w->checker, &address)->pairs[list];
    assert_true(checker_pair_is_open(pair) && !pair->is_target);
    checker_pair_end(pair, WHY_NONE, w->now_ns);
    pair->verdict = (uint8_t)verdict;
    pair->codes = codes;
    pair->score = (int16_t)score;
}

static void expect_render(struct world *w, const char *query, enum promtext_format format,
                          const char *expected) {
    struct probe_question q;
    struct buf out;
    buf_init(&out, SIZE_MAX);
    assert_true(probe_read(&out, w->checker, query, &q));
    assert_int_equal(checker_probe(w->checker, &q.ip, q.lists, w->now_ns), STATUS_OK);
    const struct probe_answer answer = {.checker = w->checker,
                                        .question = &q,
                                        .began_ns = w->now_ns - SECOND / 4,
                                        .allowed_ns = SECOND,
                                        .now_ns = w->now_ns};
    probe_render(&out, format, &answer);
    assert_int_equal(buf_status(&out), STATUS_OK);
    /* Samples alone: helps are the table's. */
    struct buf samples;
    buf_init(&samples, SIZE_MAX);
    for (const char *at = buf_text(&out); *at != '\0'; at = strchr(at, '\n') + 1)
        if (strncmp(at, "# HELP", 6) != 0 && strncmp(at, "# TYPE", 6) != 0)
            buf_add(&samples, at, (size_t)(strchr(at, '\n') + 1 - at));
    assert_string_equal(buf_text(&samples), expected);
    buf_release(&samples);
    buf_release(&out);
}

#define HEAD(success) "probe_success " success "\nprobe_duration_seconds 0.25\n"

static void shows_what_each_list_has_told(void **state) {
    struct world *w = *state;
    struct ip ip = world_ip("203.0.113.77");
    assert_int_equal(checker_probe(w->checker, &ip, NULL, w->now_ns), STATUS_OK);
    expect_render(w, "target=203.0.113.77", PROMTEXT_004, HEAD("0"));
    told(w, BLOCK, "203.0.113.77", REGISTRY_LISTED, UINT64_C(1) << LIST_CODE_OTHER | 7, -1);
    told(w, SCORE, "203.0.113.77", REGISTRY_LISTED, 0, 35);
    told(w, ALLOW, "203.0.113.77", REGISTRY_LISTED, UINT64_C(1) << LIST_CODE_OTHER, -1);
    expect_render(
        w, "target=203.0.113.77&list=block", PROMTEXT_004,
        HEAD("1") "rbl_ip_listed{group=\"\",ip=\"203.0.113.77\",list=\"block\"} 1\n"
                  "rbl_ip_return_code{group=\"\",ip=\"203.0.113.77\",list=\"block\",code=\"spam-source\"} 1\n"
                  "rbl_ip_return_code{group=\"\",ip=\"203.0.113.77\",list=\"block\",code=\"a\\\"b\\\\c\"} 1\n"
                  "rbl_ip_return_code{group=\"\",ip=\"203.0.113.77\",list=\"block\",code=\"other\"} 1\n");
    expect_render(
        w, "target=203.0.113.77&list=score&list=allow", PROMTEXT_OPENMETRICS,
        HEAD("1") "rbl_ip_return_code{group=\"\",ip=\"203.0.113.77\",list=\"allow\",code=\"other\"} 1\n"
                  "rbl_ip_reputation_score{group=\"\",ip=\"203.0.113.77\",list=\"score\"} 35\n# EOF\n");
    expect_render(w, "target=203.0.113.77&list=score&list=keyed", PROMTEXT_004,
                  HEAD("0") "rbl_ip_reputation_score{group=\"\",ip=\"203.0.113.77\",list=\"score\"} 35\n");
    told(w, KEYED, "203.0.113.77", REGISTRY_NOT_LISTED, 0, -1);
    expect_render(w, "target=203.0.113.77&list=keyed", PROMTEXT_004,
                  HEAD("1") "rbl_ip_listed{group=\"\",ip=\"203.0.113.77\",list=\"keyed\"} 0\n");
}

/* A reputation list that has no data of an address has said something. */
static void no_data_is_conclusive(void **state) {
    struct world *w = *state;
    struct ip ip = world_ip("203.0.113.77");
    assert_int_equal(checker_probe(w->checker, &ip, NULL, w->now_ns), STATUS_OK);
    told(w, SCORE, "203.0.113.77", REGISTRY_NOT_LISTED, 0, -1);
    expect_render(w, "target=203.0.113.77&list=score", PROMTEXT_004, HEAD("1"));
}

/* As /metrics: once for each group that has the list asked about it; with none where no group has. */
static void shows_each_group_that_has_the_address(void **state) {
    struct world *w = *state;
    w->now_ns += SECOND;
    world_listed(w, BLOCK, "198.51.100.9", LOOK_WATCHED, 1);
    world_score(w, "198.51.100.9", LOOK_WATCHED, 90);
    world_not_listed(w, KEYED, "198.51.100.9", LOOK_WATCHED);
    expect_render(
        w, "target=198.51.100.9&list=block&list=score&list=keyed", PROMTEXT_004,
        HEAD("1") "rbl_ip_listed{group=\"outbound\",ip=\"198.51.100.9\",list=\"block\"} 1\n"
                  "rbl_ip_listed{group=\"fleet\",ip=\"198.51.100.9\",list=\"block\"} 1\n"
                  "rbl_ip_listed{group=\"outbound\",ip=\"198.51.100.9\",list=\"keyed\"} 0\n"
                  "rbl_ip_return_code{group=\"outbound\",ip=\"198.51.100.9\",list=\"block\",code=\"spam-"
                  "source\"} 1\n"
                  "rbl_ip_return_code{group=\"fleet\",ip=\"198.51.100.9\",list=\"block\",code=\"spam-"
                  "source\"} 1\n"
                  "rbl_ip_reputation_score{group=\"outbound\",ip=\"198.51.100.9\",list=\"score\"} 90\n"
                  "rbl_ip_reputation_score{group=\"fleet\",ip=\"198.51.100.9\",list=\"score\"} 90\n");
    /* Of a range alone; a list that no group has asked about it. */
    world_not_listed(w, BLOCK, "198.51.100.1", LOOK_SWEEP);
    struct ip ip = world_ip("198.51.100.1");
    assert_int_equal(checker_probe(w->checker, &ip, NULL, w->now_ns), STATUS_OK);
    told(w, KEYED, "198.51.100.1", REGISTRY_NOT_LISTED, 0, -1);
    expect_render(w, "target=198.51.100.1&list=block&list=keyed", PROMTEXT_004,
                  HEAD("1") "rbl_ip_listed{group=\"fleet\",ip=\"198.51.100.1\",list=\"block\"} 0\n"
                            "rbl_ip_listed{group=\"\",ip=\"198.51.100.1\",list=\"keyed\"} 0\n");
    /* A group whose lists do not hold it counts for none. */
    ip = world_ip("203.0.113.1");
    assert_int_equal(checker_probe(w->checker, &ip, NULL, w->now_ns), STATUS_OK);
    told(w, BLOCK, "203.0.113.1", REGISTRY_NOT_LISTED, 0, -1);
    expect_render(w, "target=203.0.113.1&list=block", PROMTEXT_004,
                  HEAD("1") "rbl_ip_listed{group=\"\",ip=\"203.0.113.1\",list=\"block\"} 0\n");
}

/* /metrics keeps the verdict, with its age; a probe says what is known now. */
static void shows_nothing_of_a_list_that_cannot_be_believed(void **state) {
    struct world *w = *state;
    world_listed(w, BLOCK, "192.0.2.1", LOOK_WATCHED, 1);
    world_blind(w, BLOCK, HEALTH_REFUSED);
    expect_render(w, "target=192.0.2.1&list=block", PROMTEXT_004, HEAD("0"));
}

static void fails_without_memory(void **state) {
    struct world *w = *state;
    struct probe_question q;
    struct buf out;
    buf_init(&out, SIZE_MAX);
    assert_true(probe_read(&out, w->checker, "target=203.0.113.77", &q));
    const struct probe_answer answer = {.checker = w->checker, .question = &q};
    no_memory = true;
    probe_render(&out, PROMTEXT_004, &answer);
    no_memory = false;
    assert_int_equal(buf_status(&out), STATUS_NO_MEMORY);
    buf_release(&out);
    buf_init(&out, 500);
    probe_debug(&out, &answer);
    assert_int_equal(buf_status(&out), STATUS_FULL);
    buf_release(&out);
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_WORLD(reads_what_is_asked),
        IN_WORLD(refuses_what_is_no_question),
        cmocka_unit_test(says_that_no_list_is_of_the_family),
        cmocka_unit_test(takes_half_a_second_off_the_time),
        IN_WORLD(shows_what_each_list_has_told),
        IN_WORLD(no_data_is_conclusive),
        IN_WORLD(shows_each_group_that_has_the_address),
        IN_WORLD(shows_nothing_of_a_list_that_cannot_be_believed),
        IN_WORLD(fails_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
