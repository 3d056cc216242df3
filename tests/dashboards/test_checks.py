#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Each check of dashboards finds its fault in a small dashboard that has nothing else against it."""

import copy
import json
import pathlib
import tempfile

import real

import checks
import dashboard
import metric_names
import provisioning
import sample
from query_checks import EXPORTERS, OF_EXPORTERS
from tap import case, finish

DELETE = object()
# What `rbl_exporter reference` prints of the metrics that the sample needs: these tests need no program.
REFERENCE = """
| `rbl_exporter_build_info` | gauge | `version` | x |
| `rbl_list_info` | gauge | `list`, `tier` | x |
| `rbl_list_up` | gauge | `list` | x |
| `rbl_list_queries_total` | counter | `list` | x |
| `rbl_list_query_duration_seconds` | histogram | `list` | x |
| `rbl_ip_listed` | gauge | `group`, `ip`, `list` | x |
| `rbl_ip_listings_total` | counter | `group`, `list` | x |
| `rbl_bounces_total` | counter | `list`, `result` | x |
"""
PANEL, VARIABLE, LINK, ANNOTATION = (("panels",), ("templating", "list"), ("links",), ("annotations", "list"))
STAT, GRAPH, TABLE, ROW = ((*PANEL, n) for n in (1, 2, 3, 4))
STAT_STEPS = (*STAT, "fieldConfig", "defaults", "thresholds", "steps")
STAT_EXPR, GRAPH_EXPR = (*STAT, "targets", 0, "expr"), (*GRAPH, "targets", 0, "expr")
UP_EXPR = (*STAT, "targets", 1, "expr")
RECORDED_EXPR, TABLE_EXPR = (*GRAPH, "targets", 1, "expr"), (*TABLE, "targets", 0, "expr")
RANGE_EXPR = (*TABLE, "targets", 1)
DATA_LINK = (*TABLE, "fieldConfig", "overrides", 0, "properties", 1, "value", 0, "url")
FIXED = {"type": "prometheus", "uid": "P1809F7CD0C75ACF3"}
M = sample.MATCHERS


def listed(more="", matchers=M):
    return f"sum(rbl_ip_listed{{{matchers}{more}}})"


def rate(span="$__rate_interval", function="rate"):
    return f"{function}(rbl_list_queries_total{{{M}}}[{span}])"


def top(text):
    """As the first query of the graph."""
    return {GRAPH_EXPR: f"topk($top, {text})"}


def asks(number, text):
    """As the query of a variable."""
    return {(*VARIABLE, number, "query", "query"): text, (*VARIABLE, number, "definition"): DELETE}


def column(*steps):
    return {(*TABLE, "transformations"): list(steps)}


def organize(**options):
    return column({"id": "organize", "options": options})


