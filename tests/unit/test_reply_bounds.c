/* SPDX-License-Identifier: Apache-2.0
 *
 * No byte behind a message is read, whatever its lengths say: it lies in front of a page that nobody may
 * read. (Sanitizers see that as well; this one is there in every build.)
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/reply.h"
#include "wire.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static struct wire wire; /* 64 KB: not on the stack */
static struct reply reply;

struct guarded {
    uint8_t *memory;
    uint8_t *end; /* the first byte that cannot be read */
    size_t size;
};

static void guarded_init(struct guarded *g) {
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    g->size = (sizeof wire.bytes / page + 2) * page;
    g->memory = mmap(NULL, g->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(g->memory != MAP_FAILED);
    g->end = g->memory + g->size - page;
    assert_int_equal(mprotect(g->end, page, PROT_NONE), 0);
}

static void guarded_release(struct guarded *g) {
    assert_int_equal(munmap(g->memory, g->size), 0);
}

static enum reply_form read_at_end(const struct guarded *g, size_t len) {
    struct qname name;
    assert_int_equal(qname_from_zone(WIRE_NAME, strlen(WIRE_NAME), &name), STATUS_OK);
    const struct reply_question question = {.name = &name, .type = QUERY_A, .id = WIRE_ID};
    uint8_t *at = g->end - len;
    memcpy(at, wire.bytes, len);
    reply_read(at, len, &question, NULL, &reply);
    return reply.form;
}

/* Every prefix of an answer, and every answer whose one byte says more than there is. */
static void reads_no_byte_behind_the_message(void **state) {
    struct guarded g;
    guarded_init(&g);
    wire_from_text(&wire, "h:8580:1:1:0:0 q @12 A:127.0.0.2");
    const size_t len = wire.len;
    assert_int_equal(read_at_end(&g, len), REPLY_SOUND);
    for (size_t cut = 0; cut < len; cut++)
        assert_int_not_equal(read_at_end(&g, cut), REPLY_SOUND);
    for (size_t i = 0; i < len; i++) {
        for (unsigned value = 0; value < 256; value++) {
            uint8_t kept = wire.bytes[i];
            wire.bytes[i] = (uint8_t)value;
            (void)read_at_end(&g, len);
            wire.bytes[i] = kept;
        }
    }
    guarded_release(&g);
}

/* The last record says that it has four bytes of data, and has fewer. */
static void an_address_that_is_cut_off_is_not_read(void **state) {
    struct guarded g;
    guarded_init(&g);
    wire_from_text(&wire, "h:8580:1:1:0:0 q @12 A:127.0.0.2");
    for (size_t missing = 1; missing <= 4; missing++)
        assert_int_equal(read_at_end(&g, wire.len - missing), REPLY_BAD_RECORD);
    guarded_release(&g);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_no_byte_behind_the_message),
        cmocka_unit_test(an_address_that_is_cut_off_is_not_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
