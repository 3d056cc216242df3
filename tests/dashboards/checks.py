# SPDX-License-Identifier: Apache-2.0
"""What a dashboard has to be, as far as its file alone tells. check() knows all of it.

Where Grafana's own dashboard-linter has a rule, the check has its name. Where this project wants something else than it:

- `All` of a variable is `.*` and not `.+`, so that series without the label are shown as well.
- Every panel but rows and texts has title, description and unit, whatever its type and its value mappings; a custom
  unit such as `suffix: /h` is one.
- `rate`, `irate` and `increase` take [$__rate_interval]. The one other range is `increase(...[$__range])` in a query for
  one time: a stat that says what happened in all of the time shown. In a graph every point of it would reach back
  before what is shown.
- A matcher for instance is wanted where the metric has that label: recorded ratios and alerts are of no instance.
- `All` takes in every job of Prometheus. What every target has (`up`, `process_*`, `scrape_*`) is asked of exporters
  alone, also of those that are down, and alerts of our rules alone.
- Queries of annotations are held to what is said of panels.
"""

import dataclasses
import json
import re

import fields
import promql
import query_checks
from dashboard import place, strings
from query_checks import parsed

UIDS = {"overview": "rbl-overview", "address": "rbl-address", "lists": "rbl-lists", "exporter": "rbl-exporter"}
SCHEMA_VERSION = 42  # that of Grafana 12.4; older ones read it as well
PANEL_TYPES = {"stat", "timeseries", "table", "bargauge", "state-timeline", "heatmap", "text", "row"}
COLUMNS = 24
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
UNITS = set(
    "none string short sishort percent percentunit locale bytes decbytes bits decbits Bps binBps dateTimeAsIso"
    " dateTimeAsIsoNoDateIfToday dateTimeAsUS dateTimeAsLocal dateTimeAsLocalNoDateIfToday dateTimeAsSystem"
    " dateTimeFromNow ns µs ms s m h d dtdurationms dtdurations dthms dtdhms clockms clocks cps ops reqps rps eps"
    " cpm opm reqpm rpm epm bool bool_yes_no bool_on_off".split()
)
UNJUDGED = {"#8e8e8e", "text"}  # colours that call nothing good or bad
DASHBOARD_LINK = re.compile(r"(?<![\w.])/d/([A-Za-z0-9_-]+)")
TIME_RANGE = re.compile(r"\$\{__url_time_range\}|\$__url_time_range\b|\bfrom=\$\{?__from\}?.*\bto=\$\{?__to\}?")

# {(uid, rule, place): why}. What is not needed here is an error, so that it does not outlive its reason.
EXCEPTIONS = {}


@dataclasses.dataclass(frozen=True)
class Complaint:
    uid: str
    rule: str
    where: str
    what: str

    def __str__(self):
        return f"{self.uid}: {self.where}: {self.what} [{self.rule}]"


class Context:
    """What a dashboard is compared with."""

    def __init__(self, catalogue, dashboards):
        self.catalogue = catalogue
        self.by_uid = {d.uid: d for d in dashboards}


def is_integer(value):
    return isinstance(value, int) and not isinstance(value, bool)


def data_panels(d):
    return [panel for panel in d.panels if panel.get("type") not in ("row", "text")]


# --- The file ---


def check_json(d, _):
    if d.text != json.dumps(d.data, indent=2, ensure_ascii=False) + "\n":
        yield "file", "is not what json.dumps(..., indent=2, ensure_ascii=False) makes of it, and a newline"


def check_identity(d, _):
    if d.uid != UIDS.get(d.name):
        yield "uid", f"{d.uid!r} of {d.name}.json, expected {UIDS.get(d.name)!r}"
    for key in ("__inputs", "__requires", "__elements"):
        if key in d.data:
            yield key, "is made by an export for sharing; provisioning does not know it"
    if d.data.get("id") is not None:
        yield "id", "belongs to one Grafana's database"
    if not d.data.get("title"):
        yield "title", "missing"
    if not all(d.data.get("time", {}).get(key) for key in ("from", "to")):
        yield "time", "from and to are missing"
    version = d.data.get("schemaVersion")
    if not is_integer(version) or version < SCHEMA_VERSION:
        yield "schemaVersion", f"{version!r}, expected {SCHEMA_VERSION} or more"


