# SPDX-License-Identifier: Apache-2.0
"""The lists of soak.py, their servers and what they list: one that is sound and changes, one of rbldnsd that is often away,
one with a quota, and six with another fault of dnsfaults.py every minute."""

import signal
import time

from dnsfaults import LIES, MODES
from exporter import config, dns_list
from hostiledns import HostileDns, HostileZone
from servers import Rbldnsd

SINGLES = [f"192.0.2.{i}" for i in range(1, 13)]
RANGE, SWEPT = "198.51.100.0/27", [f"198.51.100.{i}" for i in range(32)]
FILED = [f"203.0.113.{i}" for i in range(1, 9)]
BOUNCED = [f"203.0.113.{i}" for i in range(101, 104)]
ALL = [*SINGLES, *SWEPT, *FILED, *BOUNCED]
LISTED = [*SINGLES[::2], *SWEPT[::4], *FILED[::2], BOUNCED[0]]
CHAOS = [f"chaos{i}" for i in range(1, 7)]
QUOTA, QUOTA_S = 60, 20
LIMITS = {"metered": (10, 2), "good": (40, 4)}  # rate and burst; a sweep of "good" would be more at once
MODE_NAMES = sorted(name for name, mode in MODES.items() if mode.server == "shared" and not mode.keys)
ANSWER = ["127.0.0.2"]


class Lists:
    """The servers, and the truth: {list: {address: whether it is listed}}."""

    def __init__(self, world, chance):
        self.world, self.chance = world, chance
        self.truth = {name: {ip: ip in LISTED for ip in ALL} for name in ("good", "metered", "weather", "extra", *CHAOS)}
        zones = {f"{name}.example.net": name for name in self.truth if name != "weather"}
        self.zones = {name: HostileZone(zone, {ip: ANSWER for ip in LISTED}) for zone, name in zones.items()}
        self.sound = HostileDns(world, {z.zone: z for n, z in self.zones.items() if n not in CHAOS})
        self.hostile = HostileDns(world, {z.zone: z for n, z in self.zones.items() if n in CHAOS})
        data = [("ip4set", ["127.0.0.2 :127.0.0.2:test entry", *[f"{ip} :127.0.0.2:listed" for ip in LISTED]])]
        self.weather = Rbldnsd(world, {"weather.example.net": data})
        self.modes = {}
        # Lists that have lied. No self-test sees that if they get no answer from then on, or while a list lies by turns: what
        # it has said about an address that was new to it is believed until one is seen, or it is asked once more.
        self.liars = set()
        self.times = {name: [] for name in LIMITS}  # when queries came, and whether over UDP, of which the kernel says when
        self.tested = "127.0.0.1"  # what lists of chaos must not list
        self.weather_ends = None

    def settings(self, extra, timeout):
        lists = [dns_list(name, f"{name}.example.net", nameservers=[self.server_of(name)]) for name in self.truth]
        lists = [one for one in lists if extra or one["name"] != "extra"]
        for one in lists:
            if one["name"] in CHAOS:
                one["self_test"] |= {"not_listed": [self.tested]}
            if one["name"] in LIMITS:
                rate, burst = LIMITS[one["name"]]
                one["budget"] = {"rate": f"{rate}/s", "burst": burst}
            if one["name"] == "metered":
                one["budget"] |= {"queries": QUOTA, "per": f"{QUOTA_S}s"}
        every = [one["name"] for one in lists if one["name"] != "metered"]
        groups = [
            {"name": "singles", "addresses": SINGLES, "interval": "2s"},
            {"name": "ranges", "ranges": [RANGE], "sweep_interval": "5s", "lists": every},
            {"name": "filed", "files": [self.world.path("senders.txt")], "interval": "2s", "lists": every},
        ]
        return config(lists, groups, [self.sound.endpoint], {"timeout": timeout}, bounces={"keep": "1h"})

    def server_of(self, name):
        if name == "weather":
            return self.weather.endpoint
        return (self.hostile if name in CHAOS else self.sound).endpoint

    def draw(self):
        """Another fault for each list of chaos; now and then none."""
        for name in CHAOS:
            self.modes[name] = mode = self.chance.choice([*MODE_NAMES, None])
            if mode is None:
                self.zones[name].heal()
            else:
                self.liars |= {name} if mode in LIES else set()
                self.zones[name].sicken(MODES[mode].play, spares_tests=not MODES[mode].blind)

    def heal(self):
        """And what was refused is not left alone for minutes: other self-tests begin anew."""
        self.tested = "127.0.0.3" if self.tested == "127.0.0.1" else "127.0.0.1"
        self.modes = {}
        for zone in self.zones.values():
            zone.heal()
        self.calm()

    def storm(self, longest):
        """rbldnsd stands still for a while, or is gone."""
        if self.weather_ends is None:
            if self.chance.random() < 0.5:
                self.weather.send_signal(signal.SIGSTOP)
            else:
                self.weather.kill()
            self.weather_ends = time.monotonic() + self.chance.uniform(0, longest)

    def calm(self):
        self.weather_ends = None
        if self.weather.poll() is None:
            self.weather.send_signal(signal.SIGCONT)
        else:
            self.weather.launch()

    def turn(self):
        if self.weather_ends is not None and time.monotonic() > self.weather_ends:
            self.calm()

    def forget(self):
        """Of what was asked only moments are kept, of lists with limits: hours of it would fill the memory."""
        for server in (self.sound, self.hostile):
            with server.lock:
                seen, server.seen = server.seen, []
            for one in seen:
                name = one.name.lower().rsplit(".", 3)[-3]
                if name in LIMITS:
                    self.times[name].append((one.time, one.transport == "udp"))

    def toggle(self, ip):
        listed = not self.truth["good"][ip]
        self.truth["good"][ip] = listed
        if listed:
            self.zones["good"].listed[ip] = ANSWER
        else:
            del self.zones["good"].listed[ip]
