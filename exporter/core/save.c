/* SPDX-License-Identifier: Apache-2.0
 *
 * What has to be told is found by marks (addresses) or by comparing hashes of what would be written (the
 * rest, a few kilobytes per list), so that nothing else in the program has to think of the store. The offset
 * of the wall clock is kept until the clock has moved by more than OFFSET_STEP_NS, or every hash would be
 * another each time.
 */
#include "core/save.h"

#include "core/pack.h"
#include "core/save_internal.h"

#include <stdlib.h>
#include <string.h>

#define DAY_NS (INT64_C(86400) * 1000000000)
#define OFFSET_STEP_NS (INT64_C(500) * 1000000)
#define OFFSET_JUMP_NS (INT64_C(3600) * 1000000000)
#define FOLD_INTERVAL_NS (INT64_C(50) * 1000000)
enum { LOOKS_PER_RECORD = 4096, CHUNKS_PER_TURN = 8, FOLD_LEAST = 64 * 1024 };

/* What the store holds of one list, and what it has to be told yet. */
struct save_list {
    struct save_known known; /* .generation 0: it does not know the list */
    uint32_t index;          /* in the settings; UINT32_MAX: not in use */
    bool layout_due;
    bool first_fold;             /* of this generation: chunks of which nothing is known are not there yet */
    char gone[RECORD_NAME_SIZE]; /* the name that it had: what is kept under that goes when this fold is done
                                  */
    uint64_t list_hash;
    uint64_t progress_hash;
    int64_t put_ns;  /* when LIST was last put */
    uint8_t *chunks; /* [n_chunks]: has changed since it was last written */
    uint32_t n_chunks;
    bool folding;
    uint32_t fold_next; /* chunk */
};

struct save {
    bool budgets_only;
    bool reserves;
    bool budgets_due; /* all of them have to be put */
    save_put *put;
    void *context;
    struct checker *checker;
    uint32_t n_used; /* checkers so far: tickets of earlier ones are void */
    struct save_list *lists;
    size_t n_lists;
    int64_t offset_ns;
    bool offset_known;
    int64_t next_ns;
    int64_t now_ns; /* of the last call */
    bool hurry;
    struct buf data; /* scratch */
};

/* ---- lists ---- */

struct save *save_new(bool budgets_only, const struct save_known *known, size_t n_known, save_put *put,
                      void *context) {
    struct save *s = calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    s->budgets_only = budgets_only;
    s->put = put;
    s->context = context;
    buf_init(&s->data, RECORD_SIZE);
    s->lists = calloc(n_known + 1, sizeof *s->lists);
    if (s->lists == NULL) {
        free(s);
        return NULL;
    }
    for (size_t i = 0; i < n_known; i++)
        s->lists[i] = (struct save_list){.known = known[i], .index = UINT32_MAX};
    s->n_lists = n_known;
    return s;
}

void save_free(struct save *s) {
    if (s == NULL)
        return;
    for (size_t i = 0; i < s->n_lists; i++)
        free(s->lists[i].chunks);
    free(s->lists);
    buf_release(&s->data);
    free(s);
}

static struct save_list *find_list(struct save_list *lists, size_t n, const char *name) {
    for (size_t i = 0; i < n; i++)
        if (strcmp(lists[i].known.name, name) == 0)
            return &lists[i];
    return NULL;
}

uint64_t save_layout_hash(const struct target_set *set) {
    struct buf text;
    buf_init(&text, RECORD_SIZE);
    save_encode_layout(&text, set);
    uint64_t hash = buf_status(&text) == STATUS_OK ? pack_hash(text.data, text.len) | 1 : 0;
    buf_release(&text);
    return hash;
}

/* All of the list has to be told, in a new generation. */
static void begin_layout(struct save_list *l, uint64_t hash) {
    l->known.generation++;
    l->known.layout_hash = hash;
    l->known.looks_bytes = 0;
    l->layout_due = true;
    l->first_fold = true;
    l->folding = false;
    l->list_hash = 0;
    memset(l->chunks, 1, l->n_chunks);
}

