/* SPDX-License-Identifier: Apache-2.0
 *
 * What is wrong with a configuration, as a user sees it: a table of documents, each with the place and a
 * piece of the message that it must get. A row has one error unless it says otherwise.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "config_fixture.h"

/* Two lists and a group, on lines of their own behind what is tested. */
#define LISTS                                                                                                \
    "\nlists: [{name: one, zone: one.example.net}, {name: two, zone: two.example.net, enabled: false}]"
#define GROUPS "\ngroups: [{name: g, addresses: [192.0.2.1]}]"
#define REST LISTS GROUPS

/* clang-format off */
struct bad {
    const char *text;
    const char *place; /* of an error... */
    const char *piece; /* ...that holds this */
    size_t n_errors;   /* in all; 0 means 1 */
};

static const struct bad bad_documents[] = {
    /* the file */
    {"", "0:0", "the configuration is empty", 0},
    {"# only a comment\n", "0:0", "the configuration is empty", 0},
    {"---\n", "0:0", "the configuration is empty", 0},
    {"- a", "1:1", "the configuration must be a mapping of keys and values, found a list", 0},
    {"hello", "1:1", "must be a mapping of keys and values, found \"hello\"", 0},
    {"resolvr: {timeout: 1s}" REST, "1:1", "unknown key \"resolvr\" in the configuration; did you mean \"resolver\"?", 0},
    {"zzz: 1" REST, "1:1", "unknown key \"zzz\" in the configuration", 0},
    {"defaults: {confirm: 1}\ndefaults: {confirm: 2}" REST, "2:1", "\"defaults\" is given twice; the first is on line 1", 0},
    {"a: 1\nb: 2" REST, "2:1", "unknown key \"b\"", 2},
    {"bounces: 7d" REST, "1:10", "bounces must be a mapping of keys and values, found \"7d\"", 0},
    {"bounces: {keep: 0s}" REST, "1:17", "\"keep\" is 0s; it must be 1s to 366d", 0},
    {"bounces: {limit: 0}" REST, "1:18", "\"limit\" is 0; it must be 1 to 100000", 0},
    {"bounces: {kep: 7d}" REST, "1:11", "unknown key \"kep\" in bounces; did you mean \"keep\"?", 0},
    {"storage:" REST, "1:9", "\"storage\" has no value; expected a mapping", 0},
    {"storage: {history: 1h}" REST, "1:20", "\"history\" is 1h; it must be 1d to 3660d", 0},
    {"defaults: {confirm: 1}" LISTS, "1:1", "\"groups\" is missing in the configuration", 0},
    {"defaults: {confirm: 1}" GROUPS, "1:1", "\"lists\" is missing in the configuration", 0},
    {"lists:" GROUPS, "1:7", "\"lists\" has no value; expected a list of DNS lists", 0},
    {"lists: []" GROUPS, "1:8", "\"lists\" is empty", 0},
    {"lists: {a: b}" GROUPS, "1:8", "\"lists\" expects a list of DNS lists, found a mapping", 0},
    {"groups: []" LISTS, "1:9", "\"groups\" is empty", 0},
    {"groups: none" LISTS, "1:9", "\"groups\" expects a list of groups, found \"none\"", 0},
    /* resolver */
    {"resolver: fast" REST, "1:11", "resolver must be a mapping of keys and values, found \"fast\"", 0},
    {"resolver: {timeouts: 2s}" REST, "1:12", "unknown key \"timeouts\" in resolver; did you mean \"timeout\"?", 0},
    {"resolver: {timeout: 2}" REST, "1:21", "\"timeout\" expects a duration such as 30s, 15m, 24h or 30d, found \"2\"", 0},
    {"resolver: {timeout: 2 s}" REST, "1:21", "found \"2 s\"", 0},
    {"resolver: {timeout: 2x}" REST, "1:21", "expects a duration", 0},
    {"resolver: {timeout: -2s}" REST, "1:21", "expects a duration", 0},
    {"resolver: {timeout: 1m1h}" REST, "1:21", "expects a duration", 0},
    {"resolver: {timeout: 1s1s}" REST, "1:21", "expects a duration", 0},
    {"resolver: {timeout: 99999999999999999999s}" REST, "1:21", "expects a duration", 0},
    {"resolver: {timeout: 300y}" REST, "1:21", "expects a duration", 0},
    {"resolver: {timeout: 9ms}" REST, "1:21", "\"timeout\" is 9ms; it must be 10ms to 1m", 0},
    {"resolver: {timeout: 61s}" REST, "1:21", "it must be 10ms to 1m", 0},
    {"resolver: {timeout: [2s]}" REST, "1:21", "\"timeout\" expects a duration such as 30s, 15m, 24h or 30d, found a list", 0},
    {"resolver: {timeout: }" REST, "1:21", "\"timeout\" has no value; expected a duration", 0},
    {"resolver: {attempts: 0}" REST, "1:22", "\"attempts\" is 0; it must be 1 to 10", 0},
    {"resolver: {attempts: 11}" REST, "1:22", "it must be 1 to 10", 0},
    {"resolver: {attempts: three}" REST, "1:22", "\"attempts\" expects a whole number, found \"three\"", 0},
    {"resolver: {attempts: \"3\"}" REST, "1:22", "expects a whole number", 0},
    {"resolver: {attempts: 03}" REST, "1:22", "expects a whole number", 0},
    {"resolver: {attempts: 3.0}" REST, "1:22", "expects a whole number", 0},
    {"resolver: {attempts: 99999999999999999999999}" REST, "1:22", "expects a whole number", 0},
    {"resolver: {max_in_flight: 0}" REST, "1:27", "it must be 1 to 65535", 0},
    {"resolver: {max_in_flight: 65536}" REST, "1:27", "it must be 1 to 65535", 0},
    {"resolver: {max_in_flight: many}" REST, "1:27", "expects auto or a whole number, found \"many\"", 0},
    {"resolver: {nameservers: 192.0.2.1}" REST, "1:25", "\"nameservers\" expects a list of addresses", 0},
    {"resolver: {nameservers: []}" REST, "1:25", "\"nameservers\" is empty", 0},
    {"resolver: {nameservers: [dns.example.net]}" REST, "1:26", "is a host name; give its address", 0},
    {"resolver: {nameservers: ['dns.example.net:53']}" REST, "1:26", "is a host name; give its address", 0},
    {"resolver: {nameservers: [192.0.2.256]}" REST, "1:26", "\"192.0.2.256\" is no address", 0},
    {"resolver: {nameservers: ['192.0.2.1:0']}" REST, "1:26", "has no port of 1 to 65535", 0},
    {"resolver: {nameservers: ['192.0.2.1:65536']}" REST, "1:26", "has no port of 1 to 65535", 0},
    {"resolver: {nameservers: ['192.0.2.1:']}" REST, "1:26", "has no port of 1 to 65535", 0},
    {"resolver: {nameservers: ['[2001:db8::1]53']}" REST, "1:26", "has no port of 1 to 65535", 0},
    {"resolver: {nameservers: ['[192.0.2.1]:53']}" REST, "1:26", "is no address", 0},
    {"resolver: {nameservers: ['fe80::1%eth0']}" REST, "1:26", "is a host name", 0},
    {"resolver: {nameservers: [192.0.2.1, '192.0.2.1:53']}" REST, "1:37", "is given twice", 0},
    {"resolver: {nameservers: [[192.0.2.1]]}" REST, "1:26", "\"nameservers\" expects a list of addresses", 0},
    {"resolver: {nameservers: [192.0.2.1, 192.0.2.2, 192.0.2.3, 192.0.2.4, 192.0.2.5]}" REST, "1:25",
     "has 5 entries; at most 4 are used", 0},
    /* defaults */
    {"defaults: {interval: 999ms}" REST, "1:22", "\"interval\" is 999ms; it must be 1s to 366d", 0},
    {"defaults: {interval: 0}" REST, "1:22", "it must be 1s to 366d", 0},
    {"defaults: {sweep_interval: 2y}" REST, "1:28", "it must be 1s to 366d", 0},
    {"defaults: {stale_after: never}" REST, "1:25", "\"stale_after\" expects auto or a duration", 0},
    {"defaults: {confirm: 0}" REST, "1:21", "it must be 1 to 10", 0},
    {"defaults: {series_limit: 1000001}" REST, "1:26", "it must be 0 to 1000000", 0},
    /* budgets */
    {"budgets: [a]" REST, "1:10", "\"budgets\" expects a mapping of names to budgets, found a list", 0},
    {"budgets: {b: {per: 1d}}" REST, "1:14", "\"queries\" is missing in a budget", 0},
    {"budgets: {b: {queries: 0}}" REST, "1:24", "\"queries\" is 0; it must be 1 to 1000000000", 0},
    {"budgets: {b: {queries: unlimited}}" REST, "1:24", "\"queries\" expects a whole number", 0},
    {"budgets: {b: {queries: 1, rate: 1/s}}" REST, "1:27", "unknown key \"rate\" in a budget", 0},
    {"budgets: {'a b': {queries: 1}}" REST, "1:11", "\"a b\" is no name for a budget", 0},
    {"budgets: {b: 5}" REST, "1:14", "a budget must be a mapping", 0},
    /* lists */
    {"lists: [one]" GROUPS, "1:9", "a list must be a mapping of keys and values, found \"one\"", 0},
    {"lists: [{zone: a.example.net}]" GROUPS, "1:9", "a list needs \"use\" (a built-in list) or \"name\" and \"zone\"", 0},
    {"lists: [{name: a}]" GROUPS, "1:9", "\"zone\" is missing in a list that does not \"use\" a built-in one", 0},
    {"lists: [{use: spamhaus_zn}]" GROUPS, "1:15", "there is no built-in list \"spamhaus_zn\"; did you mean \"spamhaus_zen\"?", 0},
    {"lists: [{use: qqqqqq}]" GROUPS, "1:15", "there is no built-in list \"qqqqqq\"", 0},
    {"lists: [{use: zen.spamhaus.org}]" GROUPS, "1:15", "is a zone; the built-in list that asks it is \"spamhaus_zen\"", 0},
    {"lists: [{use: ix.dnsbl.manitu.net}]" GROUPS, "1:15", "cannot be used: NiX Spam was emptied", 0},
    {"lists: [{use: dul.dnsbl.sorbs.net}]" GROUPS, "1:15", "cannot be used: SORBS was decommissioned", 0},
    {"lists: [{use: [psbl]}]" GROUPS, "1:15", "\"use\" expects the name of a built-in list, found a list", 0},
    {"lists: [{use: }]" GROUPS, "1:15", "\"use\" has no value", 0},
    {"lists: [{use: psbl}, {use: psbl}]" GROUPS, "1:22", "a second list is named \"psbl\"; the first is on line 1", 0},
    {"lists:\n- {use: psbl}\n- {name: psbl, zone: a.example.net}" GROUPS, "3:3", "the first is on line 2", 0},
    {"lists: [{use: psbl, name: 'a b'}]" GROUPS, "1:27", "\"name\" expects 1 to 63 of letters, digits, _ . -, found \"a b\"", 0},
    {"lists: [{use: psbl, name: ''}]" GROUPS, "1:27", "\"name\" expects", 0},
    {"lists: [{use: psbl, name: aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff1234}]" GROUPS, "1:27",
     "\"name\" expects", 0},
    {"lists: [{use: psbl, limits: none}]" GROUPS, "1:21", "unknown key \"limits\" in a list", 0},
    {"lists: [{use: psbl, note: none}]" GROUPS, "1:21", "unknown key \"note\" in a list", 0},
    {"lists: [{use: psbl, teir: info}]" GROUPS, "1:21", "unknown key \"teir\" in a list; did you mean \"tier\"?", 0},
    {"lists: [{name: a, zone: a..net}]" GROUPS, "1:25", "\"zone\" expects a DNS name, found \"a..net\"", 0},
    {"lists: [{use: psbl, zone: a..net}]" GROUPS, "1:27", "\"zone\" expects a DNS name", 0},
    {"lists: [{use: psbl, zone: .}]" GROUPS, "1:27", "\"zone\" expects a DNS name", 0},
    {"lists: [{use: psbl, zone: 'a b.net'}]" GROUPS, "1:27", "\"zone\" expects a DNS name", 0},
    {"lists: [{use: psbl, zone: '{kay}.example.net'}]" GROUPS, "1:27", "\"zone\" expects a DNS name", 0},
    {"lists: [{use: spamhaus_dqs}]" GROUPS, "1:9", "the zone {key}.zen.dq.spamhaus.net needs a \"key_file\"", 0},
    {"lists: [{use: spamhaus_dqs, key_file: /missing}]" GROUPS, "1:39", "cannot be read: /missing: no such file", 0},
    {"lists: [{use: spamhaus_dqs, key_file: /bad}]" GROUPS, "1:39", "is no key", 0},
    {"lists: [{use: psbl, enabled: yes}]" GROUPS, "1:30", "\"enabled\" expects true or false, found \"yes\"", 0},
    {"lists: [{use: psbl, enabled: 'true'}]" GROUPS, "1:30", "\"enabled\" expects true or false", 0},
    {"lists: [{use: psbl, enabled: false}]" GROUPS, "1:8", "no list is enabled", 0},
    {"lists: [{use: psbl, kind: black}]" GROUPS, "1:27", "expects blocklist, reputation or allowlist, found \"black\"", 0},
    {"lists: [{use: psbl, tier: high}]" GROUPS, "1:27", "expects page, warn or info, found \"high\"", 0},
    {"lists: [{use: psbl, families: []}]" GROUPS, "1:31", "\"families\" is empty", 0},
    {"lists: [{use: psbl, families: [ipv5]}]" GROUPS, "1:32", "expects a list of ipv4 and ipv6, found \"ipv5\"", 0},
    {"lists: [{use: psbl, families: [ipv4, ipv4]}]" GROUPS, "1:38", "\"ipv4\" is given twice", 0},
    {"lists: [{use: psbl, allow_cname: a..b}]" GROUPS, "1:34", "\"allow_cname\" expects none or a DNS name", 0},
    {"lists: [{use: psbl, delist_url: psbl.org}]" GROUPS, "1:33", "\"delist_url\" expects an http or https URL", 0},
    {"lists: [{use: psbl, delist_url: 'javascript:x'}]" GROUPS, "1:33", "expects an http or https URL", 0},
    {"lists: [{use: psbl, delist_url: 'https://a/\"b'}]" GROUPS, "1:33", "expects an http or https URL", 0},
    {"lists: [{use: psbl, interval: 1}]" GROUPS, "1:31", "\"interval\" expects a duration", 0},
    {"lists: [{use: psbl, confirm: 11}]" GROUPS, "1:30", "it must be 1 to 10", 0},
    {"lists: [{use: psbl, nameservers: [ns.example.net]}]" GROUPS, "1:35", "is a host name", 0},
    /* codes */
    {"lists: [{use: psbl, codes: [127.0.0.2]}]" GROUPS, "1:28", "\"codes\" expects a mapping of answers", 0},
    {"lists: [{use: psbl, codes: {}}]" GROUPS, "1:28", "\"codes\" is empty", 0},
    {"lists: [{use: psbl, codes: {127.0.0.2: a b}}]" GROUPS, "1:40", "\"a b\" is no name for an answer", 0},
    {"lists: [{use: psbl, codes: {127.0.0.2: }}]" GROUPS, "1:40", "is no name for an answer", 0},
    {"lists: [{use: psbl, codes: {10.0.0.2: a}}]" GROUPS, "1:29", "answer \"10.0.0.2\" lies outside of 127.0.0.0/8", 0},
    {"lists: [{use: psbl, codes: {126.0.0.0/7: a}}]" GROUPS, "1:29", "lies outside of 127.0.0.0/8", 0},
    {"lists: [{use: psbl, codes: {127.0.0.0: a}}]" GROUPS, "1:29", "127.0.0.0 is never an answer", 0},
    {"lists: [{use: psbl, codes: {127.0.0.1/24: a}}]" GROUPS, "1:29", "127.0.0.0/24 is meant?", 0},
    {"lists: [{use: psbl, codes: {127.0.0.002: a}}]" GROUPS, "1:29", "is no pattern; expected an address", 0},
    {"lists: [{use: psbl, codes: {127.0.0.2-127.0.0.4: a}}]" GROUPS, "1:29", "is no pattern", 0},
    {"lists: [{use: psbl, codes: {'127.0.0.[4..2]': a}}]" GROUPS, "1:29", "is no pattern", 0},
    {"lists: [{use: psbl, codes: {'127.0.0.[2..256]': a}}]" GROUPS, "1:29", "is no pattern", 0},
    {"lists: [{use: psbl, codes: {'127.0.0.[2..4': a}}]" GROUPS, "1:29", "is no pattern", 0},
    {"lists: [{use: psbl, codes: {'127.0.[0..1].2': a}}]" GROUPS, "1:29", "is no pattern", 0},
    {"lists: [{use: psbl, codes: {'127.0.0.&0': a}}]" GROUPS, "1:29", "is no pattern", 0},
    {"lists: [{use: psbl, codes: {'127.0.0.&256': a}}]" GROUPS, "1:29", "is no pattern", 0},
    {"lists: [{use: psbl, codes: {'127.0.0&2': a}}]" GROUPS, "1:29", "is no pattern", 0},
    {"lists: [{use: psbl, codes: {'::1': a}}]" GROUPS, "1:29", "is no pattern", 0},
    {"lists: [{use: psbl, refused: 127.0.0.9}]" GROUPS, "1:30", "\"refused\" expects a list of answers", 0},
    {"lists: [{use: psbl, refused: [10.0.0.0/8]}]" GROUPS, "1:31", "lies outside of 127.0.0.0/8", 0},
    {"lists: [{use: psbl, ignored: [[1]]}]" GROUPS, "1:31", "answer a list is no pattern", 0},
    {"lists: [{use: psbl, codes: {127.0.0.0/8: a}}]" GROUPS, "1:21", "answer 127.255.255.0 is in \"codes\" and in \"refused\"", 0},
    {"lists: [{use: psbl, codes: {127.0.0.&2: a}, refused: [127.0.0.6]}]" GROUPS, "1:21",
     "answer 127.0.0.6 is in \"codes\" and in \"refused\"", 0},
    {"lists: [{use: psbl, codes: {127.0.0.2: a}, ignored: [127.0.0.2]}]" GROUPS, "1:44",
     "answer 127.0.0.2 is in \"codes\" and in \"ignored\"", 0},
    {"lists: [{use: psbl, refused: [127.0.0.9], ignored: [127.0.0.9]}]" GROUPS, "1:43",
     "answer 127.0.0.9 is in \"ignored\" and in \"refused\"", 0},
    {"lists: [{use: spamhaus_zen, refused: [127.0.0.4]}]" GROUPS, "1:29", "answer 127.0.0.4 is in \"codes\"", 0},
    /* budget of a list */
    {"lists: [{use: psbl, budget: 5/s}]" GROUPS, "1:29", "budget must be a mapping", 0},
    {"lists: [{use: psbl, budget: {share: nothing}}]" GROUPS, "1:37", "there is no budget \"nothing\"", 0},
    {"lists: [{use: psbl, budget: {share: validty}}]" GROUPS, "1:37", "did you mean \"validity\"?", 0},
    {"lists: [{use: psbl, budget: {share: validity, queries: 5}}]" GROUPS, "1:47", "\"share\" and \"queries\" exclude each other", 0},
    {"lists: [{use: psbl, budget: {share: validity, per: 1d}}]" GROUPS, "1:47", "\"share\" and \"per\" exclude each other", 0},
    {"lists: [{name: a, zone: a.example.net, budget: {per: 1d}}]" GROUPS, "1:49", "\"per\" needs a number of \"queries\"", 0},
    {"lists: [{use: psbl, budget: {queries: unlimited, per: 1d}}]" GROUPS, "1:50", "\"per\" needs a number of \"queries\"", 0},
    {"lists: [{use: psbl, budget: {queries: lots}}]" GROUPS, "1:39", "\"queries\" expects unlimited or a whole number, found \"lots\"", 0},
    {"lists: [{use: psbl, budget: {queries: 5, per: 1ms}}]" GROUPS, "1:47", "it must be 1s to 366d", 0},
    {"lists: [{use: psbl, budget: {rate: 5}}]" GROUPS, "1:36", "\"rate\" expects NUMBER/s, NUMBER/m, NUMBER/h or unlimited, found \"5\"", 0},
    {"lists: [{use: psbl, budget: {rate: 5/d}}]" GROUPS, "1:36", "\"rate\" expects", 0},
    {"lists: [{use: psbl, budget: {rate: -5/s}}]" GROUPS, "1:36", "\"rate\" expects", 0},
    {"lists: [{use: psbl, budget: {rate: 1e9/s}}]" GROUPS, "1:36", "\"rate\" expects", 0},
    {"lists: [{use: psbl, budget: {rate: .5/s}}]" GROUPS, "1:36", "\"rate\" expects", 0},
    {"lists: [{use: psbl, budget: {rate: 0/s}}]" GROUPS, "1:36", "\"rate\" is 0/s; it must be 1/h to 1000000/s", 0},
    {"lists: [{use: psbl, budget: {rate: 2000000/s}}]" GROUPS, "1:36", "it must be 1/h to 1000000/s", 0},
    {"lists: [{use: psbl, budget: {burst: 0}}]" GROUPS, "1:37", "\"burst\" is 0; it must be 1 to 1000000", 0},
    /* self-test */
    {"lists: [{use: psbl, self_test: none}]" GROUPS, "1:32", "self_test must be a mapping", 0},
    {"lists: [{use: psbl, self_test: {listed: yes}}]" GROUPS, "1:41", "\"listed\" expects an address", 0},
    {"lists: [{use: psbl, self_test: {not_listed: none}}]" GROUPS, "1:45", "\"not_listed\" expects an address", 0},
    {"lists: [{use: psbl, self_test: {listed: '::ffff:7f00:2'}}]" GROUPS, "1:41", "is IPv6, which is not among the list's families", 0},
    {"lists: [{use: psbl, self_test: {listed: [127.0.0.2, 127.0.0.3]}}]" GROUPS, "1:53", "\"listed\" has two IPv4 addresses", 0},
    {"lists: [{use: psbl, self_test: {listed: 127.0.0.1}}]" GROUPS, "1:32", "the same address listed and not listed", 0},
    {"lists: [{use: psbl, self_test: {interval: 0s}}]" GROUPS, "1:43", "it must be 1s to 366d", 0},
    /* groups */
    {"groups: [g]" LISTS, "1:10", "a group must be a mapping", 0},
    {"groups: [{addresses: [192.0.2.1]}]" LISTS, "1:10", "\"name\" is missing in a group", 0},
    {"groups: [{name: g}]" LISTS, "1:10", "group \"g\" has none of \"addresses\", \"ranges\", \"files\" and \"spf\"", 0},
    {"groups: [{name: bounced, addresses: [192.0.2.1]}]" LISTS, "1:10", "the name \"bounced\" is taken by the group of bounced addresses", 0},
    {"groups: [{name: g, addresses: []}]" LISTS, "1:31", "\"addresses\" is empty", 0},
    {"groups: [{name: g, addresses: 192.0.2.1}]" LISTS, "1:31", "\"addresses\" expects a list of IPv4 and IPv6 addresses", 0},
    {"groups: [{name: g, addresses: [192.0.2.01]}]" LISTS, "1:32", "\"192.0.2.01\" is no IPv4 or IPv6 address", 0},
    {"groups: [{name: g, addresses: [mail.example.net]}]" LISTS, "1:32", "is no IPv4 or IPv6 address", 0},
    {"groups: [{name: g, addresses: [192.0.2.0/24]}]" LISTS, "1:32", "is a range; \"addresses\" takes single addresses, put it under \"ranges\"", 0},
    {"groups: [{name: g, addresses: [192.0.2.1/24]}]" LISTS, "1:32", "put it under \"ranges\"", 0},
    {"groups: [{name: g, addresses: [40.107.%.%]}]" LISTS, "1:32", "put it under \"ranges\"", 0},
    {"groups: [{name: g, addresses: [{a: b}]}]" LISTS, "1:32", "found a mapping", 0},
    {"groups:\n- name: g\n  addresses:\n  - 192.0.2.1\n  - 192.0.2.2\n  - 192.0.2.1" LISTS, "6:5",
     "address \"192.0.2.1\" is given twice; the first is on line 4", 0},
    {"groups: [{name: g, addresses: ['2001:db8::1', '2001:db8:0:0::1']}]" LISTS, "1:47", "is given twice", 0},
    {"groups: [{name: g, ranges: [192.0.2.1/24]}]" LISTS, "1:29", "192.0.2.0/24", 0},
    {"groups: [{name: g, ranges: [192.0.2.0/33]}]" LISTS, "1:29", "192.0.2.0/33", 0},
    {"groups: [{name: g, ranges: [192.0.2.9-192.0.2.1]}]" LISTS, "1:29", "192.0.2.9-192.0.2.1", 0},
    {"groups: [{name: g, ranges: [\"40.%.107.%\"]}]" LISTS, "1:29", "40.%.107.%", 0},
    {"groups: [{name: g, ranges: [0.0.0.0/0]}]" LISTS, "1:29", "\"0.0.0.0/0\" has 4294967296 addresses; at most 16777216 can be swept", 0},
    {"groups: [{name: g, ranges: [10.0.0.0/7]}]" LISTS, "1:29", "has 33554432 addresses; at most 16777216 can be swept", 0},
    {"groups: [{name: g, ranges: [10.0.0.0/8, 20.0.0.0/8, 30.0.0.0/8, 50.0.0.0/8, 60.0.0.0/32]}]" LISTS, "1:77",
     "from here on the ranges have more than 67108864 addresses together", 0},
    {"groups:\n- {name: g, ranges: [40.107.0.0/16]}\n- {name: h, ranges: [40.107.0.0/16, 40.107.%.%]}" LISTS, "3:37",
     "range \"40.107.%.%\" is given twice; the first is on line 3", 0},
    {"groups: [{name: g, ranges: [192.0.2.0/24], ranges_date: 2026-02-29}]" LISTS, "1:57", "\"ranges_date\" expects a date", 0},
    {"groups: [{name: g, ranges: [192.0.2.0/24], ranges_date: 2026-13-01}]" LISTS, "1:57", "expects a date", 0},
    {"groups: [{name: g, addresses: [192.0.2.1], ranges_date: 2026-01-01}]" LISTS, "1:44", "is of no use without \"ranges\"", 0},
    {"groups: [{name: g, addresses: [192.0.2.1], interval: 15}]" LISTS, "1:54", "\"interval\" expects a duration", 0},
    {"groups: [{name: g, addresses: [192.0.2.1], sweep_interval: 0s}]" LISTS, "1:60", "it must be 1s to 366d", 0},
    {"groups: [{name: g, addresses: [192.0.2.1], lists: []}]" LISTS, "1:51", "\"lists\" is empty", 0},
    {"groups: [{name: g, addresses: [192.0.2.1], lists: [on]}]" LISTS, "1:52", "there is no list \"on\" under \"lists\"", 0},
    {"groups: [{name: g, addresses: [192.0.2.1], lists: [onee]}]" LISTS, "1:52", "did you mean \"one\"?", 0},
    {"groups: [{name: g, addresses: [192.0.2.1], lists: [one, one]}]" LISTS, "1:57", "list \"one\" is given twice", 0},
    {"groups: [{name: g, addresses: [192.0.2.1], lists: [one, two, three]}]" LISTS, "1:51", "only 2 lists are configured", 0},
    {"groups: [{name: g, files: []}]" LISTS, "1:27", "\"files\" is empty", 0},
    {"groups: [{name: g, files: a.txt}]" LISTS, "1:27", "\"files\" expects a list of paths", 0},
    {"groups: [{name: g, files: ['']}]" LISTS, "1:28", "\"files\" expects a list of paths", 0},
    {"groups: [{name: g, files: [\"a\\nb\"]}]" LISTS, "1:28", "\"files\" expects a list of paths", 0},
    {"groups: [{name: g, files: [\"/etc/x\\0y\"]}]" LISTS, "1:28", "an escape makes a control character", 0},
    {"groups: [{name: g, files: [senders.d/]}]" LISTS, "1:28", "\"senders.d/\" is a folder; name the files in it, such as senders.d/*.txt", 0},
    {"groups: [{name: g, files: [a.txt, b.txt, a.txt]}]" LISTS, "1:42", "path \"a.txt\" is given twice", 0},
    {"groups: [{name: g, spf: []}]" LISTS, "1:25", "\"spf\" expects a DNS name", 0},
    {"groups: [{name: g, spf: a..b}]" LISTS, "1:25", "\"spf\" expects a DNS name, found \"a..b\"", 0},
    {"groups: [{name: g, spf: \"example.com\\0.x\"}]" LISTS, "1:25", "an escape makes a control character", 0},
    {"groups: [{name: g, spf: .}]" LISTS, "1:25", "\"spf\" expects a DNS name", 0},
    {"groups: [{name: g, ranges: [192.0.2.0/24], only_ptr: 'a b'}]" LISTS, "1:54", "\"only_ptr\" expects a host name, * standing for anything", 0},
    {"groups: [{name: g, ranges: [192.0.2.0/24], only_ptr: '*.*'}]" LISTS, "1:54", "\"only_ptr\" expects a host name", 0},
    {"groups: [{name: g, addresses: [192.0.2.1], only_ptr: '*.x'}]" LISTS, "1:44", "\"only_ptr\" is about ranges: it is of no use without", 0},
    {"groups: [{name: g, addresses: [192.0.2.1]}, {name: g, addresses: [192.0.2.2]}]" LISTS, "1:45",
     "a second group is named \"g\"; the first is on line 1", 0},
    {"groups: [{name: g, adresses: [192.0.2.1]}]" LISTS, "1:20", "unknown key \"adresses\" in a group; did you mean \"addresses\"?", 2},
};
/* clang-format on */

