/* SPDX-License-Identifier: Apache-2.0
 *
 * The status page: its form, its frame, what it lets through, and that it says when it could not be made.
 */
/* LINK: -Wl,--wrap=realloc */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "page_fixture.h"

#include <stdlib.h>

/* Which allocation from now on fails; 0: none. */
static unsigned long fails_at;

void *__real_realloc(void *old, size_t size);

void *__wrap_realloc(void *old, size_t size) {
    return fails_at > 0 && --fails_at == 0 ? NULL : __real_realloc(old, size);
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

static void is_one_well_formed_document_without_scripts(void **state) {
    struct world *w = *state;
    for (int i = 0; i < HEALTH_STATES; i++) {
        struct buf out = render(w);
        check_tags(buf_text(&out));
        buf_release(&out);
        if (i == 0)
            fill(w);
        world_blind(w, i % 2 ? KEYED : SCORE, (enum health_state)i);
    }
    process.storage_why = "<b>";
    process.reload_failed = true;
    struct buf out = render(w);
    check_tags(buf_text(&out));
    buf_release(&out);
    EXPECT(w, "!<script", "!javascript:alert(1)\"", "! style=", "! onclick", "!<img", "!<link", "!<iframe",
           "!http-equiv", "name=\"viewport\"", "<meta name=\"referrer\" content=\"same-origin\">",
           "prefers-color-scheme", "0.1.0 &lt;&amp;&quot;&gt;", "!<b>");
}

static void has_links_that_are_right_from_any_page_and_behind_a_proxy(void **state) {
    struct world *w = *state;
    fill(w);
    EXPECT(w, "<a href=\"./\">", "<a href=\"./metrics\">", "<a href=\"-/healthy\">", "<a href=\"-/ready\">",
           "<a href=\"api/v1/listings\">", "<a href=\"check?ip=192.0.2.1\">", "!href=\"/", "!action=\"/");
}

static void has_a_box_to_check_an_address(void **state) {
    EXPECT(*state, "<form method=\"post\" action=\"check\">", "<label for=\"ip\">",
           "<input id=\"ip\" name=\"ip\" inputmode=\"url\" autocomplete=\"off\"", "<button>Check</button>");
    assert_non_null(strstr(PAGE_SECURITY_POLICY, "default-src 'none'"));
    assert_non_null(strstr(PAGE_SECURITY_POLICY, "form-action 'self'"));
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

static void says_of_when_it_is(void **state) {
    struct world *w = *state;
    for (size_t i = 0; i < sizeof dates / sizeof *dates; i++) {
        struct buf out;
        char want[96];
        buf_init(&out, SIZE_MAX);
        page_render(&out, w->checker, &process, w->now_ns, dates[i].wall_s * SECOND - w->now_ns);
        snprintf(want, sizeof want, "as of <time datetime=\"%.10sT%.8sZ\">%s UTC</time></header>",
                 dates[i].want, dates[i].want + 11, dates[i].want);
        if (strstr(buf_text(&out), want) == NULL)
            fail_msg("%jd: %s is not there", (intmax_t)dates[i].wall_s, want);
        buf_release(&out);
    }
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
    {"\xd8\x9c\xe2\x80\x8e\xe2\x80\x8f\xd8\x9d\xe2\x80\x8d",
     "<bdi>\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xd8\x9d\xe2\x80\x8d</bdi>"},
    {"\xe2\x80\xa9\xe2\x80\xaa\xe2\x80\xae\xe2\x80\xaf",
     "<bdi>\xe2\x80\xa9\xef\xbf\xbd\xef\xbf\xbd\xe2\x80\xaf</bdi>"},
    {"\xe2\x81\xa5\xe2\x81\xa6\xe2\x81\xa9\xe2\x81\xaa",
     "<bdi>\xe2\x81\xa5\xef\xbf\xbd\xef\xbf\xbd\xe2\x81\xaa</bdi>"},
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

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_WORLD(allows_its_own_style_and_nothing_else),
        IN_WORLD(is_one_well_formed_document_without_scripts),
        IN_WORLD(has_links_that_are_right_from_any_page_and_behind_a_proxy),
        IN_WORLD(has_a_box_to_check_an_address),
        IN_WORLD(says_of_when_it_is),
        IN_WORLD(escapes_the_reason_that_a_list_gives),
        IN_WORLD(says_so_whichever_allocation_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
