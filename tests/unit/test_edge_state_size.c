/* SPDX-License-Identifier: Apache-2.0
 *
 * The size that is promised: 262,144 addresses on 20 lists, and 100,000 events, in less than 64 MiB.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "state_fixture.h"

enum {
    ADDRESSES = 262144,
    LISTS = 20,
    CHUNKS = ADDRESSES / RECORD_CHUNK,
    CELLS_BYTES = 10 + RECORD_CHUNK * 5, /* as core/save writes them */
    LOOKS_BYTES = 36864,                 /* 4,096 looks of nine bytes */
    LOOKS = (ADDRESSES * 2 + 65536) / LOOKS_BYTES + 1,
    EVENTS = 100000,
    LIMIT = 64 << 20,
};

static uint8_t noise[RECORD_CHUNK * 6];
static off_t most; /* of all files of the store together */

static void watch_size(const struct world *w) {
    DIR *folder = opendir(w->path);
    assert_non_null(folder);
    off_t total = 0;
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        struct stat about;
        if (fstatat(dirfd(folder), entry->d_name, &about, 0) == 0 && S_ISREG(about.st_mode))
            total += about.st_size;
    }
    closedir(folder);
    if (total > most)
        most = total;
}

static void put_bytes(struct world *w, enum record_kind kind, const char *list, uint32_t generation,
                      uint32_t number, size_t len) {
    const struct record record = {.kind = kind,
                                  .list = list,
                                  .generation = generation,
                                  .number = number,
                                  .data = len > 0 ? noise + number : NULL,
                                  .len = len};
    assert_true(state_put(w->s, &record, 0));
}

/* Everything of all lists, as after a full-speed sweep in which looks have just grown to where a fold begins.
 */
static void put_lists(struct world *w, uint32_t generation) {
    for (int i = 0; i < LISTS; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "list_%d", i);
        put_bytes(w, RECORD_LIST, name, 0, 0, 2000);
        put_bytes(w, RECORD_LAYOUT, name, generation, 0, 120);
        put_bytes(w, RECORD_FOLD, name, generation, 0, 0);
        for (uint32_t chunk = 0; chunk < CHUNKS; chunk++)
            put_bytes(w, RECORD_CELLS, name, generation, chunk, CELLS_BYTES);
        put_bytes(w, RECORD_FOLDED, name, generation, 0, 0);
        for (int n = 0; n < LOOKS; n++)
            put_bytes(w, RECORD_LOOKS, name, generation, (uint32_t)n, LOOKS_BYTES);
        settle(w);
        watch_size(w);
    }
}

static void put_history(struct world *w) {
    const int64_t start_ns = clock_wall_ns() - 100 * DAY;
    for (int i = 0; i < EVENTS; i++) {
        char ip[32];
        (void)snprintf(ip, sizeof ip, "40.107.%d.%d", i / 7 % 256, i % 256);
        put_event(w, start_ns + i * INT64_C(60000000000), ip, "spam-source");
        if (i % 20000 == 0)
            settle(w);
    }
    settle(w);
    watch_size(w);
}

static void what_is_promised_to_fit_into_64_mib_does_at_any_moment(void **state) {
    struct world *w = *state;
    uint64_t random = 88172645463325252u;
    for (size_t i = 0; i < sizeof noise; i++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        noise[i] = (uint8_t)random;
    }
    disk.lazy = true;
    begin(w);
    put_history(w);
    put_lists(w, 1);
    put_lists(w, 2); /* another layout: all of it is written anew beside the old */
    put_lists(w, 2);
    assert_true(close_store(w));
    watch_size(w);
    print_message("# %.1f MiB at most\n", (double)most / (1 << 20));
    assert_true(most < LIMIT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_promised_to_fit_into_64_mib_does_at_any_moment, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
