/* SPDX-License-Identifier: Apache-2.0
 *
 * senders: which addresses of a range send mail at all, by the host names that PTR records give them.
 *
 * Groups with `only_ptr` name a pattern of host names. Of each address in their ranges is known whether it
 * has such a name, has none, or was not asked about yet: two bits for each address and pattern, in one array
 * for each disjoint segment of the targets; counts are kept with them, so that a range is counted by its
 * segments. Nothing else of an answer is kept.
 *
 * Two walks ask: one about addresses of which nothing is known, at once, and again some time after it has
 * ended about those that had no answer (15 minutes, twice as long each time, a day at most); and one, a week
 * after all of it was known or asked again, about those that are known. The first goes before the second.
 * Each walk asks about an address once, in a fixed pseudo-random order (core/permute) in which all segments
 * advance by the same share, so that what is known of a range early is a fair sample of it. Who asks, at
 * which rate, is the caller's affair, and so are time-outs.
 */
#ifndef RBL_CORE_SENDERS_H
#define RBL_CORE_SENDERS_H

#include "core/buf.h"
#include "core/reply.h"
#include "core/status.h"
#include "core/targets.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SENDERS_REPEAT_NS (INT64_C(1000000000) * 7 * 86400)
#define SENDERS_RETRY_NS (INT64_C(1000000000) * 15 * 60)
#define SENDERS_RETRY_MOST_NS (INT64_C(1000000000) * 86400)
enum { SENDERS_STEPS = 4096 /* what senders_next() passes over at most before it takes a rest */ };

enum senders_walk {
    SENDERS_NEW,   /* what is not known */
    SENDERS_AGAIN, /* what is */
    SENDERS_WALKS
};

/* One walk, for people; of one that does not run, the last. */
struct senders_pass {
    bool running;
    uint32_t serial;    /* tells it from others of the kind */
    uint32_t open;      /* asked and not answered yet */
    int64_t started_ns; /* 0: there was none */
    int64_t next_ns;    /* when the next one may begin; INT64_MAX: not before something changes */
    uint64_t wanted;    /* how many it is about, as of its beginning; 0: it was taken over */
    uint64_t asked;
    uint64_t failed;  /* of them had no answer */
    uint64_t senders; /* ... had a name that a pattern matches */
};

struct senders_question {
    struct ip ip;
    enum senders_walk walk;
    uint32_t serial;
};

enum senders_answer {
    SENDERS_NAMES,   /* the names that PTR records give */
    SENDERS_NO_NAME, /* NXDOMAIN, or no such record */
    SENDERS_FAILED   /* anything else: says nothing */
};

struct senders_count {
    uint64_t known;
    uint64_t senders;
};

struct senders;

/* For the ranges of all groups with `only_ptr` in `targets`, which are borrowed; nothing is known. */
enum status senders_new(const struct targets *targets, struct senders **out) MUST_CHECK;
void senders_free(struct senders *s); /* NULL allowed */
/* Whether there is any address to ask about. */
bool senders_are_wanted(const struct senders *s);

/* The next address to ask about, if one is due: true. Else false, and *wake_ns when to call again at the
 * latest; answers may change it. */
bool senders_next(struct senders *s, int64_t now_ns, struct senders_question *question, int64_t *wake_ns);
/* What came of a question, once for each, also of one that an earlier `struct senders` asked; `names` for
 * SENDERS_NAMES, else NULL. True: whether the address is a sender has changed for some group. */
bool senders_answered(struct senders *s, const struct senders_question *question, enum senders_answer answer,
                      const struct reply_texts *names, int64_t now_ns);
const struct senders_pass *senders_pass(const struct senders *s, enum senders_walk walk);
/* Whether `name`, of `len` bytes, is what `pattern` says: `*` stands for any run of characters, also none;
 * letters in either case are the same, and a dot at the end says nothing. */
bool senders_match(const char *pattern, const char *name, size_t len);

/* Of the `range`-th of targets.ranges; false if its group has no `only_ptr`. */
bool senders_count(const struct senders *s, uint32_t range, struct senders_count *out);
/* Whether all addresses of `segment` go first on `list`: groups without `only_ptr` want them there. */
bool senders_all_first(const struct senders *s, uint32_t list, uint32_t segment);
/* Whether the one at `offset` in `segment` does: it is a sender for some group, or as above. */
bool senders_goes_first(const struct senders *s, uint32_t list, uint32_t segment, uint32_t offset);

/* Takes over by address and pattern what the one before a reload knew. */
void senders_carry(struct senders *s, const struct senders *old, int64_t now_ns);
/* What is known as bytes for the store, some 64 KiB for 262,144 addresses; `offset_ns` makes times of the
 * wall clock. */
void senders_encode(const struct senders *s, struct buf *out, int64_t offset_ns);
/* Takes over what senders_encode() wrote; STATUS_SYNTAX if it is anything else, which changes nothing. */
enum status senders_decode(struct senders *s, const void *data, size_t len, int64_t now_ns, int64_t offset_ns)
    MUST_CHECK;
/* Changes with all that senders_encode() would write, except for the progress of the second walk. */
uint64_t senders_changes(const struct senders *s);

#endif
