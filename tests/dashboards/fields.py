# SPDX-License-Identifier: Apache-2.0
"""Which fields a panel has, so that what names one names one that there is: Grafana passes over the others in silence.

Known are those of tables, whose fields are the labels of the results, Time and Value, as long as they go through
transformations that only join, sort and rename. Known of every panel are the labels of its results.
"""

import re

import promql
from dashboard import mentions, place, strings
from metric_names import judge

PASSING = {"merge", "sortBy", "limit", "joinByField"}
ORGANIZED_BY = ("excludeByName", "includeByName", "indexByName", "renameByName")


def labels_of(panel, catalogue):
    """The labels of the results of all queries; None if one of them is not known."""
    known = set()
    for target in panel.get("targets") or []:
        try:
            labels = judge(promql.parse(target.get("expr", ""), variables=True), catalogue)[1]
        except promql.PromqlError:
            return None
        if labels is None:
            return None
        known |= labels
    return known


def first_fields(panel, catalogue):
    targets = panel.get("targets") or []
    labels = labels_of(panel, catalogue)
    if labels is None or panel.get("type") != "table" or any(target.get("format") != "table" for target in targets):
        return None
    values = {f"Value #{target.get('refId')}" for target in targets} if len(targets) > 1 else {"Value"}
    return labels | values | {"Time", "__name__"}


def transform(panel, fields):
    """(the fields at the end, or None; [what is named and is none])."""
    wrong = []
    for step in panel.get("transformations") or []:
        options = step.get("options") or {}
        if fields is None or step.get("id") not in PASSING | {"organize"}:
            return None, wrong
        if step["id"] == "organize":
            named = [(f"{key} of organize", name) for key in ORGANIZED_BY for name in options.get(key) or {}]
            wrong += [(key, name) for key, name in named if name not in fields]
            renamed = options.get("renameByName") or {}
            gone = {name for name, out in (options.get("excludeByName") or {}).items() if out}
            fields = {renamed.get(name) or name for name in fields - gone}
        named = [sort.get("field") for sort in options.get("sort") or []] + [options.get("byField")]
        wrong += [(step["id"], name) for name in named if name and name not in fields]
    return fields, wrong


def check(d, context):
    for panel in d.panels:
        fields, wrong = transform(panel, first_fields(panel, context.catalogue))
        overrides = panel.get("fieldConfig", {}).get("overrides", [])
        named = [o.get("matcher", {}).get("options") for o in overrides if o.get("matcher", {}).get("id") == "byName"]
        if fields is not None:
            wrong += [("an override", name) for name in named if name not in fields]
        labels = labels_of(panel, context.catalogue)
        for _, text in strings(panel.get("fieldConfig", {})):
            for name, path, _ in mentions(text):
                if name == "__field" and path.startswith(".labels.") and labels is not None:
                    wrong += [("a label in a link", label) for label in [path[len(".labels.") :]] if label not in labels]
                if name == "__data" and path.startswith(".fields") and fields is not None:
                    field = re.sub(r"^\.fields(?:\.|\[\"?)|\"?\]$", "", path)
                    wrong += [("a field in a link", field)] if field not in fields else []
        for what, name in wrong:
            yield place(panel), f"{what} names {name!r}, and there is none"
