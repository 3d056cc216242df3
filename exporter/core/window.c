/* SPDX-License-Identifier: Apache-2.0 */
#include "core/window.h"

#include <assert.h>

/* A doubling must bring this much more to be worth another. */
#define WORTHWHILE 1.25
/* Rounds this many times longer than usual, that many in a row, mean another path. */
enum { CHANGED = 4, CHANGED_ROUNDS = 100 };

static int64_t distance(int64_t a, int64_t b) {
    return a < b ? b - a : a - b;
}

void window_init(struct window *w, unsigned max_in_flight) {
    double maximum = max_in_flight != 0 ? max_in_flight : WINDOW_MAX_AUTO;
    *w = (struct window){
        .size = maximum < WINDOW_START ? maximum : WINDOW_START,
        .maximum = maximum,
        .slow_start = true,
        .cut_ns = INT64_MIN,
    };
}

uint32_t window_room(const struct window *w) {
    uint32_t size = (uint32_t)w->size;
    return size > w->in_flight ? size - w->in_flight : 0;
}

void window_sent(struct window *w) {
    w->in_flight++;
}

static void measure(struct window *w, int64_t rtt_ns) {
    if (rtt_ns < 1)
        rtt_ns = 1; /* 0 means that nothing has been measured */
    if (w->srtt_ns == 0) {
        w->srtt_ns = rtt_ns;
        w->rttvar_ns = rtt_ns / 2;
        return;
    }
    w->rttvar_ns += (distance(w->srtt_ns, rtt_ns) - w->rttvar_ns) / 4;
    w->srtt_ns += (rtt_ns - w->srtt_ns) / 8;
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

void window_answered(struct window *w, int64_t rtt_ns) {
    assert(w->in_flight > 0);
    measure(w, rtt_ns);
    /* A window that is not used proves nothing about a larger one. */
    if (2.0 * w->in_flight >= w->size) {
        w->round++;
        w->round_ns += rtt_ns > 0 ? rtt_ns : 1;
    }
    w->in_flight--;
    if (w->round < w->size)
        return;
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

void window_lost(struct window *w, int64_t sent_ns, int64_t now_ns) {
    assert(w->in_flight > 0);
    w->in_flight--;
    if (sent_ns < w->cut_ns)
        return;
    double minimum = w->maximum < WINDOW_MIN ? w->maximum : WINDOW_MIN;
    w->cap = w->size > WINDOW_START ? w->size : WINDOW_START;
    stop_doubling(w, w->size / 2 > minimum ? w->size / 2 : minimum);
    w->cut_ns = now_ns;
}

void window_forgotten(struct window *w) {
    assert(w->in_flight > 0);
    w->in_flight--;
}