static void refuses_what_is_wrong_at_its_place_and_says_what_was_expected(void **state) {
    size_t n_wrong = 0;
    for (size_t i = 0; i < sizeof bad_documents / sizeof *bad_documents; i++) {
        const struct bad *bad = &bad_documents[i];
        struct settings *settings = NULL;
        enum status status = read_text(bad->text, &settings);
        if (status != STATUS_INVALID || settings || !has_problem(bad->place, bad->piece, false) ||
            problems.n_errors != (bad->n_errors ? bad->n_errors : 1)) {
            print_problems(bad->text);
            print_error("but %zu were expected, with \"%s\" at %s\n\n", bad->n_errors ? bad->n_errors : 1,
                        bad->piece, bad->place);
            n_wrong++;
        }
        settings_free(settings);
    }
    assert_int_equal(n_wrong, 0);
}

static void reports_all_errors_and_not_only_the_first(void **state) {
    struct settings *settings = NULL;
    enum status status = read_text("resolver: {timeout: 1, attempts: 0, color: red}\n"
                                   "lists: [{use: spamhaus_zn}, {name: one, zone: a..b}]\n"
                                   "groups: [{name: g, addresses: [192.0.2.1, x], ranges: [192.0.2.1/24]}]\n"
                                   "groups: []\n",
                                   &settings);
    assert_int_equal(status, STATUS_INVALID);
    assert_true(has_problem("1:21", "\"timeout\" expects", false));
    assert_true(has_problem("1:34", "\"attempts\" is 0", false));
    assert_true(has_problem("1:37", "unknown key \"color\"", false));
    assert_true(has_problem("2:15", "no built-in list", false));
    assert_true(has_problem("2:47", "\"zone\" expects", false));
    assert_true(has_problem("3:43", "\"x\" is no IPv4 or IPv6 address", false));
    assert_true(has_problem("3:56", "192.0.2.0/24", false));
    assert_true(has_problem("4:1", "\"groups\" is given twice", false));
    assert_int_equal(problems.n_errors, 8);
    for (size_t i = 1; i < problems.n_shown; i++)
        assert_true(problems.shown[i - 1].line <= problems.shown[i].line);
}

