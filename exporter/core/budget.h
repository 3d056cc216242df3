/* SPDX-License-Identifier: Apache-2.0
 *
 * budget: how many queries may be sent, and when.
 *
 * Two independent gates, both of which a query must pass:
 * - `struct rate`, one per list: in any t seconds at most rate * t + burst queries. It is a GCRA (the
 * theoretical arrival time of the next query; cf. ITU-T I.371), which holds after a pause too, and starts
 * with an allowance of one query, so a restart is no second burst.
 * - `struct quota`, one per allowance (a list's own, one shared by several lists, or, for a list without a
 * quota, its rate): a rolling window that is never exceeded, paced so that it lasts, and divided into
 * classes.
 *
 * The rolling window is kept in QUOTA_SLOTS slots; a slot's queries count until the whole slot has left the
 * window, so the error is on the safe side (at most 2/QUOTA_SLOTS of the quota is unused). Pacing is a token
 * bucket of 1/30 of the limit (a day's worth of a month's quota), full at first, so that a start is quick and
 * a month's queries are never spent on the first day. It fills at limit/window, or more slowly where that
 * would run into the rolling window before older queries leave it: hungry classes slow down a little instead
 * of standing still at the end. Tokens are divided: each class has a share that fills its own bucket; what
 * overflows goes to a common spare bucket, from which any class may take once its own is empty. So a class
 * that wants nothing lends its share, and gets it back at once when it wakes. Sleeping urgent and self-test
 * classes keep their share of a full bucket back, the others a twelfth of it, or too much of the quota would
 * lie idle.
 *
 * What people have checked (BUDGET_PROBE) is as urgent as a flip, and there may be any number of it; a flip
 * must not wait for it. So it is paid from the spare bucket first, and from the urgent one only what lies
 * above three quarters of it, which are kept for flips. Of SenderScore's 10,000 in 30 days the urgent bucket
 * holds 33: the 25 that are kept pay for eight flips within an hour (a confirmation and a self-test of two
 * questions each; the first look is the ring's), the 8 above them for one listing or six clean addresses
 * where all other classes are hungry. Half would pay for six, and the others would wait for hours. Nothing is
 * kept of what has no limit, where a flip waits for seconds, and of a bucket of less than four tokens all but
 * one.
 *
 * Where what is spent has to survive a crash, queries are reserved before they are sent: the caller writes
 * down that some more are spent, and only when that is on the disk may they be sent. A crash then loses those
 * that were reserved and not sent, never the reverse. How many are reserved at a time follows from how many
 * were sent in the last minute or two, so that a disk that stands still for a minute is not noticed.
 *
 * Time is monotonic nanoseconds, given by the caller, never falling.
 */
#ifndef RBL_CORE_BUDGET_H
#define RBL_CORE_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

enum budget_class {
    BUDGET_URGENT,    /* confirmations, and self-tests asked for by a transition: 10 % */
    BUDGET_SELF_TEST, /* scheduled self-tests: 5 % */
    BUDGET_SWEEP,     /* ranges, and re-checks of what a sweep found listed: 20 % */
    BUDGET_WATCHED,   /* addresses named one by one: the rest */
    BUDGET_CLASSES,
    /* What people have checked. It has no bucket of its own: see below. */
    BUDGET_PROBE,
};

/* The share of a class with a bucket, 0 to 1, that no other class can take from it. */
double budget_share(enum budget_class class);
/* The least time in seconds that `queries` take at `per_second` (0: unlimited) and within `limit` (0: none)
 * in any `per_ns`. */
double budget_seconds(double queries, double per_second, uint64_t limit, int64_t per_ns);

struct rate {
    int64_t interval_ns; /* 0: unlimited */
    int64_t slack_ns;    /* (burst - 1) * interval */
    int64_t tat_ns;      /* theoretical arrival time of the next query */
};

/* `per_second` 0: unlimited; `burst` at least 1. */
void rate_init(struct rate *r, double per_second, double burst, int64_t now_ns);
/* New limits (a reload), keeping what has been used of the old ones. */
void rate_change(struct rate *r, double per_second, double burst, int64_t now_ns);
/* When the next query may go: at most now_ns if now. */
int64_t rate_ready_ns(const struct rate *r, int64_t now_ns);
/* Counts one query; only when it is ready. */
void rate_take(struct rate *r, int64_t now_ns);

