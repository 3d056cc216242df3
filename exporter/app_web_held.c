/* SPDX-License-Identifier: Apache-2.0
 *
 * Answers that are made, and wait until the store has what they show (see app_store.h). There is a place for
 * every request that may be in work.
 */
#include "app_web.h"
#include "app_web_internal.h"

#include "edge/clock.h"

#include <stdlib.h>

struct app_web_held {
    void *request; /* NULL: free */
    struct httpd_response response;
    uint64_t mark;
    int64_t since_ns;
};

bool app_web_held_start(struct app_web *web) {
    web->n_held = web->options.cli->max_requests;
    web->held = calloc(web->n_held, sizeof *web->held);
    return web->held != NULL;
}

void app_web_held_stop(struct app_web *web) {
    for (unsigned i = 0; i < web->n_held; i++)
        httpd_body_unref(web->held[i].response.body);
    free(web->held);
    web->held = NULL;
    web->n_held = 0;
}

uint64_t app_web_mark(const struct app_web *web) {
    return web->options.mark != NULL ? web->options.mark(web->options.context) : 0;
}

static bool may_tell(const struct app_web *web, uint64_t mark, int64_t since_ns, int64_t now_ns) {
    return mark == 0 || web->options.may_tell(web->options.context, mark, since_ns, now_ns);
}

void app_web_hold(const struct app_web *web, void *request, const struct httpd_response *response,
                  uint64_t mark) {
    const int64_t now_ns = clock_now_ns();
    unsigned i = 0;
    while (i < web->n_held && web->held[i].request != NULL)
        i++;
    if (i == web->n_held || may_tell(web, mark, now_ns, now_ns))
        httpd_answer(web->server, request, response);
    else
        web->held[i] = (struct app_web_held){request, *response, mark, now_ns};
}

int64_t app_web_held_turn(struct app_web *web, int64_t now_ns) {
    int64_t next_ns = INT64_MAX;
    for (unsigned i = 0; i < web->n_held; i++) {
        struct app_web_held held = web->held[i];
        if (held.request == NULL)
            continue;
        if (may_tell(web, held.mark, held.since_ns, now_ns)) {
            web->held[i] = (struct app_web_held){.request = NULL};
            httpd_answer(web->server, held.request, &held.response);
        } else if (held.since_ns < next_ns) {
            next_ns = held.since_ns;
        }
    }
    return next_ns < INT64_MAX ? next_ns + APP_STORE_TELL_NS : INT64_MAX;
}
