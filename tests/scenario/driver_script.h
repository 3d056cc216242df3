/* SPDX-License-Identifier: Apache-2.0
 *
 * driver_script: the text of a scenario as statements of words, and the words that are numbers, times and
 * addresses.
 */
#ifndef RBL_SCENARIO_DRIVER_SCRIPT_H
#define RBL_SCENARIO_DRIVER_SCRIPT_H

#include "core/ip.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SCRIPT_WORDS = 32, SCRIPT_CODES = 8 };

struct statement {
    const char *words[SCRIPT_WORDS]; /* NULL behind the last */
    unsigned n_words;
    unsigned at;       /* the next word to be read */
    unsigned line;     /* in the file, from 1 */
    const char *block; /* the text between { and }, NULL without one */
    size_t block_len;
};

/* Reads the statement that begins at *text, in line *line, and moves both behind it; false at the end. Cuts
 * up the text, but for blocks. */
bool script_next(char **text, unsigned *line, struct statement *s);
/* Where errors are reported from now on. */
extern const char *script_path;
extern unsigned script_line;

/* The next word, whatever it is; `what` was expected if there is none. */
const char *script_word(struct statement *s, const char *what);
/* Whether the next word is `word`; if so it is read. */
bool script_is(struct statement *s, const char *word);
/* Nothing may follow. */
void script_end(const struct statement *s);
/* The next word as an address, a range, a time, a number with or without a unit of time or `%`;
 * fails if it is none.
 */
struct ip script_ip(struct statement *s);
struct ip_range script_range(struct statement *s);
int64_t script_time(struct statement *s);
double script_number(struct statement *s);
/* Addresses with commas between them, in host byte order; returns how many. */
unsigned script_codes(struct statement *s, uint32_t codes[SCRIPT_CODES]);

/* What a value is compared with. */
struct bounds {
    double low, high;
    bool open_low, open_high, except;
    char text[96];
};
struct bounds script_bounds(struct statement *s);
bool bounds_hold(const struct bounds *bounds, double value);

#endif
