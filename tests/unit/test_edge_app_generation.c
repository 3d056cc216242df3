/* SPDX-License-Identifier: Apache-2.0
 *
 * A reload is whole or has not been: each step that can fail does so in turn, after the new configuration
 * was read, and nothing of what runs may be another then. What the steps have to do with is played here, but
 * for bounces and sources.
 */
/* LINK: -Wl,--wrap=sources_expand,--wrap=targets_build,--wrap=checker_new,--wrap=checker_carry */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "app_bounced.c"
#include "app_generation.c"
#include "app_sources.c"

#include "world.h"

/* Of a reload, and of sources that say something new, which is its second part. */
enum { BOUNCED = 3, STEPS = 12, STEPS_OF_SOURCES = 8, STEP_TARGETS = 7, STEP_CHECKER = 8 };

static struct {
    struct app app;
    struct bounce_settings rules; /* of the configuration in the file */
    int at;                       /* steps that could fail, so far */
    int fail_at;                  /* the one that does; 0: none */
    enum status failure;
    unsigned n_uses;   /* of anything new */
    unsigned n_opened; /* files and groups that nobody has freed yet */
    unsigned n_told;   /* problems on the log */
} t;

static enum status step(void) {
    return ++t.at == t.fail_at ? t.failure : STATUS_OK;
}

/* ---- what can fail ---- */

enum status app_config_load(const char *file, const struct catalog *catalog, struct problems *problems,
                            struct settings **out) {
    enum status status = step();
    if (status == STATUS_INVALID)
        problems_error(problems, 1, 1, "no list is given");
    if (status != STATUS_OK)
        return status;
    *out = calloc(1, sizeof **out);
    assert_non_null(*out);
    **out = world_settings();
    (*out)->bounces = t.rules;
    return STATUS_OK;
}

struct app_store *app_store_open(const char *path, enum app_store_keep keep, int64_t wait_ns) {
    static int store;
    return step() == STATUS_OK ? (struct app_store *)&store : NULL;
}

enum status app_files_open(const struct settings *base, struct loop *loop, const struct app_files *before,
                           app_files_say *say, void *context, int64_t now_ns, struct app_files **out) {
    enum status status = step();
    if (status == STATUS_OK)
        *out = malloc(1);
    t.n_opened += status == STATUS_OK;
    return status;
}

enum status app_files_fill(struct app_files *f, const struct sources *before, struct sources *out) {
    return step();
}

enum status app_spf_begin(const struct app_spf *spf, const struct settings *base, struct sources *sources,
                          struct app_spf_groups *out) {
    enum status status = step();
    if (status == STATUS_OK)
        *out = (struct app_spf_groups){.items = malloc(1), .n = 1};
    t.n_opened += status == STATUS_OK;
    return status;
}

size_t app_ask_system(const struct settings *settings, struct endpoint out[3], struct problems *problems) {
    out[0] = (struct endpoint){.ip = ip_v4(0x7f000001), .port = 53};
    if (step() != STATUS_OK)
        problems_error(problems, 0, 0, "there is no nameserver");
    return 1;
}

enum status __real_sources_expand(const struct sources *s, const struct settings *base,
                                  struct problems *problems, struct settings **out);
enum status __wrap_sources_expand(const struct sources *s, const struct settings *base,
                                  struct problems *problems, struct settings **out) {
    enum status status = step();
    return status == STATUS_OK ? __real_sources_expand(s, base, problems, out) : status;
}

enum status __real_targets_build(const struct settings *settings, struct targets **out);
enum status __wrap_targets_build(const struct settings *settings, struct targets **out) {
    enum status status = step();
    return status == STATUS_OK ? __real_targets_build(settings, out) : status;
}

enum status __real_checker_new(const struct targets *targets, const struct endpoint *system, size_t n_system,
                               int64_t epoch_ns, uint32_t generation, const struct checker_watch *watch,
                               int64_t now_ns, struct checker **out);
enum status __wrap_checker_new(const struct targets *targets, const struct endpoint *system, size_t n_system,
                               int64_t epoch_ns, uint32_t generation, const struct checker_watch *watch,
                               int64_t now_ns, struct checker **out) {
    enum status status = step();
    return status == STATUS_OK
               ? __real_checker_new(targets, system, n_system, epoch_ns, generation, watch, now_ns, out)
               : status;
}

