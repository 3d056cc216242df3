# SPDX-License-Identifier: Apache-2.0
"""Every fault of DNS that the exporter promises to survive, as a mode of a list of hostiledns.py.

MODES is the table. A mode is a behaviour, (zone, query) to what is sent, and what it allows:
- reasons: which failures may be counted (a time-out always may: the machine may be slow);
- states: in which states the list may be (ok and timeout always);
- whole: all of the truth must come out in spite of it;
- blind: it concerns the self-test as well; else it may be played with self-tests that are answered well, and then the
  list looks sound;
- later: the list cannot be told from one that is sound when it does so from the start;
- server: it needs a server of its own, of this kind.

Where a fault makes an answer worthless, the answer carries the contrary of the truth (`lie`): a program that believes it
says something false, and not the truth by chance.
"""

import dataclasses
import struct

import fakedns
from fakedns import A, CNAME, NOERROR, NXDOMAIN, TC, TXT, address_record, is_test, record, sound
from hostiledns import Forged, Late, Stream
from servers import encode_name

NS, DNAME, OPT = 2, 39, 41
GOOD = "127.0.0.2"
POINTER = b"\xc0\x0c"
MODES = {}
# Well-formed and false: only self-tests can tell.
LIES = {"wildcard", "filtered", "emptied", "n_then_silent", "flapping"}


@dataclasses.dataclass
class Mode:
    name: str
    play: object
    reasons: frozenset
    states: frozenset
    whole: bool
    blind: bool
    later: bool
    server: str
    keys: dict


def mode(name, reasons="", states="", whole=False, blind=False, later=False, server="shared", **keys):
    """Enters the function below in the table."""

    def enter(play):
        assert name not in MODES, name
        MODES[name] = Mode(
            name,
            play,
            frozenset(reasons.split()) | {"timeout"},
            frozenset(states.split()) | {"ok", "timeout", "unknown"},
            whole,
            blind,
            later,
            server,
            keys,
        )
        return play

    return enter


def modes(table, **keys):
    """Enters several, {name: behaviour}, that allow the same."""
    for name, play in table.items():
        mode(name, **keys)(play)


# ---- parts of answers ----


def lie(zone, query):
    """The contrary of the truth, of self-tests the truth."""
    if query.kind == TXT or is_test(query):
        return sound(zone, query)
    return zone.negative(query) if zone.listed.get(query.ip) else zone.positive(query, [GOOD])


def changed(message, at, *values):
    """The message with other bytes from `at` on."""
    return message[:at] + bytes(values) + message[at + len(values) :]


def section(zone, query, answers=(), authority=(), more=(), rcode=NOERROR):
    return zone.message(query, rcode=rcode, answers=answers, authority=authority, more=more)


def one_of(*plays):
    """Each in turn, by chance."""
    return lambda zone, query: zone.random.choice(plays)(zone, query)


def over_tcp(play):
    """Nothing over UDP but the news that it did not fit; TCP by `play`."""
    return lambda z, q: play(z, q) if q.transport == "tcp" else z.message(q, flags=TC)


def framed(message):
    return struct.pack(">H", len(message)) + message


# ---- loss, delay, order ----


def lossy(share):
    return lambda z, q: None if z.random.random() < share else sound(z, q)


modes({"loss_1": lossy(0.01), "loss_10": lossy(0.10)}, whole=True)
modes({"loss_50": lossy(0.50)}, blind=True)
modes(
    {
        "delay": lambda z, q: Late(0.08, sound(z, q)),
        "jitter": lambda z, q: Late(0.1 * z.random.random(), sound(z, q)),
        "duplicate": lambda z, q: [sound(z, q), sound(z, q), Late(0.05, sound(z, q))],
    },
    whole=True,
)


@mode("reorder", whole=True)
def reorder(zone, query):
    """Of two answers the second goes first."""
    good = sound(zone, query)
    if zone.held is None:
        zone.held = good
        return Late(0.1, good)
    first, zone.held = zone.held, None
    return [good, first]


@mode("silent")
def silent(_zone, _query):
    return None


