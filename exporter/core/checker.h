/* SPDX-License-Identifier: Apache-2.0
 *
 * checker: the main job, without the world: plan, health, verdict and registry put together.
 *
 *   checker_next()  ->  a DNS message to send to a nameserver       (the caller sends it)
 *   checker_reply() <-  the raw answer, or that none came            (the caller brings it)
 *   checker_turn()  ->  self-tests that are due, ageing; when to come back
 *
 * Time, random numbers and bytes are arguments, so a test can play months in milliseconds. Each list has one
 * plan and, per address family and nameserver, one health; a check goes to the first nameserver of the list's
 * that its self-tests show to be right, a confirmation or retry to another such one if there is one. Verdicts
 * come only from core/verdict. While a list is not ok nothing but self-tests is asked, and answers that were
 * under way count for nothing.
 *
 * What happened is told to `struct checker_watch` at once; handlers must not call back into the checker.
 */
#ifndef RBL_CORE_CHECKER_H
#define RBL_CORE_CHECKER_H

#include "core/health.h"
#include "core/hist.h"
#include "core/plan.h"
#include "core/registry.h"
#include "core/roundtrip.h"
#include "core/senders.h"
#include "core/window.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    CHECKER_SERVERS = 64,      /* different nameservers in one configuration */
    CHECKER_IN_FLIGHT = 65536, /* questions open at once, over all nameservers */
    CHECKER_TXT_SIZE = 256,    /* bytes kept of a list's reason */
    CHECKER_STANDBY = 8,       /* a nameserver behind one that is right is tested that many times as rarely */
    CHECKER_REPEATS = 5,       /* of one attempt, each because the one before is overdue */
};
#define CHECKER_NO_SLOT UINT32_MAX

enum checker_channel { CHECKER_UDP, CHECKER_UDP_CONFIRM, CHECKER_UDP_TXT, CHECKER_TCP };

/* A question ready to be sent. */
struct checker_ask {
    uint64_t cookie;
    uint32_t server; /* index into checker.servers */
    enum checker_channel channel;
    int64_t timeout_ns;
    uint8_t message[QUERY_MAX];
    size_t len;
};

enum checker_outcome { CHECKER_ANSWER, CHECKER_TIMEOUT, CHECKER_NETWORK };

/* Counters and histogram of one list; they survive a reload. */
struct checker_counters {
    uint64_t queries;
    uint64_t retries;
    uint64_t failures[REASON_LABELS];
    struct hist duration;
};

/* Slots in a row, by number. */
struct checker_row {
    uint32_t first, last; /* CHECKER_NO_SLOT: none */
};

/* How fast one nameserver answers for one list and family. */
struct checker_pace {
    struct roundtrip roundtrip;
    struct checker_row open; /* questions that are not overdue, in the order in which they were sent */
    uint64_t heard;          /* the latest question that was answered, by checker_slot.number; 0: none */
    bool tried;              /* since the last answer one was repeated to see whether the others are lost */
};

/* One nameserver of one list. */
struct checker_track {
    struct health health[IP_FAMILIES];
    uint32_t mark[IP_FAMILIES];       /* of the registry's journal when the running self-test began */
    int64_t answered_ns[IP_FAMILIES]; /* when it last answered anything; INT64_MIN: never */
    /* When the latest of the questions that it has answered was sent; INT64_MIN: none was answered. */
    int64_t heard_ns[IP_FAMILIES];
    bool right[IP_FAMILIES];     /* its last self-test ended right, and was not applied yet: the list was not
                                    believed */
    bool case_kept[IP_FAMILIES]; /* its last self-test came back as it was spelled: 0x20 may be demanded */
    bool case_lost[IP_FAMILIES]; /* of the running one: an answer came back in another spelling */
    uint32_t in_flight;          /* questions open there that are not overdue */
    struct checker_pace pace[IP_FAMILIES];
};

