/* SPDX-License-Identifier: Apache-2.0
 *
 * What is made of a bounce: the public list behind each name and answer of the table that is part of the
 * program, and what is said. Look-ups themselves are played in tests/e2e/test_bounce.py.
 */
#include "core/advice.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "config_fixture.h"
#include "mirrors_fixture.h"

#include <stdlib.h>

static struct mirrors *mirrors;
static struct settings *settings;
static struct bounces bounces;

static const char configuration[] =
    "lists:\n"
    "  - use: senderscore_bl\n"
    "  - {use: spamhaus_dqs, zone: somekey.zen.dq.spamhaus.net}\n"
    "  - {use: spamcop, enabled: false}\n"
    "  - {name: mine, zone: bl.example.net, delist_url: https://example.net/off}\n"
    "  - {name: zen_by_another_name, zone: zen.spamhaus.org}\n"
    "groups: [{name: g, addresses: [192.0.2.1], ranges: ['2a01:111:f403::/48', 203.0.113.0/24]},\n"
    "         {name: h, ranges: [203.0.113.0/24]}]\n";

/* The advice on the one bounce of a text. */
static struct advice prepared(const char *text) {
    struct advice a;
    bounces.n = 0;
    assert_int_equal(bounces_read(text, strlen(text), mirrors, false, &bounces), STATUS_OK);
    assert_int_equal(bounces.n, 1);
    advice_prepare(&a, &bounces.items[0], mirrors, catalog, settings);
    return a;
}

#define CLIENT "554 5.7.1 Client host [40.107.130.132] blocked using "

static void finds_the_public_list_behind_each_name(void **state) {
    static const struct {
        const char *what;
        const char *public_list; /* NULL: none */
        const char *asked;       /* NULL: none of the configuration */
    } rows[] = {
        {"sa-ip4tset.blagr.emailsrvr.com=127.22.0.2 Senderscore", "senderscore_bl", "senderscore_bl"},
        {"sa-ip4tset.blagr.emailsrvr.com=127.22.0.2", "senderscore_bl", "senderscore_bl"},
        {"sa-ip4tset.blagr.emailsrvr.com=127.23.0.2", "spamhaus_zen", "zen_by_another_name"},
        {"sa-ip4tset.blagr.emailsrvr.com=127.24.0.2", "spamhaus_zen", "zen_by_another_name"},
        {"sa-ip4tset.blagr.emailsrvr.com=127.26.0.2", NULL, NULL},
        {"sa-ip4tset.blagr.emailsrvr.com=127.5.0.0", "spamcop", NULL},
        {"sa-ip4tset.blagr.emailsrvr.com=127.5.0.255", "spamcop", NULL},
        {"sa-ip4tset.blagr.emailsrvr.com=127.99.0.2", NULL, NULL},
        {"SA-IP4TSET.BLAGR.EMAILSRVR.COM=127.22.0.2", "senderscore_bl", "senderscore_bl"},
        {"pf-ip4tset.blagr.emailsrvr.com=127.24.0.2", "spamhaus_zen", "zen_by_another_name"},
        {"Spamhaus PBL", "spamhaus_zen", "zen_by_another_name"},
        {"Senderscore", "senderscore_bl", "senderscore_bl"},
        {"zen.spamhaus.org", "spamhaus_zen", "zen_by_another_name"},
        {"otherkey.zen.dq.spamhaus.net", "spamhaus_zen", "zen_by_another_name"},
        {"bl.spamcop.net", "spamcop", NULL},
        {"b.barracudacentral.org", "barracuda", NULL},
        {"psbl.surriel.com", "psbl", NULL},
        {"bl.example.net", "mine", "mine"},
        {"bl.example.com", NULL, NULL},
        {"Some Filter", NULL, NULL},
    };
    unsigned failed = 0;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[256];
        (void)snprintf(text, sizeof text, CLIENT "%s", rows[i].what);
        const struct advice a = prepared(text);
        const char *asked = a.list != ADVICE_NO_LIST ? settings->lists[a.list].name : "none";
        const char *public_list = a.public_list != NULL ? a.public_list : "none";
        if (strcmp(public_list, rows[i].public_list != NULL ? rows[i].public_list : "none") != 0 ||
            strcmp(asked, rows[i].asked != NULL ? rows[i].asked : "none") != 0) {
            print_message("%s: %s, asked %s\n", rows[i].what, public_list, asked);
            failed++;
        }
    }
    assert_int_equal(failed, 0);
}

static uint64_t code_of(const struct list *list, const char *name) {
    for (unsigned bit = 0; bit < list->n_code_names; bit++)
        if (strcmp(list->code_names[bit], name) == 0)
            return UINT64_C(1) << bit;
    return UINT64_C(1) << LIST_CODE_OTHER;
}

/* Names of lists in the table are those of built-in lists, and the ranges those of the default configuration.
 */
