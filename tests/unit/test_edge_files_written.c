/* SPDX-License-Identifier: Apache-2.0
 *
 * Files that are read while somebody writes to them.
 */
#include "files_fixture.h"

/* With what is known of a file by looking alone. */
static void do_not_watch(struct world *w) {
    files_free(w->files);
    w->files = files_new(NULL, hear, w);
}

static int open_to_write(const struct world *w, const char *name, int flags) {
    int fd = open(at(w, name), O_WRONLY | flags, 0644);
    assert_true(fd >= 0);
    return fd;
}

static void append(int fd, const char *text) {
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

/* A minute later nothing more is known, however often it is looked. */
static void expect_nothing_for_a_minute(struct world *w) {
    expect(w, "");
    skip_poll(w);
    expect(w, "");
}

static void leaves_a_file_alone_that_changes_all_the_time(void **state) {
    struct world *w = *state;
    do_not_watch(w);
    write_file(w, "x", "before");
    age_file(w, "x");
    add(w, "x");
    int64_t now_ns = clock_now_ns();
    (void)files_turn(w->files, now_ns);
    assert_string_equal(w->log, " +x=before");
    int fd = open_to_write(w, "x", O_APPEND);
    now_ns += FILES_POLL_NS;
    for (unsigned i = 0; i < 3; i++, now_ns += FILES_SETTLE_NS) {
        append(fd, " part");
        assert_int_equal(files_turn(w->files, now_ns), now_ns + FILES_SETTLE_NS);
        assert_string_equal(w->log, " +x=before");
    }
    close(fd);
    age_file(w, "x");
    assert_int_equal(files_turn(w->files, now_ns), now_ns + FILES_POLL_NS);
    assert_string_equal(w->log, " +x=before +x=before part part part");
}

static void does_not_wait_for_ever_for_a_file_to_rest(void **state) {
    struct world *w = *state;
    write_file(w, "x", "0");
    age_file(w, "x");
    add(w, "x");
    int64_t now_ns = clock_now_ns();
    int64_t heard_ns = 0;
    assert_int_equal(files_turn(w->files, now_ns), now_ns + FILES_POLL_NS);
    now_ns += FILES_POLL_NS;
    for (int64_t ns = 0; heard_ns == 0 && ns < 2 * FILES_PATIENCE_NS; ns += FILES_SETTLE_NS) {
        char text[32];
        (void)snprintf(text, sizeof text, "%u", (unsigned)(ns / MS));
        write_file(w, "x", text);
        w->log[0] = '\0';
        (void)files_turn(w->files, now_ns + ns);
        heard_ns = w->log[0] != '\0' ? ns : 0;
    }
    assert_int_equal(heard_ns, FILES_PATIENCE_NS);
}

/* As `slow-generator > x` does. */
static void waits_for_a_writer_that_thinks(void **state) {
    struct world *w = *state;
    write_file(w, "x", "one two");
    add(w, "x");
    expect(w, " +x=one two");
    int fd = open_to_write(w, "x", O_TRUNC);
    expect_nothing_for_a_minute(w);
    append(fd, "one");
    expect_nothing_for_a_minute(w);
    write_file(w, "y", "another file"); /* no reason to look at what it holds */
    expect_nothing_for_a_minute(w);
    append(fd, " three");
    close(fd);
    expect(w, " +x=one three");
    fd = open_to_write(w, "x", O_TRUNC); /* closed empty: it has nothing */
    close(fd);
    expect(w, " +x=");
    write_file(w, "x", "one");
    expect(w, " +x=one");
    fd = open_to_write(w, "x", O_APPEND);
    append(fd, " more");
    expect_nothing_for_a_minute(w);
    write_file(w, "new", "whole"); /* by rename over it */
    rename_to(w, "new", "x");
    expect(w, " +x=whole");
    close(fd);
    expect(w, "");
}

static void waits_for_the_writer_of_a_file_behind_links(void **state) {
    struct world *w = *state;
    make_folder(w, "far");
    make_folder(w, "near");
    write_file(w, "far/y", "1");
    link_to(w, "far", "there");
    link_to(w, "../there/y", "near/x");
    add(w, "near/x");
    expect(w, " +near/x=1");
    int fd = open_to_write(w, "far/y", O_TRUNC);
    expect_nothing_for_a_minute(w);
    append(fd, "2");
    close(fd);
    expect(w, " +near/x=2");
}

static void waits_for_the_writer_of_a_new_file(void **state) {
    struct world *w = *state;
    write_file(w, "x", "one two");
    add(w, "*");
    expect(w, " +x=one two");
    assert_int_equal(unlink(at(w, "x")), 0);
    expect(w, " -x: is gone");
    int fd = open_to_write(w, "x", O_CREAT | O_TRUNC);
    expect_nothing_for_a_minute(w);
    append(fd, "one");
    expect_nothing_for_a_minute(w);
    close(fd);
    expect(w, " +x=one");
    fd = open_to_write(w, "y", O_CREAT | O_EXCL);
    append(fd, "part");
    expect_nothing_for_a_minute(w);
    close(fd);
    expect(w, " +y=part");
}

static void takes_a_file_as_it_stands_whose_writer_never_ends(void **state) {
    struct world *w = *state;
    write_file(w, "x", "0");
    add(w, "x");
    expect(w, " +x=0");
    int fd = open_to_write(w, "x", O_APPEND);
    append(fd, "1");
    int64_t now_ns = clock_now_ns() + FILES_POLL_NS;
    for (int64_t ns = 0; ns < FILES_WRITER_NS; ns += FILES_POLL_NS, now_ns += FILES_POLL_NS) {
        (void)files_turn(w->files, now_ns);
        assert_string_equal(w->log, "");
    }
    now_ns = files_turn(w->files, now_ns);
    assert_string_equal(w->log, " +x=01");
    w->log[0] = '\0';
    append(fd, "2");
    now_ns = files_turn(w->files, now_ns);
    assert_string_equal(w->log, "");
    close(fd);
    (void)files_turn(w->files, now_ns);
    expect(w, " +x=012");
}

/* Where nothing is told, what has become smaller in place is believed when it is the same a minute later. */
static void does_not_believe_at_once_that_little_is_left(void **state) {
    struct world *w = *state;
    do_not_watch(w);
    write_file(w, "x", "one two");
    age_file(w, "x");
    add(w, "x");
    int64_t now_ns = files_turn(w->files, 0);
    assert_string_equal(w->log, " +x=one two");
    w->log[0] = '\0';
    const char *const steps[] = {"", "one", "one "};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        write_file(w, "x", steps[i]);
        age_file(w, "x");
        now_ns = files_turn(w->files, now_ns);
        assert_string_equal(w->log, "");
    }
    write_file(w, "x", "one three");
    age_file(w, "x");
    now_ns = files_turn(w->files, now_ns);
    assert_string_equal(w->log, " +x=one three");
    write_file(w, "x", "");
    age_file(w, "x");
    now_ns = files_turn(w->files, now_ns);
    assert_string_equal(w->log, " +x=one three");
    (void)files_turn(w->files, now_ns - 1);
    now_ns = files_turn(w->files, now_ns);
    assert_string_equal(w->log, " +x=one three +x=");
    write_file(w, "x", "one two");
    age_file(w, "x");
    now_ns = files_turn(w->files, now_ns);
    write_file(w, "y", "1"); /* by rename it is believed at once */
    rename_to(w, "y", "x");
    age_file(w, "x");
    (void)files_turn(w->files, now_ns);
    assert_string_equal(w->log, " +x=one three +x= +x=one two +x=1");
}

