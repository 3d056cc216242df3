# SPDX-License-Identifier: Apache-2.0
"""The checks of what is asked of Prometheus: expressions, and the variables in them."""

import functools
import json
import re
import subprocess
import tempfile

import dashboard
import promql
from dashboard import default_value, mentions, strings, variable_query
from metric_names import judge

BUILTINS = set(
    "__all __all_variables __cell __dashboard __data __field __from __interval __interval_ms __name __org __range"
    " __range_ms __range_s __rate_interval __series __to __url __url_time_range __user __value timeFilter".split()
)
FORMATS = set(
    "csv date distributed doublequote glob html join json lucene percentencode pipe queryparam raw regex singlequote"
    " sqlstring text uriencode value".split()
)
VARIABLE_TYPES = {"datasource", "query", "custom", "textbox", "constant", "interval"}
LABELLED = {"job": "Job", "instance": "Instance"}
RATES = ("rate", "irate", "increase")
RATE_INTERVAL = {"$__rate_interval", "${__rate_interval}"}
WHOLE_RANGE = {"$__range", "${__range}"}
MATCHERS = 'job=~"$job", instance=~"$instance"'
# An exporter that is down has no rbl_exporter_build_info. Without the rules it is remembered for a day.
EXPORTERS = (
    f"last_over_time(rbl_exporter_build_info{{{MATCHERS}}}[1d])"
    f" or instance:rbl_exporter_build_info:known{{{MATCHERS}}}"
)
OF_EXPORTERS = f"and on (job, instance) ({EXPORTERS})"


def parsed(d):
    """The queries that are PromQL, each with its tree."""
    for query in d.queries():
        try:
            yield query, promql.parse(query.text, variables=True)
        except promql.PromqlError:
            pass  # target-promql-rule says so


# --- Expressions ---


def check_promql(d, _):
    values = {v.get("name"): default_value(v) for v in d.variables}
    queries = list(d.queries())
    for query in queries:
        try:
            promql.parse(query.text, variables=True)
        except promql.PromqlError as error:
            yield query.where, f"no PromQL: {error}: {query.text}"
    texts = [dashboard.interpolate(query.text, {**values, **dashboard.DURATIONS}) for query in queries]
    if texts and promtool(*texts):
        for query, text in zip(queries, texts):
            if said := promtool(text):
                yield query.where, f"promtool: {said}"


@functools.lru_cache(None)
def promtool(*expressions):
    """What promtool says against the expressions, as rules; "" if nothing."""
    rules = [{"record": f"expression:{number}", "expr": text} for number, text in enumerate(expressions)]
    with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
        json.dump({"groups": [{"name": "dashboard", "rules": rules}]}, file)
        file.flush()
        done = subprocess.run(["promtool", "check", "rules", file.name], capture_output=True, text=True)
    return "" if done.returncode == 0 else (done.stdout + done.stderr).strip()


def check_names(d, context):
    for query, tree in parsed(d):
        complaints, labels = judge(tree, context.catalogue)
        for complaint in complaints:
            yield query.where, complaint
        label = variable_query(query.raw)[1] if query.kind == "variable" else None
        if label and labels is not None and label not in labels:
            yield query.where, f"label {label} of label_values: there is none, but {', '.join(sorted(labels))}"


def check_rates(d, _):
    for query, tree in parsed(d):
        for node, _parents in promql.walk(tree):
            if isinstance(node, promql.Call) and node.function in RATES:
                inner = node.arguments[0] if node.arguments else None
                span = inner.range if isinstance(inner, promql.Selector) else None
                whole = node.function == "increase" and span in WHOLE_RANGE and query.kind == "target" and query.is_instant
                if span not in RATE_INTERVAL and not whole:
                    yield query.where, f"{node.function} over {span or 'a subquery'}, expected $__rate_interval"


def is_counter(node):
    return isinstance(node, promql.Selector) and (node.name or "").endswith("_total")


def check_counters(d, _):
    for query, tree in parsed(d):
        for node, parents in promql.walk(tree):
            if query.kind == "variable" or not is_counter(node):
                continue
            above = parents[-1] if parents else None
            if not node.range or not isinstance(above, promql.Call) or above.function not in RATES:
                yield query.where, f"counter {node.name} without {', '.join(RATES)}"


def required_matcher(label):
    def check(d, context):
        for query, tree in parsed(d):
            if query.kind == "variable":
                continue
            for selector in promql.selectors(tree):
                names = context.catalogue.names_of(selector)
                has_label = any(label in context.catalogue.labels[name] for name in names)
                if has_label and not any(m == promql.Matcher(label, "=~", f"${label}") for m in selector.matchers):
                    yield query.where, f'{selector.name} without {label}=~"${label}"'

    return check


