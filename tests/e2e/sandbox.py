# SPDX-License-Identifier: Apache-2.0
"""What a unit of systemd forbids, without systemd.

As a module: reads a unit, and says which system calls its filter allows. As a program,

    sandbox.py UNIT FOLDER [-CALL...] -- COMMAND...

it becomes COMMAND under that filter, and as far as it may (root) as a user without a capability, to whom all of the file
system but FOLDER is read-only. What systemd answers with an error ends the process here (SIGSYS), so that nothing that is
forbidden can be tried without being noticed; `-CALL` forbids one more. The rules are made of the unit's own words, by
libseccomp, which systemd uses as well.
"""

import ctypes
import errno
import os
import re
import socket
import subprocess
import sys

import harness

UNIT = os.path.join(harness.TOP, "config", "systemd", "rbl_exporter.service")
SELF = os.path.abspath(__file__)

NOBODY = 65534
PR_SET_NO_NEW_PRIVS, PR_CAPBSET_DROP = 38, 24
LAST_CAPABILITY = 40
CLONE_NEWNS = 0x00020000
NAMESPACES = 0x7E020080  # CLONE_NEW*
PROT_WRITE, PROT_EXEC = 2, 4
SUID_SGID = 0o6000
MS_RDONLY, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 1, 32, 4096, 16384, 1 << 18


class Unit:
    """The [Service] section of a unit: what was assigned to each key, in order."""

    def __init__(self, path=UNIT):
        self.path = path
        self.keys = {}
        section = None
        with open(path, encoding="utf-8") as file:
            for line in file.read().splitlines():
                if line.startswith("["):
                    section = line
                elif section == "[Service]" and "=" in line and not line.startswith(("#", ";")):
                    key, _, value = line.partition("=")
                    self.keys.setdefault(key.strip(), []).append(value.strip())

    def words(self, key):
        return " ".join(self.keys.get(key, [])).split()

    def is_on(self, key):
        return self.keys.get(key, ["no"])[-1] in ("yes", "true", "1", "on")

    def calls(self):
        """The names of the system calls that SystemCallFilter= lets through."""
        assert self.keys["SystemCallFilter"][0][0] != "~", "a list of what is allowed is expected"
        groups = _groups()
        allowed = set(_expand("@default", groups))
        for line in self.keys["SystemCallFilter"]:
            named = {call for word in line.lstrip("~").split() for call in _expand(word, groups)}
            allowed = allowed - named if line.startswith("~") else allowed | named
        return allowed


def _groups():
    """What systemd calls a group: {name: its members, groups too}."""
    done = subprocess.run(
        ["systemd-analyze", "syscall-filter", "--no-pager"], capture_output=True, text=True, check=True, timeout=harness.LIMIT_S
    )
    groups, name = {}, None
    for line in done.stdout.splitlines():
        word = line.strip()
        if line.startswith("@"):
            name = word
            groups[name] = []
        elif word and not word.startswith("#") and line.startswith(" ") and name:
            groups[name].append(word)
        elif not line.startswith(" "):
            name = None  # behind the groups stands what is in none of them
    return groups


def _expand(word, groups):
    if not word.startswith("@"):
        return [word]
    return [call for member in groups[word] for call in _expand(member, groups)]


def wrapper(folder, *forbidden):
    """What goes before a command, so that it runs in the sandbox of the unit."""
    return [sys.executable, SELF, UNIT, folder, *[f"-{call}" for call in forbidden], "--"]


# --- The program ---


def _prctl(libc, option, value):
    if libc.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"prctl {option}")


def _mount(libc, source, target, flags):
    if libc.mount(source and source.encode(), target.encode(), None, flags, None) != 0:
        raise OSError(ctypes.get_errno(), f"mount {target}")


def hide_files(libc, folder):
    """All is read-only but `folder`: ProtectSystem=strict. Not every machine lets root do that."""
    if libc.unshare(CLONE_NEWNS) != 0:
        return
    _mount(libc, None, "/", MS_REC | MS_PRIVATE)
    with open("/proc/self/mounts", encoding="utf-8") as file:
        places = [re.sub(r"\\(\d{3})", lambda m: chr(int(m[1], 8)), line.split(" ")[1]) for line in file]
    _mount(libc, folder, folder, MS_BIND)
    for place in places:
        if not place.startswith(("/proc", "/sys", "/dev")):
            try:
                _mount(libc, None, place, MS_REMOUNT | MS_BIND | MS_RDONLY)
            except OSError:
                pass  # it is hidden below another one


def drop_privileges(libc, folder):
    hide_files(libc, folder)
    for capability in range(LAST_CAPABILITY + 1):
        libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)


def make_filter(unit, forbidden):
    import seccomp  # not everybody who reads units needs it

    rules = seccomp.SyscallFilter(defaction=seccomp.KILL_PROCESS)
    allow, equal, masked = seccomp.ALLOW, seccomp.EQ, seccomp.MASKED_EQ
    special = {}
    if unit.is_on("MemoryDenyWriteExecute"):
        protection = [[seccomp.Arg(2, masked, PROT_EXEC, 0)]]
        special |= {"mmap": [*protection, [seccomp.Arg(2, masked, PROT_EXEC | PROT_WRITE, PROT_EXEC)]], "mprotect": protection}
        special |= {"pkey_mprotect": protection, "shmat": []}
    if unit.is_on("RestrictNamespaces"):
        special |= {"clone": [[seccomp.Arg(0, masked, NAMESPACES, 0)]], "clone3": [], "unshare": [], "setns": []}
        rules.add_rule(seccomp.ERRNO(errno.ENOSYS), "clone3")  # its flags cannot be seen; libraries then use clone()
    if unit.is_on("RestrictSUIDSGID"):
        special |= {"chmod": [[seccomp.Arg(1, masked, SUID_SGID, 0)]], "fchmod": [[seccomp.Arg(1, masked, SUID_SGID, 0)]]}
    families = unit.words("RestrictAddressFamilies")
    special["socket"] = [[seccomp.Arg(0, equal, int(getattr(socket, name)))] for name in families]
    # The C library asks which addresses the machine has, and does without.
    rules.add_rule(seccomp.ERRNO(errno.EAFNOSUPPORT), "socket", seccomp.Arg(0, equal, int(socket.AF_NETLINK)))
    for call in unit.calls() - set(forbidden):
        for arguments in special.get(call, [[]]):
            try:
                rules.add_rule(allow, call, *arguments)
            except (ValueError, OSError, RuntimeError):
                pass  # this kind of machine has no such call
    return rules


def main():
    at = sys.argv.index("--")
    unit, folder = Unit(sys.argv[1]), sys.argv[2]
    forbidden = [word[1:] for word in sys.argv[3:at]]
    libc = ctypes.CDLL(None, use_errno=True)
    command = sys.argv[at + 1 :]
    program = os.open(command[0], os.O_RDONLY | os.O_CLOEXEC)  # it may lie where only root may go
    rules = make_filter(unit, forbidden)
    if os.geteuid() == 0:
        drop_privileges(libc, folder)
    os.umask(int(unit.words("UMask")[0], 8))
    _prctl(libc, PR_SET_NO_NEW_PRIVS, 1)
    rules.load()
    os.execve(program, command, os.environ)


if __name__ == "__main__":
    main()
