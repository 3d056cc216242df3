/* SPDX-License-Identifier: Apache-2.0
 *
 * Who waits: for the history of an address, which is in the store, whose thread answers when it can; and for
 * lists that are being asked. A request waits in a table, and is answered, once, when all of it has come, or
 * when it has waited long enough. What the checker knows is rendered at that moment, by whichever checker is
 * in force then.
 *
 * Half of the requests that may be in work at once may wait: neither a disk that stands still nor slow lists
 * must keep Prometheus from its scrapes. Half of those may wait for lists.
 */
#include "app_web.h"
#include "app_web_internal.h"

#include "core/checker_probe.h"

#include <stdlib.h>

bool app_web_wait_start(struct app_web *web) {
    unsigned half = web->options.cli->max_requests / 2;
    web->n_waits = half > 0 ? half : 1;
    web->waits = calloc(web->n_waits, sizeof *web->waits);
    return web->waits != NULL;
}

void app_web_wait_stop(struct app_web *web) {
    for (unsigned i = 0; i < web->n_waits; i++) {
        free(web->waits[i].check);
        free(web->waits[i].query);
    }
    free(web->waits);
    web->waits = NULL;
    web->n_waits = 0;
}

static struct app_web_wait *find_wait(const struct app_web *web, uint64_t ticket) {
    for (unsigned i = 0; i < web->n_waits; i++)
        if (web->waits[i].ticket == ticket)
            return &web->waits[i];
    return NULL;
}

struct app_web_wait *app_web_wait_take(struct app_web *web, void *request,
                                       const struct api_question *question, int64_t until_ns) {
    struct app_web_wait *wait = find_wait(web, 0);
    if (wait != NULL)
        *wait = (struct app_web_wait){
            .ticket = ++web->last_ticket, .request = request, .question = *question, .until_ns = until_ns};
    return wait;
}

/* A history is soon there; lists are not. */
bool app_web_wait_has_room(const struct app_web *web) {
    unsigned n = 0;
    for (unsigned i = 0; i < web->n_waits; i++)
        n += web->waits[i].is_asking || (web->waits[i].check != NULL && web->waits[i].check->page.asked);
    return n < (web->n_waits > 1 ? web->n_waits / 2 : 1);
}

void app_web_wait_drop(struct app_web_wait *wait) {
    free(wait->check);
    free(wait->query);
    *wait = (struct app_web_wait){.ticket = 0};
}

/* The answer may come before ask_history() has returned. */
void app_web_wait_ask(struct app_web *web, const struct app_web_wait *wait) {
    uint64_t ticket = wait->ticket;
    const struct api_question *q = &wait->question;
    if (web->options.ask_history == NULL ||
        !web->options.ask_history(web->options.context, &q->ip, q->before_ns, q->limit, ticket))
        app_web_history(web, ticket, false, NULL, 0, false);
}

/* Why the store has no answer, a sentence. */
static const char *store_error(const struct app_web *web) {
    const char *why;
    uint64_t errors;
    if (web->options.ask_history == NULL)
        return "no history is kept: there is no store";
    (void)app_web_storage(web, &why, &errors);
    return why[0] != '\0' ? why : "the store cannot be read at present";
}

/* All that is to come has come, or it has waited long enough. */
static void answer(struct app_web *web, struct app_web_wait *wait, const struct api_history *history) {
    struct app_web_wait now = *wait;
    *wait = (struct app_web_wait){.ticket = 0};
    if (now.check != NULL)
        app_web_check_answer(web, &now);
    else
        app_web_api_answer(web, &now, history);
    free(now.check);
    free(now.query);
}

/* The lists have answered, or have had their time: now for what has happened. */
static void go_on_to_history(struct app_web *web, struct app_web_wait *wait, int64_t now_ns) {
    wait->is_asking = false;
    wait->until_ns = now_ns + APP_WEB_AFTER_NS;
    app_web_wait_ask(web, wait);
}

static void answer_check(struct app_web *web, struct app_web_wait *wait) {
    const struct page_check *page = &wait->check->page;
    if (wait->has_history && (!page->asked || checker_probe_is_over(web->checker, &page->ip)))
        answer(web, wait, NULL);
}

void app_web_history(struct app_web *web, uint64_t ticket, bool ok, const struct history_event *events,
                     size_t n, bool more) {
    struct app_web_wait *wait = ticket != 0 ? find_wait(web, ticket) : NULL;
    const struct api_history history = {
        .events = events, .n = n, .more = more, .error = ok ? NULL : store_error(web)};
    if (wait == NULL || wait->has_history)
        return;
    if (wait->check == NULL) {
        answer(web, wait, &history);
        return;
    }
    wait->has_history = true;
    app_web_check_keep(wait->check, &history);
    answer_check(web, wait);
}

static void give_up(struct app_web *web, struct app_web_wait *wait) {
    const struct api_history none = {.error = "the store did not answer in time"};
    if (wait->check != NULL && !wait->has_history)
        app_web_check_keep(wait->check, &none);
    answer(web, wait, &none);
}

void app_web_probed(struct app_web *web) {
    app_web_probes_look(web);
    for (unsigned i = 0; i < web->n_waits; i++) {
        struct app_web_wait *wait = &web->waits[i];
        if (wait->ticket != 0 && wait->check != NULL)
            answer_check(web, wait);
        else if (wait->ticket != 0 && wait->is_asking &&
                 checker_probe_is_over(web->checker, &wait->question.ip))
            go_on_to_history(web, wait, loop_now_ns(web->options.loop));
    }
}

int64_t app_web_wait_turn(struct app_web *web, int64_t now_ns) {
    int64_t next_ns = INT64_MAX;
    for (unsigned i = 0; i < web->n_waits; i++) {
        struct app_web_wait *wait = &web->waits[i];
        if (wait->ticket == 0)
            continue;
        if (wait->until_ns <= now_ns && wait->is_asking)
            go_on_to_history(web, wait, now_ns);
        else if (wait->until_ns <= now_ns)
            give_up(web, wait);
        if (wait->ticket == 0)
            continue;
        if (wait->until_ns < next_ns)
            next_ns = wait->until_ns;
    }
    return next_ns;
}