static void the_table_agrees_with_the_rest_of_the_program(void **state) {
    for (size_t i = 0; i < mirrors->n_names; i++)
        for (size_t k = 0; k < mirrors->names[i].lists.n; k++) {
            const struct list *list = catalog_find(catalog, mirrors->names[i].lists.items[k]);
            assert_non_null(list);
            for (size_t c = 0; c < mirrors->names[i].codes.n; c++)
                assert_true(code_of(list, mirrors->names[i].codes.items[c]) != UINT64_C(1)
                                                                                   << LIST_CODE_OTHER);
        }
    struct settings *embedded = NULL;
    char *text = strndup(embedded_default_yml, embedded_default_yml_size);
    assert_int_equal(read_text(text, &embedded), STATUS_OK);
    const struct group *group = &embedded->groups[0];
    size_t n_v4 = 0;
    for (size_t i = 0; i < mirrors->n_ranges; i++)
        n_v4 += mirrors->ranges[i].first.family == IP_V4;
    assert_int_equal(n_v4, group->n_ranges);
    for (size_t i = 0; i < n_v4; i++) {
        assert_true(ip_equal(&mirrors->ranges[i].first, &group->ranges[i].range.first));
        assert_true(ip_equal(&mirrors->ranges[i].last, &group->ranges[i].range.last));
    }
    settings_free(embedded);
    free(text);
}

static void say(void *context, const char *sentence) {
    buf_addf(context, "%s\n", sentence);
}

/* Whether what is said of `a` holds all of `words` and none of `others` (up to NULL). */
static void expect(const struct advice *a, const char *const *words, const char *const *others) {
    struct buf text;
    buf_init(&text, 1 << 16);
    advice_tell(a, say, &text);
    for (; *words != NULL; words++)
        if (strstr(buf_text(&text), *words) == NULL)
            fail_msg("no \"%s\" in\n%s", *words, buf_text(&text));
    for (; *others != NULL; others++)
        if (strstr(buf_text(&text), *others) != NULL)
            fail_msg("\"%s\" in\n%s", *others, buf_text(&text));
    buf_release(&text);
}
#define WORDS(...) ((const char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL})

static void tells_what_to_do_about_a_shared_address(void **state) {
    struct advice a = prepared(CLIENT "Senderscore");
    a.result = ADVICE_CONFIRMED;
    expect(&a,
           WORDS("40.107.130.132 is listed on Senderscore now", "Microsoft 365 (40.107.0.0/16)",
                 "SPF, DKIM and DMARC are not the cause", "support request", "https://senderscore.org/rtbl/",
                 "only the owner of the address, Microsoft", "5 to 10 minutes", "another relay", "40.107.%.%",
                 "worth its risk only for"),
           WORDS("more than Microsoft's", "high-risk"));
    a.result = ADVICE_NOT_LISTED;
    expect(&a, WORDS("is not listed on Senderscore now", "Send the message again"),
           WORDS("support request", "safelist", "Delisting page"));
}

