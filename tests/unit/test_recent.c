/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/recent.h"

#include <string.h>

static const uint8_t *key_of(unsigned n) {
    static uint8_t key[RECENT_KEY_BYTES];
    memset(key, 0, sizeof key);
    memcpy(key + RECENT_KEY_BYTES - sizeof n, &n, sizeof n);
    return key;
}

static void remembers_what_was_added_and_nothing_else(void **state) {
    static struct recent set;
    assert_false(recent_has(&set, key_of(0)));
    for (unsigned i = 1; i <= RECENT_MOST; i++)
        recent_add(&set, key_of(i));
    for (unsigned i = 1; i <= RECENT_MOST; i++)
        assert_true(recent_has(&set, key_of(i)));
    assert_false(recent_has(&set, key_of(0)));
    assert_false(recent_has(&set, key_of(RECENT_MOST + 1)));
}

static void what_was_not_looked_for_longest_goes_first(void **state) {
    static struct recent set;
    for (unsigned i = 0; i < RECENT_MOST; i++)
        recent_add(&set, key_of(i));
    assert_true(recent_has(&set, key_of(0)));
    recent_add(&set, key_of(1)); /* again: as good as looked for */
    for (unsigned i = 0; i < RECENT_MOST - 2; i++)
        recent_add(&set, key_of(1000 + i));
    assert_true(recent_has(&set, key_of(0)));
    assert_true(recent_has(&set, key_of(1)));
    for (unsigned i = 2; i < RECENT_MOST; i++)
        assert_false(recent_has(&set, key_of(i)));
}

static void a_flood_leaves_what_is_in_use(void **state) {
    static struct recent set;
    recent_add(&set, key_of(7));
    for (unsigned i = 0; i < 100000; i++) {
        recent_add(&set, key_of(1000 + i));
        if (i % (RECENT_MOST - 1) == 0)
            assert_true(recent_has(&set, key_of(7)));
        assert_true(set.n <= RECENT_MOST);
    }
    assert_true(recent_has(&set, key_of(7)));
}

/* Every byte of a key counts. */
static void keys_that_differ_in_one_byte_are_two(void **state) {
    uint8_t key[RECENT_KEY_BYTES] = {0};
    for (size_t i = 0; i < sizeof key; i++) {
        struct recent set = {.n = 0};
        recent_add(&set, key);
        uint8_t other[RECENT_KEY_BYTES] = {0};
        other[i] = 1;
        assert_false(recent_has(&set, other));
        recent_add(&set, other);
        assert_int_equal(set.n, 2);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(remembers_what_was_added_and_nothing_else),
        cmocka_unit_test(what_was_not_looked_for_longest_goes_first),
        cmocka_unit_test(a_flood_leaves_what_is_in_use),
        cmocka_unit_test(keys_that_differ_in_one_byte_are_two),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
