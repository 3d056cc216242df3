/* SPDX-License-Identifier: Apache-2.0
 *
 * Any text as the target of a request: what is before the first `?` as the rest of a path, what is behind it
 * as a query; both as a question to the API, too. Beside what the sanitizers see: a text that is refused
 * leaves nothing behind, what is decoded is never longer than what came, names are there once and are found,
 * and encoding what was read and reading it again gives the same.
 */
/* FUZZ: -max_len=1100 */
#include "core/api.h"
#include "core/rfc3339.h"
#include "core/url.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct url_query query;
static struct url_query again;

static void encode(struct buf *out, const char *text) {
    for (; *text != '\0'; text++)
        buf_addf(out, "%%%02X", (unsigned char)*text);
}

static void check_path(const char *path) {
    char out[URL_SIZE];
    char back[URL_SIZE];
    struct buf encoded;
    enum url_error error = url_path(path, out);
    assert(error < URL_ERRORS && error != URL_TWICE && error != URL_TOO_MANY);
    assert(strlen(out) <= strlen(path));
    if (error != URL_OK) {
        assert(out[0] == '\0');
        return;
    }
    buf_init(&encoded, SIZE_MAX);
    encode(&encoded, out);
    error = url_path(buf_text(&encoded), back);
    assert(error == URL_OK && strcmp(out, back) == 0);
    buf_release(&encoded);
}

static void check_again(void) {
    struct buf encoded;
    buf_init(&encoded, SIZE_MAX);
    for (size_t i = 0; i < query.n; i++) {
        buf_add_text(&encoded, i > 0 ? "&" : "");
        encode(&encoded, query.parameters[i].name);
        buf_add_char(&encoded, '=');
        encode(&encoded, query.parameters[i].value);
    }
    enum url_error error = url_query_parse(buf_text(&encoded), &again);
    assert(error == URL_OK && again.n == query.n);
    for (size_t i = 0; i < query.n; i++)
        assert(strcmp(query.parameters[i].name, again.parameters[i].name) == 0 &&
               strcmp(query.parameters[i].value, again.parameters[i].value) == 0);
    buf_release(&encoded);
}

static void check_query(const char *text) {
    enum url_error error = url_query_parse(text, &query);
    assert(error < URL_ERRORS && query.n <= URL_PARAMETERS);
    assert(error == URL_OK || query.n == 0);
    for (size_t i = 0; i < query.n; i++)
        assert(url_query_find(&query, query.parameters[i].name) == query.parameters[i].value);
    check_again();
}

static void check_question(const char *path, const char *text) {
    struct api_question question = {.limit = 0};
    struct buf out;
    buf_init(&out, SIZE_MAX);
    unsigned status = api_question_read(&out, path, text, &question);
    assert((status == API_OK) == (out.len == 0));
    assert((status == API_OK) == (question.limit != 0));
    assert(question.limit <= API_HISTORY_MAX && question.before_ns >= 0);
    if (status == API_OK && question.before_ns != INT64_MAX) {
        char moment[RFC3339_SIZE];
        int64_t back = -1;
        (void)rfc3339_format_ns(question.before_ns, moment);
        assert(rfc3339_parse(moment, &back) == STATUS_OK && back == question.before_ns);
    }
    buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = malloc(size + 1);
    if (text == NULL)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    char *mark = text + strcspn(text, "?");
    const char *behind = *mark == '?' ? mark + 1 : mark;
    *mark = '\0';
    check_path(text);
    check_query(behind);
    check_question(text, behind);
    free(text);
    return 0;
}
