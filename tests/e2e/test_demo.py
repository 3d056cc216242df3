# SPDX-License-Identifier: Apache-2.0
"""`make demo`, sped up: its steps in order, the right notifications, and nothing of it left, however it ends."""

import glob
import os
import re
import shlex
import signal
import socket
import subprocess
import sys

import harness
from exporter import BINARY
from harness import equal, main, scene, wait

DEMO = os.path.join(harness.TOP, "tests", "demo", "demo.py")
PYTHON = "/usr/bin/python3"
LIMIT_S = 500  # for the whole story, which takes a minute at this speed
SPEED = "--speed=25"
CHAPTERS = [
    "All is well",
    "Three of our addresses get onto the list",
    "A bounce arrives",
    "Somebody is paged",
    "The list refuses to answer",
    "It is asked from an address that is registered",
    "Microsoft has cleaned up",
    "The safelist entry is no longer needed",
]
BOUNCED = "40.107.200.7"
ADDRESSES = {"40.107.130.132": "outbound", "40.107.159.143": "outbound", "52.101.72.139": "outbound", BOUNCED: "bounced"}


class Demo(harness.Process):
    """The demonstration; on a terminal of its own, if asked for, where its Ctrl-C can be pressed."""

    def __init__(self, world, *arguments, terminal=False):
        command = [PYTHON, DEMO, SPEED, *arguments]
        self.terminal = terminal
        if terminal:
            # `exec`: a dash that waits for the demonstration would die of the same Ctrl-C.
            command = "exec " + shlex.join(command)
            command = ["script", "--quiet", "--return", "--flush", "--command", command, "/dev/null"]
        env = {"RBL_EXPORTER": BINARY, "TERM": "xterm", "TMPDIR": world.folder, "SHELL": "/bin/sh"}
        name = os.path.basename(world.fresh_folder("demo"))
        super().__init__(world, name, command, env, stdin=subprocess.PIPE if terminal else subprocess.DEVNULL)

    def text(self):
        return re.sub(r"\x1b\[[0-9;]*m", "", self.log()).replace("\r", "")

    def wait_for_text(self, text, limit=LIMIT_S):
        def look():
            assert self.poll() is None or text in self.text(), f"{text!r} was not told\n{self.log_tail()}"
            return text in self.text()

        wait(look, lambda: f"{text!r} is told\n{self.log_tail()}", limit)

    def press_ctrl_c(self):
        self.process.stdin.write(b"\x03")
        self.process.stdin.flush()

    def wait_for_end(self, limit=LIMIT_S):
        code = wait(lambda: self.poll() is not None and [self.poll()], lambda: f"its end\n{self.log_tail()}", limit)[0]
        self.world.running.remove(self)
        if self.terminal:
            self.process.stdin.close()
        return code

    @property
    def folder(self):
        """Where it keeps its files: the only folder in the world's."""
        [folder] = glob.glob(os.path.join(self.world.folder, "rbl_exporter_demo_*"))
        return folder

    def what_runs(self):
        """{process id: command line} of what works in its folder."""
        found = {}
        for path in glob.glob("/proc/[0-9]*/cwd"):
            try:
                if os.readlink(path).startswith(self.folder):
                    with open(os.path.join(os.path.dirname(path), "cmdline"), "rb") as file:
                        found[int(path.split("/")[2])] = file.read().decode().split("\0")[0]
            except OSError:  # it has ended
                continue
        return found

    def endpoints(self):
        return {(host, int(port)) for host, port in re.findall(r"(127\.[0-9.]+):(\d+)", self.text())}


def is_listening(endpoint):
    with socket.socket() as tcp:
        tcp.settimeout(2)
        return tcp.connect_ex(endpoint) == 0


def demand_nothing_left(world, demo, running):
    left = [f"{pid} {name}" for pid, name in running.items() if os.path.exists(f"/proc/{pid}")]
    equal(left, [], "processes")
    equal(glob.glob(os.path.join(world.folder, "rbl_exporter_demo_*")), [], "files")
    equal([e for e in demo.endpoints() if is_listening(e)], [], "ports")


def names(running):
    return sorted(os.path.basename(command) for command in running.values())


PROGRAMS = ["prometheus", "prometheus-alertmanager", "rbl_exporter", "rbldnsd", "unbound", "unbound"]


SLOW = "RBL(Exporter(Down|Absent)|ListDown|QueryFailuresHigh|ResultsStale|AddressNotChecked|SweepCoverageLow|SchedulerLagging)"


