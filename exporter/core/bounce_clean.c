/* SPDX-License-Identifier: Apache-2.0
 *
 * Marks and blanks of many kinds become those of ASCII.
 */
#include "core/bounce_internal.h"

#include <string.h>

struct replaced {
    const char *bytes;
    const char *by;
};
static const struct replaced replaced[] = {
    {"\xc2\xa0", " "},      {"\xe2\x80\x87", " "},  {"\xe2\x80\xaf", " "}, {"\xe3\x80\x80", " "},
    {"\xe2\x80\x8b", " "},  {"\xef\xbb\xbf", " "},  {"\xe2\x80\x98", "'"}, {"\xe2\x80\x99", "'"},
    {"\xe2\x80\x9c", "\""}, {"\xe2\x80\x9d", "\""}, {"\xe2\x80\x93", "-"}, {"\xe2\x80\x94", "-"},
    {"\xe2\x86\x92", "->"}, {"\xe2\x80\xa2", "*"},  {"\xc2\xab", "\""},    {"\xc2\xbb", "\""},
    {"\xe3\x80\x8c", "\""}, {"\xe3\x80\x8d", "\""}, {"\xef\xbc\x9a", ":"},
};

static const struct replaced *replacement(const char *text, size_t left) {
    for (size_t i = 0; i < sizeof replaced / sizeof *replaced; i++) {
        size_t n = strlen(replaced[i].bytes);
        if (n <= left && memcmp(replaced[i].bytes, text, n) == 0)
            return &replaced[i];
    }
    return NULL;
}

size_t bounce_clean(const char *text, size_t len, char *out) {
    size_t n = 0;
    for (size_t i = 0; i < len;) {
        unsigned char c = (unsigned char)text[i];
        const struct replaced *r = c >= 0xc2 ? replacement(text + i, len - i) : NULL;
        if (r != NULL) {
            memcpy(out + n, r->by, strlen(r->by));
            n += strlen(r->by);
            i += strlen(r->bytes);
            continue;
        }
        if (c == '\r' && i + 1 < len && text[i + 1] == '\n')
            i++;
        bool latin1_blank = c == 0xa0 && (i == 0 || (unsigned char)text[i - 1] < 0x80);
        bool blank = c < 0x20 || c == 0x7f || latin1_blank;
        out[n++] = c == '\n' || c == '\r' ? '\n' : blank ? ' ' : (char)c;
        i++;
    }
    out[n] = '\0';
    return n;
}
