# SPDX-License-Identifier: Apache-2.0
"""--web.external-url and --web.route-prefix: all pages under a prefix, and behind proxies of both kinds."""

import html
import http.client
import http.server
import json
import re
import threading
import urllib.parse

from browser import Browser
from exporter import Exporter, Metrics, config, dns_list, run
from fakedns import FakeDns
from harness import equal, main, scene, take_address, wait

ZONE = "bl.example.net"
LISTED, CLEAN, STRANGE = "192.0.2.1", "192.0.2.2", "203.0.113.9"
FORM = "application/x-www-form-urlencoded"
BOUNCE = f"554 5.7.1 Client host [{LISTED}] blocked using {ZONE}=127.0.0.2"
PAGES = ["/", "/metrics", "/-/healthy", "/-/ready", "/config", "/check", "/api/v1/listings", "/api/v1/lists"]
PAGES += [f"/api/v1/addresses/{LISTED}", f"/check?ip={LISTED}"]


class Under(Exporter):
    """An exporter whose pages are under a prefix; paths are given without it."""

    def __init__(self, world, text, prefix, flags):
        self.prefix = prefix
        super().__init__(world, text, flags)

    def request(self, method, path, headers=None, body=b""):
        return super().request(method, self.prefix + path, headers, body)

    def outside(self, method, path):
        return super().request(method, path)


