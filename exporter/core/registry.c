/* SPDX-License-Identifier: Apache-2.0
 *
 * Cells, entries, counts, and the slow scan. What looks and self-tests do to them is in registry_look.c.
 *
 * Rejected: an object per address (262,144 addresses on 20 lists would be 330 MB at 64 bytes each; cells are
 * 26 MB), and a heap of expiry times (the scan costs nothing that can be measured, and its error is a share
 * of `stale_after`).
 */
#include "core/registry.h"

#include "core/registry_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

const char *const registry_verdict_text[REGISTRY_LISTED + 1] = {"unknown", "not_listed", "listed"};

#define SECOND_NS INT64_C(1000000000)
enum { ENTRIES_LEAST = 32 };
#define EPOCH_BEFORE_NS (SECOND_NS * 3650 * 86400)

int64_t registry_epoch(int64_t start_ns) {
    return start_ns - EPOCH_BEFORE_NS;
}

uint32_t registry_stamp(const struct registry *r, int64_t ns) {
    int64_t seconds = (ns - r->epoch_ns) / SECOND_NS;
    if (seconds < 1)
        return 1;
    return seconds > UINT32_MAX ? UINT32_MAX : (uint32_t)seconds;
}

int64_t registry_ns(const struct registry *r, uint32_t stamp) {
    return r->epoch_ns + (int64_t)stamp * SECOND_NS;
}

static void list_release(struct registry_list *l) {
    for (uint32_t i = 0; i < l->n_entries; i++)
        free(l->entries[i].txt);
    free(l->states);
    free(l->stamps);
    free(l->scores);
    free(l->counts);
    free(l->group_flips);
    free(l->range_flips);
    free(l->safelists);
    free(l->entries);
    free(l->table);
    free(l->journal);
    free(l->touched.indexes);
    free(l->detailed.indexes);
}

static void *zeroed(size_t n, size_t size) {
    return calloc(n > 0 ? n : 1, size);
}

static enum status list_init(struct registry_list *l, const struct targets *targets, uint32_t index,
                             int64_t now_ns) {
    const struct settings *s = targets->settings;
    l->list = &s->lists[index];
    l->set = targets->sets[index];
    l->frozen = true;
    l->frozen_since_ns = now_ns;
    l->free_entry = UINT32_MAX;
    if (l->set == NULL)
        return STATUS_OK;
    l->states = zeroed(l->set->n, sizeof *l->states);
    l->stamps = zeroed(l->set->n, sizeof *l->stamps);
    l->counts = zeroed(targets->n_segments, sizeof *l->counts);
    l->group_flips = zeroed(s->n_groups, sizeof *l->group_flips);
    l->range_flips = zeroed(targets->n_ranges, sizeof *l->range_flips);
    l->safelists = zeroed(targets->n_safelists, sizeof *l->safelists);
    if (l->states == NULL || l->stamps == NULL || l->counts == NULL || l->group_flips == NULL ||
        l->range_flips == NULL || l->safelists == NULL)
        return STATUS_NO_MEMORY;
    if (l->list->kind == LIST_REPUTATION) {
        l->scores = malloc(l->set->n > 0 ? l->set->n : 1);
        if (l->scores == NULL)
            return STATUS_NO_MEMORY;
        memset(l->scores, REGISTRY_NO_SCORE, l->set->n);
    }
    return STATUS_OK;
}

enum status registry_new(const struct targets *targets, int64_t epoch_ns, int64_t now_ns,
                         struct registry **out) {
    struct registry *r = calloc(1, sizeof *r);
    if (r == NULL)
        return STATUS_NO_MEMORY;
    r->targets = targets;
    r->epoch_ns = epoch_ns;
    r->lists = zeroed(targets->settings->n_lists, sizeof *r->lists);
    if (r->lists == NULL) {
        free(r);
        return STATUS_NO_MEMORY;
    }
    r->n_lists = targets->settings->n_lists;
    for (uint32_t i = 0; i < r->n_lists; i++) {
        if (list_init(&r->lists[i], targets, i, now_ns) != STATUS_OK) {
            registry_free(r);
            return STATUS_NO_MEMORY;
        }
    }
    *out = r;
    return STATUS_OK;
}

