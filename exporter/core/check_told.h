/* SPDX-License-Identifier: Apache-2.0
 *
 * check_told: what an exporter said about addresses (its answers to POST /api/v1/addresses/IP), as a check:
 * it is told as one that this program has made itself.
 *
 * Lists are those of the exporter, as its answers name them. What is in an answer is believed as far as it
 * makes sense; text of it is kept as it came.
 */
#ifndef RBL_CORE_CHECK_TOLD_H
#define RBL_CORE_CHECK_TOLD_H

#include "core/check.h"
#include "core/ip.h"
#include "core/node.h"
#include "core/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CHECK_TOLD_ADDRESSES = 64 }; /* in one check at most */

struct check_told;
/* `ranges` are borrowed, each there once; they have at most CHECK_TOLD_ADDRESSES addresses in all. NULL: no
 * memory. */
struct check_told *check_told_new(const struct ip_range *ranges, size_t n) MUST_CHECK;
void check_told_free(struct check_told *told); /* NULL allowed */
/* The addresses, each once. */
const struct ip *check_told_addresses(const struct check_told *told, size_t *n);
/* Takes the answer about address number `i`, a whole JSON text read by edge/yaml, in place of one that came
 * before. `*open`: a list had not answered yet. STATUS_SYNTAX: it is no such answer, and no result was
 * taken from it; STATUS_NO_MEMORY. */
enum status check_told_add(struct check_told *told, size_t i, const struct node *answer, bool *open)
    MUST_CHECK;
/* It ends here: what has not been told becomes unknown (interrupted), as far as lists are known. */
void check_told_interrupt(struct check_told *told);
/* Whether any list has been asked about the addresses of a family that were told so far. */
bool check_told_knows(const struct check_told *told, enum ip_family family);
/* Listings by block lists so far, for the progress line. */
unsigned check_told_listings(const struct check_told *told);
/* Times in results are those of the wall clock. `told` is borrowed. */
struct check_view check_told_view(const struct check_told *told);

#endif
