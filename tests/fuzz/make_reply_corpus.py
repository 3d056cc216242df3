#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""make_reply_corpus.py FOLDER: writes the first corpus of fuzz_reply: one file per shape of answer, sound and not.

A file is a byte of choices (see enum choice in fuzz_reply.c) and a DNS message.
"""

import pathlib
import struct
import sys

ID = 0x1234
QUESTION = "2.0.0.127.bl.example.net"
EXACT_CASE, ALIASES, WITHOUT_SOA, SELF_TEST, BITS, SCORE = (1 << bit for bit in range(6))
A, NS, CNAME, SOA, PTR, TXT, AAAA, DNAME, OPT = 1, 2, 5, 6, 12, 16, 28, 39, 41
TO_QUESTION, TO_ZONE = b"\xc0\x0c", b"\xc0\x16"


def name(text):
    labels = [label.encode() for label in text.split(".")] if text else []
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def record(owner, kind, rdata, ttl=300, klass=1):
    return owner + struct.pack(">HHIH", kind, klass, ttl, len(rdata)) + rdata


def a(address, owner=TO_QUESTION):
    return record(owner, A, bytes(int(octet) for octet in address.split(".")))


def soa(owner=TO_ZONE, names=b"\0\0"):
    return record(owner, SOA, names + bytes(20))


def opt(extended=0, options=b""):
    return record(b"\0", OPT, options, ttl=extended << 24, klass=1232)


def message(answers=(), authority=(), additional=(), flags=0x8180, question=QUESTION, kind=A, questions=1):
    head = struct.pack(">HHHHHH", ID, flags, questions, len(answers), len(authority), len(additional))
    asked = name(question) + struct.pack(">HH", kind, 1)
    return head + asked * questions + b"".join([*answers, *authority, *additional])


def text(*strings):
    return record(TO_QUESTION, TXT, b"".join(bytes([len(string)]) + string for string in strings))


def chain(links):
    """That many aliases, each to the next, and an address."""
    names = [QUESTION] + [f"{i}.alias.test" for i in range(links)]
    aliases = [record(name(x), CNAME, name(y)) for x, y in zip(names, names[1:])]
    return aliases + [a("127.0.0.2", name(names[-1]))]


def pointer_chain(hops):
    """A record whose RDATA is a chain of pointers, and one whose owner is the end of it."""
    start = len(message()) + 11
    pointers = [TO_ZONE] + [struct.pack(">H", 0xC000 | start + 2 * i) for i in range(hops - 2)]
    owner = struct.pack(">H", 0xC000 | start + 2 * (hops - 2))
    return [record(b"\0", 0xFF00, b"".join(pointers)), soa(owner)]


SEEDS = {
    "listed": (0, message([a("127.0.0.2")])),
    "listed_three": (BITS, message([a("127.0.0.2"), a("127.0.0.4"), a("127.0.0.11")])),
    "listed_spelt_out": (EXACT_CASE, message([a("127.0.0.2", name(QUESTION.upper()))])),
    "listed_with_all_sections": (
        0,
        message([a("127.0.0.2")], [record(TO_ZONE, NS, name("ns.example.net"))], [a("192.0.2.1", TO_ZONE), opt()]),
    ),
    "score": (SCORE, message([a("127.0.4.77"), a("127.0.4.12")])),
    "refused_code": (0, message([a("127.0.0.2"), a("127.255.255.254")])),
    "outside": (0, message([a("146.112.61.108")])),
    "many": (0, message([a("127.0.0.2")] * 300)),
    "not_listed": (0, message(authority=[soa()], flags=0x8183)),
    "not_listed_with_names": (0, message(authority=[soa(names=name("ns.example.net") + TO_ZONE)], flags=0x8583)),
    "nodata": (0, message(authority=[soa()])),
    "without_soa": (WITHOUT_SOA, message(flags=0x8183)),
    "self_test": (SELF_TEST, message(authority=[soa()], flags=0x8183)),
    "foreign_soa": (WITHOUT_SOA, message(authority=[soa(name("example.org"))], flags=0x8183)),
    "two_soas": (0, message(authority=[soa(), soa(name("example.net"))], flags=0x8183)),
    "soa_of_a_policy_zone": (WITHOUT_SOA, message(additional=[soa(name("rpz.local"))], flags=0x8183)),
    "referral": (WITHOUT_SOA, message(authority=[record(TO_ZONE, NS, name("ns.example.net"))])),
    "servfail": (0, message(flags=0x8182)),
    "refused": (0, message(flags=0x8105)),
    "badvers": (0, message(additional=[opt(1)])),
    "two_opts": (0, message(additional=[opt(), opt(0, b"\0\x0a\0\0")])),
    "truncated": (0, message(flags=0x8380)),
    "alias": (ALIASES, message(chain(1))),
    "alias_chain": (ALIASES, message(chain(8))),
    "alias_chain_too_long": (ALIASES, message(chain(9))),
    "alias_to_itself": (ALIASES, message([record(TO_QUESTION, CNAME, TO_QUESTION)])),
    "alias_not_allowed": (0, message(chain(1))),
    "dname": (ALIASES, message([record(TO_ZONE, DNAME, name("alias.test"))])),
    "aaaa": (0, message([record(TO_QUESTION, AAAA, bytes(16))])),
    "pointer_chain": (0, message(authority=pointer_chain(128), flags=0x8183)),
    "pointer_chain_too_long": (0, message(authority=pointer_chain(129), flags=0x8183)),
    "pointer_to_itself": (0, message([a("127.0.0.2", b"\xc0\x2a")])),
    "pointer_into_header": (0, message([a("127.0.0.2", b"\xc0\x00")])),
    "reserved_label": (0, message([a("127.0.0.2", b"\x80")])),
    "long_name": (0, message(additional=[a("192.0.2.1", name(".".join(["a"] * 127)))])),
    "name_too_long": (0, message(additional=[a("192.0.2.1", name(".".join(["a"] * 128)))])),
    "cut": (0, message([a("127.0.0.2")])[:-1]),
    "trailing": (0, message([a("127.0.0.2")]) + b"\0"),
    "two_questions": (0, message([a("127.0.0.2")], questions=2)),
    "another_question": (0, message([a("127.0.0.2")], question="3.0.0.127.bl.example.net")),
    "query": (0, message(flags=0x0100)),
    "text": (0, message([text(b"listed, see https://example.net/", b"more"), text(b"again")], kind=TXT)),
    "text_utf8": (0, message([text("ä€😀".encode()[:3], "ä€😀".encode()[3:], b"\xff\0\n\xe2\x80\xae")], kind=TXT)),
    "text_behind_alias": (
        0,
        message([record(TO_QUESTION, CNAME, name("a.test")), record(name("a.test"), TXT, b"\1a\1b")], kind=TXT),
    ),
    "text_in_front_of_aliases": (
        0,
        message(
            [
                record(name("b.test"), TXT, b"\1a\1b"),
                record(name("a.test"), CNAME, name("b.test")),
                record(TO_QUESTION, CNAME, name("a.test")),
            ],
            kind=TXT,
        ),
    ),
    "text_behind_dname": (
        0,
        message(
            [
                record(TO_ZONE, DNAME, name("a.test")),
                record(TO_QUESTION, CNAME, name("2.0.0.127.a.test")),
                record(name("2.0.0.127.a.test"), TXT, b"\1a"),
            ],
            kind=TXT,
        ),
    ),
    "host": (0, message([record(TO_QUESTION, PTR, name("mail-1.outbound.test"))], kind=PTR)),
    "hosts": (0, message([record(TO_QUESTION, PTR, b"\1\0" + TO_ZONE), record(TO_QUESTION, PTR, b"\0")], kind=PTR)),
    "host_cut": (0, message([record(TO_QUESTION, PTR, b"\2a")], kind=PTR)),
    "header_only": (0, message()[:12]),
    "empty": (0, b""),
}


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for title, (choices, content) in SEEDS.items():
        (folder / title).write_bytes(bytes([choices]) + content)


if __name__ == "__main__":
    main()
