/* SPDX-License-Identifier: Apache-2.0
 *
 * endpoints: Microsoft's published list of the addresses of Microsoft 365, as a file of ranges.
 *
 * It is the JSON that https://endpoints.office.com/endpoints/worldwide?clientrequestid=GUID answers
 * (MicrosoftDocs/microsoft-365-docs, microsoft-365-ip-web-service.md): a list of sets, each with an id, a
 * serviceArea, and, where it has any, urls and ips. Only the sets of Exchange that send mail are taken: those
 * with a name under protection.outlook.com or mx.microsoft (ids 9 and 10). The others of Exchange are where
 * clients connect (40.96.0.0/13, 52.96.0.0/14 and more): no mail comes from there, and asking about them
 * would be budget thrown away.
 *
 * Where something is wrong nothing is taken: the file is made by a program, so half of it is no basis.
 */
#ifndef RBL_CORE_ENDPOINTS_H
#define RBL_CORE_ENDPOINTS_H

#include "core/arena.h"
#include "core/ip.h"
#include "core/node.h"
#include "core/problem.h"
#include "core/status.h"

#include <stdbool.h>
#include <stddef.h>

struct endpoints {
    const struct ip_range *ranges; /* IPv4 and IPv6, in order, each once */
    size_t n_ranges;
    size_t n_sets;       /* in the file */
    size_t n_sets_taken; /* those of Exchange that send mail */
};

/* Whether `text` is such a list and no lines of ranges: its first character is `[` or `{`, behind a byte
 * order mark and white space. */
bool endpoints_is(const char *text, size_t len);
/* Reads the tree of the document (NULL: empty) into `arena`. STATUS_INVALID, with the reasons and their
 * places in `problems`, if it is no such list or no set of it sends mail; STATUS_NO_MEMORY. */
enum status endpoints_read(const struct node *root, struct arena *arena, struct problems *problems,
                           struct endpoints *out) MUST_CHECK;

#endif
