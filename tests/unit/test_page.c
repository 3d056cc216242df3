/* SPDX-License-Identifier: Apache-2.0 */
/* LINK: -Wl,--wrap=realloc */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/page.h"

#include "world.h"

#include <stdio.h>
#include <stdlib.h>

/* Which allocation from now on fails; 0: none. */
static unsigned long fails_at;

void *__real_realloc(void *old, size_t size);

void *__wrap_realloc(void *old, size_t size) {
    return fails_at > 0 && --fails_at == 0 ? NULL : __real_realloc(old, size);
}

static struct history history;
static const struct page_process process = {
    .telemetry_path = "/metrics", .version = "0.1.0 <&\">", .history = &history, .storage_why = ""};

static struct buf render(struct world *w) {
    struct buf out;
    buf_init(&out, SIZE_MAX);
    page_render(&out, w->checker, &process, w->now_ns, WORLD_OFFSET);
    assert_int_equal(buf_status(&out), STATUS_OK);
    return out;
}

/* Texts that the page holds, or with a `!` before them does not. */
static void expect(struct world *w, const char *const *texts, size_t n) {
    struct buf out = render(w);
    for (size_t i = 0; i < n; i++) {
        bool wanted = texts[i][0] != '!';
        if ((strstr(buf_text(&out), texts[i] + !wanted) != NULL) != wanted)
            fail_msg("%s: %s", wanted ? "not there" : "should not be there", texts[i] + !wanted);
    }
    buf_release(&out);
}
#define EXPECT(w, ...)                                                                                       \
    do {                                                                                                     \
        static const char *const texts_[] = {__VA_ARGS__};                                                   \
        expect(w, texts_, sizeof texts_ / sizeof *texts_);                                                   \
    } while (0)

static int setup(void **state) {
    static struct world world;
    fails_at = 0;
    history = (struct history){.n = 0};
    struct settings settings = world_settings();
    world_begin(&world, &settings);
    *state = &world;
    return 0;
}

static int teardown(void **state) {
    world_end(*state);
    return 0;
}

/* --- SHA-256 (FIPS 180-4), for one message of up to 8 KiB --- */

static uint32_t turn(uint32_t x, int n) {
    return x >> n | x << (32 - n);
}

/* The first 32 bits of the fractional part of the n-th root (2 or 3) of `prime`, without floating point. */
static uint32_t root_fraction(uint32_t prime, int n) {
    unsigned __int128 low = 0;
    unsigned __int128 high = (unsigned __int128)1 << 37;
    while (high - low > 1) {
        unsigned __int128 mid = (low + high) / 2;
        unsigned __int128 power = n == 2 ? mid * mid : mid * mid * mid;
        if (power <= (unsigned __int128)prime << (n == 2 ? 64 : 96))
            low = mid;
        else
            high = mid;
    }
    return (uint32_t)low;
}

static uint32_t next_prime(uint32_t after) {
    for (uint32_t n = after + 1;; n++) {
        uint32_t divisor = 2;
        while (divisor * divisor <= n && n % divisor != 0)
            divisor++;
        if (divisor * divisor > n)
            return n;
    }
}

