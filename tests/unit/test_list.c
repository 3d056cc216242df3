/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/list.h"

#include <stdio.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define IP4(a, b, c, d) ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (uint32_t)(d))
#define ONE(a, b, c, d, n)                                                                                   \
    { .lo = IP4(a, b, c, d), .hi = IP4(a, b, c, d), .name = (n) }
#define SPAN(a, b, c, lo_, hi_, n)                                                                           \
    { .lo = IP4(a, b, c, lo_), .hi = IP4(a, b, c, hi_), .name = (n) }
#define BITS(a, b, c, mask_, n)                                                                              \
    { .lo = IP4(a, b, c, 1), .hi = IP4(a, b, c, 255), .mask = (mask_), .name = (n) }

static const struct list_answers refusals[] = {SPAN(127, 255, 255, 0, 255, 0)};

/* Any answer in 127/8. */
static const struct list plain = {.name = "plain", .refused = refusals, .n_refused = COUNT(refusals)};

/* ZEN: exact answers and a range. */
static const char *const zen_names[] = {"sbl", "css", "xbl", "drop"};
static const struct list_answers zen_codes[] = {ONE(127, 0, 0, 2, 0), ONE(127, 0, 0, 3, 1),
                                                SPAN(127, 0, 0, 4, 7, 2), ONE(127, 0, 0, 9, 3)};
static const struct list zen = {
    .name = "zen",
    .codes = zen_codes,
    .n_codes = COUNT(zen_codes),
    .code_names = zen_names,
    .n_code_names = COUNT(zen_names),
    .refused = refusals,
    .n_refused = COUNT(refusals),
};

/* SenderScore: bits of the last octet; bit 16 is left out, so that it has no name. */
static const char *const bit_names[] = {"bot", "na", "trap", "exact"};
static const struct list_answers bit_codes[] = {BITS(127, 0, 0, 1, 0), BITS(127, 0, 0, 2, 1),
                                                BITS(127, 0, 0, 12, 2)};
static const struct list bits = {
    .name = "bits",
    .codes = bit_codes,
    .n_codes = COUNT(bit_codes),
    .code_names = bit_names,
    .n_code_names = COUNT(bit_names),
    .refused = refusals,
    .n_refused = COUNT(refusals),
};

/* Masks beside an exact answer and CIDR of which one part has a narrower name. */
static const struct list_answers mixed_codes[] = {BITS(127, 0, 0, 3, 0), ONE(127, 0, 0, 3, 3),
                                                  SPAN(127, 0, 1, 0, 255, 1), SPAN(127, 0, 1, 8, 15, 2),
                                                  SPAN(127, 0, 1, 8, 15, 3)};
static const struct list mixed = {
    .name = "mixed",
    .codes = mixed_codes,
    .n_codes = COUNT(mixed_codes),
    .code_names = bit_names,
    .n_code_names = COUNT(bit_names),
    .refused = refusals,
    .n_refused = COUNT(refusals),
};

/* Hostkarma: white, yellow and "nobl" beside black and brown. */
static const char *const karma_names[] = {"black", "brown"};
static const struct list_answers karma_codes[] = {ONE(127, 0, 0, 2, 0), ONE(127, 0, 0, 4, 1)};
static const struct list_answers karma_ignored[] = {ONE(127, 0, 0, 1, 0), ONE(127, 0, 0, 3, 0),
                                                    ONE(127, 0, 0, 5, 0)};
static const struct list karma = {
    .name = "karma",
    .codes = karma_codes,
    .n_codes = COUNT(karma_codes),
    .code_names = karma_names,
    .n_code_names = COUNT(karma_names),
    .ignored = karma_ignored,
    .n_ignored = COUNT(karma_ignored),
    .refused = refusals,
    .n_refused = COUNT(refusals),
};

/* Ignored answers and no table. */
static const struct list karma_plain = {
    .name = "karma_plain", .ignored = karma_ignored, .n_ignored = COUNT(karma_ignored)};

/* URIBL: bit 1 is a refusal. */
static const struct list_answers uribl_refused[] = {BITS(127, 0, 0, 1, 0)};
static const struct list uribl = {
    .name = "uribl", .refused = uribl_refused, .n_refused = COUNT(uribl_refused)};

/* 127.0.0.1 as a class of its own. */
static const struct list_answers efnet_codes[] = {SPAN(127, 0, 0, 0, 5, 0)};
static const char *const efnet_names[] = {"class"};
static const struct list efnet = {
    .name = "efnet", .codes = efnet_codes, .n_codes = 1, .code_names = efnet_names, .n_code_names = 1};

