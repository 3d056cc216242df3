/* SPDX-License-Identifier: Apache-2.0 */
#include "core/metrics.h"
#include "core/metrics_internal.h"

#include <string.h>

#define SECOND_NS INT64_C(1000000000)

void metrics_open(struct metrics_scrape *s, const struct metrics_labels *a, const struct metrics_labels *b) {
    promtext_labelled(&s->text, a->text, a->len, b != NULL ? b->text : "", b != NULL ? b->len : 0);
}

void metrics_moment(struct metrics_scrape *s, int64_t monotonic_ns) {
    int64_t wall_ns = monotonic_ns + s->wall_offset_ns;
    promtext_u64(&s->text, wall_ns > 0 ? (uint64_t)(wall_ns / SECOND_NS) : 0);
}

void metrics_stamp(struct metrics_scrape *s, uint32_t stamp) {
    metrics_moment(s, registry_ns(s->registry, stamp));
}

/* --- Labels --- */

struct maker {
    struct metrics_scrape *s;
    struct buf text;
};

/* Labels `before` (NULL: none) and one more. */
static bool make(struct maker *m, const struct metrics_labels *before, const char *name, const char *value,
                 struct metrics_labels *out) {
    buf_clear(&m->text);
    if (before != NULL) {
        buf_add(&m->text, before->text, before->len);
        buf_add_char(&m->text, ',');
    }
    promtext_format_label(&m->text, name, value);
    if (buf_status(&m->text) != STATUS_OK)
        return false;
    *out = (struct metrics_labels){arena_copy(&m->s->arena, m->text.data, m->text.len), m->text.len};
    return out->text != NULL;
}

static bool make_lists(struct maker *m) {
    const struct settings *settings = m->s->settings;
    for (size_t i = 0; i < settings->n_lists; i++)
        if (settings->lists[i].enabled && !make(m, NULL, "list", settings->lists[i].name, &m->s->lists[i]))
            return false;
    return true;
}

static bool make_groups(struct maker *m) {
    struct metrics_scrape *s = m->s;
    for (size_t g = 0; g < s->settings->n_groups; g++)
        if (!make(m, NULL, "group", s->settings->groups[g].name, &s->groups[g]))
            return false;
    for (uint32_t i = 0; i < s->targets->n_ranges; i++) {
        const struct target_range *range = &s->targets->ranges[i];
        if (!make(m, &s->groups[range->group], "range", range->range->label, &s->ranges[i]))
            return false;
    }
    return true;
}

static bool make_safelists(struct maker *m) {
    struct metrics_scrape *s = m->s;
    for (uint32_t i = 0; i < s->targets->n_safelists; i++) {
        const struct target_safelist *safelist = &s->targets->safelists[i];
        struct metrics_labels name;
        if (!make(m, NULL, "safelist", s->settings->safelists[safelist->safelist].name, &name) ||
            !make(m, &name, "range", safelist->range->label, &s->safelists[i]))
            return false;
    }
    return true;
}

static bool make_singles(struct maker *m) {
    struct metrics_scrape *s = m->s;
    for (size_t g = 0; g < s->settings->n_groups; g++) {
        const struct group *group = &s->settings->groups[g];
        for (size_t i = 0; i < group->n_addresses; i++) {
            char text[IP_TEXT_SIZE];
            ip_format(&group->addresses[i], text);
            if (!make(m, &s->groups[g], "ip", text, &s->singles[s->group_singles[g] + i]))
                return false;
        }
    }
    return true;
}

/* --- Preparing --- */

static const uint32_t *make_indexes(struct metrics_scrape *s, const struct target_set *set) {
    const struct settings *settings = s->settings;
    uint32_t *indexes = arena_array(&s->arena, s->group_singles[settings->n_groups], sizeof *indexes);
    if (indexes == NULL)
        return NULL;
    for (size_t g = 0; g < settings->n_groups; g++)
        for (size_t i = 0; i < settings->groups[g].n_addresses; i++)
            indexes[s->group_singles[g] + i] = target_index(set, &settings->groups[g].addresses[i]);
    return indexes;
}

static bool find_indexes(struct metrics_scrape *s) {
    for (size_t i = 0; i < s->settings->n_lists; i++) {
        const struct target_set *set = s->targets->sets[i];
        for (size_t k = 0; set != NULL && k < i && s->indexes[i] == NULL; k++)
            if (s->targets->sets[k] == set)
                s->indexes[i] = s->indexes[k];
        if (set != NULL && s->indexes[i] == NULL)
            s->indexes[i] = make_indexes(s, set);
        if (set != NULL && s->indexes[i] == NULL)
            return false;
    }
    return true;
}

