/* SPDX-License-Identifier: Apache-2.0 */
/* LINK: -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup,--wrap=strndup */
#include "allocations.h"
#include "files_fixture.h"

#include <errno.h>

/* --- What is read --- */

static void reads_what_the_patterns_name_in_order_each_once(void **state) {
    struct world *w = *state;
    make_folder(w, "a");
    make_folder(w, "b");
    make_folder(w, "a/folder.txt");
    write_file(w, "a/2.txt", "two");
    write_file(w, "a/1.txt", "one");
    write_file(w, "a/1.txt~", "backup");
    write_file(w, "a/.1.txt.swp", "swap");
    write_file(w, "b/3.txt", "");
    char texts[3][512];
    const char *const patterns[] = {texts[0], texts[1], texts[2]};
    (void)snprintf(texts[0], sizeof texts[0], "%s/?/*.txt", w->folder);
    (void)snprintf(texts[1], sizeof texts[1], "%s/a/1.txt", w->folder);
    (void)snprintf(texts[2], sizeof texts[2], "%s/c/*.txt", w->folder);
    size_t set = 99;
    assert_int_equal(files_add(w->files, patterns, 3, &set), STATUS_OK);
    assert_int_equal(set, 0);
    assert_int_equal(add(w, "b/*"), 1);
    expect(w, " +a/1.txt=one +a/2.txt=two -a/folder.txt: is no regular file +b/3.txt= +1:b/3.txt=");
    assert_int_equal(files_matches(w->files, 0, 0), 4);
    assert_int_equal(files_matches(w->files, 0, 1), 1);
    assert_int_equal(files_matches(w->files, 0, 2), 0);
    assert_null(files_trouble(w->files, 0, 2));
    assert_null(files_blind(w->files));
    expect(w, "");
}

static void tells_when_a_file_was_modified(void **state) {
    struct world *w = *state;
    write_file(w, "x", "x");
    age_file(w, "x");
    add(w, "x");
    expect(w, " +x=x");
    assert_in_range(clock_wall_ns() - w->modified_ns, 86400 * 1000 * MS, 86410 * 1000 * MS);
}

static void says_why_a_file_is_not_read(void **state) {
    struct world *w = *state;
    make_folder(w, "folder");
    assert_int_equal(mkfifo(at(w, "fifo"), 0644), 0);
    write_file(w, "large", "");
    assert_int_equal(truncate(at(w, "large"), FILES_BYTES + 1L), 0);
    write_file(w, "most", "");
    assert_int_equal(truncate(at(w, "most"), FILES_BYTES), 0);
    link_to(w, "nowhere", "dangling");
    link_to(w, "loop", "loop");
    link_to(w, "most", "well");
    add(w, "*");
    expect(w, " -dangling: is gone -fifo: is no regular file -folder: is no regular file"
              " -large: has more than 67108864 bytes, which are the most that are read"
              " -loop: cannot be read: Too many levels of symbolic links +most= +well=");
    expect(w, ""); /* once each */
    skip_poll(w);
    assert_string_equal(w->log, "");
}

static void says_that_it_may_not_read(void **state) {
    struct world *w = *state;
    make_folder(w, "d");
    write_file(w, "d/x", "1");
    write_file(w, "d/y", "2");
    add(w, "d/*");
    add(w, "d/x");
    if (geteuid() == 0 && (setegid(65534) != 0 || chown(w->folder, 65534, 65534) != 0 ||
                           chown(at(w, "d"), 65534, 65534) != 0 || chown(at(w, "d/x"), 65534, 65534) != 0 ||
                           chown(at(w, "d/y"), 65534, 65534) != 0 || seteuid(65534) != 0))
        fail_msg("cannot become nobody: %s", strerror(errno));
    assert_int_equal(chmod(w->folder, 0311), 0); /* only the way there */
    expect(w, " +d/x=1 +d/y=2 +1:d/x=1");
    assert_null(files_blind(w->files));
    assert_int_equal(chmod(w->folder, 0700), 0);
    assert_int_equal(chmod(at(w, "d/y"), 0), 0);
    expect(w, " -d/y: cannot be read: Permission denied");
    write_file(w, "d/x", "1b");
    expect(w, " +d/x=1b +1:d/x=1b");
    assert_int_equal(chmod(at(w, "d/y"), 0600), 0);
    expect(w, " +d/y=2");
    assert_int_equal(chmod(at(w, "d"), 0), 0);
    char expected[1024];
    (void)snprintf(
        expected, sizeof expected,
        " -d/x: cannot be found: %s: Permission denied -d/y: cannot be found: %s: Permission denied"
        " -1:d/x: cannot be found: %s: Permission denied",
        at(w, "d"), at(w, "d"), at(w, "d/x"));
    expect(w, expected);
    assert_non_null(files_trouble(w->files, 0, 0));
    assert_int_equal(chmod(at(w, "d"), 0700), 0);
    expect(w, " +d/x=1b +d/y=2 +1:d/x=1b");
    assert_int_equal(seteuid(getuid()) | setegid(getgid()), 0);
}

