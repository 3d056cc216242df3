# SPDX-License-Identifier: Apache-2.0
"""What a real Prometheus answers to the queries of a dashboard, asked as Grafana asks.

A variable of which all may be chosen is `All`; of the others each value is tried, and one has to give data. Data is a
number that is one: a quantile of nothing (NaN) is none. What speaks only of names that are not live yet must have none.
"""

import itertools
import math
import time
import urllib.error

import dashboard
import promql
from dashboard import DURATIONS, default_value, interpolate, mentions, variable_query

SHOWN_S = 30  # the time range of the dashboard
MOST_TRIES = 40
# {(uid, place of the query): why the test world cannot give it data}. What is not needed here is an error.
EXCEPTIONS = {}


class Asker:
    """Answers the queries of one dashboard."""

    def __init__(self, prometheus, d, catalogue):
        self.prometheus = prometheus
        self.dashboard = d
        self.catalogue = catalogue

    def api(self, path, **parameters):
        """As Prometheus.api(), but what Prometheus says against a request is a ValueError."""
        try:
            return self.prometheus.api(path, **parameters)
        except urllib.error.HTTPError as error:
            raise ValueError(f"{error.read().decode('utf-8', 'replace')}: {path} {parameters}") from None

    # --- Variables ---

    def chosen(self):
        """{variable: the values that are tried}."""
        values = {}
        for variable in self.dashboard.variables:
            name = variable.get("name")
            if variable.get("type") in ("custom", "interval") and not variable.get("includeAll"):
                values[name] = [option.strip() for option in dashboard.query_text(variable).split(",")]
            elif variable.get("type") == "query" and not variable.get("includeAll"):
                values[name] = self.values_of(variable, values)
            elif variable.get("type") == "textbox":  # a person would type what there is
                values[name] = [default_value(variable), *self.api(f"label/{name}/values")]
            else:
                values[name] = [default_value(variable)]
        return values

    def values_of(self, variable, before):
        """The values of a query variable, with the variables before it as they are."""
        text, label = variable_query(variable) or ("", None)
        text = interpolate(text, {**DURATIONS, **{name: values[0] for name, values in before.items() if values}})
        if label is None:
            result = self.api("query", query=text)["result"] if text else []
            found = [as_text(series["metric"], float(series["value"][1])) for series in result]
        else:
            found = self.api(f"label/{label}/values", **({"match[]": text} if text else {}))
        return filtered(found, dashboard.regex_of(variable))

    def empty_variables(self):
        """Names of query variables that offer nothing."""
        chosen = self.chosen()
        queried = [v for v in self.dashboard.variables if v.get("type") == "query"]
        return [v["name"] for v in queried if not self.values_of(v, chosen)]

    # --- Queries ---

    def expressions(self, query, chosen):
        """The query with each choice of values for the variables it mentions."""
        names = sorted({name for name, _, _ in mentions(query.text)} & set(chosen))
        for values in itertools.islice(itertools.product(*(chosen[name] for name in names)), MOST_TRIES):
            yield interpolate(query.text, {**DURATIONS, **dict(zip(names, values))})

    def ask(self, expression, query):
        """How many numbers Prometheus answers."""
        now = time.time()
        if query.is_instant:
            result = self.api("query", query=expression, time=now)
        else:
            result = self.api("query_range", query=expression, start=now - SHOWN_S, end=now, step=1)
        return sum(is_number(value) for value in values_in(result))

    def has_data(self, query, chosen):
        return any(self.ask(expression, query) for expression in self.expressions(query, chosen))

    def must_be_empty(self, query):
        try:
            return self.catalogue.must_be_empty(promql.parse(query.text, variables=True))
        except promql.PromqlError:
            return False


def values_in(result):
    """The numbers of a result, as text, whatever its type."""
    if result["resultType"] in ("scalar", "string"):
        return [result["result"][1]]
    return [pair[1] for series in result["result"] for pair in series.get("values") or [series["value"]]]


def is_number(text):
    return not math.isnan(float(text))


def as_text(labels, value):
    """A series as query_result() offers it to the regex of a variable."""
    pairs = ",".join(f'{key}="{labels[key]}"' for key in sorted(labels) if key != "__name__")
    return f"{labels.get('__name__', '')}{{{pairs}}} {value:g} 0"


def filtered(values, pattern):
    """The values that match; of a pattern with groups, the first group. None lets all through."""
    if pattern is None:
        return values
    matches = [pattern.search(value) for value in values]
    return sorted({m.group(1) if m.re.groups else m.string for m in matches if m})


def complaint_of(asker, query):
    """What is wrong with the answer to a query, None if nothing is."""
    try:
        chosen = asker.chosen()
        has_data = asker.has_data(query, chosen)
        if asker.must_be_empty(query):
            return f"speaks only of what is not live yet, and has data: {query.text}" if has_data else None
        return None if has_data else f"no data: {next(asker.expressions(query, chosen), query.text)}"
    except ValueError as error:
        return str(error)


def examine(asker, limit_s, exceptions=None, check_alive=lambda: None):
    """{place: complaint or None} of all queries and query variables; waits until they have data, `limit_s` at most."""
    exceptions = EXCEPTIONS if exceptions is None else exceptions
    mine = {where: why for (uid, where), why in exceptions.items() if uid == asker.dashboard.uid}
    queries = {query.where: query for query in asker.dashboard.queries() if query.kind != "variable"}
    end = time.monotonic() + limit_s
    found = {where: complaint_of(asker, query) for where, query in queries.items()}
    while time.monotonic() < end and any(what and where not in mine for where, what in found.items()):
        check_alive()
        time.sleep(0.5)
        found.update({where: complaint_of(asker, queries[where]) for where, what in found.items() if what})
    for where, why in mine.items():
        found[where] = None if found.get(where) else f"the exception is not needed (its reason was: {why})"
    try:
        found.update({f"variable {name}": "offers nothing" for name in asker.empty_variables()})
    except ValueError as error:
        found["variables"] = str(error)
    return found


def unknown_series(prometheus, catalogue, foreign=""):
    """What Prometheus has that the catalogue does not tell: names, and labels of series. `foreign`: a regex of jobs
    that are of no concern."""
    for name in prometheus.api("label/__name__/values", **{"match[]": f'{{__name__!="", job!~"{foreign}"}}'}):
        known = catalogue.labels.get(name)
        if known is None:
            yield f"metric {name} is not known"
            continue
        series = prometheus.api("series", **{"match[]": f'{{__name__="{name}", job!~"{foreign}"}}'})
        extra = set().union(*series) - known - {"__name__"}
        if extra and name not in ("ALERTS", "ALERTS_FOR_STATE"):
            yield f"{name} has the labels {', '.join(sorted(extra))} besides {', '.join(sorted(known))}"
