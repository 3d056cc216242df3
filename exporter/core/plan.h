/* SPDX-License-Identifier: Apache-2.0
 *
 * plan: what to ask one list next, and when.
 *
 * There is no timer per address. Addresses named one by one with the same interval form a ring: a cursor goes
 * round it once per interval, each place having its moment in the round (with jitter), so that queries are
 * spread evenly by themselves; the first round after a start runs as fast as it may. A ring whose addresses
 * change goes on where it was, and those that are new are asked at once. All ranges of the list
 * are one sweep: a cursor through a fixed pseudo-random order (core/permute), as fast as it may, once per
 * sweep interval from start to start. What cannot be foreseen waits in short queues of first in, first out:
 * self-tests, confirmations, retries, re-checks of what a sweep found listed, TXT questions.
 *
 * plan_next() offers the next question that is due and that rate and quota allow; it changes nothing until
 * the caller takes it (it is being sent) or skips it (it needs no query). Order: self-tests and confirmations
 * asked for by a flip, looks that somebody waits for, probes with their self-tests, scheduled self-tests,
 * watched addresses, reasons of listings, then re-checks and the sweep by turns; the classes of core/budget
 * see to it that none starves of the quota. Nor does any of the rate, which may be less than the quota would
 * give for hours: what has its own pace, and reasons with it, gets every other query beside probes, and the
 * sweep every sixth at least. If it cannot keep up, a ring or sweep takes longer than its interval and never
 * asks twice as fast later. A reload starts the sweep's walk again, and the caller skips what was already
 * checked since the sweep began.
 *
 * A sweep may have two laps (plan_set_laps()): first the addresses that matter most, then the rest. The first
 * lap is what has the sweep interval: when it is due again it goes before the rest, which goes on later where
 * it was, with what is left. The whole sweep ends when every address has been asked since it began.
 */
#ifndef RBL_CORE_PLAN_H
#define RBL_CORE_PLAN_H

#include "core/budget.h"
#include "core/permute.h"
#include "core/status.h"
#include "core/targets.h"

#include <stdbool.h>
#include <stdint.h>

#define PLAN_RETRY_PAUSE_NS (250 * INT64_C(1000000))
#define PLAN_CONFIRM_PAUSE_NS (1000 * INT64_C(1000000))
/* Ten years. An interval that is longer is as good as never; three times this is still a number. */
#define PLAN_LONGEST_NS (INT64_C(1000000000) * 86400 * 3650)
enum { PLAN_TXT_MAX = 256, PLAN_LOOK_MAX = 1024 };

enum plan_purpose {
    PLAN_SELF_TEST,
    PLAN_CONFIRM,
    PLAN_WATCHED,
    PLAN_RECHECK,
    PLAN_SWEEP,
    PLAN_TXT,
    PLAN_LOOK,      /* somebody asks about the address now: a bounce, a person */
    PLAN_PROBE,     /* the same for an address that is no target */
    PLAN_PROBE_TXT, /* ... for the reason of its listing */
    PLAN_PURPOSES
};

struct plan_item {
    int64_t due_ns;
    uint32_t index; /* address; of a self-test: enum health_entry; of a probe: its number */
    uint16_t ring;  /* PLAN_WATCHED; of a probe: which of its questions it is, by the caller */
    uint8_t purpose;
    uint8_t attempt; /* 0: the first */
    uint8_t server;  /* self-test: whom to ask; otherwise whom to avoid if there is another; 255: nobody */
    uint8_t family;  /* self-test, probe */
    uint8_t class;   /* enum budget_class that pays */
    uint8_t lane;    /* set by plan_next(): where it waits, LANES for a ring or the sweep */
    uint32_t place;  /* set by plan_next(): how many wait before it in its lane; of a ring: 1 if it is new */
    bool tcp;
    bool confirms;    /* a second look, or a third, which is another nameserver's if there is one */
    bool first_round; /* PLAN_WATCHED: the round that runs as fast as it may */
};

enum plan_lane {
    LANE_TEST_URGENT,
    LANE_CONFIRM,
    LANE_RETRY_URGENT,
    LANE_LOOK,
    LANE_PROBE_TEST,
    LANE_PROBE_CONFIRM,
    LANE_PROBE_RETRY,
    LANE_PROBE,
    LANE_TEST,
    LANE_RETRY_TEST,
    LANE_RETRY_WATCHED,
    LANE_TXT,
    LANE_RETRY_SWEEP,
    LANE_RECHECK,
    LANES,
};
/* Where offers come from besides lanes. */
enum { FROM_RING = LANES, FROM_SWEEP, PLAN_SOURCES };

struct plan_queue {
    struct plan_item *items; /* a ring buffer of `size` */
    uint32_t head, n, size;
};

