#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""rule_names.py BINARY FILE...: do the rules speak of metrics and labels that there are?

Files are rule files, PrometheusRule objects or configurations of Prometheus, which have no rules and are only read.
Expressions are checked, and in labels and annotations `$labels.NAME` and the queries of templates.
"""

import pathlib
import re
import subprocess
import sys

import yaml

import metric_names
import strict_yaml

ACTION = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
TEXT = re.compile(r'"((?:[^"\\]|\\.)*)"|`([^`]*)`', re.DOTALL)
LABEL = re.compile(r"\$labels\.([A-Za-z_]\w*)")  # .Labels may be those of a series that was queried
VERB = re.compile(r"%(?:\[\d+\])?[-+#0]*[0-9.]*([a-zA-Z%])")
EXAMPLES = {"q": '"x"', "d": "1", "f": "1", "%": "%"}


class Rule:
    def __init__(self, source, raw):
        self.source = source
        self.record = raw.get("record")
        self.name = self.record or raw.get("alert") or "a rule without a name"
        self.expression = str(raw.get("expr", ""))
        self.labels = raw.get("labels") or {}
        self.annotations = raw.get("annotations") or {}


def read_rules(path):
    """The rules of a file; ValueError says what is wrong with it."""
    path = pathlib.Path(path)
    try:
        top = strict_yaml.load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path.name}: {error}") from None
    if not isinstance(top, dict) or not {"groups", "spec", "scrape_configs"} & set(top):
        raise ValueError(f"{path.name}: neither rules nor a configuration of Prometheus")
    try:
        groups = top.get("groups") or top.get("spec", {}).get("groups", [])
        return [Rule(path.name, raw) for group in groups for raw in group["rules"]]
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"{path.name}: not of the shape of rules: {error!r}") from None


def queries_of(template):
    """The expressions that a template queries: literal ones, and formats with examples in them."""
    for action in ACTION.findall(template):
        if re.search(r"\bquery\b", action):
            for match in TEXT.finditer(action):
                text = match.group(2) if match.group(2) is not None else re.sub(r"\\(.)", r"\1", match.group(1))
                yield VERB.sub(lambda verb: EXAMPLES.get(verb.group(1), "x"), text)
                break


def check_template(key, template, known, catalogue):
    for action in ACTION.findall(template):
        for label in LABEL.findall(action):
            if known is not None and label not in known:
                yield f"{key}: the alert has no label {label}, but {', '.join(sorted(known))}"
        if re.search(r"\bquery\b", action) and not TEXT.search(action):
            yield f"{key}: a query that is not written out cannot be checked: {action.strip()}"
    for query in queries_of(template):
        for complaint in metric_names.check(query, catalogue)[0]:
            yield f"{key}: {query}: {complaint}"


def check_rule(rule, catalogue):
    complaints, labels = metric_names.check(rule.expression, catalogue)
    yield from complaints
    known = None if labels is None else labels | set(rule.labels) | ({"alertname"} if not rule.record else set())
    if rule.record and known is not None and known != catalogue.labels[rule.record]:
        yield f"by its name it has the labels {sorted(catalogue.labels[rule.record])}, by its expression {sorted(known)}"
    for key, text in {**rule.labels, **rule.annotations}.items():
        yield from check_template(key, str(text), known, catalogue)


def check(rules, catalogue):
    """The complaints about all rules, each with file and rule."""
    return catalogue.complaints() + [
        f"{rule.source}: {rule.name}: {complaint}" for rule in rules for complaint in check_rule(rule, catalogue)
    ]


def read_catalogue(binary, rules):
    printed = subprocess.run([binary, "reference"], stdout=subprocess.PIPE, text=True, check=True).stdout
    return metric_names.Catalogue(metric_names.read_reference(printed), [r.record for r in rules if r.record])


def check_files(binary, paths):
    rules, complaints = [], []
    for path in paths:
        try:
            rules += read_rules(path)
        except ValueError as error:
            complaints.append(str(error))
    if not rules:
        complaints.append("no rule found")
    return complaints + check(rules, read_catalogue(binary, rules))


def main():
    complaints = check_files(sys.argv[1], sys.argv[2:])
    for complaint in complaints:
        print(complaint)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