static void mark_entries(struct registry_list *r) {
    for (uint32_t i = 0; i < r->n_entries; i++)
        if (r->entries[i].used)
            registry_touch_entry(r, r->entries[i].index);
}

/* What was renewed for the checker `c`; false: no memory. */
static bool use_list(struct save_list *l, struct checker *c, uint32_t index) {
    const struct target_set *set = c->registry->lists[index].set;
    uint64_t hash = save_layout_hash(set);
    uint32_t n_chunks = (set->n + RECORD_CHUNK - 1) / RECORD_CHUNK;
    const char *kept_as = c->lists[index].kept_as;
    bool goes_on = strcmp(kept_as, l->known.name) == 0;
    bool same = goes_on && hash != 0 && hash == l->known.layout_hash;
    if (!goes_on && kept_as[0] != '\0')
        memcpy(l->gone, kept_as, sizeof l->gone);
    l->index = index;
    if (l->chunks == NULL || l->n_chunks != n_chunks) {
        free(l->chunks);
        l->chunks = calloc(n_chunks + 1, 1);
        l->n_chunks = n_chunks;
        if (l->chunks != NULL) /* what earlier runs have put as LOOKS is in no chunk yet */
            memset(l->chunks, 1, n_chunks);
    }
    if (l->chunks != NULL && !same)
        begin_layout(l, hash);
    return l->chunks != NULL && hash != 0;
}

enum status save_use(struct save *s, struct checker *c, int64_t now_ns) {
    size_t n_lists = c->settings->n_lists;
    enum status status = STATUS_OK;
    s->checker = c;
    s->n_used++;
    s->budgets_due = true;
    checker_reserve(c, s->reserves, now_ns);
    if (s->budgets_only)
        return STATUS_OK;
    struct save_list *lists = realloc(s->lists, (s->n_lists + n_lists + 1) * sizeof *lists);
    if (lists == NULL)
        return STATUS_NO_MEMORY;
    s->lists = lists;
    registry_keep(c->registry);
    for (size_t i = 0; i < s->n_lists; i++)
        s->lists[i].index = UINT32_MAX;
    for (uint32_t i = 0; i < n_lists; i++) {
        if (c->lists[i].list == NULL)
            continue;
        struct save_list *l = find_list(s->lists, s->n_lists, c->lists[i].list->name);
        if (l == NULL) {
            l = &s->lists[s->n_lists++];
            *l = (struct save_list){.index = i};
            strncpy(l->known.name, c->lists[i].list->name, sizeof l->known.name - 1);
        }
        if (!use_list(l, c, i)) {
            l->index = UINT32_MAX;
            status = STATUS_NO_MEMORY;
        } else if (l->layout_due)
            mark_entries(&c->registry->lists[i]);
    }
    return status;
}

/* Of what was put before nothing more is told: what is being reserved has to be asked for again. */
static void void_tickets(struct save *s) {
    s->n_used++;
    if (s->checker != NULL)
        checker_reserve(s->checker, s->reserves, s->now_ns);
}

bool save_has_spare(const struct save *s, const char *name) {
    const struct save_list *l = find_list(s->lists, s->n_lists, name);
    return l != NULL && l->index == UINT32_MAX && l->known.generation > 0;
}

void save_all(struct save *s) {
    s->budgets_due = true;
    void_tickets(s);
    for (size_t i = 0; i < s->n_lists && s->checker != NULL; i++) {
        struct save_list *l = &s->lists[i];
        if (l->index == UINT32_MAX)
            continue;
        begin_layout(l, l->known.layout_hash);
        mark_entries(&s->checker->registry->lists[l->index]);
    }
    save_hurry(s);
}

/* ---- putting ---- */

static bool put(const struct save *s, const struct save_list *l, struct record record, bool with_data) {
    record.list = l->known.name;
    record.generation = l->known.generation;
    if (with_data && buf_status(&s->data) != STATUS_OK)
        return false; /* for want of memory: later */
    record.data = with_data ? s->data.data : NULL;
    record.len = with_data ? s->data.len : 0;
    return s->put(s->context, &record, 0);
}

