#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Rules for Prometheus: sound, tested, explained, of the severities that were promised; and the object made of them."""

import concurrent.futures
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
RULES = ROOT / "config/prometheus/rbl.rules.yml"
RUNBOOKS = ROOT / "config/prometheus/runbooks.md"
OBJECT = ROOT / "config/kubernetes/prometheusrule.yml"
sys.path.insert(0, str(ROOT / "tests/lint"))

import prometheusrule
from tap import case, finish

# Alert: (severity, for, keep_firing_for) of each of its rules. Users route by these.
PROMISED = {
    "RBLAddressListed": [("critical", "15m", "30m"), ("warning", "1h", "30m")],
    "RBLRangeListed": [("warning", "30m", "30m")],
    "RBLReputationLow": [("warning", "6h", None)],
    "RBLBounceConfirmed": [("critical", None, None)],
    "RBLSafelistNoLongerNeeded": [("warning", "1h", None)],
    "RBLSafelistTooOld": [("info", "1h", None)],
    "RBLExporterDown": [("critical", "5m", None)],
    "RBLExporterAbsent": [("critical", "10m", None)],
    "RBLExporterConfigReloadFailed": [("warning", "10m", None)],
    "RBLExporterStorageDown": [("warning", "10m", None)],
    "RBLExporterShardsMissing": [("critical", "15m", None)],
    "RBLListRefused": [("critical", "15m", None)],
    "RBLListWildcard": [("critical", "5m", None)],
    "RBLListDown": [("warning", "30m", None)],
    "RBLListQuotaNearlySpent": [("warning", "15m", None)],
    "RBLListQuotaExhausted": [("critical", "5m", None)],
    "RBLResultsStale": [("warning", "15m", None)],
    "RBLAddressNotChecked": [("warning", "15m", None)],
    "RBLSweepCoverageLow": [("warning", "6h", None)],
    "RBLQueryFailuresHigh": [("warning", "30m", None)],
    "RBLSchedulerLagging": [("warning", "15m", None)],
    "RBLListedSeriesOmitted": [("info", "15m", None)],
}
# Dashboards show these.
PROMISED_RECORDS = {
    "group_range_list:rbl_range_coverage:ratio",
    "group_range_list:rbl_range_sample_listed:ratio",
    "group_range_list:rbl_range_sample_listed:ratio_lower95",
    "group_range_list:rbl_range_sample_listed:ratio_upper95",
}
# Names that are agreed upon and that an exporter may not serve yet.
AGREED = {
    "rbl_exporter_shards",
    "rbl_exporter_shard_ordinal",
}
PARTS = ["What it means.", "What to check.", "What to do.", "When to stop worrying."]
URL = re.compile(r"(https://\S+/runbooks\.md)#([a-z]+)")
# (n, k) of the sample: k of n addresses are listed.
SAMPLES = [(1, 0), (1, 1), (3, 2), (10, 0), (10, 10), (100, 3), (1100, 11), (2000, 4), (65536, 1), (65536, 65536)]


class Alert:
    def __init__(self, name, text):
        self.name = name
        self.for_ = find(r"^        for: (\S+)$", text)
        self.keep = find(r"^        keep_firing_for: (\S+)$", text)
        self.severity = find(r"^          severity: (\S+)$", text)
        self.annotations = dict(re.findall(r"^          (summary|description|runbook_url): (.+)$", text, re.MULTILINE))
        self.shares = find(r"^        annotations: \*(\w+)$", text)
        self.shared_as = find(r"^        annotations: &(\w+)$", text)


def find(pattern, text):
    match = re.search(pattern, text, re.MULTILINE)
    return match and match.group(1)


def read_rules(text):
    """(alerts, names of records). Python has no YAML; the file has one form, which promtool and the cases here guard."""
    rules = re.split(r"^      - (?=alert:|record:)", text, flags=re.MULTILINE)[1:]
    alerts = [Alert(rule.split("\n", 1)[0].split(": ")[1], rule) for rule in rules if rule.startswith("alert:")]
    shared = {alert.shared_as: alert.annotations for alert in alerts if alert.shared_as}
    for alert in alerts:
        if alert.shares:
            alert.annotations = shared[alert.shares]
    return alerts, {rule.split("\n", 1)[0].split(": ")[1] for rule in rules if rule.startswith("record:")}


