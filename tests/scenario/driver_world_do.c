/* SPDX-License-Identifier: Apache-2.0
 *
 * The statements that change the world.
 */
#include "driver.h"
#include "driver_world.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_DELAY_NS (SECOND_NS / 100)
enum { LISTED = 0x7f000002, BLOCKED = 0x7ffffffe };

/* ---- the truth ---- */

static struct world_entry *free_place(const struct world_zone *z, const struct ip *ip) {
    size_t i = (size_t)ip_hash(ip, 0);
    while (z->entries[i & (z->size - 1)].used)
        i++;
    return &z->entries[i & (z->size - 1)];
}

static void grow(struct world_zone *z) {
    struct world_entry *old = z->entries;
    size_t old_size = z->size;
    z->size = old_size == 0 ? 64 : old_size * 2;
    z->entries = driver_alloc(NULL, z->size, sizeof *z->entries);
    memset(z->entries, 0, z->size * sizeof *z->entries);
    for (size_t i = 0; i < old_size; i++)
        if (old[i].used)
            *free_place(z, &old[i].ip) = old[i];
    free(old);
}

struct world_entry *world_entry_make(struct world_zone *z, const struct ip *ip) {
    struct world_entry *entry = world_entry_find(z, ip);
    if (entry != NULL)
        return entry;
    if (z->n_entries >= z->size / 2)
        grow(z);
    z->n_entries++;
    entry = free_place(z, ip);
    *entry = (struct world_entry){.ip = *ip, .used = true};
    return entry;
}

static void set_listed(struct world_entry *entry, bool listed, int64_t now_ns) {
    if (entry->listed != listed)
        entry->since_ns = now_ns;
    entry->listed = listed;
}

static void add_test_entry(struct world_zone *z, const char *text) {
    struct ip ip;
    if (ip_parse(text, strlen(text), &ip) != STATUS_OK)
        driver_misread("no address: %s", text);
    struct world_entry *entry = world_entry_make(z, &ip);
    entry->listed = true;
    entry->codes[0] = LISTED;
    entry->n_codes = 1;
}

void world_do_zone(struct world *w, struct statement *s) {
    const char *name = script_word(s, "the name of a zone");
    if (w->n_zones == WORLD_ZONES || strlen(name) >= sizeof w->zones[0].name)
        driver_misread("too many zones, or too long a name");
    struct world_zone *z = &w->zones[w->n_zones++];
    *z = (struct world_zone){.behaviour = {.delay_ns = FIRST_DELAY_NS, .delay_most_ns = FIRST_DELAY_NS}};
    memcpy(z->name, name, strlen(name) + 1);
    add_test_entry(z, "127.0.0.2");
    add_test_entry(z, "::ffff:127.0.0.2");
}

static struct world_zone *on_zone(struct world *w, struct statement *s) {
    if (!script_is(s, "on"))
        driver_misread("expected: on ZONE");
    return world_zone(w, script_word(s, "a zone"));
}

void world_do_list(struct world *w, struct statement *s, int64_t now_ns) {
    struct ip_range range = script_range(s);
    struct world_zone *z = on_zone(w, s);
    uint32_t codes[SCRIPT_CODES] = {LISTED};
    unsigned n_codes = script_is(s, "as") ? script_codes(s, codes) : 1;
    const char *reason = script_is(s, "reason") ? script_word(s, "a text") : NULL;
    if (ip_range_count(&range) > 1 << 20)
        driver_misread("more than a million addresses");
    for (uint64_t i = 0; i < ip_range_count(&range); i++) {
        struct ip ip = ip_add(range.first, i);
        struct world_entry *entry = world_entry_make(z, &ip);
        set_listed(entry, true, now_ns);
        memcpy(entry->codes, codes, sizeof entry->codes);
        entry->n_codes = n_codes;
        entry->reason = reason;
    }
}

void world_do_delist(struct world *w, struct statement *s, int64_t now_ns) {
    struct ip_range range = script_range(s);
    struct world_zone *z = on_zone(w, s);
    for (size_t i = 0; i < z->size; i++)
        if (z->entries[i].used && ip_range_contains(&range, &z->entries[i].ip))
            set_listed(&z->entries[i], false, now_ns);
}

void world_do_churn(struct world *w, struct statement *s, int64_t now_ns) {
    struct ip_range range = script_range(s);
    struct world_zone *z = on_zone(w, s);
    if (!script_is(s, "share"))
        driver_misread("expected: share P");
    double share = script_number(s);
    if (!script_is(s, "lifetime"))
        driver_misread("expected: lifetime TIME");
    int64_t lifetime_ns = script_time(s);
    z->churns = driver_alloc(z->churns, z->n_churns + 1, sizeof *z->churns);
    churn_init(&z->churns[z->n_churns++], &range, share, lifetime_ns, world_random(&w->random), now_ns);
}

/* ---- what servers say ---- */

static unsigned read_rcode(struct statement *s) {
    static const char *const names[] = {[WIRE_FORMERR] = "formerr",
                                        [WIRE_SERVFAIL] = "servfail",
                                        [WIRE_NOTIMP] = "notimp",
                                        [WIRE_REFUSED] = "refused"};
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i] != NULL && script_is(s, names[i]))
            return i;
    driver_misread("no rcode (servfail, refused, formerr, notimp)");
}

