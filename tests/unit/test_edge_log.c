/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "edge/log.h"

#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <regex.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int saved_stderr;
static int reading;
static char captured[1 << 20];

/* From here on stderr is the writing end of `fds`. */
static void capture(const int fds[2]) {
    fflush(stderr);
    saved_stderr = dup(STDERR_FILENO);
    dup2(fds[1], STDERR_FILENO);
    close(fds[1]);
    reading = fds[0];
    fcntl(reading, F_SETFL, O_NONBLOCK);
}

static void capture_pipe(void) {
    int fds[2];
    if (pipe(fds) != 0)
        fail_msg("pipe");
    capture(fds);
}

/* All that is there to read, as text. */
static const char *take(void) {
    size_t len = 0;
    ssize_t n;
    while ((n = read(reading, captured + len, sizeof captured - 1 - len)) > 0)
        len += (size_t)n;
    captured[len] = '\0';
    return captured;
}

static void release(void) {
    dup2(saved_stderr, STDERR_FILENO);
    close(saved_stderr);
    close(reading);
    log_setup(LOG_INFO, LOG_LOGFMT);
}

static const struct {
    const char *value;
    const char *logfmt;
    const char *json;
} values[] = {
    {"plain", "k=plain", "\"k\":\"plain\""},
    {"", "k=\"\"", "\"k\":\"\""},
    {"two words", "k=\"two words\"", "\"k\":\"two words\""},
    {"a=b", "k=\"a=b\"", "\"k\":\"a=b\""},
    {"say \"no\"", "k=\"say \\\"no\\\"\"", "\"k\":\"say \\\"no\\\"\""},
    {"back\\slash", "k=\"back\\\\slash\"", "\"k\":\"back\\\\slash\""},
    {"x\nts=1 level=error", "k=\"x\\nts=1 level=error\"", "\"k\":\"x\\nts=1 level=error\""},
    {"\r\t", "k=\"\\r\\t\"", "\"k\":\"\\r\\t\""},
    {"\x1b[31m", "k=\"\\u001b[31m\"", "\"k\":\"\\u001b[31m\""},
    {"\x7f", "k=\"\\u007f\"", "\"k\":\"\\u007f\""},
    {"\xc2\x9b", "k=\"\\u009b\"", "\"k\":\"\\u009b\""},     /* C1: a control sequence in one character */
    {"\xe2\x80\xae", "k=\"\\u202e\"", "\"k\":\"\\u202e\""}, /* turns the text around */
    {"gr\xc3\xbc\xc3\x9f", "k=gr\xc3\xbc\xc3\x9f", "\"k\":\"gr\xc3\xbc\xc3\x9f\""},
    {"\xf0\x9f\x93\xac", "k=\xf0\x9f\x93\xac", "\"k\":\"\xf0\x9f\x93\xac\""},
    {"\xff", "k=\"\\ufffd\"", "\"k\":\"\\ufffd\""},
    {"\xc0\xaf", "k=\"\\ufffd\\ufffd\"", "\"k\":\"\\ufffd\\ufffd\""},                   /* overlong */
    {"\xed\xa0\x80", "k=\"\\ufffd\\ufffd\\ufffd\"", "\"k\":\"\\ufffd\\ufffd\\ufffd\""}, /* surrogate */
    {"\xf4\x90\x80\x80", "k=\"\\ufffd\\ufffd\\ufffd\\ufffd\"", "\"k\":\"\\ufffd\\ufffd\\ufffd\\ufffd\""},
    {"cut \xe2\x82", "k=\"cut \\ufffd\\ufffd\"", "\"k\":\"cut \\ufffd\\ufffd\""},
};

static void quotes_and_escapes_every_value(void **state) {
    capture_pipe();
    int wrong = 0;
    for (int format = LOG_LOGFMT; format <= LOG_JSON; format++) {
        log_setup(LOG_INFO, format);
        for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
            const char *expected = format == LOG_JSON ? values[i].json : values[i].logfmt;
            char end[256];
            snprintf(end, sizeof end, format == LOG_JSON ? ",%s}\n" : " %s\n", expected);
            log_write(LOG_INFO, "m", "k", values[i].value, NULL);
            const char *line = take();
            size_t len = strlen(line);
            if (len < strlen(end) || strcmp(line + len - strlen(end), end) != 0) {
                print_error("row %zu: %s, not ...%s", i, line, end);
                wrong++;
            }
        }
    }
    release();
    assert_int_equal(wrong, 0);
}

