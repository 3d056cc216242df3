/* SPDX-License-Identifier: Apache-2.0
 *
 * POST /api/v1/bounces: what is posted is read by a process of its own (edge/child); the addresses in it join
 * group `bounced`, are asked about at once, and the answer says what came of it.
 *
 * A post goes through three stages. READING ends when that process does, which has its time. JOINING ends
 * when the addresses are watched, so that what is learnt about them is kept: usually in the next turn, but
 * not later than JOIN_NS, because a stream of new addresses is gathered. Then lists are ASKED, until all have
 * answered or the time is over. What is told of lists is made of the configuration that is in force then.
 *
 * Whoever posts can have so many posts a minute, of ADDRESSES_MOST addresses each, and of all of them no more
 * than BUDGET_PROBE pays for (core/checker_probe.h).
 */
#include "app_web.h"
#include "app_web_internal.h"

#include "app_bounce_read.h"
#include "app_bounced.h"

#include "core/advice.h"
#include "core/checker_probe.h"
#include "core/why.h"

#include "edge/child.h"
#include "edge/log.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SECOND_NS INT64_C(1000000000)
#define READ_NS (4 * SECOND_NS)
#define ANSWER_NS (5 * SECOND_NS) /* from the post */
#define JOIN_NS SECOND_NS
#define LOOK_NS (SECOND_NS / 50)
#define POST_NS SECOND_NS /* one post in so long a time, on the average */
enum {
    POSTS_AT_ONCE = 20, /* if there was none for that long before */
    POSTS_MOST = 8,     /* in work */
    READERS = 2,
    LOGGED_MOST = 5,     /* lines a minute about what cannot be read */
    ADDRESSES_MOST = 10, /* in one post, that join and are asked about */
};

static const char json_type[] = "application/json";
static const char text_type[] = "text/plain; charset=utf-8";

enum stage { FREE, READING, JOINING, ASKED };

struct post {
    struct app_web *web;
    enum stage stage;
    void *request;
    bool as_text;
    int64_t until_ns;
    int64_t join_ns;
    int64_t look_ns;         /* whether all lists have answered */
    struct bounces *bounces; /* behind READING */
};

struct app_web_bounces {
    struct child_pool *readers;
    struct post posts[POSTS_MOST];
    unsigned n_posts; /* places */
    int64_t paid_ns;  /* until when the posts so far have used up the time */
    struct log_limit log_limit;
};

/* ---- beginning and end ---- */

bool app_web_bounces_start(struct app_web *web) {
    const struct child_options options = {.path = child_own_path,
                                          .running = READERS,
                                          .waiting = POSTS_MOST,
                                          .limit_ns = READ_NS,
                                          .output_most = APP_BOUNCE_READ_OUTPUT};
    unsigned quarter = web->options.cli->max_requests / 4;
    struct app_web_bounces *b = calloc(1, sizeof *b);
    if (b == NULL)
        return false;
    b->n_posts = quarter < 1 ? 1 : quarter < POSTS_MOST ? quarter : POSTS_MOST;
    b->paid_ns = INT64_MIN / 2;
    b->readers = child_pool_new(web->options.loop, &options);
    web->bounces = b;
    return b->readers != NULL;
}

static void release(struct post *post) {
    free(post->bounces);
    *post = (struct post){.stage = FREE};
}

void app_web_bounces_stop(struct app_web *web) {
    if (web->bounces == NULL)
        return;
    child_pool_free(web->bounces->readers);
    for (int i = 0; i < POSTS_MOST; i++)
        release(&web->bounces->posts[i]);
    free(web->bounces);
    web->bounces = NULL;
}

/* ---- answers ---- */

