/* SPDX-License-Identifier: Apache-2.0
 *
 * fixture: a small configuration made by hand, for the tests of modules that work on one.
 *
 * Lists and groups are added one by one; fixture_targets() then builds the targets. Everything dies with
 * fixture_release().
 */
#ifndef RBL_TESTS_FIXTURE_H
#define RBL_TESTS_FIXTURE_H

#include "core/targets.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define SECOND INT64_C(1000000000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

enum { FIXTURE_LISTS = 24, FIXTURE_GROUPS = 8, FIXTURE_SAFELISTS = 4, FIXTURE_ITEMS = 64 };

struct fixture {
    struct settings settings;
    struct list lists[FIXTURE_LISTS];
    struct group groups[FIXTURE_GROUPS];
    bool on[FIXTURE_GROUPS][FIXTURE_LISTS];
    struct ip addresses[FIXTURE_GROUPS][FIXTURE_ITEMS];
    struct group_range ranges[FIXTURE_GROUPS][FIXTURE_ITEMS];
    char labels[FIXTURE_GROUPS][FIXTURE_ITEMS][IP_RANGE_TEXT_SIZE];
    struct safelist safelists[FIXTURE_SAFELISTS];
    struct group_range safe_ranges[FIXTURE_SAFELISTS][FIXTURE_ITEMS];
    char safe_labels[FIXTURE_SAFELISTS][FIXTURE_ITEMS][IP_RANGE_TEXT_SIZE];
    struct targets *targets;
};

static inline struct ip fixture_ip(const char *text) {
    struct ip ip = {0, 0, IP_V4};
    enum status status = ip_parse(text, strlen(text), &ip);
    assert(status == STATUS_OK);
    return ip;
}

static inline void fixture_init(struct fixture *f) {
    memset(f, 0, sizeof *f);
    f->settings.lists = f->lists;
    f->settings.groups = f->groups;
    f->settings.safelists = f->safelists;
    f->settings.resolver = (struct resolver_settings){.timeout_ns = 2 * SECOND, .attempts = 3};
    f->settings.defaults = (struct default_settings){
        .interval_ns = 15 * MINUTE, .sweep_interval_ns = DAY, .confirm = 2, .series_limit = 5000};
}

/* A block list for IPv4 without a rate or quota; the caller may change it before fixture_targets(). */
static inline struct list *fixture_list(struct fixture *f, const char *name, const char *zone) {
    struct list *list = &f->lists[f->settings.n_lists++];
    *list = (struct list){.name = name,
                          .zone = zone,
                          .enabled = true,
                          .confirm = 2,
                          .delist_url = "",
                          .limits = "",
                          .note = "",
                          .source = ""};
    list->families[IP_V4] = true;
    list->budget = (struct list_budget){.share = -1, .burst = 1};
    list->self_test.interval_ns = 30 * MINUTE;
    for (int family = 0; family < IP_FAMILIES; family++)
        list->self_test.positive[family] = true;
    list->self_test.listed[IP_V4] = ip_v4(0x7f000002);
    list->self_test.not_listed[IP_V4] = ip_v4(0x7f000001);
    list->self_test.listed[IP_V6] = fixture_ip("::ffff:7f00:2");
    list->self_test.not_listed[IP_V6] = fixture_ip("::ffff:7f00:1");
    enum status status = qname_from_zone(zone, strlen(zone), &list->zone_name);
    assert(status == STATUS_OK);
    return list;
}

/* A group that is checked on every list there is so far. */
static inline struct group *fixture_group(struct fixture *f, const char *name) {
    size_t g = f->settings.n_groups++;
    for (size_t l = 0; l < f->settings.n_lists; l++)
        f->on[g][l] = f->lists[l].enabled;
    f->groups[g] = (struct group){.name = name,
                                  .addresses = f->addresses[g],
                                  .ranges = f->ranges[g],
                                  .lists = f->on[g],
                                  .interval_ns = 15 * MINUTE,
                                  .sweep_interval_ns = DAY,
                                  .ranges_date_days = -1};
    return &f->groups[g];
}

static inline void fixture_address(struct fixture *f, struct group *group, const char *text) {
    size_t g = (size_t)(group - f->groups);
    f->addresses[g][group->n_addresses++] = fixture_ip(text);
}

/* `label` has room for IP_RANGE_TEXT_SIZE. */
static inline struct group_range fixture_range_of(const char *text, char *label) {
    struct group_range range = {.label = label};
    enum ip_range_error error = ip_range_parse(text, strlen(text), &range.range);
    assert(error == IP_RANGE_OK);
    (void)ip_range_format(&range.range, label);
    return range;
}

static inline void fixture_range(struct fixture *f, struct group *group, const char *text) {
    size_t g = (size_t)(group - f->groups);
    size_t r = group->n_ranges++;
    f->ranges[g][r] = fixture_range_of(text, f->labels[g][r]);
}

static inline struct safelist *fixture_safelist(struct fixture *f, const char *name) {
    size_t i = f->settings.n_safelists++;
    f->safelists[i] =
        (struct safelist){.name = name, .ranges = f->safe_ranges[i], .added_days = -1, .ticket = ""};
    return &f->safelists[i];
}

static inline void fixture_safe_range(struct fixture *f, struct safelist *safelist, const char *text) {
    size_t i = (size_t)(safelist - f->safelists);
    size_t r = safelist->n_ranges++;
    f->safe_ranges[i][r] = fixture_range_of(text, f->safe_labels[i][r]);
}

static inline const struct targets *fixture_targets(struct fixture *f) {
    enum status status = targets_build(&f->settings, &f->targets);
    assert(status == STATUS_OK);
    return f->targets;
}

static inline void fixture_release(struct fixture *f) {
    targets_free(f->targets);
    f->targets = NULL;
}

#endif
