# SPDX-License-Identifier: Apache-2.0
"""What the web configuration asks of clients of the running exporter, how that changes, and a real Prometheus."""

import base64
import http.client
import json
import os
import signal
import ssl
import warnings

import harness
import tls
from exporter import Exporter, config, run
from harness import equal, main, scene
from servers import Prometheus

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import crypt

NOTHING_LISTED = config(
    [{"name": "bl", "zone": "bl.example.net", "self_test": {"interval": "1h"}}],
    [{"name": "g", "addresses": ["192.0.2.1"]}],
    ["127.0.0.1:9"],
    defaults={"interval": "1h"},
)


def hash_of(password):
    return crypt.crypt(password, crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=16))


class Secured(Exporter):
    """The daemon with a web configuration (text); `trust` is the authority that its clients trust, `pair` the certificate
    and the key that they have, as paths."""

    def __init__(self, world, web_config, trust=None, pair=None, name="web.yml"):
        self.trust, self.pair = trust, pair
        path = world.write(name, web_config)
        super().__init__(world, NOTHING_LISTED, [f"--web.config.file={path}"], serves=False)
        harness.wait(self.answers, lambda: "the exporter answers\n" + self.log_tail(), world=world)

    def answers(self):
        try:
            return self.fetch("/-/healthy")[0] in (200, 401)
        except OSError:
            return False

    def context(self):
        context = ssl.create_default_context(cafile=self.trust)
        context.check_hostname = False  # an address is taken when the certificate is there already
        if self.pair:
            context.load_cert_chain(*self.pair)
        return context

    def connection(self):
        if self.trust:
            return http.client.HTTPSConnection(self.host, self.port, timeout=20, context=self.context())
        return http.client.HTTPConnection(self.host, self.port, timeout=20)

    def fetch(self, path="/metrics", user=None, method="GET", connection=None):
        """(status, headers, body); `user` is "name:password"."""
        headers = {"Authorization": "Basic " + base64.b64encode(user.encode()).decode()} if user else {}
        used = connection or self.connection()
        used.request(method, path, headers=headers)
        response = used.getresponse()
        body = response.read()
        if connection is None:
            used.close()
        return response.status, dict(response.getheaders()), body

    def status(self, *arguments, **options):
        return self.fetch(*arguments, **options)[0]

    def wait_for_status(self, expected, *arguments, **options):
        last = []

        def look():
            last[:] = [self.status(*arguments, **options)]
            return last[0] == expected

        harness.wait(look, lambda: f"{expected}, last {last}\n{self.log_tail()}", world=self.world)

    def names_of_certificate(self):
        """The names in the certificate that the server shows now."""
        connection = self.connection()
        connection.connect()
        names = connection.sock.getpeercert()["subjectAltName"]
        connection.close()
        return {name for _, name in names}


def users(**passwords):
    return "basic_auth_users:\n" + "".join(f"  {name}: {hash_of(password)}\n" for name, password in passwords.items())