static const char *const score_names[] = {"score"};
static const struct list_answers score_codes[] = {SPAN(127, 0, 4, 0, 100, 0)};
static const struct list score = {
    .name = "score",
    .kind = LIST_REPUTATION,
    .codes = score_codes,
    .n_codes = 1,
    .code_names = score_names,
    .n_code_names = 1,
    .refused = refusals,
    .n_refused = COUNT(refusals),
};
static const struct list score_plain = {.name = "score_plain", .kind = LIST_REPUTATION};

/* Answers, separated by spaces, and what they say: "listed NAME+NAME [score N]", "not listed", or why not and
 * the answer that decided. */
static const struct row {
    const struct list *list;
    const char *answers;
    const char *says;
} rows[] = {
    {&plain, "127.0.0.2", "listed other"},
    {&plain, "127.255.254.255", "listed other"},
    {&plain, "127.0.0.2 127.0.0.10", "listed other"},
    {&plain, "127.0.0.1", "broken 127.0.0.1"},
    {&plain, "127.0.0.0", "broken 127.0.0.0"},
    {&plain, "126.255.255.255", "broken 126.255.255.255"},
    {&plain, "128.0.0.0", "broken 128.0.0.0"},
    {&plain, "146.112.61.108", "broken 146.112.61.108"},
    {&plain, "127.255.255.254", "refused 127.255.255.254"},
    {&plain, "127.255.255.0", "refused 127.255.255.0"},
    {&plain, "127.0.0.2 127.0.0.3 127.255.255.255", "refused 127.255.255.255"},
    {&plain, "127.255.255.254 127.255.255.252", "refused 127.255.255.254"},
    {&plain, "127.255.255.254 10.0.0.1", "broken 10.0.0.1"},
    {&plain, "127.0.0.2 0.0.0.0", "broken 0.0.0.0"},
    {&zen, "127.0.0.2", "listed sbl"},
    {&zen, "127.0.0.4", "listed xbl"},
    {&zen, "127.0.0.7", "listed xbl"},
    {&zen, "127.0.0.8", "unknown code 127.0.0.8"},
    {&zen, "127.0.0.9 127.0.0.2 127.0.0.3", "listed sbl+css+drop"},
    {&zen, "127.0.0.2 127.0.0.8", "listed sbl+other"},
    {&zen, "127.0.0.8 127.0.0.30", "unknown code 127.0.0.8"},
    {&zen, "127.0.0.2 127.0.0.1", "broken 127.0.0.1"},
    {&zen, "127.0.0.8 127.255.255.252", "refused 127.255.255.252"},
    {&bits, "127.0.0.1", "listed bot"},
    {&bits, "127.0.0.3", "listed bot+na"},
    {&bits, "127.0.0.4", "listed trap"},
    {&bits, "127.0.0.8", "listed trap"},
    {&bits, "127.0.0.12", "listed trap"},
    {&bits, "127.0.0.18", "listed na+other"},
    {&bits, "127.0.0.16", "unknown code 127.0.0.16"},
    {&bits, "127.0.0.16 127.0.0.2", "listed na+other"},
    {&bits, "127.0.1.1", "unknown code 127.0.1.1"},
    {&bits, "127.0.0.0", "broken 127.0.0.0"},
    {&bits, "127.0.0.1 127.0.0.0", "broken 127.0.0.0"},
    {&mixed, "127.0.0.3", "listed exact"},
    {&mixed, "127.0.0.1", "listed bot"},
    {&mixed, "127.0.0.7", "listed bot+other"},
    {&mixed, "127.0.1.7", "listed na"},
    {&mixed, "127.0.1.8", "listed trap"},
    {&mixed, "127.0.0.3 127.0.0.2 127.0.1.16", "listed bot+na+exact"},
    {&karma, "127.0.0.1", "not listed"},
    {&karma, "127.0.0.1 127.0.0.3", "not listed"},
    {&karma, "127.0.0.3 127.0.0.2", "listed black"},
    {&karma, "127.0.0.3 127.0.0.6", "unknown code 127.0.0.6"},
    {&karma, "127.0.0.3 127.0.0.6 127.0.0.4", "listed brown+other"},
    {&karma, "127.0.0.3 127.255.255.254", "refused 127.255.255.254"},
    {&karma, "127.0.0.3 8.8.8.8", "broken 8.8.8.8"},
    {&karma_plain, "127.0.0.3", "not listed"},
    {&karma_plain, "127.0.0.3 127.0.0.7", "listed other"},
    {&uribl, "127.0.0.1", "refused 127.0.0.1"},
    {&uribl, "127.0.0.3", "refused 127.0.0.3"},
    {&uribl, "127.0.0.2", "listed other"},
    {&efnet, "127.0.0.1", "listed class"},
    {&efnet, "127.0.0.0", "broken 127.0.0.0"},
    {&score, "127.0.4.99", "listed score 99"},
    {&score, "127.0.4.0", "listed score 0"},
    {&score, "127.0.4.1", "listed score 1"},
    {&score, "127.0.4.100", "listed score 100"},
    {&score, "127.0.4.101", "unknown code 127.0.4.101"},
    {&score, "127.0.4.90 127.0.4.20 127.0.4.50", "listed score 20"},
    {&score, "127.0.4.90 127.0.4.255", "unknown code 127.0.4.255"},
    {&score, "127.0.5.10", "unknown code 127.0.5.10"},
    {&score, "127.0.4.90 127.0.5.10", "listed score+other 90"},
    {&score, "127.0.0.1", "broken 127.0.0.1"},
    {&score, "127.255.255.255", "refused 127.255.255.255"},
    {&score_plain, "127.0.4.70", "listed other 70"},
    {&score_plain, "127.0.4.200", "unknown code 127.0.4.200"},
};

