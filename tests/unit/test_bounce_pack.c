/* SPDX-License-Identifier: Apache-2.0
 *
 * What one process has read of bounces and another takes over. That all that is read comes over whole is in
 * tests/fuzz/fuzz_bounce.c.
 */
/* LINK: -Wl,--wrap=calloc */
#include "core/bounce.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

static bool no_memory;

void *__real_calloc(size_t n, size_t size);

void *__wrap_calloc(size_t n, size_t size) {
    return no_memory ? NULL : __real_calloc(n, size);
}

static const struct mirror_name names[] = {{.name = "Senderscore"}, {.name = "Spamhaus ZEN"}};
static const struct mirrors mirrors = {.names = names, .n_names = 2};
static struct bounces found;
static struct bounces taken;
static struct buf bytes;

static int begin(void **state) {
    found = (struct bounces){.n = 2, .n_omitted = 3};
    found.items[0] = (struct bounce){.has_address = true,
                                     .address = ip_v4(0xc0000201),
                                     .receiver = "mx.example.net",
                                     .list = "Spamhaus ZEN",
                                     .zone = "zen.spamhaus.org",
                                     .code = 0x7f000002,
                                     .known = &names[1],
                                     .smtp_status = 554,
                                     .enhanced = "5.7.1",
                                     .kind = BOUNCE_LISTING,
                                     .high_risk_pool = true};
    found.items[1] = (struct bounce){.kind = BOUNCE_OTHER, .smtp_status = 421};
    taken.n = 77;
    buf_init(&bytes, 1 << 20);
    return 0;
}

static int end(void **state) {
    buf_release(&bytes);
    return 0;
}

static enum status take(void) {
    bounces_encode(&found, &mirrors, &bytes);
    assert_int_equal(buf_status(&bytes), STATUS_OK);
    return bounces_decode(bytes.data, bytes.len, &mirrors, &taken);
}

static void what_was_found_comes_over_whole(void **state) {
    assert_int_equal(take(), STATUS_OK);
    assert_int_equal(taken.n, 2);
    assert_int_equal(taken.n_omitted, 3);
    const struct bounce *b = &taken.items[0];
    assert_true(b->has_address && ip_equal(&b->address, &found.items[0].address));
    assert_string_equal(b->receiver, "mx.example.net");
    assert_string_equal(b->list, "Spamhaus ZEN");
    assert_string_equal(b->zone, "zen.spamhaus.org");
    assert_int_equal(b->code, 0x7f000002);
    assert_ptr_equal(b->known, &names[1]);
    assert_int_equal(b->smtp_status, 554);
    assert_string_equal(b->enhanced, "5.7.1");
    assert_int_equal(b->kind, BOUNCE_LISTING);
    assert_true(b->high_risk_pool);
    assert_false(taken.items[1].has_address);
    assert_null(taken.items[1].known);
    assert_int_equal(taken.items[1].kind, BOUNCE_OTHER);
    assert_int_equal(taken.items[1].smtp_status, 421);
}

static void every_part_of_the_bytes_is_refused_whole(void **state) {
    assert_int_equal(take(), STATUS_OK);
    taken.n = 77;
    for (size_t n = 0; n < bytes.len; n++) {
        char *exact = malloc(n + 1);
        assert_non_null(exact);
        memcpy(exact, bytes.data, n);
        assert_int_equal(bounces_decode(exact, n, &mirrors, &taken), STATUS_SYNTAX);
        free(exact);
    }
    buf_add_char(&bytes, 'x');
    assert_int_equal(bounces_decode(bytes.data, bytes.len, &mirrors, &taken), STATUS_SYNTAX);
    assert_int_equal(taken.n, 77);
}

static void what_no_reader_can_have_found_is_refused(void **state) {
    struct bounce *b = &found.items[0];
    const struct bounce good = *b;
    b->address = ip_v4(0x7f000001);
    assert_int_equal(take(), STATUS_SYNTAX);
    *b = good;
    b->code = 0x08080808;
    buf_clear(&bytes);
    assert_int_equal(take(), STATUS_SYNTAX);
    *b = good;
    b->smtp_status = 250;
    buf_clear(&bytes);
    assert_int_equal(take(), STATUS_SYNTAX);
    *b = good;
    b->receiver[2] = '\n';
    buf_clear(&bytes);
    assert_int_equal(take(), STATUS_SYNTAX);
    *b = good;
    b->kind = BOUNCE_KINDS;
    buf_clear(&bytes);
    assert_int_equal(take(), STATUS_SYNTAX);
    *b = good;
    b->known = &names[2];
    buf_clear(&bytes);
    assert_int_equal(take(), STATUS_SYNTAX);
    assert_int_equal(taken.n, 77);
}

static void without_memory_nothing_is_taken(void **state) {
    bounces_encode(&found, &mirrors, &bytes);
    no_memory = true;
    enum status status = bounces_decode(bytes.data, bytes.len, &mirrors, &taken);
    no_memory = false;
    assert_int_equal(status, STATUS_NO_MEMORY);
    assert_int_equal(taken.n, 77);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_found_comes_over_whole, begin, end),
        cmocka_unit_test_setup_teardown(every_part_of_the_bytes_is_refused_whole, begin, end),
        cmocka_unit_test_setup_teardown(what_no_reader_can_have_found_is_refused, begin, end),
        cmocka_unit_test_setup_teardown(without_memory_nothing_is_taken, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
