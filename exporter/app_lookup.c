/* SPDX-License-Identifier: Apache-2.0 */
#include "app_lookup.h"

#include "app_ask.h"
#include "app_complain.h"
#include "app_store.h"

#include "core/targets.h"

#include "edge/clock.h"
#include "edge/entropy.h"
#include "edge/loop.h"
#include "edge/resolver.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SECOND_NS INT64_C(1000000000)
#define CLOSE_NS (5 * SECOND_NS)
#define PROGRESS_NS (SECOND_NS / 4)
enum { TEXT_CAP = 1 << 20 };

struct app_lookup {
    struct app_lookup_request request;
    struct problems *problems;
    struct settings *settings; /* of the check */
    struct targets *targets;
    struct checker *checker;
    struct app_store *store;
    struct loop *loop;
    struct resolver *resolver;
    bool unpaid[LIST_MAX];
    struct check check;
    int64_t progress_ns; /* when the next progress line is due; INT64_MAX: nobody looks */
    bool interrupted;
};

/* ---- the machinery ---- */

static void on_change(void *context, const struct registry_event *event) {
    struct app_lookup *a = context;
    check_changed(&a->check, event);
}

static void on_state(void *context, uint32_t list, enum health_state from, enum health_state to,
                     const struct verdict *because) {
    (void)context; /* told with the result */
    (void)list;
    (void)from;
    (void)to;
    (void)because;
}

static void on_txt(void *context, uint32_t list, uint32_t index, const char *txt) {
    (void)context; /* the registry has it */
    (void)list;
    (void)index;
    (void)txt;
}

static void on_looked(void *context, uint32_t list, uint32_t index, const struct verdict *verdict,
                      int64_t took_ns) {
    struct app_lookup *a = context;
    check_looked(&a->check, list, index, verdict, took_ns);
}

static void release_checker(struct app_lookup *a) {
    checker_free(a->checker);
    targets_free(a->targets);
    settings_free(a->settings);
    a->checker = NULL;
    a->targets = NULL;
    a->settings = NULL;
}

static bool has_quota(const struct list *list) {
    return list->budget.share >= 0 || list->budget.queries > 0;
}

/* A checker for what is asked, with what the store knows of it. What a list with a quota is asked has to be
 * written down: without a store it is not asked at all. */
static enum status build(struct app_lookup *a, bool again, int64_t now_ns) {
    bool asked[LIST_MAX];
    struct endpoint system[3];
    const struct checker_watch watch = {
        .changed = on_change, .state = on_state, .txt = on_txt, .context = a, .looked = on_looked};
    bool up = app_store_up(a->store);
    for (size_t i = 0; i < a->request.configured->n_lists; i++) {
        a->unpaid[i] = a->request.wanted[i] && !up && has_quota(&a->request.configured->lists[i]);
        asked[i] = a->request.wanted[i] && !a->unpaid[i];
    }
    size_t n_system = app_ask_system(a->request.configured, system, a->problems);
    enum status status = problems_failed(a->problems) ? STATUS_INVALID : STATUS_OK;
    if (status == STATUS_OK)
        status = settings_for_check(a->request.configured,
                                    &(struct settings_check){.ranges = a->request.ranges,
                                                             .n_ranges = a->request.n_ranges,
                                                             .asked = asked,
                                                             .pairs = a->request.pairs,
                                                             .seen = a->request.seen},
                                    &a->settings);
    if (status == STATUS_OK)
        status = targets_build(a->settings, &a->targets);
    if (status == STATUS_OK)
        status =
            checker_new(a->targets, system, n_system, registry_epoch(now_ns), 1, &watch, now_ns, &a->checker);
    if (status == STATUS_OK && again)
        app_store_use(a->store, a->checker, INT64_MAX, now_ns);
    else if (status == STATUS_OK)
        status = app_store_restore(a->store, a->checker, now_ns);
    if (status == STATUS_OK && up && !app_store_up(a->store)) { /* it broke while it was read */
        release_checker(a);
        return build(a, true, now_ns);
    }
    return status;
}

static void say_what_is_not_asked(const struct app_lookup *a) {
    const char *before = "; not asked, because what is sent to them could not be counted: ";
    struct buf names;
    buf_init(&names, TEXT_CAP);
    for (size_t i = 0; i < a->request.configured->n_lists; i++) {
        if (!a->unpaid[i])
            continue;
        buf_addf(&names, "%s%s", before, a->request.configured->lists[i].name);
        before = ", ";
    }
    if (app_store_is_taken(a->store))
        app_complain(
            "another rbl_exporter (the daemon, or a check or bounce at this moment) has the folder "
            "%s, and with "
            "it what is left of the budgets; have a running exporter do this with --send=http://HOST:PORT, "
            "or stop it%s",
            a->request.storage_path, buf_text(&names));
    else if (!app_store_up(a->store))
        app_complain("%s%s", app_store_why(a->store), buf_text(&names));
    buf_release(&names);
}

static bool prepare(struct app_lookup *a, int64_t now_ns) {
    enum status status = a->store != NULL ? build(a, false, now_ns) : STATUS_NO_MEMORY;
    const struct check_request request = {
        .ranges = a->request.ranges, .n_ranges = a->request.n_ranges, .unpaid = a->unpaid};
    if (status == STATUS_OK) {
        checker_look_anew(a->checker, now_ns);
        status = check_init(&a->check, &request, a->checker, now_ns);
    }
    if (status == STATUS_INVALID)
        app_complain_of(a->problems, a->request.config_file);
    else if (status == STATUS_RANGE)
        app_complain("error: there are more than %d different nameservers", CHECKER_SERVERS);
    else if (status != STATUS_OK)
        app_complain("error: not enough memory to look this up");
    else
        say_what_is_not_asked(a);
    return status == STATUS_OK;
}

