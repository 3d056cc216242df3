# SPDX-License-Identifier: Apache-2.0
"""What Grafana reads at start: provisioning/dashboards/*.yml says where dashboards lie, provisioning/datasources/*.yml
where Prometheus is. check(folder) returns what is wrong with the files in it."""

import pathlib

import strict_yaml
import yaml


def check(folder):
    folder = pathlib.Path(folder)
    complaints = []
    for kind, run in (("dashboards", check_provider), ("datasources", check_datasource)):
        paths = sorted((folder / kind).glob("*.y*ml"))
        if not paths:
            complaints.append(f"no {kind}/*.yml")
        for path in paths:
            complaints += [f"{kind}/{path.name}: {what}" for what in check_file(path, kind, run)]
    known = {folder / "dashboards", folder / "datasources"}
    return complaints + [f"{p.name}: Grafana looks for nothing there" for p in sorted(folder.glob("*")) if p not in known]


def check_file(path, kind, run):
    try:
        top = strict_yaml.load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        return [str(error)]
    key = "providers" if kind == "dashboards" else "datasources"
    items = top.get(key) if isinstance(top, dict) else None
    if not isinstance(items, list) or not items or not all(isinstance(item, dict) for item in items):
        return [f"no list of {key}"]
    complaints = [] if top.get("apiVersion") == 1 else ["apiVersion has to be 1"]
    names = [item.get("name") for item in items]
    if None in names or len(set(names)) < len(names):
        complaints.append("names are missing or twice")
    return complaints + [what for item in items for what in run(item)]


def check_provider(provider):
    """Of a folder with dashboards; where they are installed to is for the file to say, but it has to be a whole path."""
    path = (provider.get("options") or {}).get("path")
    if provider.get("type") != "file":
        yield f"type {provider.get('type')!r}, expected 'file'"
    if not isinstance(path, str) or not path.startswith(("/", "$")):
        yield f"options.path {path!r} is no absolute path"
    elif path.endswith((".json", ".yml")):
        yield f"options.path {path!r} is no folder"
    if provider.get("allowUiUpdates"):
        yield "allowUiUpdates: the dashboards are not editable"


def check_datasource(source):
    if source.get("type") != "prometheus":
        yield f"type {source.get('type')!r}, expected 'prometheus'"
    if source.get("access") != "proxy":
        yield f"access {source.get('access')!r}, expected 'proxy'"
    if not str(source.get("url", "")).startswith(("http://", "https://", "$")):
        yield f"url {source.get('url')!r}"
    for key in ("password", "basicAuthPassword", "secureJsonData"):
        if key in source:
            yield f"{key}: no secrets in what is copied"
