/* SPDX-License-Identifier: Apache-2.0
 *
 * A line is built on the stack and is at most PIPE_BUF bytes, so that a pipe takes it whole or not at all:
 * poll(2) says POLLOUT only when that much fits. O_NONBLOCK is not used: it belongs to the open file, which
 * the shell that started us may share. Values that do not fit are cut, pairs that do not fit at all are left
 * out; the line stays well-formed either way.
 */
#include "edge/log.h"

#include "edge/clock.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* Text ends at ROOM, so that what closes a value and the line always fits. */
enum { LINE_SIZE = PIPE_BUF, LINE_ROOM = LINE_SIZE - 16, PAIR_LEAST = 24 };

static const int64_t MINUTE_NS = INT64_C(60000000000);

const char *const log_level_text[LOG_LEVELS] = {"debug", "info", "warn", "error"};
static const char *const format_text[] = {[LOG_LOGFMT] = "logfmt", [LOG_JSON] = "json"};

static atomic_int least_level = LOG_INFO;
static atomic_int line_format = LOG_LOGFMT;
static atomic_uint_fast64_t counts[LOG_LEVELS];

static pthread_mutex_t write_lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t lost_lines; /* since the last line that got through; under the lock */

struct line {
    char text[LINE_SIZE];
    size_t len;
    enum log_format format;
};

void log_setup(enum log_level least, enum log_format format) {
    atomic_store(&least_level, least);
    atomic_store(&line_format, format);
}

bool log_level_parse(const char *text, enum log_level *out) {
    for (int i = 0; i < LOG_LEVELS; i++) {
        if (strcmp(text, log_level_text[i]) == 0) {
            *out = i;
            return true;
        }
    }
    return false;
}

bool log_format_parse(const char *text, enum log_format *out) {
    for (int i = LOG_LOGFMT; i <= LOG_JSON; i++) {
        if (strcmp(text, format_text[i]) == 0) {
            *out = i;
            return true;
        }
    }
    return false;
}

bool log_wants(enum log_level level) {
    return (int)level >= atomic_load(&least_level);
}

uint64_t log_count(enum log_level level) {
    return atomic_load(&counts[level]);
}

bool log_allowed(struct log_limit *limit, unsigned burst, int64_t now_ns) {
    if (limit->seen == 0 || now_ns - limit->window_start_ns >= MINUTE_NS) {
        limit->window_start_ns = now_ns;
        limit->seen = 0;
    }
    if (limit->seen >= burst) {
        limit->suppressed++;
        return false;
    }
    limit->seen++;
    return true;
}

/* Appends all of `bytes` or nothing; false once the line is full. */
static bool line_add(struct line *line, const char *bytes, size_t n, size_t room) {
    if (line->len + n > room)
        return false;
    memcpy(line->text + line->len, bytes, n);
    line->len += n;
    return true;
}

/* Text that is ours and short: it always fits, for the callers have looked. */
static void line_add_own(struct line *line, const char *text) {
    bool fits = line_add(line, text, strlen(text), LINE_SIZE);
    assert(fits);
}

/* The length of the UTF-8 sequence (RFC 3629) at `s`, its code point in `*out`; 0 if it is none. */
static size_t utf8_decode(const char *s, uint32_t *out) {
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char first = (unsigned char)s[0];
    size_t n = first < 0x80   ? 1
               : first < 0xc0 ? 0
               : first < 0xe0 ? 2
               : first < 0xf0 ? 3
               : first < 0xf8 ? 4
                              : 0;
    uint32_t point = n < 2 ? first : first & (0x7fU >> n);
    for (size_t i = 1; i < n; i++) {
        unsigned char next = (unsigned char)s[i];
        if ((next & 0xc0) != 0x80)
            return 0;
        point = point << 6 | (next & 0x3f);
    }
    if (n == 0 || point < least[n] || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff))
        return 0;
    *out = point;
    return n;
}

/* What could move the cursor, end the line, or turn the direction of the text around in a terminal. */
static bool is_control(uint32_t point) {
    return point < 0x20 || (point >= 0x7f && point < 0xa0) || point == 0x61c || point == 0xfeff ||
           (point >= 0x200b && point <= 0x200f) || (point >= 0x2028 && point <= 0x202e) ||
           (point >= 0x2066 && point <= 0x2069);
}

/* One character of `s`, escaped as JSON does (which logfmt readers take as well); returns the bytes it took
 * of `s`, 0 when the line is full. */
static size_t line_add_escaped(struct line *line, const char *s) {
    uint32_t point;
    size_t n = utf8_decode(s, &point);
    char escape[8];
    if (n == 0)
        return line_add(line, "\\ufffd", 6, LINE_ROOM) ? 1 : 0;
    if (point == '"' || point == '\\')
        snprintf(escape, sizeof escape, "\\%c", (char)point);
    else if (point == '\n' || point == '\r' || point == '\t')
        snprintf(escape, sizeof escape, "\\%c", point == '\n' ? 'n' : point == '\r' ? 'r' : 't');
    else if (is_control(point))
        snprintf(escape, sizeof escape, "\\u%04x", (unsigned)point);
    else
        return line_add(line, s, n, LINE_ROOM) ? n : 0;
    return line_add(line, escape, strlen(escape), LINE_ROOM) ? n : 0;
}

