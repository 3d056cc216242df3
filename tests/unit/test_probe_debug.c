/* SPDX-License-Identifier: Apache-2.0
 *
 * /probe with debug=true: every line of it; and what is kept for it of queries.
 */
/* LINK: -Wl,--wrap=realloc */
#include "core/checker_probe.h"
#include "core/checker_probe_internal.h"
#include "core/probe.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "world.h"

#include <stdlib.h>

static bool no_memory;

void *__real_realloc(void *old, size_t size);
void *__wrap_realloc(void *old, size_t size);

void *__wrap_realloc(void *old, size_t size) {
    return no_memory ? NULL : __real_realloc(old, size);
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

static struct checker_pair *pair_of(const struct world *w, uint32_t list, const char *ip) {
    struct ip address = world_ip(ip);
    return &checker_probe_find(w->checker, &address)->pairs[list];
}

static void told(const struct world *w, uint32_t list, const char *ip, enum registry_verdict verdict,
                 unsigned why) {
    struct checker_pair *pair = pair_of(w, list, ip);
    checker_pair_end(pair, why, w->now_ns);
    pair->verdict = (uint8_t)verdict;
}

/* A query about the address has come back. */
static void saw(const struct world *w, uint32_t list, const char *ip, bool is_txt,
                const struct probe_look *look) {
    struct ip address = world_ip(ip);
    const struct checker_probe *probe = checker_probe_find(w->checker, &address);
    const struct plan_item item = {.purpose = is_txt ? PLAN_PROBE_TXT : PLAN_PROBE,
                                   .index = probe->number,
                                   .ring = probe->pairs[list].question};
    struct probe_look full = *look;
    full.is_txt = is_txt;
    full.server = (struct endpoint){.ip = ip_v4(0x7f000001), .port = 53};
    full.took_us = look->took_us > 0 ? look->took_us : 1500;
    full.at_ns = w->now_ns;
    checker_probe_saw(w->checker, list, &item, &full);
    probe->pairs[list].sent = true;
}

static struct buf debug_of(struct world *w, const char *query, int64_t began_ns) {
    struct probe_question q;
    struct buf out;
    buf_init(&out, SIZE_MAX);
    assert_true(probe_read(&out, w->checker, query, &q));
    const struct probe_answer answer = {.checker = w->checker,
                                        .question = &q,
                                        .began_ns = began_ns,
                                        .allowed_ns = SECOND,
                                        .now_ns = w->now_ns};
    probe_debug(&out, &answer);
    assert_int_equal(buf_status(&out), STATUS_OK);
    return out;
}

/* The log alone must be this. */
static void expect_log(struct world *w, const char *query, int64_t began_ns, const char *expected) {
    struct buf out = debug_of(w, query, began_ns);
    char *end = strstr(buf_text(&out), "\n\n\nMetrics that would have been returned:\n# HELP probe_success ");
    assert_non_null(end);
    *end = '\0';
    assert_string_equal(buf_text(&out), expected);
    buf_release(&out);
}

static void probe(struct world *w, const char *ip) {
    struct ip address = world_ip(ip);
    assert_int_equal(checker_probe(w->checker, &address, NULL, w->now_ns), STATUS_OK);
}

static void tells_a_listing_from_its_first_query_to_its_reason(void **state) {
    struct world *w = *state;
    const int64_t began_ns = w->now_ns;
    probe(w, "203.0.113.77");
    w->now_ns += SECOND / 4;
    saw(w, BLOCK, "203.0.113.77", false,
        &(struct probe_look){.verdict = VERDICT_LISTED,
                             .reason = REASON_NONE,
                             .n_addresses = 2,
                             .addresses = {0x7f000002, 0x7f00000a}});
    w->now_ns += SECOND;
    saw(w, BLOCK, "203.0.113.77", false,
        &(struct probe_look){.verdict = VERDICT_LISTED,
                             .reason = REASON_NONE,
                             .n_addresses = 300,
                             .addresses = {0x7f000002, 0x7f000002, 0x7f000002, 0x7f000002, 0x7f000002,
                                           0x7f000002, 0x7f000002, 0x7f000002}});
    told(w, BLOCK, "203.0.113.77", REGISTRY_LISTED, WHY_NONE);
    struct checker_pair *pair = pair_of(w, BLOCK, "203.0.113.77");
    pair->codes = UINT64_C(1) << LIST_CODE_OTHER | 1;
    pair->txt = strdup("say \"no\" \\");
    saw(w, BLOCK, "203.0.113.77", true,
        &(struct probe_look){
            .form = REPLY_TRUNCATED, .verdict = VERDICT_UNKNOWN, .reason = REASON_NONE, .took_us = 500});
    saw(w, BLOCK, "203.0.113.77", true,
        &(struct probe_look){.has_txt = true, .is_tcp = true, .took_us = 2000000});
    struct health *health = &w->checker->lists[BLOCK].tracks[0].health[IP_V4];
    *health = (struct health){.tested = true, .running = true, .ended_ns = began_ns - SECOND};
    expect_log(w, "target=203.0.113.77&list=block", began_ns,
               "Logs for the probe:\n"
               "target 203.0.113.77: not configured, asked of 1 list, at most 1.000 s\n"
               "list block: blocklist, state ok, asked for 77.113.0.203.bl.example.net\n"
               "list block: self-test by 127.0.0.1:53: right, ended 2.250 s ago; one is running\n"
               "list block: budget of 300,000 queries in 1d, of which 0 are spent\n"
               "list block: +0.250 s A, 127.0.0.1:53: NOERROR 127.0.0.2, 127.0.0.10, took 1.5 ms: listed\n"
               "list block: +1.250 s A, 127.0.0.1:53: NOERROR 127.0.0.2, 127.0.0.2, 127.0.0.2, 127.0.0.2, "
               "127.0.0.2, 127.0.0.2, 127.0.0.2, 127.0.0.2, ... (300 addresses), took 1.5 ms: listed\n"
               "list block: +1.250 s TXT, 127.0.0.1:53: a truncated answer, took 0.5 ms: asked again over "
               "TCP\n"
               "list block: +1.250 s TXT over TCP, 127.0.0.1:53: a reason, took 2000.0 ms\n"
               "list block: verdict: listed (spam-source, other), reason \"say \\\"no\\\" \\\\\"\n"
               "probe succeeded: 1 of 1 verdicts after 1.250 s\n");
}

/* One look of each kind; and a key that nobody may see. */
static void tells_what_came_in_place_of_a_verdict(void **state) {
    struct world *w = *state;
    static const struct probe_look looks[] = {
        {.outcome = CHECKER_TIMEOUT, .verdict = VERDICT_UNKNOWN, .reason = REASON_TIMEOUT},
        {.outcome = CHECKER_NETWORK, .verdict = VERDICT_UNKNOWN, .reason = REASON_NETWORK},
        {.form = REPLY_TRUNCATED, .verdict = VERDICT_UNKNOWN, .reason = REASON_NONE},
        {.is_tcp = true,
         .form = REPLY_TRUNCATED,
         .verdict = VERDICT_UNKNOWN,
         .reason = REASON_INVALID_ANSWER,
         .detail = DETAIL_TRUNCATED},
        {.rcode = 5, .verdict = VERDICT_UNKNOWN, .reason = REASON_REFUSED},
        {.rcode = 16, .verdict = VERDICT_UNKNOWN, .reason = REASON_INVALID_ANSWER, .detail = DETAIL_RCODE},
        {.rcode = 3, .verdict = VERDICT_NOT_LISTED, .reason = REASON_NONE},
        {.form = REPLY_BAD_NAME,
         .verdict = VERDICT_UNKNOWN,
         .reason = REASON_INVALID_ANSWER,
         .detail = DETAIL_MALFORMED},
    };
    probe(w, "203.0.113.77");
    for (size_t i = 0; i < sizeof looks / sizeof *looks; i++)
        saw(w, KEYED, "203.0.113.77", false, &looks[i]);
    saw(w, KEYED, "203.0.113.77", false, &looks[0]); /* more than are kept */
    told(w, KEYED, "203.0.113.77", REGISTRY_UNKNOWN, WHY_VERDICT + REASON_INVALID_ANSWER);
    expect_log(w, "list=keyed&target=203.0.113.77", w->now_ns,
               "Logs for the probe:\n"
               "target 203.0.113.77: not configured, asked of 1 list, at most 1.000 s\n"
               "list keyed: blocklist, state ok, asked for 77.113.0.203.{key}.bl.example.org\n"
               "list keyed: self-test by 127.0.0.1:53: none has ended yet\n"
               "list keyed: +0.000 s A, 127.0.0.1:53: no answer came in time\n"
               "list keyed: +0.000 s A, 127.0.0.1:53: the query could not be sent, or the connection was "
               "refused\n"
               "list keyed: +0.000 s A, 127.0.0.1:53: a truncated answer, took 1.5 ms: asked again over TCP\n"
               "list keyed: +0.000 s A over TCP, 127.0.0.1:53: a truncated answer, took 1.5 ms: unknown "
               "(invalid_answer: truncated even over TCP)\n"
               "list keyed: +0.000 s A, 127.0.0.1:53: REFUSED, took 1.5 ms: unknown (refused)\n"
               "list keyed: +0.000 s A, 127.0.0.1:53: rcode 16, took 1.5 ms: unknown (invalid_answer: "
               "unexpected response code)\n"
               "list keyed: +0.000 s A, 127.0.0.1:53: NXDOMAIN, took 1.5 ms: not listed\n"
               "list keyed: +0.000 s A, 127.0.0.1:53: a message with a broken name, took 1.5 ms: unknown "
               "(invalid_answer: malformed message)\n"
               "list keyed: there were more queries than are kept\n"
               "list keyed: verdict: unknown (invalid_answer): An answer came that proves nothing. Ask again "
               "later.\n"
               "probe failed: 0 of 1 verdicts after 0.000 s\n");
}

static void tells_why_nothing_was_asked(void **state) {
    struct world *w = *state;
    probe(w, "203.0.113.77");
    told(w, BLOCK, "203.0.113.77", REGISTRY_UNKNOWN, WHY_BUDGET);
    world_blind(w, KEYED, HEALTH_REFUSED);
    told(w, KEYED, "203.0.113.77", REGISTRY_UNKNOWN, WHY_STATE + HEALTH_REFUSED);
    pair_of(w, ALLOW, "203.0.113.77")->sent = true;
    told(w, SCORE, "203.0.113.77", REGISTRY_LISTED, WHY_NONE);
    pair_of(w, SCORE, "203.0.113.77")->score = 35;
    w->now_ns += 10 * SECOND;
    struct buf out = debug_of(w, "target=203.0.113.77", w->now_ns - SECOND);
    static const char *const texts[] = {
        "asked of 4 lists",
        "list block: no query was sent\n",
        "list block: verdict: unknown (budget): The rate or the quota of the list lets no query pass in time",
        "list keyed: blocklist, state refused, ",
        "list keyed: no query was sent\n",
        "list keyed: verdict: unknown (refused): ",
        "list allow: a query was sent and not answered\n",
        "list allow: verdict: unknown (timeout): It took too long.",
        "list score: no query was sent: the exporter itself had asked within the last minute\n",
        "list score: verdict: listed, score 35; it was known 9.000 s before: a list is not asked again "
        "within",
        "probe failed: 1 of 4 verdicts after 1.000 s\n",
        "\n\n\n\nMetrics that would have been returned:\n# HELP probe_success ",
        "\nprobe_success 0\n",
        "\nrbl_ip_reputation_score{group=\"\",ip=\"203.0.113.77\",list=\"score\"} 35\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (strstr(buf_text(&out), texts[i]) == NULL)
            fail_msg("%s is not in %s", texts[i], buf_text(&out));
    buf_release(&out);
}

static void tells_of_a_configured_address_and_of_ipv6(void **state) {
    struct world *w = *state;
    probe(w, "2001:db8::1");
    struct buf out = debug_of(w, "target=2001:db8::1", w->now_ns);
    assert_non_null(strstr(buf_text(&out), "target 2001:db8::1: configured, asked of 1 list,"));
    assert_non_null(strstr(buf_text(&out),
                           "asked for 1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0."
                           "1.0.0.2.bl.example.net\n"));
    buf_release(&out);
}

/* ---- what is kept ---- */

static size_t n_kept(const struct world *w, uint32_t list, const char *ip, bool *more) {
    const struct probe_look *looks;
    struct ip address = world_ip(ip);
    return checker_probe_looks(w->checker, list, &address, &looks, more);
}

static void keeps_no_more_than_there_is_room_for(void **state) {
    struct world *w = *state;
    static const struct probe_look look = {.verdict = VERDICT_NOT_LISTED};
    bool more;
    assert_int_equal(n_kept(w, BLOCK, "203.0.113.77", &more), 0);
    assert_false(more);
    probe(w, "203.0.113.77");
    no_memory = true;
    saw(w, BLOCK, "203.0.113.77", false, &look);
    no_memory = false;
    assert_int_equal(n_kept(w, BLOCK, "203.0.113.77", &more), 0);
    assert_true(more);
    for (int i = 0; i < PROBE_LOOKS; i++)
        saw(w, SCORE, "203.0.113.77", false, &look);
    assert_int_equal(n_kept(w, SCORE, "203.0.113.77", &more), PROBE_LOOKS);
    assert_false(more);
    saw(w, SCORE, "203.0.113.77", false, &look);
    assert_int_equal(n_kept(w, SCORE, "203.0.113.77", &more), PROBE_LOOKS);
    assert_true(more);
    assert_int_equal(w->checker->probes->n_looks, PROBE_LOOKS);
    w->checker->probes->n_looks = PROBE_LOOKS_ALL;
    saw(w, ALLOW, "203.0.113.77", false, &look);
    assert_int_equal(n_kept(w, ALLOW, "203.0.113.77", &more), 0);
    assert_true(more);
    w->checker->probes->n_looks = PROBE_LOOKS;
}

/* An answer to an earlier question of the probe, and a self-test with its number, are not of it. */
static void keeps_what_is_of_the_probe_alone(void **state) {
    struct world *w = *state;
    bool more;
    probe(w, "203.0.113.77");
    struct ip address = world_ip("203.0.113.77");
    const struct checker_probe *found = checker_probe_find(w->checker, &address);
    const struct probe_look look = {.verdict = VERDICT_LISTED};
    const struct plan_item items[] = {
        {.purpose = PLAN_PROBE, .index = found->number, .ring = (uint16_t)(found->pairs[BLOCK].question + 1)},
        {.purpose = PLAN_SELF_TEST, .index = found->number, .ring = found->pairs[BLOCK].question},
        {.purpose = PLAN_WATCHED, .index = 0},
    };
    for (size_t i = 0; i < sizeof items / sizeof *items; i++)
        checker_probe_saw(w->checker, BLOCK, &items[i], &look);
    assert_int_equal(n_kept(w, BLOCK, "203.0.113.77", &more), 0);
    /* Of a target, whoever asked. */
    probe(w, "192.0.2.1");
    const struct plan_item of_target = {.purpose = PLAN_WATCHED,
                                        .index = pair_of(w, BLOCK, "192.0.2.1")->index};
    checker_probe_saw(w->checker, BLOCK, &of_target, &look);
    assert_int_equal(n_kept(w, BLOCK, "192.0.2.1", &more), 1);
    assert_int_equal(n_kept(w, KEYED, "192.0.2.1", &more), 0);
    told(w, BLOCK, "192.0.2.1", REGISTRY_LISTED, WHY_NONE);
    checker_probe_saw(w->checker, BLOCK, &of_target, &look);
    assert_int_equal(n_kept(w, BLOCK, "192.0.2.1", &more), 1);
    /* Asked again, it is forgotten, ... */
    w->now_ns += PROBE_NS;
    (void)checker_turn(w->checker, w->now_ns); /* the other lists end */
    w->now_ns += PROBE_KEPT_NS - 1;
    probe(w, "192.0.2.1");
    assert_true(checker_pair_is_open(pair_of(w, BLOCK, "192.0.2.1")));
    assert_int_equal(n_kept(w, BLOCK, "192.0.2.1", &more), 0);
    assert_int_equal(w->checker->probes->n_looks, 0);
    checker_probe_saw(w->checker, BLOCK, &of_target, &look);
    assert_int_equal(n_kept(w, BLOCK, "192.0.2.1", &more), 1);
    /* ... and with the whole probe. */
    w->now_ns += PROBE_KEPT_NS + PROBE_NS;
    (void)checker_turn(w->checker, w->now_ns);
    w->now_ns += PROBE_KEPT_NS;
    probe(w, "192.0.2.1");
    assert_int_equal(n_kept(w, BLOCK, "192.0.2.1", &more), 0);
    assert_int_equal(w->checker->probes->n_looks, 0);
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_WORLD(tells_a_listing_from_its_first_query_to_its_reason),
        IN_WORLD(tells_what_came_in_place_of_a_verdict),
        IN_WORLD(tells_why_nothing_was_asked),
        IN_WORLD(tells_of_a_configured_address_and_of_ipv6),
        IN_WORLD(keeps_no_more_than_there_is_room_for),
        IN_WORLD(keeps_what_is_of_the_probe_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
