/* SPDX-License-Identifier: Apache-2.0
 *
 * app_question: look-ups of the daemon that are no list's (core/question), over the same resolver: of SPF
 * records, and of the names of hosts. They go to the general nameservers.
 *
 * Who asks has a number of its own for each question, and a handler for all their ends, which is called in
 * the turn of the loop in which the answer has come. It may put further questions. What it does not know any
 * more, it passes over.
 */
#ifndef RBL_APP_QUESTION_H
#define RBL_APP_QUESTION_H

#include "core/checker.h"
#include "core/question.h"
#include "core/settings.h"

#include "edge/resolver.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Who asks; whoever comes first here always finds room for some questions. */
enum app_question_owner { APP_QUESTION_SPF, APP_QUESTION_SENDERS, APP_QUESTION_OWNERS };

enum {
    APP_QUESTION_RATE = 20,     /* messages a second */
    APP_QUESTION_WINDOW = 40,   /* open at once */
    APP_QUESTION_QUEUE = 256,   /* not ended */
    APP_QUESTION_RESERVED = 16, /* of these, for APP_QUESTION_SPF */
};

/* The general nameservers: those of the settings, else the system's. */
struct app_question_servers {
    struct endpoint endpoints[QUESTION_SERVERS];
    size_t n;
};

/* `number` as given to app_question_put(). */
typedef void app_question_handler(void *context, uint64_t number, const struct question_end *end,
                                  int64_t now_ns);

struct app_question;
struct app_question *app_question_new(int64_t now_ns) MUST_CHECK; /* NULL: no memory */
void app_question_free(struct app_question *q);                   /* NULL allowed */
void app_question_on_end(struct app_question *q, enum app_question_owner owner, app_question_handler *handler,
                         void *context);
/* Tells the resolver whom the checker and the questions ask, and asks through them from now on, as the
 * resolver settings say. STATUS_NO_MEMORY: nothing has changed. */
enum status app_question_use(struct app_question *q, struct resolver *resolver, const struct checker *checker,
                             const struct app_question_servers *general) MUST_CHECK;

/* As question_put(); `number` has less than 57 bits. */
enum status app_question_put(struct app_question *q, enum app_question_owner owner, uint64_t number,
                             enum query_type type, const struct qname *name, int64_t now_ns) MUST_CHECK;
/* How many more an owner can put. */
size_t app_question_room(const struct app_question *q, enum app_question_owner owner);
/* Sends what may be sent now. */
void app_question_some(struct app_question *q, struct resolver *resolver, int64_t now_ns);
/* Takes what a resolver_handler got, if it is a question's; false: it is not. */
bool app_question_answer(struct app_question *q, uint64_t cookie, enum resolver_outcome outcome,
                         const uint8_t *message, size_t len, int64_t now_ns);
/* When app_question_some() may have something to send. */
int64_t app_question_wake_ns(const struct app_question *q);

#endif
