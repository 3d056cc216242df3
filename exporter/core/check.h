/* SPDX-License-Identifier: Apache-2.0
 *
 * check: a check on demand: what has come of each question, when it is over, and how that is told to people
 * and to programs.
 *
 * It rides on a checker that was made for it (settings_for_check(), checker_look_anew()), so that its
 * verdicts are as true as those of the daemon: same self-tests, confirmations, rates and quotas. A (list,
 * address) is closed once: by a verdict that is published, or as unknown with a reason. It is over when all
 * are closed, reasons for listings are in, and a list without a quota that was swept has passed the self-test
 * at the end; or at the deadline. A list that fails its self-test, or cannot send what is left before the
 * deadline, is closed at once.
 */
#ifndef RBL_CORE_CHECK_H
#define RBL_CORE_CHECK_H

#include "core/buf.h"
#include "core/checker.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    CHECK_ADDRESSES = 65536, /* in one check at most */
    CHECK_LEAST_S = 60,      /* the deadline, or what the rates need if that is more */
    CHECK_LONG_S = 600,      /* what takes longer has to be asked for twice */
};

struct check_pair {
    uint32_t took_us; /* of the last answer; UINT32_MAX: none came */
    bool closed;
    uint8_t why; /* enum why; WHY_NONE: the registry has the verdict */
};

struct check_list {
    struct check_pair *pairs; /* [set->n]; NULL: not asked */
    uint32_t n_open;
    bool was_believed;
    int64_t blind_ns; /* not believed since */
};

/* What is asked. All of it is borrowed and stays as it is. */
struct check_request {
    const struct ip_range *ranges; /* in the order in which they are shown, each once: check_unique() */
    size_t n_ranges;
    /* By list: wanted, but disabled in the settings because nobody could keep what it spends. */
    const bool *unpaid;
};

struct check {
    struct check_request request;
    struct checker *checker; /* borrowed */
    struct check_list *lists;
    uint64_t n_pairs;
    uint64_t n_closed;
    int64_t deadline_ns;
    bool unpaid_now; /* to be kept up to date by the caller: no query with a quota can be paid at present */
};

/* What a check will take. */
struct check_cost {
    uint64_t addresses; /* of the list with the most */
    double seconds;     /* that rates alone make it take, for what budgets let pass */
    uint32_t slowest;   /* list */
    bool over_budget;   /* it has ranges, and an allowance has not enough queries for it now: */
    uint32_t dearest;   /* a list of it */
    uint64_t wanted;    /* queries of it, without self-tests and confirmations */
    uint64_t room;      /* what it gives now */
};

/* What one list says about one address. */
struct check_result {
    enum registry_verdict verdict;
    const char *reason; /* NULL unless unknown */
    uint64_t codes;
    int score;        /* -1: none */
    int64_t since_ns; /* monotonic; INT64_MIN: not known */
    const char *txt;  /* NULL: none */
    uint32_t took_us; /* UINT32_MAX: no answer came */
};

/* How a list stands in a check. */
enum check_stand {
    CHECK_NOT_WANTED,
    CHECK_UNPAID, /* wanted, but it could not be asked: nobody could keep what that spends */
    CHECK_ASKED,
};

/* What a check has to tell, whoever asked the lists: this program (check_view()), or an exporter that was
 * asked (core/check_told). */
struct check_view {
    const struct list *lists;
    size_t n_lists;
    const struct ip_range *ranges; /* as in struct check_request */
    size_t n_ranges;
    /* `*state` is set for CHECK_ASKED. */
    enum check_stand (*stand)(const struct check_view *view, uint32_t list, enum health_state *state);
    /* False: the list is not wanted, or not asked about this family. */
    bool (*result)(const struct check_view *view, uint32_t list, const struct ip *ip,
                   struct check_result *out);
    const void *of;
};

enum check_outcome { CHECK_NONE_LISTED = 0, CHECK_SOME_LISTED = 1, CHECK_UNKNOWN = 3 };

/* Drops what comes a second time, keeping the order; returns how many are left, or SIZE_MAX for want of
 * memory. */
size_t check_unique(struct ip_range *ranges, size_t n) MUST_CHECK;
/* A check that rides on `checker`. STATUS_NO_MEMORY. */
enum status check_init(struct check *check, const struct check_request *request, struct checker *checker,
                       int64_t now_ns) MUST_CHECK;
void check_release(struct check *check);
/* What it will cost; sets the deadline by it. */
struct check_cost check_estimate(struct check *check, int64_t now_ns);

/* To be called by the handlers of the same name in struct checker_watch. */
void check_looked(struct check *check, uint32_t list, uint32_t index, const struct verdict *verdict,
                  int64_t took_ns);
void check_changed(struct check *check, const struct registry_event *event);
/* Every turn, when checker_next() has nothing more for now: closes what will get no answer. True: it is over.
 */
bool check_turn(struct check *check, int64_t now_ns);
/* It ends here: what is open becomes unknown (interrupted). */
void check_interrupt(struct check *check);

/* False: the list is not wanted, or not asked about this family. */
bool check_result(const struct check *check, uint32_t list, const struct ip *ip, struct check_result *out);
/* `check` is borrowed as long as the view is used. */
struct check_view check_view(const struct check *check);
/* How many listings by block lists are known so far, for the progress line. */
uint64_t check_listings(const struct check *check);

/* What came of it: the exit code of the command. Block lists alone count as listings. */
enum check_outcome check_outcome(const struct check_view *view);
/* A table for each address; for each range counts and the listed addresses. `wall_offset_ns`: what to add to
 * times in results for the wall clock. No control characters but line ends, whatever a list says. */
void check_text(struct buf *out, const struct check_view *view, int64_t wall_offset_ns);
/* {"checks":[...],"summary":{...}}; of ranges `checks` has the listed addresses. */
void check_json(struct buf *out, const struct check_view *view, int64_t wall_offset_ns);

#endif