static void a_line_for_later_is_the_same_line(void **state) {
    char now[4096];
    capture_pipe();
    uint64_t before = log_count(LOG_WARN);
    for (int format = LOG_LOGFMT; format <= LOG_JSON; format++) {
        log_setup(LOG_INFO, format);
        struct log_line *line = log_line_new(LOG_WARN, "two words", "k", "x y", "gone", NULL, NULL);
        assert_non_null(line);
        assert_string_equal(take(), "");
        log_setup(LOG_INFO, LOG_LOGFMT); /* it stays as it was made */
        log_line_write(line);
        snprintf(now, sizeof now, "%s", strstr(take(), "level") + 5);
        log_setup(LOG_INFO, format);
        log_write(LOG_WARN, "two words", "k", "x y", NULL);
        assert_string_equal(strstr(take(), "level") + 5, now);
    }
    assert_int_equal(log_count(LOG_WARN), before + 4);
    assert_null(log_line_new(LOG_DEBUG, "nobody wants it", NULL));
    release();
}

static void writes_the_form_of_prometheus(void **state) {
    static const char *const forms[] = {
        "^ts=20[0-9-]{8}T[0-9:]{8}\\.[0-9]{3}Z level=warn msg=\"two words\" list=zen n=1\n$",
        "^\\{\"ts\":\"20[0-9-]{8}T[0-9:]{8}\\.[0-9]{3}Z\",\"level\":\"warn\",\"msg\":\"two words\","
        "\"list\":\"zen\",\"n\":\"1\"\\}\n$",
    };
    for (int format = LOG_LOGFMT; format <= LOG_JSON; format++) {
        regex_t form;
        assert_int_equal(regcomp(&form, forms[format], REG_EXTENDED | REG_NOSUB), 0);
        capture_pipe();
        log_setup(LOG_INFO, format);
        log_write(LOG_WARN, "two words", "list", "zen", "gone", NULL, "n", "1", NULL);
        take();
        release();
        if (regexec(&form, captured, 0, NULL, 0) != 0)
            fail_msg("%s", captured);
        regfree(&form);
    }
}

static void drops_and_does_not_count_what_is_below_the_level(void **state) {
    capture_pipe();
    uint64_t debug = log_count(LOG_DEBUG), info = log_count(LOG_INFO), error = log_count(LOG_ERROR);
    log_setup(LOG_ERROR, LOG_LOGFMT);
    bool wants_warn = log_wants(LOG_WARN), wants_error = log_wants(LOG_ERROR);
    log_write(LOG_INFO, "quiet", NULL);
    log_write(LOG_ERROR, "loud", NULL);
    take();
    release();
    assert_false(wants_warn);
    assert_true(wants_error);
    assert_null(strstr(captured, "quiet"));
    assert_non_null(strstr(captured, "msg=loud\n"));
    assert_int_equal(log_count(LOG_DEBUG), debug);
    assert_int_equal(log_count(LOG_INFO), info);
    assert_int_equal(log_count(LOG_ERROR), error + 1);
}

static void cuts_what_is_too_long_and_stays_well_formed(void **state) {
    static char huge[3 * PIPE_BUF];
    for (int format = LOG_LOGFMT; format <= LOG_JSON; format++) {
        /* Every alignment of the cut against escapes of six bytes and characters of three. */
        for (size_t shift = 0; shift < 12; shift++) {
            memset(huge, 'a', shift);
            for (size_t i = shift; i + 4 < sizeof huge; i += 4)
                memcpy(huge + i, "\xe2\x82\xac\x01", 4);
            capture_pipe();
            log_setup(LOG_INFO, format);
            log_write(LOG_INFO, "m", "long", huge, "after", "it", "more", huge, NULL);
            take();
            release();
            size_t len = strlen(captured);
            assert_in_range(len, PIPE_BUF - 80, PIPE_BUF);
            assert_string_equal(captured + len - (format == LOG_JSON ? 3 : 2),
                                format == LOG_JSON ? "\"}\n" : "\"\n");
            const char *last = captured + len - (format == LOG_JSON ? 4 : 3);
            assert_true((*last & 0xc0) == 0x80 || *last == '1' || *last == 'a');
            assert_true(strchr(captured, '\n') == captured + len - 1);
        }
    }
}

static void loses_lines_rather_than_wait_for_a_full_pipe_and_says_so(void **state) {
    capture_pipe();
    uint64_t before = log_count(LOG_INFO);
    alarm(20); /* a log that blocks ends the test */
    for (int i = 0; i < 5000; i++)
        log_write(LOG_INFO, "nobody reads this line of more than fifty characters", NULL);
    take();
    size_t lines = 0;
    for (const char *p = captured; (p = strchr(p, '\n')); p++)
        lines++;
    log_write(LOG_INFO, "again", NULL);
    char report[128];
    snprintf(report, sizeof report, "msg=again\n");
    const char *after = take();
    release();
    alarm(0);
    assert_in_range(lines, 100, 4999);
    assert_int_equal(log_count(LOG_INFO), before + 5001);
    assert_non_null(strstr(after, report));
    snprintf(report, sizeof report, "lines=%zu\n", 5000 - lines);
    if (!strstr(after, report))
        fail_msg("%s: no %s", after, report);
}

