/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/why.h"

#include <string.h>

/* Words are read by programs; two with one meaning would be told apart by nobody. States and verdicts share
 * theirs where they mean the same. */
static void every_reason_has_a_word(void **state) {
    for (unsigned a = WHY_NONE + 1; a < WHY_END; a++) {
        const char *word = why_text(a);
        assert_true(word[0] != '\0' && strspn(word, "abcdefghijklmnopqrstuvwxyz_") == strlen(word));
        for (unsigned b = WHY_NONE + 1; b < a && a < WHY_VERDICT; b++)
            assert_string_not_equal(word, why_text(b));
    }
    assert_string_equal(why_text(WHY_VERDICT + REASON_SERVFAIL), "servfail");
    assert_string_equal(why_text(WHY_STATE + HEALTH_WILDCARD), "wildcard");
    assert_string_equal(why_text(WHY_BUDGET), "budget");
    assert_string_equal(why_text(WHY_NOT_CHECKED), "not_checked");
}

static void every_reason_has_advice(void **state) {
    for (unsigned why = WHY_NONE + 1; why < WHY_END; why++) {
        const char *advice = why_advice(why);
        size_t len = strlen(advice);
        if (why == WHY_STATE + HEALTH_OK)
            assert_string_equal(advice, "");
        else if (len < 10 || advice[len - 1] != '.' || advice[0] < 'A' || advice[0] > 'Z')
            fail_msg("%s: '%s'", why_text(why), advice);
    }
    assert_string_equal(why_advice(WHY_NONE), "");
    assert_string_equal(why_advice(WHY_STATE + HEALTH_SILENT), health_state_advice[HEALTH_SILENT]);
}

/* The same in the middle of a sentence. */
static void every_reason_of_a_verdict_is_a_fact_and_what_to_do(void **state) {
    for (unsigned reason = 0; reason < REASON_LABELS; reason++) {
        const char *fact = why_fact((enum verdict_reason)reason);
        const char *advice = why_advice(WHY_VERDICT + reason);
        assert_true(fact[0] >= 'a' && fact[0] <= 'z' && fact[strlen(fact) - 1] != '.');
        assert_true(advice[0] == fact[0] - 'a' + 'A');
        if (strncmp(advice + 1, fact + 1, strlen(fact) - 1) != 0)
            fail_msg("'%s' is not what '%s' begins with", fact, advice);
    }
    assert_string_equal(why_fact(REASON_NONE), "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_reason_has_a_word),
        cmocka_unit_test(every_reason_has_advice),
        cmocka_unit_test(every_reason_of_a_verdict_is_a_fact_and_what_to_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
