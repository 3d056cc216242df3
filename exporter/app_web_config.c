/* SPDX-License-Identifier: Apache-2.0 */
#include "app_web_config.h"
#include "app_web_config_internal.h"

#include "app_config.h"

#include "edge/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RETRY_NS INT64_C(1000000000)

/* --- At start --- */

/* The folder of a path, "" for that where the process is; NULL: no memory. */
static char *folder_of(const char *path) {
    const char *slash = strrchr(path, '/');
    if (slash == path)
        return strdup("/");
    return strndup(path, slash != NULL ? (size_t)(slash - path) : 0);
}

static enum status read_first(struct app_web_config *c, int64_t now_ns, struct problems *problems) {
    if (c->folder == NULL || app_web_config_watch(c, now_ns) != STATUS_OK)
        return STATUS_NO_MEMORY;
    enum web_judgement judgement = app_web_config_judge(c, now_ns, problems, &c->security);
    c->is_changed = false; /* what was seen first is no change */
    switch (judgement) {
    case WEB_RIGHT: return STATUS_OK;
    case WEB_WRONG:
    case WEB_WRONG_PEM: return STATUS_INVALID;
    case WEB_NO_MEMORY: return STATUS_NO_MEMORY;
    }
    return STATUS_INVALID;
}

enum status app_web_config_open(const char *path, struct loop *loop, int64_t now_ns,
                                struct problems *problems, struct app_web_config **out) {
    struct app_web_config *c = calloc(1, sizeof *c);
    if (c == NULL)
        return STATUS_NO_MEMORY;
    c->path = path;
    c->loop = loop;
    c->folder = folder_of(path);
    c->refuse_ns = c->retry_ns = INT64_MAX;
    enum status status = read_first(c, now_ns, problems);
    if (status == STATUS_OK)
        *out = c;
    else
        app_web_config_free(c);
    return status;
}

void app_web_config_free(struct app_web_config *c) {
    if (c == NULL)
        return;
    app_web_config_unwatch(c);
    httpd_security_unref(c->security);
    httpd_tls_unref(c->tls);
    free(c->folder);
    free(c);
}

struct httpd_security *app_web_config_first(struct app_web_config *c) {
    struct httpd_security *security = c != NULL ? c->security : NULL;
    if (c != NULL)
        c->security = NULL;
    return security;
}

/* --- Later --- */

static void retry(struct app_web_config *c, int64_t now_ns) {
    log_write(LOG_ERROR, "out of memory while reading the web configuration: it is tried again", "file",
              c->path, NULL);
    c->retry_ns = now_ns + RETRY_NS;
}

static void tell_right(const struct app_web_config *c) {
    log_write(LOG_INFO,
              c->is_refusing ? "the web configuration is right again: requests are served"
                             : "web configuration reloaded",
              "file", c->path, NULL);
}

/* From now on nobody is served. Without memory that is tried again, and what was waited for is not. */
static struct httpd_security *refuse(struct app_web_config *c, int64_t now_ns) {
    struct httpd_tls *tls = c->tls != NULL ? httpd_tls_ref(c->tls) : NULL;
    struct httpd_security *security = httpd_security_refusing(tls);
    if (security == NULL) {
        httpd_tls_unref(tls);
        retry(c, now_ns);
        return NULL;
    }
    log_write(LOG_ERROR, "the web configuration cannot be used: all requests are refused until it is mended",
              "file", c->path, NULL);
    c->is_refusing = true;
    c->refuse_ns = INT64_MAX;
    return security;
}

/* Whether what was right last stays in force for now. */
static bool is_waited_for(struct app_web_config *c, enum web_judgement judgement, int64_t now_ns,
                          const struct problems *problems) {
    if (judgement != WEB_WRONG_PEM || c->is_refusing || c->is_other)
        return false;
    if (c->refuse_ns == INT64_MAX) {
        c->refuse_ns = now_ns + APP_WEB_CONFIG_GRACE_NS;
        log_write(LOG_WARN,
                  "the certificate, key or authorities have changed and cannot be used: those before stay in "
                  "force for a few seconds, in case that the others follow",
                  "file", c->path, "error", problems->n_shown > 0 ? problems->shown[0].text : NULL, NULL);
    }
    return now_ns < c->refuse_ns;
}

static struct httpd_security *judge_anew(struct app_web_config *c, int64_t now_ns,
                                         struct problems *problems) {
    struct httpd_security *security = NULL;
    enum web_judgement judgement = app_web_config_judge(c, now_ns, problems, &security);
    c->is_changed = false;
    c->retry_ns = INT64_MAX;
    if (judgement == WEB_NO_MEMORY) {
        retry(c, now_ns);
        return NULL;
    }
    if (judgement != WEB_RIGHT && is_waited_for(c, judgement, now_ns, problems))
        return NULL;
    app_problems_log(c->path, problems);
    if (judgement != WEB_RIGHT)
        return refuse(c, now_ns);
    tell_right(c);
    c->is_refusing = false;
    c->refuse_ns = INT64_MAX;
    return security;
}

/* When the files are to be judged; INT64_MAX: when one of them changes. */
static int64_t judge_ns(const struct app_web_config *c) {
    if (c->retry_ns != INT64_MAX)
        return c->retry_ns;
    return c->is_changed ? INT64_MIN : c->refuse_ns;
}

struct httpd_security *app_web_config_turn(struct app_web_config *c, int64_t now_ns, int64_t *wake_ns) {
    struct httpd_security *security = NULL;
    struct problems *problems = NULL;
    *wake_ns = INT64_MAX;
    if (c == NULL)
        return NULL;
    app_web_config_look(c, now_ns);
    bool is_due = now_ns >= judge_ns(c);
    if (is_due && (problems = malloc(sizeof *problems)) == NULL)
        retry(c, now_ns);
    if (problems != NULL) {
        problems_init(problems);
        security = judge_anew(c, now_ns, problems);
        problems_release(problems);
        free(problems);
    }
    int64_t look_ns = app_web_config_look_ns(c);
    *wake_ns = look_ns < judge_ns(c) ? look_ns : judge_ns(c);
    return security;
}