static bool put_layout(struct save *s, struct save_list *l) {
    if (!l->layout_due)
        return true;
    buf_clear(&s->data);
    save_encode_layout(&s->data, s->checker->registry->lists[l->index].set);
    if (!put(s, l, (struct record){.kind = RECORD_LAYOUT}, true) ||
        !put(s, l, (struct record){.kind = RECORD_FOLD}, false))
        return false;
    l->layout_due = false;
    l->folding = true;
    l->fold_next = 0;
    return true;
}

/* Daily at least, so that the store sees that the list is still in use. */
static bool put_list(struct save *s, struct save_list *l, int64_t now_ns) {
    buf_clear(&s->data);
    save_encode_list(&s->data, s->checker, l->index, s->offset_ns);
    uint64_t hash = pack_hash(s->data.data, s->data.len);
    if (hash == l->list_hash && now_ns - l->put_ns < DAY_NS)
        return true;
    save_encode_progress(&s->data, s->checker, l->index, s->offset_ns);
    if (!put(s, l, (struct record){.kind = RECORD_LIST}, true))
        return false;
    l->list_hash = hash;
    l->put_ns = now_ns;
    return true;
}

static bool put_entry(struct save *s, const struct save_list *l, uint32_t index) {
    const struct registry *r = s->checker->registry;
    const struct registry_entry *entry = registry_entry_find(r, l->index, index);
    struct record record = {.kind = RECORD_ENTRY, .ip = target_ip(r->lists[l->index].set, index)};
    buf_clear(&s->data);
    bool says = entry != NULL && save_encode_entry(&s->data, r, l->index, entry, s->offset_ns);
    if (!says)
        record.kind = RECORD_ENTRY_GONE;
    return put(s, l, record, says);
}

static bool put_entries(struct save *s, struct save_list *l) {
    struct registry_list *r = &s->checker->registry->lists[l->index];
    while (r->detailed.n > 0) {
        if (!put_entry(s, l, r->detailed.indexes[r->detailed.n - 1]))
            return false;
        (void)registry_take_mark(r, &r->detailed, CELL_DETAILED);
    }
    return true;
}

/* One LOOKS record: the progress, and the last of the marked cells. */
static bool put_some_looks(struct save *s, struct save_list *l, uint64_t progress_hash) {
    struct registry_list *r = &s->checker->registry->lists[l->index];
    uint32_t n = r->touched.n < LOOKS_PER_RECORD ? r->touched.n : LOOKS_PER_RECORD;
    pack_u32(&s->data, n);
    for (uint32_t i = 0; i < n; i++)
        save_encode_look(&s->data, s->checker->registry, l->index, r->touched.indexes[r->touched.n - 1 - i],
                         s->offset_ns);
    if (!put(s, l, (struct record){.kind = RECORD_LOOKS}, true))
        return false;
    for (uint32_t i = 0; i < n; i++)
        l->chunks[registry_take_mark(r, &r->touched, CELL_TOUCHED) / RECORD_CHUNK] = 1;
    l->progress_hash = progress_hash;
    l->known.looks_bytes += s->data.len;
    return true;
}

static bool put_looks(struct save *s, struct save_list *l) {
    const struct registry_list *r = &s->checker->registry->lists[l->index];
    for (;;) {
        buf_clear(&s->data);
        pack_u8(&s->data, RECORD_LOOKS_FORMAT);
        save_encode_progress(&s->data, s->checker, l->index, s->offset_ns);
        uint64_t hash = pack_hash(s->data.data, s->data.len);
        if (r->touched.n == 0 && hash == l->progress_hash)
            return true;
        if (!put_some_looks(s, l, hash))
            return false;
    }
}

/* ---- folding ---- */

static bool wants_fold(const struct save *s, const struct save_list *l) {
    size_t n = s->checker->registry->lists[l->index].set->n;
    return !l->folding && l->known.looks_bytes > n * SAVE_FOLD_SHARE + FOLD_LEAST;
}

static bool begin_fold(struct save *s, struct save_list *l) {
    l->list_hash = 0; /* so that LIST, which has the progress, is newer than the looks that will go */
    if (!put(s, l, (struct record){.kind = RECORD_FOLD}, false))
        return false;
    l->folding = true;
    l->fold_next = 0;
    l->known.looks_bytes = 0;
    return true;
}

