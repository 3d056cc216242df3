# SPDX-License-Identifier: Apache-2.0
"""--config.check of a web configuration and `promtool check web-config` agree, and where they do not there is a reason.

A row is: what it is about, the file, what promtool says, what the exporter says (the place and a part of each error), and,
if the two differ, why. Keys that are newer than the promtool at hand are only checked by the exporter.
"""

import os
import re
import subprocess

import exporter
import harness
import tls
from harness import equal, main, scene
from servers import find_program

GOOD, BAD = True, False
FINE = ()
CONFIG = "lists: [{name: bl, zone: bl.example.net}]\ngroups: [{name: g, addresses: [192.0.2.1]}]\nresolver: {nameservers: [127.0.0.1]}\n"

SALTED = "X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG"
HASH = "$2y$10$" + SALTED
PAIR = "tls_server_config:\n  cert_file: cert.pem\n  key_file: key.pem\n"
AUTH = "  client_auth_type: "
CA = "  client_ca_file: ca.pem\n"
HEADERS = "http_server_config:\n  headers:\n    "
ALL_SUITES = (
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 "
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256 TLS_AES_128_GCM_SHA256 "
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256 TLS_AES_256_GCM_SHA384 TLS_CHACHA20_POLY1305_SHA256 "
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA "
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA"
).split()

