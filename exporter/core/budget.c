/* SPDX-License-Identifier: Apache-2.0
 *
 * Why the pace is not simply limit/window: a start spends a full bucket at once, and a bucket of 1/30 and a
 * window's worth of tokens are more than the window holds. With a constant pace a hungry list stands still
 * for the last day of each month, its self-tests included, until the first day's burst has left the window.
 * So sustainable_pace() asks, once per slot, how fast the bucket may fill without ever promising more than
 * the window will have room for by then. Spending a token moves room and tokens alike, so the answer holds
 * for the whole slot. A test of a month with all classes hungry uses over 99 % of the quota, and the window
 * itself never refuses.
 *
 * Rejected: one time stamp per query (a month of 5/s is 100 MB); counting down from fixed calendar months
 * (two full quotas within an hour of midnight); strict priorities between classes (the first hungry class
 * starves the rest).
 */
#include "core/budget.h"

#include <assert.h>
#include <string.h>

#define SECOND_NS 1e9
/* Longer than anything runs, and short enough for sums of a few of them. */
#define FOREVER_NS (INT64_C(1) << 60)
#define MINUTE_NS (60 * INT64_C(1000000000))
/* Reserved at a time: at least so many or that part of the quota, which a crash may lose; at most that part.
 */
enum { RESERVE_LEAST = 4, RESERVE_LEAST_SHARE = 200, RESERVE_SHARE = 20 };

/* A token this close to whole is whole: sums of many small fillings are not exact. */
static const double nearly_one = 1 - 1e-6;
static const double share[BUDGET_CLASSES] = {
    [BUDGET_URGENT] = 0.10,
    [BUDGET_SELF_TEST] = 0.05,
    [BUDGET_SWEEP] = 0.20,
    [BUDGET_WATCHED] = 0.65,
};
/* The part of its share of a full bucket that a class keeps while it sleeps. */
static const double keeps[BUDGET_CLASSES] = {
    [BUDGET_URGENT] = 1,
    [BUDGET_SELF_TEST] = 1,
    [BUDGET_SWEEP] = 1.0 / 12,
    [BUDGET_WATCHED] = 1.0 / 12,
};

/* The part of a full urgent bucket that probes leave to flips. */
static const double probe_leaves = 0.75;

double budget_share(enum budget_class class) {
    return share[class];
}

double budget_seconds(double queries, double per_second, uint64_t limit, int64_t per_ns) {
    double by_rate = per_second > 0 ? queries / per_second : 0;
    double by_quota = limit > 0 ? queries / (double)limit * ((double)per_ns / SECOND_NS) : 0;
    return by_rate > by_quota ? by_rate : by_quota;
}

static double least(double a, double b) {
    return a < b ? a : b;
}

static double most(double a, double b) {
    return a > b ? a : b;
}

