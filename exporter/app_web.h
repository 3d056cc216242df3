/* SPDX-License-Identifier: Apache-2.0
 *
 * app_web: the endpoints: which path shows what of the checker.
 */
#ifndef RBL_APP_WEB_H
#define RBL_APP_WEB_H

#include "app_bounced.h"
#include "app_store.h"

#include "core/api.h"
#include "core/checker.h"
#include "core/external_url.h"
#include "core/history.h"
#include "core/metrics.h"
#include "core/promtext.h"
#include "core/problem.h"
#include "core/settings.h"

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
    /* Asks the store for the events of an address that are older than `before_ns` of the wall clock. True:
     * app_web_history() will be called with the ticket. False: there is none to be had. NULL: there is no
     * store. */
    bool (*ask_history)(void *context, const struct ip *ip, int64_t before_ns, unsigned limit,
                        uint64_t ticket);
    /* Whether state is being saved; `*why` gets a sentence if not, else "", `*errors` what went wrong so far.
     * NULL: there is no store. */
    bool (*storage)(void *context, const char **why, uint64_t *errors);
    /* As app_store_mark() and app_store_may_tell(). NULL: there is no store, and nothing to wait for. */
    uint64_t (*mark)(void *context);
    bool (*may_tell)(void *context, uint64_t mark, int64_t since_ns, int64_t now_ns);
    const struct history *history; /* the latest events, for the status page; NULL: none */
    struct app_bounced *bounced;   /* what is posted of bounces goes there */
    const struct group *microsoft; /* the ranges that Microsoft publishes; NULL: not known */
    void *context;
    struct httpd_security *security; /* reference is taken over, also on failure; NULL: plain HTTP for all */
    int64_t start_wall_ns;
};

enum {
    APP_WEB_ROUTES = 12,
    APP_WEB_REDIRECTS = 2,      /* to the prefix, if there is one */
    APP_WEB_REDIRECT = 1 << 10, /* the number of their route */
};
/* How long a question about an address waits for its history before it is answered without. */
#define APP_WEB_HISTORY_NS (INT64_C(5) * 1000000000)
/* How long who has an address checked waits for the lists: a listing takes two to three seconds to prove. */
#define APP_WEB_CHECK_NS (INT64_C(6) * 1000000000)
/* And then for the history: the server gives up after HTTPD_ANSWER_SECONDS in all. */
#define APP_WEB_AFTER_NS (INT64_C(2) * 1000000000)

/* What is to be shown: the status page, or /metrics in a format, all of it or some. */
struct app_web_show {
    bool page;
    enum promtext_format format;
    struct metrics_filter filter;
};

/* A request that waits for a rendering. */
struct app_web_waiter {
    void *request;
    const char *content_type; /* static text */
    struct app_web_show show;
};

/* The latest rendering, which all who ask for the same share for a while, and who waits for another one. */
struct app_web_shared {
    struct app_web_show show;
    struct httpd_body *body;        /* NULL: none, or it may be used no longer */
    uint64_t mark;                  /* the last event that it shows */
    int64_t until_ns;               /* how long it may be used; before, nothing else is rendered */
    struct app_web_waiter *waiters; /* owned; the first came first */
    unsigned n_waiters, n_places;
};

struct app_web_check;
/* A request whose history has been asked for, or will be when lists that are being asked have answered. */
struct app_web_wait {
    uint64_t ticket; /* 0: free */
    void *request;
    struct api_question question;
    int64_t until_ns;
    struct app_web_check *check; /* owned; NULL: a question to the API */
    bool has_history;            /* of a check: it has come, or will not */
    char *query;                 /* owned; of a POST to the API: by it lists are known after a reload */
    bool is_asking;              /* the API's: lists are being asked; history comes after them */
};

struct app_web {
    struct app_web_options options;
    struct external_url external;
    char home[EXTERNAL_URL_SIZE + 1]; /* where users find the status page */
    struct httpd_route routes[APP_WEB_ROUTES + APP_WEB_REDIRECTS];
    size_t n_routes;
    char *paths[APP_WEB_ROUTES]; /* owned; of the routes in their order, behind the prefix */
    struct httpd *server;
    struct checker *checker;
    struct app_web_shared shared;
    const struct settings *base;      /* borrowed: the configuration in force, as it is in its file */
    struct httpd_body *settings_text; /* owned; NULL: nobody has asked for it yet */
    bool reload_ok;
    int64_t reload_wall_ns;
    struct app_web_wait *waits;
    unsigned n_waits; /* places */
    uint64_t last_ticket;
    struct app_web_held *held;       /* owned: answers that wait for the disk */
    unsigned n_held;                 /* places */
    struct app_web_bounces *bounces; /* owned: who has posted some */
    struct app_web_probes *probes;   /* owned: who waits for a probe */
};

/* Starts serving (answers wait for app_web_turn()); false with a sentence in `error`. */
bool app_web_start(struct app_web *web, const struct app_web_options *options, char *error, size_t size);
void app_web_stop(struct app_web *web);
/* The checker to show from now on. */
void app_web_use(struct app_web *web, struct checker *checker);
/* The configuration in force from now on, as it is in its file; it is borrowed. */
void app_web_configured(struct app_web *web, const struct settings *base);
/* Where metrics are, the prefix included. */
const char *app_web_metrics_path(const struct app_web *web);
/* What is asked of whoever comes from now on: as httpd_secure(). */
void app_web_secure(struct app_web *web, struct httpd_security *security);
/* Remembers how the last reload ended; the first configuration counts as one. */
void app_web_reloaded(struct app_web *web, bool ok, int64_t wall_ns);
/* Answers waiting requests; returns when to be called next at the latest (INT64_MAX: when woken). */
int64_t app_web_turn(struct app_web *web, int64_t now_ns);
/* Every turn, before app_web_turn() and when the checker has had its own: answers those who wait for probes
 * that have come to their end. */
void app_web_probed(struct app_web *web);
/* Every turn, when all that answers and the store have had their own: lets go the answers that show what the
 * store has by now. Returns when to be called next at the latest. */
int64_t app_web_held_turn(struct app_web *web, int64_t now_ns);
/* What the store said to ask_history(): the latest events first; `more`: there are older ones. `ok` false:
 * there is none to be had. A ticket that nobody waits for any more is passed over. Loop thread. */
void app_web_history(struct app_web *web, uint64_t ticket, bool ok, const struct history_event *events,
                     size_t n, bool more);
/* The addresses that are served, with spaces between them. */
const char *app_web_addresses(const struct app_web *web);

#endif