static void mix_block(uint32_t hash[8], const uint32_t constants[64], const uint8_t *block) {
    uint32_t w[64];
    uint32_t v[8];
    for (int i = 0; i < 16; i++)
        w[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 |
               (uint32_t)block[4 * i + 2] << 8 | block[4 * i + 3];
    for (int i = 16; i < 64; i++)
        w[i] = w[i - 16] + w[i - 7] + (turn(w[i - 15], 7) ^ turn(w[i - 15], 18) ^ w[i - 15] >> 3) +
               (turn(w[i - 2], 17) ^ turn(w[i - 2], 19) ^ w[i - 2] >> 10);
    memcpy(v, hash, sizeof v);
    for (int i = 0; i < 64; i++) {
        uint32_t a = v[7] + (turn(v[4], 6) ^ turn(v[4], 11) ^ turn(v[4], 25)) +
                     ((v[4] & v[5]) ^ (~v[4] & v[6])) + constants[i] + w[i];
        uint32_t b = (turn(v[0], 2) ^ turn(v[0], 13) ^ turn(v[0], 22)) +
                     ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
        memmove(v + 1, v, 7 * sizeof *v);
        v[4] += a;
        v[0] = a + b;
    }
    for (int i = 0; i < 8; i++)
        hash[i] += v[i];
}

static void sha256(const char *text, size_t len, uint8_t out[32]) {
    static uint8_t message[8192 + 128];
    uint32_t constants[64];
    uint32_t hash[8];
    size_t blocks = (len + 9 + 63) / 64;
    assert_true(len <= 8192);
    memset(message, 0, sizeof message);
    memcpy(message, text, len);
    message[len] = 0x80;
    for (unsigned i = 0; i < 8; i++)
        message[64 * blocks - 1 - i] = (uint8_t)((uint64_t)len * 8 >> 8 * i);
    uint32_t prime = 1;
    for (int i = 0; i < 64; i++) {
        prime = next_prime(prime);
        constants[i] = root_fraction(prime, 3);
        if (i < 8)
            hash[i] = root_fraction(prime, 2);
    }
    for (size_t i = 0; i < blocks; i++)
        mix_block(hash, constants, message + 64 * i);
    for (int i = 0; i < 32; i++)
        out[i] = (uint8_t)(hash[i / 4] >> (24 - 8 * (i % 4)));
}

static void base64(const uint8_t in[32], char out[45]) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (int i = 0; i < 43; i++) {
        unsigned bit = 6 * (unsigned)i;
        unsigned two = (unsigned)in[bit / 8] << 8 | (bit / 8 + 1 < 32 ? in[bit / 8 + 1] : 0u);
        out[i] = digits[two >> (10 - bit % 8) & 63];
    }
    memcpy(out + 43, "=", 2);
}

static void allows_its_own_style_and_nothing_else(void **state) {
    struct buf out = render(*state);
    const char *from = strstr(buf_text(&out), "<style>") + strlen("<style>");
    const char *to = strstr(from, "</style>");
    uint8_t hash[32];
    char text[45];
    sha256(from, (size_t)(to - from), hash);
    base64(hash, text);
    if (strstr(PAGE_SECURITY_POLICY, text) == NULL)
        fail_msg("the style has the hash sha256-%s", text);
    assert_null(strstr(to + 1, "<style>"));
    buf_release(&out);
}

/* --- Form --- */

static bool is_void(const char *name, size_t n) {
    return (n == 4 && memcmp(name, "meta", 4) == 0) || (n == 2 && memcmp(name, "br", 2) == 0) ||
           (n == 5 && memcmp(name, "input", 5) == 0);
}

/* Follows every tag: each that opens must close, in order. */
static void check_tags(const char *text) {
    const char *open[32];
    size_t depth = 0;
    assert_int_equal(strncmp(text, "<!DOCTYPE html>\n", 16), 0);
    for (const char *at = strchr(text + 16, '<'); at != NULL; at = strchr(at, '<')) {
        bool closes = *++at == '/';
        at += closes;
        size_t n = strcspn(at, " >");
        if (closes) {
            if (depth == 0 || strncmp(open[depth - 1], at, n) != 0)
                fail_msg("closes what is not open: %.40s", at);
            depth--;
        } else if (!is_void(at, n)) {
            assert_true(depth < sizeof open / sizeof *open);
            open[depth++] = at;
        }
    }
    assert_int_equal(depth, 0);
}

static void fill(struct world *w) {
    world_listed(w, BLOCK, "192.0.2.1", LOOK_WATCHED, 3);
    world_not_listed(w, BLOCK, "192.0.2.2", LOOK_WATCHED);
    world_listed(w, KEYED, "192.0.2.2", LOOK_WATCHED, 1);
    world_listed(w, BLOCK, "198.51.100.9", LOOK_WATCHED, 1);
    world_listed(w, BLOCK, "198.51.100.3", LOOK_SWEEP, 1);
    w->now_ns += HOUR + MINUTE + SECOND;
    world_listed(w, BLOCK, "192.0.2.2", LOOK_WATCHED, 1);
    w->now_ns += MINUTE;
    history_add(&history, &(struct history_event){.kind = HISTORY_LISTED,
                                                  .list = "<i>",
                                                  .has_ip = true,
                                                  .ip = ip_v4(0xc0000202),
                                                  .detail = "a\"b<"});
}