static void recognises_what_belongs_to_a_group(void **state) {
    static const struct {
        const char *address;
        const char *words; /* NULL: to none */
    } rows[] = {
        {"192.0.2.1", "It is one of the addresses of your group \"g\"."},
        {"203.0.113.9", "It is in 203.0.113.0/24 of your group \"g\"."},
        {"IPv6:2a01:111:f403:c111::1", "It is in 2a01:111:f403::/48 of your group \"g\"."}, /* never swept */
        {"192.0.2.2", NULL},
        {"IPv6:2a01:111:f404::1", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[128];
        (void)snprintf(text, sizeof text, "554 5.7.1 Client host [%s] blocked using bl.example.net",
                       rows[i].address);
        const struct advice a = prepared(text);
        print_message("# %s\n", rows[i].address);
        if (rows[i].words != NULL)
            expect(&a, WORDS(rows[i].words), WORDS());
        else
            expect(&a, WORDS(), WORDS("your group"));
    }
}

static void says_where_the_notation_of_a_panel_covers_too_much(void **state) {
    const struct advice a = prepared("554 5.7.1 Client host [52.103.1.2] blocked using Senderscore");
    expect(&a, WORDS("52.103.%.% (52.103.0.0/16", "more than Microsoft's 52.103.0.0/17"), WORDS());
}

static void tells_owners_of_an_address_to_find_the_cause_first(void **state) {
    const struct advice a = prepared("450 4.7.1 Client host [192.0.2.1] blocked using bl.example.net");
    expect(&a,
           WORDS("not in the published ranges", "https://example.net/off",
                 "(450): the sending server tries again by itself"),
           WORDS("Microsoft 365 admin center", "safelist"));
}

static void tells_kinds_apart(void **state) {
    static const struct {
        const char *text;
        const char *words;
        const char *never;
    } rows[] = {
        {CLIENT "zen.spamhaus.org=127.255.255.254", "refused the receiver's question", "support request"},
        {"554 5.7.1 Sender address [u@example.com] blocked using dbl.spamhaus.org", "a domain that is listed",
         "Delisting"},
        {"450 4.2.0 Greylisted, try again later", "Greylisting", "support request"},
        {"450 4.2.0 Client host [40.107.130.132] greylisted, try again later", "Greylisting",
         "could be asked"},
        {"421 4.7.0 Messages from 40.107.130.132 temporarily deferred due to user complaints",
         "by its own measure", "Delisting page"},
        {"550 5.1.1 User unknown", "No list is named", "support request"},
        {"554 5.7.1 Client host [XX.XX.XX.XX] blocked using Spamhaus PBL", "names no address for sure",
         "Microsoft"},
        {CLIENT "Spamhaus PBL", "safelist does not help", "not enabled"},
        {CLIENT "Cloudmark CSI", "cannot be asked over DNS", "not enabled"},
        {CLIENT "bl.spamcop.net", "\"- use: spamcop\"", "could not be found out"},
        {"554 5.7.1 -> 554 5.7.1 IP Block (from outbound high risk IP pools); Client host [40.107.130.132] "
         "blocked using "
         "Senderscore",
         "high-risk pool", "not in the published"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct advice a = prepared(rows[i].text);
        expect(&a, WORDS(rows[i].words), WORDS(rows[i].never));
    }
}

/* A part of a list is confirmed by its own answers alone. */
static void does_not_take_one_part_of_a_list_for_another(void **state) {
    static const struct {
        const char *what;
        const char *answer;
        enum advice_result result;
        const char *words;
    } rows[] = {
        {"Spamhaus SBL", "sbl", ADVICE_CONFIRMED, "is listed on Spamhaus SBL now."},
        {"Spamhaus CSS", "css", ADVICE_CONFIRMED, "is listed on Spamhaus CSS now."},
        {"Spamhaus XBL", "xbl", ADVICE_CONFIRMED, "is listed on Spamhaus XBL now."},
        {"Spamhaus PBL", "pbl", ADVICE_CONFIRMED, "is listed on Spamhaus PBL now."},
        {"zen.spamhaus.org", "pbl", ADVICE_CONFIRMED, "is listed on Spamhaus now."},
        {"sa-ip4tset.blagr.emailsrvr.com=127.23.0.2 Spamhaus SBL", "pbl", ADVICE_NOT_LISTED,
         "is listed on spamhaus_zen as pbl now, not as Spamhaus SBL"},
        {"sa-ip4tset.blagr.emailsrvr.com=127.23.0.2 Spamhaus SBL", "no such", ADVICE_UNKNOWN,
         "whether as Spamhaus SBL its answers do not say"},
    };
    const struct list *zen = catalog_find(catalog, "spamhaus_zen");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[256];
        (void)snprintf(text, sizeof text, CLIENT "%s", rows[i].what);
        struct advice a = prepared(text);
        advice_listed(&a, zen, code_of(zen, rows[i].answer));
        assert_int_equal(a.result, rows[i].result);
        expect(&a, WORDS(rows[i].words, "support request"), WORDS("Send the message again; if"));
    }
}

static void does_not_contradict_itself(void **state) {
    struct advice a = prepared(CLIENT "zen.spamhaus.org=127.255.255.254");
    a.result = ADVICE_CONFIRMED;
    expect(&a, WORDS("is listed on Spamhaus now", "support request"), WORDS("Neither delisting"));
    a = prepared(CLIENT "Senderscore");
    a.result = ADVICE_NOT_LISTED;
    expect(&a, WORDS("is not listed on Senderscore now", "many tenants share"), WORDS("is listed for"));
}

static void names_as_many_other_lists_as_there_is_room_for(void **state) {
    struct advice a = prepared(CLIENT "Senderscore");
    for (int i = 0; i < 100; i++)
        advice_add_other(&a, "a_list_with_a_name");
    assert_int_equal(strncmp(a.others, "a_list_with_a_name, a_list_with_a_name", 38), 0);
    assert_true(strlen(a.others) < sizeof a.others);
}

static int begin(void **state) {
    mirrors = mirrors_fixture();
    if (read_catalog(state) != 0)
        return -1;
    if (read_text(configuration, &settings) == STATUS_OK)
        return 0;
    print_problems(configuration);
    return -1;
}

static int end(void **state) {
    settings_free(settings);
    mirrors_free(mirrors);
    return free_catalog(state);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_public_list_behind_each_name),
        cmocka_unit_test(the_table_agrees_with_the_rest_of_the_program),
        cmocka_unit_test(tells_what_to_do_about_a_shared_address),
        cmocka_unit_test(recognises_what_belongs_to_a_group),
        cmocka_unit_test(says_where_the_notation_of_a_panel_covers_too_much),
        cmocka_unit_test(tells_owners_of_an_address_to_find_the_cause_first),
        cmocka_unit_test(tells_kinds_apart),
        cmocka_unit_test(does_not_take_one_part_of_a_list_for_another),
        cmocka_unit_test(does_not_contradict_itself),
        cmocka_unit_test(names_as_many_other_lists_as_there_is_room_for),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