# Of each rule (what is wrong, {path: value}, what is said)
FAULTS = {
    "identity": [
        ("another uid", {("uid",): "rbl-summary"}, "'rbl-summary' of overview.json, expected 'rbl-overview'"),
        ("no uid", {("uid",): DELETE}, "None of overview.json"),
        ("an export for sharing", {("__inputs",): []}, "made by an export"),
        ("a number in a database", {("id",): 7}, "one Grafana's database"),
        ("no title", {("title",): ""}, "title: missing"),
        ("no time range", {("time", "to"): DELETE}, "from and to are missing"),
        ("an old schema", {("schemaVersion",): 36}, "36, expected 42 or more"),
    ],
    "uneditable-dashboard": [
        ("editable", {("editable",): True}, "has to be false"),
        ("editable unless said otherwise", {("editable",): DELETE}, "has to be false"),
    ],
    "layout": [
        ("an id twice", {(*STAT, "id"): 3}, "its id is no number of its own"),
        ("an id twice, once in a collapsed row", {(*ROW, "panels", 0, "id"): 3}, "its id is no number of its own"),
        ("no id", {(*STAT, "id"): DELETE}, "its id is no number of its own"),
        ("panels on each other", {(*STAT, "gridPos", "w"): 7}, "overlaps panel 3"),
        ("panels on each other in a row", {(*ROW, "panels", 0, "gridPos", "w"): 13}, "overlaps panel 7"),
        ("a panel beyond the columns", {(*GRAPH, "gridPos", "w"): 19}, "not within 24 columns"),
        ("a panel without a place", {(*STAT, "gridPos"): DELETE}, "gridPos needs"),
        ("a panel without width", {(*STAT, "gridPos", "w"): 0}, "not within"),
    ],
    "panel-types": [
        ("a pie", {(*STAT, "type"): "piechart"}, "type 'piechart', allowed are"),
    ],
    "panel-title-description-rule": [
        ("no title", {(*STAT, "title"): ""}, "no title"),
        ("a row without a title", {(*ROW, "title"): DELETE}, "no title"),
        ("no description", {(*STAT, "description"): DELETE}, "no description"),
        ("no description in a row", {(*ROW, "panels", 0, "description"): ""}, "no description"),
    ],
    "panel-units-rule": [
        ("no unit", {(*STAT, "fieldConfig", "defaults", "unit"): DELETE}, "no unit"),
        ("no field config", {(*STAT, "fieldConfig"): DELETE}, "no unit"),
        ("an unknown unit", {(*STAT, "fieldConfig", "defaults", "unit"): "listings"}, "unit 'listings'"),
        (
            "an unknown unit of a column",
            {(*TABLE, "fieldConfig", "overrides", 0, "properties", 0, "value"): "date"},
            "unit 'date'",
        ),
    ],
    "panel-base-colours": [
        ("green", {(*STAT_STEPS, 0, "color"): "green"}, "no data is green"),
        ("red", {(*STAT_STEPS, 0, "color"): "dark-red"}, "no data is dark-red"),
        ("no thresholds", {(*STAT, "fieldConfig", "defaults", "thresholds"): DELETE}, "no data is green"),
        (
            "that of a bar gauge",
            {(*ROW, "panels", 0, "fieldConfig", "defaults", "thresholds"): {"steps": [{"color": "green", "value": None}]}},
            "panel 6 (Bounces): no data is green",
        ),
    ],
    "panel-no-targets-rule": [
        ("no targets", {(*GRAPH, "targets"): []}, "no targets"),
        ("a refId twice", {(*GRAPH, "targets", 1, "refId"): "A"}, "refIds are missing or twice"),
    ],
    "panel-fields": [
        (
            "a column that is renamed",
            organize(renameByName={"lists": "List"}),
            "renameByName of organize names 'lists'",
        ),
        (
            "a column that is left out",
            organize(excludeByName={"Value": True}),
            "excludeByName of organize names 'Value'",
        ),
        (
            "a column that is sorted by",
            column({"id": "sortBy", "options": {"sort": [{"field": "range"}]}}),
            "sortBy names 'range'",
        ),
        (
            "a column that is called otherwise by then",
            organize(renameByName={"list": "List"}),
            "an override names 'list'",
        ),
        ("a column that is left out by then", organize(excludeByName={"list": True}), "an override names 'list'"),
        (
            "a field in a link",
            {DATA_LINK: "https://example.net/${__data.fields.List}"},
            "a field in a link names 'List'",
        ),
        (
            "a quoted field in a link",
            {DATA_LINK: 'https://example.net/${__data.fields["the ip"]:percentencode}'},
            "a field in a link names 'the ip'",
        ),
        (
            "a label in a link",
            {DATA_LINK: "https://example.net/${__field.labels.zone}"},
            "a label in a link names 'zone'",
        ),
    ],
    "panel-datasource-rule": [
        ("a fixed one that is chosen", {(*VARIABLE, 0, "current"): {"value": FIXED["uid"]}}, "which is of one Grafana"),
        ("a fixed datasource of a panel", {(*STAT, "datasource"): FIXED}, "P1809F7CD0C75ACF3"),
        ("none", {(*STAT, "datasource"): DELETE}, "datasource None"),
        ("a fixed one of a query", {(*GRAPH, "targets", 0, "datasource"): FIXED}, "query A: datasource"),
        ("a fixed one of a variable", {(*VARIABLE, 3, "datasource"): FIXED}, "variable list: datasource"),
        ("a fixed one of an annotation", {(*ANNOTATION, 0, "datasource"): FIXED}, "annotation Alerts: datasource"),
    ],
    "target-promql-rule": [
        ("a brace too few", {STAT_EXPR: "sum(rbl_list_up{list=~\"$list\")"}, "no PromQL"),
        ("no expression", {STAT_EXPR: DELETE}, "no PromQL"),
        ("what only promtool sees", {RECORDED_EXPR: f"rate(rbl_list_up{{{M}}})"}, "promtool: "),
        ("a function there is not", {RECORDED_EXPR: f"sume(rbl_list_up{{{M}}})"}, "unknown function"),
        (
            "a query variable that is no PromQL",
            asks(3, "label_values(rbl_list_info{, list)"),
            "variable list: no PromQL",
        ),
    ],
    "target-names": [
        ("an unknown metric", {STAT_EXPR: f'sum(rbl_list_upp{{{M}, list=~"$list"}})'}, "metric rbl_list_upp"),
        (
            "an unknown metric of an annotation",
            {(*ANNOTATION, 0, "expr"): 'ALERTS{alertname=~"RBL.*", alertstate="firing", job=~"$job"} or ALERT{job=~"$job"}'},
            "metric ALERT:",
        ),
        ("an unknown metric of a variable", asks(3, "label_values(rbl_lists, list)"), "metric rbl_lists"),
        ("an unknown label of a variable", asks(3, "label_values(rbl_list_up, tier)"), "label tier of label_values"),
        ("an unknown label", {STAT_EXPR: listed(', lists=~"$list"')}, "label lists of a matcher"),
        (
            "an unknown label of by",
            {**top(f"sum by (range) ({rate()})"), (*GRAPH, "targets", 0, "legendFormat"): ""},
            "label range of sum by",
        ),
        (
            "an unknown label of a recorded ratio",
            {RECORDED_EXPR: 'group_range_list:rbl_range_coverage:ratio{job=~"$job", instance=~"$instance"}'},
            "label instance of a matcher",
        ),
    ],
    "target-rate-interval-rule": [
        ("a fixed range", top(f"sum by (list) ({rate('5m', 'rate')})"), "rate over 5m"),
        ("another variable", top(f"sum by (list) ({rate('$__interval', 'irate')})"), "irate over $__interval"),
        (
            "increase over all in a graph",
            top(f"sum by (list) ({rate('$__range', 'increase')})"),
            "increase over $__range",
        ),
        ("increase over all, asked for a graph as well", {(*RANGE_EXPR, "range"): True}, "increase over $__range"),
        (
            "rate over all",
            {(*RANGE_EXPR, "expr"): f"sum(rate(rbl_ip_listings_total{{{M}}}[$__range]))"},
            "rate over $__range",
        ),
        (
            "a rate of a subquery",
            {
                RECORDED_EXPR: f"rate(rbl_list_up{{{M}}}[$__rate_interval:1m])",
                (*GRAPH, "targets", 1, "legendFormat"): "",
            },
            "rate over a subquery",
        ),
    ],
    "target-counter-agg-rule": [
        (
            "a counter as it is",
            top(f"sum by (list) (rbl_list_queries_total{{{M}}})"),
            "counter rbl_list_queries_total without rate",
        ),
        (
            "a counter's maximum",
            top(f"max_over_time(rbl_list_queries_total{{{M}}}[$__rate_interval])"),
            "counter rbl_list_queries_total without rate",
        ),
    ],
    "target-job-rule": [
        (
            "no job",
            {STAT_EXPR: listed(', list=~"$list"', 'instance=~"$instance"')},
            'rbl_ip_listed without job=~"$job"',
        ),
        (
            "a job that is equal",
            {STAT_EXPR: listed(', list=~"$list"', M.replace('job=~"$job"', 'job=~"rbl"'))},
            'without job=~"$job"',
        ),
        ("no job in an annotation", {(*ANNOTATION, 0, "expr"): 'ALERTS{alertname=~"RBL.*", alertstate="firing"}'}, "ALERTS without job"),
        (
            "no job of a recorded ratio",
            {RECORDED_EXPR: "group_range_list:rbl_range_coverage:ratio"},
            "ratio without job",
        ),
    ],
    "target-instance-rule": [
        (
            "no instance",
            {STAT_EXPR: listed(', list=~"$list"', 'job=~"$job"')},
            'rbl_ip_listed without instance=~"$instance"',
        ),
    ],
    "target-foreign": [
        ("every target there is", {UP_EXPR: f"sum(up{{{M}}})"}, f"up of every program there is, expected {OF_EXPORTERS}"),
        (
            "those of an exporter's instance, whatever their job",
            {UP_EXPR: f"sum(up{{{M}}} and on (instance) ({EXPORTERS}))"},
            "up of every program there is",
        ),
        (
            "exporters that are up",
            {UP_EXPR: f"sum(up{{{M}}} and on (job, instance) rbl_exporter_build_info{{{M}}})"},
            "up of every program there is",
        ),
        (
            "exporters, and all others",
            {UP_EXPR: f"sum(up{{{M}}} or on (job, instance) ({EXPORTERS}))"},
            "up of every program there is",
        ),
        (
            "targets that are asked for twice, once of exporters",
            {UP_EXPR: f"count(up{{{M}}} == 0 {OF_EXPORTERS}) or 0 * count(up{{{M}}})"},
            "up of every program there is",
        ),
        (
            "a metric of any name",
            {UP_EXPR: f'sum({{__name__=~"up|rbl_list_up", {M}}})'},
            "metrics of every program there is",
        ),
        (
            "alerts of others",
            {(*ANNOTATION, 0, "expr"): 'ALERTS{alertstate="firing", job=~"$job"}'},
            'ALERTS of every program there is, expected alertname=~"RBL.*"',
        ),
    ],
    "target-legends": [
        (
            "a label that the result has not",
            {(*GRAPH, "targets", 0, "legendFormat"): "{{list}} {{group}}"},
            "{{group}} in legendFormat",
        ),
        ("one in an annotation's text", {(*ANNOTATION, 0, "textFormat"): "{{zone}}"}, "{{zone}} in textFormat"),
    ],
    "template-definitions": [
        ("a variable twice", {(*VARIABLE, 3, "name"): "ip"}, "variable ip: defined twice"),
        ("filters by hand", {(*VARIABLE, 5, "type"): "adhoc"}, "type 'adhoc'"),
        ("another value of All", {(*VARIABLE, 3, "allValue"): ".+"}, "allValue '.+'"),
        ("no value of All", {(*VARIABLE, 3, "allValue"): DELETE}, "allValue None"),
        ("a bad regex", {(*VARIABLE, 3, "regex"): "/(/"}, "regex /(/"),
    ],
    "template-uses": [
        (
            "an undefined variable in an expression",
            {STAT_EXPR: listed(', list=~"$list", group=~"$group"')},
            "variable group is not defined",
        ),
        ("one in a title", {(*STAT, "title"): "Of ${group:text}"}, "variable group is not defined"),
        ("one in a link", {(*LINK, 2, "url"): "https://example.net/?$group"}, "variable group is not defined"),
        (
            "one in a legend",
            {(*GRAPH, "targets", 0, "legendFormat"): "{{list}} [[group]]"},
            "variable group is not defined",
        ),
        (
            "one in a transformation",
            column({"id": "organize", "options": {"renameByName": {"Value": "$group"}}}),
            "variable group is not defined",
        ),
        (
            "one in the key of a transformation",
            column({"id": "organize", "options": {"renameByName": {"$group": "Value"}}}),
            "variable group is not defined",
        ),
        ("one in a variable", {(*VARIABLE, 3, "regex"): "/$group/"}, "variable group is not defined"),
        ("one that panels repeat by", {(*STAT, "repeat"): "grp"}, "variable grp is not defined"),
        ("a format there is not", {(*STAT, "title"): "Of ${list:comma}"}, "format comma"),
        (
            "a variable that nobody uses",
            {(*VARIABLE, 5, "name"): "few", GRAPH_EXPR: f"topk(5, sum by (list) ({rate()}))"},
            "variable few: is used nowhere",
        ),
        (
            "a variable that only its own query uses",
            {
                **asks(4, 'label_values(rbl_ip_listed{ip=~"$ip"}, ip)'),
                (*TABLE, "title"): "x",
                (*TABLE, "description"): "x",
                TABLE_EXPR: f"rbl_ip_listed{{{M}}}",
            },
            "variable ip: is used nowhere",
        ),
    ],
    "template-matchers": [
        ("= where All may be chosen", {STAT_EXPR: listed(', list="$list"')}, "list= with $list"),
        (
            "!= where many may be chosen",
            {(*VARIABLE, 4, "multi"): True, TABLE_EXPR: f'rbl_ip_listed{{{M}, ip!="$ip"}}'},
            "ip!= with $ip",
        ),
        (
            "= in a variable's query",
            asks(3, 'label_values(rbl_list_info{job="$job"}, list)'),
            "variable list: job= with $job",
        ),
    ],
    "template-datasource-rule": [
        (
            "no datasource variable by that name",
            {(*VARIABLE, 0, "label"): "Prometheus"},
            "not exactly one of type datasource",
        ),
        ("another kind of datasource", {(*VARIABLE, 0, "query"): "loki"}, "not exactly one of type datasource"),
        ("two of them", {(*VARIABLE, 5, "type"): "datasource"}, "not exactly one of type datasource"),
    ],
    "template-job-rule": [
        ("one job only", {(*VARIABLE, 1, "multi"): False}, "variable job: {'multi': False}"),
        ("another label", {(*VARIABLE, 1, "label"): "Scrape job"}, "Scrape job"),
    ],
    "template-instance-rule": [
        ("not all instances", {(*VARIABLE, 2, "includeAll"): False}, "variable instance: {'includeAll': False}"),
        ("an instance to be typed", {(*VARIABLE, 2, "type"): "textbox"}, "variable instance: {'type': 'textbox'}"),
    ],
    "template-label-promql-rule": [
        ("an unknown function", asks(3, 'label_value(rbl_list_info{job=~"$job"}, list)'), "neither label_values"),
        ("another definition", {(*VARIABLE, 3, "definition"): "label_values(list)"}, "definition is not the query"),
    ],
    "template-on-time-change-reload-rule": [
        ("loaded once", {(*VARIABLE, 3, "refresh"): 1}, "refresh 1, expected 2"),
    ],
    "links": [
        ("a link that forgets the time", {(*LINK, 1, "keepTime"): False}, "keepTime has to be true"),
        ("a link that forgets the variables", {(*LINK, 0, "includeVars"): DELETE}, "includeVars has to be true"),
        ("a link to nowhere", {(*LINK, 1, "url"): "/d/rbl-list"}, "no dashboard has the uid rbl-list"),
        ("tags that no other has", {(*LINK, 0, "tags"): ["dnsbl"]}, "no other dashboard has the tags"),
        (
            "a data link that forgets the time",
            {DATA_LINK: "/d/rbl-lists?var-list=${__value.raw}"},
            "does not pass the time range on",
        ),
        ("half of the time", {DATA_LINK: "/d/rbl-lists?from=${__from}"}, "does not pass the time range on"),
        (
            "a data link to nowhere",
            {DATA_LINK: "/d/rbl-zones?${__url_time_range}"},
            "no dashboard has the uid rbl-zones",
        ),
        (
            "a variable that the other has not",
            {DATA_LINK: "/d/rbl-lists?var-ip=${__value.raw}&${__url_time_range}"},
            "rbl-lists has no variable ip",
        ),
        (
            "a text's link that forgets the time",
            {(*PANEL, 0, "options", "content"): "[$list](/d/rbl-lists)"},
            "does not pass the time range on",
        ),
    ],
    "annotations": [
        ("alerts that are not shown", {(*ANNOTATION, 0, "enable"): False}, "none that is enabled"),
        (
            "pending alerts",
            {(*ANNOTATION, 0, "expr"): 'ALERTS{alertname=~"RBL.*", alertstate="pending", job=~"$job"}'},
            "none that is enabled",
        ),
        ("none", {("annotations",): {"list": []}}, "none that is enabled"),
    ],
}
# What looks like a fault and is none
SOUND = [
    ("columns that there are", organize(excludeByName={"Time": True}, renameByName={"ip": "Address", "Value #A": "n"})),
    (
        "a field that there is in a link",
        {DATA_LINK: "https://example.net/${__data.fields.ip}/${__field.labels.list:percentencode}"},
    ),
    (
        "a transformation that makes new fields",
        column({"id": "reduce"}, {"id": "organize", "options": {"renameByName": {"Max": "x"}}}),
    ),
    ("time as from and to", {DATA_LINK: "/d/rbl-lists?from=${__from}&to=${__to}"}),
    ("a link of another site", {(*LINK, 2, "url"): "https://example.net/d/rbl-list?x=1"}),
    (
        "Grafana's own annotations",
        {(*ANNOTATION, 1): {"builtIn": 1, "name": "Its own", "datasource": {"type": "grafana", "uid": "-- Grafana --"}}},
    ),
    ("a graph that is green", {(*GRAPH, "fieldConfig", "defaults", "thresholds"): DELETE}),
    ("a regex as JavaScript has it", {(*VARIABLE, 3, "regex"): "/(?<text>[a-z]+)(?<=bl)$/i"}),
    ("a newer schema", {("schemaVersion",): 43}),
    (
        "panels that repeat by the list",
        {(*STAT, "repeat"): "list", STAT_EXPR: listed(), (*PANEL, 0, "options", "content"): "x"},
    ),
    (
        "a regex that matches with $1",
        {RECORDED_EXPR: f'label_replace(rbl_list_up{{{M}}}, "range", "$1", "list", "(.*)$")'},
    ),
    ("the old spelling of a variable", {(*STAT, "title"): "Of [[list]] and [[list:text]]"}),
]


