/* SPDX-License-Identifier: Apache-2.0
 *
 * Fields: those of reports are read, those of messages passed over.
 */
#include "core/bounce_internal.h"

#include <string.h>
#include <strings.h>

enum { FIELD_NAME = 40 };

static const char *const headers[] = {
    "received",
    "return-path",
    "from",
    "to",
    "cc",
    "bcc",
    "subject",
    "date",
    "message-id",
    "mime-version",
    "content-type",
    "content-transfer-encoding",
    "content-description",
    "content-disposition",
    "content-language",
    "content-id",
    "dkim-signature",
    "authentication-results",
    "received-spf",
    "delivered-to",
    "reply-to",
    "sender",
    "references",
    "in-reply-to",
    "thread-topic",
    "thread-index",
    "accept-language",
    "user-agent",
    "auto-submitted",
    "precedence",
    "envelope-to",
    "delivery-date",
    "feedback-id",
    "importance",
};
static const char *const reports[] = {
    "reporting-mta", "original-envelope-id", "dsn-gateway",  "received-from-mta",
    "arrival-date",  "last-attempt-date",    "final-log-id", "will-retry-until",
};

static bool is_among(const char *name, const char *const *names, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

static bool starts_with_one(const char *text, const char *const *words, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (strncasecmp(text, words[i], strlen(words[i])) == 0 && !bounce_is_word(text[strlen(words[i])]))
            return true;
    return false;
}
#define STARTS(text, words) starts_with_one(text, words, sizeof(words) / sizeof *(words))

bool bounce_is_arrival(const char *action) {
    static const char *const arrived[] = {"delivered", "relayed", "expanded"};
    return STARTS(action, arrived);
}

static bool is_action(const char *value) {
    static const char *const lost[] = {"failed", "delayed"};
    return STARTS(value, lost) || bounce_is_arrival(value);
}

enum bounce_field bounce_field_of(const char *line, const char **value) {
    char name[FIELD_NAME + 1];
    size_t n = 0;
    for (; n < FIELD_NAME && (bounce_is_word(line[n]) || line[n] == '-'); n++)
        name[n] = bounce_lower(line[n]);
    name[n] = '\0';
    if (n == 0 || line[n] != ':' || (line[n + 1] != ' ' && line[n + 1] != '\0'))
        return FIELD_NONE;
    *value = line + n + 1 + strspn(line + n + 1, " ");
    if (strcmp(name, "diagnostic-code") == 0)
        return FIELD_DIAGNOSTIC;
    if (strcmp(name, "status") == 0) /* people write these two as well */
        return bounce_enhanced_at(*value, 0) > 0 ? FIELD_STATUS : FIELD_NONE;
    if (strcmp(name, "action") == 0)
        return is_action(*value) ? FIELD_ACTION : FIELD_NONE;
    if (strcmp(name, "remote-mta") == 0)
        return FIELD_REMOTE;
    if (strcmp(name, "final-recipient") == 0 || strcmp(name, "original-recipient") == 0)
        return FIELD_RECIPIENT;
    if (is_among(name, reports, sizeof reports / sizeof *reports))
        return FIELD_DSN;
    bool is_header = strncmp(name, "x-", 2) == 0 || strncmp(name, "arc-", 4) == 0 ||
                     strncmp(name, "list-", 5) == 0 ||
                     is_among(name, headers, sizeof headers / sizeof *headers);
    return is_header ? FIELD_HEADER : FIELD_NONE;
}
