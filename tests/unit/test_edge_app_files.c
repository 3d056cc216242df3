/* SPDX-License-Identifier: Apache-2.0
 *
 * Files of groups over time, and without memory. What the daemon makes of them is in tests/e2e/test_files.py.
 */
/* LINK: -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=reallocarray,--wrap=strdup,--wrap=strndup */
#include "app_files.c"
#include "app_files_kept.c"
#include "app_files_read.c"
#include "app_sources.c"

#include "fixture.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

static long fail_at; /* which of our allocations fails; 0: none */
static bool fail_on; /* and all after it */
static long n_allocations;

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t size);
void *__real_reallocarray(void *old, size_t n, size_t size);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t n);

static bool must_fail(void) {
    long n = ++n_allocations;
    return fail_at > 0 && (n == fail_at || (fail_on && n > fail_at));
}

void *__wrap_malloc(size_t size) {
    return must_fail() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size) {
    return must_fail() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *old, size_t size) {
    return must_fail() ? NULL : __real_realloc(old, size);
}

void *__wrap_reallocarray(void *old, size_t n, size_t size) {
    return must_fail() ? NULL : __real_reallocarray(old, n, size);
}

char *__wrap_strdup(const char *text) {
    return must_fail() ? NULL : __real_strdup(text);
}

char *__wrap_strndup(const char *text, size_t n) {
    return must_fail() ? NULL : __real_strndup(text, n);
}

/* --- A group with files, and what was told of it --- */

struct world {
    char folder[64];
    char pattern[128];
    const char *patterns[1];
    struct fixture fixture;
    struct app_sources sources;
    struct app_files *files;
    int64_t now_ns;
    char told[8192]; /* a line each: "W|a.txt:3|text" */
};

static void hear(void *context, enum log_level level, const char *group, const char *file, uint32_t line,
                 const char *text) {
    struct world *w = context;
    size_t used = strlen(w->told);
    const char *name = file != NULL ? strrchr(file, '/') + 1 : "";
    assert_string_equal(group, "senders");
    (void)snprintf(w->told + used, sizeof w->told - used, "%c|%s:%u|%s\n", "DIWE"[level], name, line, text);
}

static int set_up(void **state) {
    struct world *w = calloc(1, sizeof *w);
    *state = w;
    if (w == NULL)
        return -1;
    (void)snprintf(w->folder, sizeof w->folder, "/tmp/test_app_files.XXXXXX");
    if (!mkdtemp(w->folder))
        return -1;
    (void)snprintf(w->pattern, sizeof w->pattern, "%s/*.txt", w->folder);
    fixture_init(&w->fixture);
    struct group *group = fixture_group(&w->fixture, "senders");
    w->patterns[0] = w->pattern;
    group->files = w->patterns;
    group->n_files = 1;
    w->now_ns = 1000 * DAY;
    return 0;
}

static int remove_one(const char *path, const struct stat *about, int type, struct FTW *where) {
    return remove(path);
}

static int tear_down(void **state) {
    struct world *w = *state;
    fail_at = 0;
    app_files_free(w->files);
    app_sources_free(&w->sources);
    (void)nftw(w->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(w);
    return 0;
}

/* In place of the one that was, a day old. */
static void write_file(const struct world *w, const char *name, const char *text) {
    char path[256];
    char temporary[256];
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = clock_wall_ns() / SECOND - 86400}};
    (void)snprintf(path, sizeof path, "%s/%s", w->folder, name);
    (void)snprintf(temporary, sizeof temporary, "%s/new", w->folder);
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    assert_int_equal(utimensat(AT_FDCWD, temporary, times, 0), 0);
    assert_int_equal(rename(temporary, path), 0);
}

static void remove_file(const struct world *w, const char *name) {
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", w->folder, name);
    assert_int_equal(unlink(path), 0);
}

/* As at a start and at a reload; on failure all is as it was. */
static enum status begin(struct world *w) {
    struct sources *sources = NULL;
    struct app_files *files = NULL;
    enum status status = app_sources_begin(&w->sources, &w->fixture.settings, &sources);
    if (status == STATUS_OK)
        status = app_files_open(&w->fixture.settings, NULL, w->files, hear, w, w->now_ns, &files);
    if (status == STATUS_OK)
        status = app_files_fill(files, w->sources.now, sources);
    if (status == STATUS_OK) {
        app_files_free(w->files);
        w->files = files;
        app_sources_use(&w->sources, &sources);
    } else {
        app_files_free(files);
        sources_free(sources);
    }
    return status;
}

static int64_t pass(struct world *w, int64_t ns) {
    w->now_ns += ns;
    return app_files_turn(w->files, &w->sources, w->now_ns);
}

