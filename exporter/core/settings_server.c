/* SPDX-License-Identifier: Apache-2.0 */
#include "core/settings_internal.h"

#include <stdio.h>
#include <string.h>

enum { DNS_PORT = 53, PORT_MAX = 65535 };

/* What keeps a text from being a nameserver. */
enum fault { FAULT_NONE, FAULT_HOST_NAME, FAULT_PORT, FAULT_ADDRESS };

static enum fault parse_port(const char *text, struct endpoint *out) {
    uint64_t port;
    if (!settings_parse_number(text, PORT_MAX, &port) || port == 0)
        return FAULT_PORT;
    out->port = (uint16_t)port;
    return FAULT_NONE;
}

/* A letter that is no hexadecimal digit, outside of an IPv6 address: somebody wrote a name. */
static bool looks_like_name(const char *text) {
    for (const char *c = text; *c; c++)
        if ((*c >= 'g' && *c <= 'z') || (*c >= 'G' && *c <= 'Z'))
            return true;
    return false;
}

static enum fault parse_bracketed(const char *text, struct endpoint *out) {
    const char *end = strchr(text, ']');
    if (!end || ip_parse(text + 1, (size_t)(end - text - 1), &out->ip) || out->ip.family != IP_V6)
        return FAULT_ADDRESS;
    if (end[1] == '\0')
        return FAULT_NONE;
    return end[1] == ':' ? parse_port(end + 2, out) : FAULT_PORT;
}

/* ADDRESS, IPV4:PORT, [IPV6] or [IPV6]:PORT. */
static enum fault parse_endpoint(const char *text, struct endpoint *out) {
    out->port = DNS_PORT;
    if (text[0] == '[')
        return parse_bracketed(text, out);
    if (ip_parse(text, strlen(text), &out->ip) == STATUS_OK)
        return FAULT_NONE;
    const char *colon = strchr(text, ':');
    if (colon && ip_parse(text, (size_t)(colon - text), &out->ip) == STATUS_OK)
        return parse_port(colon + 1, out);
    return looks_like_name(text) ? FAULT_HOST_NAME : FAULT_ADDRESS;
}

static void report(struct settings_reader *r, const struct node *item, enum fault fault) {
    char shown[SETTINGS_SHOWN_SIZE];
    settings_show(item, shown);
    switch (fault) {
    case FAULT_NONE: break;
    case FAULT_HOST_NAME:
        settings_error(r, item,
                       "nameserver %s is a host name; give its address, because names cannot be looked up "
                       "without a nameserver",
                       shown);
        break;
    case FAULT_PORT: settings_error(r, item, "nameserver %s has no port of 1 to 65535", shown); break;
    case FAULT_ADDRESS:
        settings_error(r, item,
                       "nameserver %s is no address; expected one such as 192.0.2.53, 192.0.2.53:5353, "
                       "2001:db8::53 or [2001:db8::53]:5353",
                       shown);
        break;
    }
}

static bool is_among(const struct endpoint *endpoint, const struct endpoint *others, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (others[i].port == endpoint->port && ip_equal(&others[i].ip, &endpoint->ip))
            return true;
    return false;
}

static bool read_endpoint(struct settings_reader *r, const struct schema_key *key, const struct node *item,
                          const struct endpoint *before, size_t n, struct endpoint *out) {
    if (item->type != NODE_SCALAR) {
        settings_wrong(r, key, item);
        return false;
    }
    enum fault fault = parse_endpoint(item->text, out);
    if (fault != FAULT_NONE)
        report(r, item, fault);
    else if (is_among(out, before, n))
        settings_error(r, item, "nameserver \"%s\" is given twice", item->text);
    else
        return true;
    return false;
}

/* Reads at most `max` servers; a list with errors gives none. */
static void read_nameservers(struct settings_reader *r, const struct schema_key *key,
                             const struct node *value, size_t max, struct endpoint *out, size_t *n_out) {
    if (!settings_expect(r, key, value, NODE_SEQUENCE))
        return;
    if (value->n_children > max) {
        settings_error(r, value, "\"%s\" has %zu entries; at most %zu are used", key->name, value->n_children,
                       max);
        return;
    }
    size_t n = 0;
    bool all = true;
    for (const struct node *item = value->first; item; item = item->next) {
        struct endpoint endpoint;
        if (read_endpoint(r, key, item, out, n, &endpoint))
            out[n++] = endpoint;
        else
            all = false;
    }
    *n_out = all ? n : 0;
}

void settings_read_resolver_nameservers(struct settings_reader *r, const struct schema_key *key,
                                        const struct node *value, void *target) {
    struct resolver_settings *resolver = target;
    read_nameservers(r, key, value, SETTINGS_MAX_NAMESERVERS, resolver->nameservers,
                     &resolver->n_nameservers);
}

void settings_read_list_nameservers(struct settings_reader *r, const struct schema_key *key,
                                    const struct node *value, void *target) {
    struct list *list = target;
    read_nameservers(r, key, value, LIST_MAX_NAMESERVERS, list->nameservers, &list->n_nameservers);
}

void settings_read_resolver(struct settings_reader *r, const struct schema_key *key, const struct node *value,
                            void *target) {
    struct settings_top *top = target;
    settings_read_section(r, SECTION_RESOLVER, key->name, value, &top->resolver);
}

void settings_read_defaults(struct settings_reader *r, const struct schema_key *key, const struct node *value,
                            void *target) {
    (void)target;
    settings_read_section(r, SECTION_DEFAULTS, key->name, value, &r->defaults);
}

void settings_read_storage(struct settings_reader *r, const struct schema_key *key, const struct node *value,
                           void *target) {
    struct settings_top *top = target;
    settings_read_section(r, SECTION_STORAGE, key->name, value, &top->storage);
}

void settings_read_bounces(struct settings_reader *r, const struct schema_key *key, const struct node *value,
                           void *target) {
    struct settings_top *top = target;
    settings_read_section(r, SECTION_BOUNCES, key->name, value, &top->bounces);
}
