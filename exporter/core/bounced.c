/* SPDX-License-Identifier: Apache-2.0 */
#include "core/bounced.h"

#include "core/pack.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct bounced {
    int64_t keep_ns;
    size_t limit;
    struct bounced_address *items; /* by address */
    size_t n;
    size_t size;
};

struct bounced *bounced_new(int64_t keep_ns, unsigned limit) {
    assert(limit > 0 && limit <= BOUNCED_MOST);
    struct bounced *b = calloc(1, sizeof *b);
    if (b != NULL)
        *b = (struct bounced){.keep_ns = keep_ns, .limit = limit};
    return b;
}

void bounced_free(struct bounced *b) {
    if (b != NULL)
        free(b->items);
    free(b);
}

/* ---- finding ---- */

size_t bounced_count(const struct bounced *b) {
    return b->n;
}

const struct bounced_address *bounced_get(const struct bounced *b, size_t i) {
    assert(i < b->n);
    return &b->items[i];
}

/* Where `ip` stands, or would. */
static size_t place_of(const struct bounced *b, const struct ip *ip) {
    size_t low = 0;
    size_t high = b->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (ip_compare(&b->items[middle].ip, ip) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_at(const struct bounced *b, size_t place, const struct ip *ip) {
    return place < b->n && ip_equal(&b->items[place].ip, ip);
}

/* ---- leaving ---- */

static size_t oldest_of(const struct bounced *b) {
    size_t oldest = 0;
    for (size_t i = 1; i < b->n; i++)
        if (b->items[i].last_ns < b->items[oldest].last_ns)
            oldest = i;
    return oldest;
}

static void drop(struct bounced *b, size_t place) {
    b->n--;
    memmove(&b->items[place], &b->items[place + 1], (b->n - place) * sizeof *b->items);
}

static int64_t end_of(const struct bounced *b, const struct bounced_address *item) {
    return item->last_ns > INT64_MAX - b->keep_ns ? INT64_MAX : item->last_ns + b->keep_ns;
}

static void not_in_future(struct bounced_address *item, int64_t wall_ns) {
    if (item->last_ns > wall_ns)
        item->last_ns = wall_ns;
    if (item->first_ns > item->last_ns)
        item->first_ns = item->last_ns;
}

bool bounced_expire(struct bounced *b, int64_t wall_ns) {
    size_t n = 0;
    for (size_t i = 0; i < b->n; i++) {
        struct bounced_address item = b->items[i];
        not_in_future(&item, wall_ns);
        if (end_of(b, &item) > wall_ns)
            b->items[n++] = item;
    }
    bool left = n < b->n;
    b->n = n;
    return left;
}

int64_t bounced_next_ns(const struct bounced *b) {
    int64_t next_ns = INT64_MAX;
    for (size_t i = 0; i < b->n; i++) {
        int64_t end_ns = end_of(b, &b->items[i]);
        next_ns = end_ns < next_ns ? end_ns : next_ns;
    }
    return next_ns;
}

static int by_last(const void *one, const void *other) {
    const struct bounced_address *a = one;
    const struct bounced_address *b = other;
    if (a->last_ns != b->last_ns)
        return a->last_ns > b->last_ns ? -1 : 1;
    return ip_compare(&a->ip, &b->ip);
}

static int by_address(const void *one, const void *other) {
    const struct bounced_address *a = one;
    const struct bounced_address *b = other;
    return ip_compare(&a->ip, &b->ip);
}

/* The latest stay. */
static bool cut(struct bounced *b) {
    if (b->n <= b->limit)
        return false;
    qsort(b->items, b->n, sizeof *b->items, by_last);
    b->n = b->limit;
    qsort(b->items, b->n, sizeof *b->items, by_address);
    return true;
}

bool bounced_set_rules(struct bounced *b, int64_t keep_ns, unsigned limit, int64_t wall_ns) {
    assert(limit > 0 && limit <= BOUNCED_MOST);
    b->keep_ns = keep_ns;
    b->limit = limit;
    bool expired = bounced_expire(b, wall_ns);
    return cut(b) || expired;
}

/* ---- joining ---- */

static bool make_room(struct bounced *b) {
    if (b->n < b->size)
        return true;
    size_t size = b->size == 0 ? 16 : b->size * 2;
    struct bounced_address *items = realloc(b->items, size * sizeof *items);
    if (items == NULL)
        return false;
    b->items = items;
    b->size = size;
    return true;
}

static void name_list(struct bounced_address *item, const char *list) {
    size_t n = 0;
    for (; n + 1 < sizeof item->list && (unsigned char)list[n] >= ' ' && list[n] != 0x7f; n++)
        item->list[n] = list[n];
    item->list[n] = '\0';
}

enum status bounced_add(struct bounced *b, const struct ip *ip, const char *list, int64_t wall_ns,
                        bool *joined) {
    if (ip_special(ip) != NULL)
        return STATUS_INVALID;
    size_t place = place_of(b, ip);
    bool is_new = !is_at(b, place, ip);
    if (is_new && b->n < b->limit && !make_room(b))
        return STATUS_NO_MEMORY;
    if (is_new && b->n == b->limit) {
        drop(b, oldest_of(b));
        place = place_of(b, ip);
    }
    struct bounced_address *item = &b->items[place];
    if (is_new) {
        memmove(item + 1, item, (b->n++ - place) * sizeof *item);
        *item = (struct bounced_address){.ip = *ip, .first_ns = wall_ns};
    }
    item->last_ns = wall_ns;
    not_in_future(item, wall_ns);
    item->n += item->n < UINT32_MAX;
    if (list[0] != '\0')
        name_list(item, list);
    *joined = is_new;
    return STATUS_OK;
}

/* ---- bytes ---- */

void bounced_encode(const struct bounced *b, struct buf *out) {
    pack_u8(out, BOUNCED_FORMAT);
    pack_u32(out, (uint32_t)b->n);
    for (size_t i = 0; i < b->n; i++) {
        const struct bounced_address *item = &b->items[i];
        pack_ip(out, &item->ip);
        pack_i64(out, item->first_ns);
        pack_i64(out, item->last_ns);
        pack_u32(out, item->n);
        pack_text(out, item->list);
    }
}

static bool is_text(const char *text) {
    while ((unsigned char)*text >= ' ' && *text != 0x7f)
        text++;
    return *text == '\0';
}

static bool read_item(struct unpack *in, const struct bounced_address *before, struct bounced_address *out) {
    unpack_ip(in, &out->ip);
    out->first_ns = unpack_i64(in);
    out->last_ns = unpack_i64(in);
    out->n = unpack_u32(in);
    unpack_text(in, out->list, sizeof out->list);
    bool in_order = before == NULL || ip_compare(&before->ip, &out->ip) < 0;
    return !in->bad && in_order && ip_special(&out->ip) == NULL && out->first_ns >= 0 &&
           out->first_ns <= out->last_ns && out->n > 0 && is_text(out->list);
}

static enum status read_items(struct unpack *in, struct bounced_address *items, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (!read_item(in, i > 0 ? &items[i - 1] : NULL, &items[i]))
            return STATUS_SYNTAX;
    return unpack_is_done(in) ? STATUS_OK : STATUS_SYNTAX;
}

enum status bounced_decode(struct bounced *b, const void *data, size_t len, int64_t wall_ns) {
    enum { LEAST = 17 + 8 + 8 + 4 + 2 }; /* bytes of one address */
    struct unpack in = unpack_begin(data, len);
    unsigned format = unpack_u8(&in);
    size_t n = unpack_u32(&in);
    if (in.bad || format != BOUNCED_FORMAT || n > BOUNCED_MOST || n > in.left / LEAST)
        return STATUS_SYNTAX;
    struct bounced_address *items = calloc(n + 1, sizeof *items);
    if (items == NULL)
        return STATUS_NO_MEMORY;
    enum status status = read_items(&in, items, n);
    if (status != STATUS_OK) {
        free(items);
        return status;
    }
    free(b->items);
    b->items = items;
    b->n = n;
    b->size = n + 1;
    (void)bounced_expire(b, wall_ns);
    (void)cut(b);
    return STATUS_OK;
}
