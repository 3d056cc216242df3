/* SPDX-License-Identifier: Apache-2.0 */
#include "core/settings_internal.h"

#include "core/yamltext.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define KEY_MARK "{key}"
enum {
    ZONE_TEXT_MAX = 253,
    KEY_MAX = 63,
    SELF_TEST_MINUTES = 30,
    RATE_DEFAULT = 5,
    UNPUBLISHED_QUERIES = 10000
};

/* `zone` with its {key} replaced, as a name; false if that is none. */
static bool zone_with_key(const char *zone, const char *key, struct qname *out) {
    char text[ZONE_TEXT_MAX + KEY_MAX + 1];
    const char *mark = strstr(zone, KEY_MARK);
    if (!mark)
        return qname_from_zone(zone, strlen(zone), out) == STATUS_OK;
    int before = (int)(mark - zone);
    int len = snprintf(text, sizeof text, "%.*s%s%s", before, zone, key, mark + strlen(KEY_MARK));
    return len > 0 && (size_t)len < sizeof text && qname_from_zone(text, (size_t)len, out) == STATUS_OK;
}

void settings_read_zone(struct settings_reader *r, const struct schema_key *key, const struct node *value,
                        void *target) {
    struct list *list = target;
    struct qname name;
    size_t len = value->len;
    if (value->type != NODE_SCALAR || len == 0 || len > ZONE_TEXT_MAX) {
        settings_wrong(r, key, value);
        return;
    }
    if (len > 1 && value->text[len - 1] == '.')
        len--;
    char *zone = arena_copy(r->arena, value->text, len);
    if (!zone) {
        r->problems->no_memory = true;
        return;
    }
    /* The root would make every address a top-level domain. */
    if (!zone_with_key(zone, "key", &name) || name.len <= 1)
        settings_wrong(r, key, value);
    else
        list->zone = zone;
}

void settings_read_families(struct settings_reader *r, const struct schema_key *key, const struct node *value,
                            void *target) {
    static const char *const names[IP_FAMILIES] = {[IP_V4] = "ipv4", [IP_V6] = "ipv6"};
    struct list *list = target;
    bool families[IP_FAMILIES] = {false};
    if (!settings_expect(r, key, value, NODE_SEQUENCE))
        return;
    for (const struct node *item = value->first; item; item = item->next) {
        size_t family = 0;
        while (family < IP_FAMILIES && (item->type != NODE_SCALAR || strcmp(item->text, names[family]) != 0))
            family++;
        if (family == IP_FAMILIES)
            settings_wrong(r, key, item);
        else if (families[family])
            settings_error(r, item, "\"%s\" is given twice", names[family]);
        else
            families[family] = true;
    }
    if (families[IP_V4] || families[IP_V6])
        memcpy(list->families, families, sizeof families);
}

static void read_test_address(struct settings_reader *r, const struct schema_key *key,
                              const struct node *item, const struct list *list, struct ip *addresses,
                              bool *given) {
    struct ip ip;
    if (item->type != NODE_SCALAR || ip_parse(item->text, item->len, &ip))
        settings_wrong(r, key, item);
    else if (!list->families[ip.family])
        settings_error(r, item, "%s is IPv%d, which is not among the list's families", item->text,
                       ip.family == IP_V4 ? 4 : 6);
    else if (given[ip.family])
        settings_error(r, item, "\"%s\" has two IPv%d addresses", key->name, ip.family == IP_V4 ? 4 : 6);
    else {
        addresses[ip.family] = ip;
        given[ip.family] = true;
    }
}

void settings_read_test_addresses(struct settings_reader *r, const struct schema_key *key,
                                  const struct node *value, void *target) {
    struct list *list = target;
    bool positive = key->offset == offsetof(struct list, self_test.listed);
    bool none = positive && value->type == NODE_SCALAR && strcmp(value->text, "none") == 0;
    struct ip *addresses = positive ? list->self_test.listed : list->self_test.not_listed;
    bool given[IP_FAMILIES] = {false};
    for (size_t family = 0; positive && family < IP_FAMILIES; family++)
        list->self_test.positive[family] = !none;
    if (none)
        return;
    if (value->type == NODE_SCALAR)
        read_test_address(r, key, value, list, addresses, given);
    else if (settings_expect(r, key, value, NODE_SEQUENCE))
        for (const struct node *item = value->first; item; item = item->next)
            read_test_address(r, key, item, list, addresses, given);
}

