# SPDX-License-Identifier: Apache-2.0
"""The shipped configuration of Alertmanager: who is told what, what is kept quiet, and what the messages say."""

import json
import os
import re
import subprocess

import shipped
from exporter import Exporter, config, dns_list
from harness import equal, main, scene, wait
from servers import Alertmanager, HttpReceiver, MailReceiver, Prometheus, Rbldnsd, find_program

CONFIG = os.path.join(shipped.ALERTMANAGER, "alertmanager.yml")
TEMPLATES = os.path.join(shipped.ALERTMANAGER, "templates", "*.tmpl")

LIST = {"list": "senderscore_bl"}
RANGE = {"group": "microsoft365", "range": "40.107.0.0/16"}
IP = {"group": "outbound", "ip": "40.107.130.132"}
SAFELIST = {"safelist": "kloudemail"}
INSTANCE = {"instance": "192.0.2.9:10554"}
# Every alert of the rules: its severities, and the labels that it has besides alertname, severity and job.
ALERTS = {
    "RBLAddressListed": ("critical warning", {**LIST, **IP}),
    "RBLRangeListed": ("warning", {**LIST, **RANGE}),
    "RBLReputationLow": ("warning", {**LIST, **IP}),
    "RBLBounceConfirmed": ("critical", LIST),
    "RBLSafelistNoLongerNeeded": ("warning", SAFELIST),
    "RBLSafelistTooOld": ("info", SAFELIST),
    "RBLExporterDown": ("critical", INSTANCE),
    "RBLExporterAbsent": ("critical", {}),
    "RBLExporterConfigReloadFailed": ("warning", INSTANCE),
    "RBLExporterStorageDown": ("warning", INSTANCE),
    "RBLExporterShardsMissing": ("critical", {}),
    "RBLListRefused": ("critical", LIST),
    "RBLListWildcard": ("critical", LIST),
    "RBLListDown": ("warning", LIST),
    "RBLListQuotaNearlySpent": ("warning", LIST),
    "RBLListQuotaExhausted": ("critical", LIST),
    "RBLResultsStale": ("warning", {**LIST, "group": "outbound"}),
    "RBLAddressNotChecked": ("warning", {**LIST, "group": "outbound"}),
    "RBLSweepCoverageLow": ("warning", {**LIST, **RANGE}),
    "RBLQueryFailuresHigh": ("warning", LIST),
    "RBLSchedulerLagging": ("warning", INSTANCE),
    "RBLListedSeriesOmitted": ("info", {**LIST, **RANGE}),
}
SAFELISTS = ("RBLSafelistNoLongerNeeded", "RBLSafelistTooOld")
RECEIVER_OF = {"critical": "pager", "warning": "tickets", "info": "digest", "unheard-of": "tickets"}

# What is kept quiet by what, on the same list or of the same job.
_AGES = {"RBLResultsStale", "RBLAddressNotChecked", "RBLSweepCoverageLow"}
_BLIND = _AGES | {"RBLQueryFailuresHigh", "RBLListQuotaNearlySpent"}
_GONE = _AGES | {"RBLQueryFailuresHigh", "RBLSchedulerLagging"}
BY_LIST = {
    "RBLListRefused": _BLIND | {"RBLListDown"},
    "RBLListWildcard": _BLIND | {"RBLListDown"},
    "RBLListQuotaExhausted": _BLIND | {"RBLListDown"},
    "RBLListDown": _BLIND,
    "RBLQueryFailuresHigh": {"RBLSweepCoverageLow"},
}
BY_JOB = {
    "RBLSchedulerLagging": _AGES,
    "RBLExporterDown": _GONE,
    "RBLExporterAbsent": _GONE,
    "RBLExporterShardsMissing": _GONE,
    "RBLSafelistNoLongerNeeded": {"RBLSafelistTooOld"},
}
LISTED = [f"40.107.130.{n}" for n in (132, 133, 140, 141, 200)]
TITLE = "[CRITICAL] RBLAddressListed on senderscore_bl: 40.107.130.132 (outbound) and 4 more"
WHEN = r"\d{4}-\d\d-\d\d \d\d:\d\d"
KINDS = (("rbl.mail.text", "text"), ("rbl.mail.html", "html"), ("rbl.chat.text", "text"))
SINCE = {"firing": "firing since 2026-11-27 12:15 UTC", "resolved": "from 2026-11-27 12:15 to 2026-11-27 13:45 UTC"}
RUNBOOK = "https://runbooks.example.net/#rbladdresslisted"


