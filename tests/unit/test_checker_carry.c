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

/* The addresses of the ring in the order in which they are asked. */
static void assert_order(const struct world *w, const char *const *addresses) {
    const struct plan *plan = &w->checker->lists[BLOCK].plan;
    assert_int_equal(plan->n_rings, 1);
    for (uint32_t i = 0; i < plan->rings[0].n; i++) {
        char text[IP_TEXT_SIZE];
        struct ip ip = target_ip(w->targets->sets[BLOCK], plan->rings[0].members[i]);
        ip_format(&ip, text);
        assert_non_null(addresses[i]);
        assert_string_equal(text, addresses[i]);
    }
    assert_null(addresses[plan->rings[0].n]);
}
#define TEXTS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void a_ring_that_changes_goes_on_with_what_was_not_asked_for_longest(void **state) {
    struct world w;
    struct group groups[2][WORLD_GROUPS];
    struct ip ips[2][8];
    const struct settings settings = world_settings();
    static const char *const asked[] = {"192.0.2.3", "198.51.100.9", "192.0.2.1", "192.0.2.2"};
    world_begin(&w, &settings);
    memcpy(groups[0], settings.groups, sizeof groups[0]);
    memcpy(groups[1], settings.groups, sizeof groups[1]);
    change(&w, groups[0], TEXTS("192.0.2.1", "192.0.2.2", "192.0.2.3"), ips[0]);
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
        w.now_ns += HOUR;
        world_not_listed(&w, BLOCK, asked[i], LOOK_WATCHED);
    }
    change(&w, groups[1], TEXTS("192.0.2.2", "192.0.2.3", "192.0.2.1", "203.0.113.7"), ips[1]);
    assert_order(&w, TEXTS("203.0.113.7", "192.0.2.3", "198.51.100.9", "192.0.2.1", "192.0.2.2"));
    assert_int_equal(w.checker->lists[BLOCK].plan.rings[0].round, 0);

    /* The same again, in another order of the configuration: it goes on in its own. */
    w.checker->lists[BLOCK].plan.rings[0].position = 2;
    world_not_listed(&w, BLOCK, "203.0.113.7", LOOK_WATCHED);
    change(&w, groups[0], TEXTS("203.0.113.7", "192.0.2.1", "192.0.2.3", "192.0.2.2"), ips[0]);
    assert_order(&w, TEXTS("203.0.113.7", "192.0.2.3", "198.51.100.9", "192.0.2.1", "192.0.2.2"));
    assert_int_equal(w.checker->lists[BLOCK].plan.rings[0].position, 2);
    world_end(&w);
    (void)state;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_ring_that_changes_goes_on_with_what_was_not_asked_for_longest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
