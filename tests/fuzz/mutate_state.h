/* SPDX-License-Identifier: Apache-2.0
 *
 * mutate_state: changes what is in the rows of a store, and gives the rows their right checksums again.
 *
 * A byte that is changed in the file makes the checksum of its row wrong, and the loader looks no further. So
 * what stands behind that check would never be met: rows that a store believes, and that make no sense.
 */
#ifndef RBL_TESTS_MUTATE_STATE_H
#define RBL_TESTS_MUTATE_STATE_H

#include "edge/state_internal.h"

#include <endian.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { MUTATE_MORE = 64 }; /* bytes by which a value may grow */

/* Of libFuzzer; a program that only replays has none. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size) __attribute__((weak));

/* mutate(value): of bytes and numbers every other one is changed. */
static inline void mutate_value(sqlite3_context *context, int n, sqlite3_value **values) {
    unsigned *seed = sqlite3_user_data(context);
    (void)n;
    if (rand_r(seed) % 2 == 0 || sqlite3_value_type(values[0]) == SQLITE_NULL) {
        sqlite3_result_value(context, values[0]);
    } else if (sqlite3_value_type(values[0]) == SQLITE_INTEGER) {
        int64_t number = sqlite3_value_int64(values[0]);
        (void)LLVMFuzzerMutate((uint8_t *)&number, sizeof number, sizeof number);
        sqlite3_result_int64(context, number);
    } else {
        size_t size = (size_t)sqlite3_value_bytes(values[0]);
        const void *from = sqlite3_value_blob(values[0]);
        uint8_t *bytes = sqlite3_malloc64(size + MUTATE_MORE);
        if (bytes != NULL && size > 0)
            memcpy(bytes, from, size);
        if (bytes != NULL)
            size = LLVMFuzzerMutate(bytes, size, size + MUTATE_MORE);
        sqlite3_result_blob64(context, bytes, size, sqlite3_free);
    }
}

/* sum(kind, name, generation, number, ip, what else is in it, data) */
static inline void mutate_sum(sqlite3_context *context, int n, sqlite3_value **values) {
    const char *name = (const char *)sqlite3_value_text(values[1]);
    const uint8_t *ip = sqlite3_value_blob(values[4]);
    struct record record = {.kind = (enum record_kind)sqlite3_value_int(values[0]),
                            .list = name != NULL ? name : "",
                            .generation = (uint32_t)sqlite3_value_int64(values[2]),
                            .number = (uint32_t)sqlite3_value_int64(values[3]),
                            .data = sqlite3_value_blob(values[6]),
                            .len = (size_t)sqlite3_value_bytes(values[6])};
    (void)n;
    if (sqlite3_value_bytes(values[4]) == 4)
        record.ip = ip_v4((uint32_t)ip[0] << 24 | (uint32_t)ip[1] << 16 | (uint32_t)ip[2] << 8 | ip[3]);
    else if (sqlite3_value_bytes(values[4]) == 16)
        record.ip = ip_v6(ip);
    int64_t extra = sqlite3_value_int64(values[5]);
    int64_t id = sqlite3_value_int64(values[3]);
    if (record.kind == RECORD_LIST && id >= 0 && id < INT64_MAX >> STATE_LOOK_BITS)
        extra = state_list_extra(id, extra);
    sqlite3_result_int64(context, state_record_crc(&record, extra));
}

/* alive_sum(moment) */
static inline void mutate_alive_sum(sqlite3_context *context, int n, sqlite3_value **values) {
    (void)n;
    sqlite3_result_int64(context, state_alive_crc(sqlite3_value_int64(values[0])));
}

/* event_sum(id, moment, kind, list, ip, detail), as state_history.c has it to itself */
static inline void mutate_event_sum(sqlite3_context *context, int n, sqlite3_value **values) {
    const uint64_t key[] = {htole64((uint64_t)sqlite3_value_int64(values[0])),
                            htole64((uint64_t)sqlite3_value_int64(values[1]))};
    unsigned long sum = crc32(0, (const unsigned char *)key, sizeof key);
    for (int i = 2; i < n; i++) {
        const unsigned char *text = sqlite3_value_text(values[i]);
        if (text != NULL)
            sum = crc32(sum, text, (unsigned)strlen((const char *)text));
        sum = crc32(sum, (const unsigned char *)(text != NULL ? "\n" : "\t"), 1);
    }
    sqlite3_result_int64(context, (int64_t)sum);
}

