# SPDX-License-Identifier: Apache-2.0
"""TLS as clients that are not ours see it: openssl s_client, curl and Python's ssl."""

import gzip
import re
import socket
import ssl
import subprocess

import harness
import tls
from exporter import Exporter, config
from harness import equal, main, scene
from servers import find_program

NOTHING_LISTED = config(
    [{"name": "bl", "zone": "bl.example.net", "self_test": {"interval": "1h"}}],
    [{"name": "g", "addresses": ["192.0.2.1"]}],
    ["127.0.0.1:9"],
    defaults={"interval": "1h"},
)
GET = b"GET /-/healthy HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
ALL = "ALL:@SECLEVEL=0"
VERSIONS = {"TLS10": "-tls1", "TLS11": "-tls1_1", "TLS12": "-tls1_2", "TLS13": "-tls1_3"}


class Tls(Exporter):
    """The daemon with a certificate of `authority` and what `rules` say besides."""

    def __init__(self, world, authority, rules="", flags=()):
        authority.sign("server", purpose="serverAuth")
        self.trust = authority.cert
        web = "tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n" + rules
        path = world.write("web.yml", web)
        super().__init__(world, NOTHING_LISTED, [f"--web.config.file={path}", *flags], serves=False)
        harness.wait(self.listens, lambda: "the exporter listens\n" + self.log_tail(), world=world)

    def listens(self):
        try:
            self.connect().close()
            return True
        except OSError:
            return False

    def s_client(self, *arguments, pair=None):
        """What openssl s_client makes of a handshake and one request."""
        chosen = ["-cert", pair[0], "-key", pair[1]] if pair else []
        command = ["s_client", "-connect", self.endpoint, "-CAfile", self.trust, "-ign_eof", *chosen, *arguments]
        done = subprocess.run(
            [find_program("openssl"), *command], input=GET, capture_output=True, timeout=harness.LIMIT_S, check=False
        )
        return Outcome(done.stdout.decode("latin-1") + done.stderr.decode("latin-1"))

    def curl(self, *arguments, scheme="https", path="/metrics"):
        """(exit code, what it printed)"""
        command = [find_program("curl"), "-sS", "-i", "--cacert", self.trust, "-k", *arguments]
        done = subprocess.run(
            [*command, f"{scheme}://{self.endpoint}{path}"], capture_output=True, timeout=harness.LIMIT_S, check=False
        )
        return done.returncode, done.stdout


class Outcome:
    def __init__(self, text):
        self.text = text
        self.is_served = "HTTP/1.1 200 OK" in text
        self.alert = self._find(r"alert ([a-z ]+?):")
        self.cipher = self._find(r"Cipher is (\S+)")
        self.group = self._find(r"Server Temp Key: (?:ECDH, )?(\S+),")

    def _find(self, pattern):
        found = re.search(pattern, self.text)
        return found and found[1]


def served(exporter, expected, *arguments, **options):
    outcome = exporter.s_client(*arguments, **options)
    assert outcome.is_served == expected, f"{arguments} {options}: {outcome.text}\n{exporter.log_tail()}"
    return outcome


def rules(**keys):
    return "".join(f"  {key}: {value}\n" for key, value in keys.items())


@scene
def versions(world):
    authority = tls.Authority(world)
    usual = Tls(world, authority)
    with world.case("TLS 1.2 and 1.3 are spoken unless more is asked for, and an alert says so"):
        for name, flag in VERSIONS.items():
            outcome = served(usual, name in ("TLS12", "TLS13"), flag, "-cipher", ALL)
            assert outcome.is_served or outcome.alert == "protocol version", outcome.text
    with world.case("Python's ssl agrees"):
        context = ssl.create_default_context(cafile=usual.trust)
        context.check_hostname = False
        with context.wrap_socket(usual.connect()) as client:
            equal(client.version(), "TLSv1.3")
    usual.stop()

    old = Tls(world, authority, rules(min_version="TLS10", max_version="TLS11"))
    with world.case("versions are those that are asked for"):
        for name, flag in VERSIONS.items():
            served(old, name in ("TLS10", "TLS11"), flag, "-cipher", ALL)


@scene
def cipher_suites(world):
    suites = "[TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA, TLS_RSA_WITH_AES_256_GCM_SHA384]"
    exporter = Tls(world, tls.Authority(world), rules(cipher_suites=suites))
    with world.case("cipher suites are exactly those named, although their parts would combine to more"):
        for name in ("AES128-GCM-SHA256", "AES256-SHA"):
            equal(served(exporter, True, "-tls1_2", "-cipher", "ECDHE-ECDSA-" + name).cipher, "ECDHE-ECDSA-" + name)
        for name in ("AES256-GCM-SHA384", "AES128-SHA", "AES128-SHA256", "CHACHA20-POLY1305"):
            refused = served(exporter, False, "-tls1_2", "-cipher", f"ECDHE-ECDSA-{name}:@SECLEVEL=0")
            equal(refused.alert, "handshake failure")
    with world.case("the first of ours that the client has is taken"):
        offer = "ECDHE-ECDSA-AES256-SHA:ECDHE-ECDSA-AES128-GCM-SHA256"
        equal(served(exporter, True, "-tls1_2", "-cipher", offer).cipher, "ECDHE-ECDSA-AES128-GCM-SHA256")
    with world.case("TLS 1.3 has its own"):
        for name in ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"):
            equal(served(exporter, True, "-tls1_3", "-ciphersuites", name).cipher, name)


