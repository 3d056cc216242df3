/* SPDX-License-Identifier: Apache-2.0
 *
 * Any text as a request: PATH?QUERY, with a line for the header X-Prometheus-Scrape-Timeout-Seconds behind it
 * if there is one. It is asked of everything that reads a query: probe, API, the page about an address, and
 * the filter of /metrics. Beside what the sanitizers see: what is refused says why and changes nothing, what
 * is asked is an address that may be asked about, of lists that are enabled; JSON is one object without
 * control characters, pages have no markup of the request, and the metrics of a scrape are lines as they have
 * to be.
 */
/* FUZZ: -max_len=1200 -timeout=10 */
#include "../unit/world.h"

#include "core/api.h"
#include "core/checker_probe.h"
#include "core/metrics.h"
#include "core/page_check.h"
#include "core/probe.h"
#include "core/url.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct world *world;

static void begin(void) {
    static struct world one;
    struct settings settings = world_settings();
    world_begin(&one, &settings);
    world_listed(&one, BLOCK, "192.0.2.1", LOOK_WATCHED, 3);
    world_listed(&one, KEYED, "192.0.2.2", LOOK_WATCHED, 1);
    world_listed(&one, BLOCK, "198.51.100.3", LOOK_SWEEP, 1);
    world_score(&one, "192.0.2.1", LOOK_WATCHED, 40);
    world_blind(&one, SCORE, HEALTH_OK);
    world = &one;
}

/* ---- what is written ---- */