@scene
def passwords(world):
    exporter = Secured(world, users(alice="wonderland"))
    with world.case("the right password opens every page, a wrong one and none do not"):
        for path in ("/metrics", "/", "/-/healthy", "/api/v1/listings"):
            equal(exporter.status(path, user="alice:wonderland"), 200, path)
            for user in ("alice:wrong", "bob:wonderland", "alice:", None):
                status, headers, _ = exporter.fetch(path, user=user)
                equal(status, 401, f"{path} as {user}")
                assert headers["WWW-Authenticate"].startswith("Basic"), headers
    with world.case("nor does anything that is posted have an effect without it"):
        before = exporter.n_reloads()
        for path in ("/-/reload", "/check", "/api/v1/bounces", "/api/v1/addresses/192.0.2.1"):
            for user in ("alice:wrong", None):
                equal(exporter.status(path, user=user, method="POST"), 401, f"{path} as {user}")
        equal(exporter.n_reloads(), before)
        equal(exporter.status("/-/reload", user="alice:wonderland", method="POST"), 200)
        equal(exporter.n_reloads(), before + 1)
    with world.case("check --send takes name and password in the URL"):
        code, out, err = run("check", f"--send=http://alice:wonderland@{exporter.endpoint}/", "192.0.2.1")
        assert code == 3 and "192.0.2.1" in out, out + err  # the list cannot be believed here
        code, out, err = run("check", f"--send=http://alice:wrong@{exporter.endpoint}/", "192.0.2.1")
        assert code not in (0, 1) and "192.0.2.1" not in out and "wrong" not in err, out + err
    with world.case("a password that changes counts without a restart"):
        world.write("web.yml", users(alice="looking-glass", bob="builder"))
        exporter.wait_for_status(200, user="alice:looking-glass")
        equal(exporter.status(user="bob:builder"), 200)
        equal(exporter.status(user="alice:wonderland"), 401)
    with world.case("a file that is broken has everybody refused, which heals by itself"):
        world.write("web.yml", "basic_auth_users:\n  alice: looking-glass\n")
        exporter.wait_for_status(500, user="alice:looking-glass")
        equal(exporter.status(), 500)
        exporter.wait_for_message("the web configuration cannot be used: all requests are refused until it is mended")
        assert "looking-glass" not in exporter.log(), exporter.log_tail()
        world.write("web.yml", users(alice="looking-glass"))
        exporter.wait_for_status(200, user="alice:looking-glass")
        exporter.wait_for_message("the web configuration is right again: requests are served")
    with world.case("so has one that is gone"):
        os.rename(world.path("web.yml"), world.path("away.yml"))
        exporter.wait_for_status(500, user="alice:looking-glass")
        os.rename(world.path("away.yml"), world.path("web.yml"))
        exporter.wait_for_status(200, user="alice:looking-glass")
    with world.case("a file that is written slowly counts when its writer closes it"):
        fresh = users(alice="hatter")
        with open(world.path("web.yml"), "w", encoding="utf-8") as file:
            for i in range(0, len(fresh), 10):
                file.write(fresh[i : i + 10])
                file.flush()
                equal(exporter.status(user="alice:looking-glass"), 200)
        exporter.wait_for_status(200, user="alice:hatter")
    with world.case("TLS is not turned on while the program runs, and nobody is served meanwhile"):
        tls.self_signed(world.path("cert.pem"), world.path("key.pem"))
        world.write("web.yml", fresh + "tls_server_config: {cert_file: cert.pem, key_file: key.pem}\n")
        exporter.wait_for_status(500, user="alice:hatter")
        assert "the program was started without TLS" in exporter.log(), exporter.log_tail()
        world.write("web.yml", fresh)
        exporter.wait_for_status(200, user="alice:hatter")
    with world.case("without users everybody is served again"):
        world.write("web.yml", "")
        exporter.wait_for_status(200)


@scene
def headers_and_a_rate(world):
    headers = "http_server_config:\n  headers:\n    X-Frame-Options: sameorigin\n    X-XSS-Protection: 1; mode=block\n"
    exporter = Secured(world, headers)
    with world.case("the headers are in every response, once"):
        for path in ("/metrics", "/", "/nowhere"):
            found = exporter.fetch(path)[1]
            equal((found["X-Frame-Options"], found["X-XSS-Protection"]), ("sameorigin", "1; mode=block"), path)
    with world.case("a rate limits all clients together, and goes when it is taken out"):
        world.write("web.yml", headers + "rate_limit: {interval: 1h, burst: 3}\n")
        exporter.wait_for_status(429)
        assert "Retry-After" in exporter.fetch()[1]
        world.write("web.yml", headers)
        exporter.wait_for_status(200)


