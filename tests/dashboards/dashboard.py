# SPDX-License-Identifier: Apache-2.0
"""A Grafana dashboard as the checks see it: its panels, its queries, its variables and where they stand."""

import json
import re

ALL = ".*"  # what `All` of a variable stands for
VARIABLE = re.compile(
    r"\$\{(?P<braced>\w+)(?P<path>(?:\.[^:}]+|\[[^\]]*\])*)(?::(?P<format>[^}]*))?\}"
    r"|\[\[(?P<square>\w+)(?::(?P<square_format>\w+))?\]\]"
    r"|\$(?P<plain>[A-Za-z_]\w*)"
)
DURATIONS = {"__interval": "1s", "__rate_interval": "5s", "__range": "60s", "__interval_ms": "1000"}
DURATIONS.update({"__range_s": "60", "__range_ms": "60000"})


class Query:
    """An expression that Grafana sends: of a panel, an annotation or a variable."""

    def __init__(self, where, text, kind, raw, panel=None):
        self.where = where
        self.text = text
        self.kind = kind  # target, annotation, variable
        self.raw = raw
        self.panel = panel

    @property
    def is_instant(self):
        """Whether it is asked for one time only."""
        return bool(self.raw.get("instant")) and not self.raw.get("range")


class Dashboard:
    def __init__(self, name, text):
        """`name` is that of the file without .json; ValueError if `text` is no JSON object with unique keys."""
        self.name = name
        self.text = text
        self.data = json.loads(text, object_pairs_hook=unique_keys)
        if not isinstance(self.data, dict):
            raise ValueError("no JSON object")

    @property
    def uid(self):
        return self.data.get("uid")

    @property
    def variables(self):
        return self.data.get("templating", {}).get("list", [])

    def variable(self, name):
        return next((v for v in self.variables if v.get("name") == name), None)

    @property
    def panels(self):
        """All panels, those of collapsed rows behind their row."""
        return [p for panel in self.data.get("panels", []) for p in (panel, *panel.get("panels", []))]

    @property
    def annotations(self):
        return self.data.get("annotations", {}).get("list", [])

    def queries(self):
        for panel in self.panels:
            for target in panel.get("targets", []):
                where = f"{place(panel)}, query {target.get('refId')}"
                yield Query(where, target.get("expr", ""), "target", target, panel)
        for annotation in self.annotations:
            if "expr" in annotation:
                yield Query(f"annotation {annotation.get('name')}", annotation["expr"], "annotation", annotation)
        for variable in self.variables:
            parts = variable_query(variable)
            if parts and parts[0]:
                yield Query(f"variable {variable.get('name')}", parts[0], "variable", variable)


def unique_keys(pairs):
    keys = [key for key, _ in pairs]
    twice = {key for key in keys if keys.count(key) > 1}
    if twice:
        raise ValueError(f"key {', '.join(sorted(twice))} twice")
    return dict(pairs)


def place(panel):
    return f"panel {panel.get('id')} ({panel.get('title') or panel.get('type')})"


def strings(value, path=()):
    """All strings in a JSON value, keys too, with the path to each."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from strings(item, path + (number,))
    elif isinstance(value, dict):
        for key, item in value.items():
            yield path, key
            yield from strings(item, path + (key,))


def mentions(text):
    """The variables that a text mentions: (name, path behind it, format or None)."""
    for match in VARIABLE.finditer(text):
        name = match["braced"] or match["square"] or match["plain"]
        yield name, match["path"] or "", match["format"] or match["square_format"]


def interpolate(text, values):
    """The text with the variables in `values` replaced; others stay."""

    def replace(match):
        name = match["braced"] or match["square"] or match["plain"]
        return str(values.get(name, match.group()))

    return VARIABLE.sub(replace, text)


def query_text(variable):
    query = variable.get("query", "")
    return query.get("query", "") if isinstance(query, dict) else str(query)


def variable_query(variable):
    """(expression or "", label or None) that a variable of type query asks for; None if it is none that Grafana knows."""
    if variable.get("type") != "query":
        return None
    text = query_text(variable).strip()
    if match := re.fullmatch(r"label_values\((?:(.+),)?\s*([a-zA-Z_]\w*)\s*\)", text, re.DOTALL):
        return (match.group(1) or "").strip(), match.group(2)
    if match := re.fullmatch(r"query_result\((.+)\)", text, re.DOTALL):
        return match.group(1).strip(), None
    return None


def regex_of(variable):
    """What the values of a variable have to match, None for anything; re.error if it is no regular expression."""
    text = re.sub(r"^/(.*)/[a-z]*$", r"\1", variable.get("regex") or "")
    return re.compile(re.sub(r"\(\?<(?![=!])", "(?P<", text)) if text else None


def default_value(variable):
    """What stands for a variable that Prometheus need not be asked about."""
    if variable.get("includeAll"):
        return ALL
    if variable.get("type") in ("custom", "interval"):
        return query_text(variable).split(",")[0].strip()
    if variable.get("type") in ("constant", "textbox"):
        return query_text(variable)
    return "x"
