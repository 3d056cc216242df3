# SPDX-License-Identifier: Apache-2.0
"""A browser without a screen: Chromium, driven by chromedriver over HTTP (W3C WebDriver)."""

import base64
import glob
import json
import os
import re
import signal
import urllib.error
import urllib.request

import harness
from servers import find_program

# What a browser asks of the world by itself stays off; what is left a test can forbid by looking at requests().
ARGUMENTS = """--headless=new --no-sandbox --disable-gpu --disable-quic --disable-dev-shm-usage --no-first-run
--disable-background-networking --disable-component-update --disable-default-apps --disable-extensions
--disable-sync --hide-scrollbars --no-proxy-server --remote-debugging-pipe"""
STARTS = 20


def children(pid):
    """All processes that a process has started, and those that they have."""
    found = []
    for path in glob.glob(f"/proc/{pid}/task/*/children"):
        try:
            with open(path, encoding="ascii") as file:
                below = [int(word) for word in file.read().split()]
        except OSError:
            continue
        for child in below:
            found += [child, *children(child)]
    return found


class Browser(harness.Process):
    """A browser with a window of its own folder; `scripts` False: what pages bring is not run."""

    good_codes = (0, -signal.SIGTERM)

    def __init__(self, world, scripts=True):
        self.family = set()
        self.session = None
        profile = world.fresh_folder("browser")
        os.mkdir(profile)
        self.url = f"http://127.0.0.1:{self.start(world, profile)}/session"
        options = {
            "binary": find_program("chromium"),
            "args": [*ARGUMENTS.split(), f"--user-data-dir={profile}/data"],
            "prefs": {} if scripts else {"profile.managed_default_content_settings.javascript": 2},
        }
        wanted = {
            "browserName": "chrome",
            "goog:chromeOptions": options,
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
        }
        answer = self.call("POST", "", {"capabilities": {"alwaysMatch": wanted}})
        self.session = answer["sessionId"]
        self.look_for_family()
        self.open("about:blank")  # and away from the page that it begins with
        self.messages()
        self.requests()

    def start(self, world, profile):
        """Starts chromedriver on a port of the kernel's choice, and returns that.

        It takes one for IPv6 and then wants the same for IPv4, where somebody else may have it.
        """
        # It ends with the test, however that ends, and the browser with the pipe between the two.
        command = ["setpriv", "--pdeathsig", "KILL", find_program("chromedriver"), "--port=0"]
        home = {"HOME": profile, "XDG_CONFIG_HOME": profile, "XDG_CACHE_HOME": profile, "TMPDIR": profile}
        for attempt in range(STARTS):
            super().__init__(world, f"{os.path.basename(profile)}_{attempt}", command, env=home, process_group=0)
            harness.wait(lambda: self.port() or self.poll() is not None, self.log_tail)
            if self.poll() is None:
                return self.port()
            assert "Address already in use" in self.log(), self.log_tail()
            self.kill()
        raise AssertionError(f"chromedriver finds no port in {STARTS} attempts\n{self.log_tail()}")

    def port(self):
        found = re.search(r"successfully on port (\d+)", self.log())
        return found and found.group(1)

    def call(self, method, path, body=None):
        """A WebDriver command of the session; its value."""
        url = self.url + (f"/{self.session}{path}" if self.session else "")
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=90) as response:
                return json.load(response)["value"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{method} {path}: {error.read().decode(errors='replace')[:2000]}") from None

    def devtools(self, command, **parameters):
        return self.call("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def open(self, url):
        """Loads a page; returns when it is there."""
        self.call("POST", "/url", {"url": url})

    def run(self, script, *arguments):
        """What a function body of JavaScript returns on the page."""
        return self.call("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def resize(self, width, height=900):
        """Makes the screen so wide, a phone's below 600 px."""
        self.devtools(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )

    def prefer(self, scheme):
        """"dark" or "light"."""
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self.devtools("Emulation.setEmulatedMedia", media="", features=[feature])

    def messages(self):
        """What the browser has complained about since the last time: errors, violated policies, failed loads."""
        return [entry["message"] for entry in self.call("POST", "/se/log", {"type": "browser"})]

    def requests(self):
        """What pages have asked for since the last time: dictionaries with url, method and perhaps postData."""
        entries = self.call("POST", "/se/log", {"type": "performance"})
        messages = [json.loads(entry["message"])["message"] for entry in entries]
        return [m["params"]["request"] for m in messages if m["method"] == "Network.requestWillBeSent"]

    def find(self, selector):
        """The reference of the one element."""
        found = self.call("POST", "/elements", {"using": "css selector", "value": selector})
        assert len(found) == 1, f"{selector}: {len(found)} elements"
        return next(iter(found[0].values()))

    def picture(self, path):
        with open(path, "wb") as file:
            file.write(base64.b64decode(self.call("GET", "/screenshot")))

    def look_for_family(self):
        """The browser's processes are many, and some in groups of their own."""
        self.family |= set(children(self.pid))

    def kill(self):
        self.look_for_family()
        super().kill()
        for pid in self.family:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def stop(self, number=signal.SIGTERM):
        if self.session and self.poll() is None:
            self.call("DELETE", "")
            self.session = None
        super().stop(number)

    def check_log(self):
        """Chromium's own chatter is no concern of ours."""
