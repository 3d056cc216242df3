# SPDX-License-Identifier: Apache-2.0
"""Which metrics there are, with which labels, and whether an expression speaks of those alone.

There are: what `rbl_exporter reference` prints, the recording rules, what Prometheus makes itself, and NOT_YET_LIVE:
names of the contract that the exporter does not have yet, which rules and dashboards may use all the same. A name of
that table that has become live is an error, so that the table shrinks.
"""

import re

import promql
from promql import Aggregation, Binary, Call, Selector, String, Subquery

NOT_YET_LIVE = {
    "rbl_exporter_shards": set(),
    "rbl_exporter_shard_ordinal": {"shard_ordinal"},
}
TARGET = {"job", "instance"}  # Prometheus adds them to what it scrapes
ALERT = {"alertname", "alertstate", "severity", "job", "list", "group", "ip", "range", "safelist"}
OF_PROMETHEUS = {
    "up": TARGET,
    "scrape_duration_seconds": TARGET,
    "scrape_samples_scraped": TARGET,
    "scrape_samples_post_metric_relabeling": TARGET,
    "scrape_series_added": TARGET,
    "ALERTS": ALERT,  # what all alerts may be asked for; some have more
    "ALERTS_FOR_STATE": ALERT - {"alertstate"},
}
ROW = re.compile(r"^\| `([a-z][a-z0-9_]*)` \| (counter|gauge|histogram) \|([^|]*)\|", re.MULTILINE)
NEVER_EMPTY = {"absent", "absent_over_time", "vector", "scalar", "time", "pi"}


def read_reference(text):
    """Of the Markdown that `rbl_exporter reference` prints: {name: labels}, a histogram as its three."""
    found = {}
    for name, kind, cell in ROW.findall(text):
        labels = set(re.findall(r"`([a-z_]+)`", cell))
        if kind == "histogram":
            found.update({f"{name}_bucket": labels | {"le"}, f"{name}_sum": labels, f"{name}_count": labels})
        else:
            found[name] = labels
    return found


def labels_of_recorded(name, known):
    """By the convention level:metric:operations, the level being the labels that are left, with `_` between; and job.

    A label may have a `_` itself: of the `known` ones the longest that fits is meant.
    """
    words, found = name.split(":")[0].split("_"), {"job"}
    while words:
        n = next((n for n in range(len(words), 1, -1) if "_".join(words[:n]) in known), 1)
        found.add("_".join(words[:n]))
        words = words[n:]
    return found


class Catalogue:
    def __init__(self, reference, recorded=(), not_yet_live=None):
        """`reference` as read_reference() gave it, `recorded` names of recording rules."""
        self.not_yet_live = NOT_YET_LIVE if not_yet_live is None else not_yet_live
        self.exported = reference
        self.recorded = set(recorded)
        self.labels = {name: labels | TARGET for name, labels in {**self.not_yet_live, **reference}.items()}
        self.labels.update(OF_PROMETHEUS)
        known = set().union(*self.labels.values())
        self.labels.update({name: labels_of_recorded(name, known) for name in recorded})

    def complaints(self):
        """What is wrong with the table of names that are not live yet."""
        return [
            f"{name} is live: take it out of NOT_YET_LIVE in tests/lint/metric_names.py"
            for name in sorted(self.not_yet_live)
            if name in self.exported
        ]

    def names_of(self, selector):
        """The known names that a selector may stand for."""
        if selector.name is not None:
            return [selector.name] if selector.name in self.labels else []
        tests = [m for m in selector.matchers if m.label == "__name__"]
        hits = {"=~": True, "!~": False}
        return [
            name
            for name in self.labels
            if tests and all((re.fullmatch(m.value, name) is not None) == hits.get(m.operator) for m in tests)
        ]

    def must_be_empty(self, node):
        """Whether an expression has no result for want of what is not live yet."""
        if isinstance(node, Selector):
            names = self.names_of(node)
            return bool(names) and all(name in self.not_yet_live for name in names)
        if isinstance(node, Call) and node.function in NEVER_EMPTY:
            return False
        if isinstance(node, Binary) and node.operator in ("or", "unless"):
            left = self.must_be_empty(node.left)
            return left and (node.operator == "unless" or self.must_be_empty(node.right))
        return any(self.must_be_empty(child) for child in promql.children(node))


