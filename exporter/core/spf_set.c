/* SPDX-License-Identifier: Apache-2.0 */
#include "core/spf_set.h"

#include "core/pack.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FORMAT = 1 };

/* ---- texts ---- */

/* Ranges by name, as many as are shown, and the number of the others. */
struct naming {
    char *out; /* of SPF_SET_TEXT_SIZE */
    size_t used;
    size_t n;
};

static struct naming begin_names(char out[SPF_SET_TEXT_SIZE]) {
    out[0] = '\0';
    return (struct naming){.out = out};
}

static void name_range(struct naming *names, const struct ip_range *range) {
    char text[IP_RANGE_TEXT_SIZE];
    if (names->n++ >= SPF_SET_SHOWN)
        return;
    (void)ip_range_format(range, text);
    names->used += (size_t)snprintf(names->out + names->used, SPF_SET_TEXT_SIZE - names->used, "%s%s",
                                    names->used > 0 ? ", " : "", text);
}

static void end_names(const struct naming *names) {
    if (names->n > SPF_SET_SHOWN)
        (void)snprintf(names->out + names->used, SPF_SET_TEXT_SIZE - names->used, " and %zu more",
                       names->n - SPF_SET_SHOWN);
}

/* ---- what is watched ---- */

/* Too large as a range, and some of it is what mail comes from: that is no matter of leaving something out.
 */
static bool is_swept_too_large(const struct ip_range *range) {
    bool whole;
    return range->first.family == IP_V4 && ip_range_count(range) > SOURCES_SPF_ADDRESSES &&
           (ip_range_special(range, &whole) == NULL || !whole);
}

static void leave_out(struct source_set *set, char left_out[SPF_SET_TEXT_SIZE]) {
    struct naming names = begin_names(left_out);
    size_t n = 0;
    for (size_t i = 0; i < set->n_ranges; i++) {
        const struct ip_range *range = &set->ranges[i];
        bool whole;
        if (is_swept_too_large(range) || ip_range_special(range, &whole) == NULL)
            set->ranges[n++] = *range;
        else
            name_range(&names, range);
    }
    set->n_ranges = n;
    end_names(&names);
}

#define HINT "; name those that mail leaves from under \"ranges\""

static void say_range(const struct ip_range *range, char why[SPF_SET_WHY_SIZE]) {
    char text[IP_RANGE_TEXT_SIZE];
    char count[IP_COUNT_SIZE];
    (void)ip_range_format(range, text);
    (void)snprintf(why, SPF_SET_WHY_SIZE,
                   "it leads to a range of %s addresses, %s, and no more than %d are swept of a record" HINT,
                   ip_range_format_count(range, count), text, SOURCES_SPF_ADDRESSES);
}

bool spf_set_bound(struct source_set *set, char left_out[SPF_SET_TEXT_SIZE], char why[SPF_SET_WHY_SIZE]) {
    const struct ip_range *too_large = NULL;
    uint64_t total = 0;
    leave_out(set, left_out);
    for (size_t i = 0; i < set->n_ranges; i++) {
        uint64_t count = ip_range_count(&set->ranges[i]);
        if (count <= SOURCES_SPF_ADDRESSES)
            total += count;
        else if (too_large == NULL && is_swept_too_large(&set->ranges[i]))
            too_large = &set->ranges[i];
    }
    why[0] = '\0';
    if (too_large != NULL)
        say_range(too_large, why);
    else if (set->n_ranges > SOURCES_SPF_RANGES)
        (void)snprintf(why, SPF_SET_WHY_SIZE,
                       "it leads to %zu ranges, and no more than %d are taken of a record" HINT,
                       set->n_ranges, SOURCES_SPF_RANGES);
    else if (total > SOURCES_SPF_ADDRESSES)
        (void)snprintf(
            why, SPF_SET_WHY_SIZE,
            "its ranges have %llu addresses in all, and no more than %d are swept of a record" HINT,
            (unsigned long long)total, SOURCES_SPF_ADDRESSES);
    return why[0] == '\0';
}

/* ---- bytes ---- */

void spf_set_pack(const struct spf_set_about *about, const struct source_set *set, struct buf *out) {
    pack_u8(out, FORMAT);
    pack_text(out, about->domain);
    pack_i64(out, about->good_ns);
    pack_i64(out, about->changed_ns);
    pack_u32(out, (uint32_t)set->n_ranges);
    for (size_t i = 0; i < set->n_ranges; i++) {
        pack_ip(out, &set->ranges[i].first);
        pack_ip(out, &set->ranges[i].last);
    }
}

static enum status unpack_range(struct unpack *u, struct source_set *set) {
    struct ip_range range;
    unpack_ip(u, &range.first);
    unpack_ip(u, &range.last);
    if (u->bad || range.first.family != range.last.family || ip_compare(&range.first, &range.last) > 0)
        return STATUS_SYNTAX;
    return source_set_add_range(set, &range);
}

enum status spf_set_unpack(const void *data, size_t len, struct spf_set_about *about,
                           struct source_set *set) {
    struct spf_set_about read = {.good_ns = 0};
    struct unpack u = unpack_begin(data, len);
    if (unpack_u8(&u) != FORMAT)
        return STATUS_SYNTAX;
    unpack_text(&u, read.domain, sizeof read.domain);
    read.good_ns = unpack_i64(&u);
    read.changed_ns = unpack_i64(&u);
    enum status status = STATUS_OK;
    for (uint32_t n = unpack_u32(&u); n > 0 && status == STATUS_OK; n--)
        status = unpack_range(&u, set);
    if (status == STATUS_OK && !unpack_is_done(&u))
        status = STATUS_SYNTAX;
    if (status != STATUS_OK)
        return status;
    source_set_finish(set);
    *about = read;
    return STATUS_OK;
}

/* ---- what changes ---- */

static int range_order(const void *a, const void *b) {
    return ip_range_compare(a, b);
}

static bool has(const struct source_set *set, const struct ip_range *range) {
    return set != NULL && set->n_ranges > 0 &&
           bsearch(range, set->ranges, set->n_ranges, sizeof *range, range_order) != NULL;
}

size_t spf_set_missing(const struct source_set *set, const struct source_set *other,
                       char out[SPF_SET_TEXT_SIZE]) {
    struct naming names = begin_names(out);
    for (size_t i = 0; set != NULL && i < set->n_ranges; i++)
        if (!has(other, &set->ranges[i]))
            name_range(&names, &set->ranges[i]);
    end_names(&names);
    return names.n;
}

uint64_t spf_set_count_v4(const struct source_set *set) {
    uint64_t count = 0;
    uint64_t next = 0; /* addresses below have been counted */
    for (size_t i = 0; set != NULL && i < set->n_ranges; i++) {
        const struct ip_range *range = &set->ranges[i];
        uint64_t first = range->first.lo > next ? range->first.lo : next;
        if (range->first.family != IP_V4 || range->last.lo < first)
            continue;
        count += range->last.lo - first + 1;
        next = range->last.lo + 1;
    }
    return count;
}
