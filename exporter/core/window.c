/* SPDX-License-Identifier: Apache-2.0 */
#include "core/window.h"

#include <assert.h>

/* A doubling must bring this much more to be worth another. */
#define WORTHWHILE 1.25
/* Rounds this many times longer than usual, that many in a row, mean another path. */
enum { CHANGED = 4, CHANGED_ROUNDS = 100 };

void window_init(struct window *w, unsigned max_in_flight) {
    double maximum = max_in_flight != 0 ? max_in_flight : WINDOW_MAX_AUTO;
    *w = (struct window){
        .size = maximum < WINDOW_START ? maximum : WINDOW_START,
        .maximum = maximum,
        .slow_start = true,
        .cut_ns = INT64_MIN,
        .borne = WINDOW_LOSS,
    };
}

uint32_t window_room(const struct window *w) {
    uint32_t size = (uint32_t)w->size;
    return size > w->in_flight ? size - w->in_flight : 0;
}

void window_sent(struct window *w) {
    w->in_flight++;
}

/* More than this would only wait somewhere: what WINDOW_RATE answers a second need at the shortest round-trip
 * time. */
static double useful(const struct window *w) {
    double size = (double)w->least_ns * WINDOW_RATE / 1e9;
    return size > WINDOW_USEFUL ? size : WINDOW_USEFUL;
}

static void grow_to(struct window *w, double size, double limit) {
    if (limit > w->maximum)
        limit = w->maximum;
    if (limit > useful(w))
        limit = useful(w);
    if (size > limit)
        size = limit;
    if (size > w->size)
        w->size = size;
}

static void stop_doubling(struct window *w, double size) {
    w->slow_start = false;
    w->slow_rounds = 0;
    w->size = size < w->maximum ? size : w->maximum;
}

static void double_or_stop(struct window *w, int64_t mean_ns) {
    double rate = w->size / (double)mean_ns;
    if (w->size >= w->maximum || w->size >= useful(w))
        return;
    if (rate >= w->best_rate * WORTHWHILE) {
        w->best_rate = rate;
        w->usual_ns = mean_ns;
        w->plateaus = 0;
    } else if (++w->plateaus == 2) {
        double size = w->size / 4 > WINDOW_START ? w->size / 4 : WINDOW_START;
        w->cap = 2 * size;
        stop_doubling(w, size);
        return;
    }
    grow_to(w, 2 * w->size, w->maximum);
}

static void grow_by_one(struct window *w, int64_t mean_ns) {
    grow_to(w, w->size + 1, w->cap);
    if (w->usual_ns == 0)
        w->usual_ns = mean_ns;
    w->slow_rounds = mean_ns > CHANGED * w->usual_ns ? w->slow_rounds + 1 : 0;
    if (w->slow_rounds == CHANGED_ROUNDS) {
        w->slow_start = true;
        w->best_rate = w->size / (double)mean_ns / WORTHWHILE;
        w->plateaus = 0;
    }
}

/* ---- losses ---- */

static uint32_t period(const struct window *w) {
    return w->size > WINDOW_PERIOD ? (uint32_t)w->size : WINDOW_PERIOD;
}

static double share_lost(const struct window *w) {
    uint32_t n = w->n_answered + w->n_lost;
    return n > 0 ? (double)w->n_lost / n : 0;
}

static void begin_period(struct window *w) {
    w->n_answered = 0;
    w->n_lost = 0;
}

static void halve(struct window *w, int64_t now_ns) {
    double minimum = w->maximum < WINDOW_MIN ? w->maximum : WINDOW_MIN;
    w->trial_share = share_lost(w);
    w->trial_size = w->size;
    w->trial_doubling = w->slow_start;
    w->trial_cap = w->cap;
    w->cap = w->size > WINDOW_START ? w->size : WINDOW_START;
    stop_doubling(w, w->size / 2 > minimum ? w->size / 2 : minimum);
    w->cut_ns = now_ns;
    begin_period(w);
}

/* Half the window has lost as much as the whole: it is not the window. */
static void take_back(struct window *w, double share) {
    double more = share > w->trial_share ? share : w->trial_share;
    w->borne = 2 * more < WINDOW_BORNE_MOST ? 2 * more : WINDOW_BORNE_MOST;
    if (w->size < w->trial_size)
        w->size = w->trial_size;
    w->slow_start = w->trial_doubling;
    w->cap = w->trial_cap;
}

static void end_period(struct window *w) {
    double share = share_lost(w);
    double bearable = 2 * share > WINDOW_LOSS ? 2 * share : WINDOW_LOSS;
    if (w->trial_size > 0 && w->trial_share <= WINDOW_BORNE_MOST && share > w->trial_share / 4)
        take_back(w, share);
    else if (bearable < w->borne)
        w->borne += (bearable - w->borne) / 16;
    w->trial_size = 0;
    begin_period(w);
}

/* More than may be borne of a period, whatever the rest of it brings. What is on trial is judged at its end,
 * unless it is too much for any path. */
static bool loses_too_much(const struct window *w) {
    if (w->n_answered + w->n_lost < period(w) / 4)
        return false;
    double borne = w->trial_size > 0 ? WINDOW_BORNE_MOST : w->borne;
    return w->n_lost > borne * period(w);
}

static void end_query(struct window *w) {
    if (w->n_answered + w->n_lost >= period(w))
        end_period(w);
}

/* ---- how queries end ---- */

static void end_round(struct window *w) {
    int64_t mean_ns = w->round_ns / w->round;
    w->round = 0;
    w->round_ns = 0;
    int64_t forgetting_ns = w->least_ns + w->least_ns / 20 + 1;
    w->least_ns = w->least_ns == 0 || mean_ns < forgetting_ns ? mean_ns : forgetting_ns;
    if (w->slow_start)
        double_or_stop(w, mean_ns);
    else
        grow_by_one(w, mean_ns);
}

void window_answered(struct window *w, int64_t sent_ns, int64_t rtt_ns) {
    assert(w->in_flight > 0);
    /* A window that is not used proves nothing about a larger one. */
    if (2.0 * w->in_flight >= w->size) {
        w->round++;
        w->round_ns += rtt_ns > 0 ? rtt_ns : 1;
    }
    w->in_flight--;
    if (sent_ns >= w->cut_ns) {
        w->n_answered++;
        end_query(w);
    }
    if (w->round >= w->size)
        end_round(w);
}

void window_lost(struct window *w, int64_t sent_ns, int64_t now_ns) {
    assert(w->in_flight > 0);
    w->in_flight--;
    if (sent_ns < w->cut_ns)
        return;
    w->n_lost++;
    if (loses_too_much(w))
        halve(w, now_ns);
    else
        end_query(w);
}

void window_found(struct window *w, int64_t sent_ns) {
    if (sent_ns < w->cut_ns || w->n_lost == 0)
        return;
    w->n_lost--;
    w->n_answered++;
}

void window_forgotten(struct window *w) {
    assert(w->in_flight > 0);
    w->in_flight--;
}