static bool prepare_singles(struct metrics_scrape *s) {
    const struct settings *settings = s->settings;
    s->indexes = arena_array(&s->arena, settings->n_lists, sizeof *s->indexes);
    s->singles = arena_array(&s->arena, s->group_singles[settings->n_groups], sizeof *s->singles);
    if (s->indexes == NULL || s->singles == NULL)
        return false;
    struct maker m = {.s = s};
    buf_init(&m.text, SIZE_MAX);
    bool made = make_singles(&m);
    buf_release(&m.text);
    return made && find_indexes(s);
}

bool metrics_need_singles(struct metrics_scrape *s) {
    if (!s->has_singles && s->text.out->status == STATUS_OK) {
        s->has_singles = prepare_singles(s);
        if (!s->has_singles)
            s->text.out->status = STATUS_NO_MEMORY;
    }
    return s->has_singles;
}

bool metrics_covers_singles(struct metrics_scrape *s, uint32_t group, uint32_t list) {
    if (!metrics_need_singles(s))
        return false;
    for (uint32_t i = s->group_singles[group]; i < s->group_singles[group + 1]; i++)
        if (s->indexes[list][i] != UINT32_MAX)
            return true;
    return false;
}

static bool prepare(struct metrics_scrape *s) {
    const struct settings *settings = s->settings;
    s->group_singles = arena_array(&s->arena, settings->n_groups + 1, sizeof *s->group_singles);
    s->lists = arena_array(&s->arena, settings->n_lists, sizeof *s->lists);
    s->groups = arena_array(&s->arena, settings->n_groups, sizeof *s->groups);
    s->ranges = arena_array(&s->arena, s->targets->n_ranges, sizeof *s->ranges);
    s->safelists = arena_array(&s->arena, s->targets->n_safelists, sizeof *s->safelists);
    if (s->group_singles == NULL || s->lists == NULL || s->groups == NULL || s->ranges == NULL ||
        s->safelists == NULL)
        return false;
    for (size_t g = 0; g < settings->n_groups; g++)
        s->group_singles[g + 1] = s->group_singles[g] + (uint32_t)settings->groups[g].n_addresses;
    struct maker m = {.s = s};
    buf_init(&m.text, SIZE_MAX);
    bool made = make_lists(&m) && make_groups(&m) && make_safelists(&m);
    buf_release(&m.text);
    return made;
}

/* --- Rendering --- */

static void render_per_group(struct metrics_scrape *s, const struct metric *m) {
    for (uint32_t group = 0; group < s->settings->n_groups; group++)
        for (uint32_t list = 0; list < s->settings->n_lists; list++)
            if (target_group_covers(s->targets, group, list))
                m->per_group(s, group, list);
}

static void render_per_range(struct metrics_scrape *s, const struct metric *m) {
    for (uint32_t i = 0; i < s->targets->n_ranges; i++) {
        const struct target_range *range = &s->targets->ranges[i];
        const struct group *group = &s->settings->groups[range->group];
        for (uint32_t list = 0; list < s->settings->n_lists; list++)
            if (group->lists[list] && s->settings->lists[list].families[range->range->range.first.family])
                m->per_range(s, i, list);
    }
}

static void render_per_safelist(struct metrics_scrape *s, const struct metric *m) {
    for (uint32_t i = 0; i < s->targets->n_safelists; i++)
        for (uint32_t list = 0; list < s->settings->n_lists; list++)
            if (s->targets->safelists[i].lists[list])
                m->per_safelist(s, i, list);
}

static void render_family(struct metrics_scrape *s, const struct metric *m) {
    promtext_family(&s->text, m->name, m->type, m->help);
    if (m->once != NULL) {
        m->once(s);
    } else if (m->per_list != NULL) {
        for (uint32_t list = 0; list < s->settings->n_lists; list++)
            if (s->settings->lists[list].enabled)
                m->per_list(s, list);
    } else if (m->per_group != NULL) {
        render_per_group(s, m);
    } else if (m->per_range != NULL) {
        render_per_range(s, m);
    } else {
        render_per_safelist(s, m);
    }
}

void metrics_render(struct buf *out, enum promtext_format format, const struct metrics_filter *filter,
                    const struct checker *checker, const struct metrics_process *process, int64_t now_ns,
                    int64_t wall_offset_ns) {
    struct metrics_scrape s = {
        .checker = checker,
        .settings = checker->settings,
        .targets = checker->targets,
        .registry = checker->registry,
        .process = process,
        .now_ns = now_ns,
        .wall_offset_ns = wall_offset_ns,
    };
    arena_init(&s.arena);
    promtext_begin(&s.text, out, format);
    if (prepare(&s)) {
        for (unsigned i = 0; i < metrics_count; i++)
            if (!filter->is_set || filter->rows[i])
                render_family(&s, &metrics_table[i]);
        promtext_end(&s.text);
    } else {
        out->status = STATUS_NO_MEMORY;
    }
    arena_release(&s.arena);
}