@scene
def certificates(world):
    authority = tls.Authority(world)
    authority.sign("server", "IP:127.0.0.1,DNS:one.example.net")
    web = "tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n"

    exporter = Secured(world, web, trust=authority.cert)
    with world.case("pages come over TLS, and plain HTTP gets none"):
        equal(exporter.status(), 200)
        assert "one.example.net" in exporter.names_of_certificate()
        plain = exporter.send(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        assert plain is None or plain.status != 200, plain and plain.status
    with world.case("a renewed certificate is shown to whoever comes next, and cuts nobody off"):
        old = exporter.connection()
        equal(exporter.status(connection=old), 200)
        authority.sign("server", "DNS:two.example.net")
        harness.wait(lambda: "two.example.net" in exporter.names_of_certificate(), exporter.log_tail, world=world)
        equal(exporter.status(connection=old), 200)
        old.close()
    with world.case("a certificate whose key does not follow has everybody refused over the old one, and heals"):
        tls.self_signed(world.path("stray.pem"), world.path("stray.key"))
        os.replace(world.path("stray.pem"), world.path("server.pem"))
        exporter.wait_for_status(500)
        assert "two.example.net" in exporter.names_of_certificate()
        assert "cannot be used" in exporter.log(), exporter.log_tail()
        authority.sign("server", "DNS:three.example.net")
        exporter.wait_for_status(200)
        assert "three.example.net" in exporter.names_of_certificate()
    with world.case("secrets of Kubernetes, whose folder is swapped by a link, are followed"):
        for number in ("1", "2"):
            authority.sign("server", f"DNS:swap{number}.example.net")
            os.mkdir(world.path(f"..{number}"))
            for name in ("server.pem", "server.key"):
                os.rename(world.path(name), world.path(f"..{number}/{name}"))
        os.symlink("..1", world.path("..data"))
        for name in ("server.pem", "server.key"):
            os.symlink(f"..data/{name}", world.path(name))
        exporter.send_signal(signal.SIGHUP)
        harness.wait(lambda: "swap1.example.net" in exporter.names_of_certificate(), exporter.log_tail, world=world)
        os.symlink("..2", world.path("..data.new"))
        os.replace(world.path("..data.new"), world.path("..data"))
        harness.wait(lambda: "swap2.example.net" in exporter.names_of_certificate(), exporter.log_tail, world=world)
        equal(exporter.status(), 200)
    with world.case("what is wrong is healed by SIGHUP too, and POST /-/reload works over TLS"):
        exporter.send_signal(signal.SIGHUP)
        harness.wait(lambda: exporter.n_reloads() > 1, exporter.log_tail, world=world)
        equal(exporter.status("/-/reload", method="POST"), 200)


@scene
def a_real_prometheus(world):
    authority, foreign = tls.Authority(world), tls.Authority(world, "foreign")
    cert, key = authority.sign("server")
    named, other, stranger = authority.sign("named", "DNS:prometheus.example.net"), authority.sign("other"), foreign.sign("stranger")
    web = f"tls_server_config:\n  cert_file: {cert}\n  key_file: {key}\n  client_ca_file: {authority.cert}\n  client_auth_type: "
    by_password = Secured(world, web + "VerifyClientCertIfGiven\n" + users(prometheus="scrapes"), trust=authority.cert)
    sans = "  client_allowed_sans: [prometheus.example.net]\n"
    by_name = Secured(world, web + "RequireAndVerifyClientCert\n" + sans, trust=authority.cert, pair=named, name="name.yml")

    def job(pair=(None, None), password=None):
        trust = {"ca_file": authority.cert, "server_name": "127.0.0.1"}
        pair = {"cert_file": pair[0], "key_file": pair[1]} if pair[0] else {}
        login = {"basic_auth": {"username": "prometheus", "password": password}} if password else {}
        return {"scheme": "https", "tls_config": {**trust, **pair}, **login}

    jobs = {
        "password": (by_password, job(password="scrapes"), 1),
        "password and certificate": (by_password, job(other, "scrapes"), 1),
        "wrong password": (by_password, job(password="wrong"), 0),
        "no password": (by_password, job(), 0),
        "strange certificate": (by_password, job(stranger, "scrapes"), 0),
        "name": (by_name, job(named), 1),
        "other name": (by_name, job(other), 0),
        "no certificate": (by_name, job(), 0),
    }
    targets = {name: [exporter.endpoint] for name, (exporter, _, _) in jobs.items()}
    prometheus = Prometheus(world, [], others=targets, options={name: keys for name, (_, keys, _) in jobs.items()})
    expected = {name: up for name, (_, _, up) in jobs.items()}

    def up():
        return {labels["job"]: value for labels, value in prometheus.query("up")}

    def told():
        return f"{up()}\n{json.dumps(prometheus.health())}\n{by_password.log_tail()}\n{by_name.log_tail()}"

    with world.case("it scrapes over TLS who it may, by password and by certificate, and nobody else"):
        harness.wait(lambda: up() == expected, told, world=world)
        for name, scraped in expected.items():
            equal(bool(prometheus.query(f'rbl_exporter_build_info{{job="{name}"}}')), scraped == 1, name)
    with world.case("it goes on when the certificate of the server is renewed"):
        authority.sign("server", "IP:127.0.0.1,DNS:renewed.example.net")
        for exporter in (by_password, by_name):
            harness.wait(lambda e=exporter: "renewed.example.net" in e.names_of_certificate(), told, world=world)
        before = prometheus.query('count_over_time(up{job="password"}[1h])')[0][1]
        harness.wait(
            lambda: prometheus.query('count_over_time(up{job="password"}[1h])')[0][1] > before + 1 and up() == expected,
            told,
            world=world,
        )


main()
