/* SPDX-License-Identifier: Apache-2.0 */
#include "driver_probe.h"

#include "driver.h"

#include "core/checker_probe.h"

#include <stdio.h>
#include <string.h>

#define HOUR_NS (3600 * SECOND_NS)

static uint32_t list_named(const struct play *p, const char *name) {
    for (uint32_t i = 0; i < p->settings->n_lists; i++)
        if (strcmp(p->settings->lists[i].name, name) == 0)
            return i;
    driver_misread("there is no list %s", name);
}

static void remember(struct play *p, const struct ip *ip) {
    p->probed = driver_alloc(p->probed, p->n_probed + 1, sizeof *p->probed);
    p->probed[p->n_probed++] = *ip;
}

void probe_do(struct play *p, struct statement *s) {
    static const char *const names[] = {
        [STATUS_OK] = "", [STATUS_INVALID] = "invalid", [STATUS_FULL] = "full"};
    bool lists[LIST_MAX] = {false};
    struct ip_range range = script_range(s);
    bool chosen = script_is(s, "on");
    if (p->checker == NULL)
        driver_misread("there is no configuration yet");
    if (chosen)
        lists[list_named(p, script_word(s, "a list"))] = true;
    enum status expected = script_is(s, "invalid") ? STATUS_INVALID
                           : script_is(s, "full")  ? STATUS_FULL
                                                   : STATUS_OK;
    script_end(s);
    for (uint64_t i = 0; i < ip_range_count(&range); i++) {
        struct ip ip = ip_add(range.first, i);
        enum status status = checker_probe(p->checker, &ip, chosen ? lists : NULL, p->now_ns);
        if (status != expected)
            driver_fail("the probe was expected to be %s, it is: %s", expected ? names[expected] : "taken",
                        status_text(status));
        if (status == STATUS_OK)
            remember(p, &ip);
    }
}

static void describe(const struct list *list, const struct probe_result *result, char *out, size_t size) {
    size_t len = 0;
    if (result->open)
        (void)snprintf(out, size, "open");
    else if (result->verdict == REGISTRY_UNKNOWN)
        (void)snprintf(out, size, "unknown %s", why_text(result->why));
    else if (result->score >= 0)
        (void)snprintf(out, size, "score %d", result->score);
    else
        (void)snprintf(out, size, "%s", registry_verdict_text[result->verdict]);
    bool is_listing = !result->open && result->verdict == REGISTRY_LISTED && result->score < 0;
    for (unsigned bit = 0; is_listing && bit <= LIST_CODE_OTHER; bit++)
        if ((result->codes >> bit & 1) != 0) {
            len = strlen(out);
            (void)snprintf(out + len, size - len, " %s", list_code_name(list, bit));
        }
    len = strlen(out);
    if (!result->open && result->txt != NULL)
        (void)snprintf(out + len, size - len, ": %s", result->txt);
}

void probe_expect(struct play *p, struct statement *s) {
    char found[512] = "not asked";
    struct probe_result result;
    struct ip ip = script_ip(s);
    uint32_t list = list_named(p, script_word(s, "a list"));
    const char *text = script_word(s, "what it says");
    script_end(s);
    if (checker_probe_read(p->checker, list, &ip, p->now_ns, &result))
        describe(&p->settings->lists[list], &result, found, sizeof found);
    if (strcmp(found, text) != 0)
        driver_fail("expected the probe to say '%s', it says '%s'", text, found);
    bool is_over = true;
    for (uint32_t i = 0; i < p->settings->n_lists; i++)
        is_over = is_over && !(checker_probe_read(p->checker, i, &ip, p->now_ns, &result) && result.open);
    if (!is_over && checker_probe_is_over(p->checker, &ip))
        driver_fail("the probe is over, and a list is still being asked");
}

void probe_guard(const struct play *p) {
    for (size_t i = 0; i < p->n_probed; i++) {
        for (uint32_t list = 0; list < p->settings->n_lists; list++) {
            struct probe_result result;
            struct world_zone *zone = NULL;
            if (!checker_probe_read(p->checker, list, &p->probed[i], p->now_ns, &result) || result.open ||
                result.verdict == REGISTRY_UNKNOWN || result.is_target || result.score >= 0)
                continue;
            for (unsigned z = 0; z < p->world.n_zones; z++)
                if (strcmp(p->world.zones[z].name, p->settings->lists[list].zone) == 0)
                    zone = (struct world_zone *)&p->world.zones[z];
            const struct world_entry *entry = zone != NULL ? world_entry_find(zone, &p->probed[i]) : NULL;
            bool changed = entry != NULL && entry->since_ns > p->now_ns - HOUR_NS;
            bool listed = entry != NULL && entry->listed;
            if (result.verdict == REGISTRY_LISTED && !listed && !changed)
                driver_fail("a probe says listed on %s, and it is not", p->settings->lists[list].name);
        }
    }
}