static void is_one_well_formed_document_without_scripts(void **state) {
    struct world *w = *state;
    fill(w);
    struct buf out = render(w);
    check_tags(buf_text(&out));
    buf_release(&out);
    EXPECT(w, "!<script", "!javascript:alert(1)\"", "! style=", "! onclick", "!<img", "!<link", "!<iframe",
           "name=\"viewport\"", "prefers-color-scheme", "<a href=\"./metrics\">", "<a href=\"-/healthy\">",
           "<a href=\"-/ready\">", "<a href=\"api/v1/listings\">", "0.1.0 &lt;&amp;&quot;&gt;");
}

/* --- What is listed --- */

static void says_when_nothing_is_known_to_be_listed(void **state) {
    struct world *w = *state;
    world_not_listed(w, BLOCK, "192.0.2.1", LOOK_WATCHED);
    EXPECT(w, "<p>No address is known to be listed.</p>", "All 4 lists pass their self-tests", "!since");
    world_blind(w, BLOCK, HEALTH_TIMEOUT);
    EXPECT(w, "1 of 4 lists are not ok");
}

static void shows_each_listed_address_with_its_facts(void **state) {
    struct world *w = *state;
    fill(w);
    EXPECT(
        w,
        "<tr><th scope=\"row\"><a "
        "href=\"check?ip=192.0.2.1\">192.0.2.1</a></th><td>outbound</td><td>block</td><td>spam-source, "
        "a&quot;b\\c</td>"
        "<td>first seen listed <time datetime=\"2025-01-01T00:00:00Z\">2025-01-01 00:00 UTC</time> (1 h 2 "
        "min ago)</td>"
        "<td><time datetime=\"2025-01-01T00:00:00Z\">2025-01-01 00:00 UTC</time> (1 h 2 min "
        "ago)</td><td><bdi></bdi></td>"
        "<td><a href=\"https://example.net/remove?a=1&amp;b=&quot;2&quot;\">delisting page</a></td></tr>",
        "<th scope=\"row\"><a "
        "href=\"check?ip=192.0.2.2\">192.0.2.2</a></th><td>outbound</td><td>block</td><td>spam-source</td>"
        "<td>since <time datetime=\"2025-01-01T01:01:01Z\">2025-01-01 01:01 UTC</time> (1 min ago)</td>",
        "<th scope=\"row\"><a href=\"check?ip=198.51.100.9\">198.51.100.9</a></th><td>outbound, fleet, fleet "
        "198.51.100.0/28, fleet "
        "198.51.100.8-198.51.100.20</td>",
        "<th scope=\"row\"><a href=\"check?ip=198.51.100.3\">198.51.100.3</a></th><td>fleet "
        "198.51.100.0/28</td>",
        "<th scope=\"row\"><a href=\"check?ip=192.0.2.2\">192.0.2.2</a></th><td>outbound</td><td>keyed</td>",
        "<td>javascript:alert(1)</td>",
        "!<th scope=\"row\"><a href=\"check?ip=198.51.100.10\">198.51.100.10</a></th>");
    struct buf out = render(w);
    const char *first = strstr(buf_text(&out), "198.51.100.9</a></th>");
    assert_null(strstr(first + 1, "198.51.100.9</a></th>"));
    buf_release(&out);
}

static const struct {
    const char *txt;
    const char *want;
} reasons[] = {
    {"</bdi><script>alert('1')</script>",
     "<bdi>&lt;/bdi&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;</bdi>"},
    {"a&b \"c\"", "<bdi>a&amp;b &quot;c&quot;</bdi>"},
    {"tab\tnew\nline\x7f", "<bdi>tab\xef\xbf\xbdnew\xef\xbf\xbdline\xef\xbf\xbd</bdi>"},
    {"\xc2\x9b"
     "31m \xc2\xa0\xc3\xa9",
     "<bdi>\xef\xbf\xbd"
     "31m \xc2\xa0\xc3\xa9</bdi>"},
    {"\xff\xe2\x82", "<bdi>\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd</bdi>"},
};

