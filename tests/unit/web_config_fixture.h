/* SPDX-License-Identifier: Apache-2.0
 *
 * web_config_fixture: a folder with a web configuration and what it names, and what is in force by it. TLS is
 * a number here: a certificate is the word "cert" and a number, its key "key" and the same. Allocations fail
 * on demand.
 */
#ifndef RBL_TESTS_WEB_CONFIG_FIXTURE_H
#define RBL_TESTS_WEB_CONFIG_FIXTURE_H

#include "app_web_config.c"
#include "app_web_config_files.c"
#include "app_web_config_judge.c"

#include "allocations.h"

#include "edge/httpd_internal.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECOND INT64_C(1000000000)
#define HASH "$2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG"
#define TLS "tls_server_config: {cert_file: c.pem, key_file: k.pem}\n"
#define USER(name) "basic_auth_users: {" name ": " HASH "}\n"

/* --- TLS, which is a number here --- */

struct fake_tls {
    int refs;
    int number;
};

static int n_tls; /* that are there */

struct httpd_tls *__wrap_httpd_tls_new(const struct web_tls *rules, const struct httpd_tls_pem *pem,
                                       struct httpd_tls_error *error) {
    int cert = 0;
    int key = 0;
    error->part = HTTPD_TLS_CERT;
    (void)snprintf(error->text, sizeof error->text, "it holds no certificate");
    if (sscanf(pem->cert, "cert %d", &cert) != 1)
        return NULL;
    error->part = HTTPD_TLS_KEY;
    (void)snprintf(error->text, sizeof error->text, "it does not belong to the certificate");
    if (sscanf(pem->key, "key %d", &key) != 1 || key != cert)
        return NULL;
    error->part = HTTPD_TLS_CLIENT_CA;
    (void)snprintf(error->text, sizeof error->text, "it holds no certificate");
    if (rules->client_ca.file != NULL && strncmp(pem->client_ca, "ca", 2) != 0)
        return NULL;
    error->part = HTTPD_TLS_RULES;
    (void)snprintf(error->text, sizeof error->text, "no cipher suite is left");
    if (rules->n_cipher_suites > 0)
        return NULL;
    (void)snprintf(error->text, sizeof error->text, "out of memory");
    struct fake_tls *tls = calloc(1, sizeof *tls);
    if (tls == NULL)
        return NULL;
    *tls = (struct fake_tls){1, cert};
    n_tls++;
    return (struct httpd_tls *)tls;
}

struct httpd_tls *__wrap_httpd_tls_ref(struct httpd_tls *tls) {
    ((struct fake_tls *)tls)->refs++;
    return tls;
}

void __wrap_httpd_tls_unref(struct httpd_tls *tls) {
    struct fake_tls *fake = (struct fake_tls *)tls;
    if (fake == NULL || --fake->refs > 0)
        return;
    n_tls--;
    free(fake);
}

/* --- What was told --- */

static char told[8192]; /* "E web-config.yml:1:2: text\n", "I message\n" */

static inline void tell(char level, const char *place, const char *text) {
    size_t used = strlen(told);
    (void)snprintf(told + used, sizeof told - used, "%c %s%s\n", level, place, text);
}

void __wrap_log_write(enum log_level level, const char *message, ...) {
    tell("DIWE"[level], "", message);
}

static inline void tell_problems(const struct problems *problems) {
    for (size_t i = 0; i < problems->n_shown; i++) {
        const struct problem *p = &problems->shown[i];
        char place[32];
        (void)snprintf(place, sizeof place, "%u:%u: ", p->line, p->column);
        tell(p->warning ? 'W' : 'E', place, p->text);
    }
}

void app_problems_log(const char *file, const struct problems *problems) {
    tell_problems(problems);
}

static inline void demand_told(const char *piece) {
    if (strstr(told, piece) == NULL)
        fail_msg("\"%s\" is not in\n%s", piece, told);
    told[0] = '\0';
}

/* --- A folder, and what is in force --- */

struct world {
    char folder[64];
    char path[128];
    struct app_web_config *c;
    struct httpd_security *security; /* in force */
    int64_t now_ns;
};

static inline int set_up(void **state) {
    struct world *w = calloc(1, sizeof *w);
    *state = w;
    if (w == NULL)
        return -1;
    (void)snprintf(w->folder, sizeof w->folder, "/tmp/test_app_web_config.XXXXXX");
    if (!mkdtemp(w->folder))
        return -1;
    (void)snprintf(w->path, sizeof w->path, "%s/web-config.yml", w->folder);
    w->now_ns = 1000 * SECOND;
    told[0] = '\0';
    return 0;
}

static inline void end(struct world *w) {
    httpd_security_unref(w->security);
    app_web_config_free(w->c);
    w->security = NULL;
    w->c = NULL;
}

static inline int remove_one(const char *path, const struct stat *about, int type, struct FTW *where) {
    return remove(path);
}

static inline int tear_down(void **state) {
    struct world *w = *state;
    fail_at = 0;
    end(w);
    (void)nftw(w->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(w);
    return n_tls == 0 ? 0 : -1;
}

static inline void path_of(const struct world *w, const char *name, char out[256]) {
    (void)snprintf(out, 256, "%s/%s", w->folder, name);
}

/* In place of the one that was, a day old, for nobody but us. */
static inline void write_file(const struct world *w, const char *name, const char *text) {
    char path[256];
    char fresh[256];
    const struct timespec times[2] = {{.tv_sec = time(NULL) - 86400}, {.tv_sec = time(NULL) - 86400}};
    path_of(w, name, path);
    path_of(w, "fresh", fresh);
    int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    assert_int_equal(futimens(fd, times), 0);
    close(fd);
    assert_int_equal(rename(fresh, path), 0);
}

static inline void write_pair(const struct world *w, int number) {
    char text[32];
    (void)snprintf(text, sizeof text, "cert %d", number);
    write_file(w, "c.pem", text);
    (void)snprintf(text, sizeof text, "key %d", number);
    write_file(w, "k.pem", text);
}

static inline enum status open_config(struct world *w) {
    struct problems *problems = __real_malloc(sizeof *problems);
    problems_init(problems);
    enum status status = app_web_config_open(w->path, NULL, w->now_ns, problems, &w->c);
    tell_problems(problems);
    problems_release(problems);
    free(problems);
    if (status == STATUS_OK)
        w->security = app_web_config_first(w->c);
    return status;
}

static inline void open_good(struct world *w) {
    if (open_config(w) != STATUS_OK)
        fail_msg("%s", told);
    assert_non_null(w->security);
    told[0] = '\0';
}

/* Lets time go by, and somebody ask for a reload; true: something else is in force now. */
static inline bool pass(struct world *w, int64_t ns) {
    int64_t wake_ns;
    w->now_ns += ns;
    app_web_config_hurry(w->c);
    struct httpd_security *next = app_web_config_turn(w->c, w->now_ns, &wake_ns);
    assert_true(wake_ns > w->now_ns);
    if (next == NULL)
        return false;
    httpd_security_unref(w->security);
    w->security = next;
    return true;
}

static inline const char *user(const struct world *w) {
    return w->security->config->users[0].name;
}

static inline int number(const struct world *w) {
    return ((struct fake_tls *)w->security->tls)->number;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
