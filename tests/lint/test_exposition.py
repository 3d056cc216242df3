#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Proves that each rule of exposition.py can fail: a good exposition passes, and each single change to it is seen."""

import pathlib
import subprocess
import sys
import tempfile

from tap import case, finish

import exposition

COUNTS = [0] * 9 + [2, 2, 2, 3]
BUCKETS = "".join(
    f'rbl_list_query_duration_seconds_bucket{{list="a",le="{bound}"}} {count}\n'
    for bound, count in zip(exposition.BOUNDS, COUNTS)
)
GOOD = f"""\
# HELP rbl_list_info Always 1.
# TYPE rbl_list_info gauge
rbl_list_info{{list="a",dns_zone="{{key}}.a \\"b\\" \\\\ \\n",kind="blocklist",tier="page"}} 1
# HELP rbl_list_state State.
# TYPE rbl_list_state gauge
rbl_list_state{{list="a",state="ok"}} 1
rbl_list_state{{list="a",state="refused"}} 0
# HELP rbl_list_queries_total Queries \\\\ sent.
# TYPE rbl_list_queries_total counter
rbl_list_queries_total{{list="a"}} 3
rbl_list_queries_total{{list="b"}} 18446744073709551615
# HELP rbl_list_query_duration_seconds Time.
# TYPE rbl_list_query_duration_seconds histogram
{BUCKETS}\
rbl_list_query_duration_seconds_sum{{list="a"}} 7.25
rbl_list_query_duration_seconds_count{{list="a"}} 3
# HELP rbl_range_addresses Nothing yet.
# TYPE rbl_range_addresses gauge
# HELP process_threads Threads.
# TYPE process_threads gauge
process_threads 3
"""
OPENMETRICS = (
    GOOD.replace("HELP rbl_list_queries_total", "HELP rbl_list_queries").replace(
        "TYPE rbl_list_queries_total", "TYPE rbl_list_queries"
    )
    + "# EOF\n"
)
NAMES = exposition.read_names(
    "| name | type |\n|---|---|\n| `rbl_list_info` | gauge |\nrbl_list_state\n| `rbl_list_queries_total` | counter |\n"
    "rbl_list_query_duration_seconds\nrbl_range_addresses\nprocess_threads\n"
)

