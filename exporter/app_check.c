/* SPDX-License-Identifier: Apache-2.0
 *
 * The machinery of the daemon with other settings: those of the configuration, but with the addresses asked
 * for in place of its groups. What is asked and how it is told is in core/check.
 */
#include "app_check.h"

#include "app_ask.h"
#include "app_config.h"
#include "app_store.h"

#include "core/check.h"
#include "core/targets.h"

#include "edge/clock.h"
#include "edge/entropy.h"
#include "edge/loop.h"
#include "edge/resolver.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SECOND_NS INT64_C(1000000000)
#define CLOSE_NS (5 * SECOND_NS)
#define PROGRESS_NS (SECOND_NS / 4)
enum { EXIT_NOT_CHECKED = 2, TEXT_CAP = 256 << 20 };

struct app_check {
    const struct cli *cli;
    struct problems *problems;
    struct settings *configured;
    struct settings *settings; /* of the check */
    struct targets *targets;
    struct checker *checker;
    struct app_store *store;
    struct loop *loop;
    struct resolver *resolver;
    struct ip_range *ranges;
    size_t n_ranges;
    bool wanted[LIST_MAX]; /* by list: to be asked, if it can be paid */
    bool unpaid[LIST_MAX];
    struct check check;
    int64_t progress_ns; /* when the next progress line is due; INT64_MAX: nobody looks */
    bool interrupted;
};

/* ---- what is said ---- */

static void complain(const char *format, ...) PRINTF_LIKE(1, 2);

