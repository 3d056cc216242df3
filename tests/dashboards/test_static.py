#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The dashboards and their provisioning, as far as the files tell: checks.py says what is demanded of them."""

import real
from real import BINARY, FOLDER

import checks
import provisioning
import rule_names
from tap import case, finish


def main():
    rules, complaints = real.read_rules()
    case("the rules that dashboards build on can be read", rules and not complaints, "\n".join(complaints))
    dashboards, complaints = real.read_dashboards()
    case("the dashboards can be read", not complaints, "\n".join(complaints))
    names = {d.name for d in dashboards}
    differ = sorted(names ^ set(checks.UIDS))
    case("they are those agreed upon", not differ, f"missing or too many: {differ}")

    catalogue = rule_names.read_catalogue(BINARY, rules)
    case("what is not live yet is not live", not catalogue.complaints(), "\n".join(catalogue.complaints()))
    context = checks.Context(catalogue, dashboards)
    found = [complaint for d in dashboards for complaint in checks.check(d, context)]
    found, idle = checks.without_exceptions(found, checks.EXCEPTIONS)
    for d in dashboards:
        for rule in checks.RULES:
            mine = [str(c) for c in found if c.uid == d.uid and c.rule == rule]
            case(f"{d.name}: {rule}", not mine, "\n".join(mine))
    case("each exception is needed", not idle, "\n".join(idle))

    complaints = provisioning.check(FOLDER / "provisioning")
    case("the provisioning files are sound", not complaints, "\n".join(complaints))
    finish()


if __name__ == "__main__":
    main()
