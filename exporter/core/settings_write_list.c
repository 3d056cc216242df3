/* SPDX-License-Identifier: Apache-2.0
 *
 * One list, every key that has a value: beside `use` each stands for itself, whatever a later version of the
 * program says of the built-in list.
 */
#include "core/settings_internal.h"
#include "core/settings_write_internal.h"

#include <stdio.h>
#include <string.h>

enum { URL_SIZE_MOST = 1024, OCTETS_OF_QNAME = 4 };

/* ---- answers ---- */

/* How many of the patterns before `i` stand for the same answers: each has another spelling. */
static unsigned same_before(const struct list_answers *answers, size_t i) {
    unsigned n = 0;
    for (size_t k = 0; k < i; k++)
        n += answers[k].lo == answers[i].lo && answers[k].hi == answers[i].hi &&
             answers[k].mask == answers[i].mask;
    return n;
}

static void add_codes(struct yamltext *y, const struct list *list) {
    char text[LIST_ANSWERS_SIZE];
    if (list->n_codes == 0)
        return;
    yamltext_open(y, "codes");
    for (size_t i = 0; i < list->n_codes; i++) {
        list_answers_format(&list->codes[i], same_before(list->codes, i), text);
        yamltext_string(y, text, list->code_names[list->codes[i].name]);
    }
    yamltext_close(y);
}

static void add_patterns(struct yamltext *y, const char *name, const struct list_answers *answers, size_t n) {
    char text[LIST_ANSWERS_SIZE];
    yamltext_flow(y, name);
    for (size_t i = 0; i < n; i++) {
        list_answers_format(&answers[i], 0, text);
        yamltext_element(y, text);
    }
    yamltext_flow_end(y);
}

/* ---- limits ---- */

/* A burst that is no whole number is the one that follows from the rate. */
static void add_burst(struct yamltext *y, const struct list_budget *budget) {
    uint64_t whole = (uint64_t)budget->burst;
    if ((double)whole == budget->burst)
        yamltext_u64(y, "burst", whole);
}

static void add_budget(struct yamltext *y, const struct settings *s, const struct list_budget *budget) {
    char text[SETTINGS_RATE_SIZE];
    yamltext_open(y, "budget");
    if (budget->share >= 0) {
        yamltext_string(y, "share", s->budgets[budget->share].name);
    } else if (budget->queries > 0) {
        yamltext_u64(y, "queries", budget->queries);
        settings_write_duration(y, "per", budget->per_ns);
    } else {
        yamltext_word(y, "queries", "unlimited");
    }
    yamltext_word(y, "rate", budget->rate > 0 ? settings_format_rate(budget->rate, text) : "unlimited");
    add_burst(y, budget);
    yamltext_close(y);
}

/* ---- the self-test ---- */

static void add_test_addresses(struct yamltext *y, const char *name, const struct list *list,
                               const struct ip *addresses) {
    char text[IP_TEXT_SIZE];
    yamltext_flow(y, name);
    for (size_t family = 0; family < IP_FAMILIES; family++)
        if (list->families[family]) {
            (void)ip_format(&addresses[family], text);
            yamltext_element(y, text);
        }
    yamltext_flow_end(y);
}

static void add_self_test(struct yamltext *y, const struct list *list) {
    const struct list_self_test *test = &list->self_test;
    yamltext_open(y, "self_test");
    settings_write_duration(y, "interval", test->interval_ns);
    if (test->positive[IP_V4] || test->positive[IP_V6])
        add_test_addresses(y, "listed", list, test->listed);
    else
        yamltext_word(y, "listed", "none");
    add_test_addresses(y, "not_listed", list, test->not_listed);
    yamltext_close(y);
}

/* ---- names ---- */

static void add_families(struct yamltext *y, const struct list *list) {
    yamltext_flow(y, "families");
    if (list->families[IP_V4])
        yamltext_element(y, "ipv4");
    if (list->families[IP_V6])
        yamltext_element(y, "ipv6");
    yamltext_flow_end(y);
}

/* A domain that is called none is told from none by its final dot. */
static void add_cname(struct yamltext *y, const struct list *list) {
    char text[OCTETS_OF_QNAME * QNAME_MAX + 2] = "none";
    size_t len = list->cname_allowed ? qname_format(&list->cname_suffix, text) : 0;
    if (list->cname_allowed && strcmp(text, "none") == 0)
        (void)stpcpy(text + len, ".");
    yamltext_string(y, "allow_cname", text);
}

static void add_zone(struct yamltext *y, const struct list *list) {
    yamltext_string(y, "zone", list->zone);
    if (list->key_file == NULL)
        return;
    yamltext_string(y, "key_file", list->key_file);
    yamltext_comment(y, "the key: " YAMLTEXT_SECRET);
}

static void add_delist_url(struct yamltext *y, const struct list *list) {
    char text[URL_SIZE_MOST + sizeof YAMLTEXT_SECRET];
    size_t len = 0;
    if (list->delist_url[0] == '\0')
        return;
    const char *password = settings_url_password(list->delist_url, &len);
    if (password == NULL) {
        yamltext_string(y, "delist_url", list->delist_url);
        return;
    }
    (void)snprintf(text, sizeof text, "%.*s%s%s", (int)(password - list->delist_url), list->delist_url,
                   YAMLTEXT_SECRET, password + len);
    yamltext_string(y, "delist_url", text);
}

void settings_write_list(struct yamltext *y, const struct settings *s, const struct list *list) {
    yamltext_entry(y);
    if (list->use != NULL)
        yamltext_string(y, "use", list->use);
    yamltext_string(y, "name", list->name);
    add_zone(y, list);
    yamltext_word(y, "enabled", list->enabled ? "true" : "false");
    yamltext_word(y, "kind", list_kind_text[list->kind]);
    yamltext_word(y, "tier", list_tier_text[list->tier]);
    add_families(y, list);
    add_codes(y, list);
    add_patterns(y, "refused", list->refused, list->n_refused);
    add_patterns(y, "ignored", list->ignored, list->n_ignored);
    add_cname(y, list);
    add_budget(y, s, &list->budget);
    settings_write_nameservers(y, list->nameservers, list->n_nameservers);
    add_self_test(y, list);
    if (list->interval_ns > 0)
        settings_write_duration(y, "interval", list->interval_ns);
    yamltext_u64(y, "confirm", list->confirm);
    add_delist_url(y, list);
    yamltext_close(y);
}