OURS = [
    # the file
    ("an empty file", "", GOOD, FINE),
    ("only a comment", "# nothing\n", GOOD, FINE),
    ("junk", "hWkNKCp3fvIx3jKnsaBI\nTuEjdwNS8A2vYdFbiKqr\n", BAD, [(1, 1, "must be a mapping")]),
    ("no YAML", "tls_server_config: [\n", BAD, [(2, 1, "not valid YAML")]),
    ("an unknown section", "tls_config: {}\n", BAD, [(1, 1, 'unknown key "tls_config"')]),
    ("a section twice", "http_server_config: {}\nhttp_server_config: {}\n", BAD, [(2, 1, "is given twice")]),
    ("sections without a value", "tls_server_config:\nhttp_server_config:\nbasic_auth_users:\n", GOOD, FINE),
    ("a second document", "---\n{}\n---\na: b\n", GOOD, [(3, 1, "a second document")], "promtool reads only the first"),
    (
        "anchors and aliases",
        f"basic_auth_users:\n  a: &hash {HASH}\n  b: *hash\n",
        GOOD,
        [(2, 6, "anchors"), (3, 6, "aliases")],
        "no configuration of the exporter has them",
    ),
    # certificate and key
    ("certificate and key", PAIR, GOOD, FINE),
    ("absolute paths", "tls_server_config:\n  cert_file: {folder}/cert.pem\n  key_file: {folder}/key.pem\n", GOOD, FINE),
    ("an empty section", "tls_server_config: {}\n", GOOD, FINE),
    ("empty paths, as a template leaves them", 'tls_server_config: {cert_file: "", key_file: ""}\n', GOOD, FINE),
    ("paths without a value", "tls_server_config:\n  cert_file:\n  key_file: ~\n", GOOD, FINE),
    ("an unknown key", "tls_server_config:\n  cert_filse: cert.pem\n", BAD, [(2, 3, 'did you mean "cert_file"?')]),
    ("no key", "tls_server_config:\n  cert_file: cert.pem\n", BAD, [(1, 1, "has no key")]),
    ("no certificate", "tls_server_config:\n  key_file: key.pem\n", BAD, [(1, 1, "has no certificate")]),
    ("an empty certificate", 'tls_server_config:\n  cert_file: ""\n  key_file: key.pem\n', BAD, [(1, 1, "has no certificate")]),
    ("an empty key", 'tls_server_config:\n  cert_file: cert.pem\n  key_file: ""\n', BAD, [(1, 1, "has no key")]),
    (
        "files that do not exist",
        "tls_server_config:\n  cert_file: somefile\n  key_file: other\n",
        BAD,
        [(2, 14, 'somefile" does not exist'), (3, 13, 'other" does not exist')],
    ),
    ("a folder", "tls_server_config:\n  cert_file: .\n  key_file: key.pem\n", BAD, [(2, 14, "is no regular file")]),
    ("the two exchanged", "tls_server_config:\n  cert_file: key.pem\n  key_file: cert.pem\n", BAD, [(2, 14, "cert_file")]),
    ("a key of another certificate", "tls_server_config:\n  cert_file: cert.pem\n  key_file: other.key\n", BAD, [(3, 13, "key_file")]),
    ("a list of certificates", "tls_server_config:\n  cert_file: [cert.pem]\n  key_file: key.pem\n", BAD, [(2, 14, "expects a text")]),
    ("a text for the section", "tls_server_config: cert.pem\n", BAD, [(1, 20, "must be a mapping")]),
    (
        "rules without a certificate",
        "tls_server_config:\n  min_version: TLS13\n",
        GOOD,
        [(1, 1, "has no certificate"), (1, 1, "has no key")],
        "promtool takes it for plain HTTP, which is not what somebody meant who wrote it",
    ),
    # certificates of clients
    ("NoClientCert", PAIR + AUTH + "NoClientCert\n", GOOD, FINE),
    ("RequestClientCert", PAIR + AUTH + "RequestClientCert\n", GOOD, FINE),
    ("RequireClientCert, of old", PAIR + AUTH + "RequireClientCert\n", GOOD, FINE),
    ("RequireAnyClientCert", PAIR + AUTH + "RequireAnyClientCert\n", GOOD, FINE),
    ("VerifyClientCertIfGiven", PAIR + AUTH + "VerifyClientCertIfGiven\n" + CA, GOOD, FINE),
    ("RequireAndVerifyClientCert", PAIR + AUTH + "RequireAndVerifyClientCert\n" + CA, GOOD, FINE),
    ("an empty policy", PAIR + AUTH + '""\n', GOOD, FINE),
    ("an unknown policy", PAIR + AUTH + "x\n", BAD, [(4, 21, "expects one of NoClientCert, RequestClientCert")]),
    ("a policy without a certificate", "tls_server_config:\n" + AUTH + "NoClientCert\n", BAD, [(1, 1, ""), (1, 1, "")]),
    ("authorities without a policy", PAIR + CA, BAD, [(4, 19, 'without "client_auth_type"')]),
    ("authorities with NoClientCert", PAIR + CA + AUTH + "NoClientCert\n", BAD, [(4, 19, 'without "client_auth_type"')]),
    ("authorities that are not there", PAIR + AUTH + "RequireAndVerifyClientCert\n  client_ca_file: x\n", BAD, [(5, 19, "does not exist")]),
    (
        "a policy without authorities",
        PAIR + AUTH + "RequireAndVerifyClientCert\n",
        GOOD,
        [(4, 21, 'needs "client_ca_file"')],
        "Go would take any certificate that an authority of the system has signed",
    ),
    (
        "authorities without a certificate",
        PAIR + AUTH + "RequireAndVerifyClientCert\n  client_ca_file: key.pem\n",
        GOOD,
        [(5, 19, "client_ca_file")],
        "promtool counts none and says nothing; no client could connect",
    ),
    # versions, suites, curves
    ("versions", PAIR + "  min_version: TLS10\n  max_version: TLS12\n", GOOD, FINE),
    ("one version", PAIR + "  min_version: TLS13\n  max_version: TLS13\n", GOOD, FINE),
    ("a version without a value", PAIR + "  min_version:\n", GOOD, FINE),
    ("an unknown version", PAIR + "  min_version: TLS111\n", BAD, [(4, 16, "expects one of TLS10, TLS11, TLS12, TLS13")]),
    ("an empty version", PAIR + '  max_version: ""\n', BAD, [(4, 16, "expects one of")]),
    ("a least version above the highest", PAIR + "  min_version: TLS13\n  max_version: TLS12\n", GOOD, [(4, 16, "no client could connect")], "nobody could connect"),
    ("all suites", PAIR + "  cipher_suites:\n" + "".join(f"  - {name}\n" for name in ALL_SUITES), GOOD, FINE),
    ("no suites", PAIR + "  cipher_suites: []\n", GOOD, FINE),
    ("an invented suite", PAIR + "  cipher_suites:\n  - TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA2048\n", BAD, [(5, 5, "unknown cipher suite")]),
    ("suites that are known to be broken", PAIR + "  cipher_suites:\n  - TLS_RSA_WITH_RC4_128_SHA\n  - TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256\n  - TLS_RSA_WITH_AES_128_CBC_SHA\n", BAD, [(5, 5, "unknown cipher suite"), (6, 5, "unknown cipher suite")]),
    ("a suite that is no list", PAIR + "  cipher_suites: TLS_AES_128_GCM_SHA256\n", BAD, [(4, 18, "expects a list")]),
    ("whose order counts", PAIR + "  prefer_server_cipher_suites: false\n", GOOD, FINE),
    ("an order that is no boolean", PAIR + "  prefer_server_cipher_suites: 1\n", BAD, [(4, 32, "expects true or false")]),
    ("all curves", PAIR + "  curve_preferences: [CurveP256, CurveP384, CurveP521, X25519]\n", GOOD, FINE),
    ("an invented curve", PAIR + "  curve_preferences:\n  - CurveP257\n", BAD, [(5, 5, "unknown curve")]),
    ("a curve in small letters", PAIR + "  curve_preferences: [x25519]\n", BAD, [(4, 23, "unknown curve")]),
    # HTTP
    ("http2 in all spellings", "http_server_config: {http2: no}\n", GOOD, FINE),
    ("http2 as a text", 'http_server_config: {http2: "true"}\n', BAD, [(1, 29, "expects true or false")]),
    ("an unknown key of HTTP", "http_server_config: {http3: true}\n", BAD, [(1, 22, 'did you mean "http2"?')]),
    (
        "all headers",
        HEADERS + "X-Frame-Options: deny\n    X-Content-Type-Options: nosniff\n    X-XSS-Protection: 1\n"
        "    Strict-Transport-Security: max-age=31536000; includeSubDomains\n"
        "    Content-Security-Policy: \"default-src 'self'\"\n",
        GOOD,
        FINE,
    ),
    ("a header that is a block", HEADERS + "Content-Security-Policy: |\n      default-src 'self'\n", GOOD, FINE),
    ("sameorigin", HEADERS + "X-Frame-Options: sameorigin\n", GOOD, FINE),
    ("an empty header", HEADERS + 'X-XSS-Protection: ""\n', GOOD, FINE),
    ("another header", HEADERS + "Content-Type: foo\n", BAD, [(3, 5, 'unknown key "Content-Type"')]),
    ("a header in small letters", HEADERS + "x-frame-options: deny\n", BAD, [(3, 5, 'did you mean "X-Frame-Options"?')]),
    ("frame options that are none", HEADERS + "X-Frame-Options: foo\n", BAD, [(3, 22, "expects one of deny, sameorigin")]),
    ("frame options in capitals", HEADERS + "X-Frame-Options: DENY\n", BAD, [(3, 22, "expects one of")]),
    ("empty frame options", HEADERS + 'X-Frame-Options: ""\n', BAD, [(3, 22, "expects one of")]),
    ("sniffing", HEADERS + "X-Content-Type-Options: sniff\n", BAD, [(3, 29, "expects one of nosniff")]),
    ("frame options without a value", HEADERS + "X-Frame-Options:\n", BAD, FINE, '"unset if blank", says the documentation'),
    ("a line feed in a header", HEADERS + 'X-XSS-Protection: "1\\nX: y"\n', GOOD, [(3, 23, "holds a line feed")], "it is no header"),
    # passwords
    ("users", f"basic_auth_users:\n  alice: {HASH}\n  bob: $2a$04${SALTED}\n  carol: $2b$31${SALTED}\n", GOOD, FINE),
    ("users over TLS", PAIR + f"basic_auth_users: {{alice: {HASH}}}\n", GOOD, FINE),
    ("no users", "basic_auth_users: {}\n", GOOD, FINE),
    ("a name that is a number, and none", f"basic_auth_users: {{42: {HASH}, '': {HASH}}}\n", GOOD, FINE),
    ("a user twice", f"basic_auth_users:\n  a: {HASH}\n  a: {HASH}\n", BAD, [(3, 3, "is given twice")]),
    ("a plain password", "basic_auth_users:\n  john: doe\n", BAD, [(2, 9, "htpasswd -nBC 10")]),
    ("no password", "basic_auth_users:\n  john:\n", BAD, [(2, 8, "is no bcrypt hash")]),
    ("a list of users", "basic_auth_users: [john]\n", BAD, [(1, 19, "expects a mapping")]),
    ("a hash cut short", f"basic_auth_users: {{a: {HASH[:-2]}}}\n", BAD, [(1, 23, "too short")]),
    ("too low a cost", f"basic_auth_users: {{a: $2y$03${SALTED}}}\n", BAD, [(1, 23, "its cost is not 04 to 31")]),
    ("too high a cost", f"basic_auth_users: {{a: $2y$32${SALTED}}}\n", BAD, [(1, 23, "its cost is not 04 to 31")]),
    ("a hash cut by one", f"basic_auth_users: {{a: {HASH[:-1]}}}\n", GOOD, [(1, 23, "too short")], "no password would match it"),
    ("a hash and more", f"basic_auth_users: {{a: {HASH}x}}\n", GOOD, [(1, 23, "too long")], "Go ignores what nobody meant to write there"),
    ("a hash that is a block", f"basic_auth_users:\n  a: |\n    {HASH}\n\n", GOOD, FINE),
    ("a hash of no version", f"basic_auth_users: {{a: $2x$10${SALTED}}}\n", GOOD, [(1, 23, "does not begin with")], "a bug of 2011 made these"),
    ("a name with a colon", f"basic_auth_users: {{'a:b': {HASH}}}\n", GOOD, [(1, 20, "holds a colon")], "no client can send it"),
    # what promtool of Debian 12 does not know yet
    ("certificate and key in the file", "{inline}", GOOD, FINE),
    ("both", PAIR + "  cert: x\n", GOOD, [(4, 3, "exclude each other")], "one would be ignored"),
    ("a certificate that is none", "tls_server_config: {cert: x, key: y}\n", BAD, [(1, 27, "cert cannot be used")]),
    ("names of clients", PAIR + AUTH + "RequireAndVerifyClientCert\n" + CA + "  client_allowed_sans: [a, 192.0.2.1]\n", GOOD, FINE),
    ("names without a policy", PAIR + "  client_allowed_sans: [a]\n", GOOD, [(4, 3, 'without "client_auth_type"')], "nobody would be asked"),
    ("no names", PAIR + AUTH + "RequireAnyClientCert\n  client_allowed_sans: []\n", GOOD, [(5, 24, "is empty")], "nobody could connect"),
    ("a rate", "rate_limit:\n  interval: 1s\n  burst: 20\n", GOOD, FINE),
    ("no rate", "rate_limit: {interval: 0, burst: 0}\n", GOOD, FINE),
    ("a rate without a burst", "rate_limit:\n  interval: 1s\n", GOOD, [(1, 1, "needs a \"burst\"")], "all requests would get 429"),
    ("a rate without a unit", "rate_limit: {interval: 5, burst: 1}\n", GOOD, [(1, 24, "expects a duration")], "those are nanoseconds in Go"),
    ("a rate that is none", "rate_limit: {interval: often}\n", BAD, [(1, 24, "expects a duration")]),
    ("a negative burst", "rate_limit: {burst: -1}\n", GOOD, [(1, 21, "expects a whole number")], "all requests would get 429"),
]