static void escapes_the_reason_that_a_list_gives(void **state) {
    struct world *w = *state;
    fill(w);
    struct ip ip = world_ip("192.0.2.1");
    struct registry_entry *entry =
        registry_entry_find(w->checker->registry, BLOCK, target_index(w->targets->sets[BLOCK], &ip));
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
        entry->txt = strdup(reasons[i].txt);
        expect(w, &reasons[i].want, 1);
        free(entry->txt);
        entry->txt = NULL;
    }
}

static void counts_the_addresses_that_it_does_not_show(void **state) {
    static struct world w;
    static const struct verdict listed = {
        .kind = VERDICT_LISTED, .reason = REASON_NONE, .codes = 1, .score = -1};
    enum { ALL = 8192 };
    struct settings settings = world_settings();
    struct group_range range = world_range("10.0.0.0/19");
    struct group group = {.name = "g",
                          .ranges = &range,
                          .n_ranges = 1,
                          .lists = world_block_and_score,
                          .interval_ns = HOUR,
                          .sweep_interval_ns = 24 * HOUR};
    settings.groups = &group;
    settings.n_groups = 1;
    world_begin(&w, &settings);
    for (uint32_t i = 0; i < ALL; i++) {
        struct ip ip = ip_v4(0x0a000000u + i);
        world_look(&w, BLOCK, &ip, LOOK_SWEEP, &listed);
    }
    char rest[64];
    snprintf(rest, sizeof rest, "<p>%d more are listed and not shown.</p>", ALL - PAGE_MAX_LISTED);
    expect(&w, (const char *const[]){rest}, 1);
    EXPECT(&w, "<th scope=\"row\"><a href=\"check?ip=10.0.19.135\">10.0.19.135</a></th>",
           "!<th scope=\"row\"><a href=\"check?ip=10.0.19.136\">10.0.19.136</a></th>", "<td>8192</td>");
    world_end(&w);
}

/* --- Lists and ranges --- */

static void tells_the_state_of_each_list_and_what_to_do(void **state) {
    struct world *w = *state;
    struct checker_list *l = &w->checker->lists[KEYED];
    world_blind(w, KEYED, HEALTH_REFUSED);
    l->health_check_ns = w->now_ns - 90 * SECOND;
    l->last_failure = (struct verdict){
        .kind = VERDICT_UNKNOWN, .reason = REASON_BLOCKED_ANSWER, .culprit = 0x7ffffffe, .score = -1};
    w->checker->lists[BLOCK].last_failure =
        (struct verdict){.kind = VERDICT_UNKNOWN, .reason = REASON_INVALID_ANSWER, .detail = DETAIL_NO_SOA};
    quota_take(checker_quota(w->checker, SCORE), BUDGET_WATCHED, w->now_ns);
    EXPECT(
        w,
        "<td>keyed</td><td>{key}.bl.example.org</td><td>blocklist</td><td>page</td>"
        "<td><strong class=\"bad\">refused</strong> (unproven: without a test entry that must be listed)<br>",
        "<td><time datetime=\"2024-12-31T23:58:30Z\">2024-12-31 23:58 UTC</time> (1 min 30 s "
        "ago)</td><td>the list answered that it may not be asked "
        "(127.255.255.254)</td><td>no quota</td>",
        "<strong class=\"good\">ok</strong></td><td>none yet</td><td>an answer that proves nothing: ",
        "<td>1 of 10,000 (0.01 %) queries in 1 d, shared: shared</td>",
        "<td>0 of 300,000 (0.00 %) queries in 1 d</td>", "!<td>off</td>");
    struct buf out = render(w);
    assert_non_null(strstr(buf_text(&out), "refused"));
    check_tags(buf_text(&out));
    buf_release(&out);
}

