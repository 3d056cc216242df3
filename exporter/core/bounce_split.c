/* SPDX-License-Identifier: Apache-2.0
 *
 * From text to statements.
 *
 * Lines are joined as long as they can be one statement: folded fields, `550-` lines, lines that a mail
 * program has wrapped, and a lead-in such as "mx.example.net gave this error:" before a reply. A new
 * statement begins with a reply when the one before has its own, with a time stamp of a log, with a field of
 * a report, and behind an empty line. Headers of messages (Received and so on) are passed over with their
 * folded lines: they are full of addresses that were not rejected.
 */
#include "core/bounce_internal.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { LINE_SIZE = STATEMENT_SIZE, WORD_MOST = 1000 };

struct splitter {
    const struct bounce_sink *sink;
    struct statement now;
    bool has_reply;
    bool has_trigger;
    unsigned claims;         /* words that a statement has once */
    unsigned more_of;        /* the last line was `NNN-`: the code of the lines that go on; 0: none */
    bool delivered;          /* the report says that it arrived */
    size_t indent;           /* of the header that is passed over */
    bool in_header;          /* folded lines belong to a header that is passed over */
    bool in_report;          /* fields of RFC 3464 */
    enum bounce_field field; /* the last field of the report */
    bool any_reply;          /* one stood somewhere before */
    bool over;               /* a copy of the message follows */
    bool awaits_host;        /* the last line was "Remote server:" */
    char lower[LINE_SIZE];   /* the line, in lower case */
};

/* ---- one statement ---- */

static void begin(struct splitter *p) {
    p->now.len = 0;
    p->now.text[0] = '\0';
    p->now.remote[0] = '\0';
    p->now.status[0] = '\0';
    p->now.is_reply = false;
    p->delivered = false;
    p->has_reply = false;
    p->has_trigger = false;
    p->claims = 0;
    p->more_of = 0;
}

static void end(struct splitter *p) {
    struct statement *s = &p->now;
    for (size_t i = 0; i <= s->len; i++)
        s->lower[i] = bounce_lower(s->text[i]);
    s->is_reply = p->has_reply;
    if (s->len > 0 && !p->delivered && (p->has_reply || p->has_trigger))
        p->sink->statement(p->sink->context, s);
    begin(p);
}

/* A reply that began a line still stands where one can stand. */
static void add_colon(struct splitter *p) {
    struct statement *s = &p->now;
    if (s->len == 0 || s->len + 1 >= STATEMENT_SIZE || strchr(":;'\"#(>[<", s->text[s->len - 1]) != NULL)
        return;
    s->text[s->len++] = ':';
    s->text[s->len] = '\0';
}

/* Adds a line, blanks as one space; what is too long is cut at a blank, so that no address is cut. */
static void add(struct splitter *p, const char *line) {
    struct statement *s = &p->now;
    size_t kept = s->len;
    size_t n = s->len;
    bool blank = n > 0;
    for (; *line != '\0'; line++) {
        if (*line == ' ') {
            blank = n > 0;
            kept = n;
            continue;
        }
        if (n + 2 >= STATEMENT_SIZE) {
            n = kept;
            break;
        }
        if (blank)
            s->text[n++] = ' ';
        s->text[n++] = *line;
        blank = false;
    }
    s->len = n;
    s->text[n] = '\0';
}

/* ---- what a line is ---- */

/* Quotation marks of mail programs, bullets, and the arrows of a transcript (`<<< 554 ...`). */
static const char *skip_marks(const char *line) {
    for (;;) {
        line += strspn(line, " ");
        if (strncmp(line, "<<< ", 4) == 0)
            line += 4;
        else if (line[0] == '>' || line[0] == '|')
            line += 1;
        else if ((line[0] == '*' || line[0] == '-') && line[1] == ' ')
            line += 2;
        else
            return line;
    }
}

/* `a` stands for a letter, `0` for a digit, `_` for a digit or a blank, `T` for itself or a blank. */
static bool has_shape(const char *line, const char *shape) {
    for (; *shape != '\0'; shape++, line++) {
        bool digit = bounce_is_digit(*line);
        bool letter = bounce_is_word(*line) && !digit;
        bool blank = *line == ' ';
        bool fits = *shape == 'a'   ? letter
                    : *shape == '0' ? digit
                    : *shape == '_' ? digit || blank
                    : *shape == 'T' ? blank || *line == 'T'
                                    : *line == *shape;
        if (!fits)
            return false;
    }
    return true;
}