def check_uneditable(d, _):
    if d.data.get("editable") is not False:
        yield "editable", "has to be false: what is edited in Grafana is lost with the next version"


def check_layout(d, _):
    ids = [panel.get("id") for panel in d.panels]
    for panel in d.panels:
        if not is_integer(panel.get("id")) or ids.count(panel.get("id")) > 1:
            yield place(panel), "its id is no number of its own"
        if problem := grid_problem(panel.get("gridPos") or {}):
            yield place(panel), problem
    for panels in [d.data.get("panels", [])] + [panel.get("panels", []) for panel in d.panels]:
        for i, one in enumerate(panels):
            for other in panels[i + 1 :]:
                if overlap(one.get("gridPos") or {}, other.get("gridPos") or {}):
                    yield place(one), f"overlaps {place(other)}"


def grid_problem(grid):
    if set(grid) != {"x", "y", "w", "h"} or not all(is_integer(v) and v >= 0 for v in grid.values()):
        return "gridPos needs x, y, w and h"
    if grid["w"] == 0 or grid["h"] == 0 or grid["x"] + grid["w"] > COLUMNS:
        return f"not within {COLUMNS} columns"
    return None


def overlap(a, b):
    if grid_problem(a) or grid_problem(b):
        return False
    return all(a[p] < b[p] + b[s] and b[p] < a[p] + a[s] for p, s in (("x", "w"), ("y", "h")))


# --- Panels ---


def check_panel_types(d, _):
    for panel in d.panels:
        if panel.get("type") not in PANEL_TYPES:
            yield place(panel), f"type {panel.get('type')!r}, allowed are {', '.join(sorted(PANEL_TYPES))}"


def check_titles(d, _):
    for panel in d.panels:
        if not panel.get("title"):
            yield place(panel), "no title"
    for panel in data_panels(d):
        if not panel.get("description"):
            yield place(panel), "no description"


def check_units(d, _):
    for panel in data_panels(d):
        unit = panel.get("fieldConfig", {}).get("defaults", {}).get("unit")
        if panel.get("type") == "heatmap":
            unit = unit or panel.get("options", {}).get("yAxis", {}).get("unit")
        overrides = panel.get("fieldConfig", {}).get("overrides", [])
        more = [p.get("value") for override in overrides for p in override.get("properties", []) if p.get("id") == "unit"]
        for found in [unit, *more]:
            if found not in UNITS and not str(found).startswith(("suffix:", "prefix:")):
                yield place(panel), f"unit {found!r}" if found else "no unit"


def check_base_colours(d, _):
    """The lowest threshold is also the colour of no data; where none is set Grafana takes green."""
    for panel in data_panels(d):
        steps = panel.get("fieldConfig", {}).get("defaults", {}).get("thresholds", {}).get("steps") or [{"color": "green"}]
        if panel.get("type") in ("stat", "bargauge") and steps[0].get("color") not in UNJUDGED:
            yield place(panel), f"no data is {steps[0].get('color')}, expected {' or '.join(sorted(UNJUDGED))}"


def check_targets(d, _):
    for panel in data_panels(d):
        targets = panel.get("targets") or []
        ids = [target.get("refId") for target in targets]
        if not targets:
            yield place(panel), "no targets"
        if None in ids or len(set(ids)) < len(ids):
            yield place(panel), "refIds are missing or twice"


def check_datasources(d, _):
    for panel in data_panels(d):
        for where, thing in [("", panel)] + [(f", query {t.get('refId')}", t) for t in panel.get("targets") or []]:
            if thing.get("datasource") != DATASOURCE:
                yield place(panel) + where, f"datasource {thing.get('datasource')!r}, expected {DATASOURCE!r}"
    for thing, where in [(v, f"variable {v.get('name')}") for v in d.variables if v.get("type") == "query"] + [
        (a, f"annotation {a.get('name')}") for a in d.annotations if not a.get("builtIn")
    ]:
        if thing.get("datasource") != DATASOURCE:
            yield where, f"datasource {thing.get('datasource')!r}, expected {DATASOURCE!r}"
    for variable in d.variables:
        chosen = (variable.get("current") or {}).get("value")
        if variable.get("type") == "datasource" and chosen not in (None, "", "default"):
            yield f"variable {variable.get('name')}", f"{chosen!r} is chosen, which is of one Grafana"


