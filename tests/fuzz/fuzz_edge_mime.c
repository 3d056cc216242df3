/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a mail message: mime_is_message(), mime_text(), and what is found in its words. Beside what
 * the sanitizers see: the text never outgrows its room, the message is left as it was, the same comes out
 * twice, and without room for all of it, what comes out is the beginning of the whole, up to its limit.
 */
/* FUZZ: -max_len=4096 -timeout=10 */
#include "core/bounce.h"
#include "edge/mime.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROOM = 1 << 20, LITTLE = 100, WORD = 4 }; /* the most that is put out at once, of what is not cut */

static void check_bounces(const char *text, size_t len) {
    static const struct mirrors mirrors;
    static struct bounces bounces;
    bounces.n = bounces.n_omitted = 0;
    if (bounces_read(text, len, &mirrors, true, &bounces) != STATUS_OK)
        return;
    assert(bounces.n <= BOUNCES_MOST);
    for (size_t i = 0; i < bounces.n; i++)
        assert(!bounces.items[i].has_address || ip_special(&bounces.items[i].address) == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *bytes = (const char *)data;
    struct buf text;
    struct buf again;
    struct buf little;
    char *copy = malloc(size + 1);
    if (copy == NULL)
        return 0;
    memcpy(copy, data, size);
    buf_init(&text, ROOM);
    buf_init(&again, ROOM);
    buf_init(&little, LITTLE);
    (void)!mime_is_message(bytes, size);
    enum status status = mime_text(bytes, size, &text);
    enum status second = mime_text(bytes, size, &again);
    enum status third = mime_text(bytes, size, &little);
    assert(status == STATUS_OK || status == STATUS_SYNTAX);
    assert(status == second && status == third && text.len <= ROOM && little.len <= LITTLE);
    assert(status == STATUS_OK || text.len == 0);
    assert(text.len == again.len && (text.len == 0 || memcmp(text.data, again.data, text.len) == 0));
    assert(little.len <= text.len && (little.len == 0 || memcmp(little.data, text.data, little.len) == 0));
    assert(text.len > LITTLE ? little.len > LITTLE - WORD : little.len == text.len);
    assert(memcmp(copy, data, size) == 0);
    if (text.len > 0)
        check_bounces(text.data, text.len);
    buf_release(&text);
    buf_release(&again);
    buf_release(&little);
    free(copy);
    return 0;
}
