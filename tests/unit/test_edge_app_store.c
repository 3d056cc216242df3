/* SPDX-License-Identifier: Apache-2.0
 *
 * What is kept for others than the checker, through the real store: across runs, crashes, refusals and
 * damage; and when what has happened may be told.
 */
/* LINK: -Wl,--wrap=state_put,--wrap=state_hold,--wrap=clock_wall_ns,--wrap=sqlite3_step */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "app_store.c"
#include "app_store_kept.c"
#include "app_told.c"

#include "world.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const int64_t PATIENCE_NS = INT64_C(60) * 1000000000;

static struct {
    char folder[64];
    char file[96];
    struct world world;
    struct settings settings;
    struct loop *loop;
    struct app_store *store;
    bool refuses; /* the queue is full */
    unsigned n_refused;
    unsigned n_kept; /* KEPT and KEPT_GONE that were put */
    int64_t wall_ns; /* 0: that of the machine */
    bool held;       /* what is put waits for the end of the turn */
    unsigned n_held; /* records of addresses that were put meanwhile */
    unsigned n_loose;
} t;

int64_t __real_clock_wall_ns(void);
int64_t __wrap_clock_wall_ns(void) {
    return t.wall_ns != 0 ? t.wall_ns : __real_clock_wall_ns();
}

bool __real_state_put(struct state *s, const struct record *record, uint64_t ticket);
bool __wrap_state_put(struct state *s, const struct record *record, uint64_t ticket) {
    t.n_refused += t.refuses;
    if (t.refuses)
        return false;
    t.n_kept += record->kind == RECORD_KEPT || record->kind == RECORD_KEPT_GONE;
    if (record->kind == RECORD_LOOKS || record->kind == RECORD_CELLS || record->kind == RECORD_ENTRY)
        *(t.held ? &t.n_held : &t.n_loose) += 1;
    return __real_state_put(s, record, ticket);
}

void __real_state_hold(struct state *s, bool hold);
void __wrap_state_hold(struct state *s, bool hold) {
    t.held = hold;
    __real_state_hold(s, hold);
}

static void open_as(enum app_store_keep keep) {
    t.settings = world_settings();
    world_begin(&t.world, &t.settings);
    t.store = app_store_open(t.folder, keep, 0);
    assert_non_null(t.store);
    assert_int_equal(app_store_restore(t.store, t.world.checker, t.world.now_ns), STATUS_OK);
}

static void start(void) {
    open_as(APP_STORE_ALL);
    assert_int_equal(app_store_start(t.store, t.loop, INT64_MAX), STATUS_OK);
}

static void turn(void) {
    t.world.now_ns += SECOND;
    checker_turn(t.world.checker, t.world.now_ns);
    (void)app_store_turn(t.store, t.world.now_ns);
}

static void stop(void) {
    app_store_close(t.store, PATIENCE_NS, t.world.now_ns);
    t.store = NULL;
    world_end(&t.world);
}

static void keep(const char *name, const char *text) {
    assert_true(app_store_keep(t.store, name, KEPT_SPF, text, strlen(text)));
}

static void expect(const char *name, const char *text) {
    const struct app_store_kept *found = app_store_kept_find(t.store, name, KEPT_SPF);
    if (text == NULL) {
        assert_null(found);
        return;
    }
    assert_non_null(found);
    assert_int_equal(found->len, strlen(text));
    assert_memory_equal(found->data, text, found->len);
}

static int begin_test(void **state) {
    memset(&t, 0, sizeof t);
    strcpy(t.folder, "/tmp/test_app_store.XXXXXX");
    t.loop = loop_new();
    if (t.loop == NULL || mkdtemp(t.folder) == NULL)
        return -1;
    snprintf(t.file, sizeof t.file, "%s/state.db", t.folder);
    log_setup(LOG_ERROR + 1, LOG_LOGFMT);
    alarm(120);
    return 0;
}

static int end_test(void **state) {
    DIR *dir = opendir(t.folder);
    char name[400];
    for (const struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
        snprintf(name, sizeof name, "%s/%s", t.folder, entry->d_name);
        (void)unlink(name);
    }
    if (dir != NULL)
        closedir(dir);
    rmdir(t.folder);
    loop_free(t.loop);
    alarm(0);
    return 0;
}

