/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as what a store has kept of bounced addresses, and as what a process has read of bounces
 * (bounced_decode(), bounces_decode()). Beside what the sanitizers see: what is taken keeps the rules of its
 * table, and is the same when it is written and read again.
 */
#include "core/bounce.h"
#include "core/bounced.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOW (INT64_C(1800000000) * 1000000000)
#define KEEP (INT64_C(7) * 86400 * 1000000000)
enum { LIMIT = 8 };

static const struct mirror_name names[] = {{.name = "Senderscore"}, {.name = "Spamhaus"}};
static const struct mirrors mirrors = {.names = names, .n_names = 2};

static void check_table(const struct bounced *b) {
    assert(bounced_count(b) <= LIMIT);
    for (size_t i = 0; i < bounced_count(b); i++) {
        const struct bounced_address *a = bounced_get(b, i);
        assert(i == 0 || ip_compare(&bounced_get(b, i - 1)->ip, &a->ip) < 0);
        assert(ip_special(&a->ip) == NULL && a->n > 0 && a->first_ns <= a->last_ns);
        assert(a->last_ns <= NOW && a->last_ns > NOW - KEEP);
    }
}

static void read_table(const uint8_t *data, size_t size) {
    struct bounced *one = bounced_new(KEEP, LIMIT);
    struct bounced *other = bounced_new(KEEP, LIMIT);
    struct buf bytes;
    struct buf again;
    assert(one != NULL && other != NULL);
    buf_init(&bytes, 1 << 20);
    buf_init(&again, 1 << 20);
    if (bounced_decode(one, data, size, NOW) == STATUS_OK) {
        check_table(one);
        bounced_encode(one, &bytes);
        enum status status = bounced_decode(other, bytes.data, bytes.len, NOW);
        assert(status == STATUS_OK);
        bounced_encode(other, &again);
        assert(again.len == bytes.len && memcmp(again.data, bytes.data, bytes.len) == 0);
    } else {
        assert(bounced_count(one) == 0);
    }
    buf_release(&bytes);
    buf_release(&again);
    bounced_free(one);
    bounced_free(other);
}

static void read_bounces(const uint8_t *data, size_t size) {
    static struct bounces bounces;
    struct buf bytes;
    bounces.n = SIZE_MAX;
    if (bounces_decode(data, size, &mirrors, &bounces) != STATUS_OK) {
        assert(bounces.n == SIZE_MAX);
        return;
    }
    buf_init(&bytes, 1 << 20);
    assert(bounces.n <= BOUNCES_MOST);
    bounces_encode(&bounces, &mirrors, &bytes);
    assert(bytes.len == size && memcmp(bytes.data, data, size) == 0);
    buf_release(&bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    read_table(data, size);
    read_bounces(data, size);
    return 0;
}
