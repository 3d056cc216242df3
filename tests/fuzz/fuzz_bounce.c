/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as the text of bounces. Beside what the sanitizers see, every bounce has this: its address stands
 * in the text, with no letter or digit of its own before or behind it; it is one from which mail comes over
 * the internet; it is not the receiver's. Codes are in range, texts are ended and hold no control characters,
 * and reading the same text again, or as one message, finds nothing that was not there. What was found is the
 * same behind bounces_encode() and bounces_decode().
 */
#include "core/bounce.h"
#include "core/bounce_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TEXTS(...)                                                                                           \
    {                                                                                                        \
        .items = (const char *const[]){__VA_ARGS__},                                                         \
        .n = sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *)                               \
    }

static const struct mirror_name names[] = {
    {.name = "Senderscore",
     .also = TEXTS("Sender Score", "senderscore.org"),
     .lists = TEXTS("senderscore_bl")},
    {.name = "Spamhaus XBL", .lists = TEXTS("spamhaus_zen")},
    {.name = "Spamhaus",
     .also = TEXTS("spamhaus.org"),
     .zones = TEXTS("zen.spamhaus.org", "{key}.zen.dq.spamhaus.net"),
     .lists = TEXTS("spamhaus_zen")},
    {.name = "SURBL", .zones = TEXTS("*.surbl.org"), .domains = true},
};
static const struct mirror_code codes[] = {{0x7f160002, 0x7f160002, &names[0]},
                                           {0x7f050000, 0x7f0500ff, &names[1]}};
static const struct mirror items[] = {{"sa-ip4tset.blagr.emailsrvr.com", "Rackspace", codes, 2}};
static const struct mirrors mirrors = {.names = names, .n_names = 4, .items = items, .n_items = 1};

static struct bounces bounces;
static struct bounces again;

/* Another process finds in the bytes what was found in the text. */
static void check_bytes(void) {
    static struct bounces taken;
    struct buf bytes;
    struct buf back;
    buf_init(&bytes, 1 << 20);
    buf_init(&back, 1 << 20);
    bounces_encode(&again, &mirrors, &bytes);
    enum status status = bounces_decode(bytes.data, bytes.len, &mirrors, &taken);
    assert(status == STATUS_OK && taken.n == again.n && taken.n_omitted == again.n_omitted);
    bounces_encode(&taken, &mirrors, &back);
    assert(back.len == bytes.len && memcmp(back.data, bytes.data, bytes.len) == 0);
    buf_release(&bytes);
    buf_release(&back);
}

/* Without the reader's own code: every piece of the text between two places where a word ends. */
static bool stands_in(const char *text, size_t len, const struct ip *wanted) {
    for (size_t i = 0; i < len; i++) {
        if (i > 0 && bounce_is_word(text[i - 1]))
            continue;
        for (size_t n = 2; n <= 45 && i + n <= len; n++) {
            struct ip ip;
            if (i + n < len && bounce_is_word(text[i + n]))
                continue;
            if (ip_parse(text + i, n, &ip) != STATUS_OK)
                continue;
            bool mapped = ip.family == IP_V6 && ip.hi == 0 && ip.lo >> 32 == 0xffff;
            if (mapped)
                ip = ip_v4((uint32_t)ip.lo);
            if (ip_equal(&ip, wanted))
                return true;
        }
    }
    return false;
}

static void check_text(const char *text, size_t size) {
    assert(memchr(text, '\0', size) != NULL);
    for (; *text != '\0'; text++)
        assert((unsigned char)*text >= 0x20 && *text != 0x7f);
}

static void check_bounce(const struct bounce *b, const char *text, size_t len) {
    struct ip receiver;
    assert(b->kind < BOUNCE_KINDS);
    assert(b->smtp_status == 0 || (b->smtp_status >= 400 && b->smtp_status < 600));
    assert(b->code == 0 || b->code >> 24 == 127);
    check_text(b->receiver, sizeof b->receiver);
    check_text(b->list, sizeof b->list);
    check_text(b->zone, sizeof b->zone);
    check_text(b->enhanced, sizeof b->enhanced);
    const char *secret = strstr(b->zone, ".zen.dq.spamhaus.net");
    assert(secret == NULL || secret[sizeof ".zen.dq.spamhaus.net" - 1] != '\0' ||
           strncmp(b->zone, "{key}.", 6) == 0);
    if (!b->has_address)
        return;
    assert(ip_special(&b->address) == NULL);
    assert(stands_in(text, len, &b->address));
    assert(ip_parse(b->receiver, strlen(b->receiver), &receiver) != STATUS_OK ||
           !ip_equal(&receiver, &b->address));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *text = (const char *)data;
    bounces.n = bounces.n_omitted = 0;
    again.n = again.n_omitted = 0;
    if (bounces_read(text, size, &mirrors, false, &bounces) != STATUS_OK ||
        bounces_read(text, size, &mirrors, true, &again) != STATUS_OK)
        return 0;
    assert(bounces.n <= BOUNCES_MOST && again.n <= bounces.n);
    assert(bounces.n_omitted == 0 || bounces.n == BOUNCES_MOST);
    for (size_t i = 0; i < bounces.n; i++)
        check_bounce(&bounces.items[i], text, size < BOUNCE_BYTES ? size : BOUNCE_BYTES);
    check_bytes();
    return 0;
}
