/* SPDX-License-Identifier: Apache-2.0
 *
 * What is read from bounces. The texts marked with a source were seen in the wild (addresses as they stand
 * there); the rest has their shapes.
 *   RAX Rackspace "Common email bounce messages"   ZMTA zone-eu/zone-mta config/bounces.txt
 *   SFM ActiveCampaign/smtp-field-manual           SIS sisimai/set-of-emails
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "bounce_fixture.h"

/* ---- seen in the wild ---- */

static const struct row corpus[] = {
    /* the two articles */
    {"554 5.7.1 ACL dns_rbl; Client host [40.93.198.108] blocked using "
     "sa-ip4tset.blagr.emailsrvr.com=127.22.0.2 Senderscore. Please visit https://senderscore.org/rtbl/ for "
     "more "
     "information on why this message could not be delivered (G31)",
     "40.93.198.108 - \"Senderscore\" sa-ip4tset.blagr.emailsrvr.com=127.22.0.2 554 5.7.1 listing"},
    {"554 5.7.1 ACL dns_rbl; Client host [40.93.198.108] blocked using "
     "sa-ip4tset.blagr.emailsrvr.com=127.22.0.2 Senderscore. Please visit https://senderscore.org/rtbl/ for "
     "more "
     "information on why this message could not be delivered (G31)\n"
     "Message rejected by: smtp12.gate.iad3b.rsapps.net",
     "40.93.198.108 smtp12.gate.iad3b.rsapps.net \"Senderscore\" sa-ip4tset.blagr.emailsrvr.com=127.22.0.2 "
     "554 5.7.1 listing"},
    {"554 5.7.1 ACL dns_rbl; Client host [40.93.198.108] blocked using "
     "sa-ip4tset.blagr.emailsrvr.com=127.22.0.2 Senderscore.\nMessage rejected by: "
     "smtpXX.gate.[region].rsapps.net",
     "40.93.198.108 - \"Senderscore\" sa-ip4tset.blagr.emailsrvr.com=127.22.0.2 554 5.7.1 listing"},
    {"smtp27.gate.iad3a.rsapps.net gave this error: Decision Engine classified the mail item was rejected "
     "because "
     "of IP Block (from outbound normal IP pools) -> 554 5.7.1 ACL dns_rbl; Client host [40.107.130.132] "
     "blocked "
     "using sa-ip4tset.blagr.emailsrvr.com=127.22.0.2 Senderscore.",
     "40.107.130.132 smtp27.gate.iad3a.rsapps.net \"Senderscore\" sa-ip4tset.blagr.emailsrvr.com=127.22.0.2 "
     "554 5.7.1 listing"},
    {"smtp27.gate.iad3a.rsapps.net gave this error:\n"
     "Decision Engine classified the mail item was rejected because of IP Block (from outbound normal IP "
     "pools) -> "
     "554 5.7.1 ACL dns_rbl; Client host [40.107.130.132] blocked using "
     "sa-ip4tset.blagr.emailsrvr.com=127.22.0.2 Senderscore.",
     "40.107.130.132 smtp27.gate.iad3a.rsapps.net \"Senderscore\" sa-ip4tset.blagr.emailsrvr.com=127.22.0.2 "
     "554 5.7.1 listing"},
    /* docker-mailserver issue 2704 */
    {"Remote Server returned '550 5.7.514 Decision Engine classified the mail item was rejected because of "
     "IP "
     "Block (from outbound normal IP pools) -> 554 5.7.1 Service unavailable; Client host [40.107.107.102] "
     "blocked "
     "using zen.spamhaus.org'",
     "40.107.107.102 - \"Spamhaus\" zen.spamhaus.org 554 5.7.1 listing"},
    /* RAX */
    {"5.7.1 ACL dns_rbl; Client host [XX.XX.XX.XX] blocked using Spamhaus PBL. Please visit "
     "http://www.spamhaus.org/lookup/ for more information on why this message could not be delivered (G1)",
     "- - \"Spamhaus PBL\" - - 5.7.1 listing"},
    {"554 5.7.1 ACL dns_rbl; Client host [XX.XX.XX.XX] blocked using "
     "sa-ip4tset.blagr.emailsrvr.com=127.26.0.2 Cloudmark CSI. Please visit "
     "http://csi.cloudmark.com/reset-request for more information",
     "- - \"Cloudmark CSI\" sa-ip4tset.blagr.emailsrvr.com=127.26.0.2 554 5.7.1 listing"},
    {"554 5.7.1 ACL dns_rbl; Client host [XX.XX.XX.XX] blocked using "
     "sa-ip4tset.blagr.emailsrvr.com=127.24.0.2 "
     "Spamhaus XBL. Please visit http://www.spamhaus.org/lookup/",
     "- - \"Spamhaus XBL\" sa-ip4tset.blagr.emailsrvr.com=127.24.0.2 554 5.7.1 listing"},
    {"554 5.7.1 ACL dns_rbl; Client host [XX.XX.XX.XX] blocked using "
     "sa-ip4tset.blagr.emailsrvr.com=127.23.0.2 "
     "Spamhaus SBL. Please visit http://www.spamhaus.org/lookup/",
     "- - \"Spamhaus SBL\" sa-ip4tset.blagr.emailsrvr.com=127.23.0.2 554 5.7.1 listing"},
    {"554 5.7.1 ACL dns_rbl; Client host [XX.XX.XX.XX] blocked using "
     "sa-ip4tset.blagr.emailsrvr.com=127.5.0.X "
     "Spamcop. Please visit http://spamcop.net/bl.shtml",
     "- - \"SpamCop\" sa-ip4tset.blagr.emailsrvr.com 554 5.7.1 listing"},
    /* a forum of 2011: the first address is the receiver's, both are masked */
    {"host mx1.emailsrvr.com[**.***.185.3] said: 554 5.7.1 ACL dns_rbl; Client host [***.**.***.207] blocked "
     "using pf-ip4tset.blagr.emailsrvr.com=127.24.0.2 Please visit http://bounce.emailsrvr.com/?a0 for more "
     "information (in reply to RCPT TO command)",
     "- mx1.emailsrvr.com \"Spamhaus XBL\" pf-ip4tset.blagr.emailsrvr.com=127.24.0.2 554 5.7.1 listing"},
    /* SIS, ZMTA */
    {"550 5.7.606 Access denied, banned sending IP [192.0.2.225]. To request removal from this list please "
     "visit "
     "https://sender.office.com and follow the directions. For more information please go to  "
     "http://go.microsoft.com/fwlink/?LinkID=526655 (AS16012609) "
     "[AM5EUR03FT030.eop-EUR03.prod.protection.outlook.com]",
     "192.0.2.225 AM5EUR03FT030.eop-EUR03.prod.protection.outlook.com \"Microsoft 365\" - 550 5.7.606 "
     "listing"},
    /* MicrosoftDocs/windows-dev-docs issue 5744 */
    {"550 5.7.1 Unfortunately, messages from [82.98.171.203] weren't sent. Please contact your Internet "
     "service "
     "provider since part of their network is on our block list (S3150). You can also refer your provider to "
     "http://mail.live.com/mail/troubleshooting.aspx#errors. [Name=Protocol Filter Agent][AGT=PFA]"
     "[MxId=11BC54339C3FD8FF] [BN3PEPF0000B077.namprd04.prod.outlook.com 2025-11-25T08:06:40.951Z "
     "08DE2A19D02BF789]",
     "82.98.171.203 BN3PEPF0000B077.namprd04.prod.outlook.com \"Outlook.com\" - 550 5.7.1 listing"},
    /* SFM: the client is masked, and what the link has is no address of a sender */
    {"550 5.7.1 Service unavailable, Client host [x.xx.xx.xx] blocked using Spamhaus. To request removal "
     "from this "
     "list see https://www.spamhaus.org/query/ip/0.0.0.0 (AS16012611)",
     "- - \"Spamhaus\" - 550 5.7.1 listing"},
    /* ZMTA: the link has another address */
    {"554 5.7.1 Service unavailable; Client host [1.2.3.4] blocked using b.barracudacentral.org; "
     "http://www.barracudanetworks.com/reputation/?pr=1&ip=45.55.44.239",
     "1.2.3.4 - \"Barracuda\" b.barracudacentral.org 554 5.7.1 listing"},
    {"550-5.7.1 Service unavailable; client [11.22.33.44] blocked using zen.spamhaus.org For assistance, see "
     "http://www.scrolloutf1.com Client: (11.22.33.44), Server: (recipient.example.com).",
     "11.22.33.44 recipient.example.com \"Spamhaus\" zen.spamhaus.org 550 5.7.1 listing"},
    {"550 5.7.1 :127.0.0.4:Client host 11.22.33.44 blocked using 87.blocklist.zap; Mail from IP banned. To "
     "request "
     "removal from this list please forward this message to delist@messaging.microsoft.com",
     "11.22.33.44 - \"Microsoft 365\" 87.blocklist.zap=127.0.0.4 550 5.7.1 listing"},
    {"550-\"JunkMail rejected - [hostname] [1.2.3.4]:39153 is in an RBL on csi.cloudmark.com/reset-request/"
     "?ip=1.2.3.4 , see Poor Reputation Sender\"",
     "1.2.3.4 - \"Cloudmark CSI\" - 550 - listing"},
    {"554 Blocked - see https://ipcheck.proofpoint.com/?ip=1.2.3.4",
     "1.2.3.4 - \"Proofpoint\" - 554 - listing"},
    {"550 5.7.0 Blocked - see https://ipcheck.proofpoint.com/?ip=1.2.3.4",
     "1.2.3.4 - \"Proofpoint\" - 550 5.7.0 listing"},
    {"host r2.example.org[198.51.100.18] refused to talk to me: 554 Blocked - see "
     "https://support.proofpoint.com/dnsbl-lookup.cgi?ip=192.0.2.225",
     "192.0.2.225 r2.example.org \"Proofpoint\" - 554 - listing"},
    {"554 resimta-po-11v.sys.comcast.net resimta-po-11v.sys.comcast.net 1.2.3.4 found on one or more DNSBLs, "
     "see "
     "http://postmaster.comcast.net/smtp-error-codes.php#BL000010",
     "1.2.3.4 resimta-po-11v.sys.comcast.net \"Comcast\" - 554 - listing"},
    {"553 5.7.1 [BL21] Connections will not be accepted from 11.22.33.44, because the ip is in Spamhaus's "
     "list; "
     "see https://help.yahoo.com/kb/postmaster/SLN5070.html",
     "11.22.33.44 - \"Spamhaus\" - 553 5.7.1 listing"},
    {"553 Mail from 11.22.33.44 not allowed - 5.7.1 [BL23] Connections not accepted from IP addresses on "
     "Spamhaus "
     "XBL; see https://help.yahoo.com/kb/postmaster/SLN5070.html",
     "11.22.33.44 - \"Spamhaus XBL\" - 553 5.7.1 listing"},
    {"550 5.7.1 This system is configured to reject mail from mta.example.com. Connecting host [11.22.33.44] "
     "is "
     "listed by the lookup site 'zen.spamhaus.org.'.",
     "11.22.33.44 - \"Spamhaus\" zen.spamhaus.org 550 5.7.1 listing"},
};