def changed(data, changes):
    data = copy.deepcopy(data)
    for path, value in changes.items():
        place = data
        for key in path[:-1]:
            place = place[key]
        if isinstance(place, list) and path[-1] == len(place):
            place.append(value)
        elif value is DELETE:
            del place[path[-1]]
        else:
            place[path[-1]] = value
    return data


def complaints_of(data, catalogue, name="overview"):
    found = sample.written(name, data)
    context = checks.Context(catalogue, [found, sample.written("lists", sample.lists())])
    return checks.check(found, context)


def check_reading(catalogue):
    text = json.dumps(sample.OVERVIEW, indent=2, ensure_ascii=False) + "\n"
    for what, broken in (
        ("a key twice", text.replace('"title"', '"uid"', 1)),
        ("a key twice deep inside", text.replace('"multi": true', '"sort": 1', 1)),
        ("a comma too much", text.replace("\n}", ",\n}")),
        ("a list", "[]\n"),
    ):
        try:
            dashboard.Dashboard("overview", broken)
            case(f"not read: {what}", False)
        except ValueError as error:
            case(f"not read: {what}", True, str(error))
    for what, other in (("four spaces", json.dumps(sample.OVERVIEW, indent=4) + "\n"), ("no newline", text[:-1])):
        found = dashboard.Dashboard("overview", other)
        case(f"json: {what}", list(checks.check_json(found, None)) != [])
    case("json: as it should be", list(checks.check_json(dashboard.Dashboard("overview", text), None)) == [])


