#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""hardening.py PROGRAM [OBJECT...]: what of the protection that the Makefile asks for is missing, by readelf(1).

Full RELRO, position-independent, no executable stack, nothing writable and executable, no path for libraries, no text
relocations, stack protector, FORTIFY; and of each object the notes of CET (x86: IBT and SHSTK). The notes of the program
itself are the linker's, who leaves them out unless all objects have them: those that Debian 12 begins each program with
(crt1.o, crti.o) have none.
"""

import platform
import re
import subprocess
import sys

CET = platform.machine() in ("x86_64", "i686")


def readelf(*arguments):
    command = ["readelf", "--wide", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


def program_faults(path):
    """What is wrong with it, a list of words."""
    segments = readelf("--file-header", "--program-headers", path)
    dynamic = readelf("--dynamic", path)
    symbols = readelf("--dyn-syms", path)
    flags = {m[1]: m[2] for m in re.finditer(r"^ +([A-Z_]+) +(?:0x\S+ +){5}([RWE ]{3})", segments, re.MULTILINE)}
    both = re.search(r"^ +LOAD +(?:0x\S+ +){5}RWE", segments, re.MULTILINE)
    told = {
        "not position-independent": "DYN" not in segments.split("Type:", 1)[1].split("\n", 1)[0],
        "no RELRO": "GNU_RELRO" not in flags,
        "lazy binding": not re.search(r"\(FLAGS\).*BIND_NOW|\(FLAGS_1\).*\bNOW\b|\(BIND_NOW\)", dynamic),
        "executable stack": "E" in flags.get("GNU_STACK", "E"),
        "a segment is writable and executable": both is not None,
        "a path for libraries": re.search(r"\((RPATH|RUNPATH)\)", dynamic) is not None,
        "text relocations": "TEXTREL" in dynamic,
        "no stack protector": "__stack_chk_fail" not in symbols,
        "no FORTIFY": re.search(r"\b__\w+_chk(@|$)", symbols.replace("__stack_chk", ""), re.MULTILINE) is None,
    }
    return [word for word, wrong in told.items() if wrong]


def object_faults(path):
    notes = readelf("--notes", path) if CET else "IBT SHSTK"
    return [f"no {note}" for note in ("IBT", "SHSTK") if note not in notes]


def main():
    faults = [f"{sys.argv[1]}: {fault}" for fault in program_faults(sys.argv[1])]
    faults += [f"{path}: {fault}" for path in sys.argv[2:] for fault in object_faults(path)]
    print("".join(f"{fault}\n" for fault in faults), end="")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