static void reads_every_bounce_that_was_seen_in_the_wild(void **state) {
    CHECK(corpus, false);
}

static void reads_them_in_one_file_as_well(void **state) {
    struct buf file;
    struct buf expected;
    buf_init(&file, 1 << 20);
    buf_init(&expected, 1 << 20);
    for (size_t i = 4; i < 12; i++) { /* what is said twice would be one */
        buf_addf(&file, "%s\r\n", corpus[i].text);
        buf_addf(&expected, "%s%s", i > 4 ? " | " : "", corpus[i].says);
    }
    assert_string_equal(read_text(buf_text(&file), file.len, false), buf_text(&expected));
    buf_release(&file);
    buf_release(&expected);
}

/* ---- what resembles them ---- */

#define RACKSPACE "blocked using sa-ip4tset.blagr.emailsrvr.com=127.22.0.2 Senderscore."
#define SAYS_RACKSPACE "\"Senderscore\" sa-ip4tset.blagr.emailsrvr.com=127.22.0.2 554 5.7.1 listing"

static const struct row shapes[] = {
    /* Postfix */
    {"<user@example.org>: host mx.example.org[198.51.100.3] said: 554 5.7.1\n    Service unavailable; Client "
     "host "
     "[203.0.113.7] blocked using\n    zen.spamhaus.org; https://www.spamhaus.org/query/ip/203.0.113.7 (in "
     "reply to "
     "RCPT\n    TO command)",
     "203.0.113.7 mx.example.org \"Spamhaus\" zen.spamhaus.org 554 5.7.1 listing"},
    {"Nov 27 12:00:01 mail postfix/smtp[4711]: 4ABC: to=<u@example.org>, "
     "relay=mx.example.org[198.51.100.3]:25, "
     "delay=1, dsn=5.7.1, status=bounced (host mx.example.org[198.51.100.3] said: 554 5.7.1 Service "
     "unavailable; "
     "Client host [203.0.113.7] blocked using bl.spamcop.net (in reply to RCPT TO command))\n"
     "Nov 27 12:00:02 mail postfix/smtpd[4712]: connect from unknown[203.0.113.99]",
     "203.0.113.7 mx.example.org \"SpamCop\" bl.spamcop.net 554 5.7.1 listing"},
    {"554 5.7.1 Service unavailable; Client host [mail.example.net[203.0.113.7]] blocked using "
     "bl.spamcop.net",
     "203.0.113.7 - \"SpamCop\" bl.spamcop.net 554 5.7.1 listing"},
    {"554 5.7.1 <unknown[203.0.113.7]>: Client host rejected: Access denied",
     "203.0.113.7 - \"\" - 554 5.7.1 other"},
    {"450 4.7.1 Service unavailable; Client host [203.0.113.7] blocked using bl.spamcop.net",
     "203.0.113.7 - \"SpamCop\" bl.spamcop.net 450 4.7.1 listing"},
    /* Exim */
    {"  user@example.org\n    SMTP error from remote mail server after RCPT TO:<user@example.org>:\n    host "
     "mx.example.org [198.51.100.3]: 550 5.7.1 Client host [203.0.113.7] is listed in bl.spamcop.net",
     "203.0.113.7 mx.example.org \"SpamCop\" bl.spamcop.net 550 5.7.1 listing"},
    {"  user@example.org\n    host mx.example.org [198.51.100.3]\n    SMTP error from remote mail server "
     "after RCPT "
     "TO:<user@example.org>:\n    550-5.7.1 Rejected: 203.0.113.7 is listed\n    550 5.7.1 at bl.spamcop.net",
     "203.0.113.7 mx.example.org \"SpamCop\" bl.spamcop.net 550 5.7.1 listing"},
    /* sendmail, qmail */
    {"   ----- Transcript of session follows -----\n... while talking to mx.example.org.:\n>>> DATA\n<<< 554 "
     "5.7.1 "
     "Mail from 203.0.113.7 refused, see bl.spamcop.net",
     "203.0.113.7 mx.example.org \"SpamCop\" bl.spamcop.net 554 5.7.1 listing"},
    {"<user@example.org>:\n198.51.100.3 does not like recipient.\nRemote host said: 554 5.7.1 Client host "
     "[203.0.113.7] blocked using bl.spamcop.net\nGiving up on 198.51.100.3.\n\n--- Below this line is a "
     "copy of "
     "the message.\n\n554 5.7.1 Client host [203.0.113.8] blocked using bl.spamcop.net",
     "203.0.113.7 198.51.100.3 \"SpamCop\" bl.spamcop.net 554 5.7.1 listing"},
    /* a reply of several lines */
    {"550-5.7.1 Service unavailable;\r\n550-5.7.1 Client host [203.0.113.7] blocked using\r\n"
     "550 5.7.1 zen.spamhaus.org",
     "203.0.113.7 - \"Spamhaus\" zen.spamhaus.org 550 5.7.1 listing"},
    {"554-mx.example.org\n554 Your access to this mail system has been rejected due to the sending MTA's "
     "poor "
     "reputation.",
     "- mx.example.org \"\" - 554 - reputation"},
    /* reports: fields of RFC 3464, folded or wrapped, in any order */
    {"Reporting-MTA: dns; relay.example.net\n\nFinal-Recipient: rfc822; user@example.org\nAction: "
     "failed\nStatus: "
     "5.7.1\nRemote-MTA: dns; mx.example.org\nDiagnostic-Code: smtp; 554 5.7.1 ACL dns_rbl; Client host\n "
     "[40.107.130.132] " RACKSPACE "\n",
     "40.107.130.132 mx.example.org " SAYS_RACKSPACE},
    {"Diagnostic-Code: smtp;554 Service unavailable; Client host [40.107.130.132]\nblocked using "
     "bl.spamcop.net\nRemote-MTA: dns; mx.example.org. (198.51.100.3, the server for the domain "
     "example.org.)\n"
     "Status: 5.7.1 (delivery not authorised)\nX-Display-Name: somebody\n",
     "40.107.130.132 mx.example.org \"SpamCop\" bl.spamcop.net 554 5.7.1 listing"},
    {"Final-Recipient: rfc822; a@example.org\nStatus: 5.7.1\nDiagnostic-Code: smtp; 554 5.7.1 Client host "
     "[203.0.113.7] blocked using bl.spamcop.net\n\nFinal-Recipient: rfc822; b@example.com\nStatus: 5.7.1\n"
     "Remote-MTA: dns; mx.example.com\nDiagnostic-Code: smtp; 554 5.7.1 Client host [203.0.113.8] blocked "
     "using "
     "zen.spamhaus.org",
     "203.0.113.7 - \"SpamCop\" bl.spamcop.net 554 5.7.1 listing | 203.0.113.8 mx.example.com \"Spamhaus\" "
     "zen.spamhaus.org 554 5.7.1 listing"},
    /* Exchange */
    {"Diagnostic information for administrators:\n\nGenerating server: "
     "AM6PR04MB1234.eurprd04.prod.outlook.com\n"
     "user@example.org\nRemote Server returned '554 5.7.1 <smtp27.gate.iad3a.rsapps.net #5.7.1 smtp; 554 "
     "5.7.1 ACL "
     "dns_rbl; Client host [40.107.130.132] " RACKSPACE ">'",
     "40.107.130.132 smtp27.gate.iad3a.rsapps.net " SAYS_RACKSPACE},
    {"Remote Server at example.org (198.51.100.3) returned '550 5.7.1 Message rejected, 203.0.113.7 is "
     "listed by "
     "bl.spamcop.net'",
     "203.0.113.7 example.org \"SpamCop\" bl.spamcop.net 550 5.7.1 listing"},
    {"Reported error:\n554 5.7.1 ACL dns_rbl; Client host [40.107.130.132] " RACKSPACE "\nDSN generated "
     "by:\nAM6PR04MB1234.eurprd04.prod.outlook.com\nRemote server:\nsmtp27.gate.iad3a.rsapps.net",
     "40.107.130.132 smtp27.gate.iad3a.rsapps.net " SAYS_RACKSPACE},
    /* blanks that are none, and quotation */
    {"554\xc2\xa0"
     "5.7.1  ACL\xc2\xa0"
     "dns_rbl;\xe2\x80\x8b Client  host\xc2\xa0[40.107.130.132]\t " RACKSPACE,
     "40.107.130.132 - " SAYS_RACKSPACE},
    {"> On Monday somebody wrote:\n> > 554 5.7.1 ACL dns_rbl; Client host [40.107.130.132]\n> > " RACKSPACE,
     "40.107.130.132 - " SAYS_RACKSPACE},
    {"\xe2\x80\xa2 554 5.7.1 Client host \xe2\x80\x9c[40.107.130.132]\xe2\x80\x9d " RACKSPACE,
     "40.107.130.132 - " SAYS_RACKSPACE},
    /* IPv6 */
    {"550 5.7.1 Service unavailable; Client host [2a01:111:f403:c111::1] blocked using zen.spamhaus.org",
     "2a01:111:f403:c111::1 - \"Spamhaus\" zen.spamhaus.org 550 5.7.1 listing"},
    {"550 5.7.1 Client host [IPv6:2A01:111:F403:C111:0:0:0:1] blocked using zen.spamhaus.org",
     "2a01:111:f403:c111::1 - \"Spamhaus\" zen.spamhaus.org 550 5.7.1 listing"},
    {"550 5.7.1 Client host [::ffff:40.107.130.132] blocked using zen.spamhaus.org",
     "40.107.130.132 - \"Spamhaus\" zen.spamhaus.org 550 5.7.1 listing"},
    /* a key of the receiver's is nobody's business */
    {"550 5.7.1 Client host [203.0.113.7] blocked using k3ys3cr3t.zen.dq.spamhaus.net",
     "203.0.113.7 - \"Spamhaus\" {key}.zen.dq.spamhaus.net 550 5.7.1 listing"},
    /* words of receivers that have their own */
    {"451 4.7.650 The mail server [203.0.113.7] has been temporarily rate limited due to IP reputation. For "
     "e-mail "
     "delivery information see https://postmaster.live.com (S775)",
     "203.0.113.7 - \"Outlook.com\" - 451 4.7.650 reputation"},
    {"550 5.7.1 Recipient server 198.51.100.3 rejected the message; client 203.0.113.7 is blacklisted",
     "203.0.113.7 - \"\" - 550 5.7.1 listing"},
    {"554 5.7.1 Service unavailable; Client host "
     "[mail-am6eur05on2102.outbound.protection.outlook.com[40.107.22.102]] blocked using Barracuda "
     "Reputation; "
     "https://www.barracudanetworks.com/reputation/?r=1&ip=40.107.22.102",
     "40.107.22.102 - \"Barracuda\" - 554 5.7.1 listing"},
    {"553 5.3.0 flpd123 DNSBL:RBL 521< 203.0.113.7 >_is_blocked.For assistance forward this error to "
     "abuse_rbl@example.net",
     "203.0.113.7 - \"\" - 553 5.3.0 listing"},
    {"554 mx.example.net ESMTP not accepting messages from 203.0.113.7 (RBL: bl.mailspike.net)",
     "203.0.113.7 mx.example.net \"\" bl.mailspike.net 554 - listing"},
    {"550 5.7.1 Message rejected due to IP [203.0.113.7] blacklisting by Abusix. See "
     "https://lookup.abusix.com/search?q=203.0.113.7",
     "203.0.113.7 - \"Abusix\" - 550 5.7.1 listing"},
    /* of a chain only the last server's words count, its codes included */
    {"550 5.7.514 Decision Engine (203.0.113.1) -> 554 Blocked - see "
     "https://ipcheck.proofpoint.com/?ip=203.0.113.7",
     "203.0.113.7 - \"Proofpoint\" - 554 - listing"},
    {"554 5.7.1 SPAM/203.0.113.7 is listed in bl.spamcop.net",
     "203.0.113.7 - \"SpamCop\" bl.spamcop.net 554 5.7.1 listing"},
    /* a name for the list, and one that nobody knows */
    {"550 5.7.1 Service unavailable; Client host [203.0.113.7] blocked using Trend Micro RBL+. Please see "
     "http://www.mail-abuse.com/cgi-bin/lookup?ip_address=203.0.113.7",
     "203.0.113.7 - \"Trend Micro RBL+\" - 550 5.7.1 listing"},
    {"554 5.7.1 Client host [203.0.113.7] blocked using bl.example.net; Listed, see example.net",
     "203.0.113.7 - \"\" bl.example.net 554 5.7.1 listing"},
    {"554-IP address is block listed.\n554 For explanation visit "
     "https://postmaster.example.net/en/error-messages?ip=203.0.113.7&c=bl",
     "203.0.113.7 - \"\" - 554 - listing"},
};