def amtool(*arguments):
    command = [find_program("amtool"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, f"{' '.join(arguments)}: {done.stdout}{done.stderr}"
    return done.stdout


def render(template, data, kind="text"):
    text = f'{{{{ template "{template}" . }}}}'
    files = (f"--template.glob={TEMPLATES}", f"--template.data={data}", f"--template.type={kind}")
    return amtool("template", "render", f"--template.text={text}", *files)


def alert(name, job="rbl", severity=None, **labels):
    """(labels, annotations) of an alert, as the rules would send it."""
    severities, own = ALERTS[name]
    labels = {"alertname": name, "severity": severity or severities.split()[0], "job": job, **own, **labels}
    what = labels.get("ip") or labels.get("range") or labels.get("list") or job
    return labels, {
        "summary": f"{what} <b>& co",
        "description": f"All about {what} of {labels.get('list')}, at last.",
        "runbook_url": RUNBOOK,
    }


def listing(ip, **labels):
    return alert("RBLAddressListed", ip=ip, **labels)


def notification(alerts, status="firing"):
    """What Alertmanager gives to a template, for alerts of one kind."""
    common = set.intersection(*[set(labels.items()) for labels, _ in alerts])
    notes = set.intersection(*[set(annotations.items()) for _, annotations in alerts])
    times = {"startsAt": "2026-11-27T12:15:56Z", "endsAt": "2026-11-27T13:45:00Z", "status": status}
    return {
        "receiver": "tickets",
        "status": status,
        "externalURL": "http://alertmanager.example.net:9093",
        "commonLabels": dict(common),
        "commonAnnotations": dict(notes),
        "alerts": [{"labels": labels, "annotations": annotations, **times} for labels, annotations in alerts],
    }


class Stage:
    """A live Alertmanager with the shipped configuration, and one receiver of each kind."""

    def __init__(self, world, times=None):
        self.world = world
        self.http = HttpReceiver(world)
        self.mail = MailReceiver(world)
        table = {**shipped.ALERTMANAGER_TIMES, **(times or {})}
        table.update(shipped.receivers(world, self.http.endpoint, self.mail.endpoint))
        self.path = shipped.alertmanager(world, table)
        self.alertmanager = Alertmanager(world, self.path)

    def wait_for(self, messages, condition, what):
        """The first of the messages of which `condition` holds."""
        return wait(
            lambda: next((m for m in messages() if condition(m)), None),
            lambda: f"{what}, received are {messages()}\n{self.alertmanager.log_tail()}",
            world=self.world,
        )

    def pages(self):
        return self.http.bodies(shipped.PAGER)

    def chats(self):
        return [body["attachments"][0] for body in self.http.bodies(shipped.CHAT)]

    def mails(self):
        return [message for _, message in list(self.mail.received)]


def part(message, kind):
    return message.get_body((kind,)).get_content()


@scene
def as_shipped(world):
    with world.case("amtool has nothing to say against the file as it is"):
        said = amtool("check-config", CONFIG)
        assert "SUCCESS" in said and "3 receivers" in said and "1 templates" in said, said
    with world.case("the alerts that these tests know are those of the rules"):
        found = {}
        rules = shipped.read(*shipped.RULES)
        for name, severity in re.findall(r"- alert: (\w+)\n(?:(?! +- alert:).*\n)*? +severity: (\w+)\n", rules):
            found.setdefault(name, []).append(severity)
        equal(found, {name: severities.split() for name, (severities, _) in ALERTS.items()})
        equal(rules.count("- alert: "), sum(map(len, found.values())))
    with world.case("every alert goes where its severity says, safelists to the tickets whatever theirs is"):
        for name, (severities, labels) in ALERTS.items():
            for severity in severities.split() + ["unheard-of"]:
                wanted = "tickets" if name in SAFELISTS else RECEIVER_OF[severity]
                pairs = {**labels, "alertname": name, "severity": severity, "job": "rbl"}
                arguments = [f"{key}={value}" for key, value in pairs.items()]
                said = amtool("config", "routes", "test", f"--config.file={CONFIG}", *arguments)
                equal(said.strip(), wanted, f"{name} {severity}")
    with world.case("no address of it could be anybody's, and every secret is a file"):
        text = shipped.read("config", "alertmanager", "alertmanager.yml")
        hosts = re.findall(r"(?:@|//|smarthost: )([a-z0-9.-]+)", text)
        assert len(hosts) >= 4 and all(host.endswith("example.net") for host in hosts), hosts
        words = re.findall(r"^ *-? ?(\w*(?:password|secret|api_url|key|credentials)\w*):", text, re.MULTILINE)
        assert words and all(word.endswith("_file") for word in words), words
    with world.case("a replacement that does not apply is an error"):
        try:
            shipped.rewrite("group_wait: 30s", {"group_wait: 31s": "group_wait: 1s"})
        except AssertionError as error:
            assert "group_wait: 31s" in str(error)
        else:
            raise AssertionError("it was swallowed")


@scene
def messages(world):
    def write(alerts, status="firing"):
        return world.write("data.json", json.dumps(notification(alerts, status)))

    with world.case("a title names the alert, the list, one address and how many more"):
        data = write([listing(ip) for ip in LISTED])
        equal(render("rbl.title", data), TITLE)
        data = write([alert("RBLExporterDown")], "resolved")
        equal(render("rbl.title", data), "[RESOLVED] RBLExporterDown: 192.0.2.9:10554")
        equal(render("rbl.title", write([alert("RBLListRefused")])), "[CRITICAL] RBLListRefused on senderscore_bl")
        equal(render("rbl.title", write([alert("RBLExporterAbsent")])), "[CRITICAL] RBLExporterAbsent: rbl")
    with world.case("a digest of different alerts has a title, too"):
        data = write([alert("RBLListedSeriesOmitted"), alert("RBLSafelistTooOld")])
        equal(render("rbl.title", data), "[INFO] Digest of rbl: 40.107.0.0/16 (microsoft365) and 1 more")
        text = render("rbl.mail.text", data)
        assert "kloudemail: RBLSafelistTooOld firing since" in text, text
    with world.case("what is told together by its kind has the title of its kind"):
        data = write([alert("RBLSafelistNoLongerNeeded"), alert("RBLSafelistTooOld", safelist="partner")])
        equal(render("rbl.title", data), "[FIRING] Safelists of rbl: kloudemail and 1 more")
        data = write([alert("RBLExporterDown"), alert("RBLExporterShardsMissing")])
        equal(render("rbl.title", data), "[CRITICAL] Exporters of rbl: 192.0.2.9:10554 and 1 more")
        data = write([alert("RBLExporterDown"), alert("RBLListRefused")])
        equal(render("rbl.title", data), "[CRITICAL] Digest of rbl: 192.0.2.9:10554 and 1 more")
    with world.case("messages name 50 or 10 of many, and say how many more there are"):
        data = write([listing(f"192.0.2.{n}") for n in range(60)])
        for (template, kind), shown in zip(KINDS, (50, 50, 10)):
            text = render(template, data, kind)
            equal(len(set(re.findall(r"192\.0\.2\.\d+ \(outbound\)", text))), shown, template)
            assert f"and {60 - shown} more" in text, text
    with world.case("exactly as many as fit have no more"):
        data = write([listing(f"192.0.2.{n}") for n in range(10)])
        assert " more" not in render("rbl.chat.text", data)
    with world.case("each message of each alert renders, and says since when and what next"):
        for name in ALERTS:
            for status in ("firing", "resolved"):
                data = write([alert(name)], status)
                for template, kind in KINDS:
                    text = render(template, data, kind)
                    for words in (SINCE[status], f"Runbook: {RUNBOOK}", "Status page: http://localhost:10554/"):
                        assert words in text, f"{name} {template}: no {words!r} in\n{text}"
                    assert "<no value>" not in text, text
    with world.case("where to get off a list is said of listings alone; of a list unknown here it is the status page"):
        page = "Get off senderscore_bl: https://senderscore.org/rtbl/"
        for name, expected in (("RBLAddressListed", True), ("RBLRangeListed", True), ("RBLListRefused", False)):
            equal(page in render("rbl.mail.text", write([alert(name)])), expected, name)
            assert "Get off" not in render("rbl.mail.text", write([alert(name)], "resolved"))
        for name, address in (("example_rbl", "https://example.net/remove"), ("mine", "http://localhost:10554/")):
            assert f"Get off {name}: {address}\n" in render("rbl.chat.text", write([listing("192.0.2.1", list=name)]))
    with world.case("what is a mark in HTML or in chat is spelt out"):
        data = write([listing(ip) for ip in LISTED])
        assert "40.107.130.132 &lt;b&gt;&amp; co" in render("rbl.chat.text", data)
        labels, notes = alert("RBLListRefused")
        data = write([(labels, {**notes, "description": "a <script>alert(1)</script> & more"})])
        assert "a &lt;script&gt;alert(1)&lt;/script&gt; &amp; more" in render("rbl.chat.text", data)
        html = render("rbl.mail.html", data, "html")
        assert "<script" not in html and "&lt;script&gt;" in html and "&amp; more" in html, html
        assert "a <script>alert(1)</script> & more" in render("rbl.mail.text", data)


@scene
def one_notification(world):
    stage = Stage(world)
    with world.case("5 addresses on one list are one page, with all five in it"):
        stage.alertmanager.post([listing(ip) for ip in LISTED])
        page = stage.wait_for(stage.pages, lambda body: True, "a page")
        equal(sorted(a["labels"]["ip"] for a in page["alerts"]), sorted(LISTED))
        equal((page["status"], page["truncatedAlerts"]), ("firing", 0))
        equal(page["groupLabels"], {"alertname": "RBLAddressListed", "job": "rbl", "list": "senderscore_bl"})
        for one in page["alerts"]:
            assert one["startsAt"] and one["annotations"]["runbook_url"] == RUNBOOK, one
    with world.case("the token comes from its file"):
        [path, headers, _] = next(r for r in stage.http.received if r[0] == shipped.PAGER)
        equal(headers["Authorization"], "Bearer t0ken")
    with world.case("the same five are one message in the chat: which, since when, and what next"):
        chat = stage.wait_for(stage.chats, lambda body: True, "a message in the chat")
        equal(chat["title"], TITLE)
        equal(chat["color"], "danger")
        assert chat["title_link"].endswith("/#/alerts?receiver=pager"), chat
        for ip in LISTED:
            assert re.search(rf"\*{re.escape(ip)} \(outbound\)\* firing since {WHEN} UTC", chat["text"]), chat
        assert "Get off senderscore_bl: https://senderscore.org/rtbl/" in chat["text"], chat
        assert f"Runbook: {RUNBOOK}" in chat["text"], chat
    with world.case("another list, and a warning, are notifications of their own, by mail"):
        stage.alertmanager.post([listing(ip, list="psbl", severity="warning") for ip in LISTED])
        message = stage.wait_for(stage.mails, lambda m: "psbl" in m["Subject"], "a mail")
        equal(message["Subject"], "[WARNING] RBLAddressListed on psbl: 40.107.130.132 (outbound) and 4 more")
        equal(stage.mail.received[0][0], ["tickets@example.net"])
    with world.case("the mail has a text and an HTML part, each with addresses, since when, and what next"):
        for kind in ("plain", "html"):
            text = part(message, kind)
            for ip in LISTED:
                assert f"{ip} (outbound)" in text, text
            equal(len(re.findall(f"firing since {WHEN} UTC", text)), 5)
            for words in ("Get off psbl: https://psbl.org/", f"Runbook: {RUNBOOK}", "All about 40.107.130.132 of psbl"):
                assert words in text, text
    with world.case("reminders of safelists are one ticket for each job, whatever their severity"):
        needless, old = alert("RBLSafelistNoLongerNeeded"), alert("RBLSafelistTooOld", safelist="partner")
        stage.alertmanager.post([needless, old, alert("RBLSafelistTooOld", job="other")])
        both = "[FIRING] Safelists of rbl: kloudemail and 1 more"
        message = stage.wait_for(stage.mails, lambda m: m["Subject"] == both, "a reminder")
        equal(message["To"], "tickets@example.net")
        for words in ("kloudemail: RBLSafelistNoLongerNeeded", "partner: RBLSafelistTooOld"):
            assert f"{words} firing since" in part(message, "plain")
        stage.wait_for(stage.mails, lambda m: "RBLSafelistTooOld: kloudemail" in m["Subject"], "that of the other job")
    with world.case("what is only good to know goes to the digest"):
        stage.alertmanager.post([alert("RBLListedSeriesOmitted")])
        message = stage.wait_for(stage.mails, lambda m: "RBLListedSeriesOmitted" in m["Subject"], "a digest")
        equal(message["To"], "postmaster@example.net")
    with world.case("an exporter that is down and a shard that is missing are one page, and neither hides the other"):
        stage.alertmanager.post([alert("RBLExporterDown"), alert("RBLExporterShardsMissing")])
        page = stage.wait_for(stage.pages, lambda body: body["groupLabels"] == {"job": "rbl"}, "a page")
        equal({a["labels"]["alertname"] for a in page["alerts"]}, {"RBLExporterDown", "RBLExporterShardsMissing"})
    with world.case("resolved is sent to pager, chat and tickets"):
        stage.alertmanager.post([listing(ip) for ip in LISTED], resolved=True)
        page = stage.wait_for(stage.pages, lambda body: body["status"] == "resolved", "a page that it is over")
        equal(sorted(a["labels"]["ip"] for a in page["alerts"]), sorted(LISTED))
        chat = stage.wait_for(stage.chats, lambda body: "[RESOLVED]" in body["title"], "a message that it is over")
        equal(chat["color"], "good")
        last = re.escape(LISTED[-1])
        assert re.search(rf"\*{last} \(outbound\)\* fired from {WHEN} to {WHEN} UTC", chat["text"]), chat
        stage.alertmanager.post([listing(ip, list="psbl", severity="warning") for ip in LISTED], resolved=True)
        stage.wait_for(stage.mails, lambda m: "[RESOLVED] RBLAddressListed on psbl:" in m["Subject"], "a last mail")
    with world.case("nothing was sent twice, and nothing failed to be sent"):
        equal([body["status"] for body in stage.pages()], ["firing", "firing", "resolved"])
        equal(len(stage.chats()), 3)
        equal(len(stage.mails()), 5)
        equal(re.findall("^.*level=(?:error|warn).*$", stage.alertmanager.log(), re.MULTILINE), [])
    with world.case("without the retention that the file asks for, Alertmanager warns of too many reminders"):
        other = Alertmanager(world, stage.path, flags=())
        wait(lambda: "repeat_interval is greater than the data retention" in other.log(), "a warning", world=world)


def pairs(cause, symptom, other_list):
    """A cause and a symptom in a job of their own, on the same list or on another."""
    job = f"{cause}/{symptom}/{other_list}"
    more = {"list": "spamhaus_zen"} if other_list and "list" in ALERTS[symptom][1] else {}
    return [alert(cause, job), alert(symptom, job, **more)]


@scene
def inhibition(world):
    stage = Stage(world)
    names = list(ALERTS)
    with world.case("of every two alerts of a job, a cause keeps its symptoms on its list quiet, and nothing else"):
        both = [(a, b, other) for a in names for b in names if a != b for other in (False, True)]
        posted = [one for a, b, other in both for one in pairs(a, b, other)]
        stage.alertmanager.post(posted)
        n = len({json.dumps(labels, sort_keys=True) for labels, _ in posted})
        wait(lambda: len(stage.alertmanager.alerts()) == n, "all alerts", world=world)
        quiet = {(labels["job"], labels["alertname"]) for labels, is_quiet in stage.alertmanager.alerts() if is_quiet}
        expected = set()
        for a, b, other in both:
            for cause, symptom in ((a, b), (b, a)):
                same_list = not other or "list" not in ALERTS[b][1] or "list" not in ALERTS[a][1]
                if symptom in BY_JOB.get(cause, ()) or (same_list and symptom in BY_LIST.get(cause, ())):
                    expected.add((f"{a}/{b}/{other}", symptom))
        equal(sorted(quiet - expected), [], "kept quiet, and should not be")
        equal(sorted(expected - quiet), [], "not kept quiet, and should be")
        assert len(expected) > 100
    with world.case("a listing is never kept quiet"):
        assert not [name for _, name in quiet if name in ("RBLAddressListed", "RBLRangeListed", "RBLBounceConfirmed")]


@scene
def the_whole_chain(world):
    zone = "bl.score.example.net"
    clean = ["127.0.0.2"]
    rbldnsd = Rbldnsd(world, {zone: [("ip4set", clean)]})
    lists = [dns_list("senderscore_bl", zone, codes={"127.0.0.16": "sender-score", "127.0.0.2": "test"})]
    groups = [{"name": "outbound", "addresses": LISTED + ["40.107.130.7"]}]
    exporter = Exporter(world, config(lists, groups, [rbldnsd.endpoint]))
    exporter.wait_for(lambda m: sum(v == 0 for _, v in m.all("rbl_ip_listed")) == 6, "six clean addresses")
    # Addresses are looked at one after the other: the wait before the first notification is for the rest of them.
    stage = Stage(world, {"group_wait: 30s": "group_wait: 8s"})
    rules = world.write("rbl.rules.yml", shipped.rewrite(shipped.read(*shipped.RULES), shipped.RULES_TIMES))
    prometheus = Prometheus(world, [exporter.endpoint], [rules], [stage.alertmanager.endpoint])
    with world.case("Prometheus takes the rules, and nothing fires while all is well"):
        equal({r["name"] for r in prometheus.rules() if r["type"] == "alerting"}, set(ALERTS))
        wait(lambda: prometheus.query("instance:rbl_exporter_build_info:known"), "an exporter is known", world=world)
        wait(lambda: all(r["health"] == "ok" for r in prometheus.rules()), "every rule is evaluated", world=world)
        pending = lambda: [r["name"] for r in prometheus.rules() if r.get("alerts")]
        wait(lambda: not pending(), lambda: f"no alert is on its way: {pending()}", world=world)
    with world.case("5 addresses get onto a list: one notification, with all five in it"):
        rbldnsd.write(zone, 0, clean + [f"{ip} :127.0.0.16:score too low" for ip in LISTED])
        page = stage.wait_for(stage.pages, lambda body: True, "a page")
        equal(sorted(a["labels"]["ip"] for a in page["alerts"]), sorted(LISTED))
        equal((page["commonLabels"]["severity"], page["commonLabels"]["list"]), ("critical", "senderscore_bl"))
    with world.case("it says since when they are listed, in the words of the rules"):
        for one in page["alerts"]:
            words = " of the group outbound is on the block list senderscore_bl (sender-score) since"
            words = re.escape(one["labels"]["ip"] + words)
            assert re.match(words + r" \d{4}-", one["annotations"]["description"]), one["annotations"]
        chat = stage.wait_for(stage.chats, lambda body: True, "a message in the chat")
        equal(chat["title"], TITLE)
    with world.case("they get off it: one notification that it is over"):
        rbldnsd.write(zone, 0, clean)
        page = stage.wait_for(stage.pages, lambda body: body["status"] == "resolved", "a page that it is over")
        gone = {a["labels"]["ip"] for body in stage.pages() for a in body["alerts"] if a["status"] == "resolved"}
        equal(sorted(gone), sorted(LISTED))
    with world.case("nobody was told of anything else"):
        equal({body["commonLabels"]["alertname"] for body in stage.pages()}, {"RBLAddressListed"})
        equal(sum(body["status"] == "resolved" for body in stage.pages()), 1)
        equal(stage.mails(), [])


@scene
def causes_before_symptoms(world):
    stage = Stage(world)
    with world.case("the cause is sent, its symptoms are not"):
        symptoms = [alert(name) for name in sorted(_BLIND)]
        stage.alertmanager.post([alert("RBLListRefused"), *symptoms])
        stage.wait_for(stage.pages, lambda body: body["commonLabels"]["alertname"] == "RBLListRefused", "the cause")
        # A symptom on another list comes after the groups of the others had their turn.
        stage.alertmanager.post([alert("RBLQueryFailuresHigh", list="psbl")])
        stage.wait_for(stage.mails, lambda m: "RBLQueryFailuresHigh on psbl" in m["Subject"], "a symptom elsewhere")
        equal(len(stage.mails()), 1)
    with world.case("symptoms that outlive their cause are sent, but for those that have another one"):
        stage.alertmanager.post([alert("RBLListRefused")], resolved=True)
        for name in sorted(_BLIND - BY_LIST["RBLQueryFailuresHigh"]):
            stage.wait_for(stage.mails, lambda m: f"{name} on senderscore_bl" in m["Subject"], name)


main()
