/* SPDX-License-Identifier: Apache-2.0
 *
 * What to do next, in the order in which one does it: how it stands, what the cause is, what to ask of whom,
 * what to do with the mail until then.
 */
#include "core/advice.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { SENTENCE = 1024 };

struct teller {
    const struct advice *a;
    const struct bounce *b;
    char address[IP_TEXT_SIZE];
    const char *list; /* what to call it */
    advice_say *say;
    void *context;
};

static void tell(const struct teller *t, const char *format, ...) PRINTF_LIKE(2, 3);

static void tell(const struct teller *t, const char *format, ...) {
    char sentence[SENTENCE];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(sentence, sizeof sentence, format, args);
    va_end(args);
    t->say(t->context, sentence);
}

/* ---- how it stands ---- */

static void tell_unknown(const struct teller *t) {
    const struct advice *a = t->a;
    if (a->reason != NULL && a->list != ADVICE_NO_LIST)
        tell(t, "Whether %s is listed on %s now could not be found out (%s).", t->address, t->list,
             a->reason);
    else if (a->list == ADVICE_NO_LIST && a->public_list != NULL)
        tell(t,
             "Whether %s is listed on %s now was not looked up: the list is not enabled in the "
             "configuration; \"- use: "
             "%s\" under lists does that, if it is built in.",
             t->address, t->list, a->public_list);
    else if (a->list == ADVICE_NO_LIST && a->page[0] != '\0')
        tell(t, "%s cannot be asked over DNS: look %s up at %s.", t->list, t->address, a->page);
    else if (a->list == ADVICE_NO_LIST)
        tell(t, "The bounce names no list that could be asked whether it has %s.", t->address);
    else
        tell(t, "Whether %s is listed on %s now was not looked up.", t->address, t->list);
}

static void tell_part(const struct teller *t) {
    if (t->a->result == ADVICE_NOT_LISTED)
        tell(t, "%s is listed on %s as %s now, not as %s: the bounce speaks of another listing.", t->address,
             t->a->public_list, t->a->as, t->list);
    else
        tell(t, "%s is listed on %s now, but whether as %s its answers do not say.", t->address,
             t->a->public_list, t->list);
}

static void tell_result(const struct teller *t) {
    switch (t->a->result) {
    case ADVICE_CONFIRMED: tell(t, "%s is listed on %s now.", t->address, t->list); break;
    case ADVICE_NOT_LISTED:
        tell(t,
             "%s is not listed on %s now: it was removed meanwhile, or the receiver's copy of the list is "
             "older or "
             "wrong. Send the message again; if it bounces again, tell the receiver's postmaster.",
             t->address, t->list);
        break;
    case ADVICE_UNKNOWN: tell_unknown(t); break;
    case ADVICE_UNPARSED:
        tell(t, "The bounce names no address for sure (it may be masked, or there are several): ask for the "
                "whole "
                "report with its diagnostic text.");
        break;
    case ADVICE_RESULTS: break;
    }
}

/* What it is about needs no list: whether one has the address is no question. */
static bool is_beside_lists(const struct teller *t) {
    return t->b->kind == BOUNCE_GREYLISTING && t->a->result != ADVICE_CONFIRMED;
}

static void tell_status(const struct teller *t) {
    if (is_beside_lists(t))
        return;
    if (t->a->is_part)
        tell_part(t);
    else
        tell_result(t);
    if (t->a->others[0] != '\0')
        tell(t, "Other lists that list %s now: %s.", t->address, t->a->others);
}

/* Whose it is, in the words of the configuration. */
static void tell_group(const struct teller *t) {
    char range[IP_RANGE_TEXT_SIZE];
    if (t->a->group == NULL)
        return;
    (void)ip_range_format(&t->a->group_range, range);
    if (ip_equal(&t->a->group_range.first, &t->a->group_range.last))
        tell(t, "It is one of the addresses of your group \"%s\".", t->a->group->name);
    else
        tell(t, "It is in %s of your group \"%s\".", range, t->a->group->name);
}

/* ---- the cause ---- */

static void tell_cause(const struct teller *t) {
    char range[IP_RANGE_TEXT_SIZE];
    if (t->a->microsoft == NULL) {
        tell(t,
             "%s is not in the published ranges from which Microsoft 365 sends. If it is yours, find out "
             "what it sent "
             "before you ask for its removal, or it is listed again.",
             t->address);
        return;
    }
    (void)ip_range_format(t->a->microsoft, range);
    tell(
        t,
        "%s is an outbound address of Microsoft 365 (%s), which many tenants share: the cause is "
        "what one of them sent. Your SPF, DKIM and DMARC are not the cause, and changing them does not help.",
        t->address, range);
    if (t->b->high_risk_pool)
        tell(t, "Microsoft sent it from its high-risk pool, whose addresses are listed by design: it took "
                "the message "
                "for suspicious. Look for a compromised account, for forwarded mail, and for a domain that "
                "is not "
                "verified in the tenant.");
}

/* ---- what to ask for ---- */