static void reads_what_resembles_them(void **state) {
    CHECK(shapes, false);
}

static const struct row kinds[] = {
    {"554 5.7.1 Service unavailable; Client host [203.0.113.7] blocked using zen.spamhaus.org; Error: open "
     "resolver; https://check.spamhaus.org/returnc/pub/203.0.113.99/",
     "203.0.113.7 - \"Spamhaus\" zen.spamhaus.org 554 5.7.1 refused"},
    {"554 5.7.1 Client host [203.0.113.7] blocked using bl.score.senderscore.com=127.255.255.255",
     "203.0.113.7 - \"Senderscore\" bl.score.senderscore.com=127.255.255.255 554 5.7.1 refused"},
    {"421 4.7.0 [TSS04] Messages from 203.0.113.7 temporarily deferred due to unexpected volume or user "
     "complaints "
     "- 4.16.55.1; see https://postmaster.example.com/421.html",
     "203.0.113.7 - \"\" - 421 4.7.0 reputation"},
    {"421-4.7.28 Our system has detected an unusual rate of unsolicited mail originating from your IP "
     "address. "
     "[203.0.113.7 15]",
     "203.0.113.7 - \"\" - 421 4.7.28 reputation"},
    {"450 4.2.0 <user@example.org>: Recipient address rejected: Greylisted, try again in 300 seconds",
     "- - \"\" - 450 4.2.0 greylisting"},
    {"550 5.7.1 Service unavailable; Sender address [user@example.com] blocked using dbl.spamhaus.org",
     "- - \"Spamhaus DBL\" dbl.spamhaus.org 550 5.7.1 domain"},
    {"554 5.7.1 Service unavailable; Helo command [mail.example.com] blocked using multi.surbl.org",
     "- - \"SURBL\" multi.surbl.org 554 5.7.1 domain"},
    {"550 5.1.1 <user@example.org>: Recipient address rejected: User unknown", "- - \"\" - 550 5.1.1 other"},
    {"550-5.7.26 This mail has been blocked because the sender is unauthenticated.\n550-5.7.26 SPF "
     "[example.com] with "
     "ip: [203.0.113.7] = did not pass",
     "203.0.113.7 - \"\" - 550 5.7.26 other"},
};

