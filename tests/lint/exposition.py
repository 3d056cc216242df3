#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""exposition.py [--openmetrics] [--names=TABLE] FILE: is FILE (- is stdin) what /metrics has to be?

Checks what promtool and the parsers of OpenMetrics let pass: duplicate series, split families, samples without HELP
and TYPE, timestamps, labels outside the contract, buckets that do not add up, and more. TABLE is a file that names the
metrics there are: one a line, or the Markdown table of the reference.

As a library: check(text, openmetrics=False, names=None) returns the complaints, each "line N: ...".
"""

import argparse
import math
import re
import sys

BOUNDS = ["0.001", "0.0025", "0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1.0", "2.5", "5.0", "+Inf"]
LABELS = {"list", "group", "ip", "range", "state", "reason", "code", "band", "level", "safelist", "result"}
NEVER = {"zone", "target", "instance", "job"}  # not even of an info metric
OWN_LABELS = {"rbl_exporter_shard_ordinal": {"shard_ordinal"}}
PREFIXES = ("rbl_", "process_", "probe_")
TYPES = {"counter", "gauge", "histogram"}

NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
COMMENT = re.compile(r"# (HELP|TYPE) ([a-zA-Z_][a-zA-Z0-9_]*) (.*)")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"')
ESCAPE = re.compile(r"\\(.)")
NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?|Inf)|NaN")


class Family:
    def __init__(self, name, line):
        self.name = name
        self.line = line
        self.has_help = False
        self.type = None
        self.histograms = {}  # labels without le: {"le": [(bound, value)], "sum": value, "count": value}


class Sample:
    def __init__(self, name, labels, value):
        self.name = name
        self.labels = labels
        self.value = value


class Checker:
    def __init__(self, openmetrics, names):
        self.openmetrics = openmetrics
        self.names = names
        self.complaints = []
        self.line = 0
        self.family = None  # the open one
        self.families = set()
        self.series = {}  # (name, labels): line
        self.states = {}  # list: how many of its states are 1
        self.ended = False

    def complain(self, text):
        self.complaints.append(f"line {self.line}: {text}")

    # --- Lines ---

    def run(self, text):
        if text and not text.endswith("\n"):
            self.line = text.count("\n") + 1
            self.complain("the last line does not end")
        lines = text.split("\n")
        if lines[-1] == "":
            lines.pop()
        for self.line, line in enumerate(lines, 1):
            self.check_line(line)
        self.close_family()
        if self.openmetrics and not self.ended:
            self.complain("no # EOF at the end")
        for name, ones in self.states.items():
            if ones != 1:
                self.complain(f'rbl_list_state: {ones} states of list "{name}" are 1')
        return self.complaints

    def check_line(self, line):
        if self.ended:
            self.complain("goes on after # EOF")
        if not line.strip():
            self.complain("blank line")
        elif line != line.strip() or "\r" in line:
            self.complain("white space at an end of the line")
        elif line == "# EOF":
            if not self.openmetrics:
                self.complain("# EOF in text 0.0.4")
            self.ended = True
        elif line.startswith("#"):
            self.check_comment(line)
        else:
            self.check_sample(line)

    def check_comment(self, line):
        match = COMMENT.fullmatch(line)
        if not match:
            self.complain(f"no `# HELP name text` or `# TYPE name type`: {line}")
            return
        word, name, rest = match.groups()
        if self.family is None or self.family.name != name:
            self.open_family(name)
        if word == "HELP":
            if self.family.has_help:
                self.complain(f"{name}: HELP twice")
            if self.family.type:
                self.complain(f"{name}: HELP after TYPE")
            self.check_escapes(rest, '\\n"' if self.openmetrics else "\\n")
            if self.openmetrics and '"' in ESCAPE.sub("", rest):
                self.complain(f"{name}: quote in HELP that is not escaped")
            self.family.has_help = True
        else:
            self.check_type(name, rest)

    def check_type(self, name, kind):
        if self.family.type:
            self.complain(f"{name}: TYPE twice")
        if kind not in TYPES:
            self.complain(f"{name}: unknown type {kind}")
        if kind == "counter" and self.openmetrics and name.endswith("_total"):
            self.complain(f"{name}: TYPE of a counter with _total in OpenMetrics")
        if kind == "counter" and not self.openmetrics and not name.endswith("_total"):
            self.complain(f"{name}: counter without _total")
        self.family.type = kind
        self.check_name(name, kind)

    def check_name(self, name, kind):
        spelled = name + "_total" if kind == "counter" and self.openmetrics else name
        if self.names is not None and spelled not in self.names:
            self.complain(f"{spelled}: not in the table of metrics")
        if not spelled.startswith(PREFIXES):
            self.complain(f"{spelled}: begins with none of {' '.join(PREFIXES)}")

    # --- Families ---

    def open_family(self, name):
        self.close_family()
        if name in self.families:
            self.complain(f"{name}: family in two pieces")
        self.families.add(name)
        self.family = Family(name, self.line)

    def close_family(self):
        family = self.family
        if family is None:
            return
        if not family.has_help:
            self.complain(f"{family.name}: no HELP")
        if not family.type:
            self.complain(f"{family.name}: no TYPE")
        for labels, parts in family.histograms.items():
            self.check_histogram(family.name + "{" + ",".join(f'{n}="{v}"' for n, v in labels) + "}", parts)

    def check_histogram(self, name, parts):
        bounds = [bound for bound, _ in parts["le"]]
        values = [value for _, value in parts["le"]]
        if bounds != BOUNDS:
            self.complain(f"{name}: buckets {' '.join(map(str, bounds))} instead of {' '.join(BOUNDS)}")
        if values != sorted(values):
            self.complain(f"{name}: buckets are not cumulative")
        if parts["sum"] is None or parts["count"] is None:
            self.complain(f"{name}: no _sum or no _count")
        elif values and bounds[-1] == "+Inf" and values[-1] != parts["count"]:
            self.complain(f"{name}: bucket +Inf is not _count")

    # --- Samples ---

    def check_escapes(self, text, allowed):
        for match in ESCAPE.finditer(text):
            if match.group(1) not in allowed:
                self.complain(f"unknown escape {match.group(0)}")

    def parse_labels(self, text, at):
        """Labels from behind the brace; returns them and where the brace closes, or None."""
        labels = []
        while True:
            match = LABEL.match(text, at)
            if not match:
                return None
            self.check_escapes(match.group(2), '\\n"')
            labels.append((match.group(1), match.group(2)))
            at = match.end()
            if text[at : at + 1] == "}":
                return labels, at + 1
            if text[at : at + 1] != ",":
                return None
            at += 1

    def parse_sample(self, line):
        match = NAME.match(line)
        if not match:
            return None
        labels, at = [], match.end()
        if line[at : at + 1] == "{":
            parsed = self.parse_labels(line, at + 1)
            if parsed is None:
                return None
            labels, at = parsed
        words = line[at:].split(" ")
        if words[0] != "" or len(words) < 2 or not NUMBER.fullmatch(words[1]):
            return None
        if len(words) > 2:
            self.complain(f"{match.group(0)}: timestamp or exemplar behind the value")
        return Sample(match.group(0), labels, float(words[1].replace("Inf", "inf")))

    def check_sample(self, line):
        sample = self.parse_sample(line)
        if sample is None:
            self.complain(f"no sample: {line}")
            return
        if sample.name.endswith("_created"):
            self.complain(f"{sample.name}: _created")
        suffix = self.suffix_of(sample.name)
        if suffix is None:
            self.complain(f"{sample.name}: outside of its family")
        self.check_labels(sample, suffix)
        self.check_value(sample, suffix)
        key = (sample.name, tuple(sorted(sample.labels)))
        if key in self.series:
            self.complain(f"{line}: the same series as in line {self.series[key]}")
        self.series.setdefault(key, self.line)

    def suffix_of(self, name):
        """What follows the name of the open family in that of its sample; None if it is no sample of it."""
        family = self.family
        if family is None or not name.startswith(family.name):
            return None
        suffix = name[len(family.name) :]
        if family.type == "histogram":
            return suffix if suffix in ("_bucket", "_sum", "_count") else None
        wanted = "_total" if family.type == "counter" and self.openmetrics else ""
        return suffix if suffix == wanted else None

    def check_labels(self, sample, suffix):
        names = [name for name, _ in sample.labels]
        is_info = sample.name.endswith("_info")
        allowed = LABELS | OWN_LABELS.get(sample.name, set()) | ({"le"} if suffix == "_bucket" else set())
        for name in names:
            if names.count(name) > 1:
                self.complain(f"{sample.name}: label {name} twice")
            if name in NEVER or (name not in allowed and not is_info):
                self.complain(f"{sample.name}: label {name} is not in the contract")
        if suffix == "_bucket" and "le" not in names:
            self.complain(f"{sample.name}: bucket without le")

    def check_value(self, sample, suffix):
        counts = self.family is not None and self.family.type in ("counter", "histogram")
        if not math.isfinite(sample.value):
            self.complain(f"{sample.name}: value {sample.value}")
        elif counts and sample.value < 0:
            self.complain(f"{sample.name}: falls below 0")
        if sample.name.endswith("_info") and sample.value != 1:
            self.complain(f"{sample.name}: is not 1")
        if sample.name == "rbl_list_state":
            name = dict(sample.labels).get("list")
            self.states[name] = self.states.get(name, 0) + (sample.value == 1)
        if suffix in ("_bucket", "_sum", "_count") and self.family.type == "histogram":
            self.add_to_histogram(sample, suffix)

    def add_to_histogram(self, sample, suffix):
        labels = tuple(sorted(label for label in sample.labels if label[0] != "le"))
        parts = self.family.histograms.setdefault(labels, {"le": [], "sum": None, "count": None})
        if suffix == "_bucket":
            parts["le"].append((dict(sample.labels).get("le"), sample.value))
        else:
            parts[suffix[1:]] = sample.value


def read_names(text):
    """The first name of each line that begins with one, or with a cell of a table that holds one."""
    return {match.group(1) for match in re.finditer(r"^(?:\| *`)?([a-z][a-z0-9_]*_[a-z0-9_]+)\b", text, re.MULTILINE)}


def check(text, openmetrics=False, names=None):
    return Checker(openmetrics, names).run(text)


def read(path):
    if path == "-":
        return sys.stdin.buffer.read()
    with open(path, "rb") as file:
        return file.read()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--openmetrics", action="store_true", help="OpenMetrics 1.0.0 instead of text 0.0.4")
    parser.add_argument("--names", metavar="TABLE", help="file with the names of all metrics")
    parser.add_argument("file", metavar="FILE")
    arguments = parser.parse_args()
    names = read_names(read(arguments.names).decode()) if arguments.names else None
    try:
        text = read(arguments.file).decode()
    except UnicodeDecodeError as error:
        sys.exit(f"{arguments.file}: no UTF-8: {error}")
    complaints = check(text, arguments.openmetrics, names)
    for complaint in complaints:
        print(f"{arguments.file}: {complaint}")
    sys.exit(1 if complaints else 0)


if __name__ == "__main__":
    main()