static void survives_a_closed_pipe_and_a_closed_descriptor(void **state) {
    signal(SIGPIPE, SIG_IGN);
    capture_pipe();
    close(reading);
    reading = open("/dev/null", O_RDONLY);
    log_write(LOG_INFO, "to nobody", NULL);
    close(STDERR_FILENO);
    log_write(LOG_INFO, "to nowhere", NULL);
    release();
}

static void writes_to_a_socket_and_never_waits_for_it(void **state) {
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    capture(fds);
    alarm(20);
    for (int i = 0; i < 20000; i++)
        log_write(LOG_INFO, "a line for the journal", NULL);
    bool seen = strstr(take(), "msg=\"a line for the journal\"\n");
    log_write(LOG_INFO, "there is room again", NULL);
    take();
    release();
    alarm(0);
    assert_true(seen);
    assert_non_null(strstr(captured, "level=warn msg=\"log lines were lost"));
}

static void *write_many(void *name) {
    for (int i = 0; i < 2000; i++)
        log_write(LOG_INFO, "x", "thread", (const char *)name, NULL);
    return NULL;
}

static void keeps_lines_of_several_threads_apart(void **state) {
    FILE *file = tmpfile();
    assert_non_null(file);
    int fds[2] = {dup(fileno(file)), dup(fileno(file))};
    capture(fds);
    static char names[4][2] = {"a", "b", "c", "d"};
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, write_many, names[i]);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    release();
    rewind(file);
    char line[256];
    int lines = 0, bad = 0;
    for (; fgets(line, sizeof line, file); lines++)
        bad += strncmp(line, "ts=", 3) != 0 || strncmp(line + strlen(line) - 10, " thread=", 8) != 0;
    fclose(file);
    assert_int_equal(bad, 0);
    assert_int_equal(lines, 8000);
}

static void allows_so_many_lines_a_minute(void **state) {
    const int64_t second = 1000000000;
    struct log_limit limit = {0};
    for (int i = 0; i < 3; i++)
        assert_true(log_allowed(&limit, 3, 100 * second + i));
    assert_false(log_allowed(&limit, 3, 101 * second));
    assert_false(log_allowed(&limit, 3, 160 * second - 1));
    assert_int_equal(limit.suppressed, 2);
    assert_true(log_allowed(&limit, 3, 160 * second));
    assert_int_equal(limit.suppressed, 2);
    assert_false(log_allowed(&(struct log_limit){0}, 0, second));
}

static void reads_names_exactly(void **state) {
    static const struct {
        const char *text;
        int level, format;
    } rows[] = {{"debug", LOG_DEBUG, -1},
                {"info", LOG_INFO, -1},
                {"warn", LOG_WARN, -1},
                {"error", LOG_ERROR, -1},
                {"Info", -1, -1},
                {"warning", -1, -1},
                {"", -1, -1},
                {"infox", -1, -1},
                {"json", -1, LOG_JSON},
                {"logfmt", -1, LOG_LOGFMT},
                {"JSON", -1, -1}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        enum log_level level = LOG_LEVELS;
        enum log_format format = LOG_JSON;
        bool is_level = log_level_parse(rows[i].text, &level),
             is_format = log_format_parse(rows[i].text, &format);
        if (is_level != (rows[i].level >= 0) || is_format != (rows[i].format >= 0) ||
            (is_level ? (int)level != rows[i].level : level != LOG_LEVELS) ||
            (is_format && (int)format != rows[i].format))
            fail_msg("%s", rows[i].text);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quotes_and_escapes_every_value),
        cmocka_unit_test(a_line_for_later_is_the_same_line),
        cmocka_unit_test(writes_the_form_of_prometheus),
        cmocka_unit_test(drops_and_does_not_count_what_is_below_the_level),
        cmocka_unit_test(cuts_what_is_too_long_and_stays_well_formed),
        cmocka_unit_test(loses_lines_rather_than_wait_for_a_full_pipe_and_says_so),
        cmocka_unit_test(survives_a_closed_pipe_and_a_closed_descriptor),
        cmocka_unit_test(writes_to_a_socket_and_never_waits_for_it),
        cmocka_unit_test(keeps_lines_of_several_threads_apart),
        cmocka_unit_test(allows_so_many_lines_a_minute),
        cmocka_unit_test(reads_names_exactly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
