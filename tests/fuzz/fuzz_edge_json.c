/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as JSON that a program has written: yaml_parse_json(), and then as Microsoft's list of endpoints
 * (endpoints_read()) and as what an exporter says about an address (check_told_add()). Beside what the
 * sanitizers see: what is refused has errors with places and leaves nothing behind; ranges are in order and
 * each there once; nothing is told of an address that was not asked about.
 */
/* FUZZ: -max_len=4096 -timeout=10 */
#include "core/check_told.h"
#include "core/endpoints.h"
#include "edge/yaml.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_problems(const struct problems *problems) {
    assert(problems->n_errors > 0);
    for (size_t i = 0; i < problems->n_shown; i++)
        assert(problems->shown[i].text[0] != '\0');
}

static void read_endpoints(const struct node *root) {
    static struct problems problems;
    struct arena arena;
    struct endpoints found;
    memset(&found, 0x55, sizeof found);
    const struct endpoints before = found;
    arena_init(&arena);
    problems_init(&problems);
    if (endpoints_read(root, &arena, &problems, &found) == STATUS_OK) {
        assert(found.n_ranges > 0 && found.n_sets_taken > 0 && found.n_sets_taken <= found.n_sets);
        for (size_t i = 0; i < found.n_ranges; i++) {
            assert(ip_compare(&found.ranges[i].first, &found.ranges[i].last) <= 0);
            assert(i == 0 || ip_range_compare(&found.ranges[i - 1], &found.ranges[i]) < 0);
        }
    } else {
        assert(memcmp(&before, &found, sizeof found) == 0);
        check_problems(&problems);
    }
    problems_release(&problems);
    arena_release(&arena);
}

static void read_told(const struct node *root) {
    static const struct ip_range range = {.first = {.family = IP_V4, .lo = 0xc0000201},
                                          .last = {.family = IP_V4, .lo = 0xc0000202}};
    struct check_told *told = check_told_new(&range, 1);
    size_t n = 0;
    bool open = false;
    assert(told != NULL);
    const struct ip *ips = check_told_addresses(told, &n);
    assert(n == 2 && ips[0].lo != ips[1].lo);
    for (size_t i = 0; i < n; i++) {
        enum status first = check_told_add(told, i, root, &open);
        enum status second = check_told_add(told, i, root, &open); /* in place of the first */
        assert(first == second);
    }
    check_told_interrupt(told);
    (void)check_told_listings(told);
    (void)check_told_view(told);
    check_told_free(told);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct problems problems;
    struct arena arena;
    const struct node *root = NULL;
    arena_init(&arena);
    problems_init(&problems);
    if (yaml_parse_json((const char *)data, size, &arena, &problems, &root) == STATUS_OK) {
        read_endpoints(root);
        if (root != NULL && !problems_failed(&problems))
            read_told(root);
    } else {
        check_problems(&problems);
    }
    problems_release(&problems);
    arena_release(&arena);
    return 0;
}