def indent(path):
    with open(path, encoding="utf-8") as file:
        return "".join(f"    {line}" for line in file)


def fill(world, text):
    inline = f"tls_server_config:\n  cert: |\n{indent(world.path('cert.pem'))}  key: |\n{indent(world.path('key.pem'))}"
    return text.replace("{folder}", world.folder).replace("{inline}", inline)


def make_files(world):
    tls.self_signed(world.path("cert.pem"), world.path("key.pem"))
    tls.self_signed(world.path("ca.pem"), world.path("other.key"))
    return world.write("exporter.yml", CONFIG)


def ask_promtool(paths):
    """What promtool says of each file: None if it is right, else why not."""
    command = [find_program("promtool"), "check", "web-config", *paths]
    done = subprocess.run(command, capture_output=True, text=True, timeout=harness.LIMIT_S)
    said = done.stdout + done.stderr
    verdicts = {}
    for i, path in enumerate(paths):
        begin = said.index(f"{path} ")
        end = min([said.index(f"{other} ") for other in paths if said.index(f"{other} ") > begin], default=len(said))
        verdicts[path] = None if said[begin:].startswith(f"{path} SUCCESS") else said[begin:end]
    return verdicts


def check(config, path):
    """(exit code, [(line, column, text)], standard error) of the exporter."""
    code, _, err = exporter.run("--config.check", f"--config.file={config}", f"--web.config.file={path}")
    found = re.findall(rf"^{re.escape(path)}:(\d+):(\d+): error: (.*)$", err, re.MULTILINE)
    return code, [(int(line), int(column), text) for line, column, text in found], err