# --- Links and annotations ---


def check_links(d, context):
    for number, link in enumerate(d.data.get("links") or []):
        where = f"link {link.get('title') or number}"
        inside = link.get("type") == "dashboards" or DASHBOARD_LINK.search(link.get("url") or "")
        if link.get("type") == "dashboards" and not is_tag_of_another(link, d, context):
            yield where, f"no other dashboard has the tags {link.get('tags')}"
        for key in ("keepTime", "includeVars") if inside else ():
            if link.get(key) is not True:
                yield where, f"{key} has to be true: it leads to a dashboard"
    for path, text in strings(d.data):
        for match in DASHBOARD_LINK.finditer(text):
            where = ".".join(map(str, path))
            target = context.by_uid.get(match.group(1))
            if target is None:
                yield where, f"no dashboard has the uid {match.group(1)}"
                continue
            if path[0] != "links" and not TIME_RANGE.search(text[match.end() :]):
                yield where, f"does not pass the time range on (${{__url_time_range}}): {text}"
            for name in re.findall(r"[?&]var-(\w+)=", text[match.end() :]):
                if target.variable(name) is None:
                    yield where, f"{match.group(1)} has no variable {name}: {text}"


def is_tag_of_another(link, d, context):
    tags = set(link.get("tags") or [])
    return tags and any(tags <= set(other.data.get("tags") or []) for uid, other in context.by_uid.items() if uid != d.uid)


def check_annotations(d, _):
    for query, tree in parsed(d):
        firing = [s for s in promql.selectors(tree) if s.name == "ALERTS" and s.equals("alertstate") == "firing"]
        if query.kind == "annotation" and firing and query.raw.get("enable") is True:
            return
    yield "annotations", 'none that is enabled asks for ALERTS{alertstate="firing"}'


RULES = {
    "json": check_json,
    "identity": check_identity,
    "uneditable-dashboard": check_uneditable,
    "layout": check_layout,
    "panel-types": check_panel_types,
    "panel-title-description-rule": check_titles,
    "panel-units-rule": check_units,
    "panel-base-colours": check_base_colours,
    "panel-no-targets-rule": check_targets,
    "panel-datasource-rule": check_datasources,
    "panel-fields": fields.check,
    "target-promql-rule": query_checks.check_promql,
    "target-names": query_checks.check_names,
    "target-rate-interval-rule": query_checks.check_rates,
    "target-counter-agg-rule": query_checks.check_counters,
    "target-job-rule": query_checks.required_matcher("job"),
    "target-instance-rule": query_checks.required_matcher("instance"),
    "target-foreign": query_checks.check_foreign,
    "target-legends": query_checks.check_legends,
    "template-definitions": query_checks.check_variable_definitions,
    "template-uses": query_checks.check_variable_uses,
    "template-matchers": query_checks.check_variable_matchers,
    "template-datasource-rule": query_checks.check_datasource_variable,
    "template-job-rule": query_checks.required_variable("job"),
    "template-instance-rule": query_checks.required_variable("instance"),
    "template-label-promql-rule": query_checks.check_variable_queries,
    "template-on-time-change-reload-rule": query_checks.check_variable_reload,
    "links": check_links,
    "annotations": check_annotations,
}


def check(d, context):
    """All complaints about a dashboard, those excepted too."""
    return [Complaint(d.uid, rule, where, what) for rule, run in RULES.items() for where, what in run(d, context)]


def without_exceptions(complaints, exceptions):
    """The complaints that no exception is made for, and a text for each exception that is not needed."""
    keys = {(c.uid, c.rule, c.where) for c in complaints}
    idle = [f"{key}: exception not needed (its reason was: {why})" for key, why in exceptions.items() if key not in keys]
    return [c for c in complaints if (c.uid, c.rule, c.where) not in exceptions], idle
