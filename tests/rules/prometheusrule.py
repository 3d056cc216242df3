#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""prometheusrule.py [--update] [RULES [OBJECT]]: the PrometheusRule object is made of the rules of Prometheus.

The rules become its `spec` by being indented, comments and all, so that nobody keeps two copies. Without --update it says
where the object differs from that and exits 1.
"""

import argparse
import difflib
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SPEC = "spec:\n"
HEAD = f"""\
# Made from config/prometheus/rbl.rules.yml by `make prometheusrule`: change that, not this.
#
# The rules as an object of the Prometheus operator, whose version must know keep_firing_for, and which must select it: most
# set-ups want a label of theirs here (`ruleSelector` of the Prometheus object says which).
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: rbl-exporter
  labels:
    app.kubernetes.io/name: rbl-exporter
{SPEC}"""
INDENT = "  "


def made_from(rules):
    """The text of the object."""
    return HEAD + "".join(INDENT + line if line.strip() else line for line in rules.splitlines(keepends=True))


def spec_of(text):
    """The rules that an object holds."""
    _, _, spec = text.partition(f"\n{SPEC}")
    return "".join(line.removeprefix(INDENT) for line in spec.splitlines(keepends=True))


def main():
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--update", action="store_true")
    parser.add_argument("rules", nargs="?", type=pathlib.Path, default=ROOT / "config/prometheus/rbl.rules.yml")
    parser.add_argument("object", nargs="?", type=pathlib.Path, default=ROOT / "config/kubernetes/prometheusrule.yml")
    arguments = parser.parse_args()
    wanted = made_from(arguments.rules.read_text(encoding="utf-8"))
    if arguments.update:
        arguments.object.write_text(wanted, encoding="utf-8")
        return 0
    there = arguments.object.read_text(encoding="utf-8")
    if there == wanted:
        return 0
    print(f"{arguments.object} is not what {arguments.rules} makes; run `make prometheusrule`")
    sys.stdout.writelines(difflib.unified_diff(there.splitlines(True), wanted.splitlines(True), "object", "rules"))
    return 1


if __name__ == "__main__":
    sys.exit(main())