struct checker_list {
    const struct list *list; /* NULL: disabled */
    struct plan plan;
    uint32_t servers[LIST_MAX_NAMESERVERS]; /* indexes into checker.servers */
    uint32_t n_servers;
    struct checker_track tracks[LIST_MAX_NAMESERVERS];
    enum health_state state; /* of the list as a whole */
    int64_t health_check_ns; /* when the last self-test ended; 0: none yet */
    bool unproven;           /* self_test.listed: none */
    char kept_as[SETTINGS_NAME_MAX +
                 1]; /* under which name the store has what is known here; "": it has nothing */
    struct checker_counters counters;
    int64_t wake_ns;          /* nothing to ask before */
    struct checker_row again; /* overdue questions that are to be repeated */
    uint32_t blocked;         /* value of checker.answers when its nameservers had no room; 0: they had */
    bool sweep_was_running;
    bool sweep_ended;            /* ... and its closing self-test has not begun yet */
    bool state_is_old;           /* after a reload: to be looked at in the next turn */
    struct verdict last_failure; /* the last verdict that was unknown, for people; another kind: none was */
    int64_t last_failure_ns;     /* when that was */
    int64_t scan_ns;
    int64_t safelists_ns;   /* when to note again what is known of them */
    int64_t *ring_stale_ns; /* scratch for ageing, one per ring */
};

struct checker_server {
    struct endpoint endpoint;
    struct window window;
    int64_t answered_ns; /* when it last answered anything; INT64_MIN: never */
    uint32_t n_asking;   /* lists that wait for room there, or have open questions */
};

/* What an allowance that is configured no longer had spent: it counts again if it comes back. */
struct checker_retired {
    char name[SETTINGS_NAME_MAX + 1];
    bool shared; /* the name of a budget, else of a list */
    struct quota quota;
};

struct checker_slot {
    struct plan_item item;
    uint32_t list; /* UINT32_MAX: free */
    uint32_t next_free;
    uint32_t generation;
    uint32_t track; /* index into the list's servers */
    uint16_t id;
    bool exact_case;
    bool overdue;    /* it counts as lost, and its answer is still waited for */
    bool moot;       /* another of its ring was answered */
    uint8_t family;  /* enum ip_family of the address */
    uint8_t repeats; /* how often its question was repeated before, because it was overdue */
    uint32_t ring;   /* the next slot with a query of the same attempt; its own number: there is no other */
    struct checker_row *row; /* in which it stands; NULL: in none */
    uint32_t next, prev;     /* in that row */
    uint64_t number;         /* in the order of sending, from 1 on */
    int64_t sent_ns;
    struct qname name;
};

/* What the caller may want to log or keep. */
struct checker_watch {
    registry_event_handler *changed;
    void (*state)(void *context, uint32_t list, enum health_state from, enum health_state to,
                  const struct verdict *because);
    void (*txt)(void *context, uint32_t list, uint32_t index, const char *txt);
    void *context;
    /* A check has come to its end, after its attempts: decided, and the registry has it; or given up, with
     * the verdict of the last attempt. `took_ns` is how long that one took, -1 if no answer came. May be
     * NULL. */
    void (*looked)(void *context, uint32_t list, uint32_t index, const struct verdict *verdict,
                   int64_t took_ns);
};

struct checker {
    const struct settings *settings; /* borrowed */
    const struct targets *targets;   /* borrowed */
    struct registry *registry;       /* owned */
    const struct senders *senders;   /* borrowed; NULL: checker_set_senders() was not called */
    struct checker_list *lists;      /* [settings->n_lists] */
    struct quota *quotas;            /* one per settings->budgets, then one per list */
    struct checker_retired *retired;
    uint32_t n_retired;
    struct checker_server servers[CHECKER_SERVERS];
    uint32_t n_servers;
    struct checker_slot *slots;
    uint32_t n_slots, slots_size, free_slot;
    uint64_t n_sent;          /* questions in all */
    uint32_t in_flight;       /* questions open, overdue ones too */
    uint32_t answers;         /* replies so far, never 0: each may have made room */
    uint32_t turns[LIST_MAX]; /* lists, by index, in the order in which they have waited for a turn */
    uint32_t generation;
    bool anew; /* see checker_look_anew() */
    struct checker_watch watch;
    struct reply *reply;           /* scratch */
    struct checker_probes *probes; /* see checker_probe.h; NULL: there was none yet */
};