struct plan_ring {
    const uint32_t
        *members; /* indexes of addresses in the order of target_place(); the plan's or the set's */
    uint32_t n;
    uint32_t position;
    uint32_t *newcomers; /* members that are asked once by turns with the others; the last is next; owned */
    uint32_t n_newcomers;
    int64_t newcomers_ns; /* since when they are due */
    bool members_turn;    /* ... if their time has come */
    int64_t interval_ns;
    int64_t start_ns; /* of the running round */
    int64_t ended_ns; /* when the last whole round ended; 0: none, or not known */
    int64_t last_ns;  /* from the end of one to that of the next, on average of the last few; 0: none yet */
    uint32_t round;   /* 0: the first */
};

struct plan_laps; /* see plan_internal.h */

struct plan_sweep {
    struct permute order;
    uint32_t n;
    uint32_t position; /* of the order; with laps: how many have been asked since the whole sweep began */
    uint32_t open;     /* asked, without a final result yet */
    bool running;
    bool asked; /* a question of this sweep has been sent */
    int64_t interval_ns;
    int64_t next_ns;          /* when the next one may start */
    int64_t started_ns;       /* first query of the running or last one; with laps: of its first lap */
    int64_t whole_ns;         /* the same; with laps: since when all have been gone through */
    int64_t completed_ns;     /* last verdict of the last whole one; 0: none */
    int64_t duration_ns;      /* of the last whole one */
    int64_t last_interval_ns; /* between the starts of the last two; 0: unknown */
    int64_t skip_since_ns;    /* what was checked since then needs no query in this sweep (after a reload or a
                                 start); INT64_MAX: nothing */
    int64_t rest_since_ns;    /* with laps: the same for the second lap */
    uint32_t reached;         /* the position before such a reload or start */
    struct plan_laps *laps;   /* owned; NULL: one lap */
};

struct plan {
    struct rate rate;
    struct quota *quota;          /* borrowed: own, shared or only dividing the rate */
    const struct target_set *set; /* borrowed */
    struct plan_queue lanes[LANES];
    struct plan_ring *rings;
    uint32_t n_rings;
    uint32_t *members; /* of several rings, owned; one alone borrows those of the set */
    struct plan_sweep sweep;
    int64_t recheck_interval_ns;
    bool sweep_turn;       /* of re-checks and sweep, the sweep is next */
    uint32_t since_ranges; /* watched and probed addresses asked since the last re-check or sweep */
    bool probed_last;      /* of what was not urgent, the last was a probe's: others are next */
    uint64_t deferred;     /* checks that were due and had to wait for the quota */
    uint64_t deferred_marks[PLAN_SOURCES]; /* identify the last of each source, so that each counts once */
};

/* Whether the index of an item is that of an address among the targets. */
static inline bool plan_is_of_target(const struct plan_item *item) {
    return item->purpose != PLAN_SELF_TEST && item->purpose != PLAN_PROBE && item->purpose != PLAN_PROBE_TXT;
}
static inline bool plan_is_txt(const struct plan_item *item) {
    return item->purpose == PLAN_TXT || item->purpose == PLAN_PROBE_TXT;
}

/* What the list's state allows. */
struct plan_gate {
    bool checks;   /* else self-tests only */
    bool sweep;    /* the sweep may go on */
    uint32_t full; /* bit by nameserver: has no room, so that its self-tests wait and let others pass */
    /* Bit by nameserver: of the others that can be believed none has room, so that what would confirm its
     * word waits and lets others pass. */
    uint32_t others_full;
};

/* For `list` of `targets`, which outlive the plan, as `quota` does. `seed` fixes the order of the sweep. */
enum status plan_init(struct plan *p, const struct targets *targets, uint32_t list, struct quota *quota,
                      uint64_t seed, int64_t now_ns) MUST_CHECK;
void plan_release(struct plan *p);
/* Takes over pace and progress from the plan of the same list before a reload; `list` as it is now, `map` of
 * the sets of both. On STATUS_NO_MEMORY `p` is to be released. */
enum status plan_carry(struct plan *p, const struct plan *old, const struct list *list,
                       const struct target_map *map, int64_t now_ns) MUST_CHECK;
/* Where each ring of the same interval goes on, after a start: as `kept`, at the first member whose place is
 * not before `place` (plan_ring_place() of then). */
void plan_ring_resume(struct plan *p, const struct plan_ring *kept, uint32_t place, int64_t now_ns);
/* The number of the ring of what has `index`; UINT32_MAX: it is not named one by one. */
uint32_t plan_ring_of(const struct plan *p, const struct list *list, uint32_t index);
/* The place, see target_place(), of the member that is next. */
uint32_t plan_ring_place(const struct plan *p, const struct plan_ring *ring);
/* Members that were not there before (`map`), or were newcomers of `old` (NULL: none) and are not asked yet,
 * are newcomers; what was said of that before is void. */
enum status plan_welcome(struct plan *p, const struct list *list, const struct target_map *map,
                         const struct plan *old, int64_t now_ns) MUST_CHECK;
/* Everything is asked from the beginning, as after plan_init(); what waits in queues and what was spent
 * stays.
 */
