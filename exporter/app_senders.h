/* SPDX-License-Identifier: Apache-2.0
 *
 * app_senders: asks for the host names of the addresses of groups with `only_ptr`, and tells the checker
 * which of them are senders.
 *
 * The questions go slowly through app_question, beside those of no other list. When SENDERS_DOUBT of them in
 * a row have no answer, it is the resolver: then it is let alone for a minute, which grows to an hour while
 * nothing is answered. What is learnt is kept in the store about every minute, more rarely where it is much.
 */
#ifndef RBL_APP_SENDERS_H
#define RBL_APP_SENDERS_H

#include "app_question.h"
#include "app_store.h"

#include "core/checker.h"
#include "core/senders.h"
#include "core/targets.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    APP_SENDERS_OPEN = 32,  /* questions that have not ended */
    APP_SENDERS_DOUBT = 32, /* in a row without an answer */
};

struct app_senders_slot {
    struct senders_question question;
    bool used;
};

/* What was told of a walk. */
struct app_senders_told {
    uint32_t serial;
    bool running;
};

struct app_senders {
    struct app_question *question; /* borrowed, like the store */
    struct app_store *store;
    struct senders *now; /* of the running generation, which owns it; NULL: there is none yet */
    struct checker *checker;
    struct app_senders_slot slots[APP_SENDERS_OPEN];
    unsigned n_open;
    unsigned in_doubt; /* the last ones without an answer */
    bool silent;       /* ... and that was told */
    int64_t pause_ns;
    int64_t resume_ns; /* nothing is asked before */
    int64_t keep_ns;   /* nothing is kept before */
    uint64_t kept;     /* what the store has, as progress() numbers it */
    bool keep_failed;
    struct app_senders_told told[SENDERS_WALKS];
};

/* Ends of questions come to it from now on. */
void app_senders_init(struct app_senders *s, struct app_question *question);
/* For a generation that does not run yet: what the one before knew, or the store keeps, is taken over, and
 * `checker` knows about it. STATUS_NO_MEMORY; `*out` is the generation's, to be freed after its checker. */
enum status app_senders_begin(const struct app_senders *s, struct app_store *store,
                              const struct targets *targets, struct checker *checker, int64_t now_ns,
                              struct senders **out) MUST_CHECK;
/* That generation runs. */
void app_senders_use(struct app_senders *s, struct app_store *store, struct senders *senders,
                     struct checker *checker);
/* Every turn, before app_question_some(): asks, and keeps. Returns when to be called next at the latest. */
int64_t app_senders_turn(struct app_senders *s, int64_t now_ns);
/* The program ends, and the store is still open: keeps what it does not have yet. */
void app_senders_end(struct app_senders *s, int64_t now_ns);

#endif