@mode("hangs_and_returns", blind=True)
def hangs(zone, query):
    """Turns of 8 questions to somebody and 12 to nobody, which opens the breaker."""
    if zone.held is None:
        zone.held = zone.n_asked
    return None if (zone.n_asked - zone.held) % 20 >= 8 else sound(zone, query)


# ---- response codes ----


def coded(number):
    """A response code, with the contrary of the truth behind it."""
    return lambda z, q: changed(lie(z, q), 3, lie(z, q)[3] & 0xF0 | number)


mode("servfail", "servfail", "servfail")(coded(2))
mode("refused", "refused", "refused")(coded(5))
modes(
    {"formerr": coded(1), "notimp": coded(4), "other_rcodes": one_of(*map(coded, (*range(6, 16),)))},
    reasons="invalid_answer",
)


def opt(extended=0, version=0, owner=b"\0", data=b""):
    return owner + struct.pack(">HHBBHH", OPT, 1232, extended, version, 0, len(data)) + data


def with_opts(*opts):
    """A contrary answer and OPT records."""

    def play(zone, query):
        message = lie(zone, query)
        return changed(message, 10, 0, len(opts)) + b"".join(opts)

    return play


@mode("edns_formerr", whole=True)
def edns_formerr(zone, query):
    """A server that knows no EDNS: asked without it, it answers well."""
    return coded(1)(zone, query) if query.n_more else sound(zone, query)


@mode("edns_unasked", whole=True)
def edns_unasked(zone, query):
    message = sound(zone, query)
    return changed(message, 10, 0, 1) + opt(data=struct.pack(">HH", 10, 8) + b"8 octets")


modes(
    {
        "badvers": with_opts(opt(extended=1, version=1)),
        "edns_extended_rcode": with_opts(opt(extended=2)),
        "edns_twice": with_opts(opt(), opt()),
        "edns_owner": with_opts(opt(owner=encode_name("net"))),
        "edns_cut": with_opts(opt(data=b"1234")[:-2]),
    },
    reasons="invalid_answer",
)

# ---- truncation ----

mode("tc_tcp_works", whole=True, server="tcp")(over_tcp(sound))


@mode("tc_with_records", whole=True, server="tcp")
def tc_with_records(zone, query):
    """What a truncated answer holds does not count."""
    if query.transport == "tcp":
        return sound(zone, query)
    return changed(lie(zone, query), 2, lie(zone, query)[2] | TC >> 8)


@mode("tc_byte_by_byte", whole=True, server="tcp")
def tc_byte_by_byte(zone, query):
    if query.transport == "udp":
        return zone.message(query, flags=TC)
    message = framed(sound(zone, query))  # its length, its header and a part of the question; the rest would only cost time
    return Stream([*(message[at : at + 1] for at in range(24)), message[24:]], pause=0.00005)


modes({"tc_tcp_refused": over_tcp(sound)}, reasons="network", server="no_tcp")
modes(
    {
        "tc_reset": over_tcp(lambda z, q: Stream([], end="reset")),
        "tc_closed": over_tcp(lambda z, q: Stream([], end="close")),
        "tc_half": over_tcp(lambda z, q: Stream([framed(lie(z, q))[:20]], end="close")),
        "tc_half_and_hangs": over_tcp(lambda z, q: Stream([framed(lie(z, q))[:20]])),
        "tc_zero_frame": over_tcp(lambda z, q: Stream([b"\0\0", framed(lie(z, q))], end="close")),
        "tc_wrong_length": over_tcp(
            lambda z, q: Stream([struct.pack(">H", len(lie(z, q)) + z.random.choice((-7, -1, 1, 9))) + lie(z, q)])
        ),
        "tc_flood": over_tcp(lambda z, q: Stream([framed(z.random.randbytes(2000))] * 40)),
        "tc_over_tcp_too": lambda z, q: changed(lie(z, q), 2, lie(z, q)[2] | TC >> 8),
    },
    reasons="network invalid_answer servfail refused blocked_answer",
    states="servfail refused",
    server="tcp",
)

# ---- not an answer to the question ----