@scene
def the_table(world):
    config = make_files(world)
    rows = [(world.write(f"web{i:03}.yml", fill(world, row[1])), row) for i, row in enumerate(OURS)]
    promtool = ask_promtool([path for path, _ in rows])
    n_compared = 0
    for path, (name, _, verdict, errors, *why) in rows:
        with world.case(f"{name}: " + ("refused" if errors else "passes") + (f" ({why[0]})" if why else "")):
            code, found, err = check(config, path)
            equal(code, 1 if errors else 0, err)
            equal([place[:2] for place in found], [place[:2] for place in errors], f"places\n{err}")
            for (_, _, text), (_, _, part) in zip(found, errors):
                assert part in text, f"{part!r} is not in {text!r}"
            said = promtool[path]
            if said is None or "not found in type" not in said or "unknown" in str(errors):
                equal(said is None, verdict, f"what promtool says: {said}")
                n_compared += 1
            equal(bool(why), bool(errors) == verdict, "there is a reason where the two differ, and only there")
    with world.case("promtool was asked about at least sixty of them"):
        assert n_compared >= 60, n_compared


def switch_on(example):
    """The example with all that is switched off in it: `#key`, while `# ` is a comment."""
    whole = re.sub(r"^( *)#(?=[A-Za-z])", r"\1", example, flags=re.MULTILINE)
    return whole.replace("$2y$10$...", HASH)


