/* SPDX-License-Identifier: Apache-2.0
 *
 * The top of the status page: whether anything is listed, in one line, and what stands in the way of
 * believing that line. "Nothing is listed" is said only when every address is asked about and has been looked
 * at on every block list and all of those can be believed; with less than that it says what is not known.
 */
#include "core/page_internal.h"

#include <stdio.h>

enum { RANGES_NAMED = 5, GROUPS_NAMED = 5 };

/* "1 list", "2 lists". */
static void add_count(struct page *p, uint64_t n, const char *one, const char *many) {
    page_number(p, n);
    buf_add_text(p->out, n == 1 ? one : many);
}

/* No block list is asked about anything, nor is anything left out. */
static bool has_no_address(const struct page_found *f) {
    return f->watched + f->swept + f->unasked == 0;
}

void page_title(const struct page_found *f, const struct page_lists_state *lists, char *out, size_t size) {
    if (f->all > 0)
        (void)snprintf(out, size, "%s%llu listed", f->at_least ? "over " : "",
                       (unsigned long long)f->addresses - f->at_least);
    else if (lists->block == 0 || lists->blind_block == lists->block || has_no_address(f))
        (void)snprintf(out, size, "cannot tell");
    else if (lists->blind_block > 0)
        (void)snprintf(out, size, "0 listed, %u cannot tell", lists->blind_block);
    else
        (void)snprintf(out, size, f->complete ? "nothing listed" : "0 listed so far");
}

/* Where a group looks for addresses that it has none of; NULL if it has some, and for the group of bounces,
 * which is as it should be without. */
static const char *lacks_addresses(const struct group *g) {
    if (g->n_addresses + g->n_ranges + g->n_recognised > 0 || (g->spf == NULL && g->n_files == 0))
        return NULL;
    return g->spf == NULL ? "files" : g->n_files == 0 ? "an SPF record" : "files and an SPF record";
}

static bool any_lacks_addresses(const struct page *p) {
    for (size_t i = 0; i < p->settings->n_groups; i++)
        if (lacks_addresses(&p->settings->groups[i]) != NULL)
            return true;
    return false;
}

static void add_headline(struct page *p, const struct page_found *f, const struct page_lists_state *lists) {
    if (f->all > 0) {
        buf_add_text(p->out, "<h1 class=\"bad\">");
        buf_add_text(p->out, f->at_least ? "At least " : "");
        add_count(p, f->addresses, " address is listed on ", " addresses are listed on ");
        add_count(p, f->n_lists, " list", " lists");
    } else if (lists->block == 0) {
        buf_add_text(p->out, "<h1>Cannot be told: no block list is asked");
    } else if (has_no_address(f)) {
        buf_add_text(p->out, "<h1>Cannot be told: no address is asked about");
    } else if (lists->blind_block == lists->block) {
        buf_add_text(p->out, "<h1 class=\"bad\">Cannot be told: no block list can be believed");
    } else if (lists->blind_block > 0 && f->complete) {
        buf_addf(p->out, "<h1 class=\"bad\">Nothing is listed on %u of %u block lists; %u cannot be believed",
                 lists->block - lists->blind_block, lists->block, lists->blind_block);
    } else if (lists->blind_block > 0) {
        buf_addf(p->out,
                 "<h1 class=\"bad\">Nothing is known to be listed; %u of %u block lists cannot be believed",
                 lists->blind_block, lists->block);
    } else if (!f->complete) {
        buf_add_text(p->out, "<h1>Nothing is known to be listed");
    } else {
        bool is_good = lists->unproven_block == 0 && !any_lacks_addresses(p);
        buf_add_text(p->out, is_good ? "<h1 class=\"good\">" : "<h1>");
        buf_add_text(p->out, "Nothing is listed");
    }
    buf_add_text(p->out, "</h1>\n");
}

/* How many of the addresses are somebody's own. */
static void add_kinds(struct page *p, const struct page_found *f) {
    bool all_named = f->named_pairs > f->n;
    buf_add_text(p->out,
                 all_named ? ". Named one by one: at least <strong>" : ". Named one by one: <strong>");
    page_number(p, f->named);
    buf_add_text(p->out, "</strong>");
    if (all_named)
        return;
    buf_add_text(p->out, f->at_least ? ", only in ranges: at least " : ", only in ranges: ");
    page_number(p, f->addresses - f->named);
}

/* On which lists, and how many. */
static void add_where(struct page *p, const struct page_found *f) {
    const char *comma = "";
    if (f->all == 0)
        return;
    buf_add_text(p->out, "<p>");
    for (uint32_t list = 0; list < p->settings->n_lists; list++) {
        if (f->by_list[list] == 0)
            continue;
        buf_add_text(p->out, comma);
        page_text(p, p->settings->lists[list].name);
        buf_addf(p->out, " (%s): ", list_tier_text[p->settings->lists[list].tier]);
        page_number(p, f->by_list[list]);
        comma = ", ";
    }
    add_kinds(p, f);
    buf_add_text(p->out, ".</p>\n");
}