static void line_add_quoted(struct line *line, const char *value) {
    line_add_own(line, "\"");
    size_t n;
    for (; *value != '\0' && (n = line_add_escaped(line, value)) > 0; value += n)
        ;
    line_add_own(line, "\"");
}

/* Whether logfmt can show `value` bare. */
static bool is_plain(const char *value) {
    if (*value == '\0')
        return false;
    uint32_t point;
    size_t n;
    for (; *value != '\0'; value += n) {
        n = utf8_decode(value, &point);
        if (n == 0 || point == ' ' || point == '"' || point == '=' || point == '\\' || is_control(point))
            return false;
    }
    return true;
}

/* Leaves the pair out when not even a stub of the value would fit. */
static void line_add_pair(struct line *line, const char *key, const char *value) {
    size_t key_len = strlen(key);
    if (line->len + key_len + PAIR_LEAST > LINE_ROOM)
        return;
    bool first = line->len <= 1;
    switch (line->format) {
    case LOG_LOGFMT:
        line_add_own(line, first ? "" : " ");
        line_add_own(line, key);
        line_add_own(line, "=");
        if (is_plain(value) && line->len + strlen(value) <= LINE_ROOM)
            line_add_own(line, value);
        else
            line_add_quoted(line, value);
        break;
    case LOG_JSON:
        line_add_own(line, first ? "" : ",");
        line_add_quoted(line, key);
        line_add_own(line, ":");
        line_add_quoted(line, value);
        break;
    }
}

/* The start of every line: when, how bad, what. */
static void line_begin(struct line *line, enum log_level level, const char *message) {
    line->len = 0;
    line->format = (enum log_format)atomic_load(&line_format);
    if (line->format == LOG_JSON)
        line_add_own(line, "{");
    int64_t now_ns = clock_wall_ns();
    time_t seconds = (time_t)(now_ns / 1000000000);
    struct tm utc;
    char stamp[64];
    if (!gmtime_r(&seconds, &utc))
        memset(&utc, 0, sizeof utc);
    size_t n = strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(stamp + n, sizeof stamp - n, ".%03dZ", (int)(now_ns / 1000000 % 1000));
    line_add_pair(line, "ts", stamp);
    line_add_pair(line, "level", log_level_text[level]);
    line_add_pair(line, "msg", message);
}

/* Under the lock. Never blocks; false if the line is lost. */
static bool line_write(struct line *line) {
    line_add_own(line, line->format == LOG_JSON ? "}\n" : "\n");
    ssize_t written = send(STDERR_FILENO, line->text, line->len, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (written < 0 && errno == ENOTSOCK) {
        struct pollfd ready = {.fd = STDERR_FILENO, .events = POLLOUT};
        if (poll(&ready, 1, 0) != 1 || (ready.revents & (POLLERR | POLLHUP | POLLNVAL)))
            return false;
        do
            written = write(STDERR_FILENO, line->text, line->len);
        while (written < 0 && errno == EINTR);
    }
    return written == (ssize_t)line->len;
}

/* Under the lock: says how many lines are missing, once there is room again. */
static void report_lost(void) {
    struct line line;
    char number[24];
    snprintf(number, sizeof number, "%llu", (unsigned long long)lost_lines);
    line_begin(&line, LOG_WARN, "log lines were lost, nobody read them in time");
    line_add_pair(&line, "lines", number);
    if (line_write(&line))
        lost_lines = 0;
}

static void line_form(struct line *line, enum log_level level, const char *message, va_list pairs) {
    atomic_fetch_add(&counts[level], 1);
    line_begin(line, level, message);
    const char *key;
    while ((key = va_arg(pairs, const char *))) {
        const char *value = va_arg(pairs, const char *);
        if (value)
            line_add_pair(line, key, value);
    }
}

static void line_out(struct line *line) {
    pthread_mutex_lock(&write_lock);
    if (!line_write(line))
        lost_lines++;
    else if (lost_lines > 0)
        report_lost();
    pthread_mutex_unlock(&write_lock);
}

void log_write(enum log_level level, const char *message, ...) {
    if (!log_wants(level))
        return;
    int saved_errno = errno;
    struct line line;
    va_list pairs;
    va_start(pairs, message);
    line_form(&line, level, message, pairs);
    va_end(pairs);
    line_out(&line);
    errno = saved_errno;
}

struct log_line {
    size_t len;
    enum log_format format;
    char text[];
};

struct log_line *log_line_new(enum log_level level, const char *message, ...) {
    if (!log_wants(level))
        return NULL;
    struct line line;
    va_list pairs;
    va_start(pairs, message);
    line_form(&line, level, message, pairs);
    va_end(pairs);
    struct log_line *kept = malloc(sizeof *kept + line.len);
    if (!kept) {
        line_out(&line);
        return NULL;
    }
    kept->len = line.len;
    kept->format = line.format;
    memcpy(kept->text, line.text, line.len);
    return kept;
}

void log_line_write(struct log_line *kept) {
    struct line line;
    line.len = kept->len;
    line.format = kept->format;
    memcpy(line.text, kept->text, kept->len);
    line_out(&line);
    free(kept);
}