PROVISIONING = {
    "dashboards/rbl.yml": """
apiVersion: 1
providers:
  - name: rbl
    type: file
    options: {path: /var/lib/grafana/dashboards}
""",
    "datasources/rbl.yml": """
apiVersion: 1
datasources:
  - {name: Prometheus, type: prometheus, access: proxy, url: "http://localhost:9090"}
""",
}
# (what is wrong, the file, what is replaced, by what, what is said)
UNPROVISIONED = [
    ("no YAML", "dashboards/rbl.yml", "name: rbl", "name: rbl: x", "mapping values"),
    ("a key twice", "dashboards/rbl.yml", "type: file", "type: file\n    type: file", "key type twice"),
    ("another version", "dashboards/rbl.yml", "1", "2", "apiVersion has to be 1"),
    ("another key", "dashboards/rbl.yml", "providers", "provider", "no list of providers"),
    ("no name", "dashboards/rbl.yml", "name: rbl", "orgId: 1", "names are missing or twice"),
    ("another type", "dashboards/rbl.yml", "type: file", "type: folder", "type 'folder'"),
    ("a relative path", "dashboards/rbl.yml", "/var", "var", "is no absolute path"),
    ("no path", "dashboards/rbl.yml", "path:", "paths:", "options.path None"),
    ("the path of a file", "dashboards/rbl.yml", "/dashboards}", "/overview.json}", "is no folder"),
    ("to be edited", "dashboards/rbl.yml", "type: file", "type: file\n    allowUiUpdates: true", "allowUiUpdates"),
    ("another datasource", "datasources/rbl.yml", "type: prometheus", "type: loki", "type 'loki'"),
    ("asked by the browser", "datasources/rbl.yml", "proxy", "direct", "access 'direct'"),
    ("no URL", "datasources/rbl.yml", "http://", "", "url 'localhost:9090'"),
    ("a password", "datasources/rbl.yml", "access:", "basicAuthPassword: x, access:", "no secrets"),
]


