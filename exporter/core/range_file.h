/* SPDX-License-Identifier: Apache-2.0
 *
 * range_file: a text with one address or range a line, as people and scripts write such files.
 *
 * Every notation of core/ip is taken: a single address is an address; CIDR, `a-b` and `40.107.%.%` are
 * ranges, those of one address too. `#` begins a remark, on a line of its own or behind an entry. Blank
 * lines, white space around an entry, CRLF, a byte order mark and a last line without an end are fine. A line
 * that is wrong is given back with its number and what is wrong with it, and the rest counts.
 *
 * What is wrong is explained of the first RANGE_FILE_EXPLAINED wrong lines; of the others it is only said
 * that they are like them, for an explanation takes ten times as long as an address.
 *
 * Refused as a whole, because it is no such text: UTF-16, a NUL or another control character, more than
 * RANGE_FILE_BYTES bytes or RANGE_FILE_LINES lines. A line of more than RANGE_FILE_LINE bytes is a wrong
 * line. Remarks may hold any bytes from 0x80 up.
 *
 * The reader allocates nothing and borrows the text: a million lines take about 60 ms, so a caller who has
 * no such time may stop after any line and go on later.
 */
#ifndef RBL_CORE_RANGE_FILE_H
#define RBL_CORE_RANGE_FILE_H

#include "core/ip.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    RANGE_FILE_BYTES = 64 * 1024 * 1024,
    RANGE_FILE_LINES = 4 * 1000 * 1000,
    RANGE_FILE_LINE = 4096,
    RANGE_FILE_EXPLAINED = 1000, /* wrong lines */
    RANGE_FILE_WHY_SIZE = 320
};

enum range_file_kind { RANGE_FILE_ADDRESS, RANGE_FILE_RANGE, RANGE_FILE_WRONG };

struct range_file {
    const char *at;
    const char *end;
    uint32_t line; /* of what was given last, from 1 */
    uint32_t n_wrong;
};

struct range_file_entry {
    enum range_file_kind kind;
    uint32_t line;                 /* from 1 */
    struct ip_range range;         /* RANGE_FILE_ADDRESS: of that one address */
    char why[RANGE_FILE_WHY_SIZE]; /* RANGE_FILE_WRONG: what is wrong, what was expected; else not written */
};

/* Begins to read; false, and a sentence without a subject in `why`, if `text` is refused as a whole. */
bool range_file_open(struct range_file *file, const char *text, size_t len, char *why, size_t size)
    MUST_CHECK;
/* The next line that is no remark and not blank; false at the end. */
bool range_file_next(struct range_file *file, struct range_file_entry *out) MUST_CHECK;

#endif