WRONG = {
    "wrong_id": lambda z, q: changed(lie(z, q), 0, z.random.randrange(256), (q.id ^ 1) & 255),
    "wrong_name": lambda z, q: other_question(z, q, q.question[:1] + b"~" + q.question[2:]),
    "wrong_type": lambda z, q: other_question(z, q, q.question[:-4] + struct.pack(">HH", 28, 1)),
    "wrong_class": lambda z, q: other_question(z, q, q.question[:-4] + struct.pack(">HH", q.kind, 3)),
    "no_question": lambda z, q: changed(lie(z, q), 5, 0),
    "no_question_at_all": lambda z, q: without_question(lie(z, q), q),
    "two_questions": lambda z, q: changed(lie(z, q), 5, 2)[:12] + 2 * q.question + lie(z, q)[12 + len(q.question) :],
    "echo": lambda z, q: q.message,
    "qr_zero": lambda z, q: changed(lie(z, q), 2, lie(z, q)[2] & 0x7F),
    "other_opcode": lambda z, q: changed(lie(z, q), 2, lie(z, q)[2] | 0x28),
    "no_service": lambda z, q: changed(lie(z, q), 2, lie(z, q)[2] & ~4, lie(z, q)[3] & ~128),
    "empty_datagram": lambda z, q: b"",
    "tiny_datagram": lambda z, q: lie(z, q)[: z.random.randrange(1, 12)],
}


def other_question(zone, query, question):
    message = lie(zone, query)
    return message[:12] + question + message[12 + len(query.question) :]


def without_question(message, query):
    return changed(message, 5, 0)[:12] + message[12 + len(query.question) :]


modes(WRONG, reasons="invalid_answer")


def forged(**where):
    """The contrary from somewhere else, before and after the truth."""

    def play(zone, query):
        false = [Forged(lie(zone, query), **where)]
        return false + [Late(0.02, sound(zone, query)), Late(0.03, false[0])]

    return play


modes({"spoofed_port": forged(), "spoofed_address": forged(address=True)}, whole=True)


@mode("race", "invalid_answer", whole=True)
def race(zone, query):
    """Someone who cannot see the question guesses its number and knows no spelling, and is first."""
    number = zone.random.randrange(65536)
    guesses = [struct.pack(">H", (number + i) & 65535) + lowered(lie(zone, query), query)[2:] for i in range(20)]
    return guesses + [Late(0.02, sound(zone, query))]


def lowered(message, query):
    return message[:12] + query.question[:-4].lower() + query.question[-4:] + message[12 + len(query.question) :]


mode("case_lowered", "invalid_answer", whole=True, blind=True)(fakedns.lowered)


@mode("case_spoofed", "invalid_answer", blind=True)
def case_spoofed(zone, query):
    """Self-tests keep the case; everything else is a forgery that does not."""
    return sound(zone, query) if is_test(query) else lowered(lie(zone, query), query)


# ---- lists that lie ----


def rewritten(address):
    return lambda z, q: sound(z, q) if z.listed.get(q.ip) else z.positive(q, [address])


for _name, _address in (("public", "146.112.61.108"), ("private", "10.0.0.1"), ("zeros", "0.0.0.0")):
    mode(f"rewritten_{_name}", "invalid_answer", "wildcard")(rewritten(_address))
mode("rewritten_localhost", "invalid_answer", "wildcard")(rewritten("127.0.0.1"))
mode("wildcard", states="wildcard", blind=True)(fakedns.everything(GOOD))
mode("wildcard_of_another", "invalid_answer", "wildcard", blind=True)(fakedns.everything("203.0.113.80"))
mode("emptied", "invalid_answer", "silent", blind=True)(fakedns.nothing)
modes(
    {
        "expired": lambda z, q: z.negative(q, authority=False),
        "expired_in_parent": lambda z, q: z.message(q, rcode=NXDOMAIN, authority=[z.soa("example.net")]),
        "filtered": lambda z, q: z.message(q, authority=[z.soa()]) if z.listed.get(q.ip) else z.negative(q),
        "filtered_without_soa": lambda z, q: z.message(q) if z.listed.get(q.ip) else z.negative(q),
    },
    reasons="invalid_answer",
    states="silent",
    blind=True,
)
modes(
    {
        "other_soa": lambda z, q: sound(z, q) if is_test(q) else z.message(q, rcode=NXDOMAIN, authority=[z.soa("net")]),
        "no_soa": lambda z, q: sound(z, q) if is_test(q) else z.negative(q, authority=False),
        "two_soas": lambda z, q: sound(z, q)
        if is_test(q)
        else z.message(q, rcode=NXDOMAIN, authority=[z.soa(), z.soa("net")]),
        "soa_elsewhere": lambda z, q: sound(z, q) if is_test(q) else section(z, q, more=[z.soa("rpz.local")], rcode=NXDOMAIN),
    },
    reasons="invalid_answer",
    blind=True,
)