def provision(folder, files):
    for name, text in files.items():
        path = pathlib.Path(folder) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return provisioning.check(folder)


def check_provisioning():
    for what, name, old, new, said in [("", None, "", "", ""), *UNPROVISIONED]:
        with tempfile.TemporaryDirectory() as folder:
            assert name is None or old in PROVISIONING[name], old
            files = {key: text.replace(old, new) if key == name else text for key, text in PROVISIONING.items()}
            found = provision(folder, files)
            good = found == [] if name is None else any(said in complaint for complaint in found)
            case(f"provisioning: {what or 'nothing is wrong'}", good, "\n".join(found))
    with tempfile.TemporaryDirectory() as folder:
        found = provision(folder, {"dashboard/rbl.yml": PROVISIONING["dashboards/rbl.yml"]})
        said = ["no dashboards/*.yml", "no datasources/*.yml", "dashboard: Grafana looks for nothing there"]
        case("provisioning: another folder", found == said, "\n".join(found))


def check_exceptions(catalogue):
    data = changed(sample.OVERVIEW, {("editable",): True})
    key = ("rbl-overview", "uneditable-dashboard", "editable")
    left, idle = checks.without_exceptions(complaints_of(data, catalogue), {key: "a reason"})
    case("an exception is made", left == [] and idle == [], f"{left} {idle}")
    left, idle = checks.without_exceptions(complaints_of(sample.OVERVIEW, catalogue), {key: "a reason"})
    found = left == [] and len(idle) == 1 and "a reason" in idle[0]
    case("an exception that is not needed is an error", found, f"{left} {idle}")


