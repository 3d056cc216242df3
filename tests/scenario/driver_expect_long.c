/* SPDX-License-Identifier: Apache-2.0
 *
 * What is expected of long times: budgets that are used, samples that are fair, bounces that are decided,
 * what the status page says in the end.
 */
#include "driver_expect.h"

#include "driver.h"

#include "core/forecast.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { PAGE_CAP = 64 << 20 };

/* ---- the share of a range that is listed ---- */

/* The list that churns, and what was true of it since the last call. */
static const char *churning_list(struct play *p, double *share) {
    const char *name = NULL;
    double sum = 0;
    double n = 0;
    for (size_t i = 0; i < p->settings->n_lists; i++) {
        struct world_zone *z = world_zone(&p->world, p->settings->lists[i].zone);
        const struct target_set *set = p->checker->registry->lists[i].set;
        for (unsigned k = 0; set != NULL && k < z->n_churns; k++) {
            if (target_index(set, &z->churns[k].range.first) >= set->n_swept)
                continue;
            double size = (double)ip_range_count(&z->churns[k].range);
            sum += churn_share(&z->churns[k], p->now_ns) * size;
            n += size;
            if (name != NULL && name != p->settings->lists[i].name)
                driver_misread("`months` takes one list that sweeps what churns");
            name = p->settings->lists[i].name;
        }
    }
    *share = n > 0 ? sum / n : 0;
    return name;
}

/* The score interval of a proportion (Wilson 1927) of 95 %. */
static bool is_inside(double listed, double checked, double share) {
    const double z = 1.959963984540054;
    double centre = (listed + z * z / 2) / (checked + z * z);
    double half = z / (checked + z * z) * sqrt(listed * (checked - listed) / checked + z * z / 4);
    return fabs(share - centre) <= half;
}

void expect_month(struct play *p) {
    double share = 0;
    char series[160];
    const char *list = churning_list(p, &share);
    if (list == NULL)
        return;
    snprintf(series, sizeof series, "rbl_range_sample_checked_addresses{list=\"%s\"}", list);
    double checked = expect_sum(p, series);
    snprintf(series, sizeof series, "rbl_range_sample_listed_addresses{list=\"%s\"}", list);
    double listed = expect_sum(p, series);
    bool inside = checked > 0 && is_inside(listed, checked, share);
    p->months++;
    p->months_inside += inside;
    p->share_sum += share;
    p->bound_sum += checked > 0 ? listed / checked : 0;
}

static void expect_inside(const struct play *p, struct statement *s) {
    struct bounds bounds = script_bounds(s);
    script_end(s);
    if (p->months == 0)
        driver_misread("there were no months of a zone that churns");
    if (!bounds_hold(&bounds, (double)p->months_inside / p->months))
        driver_fail("expected the true share inside its bound in %s of the months, it was in %u of %u; on "
                    "average %.4g %% were listed and %.4g %% of the samples",
                    bounds.text, p->months_inside, p->months, 100 * p->share_sum / p->months,
                    100 * p->bound_sum / p->months);
}

/* ---- budgets ---- */

static void expect_used(struct play *p, struct statement *s) {
    const char *name = script_word(s, "a budget");
    struct bounds bounds = script_bounds(s);
    script_end(s);
    double used = guard_used(&p->guard, name, p->now_ns);
    if (!bounds_hold(&bounds, used))
        driver_fail("expected the used share of %s to be %s, it is %.4g", name, bounds.text, used);
}

/* ---- bounces ---- */

static uint32_t list_named(const struct play *p, const char *name) {
    for (uint32_t i = 0; i < p->settings->n_lists; i++)
        if (strcmp(p->settings->lists[i].name, name) == 0)
            return i;
    driver_misread("there is no list %s", name);
}

