/* SPDX-License-Identifier: Apache-2.0
 *
 * Every single bit of the store's files flipped, and every cut: what is brought back was put, or is missing
 * and then the file is set aside, or, in the WAL, what was put before.
 *
 * RBL_STATE_ALL=1 takes all of them (`make soak`), otherwise samples are taken, by primes, so that they fall
 * on every bit of a byte.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "damage_fixture.h"

enum { HEAD_BITS = 800, HEAD_STEP = 7, FLIP_STEP = 509, CUT_STEP = 127, WAL_STEP = 1499, WAL_CUT_STEP = 509 };

static size_t step_of(size_t sampled) {
    return getenv("RBL_STATE_ALL") ? 1 : sampled;
}

/* The files as the program leaves them, and what it brings back of them. */
struct sound {
    struct bytes base;
    struct bytes wal; /* .len 0: none */
    char wal_path[192];
    char *all;
    size_t n_tried;
    size_t n_noticed; /* told, or less brought back */
};

static void free_sound(struct sound *s) {
    print_message("%zu and %zu bytes, %zu variants, %zu noticed\n", s->base.len, s->wal.len, s->n_tried,
                  s->n_noticed);
    free(s->base.data);
    free(s->wal.data);
    free(s->all);
}

static void make_sound(struct world *w, struct sound *s, bool with_wal) {
    *s = (struct sound){0};
    snprintf(s->wal_path, sizeof s->wal_path, "%s-wal", w->file);
    begin(w);
    fill(w);
    if (with_wal) {
        settle(w);
        s->base = read_all(w->file);
        s->wal = read_all(s->wal_path);
    }
    end(w);
    if (!with_wal)
        s->base = read_all(w->file);
    quiet();
    disk.lazy = true;
    alarm(0);
    assert_true(passes(w));
    assert_int_equal(w->n_records, 26);
    s->all = strdup(w->text);
}

/* Loads what the files are now. */
static void try(struct world *w, struct sound *s, const char *what, size_t at) {
    remove_folder(w->path);
    mkdir(w->path, 0755);
    write_all(w->file, s->base.data, s->base.len);
    if (s->wal.len > 0)
        write_all(s->wal_path, s->wal.data, s->wal.len);
    const bool passed = passes(w);
    const bool complete = strcmp(w->text, s->all) == 0 && w->n_events == 3;
    if (passed && !complete && !s->wal.data)
        fail_msg("%s %zu: changed what is brought back, unnoticed:\n%s", what, at, w->text);
    expect_lines_of(w->text, s->all, what, at);
    expect_events_of(w, what, at);
    s->n_tried++;
    s->n_noticed += !passed || !complete;
}

static void flip_all(struct world *w, struct sound *s, struct bytes *which, const char *what, size_t step) {
    for (size_t bit = 0; bit < which->len * 8;
         bit += bit < HEAD_BITS && step > HEAD_STEP ? HEAD_STEP : step) {
        which->data[bit / 8] ^= (char)(1 << bit % 8);
        try(w, s, what, bit);
        which->data[bit / 8] ^= (char)(1 << bit % 8);
    }
}

static void cut_all(struct world *w, struct sound *s, struct bytes *which, const char *what, size_t step) {
    const size_t whole = which->len;
    for (size_t len = 1; len < whole; len += step) {
        which->len = len;
        try(w, s, what, len);
    }
    which->len = whole;
}

static void notices_every_flipped_bit_that_matters(void **state) {
    struct sound s;
    make_sound(*state, &s, false);
    flip_all(*state, &s, &s.base, "bit", step_of(FLIP_STEP));
    assert_true(s.n_noticed > 50);
    free_sound(&s);
}

/* Less than a page at the end may have been none. */
static void notices_every_cut(void **state) {
    struct sound s;
    make_sound(*state, &s, false);
    cut_all(*state, &s, &s.base, "cut to", step_of(CUT_STEP));
    assert_true(s.n_noticed > 50);
    free_sound(&s);
}

/* What follows a damaged frame of the WAL is as if it had never been written: SQLite cannot tell it from what
 * was being written when the power went. Nothing else may come of it. */
static void takes_a_damaged_wal_for_an_earlier_state(void **state) {
    struct sound s;
    make_sound(*state, &s, true);
    flip_all(*state, &s, &s.wal, "bit of the WAL", step_of(WAL_STEP));
    assert_true(s.n_noticed > 10);
    free_sound(&s);
}

static void takes_a_cut_wal_for_an_earlier_state(void **state) {
    struct sound s;
    make_sound(*state, &s, true);
    cut_all(*state, &s, &s.wal, "WAL cut to", step_of(WAL_CUT_STEP));
    assert_true(s.n_noticed > 10);
    free_sound(&s);
}

/* The file beside a WAL is small until the WAL goes into it; pages that the WAL has are not looked at. */
static void notices_every_flipped_bit_beside_a_wal(void **state) {
    struct sound s;
    make_sound(*state, &s, true);
    flip_all(*state, &s, &s.base, "bit beside a WAL", step_of(WAL_STEP));
    free_sound(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(notices_every_flipped_bit_that_matters, set_up, tear_down),
        cmocka_unit_test_setup_teardown(notices_every_cut, set_up, tear_down),
        cmocka_unit_test_setup_teardown(takes_a_damaged_wal_for_an_earlier_state, set_up, tear_down),
        cmocka_unit_test_setup_teardown(takes_a_cut_wal_for_an_earlier_state, set_up, tear_down),
        cmocka_unit_test_setup_teardown(notices_every_flipped_bit_beside_a_wal, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