def notifications(text):
    """What was told by the chat and by mail, in order: the titles. Not those that come when the machine has much else to
    do: scrapes that take longer than a second several times, answers and checks that do."""
    titles = re.findall(r"^  \| (?:Subject: )?(\[(?:CRITICAL|WARNING|INFO|RESOLVED)\] .*)$", text, re.MULTILINE)
    return [title for title in titles if not re.match(rf"\[[A-Z]+\] {SLOW}\b", title)]


def chapter(text, number):
    """What is told in a chapter."""
    begin = text.index(f"{number} of {len(CHAPTERS)}  ")
    end = text.find(f"{number + 1} of {len(CHAPTERS)}  ")
    return text[begin:] if end < 0 else text[begin:end]


def demand_the_story(world, text):
    with world.case("its chapters come in order"):
        equal(re.findall(r"^[0-9:]{8}  \d of 8  (.*)$", text, re.MULTILINE), CHAPTERS)
    with world.case("it says that time is compressed, and by how much"):
        told = " ".join(text.split())
        assert "Time is compressed. A day of the alert rules takes 20 seconds (1 to 4,320)" in told, text
    with world.case("all is clean at first, then three are listed"):
        assert "65,536 addresses have been looked at, 0 of the five are listed" in " ".join(chapter(text, 1).split())
        equal(len(re.findall(r'^  \| rbl_ip_listed\{.*\} 1$', chapter(text, 2), re.MULTILINE)), 3)
    with world.case("the bounce is read by the running exporter: the address, the public list, and what to do"):
        told = " ".join(chapter(text, 3).replace("\n  |", " ").split())
        for words in (
            f"554 5.7.1 ACL dns_rbl; Client host [{BOUNCED}] blocked using",
            f"/ tests/demo/bounce.eml {BOUNCED}: confirmed receiver smtp27.gate.iad3a.rsapps.net",
            "list Senderscore (sa-ip4tset.blagr.emailsrvr.com=127.22.0.2), public list senderscore_bl",
            "kind listing microsoft 40.107.0.0/16",
            "- Open a support request in the Microsoft 365 admin center:",
        ):
            assert words in told, (words, told)
    with world.case("it is counted, its address is watched, and a page tells of it"):
        asked = chapter(text, 3)[chapter(text, 3).index("tests/demo/bounce.eml") :]
        for line in (
            'rbl_bounces_total{list="senderscore_bl",result="confirmed"} 1',
            f'rbl_ip_listed{{group="bounced",ip="{BOUNCED}",list="senderscore_bl"}} 1',
            f"{BOUNCED} is listed on 1 block list",
            "verdict: listed",
            "get off it: https://senderscore.org/rtbl/",
        ):
            assert f"  | {line}\n" in asked, (line, asked)
        assert re.search(rf"http://[0-9.:]+/check\?ip={re.escape(BOUNCED)}\n", asked) and "<" not in asked, asked
    listed = "[CRITICAL] RBLAddressListed on senderscore_bl: "
    refused = "RBLListRefused on senderscore_bl"
    with world.case("somebody is paged for all of them together, and for the bounce"):
        paged = notifications(chapter(text, 4))
        equal([title for title in paged if "RBLAddressListed" not in title], ["[CRITICAL] RBLBounceConfirmed on senderscore_bl"])
        listings = [title for title in paged if "RBLAddressListed" in title]
        equal(listings[-1], f"{listed}{BOUNCED} (bounced) and 3 more")
        assert all(title.startswith(listed) for title in listings[:-1]), listings  # those that were known sooner
        for ip, group in ADDRESSES.items():
            assert f"*{ip} ({group})* firing since" in chapter(text, 4)
        assert "RBLAddressListed (4), as JSON" in chapter(text, 4), chapter(text, 4)
        assert f"Bounced and listed there: {BOUNCED}." in " ".join(chapter(text, 4).replace("\n  |", " ").split())
    with world.case("the overview's panel has the bounce"):
        assert "  | Bounces confirmed: 1\n" in chapter(text, 4), chapter(text, 4)
    with world.case("the refusal is paged, and changes no verdict"):
        equal(notifications(chapter(text, 5)), [f"[CRITICAL] {refused}"])
        for line in ('state: "refused"', 'verdict: "listed"', "fresh: false"):
            assert f"  | {line}\n" in chapter(text, 5), chapter(text, 5)
    with world.case("asked from elsewhere, the list can be believed again"):
        equal(notifications(chapter(text, 6)), [f"[RESOLVED] {refused}"])
    with world.case("that it is over is told when all four are off the list"):
        told = notifications(chapter(text, 7))
        assert told and told[-1].startswith("[RESOLVED] RBLAddressListed on senderscore_bl: "), told
        updates = tuple(f"{listed}{ip} ({group})" for ip, group in ADDRESSES.items())
        assert all(title.startswith(updates) for title in told[:-1]) and len(told) <= 4, told
    with world.case("at last the safelist entry may go"):
        equal(notifications(chapter(text, 8)), ["[WARNING] RBLSafelistNoLongerNeeded: kloudemail"])
        assert "by mail to tickets@example.net" in chapter(text, 8)
        assert "40.107.%.% (ticket KH-4711)" in chapter(text, 8)


