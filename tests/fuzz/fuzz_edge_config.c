/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a configuration: yaml_parse() and settings_read(), with the built-in lists. Beside what the
 * sanitizers see: what is refused has errors, each with a place in the text and a line for people; what is
 * taken keeps the bounds that the rest relies on, and is written by settings_write() as a text that is taken
 * as well as the same settings, and written again the same.
 */
/* FUZZ: -max_len=2048 -timeout=10 */
#include "core/catalog.h"
#include "core/settings.h"
#include "core/settings_write.h"
#include "edge/embedded.h"
#include "edge/yaml.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* No word that a text could hold by chance: a text that repeats a key is not written as it was. */
#define KEY "q7k9z4w2x8v5"

static const struct catalog *catalog;

static const char *give_key(void *context, const char *path, struct arena *arena, char *error, size_t size) {
    (void)context;
    if (strcmp(path, "/none") != 0)
        return arena_copy(arena, KEY, strlen(KEY));
    (void)snprintf(error, size, "no such file");
    return NULL;
}

static void read_catalog(void) {
    static struct problems problems;
    static struct catalog *read;
    const struct node *root = NULL;
    struct arena arena;
    arena_init(&arena);
    problems_init(&problems);
    enum status status = yaml_parse(embedded_lists_yml, embedded_lists_yml_size, &arena, &problems, &root);
    assert(status == STATUS_OK);
    status = catalog_read(root, &problems, &read);
    assert(status == STATUS_OK);
    catalog = read;
    problems_release(&problems);
    arena_release(&arena);
}

/* One more than there are: what is missing at the end is said to be behind it. */
static size_t count_lines(const char *text, size_t len) {
    size_t n = 2;
    for (size_t i = 0; i < len; i++) /* as YAML counts: CR, LF, NEL and the separators of Unicode */
        n += text[i] == '\n' || text[i] == '\r' || text[i] == '\xc2' || text[i] == '\xe2';
    return n;
}

static void check_problems(const struct problems *problems, bool taken, size_t n_lines) {
    assert(taken == !problems_failed(problems));
    for (size_t i = 0; i < problems->n_shown; i++) {
        const struct problem *p = &problems->shown[i];
        assert(p->text[0] != '\0' && strpbrk(p->text, "\r\n") == NULL && p->line <= n_lines);
        assert(strstr(p->text, KEY) == NULL);
    }
}

static struct settings *read_text(const char *text, size_t len) {
    static struct problems problems;
    struct arena arena;
    const struct node *root = NULL;
    struct settings *settings = NULL;
    arena_init(&arena);
    problems_init(&problems);
    enum status status = yaml_parse(text, len, &arena, &problems, &root);
    if (status == STATUS_OK)
        status = settings_read(root, catalog, give_key, NULL, &problems, &settings);
    assert((status == STATUS_OK) == (settings != NULL));
    check_problems(&problems, settings != NULL, count_lines(text, len));
    arena_release(&arena);
    problems_release(&problems);
    return settings;
}

static void check_groups(const struct settings *s) {
    assert(s->n_groups <= SETTINGS_MAX_GROUPS && s->n_safelists <= SETTINGS_MAX_SAFELISTS);
    for (size_t i = 0; i < s->n_groups; i++) {
        const struct group *group = &s->groups[i];
        assert(group->name[0] != '\0' && strlen(group->name) <= SETTINGS_NAME_MAX);
        assert(strcmp(group->name, SETTINGS_BOUNCED) != 0 && group->interval_ns > 0);
        for (size_t k = 0; k < group->n_ranges; k++)
            assert(ip_compare(&group->ranges[k].range.first, &group->ranges[k].range.last) <= 0);
        for (size_t list = 0; list < s->n_lists; list++)
            assert(!group->lists[list] || s->lists[list].enabled);
    }
}

static void check_settings(const struct settings *s) {
    size_t n_enabled = 0;
    assert(s->n_lists > 0 && s->n_lists <= LIST_MAX && s->resolver.timeout_ns > 0);
    for (size_t i = 0; i < s->n_lists; i++) {
        const struct list *list = &s->lists[i];
        assert(list->name[0] != '\0' && strlen(list->name) <= SETTINGS_NAME_MAX);
        assert(!list->enabled || list->zone_name.len > 0);
        assert(list->budget.share >= -1 && list->budget.share < (int)s->n_budgets);
        n_enabled += list->enabled;
    }
    assert(n_enabled > 0);
    check_groups(s);
}

