/* SPDX-License-Identifier: Apache-2.0
 *
 * Whom to ask next, and what an answer says.
 */
#include "core/senders.h"

#include "core/senders_internal.h"

#include <assert.h>
#include <string.h>

/* ---- names ---- */

static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static size_t without_dot(const char *name, size_t len) {
    return len > 0 && name[len - 1] == '.' ? len - 1 : len;
}

/* Only the last `*` that was met has to be tried again: what the earlier ones took as soon as they could
 * leaves the most to what follows. */
bool senders_match(const char *pattern, const char *name, size_t len) {
    size_t n_pattern = without_dot(pattern, strlen(pattern));
    size_t n_name = without_dot(name, len);
    size_t p = 0;
    size_t i = 0;
    size_t star = SIZE_MAX;
    size_t taken = 0;
    while (i < n_name) {
        if (p < n_pattern && pattern[p] == '*') {
            star = p++;
            taken = i;
        } else if (p < n_pattern && lower(pattern[p]) == lower(name[i])) {
            p++;
            i++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            i = ++taken;
        } else {
            return false;
        }
    }
    while (p < n_pattern && pattern[p] == '*')
        p++;
    return p == n_pattern;
}

static enum sender_state state_by(const char *pattern, const struct reply_texts *names) {
    const char *name = NULL;
    size_t len = 0;
    for (size_t at = 0; names != NULL && reply_texts_next(names, &at, &name, &len);)
        if (senders_match(pattern, name, len))
            return SENDER_YES;
    return SENDER_NO;
}

/* ---- walks ---- */

static bool has_more(const struct senders_part *part, enum senders_walk walk) {
    return part->at[walk] < part->count && (walk == SENDERS_AGAIN || part->n_unknown > 0);
}

/* The part that is behind the others. */
static struct senders_part *next_part(struct senders *s, enum senders_walk walk) {
    struct senders_part *best = NULL;
    for (uint32_t i = 0; i < s->n_parts; i++) {
        struct senders_part *part = &s->parts[i];
        if (has_more(part, walk) &&
            (best == NULL || (uint64_t)part->at[walk] * best->count < (uint64_t)best->at[walk] * part->count))
            best = part;
    }
    return best;
}

static void begin(struct senders *s, enum senders_walk walk, int64_t now_ns) {
    struct senders_pass *pass = &s->passes[walk];
    *pass = (struct senders_pass){
        .running = true, .serial = pass->serial + 1, .started_ns = now_ns, .next_ns = INT64_MAX};
    for (uint32_t i = 0; i < s->n_parts; i++) {
        struct senders_part *part = &s->parts[i];
        part->at[walk] = 0;
        pass->wanted += walk == SENDERS_NEW ? part->n_unknown : part->count - part->n_unknown;
    }
    s->changes++;
}

static bool is_all_known(const struct senders *s) {
    for (uint32_t i = 0; i < s->n_parts; i++)
        if (s->parts[i].n_unknown > 0)
            return false;
    return true;
}

static void end(struct senders *s, enum senders_walk walk, int64_t now_ns) {
    struct senders_pass *pass = &s->passes[walk];
    pass->running = false;
    s->changes++;
    if (walk == SENDERS_AGAIN) {
        pass->next_ns = now_ns + SENDERS_REPEAT_NS;
        return;
    }
    if (s->passes[SENDERS_AGAIN].next_ns == INT64_MAX && !s->passes[SENDERS_AGAIN].running)
        s->passes[SENDERS_AGAIN].next_ns = now_ns + SENDERS_REPEAT_NS;
    if (is_all_known(s)) {
        s->retry_ns = SENDERS_RETRY_NS;
        return;
    }
    pass->next_ns = now_ns + s->retry_ns;
    s->retry_ns = 2 * s->retry_ns < SENDERS_RETRY_MOST_NS ? 2 * s->retry_ns : SENDERS_RETRY_MOST_NS;
}

enum found { FOUND_ONE, FOUND_NONE, FOUND_LATER };

/* Moves the walk on to the next address that it asks about. A look for the part that is behind counts as a
 * step for each of them. */
