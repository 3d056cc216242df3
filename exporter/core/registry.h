/* SPDX-License-Identifier: Apache-2.0
 *
 * registry: what is known about every (list, address): the verdict, its age, its proof.
 *
 * Two forms. Every address of a list has a cell of five bytes (six for reputation lists): verdict, flags, and
 * when it was last checked. Only addresses that need more have an entry: those named one by one, those
 * listed, those whose flip waits for its proof, and those of the sample that were looked at again since (a
 * sample has its own age). Counts per (list, segment) are kept up to date by every
 * change of a cell, so that a scrape never walks the cells; a slow scan (registry_scan) takes what has become
 * stale out of them.
 *
 * Proof. A look that agrees with what is known, or that is the first to say "not listed", counts at once, but
 * goes into a journal until the next right self-test of that nameserver; a wrong one withdraws it. Any other
 * look opens a flip: it is published only after `confirm` agreeing looks, all but the first of which were
 * asked for by it (others may have come from the same nameserver), and a right self-test that began after the
 * last of them. Results of reputation lists count at once. An unanswered question reaches this
 * module never.
 *
 * Age. Verdicts stale after a time during which the list was ok: the clock of staleness stands while a list
 * is frozen. What has become stale is no longer shown or counted, but remembered, so that the next look still
 * tells a flip from a first sight. Listed verdicts of a list that is frozen for REGISTRY_FROZEN_NS are no
 * longer shown either.
 *
 * Times are stamps: whole seconds since ten years before the program began (0: never), so that restored state
 * fits.
 */
#ifndef RBL_CORE_REGISTRY_H
#define RBL_CORE_REGISTRY_H

#include "core/targets.h"
#include "core/verdict.h"

#include <stdbool.h>
#include <stdint.h>

#define REGISTRY_FROZEN_NS (INT64_C(1000000000) * 30 * 86400)
#define REGISTRY_SAMPLE_NS (INT64_C(1000000000) * 30 * 86400)
enum {
    REGISTRY_BANDS = 10,
    REGISTRY_NO_SCORE = 255,
    REGISTRY_JOURNAL_WANT_TEST = 8192, /* unproven results after which a self-test should be made */
    REGISTRY_JOURNAL_MAX = 32768,      /* ... and after which nothing more may be asked before one is */
    REGISTRY_FREEZES = 32,
    REGISTRY_NO_RING = 0xffff,
    REGISTRY_SERVERS = 8,                  /* pairs of nameserver and family that a list may have */
    REGISTRY_NO_SERVER = REGISTRY_SERVERS, /* ... one that is gone */
};

/* Verdict and flags of a cell. */
enum {
    CELL_VERDICT = 0x03, /* enum registry_verdict */
    CELL_TRACKED = 0x04, /* has an entry */
    CELL_FRESH = 0x08,   /* conclusive, shown and counted */
    CELL_SAMPLED = 0x10, /* a first look of the sweep within REGISTRY_SAMPLE_NS */
    CELL_SAMPLE_LISTED = 0x20,
    CELL_TOUCHED = 0x40,  /* changed since the store was told: among registry_list.touched */
    CELL_DETAILED = 0x80, /* its entry has: among registry_list.detailed */
    CELL_MARKS = CELL_TRACKED | CELL_TOUCHED | CELL_DETAILED, /* what is no part of a result */
};
enum registry_verdict { REGISTRY_UNKNOWN, REGISTRY_NOT_LISTED, REGISTRY_LISTED };
/* As in JSON: "unknown", "not_listed", "listed". */
extern const char *const registry_verdict_text[REGISTRY_LISTED + 1];

/* Why a question was asked. */
enum look_source {
    LOOK_WATCHED,
    LOOK_SWEEP,
    LOOK_RECHECK,
    LOOK_ASKED,   /* somebody wanted to know */
    LOOK_CONFIRM, /* a flip wanted it: the one kind that counts as a further look at it */
};

/* What has to happen after a look. */
enum look_follow {
    LOOK_DONE,
    LOOK_WANTS_CONFIRM, /* ask again: another query, port and, if there is one, nameserver */
    LOOK_WANTS_TEST,    /* enough looks agree: a self-test of this nameserver, begun from now on, decides */
};