static void reads_the_first_thousand_of_too_many(void **state) {
    struct world *w = *state;
    char name[32];
    for (unsigned i = 0; i < FILES_MAX + 2; i++) {
        (void)snprintf(name, sizeof name, "%04u", i);
        write_file(w, name, "");
    }
    add(w, "*");
    run(w, NULL, 0);
    assert_int_equal(files_matches(w->files, 0, 0), FILES_MAX + 2);
    assert_int_equal(files_omitted(w->files, 0), 2);
    assert_int_equal(w->files->sets[0].n_entries, FILES_MAX);
    assert_true(w->files->sets[0].entries[FILES_MAX - 1].is_read);
    assert_int_equal(unlink(at(w, "0000")) | unlink(at(w, "0001")), 0);
    w->log[0] = '\0';
    expect(w, " -0000: is gone -0001: is gone +1000= +1001=");
    assert_int_equal(files_omitted(w->files, 0), 0);
}

/* --- What changes --- */

static void hears_of_changes_at_once(void **state) {
    struct world *w = *state;
    make_folder(w, "d");
    write_file(w, "d/a.txt", "1");
    add(w, "d/*.txt");
    expect(w, " +d/a.txt=1");
    write_file(w, "d/a.txt", "2"); /* in place */
    expect(w, " +d/a.txt=2");
    write_file(w, "d/a.tmp", "3"); /* by rename */
    rename_to(w, "d/a.tmp", "d/a.txt");
    expect(w, " +d/a.txt=3");
    write_file(w, "d/b.txt", "4");
    expect(w, " +d/b.txt=4");
    assert_int_equal(unlink(at(w, "d/a.txt")), 0);
    expect(w, " -d/a.txt: is gone");
    rename_to(w, "d/b.txt", "d/c.txt");
    expect(w, " -d/b.txt: is gone +d/c.txt=4");
    rename_to(w, "d/c.txt", "d/c.off");
    expect(w, " -d/c.txt: is gone");
    rename_to(w, "d/c.off", "d/c.txt"); /* back as it was */
    expect(w, " +d/c.txt=4");
    link_to(w, "c.txt", "d/d.txt");
    expect(w, " +d/d.txt=4");
    assert_int_equal(link(at(w, "d/c.txt"), at(w, "d/e.txt")), 0);
    expect(w, " +d/e.txt=4");
    assert_int_equal(files_matches(w->files, 0, 0), 3);
}

static void hears_of_many_changes_as_of_one(void **state) {
    struct world *w = *state;
    add(w, "*.txt");
    expect(w, "");
    for (unsigned i = 0; i < 50; i++) {
        write_file(w, "a.txt", i % 2 ? "odd" : "even");
        write_file(w, "b.txt", "x");
    }
    expect(w, " +a.txt=odd +b.txt=x");
}

static void takes_contents_as_they_were_for_no_news(void **state) {
    struct world *w = *state;
    write_file(w, "x", "same");
    add(w, "x");
    expect(w, " +x=same");
    write_file(w, "x", "same");
    age_file(w, "x");
    write_file(w, "y", "same");
    rename_to(w, "y", "x");
    expect(w, "");
}

static void hears_of_folders_that_come_go_and_are_replaced(void **state) {
    struct world *w = *state;
    add(w, "a/b/*.d/x");
    expect(w, "");
    make_folder(w, "a");
    expect(w, "");
    make_folder(w, "a/b");
    make_folder(w, "a/b/1.d");
    write_file(w, "a/b/1.d/x", "1");
    expect(w, " +a/b/1.d/x=1");
    make_folder(w, "a/b/2.d");
    expect(w, "");
    write_file(w, "a/b/2.d/x", "2");
    expect(w, " +a/b/2.d/x=2");
    rename_to(w, "a", "old");
    expect(w, " -a/b/1.d/x: is gone -a/b/2.d/x: is gone");
    rename_to(w, "old", "a");
    expect(w, " +a/b/1.d/x=1 +a/b/2.d/x=2");
    make_folder(w, "c"); /* another in its place */
    make_folder(w, "c/b");
    make_folder(w, "c/b/1.d");
    write_file(w, "c/b/1.d/x", "3");
    rename_to(w, "a", "old");
    rename_to(w, "c", "a");
    expect(w, " -a/b/2.d/x: is gone +a/b/1.d/x=3");
    write_file(w, "a/b/1.d/x", "4"); /* it is the new one that is watched */
    expect(w, " +a/b/1.d/x=4");
}

