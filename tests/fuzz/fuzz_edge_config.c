/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a configuration: yaml_parse() and settings_read(), with the built-in lists. Beside what the
 * sanitizers see: what is refused has errors, each with a place in the text and a line for people; what is
 * taken keeps the bounds that the rest relies on, and is written by settings_write() as a text that is taken
 * as well, and written again the same.
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