/* What nobody would see listed. */
static void add_unasked(struct page *p, const struct page_found *f) {
    unsigned n = 0;
    if (f->unasked == 0)
        return;
    buf_add_text(p->out, "<p><strong class=\"bad\">");
    add_count(p, f->unasked, " address is", " addresses are");
    buf_add_text(p->out, " asked of no block list:</strong> ");
    for (uint32_t g = 0; g < p->settings->n_groups; g++) {
        if (!p->targets->unasked_groups[g] || n++ >= GROUPS_NAMED)
            continue;
        buf_add_text(p->out, n == 1 ? "" : ", ");
        page_text(p, p->settings->groups[g].name);
    }
    if (n > GROUPS_NAMED)
        buf_addf(p->out, " and %u more", n - GROUPS_NAMED);
    buf_add_text(p->out, ".</p>\n");
}

/* What is watched with nothing in it. */
static void add_empty_groups(struct page *p) {
    unsigned n = 0;
    for (size_t i = 0; i < p->settings->n_groups; i++) {
        const struct group *g = &p->settings->groups[i];
        const char *from = lacks_addresses(g);
        if (from == NULL || n++ >= GROUPS_NAMED)
            continue;
        buf_add_text(p->out, n == 1 ? "<p><strong>Without an address:</strong> " : ", ");
        page_text(p, g->name);
        buf_addf(p->out, " (out of %s)", from);
    }
    if (n > GROUPS_NAMED)
        buf_addf(p->out, " and %u more", n - GROUPS_NAMED);
    if (n > 0)
        buf_add_text(p->out, ". Nothing was found there; the log says why.</p>\n");
}

/* Every address counts once for each list: with two lists, an address that one of them was asked about is
 * half looked at. */
static void add_progress(struct page *p, const struct page_found *f) {
    if (f->fresh_watched == f->watched && f->fresh_swept == f->swept)
        return;
    buf_add_text(p->out, "<p>Not everything has been looked at: ");
    if (f->fresh_watched < f->watched) {
        buf_add_text(p->out, "of addresses named one by one ");
        page_share(p, f->fresh_watched, f->watched);
        buf_add_text(p->out, f->fresh_swept < f->swept ? ", " : "");
    }
    if (f->fresh_swept < f->swept) {
        buf_add_text(p->out, "of ranges ");
        page_share(p, f->fresh_swept, f->swept);
    }
    buf_add_text(p->out, ", each address once for each block list.</p>\n");
}

static void add_names(struct page *p) {
    const char *comma = "";
    for (uint32_t list = 0; list < p->settings->n_lists; list++) {
        const struct checker_list *l = &p->checker->lists[list];
        if (l->list == NULL || l->state == HEALTH_OK)
            continue;
        buf_add_text(p->out, comma);
        page_text(p, l->list->name);
        buf_addf(p->out, " (%s)", health_state_text[l->state]);
        comma = ", ";
    }
}

static void add_lists(struct page *p, const struct page_lists_state *lists) {
    if (lists->blind == 0) {
        buf_addf(p->out,
                 lists->all == 1 ? "<p>The list passes its self-test.</p>\n"
                                 : "<p>All %u lists pass their self-tests.</p>\n",
                 lists->all);
        return;
    }
    buf_addf(p->out, "<p><strong class=\"bad\">%u of %u lists cannot be believed:</strong> ", lists->blind,
             lists->all);
    add_names(p);
    buf_add_text(p->out, ". What was proven there is kept; what changes there now is not seen. <a "
                         "href=\"#blind\">Why, and what to do</a></p>\n");
}

static void add_shares(struct page *p) {
    unsigned n = 0;
    for (uint32_t i = 0; i < p->targets->n_ranges; i++)
        for (uint32_t list = 0; list < p->settings->n_lists; list++) {
            if (!page_range_has(p, i, list))
                continue;
            struct page_coverage c = page_coverage(p, i, list);
            if (!page_is_much(&c) || n++ >= RANGES_NAMED)
                continue;
            buf_add_text(p->out,
                         n == 1 ? "<p><strong class=\"bad\">Much of a range is listed:</strong> " : "; ");
            page_text(p, p->targets->ranges[i].range->label);
            buf_add_text(p->out, " on ");
            page_text(p, p->settings->lists[list].name);
            buf_add_text(p->out, " at least ");
            page_percent(p, c.bound.low);
        }
    if (n > RANGES_NAMED)
        buf_addf(p->out, "; and %u more", n - RANGES_NAMED);
    if (n > 0)
        buf_add_text(p->out, ". <a href=\"#ranges\">Ranges</a></p>\n");
}

static void add_troubles(struct page *p) {
    if (p->process->storage_why[0] != '\0') {
        buf_add_text(p->out, "<p><strong class=\"bad\">State is not being saved:</strong> ");
        page_text(p, p->process->storage_why);
        buf_add_text(p->out, "</p>\n");
    }
    if (p->process->reload_failed)
        buf_add_text(p->out,
                     "<p><strong class=\"bad\">The configuration was not reloaded:</strong> the old one "
                     "keeps running. The log says why, and so does <code>--config.check</code>.</p>\n");
    if (!checker_ready(p->checker))
        buf_add_text(p->out,
                     "<p><strong class=\"bad\">Not ready:</strong> the first round of self-tests is not "
                     "done.</p>\n");
}

void page_answer(struct page *p, const struct page_found *found, const struct page_lists_state *lists) {
    add_headline(p, found, lists);
    add_where(p, found);
    add_lists(p, lists);
    page_unproven(p, lists->unproven_block);
    add_unasked(p, found);
    add_empty_groups(p);
    add_troubles(p);
    add_shares(p);
    add_progress(p, found);
}
