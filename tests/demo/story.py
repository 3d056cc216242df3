# SPDX-License-Identifier: Apache-2.0
"""The story: Microsoft 365's shared addresses get onto SenderScore's list, and off it again.

Everything is real but the list itself, which is rbldnsd with data as SenderScore's, and the mail and chat servers,
which are this process and print what they get. The tables below say which times are shortened, and how.
"""

import datetime
import email
import email.policy
import html
import json
import os
import re
import sys
import time

import exporter
import harness
import servers
import shipped
import teller

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.append(os.path.join(harness.TOP, "tests", "dashboards"))
import dashboard  # noqa: E402 (found by the line above)

ZONE = "bl.score.senderscore.com"
ACL = 1  # which of the zone's data sets says who may ask
LISTED = ["40.107.130.132", "40.107.159.143", "52.101.72.139"]
REST_OF_RANGE = ["40.107.12.34", "40.107.12.35", "40.107.200.7"]  # nobody names these: the sweep finds them
BOUNCED = REST_OF_RANGE[2]  # until a bounce does
BOUNCE = os.path.join(HERE, "bounce.eml")
BOUNCES_PANEL = "Bounces confirmed"  # of the overview
LIMIT_S = 300  # for whatever is awaited: only a broken program takes so long

DAY_S = 86400
DEMO_DAY_S = 45  # what a day of the alert rules takes at speed 1
LEAST_DAY_S = 20
LEAST_S = 4  # no pause of the rules is shorter: Prometheus looks every second
READING_S = 12  # between two chapters, at speed 1

EXPORTER_TIMES = {
    "self_test: {interval: 30m}": "self_test: {interval: 1s}",
    "  interval: 15m ": "  interval: 1s ",
    "sweep_interval: 24h": "sweep_interval: 15s",
}
# Three addresses are not seen to be listed in the same second: what waits for the rest of them stays longest.
ALERTMANAGER_TIMES = {
    **shipped.ALERTMANAGER_TIMES,
    "group_wait: 30s": "group_wait: 5s",
    "group_interval: 5m": "group_interval: 5s",
}


def rule_times(day_s):
    """The durations of the rules at `day_s` seconds a day: what alerts wait for, and windows of a day. Windows of an
    hour and less bridge failed scrapes, and stay."""
    waits = {"5m": 300, "10m": 600, "15m": 900, "30m": 1800, "1h": 3600, "6h": 21600}
    table = {f"for: {text}\n": f"for: {max(LEAST_S, round(s * day_s / DAY_S))}s\n" for text, s in waits.items()}
    table.update(shipped.RULES_INTERVALS)
    return {**table, "[1d]": f"[{day_s}s]", "offset 1d": f"offset {day_s}s", "24 * 3600": f"{day_s}"}


def score_too_low(addresses):
    return ["127.0.0.2 :127.0.0.2:test entry"] + [f"{ip} :127.0.0.16:Sender score of $ is too low" for ip in addresses]


def text_of(element):
    return html.unescape(re.sub(r"<[^>]*>", "", element))


def as_shown(path):
    """A bounce as a mail program shows it: its subject, and its page down to what is for administrators."""
    with open(path, "rb") as file:
        message = email.message_from_binary_file(file, policy=email.policy.default)
    page = message.get_body(("html",)).get_content()
    paragraphs = re.findall(r"<p>(.*?)</p>", page.split("<hr>")[0], re.DOTALL)
    lines = [" ".join(text_of(line).split()) for p in paragraphs for line in p.split("<br>")]
    return "\n".join([f"From: {message['From'].addresses[0].display_name}", f"Subject: {message['Subject']}", "", *lines])


def excerpt(page):
    """A page of the exporter as text: its headline, and of its first table a line for each cell with its column."""
    table = re.search(r"<table.*?</table>", page, re.DOTALL)[0]
    columns = re.findall(r'<th scope="col">(.*?)</th>', table)
    rows = re.findall(r'<tr><th scope="row">(.*?)</tr>', table)
    cells = [cell for row in rows for cell in re.split(r"</t[hd]><t[hd]>", row)]
    assert columns and cells and len(cells) % len(columns) == 0, table
    lines = [text_of(re.search(r"<h1.*?</h1>", page)[0])]
    for i, cell in enumerate(cells):
        link = re.search(r'href="([^"]*)"', cell)
        lines.append(f"{columns[i % len(columns)]}: {text_of(link[1] if link else cell)}")
    return "\n".join(lines)