static enum found step(struct senders *s, enum senders_walk walk, uint64_t *steps, struct ip *ip) {
    while (*steps < SENDERS_STEPS) {
        struct senders_part *part = next_part(s, walk);
        *steps += s->n_parts / 64 + 1;
        if (part == NULL)
            return FOUND_NONE;
        for (; has_more(part, walk) && *steps < SENDERS_STEPS; ++*steps) {
            uint32_t offset = permute_at(&part->order, part->at[walk]++);
            if (senders_is_unknown(s, part, offset) != (walk == SENDERS_NEW))
                continue;
            *ip = ip_add(part->first, offset);
            return FOUND_ONE;
        }
    }
    return FOUND_LATER;
}

/* When a walk may begin: the first one never while there is nothing to ask. */
static int64_t next_begin(const struct senders *s, enum senders_walk walk) {
    return walk == SENDERS_NEW && is_all_known(s) ? INT64_MAX : s->passes[walk].next_ns;
}

bool senders_next(struct senders *s, int64_t now_ns, struct senders_question *question, int64_t *wake_ns) {
    uint64_t steps = 0;
    *wake_ns = INT64_MAX;
    for (int w = 0; s->n_parts > 0 && w < SENDERS_WALKS; w++) {
        enum senders_walk walk = (enum senders_walk)w;
        struct senders_pass *pass = &s->passes[walk];
        if (!pass->running && next_begin(s, walk) <= now_ns)
            begin(s, walk, now_ns);
        enum found found = pass->running ? step(s, walk, &steps, &question->ip) : FOUND_NONE;
        if (found == FOUND_ONE) {
            question->walk = walk;
            question->serial = pass->serial;
            pass->asked++;
            pass->open++;
            return true;
        }
        if (found == FOUND_LATER) {
            *wake_ns = now_ns;
            return false;
        }
        if (pass->running && pass->open == 0)
            end(s, walk, now_ns);
        if (!pass->running && next_begin(s, walk) < *wake_ns)
            *wake_ns = next_begin(s, walk);
    }
    return false;
}

/* ---- answers ---- */

static bool learn(struct senders *s, const struct ip *ip, const struct reply_texts *names) {
    struct senders_part *part = senders_part_of(s, ip);
    if (part == NULL)
        return false;
    uint32_t offset = (uint32_t)ip_distance(&part->first, ip);
    bool changed = false;
    part->n_unknown -= senders_is_unknown(s, part, offset);
    for (uint32_t i = 0; i < part->n_planes; i++) {
        struct senders_plane *plane = &s->planes[part->first_plane + i];
        enum sender_state before = senders_get(plane, offset);
        enum sender_state state = state_by(s->patterns[plane->pattern], names);
        changed = changed || (before == SENDER_YES) != (state == SENDER_YES);
        s->changes += before != state;
        senders_set(plane, offset, state);
    }
    return changed;
}

static bool is_sender(struct senders *s, const struct ip *ip) {
    const struct senders_part *part = senders_part_of(s, ip);
    for (uint32_t i = 0; part != NULL && i < part->n_planes; i++)
        if (senders_get(&s->planes[part->first_plane + i], (uint32_t)ip_distance(&part->first, ip)) ==
            SENDER_YES)
            return true;
    return false;
}

bool senders_answered(struct senders *s, const struct senders_question *question, enum senders_answer answer,
                      const struct reply_texts *names, int64_t now_ns) {
    struct senders_pass *pass = &s->passes[question->walk];
    bool changed =
        answer != SENDERS_FAILED && learn(s, &question->ip, answer == SENDERS_NAMES ? names : NULL);
    if (!pass->running || pass->serial != question->serial)
        return changed;
    assert(pass->open > 0);
    pass->open--;
    pass->failed += answer == SENDERS_FAILED;
    pass->senders += answer == SENDERS_NAMES && is_sender(s, &question->ip);
    if (pass->open == 0 && next_part(s, question->walk) == NULL)
        end(s, question->walk, now_ns);
    return changed;
}

const struct senders_pass *senders_pass(const struct senders *s, enum senders_walk walk) {
    return &s->passes[walk];
}
