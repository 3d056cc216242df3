/* SPDX-License-Identifier: Apache-2.0
 *
 * A check as text for people: tables whose columns are as wide as what stands in them.
 */
#include "core/check.h"

#include "core/check_internal.h"
#include "core/promtext.h"
#include "core/reply.h"
#include "core/rfc3339.h"

#include <stdio.h>
#include <string.h>

enum { COLUMNS_MAX = 8, COLUMN_GAP = 2, CELLS_CAP = 64 << 20 };

/* Cells are kept one behind the other, each with its NUL, until all widths are known. */
struct table {
    struct buf cells;
    unsigned n_columns;
    size_t n_cells;
    size_t widths[COLUMNS_MAX];
};

struct text {
    struct buf *out;
    const struct check_view *view;
    int64_t wall_offset_ns;
    struct table table;
};

/* ---- tables ---- */

/* The character of the `n` bytes that begin `text`; 0: they are none. */
static uint32_t decode(const char *text, size_t n) {
    static const unsigned char first_bits[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    uint32_t point = (unsigned char)text[0] & first_bits[n];
    for (size_t i = 1; i < n; i++)
        point = point << 6 | ((unsigned char)text[i] & 0x3f);
    return point;
}

/* What comes from a list, a file or another exporter must neither steer the terminal nor turn text around.
 * Returns its width in characters. */
static size_t add_plain(struct buf *out, const char *text) {
    size_t width = 0;
    for (; *text != '\0'; width++) {
        size_t n = promtext_utf8(text);
        if (reply_is_unsafe(decode(text, n)))
            buf_add_char(out, '?');
        else
            buf_add(out, text, n);
        text += n > 0 ? n : 1;
    }
    return width;
}

static void cell(struct text *t, const char *text) {
    struct table *table = &t->table;
    size_t column = table->n_cells++ % table->n_columns;
    size_t width = add_plain(&table->cells, text);
    buf_add_char(&table->cells, '\0');
    if (width > table->widths[column])
        table->widths[column] = width;
}

static void begin_table(struct text *t, const char *const *heads, unsigned n) {
    t->table = (struct table){.n_columns = n};
    buf_init(&t->table.cells, CELLS_CAP);
    for (unsigned i = 0; i < n; i++)
        cell(t, heads[i]);
}

static size_t width_of(const char *text) {
    size_t width = 0;
    for (; *text != '\0'; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

/* Blanks before a cell are owed until it has something in it: lines end without any. */
static void print_table(struct text *t) {
    const struct table *table = &t->table;
    const char *at = buf_text(&table->cells);
    size_t owed = 0;
    if (buf_status(&table->cells) != STATUS_OK) {
        t->out->status = buf_status(&table->cells);
        return;
    }
    for (size_t i = 0; i < table->n_cells; i++) {
        size_t column = i % table->n_columns;
        size_t width = width_of(at);
        owed = column == 0 ? COLUMN_GAP : owed;
        if (width > 0) {
            buf_addf(t->out, "%*s%s", (int)owed, "", at);
            owed = 0;
        }
        owed += table->widths[column] - width + COLUMN_GAP;
        if (column + 1 == table->n_columns)
            buf_add_char(t->out, '\n');
        at += strlen(at) + 1;
    }
}

static void end_table(struct text *t) {
    print_table(t);
    buf_release(&t->table.cells);
}

/* ---- one result ---- */

static const char *verdict_text(const struct list *list, const struct check_result *r, char *out,
                                size_t size) {
    static const char *const listed[LIST_KINDS] = {
        [LIST_BLOCK] = "LISTED", [LIST_REPUTATION] = "scored", [LIST_ALLOW] = "allowed"};
    static const char *const clean[LIST_KINDS] = {
        [LIST_BLOCK] = "not listed", [LIST_REPUTATION] = "no score", [LIST_ALLOW] = "not on it"};
    switch (r->verdict) {
    case REGISTRY_UNKNOWN: (void)snprintf(out, size, "unknown (%s)", r->reason); break;
    case REGISTRY_NOT_LISTED: (void)snprintf(out, size, "%s", clean[list->kind]); break;
    case REGISTRY_LISTED:
        if (r->score >= 0)
            (void)snprintf(out, size, "score %d", r->score);
        else
            (void)snprintf(out, size, "%s", listed[list->kind]);
        break;
    }
    return out;
}

static void codes_cell(struct text *t, const struct list *list, uint64_t codes) {
    struct buf text;
    buf_init(&text, 8192);
    for (unsigned bit = 0; bit <= LIST_CODE_OTHER; bit++)
        if ((codes >> bit & 1) != 0)
            buf_addf(&text, "%s%s", text.len > 0 ? "," : "", list_code_name(list, bit));
    cell(t, buf_text(&text));
    buf_release(&text);
}

static void result_cells(struct text *t, const struct list *list, const struct check_result *r) {
    char text[64];
    char since[RFC3339_SIZE] = "";
    bool listed = r->verdict == REGISTRY_LISTED;
    cell(t, list->name);
    cell(t, verdict_text(list, r, text, sizeof text));
    codes_cell(t, list, r->codes);
    if (listed && r->since_ns != INT64_MIN)
        (void)rfc3339_format(r->since_ns + t->wall_offset_ns, since);
    cell(t, since);
    text[0] = '\0';
    if (r->took_us != UINT32_MAX)
        (void)snprintf(text, sizeof text, "%.1f ms", r->took_us / 1e3);
    cell(t, text);
    cell(t, listed && list->kind == LIST_BLOCK ? list->delist_url : "");
    cell(t, r->txt != NULL ? r->txt : "");
}

#define RESULT_HEADS "LIST", "VERDICT", "CODES", "SINCE", "LATENCY", "DELISTING PAGE", "REASON"

/* ---- an address ---- */

static void add_address(struct text *t, const struct ip *ip) {
    static const char *const heads[] = {RESULT_HEADS};
    char text[IP_TEXT_SIZE];
    (void)ip_format(ip, text);
    begin_table(t, heads, sizeof heads / sizeof *heads);
    unsigned n = 0;
    unsigned n_listed = 0;
    unsigned n_unknown = 0;
    for (uint32_t i = 0; i < t->view->n_lists; i++) {
        const struct list *list = &t->view->lists[i];
        struct check_result result;
        if (!t->view->result(t->view, i, ip, &result))
            continue;
        n += list->kind == LIST_BLOCK;
        n_listed += result.verdict == REGISTRY_LISTED && list->kind == LIST_BLOCK;
        n_unknown += result.verdict == REGISTRY_UNKNOWN;
        result_cells(t, list, &result);
    }
    buf_add_text(t->out, text);
    if (n > 0)
        buf_addf(t->out, ": listed on %u of %u block lists", n_listed, n);
    if (n_unknown > 0)
        buf_addf(t->out, "%s unknown on %u", n > 0 ? "," : ":", n_unknown);
    buf_add_char(t->out, '\n');
    end_table(t);
}

/* ---- a range ---- */

static void add_number(struct text *t, uint64_t number) {
    char text[24];
    (void)snprintf(text, sizeof text, "%llu", (unsigned long long)number);
    cell(t, text);
}

static void add_list_counts(struct text *t, const struct ip_range *range) {
    static const char *const heads[] = {"LIST", "STATE", "CHECKED", "LISTED", "UNKNOWN"};
    begin_table(t, heads, sizeof heads / sizeof *heads);
    for (uint32_t i = 0; i < t->view->n_lists; i++) {
        const struct list *list = &t->view->lists[i];
        enum health_state state = HEALTH_UNKNOWN;
        enum check_stand stand = t->view->stand(t->view, i, &state);
        if (stand == CHECK_NOT_WANTED || !list->families[range->first.family])
            continue;
        struct check_counts counts = check_count(t->view, range, i);
        cell(t, list->name);
        cell(t, stand == CHECK_UNPAID ? "not asked" : health_state_text[state]);
        add_number(t, counts.listed + counts.not_listed);
        add_number(t, counts.listed);
        add_number(t, counts.unknown);
    }
    end_table(t);
}

static void add_listed(struct text *t, const struct ip_range *range) {
    static const char *const heads[] = {"ADDRESS", RESULT_HEADS};
    uint64_t n = ip_range_count(range);
    begin_table(t, heads, sizeof heads / sizeof *heads);
    for (uint64_t i = 0; i < n; i++) {
        struct ip ip = ip_add(range->first, i);
        char text[IP_TEXT_SIZE];
        (void)ip_format(&ip, text);
        for (uint32_t list = 0; list < t->view->n_lists; list++) {
            struct check_result result;
            if (t->view->lists[list].kind != LIST_BLOCK || !t->view->result(t->view, list, &ip, &result) ||
                result.verdict != REGISTRY_LISTED)
                continue;
            cell(t, text);
            result_cells(t, &t->view->lists[list], &result);
        }
    }
    if (t->table.n_cells > t->table.n_columns)
        buf_add_char(t->out, '\n');
    if (t->table.n_cells > t->table.n_columns)
        print_table(t);
    buf_release(&t->table.cells);
}

static void add_range(struct text *t, const struct ip_range *range) {
    struct check_counts counts = check_count(t->view, range, -1);
    char text[IP_RANGE_TEXT_SIZE];
    (void)ip_range_format(range, text);
    buf_addf(t->out, "%s: %llu addresses, %llu listed, %llu not listed, %llu unknown\n", text,
             (unsigned long long)ip_range_count(range), (unsigned long long)counts.listed,
             (unsigned long long)counts.not_listed, (unsigned long long)counts.unknown);
    add_list_counts(t, range);
    add_listed(t, range);
}

/* ---- what is to be said of lists ---- */

/* The names of the lists that were asked and are in `state`; false if there is none. */
static bool is_in(const struct text *t, uint32_t list, enum health_state state) {
    enum health_state is = HEALTH_UNKNOWN;
    return t->view->stand(t->view, list, &is) == CHECK_ASKED && is == state;
}

static bool add_names(struct text *t, enum health_state state) {
    const char *before = "\n";
    for (uint32_t i = 0; i < t->view->n_lists; i++) {
        if (!is_in(t, i, state))
            continue;
        buf_addf(t->out, "%s", before);
        (void)add_plain(t->out, t->view->lists[i].name);
        before = ", ";
    }
    return before[0] == ',';
}

static void add_notes(struct text *t) {
    for (uint32_t i = 0; i < t->view->n_lists; i++) {
        const struct list *list = &t->view->lists[i];
        if (!is_in(t, i, HEALTH_REFUSED) || list->note[0] == '\0')
            continue;
        buf_add_text(t->out, "Note on ");
        (void)add_plain(t->out, list->name);
        buf_add_text(t->out, ": ");
        (void)add_plain(t->out, list->note);
        buf_add_char(t->out, '\n');
    }
}

static void add_advice(struct text *t) {
    for (int state = 0; state < HEALTH_STATES; state++) {
        /* Unknown is a list that was not tested, for a reason that stands in the table. */
        if (health_state_advice[state][0] == '\0' || state == HEALTH_UNKNOWN ||
            !add_names(t, (enum health_state)state))
            continue;
        buf_addf(t->out, " (%s): %s\n", health_state_text[state], health_state_advice[state]);
        if (state == HEALTH_REFUSED)
            add_notes(t);
    }
}

static void add_families(struct text *t, enum ip_family family) {
    bool asked = false;
    const char *before =
        family == IP_V4 ? "\nNot asked about IPv4 addresses: " : "\nNot asked about IPv6 addresses: ";
    for (size_t i = 0; i < t->view->n_ranges; i++)
        asked = asked || t->view->ranges[i].first.family == family;
    for (uint32_t i = 0; asked && i < t->view->n_lists; i++) {
        enum health_state state;
        if (t->view->stand(t->view, i, &state) == CHECK_NOT_WANTED || t->view->lists[i].families[family])
            continue;
        buf_addf(t->out, "%s", before);
        (void)add_plain(t->out, t->view->lists[i].name);
        before = ", ";
    }
    if (before[0] == ',')
        buf_add_char(t->out, '\n');
}

void check_text(struct buf *out, const struct check_view *view, int64_t wall_offset_ns) {
    struct text t = {.out = out, .view = view, .wall_offset_ns = wall_offset_ns};
    for (size_t i = 0; i < view->n_ranges; i++) {
        const struct ip_range *range = &view->ranges[i];
        if (i > 0)
            buf_add_char(out, '\n');
        if (check_is_single(range))
            add_address(&t, &range->first);
        else
            add_range(&t, range);
    }
    add_families(&t, IP_V4);
    add_families(&t, IP_V6);
    add_advice(&t);
}