void settings_read_self_test(struct settings_reader *r, const struct schema_key *key,
                             const struct node *value, void *target) {
    struct list *list = target;
    if (!settings_read_section(r, SECTION_SELF_TEST, key->name, value, list))
        return;
    const struct list_self_test *test = &list->self_test;
    for (size_t family = 0; family < IP_FAMILIES; family++)
        if (test->positive[family] && ip_equal(&test->listed[family], &test->not_listed[family]))
            settings_error(r, value, "the self-test wants the same address listed and not listed");
}

void settings_read_cname(struct settings_reader *r, const struct schema_key *key, const struct node *value,
                         void *target) {
    struct list *list = target;
    bool none = value->type == NODE_SCALAR && strcmp(value->text, "none") == 0;
    struct qname suffix = {.len = 0};
    if (value->type != NODE_SCALAR ||
        (!none && (qname_from_zone(value->text, value->len, &suffix) || suffix.len <= 1))) {
        settings_wrong(r, key, value);
        return;
    }
    list->cname_allowed = !none;
    list->cname_suffix = suffix;
}

/* What a list is before anything is read. */
static void init_list(const struct settings_reader *r, struct list *list) {
    static const struct list_answers refused = {.lo = 0x7fffff00, .hi = 0x7fffffff};
    const struct ip listed[] = {ip_v4(0x7f000002), {.lo = 0xffff7f000002, .family = IP_V6}};
    const struct ip not_listed[] = {ip_v4(0x7f000001), {.lo = 0xffff7f000001, .family = IP_V6}};
    *list = (struct list){
        .name = "",
        .zone = "",
        .enabled = true,
        .families = {[IP_V4] = true},
        .refused = &refused,
        .n_refused = 1,
        .budget = {.share = -1, .rate = RATE_DEFAULT, .burst = 1},
        .self_test = {.positive = {true, true}, .interval_ns = SETTINGS_SECOND_NS * 60 * SELF_TEST_MINUTES},
        .delist_url = "",
        .limits = "",
        .note = "",
        .source = ""};
    memcpy(list->self_test.listed, listed, sizeof listed);
    memcpy(list->self_test.not_listed, not_listed, sizeof not_listed);
    if (r->in_catalog) {
        list->budget.queries = UNPUBLISHED_QUERIES;
        list->budget.per_ns = SETTINGS_DAY_NS;
    }
}

/* The copy of a built-in list must not point into the catalog, which may be gone before the settings are. */
static const char *own_text(struct settings_reader *r, const char *text) {
    const char *copy = arena_copy(r->arena, text, strlen(text));
    if (!copy)
        r->problems->no_memory = true;
    return copy ? copy : "";
}

static const struct list_answers *own_answers(struct settings_reader *r, const struct list_answers *answers,
                                              size_t n) {
    struct list_answers *copy = settings_alloc(r, n, sizeof *copy);
    if (copy && n > 0)
        memcpy(copy, answers, n * sizeof *copy);
    return copy;
}

static void copy_builtin(struct settings_reader *r, const struct list *base, struct list *list) {
    *list = *base;
    list->builtin = true;
    list->name = own_text(r, base->name);
    list->use = list->name;
    list->zone = own_text(r, base->zone);
    list->delist_url = own_text(r, base->delist_url);
    list->limits = own_text(r, base->limits);
    list->note = own_text(r, base->note);
    list->source = own_text(r, base->source);
    list->codes = own_answers(r, base->codes, base->n_codes);
    list->refused = own_answers(r, base->refused, base->n_refused);
    list->ignored = own_answers(r, base->ignored, base->n_ignored);
    const char **names = settings_alloc(r, base->n_code_names, sizeof *names);
    for (size_t i = 0; names && i < base->n_code_names; i++)
        names[i] = own_text(r, base->code_names[i]);
    list->code_names = names;
    if (base->budget.share >= 0)
        list->budget.share = -1;
}

/* A built-in list's share counts unless the file says something else about its quota. */
static void inherit_share(struct settings_reader *r, const struct node *node, const struct list *base,
                          struct list *list) {
    const struct node *budget = node_find(node, "budget");
    if (base->budget.share < 0 || node_find(budget, "share") || node_find(budget, "queries"))
        return;
    list->budget.share = settings_budget_index(r, r->known_budgets[base->budget.share].name);
}

/* A key is one label or a part of one, so that it cannot move the question to another zone. */
static bool is_key(const char *text) {
    size_t len = strlen(text);
    return len > 0 && len <= KEY_MAX && settings_is_name(text) && !strchr(text, '.');
}