/* As Kubernetes does: the names are links through ..data, which is replaced as a whole by rename. */
static void hears_of_a_configmap_that_is_swapped(void **state) {
    struct world *w = *state;
    make_folder(w, "m");
    make_folder(w, "m/..1");
    write_file(w, "m/..1/a.txt", "1");
    write_file(w, "m/..1/b.txt", "same");
    link_to(w, "..1", "m/..data");
    link_to(w, "..data/a.txt", "m/a.txt");
    link_to(w, "..data/b.txt", "m/b.txt");
    add(w, "m/*.txt");
    expect(w, " +m/a.txt=1 +m/b.txt=same");
    for (unsigned i = 2; i < 5; i++) {
        char folder[32];
        char name[64];
        char text[32];
        (void)snprintf(folder, sizeof folder, "m/..%u", i);
        make_folder(w, folder);
        (void)snprintf(name, sizeof name, "%s/b.txt", folder);
        write_file(w, name, "same");
        (void)snprintf(name, sizeof name, "%s/a.txt", folder);
        (void)snprintf(text, sizeof text, "%u", i);
        write_file(w, name, text);
        link_to(w, folder + 2, "m/..data_tmp");
        rename_to(w, "m/..data_tmp", "m/..data");
        (void)snprintf(text, sizeof text, " +m/a.txt=%u", i);
        expect(w, text);
    }
}

static void hears_of_what_links_lead_to(void **state) {
    struct world *w = *state;
    make_folder(w, "far");
    make_folder(w, "near");
    write_file(w, "far/x", "1");
    link_to(w, "../far/x", "near/x");
    link_to(w, "near", "here");
    add(w, "here/x");
    expect(w, " +here/x=1");
    write_file(w, "far/y", "2");
    rename_to(w, "far/y", "far/x");
    expect(w, " +here/x=2");
    make_folder(w, "other"); /* a folder that is a link to a folder */
    write_file(w, "other/x", "3");
    link_to(w, "other", "there");
    rename_to(w, "there", "here");
    expect(w, " +here/x=3");
    write_file(w, "other/x", "4");
    expect(w, " +here/x=4");
    write_file(w, "far/x", "5"); /* not any more */
    expect(w, "");
}

/* x -> data/current/x, current -> releases/stable, stable -> 1; and a folder that is reached alike. */
static void hears_of_links_that_are_swapped_on_the_way(void **state) {
    struct world *w = *state;
    make_folder(w, "data");
    make_folder(w, "near");
    make_folder(w, "releases");
    make_folder(w, "releases/1");
    make_folder(w, "releases/2");
    write_file(w, "releases/1/x", "1");
    write_file(w, "releases/2/x", "2");
    link_to(w, "1", "releases/stable");
    link_to(w, at(w, "releases/stable"), "data/current");
    link_to(w, "../data/current/x", "near/x");
    link_to(w, "data/current", "here");
    add(w, "near/*");
    add(w, "here/*");
    expect(w, " +near/x=1 +1:here/x=1");
    link_to(w, "2", "next");
    rename_to(w, "next", "releases/stable");
    expect(w, " +near/x=2 +1:here/x=2");
    link_to(w, "../releases/1", "next");
    rename_to(w, "next", "data/current");
    expect(w, " +near/x=1 +1:here/x=1");
    rename_to(w, "releases/1", "releases/3");
    expect(w, " -near/x: is gone -1:here/x: is gone");
    rename_to(w, "releases/3", "releases/1"); /* what was missing on the way is there again */
    expect(w, " +near/x=1 +1:here/x=1");
    assert_null(files_blind(w->files));
}