void registry_free(struct registry *r) {
    if (r == NULL)
        return;
    for (size_t i = 0; i < r->n_lists; i++)
        list_release(&r->lists[i]);
    free(r->lists);
    free(r);
}

/* ---- cells ---- */

static unsigned band_of(uint8_t score) {
    return score >= 90 ? REGISTRY_BANDS - 1 : score / 10u;
}

static void count_cell(struct registry_count *c, unsigned state, uint8_t score, uint32_t by) {
    if ((state & CELL_FRESH) != 0) {
        c->checked += by;
        if ((state & CELL_VERDICT) == REGISTRY_LISTED)
            c->listed += by;
        if (score != REGISTRY_NO_SCORE)
            c->bands[band_of(score)] += by;
    }
    if ((state & CELL_VERDICT) == REGISTRY_LISTED)
        c->known_listed += by;
    if ((state & CELL_SAMPLED) != 0)
        c->sample_checked += by;
    if ((state & CELL_SAMPLE_LISTED) != 0)
        c->sample_listed += by;
}

uint8_t registry_cell_score(const struct registry_list *l, uint32_t index) {
    return l->scores != NULL ? l->scores[index] : (uint8_t)REGISTRY_NO_SCORE;
}

void registry_cell_put_at(struct registry_list *l, uint32_t index, int32_t segment, unsigned state,
                          uint8_t score) {
    unsigned before = l->states[index];
    state = (state & ~(unsigned)CELL_MARKS) | (before & CELL_MARKS);
    if (segment != TARGET_NO_SEGMENT) {
        struct registry_count *c = &l->counts[segment];
        count_cell(c, before, registry_cell_score(l, index), (uint32_t)-1);
        count_cell(c, state, score, 1);
    }
    l->states[index] = (uint8_t)state;
    if (l->scores != NULL)
        l->scores[index] = score;
}

void registry_cell_put(struct registry_list *l, uint32_t index, unsigned state, uint8_t score) {
    int32_t segment = index < l->set->n_swept ? target_span_of(l->set, index)->segment : TARGET_NO_SEGMENT;
    registry_cell_put_at(l, index, segment, state, score);
}

void registry_cell_set(struct registry_list *l, uint32_t index, unsigned state, uint8_t score) {
    registry_cell_put(l, index, state, score);
    registry_touch(l, index);
}

uint32_t registry_cell_stamp(const struct registry *r, uint32_t list, uint32_t index) {
    const struct registry_list *l = &r->lists[list];
    return (l->states[index] & CELL_TRACKED) != 0 ? registry_entry_find(r, list, index)->checked
                                                  : l->stamps[index];
}

void registry_cell_stamp_set(struct registry *r, uint32_t list, uint32_t index, uint32_t stamp) {
    struct registry_list *l = &r->lists[list];
    registry_touch(l, index);
    if ((l->states[index] & CELL_TRACKED) != 0)
        registry_entry_find(r, list, index)->checked = stamp;
    else
        l->stamps[index] = stamp;
}

/* ---- entries: an array with a free list, and a table of open addressing over it ---- */

static uint32_t slot_of(const struct registry_list *l, uint32_t index) {
    return (uint32_t)((index * UINT64_C(0x9e3779b97f4a7c15)) >> 32) & (l->table_size - 1);
}

struct registry_entry *registry_entry_find(const struct registry *r, uint32_t list, uint32_t index) {
    const struct registry_list *l = &r->lists[list];
    if (l->table_size == 0)
        return NULL;
    for (uint32_t i = slot_of(l, index); l->table[i] != 0; i = (i + 1) & (l->table_size - 1)) {
        struct registry_entry *entry = &l->entries[l->table[i] - 1];
        if (entry->index == index)
            return entry;
    }
    return NULL;
}

