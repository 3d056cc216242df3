/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as what DNS answers to the questions of an evaluation: a line for each answer, in it a record
 * between each two carriage returns; a line of one `!` is an answer that did not come. When they are used up
 * no name exists. Beside what the sanitizers see:
 * - it comes to an end, after at most one question more than there may be look-ups;
 * - an error has a text and no ranges count; without an error there is none, and every range stands in a term
 *   `ip4:` or `ip6:` of the answers, found without the reader's own code;
 * - the same answers lead to the same end.
 */
#include "core/spf.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const char *text, size_t size) {
    assert(memchr(text, '\0', size) != NULL);
    for (; *text != '\0'; text++)
        assert((unsigned char)*text >= 0x20 && (unsigned char)*text < 0x7f);
}

/* The next line; false: there is none. */
static bool next_line(const char *data, size_t size, size_t *at, const char **line, size_t *len) {
    if (*at >= size)
        return false;
    *line = data + *at;
    const char *end = memchr(*line, '\n', size - *at);
    *len = end != NULL ? (size_t)(end - *line) : size - *at;
    *at += *len + 1;
    return true;
}

static void add_records(const char *line, size_t len, struct reply_texts *texts) {
    for (size_t at = 0; at <= len;) {
        const char *end = memchr(line + at, '\r', len - at);
        size_t n = end != NULL ? (size_t)(end - line) - at : len - at;
        reply_texts_add(texts, line + at, n < UINT16_MAX ? n : UINT16_MAX);
        at += n + 1;
    }
}

static struct spf *evaluate(const char *data, size_t size) {
    struct spf *spf = NULL;
    unsigned n_asked = 0;
    size_t at = 0;
    enum status status = spf_new("example.net", &spf);
    assert(status == STATUS_OK);
    while (spf_state(spf) == SPF_ASKS) {
        const char *line = "";
        size_t len = 0;
        struct reply_texts texts;
        struct question_end end = {.type = QUERY_TXT, .result = QUESTION_NXDOMAIN, .texts = &texts};
        assert(n_asked++ <= SPF_LOOK_UPS);
        assert(spf_question(spf)->len > 0);
        reply_texts_init(&texts);
        if (next_line(data, size, &at, &line, &len)) {
            end.result = len == 1 && *line == '!' ? QUESTION_TIMEOUT : QUESTION_ANSWERED;
            add_records(line, len, &texts);
        }
        spf_answer(spf, &end);
        reply_texts_release(&texts);
    }
    return spf;
}

/* Whether one of the words of the text is a term for `wanted`. */
static bool stands_in(const char *data, size_t size, const struct ip_range *wanted) {
    const char *prefix = wanted->first.family == IP_V4 ? "ip4:" : "ip6:";
    for (size_t at = 0; at + 4 < size; at++) {
        size_t len = 0;
        struct ip_range range;
        if (strncasecmp(data + at, prefix, 4) != 0)
            continue;
        while (at + 4 + len < size && strchr(" \r\n", data[at + 4 + len]) == NULL)
            len++;
        enum ip_range_error error = ip_range_parse(data + at + 4, len, &range);
        if ((error == IP_RANGE_OK || error == IP_RANGE_HOST_BITS) && ip_equal(&range.first, &wanted->first) &&
            ip_equal(&range.last, &wanted->last))
            return true;
    }
    return false;
}

static void check_end(const struct spf *spf, const char *data, size_t size) {
    size_t n;
    const struct ip_range *ranges = spf_ranges(spf, &n);
    assert((spf_state(spf) == SPF_GOOD) == (*spf_error(spf) == '\0'));
    check_text(spf_error(spf), SPF_TEXT_SIZE);
    check_text(spf_not_followed(spf), SPF_TEXT_SIZE);
    assert(n <= SPF_TERMS_MAX);
    for (size_t i = 0; spf_state(spf) == SPF_GOOD && i < n; i++) {
        assert(ranges[i].first.family == ranges[i].last.family);
        assert(ip_compare(&ranges[i].first, &ranges[i].last) <= 0);
        assert(i > 200 || stands_in(data, size, &ranges[i])); /* not too slow for large inputs */
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *text = (const char *)data;
    struct spf *spf = evaluate(text, size);
    struct spf *again = evaluate(text, size);
    size_t n;
    size_t n_again;
    check_end(spf, text, size);
    (void)spf_ranges(spf, &n);
    (void)spf_ranges(again, &n_again);
    assert(spf_state(spf) == spf_state(again) && n == n_again);
    assert(strcmp(spf_error(spf), spf_error(again)) == 0);
    spf_free(spf);
    spf_free(again);
    return 0;
}
