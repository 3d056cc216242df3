/* SPDX-License-Identifier: Apache-2.0
 *
 * Whose address is which: who speaks, who is spoken of, and what is no address of either. A wrong address is
 * the worst that can come of a bounce.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "bounce_fixture.h"

#define SPAMHAUS_PAGE "https://www.spamhaus.org/query/bl?ip=40.107.1.2"

/* The receiver's resolver, gateway and server; what it says of itself. */
static const struct row of_receivers[] = {
    {"554 5.7.1 Service unavailable; Client host [mail.example.com] blocked using multi.uribl.com; 127.0.0.1 "
     "-> "
     "Query Refused. See http://uribl.com/refused.shtml for more information [Your DNS IP: 1.2.3.4]",
     "- - \"URIBL\" multi.uribl.com 554 5.7.1 refused"},
    {"554 5.7.1 Client host blocked using bl.spamcop.net [DNS IP: 203.0.113.7]",
     "- - \"SpamCop\" bl.spamcop.net 554 5.7.1 listing"},
    {"554 5.7.1 Blocked using bl.spamcop.net, resolver IP 203.0.113.7",
     "- - \"SpamCop\" bl.spamcop.net 554 5.7.1 listing"},
    {"554 5.7.1 Blocked using bl.spamcop.net (receiving server IP 203.0.113.7)",
     "- - \"SpamCop\" bl.spamcop.net 554 5.7.1 listing"},
    {"554 5.7.1 Blocked using bl.spamcop.net (remote server IP 203.0.113.7)",
     "- - \"SpamCop\" bl.spamcop.net 554 5.7.1 listing"},
    {"554 5.7.1 Client host [mail.example.net] blocked using bl.spamcop.net; FQDN=mx.example.org; "
     "IP=203.0.113.7",
     "- mx.example.org \"SpamCop\" bl.spamcop.net 554 5.7.1 listing"},
    {"554 5.7.1 Message blocked; FQDN=mx.example.org; IP=203.0.113.7",
     "- mx.example.org \"\" - 554 5.7.1 other"},
    {"554 5.7.1 recipient host 203.0.113.9 rejects blacklisted senders", "- - \"\" - 554 5.7.1 listing"},
    {"554 5.7.1 You are on a blacklist; our gateway address is 203.0.113.7", "- - \"\" - 554 5.7.1 listing"},
    {"554 203.0.113.7 ESMTP not available, blocked by RBL", "- 203.0.113.7 \"\" - 554 - listing"},
    {"554 [203.0.113.7] ESMTP not available, blocked by RBL", "- 203.0.113.7 \"\" - 554 - listing"},
    {"mx.example.org (203.0.113.7) rejected your message to the following email addresses:\nu@example.org\n"
     "550 5.7.1 Blocked by RBL",
     "- - \"\" - 550 5.7.1 listing"},
    {"host 203.0.113.7 blocked us: 554 5.7.1 listed in bl.spamcop.net",
     "- - \"SpamCop\" bl.spamcop.net 554 5.7.1 listing"},
    {"203.0.113.7 is blocked at times: 554 5.7.1 listed in bl.spamcop.net",
     "- - \"SpamCop\" bl.spamcop.net 554 5.7.1 listing"},
    {"203.0.113.7 denied your message: 554 5.7.1 listed in bl.spamcop.net",
     "- - \"SpamCop\" bl.spamcop.net 554 5.7.1 listing"},
    {"203.0.113.7 answered: 554 5.7.1 listed in bl.spamcop.net",
     "- - \"SpamCop\" bl.spamcop.net 554 5.7.1 listing"},
};

static void takes_no_address_of_the_receivers(void **state) {
    CHECK(of_receivers, false);
}

