#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The program is hardened as the Makefile says, and the check of that misses nothing that is taken away."""

import glob
import os
import subprocess
import tempfile

import hardening
from tap import case, finish

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
PROGRAM = os.path.abspath(os.environ.get("RBL_EXPORTER", os.path.join(TOP, "build", "rbl_exporter")))
# Something with an array on the stack, and a call that FORTIFY takes.
SOURCE = """\
#include <stdio.h>
#include <string.h>
#ifdef WRITABLE_CODE
__asm__(".section .both, \\"awx\\"\\n.long 1\\n.previous");
#endif
int main(int argc, char **argv) {
    char text[16];
    strcpy(text, argv[argc - 1]);
    return printf("%s", text) < 0;
}
"""
COMPILE = ["-O2", "-fPIE", "-fstack-protector-strong", "-U_FORTIFY_SOURCE", "-D_FORTIFY_SOURCE=2"]
LINK = ["-pie", "-Wl,-z,relro,-z,now"]
TAKEN = (
    ("not position-independent", ["-fno-pie"], ["-no-pie"]),
    ("no RELRO", [], ["-Wl,-z,norelro"]),
    ("lazy binding", [], ["-Wl,-z,lazy"]),
    ("executable stack", [], ["-Wl,-z,execstack"]),
    ("a segment is writable and executable", ["-DWRITABLE_CODE"], []),
    ("a path for libraries", [], ["-Wl,-rpath,/tmp"]),
    ("a path for libraries", [], ["-Wl,-rpath,/tmp", "-Wl,--disable-new-dtags"]),
    ("no stack protector", ["-fno-stack-protector"], []),
    ("no FORTIFY", ["-U_FORTIFY_SOURCE"], []),
)


def build(folder, compile_flags, link_flags):
    """Paths of a program and of its object."""
    source, program = os.path.join(folder, "one.c"), os.path.join(folder, "one")
    with open(source, "w", encoding="utf-8") as file:
        file.write(SOURCE)
    cet = ["-fcf-protection"] if hardening.CET else []
    compiled = ["gcc", *COMPILE, *cet, *compile_flags, "-c", "-o", program + ".o", source]
    linked = ["gcc", *LINK, *link_flags, "-o", program, program + ".o"]
    for command in (compiled, linked):
        subprocess.run(command, check=True, capture_output=True, timeout=120)
    return program, program + ".o"


def check_the_check(folder):
    program, compiled = build(folder, [], [])
    faults = hardening.program_faults(program) + hardening.object_faults(compiled)
    case("a program with all of it is passed", not faults, "\n".join(faults))
    for fault, compile_flags, link_flags in TAKEN:
        program, _ = build(folder, compile_flags, link_flags)
        faults = hardening.program_faults(program)
        flags = " ".join(compile_flags + link_flags)
        case(f"{fault}: is found with {flags}", fault in faults, f"found: {faults}")
    if hardening.CET:
        _, compiled = build(folder, ["-fcf-protection=none"], [])
        case("an object without CET is found", hardening.object_faults(compiled) == ["no IBT", "no SHSTK"])


def is_sanitized():
    with open(PROGRAM, "rb") as file:
        program = file.read()
    return b"__asan_init" in program or b"__tsan_init" in program


def check_the_program():
    if is_sanitized():
        return
    faults = hardening.program_faults(PROGRAM)
    case("the program is hardened", not faults, "\n".join(faults))
    objects = os.path.join(os.path.dirname(PROGRAM), "obj")
    of_program = [f for d in ("", "core", "edge") for f in sorted(glob.glob(os.path.join(objects, d, "*.o")))]
    faults = [f"{os.path.basename(path)}: {fault}" for path in of_program for fault in hardening.object_faults(path)]
    case(f"and so is each of its {len(of_program)} objects", of_program and not faults, "\n".join(faults))


with tempfile.TemporaryDirectory() as temporary:
    check_the_check(temporary)
check_the_program()
finish()
