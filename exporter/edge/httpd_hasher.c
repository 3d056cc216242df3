/* SPDX-License-Identifier: Apache-2.0
 *
 * The thread that hashes passwords, its queue, and what it remembers.
 *
 * The queue is a line of trials. When one is tried, the others of its client go to the end of the line: so
 * clients take turns, and whoever comes with one trial is behind one of each other client at most. Clients
 * that have been wrong lately let others go first, every other time (always would lock out whoever was wrong
 * once, beside a flood from ever new addresses): so whoever comes with a right password waits for three
 * hashes at most, however often others guess, once they are known for it. Those are RECENT_MOST clients: who
 * guesses from more addresses in turns is forgotten each time, and waits in line as others do.
 *
 * When the line is full, one that has been wrong loses its last trial to one that has not. Else the client
 * with the most trials in it does to a client with two fewer, so that a few cannot keep others out.
 *
 * The server thread and the hasher's share this with no other state of the server, so that it can outlive it.
 * The lock may be held while calling MHD_suspend_connection and MHD_resume_connection, and by callers that
 * hold httpd.lock; it is never held while taking that.
 */
#include "edge/httpd_guard.h"

#include <assert.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PARTING_MS = 100 /* for a thread that is not hashing to end */ };

struct trial {
    struct httpd_claim claim;
    struct httpd_client client;
    struct httpd_waiter *waiters; /* oldest first; NULL: all have given up */
};

struct httpd_hasher {
    pthread_mutex_t lock;
    pthread_cond_t work;  /* a trial has come, or the end */
    pthread_cond_t ended; /* the thread has */
    uint8_t secret[RECENT_KEY_BYTES];
    bool runs;                        /* the thread has been started, and not ended */
    bool ends;                        /* nothing is tried any more */
    bool orphan;                      /* the thread is the last holder */
    struct trial *line[HTTPD_TRIALS]; /* the first is next */
    unsigned n_trials;
    struct trial *at_work; /* not in the line any more */
    struct recent right;
    struct recent wrong;
    struct recent mistaken; /* clients that had a wrong password lately */
    bool all_turn;          /* the next is the first of the line, whoever that is */
};

/* --- The line; all with the lock held --- */

static void append(struct httpd_hasher *h, struct trial *t) {
    assert(h->n_trials < HTTPD_TRIALS);
    h->line[h->n_trials++] = t;
}

static struct trial *take_out(struct httpd_hasher *h, unsigned at) {
    struct trial *t = h->line[at];
    h->n_trials--;
    memmove(h->line + at, h->line + at + 1, (h->n_trials - at) * sizeof *h->line);
    return t;
}

static void trial_free(struct trial *t) {
    assert(!t->waiters);
    explicit_bzero(&t->claim, sizeof t->claim);
    free(t);
}

static bool is_of(const struct trial *t, const struct httpd_client *client) {
    return memcmp(&t->client, client, sizeof *client) == 0;
}

static unsigned trials_of(const struct httpd_hasher *h, const struct httpd_client *client) {
    unsigned n = 0;
    for (unsigned i = 0; i < h->n_trials; i++)
        n += is_of(h->line[i], client) ? 1 : 0;
    return n;
}

static void name_client(const struct httpd_client *client, uint8_t key[RECENT_KEY_BYTES]) {
    memset(key, 0, RECENT_KEY_BYTES);
    memcpy(key, client->bytes, sizeof client->bytes);
}

static bool is_mistaken(struct httpd_hasher *h, const struct httpd_client *client) {
    uint8_t key[RECENT_KEY_BYTES];
    name_client(client, key);
    return recent_has(&h->mistaken, key);
}

static void note_mistake(struct httpd_hasher *h, const struct httpd_client *client) {
    uint8_t key[RECENT_KEY_BYTES];
    name_client(client, key);
    recent_add(&h->mistaken, key);
}

/* The first of who has not been wrong, or of all. */
static unsigned find_next(struct httpd_hasher *h) {
    unsigned at = 0;
    while (!h->all_turn && at < h->n_trials && is_mistaken(h, &h->line[at]->client))
        at++;
    h->all_turn = !h->all_turn;
    return at < h->n_trials ? at : 0;
}

/* What is tried next, taken out of the line; the rest of its client's goes to the end, in order. */
static struct trial *take_next(struct httpd_hasher *h) {
    if (h->n_trials == 0)
        return NULL;
    struct trial *taken = take_out(h, find_next(h));
    unsigned at = 0;
    for (unsigned left = h->n_trials; left > 0; left--) {
        if (is_of(h->line[at], &taken->client))
            append(h, take_out(h, at));
        else
            at++;
    }
    return taken;
}

static void settle(struct httpd_waiter *waiter, enum httpd_verdict verdict) {
    waiter->verdict = verdict;
    MHD_resume_connection(waiter->mhd);
}

static void settle_all(struct trial *t, enum httpd_verdict verdict) {
    struct httpd_waiter *next;
    for (struct httpd_waiter *waiter = t->waiters; waiter; waiter = next) {
        next = waiter->next;
        settle(waiter, verdict);
    }
    t->waiters = NULL;
}