/* A checker for `targets`; `system` are the nameservers for lists without their own when the settings name
 * none. `epoch_ns` as registry_epoch(). `generation` tells its cookies from those of an earlier checker.
 * STATUS_RANGE: more than CHECKER_SERVERS nameservers. The registry in it is its own. */
enum status checker_new(const struct targets *targets, const struct endpoint *system, size_t n_system,
                        int64_t epoch_ns, uint32_t generation, const struct checker_watch *watch,
                        int64_t now_ns, struct checker **out) MUST_CHECK;
void checker_free(struct checker *c); /* NULL allowed */
/* After a reload: takes over what still applies (verdicts, health, counters, budgets, progress). What was
 * under way is asked again. `old` is only read; on STATUS_NO_MEMORY `c` is to be thrown away, and `old` goes
 * on. */
enum status checker_carry(struct checker *c, const struct checker *old, int64_t now_ns) MUST_CHECK;

/* Every address is asked now, whatever is known of it already, in the first round and sweep: somebody wants
 * to know. For a checker that has asked nothing yet. */
void checker_look_anew(struct checker *c, int64_t now_ns);

/* From now on the sweeps of lists whose groups ask for senders have two laps. `senders` is of the same
 * targets and outlives the checker. To be called after checker_carry(), or when what was kept is restored. On
 * STATUS_NO_MEMORY `c` is to be thrown away. */
enum status checker_set_senders(struct checker *c, const struct senders *senders) MUST_CHECK;
/* senders_answered() has said so. */
void checker_sender_changed(struct checker *c, const struct ip *ip);

/* The next question that may be sent now; `random` is 64 fresh random bits. False: none; see checker_turn().
 */
bool checker_next(struct checker *c, uint64_t random, int64_t now_ns, struct checker_ask *ask);
/* What came of a question: once per cookie; cookies of another generation are ignored. */
void checker_reply(struct checker *c, uint64_t cookie, enum checker_outcome outcome, const uint8_t *message,
                   size_t len, int64_t took_ns, int64_t now_ns);
/* Begins self-tests that are due, ages results. Call it before checker_next(), and again at the time it
 * returns at the latest or whenever an answer has come. */
int64_t checker_turn(struct checker *c, int64_t now_ns);
/* When checker_next() may have something, after it said no. */
int64_t checker_wake_ns(const struct checker *c);

/* Asks every list whose targets hold `ip` about it at once, at the cost of the urgent class: for a bounce, or
 * a person who waits. It goes the usual way from there (confirmation, a self-test on demand, all urgent), and
 * is no sample of a sweep; asked already or being decided, it costs no further query. A list that cannot be
 * believed is asked when it is back. Returns how many lists will be asked; 0: the address is no target, or
 * too many wait (PLAN_LOOK_MAX a list). */
unsigned checker_look_now(struct checker *c, const struct ip *ip, int64_t now_ns);

/* The first round of self-tests is done. */
bool checker_ready(const struct checker *c);
/* The queries that were being reserved (see quota_wanted()) of the `number`-th of checker.quotas may be sent
 * now. */
void checker_granted(struct checker *c, size_t number, int64_t now_ns);
/* From now on queries have to be reserved, or not any more. */
void checker_reserve(struct checker *c, bool reserves, int64_t now_ns);
/* Whether the last self-test of a list that is asked was right; one without a query left is as right as that.
 */
bool checker_is_up(const struct checker *c, uint32_t list);
/* When the next self-test of any nameserver of such a list is due; INT64_MAX: one is under way. */
int64_t checker_next_test_ns(const struct checker *c, uint32_t list);
/* The quota that pays for `list`. */
struct quota *checker_quota(const struct checker *c, uint32_t list);
/* Interval between checks that (list, group) really achieves; 0: not known yet. */
int64_t checker_interval(const struct checker *c, uint32_t list, uint32_t group, int64_t now_ns);
/* Longest wait of a check that is due, and how many are; lists that are not ok do not count. */
int64_t checker_lag(const struct checker *c, int64_t now_ns, uint64_t *n_due);
/* How many questions may be open now, over all nameservers. */
uint64_t checker_max_in_flight(const struct checker *c);

#endif
