/* SPDX-License-Identifier: Apache-2.0
 *
 * checker_probe_internal: where the rest of the checker touches probes, and what the files of probes share.
 *
 * A probe has a pair for each list. A pair is asked, then waits for the proof of what it was told, then ends;
 * a pair of a target ends when the registry has made up its mind.
 */
#ifndef RBL_CORE_CHECKER_PROBE_INTERNAL_H
#define RBL_CORE_CHECKER_PROBE_INTERNAL_H

#include "core/checker.h"
#include "core/checker_probe.h"

/* A question that the plan offers at the cost of BUDGET_PROBE: whether it needs no query any more, and whom
 * that of a probe is about. */
bool checker_probe_is_moot(const struct checker *c, uint32_t list, const struct plan_item *item);
struct ip checker_probe_ip(const struct checker *c, const struct plan_item *item);
/* A question, of whatever purpose, is being sent, or has come to its end. */
void checker_probe_in_flight(struct checker *c, uint32_t list, const struct plan_item *item, bool is,
                             int64_t now_ns);

/* What came of a probe's question: a conclusive verdict, or none after all attempts. `took_ns` as in
 * checker_watch.looked. */
void checker_probe_decided(struct checker *c, uint32_t list, const struct plan_item *item, uint32_t track,
                           const struct verdict *verdict, int64_t took_ns, int64_t now_ns);
void checker_probe_failed(struct checker *c, uint32_t list, const struct plan_item *item,
                          const struct verdict *verdict, int64_t took_ns, int64_t now_ns);
/* ... of a target's, asked for whatever reason; and a change that was published. */
void checker_probe_looked(struct checker *c, uint32_t list, uint32_t index, const struct verdict *verdict,
                          int64_t took_ns, int64_t now_ns);
void checker_probe_changed(struct checker *c, uint32_t list, uint32_t index, int64_t now_ns);
/* ... of a question for a reason, of a probe or of a target; `txt` NULL: there is none. */
void checker_probe_txt(struct checker *c, uint32_t list, const struct plan_item *item, const char *txt);

/* A query has come to its end; `*look` is what is to be kept of it for people. To be called before what came
 * of it is. */
void checker_probe_saw(struct checker *c, uint32_t list, const struct plan_item *item,
                       const struct probe_look *look);

/* Whether answers wait for a self-test; it has to begin at *latest_ns or later. */
bool checker_probe_awaits(const struct checker *c, uint32_t list, uint32_t track, enum ip_family family,
                          int64_t *latest_ns);
/* A self-test that began at `started_ns` ended right, or one ended wrong. */
void checker_probe_right(struct checker *c, uint32_t list, uint32_t track, enum ip_family family,
                         int64_t started_ns, int64_t now_ns);
void checker_probe_wrong(struct checker *c, uint32_t list, uint32_t track, enum ip_family family,
                         int64_t now_ns);
/* The list cannot be believed any more. */
void checker_probe_blind(struct checker *c, uint32_t list, int64_t now_ns);

/* Ends what will get no answer; returns when to look again. */
int64_t checker_probe_turn(struct checker *c, int64_t now_ns);
/* Takes over the probes of the checker before a reload, once lists, health and plans have been. */
enum status checker_probe_carry(struct checker *c, const struct checker *old, int64_t now_ns) MUST_CHECK;
void checker_probe_release(struct checker *c);

/* --- shared by the files of probes --- */

enum checker_pair_state {
    PAIR_NONE,
    PAIR_ASKED,    /* a look or a confirmation is under way */
    PAIR_UNPROVEN, /* a self-test is */
    PAIR_ENDED,
};

struct checker_pair {
    uint8_t state;
    uint8_t why;     /* ended: enum why */
    uint8_t verdict; /* enum registry_verdict, as told by the last look */
    uint8_t looks;   /* that agree about a listing */
    uint8_t track;   /* of the last of them */
    bool is_target;
    bool in_flight;    /* a question of it has been sent and not been answered */
    bool sent;         /* a query has been spent on it */
    uint32_t took_us;  /* of the last answer; UINT32_MAX: none came */
    bool txt_wanted;   /* listed, and its reason has been asked for */
    uint16_t question; /* the number of the last one; answers to others are late */
    int16_t score;
    uint32_t index; /* of a target */
    uint64_t codes;
    char *txt; /* owned */
    int64_t asked_ns;
    int64_t pause_ns; /* a reload asks again not before */
    int64_t look_ns;  /* when the last look was answered */
    int64_t proof_ns; /* a self-test that begins from here on proves it */
    int64_t ended_ns;
    struct probe_look *seen; /* owned */
    uint8_t n_seen;
    uint8_t seen_size;
    bool unseen; /* more was asked than is kept */
};

struct checker_probe {
    bool used;
    bool is_live;
    uint32_t number; /* by which the plan knows it: another one each time, the place is what PROBES leaves */
    uint32_t next;   /* with the same hash: place + 1; 0: none */
    struct ip ip;
    struct checker_pair *pairs; /* by list */
};

struct checker_probes {
    struct checker_probe probes[PROBES];
    uint32_t first[PROBES]; /* by hash of the address: place + 1; 0: none */
    uint16_t live[PROBES];  /* places of those that have a pair that is open, or whose reason is awaited */
    uint32_t n_live;
    uint32_t n_looks; /* kept, of all pairs */
};

/* The probe in place `i` < PROBES; NULL: there is none. */
struct checker_probe *checker_probe_at(const struct checker *c, uint32_t i);
struct checker_probe *checker_probe_numbered(const struct checker *c, uint32_t number);
struct checker_probe *checker_probe_find(const struct checker *c, const struct ip *ip);
/* Those of which something may still come, in no order: 0 <= i < checker_probes_live(). None leaves but in
 * checker_probe_turn(), and when a probe makes room. */
static inline uint32_t checker_probes_live(const struct checker *c) {
    return c->probes != NULL ? c->probes->n_live : 0;
}
static inline struct checker_probe *checker_probe_live(const struct checker *c, uint32_t i) {
    return &c->probes->probes[c->probes->live[i]];
}
/* The `i`-th of them has nothing to wait for any more: another takes its place. */
void checker_probe_rests(struct checker *c, uint32_t i);
static inline bool checker_pair_is_open(const struct checker_pair *pair) {
    return pair->state == PAIR_ASKED || pair->state == PAIR_UNPROVEN;
}
/* The pair that a question of a probe is of; NULL: it has been asked about again since, or is not asked about
 * any more. */
struct checker_pair *checker_pair_of_item(const struct checker *c, uint32_t list,
                                          const struct plan_item *item);
/* Forgets what was kept of queries. */
void checker_pair_forget_looks(const struct checker *c, struct checker_pair *pair);
/* Whether the registry waits for the proof of what was said about a target. */
bool checker_pair_is_pending(const struct checker *c, uint32_t list, uint32_t index);
/* The pair has come to its end; `why`: enum why. */
void checker_pair_end(struct checker_pair *pair, unsigned why, int64_t now_ns);
/* ... the registry has a verdict about a target. */
void checker_pair_end_target(struct checker *c, uint32_t list, struct checker_probe *probe,
                             struct checker_pair *pair, int64_t now_ns);
/* Asks for the reason of a listing. */
void checker_pair_want_txt(struct checker *c, uint32_t list, struct checker_probe *probe,
                           struct checker_pair *pair, int64_t now_ns);

#endif