enum {
    QUOTA_SLOTS = 720,
    QUOTA_BUCKET = 30,          /* the bucket holds that part of the limit */
    QUOTA_SMALLEST_SMOOTH = 100 /* a smaller limit is left to the window: the parts of a token that lie in
                                   each bucket would be too much of it, up to all */
};

struct quota {
    uint64_t limit;  /* 0: no quota, classes share `pace` only */
    int64_t per_ns;  /* the rolling window */
    double pace;     /* tokens per second at present; with a quota at most limit / per_ns */
    double capacity; /* of the spare bucket, and of all buckets at first */
    double tokens[BUDGET_CLASSES];
    double spare;
    int64_t filled_ns;     /* when the tokens were last brought up to date */
    int64_t slot_start_ns; /* start of the newest slot */
    uint32_t newest;
    uint32_t slots[QUOTA_SLOTS];
    uint64_t used;                /* sum of the slots */
    bool reserves;                /* queries have to be reserved before they are sent */
    uint64_t reserved;            /* that may be sent */
    uint64_t asked;               /* being reserved: not to be sent before quota_granted() */
    uint64_t taken, taken_before; /* in this minute, and in the one before */
    int64_t minute_ns;            /* start of this minute */
};

/* A quota of `limit` queries in any `per_ns`; both more than 0. */
void quota_init(struct quota *q, uint64_t limit, int64_t per_ns, int64_t now_ns);
/* No quota: only divides a rate (0: unlimited; then every class is always ready) between the classes. */
void quota_init_rate(struct quota *q, double per_second, double burst, int64_t now_ns);
/* Takes over what has been spent under `old` (a reload changed the limit or window of the same allowance):
 * slots that are still within the new window, and the fill of the buckets, capped. */
void quota_carry(struct quota *q, const struct quota *old, int64_t now_ns);
/* When a query of `class` may go: now_ns if now, else later than that. An estimate from below: ask again
 * then. */
int64_t quota_ready_ns(struct quota *q, enum budget_class class, int64_t now_ns);
/* Whether the class has saved up all that it may: it has been kept waiting, and its further share goes to
 * others. Whoever is asked first must then let it go before itself. Never for what has no limit. */
bool quota_kept_waiting(struct quota *q, enum budget_class class, int64_t now_ns);
/* How many queries of `class` may go at once, if nobody else takes any; UINT64_MAX without a quota. */
uint64_t quota_room(struct quota *q, enum budget_class class, int64_t now_ns);
/* Counts one query of `class`; only when it is ready. */
void quota_take(struct quota *q, enum budget_class class, int64_t now_ns);
/* Brings back what was spent before the program was started: `kept` as it was then, its times converted to
 * the present clock (one that lies ahead is taken for now), its `reserved` and `asked` queries counted as
 * spent now. */
void quota_restore(struct quota *q, const struct quota *kept, int64_t now_ns);
/* From now on queries have to be reserved before they are sent, or not any more; without effect on what has
 * no limit. What is being reserved is asked for again, and what was reserved is given back when it need not
 * be any more. */
void quota_reserve(struct quota *q, bool reserves);
/* How many more should be reserved now, 0 for none. The caller writes down quota.reserved plus these as
 * spent, and says so by quota_asked(); when that is safe, by quota_granted(). */
uint64_t quota_wanted(struct quota *q, int64_t now_ns);
void quota_asked(struct quota *q, uint64_t n);
void quota_granted(struct quota *q);
/* Whether a query may be sent as far as reservation is concerned. */
bool quota_is_reserved(const struct quota *q);
/* Queries spent within the window; 0 without a quota. */
uint64_t quota_used(struct quota *q, int64_t now_ns);
/* Whether the rolling window itself (not the pace) has no room. */
bool quota_exhausted(struct quota *q, int64_t now_ns);
/* When the oldest spent queries leave the window; now_ns if none are spent. */
int64_t quota_reset_ns(struct quota *q, int64_t now_ns);

#endif