static size_t parse_answers(const char *text, uint32_t *out) {
    size_t n = 0;
    int used;
    unsigned a, b, c, d;
    for (; sscanf(text, "%u.%u.%u.%u%n", &a, &b, &c, &d, &used) == 4; text += used)
        out[n++] = IP4(a, b, c, d);
    return n;
}

static void describe_codes(const struct list *list, uint64_t codes, char *out, size_t size) {
    for (unsigned bit = 0; bit < 64; bit++) {
        if ((codes >> bit & 1) == 0)
            continue;
        size_t used = strlen(out);
        snprintf(out + used, size - used, "%s%s", out[used - 1] == ' ' ? "" : "+", list_code_name(list, bit));
    }
}

static void describe(const struct list *list, const struct list_classified *says, char *out, size_t size) {
    static const char *const words[] = {[LIST_SAYS_LISTED] = "listed ",
                                        [LIST_SAYS_NOT_LISTED] = "not listed",
                                        [LIST_SAYS_REFUSED] = "refused",
                                        [LIST_SAYS_BROKEN] = "broken",
                                        [LIST_SAYS_UNKNOWN_CODE] = "unknown code"};
    snprintf(out, size, "%s", words[says->meaning]);
    describe_codes(list, says->codes, out, size);
    size_t used = strlen(out);
    if (says->score != -1)
        used += (size_t)snprintf(out + used, size - used, " %d", says->score);
    if (says->culprit != 0 || says->meaning >= LIST_SAYS_REFUSED)
        snprintf(out + used, size - used, " %u.%u.%u.%u", says->culprit >> 24, says->culprit >> 16 & 255,
                 says->culprit >> 8 & 255, says->culprit & 255);
}

static void says_what_the_tables_of_the_list_say(void **state) {
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint32_t answers[8];
        char text[200];
        size_t n = parse_answers(rows[i].answers, answers);
        struct list_classified says = list_classify(rows[i].list, answers, n);
        describe(rows[i].list, &says, text, sizeof text);
        if (strcmp(text, rows[i].says) != 0)
            fail_msg("%s: %s: said \"%s\", expected \"%s\"", rows[i].list->name, rows[i].answers, text,
                     rows[i].says);
    }
}

/* The order of records in an answer is the server's whim: only the culprit may depend on it. */
static void does_not_depend_on_the_order_of_the_answers(void **state) {
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint32_t answers[8];
        uint32_t turned[8];
        size_t n = parse_answers(rows[i].answers, answers);
        for (size_t k = 0; k < n; k++)
            turned[k] = answers[n - 1 - k];
        struct list_classified a = list_classify(rows[i].list, answers, n);
        struct list_classified b = list_classify(rows[i].list, turned, n);
        if (a.meaning != b.meaning || a.codes != b.codes || a.score != b.score)
            fail_msg("%s: %s: means something else backwards", rows[i].list->name, rows[i].answers);
    }
}