/* What came of the pair; `reason` is set where the advice is left without a result. */
static void read_list(const struct app_web *web, uint32_t list, struct advice *a, int64_t now_ns) {
    const struct list *l = &web->checker->settings->lists[list];
    struct probe_result result;
    if (!checker_probe_read(web->checker, list, &a->bounce->address, now_ns, &result))
        return;
    bool listed = !result.open && result.verdict == REGISTRY_LISTED;
    if (list != a->list) {
        if (listed && l->kind == LIST_BLOCK)
            advice_add_other(a, l->name);
        return;
    }
    if (listed)
        advice_listed(a, l, result.codes);
    else if (!result.open && result.verdict == REGISTRY_NOT_LISTED)
        a->result = ADVICE_NOT_LISTED;
    else
        a->reason = why_text(result.open || result.why == WHY_NONE ? WHY_TIMEOUT : result.why);
}

/* Greylisting and domains say nothing about the address. */
static bool is_about_address(const struct bounce *b) {
    return b->has_address && b->kind != BOUNCE_GREYLISTING && b->kind != BOUNCE_DOMAIN;
}

/* What can be said of the bounces of a post by the configuration that is in force; NULL: no memory. */
static struct advice *advise(const struct app_web *web, const struct bounces *bounces) {
    const struct app_bounced *bounced = web->options.bounced;
    struct advice *advice = calloc(bounces->n + 1, sizeof *advice);
    for (size_t i = 0; advice != NULL && i < bounces->n; i++)
        advice_prepare(&advice[i], &bounces->items[i], bounced->mirrors, bounced->catalog,
                       web->checker->settings);
    return advice;
}

/* The same, but no more than which lists they mean. */
static struct advice *find_lists(const struct app_web *web, const struct bounces *bounces) {
    struct advice *advice = calloc(bounces->n + 1, sizeof *advice);
    for (size_t i = 0; advice != NULL && i < bounces->n; i++)
        advice_find_list(&advice[i], &bounces->items[i], web->options.bounced->catalog,
                         web->checker->settings);
    return advice;
}

static void write_answer(struct buf *out, const struct post *post, const struct advice *advice) {
    buf_init(out, APP_WEB_BODY_CAP);
    if (!post->as_text)
        advice_json(out, advice, post->bounces->n);
    else if (post->bounces->n == 0)
        buf_add_text(out, "no bounce was found\n");
    else
        advice_text(out, advice, post->bounces->n);
}

static void answer(struct app_web *web, struct post *post, int64_t now_ns) {
    struct advice *advice = advise(web, post->bounces);
    struct buf body;
    if (advice == NULL) {
        app_web_refuse(web, post->request, 503, "5", "out of memory: post it again");
        release(post);
        return;
    }
    for (size_t i = 0; i < post->bounces->n; i++) {
        struct advice *a = &advice[i];
        for (uint32_t list = 0; is_about_address(a->bounce) && list < web->checker->settings->n_lists; list++)
            read_list(web, list, a, now_ns);
        app_bounced_count(web->options.bounced, a->list, a->result);
    }
    app_web_shared_renew(&web->shared);
    write_answer(&body, post, advice);
    app_web_answer(web, post->request, 200, post->as_text ? text_type : json_type, &body);
    free(advice);
    release(post);
}

/* ---- the addresses ---- */

/* The first ADDRESSES_MOST addresses of a post; how many. */
static size_t addresses_of(const struct bounces *bounces, struct ip *out) {
    size_t n = 0;
    for (size_t i = 0; i < bounces->n && n < ADDRESSES_MOST; i++) {
        const struct bounce *b = &bounces->items[i];
        bool is_new = is_about_address(b);
        for (size_t k = 0; k < n && is_new; k++)
            is_new = !ip_equal(&out[k], &b->address);
        if (is_new)
            out[n++] = b->address;
    }
    return n;
}

static bool is_among(const struct ip *ip, const struct ip *among, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (ip_equal(&among[i], ip))
            return true;
    return false;
}

static enum status join(struct app_web *web, const struct post *post) {
    struct ip ips[ADDRESSES_MOST];
    size_t n = addresses_of(post->bounces, ips);
    struct advice *advice = find_lists(web, post->bounces);
    enum status status = advice != NULL ? STATUS_OK : STATUS_NO_MEMORY;
    for (size_t i = 0; i < post->bounces->n && status == STATUS_OK; i++) {
        const struct bounce *b = &post->bounces->items[i];
        const char *list = advice[i].public_list != NULL ? advice[i].public_list : b->list;
        if (is_about_address(b) && is_among(&b->address, ips, n))
            status = app_bounced_add(web->options.bounced, &b->address, list);
    }
    free(advice);
    return status;
}

