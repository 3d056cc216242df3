# SPDX-License-Identifier: Apache-2.0
"""What every end-to-end test stands on: scenes, cases, processes that are started, awaited and stopped.

A test file consists of scenes. Each scene gets a `World`: a folder of its own, addresses of 127.0.0.0/8 that no other
test uses, and the servers it starts there. A scene holds one or more cases, each a sentence:

    @scene
    def a_listed_address(world):
        exporter = Exporter(world, ...)
        with world.case("a listed address is listed"):
            exporter.wait_for_value(1, "rbl_ip_listed", ip="192.0.2.1")

    main()

At the end of a scene all its servers are stopped; that each exits as it should, and that no log tells of a failed
assertion or of a sanitizer, is a case as well. Nothing is left behind, not even after a failure or an interrupt. Scenes
wait most of the time, so a few of them run at once. Results are printed in the Test Anything Protocol.

No time is ever asserted: everything is awaited, with limits that only a broken program reaches.
"""

import concurrent.futures
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback

LIMIT_S = 90  # for whatever is awaited, on a machine with much else to do
STOP_S = 60  # from SIGTERM to the end; 2 are promised, but sanitizers look for leaks besides
SCENES_AT_ONCE = 4
ALARMS = ("assert", "Sanitizer", "runtime error")

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))

_scenes = []
_worlds = set()
_lock = threading.Lock()
_n_cases = 0
_n_failed = 0
_n_addresses = 0


def scene(function):
    """Registers a scene; its name is only shown when it fails outside of its cases."""
    _scenes.append(function)
    return function


def wait(condition, what, limit=LIMIT_S, world=None, pause=0.05):
    """Waits until `condition()` is true and returns what it returned; a server of `world` that dies ends it at once."""
    end = time.monotonic() + limit
    while True:
        result = condition()
        if result:
            return result
        if world is not None:
            world.check_alive()
        if time.monotonic() > end:
            raise AssertionError(f"not within {limit} s: {what() if callable(what) else what}")
        time.sleep(pause)


def equal(found, expected, what="value"):
    assert found == expected, f"{what}: expected {expected!r}, found {found!r}"


def busiest(times, window):
    """The largest number of moments within any `window` seconds."""
    times = sorted(times)
    first = best = 0
    for last, moment in enumerate(times):
        while moment - times[first] > window:
            first += 1
        best = max(best, last - first + 1)
    return best


def report(name, error=None, skipped=None):
    """One line of TAP, and what is to be said of a failure."""
    global _n_cases, _n_failed
    with _lock:
        _n_cases += 1
        _n_failed += error is not None
        word = "ok" if error is None else "not ok"
        skip = f" # SKIP {skipped}" if skipped else ""
        lines = [f"{word} {_n_cases} - {name}{skip}"]
        lines += [f"# {line}" for line in (error or "").splitlines()]
        print("\n".join(lines), flush=True)


def take_address():
    """An address of 127.0.0.0/8 that nobody else uses: by the number of this process, which no other test shares."""
    global _n_addresses
    with _lock:
        _n_addresses += 1
        number = _n_addresses
    assert number < 255, "too many servers in one test"
    process = os.getpid() % (254 * 250)
    return f"127.{1 + process // 254}.{1 + process % 254}.{number}"


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def free_port(address):
    """A port that is free for UDP and TCP; the address is ours alone (but ::1, of which there is one), so it stays so."""
    while True:
        with socket.socket(family_of(address), socket.SOCK_STREAM) as tcp, socket.socket(
            family_of(address), socket.SOCK_DGRAM
        ) as udp:
            tcp.bind((address, 0))
            try:
                udp.bind(tcp.getsockname())
            except OSError:
                continue
            return tcp.getsockname()[1]


