/* SPDX-License-Identifier: Apache-2.0
 *
 * How the world answers. What a scenario changes in it is in driver_world_do.c.
 */
#include "driver_world.h"

#include "driver.h"

#include <stdlib.h>
#include <string.h>

enum { LABELS_V4 = 4, LABELS_V6 = 32, CHURN_CODE = 0x7f000002 };

uint64_t world_random(uint64_t *state) {
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(0x2545f4914f6cdd1d);
}

static double random_share(struct world *w) {
    return (double)(world_random(&w->random) >> 11) / 9007199254740992.0;
}

struct world_zone *world_zone(struct world *w, const char *name) {
    for (unsigned i = 0; i < w->n_zones; i++)
        if (strcmp(w->zones[i].name, name) == 0)
            return &w->zones[i];
    driver_misread("there is no zone %s", name);
}

void world_zone_release(struct world_zone *z) {
    for (unsigned i = 0; i < z->n_churns; i++)
        churn_release(&z->churns[i]);
    free(z->churns);
    free(z->entries);
}

struct world_entry *world_entry_find(const struct world_zone *z, const struct ip *ip) {
    for (size_t i = (size_t)ip_hash(ip, 0); z->size > 0; i++) {
        struct world_entry *entry = &z->entries[i & (z->size - 1)];
        if (!entry->used)
            return NULL;
        if (ip_equal(&entry->ip, ip))
            return entry;
    }
    return NULL;
}

void world_refresh(struct world_zone *z, const struct ip *ip, int64_t now_ns) {
    for (unsigned i = 0; i < z->n_churns; i++) {
        int64_t since_ns = 0;
        if (!ip_range_contains(&z->churns[i].range, ip))
            continue;
        bool listed = churn_listed(&z->churns[i], ip, now_ns, &since_ns);
        struct world_entry *entry = world_entry_find(z, ip);
        if (entry == NULL && !listed)
            return;
        if (entry == NULL) {
            entry = world_entry_make(z, ip);
            entry->codes[0] = CHURN_CODE;
            entry->n_codes = 1;
        }
        entry->listed = listed;
        entry->since_ns = since_ns;
    }
}

struct ip world_listed_one(struct world *w, struct world_zone *z, const struct ip_range *range,
                           int64_t now_ns) {
    for (unsigned tries = 0; tries < 1000000; tries++) {
        struct ip ip = ip_add(range->first, world_random(&w->random) % ip_range_count(range));
        world_refresh(z, &ip, now_ns);
        const struct world_entry *entry = world_entry_find(z, &ip);
        if (entry != NULL && entry->listed)
            return ip;
    }
    driver_misread("next to nothing of the range is listed");
}

void world_read(struct world *w, const uint8_t *message, size_t len, struct world_question *out) {
    wire_read(message, len, &out->query);
    size_t n = strlen(out->query.name);
    for (unsigned i = 0; i < w->n_zones; i++) {
        size_t zone_len = strlen(w->zones[i].name);
        if (n <= zone_len + 1 || strcmp(out->query.name + n - zone_len, w->zones[i].name) != 0 ||
            out->query.name[n - zone_len - 1] != '.')
            continue;
        out->zone = &w->zones[i];
        if (!wire_address(out->query.name, n - zone_len - 1, &out->ip))
            driver_fail("the program asked about %s, which is no address in %s", out->query.name,
                        out->zone->name);
        return;
    }
    driver_fail("the program asked about %s, which is in no zone", out->query.name);
}

static const struct world_behaviour *behaviour_at(const struct world_zone *z, const struct ip *server) {
    for (unsigned i = 0; i < z->n_servers; i++)
        if (ip_equal(&z->servers[i].ip, server))
            return &z->servers[i].behaviour;
    return &z->behaviour;
}

/* The claim that is to be answered instead of the truth, used up by one; NULL without one. */
static const struct world_claim *take_claim(struct world_zone *z, const struct world_question *q) {
    for (unsigned i = 0; i < z->n_claims; i++) {
        struct world_claim *claim = &z->claims[i];
        if (claim->left < 1 || !ip_equal(&claim->ip, &q->ip) ||
            (claim->at_one && !ip_equal(&claim->server, &q->server)))
            continue;
        claim->left--;
        return claim;
    }
    return NULL;
}

static void negative(struct wire *out, const struct world_question *q, enum world_mode mode, unsigned rcode) {
    unsigned labels = q->ip.family == IP_V4 ? LABELS_V4 : LABELS_V6;
    wire_begin(out, &q->query, rcode, false);
    if (mode != MODE_NOSOA)
        wire_soa(out, mode == MODE_EXPIRED ? labels + 1 : labels);
}

static void addresses(struct wire *out, const struct world_question *q, const uint32_t *codes, unsigned n) {
    wire_begin(out, &q->query, WIRE_NOERROR, false);
    for (unsigned i = 0; i < n; i++)
        wire_a(out, codes[i]);
}

static void by_truth(struct wire *out, const struct world_question *q, const struct world_behaviour *b) {
    const struct world_entry *entry = world_entry_find(q->zone, &q->ip);
    const struct world_claim *claim = q->query.type == WIRE_TYPE_A ? take_claim(q->zone, q) : NULL;
    bool listed = claim != NULL ? claim->listed : entry != NULL && entry->listed;
    if (claim != NULL && claim->rcode != WIRE_NOERROR)
        wire_begin(out, &q->query, claim->rcode, false);
    else if (!listed && b->mode == MODE_REWRITTEN)
        addresses(out, q, &b->address, 1);
    else if (!listed)
        negative(out, q, claim != NULL && claim->expired ? MODE_EXPIRED : b->mode, WIRE_NXDOMAIN);
    else if (claim != NULL)
        addresses(out, q, claim->codes, claim->n_codes);
    else if (q->query.type == WIRE_TYPE_A)
        addresses(out, q, entry->codes, entry->n_codes);
    else if (entry->reason == NULL)
        negative(out, q, b->mode, WIRE_NOERROR);
    else {
        wire_begin(out, &q->query, WIRE_NOERROR, false);
        wire_txt(out, entry->reason);
    }
}

static void by_mode(struct wire *out, const struct world_question *q, const struct world_behaviour *b) {
    switch (b->mode) {
    case MODE_REFUSED:
    case MODE_WILDCARD: addresses(out, q, &b->address, 1); return;
    case MODE_RCODE: wire_begin(out, &q->query, b->rcode, false); return;
    case MODE_EMPTY:
    case MODE_EXPIRED: negative(out, q, b->mode, WIRE_NXDOMAIN); return;
    case MODE_TRUNCATED:
        if (!q->tcp) {
            wire_begin(out, &q->query, WIRE_NOERROR, true);
            return;
        }
        break;
    case MODE_ANSWERS:
    case MODE_REWRITTEN:
    case MODE_NOSOA:
    case MODE_LOWERCASE:
    case MODE_SILENT:
    case MODE_NETWORK: break;
    }
    by_truth(out, q, b);
}

enum world_outcome world_answer(struct world *w, const struct world_question *q, struct wire *out,
                                int64_t *delay_ns) {
    const struct world_behaviour *b = behaviour_at(q->zone, &q->server);
    *delay_ns = b->delay_ns + (int64_t)((double)(b->delay_most_ns - b->delay_ns) * random_share(w));
    if (b->mode == MODE_NETWORK)
        return WORLD_NETWORK;
    if (b->mode == MODE_SILENT || random_share(w) < b->loss)
        return WORLD_SILENCE;
    by_mode(out, q, b);
    if (b->mode == MODE_LOWERCASE)
        wire_lower_case(out);
    return WORLD_ANSWER;
}