static void table_put(struct registry_list *l, uint32_t number) {
    uint32_t i = slot_of(l, l->entries[number].index);
    while (l->table[i] != 0)
        i = (i + 1) & (l->table_size - 1);
    l->table[i] = number + 1;
}

/* Takes a number out, moving back what it had pushed away (Knuth 6.4, algorithm R). */
static void table_remove(struct registry_list *l, uint32_t index) {
    uint32_t mask = l->table_size - 1;
    uint32_t i = slot_of(l, index);
    while (l->entries[l->table[i] - 1].index != index)
        i = (i + 1) & mask;
    for (uint32_t j = (i + 1) & mask; l->table[j] != 0; j = (j + 1) & mask) {
        uint32_t home = slot_of(l, l->entries[l->table[j] - 1].index);
        if (((j - home) & mask) >= ((j - i) & mask)) {
            l->table[i] = l->table[j];
            i = j;
        }
    }
    l->table[i] = 0;
}

static bool table_resize(struct registry_list *l, uint32_t size) {
    uint32_t *table = calloc(size, sizeof *table);
    if (table == NULL)
        return false;
    free(l->table);
    l->table = table;
    l->table_size = size;
    for (uint32_t i = 0; i < l->n_entries; i++)
        if (l->entries[i].used)
            table_put(l, i);
    return true;
}

static bool entries_resize(struct registry_list *l, uint32_t size) {
    struct registry_entry *entries = realloc(l->entries, size * sizeof *entries);
    if (entries == NULL)
        return false;
    l->entries = entries;
    l->entries_size = size;
    return true;
}

static bool table_grow(struct registry_list *l) {
    return table_resize(l, l->table_size == 0 ? 64 : l->table_size * 2);
}

static bool entries_grow(struct registry_list *l) {
    return entries_resize(l, l->entries_size == 0 ? ENTRIES_LEAST : l->entries_size + l->entries_size / 2);
}

bool registry_entries_expect(struct registry_list *l, uint32_t n) {
    uint32_t room = n > ENTRIES_LEAST ? n : ENTRIES_LEAST;
    uint32_t size = 64;
    while (n + 1 >= size / 4 * 3)
        size *= 2;
    return (room <= l->entries_size || entries_resize(l, room)) &&
           (size <= l->table_size || table_resize(l, size));
}

struct registry_entry *registry_entry_make(struct registry *r, uint32_t list, uint32_t index) {
    struct registry_list *l = &r->lists[list];
    if ((l->states[index] & CELL_TRACKED) != 0)
        return registry_entry_find(r, list, index);
    if (l->free_entry == UINT32_MAX && l->n_entries == l->entries_size && !entries_grow(l))
        return NULL;
    if (l->n_entries + 1 >= l->table_size / 4 * 3 && !table_grow(l))
        return NULL;
    uint32_t number = l->free_entry;
    if (number != UINT32_MAX)
        l->free_entry = l->entries[number].index;
    else
        number = l->n_entries++;
    l->entries[number] = (struct registry_entry){
        .index = index, .used = true, .ring = REGISTRY_NO_RING, .checked = l->stamps[index]};
    if ((l->states[index] & CELL_SAMPLED) != 0)
        l->entries[number].sampled = l->stamps[index];
    l->states[index] |= CELL_TRACKED;
    table_put(l, number);
    return &l->entries[number];
}

void registry_entry_drop(struct registry *r, uint32_t list, struct registry_entry *entry) {
    struct registry_list *l = &r->lists[list];
    registry_touch_entry(l, entry->index);
    table_remove(l, entry->index);
    l->states[entry->index] &= (uint8_t)~CELL_TRACKED;
    l->stamps[entry->index] = entry->checked;
    if (entry->awaiting)
        l->n_awaiting--;
    free(entry->txt);
    *entry = (struct registry_entry){.index = l->free_entry};
    l->free_entry = (uint32_t)(entry - l->entries);
}

