/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as what was kept of senders: senders_decode(), with a sum that is right. Beside what the
 * sanitizers see: what is refused changes nothing, counts are those of the bits, no address is asked about
 * twice in one walk, and what was believed is written as it was read, but for times.
 */
#include "../unit/fixture.h"

#include "core/pack.h"
#include "core/senders.h"

#include <stdlib.h>

#define NOW (100 * DAY)
#define OFFSET (INT64_C(1767225600) * SECOND)
enum { SUM = 8, LEAST_CAP = 1 << 16, N_RANGES = 3 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void begin(struct fixture *f, struct senders **senders) {
    static const char *const patterns[] = {"*.outbound.example", "mail*"};
    fixture_init(f);
    (void)fixture_list(f, "bl", "bl.test");
    for (int i = 0; i < 2; i++) {
        struct group *group = fixture_group(f, i == 0 ? "a" : "b");
        group->only_ptr = patterns[i];
        fixture_range(f, group, i == 0 ? "198.18.0.0/26" : "198.18.0.32-198.18.0.95");
        if (i == 0)
            fixture_range(f, group, "2001:db8::/122");
    }
    enum status status = senders_new(fixture_targets(f), senders);
    assert(status == STATUS_OK);
}

static uint64_t count_all(const struct senders *s) {
    uint64_t known = 0;
    for (uint32_t range = 0; range < N_RANGES; range++) {
        struct senders_count count = {0, 0};
        bool any = senders_count(s, range, &count);
        assert(any && count.senders <= count.known && count.known <= 64);
        known += count.known;
    }
    return known;
}

/* What is kept of it is read back by another, which keeps the same. */
static void keep_again(const struct senders *s, const struct targets *targets) {
    struct senders *other = NULL;
    struct buf first;
    struct buf second;
    buf_init(&first, LEAST_CAP);
    buf_init(&second, LEAST_CAP);
    senders_encode(s, &first, OFFSET);
    enum status status = senders_new(targets, &other);
    assert(status == STATUS_OK && buf_status(&first) == STATUS_OK);
    status = senders_decode(other, first.data, first.len, NOW, OFFSET);
    assert(status == STATUS_OK);
    assert(count_all(other) == count_all(s));
    senders_encode(other, &second, OFFSET);
    assert(buf_status(&second) == STATUS_OK && second.len == first.len);
    senders_free(other);
    buf_release(&first);
    buf_release(&second);
}

static void walk(struct senders *s) {
    struct senders_question question;
    int64_t wake_ns = 0;
    unsigned n[SENDERS_WALKS] = {0};
    while (senders_next(s, NOW, &question, &wake_ns)) {
        (void)senders_answered(s, &question, SENDERS_NO_NAME, NULL, NOW);
        n[question.walk]++;
    }
    assert(wake_ns > NOW);
    assert(n[SENDERS_NEW] <= 160 && n[SENDERS_AGAIN] <= 160);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct fixture f;
    struct senders *s = NULL;
    uint8_t *sealed = malloc(size + SUM);
    if (sealed == NULL)
        return 0;
    memcpy(sealed, data, size);
    uint64_t sum = pack_hash(data, size);
    for (size_t i = 0; i < SUM; i++)
        sealed[size + i] = (uint8_t)(sum >> 8 * i);
    begin(&f, &s);
    if (senders_decode(s, sealed, size + SUM, NOW, OFFSET) != STATUS_OK)
        assert(count_all(s) == 0);
    keep_again(s, f.targets);
    walk(s);
    (void)count_all(s);
    senders_free(s);
    fixture_release(&f);
    free(sealed);
    return 0;
}