struct registry_entry {
    uint32_t index;
    uint32_t checked;    /* stamp of the last conclusive look */
    uint32_t sampled;    /* stamp of the sweep's last first look */
    uint32_t since;      /* stamp: listed (or not) since, as far as was seen */
    uint32_t changed;    /* stamp of the last flip, 0: none seen */
    uint16_t ring;       /* of the plan, for addresses named one by one; REGISTRY_NO_RING: found by a sweep */
    uint8_t pending;     /* enum registry_verdict that looks have said and that is not published;
                            REGISTRY_UNKNOWN: none */
    uint8_t looks;       /* agreeing looks for it */
    uint8_t server;      /* nameserver of the last of them */
    bool awaiting;       /* enough of them: waits for a self-test */
    bool confirming;     /* the plan holds a confirmation of it */
    bool put_back;       /* its confirmation went unanswered, and it began anew: that is done once */
    bool pending_sample; /* the first of them was the sweep's */
    bool used;
    int64_t look_ns; /* when the last of them was answered */
    uint64_t codes;  /* published, when listed */
    uint64_t pending_codes;
    uint64_t seen_codes; /* of the last look, when listed: published by the next right self-test */
    int64_t recheck_ns;  /* when its re-check is due, as the plan has it; 0: none waits */
    char *txt;           /* the list's reason, owned; NULL if not asked or none */
};

/* Per (list, segment): what the contract calls rbl_range_*. */
struct registry_count {
    uint32_t checked;
    uint32_t listed;
    uint32_t sample_checked;
    uint32_t sample_listed;
    uint32_t oldest;       /* stamp of the oldest fresh result as of the last whole scan; if there was
                              none, of the first since; 0: none */
    uint32_t oldest_next;  /* of the running scan */
    uint32_t known_listed; /* .listed, and those that are stale: nobody has seen them go */
    uint32_t bands[REGISTRY_BANDS]; /* reputation lists: fresh scores by tens, 100 with 90-99 */
};

/* Flips seen, per (list, group) of single addresses and per (list, configured range). */
struct registry_flips {
    uint64_t listings;
    uint64_t delistings;
    uint32_t changed; /* stamp of the last, 0: none */
};

/* Per (list, safelisted range): the past. What is listed now is in the counts. */
struct registry_safelist {
    uint32_t listed; /* stamp: until when something of it was known to be listed, 0: never seen */
    uint32_t known;  /* stamp: since when nearly all of it has been known, 0: it is not */
    bool open;       /* while a store is read: it was so when the store was last written */
    bool named;      /* while it is taken over: this very range was safelisted before */
};
/* ... and the present. */
struct registry_safelist_now {
    uint64_t checked; /* conclusive and not stale */
    uint64_t listed;  /* and nobody has seen them go */
};

struct registry_journal_entry {
    uint32_t index;
    uint32_t stamp; /* before */
    uint32_t sequence;
    uint8_t state; /* before */
    uint8_t score; /* before */
    uint8_t server;
};

/* Indexes of what has changed, each once. */
struct registry_marks {
    uint32_t *indexes;
    uint32_t n, size;
};

struct registry_period {
    int64_t start_ns;
    int64_t end_ns;
};

/* One list. Read freely; changed by this module only. */
struct registry_list {
    const struct list *list;
    const struct target_set *set;
    uint8_t *states;               /* [set->n] */
    uint32_t *stamps;              /* [set->n]: last conclusive look; of a tracked address the entry has it */
    uint8_t *scores;               /* [set->n], reputation lists only: 0..100 or REGISTRY_NO_SCORE */
    struct registry_count *counts; /* [n_segments] */
    struct registry_flips *group_flips;  /* [n_groups] */
    struct registry_flips *range_flips;  /* [n_ranges] */
    struct registry_safelist *safelists; /* [targets.n_safelists]; of block lists */
    struct registry_entry *entries;
    uint32_t n_entries, entries_size, free_entry;
    uint32_t *table; /* open addressing: entry number + 1, 0 free */
    uint32_t table_size;
    uint32_t n_pending; /* entries whose flip is not published yet */
    uint32_t n_awaiting;
    struct registry_journal_entry *journal;
    uint32_t n_journal, journal_size;
    uint32_t unproven[REGISTRY_SERVERS + 1]; /* of the journal, by nameserver */
    uint32_t sequence;
    bool frozen;
    int64_t frozen_since_ns;
    struct registry_period freezes[REGISTRY_FREEZES]; /* past ones, oldest first */
    uint32_t n_freezes;
    uint32_t scan_at;
    uint32_t scan_watched_at;
    /* For the store: what it has not been told yet. */
    bool keeps;                     /* changes are marked */
    bool marks_lost;                /* for want of memory some were not: everything may have changed */
    struct registry_marks touched;  /* cells: CELL_TOUCHED */
    struct registry_marks detailed; /* entries, and those that are gone: CELL_DETAILED */
};

