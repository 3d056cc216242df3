/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as the file of the store: state_open(), state_load_kept(), state_load() and, of what they bring
 * back, core/restore. Beside what the sanitizers see: a record that is handed over has a name, a kind that a
 * store keeps, and its bytes; a file with damage is set aside and counted, and the one that begins after it
 * is whole; a file that passed for whole says the same when it is opened again. Every other change that
 * libFuzzer makes is one of a row, which gets its right checksum (mutate_state.h).
 *
 * The file lies in memory (/dev/shm). The store reads the clock, for the names of what is set aside: nothing
 * that is checked depends on it.
 */
/* FUZZ: -max_len=40960 -timeout=20 */
#include "../unit/world.h"
#include "mutate_state.h"

#include "core/pack.h"
#include "core/restore.h"
#include "edge/log.h"
#include "edge/state.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);

#define LATER (90000 * SECOND)
#define LATER_OFFSET (WORLD_OFFSET + WORLD_START + 10 * SECOND - LATER)

static char folder[64];
static struct targets *targets;

struct loaded {
    struct restore *restore;
    size_t n_records;
    size_t n_events;
    uint64_t hash;
};

/* ---- the folder ---- */

static void empty_folder(void) {
    char path[sizeof folder + 256 + 1];
    DIR *entries = opendir(folder);
    assert(entries != NULL);
    for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        (void)snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (entry->d_name[0] != '.')
            (void)unlink(path);
    }
    closedir(entries);
}

static void leave(void) {
    empty_folder();
    (void)rmdir(folder);
}

static void begin(void) {
    static struct settings settings;
    settings = world_settings();
    enum status status = targets_build(&settings, &targets);
    (void)snprintf(folder, sizeof folder, "/dev/shm/rbl_fuzz_state.XXXXXX");
    assert(status == STATUS_OK && mkdtemp(folder) != NULL);
    (void)atexit(leave);
    log_setup(LOG_ERROR + 1, LOG_LOGFMT);
}

static void put_file(const uint8_t *data, size_t size) {
    char path[sizeof folder + 16];
    (void)snprintf(path, sizeof path, "%s/state.db", folder);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ssize_t n = write(fd, data, size);
    assert(fd >= 0 && n == (ssize_t)size);
    close(fd);
}

/* ---- what is brought back ---- */

static enum status on_record(void *context, const struct record *record) {
    struct loaded *loaded = context;
    assert(record->kind < RECORD_KINDS && record->kind != RECORD_FOLD && record->kind != RECORD_LIST_GONE);
    assert(strlen(record->list) < RECORD_NAME_SIZE && record->len < RECORD_SIZE);
    loaded->n_records++;
    loaded->hash = loaded->hash * 31 + pack_hash(record->data, record->len) + (uint64_t)record->kind;
    if (loaded->restore == NULL || record->kind == RECORD_KEPT)
        return STATUS_OK;
    return restore_record(loaded->restore, record);
}

static void on_event(void *context, const struct history_event *event) {
    struct loaded *loaded = context;
    assert(event->kind < HISTORY_KINDS && memchr(event->list, '\0', sizeof event->list) != NULL);
    assert(memchr(event->detail, '\0', sizeof event->detail) != NULL);
    loaded->n_events++;
}

static struct state *load(struct loaded *loaded, int64_t *alive_ns) {
    struct loaded kept = {.restore = NULL};
    struct state *s = state_open(folder, 0);
    assert(s != NULL);
    enum status status = state_load_kept(s, on_record, &kept);
    assert(status == STATUS_OK);
    status = state_load(s, on_record, on_event, loaded, alive_ns);
    assert(status == STATUS_OK && loaded->n_events <= HISTORY_SHOWN);
    assert(!state_was_damaged(s) || state_errors(s) > 0);
    assert(state_was_damaged(s) || state_errors(s) == 0 || !state_up(s));
    return s;
}

/* A checker that was restored from it turns. */
static bool load_into_checker(struct loaded *loaded) {
    static const struct checker_watch watch = {.changed = world_ignore_change, .state = world_ignore_state};
    const struct endpoint resolver = {.ip = ip_v4(0x7f000001), .port = 53};
    struct checker *c = NULL;
    int64_t alive_ns = 0;
    enum status status = checker_new(targets, &resolver, 1, registry_epoch(LATER), 1, &watch, LATER, &c);
    assert(status == STATUS_OK);
    loaded->restore = restore_new(c, LATER, LATER_OFFSET);
    struct state *s = load(loaded, &alive_ns);
    bool whole = state_up(s) && !state_was_damaged(s);
    bool lost = state_was_damaged(s);
    status = restore_end(loaded->restore, alive_ns, lost);
    assert(status == STATUS_OK);
    (void)checker_turn(c, LATER);
    (void)state_close(s, SECOND);
    restore_free(loaded->restore);
    checker_free(c);
    return whole || lost;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct loaded first = {.restore = NULL};
    struct loaded second = {.restore = NULL};
    int64_t alive_ns = 0;
    if (targets == NULL)
        begin();
    put_file(data, size);
    if (load_into_checker(&first)) {
        struct state *s = load(&second, &alive_ns);
        assert(!state_was_damaged(s) && state_errors(s) == 0);
        (void)state_close(s, SECOND);
    }
    empty_folder();
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed) {
    char path[sizeof folder + 16];
    if (seed % 2 == 0)
        return LLVMFuzzerMutate(data, size, max_size);
    if (targets == NULL)
        begin();
    put_file(data, size);
    (void)snprintf(path, sizeof path, "%s/state.db", folder);
    mutate_state(path, seed / 2);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = read(fd, data, max_size);
    assert(fd >= 0 && n >= 0);
    close(fd);
    empty_folder();
    return (size_t)n;
}
