/* SPDX-License-Identifier: Apache-2.0
 *
 * Patterns of answers in text: the way back from what settings_codes.c reads.
 */
#include "core/list.h"

#include <stdio.h>

enum { LAST_OCTET = 0xff };

enum form { ADDRESS, BRACKETS, CIDR };
/* The spellings of a pattern, the usual one first. */
struct forms {
    enum form form[3];
    unsigned n;
};

static struct forms forms_of(uint32_t lo, uint32_t hi) {
    uint32_t size = hi - lo + 1;
    bool is_block = (size & (size - 1)) == 0 && lo % size == 0;
    bool in_octet = (lo & ~(uint32_t)LAST_OCTET) == (hi & ~(uint32_t)LAST_OCTET);
    if (size == 1)
        return (struct forms){{ADDRESS, CIDR, BRACKETS}, 3};
    if (!is_block)
        return (struct forms){{BRACKETS}, 1};
    if (size > LAST_OCTET)
        return (struct forms){{CIDR, BRACKETS}, in_octet ? 2 : 1};
    return (struct forms){{BRACKETS, CIDR}, 2};
}

static void format_three_octets(uint32_t address, char out[IP_TEXT_SIZE]) {
    (void)snprintf(out, IP_TEXT_SIZE, "%u.%u.%u", address >> 24, address >> 16 & LAST_OCTET,
                   address >> 8 & LAST_OCTET);
}

static void format_as(enum form form, const struct list_answers *answers, char out[LIST_ANSWERS_SIZE]) {
    const struct ip_range range = {ip_v4(answers->lo), ip_v4(answers->hi)};
    char octets[IP_TEXT_SIZE];
    switch (form) {
    case ADDRESS: (void)ip_format(&range.first, out); return;
    case CIDR: (void)ip_range_format(&range, out); return;
    case BRACKETS:
        format_three_octets(answers->lo, octets);
        (void)snprintf(out, LIST_ANSWERS_SIZE, "%s.[%u..%u]", octets, answers->lo & LAST_OCTET,
                       answers->hi & LAST_OCTET);
        return;
    }
}

void list_answers_format(const struct list_answers *answers, unsigned spelling, char out[LIST_ANSWERS_SIZE]) {
    if (answers->mask != 0) {
        char octets[IP_TEXT_SIZE];
        format_three_octets(answers->lo, octets);
        (void)snprintf(out, LIST_ANSWERS_SIZE, "%s.&%u", octets, answers->mask);
        return;
    }
    const struct forms forms = forms_of(answers->lo, answers->hi);
    format_as(forms.form[spelling < forms.n ? spelling : forms.n - 1], answers, out);
}
