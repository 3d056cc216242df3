/* SPDX-License-Identifier: Apache-2.0
 *
 * driver_world: the lists of a scenario: what is true about every address, and how their nameservers answer.
 *
 * The truth (list, delist) and what servers say (modes, claims) are apart, so that driver_guard can compare
 * what the program concludes with the truth.
 */
#ifndef RBL_SCENARIO_DRIVER_WORLD_H
#define RBL_SCENARIO_DRIVER_WORLD_H

#include "driver_churn.h"
#include "driver_script.h"
#include "driver_wire.h"

enum { WORLD_ZONES = 32, WORLD_SERVERS = 8, WORLD_CLAIMS = 16 };

/* What was ever true about an address. */
struct world_entry {
    struct ip ip;
    bool used;
    bool listed;
    int64_t since_ns; /* the present truth */
    int64_t told_ns;  /* driver_guard's: when the program published that it is listed */
    uint32_t codes[SCRIPT_CODES];
    unsigned n_codes;
    const char *reason; /* TXT; NULL: none */
};

enum world_mode {
    MODE_ANSWERS,
    MODE_REFUSED,
    MODE_RCODE,
    MODE_SILENT,
    MODE_NETWORK,
    MODE_WILDCARD,
    MODE_EMPTY,
    MODE_EXPIRED,
    MODE_REWRITTEN,
    MODE_NOSOA,
    MODE_TRUNCATED,
    MODE_LOWERCASE,
};

struct world_behaviour {
    enum world_mode mode;
    uint32_t address; /* refused, wildcard, rewritten */
    unsigned rcode;
    int64_t delay_ns, delay_most_ns;
    double loss; /* 0..1 */
};

struct world_server {
    struct ip ip;
    struct world_behaviour behaviour;
};

/* A false answer, or none. */
struct world_claim {
    struct ip ip;
    bool at_one;
    struct ip server;
    bool listed;
    bool expired; /* not listed, with the SOA of the zone's parent */
    uint32_t codes[SCRIPT_CODES];
    unsigned n_codes;
    unsigned rcode; /* WIRE_NOERROR: an answer; else nothing but this */
    double left;    /* how many more */
};

struct world_zone {
    char name[256];              /* lower case */
    struct world_entry *entries; /* open addressing */
    size_t n_entries, size;
    struct world_behaviour behaviour;
    struct world_server servers[WORLD_SERVERS]; /* that differ from it */
    unsigned n_servers;
    struct world_claim claims[WORLD_CLAIMS];
    unsigned n_claims;
    struct churn *churns; /* ranges whose listings come and go; owned */
    unsigned n_churns;
};

struct world {
    struct world_zone zones[WORLD_ZONES];
    unsigned n_zones;
    uint64_t random; /* never 0 */
};

/* A question as the world sees it. */
struct world_question {
    struct wire_query query;
    struct world_zone *zone;
    struct ip ip;
    struct ip server;
    bool tcp;
};

enum world_outcome { WORLD_ANSWER, WORLD_SILENCE, WORLD_NETWORK };

/* xorshift64* (Marsaglia): the same numbers for the same seed on every machine. */
uint64_t world_random(uint64_t *state);
/* The zone of that name; fails if it was not declared. */
struct world_zone *world_zone(struct world *w, const char *name);
void world_zone_release(struct world_zone *z);
/* Reads a question; fails if it is about no zone or no address. */
void world_read(struct world *w, const uint8_t *message, size_t len, struct world_question *out);
/* What becomes of it: an answer in `out`, and after how long. */
enum world_outcome world_answer(struct world *w, const struct world_question *q, struct wire *out,
                                int64_t *delay_ns);
/* What was ever true about `ip`; NULL: it never was listed. In a range that churns it is what it was at the
 * last world_refresh(). */
struct world_entry *world_entry_find(const struct world_zone *z, const struct ip *ip);
struct world_entry *world_entry_make(struct world_zone *z, const struct ip *ip);
/* Brings what is true about `ip` up to date. */
void world_refresh(struct world_zone *z, const struct ip *ip, int64_t now_ns);
/* An address of `range` that is listed now, by chance; fails if there seems to be none. */
struct ip world_listed_one(struct world *w, struct world_zone *z, const struct ip_range *range,
                           int64_t now_ns);

/* The statements, after their first word. */
void world_do_zone(struct world *w, struct statement *s);
void world_do_list(struct world *w, struct statement *s, int64_t now_ns);
void world_do_delist(struct world *w, struct statement *s, int64_t now_ns);
void world_do_churn(struct world *w, struct statement *s, int64_t now_ns);
void world_do_claim(struct world *w, struct statement *s, bool listed);
void world_do_fail(struct world *w, struct statement *s);
void world_do_mode(struct world *w, struct statement *s);
void world_do_delay(struct world *w, struct statement *s);
void world_do_loss(struct world *w, struct statement *s);

#endif