static void drop(struct httpd_hasher *h, unsigned at, enum httpd_verdict verdict) {
    struct trial *t = take_out(h, at);
    settle_all(t, verdict);
    trial_free(t);
}

/* The last trial of somebody who has been wrong; HTTPD_TRIALS: there is none. */
static unsigned find_mistaken(struct httpd_hasher *h) {
    for (unsigned at = h->n_trials; at > 0; at--) {
        if (is_mistaken(h, &h->line[at - 1]->client))
            return at - 1;
    }
    return HTTPD_TRIALS;
}

/* The last trial of whoever has the most, if that is two more than `own`; HTTPD_TRIALS: nobody has. */
static unsigned find_greedy(const struct httpd_hasher *h, unsigned own) {
    unsigned most = own + 1;
    unsigned loser = HTTPD_TRIALS;
    for (unsigned i = 0; i < h->n_trials; i++) {
        const unsigned n = trials_of(h, &h->line[i]->client);
        if (n > most || (n == most && loser < HTTPD_TRIALS)) {
            most = n;
            loser = i;
        }
    }
    return loser;
}

/* A full line: whether a client with `own` trials in it gets a place that another loses. */
static bool make_room(struct httpd_hasher *h, const struct httpd_client *client, unsigned own) {
    unsigned loser = is_mistaken(h, client) ? HTTPD_TRIALS : find_mistaken(h);
    if (loser == HTTPD_TRIALS)
        loser = find_greedy(h, own);
    if (loser < HTTPD_TRIALS)
        drop(h, loser, HTTPD_VERDICT_FULL);
    return loser < HTTPD_TRIALS;
}

static bool is_about(const struct trial *t, const uint8_t *key) {
    return memcmp(t->claim.key, key, RECENT_KEY_BYTES) == 0;
}

static struct trial *find_trial(const struct httpd_hasher *h, const uint8_t *key) {
    if (h->at_work && is_about(h->at_work, key))
        return h->at_work;
    for (unsigned i = 0; i < h->n_trials; i++) {
        if (is_about(h->line[i], key))
            return h->line[i];
    }
    return NULL;
}

/* --- The thread --- */

static void hasher_destroy(struct httpd_hasher *h) {
    pthread_mutex_destroy(&h->lock);
    pthread_cond_destroy(&h->work);
    pthread_cond_destroy(&h->ended);
    explicit_bzero(h, sizeof *h);
    free(h);
}

static void try_next(struct httpd_hasher *h) {
    struct trial *t = take_next(h);
    if (!t) {
        pthread_cond_wait(&h->work, &h->lock);
        return;
    }
    h->at_work = t;
    pthread_mutex_unlock(&h->lock);
    const bool right = httpd_claim_holds(&t->claim);
    pthread_mutex_lock(&h->lock);
    h->at_work = NULL;
    recent_add(right ? &h->right : &h->wrong, t->claim.key);
    if (!right)
        note_mistake(h, &t->client);
    settle_all(t, right ? HTTPD_VERDICT_RIGHT : HTTPD_VERDICT_WRONG);
    trial_free(t);
}

static void *run(void *context) {
    struct httpd_hasher *h = context;
    pthread_mutex_lock(&h->lock);
    while (!h->ends)
        try_next(h);
    h->runs = false;
    pthread_cond_signal(&h->ended);
    const bool orphan = h->orphan;
    pthread_mutex_unlock(&h->lock);
    if (orphan)
        hasher_destroy(h);
    return NULL;
}

/* With the lock held, on the server thread, whose blocked signals it inherits. */
static bool start(struct httpd_hasher *h) {
    pthread_t thread;
    if (!h->runs && pthread_create(&thread, NULL, run, h) == 0) {
        pthread_detach(thread);
        h->runs = true;
    }
    return h->runs;
}

/* --- For the server thread --- */

struct httpd_hasher *httpd_hasher_new(void) {
    struct httpd_hasher *h = calloc(1, sizeof *h);
    if (!h)
        return NULL;
    if (gnutls_rnd(GNUTLS_RND_KEY, h->secret, sizeof h->secret) != 0) {
        free(h);
        return NULL;
    }
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&h->lock, NULL);
    pthread_cond_init(&h->work, &monotonic);
    pthread_cond_init(&h->ended, &monotonic);
    pthread_condattr_destroy(&monotonic);
    return h;
}

const uint8_t *httpd_hasher_secret(const struct httpd_hasher *h) {
    return h->secret;
}

static enum httpd_verdict recall(struct httpd_hasher *h, const uint8_t *key) {
    if (recent_has(&h->right, key))
        return HTTPD_VERDICT_RIGHT;
    return recent_has(&h->wrong, key) ? HTTPD_VERDICT_WRONG : HTTPD_VERDICT_OPEN;
}

enum httpd_verdict httpd_hasher_recall(struct httpd_hasher *h, const uint8_t key[RECENT_KEY_BYTES]) {
    pthread_mutex_lock(&h->lock);
    const enum httpd_verdict verdict = recall(h, key);
    pthread_mutex_unlock(&h->lock);
    return verdict;
}