class World:
    """What one scene has: a folder, servers, cases."""

    def __init__(self, name, prefix="rbl_exporter_e2e_"):
        self.name = name
        self.folder = tempfile.mkdtemp(prefix=prefix)
        os.chmod(self.folder, 0o755)  # rbldnsd drops its privileges before it reads its data
        self.running = []
        self.had_servers = False
        self.n_folders = 0
        self.failed = False

    @contextlib.contextmanager
    def case(self, name):
        """A case: fails by any exception, after which the scene goes on with the next."""
        try:
            yield
        except Exception as error:  # whatever it is, the other cases deserve their turn
            self.fail(name, error)
        else:
            report(name)

    def fail(self, name, error):
        self.failed = True
        trace = traceback.extract_tb(error.__traceback__)
        here = os.path.dirname(os.path.abspath(__file__))
        place = [f"{os.path.basename(f.filename)}:{f.lineno}" for f in trace if f.filename.startswith(here)]
        report(name, f"{type(error).__name__}: {error}\nat {', '.join(place)}")

    def add(self, server):
        self.running.append(server)
        self.had_servers = True

    def path(self, name):
        return os.path.join(self.folder, name)

    def fresh_folder(self, name):
        """The path of a folder that nobody else in this world uses; it is not there yet."""
        self.n_folders += 1
        return self.path(f"{name}_{self.n_folders}")

    def write(self, name, content):
        """Writes a file in the world's folder, at once or not at all; returns its path."""
        path = self.path(name)
        mode = "wb" if isinstance(content, bytes) else "w"
        with open(path + ".new", mode) as file:
            file.write(content)
        os.replace(path + ".new", path)
        return path

    def check_alive(self):
        for process in self.running:
            code = process.poll()
            if code is not None:
                raise AssertionError(f"{process.name} has ended with {code}:\n{process.log_tail()}")

    def close(self):
        """Stops what runs, the last first."""
        if not self.had_servers:
            return
        errors = []
        for process in reversed(list(self.running)):
            try:
                process.stop()
            except Exception as error:
                errors.append(str(error))
        if errors:
            self.failed = True
            report(f"{self.name}: all servers end as they should", "\n".join(errors))
        else:
            report(f"{self.name}: all servers end as they should")

    def destroy(self):
        """Leaves nothing behind, whatever has happened."""
        for process in list(self.running):
            process.kill()
        if self.failed and os.environ.get("RBL_KEEP"):
            print(f"# kept: {self.folder}", flush=True)
        else:
            shutil.rmtree(self.folder, ignore_errors=True)


class Process:
    """A program that runs in a world; what it says goes to a file there."""

    good_codes = (0,)

    def __init__(self, world, name, command, env=None, **popen):
        self.world = world
        self.name = name
        self.log_path = world.path(name + ".log")
        self.command = command
        self.options = {"env": dict(os.environ, **(env or {})), "stdin": subprocess.DEVNULL, "cwd": world.folder, **popen}
        self.launch()

    def launch(self):
        """Runs it; once more, when it has ended and is to be there again as it was."""
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(self.command, **{"stdout": log, "stderr": log, **self.options})
        self.world.add(self)

    @property
    def pid(self):
        return self.process.pid

    def poll(self):
        return self.process.poll()

    def send_signal(self, number):
        self.process.send_signal(number)

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def log_tail(self):
        return "\n".join(f"{self.name}: {line}" for line in self.log().splitlines()[-15:])

    def kill(self):
        if self in self.world.running:
            self.world.running.remove(self)
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def stop(self, number=signal.SIGTERM):
        """Ends it and demands that it ends well."""
        if self not in self.world.running:
            return
        try:
            if self.process.poll() is None:
                self.process.send_signal(number)
                # One that a test has stopped, and that failed before it went on, would never hear of it.
                self.process.send_signal(signal.SIGCONT)
            code = self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} has not ended {STOP_S} s after a signal\n{self.log_tail()}") from None
        finally:
            self.kill()
        assert code in self.good_codes, f"{self.name} ended with {code}\n{self.log_tail()}"
        self.check_log()

    def check_log(self):
        bad = [line for line in self.log().splitlines() if any(alarm in line for alarm in ALARMS)]
        assert not bad, f"the log of {self.name} holds:\n" + "\n".join(bad[:40])


def _run_scene(function):
    begin = time.monotonic()
    world = World(function.__name__.replace("_", " "))
    with _lock:
        _worlds.add(world)
    try:
        try:
            function(world)
        except Exception as error:
            world.fail(f"{world.name}: the scene can be played to its end", error)
        world.close()
    finally:
        world.destroy()
        with _lock:
            _worlds.discard(world)
            print(f"# {world.name}: {time.monotonic() - begin:.1f} s", flush=True)


def _interrupted(*_):
    for world in list(_worlds):
        world.destroy()
    os._exit(130)


def main():
    """Plays the scenes (those named on the command line, or all) and ends the program."""
    signal.signal(signal.SIGINT, _interrupted)
    signal.signal(signal.SIGTERM, _interrupted)
    wanted = [function for function in _scenes if len(sys.argv) < 2 or function.__name__ in sys.argv[1:]]
    with concurrent.futures.ThreadPoolExecutor(SCENES_AT_ONCE) as pool:
        for done in [pool.submit(_run_scene, function) for function in wanted]:
            done.result()
    print(f"1..{_n_cases}", flush=True)
    sys.exit(1 if _n_failed or _n_cases == 0 else 0)