static void tells_kinds_of_bounces_apart(void **state) {
    CHECK(kinds, false);
}

/* ---- what must not be believed ---- */

static const struct row traps[] = {
    /* addresses that nobody sends from over the internet, though the link has a good one */
    {"554 5.7.1 Client host [10.0.0.5] blocked using bl.spamcop.net; https://www.spamcop.net/?ip=203.0.113.7",
     "- - \"SpamCop\" bl.spamcop.net 554 5.7.1 listing"},
    {"554 5.7.1 Client host [172.16.0.5] blocked using bl.spamcop.net",
     "- - \"SpamCop\" bl.spamcop.net 554 5.7.1 listing"},
    {"554 5.7.1 Client host [192.168.0.5] blocked using bl.spamcop.net",
     "- - \"SpamCop\" bl.spamcop.net 554 5.7.1 listing"},
    {"554 5.7.1 Client host [100.64.0.5] blocked using bl.spamcop.net",
     "- - \"SpamCop\" bl.spamcop.net 554 5.7.1 listing"},
    {"554 5.7.1 Client host [169.254.0.5] blocked using bl.spamcop.net",
     "- - \"SpamCop\" bl.spamcop.net 554 5.7.1 listing"},
    {"554 5.7.1 Client host [127.0.0.1] blocked using bl.spamcop.net",
     "- - \"SpamCop\" bl.spamcop.net 554 5.7.1 listing"},
    {"554 5.7.1 Client host [fd00::5] blocked using bl.spamcop.net",
     "- - \"SpamCop\" bl.spamcop.net 554 5.7.1 listing"},
    {"554 5.7.1 Client host [fe80::5] blocked using bl.spamcop.net",
     "- - \"SpamCop\" bl.spamcop.net 554 5.7.1 listing"},
    {"554 5.7.1 Client host [::1] blocked using bl.spamcop.net",
     "- - \"SpamCop\" bl.spamcop.net 554 5.7.1 listing"},
    /* the sender is named or masked, so the link is none of its business */
    {"554 5.7.1 Client host [mail.example.net] blocked using bl.spamcop.net; "
     "https://www.spamcop.net/?ip=203.0.113.7",
     "- - \"SpamCop\" bl.spamcop.net 554 5.7.1 listing"},
    {"554 5.7.1 Client host [203.0.xxx.7] blocked using bl.spamcop.net; "
     "https://www.spamcop.net/?ip=203.0.113.7",
     "- - \"SpamCop\" bl.spamcop.net 554 5.7.1 listing"},
    {"554 Blocked 203.0.113.7, 203.0.113.8 - see https://ipcheck.proofpoint.com/?ip=203.0.113.9",
     "- - \"Proofpoint\" - 554 - listing"},
    /* two links, and a link to a host that is an address */
    {"554 Blocked - see https://ipcheck.proofpoint.com/?ip=203.0.113.7 or "
     "https://ipcheck.proofpoint.com/?ip=203.0.113.8",
     "- - \"Proofpoint\" - 554 - listing"},
    {"554 5.7.1 Blocked, see http://203.0.113.7/bl", "- - \"\" - 554 5.7.1 other"},
    {"554 5.7.1 blocked using bl.spamcop.net, see https://example.org/log?server=198.51.100.3",
     "- - \"SpamCop\" bl.spamcop.net 554 5.7.1 listing"},
    /* only the receiver's address */
    {"host mx.example.org[198.51.100.3] said: 554 5.7.1 Rejected, you are on bl.spamcop.net",
     "- mx.example.org \"SpamCop\" bl.spamcop.net 554 5.7.1 listing"},
    {"host mx.example.org[198.51.100.3] said: 554 5.7.1 Client host [198.51.100.3] blocked using "
     "bl.spamcop.net",
     "- mx.example.org \"SpamCop\" bl.spamcop.net 554 5.7.1 listing"},
    {"Remote-MTA: dns; [198.51.100.3]\nDiagnostic-Code: smtp; 554 5.7.1 198.51.100.3 is listed in "
     "bl.spamcop.net",
     "- 198.51.100.3 \"SpamCop\" bl.spamcop.net 554 5.7.1 listing"},
    {"554 5.7.1 Message from 203.0.113.7 is listed in bl.spamcop.net\nMessage rejected by: 203.0.113.7",
     "- 203.0.113.7 \"SpamCop\" bl.spamcop.net 554 5.7.1 listing"},
    /* two senders */
    {"554 5.7.1 Client host [203.0.113.7] or client host [203.0.113.8] blocked using bl.spamcop.net",
     "- - \"SpamCop\" bl.spamcop.net 554 5.7.1 listing"},
    /* parts of something else */
    {"554 5.7.1 Client host 203.0.113.0/24 blocked using bl.spamcop.net",
     "- - \"SpamCop\" bl.spamcop.net 554 5.7.1 listing"},
    {"554 5.7.1 Client host 203.0.113.7.example.net blocked using bl.spamcop.net",
     "- - \"SpamCop\" bl.spamcop.net 554 5.7.1 listing"},
    {"554 5.7.1 Client host 1.203.0.113.7 blocked using bl.spamcop.net",
     "- - \"SpamCop\" bl.spamcop.net 554 5.7.1 listing"},
    {"554 5.7.1 Mail from <user@[203.0.113.7]> blocked using bl.spamcop.net",
     "- - \"SpamCop\" bl.spamcop.net 554 5.7.1 listing"},
    {"554 5.7.1 Client host [203.0.113.007] blocked using bl.spamcop.net",
     "- - \"SpamCop\" bl.spamcop.net 554 5.7.1 listing"},
    {"554 5.7.1 Client host [203.0.113.256] blocked using bl.spamcop.net",
     "- - \"SpamCop\" bl.spamcop.net 554 5.7.1 listing"},
    /* a host is no zone because it lists something */
    {"554 5.7.1 Client host [203.0.113.7] blocked by mx.example.org", "203.0.113.7 - \"\" - 554 5.7.1 other"},
    /* people who talk about bounces, and mail that is none */
    {"Administrators should verify it if they meet error code 554 5.7.1. The message states that the client "
     "host is "
     "blocked using a Real-time Blackhole List (RBL): 203.0.113.7 is listed.",
     ""},
    {"Received: from mail.example.net (mail.example.net [203.0.113.7])\n\tby mx.example.org (Postfix) with "
     "ESMTP id 554 "
     "5.7.1\n\tClient host [203.0.113.8] blocked using bl.spamcop.net\nSubject: hello",
     ""},
    {"250 2.0.0 Ok: queued as 4ABC", ""},
    {"see http://203.0.113.7/ and call 555 1234", ""},
    {"", ""},
};

