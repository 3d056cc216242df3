/* SPDX-License-Identifier: Apache-2.0
 *
 * SMTP replies (RFC 5321 section 4.2) and enhanced status codes (RFC 3463) in running text.
 */
#include "core/bounce_internal.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* What may stand before a reply in the middle of a line. */
static bool is_introduced(const char *text, size_t at) {
    static const char *const words[] = {"returned", "said", "response", "reply", "received", "got"};
    static const char *const fields[] = {"reply=", "LED=", "MSG=", "response=", "error="};
    size_t end = at;
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        size_t n = strlen(fields[i]);
        if (at >= n && strncasecmp(text + at - n, fields[i], n) == 0)
            return true;
    }
    while (end > 0 && text[end - 1] == ' ')
        end--;
    if (end == 0 || strchr(":;'\"#(>[<", text[end - 1]) != NULL)
        return true;
    for (size_t i = 0; end < at && i < sizeof words / sizeof *words; i++) {
        size_t n = strlen(words[i]);
        if (end >= n && memcmp(text + end - n, words[i], n) == 0)
            return true;
    }
    return false;
}

unsigned bounce_reply_at(const char *text, size_t at) {
    const char *p = text + at;
    if ((p[0] != '4' && p[0] != '5') || p[1] < '0' || p[1] > '5' || !bounce_is_digit(p[2]))
        return 0;
    if ((p[3] != ' ' && p[3] != '-') || p[4] == '\0' || p[4] == ' ')
        return 0;
    if (!is_introduced(text, at))
        return 0;
    return (unsigned)(p[0] - '0') * 100 + (unsigned)(p[1] - '0') * 10 + (unsigned)(p[2] - '0');
}

static size_t digits(const char *text) {
    size_t n = 0;
    while (n < 3 && bounce_is_digit(text[n]))
        n++;
    return n;
}

size_t bounce_enhanced_at(const char *text, size_t at) {
    const char *p = text + at;
    bool of_reply = at > 1 && p[-1] == '-' && bounce_is_digit(p[-2]); /* "550-5.7.1" */
    bool inside = at > 0 && (bounce_is_word(p[-1]) || p[-1] == '.' || p[-1] == '-') && !of_reply;
    if (inside || (p[0] != '2' && p[0] != '4' && p[0] != '5') || p[1] != '.')
        return 0;
    size_t subject = digits(p + 2);
    if (subject == 0 || p[2 + subject] != '.')
        return 0;
    size_t detail = digits(p + 3 + subject);
    size_t len = 3 + subject + detail;
    bool more = bounce_is_word(p[len]) || (p[len] == '.' && bounce_is_digit(p[len + 1]));
    return detail > 0 && !more ? len : 0;
}

size_t bounce_words(const struct statement *s) {
    size_t words = 0;
    for (const char *p = s->lower; (p = strstr(p, "->")) != NULL; p += 2) {
        const char *behind = p + 2 + strspn(p + 2, " ");
        size_t at = (size_t)(behind - s->lower);
        if (bounce_reply_at(s->lower, at) != 0 || bounce_enhanced_at(s->lower, at) > 0 ||
            bounce_has_trigger(behind))
            words = at;
    }
    return words;
}

static bool take_enhanced(const struct statement *s, size_t at, struct bounce *out) {
    size_t n = bounce_enhanced_at(s->text, at);
    bool fits = out->smtp_status == 0 || (unsigned)(s->text[at] - '0') == out->smtp_status / 100;
    if (n == 0 || !fits || s->text[at] == '2')
        return false;
    (void)snprintf(out->enhanced, sizeof out->enhanced, "%.*s", (int)n, s->text + at);
    return true;
}

void bounce_read_reply(const struct statement *s, size_t at, struct bounce *out) {
    size_t words = bounce_words(s);
    size_t begin = s->len;
    for (size_t i = words; i < s->len && (i < at || out->smtp_status == 0); i++) {
        unsigned code = bounce_reply_at(s->text, i);
        if (code == 0)
            continue;
        out->smtp_status = code;
        begin = i;
    }
    for (size_t i = begin; i < s->len; i++) /* that of the reply, wherever it stands in it */
        if (take_enhanced(s, i, out))
            return;
    for (size_t i = words; i < begin; i++)
        if (take_enhanced(s, i, out))
            return;
    if (out->smtp_status == 0 || (unsigned)(s->status[0] - '0') == out->smtp_status / 100)
        memcpy(out->enhanced, s->status, sizeof out->enhanced);
}