static int64_t earliest(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static int64_t latest(int64_t a, int64_t b) {
    return a > b ? a : b;
}

/* Rounded up: no query is ever early by the rounding. */
static int64_t whole_ns(double ns) {
    if (!(ns < (double)FOREVER_NS))
        return FOREVER_NS;
    int64_t whole = (int64_t)ns;
    return (double)whole < ns ? whole + 1 : whole;
}

static void rate_set_limits(struct rate *r, double per_second, double burst) {
    assert(per_second >= 0 && burst >= 1);
    r->interval_ns = per_second > 0 ? whole_ns(SECOND_NS / per_second) : 0;
    r->slack_ns = (int64_t)least((burst - 1) * (double)r->interval_ns, (double)FOREVER_NS);
}

void rate_init(struct rate *r, double per_second, double burst, int64_t now_ns) {
    rate_set_limits(r, per_second, burst);
    r->tat_ns = now_ns + r->slack_ns;
}

/* What counts of the past is the number of queries that have not been worked off yet, not the time that would
 * take. */
void rate_change(struct rate *r, double per_second, double burst, int64_t now_ns) {
    struct rate old = *r;
    if (old.interval_ns == 0) {
        rate_init(r, per_second, burst, now_ns);
        return;
    }
    rate_set_limits(r, per_second, burst);
    if (r->interval_ns == old.interval_ns || r->interval_ns == 0)
        return;
    double queries = (double)latest(old.tat_ns - now_ns, 0) / (double)old.interval_ns;
    r->tat_ns = now_ns + whole_ns(queries * (double)r->interval_ns);
}

int64_t rate_ready_ns(const struct rate *r, int64_t now_ns) {
    return r->interval_ns == 0 ? now_ns : r->tat_ns - r->slack_ns;
}

void rate_take(struct rate *r, int64_t now_ns) {
    assert(rate_ready_ns(r, now_ns) <= now_ns);
    r->tat_ns = latest(r->tat_ns, now_ns) + r->interval_ns;
}

static bool unlimited(const struct quota *q) {
    return q->limit == 0 && q->pace <= 0;
}

/* A slot is dropped when the ring comes round to it; the one that is being filled then began QUOTA_SLOTS
 * slots after it, and its last query is at least QUOTA_SLOTS - 1 slots old. */
static int64_t slot_ns(const struct quota *q) {
    return (q->per_ns + QUOTA_SLOTS - 2) / (QUOTA_SLOTS - 1);
}

/* Of all buckets of a quota: a thirtieth of it. */
static double full_capacity(uint64_t limit) {
    return most((double)limit / 30, least((double)limit, 4));
}

static double full_pace(const struct quota *q) {
    return q->limit != 0 ? (double)q->limit / ((double)q->per_ns / SECOND_NS) : q->pace;
}

/* The class whose bucket pays. */
static enum budget_class bucket_of(enum budget_class class) {
    return class == BUDGET_PROBE ? BUDGET_URGENT : class;
}

/* Whether the class may take from the spare bucket. Self-tests of a quota may not: those of a dead list would
 * otherwise spend all that its addresses do not want. */
static bool may_borrow(const struct quota *q, enum budget_class class) {
    return class != BUDGET_SELF_TEST || q->limit < QUOTA_SMALLEST_SMOOTH;
}

/* At least one token, or a class with a small share of a small quota would never get its turn; for self-tests
 * those of both families, so that a list can be believed soon after a start; and for urgent questions what
 * one flip costs (two looks, a self-test, and one more), so that a bounce is decided within seconds, as far
 * as that is no more than a fiftieth of the quota. */
static double least_capacity(const struct quota *q, unsigned class) {
    if (class == BUDGET_SELF_TEST)
        return 4;
    return class == BUDGET_URGENT ? most(least((double)q->limit / 50, 5), 1) : 1;
}

static double class_capacity(const struct quota *q, unsigned class) {
    return most(share[class] * keeps[class] * q->capacity, least_capacity(q, class));
}

static double all_tokens(const struct quota *q) {
    double sum = q->spare;
    for (unsigned i = 0; i < BUDGET_CLASSES; i++)
        sum += q->tokens[i];
    return sum;
}

/* What the class leaves in the bucket that pays for it. */
static double left_by(const struct quota *q, enum budget_class class) {
    if (class != BUDGET_PROBE || q->limit == 0)
        return 0;
    double capacity = class_capacity(q, BUDGET_URGENT);
    return least(probe_leaves * capacity, capacity - 1);
}

static double within_reach(const struct quota *q, enum budget_class class) {
    double own = most(q->tokens[bucket_of(class)] - left_by(q, class), 0);
    return own + (may_borrow(q, class) ? q->spare : 0);
}

/* The fastest filling, up to the full pace, that at the end of each slot to come has not filled in more
 * tokens than the window has room for by then, if all are spent. */
static double sustainable_pace(const struct quota *q, int64_t now_ns) {
    double pace = full_pace(q);
    if (q->limit < QUOTA_SMALLEST_SMOOTH)
        return pace;
    double room = (double)q->limit - (double)q->used - all_tokens(q);
    double slot_s = (double)slot_ns(q) / SECOND_NS;
    double ahead_s = slot_s - (double)(now_ns - q->slot_start_ns) / SECOND_NS;
    for (unsigned i = 1; i <= QUOTA_SLOTS; i++) {
        pace = least(pace, room / ahead_s);
        room += q->slots[(q->newest + i) % QUOTA_SLOTS];
        ahead_s += slot_s;
    }
    return most(pace, 0);
}

static void fill(struct quota *q, int64_t now_ns) {
    if (now_ns <= q->filled_ns)
        return;
    double fresh = q->pace * (double)(now_ns - q->filled_ns) / SECOND_NS;
    for (unsigned i = 0; i < BUDGET_CLASSES; i++) {
        double wanted = most(class_capacity(q, i) - q->tokens[i], 0);
        double got = least(fresh * share[i], wanted);
        q->tokens[i] += got;
        q->spare += fresh * share[i] - got;
    }
    q->spare = least(q->spare, q->capacity);
    q->filled_ns = now_ns;
}

/* Whether a new slot was begun. A pause longer than the window empties all of them. */
static bool drop_old_slots(struct quota *q, int64_t now_ns) {
    int64_t passed = (now_ns - q->slot_start_ns) / slot_ns(q);
    if (passed <= 0)
        return false;
    q->slot_start_ns += passed * slot_ns(q);
    for (int64_t i = earliest(passed, QUOTA_SLOTS); i > 0; i--) {
        q->newest = (q->newest + 1) % QUOTA_SLOTS;
        q->used -= q->slots[q->newest];
        q->slots[q->newest] = 0;
    }
    return true;
}

static void advance(struct quota *q, int64_t now_ns) {
    fill(q, now_ns);
    if (q->limit != 0 && drop_old_slots(q, now_ns))
        q->pace = sustainable_pace(q, now_ns);
}

void quota_init(struct quota *q, uint64_t limit, int64_t per_ns, int64_t now_ns) {
    assert(limit > 0 && per_ns > 0);
    memset(q, 0, sizeof *q);
    q->limit = limit;
    q->per_ns = per_ns;
    q->capacity = full_capacity(limit);
    /* Self-tests come first: without them nothing else may be asked. */
    q->tokens[BUDGET_SELF_TEST] = least(class_capacity(q, BUDGET_SELF_TEST), q->capacity);
    q->spare = q->capacity - q->tokens[BUDGET_SELF_TEST];
    double rest = q->spare;
    for (unsigned i = 0; i < BUDGET_CLASSES; i++) {
        if (i == BUDGET_SELF_TEST)
            continue;
        q->tokens[i] = least(class_capacity(q, i), share[i] * rest);
        q->spare -= q->tokens[i];
    }
    q->filled_ns = now_ns;
    q->slot_start_ns = now_ns;
    q->pace = sustainable_pace(q, now_ns);
}

/* The rate itself is held by `struct rate`; the buckets only have to be large enough that a loop which wakes
 * up late loses nothing of it. */
void quota_init_rate(struct quota *q, double per_second, double burst, int64_t now_ns) {
    assert(per_second >= 0 && burst >= 1);
    memset(q, 0, sizeof *q);
    q->pace = per_second;
    q->capacity = most(burst, per_second / 10);
    q->spare = q->capacity;
    for (unsigned i = 0; i < BUDGET_CLASSES; i++)
        q->tokens[i] = class_capacity(q, i);
    q->filled_ns = now_ns;
}

/* Slots of another length: queries go where the last moment of their old slot lies, never earlier. */
static void carry_slots(struct quota *q, const struct quota *old, int64_t now_ns) {
    for (unsigned age = 0; age < QUOTA_SLOTS; age++) {
        uint32_t queries = old->slots[(old->newest + QUOTA_SLOTS - age) % QUOTA_SLOTS];
        int64_t last_ns =
            earliest(old->slot_start_ns - (int64_t)age * slot_ns(old) + slot_ns(old) - 1, now_ns);
        int64_t new_age = (latest(q->slot_start_ns - last_ns, 0) + slot_ns(q) - 1) / slot_ns(q);
        if (new_age >= QUOTA_SLOTS)
            break;
        q->slots[(q->newest + QUOTA_SLOTS - (uint32_t)new_age) % QUOTA_SLOTS] += queries;
        q->used += queries;
    }
}

void quota_carry(struct quota *q, const struct quota *old, int64_t now_ns) {
    if (q->limit == 0 || old->limit == 0)
        return;
    struct quota past = *old;
    advance(&past, now_ns);
    q->used = 0;
    memset(q->slots, 0, sizeof q->slots);
    if (past.per_ns == q->per_ns) {
        /* As it is: moving queries to later slots at each of many reloads would keep them for ever. */
        memcpy(q->slots, past.slots, sizeof q->slots);
        q->newest = past.newest;
        q->slot_start_ns = past.slot_start_ns;
        q->used = past.used;
    } else {
        carry_slots(q, &past, now_ns);
    }
    q->spare = least(past.spare, q->capacity);
    for (unsigned i = 0; i < BUDGET_CLASSES; i++)
        q->tokens[i] = least(past.tokens[i], class_capacity(q, i));
    q->filled_ns = now_ns;
    q->pace = sustainable_pace(q, now_ns);
    q->reserves = past.reserves;
    uint64_t room = q->used < q->limit ? q->limit - q->used : 0;
    q->reserved = past.reserved < room ? past.reserved : room;
    q->asked = past.asked;
    q->taken = past.taken;
    q->taken_before = past.taken_before;
    q->minute_ns = past.minute_ns;
}

void quota_restore(struct quota *q, const struct quota *kept, int64_t now_ns) {
    struct quota past = *kept;
    if (q->limit == 0 || past.limit == 0)
        return;
    past.slot_start_ns = earliest(past.slot_start_ns, now_ns);
    past.filled_ns = earliest(past.filled_ns, now_ns);
    past.pace = full_pace(&past);
    past.capacity = full_capacity(past.limit);
    advance(&past, now_ns);
    uint64_t lost = past.reserved + past.asked;
    uint64_t room = UINT32_MAX - past.slots[past.newest];
    past.slots[past.newest] += (uint32_t)(lost < room ? lost : room);
    past.used += lost < room ? lost : room;
    past.spare = most(past.spare - (double)lost, 0);
    past.reserves = false;
    past.reserved = 0;
    past.asked = 0;
    quota_carry(q, &past, now_ns);
}

/* Up to where the bucket of `i` fills before what flows into it is within reach of `class`. */
static double reached_at(const struct quota *q, unsigned i, enum budget_class class) {
    return i == bucket_of(class) ? left_by(q, class) : class_capacity(q, i);
}

/* Seconds until `class` has a whole token if nobody takes one: its own share flows (once what it leaves is
 * there), and with it that of each other class from the moment its bucket is full. Others who take only make
 * it later. */
static double seconds_to_token(const struct quota *q, enum budget_class class) {
    double need = 1 - within_reach(q, class);
    double flow = 0;
    double passed = 0;
    if (!may_borrow(q, class))
        return need / (q->pace * share[class]);
    bool counted[BUDGET_CLASSES] = {false};
    for (;;) {
        double next_full = -1;
        unsigned who = BUDGET_CLASSES;
        for (unsigned i = 0; i < BUDGET_CLASSES; i++) {
            double full = most(reached_at(q, i, class) - q->tokens[i], 0) / (q->pace * share[i]);
            if (!counted[i] && (who == BUDGET_CLASSES || full < next_full)) {
                next_full = full;
                who = i;
            }
        }
        if (who == BUDGET_CLASSES || (flow > 0 && passed + need / flow <= next_full))
            return passed + need / flow;
        need -= flow * (next_full - passed);
        passed = next_full;
        flow += q->pace * share[who];
        counted[who] = true;
    }
}

/* No shorter sleep than this, or rounding would make the caller spin; no longer than what nobody notices. */
static int64_t shortest_wait_ns(const struct quota *q) {
    double interval_ns = SECOND_NS / full_pace(q);
    return whole_ns(least(interval_ns / 32, 1e6));
}

int64_t quota_ready_ns(struct quota *q, enum budget_class class, int64_t now_ns) {
    if (unlimited(q))
        return now_ns;
    advance(q, now_ns);
    if (quota_exhausted(q, now_ns))
        return quota_reset_ns(q, now_ns);
    if (within_reach(q, class) >= nearly_one)
        return now_ns;
    int64_t ready_ns = now_ns + FOREVER_NS;
    if (q->pace > 0)
        ready_ns = now_ns + whole_ns(seconds_to_token(q, class) * SECOND_NS);
    if (q->pace < full_pace(q)) /* it may quicken with the next slot */
        ready_ns = earliest(ready_ns, q->slot_start_ns + slot_ns(q));
    return latest(ready_ns, now_ns + shortest_wait_ns(q));
}

bool quota_kept_waiting(struct quota *q, enum budget_class class, int64_t now_ns) {
    if (unlimited(q))
        return false;
    advance(q, now_ns);
    return q->tokens[class] >= class_capacity(q, class) * nearly_one;
}

uint64_t quota_room(struct quota *q, enum budget_class class, int64_t now_ns) {
    if (q->limit == 0)
        return UINT64_MAX;
    advance(q, now_ns);
    uint64_t left = q->limit > q->used ? q->limit - q->used : 0;
    uint64_t tokens = (uint64_t)(within_reach(q, class) + (1 - nearly_one));
    return tokens < left ? tokens : left;
}

void quota_take(struct quota *q, enum budget_class class, int64_t now_ns) {
    if (unlimited(q))
        return;
    advance(q, now_ns);
    assert(!quota_exhausted(q, now_ns) && within_reach(q, class) >= nearly_one);
    double own = least(class == BUDGET_PROBE ? most(1 - q->spare, 0) : 1, q->tokens[bucket_of(class)]);
    q->tokens[bucket_of(class)] -= own;
    q->spare -= 1 - own;
    if (q->limit == 0)
        return;
    assert(q->slots[q->newest] < UINT32_MAX);
    q->slots[q->newest]++;
    q->used++;
    q->taken++;
    if (!q->reserves)
        return;
    assert(q->reserved > 0);
    q->reserved--;
}

uint64_t quota_used(struct quota *q, int64_t now_ns) {
    advance(q, now_ns);
    return q->used;
}

bool quota_exhausted(struct quota *q, int64_t now_ns) {
    advance(q, now_ns);
    return q->limit != 0 && q->used >= q->limit;
}

int64_t quota_reset_ns(struct quota *q, int64_t now_ns) {
    advance(q, now_ns);
    if (q->used == 0)
        return now_ns;
    unsigned ahead = 1; /* the oldest slot comes next in the ring */
    while (q->slots[(q->newest + ahead) % QUOTA_SLOTS] == 0)
        ahead++;
    return q->slot_start_ns + (int64_t)ahead * slot_ns(q);
}

/* ---- reservation ---- */

void quota_reserve(struct quota *q, bool reserves) {
    bool before = q->reserves;
    q->reserves = reserves && q->limit > 0;
    q->asked = 0;
    if (!before || !q->reserves)
        q->reserved = 0;
}

uint64_t quota_wanted(struct quota *q, int64_t now_ns) {
    if (!q->reserves || q->asked > 0)
        return 0;
    if (now_ns - q->minute_ns >= MINUTE_NS) {
        q->taken_before = now_ns - q->minute_ns < 2 * MINUTE_NS ? q->taken : 0;
        q->taken = 0;
        q->minute_ns = now_ns;
    }
    uint64_t used = quota_used(q, now_ns);
    uint64_t room = used + q->reserved < q->limit ? q->limit - used - q->reserved : 0;
    uint64_t most_at_once = q->limit / RESERVE_SHARE > 1 ? q->limit / RESERVE_SHARE : 1;
    uint64_t target = 2 * (q->taken + q->taken_before);
    if (target < q->limit / RESERVE_LEAST_SHARE)
        target = q->limit / RESERVE_LEAST_SHARE;
    if (target < RESERVE_LEAST)
        target = RESERVE_LEAST;
    if (target > most_at_once)
        target = most_at_once;
    if (q->reserved * 2 >= target + 1)
        return 0;
    return target - q->reserved < room ? target - q->reserved : room;
}

void quota_asked(struct quota *q, uint64_t n) {
    q->asked = n;
}

void quota_granted(struct quota *q) {
    if (q->reserves)
        q->reserved += q->asked;
    q->asked = 0;
}

bool quota_is_reserved(const struct quota *q) {
    return !q->reserves || q->reserved > 0;
}