static void run_sql(const char *sql) {
    sqlite3 *db;
    assert_int_equal(sqlite3_open(t.file, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void keeps_across_runs(void **state) {
    start();
    expect("out", NULL);
    keep("out", "one");
    expect("out", "one");
    keep("out", "two");
    keep("in", "");
    expect("out", "two");
    stop();
    start();
    expect("out", "two");
    expect("in", "");
    assert_true(app_store_forget_kept(t.store, "out", KEPT_SPF));
    assert_false(app_store_forget_kept(t.store, "out", KEPT_SPF));
    expect("out", NULL);
    stop();
    start();
    expect("out", NULL);
    expect("in", "");
    stop();
}

/* The addresses that a record names have to be there before what is known of them is brought back. */
static void is_there_before_the_checker(void **state) {
    start();
    keep("out", "one");
    stop();
    t.store = app_store_open(t.folder, APP_STORE_ALL, 0);
    assert_non_null(t.store);
    expect("out", "one");
    expect("in", NULL);
    app_store_close(t.store, PATIENCE_NS, SECOND);
    t.store = app_store_open(t.folder, APP_STORE_BUDGETS, 0);
    assert_non_null(t.store);
    expect("out", NULL);
    app_store_close(t.store, PATIENCE_NS, SECOND);
    start();
    expect("out", "one");
    stop();
}

/* A machine without a clock of its own starts in 1970: what is kept for a time must not be taken for older
 * than that. */
static void knows_the_time_before_the_clock_is_set(void **state) {
    start();
    keep("out", "one");
    turn();
    int64_t last_ns = app_store_wall_ns(t.store);
    stop();
    t.wall_ns = 5 * SECOND;
    t.store = app_store_open(t.folder, APP_STORE_ALL, 0);
    assert_non_null(t.store);
    assert_true(app_store_wall_ns(t.store) >= last_ns - MINUTE);
    t.wall_ns = last_ns + HOUR;
    assert_int_equal(app_store_wall_ns(t.store), last_ns + HOUR);
    t.wall_ns = 0;
    app_store_close(t.store, PATIENCE_NS, SECOND);
}

static void survives_a_kill_one_second_later(void **state) {
    const pid_t child = fork();
    if (child == 0) {
        start();
        keep("out", "before");
        for (int i = 0; i < 10; i++) {
            turn();
            usleep(100000);
        }
        kill(getpid(), SIGKILL);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    start();
    expect("out", "before");
    stop();
}

static void what_the_queue_refuses_is_offered_again(void **state) {
    start();
    keep("gone", "x");
    t.refuses = true;
    keep("out", "one");
    keep("out", "two");
    assert_true(app_store_forget_kept(t.store, "gone", KEPT_SPF));
    expect("out", "two");
    t.world.now_ns += SECOND;
    t.n_refused = 0;
    assert_true(app_store_turn(t.store, t.world.now_ns) <= t.world.now_ns + SECOND / 5);
    assert_true(t.n_refused >= 2);
    t.refuses = false;
    t.n_kept = 0;
    turn();
    turn();
    assert_int_equal(t.n_kept, 2); /* once each */
    stop();
    start();
    expect("out", "two");
    expect("gone", NULL);
    stop();
}

static void hands_everything_over_again_when_the_file_is_lost(void **state) {
    start();
    keep("out", "one");
    keep("in", "two");
    stop();
    start();
    keep("new", "three");
    turn();
    assert_int_equal(unlink(t.file), 0);
    keep("new", "four"); /* that it is gone is found with the next write */
    const int64_t until_ns = clock_now_ns() + PATIENCE_NS;
    for (t.n_kept = 0; t.n_kept < 3 && clock_now_ns() < until_ns; usleep(1000))
        turn();
    assert_int_equal(t.n_kept, 3);
    stop();
    start();
    expect("out", "one");
    expect("in", "two");
    expect("new", "four");
    stop();
}

static void brings_what_is_kept_out_of_a_damaged_file(void **state) {
    start();
    keep("out", "one");
    stop();
    run_sql("UPDATE meta SET crc = 0");
    start();
    assert_true(state_was_damaged(t.store->state));
    expect("out", "one");
    stop();
    start();
    assert_false(state_was_damaged(t.store->state));
    expect("out", "one");
    stop();
}

/* A command: it has no use for it. */
static void a_command_neither_has_it_nor_loses_it(void **state) {
    start();
    keep("out", "one");
    stop();
    for (int damaged = 0; damaged <= 1; damaged++) {
        for (int started = 0; started <= 1; started++) {
            if (damaged)
                run_sql("UPDATE meta SET crc = 0");
            t.n_kept = 0;
            open_as(APP_STORE_BUDGETS);
            assert_int_equal(state_was_damaged(t.store->state), damaged);
            if (!damaged)
                expect("out", NULL);
            if (started)
                assert_int_equal(app_store_start(t.store, t.loop, INT64_MAX), STATUS_OK);
            if (started)
                turn();
            stop();
            assert_int_equal(t.n_kept, damaged);
            start();
            assert_false(state_was_damaged(t.store->state));
            expect("out", "one");
            stop();
        }
    }
}

/* So that the store writes both in one transaction. */
static void an_event_is_put_with_what_it_says_of_its_address(void **state) {
    struct history_event event = {.kind = HISTORY_LISTED, .has_ip = true, .ip = world_ip("192.0.2.1")};
    strcpy(event.list, "block");
    start();
    turn();
    t.n_loose = 0;
    world_listed(&t.world, BLOCK, "192.0.2.1", LOOK_WATCHED, 1);
    app_store_event(t.store, &event);
    assert_true(t.held);
    turn();
    assert_true(t.n_held > 0);
    assert_int_equal(t.n_loose, 0);
    assert_false(t.held);
    stop();
}

/* What is kept is there for the program, and nothing fails for that it cannot be written. */
static void goes_on_from_memory_without_a_store(void **state) {
    t.settings = world_settings();
    world_begin(&t.world, &t.settings);
    t.store = app_store_open("/proc/nothing/here", APP_STORE_ALL, 0);
    assert_non_null(t.store);
    assert_int_equal(app_store_restore(t.store, t.world.checker, t.world.now_ns), STATUS_OK);
    assert_int_equal(app_store_start(t.store, t.loop, INT64_MAX), STATUS_OK);
    keep("out", "one");
    turn();
    expect("out", "one");
    assert_true(app_store_turn(t.store, t.world.now_ns) > t.world.now_ns + SECOND); /* it does not try */
    assert_int_equal(t.n_kept, 0);
    stop();
}

/* --- What may be told --- */

/* While true, the thread of the store stands still at its next statement. */
static atomic_bool disk_stands;

int __real_sqlite3_step(sqlite3_stmt *statement);
int __wrap_sqlite3_step(sqlite3_stmt *statement) {
    while (atomic_load(&disk_stands))
        usleep(1000);
    return __real_sqlite3_step(statement);
}

static void happens(void) {
    struct history_event event;
    memset(&event, 0, sizeof event);
    event.kind = HISTORY_LISTED;
    app_store_event(t.store, &event);
}

static bool may_tell(uint64_t mark, int64_t waited_ns) {
    return app_store_may_tell(t.store, mark, t.world.now_ns - waited_ns, t.world.now_ns);
}

static void turn_until_written(uint64_t mark) {
    for (int64_t end_ns = clock_now_ns() + PATIENCE_NS; !may_tell(mark, 0); usleep(1000)) {
        assert_true(clock_now_ns() < end_ns);
        (void)app_store_turn(t.store, t.world.now_ns);
    }
}

static unsigned n_events_on_disk(void) {
    struct world again;
    struct settings settings = world_settings();
    world_begin(&again, &settings);
    struct app_store *store = app_store_open(t.folder, APP_STORE_ALL, PATIENCE_NS);
    assert_int_equal(app_store_restore(store, again.checker, again.now_ns), STATUS_OK);
    unsigned n = store->history.n;
    app_store_close(store, PATIENCE_NS, again.now_ns);
    world_end(&again);
    return n;
}

static void tells_what_is_on_the_disk_and_no_more(void **state) {
    start();
    assert_int_equal(app_store_mark(t.store), 0);
    assert_true(may_tell(0, 0));
    atomic_store(&disk_stands, true);
    happens();
    uint64_t mark = app_store_mark(t.store);
    assert_true(app_store_is_due(t.store)); /* nobody has it yet */
    turn();
    assert_false(app_store_is_due(t.store));
    usleep(50000);
    turn();
    assert_false(may_tell(mark, APP_STORE_TELL_NS - 1));
    assert_true(may_tell(mark - 1, 0));
    atomic_store(&disk_stands, false);
    turn_until_written(mark);
    happens();
    assert_false(may_tell(app_store_mark(t.store), 0));
    assert_true(may_tell(mark, 0));
    stop();
    assert_int_equal(n_events_on_disk(), 2);
}

/* What was shown once is no secret any more: only the first has to wait. */
static void tells_it_without_the_disk_in_the_end(void **state) {
    start();
    atomic_store(&disk_stands, true);
    happens();
    turn();
    uint64_t mark = app_store_mark(t.store);
    uint64_t warned = log_count(LOG_WARN);
    log_setup(LOG_WARN, LOG_LOGFMT);
    assert_true(may_tell(mark, APP_STORE_TELL_NS));
    assert_int_equal(log_count(LOG_WARN), warned + 1);
    assert_true(may_tell(mark, 0));
    happens();
    assert_false(may_tell(mark + 1, APP_STORE_TELL_NS - 1));
    assert_true(may_tell(mark + 1, APP_STORE_TELL_NS));
    assert_int_equal(log_count(LOG_WARN), warned + 1); /* once a minute */
    log_setup(LOG_ERROR + 1, LOG_LOGFMT);
    atomic_store(&disk_stands, false);
    stop();
}

static void waits_for_nothing_without_a_store(void **state) {
    assert_int_equal(mkdir(t.file, 0700), 0); /* a folder in the place of the file */
    start();
    happens();
    turn();
    assert_false(app_store_up(t.store));
    assert_true(may_tell(app_store_mark(t.store), 0));
    assert_true(may_tell(app_store_mark(t.store) + 1, 0));
    stop();
    assert_int_equal(rmdir(t.file), 0);
}

static struct app_told told;

static void say(void) {
    app_told_add(&told, t.store, log_line_new(LOG_INFO, "it happened", NULL));
}

/* The world's time stands; lines have that of the machine. */
static int64_t told_turn(int64_t waited_ns) {
    return app_told_turn(&told, t.store, clock_now_ns() + waited_ns);
}

static void lines_wait_for_the_disk_in_their_order(void **state) {
    int error_fd = dup(STDERR_FILENO);
    int nowhere_fd = open("/dev/null", O_WRONLY);
    assert_int_equal(dup2(nowhere_fd, STDERR_FILENO), STDERR_FILENO); /* they are a thousand */
    close(nowhere_fd);
    log_setup(LOG_INFO, LOG_LOGFMT);
    start();
    say(); /* of nothing that the store is to have */
    assert_int_equal(told_turn(0), INT64_MAX);
    atomic_store(&disk_stands, true);
    happens();
    turn();
    for (uint32_t i = 0; i < APP_TOLD_LINES + 3; i++)
        say();
    assert_int_equal(told.n, APP_TOLD_LINES); /* three are out */
    assert_true(told_turn(0) <= clock_now_ns() + APP_STORE_TELL_NS);
    assert_int_equal(told.n, APP_TOLD_LINES);
    atomic_store(&disk_stands, false);
    turn_until_written(app_store_mark(t.store));
    assert_int_equal(told_turn(0), INT64_MAX);
    assert_int_equal(told.n, 0);
    happens();
    say();
    assert_int_equal(told_turn(APP_STORE_TELL_NS), INT64_MAX); /* without the disk */
    say();
    assert_int_equal(told.n, 1);
    log_setup(LOG_ERROR + 1, LOG_LOGFMT);
    app_told_add(&told, t.store, log_line_new(LOG_INFO, "nobody wants it", NULL));
    assert_int_equal(told.n, 1);
    stop();
    app_told_end(&told);
    assert_int_equal(told.n, 0);
    assert_int_equal(dup2(error_fd, STDERR_FILENO), STDERR_FILENO);
    close(error_fd);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(keeps_across_runs, begin_test, end_test),
        cmocka_unit_test_setup_teardown(is_there_before_the_checker, begin_test, end_test),
        cmocka_unit_test_setup_teardown(knows_the_time_before_the_clock_is_set, begin_test, end_test),
        cmocka_unit_test_setup_teardown(survives_a_kill_one_second_later, begin_test, end_test),
        cmocka_unit_test_setup_teardown(what_the_queue_refuses_is_offered_again, begin_test, end_test),
        cmocka_unit_test_setup_teardown(hands_everything_over_again_when_the_file_is_lost, begin_test,
                                        end_test),
        cmocka_unit_test_setup_teardown(brings_what_is_kept_out_of_a_damaged_file, begin_test, end_test),
        cmocka_unit_test_setup_teardown(a_command_neither_has_it_nor_loses_it, begin_test, end_test),
        cmocka_unit_test_setup_teardown(an_event_is_put_with_what_it_says_of_its_address, begin_test,
                                        end_test),
        cmocka_unit_test_setup_teardown(goes_on_from_memory_without_a_store, begin_test, end_test),
        cmocka_unit_test_setup_teardown(tells_what_is_on_the_disk_and_no_more, begin_test, end_test),
        cmocka_unit_test_setup_teardown(tells_it_without_the_disk_in_the_end, begin_test, end_test),
        cmocka_unit_test_setup_teardown(waits_for_nothing_without_a_store, begin_test, end_test),
        cmocka_unit_test_setup_teardown(lines_wait_for_the_disk_in_their_order, begin_test, end_test),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
