/* SPDX-License-Identifier: Apache-2.0 */
/* LINK: -Wl,--wrap=malloc -Wl,--wrap=calloc */
#include "fixture.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

/* Which allocation from now on fails; 0: none. */
static unsigned long fails_at;

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);

void *__wrap_malloc(size_t size) {
    return fails_at > 0 && --fails_at == 0 ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size) {
    return fails_at > 0 && --fails_at == 0 ? NULL : __real_calloc(n, size);
}

static void configure(struct fixture *f) {
    fixture_init(f);
    fixture_list(f, "spamhaus_zen", "zen.example.net")->interval_ns = MINUTE;
    (void)fixture_list(f, "barracuda", "b.example.net");
    fixture_list(f, "off", "off.example.net")->enabled = false;
    f->settings.defaults.stale_after_ns = HOUR;
    struct group *group = fixture_group(f, "configured");
    fixture_address(f, group, "203.0.113.1");
    fixture_range(f, group, "203.0.113.0/24");
}

static enum status for_check(const struct settings *s, const struct ip_range *ranges, size_t n,
                             const bool *asked, unsigned looks, struct settings **out) {
    const unsigned seen[] = {looks, looks, looks};
    const struct settings_check wanted = {.ranges = ranges, .n_ranges = n, .asked = asked, .seen = seen};
    return settings_for_check(s, &wanted, out);
}

static struct ip_range range(const char *text) {
    struct ip_range out;
    assert_int_equal(ip_range_parse(text, strlen(text), &out), IP_RANGE_OK);
    return out;
}

static void what_is_asked_takes_the_place_of_the_groups(void **state) {
    struct fixture f;
    struct settings *check = NULL;
    const bool asked[] = {true, false, false};
    configure(&f);
    const struct ip_range ranges[] = {range("192.0.2.7"),   range("198.51.100.0/30"),
                                      range("192.0.2.1"),   range("192.0.2.7/32"),
                                      range("2001:db8::1"), range("198.51.100.0/30")};
    assert_int_equal(for_check(&f.settings, ranges, 6, asked, 0, &check), STATUS_OK);
    assert_int_equal(check->n_groups, 1);
    const struct group *group = &check->groups[0];
    assert_string_equal(group->name, "check");
    assert_int_equal(group->n_addresses, 3);
    assert_true(ip_equal(&group->addresses[0], &ranges[2].first));
    assert_true(ip_equal(&group->addresses[1], &ranges[0].first));
    assert_true(ip_equal(&group->addresses[2], &ranges[4].first));
    assert_int_equal(group->n_ranges, 1);
    assert_string_equal(group->ranges[0].label, "198.51.100.0/30");
    struct targets *targets = NULL;
    assert_int_equal(targets_build(check, &targets), STATUS_OK);
    assert_non_null(targets->sets[0]);
    assert_int_equal(targets->sets[0]->n, 6); /* the list is asked about IPv4 alone */
    assert_null(targets->sets[1]);
    assert_null(targets->sets[2]);
    targets_free(targets);
    settings_free(check);
}

static void every_address_comes_up_once_and_stays_fresh(void **state) {
    struct fixture f;
    struct settings *check = NULL;
    const bool asked[] = {true, true, false};
    configure(&f);
    const struct ip_range ranges[] = {range("192.0.2.0/24")};
    assert_int_equal(for_check(&f.settings, ranges, 1, asked, 0, &check), STATUS_OK);
    assert_int_equal(check->lists[0].interval_ns, 0);
    assert_true(check->groups[0].interval_ns >= 366 * DAY);
    assert_true(check->groups[0].sweep_interval_ns >= 366 * DAY);
    assert_int_equal(check->defaults.stale_after_ns, 0);
    settings_free(check);
}

static void what_others_have_seen_saves_looks(void **state) {
    struct fixture f;
    struct settings *check = NULL;
    const bool asked[] = {true, true, false};
    const struct ip_range ranges[] = {range("192.0.2.1")};
    configure(&f);
    f.lists[0].confirm = 3;
    f.lists[1].confirm = 1;
    for (unsigned seen = 0; seen < 5; seen++) {
        assert_int_equal(for_check(&f.settings, ranges, 1, asked, seen, &check), STATUS_OK);
        assert_int_equal(check->lists[0].confirm, seen < 3 ? 3 - seen : 1);
        assert_int_equal(check->lists[1].confirm, 1);
        settings_free(check);
    }
    assert_int_equal(f.lists[0].confirm, 3);
}

