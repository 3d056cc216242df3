/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

/* Goes over to the same configuration with these addresses in group `outbound`. */
static void change(struct world *w, struct group *groups, const char *const *addresses, struct ip *ips) {
    static const struct checker_watch watch = {.changed = world_ignore_change, .state = world_ignore_state};
    const struct endpoint resolver = {.ip = ip_v4(0x7f000001), .port = 53};
    struct targets *targets;
    struct checker *next;
    groups[OUTBOUND].addresses = ips;
    for (groups[OUTBOUND].n_addresses = 0; *addresses != NULL; addresses++)
        ips[groups[OUTBOUND].n_addresses++] = world_ip(*addresses);
    w->settings.groups = groups;
    assert_int_equal(targets_build(&w->settings, &targets), STATUS_OK);
    assert_int_equal(
        checker_new(targets, &resolver, 1, registry_epoch(WORLD_START), 2, &watch, w->now_ns, &next),
        STATUS_OK);
    assert_int_equal(checker_carry(next, w->checker, w->now_ns), STATUS_OK);
    checker_free(w->checker);
    targets_free(w->targets);
    w->checker = next;
    w->targets = targets;
}

/* The next `n` questions of the ring, without an answer to any. */
static void assert_asked(struct world *w, uint32_t n, const char *const *addresses) {
    static const struct plan_gate gate = {.checks = true};
    struct plan *plan = &w->checker->lists[BLOCK].plan;
    for (uint32_t i = 0; i < n; i++) {
        char text[IP_TEXT_SIZE];
        struct plan_item item;
        int64_t wake_ns;
        while (!plan_next(plan, &gate, w->now_ns, &item, &wake_ns))
            w->now_ns = wake_ns;
        assert_int_equal(item.purpose, PLAN_WATCHED);
        plan_take(plan, &item, w->now_ns);
        struct ip ip = target_ip(w->targets->sets[BLOCK], item.index);
        ip_format(&ip, text);
        print_message("# %s\n", text);
        assert_string_equal(text, addresses[i]);
    }
}
#define TEXTS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* 198.51.100.9 is there all along; the order is that of hashes. */
#define A "192.0.2.1"
#define B "192.0.2.2"
#define C "192.0.2.3"
#define D "198.51.100.9"
#define NEW "203.0.113.7"
#define NEWER "203.0.113.8"

static void a_ring_that_changes_goes_on_where_it_was(void **state) {
    struct world w;
    struct group groups[2][WORLD_GROUPS];
    struct ip ips[2][8];
    const struct settings settings = world_settings();
    world_begin(&w, &settings);
    memcpy(groups[0], settings.groups, sizeof groups[0]);
    memcpy(groups[1], settings.groups, sizeof groups[1]);
    change(&w, groups[0], TEXTS(A, B, C), ips[0]);
    assert_asked(&w, 5, TEXTS(C, A, B, D, C));
    for (int i = 0; i < 12; i++) { /* nobody ever answers, and no change lets anybody wait longer */
        static const char *const ring[] = {A, B, D, C};
        change(&w, groups[1 - i % 2], i % 2 == 0 ? TEXTS(C, NEW, B, A) : TEXTS(A, B, C), ips[1 - i % 2]);
        if (i % 2 == 0)
            assert_asked(&w, 1, TEXTS(NEW));
        assert_asked(&w, 1, &ring[i % 4]);
    }
    world_end(&w);
    (void)state;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_ring_that_changes_goes_on_where_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