/* What the group has now, as one text. */
static const char *held(const struct world *w) {
    static char out[1024];
    const struct source_set *set = sources_find(w->sources.now, "senders", SOURCE_FILES);
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; set && i < set->n_addresses; i++) {
        char text[IP_TEXT_SIZE];
        (void)ip_format(&set->addresses[i], text);
        used += (size_t)snprintf(out + used, sizeof out - used, "%s ", text);
    }
    for (size_t i = 0; set && i < set->n_ranges; i++) {
        char text[IP_RANGE_TEXT_SIZE];
        (void)ip_range_format(&set->ranges[i], text);
        used += (size_t)snprintf(out + used, sizeof out - used, "%s ", text);
    }
    return set ? out : "(nothing)";
}

static void expect_told(struct world *w, const char *text) {
    if (strstr(w->told, text) == NULL)
        fail_msg("told was\n%sexpected \"%s\"", w->told, text);
    w->told[0] = '\0';
}

static void expect_silence(const struct world *w) {
    assert_string_equal(w->told, "");
}

/* --- Tests --- */

static void unites_what_all_files_hold(void **state) {
    struct world *w = *state;
    write_file(w, "b.txt", "192.0.2.2\n192.0.2.1\n198.51.100.0/24\n");
    write_file(w, "a.txt", "192.0.2.1 # again\n2001:db8::1\n192.0.2.1/32\n198.51.100.0-198.51.100.255\n");
    assert_int_equal(begin(w), STATUS_OK);
    assert_string_equal(held(w), "192.0.2.1 192.0.2.2 2001:db8::1 192.0.2.1/32 198.51.100.0/24 ");
    expect_told(w, "I|:0|2 files were read: 3 addresses, 2 ranges\n");
    assert_false(w->sources.changed);
}

static void has_nothing_to_do_without_files(void **state) {
    struct world *w = *state;
    w->fixture.groups[0].n_files = 0;
    assert_int_equal(begin(w), STATUS_OK);
    assert_null(w->files);
    assert_int_equal(pass(w, DAY), INT64_MAX);
}

static void dates_what_it_reads_first_by_the_files_and_changes_by_now(void **state) {
    struct world *w = *state;
    write_file(w, "a.txt", "192.0.2.1\n");
    assert_int_equal(begin(w), STATUS_OK);
    int64_t first_ns = sources_changed_ns(w->sources.now, "senders");
    assert_in_range(clock_wall_ns() - first_ns, DAY - MINUTE, DAY + MINUTE);
    assert_int_equal(begin(w), STATUS_OK); /* a reload changes nothing */
    assert_int_equal(sources_changed_ns(w->sources.now, "senders"), first_ns);
    write_file(w, "a.txt", "192.0.2.1 # a remark\n");
    (void)pass(w, 2 * MINUTE);
    assert_int_equal(sources_changed_ns(w->sources.now, "senders"), first_ns);
    assert_false(w->sources.changed);
    write_file(w, "a.txt", "192.0.2.2\n");
    (void)pass(w, 2 * MINUTE);
    assert_true(w->sources.changed);
    assert_in_range(clock_wall_ns() - sources_changed_ns(w->sources.now, "senders"), 0, MINUTE);
    int64_t changed_ns = sources_changed_ns(w->sources.now, "senders");
    assert_int_equal(begin(w), STATUS_OK);
    assert_int_equal(sources_changed_ns(w->sources.now, "senders"), changed_ns);
}

static void keeps_what_a_lost_file_held_for_three_intervals_or_six_hours(void **state) {
    static const struct {
        int64_t interval_ns, stale_after_ns, expected_ns;
    } rows[] = {
        {15 * MINUTE, 0, 6 * HOUR},
        {3 * HOUR, 0, 9 * HOUR},
        {3 * HOUR, 30 * MINUTE, 30 * MINUTE},
        {15 * MINUTE, 20 * DAY, 20 * DAY},
    };
    struct world *w = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        w->fixture.groups[0].interval_ns = rows[i].interval_ns;
        w->fixture.settings.defaults.stale_after_ns = rows[i].stale_after_ns;
        write_file(w, "a.txt", "192.0.2.1\n192.0.2.0/24\n");
        assert_int_equal(begin(w), STATUS_OK);
        remove_file(w, "a.txt");
        w->told[0] = '\0';
        (void)pass(w, 2 * MINUTE);
        expect_told(w,
                    "W|a.txt:0|the file is gone: what it held last (1 addresses, 1 ranges) counts until 20");
        (void)pass(w, rows[i].expected_ns - 1);
        expect_silence(w);
        assert_string_equal(held(w), "192.0.2.1 192.0.2.0/24 ");
        (void)pass(w, 1);
        expect_told(w, "W|a.txt:0|the file has been lost since 20");
        assert_string_equal(held(w), "");
        (void)pass(w, DAY);
        expect_silence(w);
    }
}