static void believes_nothing_else(void **state) {
    CHECK(traps, false);
}

/* ---- where a bounce begins and ends ---- */

#define SPAMCOP "554 5.7.1 Client host [203.0.113.7] blocked using bl.spamcop.net"
#define COPY "\n\nfor 554 5.7.1 Client host [203.0.113.8] blocked using bl.spamcop.net"
#define SAYS_SPAMCOP "203.0.113.7 - \"SpamCop\" bl.spamcop.net 554 5.7.1 listing"

static const struct row limits[] = {
    {SPAMCOP "\n\n   ----- Original message follows -----" COPY, SAYS_SPAMCOP},
    {SPAMCOP "\n\n----- Original message -----" COPY, SAYS_SPAMCOP},
    {SPAMCOP "\n\nOriginal message headers:" COPY, SAYS_SPAMCOP},
    {SPAMCOP "\n\nBelow this line is a copy of the original message" COPY, SAYS_SPAMCOP},
    {SPAMCOP "\n\n------ This is a copy of the message's header lines. ------" COPY, SAYS_SPAMCOP},
    {SPAMCOP "\n\nThe body of the message is 70000 characters long; only the first\n10000 are here" COPY,
     SAYS_SPAMCOP},
    /* what a person forwards stands below such a line */
    {"Hello,\n\n-----Original Message-----\n" SPAMCOP, SAYS_SPAMCOP},
    {"Hello,\n\n----- Original Message -----\n" SPAMCOP, SAYS_SPAMCOP},
    /* it arrived */
    {"Final-Recipient: rfc822; a@example.org\nAction: delivered\nStatus: 2.0.0\nDiagnostic-Code: smtp; 250 "
     "2.0.0 Ok",
     ""},
    {"Final-Recipient: rfc822; a@example.org\nDiagnostic-Code: smtp; 250 2.0.0 Ok, not blocked\nAction: "
     "relayed",
     ""},
    /* fields in quoted text */
    {"> Received: from mail.example.net\n>  (203.0.113.8)\n> \t: 554 5.7.1 Client host [203.0.113.8] "
     "blocked\n"
     "> Subject: x",
     ""},
    /* and words of people that look like fields */
    {"Status: blocked\n" SPAMCOP, SAYS_SPAMCOP},
    {"Action: please help\n" SPAMCOP, SAYS_SPAMCOP},
};

