/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/event.h"

#include <stdio.h>
#include <string.h>

static const char *const names[] = {"spam-source", "b", "c"};
static const struct list list = {.name = "block", .code_names = names, .n_code_names = 3};

static const struct {
    enum registry_change change;
    uint64_t codes;
    enum history_kind kind;
    const char *detail;
} changes[] = {
    {CHANGE_LISTED, 1, HISTORY_LISTED, "spam-source"},
    {CHANGE_LISTED, 1 | 4 | UINT64_C(1) << LIST_CODE_OTHER, HISTORY_LISTED, "spam-source,c,other"},
    {CHANGE_FIRST_LISTED, 2, HISTORY_FIRST_LISTED, "b"},
    {CHANGE_CODES, 6, HISTORY_CODES, "b,c"},
    {CHANGE_DELISTED, 0, HISTORY_DELISTED, ""},
};

static void tells_a_change_with_its_codes(void **state) {
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        const struct registry_event change = {
            .change = changes[i].change, .ip = ip_v4(0xc0000201), .codes = changes[i].codes, .at_ns = 99};
        struct history_event event;
        memset(&event, 0x55, sizeof event);
        event_of_change(&list, &change, &event);
        assert_int_equal(event.kind, changes[i].kind);
        assert_string_equal(event.detail, changes[i].detail);
        assert_string_equal(event.list, "block");
        assert_true(event.has_ip);
        assert_true(ip_equal(&event.ip, &change.ip));
        assert_int_equal(event.wall_ns, 0);
    }
}

static void leaves_out_codes_that_find_no_room(void **state) {
    static char texts[LIST_MAX_CODES][64];
    static const char *many_names[LIST_MAX_CODES];
    for (int i = 0; i < LIST_MAX_CODES; i++) {
        snprintf(texts[i], sizeof texts[i], "a-name-of-thirty-one-characters-%02d", i);
        many_names[i] = texts[i];
    }
    const struct list many = {.name = "many", .code_names = many_names, .n_code_names = LIST_MAX_CODES};
    const struct registry_event change = {.change = CHANGE_LISTED, .codes = UINT64_MAX};
    struct history_event event;
    event_of_change(&many, &change, &event);
    assert_string_equal(event.detail, "a-name-of-thirty-one-characters-00,a-name-of-thirty-one-characters-01,"
                                      "a-name-of-thirty-one-characters-02,a-name-of-thirty-one-characters-03,"
                                      "a-name-of-thirty-one-characters-04");
}

static void tells_a_state_with_its_reason(void **state) {
    const struct verdict refused = {.kind = VERDICT_UNKNOWN, .reason = REASON_BLOCKED_ANSWER};
    const struct verdict none = {.kind = VERDICT_LISTED, .reason = REASON_NONE};
    struct history_event event;
    event_of_state(&list, HEALTH_OK, HEALTH_REFUSED, &refused, &event);
    assert_int_equal(event.kind, HISTORY_STATE);
    assert_string_equal(event.detail, "ok refused blocked_answer");
    assert_false(event.has_ip);
    event_of_state(&list, HEALTH_REFUSED, HEALTH_OK, NULL, &event);
    assert_string_equal(event.detail, "refused ok");
    event_of_state(&list, HEALTH_OK, HEALTH_SILENT, &none, &event);
    assert_string_equal(event.detail, "ok silent");
}

static void tells_what_the_program_did(void **state) {
    struct history_event event;
    event_of_program(HISTORY_STARTED, "1.2.3", &event);
    assert_int_equal(event.kind, HISTORY_STARTED);
    assert_string_equal(event.detail, "1.2.3");
    assert_string_equal(event.list, "");
    assert_false(event.has_ip);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_a_change_with_its_codes),
        cmocka_unit_test(leaves_out_codes_that_find_no_room),
        cmocka_unit_test(tells_a_state_with_its_reason),
        cmocka_unit_test(tells_what_the_program_did),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
