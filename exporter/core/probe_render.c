/* SPDX-License-Identifier: Apache-2.0
 *
 * What is answered, as metrics. Names and helps are those of the one table.
 */
#include "core/metrics.h"
#include "core/probe.h"
#include "core/probe_internal.h"
#include "core/why.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct rendering {
    const struct probe_answer *answer;
    const struct settings *settings;
    const struct targets *targets;
    struct promtext text;
    char ip[IP_TEXT_SIZE];
    size_t ip_len;
    bool *groups; /* by index: those that have the address */
};

/* ---- results ---- */

struct probe_result probe_result_of(const struct probe_answer *answer, uint32_t list) {
    struct probe_result result = {
        .verdict = REGISTRY_UNKNOWN, .why = WHY_NOT_CHECKED, .score = -1, .took_us = UINT32_MAX};
    if (checker_probe_read(answer->checker, list, &answer->question->ip, answer->now_ns, &result) &&
        result.open)
        result.why = WHY_TIMEOUT;
    return result;
}

uint32_t probe_next_list(const struct probe_answer *answer, uint32_t list) {
    while (list < answer->checker->settings->n_lists && !answer->question->lists[list])
        list++;
    return list;
}

struct probe_count probe_count(const struct probe_answer *answer) {
    struct probe_count count = {0};
    uint32_t n = (uint32_t)answer->checker->settings->n_lists;
    for (uint32_t list = probe_next_list(answer, 0); list < n; list = probe_next_list(answer, list + 1)) {
        count.n_asked++;
        count.n_conclusive += probe_result_of(answer, list).verdict != REGISTRY_UNKNOWN;
    }
    return count;
}

/* ---- groups ---- */

static void find_groups(struct rendering *r) {
    const struct ip *ip = &r->answer->question->ip;
    for (uint32_t g = 0; g < r->settings->n_groups; g++)
        r->groups[g] = target_group_names(r->targets, g, ip);
    for (uint32_t i = 0; i < r->targets->n_ranges; i++)
        if (ip_range_contains(&r->targets->ranges[i].range->range, ip))
            r->groups[r->targets->ranges[i].group] = true;
}

/* ---- samples ---- */

static void begin_sample(struct rendering *r, uint32_t list, const char *group) {
    const char *name = r->settings->lists[list].name;
    promtext_sample(&r->text);
    promtext_plain_label(&r->text, "group", group, strlen(group));
    promtext_plain_label(&r->text, "ip", r->ip, r->ip_len);
    promtext_plain_label(&r->text, "list", name, strlen(name));
}

typedef void add_samples(struct rendering *r, uint32_t list, const char *group,
                         const struct probe_result *result);

static void add_listed(struct rendering *r, uint32_t list, const char *group,
                       const struct probe_result *result) {
    if (r->settings->lists[list].kind != LIST_BLOCK)
        return;
    begin_sample(r, list, group);
    promtext_u64(&r->text, result->verdict == REGISTRY_LISTED);
}

/* A configured name may be "other", as that of answers without a name is. */
static void add_codes(struct rendering *r, uint32_t list, const char *group,
                      const struct probe_result *result) {
    const struct list *l = &r->settings->lists[list];
    bool other_written = false;
    if (l->kind == LIST_REPUTATION || result->verdict != REGISTRY_LISTED)
        return;
    for (unsigned bit = 0; bit <= LIST_CODE_OTHER; bit++) {
        if ((result->codes >> bit & 1) == 0)
            continue;
        const char *name = list_code_name(l, bit);
        bool is_other = strcmp(name, list_code_name(l, LIST_CODE_OTHER)) == 0;
        if (!is_other || !other_written) {
            begin_sample(r, list, group);
            promtext_label(&r->text, "code", name);
            promtext_u64(&r->text, 1);
        }
        other_written = other_written || is_other;
    }
}

static void add_score(struct rendering *r, uint32_t list, const char *group,
                      const struct probe_result *result) {
    if (result->score < 0)
        return;
    begin_sample(r, list, group);
    promtext_u64(&r->text, (uint64_t)result->score);
}

/* ---- families ---- */

static void open_family(struct rendering *r, const char *name) {
    const struct metric *m = metrics_find(name);
    assert(m != NULL);
    promtext_family(&r->text, m->name, m->type, m->help);
}

static void add_list(struct rendering *r, uint32_t list, add_samples *add) {
    const struct probe_result result = probe_result_of(r->answer, list);
    bool any = false;
    if (result.verdict == REGISTRY_UNKNOWN)
        return;
    for (uint32_t g = 0; g < r->settings->n_groups; g++) {
        if (!r->groups[g] || !r->settings->groups[g].lists[list])
            continue;
        add(r, list, r->settings->groups[g].name, &result);
        any = true;
    }
    if (!any)
        add(r, list, "", &result);
}

static void add_family(struct rendering *r, const char *name, add_samples *add) {
    open_family(r, name);
    for (uint32_t list = probe_next_list(r->answer, 0); list < r->settings->n_lists;
         list = probe_next_list(r->answer, list + 1))
        add_list(r, list, add);
}

static void add_all(struct rendering *r) {
    struct probe_count count = probe_count(r->answer);
    open_family(r, "probe_success");
    promtext_sample(&r->text);
    promtext_u64(&r->text, count.n_conclusive == count.n_asked);
    open_family(r, "probe_duration_seconds");
    promtext_sample(&r->text);
    promtext_seconds(&r->text, r->answer->now_ns - r->answer->began_ns);
    add_family(r, "rbl_ip_listed", add_listed);
    add_family(r, "rbl_ip_return_code", add_codes);
    add_family(r, "rbl_ip_reputation_score", add_score);
    promtext_end(&r->text);
}

void probe_render(struct buf *out, enum promtext_format format, const struct probe_answer *answer) {
    struct rendering r = {
        .answer = answer, .settings = answer->checker->settings, .targets = answer->checker->targets};
    r.groups = calloc(r.settings->n_groups + 1, sizeof *r.groups);
    if (r.groups == NULL) {
        out->status = STATUS_NO_MEMORY;
        return;
    }
    r.ip_len = ip_format(&answer->question->ip, r.ip);
    promtext_begin(&r.text, out, format);
    find_groups(&r);
    add_all(&r);
    free(r.groups);
}