static void tell_ticket(const struct teller *t) {
    if (t->a->microsoft != NULL)
        tell(t,
             "Open a support request in the Microsoft 365 admin center: say that the outbound address %s is "
             "on the "
             "block list %s, attach the whole bounce with address and link, and ask that they clean it up "
             "and have it "
             "delisted, or send your mail from other addresses.",
             t->address, t->list);
    if (t->a->page[0] != '\0')
        tell(t, "Delisting page of %s: %s%s", t->list, t->a->page,
             t->a->microsoft != NULL
                 ? " (as a rule only the owner of the address, Microsoft, can ask for its removal)"
                 : "");
}

/* ---- the mail until then ---- */

/* Control panels such as Rackspace's know whole octets only. */
static void tell_safelist(const struct teller *t) {
    char percent[IP_RANGE_TEXT_SIZE];
    char cidr[IP_RANGE_TEXT_SIZE];
    char wide[192] = "";
    struct ip_range net = {t->b->address, t->b->address};
    if (t->a->microsoft == NULL || t->b->address.family != IP_V4)
        return;
    net.first.lo &= ~UINT64_C(0xffff);
    net.last.lo |= 0xffff;
    (void)ip_range_format(&net, cidr);
    if (!ip_range_percent(&net, percent))
        return;
    if (!ip_range_contains(t->a->microsoft, &net.first) || !ip_range_contains(t->a->microsoft, &net.last)) {
        char range[IP_RANGE_TEXT_SIZE];
        (void)ip_range_format(t->a->microsoft, range);
        (void)snprintf(wide, sizeof wide, " That is more than Microsoft's %s.", range);
    }
    tell(t,
         "Whoever runs the receiving side can safelist %s (%s in CIDR).%s It lets the mail of every tenant "
         "that sends "
         "from there past the spam filters, so it is worth its risk only for mail that cannot wait, and only "
         "until the "
         "address is delisted: note the date, and take it out then.",
         percent, cidr, wide);
    if (t->b->known != NULL && strcmp(t->b->known->name, "Spamhaus PBL") == 0)
        tell(t, "Against the PBL Rackspace's safelist does not help.");
}

static void tell_retry(const struct teller *t) {
    bool shared = t->a->microsoft != NULL;
    if (t->b->smtp_status / 100 == 4)
        tell(t, "The receiver said \"later\" (%u): the sending server tries again by itself.",
             t->b->smtp_status);
    else if (shared)
        tell(t, "Send the message again after 5 to 10 minutes: it may leave from another address, and such "
                "listings are "
                "short. What is urgent can go through another relay or gateway meanwhile.");
    else
        tell(t, "What is urgent can go through another relay whose address is not listed.");
}

/* ---- the kinds ---- */

static void tell_listing(const struct teller *t) {
    tell_cause(t);
    if (t->a->result == ADVICE_NOT_LISTED &&
        !t->a->is_part) /* there is nothing to remove, and nothing to wait for */
        return;
    tell_ticket(t);
    tell_retry(t);
    tell_safelist(t);
}

static void tell_refused(const struct teller *t) {
    if (t->a->result == ADVICE_CONFIRMED) { /* both are true: the listing is what remains */
        tell(t,
             "The receiver was refused by the list, and took that for a listing, but there is one as well.");
        tell_listing(t);
        return;
    }
    tell(t,
         "%s refused the receiver's question (a public resolver, or too many questions), and the receiver "
         "took that for "
         "a listing. Tell its postmaster: use a resolver of one's own, and do not block on answers in "
         "127.255.255.0/24.",
         t->list);
    tell(t, "Neither delisting nor a safelist is the remedy.");
}

static void tell_domain(const struct teller *t) {
    tell(t,
         "It is a domain that is listed (of the sender, or in the message), not the address: another relay "
         "does not "
         "help.%s%s",
         t->a->page[0] != '\0' ? " Look it up at " : "", t->a->page);
}

static void tell_other(const struct teller *t) {
    if (t->b->has_address)
        tell(t, "The receiver does not say that a list made it reject the message: its text says what did.");
    else
        tell(t, "No list is named: the receiver's text says why it rejected the message.");
}

void advice_tell(const struct advice *a, advice_say *say, void *context) {
    const struct bounce *b = a->bounce;
    struct teller t = {.a = a, .b = b, .say = say, .context = context};
    if (b->has_address)
        (void)ip_format(&b->address, t.address);
    t.list = b->list[0] != '\0'       ? b->list
             : a->public_list != NULL ? a->public_list
             : b->zone[0] != '\0'     ? b->zone
                                      : "the receiver's list";
    tell_status(&t);
    tell_group(&t);
    if (!b->has_address && b->kind == BOUNCE_LISTING) {
        if (a->page[0] != '\0')
            tell(&t, "Delisting page of %s: %s", t.list, a->page);
        return;
    }
    switch (b->kind) {
    case BOUNCE_LISTING: tell_listing(&t); break;
    case BOUNCE_REFUSED: tell_refused(&t); break;
    case BOUNCE_REPUTATION:
        tell(&t, "The receiver limits or distrusts the address by its own measure; no public list is named.");
        if (b->has_address)
            tell_cause(&t);
        tell_retry(&t);
        break;
    case BOUNCE_DOMAIN: tell_domain(&t); break;
    case BOUNCE_GREYLISTING:
        tell(&t, "Greylisting: the receiver wants to see the same server again. It tries again by itself; "
                 "there is "
                 "nothing to do.");
        break;
    case BOUNCE_OTHER: tell_other(&t); break;
    case BOUNCE_KINDS: break;
    }
}
