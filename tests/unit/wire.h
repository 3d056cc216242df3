/* SPDX-License-Identifier: Apache-2.0
 *
 * wire: DNS messages from a line of text, so that a row of a test shows the message it is about.
 *
 * Words are separated by spaces:
 *   h:FLAGS:QD:AN:NS:AR  a header with the id 1234 (FLAGS in hex, counts in decimal)
 *   q                    the question 2.0.0.127.bl.example.net A IN; it begins at 12, the zone in it at 22
 *   =NAME  @OFFSET       a name with its root label ("=" alone: the root); a pointer
 *   A:ADDRESS            the rest of an A record behind its owner: IN, TTL 300, 4 bytes
 *   SOA  NS  CNAME:NAME  DNAME:NAME  PTR:NAME
 *                        the rest of such a record; the names in SOA and NS are the root
 *   OPT:XX               a whole OPT record, the extended rcode in hex
 *   TXT:N  s:TEXT        the fixed fields of a TXT record with N bytes of RDATA; a string of it ('_' is a
 *                        space)
 *   *N:WORD              WORD, N times
 *   anything else        bytes in hex
 */
#ifndef TESTS_WIRE_H
#define TESTS_WIRE_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WIRE_MAX = 65535, WIRE_ID = 0x1234, WIRE_QUESTION = 12, WIRE_ZONE = 22 };
#define WIRE_NAME "2.0.0.127.bl.example.net"

struct wire {
    size_t len;
    uint8_t bytes[WIRE_MAX];
};

static inline void wire_u8(struct wire *w, unsigned value) {
    if (w->len < WIRE_MAX)
        w->bytes[w->len++] = (uint8_t)value;
}

static inline void wire_u16(struct wire *w, unsigned value) {
    wire_u8(w, value >> 8);
    wire_u8(w, value);
}

static inline void wire_u32(struct wire *w, uint32_t value) {
    wire_u16(w, value >> 16);
    wire_u16(w, value);
}

static inline void wire_bytes(struct wire *w, const void *bytes, size_t n) {
    for (size_t i = 0; i < n; i++)
        wire_u8(w, ((const uint8_t *)bytes)[i]);
}

static inline void wire_name(struct wire *w, const char *name) {
    while (*name != '\0') {
        size_t label = strcspn(name, ".");
        wire_u8(w, (unsigned)label);
        wire_bytes(w, name, label);
        name += label + (name[label] == '.');
    }
    wire_u8(w, 0);
}

/* Type, class IN, TTL and RDLENGTH, behind an owner. */
static inline void wire_fixed(struct wire *w, unsigned type, size_t rdata_len) {
    wire_u16(w, type);
    wire_u16(w, 1);
    wire_u32(w, 300);
    wire_u16(w, (unsigned)rdata_len);
}

static inline void wire_a(struct wire *w, uint32_t address) {
    wire_fixed(w, 1, 4);
    wire_u32(w, address);
}

static inline void wire_soa(struct wire *w) {
    wire_fixed(w, 6, 22);
    for (int i = 0; i < 22; i++)
        wire_u8(w, 0);
}

/* A record whose RDATA is a name: CNAME (5), PTR (12), DNAME (39). */
static inline void wire_named(struct wire *w, unsigned type, const char *target) {
    wire_fixed(w, type, *target ? strlen(target) + 2 : 1);
    wire_name(w, target);
}

static inline void wire_opt(struct wire *w, unsigned extended_rcode) {
    static const uint8_t root_type_size[] = {0, 0, 41, 4, 208};
    wire_bytes(w, root_type_size, sizeof root_type_size);
    wire_u32(w, (uint32_t)extended_rcode << 24);
    wire_u16(w, 0);
}

static inline void wire_header(struct wire *w, unsigned flags, unsigned qd, unsigned an, unsigned ns,
                               unsigned ar) {
    wire_u16(w, WIRE_ID);
    wire_u16(w, flags);
    wire_u16(w, qd);
    wire_u16(w, an);
    wire_u16(w, ns);
    wire_u16(w, ar);
}