struct registry {
    const struct targets *targets; /* borrowed */
    int64_t epoch_ns;              /* stamp 0 on the monotonic clock */
    struct registry_list *lists;   /* [n_lists]; .set NULL for a disabled list */
    size_t n_lists;
};

enum registry_change { CHANGE_LISTED, CHANGE_DELISTED, CHANGE_FIRST_LISTED, CHANGE_CODES };
/* A published change, for the log, the TXT look-up and the history. */
struct registry_event {
    enum registry_change change;
    uint32_t list;
    uint32_t index;
    struct ip ip;
    bool named; /* one by one, not only as part of a range */
    uint64_t codes;
    int64_t at_ns;
};
typedef void registry_event_handler(void *context, const struct registry_event *event);

/* An empty registry for `targets`, every list frozen (its state is unknown yet). `epoch_ns`: see
 * registry_epoch(). */
enum status registry_new(const struct targets *targets, int64_t epoch_ns, int64_t now_ns,
                         struct registry **out) MUST_CHECK;
void registry_free(struct registry *r); /* NULL allowed */
/* The epoch for a program that began at `start_ns`. */
int64_t registry_epoch(int64_t start_ns);
uint32_t registry_stamp(const struct registry *r, int64_t ns);
int64_t registry_ns(const struct registry *r, uint32_t stamp);
/* The nameserver of the new list that is `old_server` of the old one; REGISTRY_NO_SERVER: it is gone. */
typedef uint8_t registry_server_map(void *context, uint32_t list, uint32_t old_list, uint8_t old_server);
/* Takes over from `old` what still applies, by list name and zone and by address: verdicts, ages, samples,
 * entries, what is not proven yet, flips counted, freezes, what safelists are listed; not pending flips,
 * whose looks were made under other rules. `old` is only read. On STATUS_NO_MEMORY `r` is to be thrown away.
 */
enum status registry_carry(struct registry *r, const struct registry *old, registry_server_map *map,
                           void *context, int64_t now_ns) MUST_CHECK;
/* A set of codes of a list in terms of what the list has become: codes are bits in the order of its table. */
uint64_t registry_translate_codes(const struct list *from, const struct list *to, uint64_t codes);
/* From now on changes are marked for the store. */
void registry_keep(struct registry *r);
/* The detail of an entry (since, changed, codes, txt) has changed, or the entry is gone. */
void registry_touch_entry(struct registry_list *l, uint32_t index);
/* Takes the last of `marks` (of which there are some) and its `bit` (CELL_TOUCHED or CELL_DETAILED) away. */
uint32_t registry_take_mark(struct registry_list *l, struct registry_marks *marks, unsigned bit);
/* Drops entries that nothing needs: for after a reload, when rings are known. */
void registry_prune(struct registry *r, uint32_t list);

/* A conclusive look (kind LISTED or NOT_LISTED) at `index`, from `server`. `ring` for LOOK_WATCHED, else
 * REGISTRY_NO_RING. On STATUS_NO_MEMORY nothing changed and the look counts as not made. */
enum status registry_look(struct registry *r, uint32_t list, uint32_t index, enum look_source source,
                          uint16_t ring, uint8_t server, const struct verdict *verdict, int64_t now_ns,
                          enum look_follow *follow, registry_event_handler *handler, void *context)
    MUST_CHECK;
/* The sweep has come to an address that is fresh and is kept so by other means (a ring, re-checks): it is its
 * sample, and is not asked. False: ask. */
bool registry_sample(struct registry *r, uint32_t list, uint32_t index, int64_t now_ns);
/* Gives up a flip whose confirmation could not be asked. */
void registry_drop_pending(struct registry *r, uint32_t list, uint32_t index);
/* A flip's confirmation was not answered: it has no look to its credit any more, and has to be asked about
 * again; false: so it was once already. */
bool registry_put_back(struct registry *r, uint32_t list, uint32_t index);

/* The number to hand to registry_right() when a self-test that begins now ends right. */
uint32_t registry_mark(const struct registry *r, uint32_t list);
/* A self-test of `server` that began at `started_ns` (and `mark`) ended right: proves, and publishes flips
 * that waited. */
void registry_right(struct registry *r, uint32_t list, uint8_t server, uint32_t mark, int64_t started_ns,
                    int64_t now_ns, registry_event_handler *handler, void *context);
