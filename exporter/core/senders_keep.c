/* SPDX-License-Identifier: Apache-2.0
 *
 * What outlives a reload or the program: runs of addresses with two bits each, by pattern. A run is taken
 * over as far as the targets still have its addresses and its pattern.
 *
 * As bytes: a version, the times of both walks, each pattern with its runs, and a sum over all of it. They
 * are read twice: to the end without believing anything, and then taken over.
 */
#include "core/pack.h"
#include "core/senders.h"
#include "core/senders_internal.h"

#include <string.h>

enum { VERSION = 1, PATTERN_SIZE = 256, SUM_BYTES = 8, RUN_MOST = 1 << 24 };

/* What one pattern made of consecutive addresses. */
struct run {
    struct ip first;
    uint32_t count;
    uint32_t new_at;   /* how far the first walk was; 0 if it is to begin anew */
    uint32_t again_at; /* ... and the second */
    const uint8_t *bits;
};

struct times {
    bool again_runs;
    int64_t again_started_ns;
    int64_t again_ns; /* INT64_MAX: not before all was asked once */
    int64_t new_ns;   /* when what had no answer is asked again */
    int64_t retry_ns; /* and the pause after that */
};

/* ---- taking over ---- */

static void take_bits(struct senders_part *part, struct senders_plane *plane, const struct run *run) {
    bool before = ip_compare(&run->first, &part->first) < 0;
    uint32_t offset = before ? 0 : (uint32_t)ip_distance(&part->first, &run->first);
    uint32_t at = before ? (uint32_t)ip_distance(&run->first, &part->first) : 0;
    for (; at < run->count && offset < part->count; at++, offset++) {
        senders_set(plane, offset, senders_look(run->bits, at));
        part->seen++;
    }
    if (run->count == part->count && ip_equal(&run->first, &part->first)) {
        part->at[SENDERS_NEW] = run->new_at;
        part->at[SENDERS_AGAIN] = run->again_at;
    }
}

static bool overlaps(const struct senders_part *part, const struct run *run) {
    struct ip part_last = ip_add(part->first, part->count - 1);
    struct ip run_last = ip_add(run->first, run->count - 1);
    return part->first.family == run->first.family && ip_compare(&part->first, &run_last) <= 0 &&
           ip_compare(&run->first, &part_last) <= 0;
}