static void wakes_when_a_lost_file_is_to_be_dropped(void **state) {
    struct world *w = *state;
    w->fixture.settings.defaults.stale_after_ns = 10 * SECOND;
    write_file(w, "a.txt", "192.0.2.1\n");
    assert_int_equal(begin(w), STATUS_OK);
    remove_file(w, "a.txt");
    int64_t due_ns = pass(w, FILES_POLL_NS);
    assert_int_equal(due_ns, w->now_ns + 10 * SECOND);
}

static void takes_up_a_file_that_is_back(void **state) {
    struct world *w = *state;
    write_file(w, "a.txt", "192.0.2.1\n");
    assert_int_equal(begin(w), STATUS_OK);
    remove_file(w, "a.txt");
    (void)pass(w, 2 * MINUTE);
    w->told[0] = '\0';
    write_file(w, "a.txt", "192.0.2.1\n");
    (void)pass(w, 2 * MINUTE);
    expect_told(w, "I|a.txt:0|the file is back and was read: 1 addresses, 0 ranges\n");
    (void)pass(w, DAY);
    assert_string_equal(held(w), "192.0.2.1 ");
    expect_silence(w);
}

/* The time goes on over reloads, and what is no longer asked for is not kept. */
static void a_reload_keeps_what_lost_files_held(void **state) {
    struct world *w = *state;
    write_file(w, "a.txt", "192.0.2.1\n");
    write_file(w, "b.txt", "192.0.2.2\n");
    assert_int_equal(begin(w), STATUS_OK);
    remove_file(w, "a.txt");
    (void)pass(w, 2 * MINUTE);
    w->told[0] = '\0';
    w->now_ns += 4 * HOUR;
    remove_file(w, "b.txt"); /* nobody has noticed yet */
    assert_int_equal(begin(w), STATUS_OK);
    assert_string_equal(held(w), "192.0.2.1 192.0.2.2 ");
    expect_told(w, "W|b.txt:0|the file is gone: what it held last (1 addresses, 0 ranges) counts until 20");
    (void)pass(w, 2 * HOUR);
    assert_string_equal(held(w), "192.0.2.2 ");
    w->told[0] = '\0';
    write_file(w, "b.txt", "<html>\n"); /* there, but not to be understood */
    assert_int_equal(begin(w), STATUS_OK);
    assert_string_equal(held(w), "192.0.2.2 ");
    expect_told(w, "W|b.txt:0|the file has no line with an address or range: what it held last (1 ");
    (void)snprintf(w->pattern, sizeof w->pattern, "%s/c*.txt", w->folder);
    assert_int_equal(begin(w), STATUS_OK);
    assert_string_equal(held(w), "");
    expect_told(w, "W|c*.txt:0|there is no such file\n");
}

static void tells_what_is_wrong_with_a_file(void **state) {
    static const struct {
        const char *text;
        const char *told;
        const char *held;
    } rows[] = {
        {"192.0.2.1\n192.0.2.1/24\n",
         "W|a.txt:2|line left out: \"192.0.2.1/24\" has bits set behind the prefix; the range meant is "
         "probably "
         "192.0.2.0/24\n",
         "192.0.2.1 "},
        {"x\n", "W|a.txt:0|the file has no line with an address or range: nothing of it counts\n", ""},
        {"\x01", "W|a.txt:0|the file is no text: line 1 has a control character", ""},
        {"[{\"serviceArea\": \"Exchange\", \"urls\": [\"mx.microsoft\"], \"ips\": [\"192.0.2.0/24\"]}]",
         "I|:0|1 files were read: 0 addresses, 1 ranges\n", "192.0.2.0/24 "},
        {"[1\n",
         "W|a.txt:0|the file is no list of endpoints that can be used (line 2, column 1): not valid YAML",
         ""},
        {"{}",
         "W|a.txt:0|the file is no list of endpoints that can be used (line 1, column 1): is no list of "
         "endpoints",
         ""},
        {"", "I|:0|1 files were read: 0 addresses, 0 ranges\n", ""},
    };
    struct world *w = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        write_file(w, "a.txt", rows[i].text);
        app_files_free(w->files);
        w->files = NULL;
        assert_int_equal(begin(w), STATUS_OK);
        expect_told(w, rows[i].told);
        assert_string_equal(held(w), rows[i].held);
    }
}

