# SPDX-License-Identifier: Apache-2.0
"""What is checked: the dashboards and rules of this project (RBL_DASHBOARDS and RBL_RULES name others), the exporter.

To be imported first: it also says where the modules of the other tests are.
"""

import os
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "lint"), str(ROOT / "tests" / "e2e")]

import rule_names
from dashboard import Dashboard

BINARY = os.path.abspath(os.environ.get("RBL_EXPORTER", ROOT / "build" / "rbl_exporter"))
FOLDER = pathlib.Path(os.environ.get("RBL_DASHBOARDS", ROOT / "dashboards"))
RULES = pathlib.Path(os.environ.get("RBL_RULES", ROOT / "config" / "prometheus" / "rbl.rules.yml"))


def read_dashboards(folder=FOLDER):
    """(the dashboards that can be read, what is wrong with the others)."""
    found, complaints = [], []
    for path in sorted(folder.glob("*.json")):
        try:
            found.append(Dashboard(path.stem, path.read_text(encoding="utf-8")))
        except ValueError as error:
            complaints.append(f"{path.name}: {error}")
    if not found and not complaints:
        complaints.append(f"no dashboard found in {folder.name}/")
    return found, complaints


def read_rules(path=RULES):
    """(the rules, what is wrong with their file)."""
    try:
        return rule_names.read_rules(path), []
    except ValueError as error:
        return [], [str(error)]