static void knows_where_a_bounce_begins_and_ends(void **state) {
    CHECK(limits, false);
}

static void reads_on_behind_long_lines_and_words(void **state) {
    static const struct {
        const char *piece;
        size_t n;
        const char *behind;
    } rows[] = {
        {"a", 5000, " "}, {"a", 5000, "\n"}, {"abc ", 3000, "\n"}, {"abc ", 3000, ": "}, {"abc\n", 3000, ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct buf text;
        buf_init(&text, 1 << 20);
        for (size_t k = 0; k < rows[i].n; k++)
            buf_add_text(&text, rows[i].piece);
        buf_addf(&text, "%s" SPAMCOP, rows[i].behind);
        assert_string_equal(read_text(buf_text(&text), text.len, false), SAYS_SPAMCOP);
        buf_release(&text);
    }
}

/* ---- one message ---- */

static const struct row messages[] = {
    {"smtp27.gate.iad3a.rsapps.net gave this error:\nDecision Engine classified the mail item was rejected "
     "because of "
     "IP Block (from outbound high risk IP pools) -> 554 5.7.1 ACL dns_rbl; Client host "
     "[40.107.130.132] " RACKSPACE "\n\nFinal-Recipient: rfc822;user@example.org\nAction: failed\nStatus: "
     "5.7.1\nDiagnostic-Code: smtp;554 5.7.1 ACL "
     "dns_rbl; Client host [40.107.130.132]\n " RACKSPACE "\nRemote-MTA: dns;smtp27.gate.iad3a.rsapps.net\n",
     "40.107.130.132 smtp27.gate.iad3a.rsapps.net " SAYS_RACKSPACE},
    {"The mail system\n\n554 5.3.0 something went wrong\n\n<user@example.org>: host "
     "mx.example.org[198.51.100.3] said: 554 "
     "5.7.1 Client host [203.0.113.7] blocked using bl.spamcop.net",
     "203.0.113.7 mx.example.org \"SpamCop\" bl.spamcop.net 554 5.7.1 listing"},
    {"<a@example.org>: host mx.example.org[198.51.100.3] said: 554 5.7.1 Client host [203.0.113.7] blocked "
     "using "
     "bl.spamcop.net\n\n<b@example.com>: host mx.example.com[198.51.100.4] said: 554 5.7.1 Client host "
     "[203.0.113.7] "
     "blocked using bl.spamcop.net",
     "203.0.113.7 mx.example.org \"SpamCop\" bl.spamcop.net 554 5.7.1 listing | 203.0.113.7 mx.example.com "
     "\"SpamCop\" "
     "bl.spamcop.net 554 5.7.1 listing"},
    {"550 5.1.1 <user@example.org>: User unknown\n\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1 "
     "<user@example.org>: "
     "User unknown",
     "- - \"\" - 550 5.1.1 other"},
};

static void tells_once_what_a_message_says_twice(void **state) {
    CHECK(messages, true);
}

static void knows_the_pool_for_suspicious_mail(void **state) {
    (void)read_text(messages[0].text, strlen(messages[0].text), true);
    assert_true(bounces.items[0].high_risk_pool);
    static const char elsewhere[] = "554 5.7.1 Blocked for high risk content";
    (void)read_text(elsewhere, strlen(elsewhere), true);
    assert_false(bounces.items[0].high_risk_pool);
    (void)read_text(corpus[3].text, strlen(corpus[3].text), true);
    assert_false(bounces.items[0].high_risk_pool);
}

static void keeps_as_many_as_it_has_room_for(void **state) {
    struct buf text;
    buf_init(&text, 1 << 20);
    for (unsigned i = 0; i < BOUNCES_MOST + 5; i++)
        buf_addf(&text, "554 5.7.1 Client host [203.0.%u.%u] blocked using bl.spamcop.net\n", i / 250,
                 i % 250);
    (void)read_text(buf_text(&text), text.len, false);
    assert_int_equal(bounces.n, BOUNCES_MOST);
    assert_int_equal(bounces.n_omitted, 5);
    buf_release(&text);
}

/* A statement that is too long is cut between words: no half of an address is read. */
static void cuts_no_address(void **state) {
    char text[6000];
    for (size_t pad = 4000; pad < 4100; pad++) {
        int n = snprintf(text, sizeof text,
                         "554 5.7.1 blocked %*s Client host [203.0.113.117] blocked using x.example.net",
                         (int)pad, "");
        memset(text + 18, '-', pad);
        const char *says = read_text(text, (size_t)n, false);
        if (strncmp(says, "203.0.113.117 ", 14) != 0 && says[0] != '-')
            fail_msg("%zu: %s", pad, says);
    }
}

#ifdef __SANITIZE_ADDRESS__
enum { SLOWDOWN = 16 };
#else
enum { SLOWDOWN = 1 };
#endif

/* Nothing in the text costs more than its length: the worst that was found for each loop. */
static void reads_a_megabyte_soon(void **state) {
    static const char *const pieces[] = {"554 5.7.1 ",
                                         "550-",
                                         "[1.2.3.4] ",
                                         "client host [",
                                         "http://a.b/",
                                         "->",
                                         "blocked using a.b=",
                                         "1:",
                                         "127.0.0.",
                                         "Status: ",
                                         "\n",
                                         "a",
                                         "client a.b ",
                                         "x.x.x.x ",
                                         "(x.x.x.x",
                                         "a.b=",
                                         "554 [1.2.3.4], "};
    /* The sanitizer reads a string to its end wherever a function looks at its beginning. */
    const size_t size = BOUNCE_BYTES / SLOWDOWN;
    char *text = malloc(size);
    assert_non_null(text);
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        size_t len = strlen(pieces[i]);
        for (size_t n = 0; n < size; n++)
            text[n] = pieces[i][n % len];
        (void)read_text(text, size, false);
    }
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_bounce_that_was_seen_in_the_wild),
        cmocka_unit_test(reads_them_in_one_file_as_well),
        cmocka_unit_test(reads_what_resembles_them),
        cmocka_unit_test(tells_kinds_of_bounces_apart),
        cmocka_unit_test(believes_nothing_else),
        cmocka_unit_test(knows_where_a_bounce_begins_and_ends),
        cmocka_unit_test(reads_on_behind_long_lines_and_words),
        cmocka_unit_test(tells_once_what_a_message_says_twice),
        cmocka_unit_test(knows_the_pool_for_suspicious_mail),
        cmocka_unit_test(keeps_as_many_as_it_has_room_for),
        cmocka_unit_test(cuts_no_address),
        cmocka_unit_test(reads_a_megabyte_soon),
    };
    mirrors = mirrors_fixture();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    mirrors_free(mirrors);
    return failed;
}
