/* SPDX-License-Identifier: Apache-2.0 */
#include "app_bounce_read.h"

#include "app_bounce.h"
#include "app_config.h"

#include "core/html.h"

#include "edge/mime.h"
#include "edge/process.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A message of a megabyte takes 110 MB and 1.1 s at most (edge/mime.h). */
#define CONFINED_MEMORY (UINT64_C(512) << 20)
enum { CONFINED_SECONDS = 10 };

const char *const app_bounce_read_message[] = {"rbl_exporter", "read-bounces", "message", NULL};
const char *const app_bounce_read_any[] = {"rbl_exporter", "read-bounces", NULL};

/* In files of old a CR alone ends a line; a NUL ends nothing. */
static void end_lines(struct buf *input) {
    for (size_t i = 0; i < input->len; i++)
        if (input->data[i] == '\0')
            input->data[i] = ' ';
        else if (input->data[i] == '\r' && (i + 1 == input->len || input->data[i + 1] != '\n'))
            input->data[i] = '\n';
}

/* Headers in a document are known by their lines, and so are those in a message that was not taken apart. */
static bool is_html(const struct buf *input, bool message) {
    return html_is_document(buf_text(input), input->len) ||
           (message && strcasestr(buf_text(input), "<html") != NULL);
}

/* Behind a byte order mark and empty lines. */
static size_t blank_front(const struct buf *input) {
    const char *text = buf_text(input);
    size_t mark = strncmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    return mark + strspn(text + mark, "\r\n");
}

enum status app_bounce_read(struct buf *input, bool message, const struct mirrors *mirrors,
                            struct bounces *out) {
    struct buf words;
    buf_init(&words, MIME_BYTES);
    end_lines(input);
    size_t front = blank_front(input);
    const char *text = buf_text(input) + front;
    bool looks_like_one = mime_is_message(text, input->len - front);
    message = message || looks_like_one;
    enum status status = message ? mime_text(text, input->len - front, &words) : STATUS_SYNTAX;
    const struct buf *from = &words;
    if (status == STATUS_SYNTAX && is_html(input, message))
        html_text(buf_text(input), input->len, &words);
    else if (status == STATUS_SYNTAX ||
             (words.len == 0 && !looks_like_one)) /* it may have been said in vain */
        from = input;
    if (status != STATUS_NO_MEMORY)
        status = bounces_read(buf_text(from), from->len, mirrors, message, out);
    buf_release(&words);
    return status;
}

/* ---- the command ---- */

/* Whoever asks sends no more than is read. */
static void slurp(struct buf *out) {
    char *at;
    size_t n;
    while (out->len < MIME_BYTES && (at = buf_reserve(out, MIME_BYTES - out->len)) != NULL &&
           (n = fread(at, 1, MIME_BYTES - out->len, stdin)) > 0)
        buf_commit(out, n);
}

static bool run(const struct mirrors *mirrors, bool message, struct bounces *bounces, struct buf *input,
                struct buf *output) {
    slurp(input);
    if (ferror(stdin) != 0 || buf_status(input) != STATUS_OK ||
        app_bounce_read(input, message, mirrors, bounces) != STATUS_OK)
        return false;
    bounces_encode(bounces, mirrors, output);
    return buf_status(output) == STATUS_OK &&
           fwrite(buf_text(output), 1, output->len, stdout) == output->len && fflush(stdout) == 0;
}

int app_bounce_read_run(const struct cli *cli) {
    struct buf input;
    struct buf output;
    bool message = cli->n_words > 0;
    mime_end_with(BOUNCE_EXIT_LATER);
    if (!process_confine(CONFINED_MEMORY, CONFINED_SECONDS))
        return BOUNCE_EXIT_LATER;
    buf_init(&input, MIME_BYTES);
    buf_init(&output, APP_BOUNCE_READ_OUTPUT);
    struct mirrors *mirrors = app_mirrors();
    struct bounces *bounces = calloc(1, sizeof *bounces);
    bool ok = mirrors != NULL && bounces != NULL && run(mirrors, message, bounces, &input, &output);
    buf_release(&input);
    buf_release(&output);
    mirrors_free(mirrors);
    free(bounces);
    return ok ? BOUNCE_EXIT_OK : BOUNCE_EXIT_LATER;
}