static void finds_a_refusal_that_is_the_last_of_four_thousand(void **state) {
    static uint32_t answers[4000];
    for (size_t i = 0; i < COUNT(answers); i++)
        answers[i] = IP4(127, 0, 0, 2);
    assert_int_equal(list_classify(&plain, answers, COUNT(answers)).meaning, LIST_SAYS_LISTED);
    answers[COUNT(answers) - 1] = IP4(127, 255, 255, 254);
    struct list_classified says = list_classify(&plain, answers, COUNT(answers));
    assert_int_equal(says.meaning, LIST_SAYS_REFUSED);
    assert_int_equal(says.culprit, IP4(127, 255, 255, 254));
}

static void has_room_for_sixty_three_names_beside_the_one_for_others(void **state) {
    const struct list_answers last[] = {ONE(127, 0, 0, 2, LIST_MAX_CODES - 1)};
    const char *names[LIST_MAX_CODES] = {[LIST_MAX_CODES - 1] = "last"};
    const struct list list = {
        .codes = last, .n_codes = 1, .code_names = names, .n_code_names = LIST_MAX_CODES};
    struct list_classified says = list_classify(&list, (uint32_t[]){IP4(127, 0, 0, 2), IP4(127, 0, 0, 3)}, 2);
    assert_true(says.codes == (UINT64_C(1) << 62 | UINT64_C(1) << LIST_CODE_OTHER));
    assert_string_equal(list_code_name(&list, 62), "last");
    assert_string_equal(list_code_name(&list, LIST_CODE_OTHER), "other");
}

static void has_a_word_for_every_kind_and_tier(void **state) {
    assert_string_equal(list_kind_text[LIST_BLOCK], "blocklist");
    assert_string_equal(list_kind_text[LIST_REPUTATION], "reputation");
    assert_string_equal(list_kind_text[LIST_ALLOW], "allowlist");
    assert_string_equal(list_tier_text[LIST_PAGE], "page");
    assert_string_equal(list_tier_text[LIST_WARN], "warn");
    assert_string_equal(list_tier_text[LIST_INFO], "info");
}

static void a_list_is_known_again_by_name_or_after_a_rename(void **state) {
    static const struct list_identity before[] = {{"zen", "zen.example.net", LIST_BLOCK},
                                                  {"old", "bl.example.net", LIST_BLOCK},
                                                  {"score", "s.example.net", LIST_REPUTATION},
                                                  {"twin_a", "twin.example.net", LIST_BLOCK},
                                                  {"twin_b", "twin.example.net", LIST_BLOCK}};
    static const struct {
        struct list_identity now;
        size_t was;
    } known[] = {
        {{"zen", "zen.example.net", LIST_BLOCK}, 0},
        {{"zen", "ZEN.example.net", LIST_BLOCK}, 0},
        {{"zen", "other.example.net", LIST_BLOCK}, SIZE_MAX}, /* another list under an old name */
        {{"zen", "zen.example.net", LIST_ALLOW}, SIZE_MAX},
        {{"new", "bl.example.net", LIST_BLOCK}, 1}, /* renamed */
        {{"new", "bl.example.net", LIST_REPUTATION}, SIZE_MAX},
        {{"new", "zen.example.net", LIST_BLOCK}, 0},
        {{"new", "twin.example.net", LIST_BLOCK}, SIZE_MAX}, /* which of the two? */
        {{"twin_a", "twin.example.net", LIST_BLOCK}, 3},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (list_before(&known[i].now, 1, 0, before, 5) != known[i].was)
            fail_msg("row %zu: %s is taken for another list", i, known[i].now.name);
    /* Not renamed: the old one is still there. */
    const struct list_identity both[] = {{"zen", "zen.example.net", LIST_BLOCK},
                                         {"zen2", "zen.example.net", LIST_BLOCK}};
    assert_int_equal(list_before(both, 2, 1, before, 5), SIZE_MAX);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_what_the_tables_of_the_list_say),
        cmocka_unit_test(does_not_depend_on_the_order_of_the_answers),
        cmocka_unit_test(finds_a_refusal_that_is_the_last_of_four_thousand),
        cmocka_unit_test(has_room_for_sixty_three_names_beside_the_one_for_others),
        cmocka_unit_test(has_a_word_for_every_kind_and_tier),
        cmocka_unit_test(a_list_is_known_again_by_name_or_after_a_rename),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
