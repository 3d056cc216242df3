/* SPDX-License-Identifier: Apache-2.0
 *
 * app_send: which running exporter a command asks, and what is said when it gives no answer.
 *
 * It is the one that --send names, or, without that flag, the one that answers at the default address of this
 * machine: it has the budgets, so that nobody spends them twice.
 */
#ifndef RBL_APP_SEND_H
#define RBL_APP_SEND_H

#include "edge/client.h"

#include <stdbool.h>
#include <stddef.h>

struct app_send {
    struct client *client;
    struct client_place place;
    bool is_default; /* nobody named it */
};

enum app_send_found {
    APP_SEND_NONE, /* the command does it itself */
    APP_SEND_FOUND,
    APP_SEND_BAD_URL, /* what --send says is no URL of an exporter; this was complained of */
    APP_SEND_FAILED,  /* there is no client for it; likewise */
};

/* `send`: what --send says; NULL: nothing. At the default address only what is an rbl_exporter counts, and,
 * with a `page`, only if it takes that as a POST; it has 200 ms to be connected to. To be released if found.
 */
enum app_send_found app_send_find(const char *send, const char *page, struct app_send *out);
void app_send_release(struct app_send *send);
/* Says why an exchange has not led to a 200: what, where, and what to do. */
void app_send_complain(const struct app_send *send, const struct client_exchange *exchange);

#endif
