/* SPDX-License-Identifier: Apache-2.0
 *
 * app_daemon_internal: what the daemon holds, which its files share.
 *
 * A configuration and all that is made of it is a generation (app_generation.c). app_daemon.c starts, turns
 * and stops the daemon.
 */
#ifndef RBL_APP_DAEMON_INTERNAL_H
#define RBL_APP_DAEMON_INTERNAL_H

#include "app_bounced.h"
#include "app_files.h"
#include "app_question.h"
#include "app_senders.h"
#include "app_sources.h"
#include "app_spf.h"
#include "app_store.h"
#include "app_told.h"
#include "app_watch.h"
#include "app_web.h"
#include "app_web_config.h"

#include "core/checker.h"
#include "core/targets.h"

#include "edge/cli.h"
#include "edge/loop.h"
#include "edge/resolver.h"

#include <stdbool.h>
#include <stdint.h>

struct app_generation {
    struct settings *settings; /* the configuration, and what its sources add */
    struct targets *targets;
    struct checker *checker;
    struct senders *senders;             /* what is known of the ranges of groups with `only_ptr` */
    struct app_question_servers general; /* nameservers of no list */
};

struct app {
    const struct cli *cli;
    const struct catalog *catalog;
    struct loop *loop;
    struct resolver *resolver;
    struct app_question *question;
    struct app_store *store;
    struct app_watch watch;
    struct app_told told;
    struct settings *base; /* the configuration as it is in its file; the generation borrows from it */
    struct app_sources sources;
    struct app_spf spf;
    struct app_files *files; /* NULL: no group has any */
    struct app_bounced bounced;
    struct app_senders senders;
    struct app_generation now;
    uint32_t generation; /* number of the current one */
    int64_t epoch_ns;
    int64_t give_back_ns; /* when free memory goes back to the kernel */
    bool ready_logged;
    struct settings *embedded; /* the default configuration: it has the ranges that Microsoft publishes */
    struct app_web_config *web_config; /* NULL: plain HTTP, no passwords */
    struct app_web web;
};

/* --- app_generation.c --- */

/* Loads the configuration and goes over to it, or changes nothing: then why is in `problems`. The first time
 * it opens the store, and takes over from there what is known. */
enum status app_generation_load(struct app *app, struct problems *problems) MUST_CHECK;
/* Goes over to what the sources of the running configuration say now; on failure, which is logged, it stays
 * as it is until app_sources says that it is due again. */
void app_generation_follow(struct app *app);
/* Frees all of it; `g` is empty then. */
void app_generation_free(struct app_generation *g);

#endif
