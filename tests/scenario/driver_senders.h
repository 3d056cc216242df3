/* SPDX-License-Identifier: Apache-2.0
 *
 * driver_senders: the host names of addresses, and the program that asks for them.
 */
#ifndef RBL_SCENARIO_DRIVER_SENDERS_H
#define RBL_SCENARIO_DRIVER_SENDERS_H

#include "driver_script.h"

#include "core/checker.h"

enum { PTR_NAMES = 16 };

struct ptr_name {
    struct ip_range range;
    const char *name; /* NULL: none */
};

/* What is true about host names, and what the program has of them. */
struct play_senders {
    struct ptr_name names[PTR_NAMES]; /* the last one counts */
    unsigned n_names;
    bool silent;
    struct senders *senders; /* NULL before `config` */
    int64_t next_ns;         /* when the next question may be sent */
    int64_t keep_ns;         /* when the store is told next */
    struct buf kept;         /* what the store has */
    uint64_t n_asked;        /* since the last `forget` */
};

/* The statement `ptr`, after that word. */
void senders_do(struct play_senders *p, struct statement *s);
/* `expect ptr`, after these words. */
void senders_expect(const struct play_senders *p, struct statement *s);
/* The program has been configured, or started with what was kept: for a checker that asks nothing yet. */
void senders_begin(struct play_senders *p, struct checker *checker, bool started, int64_t now_ns,
                   int64_t offset_ns);
/* The program ends; by a crash: without a word. */
void senders_end(struct play_senders *p, bool crash, int64_t offset_ns);
/* Asks what may be asked, PTR_RATE a second; returns when to call again. */
int64_t senders_turn(struct play_senders *p, struct checker *checker, int64_t now_ns, int64_t offset_ns);
void senders_release(struct play_senders *p);

#endif
