/* SPDX-License-Identifier: Apache-2.0
 *
 * Safelists: what is known of each safelisted range on each block list, and whether it may go. It may when
 * every list that counts is ok, has known nearly all of it for a day and could be believed for most of it,
 * and none had anything of it listed in that day.
 */
#include "core/page_internal.h"

#define SECOND_NS INT64_C(1000000000)
#define DAY_NS (86400 * SECOND_NS)

/* Why a range has to stay, the weightiest first. */
enum stays { STAYS_LISTED, STAYS_BLIND, STAYS_UNCHECKED, STAYS_RECENT, STAYS_UNSEEN, MAY_GO };

static enum stays judge(const struct page *p, uint32_t safelist, uint32_t list) {
    struct registry_safelist_now now = registry_safelist_now(p->registry, list, safelist);
    uint32_t stamp = registry_safelist_listed(p->registry, list, safelist, p->now_ns);
    if (now.listed > 0)
        return STAYS_LISTED;
    if (p->checker->lists[list].state != HEALTH_OK)
        return STAYS_BLIND;
    if ((double)now.checked < SETTINGS_ENOUGH * p->targets->safelists[safelist].n_addresses)
        return STAYS_UNCHECKED;
    if (stamp != 0 && p->now_ns - registry_ns(p->registry, stamp) < DAY_NS)
        return STAYS_RECENT;
    if (!registry_safelist_watched(p->registry, list, safelist, DAY_NS, p->now_ns))
        return STAYS_UNSEEN;
    return MAY_GO;
}

static void add_verdict(struct page *p, uint32_t safelist) {
    static const char *const words[] = {
        [STAYS_LISTED] = "listed now on ",
        [STAYS_BLIND] = "not to be told while this list is not ok: ",
        [STAYS_UNCHECKED] = "not to be told before nearly all of it is checked on ",
        [STAYS_RECENT] = "wait for a whole day without a listing on ",
        [STAYS_UNSEEN] = "not to be told before it has been watched for a day on ",
    };
    uint32_t worst_list = UINT32_MAX;
    enum stays worst = MAY_GO;
    for (uint32_t list = 0; list < p->settings->n_lists; list++) {
        if (!p->targets->safelists[safelist].lists[list])
            continue;
        enum stays stays = judge(p, safelist, list);
        if (worst_list == UINT32_MAX || stays < worst) {
            worst = stays;
            worst_list = list;
        }
    }
    if (!p->targets->safelists[safelist].watched) {
        buf_add_text(p->out, "<strong class=\"bad\">nobody watches it</strong>: put it into a group");
    } else if (worst == MAY_GO) {
        buf_add_text(p->out,
                     "<strong class=\"good\">may go</strong>: nothing of it was listed for a day or more");
    } else {
        buf_add_text(p->out, words[worst]);
        page_text(p, p->settings->lists[worst_list].name);
    }
}

static void add_list(struct page *p, uint32_t safelist, uint32_t list) {
    struct registry_safelist_now now = registry_safelist_now(p->registry, list, safelist);
    uint32_t stamp = registry_safelist_listed(p->registry, list, safelist, p->now_ns);
    const struct ip_range *range = &p->targets->safelists[safelist].range->range;
    uint64_t count = ip_range_count(range);
    char text[IP_COUNT_SIZE];
    page_text(p, p->settings->lists[list].name);
    buf_add_text(p->out, ": ");
    if (now.listed > 0) {
        buf_add_text(p->out, "<strong class=\"bad\">");
        page_number(p, now.listed);
        buf_add_text(p->out, " listed now</strong>");
    } else if (stamp != 0) {
        buf_add_text(p->out, "last listed ");
        page_time(p, registry_ns(p->registry, stamp));
    } else {
        buf_add_text(p->out, "never seen listed");
    }
    buf_add_text(p->out, ", checked ");
    if (count < UINT64_MAX)
        page_share(p, now.checked, count);
    else
        buf_addf(p->out, "%ju of %s", (uintmax_t)now.checked, ip_range_format_count(range, text));
    buf_add_text(p->out, "<br>");
}

static void add_range(struct page *p, uint32_t index) {
    const struct target_safelist *t = &p->targets->safelists[index];
    const struct safelist *safelist = &p->settings->safelists[t->safelist];
    char percent[IP_RANGE_TEXT_SIZE];
    buf_add_text(p->out, "<tr><th scope=\"row\">");
    page_text(p, ip_range_percent(&t->range->range, percent) ? percent : t->range->label);
    buf_add_text(p->out, "</th>");
    page_cell(p, safelist->name);
    page_cell(p, safelist->ticket);
    buf_add_text(p->out, "<td>");
    if (safelist->added_days >= 0)
        page_time(p, safelist->added_days * DAY_NS - p->wall_offset_ns);
    buf_add_text(p->out, "</td><td>");
    for (uint32_t list = 0; list < p->settings->n_lists; list++)
        if (t->watched && t->lists[list])
            add_list(p, index, list);
    buf_add_text(p->out, "</td><td>");
    add_verdict(p, index);
    buf_add_text(p->out, "</td></tr>\n");
}

void page_safelists(struct page *p) {
    static const char *const heads[] = {"range", "safelist", "ticket", "added", "block lists", "may it go?"};
    uint32_t n = p->targets->n_safelists;
    if (n == 0)
        return;
    buf_add_text(p->out, "<h2 id=\"safelists\">Safelists</h2>\n");
    page_table(p, "safelists", "What was put into a mail system's safelist, and whether it is needed still.",
               heads, sizeof heads / sizeof *heads);
    for (uint32_t i = 0; i < n && i < PAGE_MAX_RANGES; i++)
        add_range(p, i);
    page_table_end(p);
    if (n > PAGE_MAX_RANGES) {
        buf_add_text(p->out, "<p>");
        page_number(p, n - PAGE_MAX_RANGES);
        buf_add_text(p->out, " more rows are not shown.</p>\n");
    }
}
