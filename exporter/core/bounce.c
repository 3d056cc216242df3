/* SPDX-License-Identifier: Apache-2.0 */
#include "core/bounce.h"

#include "core/bounce_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct reader {
    const struct mirrors *mirrors;
    struct bounces *out;
    size_t first;  /* of this text */
    bool was_last; /* the last statement gave the bounce that stands last */
};

/* ---- the same bounce again ---- */

static bool agrees(const char *a, const char *b) {
    return a[0] == '\0' || b[0] == '\0' || strcasecmp(a, b) == 0;
}

static bool is_address(const char *text) {
    struct ip ip;
    return ip_parse(text, strlen(text), &ip) == STATUS_OK;
}

static bool is_same(const struct bounce *a, const struct bounce *b) {
    bool receivers = agrees(a->receiver, b->receiver) || is_address(a->receiver) || is_address(b->receiver);
    if (a->has_address != b->has_address || (a->has_address && !ip_equal(&a->address, &b->address)))
        return false;
    if (!receivers || !agrees(a->zone, b->zone) || !agrees(a->list, b->list))
        return false;
    if (a->code != b->code && a->code != 0 && b->code != 0)
        return false;
    return a->has_address || (a->kind == b->kind && a->smtp_status == b->smtp_status);
}

static void fill(char *to, size_t size, const char *from) {
    if (to[0] == '\0')
        (void)snprintf(to, size, "%s", from);
}

/* What one place does not say the other may. */
static void merge(struct bounce *to, const struct bounce *from) {
    if (is_address(to->receiver) && from->receiver[0] != '\0')
        to->receiver[0] = '\0';
    fill(to->receiver, sizeof to->receiver, from->receiver);
    fill(to->list, sizeof to->list, from->list);
    fill(to->zone, sizeof to->zone, from->zone);
    fill(to->enhanced, sizeof to->enhanced, from->enhanced);
    if (to->known == NULL)
        to->known = from->known;
    if (to->code == 0)
        to->code = from->code;
    if (to->smtp_status == 0)
        to->smtp_status = from->smtp_status;
    if (to->kind == BOUNCE_OTHER)
        to->kind = from->kind;
    to->high_risk_pool = to->high_risk_pool || from->high_risk_pool;
}

static void keep(struct reader *r, const struct bounce *b) {
    struct bounces *out = r->out;
    r->was_last = true;
    for (size_t i = r->first; i < out->n; i++) {
        if (!is_same(&out->items[i], b))
            continue;
        merge(&out->items[i], b);
        r->was_last = i + 1 == out->n;
        return;
    }
    if (out->n < BOUNCES_MOST)
        out->items[out->n++] = *b;
    else
        out->n_omitted++;
}

/* ---- statements ---- */

/* "outbound high risk IP pools", "high-risk delivery pool" */
static bool is_of_risk_pool(const char *lower) {
    static const char *const pools[] = {"pool", "ip pool", "delivery pool"};
    for (const char *p = lower; (p = strstr(p, "high")) != NULL; p++)
        for (size_t i = 0; i < sizeof pools / sizeof *pools; i++)
            if ((strncmp(p, "high risk ", 10) == 0 || strncmp(p, "high-risk ", 10) == 0) &&
                strncmp(p + 10, pools[i], strlen(pools[i])) == 0)
                return true;
    return false;
}

static void on_statement(void *context, struct statement *s) {
    struct reader *r = context;
    struct bounce_parties parties;
    struct bounce b = {.has_address = false};
    bounce_read_parties(s, &parties);
    r->was_last = false;
    if (!s->is_reply && !(parties.is_client && bounce_is_blocked(s->lower)))
        return; /* somebody talks about bounces */
    b.has_address = parties.has_sender;
    b.address = parties.sender;
    memcpy(b.receiver, parties.receiver, sizeof b.receiver);
    bounce_read_reply(s, parties.at, &b);
    bounce_read_list(s, r->mirrors, &b);
    b.kind = bounce_read_kind(s, &b);
    b.high_risk_pool = is_of_risk_pool(s->lower);
    keep(r, &b);
}

static void on_receiver(void *context, const char *host) {
    struct reader *r = context;
    if (!r->was_last || r->out->n == r->first)
        return;
    struct bounce *b = &r->out->items[r->out->n - 1];
    size_t len = strcspn(host, " ,;()[]<>'\"");
    struct ip ip;
    if (len > 0 && host[len - 1] == '.' && host[len] == '[') /* a part of it is left out */
        return;
    while (len > 0 && host[len - 1] == '.')
        len--;
    bool address = ip_parse(host, len, &ip) == STATUS_OK;
    if (b->receiver[0] == '\0' && (address || bounce_is_host(host, len)))
        (void)snprintf(b->receiver, sizeof b->receiver, "%.*s", (int)len, host);
    if (address && b->has_address && ip_equal(&ip, &b->address))
        b->has_address = false;
    r->was_last = false;
}

/* In one message what could not be read stands beside what could: the prose around the reply. */
static void drop_unread(struct reader *r) {
    struct bounces *out = r->out;
    bool any = false;
    size_t n = r->first;
    for (size_t i = r->first; i < out->n; i++)
        any = any || out->items[i].has_address;
    for (size_t i = r->first; any && i < out->n; i++)
        if (out->items[i].has_address)
            out->items[n++] = out->items[i];
    if (any)
        out->n = n;
}

enum status bounces_read(const char *text, size_t len, const struct mirrors *mirrors, bool message,
                         struct bounces *out) {
    struct reader r = {.mirrors = mirrors, .out = out, .first = out->n};
    const struct bounce_sink sink = {on_statement, on_receiver, &r};
    size_t n = len < BOUNCE_BYTES ? len : BOUNCE_BYTES;
    char *clean = malloc(n + 1);
    if (clean == NULL)
        return STATUS_NO_MEMORY;
    (void)bounce_clean(text, n, clean);
    bounce_split(clean, &sink);
    free(clean);
    if (message)
        drop_unread(&r);
    return STATUS_OK;
}
