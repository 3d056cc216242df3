/* SPDX-License-Identifier: Apache-2.0
 *
 * driver_play: the program under test in a world of its own: its time, its network, its reloads.
 */
#ifndef RBL_SCENARIO_DRIVER_PLAY_H
#define RBL_SCENARIO_DRIVER_PLAY_H

#include "driver_guard.h"
#include "driver_senders.h"
#include "driver_store.h"
#include "driver_world.h"

#include "core/buf.h"
#include "core/checker.h"

/* An answer, or that none comes, on its way to the program. */
struct play_reply {
    int64_t at_ns;
    uint64_t order; /* of those of one moment, the first sent comes first */
    uint64_t cookie;
    int64_t sent_ns;
    enum checker_outcome outcome;
    uint8_t *message;
    size_t len;
};

/* A question that was sent. */
struct play_sent {
    const struct world_zone *zone;
    struct ip ip;
    struct ip server;
    bool is_test, txt, tcp;
};

struct play_event {
    int64_t at_ns;
    char text[160];
    bool expected; /* ... or forgotten */
};

/* Somebody asked about an address. */
struct play_bounce {
    struct ip ip;
    int64_t at_ns;
    unsigned open;                   /* lists that have not decided yet */
    int64_t decided_ns[WORLD_ZONES]; /* by list: 0: not yet; -1: was not asked */
};

/* Bounces that come by themselves. */
struct play_bouncer {
    struct world_zone *zone; /* NULL: there is none */
    struct ip_range range;
    int64_t pause_ns; /* between two, on average */
    int64_t next_ns;
};

struct play {
    struct world world;
    struct guard guard;
    struct settings *settings;
    struct targets *targets;
    struct checker *checker; /* NULL before `config` */
    bool keeps;              /* there is a store */
    struct store store;
    struct save *save;
    const char *yaml; /* of the running configuration; lives as long as the scenario */
    size_t yaml_len;
    unsigned yaml_line;
    uint32_t generation;
    uint64_t random; /* for the program; never 0 */
    int64_t start_ns, now_ns;
    int64_t epoch_ns;           /* when the running program was started */
    struct play_reply *replies; /* a heap, the earliest first */
    size_t n_replies, replies_size;
    uint64_t order;
    struct play_sent *sent;
    size_t n_sent, sent_size, sent_from; /* what counts begins at sent_from */
    struct play_event *events;
    size_t n_events, events_size;
    struct play_bounce *bounces;
    size_t n_bounces, bounces_size;
    struct play_bouncer bouncer;
    struct play_senders senders;
    struct ip *probed; /* addresses that somebody checked; see driver_probe.h */
    size_t n_probed;
    unsigned months, months_inside; /* whose true share was inside its bound */
    double share_sum, bound_sum;    /* of the true shares, and of those of the samples */
    uint64_t sent_before;           /* questions that are no longer in `sent` */
    uint64_t turns;                 /* of the loop */
    uint64_t turns_from;            /* what counts of them began there */
    unsigned idle;                  /* turns without a question or an answer, since ... */
    int64_t idle_ns;
};

void play_init(struct play *p);
void play_release(struct play *p);
/* Starts the program, or reloads it, with the YAML text that begins in `line` of the file. */
void play_config(struct play *p, const char *yaml, size_t len, unsigned line);
void play_run(struct play *p, int64_t for_ns);
/* Ends the program, as it should (or by a crash, with whatever is in the store then), lets time pass, and
 * starts it again with the YAML text, or the old one if that is NULL. */
void play_restart(struct play *p, bool crash, int64_t for_ns, const char *yaml, size_t len, unsigned line);
/* Lets time pass without it. */
void play_stop(struct play *p, int64_t for_ns);
/* An address has bounced. */
void play_bounce(struct play *p, const struct ip *ip);
/* Gives back the memory of what was forgotten. */
void play_trim(struct play *p);
/* Everything is forgotten: see `forget`. */
void play_forget(struct play *p);
/* The status page as it is now. */
void play_page(const struct play *p, struct buf *out);
/* /metrics as it is now; checked by the guard. */
void play_metrics(struct play *p, struct buf *out);

#endif