static void add_claim(struct world_zone *z, const struct world_claim *claim) {
    unsigned i = 0;
    while (i < z->n_claims && z->claims[i].left >= 1)
        i++;
    if (i == WORLD_CLAIMS)
        driver_misread("more than %d claims", WORLD_CLAIMS);
    z->claims[i] = *claim;
    z->n_claims += i == z->n_claims;
}

void world_do_claim(struct world *w, struct statement *s, bool listed) {
    struct world_claim claim = {.ip = script_ip(s), .listed = listed, .left = (double)INFINITY};
    struct world_zone *z = on_zone(w, s);
    claim.at_one = script_is(s, "at");
    if (claim.at_one)
        claim.server = script_ip(s);
    claim.codes[0] = LISTED;
    claim.n_codes = listed && script_is(s, "as") ? script_codes(s, claim.codes) : 1;
    claim.expired = !listed && script_is(s, "expired");
    if (script_is(s, "times"))
        claim.left = script_number(s);
    add_claim(z, &claim);
}

void world_do_fail(struct world *w, struct statement *s) {
    struct world_claim claim = {.ip = script_ip(s), .left = (double)INFINITY};
    struct world_zone *z = on_zone(w, s);
    claim.rcode = read_rcode(s);
    if (script_is(s, "times"))
        claim.left = script_number(s);
    add_claim(z, &claim);
}

static struct world_behaviour *server_behaviour(struct world_zone *z, const struct ip *server) {
    for (unsigned i = 0; i < z->n_servers; i++)
        if (ip_equal(&z->servers[i].ip, server))
            return &z->servers[i].behaviour;
    if (z->n_servers == WORLD_SERVERS)
        driver_misread("more than %d servers of one zone", WORLD_SERVERS);
    z->servers[z->n_servers] = (struct world_server){*server, z->behaviour};
    return &z->servers[z->n_servers++].behaviour;
}

static void read_mode(struct statement *s, struct world_behaviour *b) {
    static const struct {
        const char *name;
        enum world_mode mode;
        uint32_t address;
    } modes[] = {
        {"answers", MODE_ANSWERS, 0}, {"refused", MODE_REFUSED, BLOCKED}, {"rcode", MODE_RCODE, 0},
        {"silent", MODE_SILENT, 0},   {"network", MODE_NETWORK, 0},       {"wildcard", MODE_WILDCARD, LISTED},
        {"empty", MODE_EMPTY, 0},     {"expired", MODE_EXPIRED, 0},       {"rewritten", MODE_REWRITTEN, 0},
        {"nosoa", MODE_NOSOA, 0},     {"truncated", MODE_TRUNCATED, 0},   {"lowercase", MODE_LOWERCASE, 0},
    };
    size_t i = 0;
    while (i < sizeof modes / sizeof *modes && !script_is(s, modes[i].name))
        i++;
    if (i == sizeof modes / sizeof *modes)
        driver_misread("no mode: %s", script_word(s, "a mode"));
    b->mode = modes[i].mode;
    b->address = modes[i].address;
    if (b->mode == MODE_RCODE)
        b->rcode = read_rcode(s);
    uint32_t codes[SCRIPT_CODES];
    bool may = b->mode == MODE_REFUSED || b->mode == MODE_WILDCARD;
    if (b->mode == MODE_REWRITTEN || (may && s->at < s->n_words)) {
        script_codes(s, codes);
        b->address = codes[0];
    }
}

/* Reads `ZONE [at SERVER]` and applies what follows to each that is meant. */
static void change(struct world *w, struct statement *s,
                   void (*read)(struct statement *, struct world_behaviour *)) {
    const char *name = script_word(s, "a zone");
    bool all = strcmp(name, "all") == 0;
    unsigned from = all ? 0 : (unsigned)(world_zone(w, name) - w->zones);
    bool at_one = script_is(s, "at") && !script_is(s, "all");
    struct ip server = at_one ? script_ip(s) : (struct ip){0};
    unsigned words_at = s->at;
    for (unsigned i = from; i < (all ? w->n_zones : from + 1); i++) {
        struct world_zone *z = &w->zones[i];
        s->at = words_at;
        read(s, at_one ? server_behaviour(z, &server) : &z->behaviour);
        if (!at_one)
            z->n_servers = 0;
    }
}

static void read_delay(struct statement *s, struct world_behaviour *b) {
    b->delay_ns = script_time(s);
    b->delay_most_ns = script_is(s, "to") ? script_time(s) : b->delay_ns;
}

static void read_loss(struct statement *s, struct world_behaviour *b) {
    b->loss = script_number(s) / 100;
}

void world_do_mode(struct world *w, struct statement *s) {
    change(w, s, read_mode);
}

void world_do_delay(struct world *w, struct statement *s) {
    change(w, s, read_delay);
}

void world_do_loss(struct world *w, struct statement *s) {
    change(w, s, read_loss);
}
