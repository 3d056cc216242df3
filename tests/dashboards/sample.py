# SPDX-License-Identifier: Apache-2.0
"""Two small dashboards without a fault, and the rules that they ask for: what the checks are tested on."""

import copy
import json

from checks import DATASOURCE, SCHEMA_VERSION
from dashboard import Dashboard
from query_checks import MATCHERS, OF_EXPORTERS

RULES = """
groups:
  - name: rbl
    rules:
      - record: instance:rbl_exporter_build_info:known
        expr: group by (job, instance) (rbl_exporter_build_info)
      - record: group_range_list:rbl_range_coverage:ratio
        expr: >-
          sum by (job, group, range, list) (rbl_range_checked_addresses)
          / on (job, group, range) group_left () sum by (job, group, range) (rbl_range_addresses)
      - alert: RBLAddressListed
        expr: max by (job, group, ip, list) (rbl_ip_listed) == 1
        for: 15m
        labels: {severity: critical}
"""
THRESHOLDS = {"mode": "absolute", "steps": [{"color": "text", "value": None}, {"color": "green", "value": 0}]}
ONE_VALUE = {"multi": False, "includeAll": False, "allValue": None}
TO_LISTS = "/d/rbl-lists?${__url_time_range}"
BUCKETS = "rbl_list_query_duration_seconds_bucket"


def variable(name, label, query, **more):
    return {
        "name": name, "type": "query", "label": label, "datasource": DATASOURCE, "query": {"query": query, "refId": name},
        "definition": query, "refresh": 2, "regex": "", "sort": 1, "multi": True, "includeAll": True, "allValue": ".*",
        "current": {"text": "All", "value": "$__all"}, **more,
    }  # fmt: skip


def panel(number, kind, title, grid, unit, *targets, **more):
    return {
        "id": number, "type": kind, "title": title, "description": f"What {title} says.",
        "gridPos": dict(zip("xywh", grid)), "datasource": DATASOURCE,
        "fieldConfig": {"defaults": {"unit": unit, "thresholds": THRESHOLDS}, "overrides": []},
        "targets": [{"refId": "ABC"[i], "datasource": DATASOURCE, **target} for i, target in enumerate(targets)], **more,
    }  # fmt: skip


OVERVIEW = {
    "uid": "rbl-overview",
    "title": "Block lists: overview",
    "tags": ["rbl"],
    "schemaVersion": SCHEMA_VERSION,
    "editable": False,
    "time": {"from": "now-24h", "to": "now"},
    "annotations": {
        "list": [
            {
                "name": "Alerts", "enable": True, "datasource": DATASOURCE,
                "titleFormat": "{{alertname}}", "textFormat": "{{list}}",
                "expr": 'ALERTS{alertname=~"RBL.*", alertstate="firing", job=~"$job"}',
            },
        ]
    },
    "links": [
        {"type": "dashboards", "title": "Others", "tags": ["rbl"], "keepTime": True, "includeVars": True},
        {"type": "link", "title": "Lists", "url": "/d/rbl-lists", "keepTime": True, "includeVars": True},
        {"type": "link", "title": "Project", "url": "https://example.net/d/elsewhere"},
    ],
    "templating": {
        "list": [
            {"name": "datasource", "type": "datasource", "label": "Data source", "query": "prometheus", "current": {}},
            variable("job", "Job", "label_values(rbl_exporter_build_info, job)"),
            variable("instance", "Instance", 'label_values(rbl_exporter_build_info{job=~"$job"}, instance)'),
            variable("list", "List", 'label_values(rbl_list_info{job=~"$job"}, list)', regex="/^[a-z_]+$/"),
            variable("ip", "Address", 'label_values(rbl_ip_listed{job=~"$job"}, ip)', **ONE_VALUE),
            {"name": "top", "type": "custom", "label": "At most", "query": "5,10", "current": {"text": "5", "value": "5"}},
        ]
    },
    "panels": [
        {
            "id": 1, "type": "text", "title": "What is shown", "gridPos": {"x": 0, "y": 0, "w": 24, "h": 2},
            "options": {"mode": "markdown", "content": f"Of $list, see [lists]({TO_LISTS}&var-list=x)."},
        },
        panel(
            2, "stat", "Listed now", (0, 2, 6, 4), "short",
            {"expr": f'sum(rbl_ip_listed{{{MATCHERS}, list=~"$list"}}) or vector(0)', "instant": True},
            {"expr": f"sum(up{{{MATCHERS}}} {OF_EXPORTERS})", "instant": True},
        ),
        panel(
            3, "timeseries", "Queries by list", (6, 2, 18, 4), "reqps",
            {
                "expr": f"topk($top, sum by (list) (rate(rbl_list_queries_total{{{MATCHERS}}}[$__rate_interval])))",
                "legendFormat": "{{list}}",
            },
            {
                "expr": 'group_range_list:rbl_range_coverage:ratio{job=~"$job"}', "legendFormat": "{{range}} {{list}}",
            },
        ),
        panel(
            4, "table", "Address $ip", (0, 6, 24, 4), "none",
            {"expr": f'rbl_ip_listed{{{MATCHERS}, ip="$ip"}}', "instant": True, "format": "table"},
            {"expr": f"sum(increase(rbl_ip_listings_total{{{MATCHERS}}}[$__range]))", "instant": True, "format": "table"},
        ),
        {
            "id": 5, "type": "row", "title": "Later", "collapsed": True, "gridPos": {"x": 0, "y": 10, "w": 24, "h": 1},
            "panels": [
                panel(
                    6, "bargauge", "Bounces", (0, 11, 12, 4), "suffix: /h",
                    {"expr": f"sum by (result) (rate(rbl_bounces_total{{{MATCHERS}}}[$__rate_interval])) * 3600"},
                ),
                panel(
                    7, "heatmap", "Latency", (12, 11, 12, 4), "s",
                    {
                        "expr": f"sum by (le) (rate({BUCKETS}{{{MATCHERS}}}[$__rate_interval]))",
                        "format": "heatmap", "legendFormat": "{{le}}",
                    },
                ),
            ],
        },
    ],
}  # fmt: skip
OVERVIEW["panels"][3]["fieldConfig"]["overrides"] = [
    {
        "matcher": {"id": "byName", "options": "list"},
        "properties": [
            {"id": "unit", "value": "string"},
            {"id": "links", "value": [{"title": "List", "url": TO_LISTS + "&var-list=${__value.raw:percentencode}"}]},
        ],
    }
]


def lists():
    """The second one, which the first leads to."""
    data = copy.deepcopy(OVERVIEW)
    data.update(uid="rbl-lists", title="Block lists: lists", links=[], panels=data["panels"][1:3])
    data["templating"]["list"] = [v for v in data["templating"]["list"] if v["name"] != "ip"]
    return data


def written(name, data):
    """A dashboard as if it had been read from a file."""
    return Dashboard(name, json.dumps(data, indent=2, ensure_ascii=False) + "\n")