static inline void wire_string(struct wire *w, const char *text) {
    wire_u8(w, (unsigned)strlen(text));
    for (; *text != '\0'; text++)
        wire_u8(w, *text == '_' ? ' ' : (uint8_t)*text);
}

static inline void wire_hex(struct wire *w, const char *word) {
    for (; word[0] != '\0' && word[1] != '\0'; word += 2)
        wire_u8(w, (unsigned)strtoul((char[]){word[0], word[1], '\0'}, NULL, 16));
}

static inline uint32_t wire_address(const char *text) {
    unsigned a = 0, b = 0, c = 0, d = 0;
    if (sscanf(text, "%u.%u.%u.%u", &a, &b, &c, &d) != 4)
        abort();
    return a << 24 | b << 16 | c << 8 | d;
}

static inline void wire_word(struct wire *w, const char *word) {
    unsigned f, qd, an, ns, ar;
    if (sscanf(word, "h:%x:%u:%u:%u:%u", &f, &qd, &an, &ns, &ar) == 5) {
        wire_header(w, f, qd, an, ns, ar);
    } else if (strcmp(word, "q") == 0) {
        wire_name(w, WIRE_NAME);
        wire_u32(w, 0x00010001);
    } else if (word[0] == '=') {
        wire_name(w, word + 1);
    } else if (word[0] == '@') {
        wire_u16(w, 0xc000u | (unsigned)atoi(word + 1));
    } else if (strncmp(word, "A:", 2) == 0) {
        wire_a(w, wire_address(word + 2));
    } else if (strcmp(word, "SOA") == 0) {
        wire_soa(w);
    } else if (strcmp(word, "NS") == 0) {
        wire_fixed(w, 2, 1);
        wire_u8(w, 0);
    } else if (strncmp(word, "CNAME:", 6) == 0) {
        wire_named(w, 5, word + 6);
    } else if (strncmp(word, "DNAME:", 6) == 0) {
        wire_named(w, 39, word + 6);
    } else if (strncmp(word, "PTR:", 4) == 0) {
        wire_named(w, 12, word + 4);
    } else if (strncmp(word, "OPT:", 4) == 0) {
        wire_opt(w, (unsigned)strtoul(word + 4, NULL, 16));
    } else if (strncmp(word, "TXT:", 4) == 0) {
        wire_fixed(w, 16, (size_t)atoi(word + 4));
    } else if (strncmp(word, "s:", 2) == 0) {
        wire_string(w, word + 2);
    } else if (word[0] == '*') {
        const char *repeated = strchr(word, ':');
        for (int i = atoi(word + 1); repeated && i > 0; i--)
            wire_word(w, repeated + 1);
    } else {
        wire_hex(w, word);
    }
}

/* Adds what `text` describes. */
static inline void wire_add_text(struct wire *w, const char *text) {
    char word[400];
    while (*(text += strspn(text, " ")) != '\0') {
        size_t len = strcspn(text, " ");
        if (len >= sizeof word)
            abort();
        memcpy(word, text, len);
        word[len] = '\0';
        wire_word(w, word);
        text += len;
    }
}

static inline void wire_from_text(struct wire *w, const char *text) {
    w->len = 0;
    wire_add_text(w, text);
}

/* What a list says to `question` (of an IPv4 address), with AA and RA: 127.0.0.2, or NXDOMAIN with the SOA of
 * its zone. */
static inline void wire_answer(struct wire *w, const uint8_t *question, size_t len, int is_listed) {
    w->len = 0;
    wire_bytes(w, question, len);
    w->bytes[2] = 0x85;
    w->bytes[3] = is_listed ? 0x80 : 0x83;
    if (is_listed) {
        w->bytes[7] = 1;
        wire_u16(w, 0xc00c);
        wire_a(w, 0x7f000002);
        return;
    }
    size_t zone = WIRE_QUESTION;
    for (int label = 0; label < 4; label++)
        zone += 1u + question[zone];
    w->bytes[9] = 1;
    wire_u16(w, 0xc000 | (unsigned)zone);
    wire_soa(w);
}

#endif
