/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/child.h"

#include "core/buf.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#define REAP_NS (INT64_C(2) * 1000000) /* between looks whether a process has gone */
enum { CHUNK = 65536, CHUNKS = 16 /* at most in one go: others have descriptors too */ };

const char child_own_path[] = "/proc/self/exe";

enum phase {
    WAITING,
    WORKING, /* its output is open */
    LEAVING, /* its output is closed, it has yet to end */
    ENDED,
};

struct child {
    struct child *next;
    struct child_pool *pool;
    enum phase phase;
    enum child_outcome outcome; /* as far as it is known */
    char why[80];
    pid_t pid;
    int in; /* to its standard input; -1: closed */
    int out;
    char *input;
    size_t len;
    size_t written;
    struct buf output;
    const char *const *argv;
    int64_t until_ns;
    child_done *done;
    void *context;
};

struct child_pool {
    struct loop *loop;
    struct child_options options;
    struct child *first; /* in the order in which they were asked for */
    unsigned n;
};

struct child_pool *child_pool_new(struct loop *loop, const struct child_options *options) {
    struct child_pool *pool = calloc(1, sizeof *pool);
    if (pool != NULL)
        *pool = (struct child_pool){.loop = loop, .options = *options};
    return pool;
}

/* ---- descriptors ---- */

static void close_end(struct child *c, int *fd) {
    if (*fd < 0)
        return;
    enum status status = loop_watch(c->pool->loop, *fd, 0, NULL, NULL);
    (void)status; /* to stop watching never fails */
    (void)close(*fd);
    *fd = -1;
}

/* It has said all it will say: only its end is waited for. */
static void leave(struct child *c) {
    close_end(c, &c->in);
    close_end(c, &c->out);
    c->phase = LEAVING;
}

static void kill_it(struct child *c, enum child_outcome outcome, const char *why) {
    c->outcome = outcome;
    (void)snprintf(c->why, sizeof c->why, "%s", why);
    (void)kill(-c->pid, SIGKILL); /* the group that it leads, which is there until it has been waited for */
    leave(c);
}

static void on_input(void *context, int fd, unsigned events, int64_t now_ns) {
    (void)events;
    (void)now_ns;
    struct child *c = context;
    while (c->written < c->len) {
        ssize_t n = write(fd, c->input + c->written, c->len - c->written);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return;
        if (n < 0)
            break; /* it does not want the rest */
        c->written += (size_t)n;
    }
    close_end(c, &c->in);
}

static void on_output(void *context, int fd, unsigned events, int64_t now_ns) {
    (void)events;
    (void)now_ns;
    struct child *c = context;
    char chunk[CHUNK];
    for (int i = 0; i < CHUNKS; i++) {
        ssize_t n = read(fd, chunk, sizeof chunk);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return;
        if (n <= 0) {
            leave(c);
            return;
        }
        buf_add(&c->output, chunk, (size_t)n);
        if (buf_status(&c->output) == STATUS_OK)
            continue;
        bool full = buf_status(&c->output) == STATUS_FULL;
        kill_it(c, full ? CHILD_TOO_MUCH : CHILD_FAILED,
                full ? "put out more than is taken" : "put out more than there is memory for");
        return;
    }
}

/* ---- starting ---- */

/* A pipe whose end [ours] does not block. */
static int open_pipe(int ends[2], int ours) {
    if (pipe2(ends, O_CLOEXEC) != 0) {
        ends[0] = ends[1] = -1;
        return errno;
    }
    return fcntl(ends[ours], F_SETFL, O_NONBLOCK) == 0 ? 0 : errno;
}

static int set_actions(posix_spawn_file_actions_t *actions, int in, int out) {
    int error = posix_spawn_file_actions_adddup2(actions, in, STDIN_FILENO);
    if (error == 0)
        error = posix_spawn_file_actions_adddup2(actions, out, STDOUT_FILENO);
    if (error == 0)
        error = posix_spawn_file_actions_addclosefrom_np(actions, STDERR_FILENO + 1);
    return error;
}