/* ---- running ---- */

static void on_signal(void *context, int signal) {
    struct app_lookup *a = context;
    if (signal == SIGHUP)
        return;
    a->interrupted = true;
    check_interrupt(&a->check);
    loop_stop(a->loop);
}

static void on_answer(void *context, uint64_t cookie, enum resolver_outcome outcome, const uint8_t *message,
                      size_t len, int64_t took_ns) {
    struct app_lookup *a = context;
    app_ask_answer(a->checker, cookie, outcome, message, len, took_ns, loop_now_ns(a->loop));
}

static void show_progress(struct app_lookup *a, int64_t now_ns) {
    if (now_ns < a->progress_ns)
        return;
    a->progress_ns = now_ns + PROGRESS_NS;
    (void)fprintf(stderr, "\r\033[K%llu of %llu looked up, %llu listings",
                  (unsigned long long)a->check.n_closed, (unsigned long long)a->check.n_pairs,
                  (unsigned long long)check_listings(&a->check));
}

static int64_t earlier(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static int64_t on_turn(void *context, int64_t now_ns) {
    struct app_lookup *a = context;
    int64_t wake_ns = checker_turn(a->checker, now_ns);
    wake_ns = earlier(wake_ns, app_store_turn(a->store, now_ns));
    bool more = app_ask_some(a->checker, a->resolver, now_ns);
    wake_ns = earlier(wake_ns, resolver_turn(a->resolver, now_ns));
    a->check.unpaid_now = !app_store_up(a->store);
    bool over = check_turn(&a->check, now_ns);
    if (over || (a->request.is_brief && a->check.n_closed == a->check.n_pairs))
        loop_stop(a->loop);
    show_progress(a, now_ns);
    if (more)
        return now_ns;
    wake_ns = earlier(wake_ns, checker_wake_ns(a->checker));
    wake_ns = earlier(wake_ns, a->progress_ns);
    return earlier(wake_ns, a->check.deadline_ns);
}

bool app_lookup_run(struct app_lookup *lookup, int64_t limit_ns) {
    int64_t limited_ns = limit_ns == INT64_MAX ? INT64_MAX : clock_now_ns() + limit_ns;
    lookup->check.deadline_ns = earlier(lookup->check.deadline_ns, limited_ns);
    lookup->loop = loop_new();
    lookup->resolver = lookup->loop != NULL ? resolver_new(lookup->loop, on_answer, lookup) : NULL;
    if (lookup->resolver == NULL || app_ask_servers(lookup->resolver, lookup->checker) != STATUS_OK ||
        app_store_start(lookup->store, lookup->loop, INT64_MAX) != STATUS_OK) {
        app_complain("error: cannot start: %s", strerror(errno));
        return false;
    }
    lookup->progress_ns =
        lookup->request.has_progress && isatty(STDERR_FILENO) ? clock_now_ns() + PROGRESS_NS : INT64_MAX;
    bool shown = lookup->progress_ns != INT64_MAX;
    loop_on_signal(lookup->loop, on_signal, lookup);
    loop_on_turn(lookup->loop, on_turn, lookup);
    enum status status = loop_run(lookup->loop);
    if (shown)
        (void)fputs("\r\033[K", stderr);
    if (status != STATUS_OK)
        app_complain("error: the event loop failed: %s", strerror(errno));
    if (lookup->interrupted)
        app_complain("interrupted: what was not answered by then is unknown");
    return status == STATUS_OK;
}

/* ---- beginning and end ---- */

struct app_lookup *app_lookup_new(const struct app_lookup_request *request) {
    struct app_lookup *a = calloc(1, sizeof *a);
    struct problems *problems = malloc(sizeof *problems);
    if (a == NULL || problems == NULL) {
        app_complain("error: not enough memory to look this up");
        free(a);
        free(problems);
        return NULL;
    }
    problems_init(problems);
    *a = (struct app_lookup){.request = *request, .problems = problems};
    if (entropy_check() != STATUS_OK) {
        app_complain("error: the kernel gives no random numbers, so DNS answers could be forged: %s",
                     strerror(errno));
        app_lookup_free(a);
        return NULL;
    }
    a->store = app_store_open(a->request.storage_path, APP_STORE_BUDGETS, request->wait_ns);
    if (!prepare(a, clock_now_ns())) {
        app_lookup_free(a);
        return NULL;
    }
    return a;
}

struct check *app_lookup_check(struct app_lookup *lookup) {
    return &lookup->check;
}

const struct settings *app_lookup_settings(const struct app_lookup *lookup) {
    return lookup->settings;
}

void app_lookup_free(struct app_lookup *lookup) {
    if (lookup == NULL)
        return;
    app_store_close(lookup->store, CLOSE_NS, clock_now_ns());
    if (lookup->check.checker != NULL)
        check_release(&lookup->check);
    resolver_free(lookup->resolver);
    release_checker(lookup);
    loop_free(lookup->loop);
    problems_release(lookup->problems);
    free(lookup->problems);
    free(lookup);
}
