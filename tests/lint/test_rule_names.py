#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The rules in config/prometheus speak of metrics and labels that there are, and the check of that can fail."""

import os
import pathlib
import tempfile

import rule_names
from tap import case, finish

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("RBL_EXPORTER", str(ROOT / "build" / "rbl_exporter"))
GOOD = """
groups:
  - name: rbl
    rules:
      - record: list:rbl_list_up:min
        expr: min by (job, list) (rbl_list_up)
      - alert: RBLListDown
        expr: list:rbl_list_up:min * on (job, list) group_left (tier) max by (job, list, tier) (rbl_list_info) == 0
        for: 30m
        labels: {severity: warning}
        annotations:
          summary: List {{ $labels.list }} is down ({{ $labels.tier }}, {{ $labels.severity }}, {{ $labels.alertname }})
          description: >-
            {{ with printf "rbl_list_state{list=%q,state=~\\"time.*\\"} == %d" $labels.list 1 | query }}{{ . }}{{ end }}
            {{ range query "rbl_bounces_total" }}{{ .Labels.result }}{{ end }}
"""
# (what is wrong, what is replaced, by what, what is said)
BAD = [
    (
        "a metric in an expression",
        "min by (job, list) (rbl_list_up)",
        "min by (job, list) (rbl_list_upp)",
        "list:rbl_list_up:min: metric rbl_list_upp",
    ),
    (
        "a label in an expression",
        "max by (job, list, tier)",
        "max by (job, list, tears)",
        "RBLListDown: label tears of max by",
    ),
    ("a label that is joined", "group_left (tier)", "group_left (kind)", "label kind of group_left"),
    (
        "a recorded name that nothing records",
        "expr: list:rbl_list_up:min",
        "expr: list:rbl_list_up:max",
        "metric list:rbl_list_up:max",
    ),
    (
        "a recorded name that lies about its labels",
        "min by (job, list) (",
        "min by (job) (",
        "by its name it has the labels",
    ),
    ("a label in an annotation", "$labels.list }} is", "$labels.ip }} is", "summary: the alert has no label ip"),
    ("a metric in the query of a template", "rbl_list_state{", "rbl_list_states{", "description: rbl_list_states"),
    ("a label in the query of a template", "state=~", "status=~", "label status of a matcher"),
    ("a metric in a plain query", "rbl_bounces_total", "rbl_bounce_total", "metric rbl_bounce_total"),
    ("a query that is not written out", 'query "rbl_bounces_total"', "query $q", "cannot be checked"),
    ("no PromQL", "== 0", "==", "no PromQL"),
    ("a key twice", "for: 30m", "for: 30m\n        for: 1h", "key for twice"),
    ("no YAML", "groups:", "groups: [", "while parsing"),
    ("another file", "groups:", "grups:", "neither rules nor a configuration"),
    ("no rules", "rules:", "rulez:", "not of the shape of rules"),
]


def check(folder, text):
    path = pathlib.Path(folder) / "rules.yml"
    path.write_text(text)
    return rule_names.check_files(BINARY, [path])


def main():
    with tempfile.TemporaryDirectory() as folder:
        complaints = check(folder, GOOD)
        case("sound rules have no complaints", complaints == [], "\n".join(complaints))
        for what, old, new, said in BAD:
            assert old in GOOD, old
            complaints = check(folder, GOOD.replace(old, new))
            case(f"found: {what}", any(said in complaint for complaint in complaints), "\n".join(complaints))
        wrapped = "kind: PrometheusRule\nspec:\n" + "".join(f"  {line}\n" for line in GOOD.strip().splitlines())
        complaints = check(folder, wrapped.replace("rbl_list_up)", "rbl_list_upp)"))
        found = any("metric rbl_list_upp" in complaint for complaint in complaints)
        case("found in a PrometheusRule as well", found, "\n".join(complaints))
        complaints = check(folder, "scrape_configs: []\n")
        case("a configuration alone is no rule", complaints == ["no rule found"], "\n".join(complaints))

    files = sorted((ROOT / "config" / "prometheus").rglob("*.yml"))
    case("there are rules", any(path.name == "rbl.rules.yml" for path in files), "no config/prometheus/rbl.rules.yml")
    if files:
        complaints = rule_names.check_files(BINARY, files)
        case("config/prometheus speaks of what there is", complaints == [], "\n".join(complaints))
    finish()


if __name__ == "__main__":
    main()