static void never_shows_what_a_key_file_holds(void **state) {
    struct settings *settings = NULL;
    assert_int_equal(read_text("lists: [{use: spamhaus_dqs, key_file: /bad}]" GROUPS, &settings),
                     STATUS_INVALID);
    for (size_t i = 0; i < problems.n_shown; i++)
        assert_null(strstr(problems.shown[i].text, "s3cret"));
}

static void cuts_a_long_value_in_a_message_at_a_character(void **state) {
    char text[1200] = "resolver: {timeout: ";
    struct settings *settings = NULL;
    for (size_t i = 0; i < 200; i++)
        strcat(text, "\xc3\xa4");
    strcat(text, "}" REST);
    assert_int_equal(read_text(text, &settings), STATUS_INVALID);
    assert_true(has_problem("1:21", "\xc3\xa4...\"", false));
}

static void counts_more_errors_than_it_keeps(void **state) {
    static char text[64000] = "groups: [{name: g, addresses: [";
    struct settings *settings = NULL;
    for (size_t i = 0; i < 5000; i++)
        strcat(text, "x,");
    strcat(text, "]}]" LISTS);
    assert_int_equal(read_text(text, &settings), STATUS_INVALID);
    assert_int_equal(problems.n_errors, 5000);
    assert_int_equal(problems.n_shown, PROBLEMS_SHOWN);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_what_is_wrong_at_its_place_and_says_what_was_expected),
        cmocka_unit_test(reports_all_errors_and_not_only_the_first),
        cmocka_unit_test(never_shows_what_a_key_file_holds),
        cmocka_unit_test(cuts_a_long_value_in_a_message_at_a_character),
        cmocka_unit_test(counts_more_errors_than_it_keeps),
    };
    return cmocka_run_group_tests(tests, read_catalog, free_catalog);
}