static bool is_needed(const struct registry_list *l, const struct registry_entry *entry) {
    unsigned state = l->states[entry->index];
    if (entry->ring != REGISTRY_NO_RING || entry->pending != REGISTRY_UNKNOWN ||
        (l->scores == NULL && (state & CELL_VERDICT) == REGISTRY_LISTED))
        return true;
    /* A sample has its own age. Were it that of the last look, what was delisted would stay in the sample
     * longer than what never was listed, and the share would come out too high. */
    return (state & CELL_SAMPLED) != 0 && entry->sampled != entry->checked;
}

void registry_entry_tidy(struct registry *r, uint32_t list, struct registry_entry *entry) {
    if (!is_needed(&r->lists[list], entry))
        registry_entry_drop(r, list, entry);
}

void registry_pending_clear(struct registry *r, uint32_t list, struct registry_entry *entry) {
    struct registry_list *l = &r->lists[list];
    if (entry->awaiting)
        l->n_awaiting--;
    if (entry->pending != REGISTRY_UNKNOWN)
        l->n_pending--;
    entry->awaiting = false;
    entry->pending = REGISTRY_UNKNOWN;
    entry->looks = 0;
    entry->pending_codes = 0;
    entry->pending_sample = false;
    entry->put_back = false;
    registry_entry_tidy(r, list, entry);
}

void registry_drop_pending(struct registry *r, uint32_t list, uint32_t index) {
    struct registry_entry *entry = registry_entry_find(r, list, index);
    if (entry != NULL && entry->pending != REGISTRY_UNKNOWN)
        registry_pending_clear(r, list, entry);
}

/* ---- age ---- */

static void remember_freeze(struct registry_list *l, int64_t start_ns, int64_t end_ns) {
    if (l->n_freezes == REGISTRY_FREEZES) {
        /* Melt the two oldest into one of the same length, ending when the younger ended. */
        int64_t length = l->freezes[0].end_ns - l->freezes[0].start_ns;
        l->freezes[1].start_ns -= length;
        memmove(&l->freezes[0], &l->freezes[1], (REGISTRY_FREEZES - 1) * sizeof l->freezes[0]);
        l->n_freezes--;
    }
    l->freezes[l->n_freezes++] = (struct registry_period){start_ns, end_ns};
}

void registry_freeze(struct registry *r, uint32_t list, bool frozen, int64_t now_ns) {
    struct registry_list *l = &r->lists[list];
    if (frozen == l->frozen)
        return;
    l->frozen = frozen;
    if (frozen)
        l->frozen_since_ns = now_ns;
    else
        remember_freeze(l, l->frozen_since_ns, now_ns);
}

/* The moment since when the list has been ok for `stale_ns` in all. */
static int64_t stale_before(const struct registry_list *l, int64_t stale_ns, int64_t now_ns) {
    int64_t at = l->frozen ? l->frozen_since_ns : now_ns;
    for (uint32_t i = l->n_freezes; i > 0; i--) {
        int64_t ok = at - l->freezes[i - 1].end_ns;
        if (ok >= stale_ns)
            break;
        stale_ns -= ok > 0 ? ok : 0;
        at = l->freezes[i - 1].start_ns;
    }
    return at - stale_ns;
}

struct scan {
    uint32_t sweep_before;  /* stamps below are stale */
    uint32_t sample_before; /* ... are no longer of the sample */
    bool frozen_long;       /* listed verdicts are not shown either */
};

static uint32_t ring_before(const struct registry *r, const struct registry_list *l,
                            const struct registry_stale *stale, uint16_t ring, int64_t now_ns) {
    int64_t ns = ring < stale->n_rings ? stale->ring_ns[ring] : stale->sweep_ns;
    return registry_stamp(r, stale_before(l, ns, now_ns));
}

