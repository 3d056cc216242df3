/* SPDX-License-Identifier: Apache-2.0 */
#include "core/spf_set.h"

#include "core/pack.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FORMAT = 1 };

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

static int range_order(const void *a, const void *b) {
    const struct ip_range *x = a;
    const struct ip_range *y = b;
    int order = ip_compare(&x->first, &y->first);
    return order != 0 ? order : ip_compare(&x->last, &y->last);
}

static bool has(const struct source_set *set, const struct ip_range *range) {
    return set != NULL && set->n_ranges > 0 &&
           bsearch(range, set->ranges, set->n_ranges, sizeof *range, range_order) != NULL;
}

size_t spf_set_missing(const struct source_set *set, const struct source_set *other,
                       char out[SPF_SET_TEXT_SIZE]) {
    size_t n = 0;
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; set != NULL && i < set->n_ranges; i++) {
        char text[IP_RANGE_TEXT_SIZE];
        if (has(other, &set->ranges[i]) || n++ >= SPF_SET_SHOWN)
            continue;
        (void)ip_range_format(&set->ranges[i], text);
        used += (size_t)snprintf(out + used, SPF_SET_TEXT_SIZE - used, "%s%s", used > 0 ? ", " : "", text);
    }
    if (n > SPF_SET_SHOWN)
        (void)snprintf(out + used, SPF_SET_TEXT_SIZE - used, " and %zu more", n - SPF_SET_SHOWN);
    return n;
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
