/* SPDX-License-Identifier: Apache-2.0
 *
 * Where the pages are: under a prefix, if there is one. Links between them are relative, so that only who
 * comes to the front door without it has to be told.
 */
#include "app_web.h"
#include "app_web_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The prefix without the slash behind it, and, of those who know nothing of it, the root. */
static void add_redirects(struct app_web *web) {
    const char *const paths[APP_WEB_REDIRECTS] = {"/", web->external.prefix};
    for (size_t i = 0; i < APP_WEB_REDIRECTS; i++)
        web->routes[web->n_routes++] =
            (struct httpd_route){.path = paths[i], .get = true, .route = APP_WEB_REDIRECT};
}

static char *behind(const char *prefix, const char *path) {
    char *text = malloc(strlen(prefix) + strlen(path) + 1);
    if (text != NULL)
        (void)stpcpy(stpcpy(text, prefix), path);
    return text;
}

bool app_web_prefix_start(struct app_web *web, const struct httpd_route *routes, char *error, size_t size) {
    const struct cli *cli = web->options.cli;
    char why[EXTERNAL_URL_WHY];
    bool of_prefix;
    if (!external_url_read(cli->external_url, cli->route_prefix, &web->external, &of_prefix, why)) {
        (void)snprintf(error, size, "--web.%s: %s", of_prefix ? "route-prefix" : "external-url", why);
        return false;
    }
    const struct external_url *external = &web->external;
    /* Users who see the pages at the root come through a proxy: whoever asks here for "/" does not, and would
     * be led in circles. */
    (void)snprintf(web->home, sizeof web->home, "%s/",
                   external->path[0] != '\0' ? external->path : external->prefix);
    for (int i = 0; i < APP_WEB_ROUTES; i++) {
        web->paths[i] = behind(web->external.prefix, routes[i].path);
        if (web->paths[i] == NULL) {
            (void)snprintf(error, size, "out of memory");
            return false;
        }
        web->routes[i] = routes[i];
        web->routes[i].path = web->paths[i];
    }
    web->n_routes = APP_WEB_ROUTES;
    if (web->external.prefix[0] != '\0')
        add_redirects(web);
    return true;
}

void app_web_prefix_stop(struct app_web *web) {
    for (int i = 0; i < APP_WEB_ROUTES; i++) {
        free(web->paths[i]);
        web->paths[i] = NULL;
    }
    web->n_routes = 0;
}

void app_web_redirect(const struct app_web *web, const struct httpd_request *request) {
    struct httpd_response response = {
        .status = 302, .content_type = "text/plain; charset=utf-8", .location = web->home};
    struct buf body;
    buf_init(&body, APP_WEB_BODY_CAP);
    buf_addf(&body, "302 rbl_exporter is at %s\n", web->home);
    if (buf_status(&body) == STATUS_OK)
        response.body = httpd_body_new(&body);
    httpd_answer(web->server, request->ticket, &response);
    buf_release(&body);
}

const char *app_web_metrics_path(const struct app_web *web) {
    return web->paths[0];
}
