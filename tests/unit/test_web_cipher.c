/* SPDX-License-Identifier: Apache-2.0 */
#include "core/web_cipher.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

/* By https://www.iana.org/assignments/tls-parameters. */
static const struct {
    const char *name;
    uint16_t number;
} numbers[] = {
    {"TLS_RSA_WITH_RC4_128_SHA", 0x0005},
    {"TLS_RSA_WITH_3DES_EDE_CBC_SHA", 0x000a},
    {"TLS_RSA_WITH_AES_128_CBC_SHA", 0x002f},
    {"TLS_RSA_WITH_AES_256_CBC_SHA", 0x0035},
    {"TLS_RSA_WITH_AES_128_CBC_SHA256", 0x003c},
    {"TLS_RSA_WITH_AES_128_GCM_SHA256", 0x009c},
    {"TLS_RSA_WITH_AES_256_GCM_SHA384", 0x009d},
    {"TLS_AES_128_GCM_SHA256", 0x1301},
    {"TLS_AES_256_GCM_SHA384", 0x1302},
    {"TLS_CHACHA20_POLY1305_SHA256", 0x1303},
    {"TLS_ECDHE_ECDSA_WITH_RC4_128_SHA", 0xc007},
    {"TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", 0xc009},
    {"TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA", 0xc00a},
    {"TLS_ECDHE_RSA_WITH_RC4_128_SHA", 0xc011},
    {"TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA", 0xc012},
    {"TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", 0xc013},
    {"TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", 0xc014},
    {"TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256", 0xc023},
    {"TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256", 0xc027},
    {"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", 0xc02b},
    {"TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", 0xc02c},
    {"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", 0xc02f},
    {"TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", 0xc030},
    {"TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", 0xcca8},
    {"TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", 0xcca9},
};

static void every_suite_of_go_has_its_number(void **state) {
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        const struct web_cipher *cipher = web_cipher_find(numbers[i].name);
        if (!cipher || cipher->number != numbers[i].number)
            fail_msg("%s", numbers[i].name);
    }
}

static void suites_of_tls_1_3_have_no_parts_to_choose(void **state) {
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        const struct web_cipher *cipher = web_cipher_find(numbers[i].name);
        assert_non_null(cipher);
        assert_int_equal(cipher->tls13, cipher->number >> 8 == 0x13);
        assert_int_equal(cipher->kx && cipher->cipher && cipher->mac, !cipher->tls13);
    }
}

/* As `promtool check web-config` has it. */
static void those_that_go_calls_insecure_may_not_be_named(void **state) {
    unsigned n_known = 0;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        const char *name = numbers[i].name;
        bool insecure = strstr(name, "RC4") || strstr(name, "3DES") || strstr(name, "CBC_SHA256");
        if (web_cipher_known(name) == insecure)
            fail_msg("%s", name);
        n_known += web_cipher_known(name);
    }
    assert_int_equal(n_known, 17);
}

static void other_names_are_unknown(void **state) {
    static const char *const names[] = {
        "",
        "TLS_RSA_WITH_AES_128_CBC_SHA ",
        "tls_rsa_with_aes_128_cbc_sha",
        "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256",
        "ECDHE-RSA-AES128-GCM-SHA256",
        "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305",
        "TLS_FALLBACK_SCSV",
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (web_cipher_known(names[i]))
            fail_msg("\"%s\"", names[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_suite_of_go_has_its_number),
        cmocka_unit_test(suites_of_tls_1_3_have_no_parts_to_choose),
        cmocka_unit_test(those_that_go_calls_insecure_may_not_be_named),
        cmocka_unit_test(other_names_are_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
