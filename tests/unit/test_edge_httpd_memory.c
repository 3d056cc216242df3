/* SPDX-License-Identifier: Apache-2.0
 *
 * The web server when memory runs out: every allocation of its own, in each of its threads, fails once.
 */
/* LINK: -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "httpd_fixture.h"

/* The client's thread is spared. */
static _Thread_local bool is_client;
static atomic_int allocations_left; /* 0: none fails */

static bool fails(void) {
    return !is_client && atomic_load(&allocations_left) > 0 && atomic_fetch_sub(&allocations_left, 1) == 1;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t size);
char *__real_strdup(const char *text);

void *__wrap_malloc(size_t size) {
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size) {
    return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *old, size_t size) {
    return fails() ? NULL : __real_realloc(old, size);
}

char *__wrap_strdup(const char *text) {
    return fails() ? NULL : __real_strdup(text);
}

static const char *const requests[] = {
    "GET /metrics?a=b " HOST "Accept-Encoding: gzip\r\n\r\n",
    "POST /echo?a=b " HOST "Content-Length: 5\r\n\r\nhello",
    "GET /nowhere " HOST "\r\n",
};

/* How many allocations the request takes; each is made to fail in turn. */
static int fail_each(struct fixture *f, const char *request) {
    for (int n = 1;; n++) {
        atomic_store(&allocations_left, n);
        struct reply r = ask(f, request);
        const bool fired = atomic_load(&allocations_left) == 0;
        atomic_store(&allocations_left, 0);
        const bool ends = r.status == 0 || r.status == 500 || r.status == 503;
        const bool harmless = r.status == 200 || r.status == 404;
        if (!harmless && !(fired && ends))
            fail_msg("%s: allocation %d: status %d", request, n, r.status);
        reply_release(&r);
        assert_serves(f);
        if (!fired)
            return n - 1;
    }
}

static void every_allocation_may_fail(void **state) {
    struct fixture *f = start(patient);
    assert_true(fail_each(f, requests[0]) > 5);
    assert_true(fail_each(f, requests[1]) > 5);
    assert_true(fail_each(f, requests[2]) > 0);
    stop(f);
}

/* A verdict is remembered, so each round tries another password. */
static void every_allocation_of_a_login_may_fail(void **state) {
    static const struct web_user user = {"a", "$2b$04$abcdefghijklmnopqrstuu/LVz6MZlItEy42I2juLihZ66HnQx/cy"};
    struct web_config *config = calloc(1, sizeof *config);
    assert_non_null(config);
    arena_init(&config->arena);
    config->users = &user;
    config->n_users = 1;
    struct httpd_options options = patient;
    options.security = httpd_security_new(&config, NULL);
    struct fixture *f = start(options);
    bool fired = true;
    int n = 0;
    for (; fired; n++) {
        char request[128];
        snprintf(request, sizeof request, "GET / " HOST "Authorization: Basic YTph%c%c%c%c\r\n\r\n", 'a' + n,
                 'a', 'a', 'a'); /* "a:a" and three bytes */
        atomic_store(&allocations_left, n + 1);
        struct reply r = ask(f, request);
        fired = atomic_load(&allocations_left) == 0;
        atomic_store(&allocations_left, 0);
        if (r.status != 401 && !(fired && (r.status == 0 || r.status == 503)))
            fail_msg("allocation %d: status %d", n + 1, r.status);
        reply_release(&r);
    }
    assert_true(n > 2);
    stop(f);
}

static void a_server_that_gets_no_memory_says_so(void **state) {
    struct loop *loop = loop_new();
    struct httpd_options options = patient;
    char error[256] = "";
    options.handler = handle;
    for (int n = 1; n <= 2; n++) {
        is_client = false;
        atomic_store(&allocations_left, n);
        assert_null(httpd_new(loop, &options, error, sizeof error));
        is_client = true;
        assert_non_null(strstr(error, "memory"));
    }
    loop_free(loop);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(every_allocation_of_a_login_may_fail),
        cmocka_unit_test(a_server_that_gets_no_memory_says_so),
    };
    is_client = true;
    log_setup(LOG_ERROR, LOG_LOGFMT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
