/* SPDX-License-Identifier: Apache-2.0
 *
 * Who may ask: the rate of requests, and passwords. In the order of exporter-toolkit: first whether the
 * configuration can be used at all, then the rate (of all clients together), then the password; paths come
 * after it, so that nobody learns without a password which there are.
 */
#include "edge/httpd_internal.h"

#include "edge/clock.h"

#include <limits.h>
#include <string.h>

enum { TRYING_AHEAD = 4 /* a quarter of the time that a password may wait */ };

static const int64_t SECOND = 1000000000;

static enum httpd_refusal refusal_of(enum httpd_verdict verdict) {
    switch (verdict) {
    case HTTPD_VERDICT_OPEN:
    case HTTPD_VERDICT_RIGHT: return HTTPD_FINE;
    case HTTPD_VERDICT_WRONG: return HTTPD_UNAUTHORIZED;
    case HTTPD_VERDICT_TOO_MANY: return HTTPD_TOO_MANY_TRIES;
    case HTTPD_VERDICT_FULL: return HTTPD_TRIES_FULL;
    case HTTPD_VERDICT_TOO_SLOW: return HTTPD_TOO_SLOW;
    case HTTPD_VERDICT_STOPPING: return HTTPD_STOPPING;
    case HTTPD_VERDICT_NO_MEMORY: break;
    }
    return HTTPD_NO_MEMORY;
}

static enum httpd_refusal judge_rate(struct connection *c, const struct web_config *config) {
    int64_t wait_ns;
    if (config->rate_interval_ns == 0 || throttle_take(&c->server->throttle, config->rate_interval_ns,
                                                       config->rate_burst, clock_now_ns(), &wait_ns))
        return HTTPD_FINE;
    const int64_t seconds = wait_ns / SECOND + (wait_ns % SECOND > 0 ? 1 : 0);
    c->request.retry_after_s = seconds < INT_MAX ? (unsigned)seconds : INT_MAX;
    return HTTPD_TOO_OFTEN;
}

/* What the request's header Authorization claims; HTTPD_UNAUTHORIZED if that is nothing. The caller wipes
 * `*out`. */
static enum httpd_refusal read_claim(const struct connection *c, const char *authorization,
                                     struct httpd_claim *out) {
    struct basic_auth auth;
    enum httpd_refusal refusal = HTTPD_UNAUTHORIZED;
    if (basic_auth_parse(authorization, &auth))
        refusal = httpd_claim_make(c->request.security->config, &auth, httpd_hasher_secret(c->server->hasher),
                                   out) == STATUS_OK
                      ? HTTPD_FINE
                      : HTTPD_NO_MEMORY;
    explicit_bzero(&auth, sizeof auth);
    return refusal;
}

static enum httpd_refusal judge_password(struct connection *c, const char *authorization) {
    struct httpd_claim claim;
    enum httpd_refusal refusal = read_claim(c, authorization, &claim);
    if (refusal == HTTPD_FINE) {
        const enum httpd_verdict verdict = httpd_hasher_recall(c->server->hasher, claim.key);
        c->request.login = verdict == HTTPD_VERDICT_OPEN ? HTTPD_LOGIN_NEEDED : HTTPD_LOGIN_DONE;
        refusal = refusal_of(verdict);
    }
    explicit_bzero(&claim, sizeof claim);
    return refusal;
}

enum httpd_refusal httpd_guard_judge(struct connection *c, const struct httpd_headers *h) {
    const struct httpd_security *security = c->request.security;
    if (!security)
        return HTTPD_FINE;
    if (security->refusing)
        return HTTPD_BROKEN;
    const struct web_config *config = security->config;
    const enum httpd_refusal refusal = judge_rate(c, config);
    if (refusal != HTTPD_FINE || config->n_users == 0)
        return refusal;
    c->request.authorization = h->authorization;
    return h->authorization ? judge_password(c, h->authorization) : HTTPD_UNAUTHORIZED;
}

/* By whatever socket it has come: as its connections are counted. */
static struct httpd_client client_of(const struct httpd_peer *peer) {
    struct httpd_client client = {{(uint8_t)peer->family}};
    memcpy(client.bytes + 1, peer->address, sizeof peer->address);
    return client;
}

/* Its phase changes with it: whoever takes its place away finds it suspended, or not. For a while it counts
 * as younger than all who wait for nothing of ours: else a flood from ever new addresses, which displaces the
 * oldest, would be faster than a hash. */
static enum httpd_verdict wait_for_trial(struct connection *c, const struct httpd_claim *claim) {
    struct httpd *server = c->server;
    enum httpd_verdict verdict = HTTPD_VERDICT_FULL;
    pthread_mutex_lock(&server->lock);
    if (c->peer) { /* it has not been cut off */
        const struct httpd_client client = client_of(c->peer);
        verdict = httpd_hasher_try(server->hasher, claim, &client, &c->request.waiter);
    }
    if (verdict == HTTPD_VERDICT_OPEN) {
        c->phase = HTTPD_TRYING;
        c->since_ns = clock_now_ns() + server->answer_ns / TRYING_AHEAD;
    }
    pthread_mutex_unlock(&server->lock);
    return verdict;
}

enum httpd_refusal httpd_guard_try(struct connection *c, struct MHD_Connection *mhd) {
    struct request *r = &c->request;
    struct httpd_claim claim;
    enum httpd_refusal refusal = read_claim(c, r->authorization, &claim);
    if (refusal == HTTPD_FINE) {
        r->waiter = (struct httpd_waiter){.mhd = mhd, .deadline_ns = clock_now_ns() + c->server->answer_ns};
        const enum httpd_verdict verdict = wait_for_trial(c, &claim);
        r->login = verdict == HTTPD_VERDICT_OPEN ? HTTPD_LOGIN_TRIED : HTTPD_LOGIN_DONE;
        refusal = refusal_of(verdict);
    }
    explicit_bzero(&claim, sizeof claim);
    return refusal;
}

enum httpd_refusal httpd_guard_outcome(struct connection *c) {
    c->request.login = HTTPD_LOGIN_DONE;
    httpd_connection_enter(c, HTTPD_READING);
    return refusal_of(httpd_hasher_verdict(c->server->hasher, &c->request.waiter));
}