@mode("n_then_silent", "invalid_answer", "silent", blind=True)
def n_then_silent(zone, query):
    """Empty for a while, and then gone."""
    if zone.held is None:
        zone.held = zone.n_asked
    return fakedns.nothing(zone, query) if zone.n_asked - zone.held < 10 else None


@mode("flapping", later=True, blind=True)
def flapping(zone, query):
    """Every second answer about an address is the contrary."""
    if is_test(query) or query.kind == TXT:
        return sound(zone, query)
    zone.held = zone.held or {}
    zone.held[query.ip] = lies = not zone.held.get(query.ip, False)
    return lie(zone, query) if lies else sound(zone, query)


@mode("contrary_late", whole=True)
def contrary_late(zone, query):
    return [sound(zone, query), lie(zone, query), Late(0.05, lie(zone, query))]


# ---- refusals ----

modes(
    {
        "refusal": fakedns.everything("127.255.255.254"),
        "refusal_mixed": lambda z, q: z.positive(q, [GOOD, "127.255.255.252", "127.0.0.3"]),
    },
    reasons="blocked_answer",
    states="refused",
)
mode("refusal_last", "blocked_answer network", "refused", server="tcp")(
    over_tcp(lambda z, q: z.positive(q, [GOOD] * 3999 + ["127.255.255.255"]))
)
mode("outside_last", "invalid_answer network", "wildcard", server="tcp")(
    over_tcp(lambda z, q: z.positive(q, [GOOD] * 3999 + ["128.0.0.1"]))
)

# ---- aliases ----


def alias(target, owner=POINTER, kind=CNAME):
    return record(kind, target if isinstance(target, bytes) else encode_name(target), name=owner)


def within(label, zone, query):
    """A name in the zone, in few bytes: over UDP there are 512."""
    at = 12 + len(query.question) - 4 - len(encode_name(zone.zone))
    return bytes([len(label)]) + label.encode() + struct.pack(">H", 0xC000 | at)


def chain(names, zone, query):
    """From the question through aliases, labels in the zone or whole names, to an address."""
    names = [encode_name(name) if "." in name else within(name, zone, query) for name in names]
    owners = [POINTER, *names]
    links = [alias(name, owner) for owner, name in zip(owners, names)]
    return section(zone, query, answers=[*links, record(A, b"\x7f\0\0\2", name=owners[-1])])


modes(
    {
        "cname_self": lambda z, q: section(z, q, answers=[alias(POINTER), address_record(GOOD)]),
        "cname_loop": lambda z, q: section(
            z, q, answers=[alias("b." + z.zone), alias(POINTER, encode_name("b." + z.zone)), address_record(GOOD)]
        ),
        "cname_chain": lambda z, q: chain([f"c{i}" for i in range(12)], z, q),
        "cname_out": lambda z, q: chain(["www.example.com"], z, q),
        "cname_to_nothing": lambda z, q: section(z, q, answers=[alias("b." + z.zone)], authority=[z.soa()], rcode=NXDOMAIN),
        "dname": lambda z, q: section(
            z, q, answers=[alias("example.com", encode_name(z.zone), DNAME), *([address_record(GOOD)])]
        ),
    },
    reasons="invalid_answer",
)
modes(
    {
        "cname_allowed_loop": lambda z, q: section(
            z, q, answers=[alias("b." + z.zone), alias(POINTER, encode_name("b." + z.zone)), address_record(GOOD)]
        ),
        "cname_allowed_out": lambda z, q: chain(["a", "www.example.com"], z, q),
        "cname_allowed_9": lambda z, q: chain([f"c{i}" for i in range(9)], z, q),
    },
    reasons="invalid_answer",
    allow_cname="{zone}",
)
mode("cname_allowed_8", whole=True, allow_cname="{zone}")(
    lambda z, q: chain([f"c{i}" for i in range(8)], z, q) if z.listed.get(q.ip) and q.kind == A else sound(z, q)
)

