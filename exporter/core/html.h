/* SPDX-License-Identifier: Apache-2.0
 *
 * html: the words of an HTML document as plain text, for reports that come as nothing else.
 *
 * It is no parser of HTML: tags are dropped, elements that stand in a line by themselves end one, paragraphs
 * leave an empty line, entities become characters, and what is never shown (comments, script, style, title)
 * is left out. It works through the bytes once, keeps no tree, and never fails on what it does not know.
 */
#ifndef RBL_CORE_HTML_H
#define RBL_CORE_HTML_H

#include "core/buf.h"

#include <stdbool.h>
#include <stddef.h>

/* Whether it begins as a document does: `<user@example.org>: ...` is none. */
bool html_is_document(const char *bytes, size_t len);
/* Appends the text of `html` (UTF-8 or any superset of ASCII) to `out`: never longer than what came. */
void html_text(const char *html, size_t len, struct buf *out);

#endif