static bool put_chunk(struct save *s, struct save_list *l, uint32_t chunk) {
    buf_clear(&s->data);
    bool known = save_encode_cells(&s->data, s->checker->registry, l->index, chunk, s->offset_ns);
    if ((known || !l->first_fold) && !put(s, l, (struct record){.kind = RECORD_CELLS, .number = chunk}, true))
        return false;
    return true;
}

/* Takes back what is kept under the name that a list had before: all of it is there under the new one. */
static bool put_gone(struct save *s, struct save_list *l) {
    const struct save_list *before = find_list(s->lists, s->n_lists, l->gone);
    const struct record list = {.kind = RECORD_LIST_GONE, .list = l->gone};
    const struct record budget = {.kind = RECORD_BUDGET_GONE, .list = l->gone};
    if (l->gone[0] == '\0' || (before != NULL && before->index != UINT32_MAX)) /* or somebody has it now */
        l->gone[0] = '\0';
    else if (!s->put(s->context, &list, 0) || !s->put(s->context, &budget, 0))
        return false;
    l->gone[0] = '\0';
    return true;
}

/* At most `most` chunks, which are taken off; the last of all ends it, when the entries of this generation
 * have gone out as well. */
static bool go_on_folding(struct save *s, struct save_list *l, uint32_t *most) {
    while (l->fold_next<l->n_chunks && * most> 0) {
        uint32_t chunk = l->fold_next;
        if (l->chunks[chunk] && !put_chunk(s, l, chunk))
            return false;
        *most -= l->chunks[chunk] ? 1 : 0;
        l->chunks[chunk] = 0;
        l->fold_next++;
    }
    if (l->fold_next < l->n_chunks || s->checker->registry->lists[l->index].detailed.n > 0)
        return true;
    if (!put(s, l, (struct record){.kind = RECORD_FOLDED}, false))
        return false;
    l->folding = false;
    l->first_fold = false;
    return put_gone(s, l);
}

/* ---- turning ---- */

static bool turn_list(struct save *s, struct save_list *l, int64_t now_ns) {
    struct registry_list *r = &s->checker->registry->lists[l->index];
    if (r->marks_lost) { /* for want of memory: everything may have changed */
        r->marks_lost = false;
        begin_layout(l, l->known.layout_hash);
        mark_entries(r);
    }
    if (wants_fold(s, l) && !begin_fold(s, l))
        return false;
    return put_list(s, l, now_ns) && put_layout(s, l) && put_entries(s, l) && put_looks(s, l);
}

/* A few chunks, of whatever list comes first; false: there is more to do. */
static bool turn_folds(struct save *s) {
    uint32_t most = CHUNKS_PER_TURN;
    for (size_t i = 0; i < s->n_lists; i++) {
        struct save_list *l = &s->lists[i];
        if (l->index == UINT32_MAX || !l->folding)
            continue;
        if (!go_on_folding(s, l, &most) || l->folding)
            return false;
    }
    return true;
}

/* What `quota` has spent, and `more` as if it had; with a `ticket` of its own. */
static bool put_quota(struct save *s, const char *name, bool shared, const struct quota *quota, uint64_t more,
                      uint64_t ticket, int64_t offset_ns) {
    buf_clear(&s->data);
    save_encode_budget(&s->data, quota, more, offset_ns);
    if (buf_status(&s->data) != STATUS_OK)
        return false;
    const struct record record = {
        .kind = RECORD_BUDGET, .list = name, .number = shared, .data = s->data.data, .len = s->data.len};
    return s->put(s->context, &record, ticket);
}

static bool put_budget(struct save *s, size_t number, uint64_t more, uint64_t ticket, int64_t offset_ns) {
    const struct settings *settings = s->checker->settings;
    bool shared = number < settings->n_budgets;
    const char *name =
        shared ? settings->budgets[number].name : settings->lists[number - settings->n_budgets].name;
    return put_quota(s, name, shared, &s->checker->quotas[number], more, ticket, offset_ns);
}

