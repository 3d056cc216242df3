/* SPDX-License-Identifier: Apache-2.0
 *
 * yamltext: writes YAML into a buffer, in a form that any reader understands: block mappings and sequences,
 * two spaces a level, and double quotes around every text that could be taken for something else (a number, a
 * date, null, an indicator) or has characters that are not printable.
 *
 * Names and texts are UTF-8 without NUL. Of texts that are secret nothing is written: `<secret>` stands where
 * one occurs in a name or text, whatever case its letters have (they are labels of DNS names). Failure
 * (memory, cap) is in buf_status().
 */
#ifndef RBL_CORE_YAMLTEXT_H
#define RBL_CORE_YAMLTEXT_H

#include "core/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define YAMLTEXT_SECRET "<secret>"

struct yamltext {
    struct buf *out;
    unsigned depth;             /* levels of indentation */
    bool dash;                  /* the next name is the first of an entry */
    bool flow_filled;           /* the flow sequence has an element already */
    const char *const *secrets; /* borrowed */
    size_t n_secrets;
    size_t shortest;  /* of them, in bytes */
    bool begins[256]; /* whether one begins with this byte, in either case */
};

void yamltext_begin(struct yamltext *y, struct buf *out);
/* From now on these, none of which is empty, are not written; they are borrowed. */
void yamltext_hide(struct yamltext *y, const char *const *secrets, size_t n);
/* Opens a mapping or a sequence under `name`; yamltext_close() closes what was opened last. Each has at least
 * one member. */
void yamltext_open(struct yamltext *y, const char *name);
/* An entry of a sequence: a mapping, closed likewise. */
void yamltext_entry(struct yamltext *y);
void yamltext_close(struct yamltext *y);
/* An entry that is a text. */
void yamltext_entry_string(struct yamltext *y, const char *text);

/* A text, in quotes where it needs any. */
void yamltext_string(struct yamltext *y, const char *name, const char *text);
/* A word or number that stands as it is: the caller knows that it is safe. */
void yamltext_word(struct yamltext *y, const char *name, const char *word);
void yamltext_u64(struct yamltext *y, const char *name, uint64_t value);
/* Behind the last value, on its line. */
void yamltext_comment(struct yamltext *y, const char *text);

/* A sequence of texts on one line, which may be empty: `name: [a, b]`. */
void yamltext_flow(struct yamltext *y, const char *name);
void yamltext_element(struct yamltext *y, const char *text);
void yamltext_flow_end(struct yamltext *y);

#endif