/* Arguments are printed as they are, but they cannot steer the terminal. */
static void complain(const char *format, ...) {
    char sentence[1024];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(sentence, sizeof sentence, format, args);
    va_end(args);
    for (char *p = sentence; *p != '\0'; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            *p = '?';
    (void)fprintf(stderr, "rbl_exporter: %s\n", sentence);
}

static void complain_of_memory(void) {
    complain("error: not enough memory for this check");
}

static const char *time_text(double seconds, char out[32]) {
    if (seconds < 120)
        (void)snprintf(out, 32, "%.0f seconds", seconds);
    else if (seconds < 7200)
        (void)snprintf(out, 32, "%.0f minutes", seconds / 60);
    else
        (void)snprintf(out, 32, "%.0f hours", seconds / 3600);
    return out;
}

/* ---- what is asked ---- */

static bool read_word(const char *word, struct ip_range *out) {
    char why[256];
    enum ip_range_error error = ip_range_parse(word, strlen(word), out);
    if (error == IP_RANGE_OK)
        return true;
    ip_range_explain(error, word, strlen(word), out, why, sizeof why);
    complain("error: %s, try --help", why);
    return false;
}

static bool read_words(struct app_check *a) {
    uint64_t total = 0;
    bool good = true;
    a->ranges = calloc(a->cli->n_words, sizeof *a->ranges);
    if (a->ranges == NULL) {
        complain_of_memory();
        return false;
    }
    for (size_t i = 0; i < a->cli->n_words; i++)
        good = read_word(a->cli->words[i], &a->ranges[i]) && good;
    if (!good)
        return false;
    a->n_ranges = check_unique(a->ranges, a->cli->n_words);
    if (a->n_ranges == SIZE_MAX) {
        complain_of_memory();
        return false;
    }
    for (size_t i = 0; i < a->n_ranges && total <= CHECK_ADDRESSES; i++) {
        uint64_t count = ip_range_count(&a->ranges[i]);
        total = count > CHECK_ADDRESSES ? count : total + count;
    }
    if (total > CHECK_ADDRESSES)
        complain("error: these are more than %d addresses, the most that one check takes: put larger ranges "
                 "into the configuration, and let the daemon sweep them",
                 CHECK_ADDRESSES);
    return total <= CHECK_ADDRESSES;
}

static void print_problems(struct app_check *a) {
    struct buf text;
    buf_init(&text, TEXT_CAP);
    app_problems_text(&text, app_config_name(a->cli->config_file), a->problems);
    (void)fwrite(buf_text(&text), 1, text.len, stderr);
    buf_release(&text);
}

/* Warnings are about groups and sweeps of the daemon: none of this command's business. */
static bool load(struct app_check *a) {
    struct catalog *catalog = app_catalog();
    if (catalog == NULL)
        return false;
    enum status status = app_config_load(a->cli->config_file, catalog, a->problems, &a->configured);
    catalog_free(catalog);
    if (status != STATUS_OK)
        print_problems(a);
    return status == STATUS_OK;
}

static bool choose_lists(struct app_check *a) {
    struct problems problems;
    problems_init(&problems);
    bool good =
        settings_choose_lists(a->configured, a->cli->list_names, a->cli->n_list_names, &problems, a->wanted);
    for (size_t i = 0; i < problems.n_shown; i++)
        complain("error: --list: %s; \"rbl_exporter lists\" shows them", problems.shown[i].text);
    problems_release(&problems);
    return good;
}

/* A family that no list is asked about would have no result at all. */
static bool check_families(const struct app_check *a) {
    for (size_t i = 0; i < a->n_ranges; i++) {
        enum ip_family family = a->ranges[i].first.family;
        bool asked = false;
        for (size_t list = 0; list < a->configured->n_lists; list++)
            asked = asked || (a->wanted[list] && a->configured->lists[list].families[family]);
        if (!asked) {
            char text[IP_RANGE_TEXT_SIZE];
            (void)ip_range_format(&a->ranges[i], text);
            complain("error: %s: none of the lists is asked about IPv%d addresses", text,
                     family == IP_V4 ? 4 : 6);
            return false;
        }
    }
    return true;
}

/* ---- the machinery ---- */

static void on_change(void *context, const struct registry_event *event) {
    struct app_check *a = context;
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
    struct app_check *a = context;
    check_looked(&a->check, list, index, verdict, took_ns);
}

static void release_checker(struct app_check *a) {
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
static enum status build(struct app_check *a, bool again, int64_t now_ns) {
    bool asked[LIST_MAX];
    struct endpoint system[3];
    const struct checker_watch watch = {
        .changed = on_change, .state = on_state, .txt = on_txt, .context = a, .looked = on_looked};
    bool up = app_store_up(a->store);
    for (size_t i = 0; i < a->configured->n_lists; i++) {
        a->unpaid[i] = a->wanted[i] && !up && has_quota(&a->configured->lists[i]);
        asked[i] = a->wanted[i] && !a->unpaid[i];
    }
    size_t n_system = app_ask_system(a->configured, system, a->problems);
    enum status status = problems_failed(a->problems) ? STATUS_INVALID : STATUS_OK;
    if (status == STATUS_OK)
        status = settings_for_check(a->configured, a->ranges, a->n_ranges, asked, &a->settings);
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

static void say_what_is_not_asked(const struct app_check *a) {
    const char *before = "; not asked, because what is sent to them could not be counted: ";
    struct buf names;
    buf_init(&names, TEXT_CAP);
    for (size_t i = 0; i < a->configured->n_lists; i++) {
        if (!a->unpaid[i])
            continue;
        buf_addf(&names, "%s%s", before, a->configured->lists[i].name);
        before = ", ";
    }
    if (app_store_is_taken(a->store))
        complain("a running exporter has the folder %s, and with it what is left of the budgets; ask it at "
                 "/api/v1/addresses/ADDRESS, or stop it%s",
                 a->cli->storage_path, buf_text(&names));
    else if (!app_store_up(a->store))
        complain("%s%s", app_store_why(a->store), buf_text(&names));
    buf_release(&names);
}

static bool prepare(struct app_check *a, int64_t now_ns) {
    a->store = app_store_open(a->cli->storage_path, APP_STORE_BUDGETS);
    enum status status = a->store != NULL ? build(a, false, now_ns) : STATUS_NO_MEMORY;
    const struct check_request request = {.ranges = a->ranges, .n_ranges = a->n_ranges, .unpaid = a->unpaid};
    if (status == STATUS_OK) {
        checker_look_anew(a->checker, now_ns);
        status = check_init(&a->check, &request, a->checker, now_ns);
    }
    if (status == STATUS_INVALID)
        print_problems(a);
    else if (status == STATUS_RANGE)
        complain("error: there are more than %d different nameservers", CHECKER_SERVERS);
    else if (status != STATUS_OK)
        complain_of_memory();
    else
        say_what_is_not_asked(a);
    return status == STATUS_OK;
}

/* ---- what it costs ---- */

static const char *budget_text(const struct app_check *a, uint32_t list, char out[128]) {
    const struct list *l = &a->settings->lists[list];
    if (l->budget.share >= 0)
        (void)snprintf(out, 128, "the budget \"%s\"", a->settings->budgets[l->budget.share].name);
    else
        (void)snprintf(out, 128, "list \"%s\"", l->name);
    return out;
}

static bool is_affordable(const struct app_check *a, const struct check_cost *cost) {
    char budget[128];
    char time[32];
    if (a->cli->force)
        return true;
    if (cost->over_budget) {
        complain(
            "error: this takes %llu queries of %s, which has %llu for ranges now: check fewer addresses, "
            "choose other lists with --list, or get as far as it goes with --force",
            (unsigned long long)cost->wanted, budget_text(a, cost->dearest, budget),
            (unsigned long long)cost->room);
        return false;
    }
    if (cost->seconds > CHECK_LONG_S) {
        const struct list *list = &a->settings->lists[cost->slowest];
        complain(
            "error: this takes about %s, because list \"%s\" may be asked %g times a second and there are "
            "%llu addresses: check fewer, choose other lists with --list, or wait for it with --force",
            time_text(cost->seconds, time), list->name, list->budget.rate,
            (unsigned long long)cost->addresses);
        return false;
    }
    return true;
}

static void say_how_long(const struct check_cost *cost) {
    char time[32];
    if (cost->seconds > CHECK_LEAST_S)
        complain("checking %llu addresses takes about %s", (unsigned long long)cost->addresses,
                 time_text(cost->seconds, time));
}

/* ---- running ---- */

static void on_signal(void *context, int signal) {
    struct app_check *a = context;
    if (signal == SIGHUP)
        return;
    a->interrupted = true;
    check_interrupt(&a->check);
    loop_stop(a->loop);
}

static void on_answer(void *context, uint64_t cookie, enum resolver_outcome outcome, const uint8_t *message,
                      size_t len, int64_t took_ns) {
    struct app_check *a = context;
    app_ask_answer(a->checker, cookie, outcome, message, len, took_ns, loop_now_ns(a->loop));
}

static void show_progress(struct app_check *a, int64_t now_ns) {
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
    struct app_check *a = context;
    int64_t wake_ns = checker_turn(a->checker, now_ns);
    wake_ns = earlier(wake_ns, app_store_turn(a->store, now_ns));
    bool more = app_ask_some(a->checker, a->resolver, now_ns);
    wake_ns = earlier(wake_ns, resolver_turn(a->resolver, now_ns));
    a->check.unpaid_now = !app_store_up(a->store);
    if (check_turn(&a->check, now_ns))
        loop_stop(a->loop);
    show_progress(a, now_ns);
    if (more)
        return now_ns;
    wake_ns = earlier(wake_ns, checker_wake_ns(a->checker));
    wake_ns = earlier(wake_ns, a->progress_ns);
    return earlier(wake_ns, a->check.deadline_ns);
}

static bool ask(struct app_check *a) {
    a->loop = loop_new();
    a->resolver = a->loop != NULL ? resolver_new(a->loop, on_answer, a) : NULL;
    if (a->resolver == NULL || app_ask_servers(a->resolver, a->checker) != STATUS_OK ||
        app_store_start(a->store, a->loop, INT64_MAX) != STATUS_OK) {
        complain("error: cannot start: %s", strerror(errno));
        return false;
    }
    a->progress_ns = isatty(STDERR_FILENO) ? clock_now_ns() + PROGRESS_NS : INT64_MAX;
    bool shown = a->progress_ns != INT64_MAX;
    loop_on_signal(a->loop, on_signal, a);
    loop_on_turn(a->loop, on_turn, a);
    enum status status = loop_run(a->loop);
    if (shown)
        (void)fputs("\r\033[K", stderr);
    if (status != STATUS_OK)
        complain("error: the event loop failed: %s", strerror(errno));
    if (a->interrupted)
        complain("interrupted: what was not answered by then is unknown");
    return status == STATUS_OK;
}

static int print_result(const struct app_check *a) {
    int64_t wall_offset_ns = clock_wall_ns() - clock_now_ns();
    struct buf text;
    buf_init(&text, TEXT_CAP);
    if (a->cli->output == CLI_JSON)
        check_json(&text, &a->check, wall_offset_ns);
    else
        check_text(&text, &a->check, wall_offset_ns);
    bool ok = buf_status(&text) == STATUS_OK && fwrite(buf_text(&text), 1, text.len, stdout) == text.len &&
              fflush(stdout) == 0;
    buf_release(&text);
    if (!ok)
        complain("error: cannot write the output");
    return ok ? (int)check_outcome(&a->check) : EXIT_NOT_CHECKED;
}

static int run(struct app_check *a) {
    if (entropy_check() != STATUS_OK) {
        complain("error: the kernel gives no random numbers, so DNS answers could be forged: %s",
                 strerror(errno));
        return EXIT_NOT_CHECKED;
    }
    if (!read_words(a) || !load(a) || !choose_lists(a) || !check_families(a) || !prepare(a, clock_now_ns()))
        return EXIT_NOT_CHECKED;
    const struct check_cost cost = check_estimate(&a->check, clock_now_ns());
    if (!is_affordable(a, &cost))
        return EXIT_NOT_CHECKED;
    say_how_long(&cost);
    return ask(a) ? print_result(a) : EXIT_NOT_CHECKED;
}

int app_check_run(const struct cli *cli) {
    struct app_check *a = calloc(1, sizeof *a);
    struct problems *problems = malloc(sizeof *problems);
    int code = EXIT_NOT_CHECKED;
    if (a == NULL || problems == NULL) {
        complain_of_memory();
        goto out;
    }
    problems_init(problems);
    *a = (struct app_check){.cli = cli, .problems = problems};
    code = run(a);
    app_store_close(a->store, CLOSE_NS, clock_now_ns());
    if (a->check.checker != NULL)
        check_release(&a->check);
    resolver_free(a->resolver);
    release_checker(a);
    settings_free(a->configured);
    loop_free(a->loop);
    free(a->ranges);
    problems_release(problems);
out:
    free(problems);
    free(a);
    return code;
}