static void watches_where_relative_patterns_begin(void **state) {
    struct world *w = *state;
    char before[512];
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(w->folder), 0);
    w->folder[0] = '\0';
    const char *const patterns[] = {"./d/*.txt", "x"};
    size_t set;
    assert_int_equal(files_add(w->files, patterns, 2, &set), STATUS_OK);
    run(w, "", 10 * MS);
    assert_int_equal(mkdir("d", 0755), 0);
    run(w, NULL, 300 * MS);
    int fd = open("d/a.txt", O_WRONLY | O_CREAT, 0644);
    assert_int_equal(write(fd, "1", 1), 1);
    close(fd);
    run(w, " +/d/a.txt=1", 10000 * MS);
    assert_string_equal(w->log, " +/d/a.txt=1");
    fd = open("x", O_WRONLY | O_CREAT, 0644);
    close(fd);
    run(w, " +/d/a.txt=1 +=", 10000 * MS);
    assert_string_equal(w->log, " +/d/a.txt=1 +=");
    assert_non_null(getcwd(w->folder, sizeof w->folder));
    assert_int_equal(chdir(before), 0);
}

static void looks_at_all_every_minute_whatever_it_hears(void **state) {
    struct world *w = *state;
    files_free(w->files);
    w->files = files_new(NULL, hear, w); /* it cannot watch */
    write_file(w, "x", "1");
    age_file(w, "x");
    add(w, "*");
    int64_t now_ns = 5 * FILES_POLL_NS;
    assert_int_equal(files_turn(w->files, now_ns), now_ns + FILES_POLL_NS);
    assert_string_equal(w->log, " +x=1");
    write_file(w, "x", "2");
    age_file(w, "x");
    assert_int_equal(files_turn(w->files, now_ns + 1), now_ns + FILES_POLL_NS);
    assert_string_equal(w->log, " +x=1");
    assert_int_equal(files_turn(w->files, now_ns + FILES_POLL_NS), now_ns + 2 * FILES_POLL_NS);
    assert_string_equal(w->log, " +x=1 +x=2");
}

static void looks_again_at_what_was_written_to_when_it_was_read(void **state) {
    struct world *w = *state;
    struct stat about;
    write_file(w, "x", "1");
    add(w, "x");
    expect(w, " +x=1");
    /* a second change within the same tick of the file system's clock, as long as the first */
    write_file(w, "x", "2");
    struct files_entry *entry = &w->files->sets[0].entries[0];
    assert_true(entry->again);
    assert_int_equal(stat(at(w, "x"), &about), 0);
    entry->stamp = files_stamp_of(&about);
    expect(w, " +x=2");
}

static void tells_again_what_could_not_be_taken(void **state) {
    struct world *w = *state;
    write_file(w, "x", "1");
    add(w, "x");
    w->n_refused = 2;
    run(w, NULL, 0);
    assert_true(files_starved(w->files));
    expect(w, " +x=1");
    assert_false(files_starved(w->files));
    assert_int_equal(w->n_refused, 0);
}

static void looks_at_all_when_events_were_lost(void **state) {
    struct world *w = *state;
    const char *const paths[] = {at(w, "d/0"), at(w, "d/1")};
    unsigned most = 16384;
    FILE *limit = fopen("/proc/sys/fs/inotify/max_queued_events", "re");
    if (limit) {
        assert_int_equal(fscanf(limit, "%u", &most), 1);
        fclose(limit);
    }
    make_folder(w, "d");
    write_file(w, "d/x.txt", "1");
    add(w, "d/x.txt");
    expect(w, " +d/x.txt=1");
    write_file(w, "d/0", "");
    write_file(w, "d/1", "");
    for (unsigned i = 0; i < most + 100; i++)
        assert_int_equal(chmod(paths[i % 2], 0600), 0); /* the same twice in a row would be one event */
    write_file(w, "d/x.txt", "2");
    expect(w, " +d/x.txt=2");
}

static void expect_watches(struct world *w, size_t n) {
    for (int i = 0; i < 100 && w->files->n_watches != n; i++)
        run(w, NULL, 100 * MS);
    assert_int_equal(w->files->n_watches, n);
}

static void drops_the_watches_that_it_needs_no_more(void **state) {
    struct world *w = *state;
    char name[32];
    make_folder(w, "d");
    add(w, "d/*/x");
    run(w, NULL, 10 * MS);
    size_t n = w->files->n_watches;
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < 20; i++) {
            (void)snprintf(name, sizeof name, "d/%u", i);
            make_folder(w, name);
        }
        expect_watches(w, n + 20);
        for (unsigned i = 0; i < 20; i++) {
            (void)snprintf(name, sizeof name, "d/%u", i);
            assert_int_equal(rmdir(at(w, name)), 0);
        }
        expect_watches(w, n);
    }
    rename_to(w, "d", "e"); /* folders that are there still, but no pattern leads there */
    expect_watches(w, n - 1);
    write_file(w, "e/x", "");
    expect(w, "");
}

