# SPDX-License-Identifier: Apache-2.0
"""How the demonstration speaks: chapters, paragraphs and quotations, for a terminal or a file."""

import os
import re
import sys
import textwrap
import threading
import time

WIDTH = 88
RED, GREEN, YELLOW, CYAN, DIM = "31", "32", "33", "36", "2"


class Teller:
    """Writes as it goes. What `keep` was given, from whatever thread, waits until the story has come to it."""

    def __init__(self, out=sys.stdout):
        self.out = out
        self.lock = threading.Lock()
        self.kept = []
        self.coloured = out.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
        if hasattr(out, "reconfigure"):
            out.reconfigure(errors="replace")

    def _write(self, *lines):
        print(*lines, sep="\n", file=self.out, flush=True)

    def _paint(self, code, text):
        return f"\033[{code}m{text}\033[0m" if self.coloured else text

    def title(self, text):
        self._write("", self._paint("1", text), self._paint("1", "=" * len(text)))

    def chapter(self, number, of, text):
        head = f"{number} of {of}  {text}"
        self._write("", self._paint("1;36", f"{time.strftime('%H:%M:%S')}  {head}"))

    def say(self, text):
        self._write("", textwrap.fill(" ".join(text.split()), WIDTH, break_long_words=False, break_on_hyphens=False))

    def table(self, rows):
        """[(name, text)]"""
        width = max(len(name) for name, _ in rows)
        self._write("", *[f"  {name:{width}}  {text}" for name, text in rows])

    def keep(self, source, text, code):
        """A quotation for later, with the time of now."""
        with self.lock:
            self.kept.append((source, text, code, time.strftime("%H:%M:%S")))

    def quote_kept(self):
        with self.lock:
            kept, self.kept = self.kept, []
        for one in kept:
            self.quote(*one)

    def quote(self, source, text, code=CYAN, when=None):
        """What somebody else wrote, as it is; long lines are broken, and go on below where they began."""
        bar = self._paint(code, "  | ")
        lines = [self._paint(code, f"  +-- {when or time.strftime('%H:%M:%S')} {source}")]
        for line in text.rstrip("\n").split("\n"):
            indent = " " * len(re.match(r" *(?:[-•] )?", line)[0])
            pieces = textwrap.wrap(
                line, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
            )
            lines += [bar + piece for piece in pieces or [""]]
        self._write("", *lines)
