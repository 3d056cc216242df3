/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a file of ranges. Beside what the sanitizers see: lines come in order, each once, a wrong line
 * has a reason, what was read is a range in order, written again it reads as the same, and a text whose every
 * wrong line is taken out has none.
 */
/* FUZZ: -max_len=512 */
#include "core/range_file.h"

#include "core/endpoints.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_entry(const struct range_file_entry *entry) {
    char text[IP_RANGE_TEXT_SIZE];
    struct ip_range again;
    if (entry->kind == RANGE_FILE_WRONG) {
        assert(entry->why[0] != '\0' && memchr(entry->why, '\0', sizeof entry->why) != NULL);
        assert(strpbrk(entry->why, "\r\n\t") == NULL);
        return;
    }
    const struct ip_range *range = &entry->range;
    size_t len = ip_range_format(range, text);
    assert(ip_compare(&range->first, &range->last) <= 0);
    assert(entry->kind == RANGE_FILE_RANGE || ip_equal(&range->first, &range->last));
    enum ip_range_error error = ip_range_parse(text, len, &again);
    assert(error == IP_RANGE_OK && ip_equal(&again.first, &range->first) &&
           ip_equal(&again.last, &range->last));
}

/* The good lines as a text of their own: as many, and none of them wrong. */
static void check_again(const char *text, size_t len, size_t expected) {
    char why[RANGE_FILE_WHY_SIZE];
    struct range_file file;
    struct range_file_entry entry;
    size_t n = 0;
    bool good = range_file_open(&file, text, len, why, sizeof why);
    assert(good);
    while (range_file_next(&file, &entry)) {
        assert(entry.kind != RANGE_FILE_WRONG);
        n++;
    }
    assert(n == expected);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char why[RANGE_FILE_WHY_SIZE] = "";
    struct range_file file;
    struct range_file_entry entry;
    (void)endpoints_is((const char *)data, size);
    if (!range_file_open(&file, (const char *)data, size, why, sizeof why)) {
        assert(why[0] != '\0');
        return 0;
    }
    char *good = malloc(size + 1);
    size_t len = 0;
    size_t n = 0;
    uint32_t line = 0;
    if (good == NULL)
        return 0;
    for (const char *start = file.at; range_file_next(&file, &entry); start = file.at) {
        assert(entry.line > line && entry.line == file.line);
        assert(file.at > start && file.at <= (const char *)data + size);
        line = entry.line;
        check_entry(&entry);
        if (entry.kind == RANGE_FILE_WRONG)
            continue;
        memcpy(good + len, start, (size_t)(file.at - start));
        len += (size_t)(file.at - start);
        n++;
    }
    check_again(good, len, n);
    free(good);
    return 0;
}