static void demand_decided(const struct play *p, const struct play_bounce *b, uint32_t list,
                           int64_t within_ns) {
    char ip[IP_TEXT_SIZE];
    ip_format(&b->ip, ip);
    if (b->decided_ns[list] < 0)
        driver_fail("%s bounced, and %s was not asked about it", ip, p->settings->lists[list].name);
    int64_t took_ns = (b->decided_ns[list] > 0 ? b->decided_ns[list] : p->now_ns) - b->at_ns;
    if (took_ns > within_ns)
        driver_fail("%s bounced %g h ago, and %s %s %g s", ip, (double)(p->now_ns - b->at_ns) / 3600e9,
                    p->settings->lists[list].name,
                    b->decided_ns[list] > 0 ? "had decided about it after" : "has not decided within",
                    (double)took_ns / 1e9);
}

/* `expect decided IP LIST within TIME`, `expect decided all within TIME`. */
static void expect_decided(const struct play *p, struct statement *s) {
    bool all = script_is(s, "all");
    struct ip ip = all ? (struct ip){0} : script_ip(s);
    uint32_t list = all ? 0 : list_named(p, script_word(s, "a list"));
    if (!script_is(s, "within"))
        driver_misread("expected: within TIME");
    int64_t within_ns = script_time(s);
    script_end(s);
    const struct play_bounce *last = NULL;
    for (size_t i = 0; i < p->n_bounces; i++) {
        const struct play_bounce *b = &p->bounces[i];
        last = !all && ip_equal(&b->ip, &ip) ? b : last;
        for (uint32_t k = 0; all && k < p->settings->n_lists; k++)
            if (b->decided_ns[k] >= 0)
                demand_decided(p, b, k, within_ns);
    }
    if (!all && last == NULL)
        driver_misread("that address has not bounced");
    if (!all)
        demand_decided(p, last, list, within_ns);
}

/* ---- the plan ---- */

/* `expect plan LIST GROUP [within SHARE]`: what is achieved is what was promised before a query was sent. */
static void expect_plan(struct play *p, struct statement *s) {
    const char *list = script_word(s, "a list");
    const char *group = script_word(s, "a group");
    double within = script_is(s, "within") ? script_number(s) : 0.1;
    script_end(s);
    uint32_t g = 0;
    while (g < p->settings->n_groups && strcmp(p->settings->groups[g].name, group) != 0)
        g++;
    if (g == p->settings->n_groups)
        driver_misread("there is no group %s", group);
    struct forecast *f = NULL;
    if (forecast_new(p->targets, &f) != STATUS_OK)
        driver_misread("out of memory");
    double promised = (double)forecast_interval(f, list_named(p, list), g) / 1e9;
    forecast_free(f);
    char series[256];
    snprintf(series, sizeof series, "rbl_list_recheck_interval_seconds{list=\"%s\",group=\"%s\"}", list,
             group);
    double achieved = expect_sum(p, series);
    if (fabs(achieved - promised) > within * promised)
        driver_fail("the plan for %s on %s was a re-check every %g s, it is every %g s", group, list,
                    promised, achieved);
}

/* `expect turns VALUES`. */
static void expect_turns(const struct play *p, struct statement *s) {
    struct bounds bounds = script_bounds(s);
    script_end(s);
    if (!bounds_hold(&bounds, (double)(p->turns - p->turns_from)))
        driver_fail("expected the program to wake up %s times, it did so %llu times", bounds.text,
                    (unsigned long long)(p->turns - p->turns_from));
}

/* `expect page [without] 'TEXT'`. */
static void expect_page(const struct play *p, struct statement *s) {
    bool wanted = !script_is(s, "without");
    const char *text = script_word(s, "a text");
    script_end(s);
    struct buf page;
    buf_init(&page, PAGE_CAP);
    play_page(p, &page);
    bool there = strstr(buf_text(&page), text) != NULL;
    buf_release(&page);
    if (there != wanted)
        driver_fail("the status page %s: %s", wanted ? "lacks" : "should not hold", text);
}

bool expect_long(struct play *p, struct statement *s) {
    if (script_is(s, "inside"))
        expect_inside(p, s);
    else if (script_is(s, "used"))
        expect_used(p, s);
    else if (script_is(s, "decided"))
        expect_decided(p, s);
    else if (script_is(s, "turns"))
        expect_turns(p, s);
    else if (script_is(s, "plan"))
        expect_plan(p, s);
    else if (script_is(s, "page"))
        expect_page(p, s);
    else
        return false;
    return true;
}
