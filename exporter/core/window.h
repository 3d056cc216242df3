/* SPDX-License-Identifier: Apache-2.0
 *
 * window: how many queries may be open at one nameserver.
 *
 * The window starts at WINDOW_START and adapts between WINDOW_MIN and its maximum, round by round (a round is
 * as many answers as the window is large):
 * - At first it doubles each round, as long as that brings answers faster (Little's law: rate = window /
 * round-trip time). When two doublings in a row have brought less than a quarter more, the server is the
 * limit and not the path: a larger window would only fill its socket buffer until packets are lost. It goes
 * back to where it stood before them.
 * - Then it grows by one per round, up to twice that size.
 * - Losses halve it when they are more than it may be blamed for: more than WINDOW_LOSS of a period (as many
 * ends of queries as the window is large, at least WINDOW_PERIOD). It may grow back to where it was. That is
 * on trial: if the period after it loses more than half as much as before, the window is not what queries are
 * lost by. The path loses some by chance, whatever the window, so it is taken back, and twice as much is
 * borne from then on (at most WINDOW_BORNE_MOST; what is more is a server that is gone, or drowns); if losses
 * become rare, less again. A server's full buffer shows the opposite: less window, no loss. So one packet in
 * a hundred or twenty that is lost on the way costs itself and not the window.
 * - When rounds take four times as long as they did, the path has changed, and it doubles again.
 * It never needs more than WINDOW_RATE answers a second need at the shortest round-trip time seen (at least
 * WINDOW_USEFUL): on a fast path a large window is only a long queue, which one pause of the server
 * overflows. It grows only while it is the limit (at least half of it is in use). A fixed size, if one is
 * configured, is the maximum. What counts as lost, and when, is for the caller to say; see core/roundtrip.
 */
#ifndef RBL_CORE_WINDOW_H
#define RBL_CORE_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

enum {
    WINDOW_MIN = 4,
    WINDOW_START = 32,
    WINDOW_MAX_AUTO = 4096,
    WINDOW_USEFUL = 128, /* always allowed: rbldnsd's socket buffer holds about 150 questions */
    WINDOW_RATE = 25000, /* answers a second beyond which a longer path is not filled further */
    WINDOW_PERIOD = 1024,
};
#define WINDOW_LOSS 0.02
#define WINDOW_BORNE_MOST 0.3

struct window {
    double size;
    double maximum;
    bool slow_start;
    uint32_t in_flight;
    int64_t cut_ns;       /* how queries ended that were sent before this moment has been paid for */
    uint32_t n_answered;  /* of the running period */
    uint32_t n_lost;      /* in it */
    double borne;         /* share of losses that is not blamed on the window */
    double trial_size;    /* the window before it was halved; 0: that is not on trial */
    double trial_share;   /* what was lost of it, */
    double trial_cap;     /* how far it might grow, */
    bool trial_doubling;  /* and whether it was doubling */
    double cap;           /* how far it may grow by ones */
    uint32_t round;       /* answers of the running round */
    int64_t round_ns;     /* their round-trip times together */
    double best_rate;     /* answers per nanosecond, of the best round while doubling */
    int64_t least_ns;     /* shortest mean round-trip time of a round, forgotten by 5 % a round; 0: none */
    int64_t usual_ns;     /* mean round-trip time of that round */
    unsigned plateaus;    /* doublings in a row that brought little */
    unsigned slow_rounds; /* in a row, after doubling has ended */
};

/* `max_in_flight` 0: auto. */
void window_init(struct window *w, unsigned max_in_flight);
/* How many more queries may be sent now. */
uint32_t window_room(const struct window *w);
void window_sent(struct window *w);
/* An answer came after `rtt_ns` to a query sent at `sent_ns`. */
void window_answered(struct window *w, int64_t sent_ns, int64_t rtt_ns);
/* No answer came to a query sent at `sent_ns`, or none is expected any more. */
void window_lost(struct window *w, int64_t sent_ns, int64_t now_ns);
/* The answer to a query that counted as lost has come. */
void window_found(struct window *w, int64_t sent_ns);
/* A query ended without telling anything about the path (sending failed, server removed). */
void window_forgotten(struct window *w);

#endif
