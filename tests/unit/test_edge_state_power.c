/* SPDX-License-Identifier: Apache-2.0
 *
 * Every state that a power loss may leave of the store's files.
 *
 * What two lives of the store do to their files is recorded, call by call. The power goes after each call:
 * what was synced is there; of what was not, nothing, all, each beginning, all but one, one alone, or all
 * with one write torn at a sector. A name is there when its folder was synced. From each such state the store
 * has to bring back one step as a whole, and none older than the last that it had said was written.
 *
 * RBL_STATE_ALL=1 opens all of these states (`make soak`), otherwise every SAMPLE-th, and all those in which
 * nothing is there but what was synced.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "calls_fixture.h"

enum { SAMPLE = 17, SECTOR = 512, FILES = 32, SEEN = 1 << 17, ENOUGH = 3 };

/* --- What is left --- */

struct file {
    char *data;
    size_t len;
};

struct left {
    struct file files[FILES];
    char names[NAMES][NAME_SIZE];
    int file_of[NAMES];
    int n_names;
    bool has_folder;
};

static void write_file(struct file *f, size_t at, const char *data, size_t len) {
    if (at + len > f->len) {
        f->data = realloc(f->data, at + len);
        assert_non_null(f->data);
        memset(f->data + f->len, 0, at + len - f->len);
        f->len = at + len;
    }
    memcpy(f->data + at, data, len);
}

static void cut_file(struct file *f, size_t size) {
    static const char zero = 0;
    if (size > f->len)
        write_file(f, size - 1, &zero, 1);
    f->len = size;
}

static int find_left(const struct left *l, const char *name) {
    for (int i = 0; i < l->n_names; i++)
        if (strcmp(l->names[i], name) == 0)
            return i;
    return -1;
}

static void drop_left(struct left *l, const char *name) {
    const int i = find_left(l, name);
    if (i < 0)
        return;
    l->n_names--;
    memmove(l->names[i], l->names[l->n_names], NAME_SIZE);
    l->file_of[i] = l->file_of[l->n_names];
}

static void name_left(struct left *l, const char *name, int file) {
    drop_left(l, name);
    memcpy(l->names[l->n_names], name, NAME_SIZE);
    l->file_of[l->n_names++] = file;
}

/* `from` and `len`: which part of a write. */
static void apply(struct left *l, const struct op *op, size_t from, size_t len) {
    switch (op->kind) {
    case OP_WRITE: write_file(&l->files[op->file], op->at + from, op->data + from, len); break;
    case OP_TRUNCATE: cut_file(&l->files[op->file], op->at); break;
    case OP_MKDIR: l->has_folder = true; break;
    case OP_CREATE: name_left(l, op->name, op->file); break;
    case OP_UNLINK: drop_left(l, op->name); break;
    case OP_RENAME:
        if (find_left(l, op->name) >= 0)
            name_left(l, op->to, l->file_of[find_left(l, op->name)]);
        drop_left(l, op->name);
        break;
    case OP_SYNC:
    case OP_SYNC_FOLDER: break;
    }
}

static void clear(struct left *l) {
    for (int i = 0; i < FILES; i++)
        free(l->files[i].data);
    *l = (struct left){0};
}

/* --- Which of the changes last --- */

/* What a planted bug makes of the record: which syncs are as if they had not been. */
enum dropped { DROP_NONE, DROP_SYNCS, DROP_FOLDER_SYNCS, DROP_ROOT_SYNCS };

/* Bits of ways in which a change that was not synced may have come through. */
struct trial {
    size_t end;                /* the power goes before this op */
    const bool *lasts;         /* of each op before: synced */
    size_t first, one;         /* of the others: those before `first` are there; `one` is, or is not */
    bool with_one;             /* ... is */
    size_t torn_from, torn_to; /* this part of `one` is there */
};

static bool is_data(enum op_kind kind) {
    return kind == OP_WRITE || kind == OP_TRUNCATE;
}