/* What was spent while nobody wrote it down, or was lost. */
static bool put_all_budgets(struct save *s, int64_t offset_ns) {
    const struct checker *c = s->checker;
    bool all = true;
    for (size_t i = 0; i < c->settings->n_budgets + c->settings->n_lists; i++)
        if (c->quotas[i].limit > 0)
            all = put_budget(s, i, c->quotas[i].asked, 0, offset_ns) && all;
    for (uint32_t i = 0; i < c->n_retired; i++) {
        const struct checker_retired *retired = &c->retired[i];
        all = put_quota(s, retired->name, retired->shared, &retired->quota, 0, 0, offset_ns) && all;
    }
    return all;
}

static void reserve(struct save *s, int64_t now_ns, int64_t offset_ns) {
    const struct settings *settings = s->checker->settings;
    for (size_t i = 0; i < settings->n_budgets + settings->n_lists; i++) {
        struct quota *quota = &s->checker->quotas[i];
        uint64_t more = quota_wanted(quota, now_ns);
        uint64_t ticket = (uint64_t)s->n_used << 32 | (i + 1);
        if (more > 0 && put_budget(s, i, more, ticket, offset_ns))
            quota_asked(quota, more);
    }
}

void save_written(struct save *s, uint64_t ticket, int64_t now_ns) {
    if (ticket >> 32 == s->n_used)
        checker_granted(s->checker, (size_t)(ticket & UINT32_MAX) - 1, now_ns);
}

void save_reserve(struct save *s, bool reserves, int64_t now_ns) {
    s->budgets_due = s->budgets_due || reserves;
    s->reserves = reserves;
    s->now_ns = now_ns;
    void_tickets(s);
}

void save_hurry(struct save *s) {
    s->hurry = true;
}

/* The moments in the store are by a clock that was set to another time since: after a restart, what is known
 * would be as old as the clock went ahead, and stale. All of it is written anew. */
static void rewrite_moments(struct save *s) {
    for (size_t i = 0; i < s->n_lists; i++)
        if (s->lists[i].index != UINT32_MAX)
            s->checker->registry->lists[s->lists[i].index].marks_lost = true;
}

static void set_offset(struct save *s, int64_t offset_ns) {
    int64_t moved_ns = offset_ns - s->offset_ns;
    if (s->offset_known && !s->budgets_only && (moved_ns > OFFSET_JUMP_NS || moved_ns < -OFFSET_JUMP_NS))
        rewrite_moments(s);
    if (!s->offset_known || moved_ns > OFFSET_STEP_NS || moved_ns < -OFFSET_STEP_NS) {
        s->offset_ns = offset_ns;
        s->budgets_due = s->budgets_due || s->offset_known;
    }
    s->offset_known = true;
}

int64_t save_turn(struct save *s, int64_t now_ns, int64_t wall_offset_ns) {
    s->now_ns = now_ns;
    set_offset(s, wall_offset_ns);
    if (s->budgets_due)
        s->budgets_due = !put_all_budgets(s, wall_offset_ns);
    reserve(s, now_ns, wall_offset_ns);
    if (s->budgets_only || (now_ns < s->next_ns && !s->hurry))
        return s->next_ns;
    for (size_t i = 0; i < s->n_lists; i++)
        if (s->lists[i].index != UINT32_MAX && !turn_list(s, &s->lists[i], now_ns))
            break;
    s->hurry = false;
    s->next_ns = now_ns + (turn_folds(s) ? SAVE_INTERVAL_NS : FOLD_INTERVAL_NS);
    return s->next_ns;
}

bool save_end(struct save *s, int64_t now_ns, int64_t wall_offset_ns) {
    const struct settings *settings = s->checker->settings;
    bool all = true;
    set_offset(s, wall_offset_ns);
    for (size_t i = 0; i < s->n_lists && !s->budgets_only; i++) {
        struct save_list *l = &s->lists[i];
        if (l->index == UINT32_MAX)
            continue;
        all = turn_list(s, l, now_ns) && all;
    }
    for (size_t i = 0; i < settings->n_budgets + settings->n_lists; i++)
        quota_reserve(&s->checker->quotas[i], false);
    all = put_all_budgets(s, wall_offset_ns) && all;
    return all;
}