def promtool(*arguments):
    """(exit code, what it said)."""
    done = subprocess.run(
        ["promtool", *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    return done.returncode, done.stdout


def accepted(rules):
    code, said = promtool("check", "rules", "--lint=all", "--lint-fatal", rules)
    return code == 0, said


# --- The rules themselves ---


def check_promises(alerts, records):
    there = {}
    for alert in alerts:
        there.setdefault(alert.name, []).append((alert.severity, alert.for_, alert.keep))
    different = [f"{n}: {there.get(n)}, not {PROMISED.get(n)}" for n in there | PROMISED if there.get(n) != PROMISED.get(n)]
    case("all alerts are there, with the severities and times that were promised", not different, "\n".join(different))
    missing = PROMISED_RECORDS - records
    case("all records that dashboards show are there", not missing, f"missing: {missing}")
    bare = [a.name for a in alerts if set(a.annotations) != {"summary", "description", "runbook_url"}]
    case("each alert has summary, description and runbook_url", not bare, f"one is missing: {bare}")


def check_names(name, text, records, known):
    """Metrics that nobody exports make a rule that never fires."""
    words = set(re.findall(r"(?<![\w:./-])([a-z_]+:[a-z_]+:[a-z0-9_]+|(?:rbl|process)_[a-z_]+)(?![\w:])", text))
    words -= {"rbl_exporter"} | set(re.findall(r"^  - name: (\w+)$", text, re.MULTILINE))
    strange = {word for word in words if word.removesuffix("_bucket") not in known | records}
    case(f"{name}: every metric is one of the exporter or of these rules", words and not strange, f"unknown: {strange}")


# --- Their tests ---


def test_files():
    return sorted(HERE.glob("*.yml"))


def run_tests():
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for path, (code, said) in zip(test_files(), pool.map(lambda p: promtool("test", "rules", p), test_files())):
            case(f"promtool test rules {path.name}", code == 0, said)


def check_tested(alerts):
    """(In one line or in several; what fires has to be spelt out with its annotations, so that promtool compares them.)"""
    text = "".join(path.read_text(encoding="utf-8") for path in test_files())
    quiet = set(re.findall(r"alertname: (\w+), exp_alerts: \[\]", text))
    firing = set(re.findall(r"alertname: (\w+)\n\s+exp_alerts:\n\s+- exp_labels:", text))
    for what, tested in (("fires", firing), ("does not fire", quiet)):
        missing = {alert.name for alert in alerts} - tested
        case(f"each alert has a test in which it {what}", not missing, f"without: {missing}")


def score_bounds(n, k):
    """The two p at which k of n are just z standard deviations of p away (that is what Wilson's formula solves)."""
    z = statistics.NormalDist().inv_cdf(0.975)

    def root(inside, outside):
        for _ in range(200):
            middle = (inside + outside) / 2
            if (middle - k / n) ** 2 <= z * z * middle * (1 - middle) / n:
                inside = middle
            else:
                outside = middle
        return inside

    # At k = 0 or n the bound is k / n itself, where both sides of the inequality are 0.
    return (0.0 if k == 0 else root(k / n, 0)), (1.0 if k == n else root(k / n, 1))


def bounds_tests():
    """A test file for promtool."""
    sample = "group_range_list:rbl_range_sample_listed"
    series = ["""      - {series: 'rbl_exporter_build_info{job="j", instance="i"}', values: 1x3}"""]
    expected = []
    for n, k in [(0, 0), *SAMPLES]:
        labels = f'job="j", instance="i", group="g", list="l", range="{k} of {n}"'
        series.append(f"      - {{series: 'rbl_range_sample_checked_addresses{{{labels}}}', values: {n}x3}}")
        series.append(f"      - {{series: 'rbl_range_sample_listed_addresses{{{labels}}}', values: {k}x3}}")
    for n, k in SAMPLES:
        lower, upper = score_bounds(n, k)
        for suffix, value in (("ratio", k / n), ("ratio_lower95", lower), ("ratio_upper95", upper)):
            expected.append((f'count(abs({sample}:{suffix}{{range="{k} of {n}"}} - {value!r}) < 1e-7)', True))
            expected.append((f'count({sample}:{suffix}{{range="{k} of {n}"}} >= 0 <= 1)', True))
    expected += [(f'count({sample}:{suffix}{{range="0 of 0"}})', False) for suffix in ("ratio", "ratio_lower95", "ratio_upper95")]
    lines = [f"rule_files: [{RULES}]", "evaluation_interval: 1m", "tests:", "  - interval: 1m", "    input_series:", *series]
    lines.append("    promql_expr_test:")
    for expression, is_there in expected:
        samples = "[{labels: '{}', value: 1}]" if is_there else "[]"
        lines.append(f"      - {{expr: '{expression}', eval_time: 2m, exp_samples: {samples}}}")
    return "\n".join(lines) + "\n"


def check_bounds(folder):
    path = folder / "bounds.yml"
    path.write_text(bounds_tests(), encoding="utf-8")
    code, said = promtool("test", "rules", path)
    case("share and bounds of a sample are right for all of none, of one, of some, and there are none without a sample", code == 0, said)


# --- Runbooks, and the object ---


def check_runbooks(alerts):
    text = RUNBOOKS.read_text(encoding="utf-8")
    names = {alert.name for alert in alerts}
    wrong = [a.name for a in alerts if not (m := URL.fullmatch(a.annotations.get("runbook_url", ""))) or m[2] != a.name.lower()]
    case("each runbook_url is https and leads to the alert's own section", not wrong, f"wrong: {wrong}")
    bases = {match[1] for alert in alerts if (match := URL.fullmatch(alert.annotations.get("runbook_url", "")))}
    case("all of them begin alike, so that one replacement changes them", len(bases) == 1, str(bases))
    begin = [line for line in RULES.read_text(encoding="utf-8").splitlines() if line.lstrip("# ").startswith("sed -i ")]
    prefix = find(r"'s,(https://[^,]+),", begin[0]) if begin else None
    case("the replacement that the file's head names fits them", prefix and all(b.startswith(prefix) for b in bases), str(begin))
    sections = re.findall(r"^## (\w+)$", text, re.MULTILINE)
    case("there is exactly one section for each alert", sorted(sections) == sorted(names), str(set(sections) ^ names))
    contents = re.findall(r"^- \[(\w+)\]\(#(\w+)\)$", text, re.MULTILINE)
    case("the table of contents has them in their order", contents == [(s, s.lower()) for s in sections], str(contents))
    for section in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        name = section.split("\n", 1)[0]
        parts = re.findall(r"^\*\*(.+?)\*\*", section, re.MULTILINE)
        case(f"{name}: what it means, what to check, what to do, when to stop worrying", parts == PARTS, str(parts))


def tool(*arguments):
    command = [sys.executable, str(HERE / "prometheusrule.py"), *map(str, arguments)]
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)


def check_object(folder):
    done = tool()
    case("the PrometheusRule object is made of the rules as they are", done.returncode == 0, done.stdout)
    text = OBJECT.read_text(encoding="utf-8")
    spec = folder / "spec.yml"
    spec.write_text(prometheusrule.spec_of(text), encoding="utf-8")
    case("its spec is the rules, word for word", spec.read_text() == RULES.read_text(encoding="utf-8"))
    case("promtool accepts its spec", *accepted(spec))
    changed = folder / "changed.yml"
    changed.write_text(text.replace("for: 15m", "for: 16m", 1), encoding="utf-8")
    done = tool(RULES, changed)
    case("an object that differs is found", done.returncode == 1 and "-          for: 16m" in done.stdout, done.stdout)
    tool("--update", RULES, changed)
    case("--update mends it", changed.read_text(encoding="utf-8") == text)


def main():
    text = RULES.read_text(encoding="utf-8")
    alerts, records = read_rules(text)
    known = AGREED | set(re.findall(r"^\| `((?:rbl|process)_\w+)` \|", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE))
    case("promtool has nothing to say against the rules", *accepted(RULES))
    code, said = promtool("check", "config", ROOT / "config/prometheus/prometheus.yml")
    case("promtool accepts the example configuration, which loads them", code == 0 and f" {len(alerts) + len(records)} rules found" in said, said)
    check_promises(alerts, records)
    check_names("the rules", text, records, known)
    check_names("the runbooks", RUNBOOKS.read_text(encoding="utf-8"), records, known)
    check_tested(alerts)
    check_runbooks(alerts)
    with tempfile.TemporaryDirectory() as folder:
        check_bounds(pathlib.Path(folder))
        check_object(pathlib.Path(folder))
    run_tests()
    finish()


if __name__ == "__main__":
    main()