/* What lines of logs begin with. */
static bool has_time_stamp(const char *line) {
    return has_shape(line, "aaa _0 00:00:00 ") || has_shape(line, "0000-00-00T00:00:");
}

static bool holds_reply(const char *line) {
    for (size_t i = 0; line[i] != '\0'; i++)
        if ((line[i] == '4' || line[i] == '5') && bounce_reply_at(line, i) != 0)
            return true;
    return false;
}

/* A line behind which the rejected message stands. Notes write the last two above what they forward: they
 * count only behind a reply. */
static bool is_end_marker(const char *line, bool any_reply) {
    static const char *const phrases[] = {
        "below this line is a copy of the message",
        "below this line is a copy of the original message",
        "this is a copy of the message, including all the headers",
        "this is a copy of your message, including all the headers",
        "this is a copy of the message's header lines",
        "----- original message follows -----",
    };
    static const char *const starts[] = {"----- original message -----", "original message headers:"};
    for (size_t i = 0; i < sizeof phrases / sizeof *phrases; i++)
        if (strcasestr(line, phrases[i]) != NULL)
            return true;
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++)
        if (any_reply && strncasecmp(line, starts[i], strlen(starts[i])) == 0)
            return true;
    return strncasecmp(line, "the body of the message is ", 27) == 0 &&
           strstr(line, "; only the first") != NULL;
}

/* A line that says who rejected the statement before it. */
static bool is_receiver_line(const char *line, const char **host) {
    static const char *const leads[] = {"Message rejected by:", "Remote server:", "Remote Server:"};
    for (size_t i = 0; i < sizeof leads / sizeof *leads; i++) {
        size_t n = strlen(leads[i]);
        if (strncmp(line, leads[i], n) != 0)
            continue;
        *host = line + n + strspn(line + n, " ");
        return true;
    }
    return false;
}

/* ---- reports (RFC 3464) ---- */

/* Without the type before it: "dns; mx.example.net", "smtp; 554 ...". */
static const char *without_type(const char *value) {
    size_t n = 0;
    while (bounce_is_word(value[n]) || value[n] == '-')
        n++;
    n += strspn(value + n, " ");
    return value[n] == ';' ? value + n + 1 + strspn(value + n + 1, " ") : value;
}

static void report_field(struct splitter *p, enum bounce_field field, const char *value) {
    bool next = p->now.len > 0 && (field == FIELD_RECIPIENT || field == FIELD_DIAGNOSTIC);
    if (!p->in_report || next)
        end(p);
    p->in_report = true;
    p->field = field;
    switch (field) {
    case FIELD_DIAGNOSTIC:
        value = without_type(value);
        add(p, value);
        p->has_reply = value[0] != '2';
        break;
    case FIELD_STATUS:
        (void)snprintf(p->now.status, sizeof p->now.status, "%.*s", (int)bounce_enhanced_at(value, 0), value);
        break;
    case FIELD_ACTION: p->delivered = bounce_is_arrival(value); break;
    case FIELD_REMOTE: (void)snprintf(p->now.remote, sizeof p->now.remote, "%s", without_type(value)); break;
    case FIELD_NONE:
    case FIELD_HEADER:
    case FIELD_RECIPIENT:
    case FIELD_DSN: break;
    }
}

/* ---- lines ---- */

/* The reply of several lines: the code, and the enhanced code that is repeated, are said once. */
static const char *without_code(const char *line) {
    line += 4;
    size_t n = bounce_enhanced_at(line, 0);
    return n > 0 && line[n] == ' ' ? line + n + 1 : line;
}

/* A statement names its client once, and its list. */
static unsigned claims_of(const char *lower) {
    static const char *const claims[] = {"client host [", "blocked using", "banned sending ip", "lookup site",
                                         "blocked - see"};
    unsigned found = 0;
    for (size_t i = 0; i < sizeof claims / sizeof *claims; i++)
        if (strstr(lower, claims[i]) != NULL)
            found |= 1U << i;
    return found;
}

static void note(struct splitter *p, const char *line) {
    p->any_reply = p->any_reply || holds_reply(line);
    p->has_reply = p->has_reply || holds_reply(line) || bounce_enhanced_at(line, 0) > 0;
    p->has_trigger = p->has_trigger || bounce_has_trigger(p->lower);
    p->claims |= claims_of(p->lower);
}