static bool is_line_of_people(const char *text) {
    size_t len = strlen(text);
    for (const char *c = text; c < text + len - (len > 0); c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            return false;
    return len > 1 && text[len - 1] == '\n';
}

/* One object: braces and quotes close, and nothing in a string could end it. */
static void check_json(const struct buf *out) {
    const char *text = buf_text(out);
    int depth = 0;
    bool quoted = false;
    assert(text[0] == '{' && strlen(text) == out->len);
    for (const char *c = text; *c != '\0'; c++) {
        assert((unsigned char)*c >= ' ' || (!quoted && *c == '\n'));
        if (quoted && *c == '\\') {
            assert(strchr("\"\\/bfnrtu", *++c) != NULL && *c != '\0');
        } else if (*c == '"') {
            quoted = !quoted;
        } else if (!quoted) {
            depth += *c == '{' || *c == '[' ? 1 : *c == '}' || *c == ']' ? -1 : 0;
            assert(depth >= 0);
        }
        size_t n = promtext_utf8(c);
        assert(n > 0);
        c += n - 1;
    }
    assert(depth == 0 && !quoted);
}

/* Lines of `name{...} value` or of comments, and no sample before the type of its family. */
static void check_exposition(const struct buf *out) {
    const char *line = buf_text(out);
    char family[128] = "";
    while (*line != '\0') {
        const char *end = strchr(line, '\n');
        assert(end != NULL && end > line);
        if (strncmp(line, "# TYPE ", 7) == 0)
            (void)sscanf(line + 7, "%127s", family);
        else if (line[0] != '#')
            assert(family[0] != '\0' && strncmp(line, family, strlen(family)) == 0 &&
                   memchr(line, ' ', (size_t)(end - line)) != NULL);
        line = end + 1;
    }
}

/* ---- who reads a query ---- */

static void ask_listings(const char *query) {
    const struct api api = {world->checker, world->now_ns, WORLD_OFFSET};
    struct buf out;
    buf_init(&out, SIZE_MAX);
    unsigned status = api_listings(&out, &api, query);
    assert(status == API_OK || status == API_BAD_REQUEST);
    check_json(&out);
    assert((status == API_OK) == (strncmp(buf_text(&out), "{\"error\":", 9) != 0));
    buf_clear(&out);
    status = api_lists(&out, &api, query);
    assert(status == API_OK || status == API_BAD_REQUEST);
    check_json(&out);
    buf_release(&out);
}

static void ask_address(const char *path, const char *query) {
    static const struct api_history history = {.error = "no store"};
    const struct api api = {world->checker, world->now_ns, WORLD_OFFSET};
    struct api_question question = {.limit = 0};
    bool lists[LIST_MAX] = {false};
    struct buf out;
    buf_init(&out, SIZE_MAX);
    if (api_question_read(&out, path, query, &question) == API_OK)
        (void)api_address(&out, &api, &question, &history);
    check_json(&out);
    buf_clear(&out);
    if (api_check_read(&out, &api, path, query, &question, lists) == API_OK) {
        assert(checker_probe_refusal(world->checker, &question.ip) == NULL);
        for (size_t i = 0; i < LIST_MAX; i++)
            assert(!lists[i] || (i < WORLD_LISTS && world_lists[i].enabled));
        api_check(&out, &api, &question, lists, &history);
    }
    check_json(&out);
    buf_release(&out);
}

static uint32_t world_list(const char *name) {
    uint32_t i = 0;
    while (i < WORLD_LISTS && strcmp(world_lists[i].name, name) != 0)
        i++;
    return i;
}

/* A list that is refused deserves it, and for the reason that is said. */
static void check_refusal(const char *why) {
    char name[32] = "";
    char family[8] = "";
    int end = 0; /* set when all of the text before it is there */
    (void)sscanf(why, "the list '%31[^']' is disabled%n", name, &end);
    if (end > 0)
        assert(world_list(name) < WORLD_LISTS && !world_lists[world_list(name)].enabled);
    else if (sscanf(why, "the list '%31[^']' is not asked about %7s addresses", name, family) == 2)
        assert(world_list(name) < WORLD_LISTS && world_lists[world_list(name)].enabled &&
               !world_lists[world_list(name)].families[strcmp(family, "IPv4") == 0 ? IP_V4 : IP_V6]);
    assert(strncmp(why, "no list is enabled", 18) != 0); /* elsewhere it may be what was typed */
}

static void ask_probe(const char *query, const char *seconds) {
    struct probe_question question;
    struct buf out;
    int64_t allowed_ns = 0;
    buf_init(&out, SIZE_MAX);
    if (probe_read_time(&out, seconds, &allowed_ns))
        assert(allowed_ns >= PROBE_LEAST_NS && allowed_ns <= PROBE_MOST_SECONDS * SECOND && out.len == 0);
    else
        assert(is_line_of_people(buf_text(&out)));
    buf_clear(&out);
    if (probe_read(&out, world->checker, query, &question)) {
        bool any = false;
        assert(out.len == 0 && checker_probe_refusal(world->checker, &question.ip) == NULL);
        for (size_t i = 0; i < LIST_MAX; i++) {
            assert(!question.lists[i] || (i < WORLD_LISTS && world_lists[i].enabled &&
                                          world_lists[i].families[question.ip.family]));
            any = any || question.lists[i];
        }
        const struct probe_answer answer = {world->checker, &question, world->now_ns, SECOND, world->now_ns};
        assert(any);
        probe_render(&out, PROMTEXT_004, &answer);
        check_exposition(&out);
        buf_clear(&out);
        probe_debug(&out, &answer);
        assert(buf_status(&out) == STATUS_OK && strlen(buf_text(&out)) == out.len);
    } else {
        assert(is_line_of_people(buf_text(&out)));
        check_refusal(buf_text(&out));
    }
    buf_release(&out);
}

static size_t count(const char *text, char wanted) {
    size_t n = 0;
    for (; *text != '\0'; text++)
        n += *text == wanted;
    return n;
}

/* What was typed adds no `<`: of the pages of two errors they are as many. */
static void ask_page(const char *form) {
    static const struct page_process process = {
        .telemetry_path = "/metrics", .version = "0", .storage_why = ""};
    static size_t n_marks;
    struct page_check check = {.has_ip = false};
    struct buf out;
    buf_init(&out, SIZE_MAX);
    bool taken = page_check_read(world->checker, form, true, &check);
    assert(taken == check.has_ip && taken == (check.error[0] == '\0'));
    page_check_render(&out, world->checker, &process, &check, world->now_ns, WORLD_OFFSET);
    assert(strlen(buf_text(&out)) == out.len);
    if (!taken && n_marks == 0)
        n_marks = count(buf_text(&out), '<');
    assert(taken || count(buf_text(&out), '<') == n_marks);
    buf_release(&out);
}

static void ask_metrics(const char *query) {
    static const char *const words[METRICS_LOG_LEVELS] = {"a", "b", "c", "d"};
    static const struct metrics_bounces bounces;
    static const struct metrics_process process = {.version = "",
                                                   .revision = "",
                                                   .branch = "",
                                                   .compiler = "",
                                                   .arch = "",
                                                   .log_levels = words,
                                                   .bounces = &bounces,
                                                   .bounce_results = words};
    struct metrics_filter filter = {.is_set = false};
    struct url_parameter parameter;
    char room[URL_SIZE];
    struct buf out;
    while (*query != '\0' && url_query_next(&query, room, &parameter) == URL_OK)
        if (parameter.name != NULL && strcmp(parameter.name, "name[]") == 0)
            metrics_want(&filter, parameter.value);
    if (!filter.is_set)
        return;
    buf_init(&out, SIZE_MAX);
    metrics_render(&out, PROMTEXT_004, &filter, world->checker, &process, world->now_ns, WORLD_OFFSET);
    check_exposition(&out);
    buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = malloc(size + 1);
    if (text == NULL)
        return 0;
    if (world == NULL)
        begin();
    memcpy(text, data, size);
    text[size] = '\0';
    char *seconds = text + strcspn(text, "\n");
    seconds += *seconds == '\n' ? (*seconds = '\0', 1) : 0;
    char *query = text + strcspn(text, "?");
    query += *query == '?' ? (*query = '\0', 1) : 0;
    ask_listings(query);
    ask_address(text, query);
    ask_probe(query, seconds);
    ask_page(query);
    ask_metrics(query);
    free(text);
    return 0;
}