static void each_address_is_for_lists_of_its_own(void **state) {
    struct fixture f;
    struct settings *check = NULL;
    const bool asked[] = {true, true, false};
    const bool pairs[] = {true, false, false, true, true, true};
    const unsigned seen[] = {1, 0, 0};
    configure(&f);
    f.lists[0].confirm = f.lists[1].confirm = 2;
    const struct ip_range ranges[] = {range("192.0.2.1"), range("192.0.2.2")};
    const struct settings_check wanted = {
        .ranges = ranges, .n_ranges = 2, .asked = asked, .pairs = pairs, .seen = seen};
    assert_int_equal(settings_for_check(&f.settings, &wanted, &check), STATUS_OK);
    assert_int_equal(check->n_groups, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(check->groups[i].n_addresses, 1);
        assert_true(ip_equal(&check->groups[i].addresses[0], &ranges[i].first));
        assert_true(check->groups[i].lists[0]);
        assert_int_equal(check->groups[i].lists[1], i == 1);
        assert_false(check->groups[i].lists[2]);
    }
    assert_int_equal(check->lists[0].confirm, 1);
    assert_int_equal(check->lists[1].confirm, 2);
    settings_free(check);
}

static void the_configuration_stays_as_it_is(void **state) {
    struct fixture f;
    struct settings *check = NULL;
    const bool asked[] = {false, true, false};
    configure(&f);
    const struct ip_range ranges[] = {range("192.0.2.1")};
    assert_int_equal(for_check(&f.settings, ranges, 1, asked, 0, &check), STATUS_OK);
    assert_false(check->lists[0].enabled);
    assert_true(f.lists[0].enabled);
    assert_int_equal(f.lists[0].interval_ns, MINUTE);
    assert_string_equal(f.settings.groups[0].name, "configured");
    settings_free(check);
}

static void without_memory_nothing_is_made(void **state) {
    struct fixture f;
    struct settings *check = NULL;
    const bool asked[] = {true, true, false};
    configure(&f);
    const struct ip_range ranges[] = {range("192.0.2.1"), range("192.0.2.0/24")};
    unsigned long n = 0;
    enum status status = STATUS_NO_MEMORY;
    while (status == STATUS_NO_MEMORY) {
        fails_at = ++n;
        status = for_check(&f.settings, ranges, 2, asked, 0, &check);
        assert_true((status == STATUS_OK) == (check != NULL));
    }
    fails_at = 0;
    assert_int_equal(status, STATUS_OK);
    assert_true(n > 2);
    settings_free(check);
}

static const struct {
    const char *names[3];
    bool chosen[3];
    const char *error; /* NULL: none */
} choices[] = {
    {{0}, {true, true, false}, NULL},
    {{"barracuda"}, {false, true, false}, NULL},
    {{"barracuda", "spamhaus_zen"}, {true, true, false}, NULL},
    {{"barracuda", "barracuda"}, {false, true, false}, NULL},
    {{"off"}, {0}, "list \"off\" is disabled in the configuration"},
    {{"barracudda"},
     {0},
     "there is no list \"barracudda\" in the configuration; did you mean \"barracuda\"?"},
    {{"nonsense"}, {0}, "there is no list \"nonsense\" in the configuration"},
    {{"barracuda", "nonsense"}, {0}, "there is no list \"nonsense\" in the configuration"},
    {{""}, {0}, "there is no list \"\" in the configuration"},
};

static void lists_are_chosen_by_name(void **state) {
    struct fixture f;
    configure(&f);
    for (size_t i = 0; i < sizeof choices / sizeof choices[0]; i++) {
        struct problems *problems = malloc(sizeof *problems);
        bool chosen[3];
        size_t n = 0;
        while (n < 3 && choices[i].names[n])
            n++;
        problems_init(problems);
        bool good = settings_choose_lists(&f.settings, choices[i].names, n, problems, chosen);
        if (good != !choices[i].error || problems->n_errors != (good ? 0 : 1) ||
            (good && memcmp(chosen, choices[i].chosen, sizeof chosen) != 0) ||
            (!good && strcmp(problems->shown[0].text, choices[i].error) != 0))
            fail_msg("row %zu: %s", i, problems->n_shown > 0 ? problems->shown[0].text : "no error");
        problems_release(problems);
        free(problems);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_asked_takes_the_place_of_the_groups),
        cmocka_unit_test(every_address_comes_up_once_and_stays_fresh),
        cmocka_unit_test(what_others_have_seen_saves_looks),
        cmocka_unit_test(each_address_is_for_lists_of_its_own),
        cmocka_unit_test(the_configuration_stays_as_it_is),
        cmocka_unit_test(without_memory_nothing_is_made),
        cmocka_unit_test(lists_are_chosen_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