static void watches_a_folder_once_that_many_links_lead_to(void **state) {
    struct world *w = *state;
    char target[32];
    char name[32];
    make_folder(w, "data");
    make_folder(w, "links");
    for (unsigned i = 0; i < FILES_MAX; i++) {
        (void)snprintf(target, sizeof target, "data/%04u", i);
        write_file(w, target, "");
        (void)snprintf(target, sizeof target, "../data/%04u", i);
        (void)snprintf(name, sizeof name, "links/%04u", i);
        link_to(w, target, name);
    }
    add(w, "links/*");
    run(w, NULL, 0);
    assert_int_equal(w->files->sets[0].n_entries, FILES_MAX);
    assert_null(files_blind(w->files));
    w->log[0] = '\0';
    write_file(w, "data/0999", "1");
    expect(w, " +links/0999=1");
}

static void says_when_it_cannot_watch(void **state) {
    struct world *w = *state;
    char name[32];
    for (unsigned i = 0; i < FILES_WATCHES; i++) {
        (void)snprintf(name, sizeof name, "%u", i);
        make_folder(w, name);
    }
    add(w, "*/x");
    run(w, NULL, 10 * MS);
    assert_non_null(files_blind(w->files));
    assert_non_null(strstr(files_blind(w->files), ": too many folders to watch"));
    write_file(w, "0/x", "1"); /* still found, at the latest a minute later */
    skip_poll(w);
    assert_string_equal(w->log, " +0/x=1");
}

/* Makes a world of two files in two sets; a failure anywhere leaves things as they are or is made good at the
 * next look. */
static void get_through(struct world *w, long n) {
    struct world other = {.folder = ""};
    struct loop *loop = w->loop;
    memcpy(other.folder, w->folder, sizeof other.folder);
    n_allocations = 0;
    fail_at = n;
    struct files *files = files_new(loop, hear, &other);
    const char *const patterns[] = {at(w, "?/x"), at(w, "b/y")};
    size_t set = 7;
    enum status status = STATUS_NO_MEMORY;
    for (int i = 0; files && status != STATUS_OK && i < 3; i++)
        status = files_add(files, patterns, 2, &set);
    int64_t now_ns = 0;
    for (int i = 0; files && i < 3; i++)
        now_ns = files_turn(files, now_ns);
    fail_at = 0;
    if (files) {
        assert_int_equal(set, 0);
        if (strcmp(other.log, " +b/y=2 +a/x=1") != 0) /* the first was put off */
            assert_string_equal(other.log, " +a/x=1 +b/y=2");
    }
    files_free(files);
}

static void survives_every_failing_allocation(void **state) {
    struct world *w = *state;
    make_folder(w, "a");
    make_folder(w, "b");
    write_file(w, "a/x", "1");
    write_file(w, "b/y", "2");
    link_to(w, "../a/x", "b/z");
    long n = 1;
    do
        get_through(w, n);
    while (n_allocations >= n++);
    assert_true(n > 15);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(reads_what_the_patterns_name_in_order_each_once),
        TEST(tells_when_a_file_was_modified),
        TEST(says_why_a_file_is_not_read),
        TEST(says_that_it_may_not_read),
        TEST(reads_the_first_thousand_of_too_many),
        TEST(hears_of_changes_at_once),
        TEST(hears_of_many_changes_as_of_one),
        TEST(takes_contents_as_they_were_for_no_news),
        TEST(hears_of_folders_that_come_go_and_are_replaced),
        TEST(hears_of_a_configmap_that_is_swapped),
        TEST(hears_of_what_links_lead_to),
        TEST(hears_of_links_that_are_swapped_on_the_way),
        TEST(watches_where_relative_patterns_begin),
        TEST(looks_at_all_every_minute_whatever_it_hears),
        TEST(looks_again_at_what_was_written_to_when_it_was_read),
        TEST(tells_again_what_could_not_be_taken),
        TEST(looks_at_all_when_events_were_lost),
        TEST(drops_the_watches_that_it_needs_no_more),
        TEST(watches_a_folder_once_that_many_links_lead_to),
        TEST(says_when_it_cannot_watch),
        TEST(survives_every_failing_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