enum status __real_checker_carry(struct checker *c, const struct checker *old, int64_t now_ns);
enum status __wrap_checker_carry(struct checker *c, const struct checker *old, int64_t now_ns) {
    enum status status = step();
    return status == STATUS_OK ? __real_checker_carry(c, old, now_ns) : status;
}

enum status app_store_restore(struct app_store *store, struct checker *c, int64_t now_ns) {
    return step();
}

enum status app_store_recall(struct app_store *store, struct checker *c, const struct checker *old,
                             int64_t now_ns) {
    return step();
}

enum status app_senders_begin(const struct app_senders *s, struct app_store *store,
                              const struct targets *targets, struct checker *checker, int64_t now_ns,
                              struct senders **out) {
    return step();
}

enum status app_question_use(struct app_question *q, struct resolver *resolver, const struct checker *checker,
                             const struct app_question_servers *general) {
    return step();
}

/* ---- what is only done when all is well ---- */

void app_store_use(struct app_store *store, struct checker *c, int64_t history_ns, int64_t now_ns) {
    t.n_uses++;
}

void app_senders_use(struct app_senders *s, struct app_store *store, struct senders *senders,
                     struct checker *checker) {
    t.n_uses++;
}

void app_web_use(struct app_web *web, struct checker *checker) {
    t.n_uses++;
}

void app_web_configured(struct app_web *web, const struct settings *base) {
    assert_int_equal(base->bounces.limit, t.rules.limit);
    t.n_uses++;
}

void app_spf_use(struct app_spf *spf, struct app_spf_groups *next, int64_t now_ns) {
    app_spf_groups_free(&spf->now);
    spf->now = *next;
    *next = (struct app_spf_groups){.items = NULL};
    t.n_uses++;
}

/* ---- the rest ---- */

void app_spf_groups_free(struct app_spf_groups *groups) {
    t.n_opened -= groups->items != NULL;
    free(groups->items);
    *groups = (struct app_spf_groups){.items = NULL};
}

void app_files_free(struct app_files *f) {
    t.n_opened -= f != NULL;
    free(f);
}

void app_files_log(void *context, enum log_level level, const char *group, const char *file, uint32_t line,
                   const char *text) {}

struct checker_watch app_watch_make(struct app_watch *watch) {
    return (struct checker_watch){.changed = world_ignore_change, .state = world_ignore_state};
}

const char *app_config_name(const char *file) {
    return file;
}

void app_problems_log(const char *file, const struct problems *problems) {
    t.n_told += problems_failed(problems);
}

struct mirrors *app_mirrors(void) {
    return NULL;
}

bool app_store_keep(struct app_store *store, const char *name, enum record_kept which, const void *data,
                    size_t len) {
    return true;
}

const struct app_store_kept *app_store_kept_find(const struct app_store *store, const char *name,
                                                 enum record_kept which) {
    return NULL;
}

int64_t app_store_wall_ns(const struct app_store *store) {
    return WORLD_START + WORLD_OFFSET;
}

/* ---- the world ---- */

static enum status load(int fail_at, enum status failure) {
    struct problems problems;
    problems_init(&problems);
    t.at = 0;
    t.fail_at = fail_at;
    t.failure = failure;
    t.n_uses = 0;
    enum status status = app_generation_load(&t.app, &problems);
    assert_int_equal(status == STATUS_OK, !problems_failed(&problems) && !problems.no_memory);
    problems_release(&problems);
    return status;
}

/* A program that runs, watches what bounces named, and finds a configuration that allows fewer of them. */
static int begin_test(void **state) {
    static const struct cli cli = {.storage_path = "none"};
    memset(&t, 0, sizeof t);
    log_setup(LOG_ERROR + 1, LOG_LOGFMT);
    t.rules = (struct bounce_settings){.keep_ns = 24 * HOUR, .limit = 10};
    t.app = (struct app){.cli = &cli, .epoch_ns = registry_epoch(WORLD_START)};
    (void)app_bounced_start(&t.app.bounced, NULL, &t.app.sources);
    if (load(0, STATUS_OK) != STATUS_OK)
        return -1;
    for (unsigned i = 0; i < BOUNCED; i++) {
        const struct ip ip = ip_v4(0xc0000210u + i);
        assert_int_equal(app_bounced_add(&t.app.bounced, &ip, "block"), STATUS_OK);
    }
    (void)app_bounced_turn(&t.app.bounced, clock_now_ns());
    quota_take(checker_quota(t.app.now.checker, BLOCK), BUDGET_WATCHED, clock_now_ns());
    t.rules.limit = 1;
    return 0;
}

