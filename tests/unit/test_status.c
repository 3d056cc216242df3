/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/status.h"

#include <stdlib.h>
#include <string.h>

static void has_a_text_of_its_own_for_each_status(void **state) {
    for (int i = STATUS_OK; i <= STATUS_INVALID; i++) {
        assert_true(strlen(status_text((enum status)i)) > 0);
        for (int k = STATUS_OK; k < i; k++)
            assert_string_not_equal(status_text((enum status)i), status_text((enum status)k));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(has_a_text_of_its_own_for_each_status),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
