/* SPDX-License-Identifier: Apache-2.0
 *
 * driver: plays a scenario, a text file that scripts time and the network, against the checker (plan, health,
 * verdict, registry) and reads what happened from rendered /metrics. Days pass in milliseconds: time jumps to
 * the next moment at which something can happen. One run is the same as the next: all randomness comes from
 * `seed`.
 */
/* clang-format off */
/*
 * A file is one test. One statement a line; `#` begins a comment; 'quotes' hold blanks. A block follows a
 * line that ends in `{` and ends at a line with nothing but `}`.
 *
 * The world
 *   zone ZONE                  a DNS list that exists; its test entries are right, nothing else is listed
 *   list RANGE on ZONE [as A[,A]] [reason TEXT]
 *                              the truth from now on (127.0.0.2 if nothing is said; also for test entries)
 *   delist RANGE on ZONE       ... its end
 *   churn RANGE on ZONE share P lifetime TIME
 *                              a truth that comes and goes: each address of the range is listed and not listed by
 *                              turns, for random times, so that at any moment the share P (2%, 0.02) is listed, for
 *                              TIME on average. Depends on `seed` alone. Say nothing else about these addresses
 *   claim IP on ZONE [at SERVER] [as A[,A]] [times N]
 *   deny IP on ZONE [at SERVER] [expired] [times N]
 *                              a false answer (the next N of them) that is not the truth; `expired`: with the
 *                              SOA of the zone's parent
 *   fail IP on ZONE RCODE [times N]
 *                              the same, but the answer is servfail, refused, formerr or notimp
 *   mode ZONE [at SERVER] MODE how questions are answered from now on; ZONE and SERVER may be `all`, and a
 *                              mode for the whole zone ends those of its servers. MODE is one of
 *     answers                  as the truth is; negative answers with the zone's SOA
 *     refused [A]              A (127.255.255.254) for everything
 *     rcode servfail|refused|formerr|notimp
 *     silent                   no answer
 *     network                  cannot be sent
 *     wildcard [A]             everything is listed, 127.0.0.1 as well
 *     empty                    nothing is, the test entries neither (SOA of the zone)
 *     expired                  the same, with the SOA of the zone's parent
 *     rewritten A              NXDOMAIN becomes the address A
 *     nosoa                    negative answers lack their SOA
 *     truncated                TC over UDP, the answer over TCP
 *     lowercase                the question comes back in lower case
 *   delay ZONE [at SERVER] TIME [to TIME]
 *                              how long an answer takes (10ms at first)
 *   loss ZONE [at SERVER] N    how many per cent of the answers get lost
 *
 *   ptr RANGE NAME|none        the host name of these addresses; none at first
 *   ptr silent|answers         whether questions for host names are answered
 *
 * The program
 *   seed N                     before the configuration; 1 if nothing is said
 *   config {YAML}              starts it; once. Without `resolver` its nameserver is 10.0.0.53
 *   reload {YAML}              the same program with another configuration
 *   store                      before the configuration: the program has a store
 *   restart TIME [{YAML}]      ends the program, lets time pass, and starts it again from its store, if need be
 *                              with another configuration
 *   crash TIME [{YAML}]        the same, but it ends without a word
 *   run TIME [to TIME]         lets time pass: 250ms, 10s, 5m, 6h, 30d, 1h30m; or as long as chance says
 *   bounce IP                  somebody asks about it now
 *   probe RANGE [on LIST] [invalid|full]
 *                              somebody checks these addresses now, configured or not; `invalid` and `full`: and is
 *                              refused for that
 *   bounces N per TIME of RANGE on ZONE
 *                              from now on addresses of the range that are listed bounce, so many on average
 *   months N {STATEMENTS}      N times: 30 days pass; whether the share of what churns and is swept that was listed,
 *                              on average over the month (for that is what looks spread over it see), is inside the
 *                              95 % bound of the sample, is counted; then the statements, and `forget`
 *   stop TIME                  lets time pass without the program (SIGSTOP, a suspended machine)
 *
 * What must be
 *   expect 'SERIES' VALUES     SERIES names one series of /metrics; labels that do not matter may be left
 *                              out. VALUES: N, OP N (OP: = != < <= > >=), N to M; N may be a TIME (its
 *                              seconds)
 *   expect 'SERIES' at TIME [to TIME]
 *                              its value is that moment since the start, to the second
 *   expect absent 'SERIES'     no such series
 *   expect count 'SERIES' VALUES
 *                              how many match
 *   expect page [without] 'TEXT'
 *                              the status page holds this piece of HTML, or does not
 *   expect queries ZONE [tests|checks|txt|tcp] [of RANGE] [at SERVER] VALUES
 *                              sent since the last `forget`
 *   expect ptr VALUES          questions for host names since then
 *   expect repeats ZONE VALUES checks since then of addresses that had been checked since then already
 *   expect truth LIST          its verdict about every address is known, not stale, and the truth
 *   expect event 'TEXT'        something happened that begins so: `listed IP LIST CODES`, `delisted IP LIST`,
 *                              `first-listed IP LIST CODES`, `codes IP LIST CODES`, `state LIST FROM TO`,
 *                              `txt IP LIST TEXT`; each event is expected once
 *   expect no event ['TEXT']   none (so) is left that was not expected
 *   expect probe IP LIST TEXT  what came of a probe: 'not asked', 'open', 'listed CODE...: REASON', 'not_listed',
 *                              'score N', 'unknown WHY'
 *   expect turns VALUES        how often the program woke up since the last `forget`
 *   expect plan LIST GROUP [within P]
 *                              the re-check interval achieved is the one forecast, give or take P (10%)
 *   expect used NAME VALUES    the share of a budget, or of a list's own quota, sent within its window up to now
 *   expect inside VALUES       in which share of the months the bound was right
 *   expect decided IP LIST within TIME
 *   expect decided all within TIME
 *                              how long it took from the last bounce of IP (from any since `forget`) to a verdict
 *   forget                     all events so far were expected; queries are counted from here
 *   repeat N {STATEMENTS}
 *
 * Whatever a scenario says, driver_guard demands what always holds. The exit code is 0 if all of it was so,
 * 1 if not, and 2 if a scenario cannot be understood.
 */
/* clang-format on */
#ifndef RBL_SCENARIO_DRIVER_H
#define RBL_SCENARIO_DRIVER_H

#include <stddef.h>
#include <stdint.h>
#include <stdnoreturn.h>

#define SECOND_NS INT64_C(1000000000)

/* Ends the test as failed: prints FILE:LINE of the statement that is being played, the text, recent events
 * and /metrics. */
noreturn void driver_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Ends it without the last two: the file itself is wrong. */
noreturn void driver_misread(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Memory, or the end of the test. */
void *driver_alloc(void *old, size_t n, size_t size);

#endif
