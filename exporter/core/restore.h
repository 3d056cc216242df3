/* SPDX-License-Identifier: Apache-2.0
 *
 * restore: brings back into a fresh checker what the store has kept (core/record.h), the reverse of
 * core/save.
 *
 * What is stored is applied where it still fits, by list (or the list that was renamed to it) and by address,
 * whatever has happened to the configuration meanwhile. The time during which the program did not run is time
 * in which no list could be believed: nothing became stale in it. A list whose next self-test is not yet due
 * is what it was; one whose self-test has come due meanwhile has to pass it first. Results since a list's
 * last right self-test are as unproven as they were. Moments that lie ahead of the clock are taken for now.
 *
 * Bytes that make no sense are refused (STATUS_SYNTAX) and never crash it; what a refused record had already
 * set stays.
 */
#ifndef RBL_CORE_RESTORE_H
#define RBL_CORE_RESTORE_H

#include "core/checker.h"
#include "core/record.h"
#include "core/save.h"

#include <stddef.h>
#include <stdint.h>

struct restore;
/* For a checker that has just been made. Wall clock is monotonic time plus `wall_offset_ns`. NULL: no memory.
 */
struct restore *restore_new(struct checker *c, int64_t now_ns, int64_t wall_offset_ns) MUST_CHECK;
/* The same for a checker that has taken over from another: only the lists chosen[i] (by index in the
 * settings; outlives the restoring) are brought back, and no budgets. */
struct restore *restore_new_lists(struct checker *c, const bool *chosen, int64_t now_ns,
                                  int64_t wall_offset_ns) MUST_CHECK;
void restore_free(struct restore *r); /* NULL allowed */
/* Takes one record, in the order of core/record.h, BUDGET before LIST. */
enum status restore_record(struct restore *r, const struct record *record) MUST_CHECK;
/* All have been taken; `alive_ns` is the wall clock of the last moment at which the store was written;
 * `damaged`: some could not be read, so that what they say of how far a list has come is not to be relied on.
 * On STATUS_NO_MEMORY the checker is to be thrown away. */
enum status restore_end(struct restore *r, int64_t alive_ns, bool damaged) MUST_CHECK;
/* What the store holds of each list, for save_new(); valid until restore_free(). */
const struct save_known *restore_known(const struct restore *r, size_t *n);
/* What in the store nobody needs any more (spent budgets without a name, lists under a name that they had
 * before), one per call as a BUDGET_GONE or LIST_GONE record; false: no more. */
bool restore_next_gone(struct restore *r, struct record *out);

#endif