class Judge:
    """Goes through one expression: names, and labels where they are matched, grouped or joined by."""

    def __init__(self, catalogue):
        self.catalogue = catalogue
        self.complaints = []

    def demand(self, labels, known, where):
        for label in labels:
            if known is not None and label not in known:
                self.complaints.append(f"label {label} of {where}: there is none, but {', '.join(sorted(known)) or 'none'}")

    def labels(self, node):
        """The labels that the result may have; None if that is not known."""
        if isinstance(node, Selector):
            return self.of_selector(node)
        if isinstance(node, Subquery):
            return self.labels(node.inner)
        if isinstance(node, Aggregation):
            return self.of_aggregation(node)
        if isinstance(node, Binary):
            return self.of_binary(node)
        if isinstance(node, Call):
            return self.of_call(node)
        return set()

    def of_selector(self, node):
        names = self.catalogue.names_of(node)
        if not names:
            self.complaints.append(f"metric {node.name or 'without a known name'}: the exporter has none of that name")
            return None
        known = set().union(*(self.catalogue.labels[name] for name in names))
        used = [m.label for m in node.matchers if m.label != "__name__"]
        self.demand(used, known, f"a matcher of {node.name or names[0]}")
        return known

    def of_aggregation(self, node):
        inner = self.labels(node.inner)
        self.demand(node.labels, inner, f"{node.operator} {node.grouping}")
        if node.operator in ("topk", "bottomk"):
            return inner
        made = {node.parameter.text} if node.operator == "count_values" and isinstance(node.parameter, String) else set()
        if node.grouping == "without":
            return None if inner is None else (inner - set(node.labels)) | made
        return set(node.labels) | made

    def of_binary(self, node):
        left, right = self.labels(node.left), self.labels(node.right)
        if promql.is_scalar(node.left) or promql.is_scalar(node.right):
            return right if promql.is_scalar(node.left) else left
        both = None if left is None or right is None else left | right
        if node.matching == "on":
            self.demand(node.labels, left, f"the left side of {node.operator} on")
            self.demand(node.labels, right, f"the right side of {node.operator} on")
        elif node.matching == "ignoring":
            self.demand(node.labels, both, f"{node.operator} ignoring")
        if node.operator == "or":
            return both
        if node.operator in promql.SET_OPERATORS:
            return left
        return self.of_join(node, left, right)

    def of_join(self, node, left, right):
        many, one = (right, left) if node.grouping == "group_right" else (left, right)
        if node.grouping:
            self.demand(node.include, one, node.grouping)
            return None if many is None else many | set(node.include)
        if node.matching == "on":
            return set(node.labels)
        return None if left is None else left - set(node.labels)

    def of_call(self, node):
        inner = [self.labels(argument) for argument in node.arguments]
        texts = [argument.text if isinstance(argument, String) else None for argument in node.arguments]
        if node.function in ("absent", "absent_over_time"):
            found = [s for s in promql.selectors(node)[:1]]
            return {m.label for s in found for m in s.matchers if m.operator == "="}
        if node.function in ("vector", "scalar", "time", "pi"):
            return set()
        vector = next((i for a, i in zip(node.arguments, inner) if not promql.is_scalar(a)), set())
        if node.function == "label_replace" and len(texts) == 5:
            self.demand([texts[3]] if texts[3] else [], vector, "label_replace")
            return None if vector is None else vector | {texts[1]}
        if node.function == "label_join" and len(texts) > 3:
            self.demand(texts[3:], vector, "label_join")
            return None if vector is None else vector | {texts[1]}
        if node.function == "histogram_quantile":
            self.demand(["le"], vector, "histogram_quantile")
            return None if vector is None else vector - {"le"}
        return vector


def judge(tree, catalogue):
    """(complaints about names and labels, the labels that the result may have or None)."""
    judge_ = Judge(catalogue)
    labels = judge_.labels(tree)
    return judge_.complaints, labels


def check(text, catalogue):
    """The complaints about an expression as rules have it, and the labels that its result may have or None."""
    try:
        return judge(promql.parse(text), catalogue)
    except promql.PromqlError as error:
        return [f"no PromQL: {error}"], None
