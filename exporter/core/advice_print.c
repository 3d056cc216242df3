/* SPDX-License-Identifier: Apache-2.0
 *
 * Bounces and what to make of them, printed.
 */
#include "core/advice.h"

#include "core/json.h"

#include <stdio.h>

static const char *code_text(const struct bounce *b, char out[IP_TEXT_SIZE]) {
    const struct ip code = ip_v4(b->code);
    if (b->code == 0)
        return NULL;
    (void)ip_format(&code, out);
    return out;
}

/* ---- for people ---- */

static void line(struct buf *out, const char *name, const char *value) {
    if (value != NULL && value[0] != '\0')
        buf_addf(out, "  %-10s %s\n", name, value);
}

static void say_text(void *context, const char *sentence) {
    buf_addf(context, "  - %s\n", sentence);
}

static void add_list(struct buf *out, const struct advice *a) {
    char code[IP_TEXT_SIZE];
    const struct bounce *b = a->bounce;
    const char *answer = code_text(b, code);
    if (b->list[0] == '\0' && b->zone[0] == '\0')
        return;
    buf_addf(out, "  %-10s %s", "list", b->list[0] != '\0' ? b->list : b->zone);
    if (b->list[0] != '\0' && b->zone[0] != '\0')
        buf_addf(out, " (%s%s%s)", b->zone, answer != NULL ? "=" : "", answer != NULL ? answer : "");
    else if (answer != NULL)
        buf_addf(out, " (%s)", answer);
    if (a->public_list != NULL)
        buf_addf(out, ", public list %s", a->public_list);
    buf_add_char(out, '\n');
}

void advice_text(struct buf *out, const struct advice *advice, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const struct advice *a = &advice[i];
        const struct bounce *b = a->bounce;
        char address[IP_TEXT_SIZE] = "no address";
        char range[IP_RANGE_TEXT_SIZE] = "";
        if (b->has_address)
            (void)ip_format(&b->address, address);
        if (a->microsoft != NULL)
            (void)ip_range_format(a->microsoft, range);
        buf_addf(out, "%s%s: %s\n", i > 0 ? "\n" : "", address, advice_result_text[a->result]);
        line(out, "receiver", b->receiver);
        add_list(out, a);
        if (b->smtp_status != 0 || b->enhanced[0] != '\0')
            buf_addf(out, "  %-10s %.0u%s%s\n", "status", b->smtp_status,
                     b->smtp_status != 0 && b->enhanced[0] != '\0' ? " " : "", b->enhanced);
        line(out, "kind", bounce_kind_text[b->kind]);
        line(out, "microsoft", range);
        advice_tell(a, say_text, out);
    }
}

/* ---- for programs ---- */

static void string_or_null(struct json *j, const char *name, const char *text) {
    json_string(j, name, text != NULL && text[0] != '\0' ? text : NULL);
}

static void say_json(void *context, const char *sentence) {
    json_string(context, NULL, sentence);
}

static void add_bounce(struct json *j, const struct advice *a) {
    const struct bounce *b = a->bounce;
    char address[IP_TEXT_SIZE] = "";
    char code[IP_TEXT_SIZE];
    char range[IP_RANGE_TEXT_SIZE] = "";
    if (b->has_address)
        (void)ip_format(&b->address, address);
    if (a->microsoft != NULL)
        (void)ip_range_format(a->microsoft, range);
    json_object(j, NULL);
    string_or_null(j, "address", address);
    string_or_null(j, "receiver", b->receiver);
    string_or_null(j, "list", b->list);
    string_or_null(j, "zone", b->zone);
    string_or_null(j, "code", code_text(b, code));
    string_or_null(j, "public_list", a->public_list);
    if (b->smtp_status != 0)
        json_u64(j, "smtp_status", b->smtp_status);
    else
        json_null(j, "smtp_status");
    string_or_null(j, "enhanced_status", b->enhanced);
    json_string(j, "kind", bounce_kind_text[b->kind]);
    json_string(j, "result", advice_result_text[a->result]);
    string_or_null(j, "microsoft_range", range);
    json_array(j, "advice");
    advice_tell(a, say_json, j);
    json_close(j);
    json_close(j);
}

void advice_json(struct buf *out, const struct advice *advice, size_t n) {
    struct json j;
    json_begin(&j, out);
    json_object(&j, NULL);
    json_rows(&j, "bounces");
    for (size_t i = 0; i < n; i++)
        add_bounce(&j, &advice[i]);
    json_close(&j);
    json_close(&j);
}