static bool same_text(const char *a, const char *b) {
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static void check_same_list(const struct list *a, const struct list *b) {
    assert(same_text(a->name, b->name) && same_text(a->zone, b->zone) && same_text(a->use, b->use));
    assert(qname_equal(&a->zone_name, &b->zone_name) && same_text(a->key_file, b->key_file));
    assert(a->kind == b->kind && a->tier == b->tier && a->enabled == b->enabled);
    assert(a->budget.share == b->budget.share && a->budget.queries == b->budget.queries);
    assert(a->budget.per_ns == b->budget.per_ns && a->budget.rate == b->budget.rate);
    assert(a->n_codes == b->n_codes && a->n_refused == b->n_refused && a->n_ignored == b->n_ignored);
    assert(a->n_nameservers == b->n_nameservers && a->confirm == b->confirm);
    assert(a->interval_ns == b->interval_ns && a->self_test.interval_ns == b->self_test.interval_ns);
    assert(memcmp(a->families, b->families, sizeof a->families) == 0);
}

static void check_same_group(const struct group *a, const struct group *b, size_t n_lists) {
    assert(same_text(a->name, b->name) && same_text(a->spf, b->spf) && same_text(a->only_ptr, b->only_ptr));
    assert(a->n_addresses == b->n_addresses && a->n_ranges == b->n_ranges && a->n_files == b->n_files);
    assert(a->n_recognised == b->n_recognised && a->ranges_date_days == b->ranges_date_days);
    assert(a->interval_ns == b->interval_ns && a->sweep_interval_ns == b->sweep_interval_ns);
    assert(memcmp(a->lists, b->lists, n_lists * sizeof *a->lists) == 0);
    for (size_t i = 0; i < a->n_ranges; i++)
        assert(ip_range_compare(&a->ranges[i].range, &b->ranges[i].range) == 0);
}

/* What a text leaves out would be left out the second time too. */
static void check_same(const struct settings *a, const struct settings *b) {
    assert(a->resolver.timeout_ns == b->resolver.timeout_ns && a->resolver.attempts == b->resolver.attempts);
    assert(a->resolver.n_nameservers == b->resolver.n_nameservers);
    assert(a->resolver.max_in_flight == b->resolver.max_in_flight);
    assert(a->defaults.interval_ns == b->defaults.interval_ns && a->defaults.confirm == b->defaults.confirm);
    assert(a->defaults.sweep_interval_ns == b->defaults.sweep_interval_ns);
    assert(a->defaults.stale_after_ns == b->defaults.stale_after_ns);
    assert(a->defaults.series_limit == b->defaults.series_limit);
    assert(a->storage.history_ns == b->storage.history_ns && a->bounces.keep_ns == b->bounces.keep_ns);
    assert(a->bounces.limit == b->bounces.limit && a->n_budgets == b->n_budgets);
    assert(a->n_lists == b->n_lists && a->n_groups == b->n_groups && a->n_safelists == b->n_safelists);
    for (size_t i = 0; i < a->n_lists; i++)
        check_same_list(&a->lists[i], &b->lists[i]);
    for (size_t i = 0; i < a->n_groups; i++)
        check_same_group(&a->groups[i], &b->groups[i], a->n_lists);
}

static void check_written(const struct settings *settings) {
    struct buf once;
    struct buf twice;
    buf_init(&once, SIZE_MAX);
    buf_init(&twice, SIZE_MAX);
    settings_write(&once, settings);
    assert(buf_status(&once) == STATUS_OK && strstr(buf_text(&once), KEY) == NULL);
    /* The place of a secret is no value. */
    if (strstr(buf_text(&once), "<secret>") == NULL) {
        struct settings *again = read_text(once.data, once.len);
        assert(again != NULL);
        check_settings(again);
        check_same(settings, again);
        settings_write(&twice, again);
        assert(twice.len == once.len && memcmp(once.data, twice.data, once.len) == 0);
        settings_free(again);
    }
    buf_release(&once);
    buf_release(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (catalog == NULL)
        read_catalog();
    if (memmem(data, size, KEY, strlen(KEY)) != NULL) /* libFuzzer learns it from comparisons */
        return 0;
    struct settings *settings = read_text((const char *)data, size);
    if (settings != NULL) {
        check_settings(settings);
        check_written(settings);
    }
    settings_free(settings);
    return 0;
}