/* Masked, or named by a host: what else stands there is not the sender. */
static const struct row of_others[] = {
    {"550 5.7.1 Mail from IP XX.XX.XX.XX was rejected due to listing in Spamhaus SBL. For details please see "
     "http://www.spamhaus.org/query/bl?ip=40.107.1.2",
     "- - \"Spamhaus SBL\" - 550 5.7.1 listing"},
    {"550 5.7.1 XX.XX.XX.XX is listed by Spamhaus SBL, see " SPAMHAUS_PAGE,
     "- - \"Spamhaus SBL\" - 550 5.7.1 listing"},
    {"550 5.7.1 Blocked ***.**.***.207 by Spamhaus SBL, see " SPAMHAUS_PAGE,
     "- - \"Spamhaus SBL\" - 550 5.7.1 listing"},
    {"550 5.7.1 Mail from ###.###.###.### blocked by Spamhaus SBL, see " SPAMHAUS_PAGE,
     "- - \"Spamhaus SBL\" - 550 5.7.1 listing"},
    {"550 5.7.1 Client host [2a01:111:xxxx::1] blocked by Spamhaus SBL, see " SPAMHAUS_PAGE,
     "- - \"Spamhaus SBL\" - 550 5.7.1 listing"},
    {"550 5.7.1 Messages from mta.example.com blocked by Spamhaus SBL, see " SPAMHAUS_PAGE,
     "- - \"Spamhaus SBL\" - 550 5.7.1 listing"},
    {"550 5.7.1 Client host 10.0.0.5 blocked by Spamhaus SBL; 203.0.113.7 is listed",
     "- - \"Spamhaus SBL\" - 550 5.7.1 listing"},
    {"550 5.7.1 Client host 203.0.113.0/24 blocked by Spamhaus SBL, see " SPAMHAUS_PAGE,
     "- - \"Spamhaus SBL\" - 550 5.7.1 listing"},
    /* a name with its address behind it is that address */
    {"550 5.7.1 Messages from mta.example.com [203.0.113.7] are blocked by Spamhaus SBL",
     "203.0.113.7 - \"Spamhaus SBL\" - 550 5.7.1 listing"},
    {"host mx1.example.org[**.***.185.3] said: 554 5.7.1 Blocked - see "
     "https://ipcheck.proofpoint.com/?ip=203.0.113.7",
     "203.0.113.7 mx1.example.org \"Proofpoint\" - 554 5.7.1 listing"},
    /* a code is no name of the client */
    {"host gmail-smtp-in.l.google.com[142.250.1.27] said: 550-5.7.1 [40.107.1.2 18] Our system has detected "
     "that "
     "this message is 550-5.7.1 likely suspicious due to the very low reputation of the sending IP 550-5.7.1 "
     "address. To best protect our users from spam, the message has been 550-5.7.1 blocked. Please visit 550 "
     "5.7.1 "
     "https://support.google.com/mail/answer/188131 (in reply to end of DATA command)",
     "40.107.1.2 gmail-smtp-in.l.google.com \"\" - 550 5.7.1 reputation"},
};

static void takes_no_other_when_the_sender_is_named(void **state) {
    CHECK(of_others, false);
}

/* Numbers of versions and errors, policies, headers. */
#define YAHOO                                                                                                \
    " temporarily deferred due to unexpected volume or user complaints - 4.16.55.1; see "                    \
    "https://postmaster.yahooinc.com/error-codes"
static const struct row of_nobody[] = {
    {"421 4.7.0 [TSS04] Messages from XX.XX.XX.XX" YAHOO, "- - \"\" - 421 4.7.0 reputation"},
    {"421 4.7.0 [TSS04] Messages from x.x.x.x" YAHOO, "- - \"\" - 421 4.7.0 reputation"},
    {"421 4.7.0 [TSS04] Messages from mta.example.com" YAHOO, "- - \"\" - 421 4.7.0 reputation"},
    {"421 4.7.0 [TSS04] Messages" YAHOO, "- - \"\" - 421 4.7.0 reputation"},
    {"554 5.7.1 Message blocked by engine version 8.5.10.3", "- - \"\" - 554 5.7.1 other"},
    {"554 5.7.1 Message blocked (engine 8.5.10.3)", "- - \"\" - 554 5.7.1 other"},
    {"554 5.7.1 Message blocked, rule 4.2.2.1 blacklist", "- - \"\" - 554 5.7.1 listing"},
    {"554 5.7.1 Message blocked, see [ticket 4.2.2.1]", "- - \"\" - 554 5.7.1 other"},
    {"554 5.7.1 Blocked using zen.spamhaus.org; SPF record: v=spf1 ip4:203.0.113.9 -all",
     "- - \"Spamhaus\" zen.spamhaus.org 554 5.7.1 listing"},
    {"554 5.7.1 Blocked as spam. Content analysis details: (7.5 points) 1.3 RCVD_IN_BL_SPAMCOP_NET RBL: "
     "Received via "
     "a relay in bl.spamcop.net [Blocked - see <https://www.spamcop.net/bl.shtml?203.0.113.29>] "
     "[203.0.113.29 listed "
     "in bl.spamcop.net]",
     "- - \"SpamCop\" bl.spamcop.net 554 5.7.1 listing"},
    /* where receivers name whom they reject */
    {"554 5.7.1 203.0.113.7: mail blocked", "203.0.113.7 - \"\" - 554 5.7.1 other"},
    {"554 5.7.1 Mail blocked (203.0.113.7)", "203.0.113.7 - \"\" - 554 5.7.1 other"},
    {"554 5.7.1 Rejected (bl.spamcop.net - 203.0.113.7)",
     "203.0.113.7 - \"SpamCop\" bl.spamcop.net 554 5.7.1 listing"},
    {"554 Blocked 203.0.113.7", "203.0.113.7 - \"\" - 554 - other"},
};