/* Which lists are asked about an address: those that its bounces name; if one names none that can be asked,
 * all block lists. */
static void choose_lists(const struct settings *s, const struct advice *advice, size_t n, const struct ip *ip,
                         bool lists[LIST_MAX]) {
    memset(lists, false, LIST_MAX * sizeof *lists);
    for (size_t i = 0; i < n; i++) {
        const struct advice *a = &advice[i];
        if (!is_about_address(a->bounce) || !ip_equal(&a->bounce->address, ip))
            continue;
        for (uint32_t list = 0; list < s->n_lists; list++) {
            const struct list *l = &s->lists[list];
            bool named = a->list == ADVICE_NO_LIST ? l->kind == LIST_BLOCK : list == a->list;
            lists[list] = lists[list] || (named && l->enabled && l->families[ip->family]);
        }
    }
}

/* What cannot be asked for now stays unknown, as not looked up. */
static void ask(struct app_web *web, struct post *post, int64_t now_ns) {
    struct ip ips[ADDRESSES_MOST];
    bool lists[LIST_MAX];
    size_t n = addresses_of(post->bounces, ips);
    struct advice *advice = find_lists(web, post->bounces);
    post->stage = ASKED;
    for (size_t i = 0; i < n && advice != NULL; i++) {
        choose_lists(web->checker->settings, advice, post->bounces->n, &ips[i], lists);
        enum status status = checker_probe(web->checker, &ips[i], lists, now_ns);
        (void)status;
    }
    free(advice);
}

/* Reasons of listings need not be there. In a sweep there are thousands of turns a second. */
static bool is_over(const struct app_web *web, struct post *post, int64_t now_ns) {
    if (now_ns >= post->until_ns)
        return true;
    if (now_ns < post->look_ns)
        return false;
    post->look_ns = now_ns + LOOK_NS;
    struct ip ips[ADDRESSES_MOST];
    struct probe_result result;
    size_t n = addresses_of(post->bounces, ips);
    for (size_t i = 0; i < n; i++)
        for (uint32_t list = 0; list < web->checker->settings->n_lists; list++)
            if (checker_probe_read(web->checker, list, &ips[i], now_ns, &result) && result.open)
                return false;
    return true;
}

static void step(struct app_web *web, struct post *post, int64_t now_ns) {
    if (post->stage == JOINING && (now_ns >= post->join_ns || app_bounced_is_settled(web->options.bounced)))
        ask(web, post, now_ns);
    if (post->stage == ASKED && is_over(web, post, now_ns))
        answer(web, post, now_ns);
}

/* ---- reading ---- */

static void give_up(struct post *post, unsigned status, const char *retry_after, const char *error) {
    app_web_refuse(post->web, post->request, status, retry_after, error);
    release(post);
}

static void complain(struct app_web *web, const struct child_end *end) {
    if (log_allowed(&web->bounces->log_limit, LOGGED_MOST, loop_now_ns(web->options.loop)))
        log_write(LOG_WARN, "a posted bounce was not read: the process that reads it", "error", end->why,
                  NULL);
}

/* False: it has been told why not. */
static bool take(struct post *post, const struct child_end *end) {
    enum status status = STATUS_SYNTAX;
    post->bounces = end->outcome == CHILD_OK ? calloc(1, sizeof *post->bounces) : NULL;
    switch (end->outcome) {
    case CHILD_OK:
        if (post->bounces != NULL)
            status =
                bounces_decode(end->output, end->len, post->web->options.bounced->mirrors, post->bounces);
        if (status != STATUS_OK)
            give_up(post, 503, "5", "it cannot be read now: post it again");
        return status == STATUS_OK;
    case CHILD_FAILED:
    case CHILD_TOO_MUCH:
        complain(post->web, end);
        give_up(post, 422, NULL, "this cannot be read: whatever reads it comes to grief (the log says how)");
        return false;
    case CHILD_NOT_NOW:
    case CHILD_TOO_LONG:
    case CHILD_NO_START:
        complain(post->web, end);
        give_up(post, 503, "5", "it could not be read in time, or not at all for now: post it again");
        return false;
    }
    return false;
}

