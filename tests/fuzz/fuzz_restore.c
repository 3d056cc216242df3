/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as what a store has kept: restore_record() and restore_end(). The input is a row of records, each
 * of five bytes (kind, list, number, and the length of its data in two) and its data. Beside what the
 * sanitizers see: whatever a store says, a checker that was restored from it turns, asks within its budgets,
 * and can be kept again.
 */
#include "../unit/world.h"

#include "core/restore.h"
#include "core/save.h"

#include <assert.h>
#include <string.h>

#define LATER (90000 * SECOND)
#define LATER_OFFSET (WORLD_OFFSET + WORLD_START + 10 * SECOND - LATER)
enum { HEAD = 5, ASKS = 16, SAVES = 5 }; /* keeping all is what takes time: only in every fifth turn */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool take(void *context, const struct record *record, uint64_t ticket) {
    (void)context;
    (void)ticket;
    assert(record->len < RECORD_SIZE);
    return true;
}

static void give(struct restore *restore, const uint8_t *data, size_t size) {
    static const char *const names[] = {"block", "score", "allow", "off", "keyed", "shared", "gone"};
    while (size >= HEAD) {
        size_t len = (size_t)data[3] << 8 | data[4];
        len = len < size - HEAD ? len : size - HEAD;
        struct record record = {.kind = (enum record_kind)(data[0] % RECORD_KINDS),
                                .list = names[data[1] % (sizeof names / sizeof *names)],
                                .generation = 1,
                                .number = data[2],
                                .ip = ip_v4(0xc0000200 | data[2]),
                                .data = data + HEAD,
                                .len = len};
        if (restore_record(restore, &record) == STATUS_NO_MEMORY)
            return;
        data += HEAD + len;
        size -= HEAD + len;
    }
}

/* It goes on, and nothing that it asks is beyond its allowance. */
static void live_on(struct checker *c) {
    struct checker_ask ask;
    struct save *save = save_new(false, NULL, 0, take, NULL);
    assert(save != NULL && save_use(save, c, LATER) == STATUS_OK);
    for (int64_t now_ns = LATER; now_ns < LATER + 20 * SECOND; now_ns += SECOND) {
        checker_turn(c, now_ns);
        if ((now_ns - LATER) / SECOND % SAVES == 0)
            save_turn(save, now_ns, LATER_OFFSET);
        for (int i = 0; i < ASKS && checker_next(c, 1, now_ns, &ask); i++)
            checker_reply(c, ask.cookie, CHECKER_TIMEOUT, NULL, 0, SECOND, now_ns);
    }
    assert(save_end(save, LATER + 20 * SECOND, LATER_OFFSET));
    save_free(save);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const struct checker_watch watch = {.changed = world_ignore_change, .state = world_ignore_state};
    static struct settings settings;
    static struct targets *targets;
    if (targets == NULL) {
        settings = world_settings();
        enum status built = targets_build(&settings, &targets);
        assert(built == STATUS_OK);
    }
    const struct endpoint resolver = {.ip = ip_v4(0x7f000001), .port = 53};
    struct checker *c = NULL;
    enum status status = checker_new(targets, &resolver, 1, registry_epoch(LATER), 1, &watch, LATER, &c);
    assert(status == STATUS_OK);
    struct restore *restore = restore_new(c, LATER, LATER_OFFSET);
    assert(restore != NULL);
    give(restore, data, size);
    if (restore_end(restore, LATER + LATER_OFFSET - SECOND, (size & 1) != 0) == STATUS_OK)
        live_on(c);
    restore_free(restore);
    checker_free(c);
    return 0;
}