@scene
def on_a_terminal(world):
    demo = Demo(world, terminal=True)
    with world.case("the story is told to its end"):
        demo.wait_for_text("Everything is still running")
    text = demo.text()
    demand_the_story(world, text)
    with world.case("it is told in colours"):
        assert "\x1b[1;36m" in demo.log()
    with world.case("everything stays up, where it said, until Ctrl-C"):
        running = demo.what_runs()
        equal(names(running), PROGRAMS)
        for name in ("Status page", "Prometheus"):
            [host, port] = re.search(rf"^  {name} +http://([0-9.]+):(\d+)/", text, re.MULTILINE).groups()
            assert is_listening((host, int(port))), name
        assert os.path.isfile(os.path.join(demo.folder, "prometheus.log"))
    with world.case("then nothing is left, and it has ended well"):
        demo.press_ctrl_c()
        equal(demo.wait_for_end(), 0, demo.text()[-5000:])
        demand_nothing_left(world, demo, running)


@scene
def once(world):
    demo = Demo(world, "--once", terminal=True)
    with world.case("with --once it ends by itself, on a terminal too, and leaves nothing"):
        demo.wait_for_text("1 of 8  ")
        running = demo.what_runs()
        equal(names(running), PROGRAMS)
        equal(demo.wait_for_end(), 0)
        assert "That was the story." in demo.text() and "still running" not in demo.text()
        demand_nothing_left(world, demo, running)


@scene
def ended_early(world):
    demo = Demo(world, terminal=True)
    with world.case("Ctrl-C in the middle of the story ends it and removes everything"):
        demo.wait_for_text("2 of 8  ")
        running = demo.what_runs()
        equal(names(running), PROGRAMS)
        demo.press_ctrl_c()
        equal(demo.wait_for_end(), 130)
        demand_nothing_left(world, demo, running)
        assert "Nothing of it is left." in demo.text() and "failed" not in demo.text()
    for number, code in ((signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129)):
        with world.case(f"{number.name} while it starts, as well"):
            demo = Demo(world)
            wait(lambda: len(glob.glob(f"{world.folder}/rbl_exporter_demo_*")) == 1 and demo.what_runs(), "a program")
            running = demo.what_runs()
            demo.send_signal(number)
            equal(demo.wait_for_end(), code)
            demand_nothing_left(world, demo, running)
    with world.case("a program that dies ends the demonstration, which says so"):
        demo = Demo(world)
        demo.wait_for_text("1 of 8  ")
        running = demo.what_runs()
        [victim] = [pid for pid, command in running.items() if os.path.basename(command) == "prometheus"]
        os.kill(victim, signal.SIGKILL)
        equal(demo.wait_for_end(), 1)
        assert "The demonstration has failed" in demo.text() and "prometheus has ended with -9" in demo.text()
        demand_nothing_left(world, demo, running)
    with world.case("if it is killed itself, the programs end, too"):
        demo = Demo(world)
        demo.wait_for_text("1 of 8  ")
        running = demo.what_runs()
        demo.send_signal(signal.SIGKILL)
        demo.wait_for_end()
        alive = lambda: [pid for pid in running if os.path.exists(f"/proc/{pid}")]
        wait(lambda: not alive(), lambda: f"the end of {alive()}")
        wait(lambda: not glob.glob(f"{world.folder}/rbl_exporter_demo_*"), "the end of its folder")


@scene
def at_a_slow_speed(world):
    with world.case("what takes a day of the rules is waited for longer than that day"):
        sys.path.append(os.path.dirname(DEMO))
        from story import Story

        slow = Story(world, 0.1)
        assert slow.limit_s >= slow.day_s + 60 > 400, (slow.limit_s, slow.day_s)
        slow.limit_s = 0.2
        try:
            slow.wait(lambda: False, "a reminder")
        except AssertionError as error:
            assert "not within 0.2 s: a reminder" in str(error), error


@scene
def asked_wrongly(world):
    with world.case("what it does not understand is refused, and nothing is started"):
        for argument in ("--speed=0", "--speed=x", "--sp=2", "now"):
            done = subprocess.run([PYTHON, DEMO, argument], capture_output=True, text=True, timeout=LIMIT_S)
            equal(done.returncode, 2, argument)
            assert "usage: demo.py" in done.stderr and not done.stdout, done


main()
