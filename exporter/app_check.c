/* SPDX-License-Identifier: Apache-2.0
 *
 * The words of the command line, what they cost, and what is printed; how it is looked up is in app_lookup.
 */
#include "app_check.h"
#include "app_check_send.h"

#include "app_complain.h"
#include "app_config.h"
#include "app_lookup.h"

#include "core/check_told.h"

#include "edge/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_CAP = 256 << 20 };

struct app_check {
    const struct cli *cli;
    struct problems *problems;
    struct settings *configured;
    struct app_lookup *lookup;
    struct ip_range *ranges;
    size_t n_ranges;
    bool wanted[LIST_MAX]; /* by list: to be asked, if it can be paid */
};

static void complain_of_memory(void) {
    app_complain("error: not enough memory for this check");
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
    app_complain("error: %s, try --help", why);
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
        app_complain(
            "error: these are more than %d addresses, the most that one check takes: put larger ranges "
            "into the configuration, and let the daemon sweep them",
            CHECK_ADDRESSES);
    return total <= CHECK_ADDRESSES;
}

/* Warnings are about groups and sweeps of the daemon: none of this command's business. */
static bool load(struct app_check *a) {
    struct catalog *catalog = app_catalog();
    if (catalog == NULL)
        return false;
    enum status status = app_config_load(a->cli->config_file, catalog, a->problems, &a->configured);
    catalog_free(catalog);
    if (status != STATUS_OK)
        app_complain_of(a->problems, a->cli->config_file);
    return status == STATUS_OK;
}

static bool choose_lists(struct app_check *a) {
    struct problems problems;
    problems_init(&problems);
    bool good =
        settings_choose_lists(a->configured, a->cli->list_names, a->cli->n_list_names, &problems, a->wanted);
    for (size_t i = 0; i < problems.n_shown; i++)
        app_complain("error: --list: %s; \"rbl_exporter lists\" shows them", problems.shown[i].text);
    problems_release(&problems);
    return good;
}

void app_check_complain_of_family(const struct ip_range *range) {
    char text[IP_RANGE_TEXT_SIZE];
    (void)ip_range_format(range, text);
    app_complain("error: %s: none of the lists is asked about IPv%d addresses", text,
                 range->first.family == IP_V4 ? 4 : 6);
}

static bool check_families(const struct app_check *a) {
    for (size_t i = 0; i < a->n_ranges; i++) {
        enum ip_family family = a->ranges[i].first.family;
        bool asked = false;
        for (size_t list = 0; list < a->configured->n_lists; list++)
            asked = asked || (a->wanted[list] && a->configured->lists[list].families[family]);
        if (!asked) {
            app_check_complain_of_family(&a->ranges[i]);
            return false;
        }
    }
    return true;
}

/* ---- what it costs ---- */

static const char *budget_text(const struct app_check *a, uint32_t list, char out[128]) {
    const struct list *l = &a->configured->lists[list];
    if (l->budget.share >= 0)
        (void)snprintf(out, 128, "the budget \"%s\"", a->configured->budgets[l->budget.share].name);
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
        app_complain(
            "error: this takes %llu queries of %s, which has %llu for ranges now: check fewer addresses, "
            "choose other lists with --list, or get as far as it goes with --force",
            (unsigned long long)cost->wanted, budget_text(a, cost->dearest, budget),
            (unsigned long long)cost->room);
        return false;
    }
    if (cost->seconds > CHECK_LONG_S) {
        const struct list *list = &a->configured->lists[cost->slowest];
        app_complain(
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
        app_complain("checking %llu addresses takes about %s", (unsigned long long)cost->addresses,
                     time_text(cost->seconds, time));
}

int app_check_print(const struct check_view *view, enum cli_output output, int64_t wall_offset_ns) {
    struct buf text;
    buf_init(&text, TEXT_CAP);
    if (output == CLI_JSON)
        check_json(&text, view, wall_offset_ns);
    else
        check_text(&text, view, wall_offset_ns);
    bool ok = buf_status(&text) == STATUS_OK && fwrite(buf_text(&text), 1, text.len, stdout) == text.len &&
              fflush(stdout) == 0;
    buf_release(&text);
    if (!ok)
        app_complain("error: cannot write the output");
    return ok ? (int)check_outcome(view) : APP_CHECK_FAILED;
}

static int look_up(struct app_check *a) {
    if (!load(a) || !choose_lists(a) || !check_families(a))
        return APP_CHECK_FAILED;
    const struct app_lookup_request request = {.configured = a->configured,
                                               .config_file = a->cli->config_file,
                                               .storage_path = a->cli->storage_path,
                                               .wanted = a->wanted,
                                               .ranges = a->ranges,
                                               .n_ranges = a->n_ranges,
                                               .has_progress = true};
    a->lookup = app_lookup_new(&request);
    if (a->lookup == NULL)
        return APP_CHECK_FAILED;
    struct check *check = app_lookup_check(a->lookup);
    const struct check_cost cost = check_estimate(check, clock_now_ns());
    if (!is_affordable(a, &cost))
        return APP_CHECK_FAILED;
    say_how_long(&cost);
    if (!app_lookup_run(a->lookup, INT64_MAX))
        return APP_CHECK_FAILED;
    const struct check_view view = check_view(check);
    return app_check_print(&view, a->cli->output, clock_wall_ns() - clock_now_ns());
}

/* What an exporter checks for others is a few addresses: it keeps so many answers, and people wait for them.
 */
static bool is_for_exporter(const struct app_check *a) {
    uint64_t total = 0;
    for (size_t i = 0; i < a->n_ranges; i++)
        total += ip_range_count(&a->ranges[i]);
    if (total <= CHECK_TOLD_ADDRESSES)
        return true;
    if (a->cli->send != NULL && strcmp(a->cli->send, "none") != 0)
        app_complain(
            "these are more than %d addresses: they are looked up by this command itself, and not by "
            "the exporter",
            CHECK_TOLD_ADDRESSES);
    return false;
}

static int run(struct app_check *a) {
    struct app_send send;
    if (!read_words(a))
        return APP_CHECK_FAILED;
    enum app_send_found found = is_for_exporter(a) ? app_send_find(a->cli->send, NULL, &send) : APP_SEND_NONE;
    if (found == APP_SEND_NONE)
        return look_up(a);
    if (found != APP_SEND_FOUND)
        return APP_CHECK_FAILED;
    int code = app_check_send(a->cli, a->ranges, a->n_ranges, &send);
    app_send_release(&send);
    return code;
}

int app_check_run(const struct cli *cli) {
    struct app_check *a = calloc(1, sizeof *a);
    struct problems *problems = malloc(sizeof *problems);
    int code = APP_CHECK_FAILED;
    if (a == NULL || problems == NULL) {
        complain_of_memory();
        goto out;
    }
    problems_init(problems);
    *a = (struct app_check){.cli = cli, .problems = problems};
    code = run(a);
    app_lookup_free(a->lookup);
    settings_free(a->configured);
    free(a->ranges);
    problems_release(problems);
out:
    free(problems);
    free(a);
    return code;
}