/* Whether sync `s` makes `op`, which was before it, last. */
static bool syncs(const struct op *s, const struct op *op, enum dropped dropped) {
    if (is_data(op->kind))
        return s->kind == OP_SYNC && s->file == op->file && dropped != DROP_SYNCS;
    if (s->kind != OP_SYNC_FOLDER)
        return false;
    if (op->kind == OP_MKDIR)
        return s->file == 0 && dropped != DROP_ROOT_SYNCS;
    return s->file == 1 && dropped != DROP_FOLDER_SYNCS;
}

/* Brings `lasts` from one op earlier up to `end`. */
static void note_syncs(bool *lasts, size_t end, enum dropped dropped) {
    for (size_t i = 0; end > 0 && i + 1 < end; i++)
        lasts[i] = lasts[i] || syncs(&calls.ops[end - 1], &calls.ops[i], dropped);
}

static void leave(struct left *l, const struct trial *t) {
    for (size_t i = 0; i < t->end; i++) {
        const struct op *op = &calls.ops[i];
        if (i == t->one && t->torn_to > t->torn_from)
            apply(l, op, t->torn_from, t->torn_to - t->torn_from);
        else if (t->lasts[i] || (i == t->one ? t->with_one : i < t->first))
            apply(l, op, 0, op->len);
    }
}

/* --- Looking --- */

static struct {
    uint64_t hashes[SEEN];
    int told[SEEN]; /* that this state was held against; +1 */
    size_t n_different;
    size_t n_opened;
    size_t n_bad;
    enum dropped dropped;
} seen;

static uint64_t add_hash(uint64_t hash, const void *data, size_t len) {
    const unsigned char *bytes = data;
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ bytes[i]) * UINT64_C(1099511628211);
    return (hash ^ len) * UINT64_C(1099511628211);
}

static uint64_t hash_left(const struct left *l) {
    uint64_t sum = l->has_folder;
    for (int i = 0; l->has_folder && i < l->n_names; i++) {
        const struct file *f = &l->files[l->file_of[i]];
        sum += add_hash(add_hash(UINT64_C(14695981039346656037), l->names[i], strlen(l->names[i])), f->data,
                        f->len);
    }
    return sum | 1;
}

/* Whether this state has not been looked at with as much to be demanded of it. */
static bool is_new(uint64_t hash, int told) {
    size_t at = hash % SEEN;
    while (seen.hashes[at] != 0 && seen.hashes[at] != hash)
        at = (at + 1) % SEEN;
    if (seen.hashes[at] == hash && seen.told[at] >= told + 1)
        return false;
    seen.n_different += seen.hashes[at] == 0;
    assert_true(seen.n_different < SEEN / 2);
    seen.hashes[at] = hash;
    seen.told[at] = told + 1;
    return true;
}

static void write_left(struct world *w, const struct left *l) {
    char path[256];
    remove_folder(w->path);
    if (l->has_folder)
        assert_int_equal(mkdir(w->path, 0750), 0);
    for (int i = 0; l->has_folder && i < l->n_names; i++) {
        const struct file *f = &l->files[l->file_of[i]];
        snprintf(path, sizeof path, "%s/%s", w->folder, l->names[i]);
        const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0640);
        assert_true(fd >= 0);
        assert_int_equal(pwrite64(fd, f->data ? f->data : "", f->len, 0), (ssize_t)f->len);
        close(fd);
    }
}

static void look(struct world *w, const struct left *l, const struct trial *t, int told) {
    write_left(w, l);
    open_store(w);
    load_store(w);
    const bool whole = state_up(w->s) && !state_was_damaged(w->s) && state_errors(w->s) == 0;
    end(w);
    seen.n_opened++;
    const int step = whole ? loaded_step(w) : say_wrong("damaged, or an error", w->text);
    if (step >= told && step <= told + 1)
        return;
    seen.n_bad++;
    if (seen.dropped == DROP_NONE)
        fail_msg("power loss before call %zu, of what was not synced those before %zu, but for %zu %s: "
                 "brought back %d of %d; %s",
                 t->end, t->first, t->one, t->with_one ? "(there)" : "(not there)", step, told, wrong);
}