static void on_read(void *context, const struct child_end *end) {
    struct post *post = context;
    struct app_web *web = post->web;
    if (!take(post, end))
        return;
    if (join(web, post) != STATUS_OK) {
        give_up(post, 503, "5", "out of memory: post it again");
        return;
    }
    struct ip ips[ADDRESSES_MOST];
    bool any = addresses_of(post->bounces, ips) > 0;
    post->stage = JOINING;
    post->join_ns = loop_now_ns(web->options.loop) + (any ? JOIN_NS : 0);
}

/* ---- a post ---- */

static bool is_type(const char *content_type, const char *type) {
    size_t len = strcspn(content_type, "; \t");
    return len == strlen(type) && strncasecmp(content_type, type, len) == 0;
}

/* Who takes JSON, or anything, gets JSON. */
static bool wants_text(const char *accept) {
    return strcasestr(accept, "text/plain") != NULL && strcasestr(accept, "json") == NULL &&
           strstr(accept, "*/*") == NULL;
}

static bool may_post(struct app_web_bounces *b, int64_t now_ns) {
    int64_t paid_ns = b->paid_ns > now_ns ? b->paid_ns : now_ns;
    if (paid_ns - now_ns > (POSTS_AT_ONCE - 1) * POST_NS)
        return false;
    b->paid_ns = paid_ns + POST_NS;
    return true;
}

static struct post *free_place(struct app_web_bounces *b) {
    for (unsigned i = 0; i < b->n_posts; i++)
        if (b->posts[i].stage == FREE)
            return &b->posts[i];
    return NULL;
}

static void read_post(struct app_web *web, const struct httpd_request *request, struct post *post,
                      bool message, int64_t now_ns) {
    const char *const *argv = message ? app_bounce_read_message : app_bounce_read_any;
    *post = (struct post){.web = web,
                          .stage = READING,
                          .request = request->ticket,
                          .as_text = wants_text(request->accept),
                          .until_ns = now_ns + ANSWER_NS};
    enum status status =
        child_run(web->bounces->readers, argv, request->body, request->body_len, on_read, post, now_ns);
    if (status != STATUS_OK)
        give_up(post, 503, "5", "there is no room for it now: post it again");
}

void app_web_bounce(struct app_web *web, const struct httpd_request *request, int64_t now_ns) {
    const char *type = request->content_type;
    bool message = is_type(type, "message/rfc822");
    if (!message && type[0] != '\0' && !is_type(type, "text/plain")) {
        app_web_refuse(
            web, request->ticket, 415, NULL,
            "a bounce is taken as text/plain (a reply, lines of a log, a saved report) or message/rfc822 (a "
            "whole message): say so in Content-Type");
        return;
    }
    if (!may_post(web->bounces, now_ns)) {
        app_web_refuse(web, request->ticket, 429, "1", "more than 60 bounces were posted within a minute");
        return;
    }
    struct post *post = free_place(web->bounces);
    if (post == NULL)
        app_web_refuse(web, request->ticket, 503, "5",
                       "too many bounces wait for their lists: post it again");
    else
        read_post(web, request, post, message, now_ns);
}

int64_t app_web_bounces_turn(struct app_web *web, int64_t now_ns) {
    int64_t next_ns = child_turn(web->bounces->readers, now_ns);
    for (unsigned i = 0; i < web->bounces->n_posts; i++) {
        struct post *post = &web->bounces->posts[i];
        step(web, post, now_ns);
        if (post->stage == JOINING && post->join_ns < next_ns)
            next_ns = post->join_ns;
        if (post->stage == ASKED && post->look_ns < next_ns)
            next_ns = post->look_ns;
    }
    return next_ns;
}