# Name of the case, what is changed, into what, what the complaint has to say; all of it in text 0.0.4.
BAD = [
    ("blank line", "# HELP process_threads", "\n# HELP process_threads", "blank line"),
    ("line of spaces", "# HELP process_threads", "  \n# HELP process_threads", "blank line"),
    ("carriage return", "process_threads 3\n", "process_threads 3\r\n", "white space"),
    ("no newline at the end", "process_threads 3\n", "process_threads 3", "does not end"),
    ("#HELP without a space", "# HELP process_threads", "#HELP process_threads", "no `# HELP"),
    ("#TYPE without a space", "# TYPE process_threads", "#TYPE process_threads", "no `# HELP"),
    ("another comment", "# HELP process_threads", "# Hello\n# HELP process_threads", "no `# HELP"),
    ("HELP missing", "# HELP process_threads Threads.\n", "", "process_threads: no HELP"),
    ("TYPE missing", "# TYPE process_threads gauge\n", "", "process_threads: no TYPE"),
    ("HELP twice", "# HELP process_threads", "# HELP process_threads x\n# HELP process_threads", "HELP twice"),
    ("TYPE twice", "# TYPE process_threads", "# TYPE process_threads gauge\n# TYPE process_threads", "TYPE twice"),
    (
        "HELP after TYPE",
        "# HELP process_threads Threads.\n# TYPE process_threads gauge\n",
        "# TYPE process_threads gauge\n# HELP process_threads Threads.\n",
        "HELP after TYPE",
    ),
    ("unknown type", "process_threads gauge", "process_threads summary", "unknown type summary"),
    ("unknown escape in HELP", "Threads.", "Thr\\eads.", "unknown escape"),
    ("counter without _total", "rbl_list_queries_total", "rbl_list_queries", "counter without _total"),
    (
        "split family",
        "process_threads 3\n",
        "process_threads 3\n# HELP rbl_list_info Again.\n# TYPE rbl_list_info gauge\n",
        "rbl_list_info: family in two pieces",
    ),
    (
        "sample outside of its family",
        "process_threads 3\n",
        'process_threads 3\nrbl_list_queries_total{list="c"} 1\n',
        "rbl_list_queries_total: outside",
    ),
    ("sample before any family", "# HELP rbl_list_info", "process_open_fds 1\n# HELP rbl_list_info", "outside"),
    ("sample with a suffix", "process_threads 3", "process_threads_sum 3", "outside"),
    ("duplicate series", "process_threads 3\n", "process_threads 3\nprocess_threads 4\n", "the same series"),
    (
        "duplicate series with labels in another order",
        'rbl_list_state{list="a",state="refused"} 0\n',
        'rbl_list_state{list="a",state="refused"} 0\nrbl_list_state{state="refused",list="a"} 0\n',
        "the same series",
    ),
    ("timestamp", "process_threads 3", "process_threads 3 1735689600000", "timestamp"),
    ("exemplar", "process_threads 3", 'process_threads 3 # {a="b"} 1', "timestamp or exemplar"),
    ("_created", "process_threads 3\n", "process_threads 3\nprocess_threads_created 3\n", "_created"),
    ("no value", "process_threads 3", "process_threads", "no sample"),
    ("value that is no number", "process_threads 3", "process_threads three", "no sample"),
    ("two spaces", "process_threads 3", "process_threads  3", "no sample"),
    ("brace that stays open", '{list="b"} ', '{list="b" ', "no sample"),
    ("label without quotes", '{list="b"}', "{list=b}", "no sample"),
    ("empty braces", '{list="b"}', "{}", "no sample"),
    ("unknown escape in a label", '{list="b"}', '{list="\\b"}', "unknown escape"),
    ("label twice", '{list="b"}', '{list="b",list="c"}', "label list twice"),
    ("label outside the contract", '{list="b"}', '{txt="b"}', "label txt is not in the contract"),
    ("le outside of a histogram", '{list="b"}', '{le="1.0"}', "label le is not in the contract"),
    ("forbidden label of an info metric", "dns_zone=", "zone=", "label zone is not in the contract"),
    ("value that is not finite", "process_threads 3", "process_threads NaN", "value nan"),
    ("infinite value", "process_threads 3", "process_threads +Inf", "value inf"),
    ("counter below 0", '{list="b"} 18446744073709551615', '{list="b"} -1', "below 0"),
    ("info metric that is not 1", 'tier="page"} 1', 'tier="page"} 0', "is not 1"),
    ("two states at once", 'state="refused"} 0', 'state="refused"} 1', "2 states of list"),
    ("no state at all", 'state="ok"} 1', 'state="ok"} 0', "0 states of list"),
    ("bound spelled otherwise", 'le="1.0"', 'le="1"', "buckets"),
    ("bound missing", 'rbl_list_query_duration_seconds_bucket{list="a",le="0.5"} 0\n', "", "buckets"),
    ("bucket without bound", '_bucket{list="a",le="0.5"}', '_bucket{list="a"}', "bucket without le"),
    ("buckets not cumulative", 'le="2.5"} 2', 'le="2.5"} 1', "not cumulative"),
    ("+Inf is not the count", 'le="+Inf"} 3', 'le="+Inf"} 4', "+Inf is not _count"),
    ("histogram without count", 'rbl_list_query_duration_seconds_count{list="a"} 3\n', "", "no _sum or no _count"),
    ("histogram without sum", 'rbl_list_query_duration_seconds_sum{list="a"} 7.25\n', "", "no _sum or no _count"),
    ("name not in the table", "process_threads", "process_thread", "not in the table"),
    ("foreign prefix", "process_threads", "go_threads", "begins with none"),
    ("# EOF", "process_threads 3\n", "process_threads 3\n# EOF\n", "# EOF in text 0.0.4"),
]
# The same of OpenMetrics.
BAD_OPENMETRICS = [
    ("no # EOF", "# EOF\n", "", "no # EOF"),
    ("# EOF twice", "# EOF\n", "# EOF\n# EOF\n", "goes on after # EOF"),
    ("sample after # EOF", "# EOF\n", "# EOF\nprocess_threads 4\n", "goes on after # EOF"),
    ("blank line after # EOF", "# EOF\n", "# EOF\n\n", "goes on after # EOF"),
    ("TYPE of a counter with _total", "rbl_list_queries ", "rbl_list_queries_total ", "with _total"),
    ("sample of a counter without _total", "rbl_list_queries_total{", "rbl_list_queries{", "outside"),
    ("quote in HELP", "Threads.", 'Thr"eads.', "quote in HELP"),
    ("bound spelled otherwise", 'le="1.0"', 'le="1"', "buckets"),
    ("name not in the table", "rbl_list_queries", "rbl_list_question", "rbl_list_question_total: not in the table"),
]


def expect_complaint(name, good, openmetrics, old, new, want):
    assert old in good, name
    complaints = exposition.check(good.replace(old, new), openmetrics, NAMES)
    seen = any(want in complaint for complaint in complaints)
    case(f"sees: {name}" + (" (OpenMetrics)" if openmetrics else ""), seen, "\n".join(complaints))


def run(text, *options):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "metrics")
        path.write_bytes(text)
        table = pathlib.Path(folder, "names")
        table.write_text("\n".join(sorted(NAMES)))
        command = [sys.executable, exposition.__file__, f"--names={table}", *options, str(path)]
        return subprocess.run(command, capture_output=True, text=True, check=False)


def main():
    for text, openmetrics in ((GOOD, False), (OPENMETRICS, True)):
        complaints = exposition.check(text, openmetrics, NAMES)
        case("passes a good one" + (" (OpenMetrics)" if openmetrics else ""), not complaints, "\n".join(complaints))
    case("passes an empty one", not exposition.check(""))
    case("asks no table if there is none", not exposition.check(GOOD))
    for row in BAD:
        expect_complaint(row[0], GOOD, False, *row[1:])
    for row in BAD_OPENMETRICS:
        expect_complaint(row[0], OPENMETRICS, True, *row[1:])

    good = run(OPENMETRICS.encode(), "--openmetrics")
    case("ends with 0 for a good file", good.returncode == 0 and not good.stdout, good.stdout + good.stderr)
    bad = run(OPENMETRICS.encode())
    case("ends with 1 for a bad file and names the line", bad.returncode == 1 and ": line " in bad.stdout, bad.stdout)
    bytes_ = run(b"\xff\n")
    case("sees: no UTF-8", bytes_.returncode == 1 and "no UTF-8" in bytes_.stderr, bytes_.stderr)
    finish()


if __name__ == "__main__":
    main()