static int end_test(void **state) {
    app_generation_free(&t.app.now);
    app_bounced_stop(&t.app.bounced);
    app_spf_groups_free(&t.app.spf.now);
    app_files_free(t.app.files);
    app_sources_free(&t.app.sources);
    settings_free(t.app.base);
    return t.n_opened == 0 ? 0 : -1;
}

static uint64_t spent(void) {
    return quota_used(checker_quota(t.app.now.checker, BLOCK), clock_now_ns());
}

static void expect_all_as_before(const struct app *before, int failed) {
    if (memcmp(before, &t.app, sizeof t.app) != 0)
        fail_msg("step %d failed: something of what runs is another", failed);
    if (t.n_uses != 0)
        fail_msg("step %d failed: something of it is in use", failed);
    if (bounced_count(t.app.bounced.table) != BOUNCED)
        fail_msg("step %d failed: the rules for bounces are the new ones", failed);
    assert_int_equal(t.app.base->bounces.limit, 10);
    assert_int_equal(t.n_opened, 2);
    assert_int_equal(spent(), 1);
}

static void a_reload_that_fails_changes_nothing(void **state) {
    const struct app before = t.app;
    for (int i = 1; i <= STEPS; i++) {
        assert_int_not_equal(load(i, STATUS_NO_MEMORY), STATUS_OK);
        assert_int_equal(t.at, i);
        expect_all_as_before(&before, i);
    }
    assert_int_equal(load(1, STATUS_INVALID), STATUS_INVALID);
    expect_all_as_before(&before, 1);
}

static void a_list_that_is_too_large_changes_nothing(void **state) {
    const struct app before = t.app;
    for (int i = STEP_TARGETS; i <= STEP_CHECKER; i++) {
        assert_int_equal(load(i, STATUS_RANGE), STATUS_RANGE);
        expect_all_as_before(&before, i);
    }
}

static void one_that_succeeds_changes_all_of_it(void **state) {
    const struct app before = t.app;
    assert_int_equal(load(0, STATUS_OK), STATUS_OK);
    assert_int_equal(t.at, STEPS); /* no more can fail */
    assert_int_equal(t.n_uses, 5);
    assert_ptr_not_equal(t.app.now.checker, before.now.checker);
    assert_ptr_not_equal(t.app.base, before.base);
    assert_int_equal(t.app.base->bounces.limit, 1);
    assert_int_equal(bounced_count(t.app.bounced.table), 1);
    assert_int_equal(t.n_opened, 2);
    assert_int_equal(spent(), 1);
}

/* What sources say that is new: the same, but for when it is tried again. */
static void what_sources_say_is_used_whole_or_not_at_all(void **state) {
    assert_true(t.app.sources.changed);
    int steps = 0;
    for (int i = 1; i <= STEPS_OF_SOURCES; i++) {
        struct app before = t.app;
        t.at = 0;
        t.fail_at = i;
        t.failure = STATUS_NO_MEMORY;
        t.n_uses = 0;
        app_generation_follow(&t.app);
        steps = t.at > steps ? t.at : steps;
        assert_true(t.app.sources.changed && t.app.sources.wait_ns > 0);
        before.sources = t.app.sources;
        expect_all_as_before(&before, i);
    }
    assert_int_equal(steps, STEPS_OF_SOURCES);
    assert_int_equal(t.n_told, STEPS_OF_SOURCES);
    t.fail_at = 0;
    const struct checker *old = t.app.now.checker;
    app_generation_follow(&t.app);
    assert_ptr_not_equal(t.app.now.checker, old);
    assert_false(t.app.sources.changed);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_reload_that_fails_changes_nothing, begin_test, end_test),
        cmocka_unit_test_setup_teardown(a_list_that_is_too_large_changes_nothing, begin_test, end_test),
        cmocka_unit_test_setup_teardown(one_that_succeeds_changes_all_of_it, begin_test, end_test),
        cmocka_unit_test_setup_teardown(what_sources_say_is_used_whole_or_not_at_all, begin_test, end_test),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