/* Where the first part that may hold any of the run is. */
static uint32_t first_part(const struct senders *s, const struct run *run) {
    uint32_t lo = 0;
    uint32_t hi = s->n_parts;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        struct ip last = ip_add(s->parts[mid].first, s->parts[mid].count - 1);
        if (ip_compare(&last, &run->first) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static void take_run(struct senders *s, uint32_t pattern, const struct run *run) {
    for (uint32_t i = first_part(s, run); i < s->n_parts && overlaps(&s->parts[i], run); i++) {
        struct senders_part *part = &s->parts[i];
        for (uint32_t k = part->first_plane; k < part->first_plane + part->n_planes; k++)
            if (s->planes[k].pattern == pattern)
                take_bits(part, &s->planes[k], run);
    }
}

static uint32_t find_pattern(const struct senders *s, const char *text) {
    for (uint32_t i = 0; i < s->n_patterns; i++)
        if (strcmp(s->patterns[i], text) == 0)
            return i;
    return SENDERS_NOWHERE;
}

static uint32_t count_unknown(const struct senders *s, const struct senders_part *part) {
    uint32_t n = 0;
    for (uint32_t offset = 0; offset < part->count; offset++)
        n += senders_is_unknown(s, part, offset);
    return n;
}

/* What is new is asked at once; what had no answer, when its pause is over. Walks go on after a reload, but
 * begin anew in parts that have become others; after a start the first one does so everywhere. */
static void take_times(struct senders *s, const struct times *times, int64_t now_ns) {
    bool is_new = false;
    bool all_known = true;
    for (uint32_t i = 0; i < s->n_parts; i++) {
        struct senders_part *part = &s->parts[i];
        if (part->seen < (uint64_t)part->count * part->n_planes) {
            part->at[SENDERS_NEW] = 0;
            is_new = true;
        }
        if (part->seen == 0)
            part->at[SENDERS_AGAIN] = part->count; /* the first walk is enough */
        part->n_unknown = count_unknown(s, part);
        all_known = all_known && part->n_unknown == 0;
    }
    s->retry_ns = times->retry_ns;
    s->passes[SENDERS_NEW].next_ns = is_new ? 0 : times->new_ns;
    struct senders_pass *again = &s->passes[SENDERS_AGAIN];
    again->running = times->again_runs;
    again->started_ns = times->again_started_ns;
    again->next_ns = times->again_ns;
    /* The first walk, which would say when, has nothing left to ask. */
    if (all_known && !again->running && again->next_ns == INT64_MAX)
        again->next_ns = now_ns + SENDERS_REPEAT_NS;
}

/* ---- a reload ---- */

/* One that runs goes on with its numbers; what is under way is learnt when it comes, and counted nowhere. */
static void carry_pass(struct senders_pass *pass, const struct senders_pass *old) {
    int64_t next_ns = pass->next_ns;
    if (old->running) {
        *pass = *old;
        pass->open = 0;
    } else {
        pass->next_ns = next_ns;
    }
    pass->serial = old->serial + 1;
}

void senders_carry(struct senders *s, const struct senders *old, int64_t now_ns) {
    for (uint32_t i = 0; i < old->n_parts; i++) {
        const struct senders_part *part = &old->parts[i];
        for (uint32_t k = part->first_plane; k < part->first_plane + part->n_planes; k++) {
            uint32_t pattern = find_pattern(s, old->patterns[old->planes[k].pattern]);
            const struct run run = {.first = part->first,
                                    .count = part->count,
                                    .new_at = part->at[SENDERS_NEW],
                                    .again_at = part->at[SENDERS_AGAIN],
                                    .bits = old->planes[k].bits};
            if (pattern != SENDERS_NOWHERE)
                take_run(s, pattern, &run);
        }
    }
    const struct senders_pass *new = &old->passes[SENDERS_NEW];
    const struct senders_pass *again = &old->passes[SENDERS_AGAIN];
    take_times(s,
               &(struct times){.again_runs = again->running,
                               .again_started_ns = again->started_ns,
                               .again_ns = again->next_ns,
                               .new_ns = new->running ? now_ns : new->next_ns,
                               .retry_ns = old->retry_ns},
               now_ns);
    for (int walk = 0; walk < SENDERS_WALKS; walk++)
        carry_pass(&s->passes[walk], &old->passes[walk]);
    s->changes = old->changes + 1;
}

/* ---- bytes ---- */

/* INT64_MAX stands for never, 0 for what has not been. */
static void pack_moment(struct buf *out, int64_t ns, int64_t offset_ns) {
    pack_i64(out, ns == INT64_MAX || ns == 0 ? ns : ns + offset_ns);
}

static uint32_t count_runs(const struct senders *s, uint32_t pattern) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < s->n_parts; i++)
        for (uint32_t k = s->parts[i].first_plane; k < s->parts[i].first_plane + s->parts[i].n_planes; k++)
            n += s->planes[k].pattern == pattern;
    return n;
}

static void encode_pattern(const struct senders *s, uint32_t pattern, struct buf *out) {
    pack_text(out, s->patterns[pattern]);
    pack_u32(out, count_runs(s, pattern));
    for (uint32_t i = 0; i < s->n_parts; i++) {
        const struct senders_part *part = &s->parts[i];
        for (uint32_t k = part->first_plane; k < part->first_plane + part->n_planes; k++) {
            if (s->planes[k].pattern != pattern)
                continue;
            pack_ip(out, &part->first);
            pack_u32(out, part->count);
            pack_u32(out, part->at[SENDERS_AGAIN]);
            pack_bytes(out, s->planes[k].bits, senders_bytes(part->count));
        }
    }
}

void senders_encode(const struct senders *s, struct buf *out, int64_t offset_ns) {
    const struct senders_pass *new = &s->passes[SENDERS_NEW];
    const struct senders_pass *again = &s->passes[SENDERS_AGAIN];
    size_t from = out->len;
    pack_u8(out, VERSION);
    pack_u8(out, again->running);
    pack_moment(out, again->started_ns, offset_ns);
    pack_moment(out, again->next_ns, offset_ns);
    pack_moment(out, new->running ? 0 : new->next_ns, offset_ns);
    pack_i64(out, s->retry_ns);
    pack_u32(out, s->n_patterns);
    for (uint32_t i = 0; i < s->n_patterns; i++)
        encode_pattern(s, i, out);
    if (buf_status(out) == STATUS_OK)
        pack_u64(out, pack_hash(out->data + from, out->len - from));
}

