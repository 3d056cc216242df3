/* SPDX-License-Identifier: Apache-2.0
 *
 * app_web_config_internal: what the files of app_web_config share.
 */
#ifndef RBL_APP_WEB_CONFIG_INTERNAL_H
#define RBL_APP_WEB_CONFIG_INTERNAL_H

#include "app_web_config.h"

#include "edge/files.h"

#include <stdbool.h>
#include <stddef.h>

enum { WEB_CERT, WEB_KEY, WEB_CLIENT_CA, WEB_PEMS };

/* What is known of a file. */
struct web_file {
    char *text; /* a copy of its contents, overwritten when it is freed; NULL: there are none */
    size_t len;
    char why[FILES_WHY_SIZE]; /* there are none, as a predicate; "": nothing was told of it */
};

struct app_web_config {
    const char *path;
    char *folder; /* of the path, "" where the process is */
    struct loop *loop;
    struct files *files; /* watches the configuration itself */
    struct web_file config;
    struct files *pem_files; /* watches what it names; NULL: nothing */
    int pem_of_set[WEB_PEMS];
    struct web_file pems[WEB_PEMS];
    bool is_new;      /* the configuration has changed since it was read: what it names may be other files */
    bool is_other;    /* it has changed since it was right */
    bool is_changed;  /* something has, since all was judged */
    bool is_blind;    /* and that it is was told */
    bool is_started;  /* `has_tls` and `tls` are known */
    bool has_tls;     /* since the start */
    bool is_refusing; /* as was decided last */
    struct httpd_tls *tls;           /* that was right last; NULL: plain HTTP */
    struct httpd_security *security; /* the first, until it is fetched */
    int64_t refuse_ns;               /* when what is wrong is waited for no longer; INT64_MAX: nothing is */
    int64_t retry_ns;                /* when to judge again for want of memory; INT64_MAX: no need */
};

/* How all the files together were judged. */
enum web_judgement {
    WEB_RIGHT,
    WEB_WRONG,     /* the configuration, or what cannot change while the program runs */
    WEB_WRONG_PEM, /* what it names */
    WEB_NO_MEMORY,
};

/* Reads what is known of the files. WEB_RIGHT: `*out` is the caller's, `c->tls` is that which is right last.
 * `problems` gets errors and warnings, sorted. */
enum web_judgement app_web_config_judge(struct app_web_config *c, int64_t now_ns, struct problems *problems,
                                        struct httpd_security **out);

/* --- app_web_config_files.c --- */

/* Watches the file of the configuration and looks at it. */
enum status app_web_config_watch(struct app_web_config *c, int64_t now_ns) MUST_CHECK;
/* Watches the files that `tls` names, in place of those so far, and looks at them. */
enum status app_web_config_watch_pems(struct app_web_config *c, const struct web_tls *tls, int64_t now_ns)
    MUST_CHECK;
/* Looks at what is to be looked at now. */
void app_web_config_look(struct app_web_config *c, int64_t now_ns);
/* When there will be something to look at. */
int64_t app_web_config_look_ns(const struct app_web_config *c);
void app_web_config_unwatch(struct app_web_config *c);
/* Why there is nothing of a file, as a predicate: "does not exist". */
const char *app_web_config_why(const struct web_file *file);

#endif