static bool begins_anew(const struct splitter *p, const char *line) {
    if (has_time_stamp(line))
        return true;
    if (p->has_reply && (holds_reply(line) || bounce_enhanced_at(line, 0) > 0))
        return true;
    return (p->claims & claims_of(p->lower)) != 0;
}

static void content(struct splitter *p, const char *line) {
    const char *host = NULL;
    unsigned code = bounce_reply_at(line, 0);
    bool goes_on = code != 0 && code == p->more_of;
    if (p->awaits_host || is_receiver_line(line, &host)) {
        end(p);
        host = p->awaits_host ? line : host;
        p->awaits_host = !p->awaits_host && host[0] == '\0'; /* it stands on the next line */
        if (!p->awaits_host)
            p->sink->receiver(p->sink->context, host);
        return;
    }
    size_t len = strlen(line);
    for (size_t i = 0; i <= len; i++)
        p->lower[i] = bounce_lower(line[i]);
    if ((!goes_on && begins_anew(p, line)) || p->now.len + len + 2 >= STATEMENT_SIZE)
        end(p);
    p->more_of = code != 0 && line[3] == '-' ? code : 0;
    if (code != 0 && !goes_on)
        add_colon(p);
    add(p, goes_on ? without_code(line) : line);
    note(p, line);
}

static void empty_line(struct splitter *p) {
    p->in_header = false;
    p->in_report = false;
    /* "The response from the remote server was:", an empty line, and the reply. */
    if (!p->has_reply && p->now.len > 0 && p->now.text[p->now.len - 1] == ':')
        return;
    end(p);
}

/* Whether a line goes on with the header before it: in quoted text it has more blanks than that. */
static bool is_folded(const struct splitter *p, const char *raw, size_t *indent) {
    const char *line = raw;
    for (size_t n = strspn(line, " "); line[n] == '>' || line[n] == '|'; n = strspn(line, " "))
        line += n + 1;
    *indent = strspn(line, " ");
    return *indent > 0 && (line == raw || *indent > p->indent);
}

static void take_line(struct splitter *p, const char *raw) {
    const char *value = NULL;
    const char *line = skip_marks(raw);
    size_t indent = 0;
    bool folded = is_folded(p, raw, &indent);
    p->over = p->over || is_end_marker(line, p->any_reply || p->in_report);
    if (p->over)
        return;
    if (line[0] == '\0') {
        empty_line(p);
        return;
    }
    enum bounce_field field = bounce_field_of(line, &value);
    if (p->in_report && field == FIELD_NONE) { /* a folded line, or one that was wrapped */
        if (p->field == FIELD_DIAGNOSTIC)
            add(p, line);
        return;
    }
    if (p->in_header && folded)
        return;
    p->in_header = field == FIELD_HEADER && !p->in_report;
    if (p->in_header) {
        p->indent = indent;
        end(p);
    } else if (field != FIELD_NONE)
        report_field(p, field, value);
    else
        content(p, line);
}

/* The next piece of a line, cut at a blank: a word that is longer than any address or host is passed over.
 * Returns how much of the line it is. */
static size_t take_piece(const char *text, size_t len, char line[LINE_SIZE]) {
    size_t n = 0;
    size_t i = 0;
    while (i < len) {
        size_t word = 0;
        while (i + word < len && text[i + word] != ' ')
            word++;
        bool is_long = word > WORD_MOST;
        if (!is_long && n + word + 1 >= LINE_SIZE)
            break;
        if (!is_long) {
            memcpy(line + n, text + i, word);
            n += word;
        }
        i += word;
        if (i < len)
            line[n++] = text[i++];
        if (n + 1 >= LINE_SIZE)
            break;
    }
    line[n] = '\0';
    return i;
}

void bounce_split(const char *text, const struct bounce_sink *sink) {
    struct splitter p = {.sink = sink};
    char line[LINE_SIZE];
    begin(&p);
    while (*text != '\0') {
        size_t len = strcspn(text, "\n");
        size_t at = 0;
        do {
            at += take_piece(text + at, len - at, line);
            take_line(&p, line);
        } while (at < len);
        text += len + (text[len] == '\n');
    }
    end(&p);
}