static void join(struct trial *t, struct httpd_waiter *waiter) {
    struct httpd_waiter **at = &t->waiters;
    while (*at)
        at = &(*at)->next;
    waiter->next = NULL;
    waiter->verdict = HTTPD_VERDICT_OPEN;
    *at = waiter;
    MHD_suspend_connection(waiter->mhd);
}

/* A trial of its own at the end of the line: OPEN, or why not. */
static enum httpd_verdict line_up(struct httpd_hasher *h, const struct httpd_claim *claim,
                                  const struct httpd_client *client, struct trial **out) {
    const unsigned own = trials_of(h, client);
    if (own >= HTTPD_TRIALS_PER_CLIENT)
        return HTTPD_VERDICT_TOO_MANY;
    struct trial *t = start(h) ? calloc(1, sizeof *t) : NULL;
    if (!t)
        return HTTPD_VERDICT_NO_MEMORY;
    if (h->n_trials >= HTTPD_TRIALS && !make_room(h, client, own)) {
        free(t);
        return HTTPD_VERDICT_FULL;
    }
    t->claim = *claim;
    t->client = *client;
    append(h, t);
    pthread_cond_signal(&h->work);
    *out = t;
    return HTTPD_VERDICT_OPEN;
}

enum httpd_verdict httpd_hasher_try(struct httpd_hasher *h, const struct httpd_claim *claim,
                                    const struct httpd_client *client, struct httpd_waiter *waiter) {
    pthread_mutex_lock(&h->lock);
    enum httpd_verdict verdict = h->ends ? HTTPD_VERDICT_STOPPING : recall(h, claim->key);
    struct trial *t = find_trial(h, claim->key);
    if (verdict == HTTPD_VERDICT_OPEN && !t)
        verdict = line_up(h, claim, client, &t);
    if (verdict == HTTPD_VERDICT_OPEN)
        join(t, waiter);
    pthread_mutex_unlock(&h->lock);
    return verdict;
}

enum httpd_verdict httpd_hasher_verdict(struct httpd_hasher *h, const struct httpd_waiter *waiter) {
    pthread_mutex_lock(&h->lock);
    const enum httpd_verdict verdict = waiter->verdict;
    pthread_mutex_unlock(&h->lock);
    assert(verdict != HTTPD_VERDICT_OPEN); /* only settle() resumes */
    return verdict;
}

/* --- Too late, and the end --- */

static bool leave(struct trial *t, struct httpd_waiter *waiter) {
    struct httpd_waiter **at = &t->waiters;
    while (*at && *at != waiter)
        at = &(*at)->next;
    if (!*at)
        return false;
    *at = waiter->next;
    settle(waiter, HTTPD_VERDICT_FULL);
    return true;
}

/* A trial for nobody goes when others are too late. */
void httpd_hasher_leave(struct httpd_hasher *h, struct httpd_waiter *waiter) {
    pthread_mutex_lock(&h->lock);
    bool found = h->at_work && leave(h->at_work, waiter);
    for (unsigned i = 0; !found && i < h->n_trials; i++)
        found = leave(h->line[i], waiter);
    pthread_mutex_unlock(&h->lock);
}

static void expire_waiters(struct trial *t, int64_t now_ns) {
    struct httpd_waiter **at = &t->waiters;
    while (*at) {
        struct httpd_waiter *waiter = *at;
        if (waiter->deadline_ns > now_ns) {
            at = &waiter->next;
        } else {
            *at = waiter->next;
            settle(waiter, HTTPD_VERDICT_TOO_SLOW);
        }
    }
}

void httpd_hasher_expire(struct httpd_hasher *h, int64_t now_ns) {
    pthread_mutex_lock(&h->lock);
    if (h->at_work)
        expire_waiters(h->at_work, now_ns);
    for (unsigned i = h->n_trials; i > 0; i--) {
        expire_waiters(h->line[i - 1], now_ns);
        if (!h->line[i - 1]->waiters)
            drop(h, i - 1, HTTPD_VERDICT_TOO_SLOW);
    }
    pthread_mutex_unlock(&h->lock);
}

void httpd_hasher_stop(struct httpd_hasher *h) {
    pthread_mutex_lock(&h->lock);
    h->ends = true;
    if (h->at_work)
        settle_all(h->at_work, HTTPD_VERDICT_STOPPING);
    while (h->n_trials > 0)
        drop(h, h->n_trials - 1, HTTPD_VERDICT_STOPPING);
    pthread_cond_signal(&h->work);
    pthread_mutex_unlock(&h->lock);
}

void httpd_hasher_free(struct httpd_hasher *h) {
    if (!h)
        return;
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += PARTING_MS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&h->lock);
    assert(h->ends || !h->runs);
    while (h->runs && pthread_cond_timedwait(&h->ended, &h->lock, &until) == 0) {
    }
    h->orphan = h->runs;
    const bool mine = !h->runs;
    pthread_mutex_unlock(&h->lock);
    if (mine)
        hasher_destroy(h);
}
