/* SPDX-License-Identifier: Apache-2.0
 *
 * bounce_internal: what the files that read a bounce share.
 */
#ifndef RBL_CORE_BOUNCE_INTERNAL_H
#define RBL_CORE_BOUNCE_INTERNAL_H

#include "core/bounce.h"

enum { STATEMENT_SIZE = 4096, STATEMENT_ADDRESSES = 64 };

/* One reply with what stands around it: one line, single spaces, no control characters. */
struct statement {
    size_t len;
    char text[STATEMENT_SIZE];
    char lower[STATEMENT_SIZE];        /* the same in lower case */
    char remote[BOUNCE_HOST_SIZE];     /* RFC 3464 Remote-MTA, without its type; "" if none */
    char status[BOUNCE_ENHANCED_SIZE]; /* RFC 3464 Status */
    bool is_reply;                     /* an SMTP reply or an enhanced code stands where one can stand */
};

/* --- bounce_split.c: from text to statements --- */
struct bounce_sink {
    /* A statement is complete. It may be changed. */
    void (*statement)(void *context, struct statement *s);
    /* A line that says who rejected what the statement before is about. */
    void (*receiver)(void *context, const char *host);
    void *context;
};
/* `text` is NUL-terminated, without control characters but line ends (bounce_clean()). */
void bounce_split(const char *text, const struct bounce_sink *sink);

/* --- bounce_clean.c --- */
/* Line ends become \n; other control characters and every kind of blank a space; typographic quotes, dashes
 * and arrows those of ASCII. `out` has room for `len` + 1 bytes: nothing grows. Returns its length. */
size_t bounce_clean(const char *text, size_t len, char *out);

/* --- bounce_field.c --- */
enum bounce_field {
    FIELD_NONE,
    FIELD_HEADER,
    FIELD_DSN,
    FIELD_RECIPIENT,
    FIELD_DIAGNOSTIC,
    FIELD_STATUS,
    FIELD_ACTION,
    FIELD_REMOTE
};
/* The field that a line begins with, and its value. */
enum bounce_field bounce_field_of(const char *line, const char **value);
/* Whether a value of Action: says that the message has arrived, or went on. */
bool bounce_is_arrival(const char *action);

/* --- bounce_reply.c: SMTP replies --- */
/* The code of the reply that begins at `at` (450, 554, ...), where one can stand; 0: none does. */
unsigned bounce_reply_at(const char *text, size_t at);
/* The length of the enhanced status code at `at`, 0 if there is none. */
size_t bounce_enhanced_at(const char *text, size_t at);
/* SMTP and enhanced status of the reply that holds `at` (an offset behind it). */
void bounce_read_reply(const struct statement *s, size_t at, struct bounce *out);
/* Where the words of the last server in a chain `A -> B` begin. */
size_t bounce_words(const struct statement *s);

/* --- bounce_find.c: addresses in a text --- */
enum bounce_role {
    ROLE_NOBODY = -2, /* a number that is no address, or one of a policy */
    ROLE_RECEIVER = -1,
    ROLE_NONE,
    ROLE_WEAK,   /* stands where receivers name whom they reject, and nothing says whose it is */
    ROLE_SENDER, /* "from", or "is listed" behind it */
    ROLE_CLIENT, /* "client host" and the like */
};
struct bounce_found {
    struct ip ip;
    size_t begin;
    size_t end;
    bool in_link;
    enum bounce_role role;
};
/* Adds the addresses of a text behind the `n` that are there; returns how many there are then. */
size_t bounce_find_all(const char *text, struct bounce_found out[STATEMENT_ADDRESSES], size_t n);
/* Whether it is an address of which parts are hidden: `192.0.xxx.1`, `**.**.**.**`, `2a01:111:xxxx::1`. */
bool bounce_is_masked(const char *word, size_t len);

/* --- bounce_role.c: who is spoken of --- */
/* The role of what stands at [begin, end) and in no link. `words`: where the reply begins, s->len if none
 * does. */
enum bounce_role bounce_role_of(const struct statement *s, size_t begin, size_t end, size_t words);
/* Whether a sender is named by what is none of the `n` addresses: a host name without one, an address that is
 * masked, or from which nobody sends. */
bool bounce_names_another(const struct statement *s, size_t words, const struct bounce_found *found,
                          size_t n);

/* --- bounce_address.c: whose address is which --- */
struct bounce_parties {
    bool has_sender;
    struct ip sender;
    size_t at;      /* where the sender stands */
    bool is_client; /* it is called the client, in so many words */
    char receiver[BOUNCE_HOST_SIZE];
};
void bounce_read_parties(const struct statement *s, struct bounce_parties *out);

/* --- bounce_link.c --- */
/* Whether what begins at `at` stands in a link, behind its scheme or host name. */
bool bounce_is_in_link(const struct statement *s, size_t at);
/* Whether its place there says that it is what is looked up: `?ip=`, `/lookup/`. */
bool bounce_is_looked_up(const struct statement *s, size_t at);

/* --- bounce_receiver.c --- */
/* The host that rejected; "" if the statement does not say. */
void bounce_read_receiver(const struct statement *s, char out[BOUNCE_HOST_SIZE]);
/* Whether text[0..len) is a host name with a letter in its last label and at least one dot. */
bool bounce_is_host(const char *text, size_t len);

/* --- bounce_list.c: which list, and what kind of bounce --- */
void bounce_read_list(const struct statement *s, const struct mirrors *mirrors, struct bounce *out);
enum bounce_kind bounce_read_kind(const struct statement *s, const struct bounce *b);
/* Whether a text speaks of lists, blocks or reputation at all. */
bool bounce_has_trigger(const char *lower);
/* Whether it says so in the words of a mail server that blocks a client. */
bool bounce_is_blocked(const char *lower);

/* --- characters --- */
static inline bool bounce_is_digit(char c) {
    return c >= '0' && c <= '9';
}
static inline bool bounce_is_word(char c) {
    return bounce_is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
static inline char bounce_lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

#endif