static inline void mutate_rows(sqlite3 *db, unsigned *seed) {
    static const char *const changes[] = {
        "UPDATE OR IGNORE list SET data = mutate(data)",
        "UPDATE OR IGNORE layout SET data = mutate(data)",
        "UPDATE OR IGNORE cells SET data = mutate(data)",
        "UPDATE OR IGNORE looks SET data = mutate(data)",
        "UPDATE OR IGNORE entry SET data = mutate(data)",
        "UPDATE OR IGNORE budget SET data = mutate(data)",
        "UPDATE OR IGNORE kept SET data = mutate(data)",
        "UPDATE OR IGNORE list SET id = mutate(id)",
        "UPDATE OR IGNORE list SET put_at = mutate(put_at)",
        "UPDATE OR IGNORE layout SET generation = mutate(generation)",
        "UPDATE OR IGNORE cells SET number = mutate(number)",
        "UPDATE OR IGNORE looks SET id = mutate(id)",
        "UPDATE OR IGNORE looks SET generation = mutate(generation)",
        "UPDATE OR IGNORE entry SET ip = mutate(ip)",
        "UPDATE OR IGNORE budget SET shared = mutate(shared)",
        "UPDATE OR IGNORE meta SET value = mutate(value)",
        "UPDATE OR IGNORE history SET at = mutate(at)",
        "UPDATE OR IGNORE history SET kind = mutate(kind), list = mutate(list)",
        "UPDATE OR IGNORE history SET ip = mutate(ip), detail = mutate(detail)",
    };
    static const char *const sums[] = {
        "UPDATE list SET crc = sum(0, name, 0, id, NULL, put_at, data)",
        "UPDATE layout SET crc = sum(1, (SELECT name FROM list WHERE id = list), generation, 0, NULL, 0, "
        "data)",
        "UPDATE cells SET crc ="
        " sum(2, (SELECT name FROM list WHERE id = list), generation, number, NULL, 0, data)",
        "UPDATE looks SET crc ="
        " sum(3, (SELECT name FROM list WHERE list.id = looks.id >> 40), generation, 0, NULL, id, data)",
        "UPDATE entry SET crc = sum(6, (SELECT name FROM list WHERE id = list), generation, 0, ip, 0, data)",
        "UPDATE budget SET crc = sum(8, name, 0, shared, NULL, 0, data)",
        "UPDATE kept SET crc = sum(11, name, 0, kind, NULL, 0, data)",
        "UPDATE meta SET crc = alive_sum(value)",
        "UPDATE history SET crc = event_sum(id, at, kind, list, ip, detail)",
    };
    static_assert(RECORD_ENTRY == 6 && RECORD_BUDGET == 8 && RECORD_KEPT == 11 && STATE_LOOK_BITS == 40,
                  "as the statements have them");
    size_t n_changes = sizeof changes / sizeof *changes;
    (void)sqlite3_exec(db, changes[(unsigned)rand_r(seed) % n_changes], NULL, NULL, NULL);
    for (size_t i = 0; i < sizeof sums / sizeof *sums; i++)
        (void)sqlite3_exec(db, sums[i], NULL, NULL, NULL);
}

/* A file that is no store, or is damaged, stays as far as it cannot be changed. */
static inline void mutate_state(const char *path, unsigned seed) {
    sqlite3 *db = NULL;
    int rc = sqlite3_open(path, &db);
    if (rc == SQLITE_OK) {
        (void)sqlite3_exec(db, "PRAGMA locking_mode = EXCLUSIVE; PRAGMA synchronous = OFF", NULL, NULL, NULL);
        (void)sqlite3_create_function(db, "mutate", 1, SQLITE_UTF8, &seed, mutate_value, NULL, NULL);
        (void)sqlite3_create_function(db, "sum", 7, SQLITE_UTF8, NULL, mutate_sum, NULL, NULL);
        (void)sqlite3_create_function(db, "alive_sum", 1, SQLITE_UTF8, NULL, mutate_alive_sum, NULL, NULL);
        (void)sqlite3_create_function(db, "event_sum", 6, SQLITE_UTF8, NULL, mutate_event_sum, NULL, NULL);
        mutate_rows(db, &seed);
    }
    (void)sqlite3_close(db);
}

#endif