def main():
    recorded = ["group_range_list:rbl_range_coverage:ratio", "instance:rbl_exporter_build_info:known"]
    catalogue = metric_names.Catalogue(metric_names.read_reference(REFERENCE), recorded)
    for name, data in (("overview", sample.OVERVIEW), ("lists", sample.lists())):
        found = complaints_of(data, catalogue, name)
        case(f"nothing is wrong with the sample {name}", found == [], "\n".join(map(str, found)))
    for what, changes in SOUND:
        found = complaints_of(changed(sample.OVERVIEW, changes), catalogue)
        case(f"no fault: {what}", found == [], "\n".join(map(str, found)))
    for rule, faults in FAULTS.items():
        for what, changes, said in faults:
            found = complaints_of(changed(sample.OVERVIEW, changes), catalogue)
            case(f"{rule}: {what}", any(c.rule == rule and said in str(c) for c in found), "\n".join(map(str, found)))
    proven = {"json", *FAULTS}
    case("each rule is proven", proven == set(checks.RULES), f"{set(checks.RULES) ^ proven}")
    check_reading(catalogue)
    check_exceptions(catalogue)
    check_provisioning()
    with tempfile.TemporaryDirectory() as folder:
        found = real.read_dashboards(pathlib.Path(folder))
        case("a folder without dashboards is an error", found[0] == [] and "no dashboard found" in found[1][0], f"{found}")
        (pathlib.Path(folder) / "overview.json").write_text("{")
        found = real.read_dashboards(pathlib.Path(folder))
        case("a dashboard that cannot be read is an error", "overview.json: " in found[1][0], f"{found}")
    finish()


if __name__ == "__main__":
    main()