@scene
def curves(world):
    exporter = Tls(world, tls.Authority(world), rules(curve_preferences="[CurveP384, CurveP256]"))
    with world.case("curves are those named, in their order"):
        for flag in ("-tls1_2", "-tls1_3"):
            equal(served(exporter, True, flag, "-curves", "X25519:P-256:P-384").group, "secp384r1")
            equal(served(exporter, True, flag, "-curves", "X25519:P-256").group, "prime256v1")
            served(exporter, False, flag, "-curves", "X25519:P-521")


@scene
def clients(world):
    authority, foreign = tls.Authority(world), tls.Authority(world, "foreign")
    right = authority.sign("scraper", "DNS:scraper.example.net,IP:192.0.2.7", "clientAuth")
    for_servers = authority.sign("web", "DNS:scraper.example.net", "serverAuth")
    others = foreign.sign("stranger", "DNS:scraper.example.net", "clientAuth")
    tls.self_signed(world.path("self.pem"), world.path("self.key"), "DNS:scraper.example.net")
    alone = world.path("self.pem"), world.path("self.key")
    unverified = {None: True, right: True, for_servers: True, others: True, alone: True}
    verified = {None: True, right: True, for_servers: False, others: False, alone: False}
    types = {
        "RequestClientCert": unverified,
        "RequireAnyClientCert": {**unverified, None: False},
        "VerifyClientCertIfGiven": verified,
        "RequireAndVerifyClientCert": {**verified, None: False},
    }
    for name, let_in in types.items():
        exporter = Tls(world, authority, rules(client_auth_type=name, client_ca_file="authority.pem"))
        with world.case(f"{name} lets in whom it says"):
            for pair, expected in let_in.items():
                for flag in ("-tls1_2", "-tls1_3"):
                    outcome = served(exporter, expected, flag, pair=pair)
                    assert expected or outcome.alert, f"{pair} {flag}: no alert\n{outcome.text}"
                curl = exporter.curl(*(["--cert", pair[0], "--key", pair[1]] if pair else []))
                assert (b"HTTP/1.1 200 OK" in curl[1]) == expected, (pair, curl)
        exporter.stop()

    named = rules(client_auth_type="RequireAndVerifyClientCert", client_ca_file="authority.pem")
    sans = "  client_allowed_sans: [other.example.net, 192.0.2.7]\n"
    exporter = Tls(world, authority, named + sans, ["--log.level=debug"])
    with world.case("one name has to be among client_allowed_sans"):
        served(exporter, True, pair=right)
        nameless = authority.sign("nameless", "DNS:192.0.2.7.example.net", "clientAuth")
        equal(served(exporter, False, pair=nameless).alert, "bad certificate")
    with world.case("why a client was turned away is on the log, for who looks for it"):
        why = "no name in the client's certificate is among client_allowed_sans"
        exporter.wait_for_message("TLS handshake refused", level="debug", detail=why)


@scene
def pages(world):
    exporter = Tls(world, tls.Authority(world))
    with world.case("curl speaks HTTP/1.1, also if it would rather speak HTTP/2"):
        code, text = exporter.curl("--http2")
        equal(code, 0)
        assert text.startswith(b"HTTP/1.1 200 OK\r\n"), text[:100]
    with world.case("gzip comes over TLS"):
        text = exporter.curl("-H", "Accept-Encoding: gzip")[1]
        head, body = text.split(b"\r\n\r\n", 1)
        assert b"Content-Encoding: gzip" in head, head
        assert b"rbl_" in gzip.decompress(body)
    with world.case("history, which waits for another thread, comes over TLS"):
        code, text = exporter.curl(path="/api/v1/addresses/192.0.2.1")
        assert text.startswith(b"HTTP/1.1 200 OK\r\n") and b'"history"' in text, text
    with world.case("plain HTTP is told what is spoken here"):
        code, text = exporter.curl(scheme="http")
        assert text.startswith(b"HTTP/1.0 400 Bad Request\r\n"), (code, text)
        assert text.endswith(b"Client sent an HTTP request to an HTTPS server.\n"), text
    with world.case("pipelined requests are answered in their order"):
        context = ssl.create_default_context(cafile=exporter.trust)
        context.check_hostname = False
        with context.wrap_socket(exporter.connect()) as client:
            for request in (b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n", b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n", GET):
                client.sendall(request)
            received = b""
            while chunk := client.recv(65536):
                received += chunk
        equal(re.findall(rb"HTTP/1\.1 (\d+)", received), [b"200", b"404", b"200"])
    with world.case("who hangs up in the middle of a handshake is forgotten"):
        for _ in range(20):
            with exporter.connect() as client:
                client.sendall(b"\x16\x03\x01\x02\x00\x01\x00")
                client.shutdown(socket.SHUT_WR)
        served(exporter, True)


if __name__ == "__main__":
    main()
