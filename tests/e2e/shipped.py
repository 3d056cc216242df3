# SPDX-License-Identifier: Apache-2.0
"""The files of config/ as they are shipped, but for what a test cannot use: receivers elsewhere and long times.

What is replaced stands in tables, {a piece of text: what takes its place}. A piece that is not in the file
(any more) is an error: a test must not go on with half of its replacements.
"""

import os
import shutil

import harness

ALERTMANAGER = os.path.join(harness.TOP, "config", "alertmanager")
CHAT, PAGER = "/chat", "/alertmanager"

# A notification comes a second after its alerts, and what changes a second later is sent at once.
ALERTMANAGER_TIMES = {
    "group_wait: 30s": "group_wait: 1s",
    "group_wait: 15m": "group_wait: 1s",
    "group_interval: 5m": "group_interval: 1s",
    "group_interval: 1h": "group_interval: 1s",
    "group_interval: 24h": "group_interval: 1s",
}
# The groups of rules say how often they are evaluated.
RULES_INTERVALS = {"    interval: 1m\n": "    interval: 1s\n", "    interval: 2m\n": "    interval: 1s\n"}
# Alerts fire after a few seconds, and stop a few seconds after what they tell of.
RULES = ("config", "prometheus", "rbl.rules.yml")
RULES_TIMES = {
    **RULES_INTERVALS,
    "for: 5m\n": "for: 2s\n",
    "for: 10m\n": "for: 6s\n",  # longer than the first scrape takes: until then RBLExporterAbsent is true
    "for: 15m\n": "for: 2s\n",
    "for: 30m\n": "for: 2s\n",
    "for: 1h\n": "for: 2s\n",
    "for: 6h\n": "for: 2s\n",
}


def read(*path):
    with open(os.path.join(harness.TOP, *path), encoding="utf-8") as file:
        return file.read()


def rewrite(text, table):
    """`text` with every `old` of {old: new} replaced; each must be there."""
    for old, new in table.items():
        assert old in text, f"the shipped file has no {old!r} any more: nothing takes its place"
        text = text.replace(old, new)
    return text


def receivers(world, http_endpoint, mail_endpoint):
    """The table that sends notifications to receivers of a test; secrets are files, as in the original."""
    chat_url = world.write("chat_url", f"http://{http_endpoint}{CHAT}\n")
    token = world.write("pager_token", "t0ken\n")
    return {
        # No password without TLS to another machine than localhost: Go's SMTP client would refuse to send it.
        "  smtp_auth_username: alertmanager@example.net\n": "  smtp_require_tls: false\n",
        "  smtp_auth_password_file: /etc/prometheus/secrets/smtp_password\n": "",
        "mail.example.net:587": mail_endpoint,
        "/etc/prometheus/secrets/chat_url": chat_url,
        f"https://pager.example.net{PAGER}": f"http://{http_endpoint}{PAGER}",
        "/etc/prometheus/secrets/pager_token": token,
    }


def alertmanager(world, table, templates=None):
    """Writes the shipped configuration with the replacements, its templates (those of `templates` replaced in rbl.tmpl)
    beside it; returns its path."""
    folder = world.fresh_folder("alertmanager_config")
    shutil.copytree(os.path.join(ALERTMANAGER, "templates"), os.path.join(folder, "templates"))
    with open(os.path.join(folder, "templates", "rbl.tmpl"), "w", encoding="utf-8") as file:
        file.write(rewrite(read("config", "alertmanager", "templates", "rbl.tmpl"), templates or {}))
    text = rewrite(read("config", "alertmanager", "alertmanager.yml"), table)
    return world.write(os.path.join(os.path.basename(folder), "alertmanager.yml"), text)
