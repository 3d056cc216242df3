/* SPDX-License-Identifier: Apache-2.0
 *
 * app_web: the endpoints: which path shows what of the checker.
 */
#ifndef RBL_APP_WEB_H
#define RBL_APP_WEB_H

#include "core/checker.h"
#include "core/promtext.h"
#include "core/problem.h"

#include "edge/cli.h"
#include "edge/httpd.h"
#include "edge/loop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A reload asked for by POST /-/reload: true if the new configuration is in force. */
typedef bool app_web_reload(void *context, struct problems *problems);

struct app_web_options {
    struct loop *loop;
    const struct cli *cli;
    app_web_reload *reload;
    void *context;
    int64_t start_wall_ns;
};

enum { APP_WEB_ROUTES = 5 };

/* A rendering that all scrapes of one turn share. */
struct app_web_shared {
    struct httpd_body *body;
    int64_t turn_ns;
};

struct app_web {
    struct app_web_options options;
    struct httpd_route routes[APP_WEB_ROUTES];
    struct httpd *server;
    const struct checker *checker;
    struct app_web_shared shared[PROMTEXT_OPENMETRICS + 1];
    bool reload_ok;
    int64_t reload_wall_ns;
};

/* Starts serving (answers wait for app_web_turn()); false with a sentence in `error`. */
bool app_web_start(struct app_web *web, const struct app_web_options *options, char *error, size_t size);
void app_web_stop(struct app_web *web);
/* The checker to show from now on. */
void app_web_use(struct app_web *web, const struct checker *checker);
/* Remembers how the last reload ended; the first configuration counts as one. */
void app_web_reloaded(struct app_web *web, bool ok, int64_t wall_ns);
/* Answers waiting requests. */
void app_web_turn(struct app_web *web, int64_t now_ns);
/* The address that is served. */
const char *app_web_address(const struct app_web *web);

#endif