/* A moment of the clock of this program: never in more than `most_ns` from now, whatever the clocks did. */
static int64_t unpack_moment(struct unpack *u, int64_t now_ns, int64_t offset_ns, int64_t most_ns) {
    int64_t wall_ns = unpack_i64(u);
    if (wall_ns == 0 || wall_ns == INT64_MAX)
        return wall_ns;
    int64_t ns = 0;
    if (__builtin_sub_overflow(wall_ns, offset_ns, &ns) || wall_ns < 0) {
        u->bad = true;
        return 0;
    }
    return ns > now_ns + most_ns ? now_ns + most_ns : ns;
}

static struct times read_times(struct unpack *u, int64_t now_ns, int64_t offset_ns) {
    struct times t = {.again_runs = unpack_u8(u) != 0};
    t.again_started_ns = unpack_moment(u, now_ns, offset_ns, 0);
    t.again_ns = unpack_moment(u, now_ns, offset_ns, SENDERS_REPEAT_NS);
    t.new_ns = unpack_moment(u, now_ns, offset_ns, SENDERS_RETRY_MOST_NS);
    t.retry_ns = unpack_i64(u);
    if (t.retry_ns < SENDERS_RETRY_NS || t.retry_ns > SENDERS_RETRY_MOST_NS)
        u->bad = true;
    return t;
}

static bool has_good_bits(const struct run *run) {
    for (uint32_t i = 0; i < run->count; i++)
        if (senders_look(run->bits, i) >= SENDER_STATES)
            return false;
    return true;
}

static bool is_in_family(const struct run *run) {
    struct ip last = ip_add(run->first, run->count - 1);
    return ip_compare(&run->first, &last) <= 0 && (last.family == IP_V6 || last.lo <= UINT32_MAX);
}

static struct run read_run(struct unpack *u) {
    struct run run = {.count = 0};
    unpack_ip(u, &run.first);
    run.count = unpack_u32(u);
    run.again_at = unpack_u32(u);
    if (u->bad || run.count == 0 || run.count > RUN_MOST || run.again_at > run.count || !is_in_family(&run))
        u->bad = true;
    else
        run.bits = unpack_bytes(u, senders_bytes(run.count));
    if (!u->bad && !has_good_bits(&run))
        u->bad = true;
    return run;
}

/* Reads all of it; with `takes`, which is only allowed if that once went well, takes it over. */
static struct times read_all(struct senders *s, struct unpack *u, bool takes, int64_t now_ns,
                             int64_t offset_ns) {
    if (unpack_u8(u) != VERSION)
        u->bad = true;
    struct times times = read_times(u, now_ns, offset_ns);
    uint32_t n_patterns = unpack_u32(u);
    for (uint32_t i = 0; i < n_patterns && !u->bad; i++) {
        char text[PATTERN_SIZE];
        unpack_text(u, text, sizeof text);
        uint32_t pattern = find_pattern(s, text);
        uint32_t n_runs = unpack_u32(u);
        for (uint32_t k = 0; k < n_runs && !u->bad; k++) {
            struct run run = read_run(u);
            if (takes && pattern != SENDERS_NOWHERE)
                take_run(s, pattern, &run);
        }
    }
    return times;
}

enum status senders_decode(struct senders *s, const void *data, size_t len, int64_t now_ns,
                           int64_t offset_ns) {
    if (len < SUM_BYTES)
        return STATUS_SYNTAX;
    size_t n = len - SUM_BYTES;
    struct unpack sum = unpack_begin((const uint8_t *)data + n, SUM_BYTES);
    struct unpack u = unpack_begin(data, n);
    if (unpack_u64(&sum) != pack_hash(data, n))
        return STATUS_SYNTAX;
    (void)read_all(s, &u, false, now_ns, offset_ns);
    if (!unpack_is_done(&u))
        return STATUS_SYNTAX;
    u = unpack_begin(data, n);
    struct times times = read_all(s, &u, true, now_ns, offset_ns);
    take_times(s, &times, now_ns);
    return STATUS_OK;
}