static void scan_cell(struct registry *r, uint32_t list, uint32_t index, const struct scan *scan,
                      const struct registry_stale *stale, int64_t now_ns) {
    struct registry_list *l = &r->lists[list];
    unsigned state = l->states[index];
    if ((state & (CELL_FRESH | CELL_SAMPLED)) == 0)
        return;
    struct registry_entry *entry = (state & CELL_TRACKED) != 0 ? registry_entry_find(r, list, index) : NULL;
    uint32_t checked = entry != NULL ? entry->checked : l->stamps[index];
    uint32_t sampled = entry != NULL ? entry->sampled : l->stamps[index];
    uint32_t before = entry != NULL && entry->ring != REGISTRY_NO_RING
                          ? ring_before(r, l, stale, entry->ring, now_ns)
                          : scan->sweep_before;
    unsigned after = state;
    if (checked < before || (scan->frozen_long && (state & CELL_VERDICT) == REGISTRY_LISTED))
        after &= ~(unsigned)CELL_FRESH;
    if (sampled < scan->sample_before)
        after &= ~(unsigned)(CELL_SAMPLED | CELL_SAMPLE_LISTED);
    if (after != state) /* which follows from its age: the store need not know */
        registry_cell_put(l, index, after, registry_cell_score(l, index));
    if (after != state && entry != NULL)
        registry_entry_tidy(r, list, entry);
    if ((after & CELL_FRESH) != 0 && index < l->set->n_swept) {
        struct registry_count *c = &l->counts[target_span_of(l->set, index)->segment];
        if (c->oldest_next == 0 || checked < c->oldest_next)
            c->oldest_next = checked;
    }
}

static void scan_wrap(const struct registry *r, struct registry_list *l) {
    for (uint32_t i = 0; i < r->targets->n_segments; i++) {
        l->counts[i].oldest = l->counts[i].oldest_next;
        l->counts[i].oldest_next = 0;
    }
    l->scan_at = 0;
}

static struct scan scan_of(const struct registry *r, const struct registry_list *l,
                           const struct registry_stale *stale, int64_t now_ns) {
    return (struct scan){
        .sweep_before = registry_stamp(r, stale_before(l, stale->sweep_ns, now_ns)),
        .sample_before = registry_stamp(r, now_ns - REGISTRY_SAMPLE_NS),
        .frozen_long = l->frozen && now_ns - l->frozen_since_ns > REGISTRY_FROZEN_NS,
    };
}

void registry_scan(struct registry *r, uint32_t list, const struct registry_stale *stale, uint32_t steps,
                   int64_t now_ns) {
    struct registry_list *l = &r->lists[list];
    if (l->set == NULL || l->set->n == 0)
        return;
    const struct scan scan = scan_of(r, l, stale, now_ns);
    if (steps > l->set->n)
        steps = l->set->n;
    for (; steps > 0; steps--) {
        scan_cell(r, list, l->scan_at, &scan, stale, now_ns);
        if (++l->scan_at == l->set->n)
            scan_wrap(r, l);
    }
}

void registry_scan_watched(struct registry *r, uint32_t list, const struct registry_stale *stale,
                           uint32_t steps, int64_t now_ns) {
    struct registry_list *l = &r->lists[list];
    if (l->set == NULL || l->set->n_watched == 0)
        return;
    const struct scan scan = scan_of(r, l, stale, now_ns);
    if (steps > l->set->n_watched)
        steps = l->set->n_watched;
    for (; steps > 0; steps--) {
        scan_cell(r, list, l->set->watched[l->scan_watched_at].index, &scan, stale, now_ns);
        if (++l->scan_watched_at == l->set->n_watched)
            l->scan_watched_at = 0;
    }
}

uint32_t registry_next_listed(const struct registry_list *l, uint32_t from, uint32_t to) {
    /* A segment without listings costs nothing here: the caller skips it by its count. */
    const unsigned want = CELL_FRESH | REGISTRY_LISTED;
    while (from < to && (l->states[from] & (CELL_FRESH | CELL_VERDICT)) != want)
        from++;
    return from;
}