static int set_signals(posix_spawnattr_t *attributes) {
    sigset_t set;
    int error = posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                                         POSIX_SPAWN_SETPGROUP);
    (void)sigemptyset(&set);
    if (error == 0)
        error = posix_spawnattr_setsigmask(attributes, &set);
    (void)sigfillset(&set); /* a shell that started the daemon in the background has SIGQUIT ignored */
    return error == 0 ? posix_spawnattr_setsigdefault(attributes, &set) : error;
}

/* 0, or an errno. */
static int spawn(struct child *c, int in, int out) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int error = posix_spawn_file_actions_init(&actions);
    if (error != 0)
        return error;
    error = posix_spawnattr_init(&attributes);
    if (error == 0) {
        error = set_actions(&actions, in, out);
        if (error == 0)
            error = set_signals(&attributes);
        if (error == 0) /* argv is not written to: POSIX leaves out a const for old callers */
            error = posix_spawn(&c->pid, c->pool->options.path, &actions, &attributes, (char *const *)c->argv,
                                environ);
        (void)posix_spawnattr_destroy(&attributes);
    }
    (void)posix_spawn_file_actions_destroy(&actions);
    return error;
}

static void not_started(struct child *c, int error) {
    c->phase = ENDED;
    c->outcome = CHILD_NO_START;
    (void)snprintf(c->why, sizeof c->why, "cannot be started: %s", strerror(error));
}

static void watch(struct child *c) {
    struct loop *loop = c->pool->loop;
    c->phase = WORKING;
    if (loop_watch(loop, c->in, LOOP_WRITE, on_input, c) != STATUS_OK ||
        loop_watch(loop, c->out, LOOP_READ, on_output, c) != STATUS_OK)
        kill_it(c, CHILD_NO_START, "cannot be watched: no memory or descriptors");
}

static void start(struct child *c) {
    int in[2] = {-1, -1};
    int out[2] = {-1, -1};
    int error = open_pipe(in, 1);
    if (error == 0)
        error = open_pipe(out, 0);
    if (error == 0)
        error = spawn(c, in[0], out[1]);
    if (in[0] >= 0)
        (void)close(in[0]);
    if (out[1] >= 0)
        (void)close(out[1]);
    c->in = in[1];
    c->out = out[0];
    if (error == 0) {
        watch(c);
        return;
    }
    close_end(c, &c->in);
    close_end(c, &c->out);
    not_started(c, error);
}

/* ---- ending ---- */

/* Whether it has gone; how, is told if nothing else is known of it. */
static void wait_for(struct child *c, int flags) {
    int how = 0;
    pid_t pid;
    do
        pid = waitpid(c->pid, &how, flags);
    while (pid < 0 && errno == EINTR);
    if (pid == 0)
        return;
    c->phase = ENDED;
    if (c->outcome != CHILD_OK || (pid > 0 && WIFEXITED(how) && WEXITSTATUS(how) == 0))
        return;
    bool may_be_another_time =
        pid > 0 && (WIFSIGNALED(how) ? WTERMSIG(how) == SIGKILL : WEXITSTATUS(how) == EX_TEMPFAIL);
    c->outcome = may_be_another_time ? CHILD_NOT_NOW : CHILD_FAILED;
    if (pid > 0 && WIFSIGNALED(how))
        (void)snprintf(c->why, sizeof c->why, "ended by signal %d", WTERMSIG(how));
    else
        (void)snprintf(c->why, sizeof c->why, "ended with code %d", pid > 0 ? WEXITSTATUS(how) : -1);
}

static void child_free(struct child *c) {
    buf_release(&c->output);
    free(c->input);
    free(c);
}

static void tell(struct child *c) {
    bool ok = c->outcome == CHILD_OK;
    const struct child_end end = {.outcome = c->outcome,
                                  .why = c->why,
                                  .output = ok ? buf_text(&c->output) : "",
                                  .len = ok ? c->output.len : 0};
    c->done(c->context, &end);
    child_free(c);
}