@scene
def examples(world):
    make_files(world)
    for name, source in (("server.pem", "cert.pem"), ("server.key", "key.pem"), ("clients-ca.pem", "ca.pem")):
        os.rename(world.path(source), world.path(name))
    with open(os.path.join(harness.TOP, "config", "web-config.yml"), encoding="utf-8") as file:
        example = file.read()
    with open(os.path.join(harness.TOP, "README.md"), encoding="utf-8") as file:
        readme = re.search(r"^```yaml\n(tls_server_config:.*?)^```", file.read(), re.MULTILINE | re.DOTALL)[1]
    readme_on = re.sub(r"^  # (?=client)", "  ", readme, flags=re.MULTILINE)
    with world.case("the examples pass as they stand and with all that is switched off in them"):
        for text in (example, switch_on(example), readme, readme_on):
            path = world.write("example.yml", text)
            code, _, err = check(world.path("exporter.yml"), path)
            equal((code, err), (0, ""), text)
        assert "client_allowed_sans: [" in switch_on(example) and "\nbasic_auth_users:" in switch_on(example)


@scene
def at_start(world):
    config = make_files(world)
    storage = f"--storage.path={world.path('storage')}"
    os.makedirs(world.path("conf/certs"))
    for name in ("cert.pem", "key.pem"):
        os.rename(world.path(name), world.path(f"conf/certs/{name}"))
    world.write("conf/web.yml", "tls_server_config:\n  cert_file: certs/cert.pem\n  key_file: certs/key.pem\n")
    with world.case("relative paths begin in the folder of the file, wherever the program is"):
        for where, path in ((world.folder, "conf/web.yml"), (world.path("conf"), "web.yml"), ("/", world.path("conf/web.yml"))):
            code, out, err = exporter.run("--config.check", f"--config.file={config}", f"--web.config.file={path}", cwd=where)
            equal((code, err), (0, ""), where)
            assert f"{path}: OK" in out, out
    with world.case("both files are checked, and each error tells which of them it is in"):
        bad = world.write("bad.yml", "lists: []\n")
        code, _, err = exporter.run("--config.check", f"--config.file={bad}", f"--web.config.file={config}")
        equal(code, 1)
        assert f"{bad}:1:8: error:" in err and f"{config}:1:1: error: unknown key" in err, err
    with world.case("a broken file ends the program before it serves, and its place is in the log"):
        broken = world.write("broken.yml", "basic_auth_users:\n  alice: s3cret\n")
        code, _, err = exporter.run(f"--config.file={config}", f"--web.config.file={broken}", storage)
        equal(code, 1, err)
        assert "place=2:10" in err and f"file={broken}" in err and "is no bcrypt hash" in err, err
        assert "s3cret" not in err, err
    with world.case("so does one that is not there"):
        code, _, err = exporter.run(f"--config.file={config}", "--web.config.file=/nowhere/web.yml", storage)
        equal(code, 1, err)
        assert "file=/nowhere/web.yml" in err and "does not exist" in err, err
    with world.case("a key that everybody can read is warned of"):
        os.chmod(world.path("conf/certs/key.pem"), 0o644)
        code, _, err = exporter.run("--config.check", f"--config.file={config}", f"--web.config.file={world.path('conf/web.yml')}")
        equal(code, 0, err)
        assert ":3:13: warning: every user of this system can read the key" in err, err


main()