/* It ended wrong: withdraws what that server said since its last right one; its flips begin anew. */
void registry_wrong(struct registry *r, uint32_t list, uint8_t server);
/* Flips that wait (those last supported by `server`; REGISTRY_NO_SERVER: all) have no look to their credit
 * any more, because the list could not be believed after them: they have to be asked about again. */
void registry_doubt_pending(struct registry *r, uint32_t list, uint8_t server);
/* The list can (not) be believed from now on. */
void registry_freeze(struct registry *r, uint32_t list, bool frozen, int64_t now_ns);
/* Whether flips wait for a self-test of `server` begun after now; `*latest_ns` is the last look among them.
 */
bool registry_awaits(const struct registry *r, uint32_t list, uint8_t server, int64_t *latest_ns);

/* How long results may be shown, in time during which the list is ok. */
struct registry_stale {
    int64_t sweep_ns;
    const int64_t *ring_ns; /* by ring */
    uint32_t n_rings;
};
/* Looks at the next `steps` cells (wrapping) and takes out what is stale or no longer a sample. */
void registry_scan(struct registry *r, uint32_t list, const struct registry_stale *stale, uint32_t steps,
                   int64_t now_ns);
/* The same for the next `steps` of those named one by one: they become stale sooner than a range does. */
void registry_scan_watched(struct registry *r, uint32_t list, const struct registry_stale *stale,
                           uint32_t steps, int64_t now_ns);

/* Puts back what was known about an address before the program was started: verdict and flags as in a cell
 * (but CELL_MARKS), score (REGISTRY_NO_SCORE if none), when it was checked, and, if it has an entry, sampled.
 */
void registry_restore_cell(struct registry *r, uint32_t list, uint32_t index, unsigned state, uint8_t score,
                           uint32_t checked, uint32_t sampled);
/* ... its entry, made if there is none; NULL: no memory. */
struct registry_entry *registry_restore_entry(struct registry *r, uint32_t list, uint32_t index);
/* What was checked at `since` or later is not proven: the next self-test of `server` decides about it. Only
 * addresses of `family`. */
enum status registry_restore_unproven(struct registry *r, uint32_t list, enum ip_family family,
                                      uint8_t server, uint32_t since) MUST_CHECK;
/* The entry of `index`, NULL if it has none. Valid until the next look. */
struct registry_entry *registry_entry_find(const struct registry *r, uint32_t list, uint32_t index);
/* Stamp of the last conclusive look at an address (its entry has it, if there is one); 0: never. */
uint32_t registry_cell_stamp(const struct registry *r, uint32_t list, uint32_t index);
/* Whether the verdict of a cell is to be shown. */
static inline bool registry_is_fresh(const struct registry_list *l, uint32_t index) {
    return (l->states[index] & CELL_FRESH) != 0;
}
static inline enum registry_verdict registry_verdict_of(const struct registry_list *l, uint32_t index) {
    return (enum registry_verdict)(l->states[index] & CELL_VERDICT);
}
/* What is known now of the safelisted range `safelist` (in targets->safelists) on `list`. */
struct registry_safelist_now registry_safelist_now(const struct registry *r, uint32_t list,
                                                   uint32_t safelist);
/* Stamp of the last moment at which an address of it was known to be listed: now if one is. A listing lasts
 * until it is proven gone, whether the list can be believed or not. 0: never seen. */
uint32_t registry_safelist_listed(const struct registry *r, uint32_t list, uint32_t safelist, int64_t now_ns);
/* Notes of which safelisted ranges SETTINGS_ENOUGH has a result now, and since when: to be called every
 * minute or so. */
void registry_safelists_note(struct registry *r, uint32_t list, int64_t now_ns);
/* Whether a listing within the last `span_ns` would have been seen: nearly all of the range has been known
 * for so long, and the list could be believed for nine tenths of it. The program's own absence is time in
 * which no list could be. */
bool registry_safelist_watched(const struct registry *r, uint32_t list, uint32_t safelist, int64_t span_ns,
                               int64_t now_ns);
/* Learns what entries and flips tell of the past of safelisted ranges: for those of which less is known. */
void registry_safelists_learn(struct registry *r, uint32_t list);
/* To take over what was known of safelisted ranges before: first each of them is named, then each is handed
 * over, to whatever range of now it tells something of. */
void registry_safelists_name(struct registry *r, uint32_t list, const struct ip_range *range);
void registry_safelists_inherit(struct registry *r, uint32_t list, const struct ip_range *range,
                                const struct registry_safelist *kept);
/* The next index >= `from` and < `to` that is listed and fresh, or `to`. */
uint32_t registry_next_listed(const struct registry_list *l, uint32_t from, uint32_t to);

#endif