static void tells_how_much_of_each_range_was_looked_at(void **state) {
    struct world *w = *state;
    fill(w);
    world_not_listed(w, BLOCK, "198.51.100.20", LOOK_SWEEP);
    struct registry_stale stale = {
        .sweep_ns = 6 * HOUR, .ring_ns = (const int64_t[]){6 * HOUR}, .n_rings = 1};
    registry_scan(w->checker->registry, BLOCK, &stale, 1000, w->now_ns);
    struct plan_sweep *sweep = &w->checker->lists[BLOCK].plan.sweep;
    EXPECT(
        w,
        "<td>fleet</td><td>198.51.100.0/28</td><td>block</td><td>2 of 16 (12.50 %)</td><td>2</td>"
        "<td><time datetime=\"2025-01-01T00:00:00Z\">2025-01-01 00:00 UTC</time> (1 h 2 min ago)</td><td>not "
        "begun</td>",
        "<td>fleet</td><td>198.51.100.8-198.51.100.20</td><td>block</td><td>2 of 13 (15.38 %)</td><td>1</td>"
        "<td><time datetime=\"2025-01-01T00:00:00Z\">2025-01-01 00:00 UTC</time> (1 h 2 min ago)</td>",
        "<td>fleet</td><td>2001:db8:1::/124</td><td>block</td><td>0 of 16 (0.00 %)</td><td>0</td><td></td>",
        "<td>fleet</td><td>198.51.100.0/28</td><td>score</td><td>0 of 16 (0.00 %)</td><td></td><td></td>",
        "!<td>2001:db8:1::/124</td><td>score</td>");
    sweep->running = true;
    sweep->position = sweep->n - 1;
    EXPECT(w, "<td>running: 36 of 37 (97.29 %)</td>");
    sweep->completed_ns = w->now_ns - 2 * HOUR;
    sweep->duration_ns = 50 * HOUR;
    EXPECT(w, "<td>running: 36 of 37 (97.29 %); the last ended <time "
              "datetime=\"2024-12-31T23:02:01Z\">2024-12-31 23:02 UTC</time> (2 h ago) after 2 d 2 "
              "h</td>");
}

static const struct {
    int64_t wall_s;
    const char *want;
} dates[] = {
    {0, "1970-01-01 00:00:00"},          {86399, "1970-01-01 23:59:59"},
    {951782400, "2000-02-29 00:00:00"},  {951868800, "2000-03-01 00:00:00"},
    {1709164800, "2024-02-29 00:00:00"}, {1735689599, "2024-12-31 23:59:59"},
    {4107542400, "2100-03-01 00:00:00"}, {-1, "1970-01-01 00:00:00"},
};

static void knows_the_calendar(void **state) {
    struct world *w = *state;
    for (size_t i = 0; i < sizeof dates / sizeof *dates; i++) {
        struct buf out;
        char want[96];
        buf_init(&out, SIZE_MAX);
        w->checker->lists[BLOCK].health_check_ns = w->now_ns;
        page_render(&out, w->checker, &process, w->now_ns, dates[i].wall_s * SECOND - w->now_ns);
        snprintf(want, sizeof want, "<time datetime=\"%.10sT%.8sZ\">%.16s UTC</time> (0 s ago)</td>",
                 dates[i].want, dates[i].want + 11, dates[i].want);
        if (strstr(buf_text(&out), want) == NULL)
            fail_msg("%jd: %s is not there", (intmax_t)dates[i].wall_s, want);
        buf_release(&out);
    }
}

/* --- No memory, no room --- */

static void says_so_whichever_allocation_fails(void **state) {
    struct world *w = *state;
    fill(w);
    unsigned long failed = 0;
    for (bool reached = true; reached; failed++) {
        struct buf out;
        buf_init(&out, SIZE_MAX);
        fails_at = failed + 1;
        page_render(&out, w->checker, &process, w->now_ns, WORLD_OFFSET);
        reached = fails_at == 0;
        fails_at = 0;
        assert_int_equal(buf_status(&out), reached ? STATUS_NO_MEMORY : STATUS_OK);
        buf_release(&out);
    }
    assert_true(failed > 5);
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_WORLD(allows_its_own_style_and_nothing_else),
        IN_WORLD(is_one_well_formed_document_without_scripts),
        IN_WORLD(says_when_nothing_is_known_to_be_listed),
        IN_WORLD(shows_each_listed_address_with_its_facts),
        IN_WORLD(escapes_the_reason_that_a_list_gives),
        cmocka_unit_test(counts_the_addresses_that_it_does_not_show),
        IN_WORLD(tells_the_state_of_each_list_and_what_to_do),
        IN_WORLD(tells_how_much_of_each_range_was_looked_at),
        IN_WORLD(knows_the_calendar),
        IN_WORLD(says_so_whichever_allocation_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