static void read_key(struct settings_reader *r, const struct node *file, struct list *list) {
    char error[256] = "no reason given";
    if (!r->key_reader) {
        settings_error(r, file, "the key cannot be read here");
        return;
    }
    const char *key = r->key_reader(r->key_context, file->text, r->arena, error, sizeof error);
    if (!key)
        settings_error(r, file, "the key of \"%s\" cannot be read: %s", list->name, error);
    else if (!is_key(key) || !zone_with_key(list->zone, key, &list->zone_name))
        settings_error(
            r, file, "the first line of the key file of \"%s\" is no key (up to 63 letters, digits, - and _)",
            list->name);
    else
        list->key = key;
}

static void settle_zone(struct settings_reader *r, const struct node *node, struct list *list) {
    const struct node *file = node_find(node, "key_file");
    const struct node *zone = node_find(node, "zone");
    bool keyed = strstr(list->zone, KEY_MARK) != NULL;
    if (file && file->type != NODE_SCALAR)
        return; /* it was reported where it was met */
    if (file)
        list->key_file = own_text(r, file->text);
    if (list->zone[0] == '\0' || r->problems->no_memory)
        return;
    if (!keyed) {
        bool is_zone = zone_with_key(list->zone, "", &list->zone_name);
        assert(is_zone); /* settings_read_zone() has seen it */
    }
    if (!keyed && file)
        problems_warn(r->problems, file->key->line, file->key->column,
                      "\"key_file\" is of no use: the zone %s has no {key}", list->zone);
    else if (keyed && file && list->enabled)
        read_key(r, file, list);
    else if (keyed && !file && list->enabled && !r->in_catalog)
        settings_error(r, zone ? zone : node, "the zone %s needs a \"key_file\"", list->zone);
}

/* 255 octets are the most of a name, and an IPv6 address takes 64 of them. */
static void check_fit(struct settings_reader *r, const struct node *node, const struct list *list) {
    for (int family = 0; family < IP_FAMILIES; family++)
        if (list->families[family] && list->zone_name.len > 0 &&
            !qname_fits(&list->zone_name, (enum ip_family)family))
            settings_error(r, node, "the zone %.60s... is too long to ask about IPv%d addresses", list->zone,
                           family == IP_V4 ? 4 : 6);
}

static void check_identity(struct settings_reader *r, const struct node *node) {
    if (node_find(node, "use"))
        return;
    if (!node_find(node, "name"))
        settings_error(r, node,
                       r->in_catalog ? "\"name\" is missing in a list"
                                     : "a list needs \"use\" (a built-in list) or \"name\" and \"zone\"");
    else if (!node_find(node, "zone"))
        settings_error(r, node, "\"zone\" is missing in a list that does not \"use\" a built-in one");
}

const char *settings_url_password(const char *url, size_t *len) {
    const char *scheme = strstr(url, "://");
    const char *authority = scheme != NULL ? scheme + strlen("://") : url;
    const char *end = authority + strcspn(authority, "/?#");
    const char *at = memrchr(authority, '@', (size_t)(end - authority));
    const char *colon = at != NULL ? memchr(authority, ':', (size_t)(at - authority)) : NULL;
    if (colon == NULL)
        return NULL;
    *len = (size_t)(at - colon) - 1;
    return colon + 1;
}

/* The page is a link for people: what stands in it is shown as it is, but for /config. */
static void warn_of_password(struct settings_reader *r, const struct node *node, const struct list *list) {
    const struct node *url = node_find(node, "delist_url");
    size_t len = 0;
    const char *password = settings_url_password(list->delist_url, &len);
    bool is_mask = password && len == strlen(YAMLTEXT_SECRET) && memcmp(password, YAMLTEXT_SECRET, len) == 0;
    if (url && len > 0 && !is_mask)
        problems_warn(
            r->problems, url->line, url->column,
            "the password in \"delist_url\" is shown to everybody who sees the status page, the API "
            "or the log");
}

void settings_read_list(struct settings_reader *r, const struct node *node, const struct list *base,
                        struct list *out) {
    init_list(r, out);
    if (base)
        copy_builtin(r, base, out);
    if (!settings_read_section(r, SECTION_LIST, "a list", node, out))
        return;
    const struct node *use = node_find(node, "use");
    if (!base && out->name[0] == '\0' && use && use->type == NODE_SCALAR)
        out->name = own_text(r, use->text);
    check_identity(r, node);
    if (r->problems->no_memory)
        return; /* what was copied is not whole */
    if (base)
        inherit_share(r, node, base, out);
    settle_zone(r, node, out);
    check_fit(r, node, out);
    warn_of_password(r, node, out);
    settings_default_codes(r, out);
    settings_check_overlap(r, node, out);
    if (out->confirm == 0 && !r->in_catalog)
        out->confirm = r->defaults.confirm;
}
