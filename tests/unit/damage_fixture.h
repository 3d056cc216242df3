/* SPDX-License-Identifier: Apache-2.0
 *
 * A store with a bit of everything in it, its file as bytes, and what of them may be believed.
 */
#ifndef RBL_TESTS_DAMAGE_FIXTURE_H
#define RBL_TESTS_DAMAGE_FIXTURE_H

#include "state_fixture.h"

struct bytes {
    char *data;
    size_t len;
};

static inline struct bytes read_all(const char *path) {
    struct stat found;
    const int fd = open(path, O_RDONLY);
    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &found), 0);
    struct bytes b = {malloc((size_t)found.st_size), (size_t)found.st_size};
    assert_int_equal(read(fd, b.data, b.len), (ssize_t)b.len);
    close(fd);
    return b;
}

static inline void write_all(const char *path, const char *data, size_t len) {
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, len), (ssize_t)len);
    close(fd);
}

/* A bit of everything. */
static inline void fill(struct world *w) {
    for (int i = 0; i < 2; i++) {
        const char *list = i == 0 ? "zen" : "bl";
        put(w, RECORD_LIST, list, 0, 0, "health and counters");
        put(w, RECORD_LAYOUT, list, 1, 0, "which address is which");
        put(w, RECORD_CELLS, list, 1, 0, "cells of the first chunk");
        put(w, RECORD_CELLS, list, 1, 1, "cells of the second");
        put(w, RECORD_LOOKS, list, 1, 0, "a look");
        put(w, RECORD_LOOKS, list, 1, 0, "another look");
        put(w, RECORD_LAYOUT, list, 2, 0, "which address is which now");
        put(w, RECORD_LOOKS, list, 2, 0, "a new look");
        put_ip(w, RECORD_ENTRY, list, 1, "192.0.2.1", "an entry");
        put_ip(w, RECORD_ENTRY, list, 2, "2001:db8::1", "an entry of IPv6");
        put(w, RECORD_BUDGET, list, 0, i, "spent");
        put(w, RECORD_KEPT, list, 0, KEPT_SPF, "what a name led to");
        put(w, RECORD_KEPT, list, 0, KEPT_BOUNCED, "addresses out of bounces");
        put_event(w, clock_wall_ns(), "192.0.2.1", "SBL,XBL");
    }
    put_event(w, clock_wall_ns(), NULL, "0.2.0");
}

static inline void quiet(void) {
    log_setup(LOG_ERROR + 1, LOG_LOGFMT);
}

/* Every line of `text` is one of `all`. */
static inline void expect_lines_of(const char *text, const char *all, const char *what, size_t at) {
    char line[256] = "\n";
    char padded[8192];
    snprintf(padded, sizeof padded, "\n%s", all);
    while (*text != '\0') {
        const size_t n = strcspn(text, "\n") + 1;
        assert_true(n + 2 < sizeof line);
        memcpy(line + 1, text, n);
        line[n + 1] = '\0';
        if (!strstr(padded, line))
            fail_msg("%s %zu: was never put: %s", what, at, line);
        text += n;
    }
}

/* Opens and loads what is there; whether it passed for whole. */
static inline bool passes(struct world *w) {
    open_store(w);
    load_store(w);
    const bool whole = state_up(w->s) && !state_was_damaged(w->s);
    if (state_was_damaged(w->s)) {
        assert_true(state_errors(w->s) > 0);
        assert_true(count_files(w, "damaged") > 0);
    }
    state_close(w->s, PATIENCE_NS);
    w->s = NULL;
    return whole;
}

static inline void expect_events_of(struct world *w, const char *what, size_t at) {
    for (size_t i = 0; i < w->n_events; i++) {
        const char *detail = w->events[i].detail;
        if (strcmp(detail, "SBL,XBL") != 0 && strcmp(detail, "0.2.0") != 0)
            fail_msg("%s %zu: event never put: %s", what, at, detail);
    }
}

#endif