static void takes_no_number_for_an_address(void **state) {
    CHECK(of_nobody, false);
}

/* Replies behind an equals sign, and typographic marks of other languages. */
static const struct row introduced[] = {
    {"[{LED=450 4.7.320 Client host [203.0.113.8] blocked using bl.spamcop.net};{MSG=};{FQDN=mx.example.org};"
     "{IP=203.0.113.7};{LRT=11/27/2026 9:00:00 AM}]",
     "203.0.113.8 mx.example.org \"SpamCop\" bl.spamcop.net 450 4.7.320 listing"},
    {"[{LED=450 4.7.320 Rejected, bl.spamcop.net};{MSG=};{FQDN=mx.example.org};{IP=203.0.113.7}]",
     "- mx.example.org \"SpamCop\" bl.spamcop.net 450 4.7.320 listing"},
    {"Nov 27 12:00:01 mail sendmail[4711]: 4ABC: to=<u@example.org>, delay=00:00:01, relay=mx.example.org. "
     "[198.51.100.3], dsn=5.7.1, reply=550 5.7.1 Client host [203.0.113.7] blocked using bl.spamcop.net, "
     "stat=Service unavailable",
     "203.0.113.7 - \"SpamCop\" bl.spamcop.net 550 5.7.1 listing"},
    {"Le serveur a r\xc3\xa9pondu \xc2\xab 554 5.7.1 Client host [203.0.113.7] blocked using bl.spamcop.net "
     "\xc2\xbb",
     "203.0.113.7 - \"SpamCop\" bl.spamcop.net 554 5.7.1 listing"},
    {"\xe3\x80\x8c"
     "554 5.7.1 Client host [203.0.113.7] blocked using bl.spamcop.net\xe3\x80\x8d",
     "203.0.113.7 - \"SpamCop\" bl.spamcop.net 554 5.7.1 listing"},
    {"x\xef\xbc\x9a"
     "554 5.7.1 Client host [203.0.113.7] blocked using bl.spamcop.net",
     "203.0.113.7 - \"SpamCop\" bl.spamcop.net 554 5.7.1 listing"},
};

static void reads_replies_behind_other_marks(void **state) {
    CHECK(introduced, false);
}

/* A key of the receiver's is nobody's business, whatever zone it opens. */
static const struct row keys[] = {
    {"550 5.7.1 Client host [203.0.113.7] blocked using k3y.sbl.dq.spamhaus.net",
     "203.0.113.7 - \"Spamhaus SBL\" {key}.sbl.dq.spamhaus.net 550 5.7.1 listing"},
    {"550 5.7.1 Client host [203.0.113.7] blocked using k3y.sbl-xbl.dq.spamhaus.net",
     "203.0.113.7 - \"Spamhaus\" {key}.sbl-xbl.dq.spamhaus.net 550 5.7.1 listing"},
    {"550 5.7.1 Client host [203.0.113.7] blocked using k3y.more.authbl.dq.spamhaus.net",
     "203.0.113.7 - \"Spamhaus\" {key}.authbl.dq.spamhaus.net 550 5.7.1 listing"},
    {"550 5.7.1 Sender address [u@example.com] blocked using k3y.zrd.dq.spamhaus.net",
     "- - \"Spamhaus DBL\" {key}.zrd.dq.spamhaus.net 550 5.7.1 domain"},
    {"550 5.7.1 Client host [203.0.113.7] blocked using k3y.exploit.mail.abusix.zone",
     "203.0.113.7 - \"Abusix\" {key}.exploit.mail.abusix.zone 550 5.7.1 listing"},
    {"550 5.7.1 Client host [203.0.113.7] blocked using zen.dq.spamhaus.net",
     "203.0.113.7 - \"\" zen.dq.spamhaus.net 550 5.7.1 listing"},
};

static void shows_no_key(void **state) {
    CHECK(keys, false);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_no_address_of_the_receivers),
        cmocka_unit_test(takes_no_other_when_the_sender_is_named),
        cmocka_unit_test(takes_no_number_for_an_address),
        cmocka_unit_test(reads_replies_behind_other_marks),
        cmocka_unit_test(shows_no_key),
    };
    mirrors = mirrors_fixture();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    mirrors_free(mirrors);
    return failed;
}