# ---- size ----

mode("thousands_of_a", "network", whole=True, server="tcp")(
    over_tcp(lambda z, q: z.positive(q, [GOOD] * 4000) if z.listed.get(q.ip) and q.kind == A else sound(z, q))
)
mode("kilobytes_64_of_glue", "network", whole=True, server="tcp")(
    over_tcp(lambda z, q: padded(sound(z, q), 65535))
)
modes(
    {
        "kilobytes_64_over_udp": lambda z, q: padded(lie(z, q), 65507),
        "kilobytes_5_over_udp": lambda z, q: z.positive(q, [GOOD] * 300),
    },
    reasons="invalid_answer",
)


def padded(message, size):
    """An answer with an unknown record in the additional section that makes it `size` bytes."""
    room = size - len(message) - 11
    return changed(message, 10, 0, 1) + b"\0" + struct.pack(">HHIH", 65280, 1, 0, room) + bytes(room)


# ---- names ----


def owned(owner):
    """An address whose owner is a bad name."""
    return lambda z, q: section(z, q, answers=[record(A, b"\x7f\0\0\2", name=owner(q))])


def pointing(to):
    return struct.pack(">H", 0xC000 | to)


def ladder(z, q):
    """An owner behind two hundred pointers, each to the one before."""
    start = 12 + len(q.question) + 11
    steps = [pointing(12)] + [pointing(start + 2 * i) for i in range(200)]
    data = b"".join(steps)
    unknown = b"\0" + struct.pack(">HHIH", 65280, 1, 0, len(data)) + data
    return section(z, q, answers=[unknown[:11] + data, record(A, b"\x7f\0\0\2", name=pointing(start + 400))])


modes(
    {
        "pointer_to_itself": owned(lambda q: pointing(12 + len(q.question))),
        "pointer_ahead": owned(lambda q: pointing(12 + len(q.question) + 14)),
        "pointer_beyond": owned(lambda q: pointing(16383)),
        "pointer_into_header": owned(lambda q: pointing(2)),
        "pointer_pair": owned(lambda q: b"\x01a" + pointing(12 + len(q.question))),
        "pointer_ladder": ladder,
        "name_of_300": owned(lambda q: (b"\x3f" + b"a" * 63) * 5 + b"\0"),
        "name_reserved_40": owned(lambda q: b"\x40" + b"a" * 64 + b"\0"),
        "name_reserved_80": owned(lambda q: b"\x80" + b"a" * 128 + b"\0"),
        "name_without_end": owned(lambda q: b"\x3f" + b"a" * 20),
        "name_of_another": owned(lambda q: encode_name("2.0.0.127.other.example.com")),
    },
    reasons="invalid_answer",
)

# ---- lengths, counts, cuts ----


@mode("bad_counts", "invalid_answer")
def bad_counts(zone, query):
    at = 6 + 2 * zone.random.randrange(3)
    message = lie(zone, query)
    count = struct.unpack_from(">H", message, at)[0]
    return changed(message, at, *struct.pack(">H", zone.random.choice([n for n in (1, 2, 256, 65535) if n > count])))


@mode("bad_lengths", "invalid_answer")
def bad_lengths(zone, query):
    """The data of the only record is said to be shorter, longer, or as long as can be."""
    message = section(zone, query, answers=[address_record(GOOD)])
    return changed(message, len(message) - 6, *struct.pack(">H", zone.random.choice((0, 1, 3, 5, 16, 65535))))


