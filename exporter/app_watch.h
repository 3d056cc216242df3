/* SPDX-License-Identifier: Apache-2.0
 *
 * app_watch: what the checker tells, for the log and for the history.
 */
#ifndef RBL_APP_WATCH_H
#define RBL_APP_WATCH_H

#include "app_store.h"
#include "app_told.h"

#include "core/checker.h"

struct app_watch {
    const struct settings *settings; /* of the running generation, like the rest */
    const struct targets *targets;
    const struct checker *checker;
    struct app_store *store; /* NULL: there is no history */
    struct app_told *told;   /* where the lines wait until the history has what they tell */
};

/* A watch for checker_new(); `watch` outlives the checker. */
struct checker_watch app_watch_make(struct app_watch *watch);

#endif