class Story:
    def __init__(self, world, speed):
        self.world = world
        self.reading_s = READING_S / speed
        self.day_s = max(LEAST_DAY_S, round(DEMO_DAY_S / speed))
        self.limit_s = self.day_s + LIMIT_S  # the reminder takes a day of the rules
        self.told = teller.Teller()
        self.chapters = (
            self.all_is_well,
            self.listed,
            self.bounce,
            self.page,
            self.refused,
            self.asked_from_elsewhere,
            self.delisted,
            self.reminder,
        )

    # --- What is started ---

    def start(self):
        world = self.world
        data = [("ip4set", score_too_low([])), ("acl", ["127.0.0.0/8 :pass"])]
        self.list = servers.Rbldnsd(world, {ZONE: data})
        # The dot keeps unbound from asking anybody else, whatever it is asked.
        zones = {ZONE: self.list.endpoint, ".": self.list.endpoint}
        self.resolver, self.other_resolver = servers.Unbound(world, zones), servers.Unbound(world, zones)
        self.exporter = exporter.Exporter(world, self.configuration(self.resolver))
        self.http = servers.HttpReceiver(world, self.print_message)
        self.mail = servers.MailReceiver(world, self.print_mail)
        self.alertmanager = servers.Alertmanager(world, self.alertmanager_configuration())
        self.wait_for_metrics(self.knows_all, "the first sweep")
        rules = shipped.rewrite(shipped.read(*shipped.RULES), rule_times(self.day_s))
        runbooks = f"file://{os.path.join(harness.TOP, 'config', 'prometheus')}/"
        rules = shipped.rewrite(rules, {"https://rbl-exporter.example/": runbooks})
        rules = world.write("rbl.rules.yml", rules)
        self.prometheus = servers.Prometheus(world, [self.exporter.endpoint], [rules], [self.alertmanager.endpoint])

    def configuration(self, resolver):
        text = shipped.read("tests", "demo", "rbl_exporter.yml")
        today = datetime.datetime.now(datetime.timezone.utc).date()
        table = {"nameservers: [192.0.2.53]": f'nameservers: ["{resolver.endpoint}"]', "2026-03-04": str(today)}
        return shipped.rewrite(text, {**EXPORTER_TIMES, **table})

    def alertmanager_configuration(self):
        table = {**ALERTMANAGER_TIMES, **shipped.receivers(self.world, self.http.endpoint, self.mail.endpoint)}
        return shipped.alertmanager(self.world, table, {"http://localhost:10554/": self.status_page})

    @property
    def status_page(self):
        return f"http://{self.exporter.endpoint}/"

    # --- What arrives, and is printed ---

    def print_message(self, path, _, body):
        if path == shipped.CHAT:
            [message] = body["attachments"]
            text = f"{message['title']}\n{message['text']}"
            code = {"good": teller.GREEN, "danger": teller.RED}.get(message["color"], teller.YELLOW)
            self.told.keep(f"Alertmanager to the chat {body['channel']}", html.unescape(text), code)
        else:
            text = f"{body['status']}: {body['commonLabels']['alertname']} ({len(body['alerts'])}), as JSON"
            self.told.keep("Alertmanager to the pager", text, teller.DIM)

    def print_mail(self, recipients, message):
        text = f"Subject: {message['Subject']}\n\n{message.get_body(('plain',)).get_content()}"
        self.told.keep(f"Alertmanager by mail to {', '.join(recipients)}", text, teller.YELLOW)

    # --- What is awaited ---

    def wait(self, condition, what):
        return harness.wait(condition, what, self.limit_s, self.world, pause=0.1)

    def wait_for_metrics(self, condition, what):
        return self.wait(lambda: condition(self.exporter.metrics()), what)

    def wait_for_message(self, beginning):
        """Shows what arrives until there was a message in the chat whose title begins so."""

        def look():
            titles = [body["attachments"][0]["title"] for body in self.http.bodies(shipped.CHAT)]
            self.told.quote_kept()
            return any(title.startswith(beginning) for title in titles)

        self.wait(look, f"a message in the chat: {beginning}")

    def knows_all(self, metrics):
        coverage = metrics.value("rbl_safelist_coverage_ratio", list="senderscore_bl")
        return coverage is not None and coverage >= 0.99 and len(metrics.all("rbl_ip_listed", group="outbound")) == 5

    def is_between_sweeps(self, metrics):
        """A refusal in the middle of a sweep would take back what was not proven yet: true, but another story."""
        completion = metrics.value("rbl_range_sweep_last_completion_timestamp_seconds")
        return completion is not None and 2 <= time.time() - completion <= 5

    def knows_neighbours(self, metrics):
        """Until it does, it has just seen them to be clean, and asks nothing again that it knows for less than a minute."""
        return metrics.value("rbl_range_listed_addresses", range="40.107.0.0/16") == len(REST_OF_RANGE) + 2

    def n_listed(self, metrics):
        return sum(value == 1 for _, value in metrics.all("rbl_ip_listed"))

    def pause(self, seconds=None):
        """Time to read. A program that dies is noticed."""
        end = time.monotonic() + (self.reading_s if seconds is None else seconds)
        while time.monotonic() < end:
            self.world.check_alive()
            time.sleep(0.1)

    # --- What is told ---

    def prologue(self):
        told = self.told
        told.title("rbl_exporter: a demonstration")
        told.say(f"""Mail of a Microsoft 365 tenant bounces, because shared addresses of Microsoft's got onto
            SenderScore's list. This is that story, with the real programs, on this machine alone: nobody is asked
            anything. The list is rbldnsd with data as SenderScore's; in front of it is unbound, as a resolver of your
            own. Starting them, rbl_exporter, Prometheus and Alertmanager with the shipped rules and routing ...""")
        self.start()
        told.table((
            ("Status page", self.status_page),
            ("Metrics", f"{self.status_page}metrics"),
            ("Prometheus", f"http://{self.prometheus.endpoint}/alerts"),
            ("Alertmanager", f"amtool --alertmanager.url=http://{self.alertmanager.endpoint} alert"),
            ("Files and logs", self.world.folder),
        ))
        factor = round(DAY_S / self.day_s)
        told.say(f"""Time is compressed. A day of the alert rules takes {self.day_s} seconds (1 to {factor:,}), but no
            alert waits less than {LEAST_S}: one that pages after 15 minutes pages after {LEAST_S} seconds. Addresses
            are checked every second in place of every 15 minutes, ranges swept every 15 seconds in place of daily.
            Thresholds are as shipped. Ctrl-C ends it and removes everything.""")

    def all_is_well(self):
        """All is well"""
        metrics = self.exporter.metrics()
        n = metrics.value("rbl_range_checked_addresses", range="40.107.0.0/16")
        self.told.say(f"""rbl_exporter watches five addresses that our mail left from, and all of 40.107.%.%: {n:,.0f}
            addresses have been looked at, {self.n_listed(metrics)} of the five are listed. The range is in the mail
            system's safelist, "temporarily", under ticket KH-4711.""")

    def listed(self):
        """Three of our addresses get onto the list"""
        self.list.write(ZONE, 0, score_too_low(LISTED + REST_OF_RANGE))
        self.told.say(f"""SenderScore lists {', '.join(LISTED)}, and three neighbours that nobody watches by name. One
            answer is not believed: rbl_exporter asks a second time, and tests the list itself.""")
        self.wait_for_metrics(lambda m: self.n_listed(m) == len(LISTED), "three listings")
        shown = re.findall(r"^rbl_ip_listed.* 1$", self.exporter.get("/metrics").text, re.MULTILINE)
        self.told.quote(f"{self.status_page}metrics", "\n".join(shown))

    def bounce(self):
        """A bounce arrives"""
        self.told.quote("to the accounts department", as_shown(BOUNCE))
        self.told.say("""Which of these names and addresses matters, whose list is it, and what is to be done? The
            message is handed to the running rbl_exporter, whole, as the mail server has it. A bounce is no proof, so
            the list is asked at once, within what it allows:""")
        self.wait_for_metrics(self.knows_neighbours, "the sweep finds the neighbours")
        self.told.quote(f"rbl_exporter bounce --send={self.status_page} tests/demo/bounce.eml", self.send_bounce())
        self.pause()
        self.told.say(f"""Nobody had named {BOUNCED}. From now on it is watched like the five, as group `bounced`, for
            a week after its last bounce, and the bounce is counted:""")
        self.told.quote(f"{self.status_page}metrics", self.series_of_bounces())
        self.told.say(f"All that is known of it: {self.status_page}check?ip={BOUNCED} begins so:")
        self.told.quote(f"curl {self.status_page}check?ip={BOUNCED}", excerpt(self.address_page()))

    def send_bounce(self):
        code, out, err = exporter.run("bounce", f"--send={self.status_page}", BOUNCE)
        assert code == 0 and not err, f"rbl_exporter bounce has ended with {code}: {err}"
        return out

    def series_of_bounces(self):
        self.wait_for_metrics(lambda m: m.value("rbl_ip_listed", group="bounced", ip=BOUNCED), "the bounced one is listed")
        pattern = r'^(?:rbl_bounces_total\{list="[^"]+",result="confirmed"|rbl_ip_listed\{group="bounced").*$'
        return "\n".join(re.findall(pattern, self.exporter.get("/metrics").text, re.MULTILINE))

    def address_page(self):
        response = self.exporter.get(f"/check?ip={BOUNCED}")
        assert response.status == 200, f"/check: {response.status} {response.text}"
        return response.text

    def figure_of_bounces(self):
        """What the overview shows as confirmed bounces of the last 15 minutes, None if that is nothing yet."""
        overview = dashboard.Dashboard("overview", shipped.read("dashboards", "overview.json"))
        [query] = [q for q in overview.queries() if q.panel and q.panel["title"] == BOUNCES_PANEL]
        chosen = {v["name"]: dashboard.default_value(v) for v in overview.variables}
        values = self.prometheus.query(dashboard.interpolate(query.text, {**chosen, "__range": "15m"}))
        return values and values[0][1] or None

    def verdict(self):
        """What the exporter says of the bounced address, with what is null left out."""
        answer = json.loads(self.exporter.get(f"/api/v1/addresses/{BOUNCED}").text)
        [of_list] = answer["lists"]
        keys = ("list", "state", "verdict", "fresh", "codes", "since", "last_check", "txt", "delisting_page")
        return "\n".join(f"{key}: {json.dumps(of_list[key])}" for key in keys if of_list[key] is not None)

    def page(self):
        """Somebody is paged"""
        self.told.say("""The list's tier is `page`, so the alert RBLAddressListed is critical, and Alertmanager sends
            it to the pager and the chat: one notification for all that are listed, another if more come later, and
            none about the range, of which far less than a thousandth is listed. Lost mail is an alert of its own.""")
        self.wait_for_message("[CRITICAL] RBLBounceConfirmed")
        self.wait_for_message(f"[CRITICAL] RBLAddressListed on senderscore_bl: {BOUNCED} (bounced) and {len(LISTED)} more")
        self.wait(self.pager_has_all, "the same for the pager")  # whose turn may come after the chat's
        self.told.quote_kept()
        figure = self.wait(self.figure_of_bounces, "a figure of bounces")
        self.told.quote("dashboards/overview.json, as Grafana asks Prometheus", f"{BOUNCES_PANEL}: {figure:.0f}")

    def pager_has_all(self):
        sizes = [len(b["alerts"]) for b in self.bodies_for_pager("firing", "RBLAddressListed")]
        return len(LISTED) + 1 in sizes

    def refused(self):
        """The list refuses to answer"""
        self.wait_for_metrics(self.is_between_sweeps, "the end of a sweep")
        self.list.write(ZONE, ACL, [f"{self.resolver.address} :127.255.255.255:Excessive Number of Queries"])
        self.told.say("""SenderScore now answers 127.255.255.255 to everything that our resolver asks: not registered,
            or too many queries. Whoever takes every answer for a listing, lists the world; whoever waits for the
            usual codes, believes that all is clean. rbl_exporter says that the list cannot be believed, and keeps
            what was proven.""")
        self.exporter_state("refused")
        self.told.quote(f"curl {self.status_page}api/v1/addresses/{BOUNCED}", self.verdict())
        self.wait_for_message("[CRITICAL] RBLListRefused")
        n = self.n_listed(self.exporter.metrics())
        assert n == len(LISTED) + 1, f"a refusal has changed verdicts: {n} are listed"
        assert not self.bodies_for_pager("resolved", "RBLAddressListed"), "a refusal has resolved listings"
        self.told.say("""All four are still listed, and nobody was told that it is over. That results get old is kept
            quiet while its cause is known.""")

    def exporter_state(self, state):
        self.wait_for_metrics(lambda m: m.state("senderscore_bl") == state, f"the list is {state}")

    def bodies_for_pager(self, status, name):
        bodies = self.http.bodies(shipped.PAGER)
        return [b for b in bodies if b["status"] == status and b["commonLabels"]["alertname"] == name]

    def asked_from_elsewhere(self):
        """It is asked from an address that is registered"""
        self.told.say("""A list that has refused is left alone for 5 minutes, then for longer; that is no setting, and
            a restart does not shorten it. So we do what helps in earnest, too: register another resolver, write it
            into the configuration, and reload.""")
        response = self.exporter.reload(self.configuration(self.other_resolver))
        assert response.status == 200, f"the reload: {response.status} {response.text}"
        self.told.quote(f"curl -X POST {self.status_page}-/reload", f"nameservers: [{self.other_resolver.endpoint}]")
        self.exporter_state("ok")
        self.wait_for_message("[RESOLVED] RBLListRefused")
        self.wait_for_metrics(self.knows_all, "the range is known again")

    def delisted(self):
        """Microsoft has cleaned up"""
        self.list.write(ZONE, 0, score_too_low([]))
        self.told.say("""The addresses leave the list. That, too, is believed only after a second look and a right
            self-test; the alert lasts a little longer, in case it flaps. The one about the bounce stays for 15 minutes
            after it, which are not compressed.""")
        self.wait_for_metrics(lambda m: self.n_listed(m) == 0, "four delistings")
        self.wait_for_message("[RESOLVED] RBLAddressListed")

    def reminder(self):
        """The safelist entry is no longer needed"""
        self.told.say(f"""What was safelisted "temporarily" is forgotten, as a rule. When nothing of 40.107.%.% has
            been listed for a whole day ({self.day_s} seconds), all of it is known, and the list could be believed for
            nine tenths of that day, a ticket is opened. Waiting ...""")
        self.wait(self.is_reminded, "a reminder by mail")
        self.told.say("The status page says so, too, but only after a day that is not compressed.")

    def is_reminded(self):
        subjects = [message["Subject"] for _, message in list(self.mail.received)]
        self.told.quote_kept()
        return any("RBLSafelistNoLongerNeeded" in subject for subject in subjects)

    def tell(self):
        self.prologue()
        for number, chapter in enumerate(self.chapters, 1):
            self.pause()
            self.told.chapter(number, len(self.chapters), chapter.__doc__)
            chapter()


def play(world, speed, stays):
    """Tells the story in `world`, and leaves nothing there; the exit code. `stays`: until a signal comes."""
    story = Story(world, speed)
    code = 1
    try:
        story.tell()
        code = 0
        story.told.say("That was the story.")
        if stays:
            story.told.say(f"Everything is still running: have a look at {story.status_page}. Ctrl-C ends it.")
            while True:
                story.pause(1)
                story.told.quote_kept()
    except SystemExit as end:  # a signal
        code = code and end.code
    except Exception as error:
        code = 1
        story.told.quote("The demonstration has failed", f"{type(error).__name__}: {error}", teller.RED)
    finally:
        for server in reversed(list(world.running)):
            try:
                server.stop()
            except Exception as error:
                if code == 0:
                    code = 1
                    story.told.quote("A program did not end as it should", str(error), teller.RED)
        world.destroy()
    return code