static void takes_no_more_lines_than_it_may(void **state) {
    enum { LINES = APP_FILES_ENTRIES / 2 + 1, LENGTH = 8 };
    struct world *w = *state;
    char *text = malloc((size_t)LINES * LENGTH + 1);
    assert_non_null(text);
    for (size_t i = 0; i < LINES; i++)
        memcpy(text + i * LENGTH, "1.2.3.4\n", LENGTH);
    text[(size_t)LINES * LENGTH] = '\0';
    write_file(w, "a.txt", text);
    write_file(w, "b.txt", text);
    write_file(w, "c.txt", "1.2.3.5\n");
    assert_int_equal(begin(w), STATUS_OK);
    assert_string_equal(held(w), "1.2.3.4 1.2.3.5 ");
    expect_told(w,
                "W|b.txt:0|the file has too many lines: a group gets at most 1000000 addresses and ranges");
    write_file(w, "a.txt", "1.2.3.6\n"); /* now there is room, as soon as it is read again */
    assert_int_equal(begin(w), STATUS_OK);
    assert_string_equal(held(w), "1.2.3.4 1.2.3.5 1.2.3.6 ");
    free(text);
}

/* Opens anew with the n-th allocation failing, or all from it on. */
static enum status try_to_begin(struct world *w, long n, bool on) {
    n_allocations = 0;
    fail_on = on;
    fail_at = n;
    enum status status = begin(w);
    fail_at = 0;
    w->told[0] = '\0';
    return status;
}

/* A reload fails as a whole for want of memory, or it has read everything: all files are there, one is new
 * and one was lost. */
static void a_reload_without_memory_changes_nothing(void **state) {
    struct world *w = *state;
    write_file(w, "a.txt", "192.0.2.1\n");
    write_file(
        w, "b.txt",
        "[{\"serviceArea\": \"Exchange\", \"urls\": [\"mx.microsoft\"], \"ips\": [\"192.0.2.0/24\"]}]");
    assert_int_equal(begin(w), STATUS_OK);
    remove_file(w, "a.txt");
    (void)pass(w, 2 * MINUTE);
    write_file(w, "c.txt", "192.0.2.3\nx\n");
    for (int on = 0; on < 2; on++) {
        long n = 1;
        for (; try_to_begin(w, n, on) != STATUS_OK; n++) {
            assert_true(n < 1000);
            assert_string_equal(held(w), "192.0.2.1 192.0.2.0/24 ");
        }
        assert_true(n > 20);
        assert_string_equal(held(w), "192.0.2.1 192.0.2.3 192.0.2.0/24 ");
        remove_file(w, "c.txt");
        assert_int_equal(begin(w), STATUS_OK);
        w->now_ns += 5 * HOUR; /* c.txt has time, a.txt has not */
        (void)pass(w, 0);
        write_file(w, "a.txt", "192.0.2.1\n");
        (void)pass(w, 2 * MINUTE);
        remove_file(w, "a.txt");
        (void)pass(w, 2 * MINUTE);
        (void)pass(w, 5 * HOUR);
        write_file(w, "c.txt", "192.0.2.3\nx\n");
        assert_string_equal(held(w), "192.0.2.1 192.0.2.0/24 ");
    }
}

/* Whatever fails at a turn is made good by those that follow. */
static void a_turn_without_memory_is_made_good(void **state) {
    struct world *w = *state;
    write_file(w, "a.txt", "192.0.2.1\n");
    write_file(w, "b.txt", "192.0.2.2\n");
    assert_int_equal(begin(w), STATUS_OK);
    bool any_failed = true;
    for (long n = 1; any_failed; n++) {
        char text[32];
        char expected[64];
        assert_true(n < 1000);
        (void)snprintf(text, sizeof text, "192.0.2.%ld\n", 3 + n % 2);
        (void)snprintf(expected, sizeof expected, "192.0.2.2 192.0.2.%ld ", 3 + n % 2);
        write_file(w, "a.txt", text);
        n_allocations = 0;
        fail_at = n;
        (void)pass(w, 2 * MINUTE);
        any_failed = n_allocations >= n;
        fail_at = 0;
        for (int i = 0; i < 4; i++)
            (void)pass(w, 15 * SECOND);
        assert_string_equal(held(w), expected);
        w->told[0] = '\0';
    }
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(unites_what_all_files_hold),
        TEST(has_nothing_to_do_without_files),
        TEST(dates_what_it_reads_first_by_the_files_and_changes_by_now),
        TEST(keeps_what_a_lost_file_held_for_three_intervals_or_six_hours),
        TEST(wakes_when_a_lost_file_is_to_be_dropped),
        TEST(takes_up_a_file_that_is_back),
        TEST(a_reload_keeps_what_lost_files_held),
        TEST(tells_what_is_wrong_with_a_file),
        TEST(takes_no_more_lines_than_it_may),
        TEST(a_reload_without_memory_changes_nothing),
        TEST(a_turn_without_memory_is_made_good),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
