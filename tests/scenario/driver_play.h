/* SPDX-License-Identifier: Apache-2.0
 *
 * driver_play: the program under test in a world of its own: its time, its network, its reloads.
 */
#ifndef RBL_SCENARIO_DRIVER_PLAY_H
#define RBL_SCENARIO_DRIVER_PLAY_H

#include "driver_guard.h"
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

struct play {
    struct world world;
    struct guard guard;
    struct settings *settings;
    struct targets *targets;
    struct checker *checker; /* NULL before `config` */
    uint32_t generation;
    uint64_t random; /* for the program; never 0 */
    int64_t start_ns, now_ns;
    struct play_reply *replies; /* a heap, the earliest first */
    size_t n_replies, replies_size;
    uint64_t order;
    struct play_sent *sent;
    size_t n_sent, sent_size, sent_from; /* what counts begins at sent_from */
    struct play_event *events;
    size_t n_events, events_size;
    uint64_t turns; /* of the loop */
    unsigned idle;  /* turns without a question or an answer, since ... */
    int64_t idle_ns;
};

void play_init(struct play *p);
void play_release(struct play *p);
/* Starts the program, or reloads it, with the YAML text that begins in `line` of the file. */
void play_config(struct play *p, const char *yaml, size_t len, unsigned line);
void play_run(struct play *p, int64_t for_ns);
/* Lets time pass without it. */
void play_stop(struct play *p, int64_t for_ns);
/* Everything is forgotten: see `forget`. */
void play_forget(struct play *p);
/* /metrics as it is now; checked by the guard. */
void play_metrics(struct play *p, struct buf *out);

#endif