static void hears_from_its_predecessor_who_is_writing(void **state) {
    struct world *w = *state;
    write_file(w, "x", "1");
    write_file(w, "y", "1");
    add(w, "?");
    expect(w, " +x=1 +y=1");
    int fd = open_to_write(w, "x", O_TRUNC);
    write_file(w, "y", "2");
    for (unsigned i = 0; i < 2; i++) {
        struct files *before = w->files;
        w->files = files_new(w->loop, hear, w);
        assert_non_null(w->files);
        files_succeed(w->files, before);
        add(w, "?");
        (void)files_turn(w->files, clock_now_ns());
        files_free(before);
        assert_string_equal(w->log, " -x: is being written +y=2");
        w->log[0] = '\0';
        expect_nothing_for_a_minute(w);
    }
    append(fd, "2");
    close(fd);
    expect(w, " +x=2");
}

/* What a successor that did not come to be has heard is not lost. */
static void loses_nothing_to_a_successor(void **state) {
    struct world *w = *state;
    write_file(w, "x", "1");
    add(w, "x");
    expect(w, " +x=1");
    write_file(w, "x", "2");
    struct world other = *w;
    other.log[0] = '\0';
    other.files = files_new(w->loop, hear, &other);
    assert_non_null(other.files);
    files_succeed(other.files, w->files);
    add(&other, "x");
    (void)files_turn(other.files, clock_now_ns());
    assert_string_equal(other.log, " +x=2");
    files_free(other.files);
    expect(w, " +x=2");
}

/* --- A folder in which there is much to hear --- */

struct noise {
    struct world *world;
    int fds[2];
    unsigned n_turns;
};

static int64_t make_noise(void *context, int64_t now_ns) {
    struct noise *noise = context;
    append(noise->fds[noise->n_turns++ % 2], ".");
    return turn(noise->world, now_ns);
}

static void is_not_kept_busy_by_those_who_write(void **state) {
    struct world *w = *state;
    struct noise noise = {.world = w};
    add(w, "*.txt");
    expect(w, "");
    noise.fds[0] = open_to_write(w, "a.txt", O_CREAT);
    noise.fds[1] = open_to_write(w, "b.log", O_CREAT);
    loop_on_turn(w->loop, make_noise, &noise);
    run(w, NULL, 1000 * MS);
    assert_in_range(noise.n_turns, 2, 40);
    assert_string_equal(w->log, "");
    loop_on_turn(w->loop, turn, w);
    close(noise.fds[0]);
    close(noise.fds[1]);
    run(w, NULL, 450 * MS);
    assert_memory_equal(w->log, " +a.txt=..", 10);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(leaves_a_file_alone_that_changes_all_the_time),
        TEST(does_not_wait_for_ever_for_a_file_to_rest),
        TEST(waits_for_a_writer_that_thinks),
        TEST(waits_for_the_writer_of_a_file_behind_links),
        TEST(waits_for_the_writer_of_a_new_file),
        TEST(takes_a_file_as_it_stands_whose_writer_never_ends),
        TEST(does_not_believe_at_once_that_little_is_left),
        TEST(hears_from_its_predecessor_who_is_writing),
        TEST(loses_nothing_to_a_successor),
        TEST(is_not_kept_busy_by_those_who_write),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