static void try(struct world *w, const struct trial *t, bool always) {
    static size_t n;
    struct left l = {0};
    const int told = t->end < calls.n_ops ? calls.ops[t->end].told : calls.told;
    leave(&l, t);
    const bool wanted = is_new(hash_left(&l), told);
    if (wanted && (always || n++ % SAMPLE == 0 || getenv("RBL_STATE_ALL")))
        look(w, &l, t, told);
    clear(&l);
}

/* A write that was cut, or of which only the end came through, at each border of sectors. */
static void try_torn(struct world *w, struct trial t, size_t one) {
    const struct op *op = &calls.ops[one];
    if (op->kind != OP_WRITE)
        return;
    t.one = one;
    for (size_t at = op->at / SECTOR * SECTOR + SECTOR; at < op->at + op->len; at += SECTOR) {
        t.torn_from = 0;
        t.torn_to = at - op->at;
        try(w, &t, false);
        t.torn_from = at - op->at;
        t.torn_to = op->len;
        try(w, &t, false);
    }
}

static void try_before(struct world *w, size_t end, const bool *lasts) {
    const struct trial nothing = {.end = end, .lasts = lasts, .one = SIZE_MAX};
    struct trial all = nothing;
    all.first = end;
    try(w, &nothing, true);
    try(w, &all, false);
    for (size_t i = 0; i < end; i++) {
        if (lasts[i])
            continue;
        struct trial t = nothing;
        t.first = i;
        try(w, &t, false);
        t.first = 0;
        t.one = i;
        t.with_one = true;
        try(w, &t, false);
        t.first = end;
        t.with_one = false;
        try(w, &t, false);
        try_torn(w, all, i);
    }
}

static void record_lives(struct world *w) {
    atomic_int told = 0;
    calls.ops = calloc(OPS, sizeof *calls.ops);
    assert_non_null(calls.ops);
    quiet_calls();
    watch_calls(w);
    calls.records = true;
    live(w, &told);
    unwatch_calls();
    assert_int_equal(told, STEPS);
    disk.lazy = true;
    memset(&seen, 0, sizeof seen);
}

static void try_all(struct world *w, enum dropped dropped) {
    bool *lasts = calloc(calls.n_ops + 1, sizeof *lasts);
    memset(&seen, 0, sizeof seen);
    seen.dropped = dropped;
    for (size_t end = 0; end <= calls.n_ops && (dropped == DROP_NONE || seen.n_bad < ENOUGH); end++) {
        note_syncs(lasts, end, dropped);
        try_before(w, end, lasts);
    }
    print_message("%zu calls, %zu states, %zu opened, %zu bad\n", calls.n_ops, seen.n_different,
                  seen.n_opened, seen.n_bad);
    free(lasts);
}

static void drop_record(void) {
    for (size_t i = 0; i < calls.n_ops; i++)
        free(calls.ops[i].data);
    free(calls.ops);
    calls.ops = NULL;
}

static void keeps_what_it_said_was_written(void **state) {
    record_lives(*state);
    try_all(*state, DROP_NONE);
    assert_int_equal(seen.n_bad, 0);
    drop_record();
}

/* The proof that the test above would see it. */
static void would_lose_it_without_any_one_kind_of_sync(void **state) {
    record_lives(*state);
    try_all(*state, DROP_SYNCS);
    assert_true(seen.n_bad > 0);
    try_all(*state, DROP_FOLDER_SYNCS);
    assert_true(seen.n_bad > 0);
    try_all(*state, DROP_ROOT_SYNCS);
    assert_true(seen.n_bad > 0);
    drop_record();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(keeps_what_it_said_was_written, set_up, tear_down),
        cmocka_unit_test_setup_teardown(would_lose_it_without_any_one_kind_of_sync, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
