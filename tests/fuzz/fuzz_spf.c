/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as what DNS answers to the questions of an evaluation: a line for each answer, in it a record
 * between each two carriage returns; a line of one `!` is an answer that did not come. When they are used up
 * no name exists. Beside what the sanitizers see:
 * - it comes to an end, after at most one question more than there may be look-ups;
 * - an error has a text and no ranges count; without an error there is none, and every range stands in a term
 *   `ip4:` or `ip6:` of the answers, found without the reader's own code;
 * - the same answers lead to the same end;
 * - what is taken of the ranges is within the limits, holds no special address, and comes back from the
 * store.
 */
/* FUZZ: -max_len=2048 */
#include "core/spf.h"
#include "core/spf_set.h"

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

static void check_limits(const struct source_set *set) {
    uint64_t total = 0;
    assert(set->n_ranges <= SOURCES_SPF_RANGES && set->n_addresses == 0);
    for (size_t i = 0; i < set->n_ranges; i++) {
        const struct ip_range *range = &set->ranges[i];
        uint64_t count = ip_range_count(range);
        assert(ip_special(&range->first) == NULL && ip_special(&range->last) == NULL);
        assert(count <= SOURCES_SPF_ADDRESSES || range->first.family == IP_V6);
        total += count <= SOURCES_SPF_ADDRESSES ? count : 0;
    }
    assert(total <= SOURCES_SPF_ADDRESSES && spf_set_count_v4(set) <= total);
}

static void check_kept(const struct source_set *set) {
    const struct spf_set_about about = {.domain = "example.net", .good_ns = 1, .changed_ns = 2};
    struct spf_set_about read;
    struct source_set back;
    struct buf bytes;
    source_set_init(&back);
    buf_init(&bytes, 1 << 20);
    spf_set_pack(&about, set, &bytes);
    enum status status = spf_set_unpack(bytes.data, bytes.len, &read, &back);
    assert(buf_status(&bytes) == STATUS_OK && status == STATUS_OK && source_set_equal(set, &back));
    buf_release(&bytes);
    source_set_release(&back);
}

static void check_set(const struct spf *spf) {
    char left_out[SPF_SET_TEXT_SIZE];
    char why[SPF_SET_WHY_SIZE];
    struct source_set set;
    size_t n;
    const struct ip_range *ranges = spf_ranges(spf, &n);
    enum status status = STATUS_OK;
    source_set_init(&set);
    for (size_t i = 0; i < n && status == STATUS_OK; i++)
        status = source_set_add_range(&set, &ranges[i]);
    assert(status == STATUS_OK);
    source_set_finish(&set);
    bool is_bounded = spf_set_bound(&set, left_out, why);
    assert(is_bounded == (*why == '\0'));
    check_text(why, SPF_SET_WHY_SIZE);
    check_text(left_out, SPF_SET_TEXT_SIZE);
    if (is_bounded) {
        check_limits(&set);
        check_kept(&set);
    }
    source_set_release(&set);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *text = (const char *)data;
    struct spf *spf = evaluate(text, size);
    struct spf *again = evaluate(text, size);
    size_t n;
    size_t n_again;
    check_end(spf, text, size);
    if (spf_state(spf) == SPF_GOOD)
        check_set(spf);
    (void)spf_ranges(spf, &n);
    (void)spf_ranges(again, &n_again);
    assert(spf_state(spf) == spf_state(again) && n == n_again);
    assert(strcmp(spf_error(spf), spf_error(again)) == 0);
    spf_free(spf);
    spf_free(again);
    return 0;
}