modes(
    {
        "cut": lambda z, q: lie(z, q)[: z.random.randrange(12, len(lie(z, q)))],
        "trailing": lambda z, q: lie(z, q) + z.random.randbytes(z.random.randrange(1, 30)),
        "wrong_record_type": lambda z, q: section(z, q, answers=[record(28, bytes(15) + b"\2")]),
        "wrong_record_class": lambda z, q: section(z, q, answers=[POINTER + struct.pack(">HHIH", A, 4, 1, 4) + b"\x7f\0\0\2"]),
        "one_bad_record": lambda z, q: section(z, q, answers=[address_record(GOOD), record(TXT, b"\1a")]),
        "nxdomain_with_answers": lambda z, q: section(z, q, answers=[address_record(GOOD)], rcode=NXDOMAIN),
    },
    reasons="invalid_answer",
)
mode("zero_zero", "invalid_answer", "wildcard")(lambda z, q: z.positive(q, ["127.0.0.0"]))


@mode("noise", "invalid_answer servfail", "servfail")
def noise(zone, query):
    return fakedns.noise(zone, query)


# ---- other sections ----


def name_server(zone):
    return record(NS, encode_name("ns." + zone.zone), name=encode_name(zone.zone))


modes(
    {
        "referral": lambda z, q: section(z, q, authority=[name_server(z)], more=[record(A, bytes(4), encode_name("ns"))]),
        "answer_in_authority": lambda z, q: section(z, q, authority=[address_record(GOOD), z.soa()]),
        "answer_in_additional": lambda z, q: section(z, q, authority=[z.soa()], more=[address_record(GOOD)], rcode=NXDOMAIN),
    },
    reasons="invalid_answer",
)


@mode("poison", whole=True)
def poison(zone, query):
    """The truth, and what nobody asked: other names of all lists listed, their servers elsewhere."""
    message = sound(zone, query)
    names = [f"{n}.2.0.192.good.example.net" for n in (1, 2, 3, 4)]
    extra = [record(A, b"\x7f\0\0\2", name=encode_name(name), ttl=86400) for name in names]
    return changed(message, 10, 0, len(extra)) + b"".join(extra)


# ---- times to live ----


def with_ttl(ttl):
    def play(zone, query):
        message = sound(zone, query)
        if not zone.listed.get(query.ip) or query.kind != A:
            return message
        return changed(message, 12 + len(query.question) + 6, *struct.pack(">I", ttl))

    return play


modes({"ttl_0": with_ttl(0), "ttl_huge": with_ttl(0x7FFFFFFF), "ttl_negative": with_ttl(0xFFFFFFFF)}, whole=True)

# ---- IPv6 ----

mode("ipv6", whole=True, families=["ipv4", "ipv6"])(sound)
mode("ipv6_lying", "invalid_answer", "wildcard", families=["ipv4", "ipv6"])(rewritten("146.112.61.108"))
mode("ipv6_server", whole=True, server="ipv6")(sound)

# ---- reasons of listings ----


def told(*texts):
    """Sound, with these strings as the reason."""

    def play(zone, query):
        if query.kind != TXT:
            return sound(zone, query)
        text = zone.random.choice(texts)
        text = text(zone) if callable(text) else text
        pieces = [text[i : i + 255] for i in range(0, len(text), 255)] or [b""]
        return zone.message(query, answers=[record(TXT, b"".join(bytes([len(p)]) + p for p in pieces))])

    return play


modes(
    {
        "txt_nul": told(b"a\0b", b"\0", b"\0" * 300),
        "txt_binary": told(bytes(range(256)), lambda z: z.random.randbytes(200)),
        "txt_control": told(b"\x1b[2J\x1b]0;x\x07\x7f\r\t\x08", "\x85\x9b31m".encode()),
        "txt_quotes": told(b'"} 1\nrbl_ip_listed{ip="192.0.2.2",list="good"} 1', b"\\\"\\", b"'<script>alert(1)</script>"),
        "txt_newlines": told(b"\n# HELP rbl_up x\nrbl_up 1\n", b"\r\n\r\n"),
        "txt_bidi": told("\u202elisted\u2066\u200b\u2028\U000e0041".encode()),
        "txt_changing": told(lambda z: b"number %d" % z.n_asked),
        "txt_empty": told(b""),
        "txt_long": told(b"x" * 3000),
        "txt_bad_lengths": lambda z, q: z.message(q, answers=[record(TXT, b"\xff" + b"short")])
        if q.kind == TXT
        else sound(z, q),
    },
    whole=True,
)