class Proxy:
    """A reverse proxy: what is under `shown` goes to the exporter, under `served`; it may pass Host on."""

    def __init__(self, shown, passes_host=False):
        self.shown, self.served, self.passes_host = shown, None, passes_host
        self.target = None
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def forward(self):
                proxy.forward(self)

            do_GET = do_POST = do_HEAD = forward

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer((take_address(), 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.origin = "http://%s:%d" % self.server.server_address[:2]

    def forward(self, request):
        body = request.rfile.read(int(request.headers.get("Content-Length", 0)))
        if not request.path.startswith(self.shown + "/"):
            status, headers, answer = 404, [("Content-Type", "text/plain")], b"not here\n"
        else:
            headers = dict(request.headers.items())
            if not self.passes_host:
                headers["Host"] = self.target
            connection = http.client.HTTPConnection(self.target, timeout=60)
            connection.request(request.command, self.served + request.path[len(self.shown) :], body, headers)
            response = connection.getresponse()
            answer, status, headers = response.read(), response.status, response.getheaders()
            connection.close()
        request.send_response(status)
        for name, value in headers:
            if name.lower() not in ("content-length", "connection", "transfer-encoding", "date"):
                request.send_header(name, value)
        request.send_header("Content-Length", str(len(answer)))
        request.end_headers()
        if request.command != "HEAD":
            request.wfile.write(answer)

    def ask(self, path, method="GET", body=None, **headers):
        """(status, headers, text) of what users of the proxy get."""
        connection = http.client.HTTPConnection(self.origin.removeprefix("http://"), timeout=60)
        connection.request(method, path, body, {key.replace("_", "-"): value for key, value in headers.items()})
        response = connection.getresponse()
        found = response.status, dict(response.getheaders()), response.read().decode()
        connection.close()
        return found


def configuration(world):
    server = FakeDns(world, ZONE, {ip: ["127.0.0.2"] for ip in ("127.0.0.2", LISTED)})
    groups = [{"name": "out", "addresses": [LISTED, CLEAN]}]
    return config([dns_list("bl", ZONE)], groups, [server.endpoint])


def links(text):
    return [html.unescape(one) for one in re.findall(r'(?:href|action)="([^"]*)"', text)]


def follow_links(proxy, path, first):
    """Asks for every page that the pages of the exporter lead to; the paths."""
    seen, waiting = set(), [path]
    while waiting:
        at = waiting.pop()
        if at in seen:
            continue
        seen.add(at)
        status, headers, text = proxy.ask(at)
        equal(status, 200, f"{at}, from {path}")
        if headers["Content-Type"].startswith("text/html"):
            for link in links(text):
                url = urllib.parse.urlsplit(urllib.parse.urljoin(proxy.origin + at, link))
                equal(f"{url.scheme}://{url.netloc}", proxy.origin, f"{link} on {at}")
                assert url.path.startswith(first), (at, link)
                waiting.append(url.path + (f"?{url.query}" if url.query else ""))
    return seen


def use_with_a_browser(world, url):
    """Opens the status page, checks an address there, and comes back."""
    browser = Browser(world)
    browser.open(url)
    equal(browser.run("return document.querySelector('h1').className"), "bad", "something is listed")
    equal(browser.messages(), [])

    def check():
        browser.open(url)
        browser.run("document.querySelector('#ip').value = arguments[0]", STRANGE)
        browser.requests()
        browser.run("document.querySelector('form button').click()")
        wait(lambda: browser.run("return location.pathname").endswith("/check"), "the page about the address")
        return "not listed" in browser.run("return document.querySelector('main').innerText")

    wait(check, "the list has answered", world=world)
    equal([request["method"] for request in browser.requests()], ["POST"])
    equal(browser.run("return location.href"), url + "check")
    browser.run("document.querySelector('header a').click()")
    wait(lambda: browser.run("return location.href") == url, "the status page again")


@scene
def under_a_prefix(world):
    flags = ["--web.route-prefix=ops/rbl/", "--web.telemetry-path=/m"]
    exporter = Under(world, configuration(world), "/ops/rbl", flags)
    metrics = lambda: Metrics(exporter.get("/m").text)
    wait(lambda: metrics().value("rbl_ip_listed", ip=LISTED, list="bl") == 1, "a listing", world=world)
    with world.case("every page is under it, and nowhere else"):
        for path in [*PAGES[:1], "/m", *PAGES[2:]]:
            equal(exporter.get(path).status, 200, path)
            if path != "/":
                equal(exporter.outside("GET", path).status, 404, path)
        for path in ("/metrics", "/ops", "/ops/", "/ops/rblx", "/ops/rbl//", "//ops/rbl/", "/OPS/rbl/", "/ops/rbl/metrics"):
            equal(exporter.outside("GET", path).status, 404, path)
        equal(exporter.request("POST", "/-/reload").status, 200)
    with world.case("who comes without it is led to it"):
        for path in ("/", "/ops/rbl", "/?x=y"):
            for method in ("GET", "HEAD"):
                response = exporter.outside(method, path)
                equal((response.status, response.headers["location"]), (302, "/ops/rbl/"), path)
            equal(response.body, b"")
        assert "/ops/rbl/" in exporter.outside("GET", "/").text
        response = exporter.outside("POST", "/")
        equal((response.status, response.headers["allow"]), (405, "GET, HEAD"))
    with world.case("the log says where metrics are"):
        started = [m for m in exporter.messages() if m["msg"] == "rbl_exporter started"]
        equal([m["metrics"] for m in started], ["/ops/rbl/m"])
    with world.case("check and bounce find it there, and say so where it is not"):
        for place in (f"http://{exporter.endpoint}/ops/rbl", f"http://{exporter.endpoint}/ops/rbl/"):
            code, out, errors = run("check", f"--send={place}", "--output=json", LISTED, CLEAN)
            equal((code, errors), (1, ""), place)
            equal([one["address"] for one in json.loads(out)["checks"]], [LISTED, CLEAN])
            file = world.write("bounce.txt", BOUNCE + "\n")
            code, out, errors = run("bounce", f"--send={place}", "--output=json", file)
            equal((code, errors), (0, ""), place)
            equal([one["address"] for one in json.loads(out)["bounces"]], [LISTED])
        code, _, errors = run("check", f"--send=http://{exporter.endpoint}", CLEAN)
        equal(code, 2)
        assert "with its route prefix if it has one" in errors, errors


@scene
def behind_a_proxy_that_passes_the_path(world):
    proxy = Proxy("/a/rbl")
    exporter = Under(world, configuration(world), "/a/rbl", [f"--web.external-url={proxy.origin}/a/rbl/"])
    proxy.target, proxy.served = exporter.endpoint, "/a/rbl"
    exporter.wait_for_value(1, "rbl_ip_listed", ip=LISTED, list="bl")
    with world.case("the path of the external URL is the prefix, and every link stays behind the proxy"):
        seen = follow_links(proxy, "/a/rbl/", "/a/rbl/")
        for path in ("metrics", "config", "api/v1/lists", "api/v1/listings", f"check?ip={LISTED}", "-/healthy"):
            assert f"/a/rbl/{path}" in seen, (path, seen)
        equal(proxy.ask("/metrics")[0], 404)
    with world.case("who comes without the slash is led to where users find it"):
        response = exporter.outside("GET", "/a/rbl")
        equal((response.status, response.headers["location"]), (302, "/a/rbl/"))
    with world.case("a form that comes through the proxy is our own, though Host is not passed on"):
        body = urllib.parse.urlencode({"ip": STRANGE})
        for path, kind in (("/a/rbl/check", FORM), ("/a/rbl/-/reload", "text/plain")):
            equal(proxy.ask(path, "POST", body if kind == FORM else "", Content_Type=kind, Origin=proxy.origin)[0], 200)
            for origin in ("http://elsewhere.example.net", proxy.origin.replace("http", "https"), "null"):
                status, _, text = proxy.ask(path, "POST", body if kind == FORM else "", Content_Type=kind, Origin=origin)
                equal(status, 403, origin)
                assert "--web.external-url" in html.unescape(text), text
    with world.case("a browser uses it"):
        use_with_a_browser(world, proxy.origin + "/a/rbl/")


@scene
def behind_a_proxy_that_takes_the_path_off(world):
    proxy = Proxy("/rbl")
    flags = [f"--web.external-url={proxy.origin}/rbl", "--web.route-prefix=/"]
    exporter = Exporter(world, configuration(world), flags)
    proxy.target, proxy.served = exporter.endpoint, ""
    exporter.wait_for_value(1, "rbl_ip_listed", ip=LISTED, list="bl")
    with world.case("pages are served without a prefix, and every link stays behind the proxy"):
        for path in PAGES:
            equal(exporter.get(path).status, 200, path)
            equal(proxy.ask("/rbl" + path)[0], 200, path)
        follow_links(proxy, "/rbl/", "/rbl/")
    with world.case("a browser uses it"):
        use_with_a_browser(world, proxy.origin + "/rbl/")


@scene
def behind_two_paths(world):
    proxy = Proxy("/out/rbl", passes_host=True)
    flags = [f"--web.external-url={proxy.origin}/out/rbl", "--web.route-prefix=/in"]
    exporter = Under(world, configuration(world), "/in", flags)
    proxy.target, proxy.served = exporter.endpoint, "/in"
    with world.case("a redirect leads to where users find it"):
        for path in ("/", "/in"):
            response = exporter.outside("GET", path)
            equal((response.status, response.headers["location"]), (302, "/out/rbl/"), path)
        equal(proxy.ask("/out/rbl/")[0], 200)


@scene
def what_is_no_place(world):
    file = world.write("c.yml", config([dns_list("bl", ZONE)], [{"name": "g", "addresses": [CLEAN]}], ["127.0.0.1"]))
    with world.case("a flag that cannot be used is refused before anything starts, with what is wrong"):
        for flag, words in (
            ("--web.external-url=rbl.example.net", "must begin with http:// or https://"),
            ("--web.external-url=http://", "has no host"),
            ("--web.external-url=http://here:99999", "from 1 to 65535"),
            ("--web.external-url=http://here/?x", "no ? and no #"),
            ("--web.external-url=http://here/a%20b", "may not hold"),
            ("--web.external-url=http://me:s3cret@here/", "user or a password"),
            ("--web.external-url=", "not empty"),
            ("--web.route-prefix=/a/../b", "/../"),
            ("--web.route-prefix=/a?", "may not hold"),
        ):
            code, out, errors = run(f"--config.file={file}", f"--storage.path={world.path('data')}", flag)
            equal((code, out), (2, ""), errors)
            assert words in errors and flag.split("=")[0] in errors and "s3cret" not in errors, errors
    with world.case("the path of metrics cannot be that of another page"):
        for path in ("/config", "/api/v1/lists", "/check"):
            code, _, errors = run(f"--config.file={file}", f"--web.telemetry-path={path}")
            equal(code, 2, path)
            assert "another page" in errors, errors


main()