def is_of_exporters(selector, parents, catalogue):
    """Whether a selector can have no series of another program, be all jobs chosen."""
    names = catalogue.names_of(selector)
    if names == ["ALERTS"]:
        return any(m.label == "alertname" and m.operator in ("=", "=~") and m.value.startswith("RBL") for m in selector.matchers)
    if all("rbl_" in name for name in names):
        return True
    wanted = promql.parse(EXPORTERS, variables=True)
    for above in parents:
        if isinstance(above, promql.Binary) and above.operator == "and" and above.right == wanted:
            if above.matching == "on" and set(above.labels) == {"job", "instance"}:
                return True
    return False


def check_foreign(d, context):
    for query, tree in parsed(d):
        for node, parents in promql.walk(tree):
            if isinstance(node, promql.Selector) and not is_of_exporters(node, parents, context.catalogue):
                wanted = 'alertname=~"RBL.*"' if node.name == "ALERTS" else OF_EXPORTERS
                yield query.where, f"{node.name or 'metrics'} of every program there is, expected {wanted}"


def check_legends(d, context):
    for query, tree in parsed(d):
        labels = judge(tree, context.catalogue)[1]
        for key in ("legendFormat", "titleFormat", "textFormat"):
            for label in re.findall(r"\{\{\s*(\w+)\s*\}\}", query.raw.get(key) or ""):
                if labels is not None and label not in labels:
                    yield query.where, f"{{{{{label}}}}} in {key}: there is no such label, but {', '.join(sorted(labels))}"


# --- Variables ---


def check_variable_definitions(d, _):
    names = [v.get("name") for v in d.variables]
    for variable in d.variables:
        where = f"variable {variable.get('name')}"
        if names.count(variable.get("name")) > 1:
            yield where, "defined twice"
        if variable.get("type") not in VARIABLE_TYPES:
            yield where, f"type {variable.get('type')!r}"
        if variable.get("includeAll") and variable.get("allValue") != dashboard.ALL:
            yield where, f"allValue {variable.get('allValue')!r} where All may be chosen, expected {dashboard.ALL!r}"
        try:
            dashboard.regex_of(variable)
        except re.error as error:
            yield where, f"regex {variable['regex']}: {error}"


def check_variable_uses(d, _):
    used = set()
    for path, text in strings(d.data):
        own = d.variables[path[2]].get("name") if path[:2] == ("templating", "list") and len(path) > 2 else None
        here = {name for name, _, _ in mentions(text)}
        if path and path[-1] == "repeat":
            here.add(text)
        used |= here - {own}
        for name in sorted(here - BUILTINS):
            if d.variable(name) is None:
                yield ".".join(map(str, path)), f"variable {name} is not defined: {text}"
        for _, _, shape in mentions(text):
            if shape and shape.split(":")[0] not in FORMATS:
                yield ".".join(map(str, path)), f"format {shape} is none: {text}"
    for variable in d.variables:
        if variable.get("name") not in used:
            yield f"variable {variable.get('name')}", "is used nowhere"


def check_variable_matchers(d, _):
    many = {v.get("name") for v in d.variables if v.get("includeAll") or v.get("multi")}
    for query, tree in parsed(d):
        for selector in promql.selectors(tree):
            for matcher in selector.matchers:
                names = {name for name, _, _ in mentions(matcher.value)} & many
                if names and matcher.operator not in ("=~", "!~"):
                    yield query.where, f"{matcher.label}{matcher.operator} with ${names.pop()}, which may be many: =~"


def check_datasource_variable(d, _):
    found = [v for v in d.variables if v.get("type") == "datasource"]
    wanted = {"name": "datasource", "label": "Data source", "query": "prometheus"}
    if len(found) != 1 or any(found[0].get(key) != value for key, value in wanted.items()):
        yield "variables", f"not exactly one of type datasource, with {wanted}"


def required_variable(name):
    def check(d, _):
        variable = d.variable(name) or {}
        wanted = {"type": "query", "label": LABELLED[name], "multi": True, "includeAll": True, "allValue": dashboard.ALL}
        wrong = {key: variable.get(key) for key, value in wanted.items() if variable.get(key) != value}
        if wrong:
            yield f"variable {name}", f"{wrong}, expected {wanted}"

    return check


def check_variable_queries(d, _):
    for variable in d.variables:
        if variable.get("type") != "query":
            continue
        where = f"variable {variable.get('name')}"
        if variable_query(variable) is None:
            yield where, f"neither label_values(...) nor query_result(...): {dashboard.query_text(variable)}"
        if variable.get("definition", dashboard.query_text(variable)) != dashboard.query_text(variable):
            yield where, "definition is not the query"


def check_variable_reload(d, _):
    for variable in d.variables:
        if variable.get("type") == "query" and variable.get("refresh") != 2:
            yield f"variable {variable.get('name')}", f"refresh {variable.get('refresh')!r}, expected 2 (on time change)"
