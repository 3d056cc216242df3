#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""demo.py [--speed=N] [--once]: plays the story of a listing on this machine, with the real programs.

  --speed=N  N times as fast; 1 takes about three minutes
  --once     ends after the story; without it, on a terminal, everything stays up until Ctrl-C

This process only watches over another one, which starts all programs in a process group of its own and tells the
story. However that one ends (Ctrl-C, SIGTERM, the end, an error, a crash), what is left of the group is killed and
reaped, and then the folder removed. Here signals are waited for, and interrupt nothing half-way. Exit code: 0 after the
story, 130, 143 or 129 if a signal ended it before, 1 after an error.
"""

import argparse
import ctypes
import os
import shutil
import signal
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "e2e"))
import harness  # noqa: E402 (found by the line above)
import story  # noqa: E402

SIGNALS = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
END_S = 180  # for the programs to end by themselves, on a busy machine too
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36


def speed(text):
    value = float(text)
    if not 0.1 <= value <= 100:
        raise argparse.ArgumentTypeError("0.1 to 100")
    return value


def parse_arguments():
    parser = argparse.ArgumentParser(allow_abbrev=False, description="The story of a listing, on this machine alone.")
    parser.add_argument("--speed", type=speed, default=1, metavar="N", help="N times as fast (default 1)")
    parser.add_argument("--once", action="store_true", help="end after the story, on a terminal too")
    return parser.parse_args()


def prctl(option, value):
    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


def play(world, arguments):
    """The other process: a signal ends the story where it is, as an exception; never returns."""
    os.setpgid(0, 0)
    prctl(PR_SET_PDEATHSIG, signal.SIGTERM)

    def stop(number, _):
        signal.signal(number, signal.SIG_IGN)
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it is the watcher's
    code = 1
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS | {signal.SIGCHLD})
        stays = sys.stdout.isatty() and not arguments.once
        code = story.play(world, arguments.speed, stays)
    except SystemExit as end:
        code = end.code
    finally:
        sys.stdout.flush()
        os._exit(code)


def wait_for(pid, signals, limit=None):
    """The exit code of process `pid`, or (after a signal or the limit) None, with what came."""
    while True:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status), None
        if limit is None:
            came = signal.sigwait(signals | {signal.SIGCHLD})
        else:
            info = signal.sigtimedwait(signals | {signal.SIGCHLD}, limit)
            came = info and info.si_signo
        if came != signal.SIGCHLD:
            return None, came


def reap_group(group):
    """Kills what is left of the process group and waits until it is gone; orphans of it are our children."""
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        pass
    while True:
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def watch(pid):
    """Waits for the end of the story, or for a signal, which it passes on; the exit code."""
    code, came = wait_for(pid, SIGNALS)
    if code is not None:
        return code if code >= 0 else 1
    os.kill(pid, signal.SIGTERM)
    print("\nEnding ...", flush=True)
    code, _ = wait_for(pid, SIGNALS, END_S)  # a second Ctrl-C waits no longer
    return 0 if code == 0 else 128 + came


def main():
    arguments = parse_arguments()
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS | {signal.SIGCHLD})
    world = harness.World("demo", prefix="rbl_exporter_demo_")
    pid = os.fork()
    if pid == 0:
        play(world, arguments)
    try:
        code = watch(pid)
    finally:  # also if the terminal has gone, and nothing can be printed
        reap_group(pid)
        shutil.rmtree(world.folder, ignore_errors=True)
    print("Nothing of it is left.", flush=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