void plan_restart(struct plan *p, int64_t now_ns);
/* Whether an address is of the first lap of the sweep. */
typedef bool plan_lap_of(const void *context, uint32_t index);
/* From now on the sweep has two laps. To be called after plan_carry(); of a sweep that is under way the walk
 * starts again, and the caller skips. STATUS_NO_MEMORY changes nothing. */
enum status plan_set_laps(struct plan *p, plan_lap_of *is_first, const void *context) MUST_CHECK;
/* What was said of it; without laps there is none. */
bool plan_is_first(const struct plan *p, uint32_t index);
/* An address of ranges is of the first lap from now on, or no longer; nothing without plan_set_laps(). New
 * ones that this sweep has not asked yet go before the rest. */
void plan_lap_changed(struct plan *p, uint32_t index, bool is_first);
/* Since when a check of this address counts for the running sweep (see `skip_since_ns`). */
int64_t plan_skip_since(const struct plan *p, uint32_t index);
/* The next question, if one may be sent now: true and *item. Else false and in *wake_ns when to look again at
 * the earliest. */
bool plan_next(struct plan *p, const struct plan_gate *gate, int64_t now_ns, struct plan_item *item,
               int64_t *wake_ns);
/* The item that plan_next() just offered is being sent: it pays, and leaves the plan. */
void plan_take(struct plan *p, const struct plan_item *item, int64_t now_ns);
/* What has left the plan before is being sent once more: it pays. */
void plan_take_again(struct plan *p, const struct plan_item *item, int64_t now_ns);
/* ... needs no query: it leaves the plan without paying. */
void plan_skip(struct plan *p, const struct plan_item *item, int64_t now_ns);
/* A sweep runs, and each of its addresses has been asked about. */
bool plan_sweep_is_asked(const struct plan *p);
/* A sweep's question has got its final result, whatever it was. */
void plan_sweep_answered(struct plan *p, int64_t now_ns);

/* Puts items into their lanes; STATUS_NO_MEMORY, or STATUS_FULL for TXT beyond PLAN_TXT_MAX. */
/* `class` is BUDGET_URGENT, BUDGET_PROBE or BUDGET_SELF_TEST: who wants the self-test and pays for it. */
enum status plan_add_test(struct plan *p, uint8_t family, uint8_t server, uint8_t entry,
                          enum budget_class class, int64_t now_ns) MUST_CHECK;
/* The questions of a running self-test that still wait are wanted by `class` too, which pays from now on;
 * never again by another once they are urgent. How many have gone over; without memory they stay as they are.
 */
unsigned plan_move_tests(struct plan *p, uint8_t family, uint8_t server, enum budget_class class);
enum status plan_add_confirm(struct plan *p, uint32_t index, uint8_t avoid_server, int64_t now_ns) MUST_CHECK;
enum status plan_add_recheck(struct plan *p, uint32_t index, int64_t due_ns) MUST_CHECK;
enum status plan_add_txt(struct plan *p, uint32_t index, int64_t now_ns) MUST_CHECK;
/* A look that cannot wait, paid by BUDGET_URGENT, or by BUDGET_PROBE from due_ns on. One that waits already
 * stands for both, and is urgent if one of them is; STATUS_FULL beyond PLAN_LOOK_MAX. */
enum status plan_add_look(struct plan *p, uint32_t index, enum budget_class class, int64_t due_ns) MUST_CHECK;
/* A question of probe `number`, PLAN_PROBE or PLAN_PROBE_TXT, from due_ns on; `question` tells it from others
 * of the probe, and takes the place of one that waits. STATUS_FULL as for looks. */
enum status plan_add_probe(struct plan *p, enum plan_purpose purpose, uint32_t number, uint16_t question,
                           enum ip_family family, int64_t due_ns) MUST_CHECK;
/* The confirmation of what a probe was told, after its pause. */
enum status plan_add_probe_confirm(struct plan *p, uint32_t number, uint16_t question, enum ip_family family,
                                   uint8_t avoid_server, int64_t now_ns) MUST_CHECK;
/* The same question again after a pause (of a sweep: it stays open). */
enum status plan_add_retry(struct plan *p, const struct plan_item *item, int64_t now_ns) MUST_CHECK;

/* The interval between two checks of one address that ring `ring` really achieves: of its last whole round,
 * or of the running one if that already takes longer; 0 before the first round has ended. */
int64_t plan_ring_interval(const struct plan *p, uint32_t ring, int64_t now_ns);
/* The same for the sweep; while the first one runs, what its pace so far makes of the whole; 0 before its
 * first query. With two laps it is that of the first. */
int64_t plan_sweep_interval(const struct plan *p, int64_t now_ns);
/* ... and this that of all addresses. */
int64_t plan_whole_interval(const struct plan *p, int64_t now_ns);
/* How long the check that is due longest has been waiting (0: none), and how many are due. What waits for its
 * quota is not late: the plan is to wait. */
int64_t plan_lag(const struct plan *p, int64_t now_ns, uint64_t *n_due);

#endif