/* Takes the first that has ended out of the row; NULL: none has. */
static struct child *take_ended(struct child_pool *pool) {
    for (struct child **at = &pool->first; *at != NULL; at = &(*at)->next) {
        struct child *c = *at;
        if (c->phase != ENDED)
            continue;
        *at = c->next;
        pool->n--;
        return c;
    }
    return NULL;
}

static void look_after(struct child *c, int64_t now_ns) {
    if (c->phase == LEAVING)
        wait_for(c, WNOHANG);
    if (c->phase == ENDED || c->until_ns > now_ns)
        return;
    if (c->phase == WAITING) {
        c->phase = ENDED;
        c->outcome = CHILD_TOO_LONG;
        (void)snprintf(c->why, sizeof c->why, "did not get its turn in time");
    } else if (c->outcome == CHILD_OK) {
        kill_it(c, CHILD_TOO_LONG, "did not end in time");
        wait_for(c, WNOHANG);
    }
}

static void start_some(struct child_pool *pool) {
    unsigned n = 0;
    for (const struct child *c = pool->first; c != NULL; c = c->next)
        n += c->phase == WORKING || c->phase == LEAVING;
    for (struct child *c = pool->first; c != NULL && n < pool->options.running; c = c->next)
        if (c->phase == WAITING) {
            start(c);
            n += c->phase != ENDED;
        }
}

/* When to look at it again, if it does nothing that is seen before. */
static int64_t look_ns(const struct child *c, int64_t now_ns) {
    int64_t soon_ns = now_ns + REAP_NS;
    if (c->phase != LEAVING || (c->until_ns > now_ns && c->until_ns < soon_ns))
        return c->until_ns;
    return soon_ns;
}

int64_t child_turn(struct child_pool *pool, int64_t now_ns) {
    int64_t next_ns = INT64_MAX;
    bool ended = false;
    for (struct child *c = pool->first; c != NULL; c = c->next)
        look_after(c, now_ns);
    start_some(pool);
    for (struct child *c; (c = take_ended(pool)) != NULL; ended = true)
        tell(c);
    for (const struct child *c = pool->first; c != NULL; c = c->next)
        next_ns = look_ns(c, now_ns) < next_ns ? look_ns(c, now_ns) : next_ns;
    return ended && pool->first != NULL ? now_ns : next_ns; /* who waits may have a place now */
}

enum status child_run(struct child_pool *pool, const char *const *argv, const void *input, size_t len,
                      child_done *done, void *context, int64_t now_ns) {
    if (pool->n >= pool->options.running + pool->options.waiting)
        return STATUS_FULL;
    struct child *c = calloc(1, sizeof *c);
    char *copy = malloc(len + 1);
    if (c == NULL || copy == NULL) {
        free(c);
        free(copy);
        return STATUS_NO_MEMORY;
    }
    if (len > 0)
        memcpy(copy, input, len);
    *c = (struct child){.pool = pool,
                        .in = -1,
                        .out = -1,
                        .input = copy,
                        .len = len,
                        .argv = argv,
                        .until_ns = now_ns + pool->options.limit_ns,
                        .done = done,
                        .context = context};
    buf_init(&c->output, pool->options.output_most);
    struct child **at = &pool->first;
    while (*at != NULL)
        at = &(*at)->next;
    *at = c;
    pool->n++;
    return STATUS_OK;
}

void child_pool_free(struct child_pool *pool) {
    if (pool == NULL)
        return;
    for (struct child *c = pool->first; c != NULL; c = c->next)
        if (c->phase == WORKING || c->phase == LEAVING)
            kill_it(c, CHILD_FAILED, "");
    for (struct child *c; (c = pool->first) != NULL;) {
        pool->first = c->next;
        if (c->phase == LEAVING)
            wait_for(c, 0);
        child_free(c);
    }
    free(pool);
}
