# SPDX-License-Identifier: Apache-2.0
"""Nameservers of the system: /etc/resolv.conf changes, is emptied, and is nothing that can be believed.

Each exporter has a file of its own in that place, in a mount namespace of its own; and port 53 is this program's, in a
network namespace of its own.
"""

import subprocess
import time

import netns
from exporter import Exporter, config, dns_list
from fakedns import FakeDns
from harness import equal, main, report, scene, wait

ZONE = "bl.example.net"
LISTED, CLEAN = "192.0.2.1", "192.0.2.2"
GROUPS = [{"name": "singles", "addresses": [LISTED, CLEAN]}]
MOUNT = ("unshare", "--mount", "--propagation=private", "sh", "-c", 'mount --bind "$0" /etc/resolv.conf && exec "$@"')
REFUSED = "cannot take nameservers from /etc/resolv.conf (it is no text file): set resolver.nameservers"
BAD = {
    "with a NUL": b"nameserver 127.0.0.1\n\0\nnameserver 127.0.0.1\n",
    "that begins with a NUL": b"\0nameserver 127.0.0.1\n",
    "of 1 MB": b"# nothing\n" * 100_000 + b"nameserver 127.0.0.1\n",
    "with nothing but names": b"nameserver localhost\n",
}


def server(world, address=None):
    return FakeDns(world, ZONE, {LISTED: ["127.0.0.2"]}, address=address, port=53)


def settings(**keys):
    text = config([dns_list("bl", ZONE, **keys)], GROUPS, None)
    return text.replace('"nameservers": null,', "")


def name(world, content):
    """What the file says from now on; in its place, for another file would not be seen there."""
    with open(world.path("resolv.conf"), "wb") as file:
        file.write(content if isinstance(content, bytes) else f"nameserver {content.address}\n".encode())
    return world.path("resolv.conf")


def demand_truth(exporter):
    metrics = exporter.metrics()
    equal(metrics.value("rbl_ip_listed", ip=LISTED), 1)
    equal(metrics.value("rbl_ip_listed", ip=CLEAN), 0)
    for counter in ("rbl_ip_listings_total", "rbl_ip_delistings_total"):
        equal([value for _, value in metrics.all(counter)], [0.0], counter)


def start(world, content):
    exporter = Exporter(world, settings(), wrapper=(*MOUNT, name(world, content)))
    exporter.wait_for(lambda m: len(m.all("rbl_ip_listed")) == 2, "the first verdicts")
    return exporter


def goes_over(exporter, old, new):
    """From now on `new` is asked, and `old` no more, while the truth is shown all the time."""
    reloaded = time.time()
    wait(
        lambda: demand_truth(exporter) or (new.queries(ip=LISTED) and new.queries(ip=CLEAN)),
        "the new nameserver is asked",
        world=exporter.world,
    )
    exporter.wait_for_looks("bl", more=4)
    demand_truth(exporter)
    equal([seen for seen in old.queries() if seen.time > reloaded], [], "questions to the old nameserver")


@scene
def changed(world):
    first, second, third = server(world), server(world), server(world)
    exporter = start(world, first)
    with world.case("what resolv.conf says is asked, without a key of the configuration"):
        demand_truth(exporter)
        equal(len(second.seen), 0)
    with world.case("another nameserver in it is asked after SIGHUP; nothing is withdrawn, and the old one is left alone"):
        name(world, second)
        exporter.hang_up()
        goes_over(exporter, first, second)
    with world.case("... and after POST /-/reload"):
        name(world, third)
        equal(exporter.request("POST", "/-/reload").status, 200)
        goes_over(exporter, second, third)
    with world.case("what the new one says of a change counts"):
        third.listed[CLEAN] = ["127.0.0.2"]
        exporter.wait_for_value(1, "rbl_ip_listed", ip=CLEAN)


@scene
def not_to_be_believed(world):
    good = server(world)
    exporter = start(world, good)
    for what, content in BAD.items():
        with world.case(f"a resolv.conf {what} is told, and the old nameserver goes on being asked"):
            name(world, content)
            response = exporter.request("POST", "/-/reload")
            assert response.status >= 400 and REFUSED in response.text, (response.status, response.text)
            exporter.wait_for_looks("bl", more=4)
            demand_truth(exporter)
    with world.case("one that is right again is taken"):
        name(world, good)
        equal(exporter.request("POST", "/-/reload").status, 200)
        exporter.wait_for_looks("bl", more=4)
        demand_truth(exporter)


@scene
def none_at_the_start(world):
    for what, content in BAD.items():
        with world.case(f"with a resolv.conf {what} it does not start, and says why"):
            path = name(world, content)
            text = world.write("exporter.yml", settings())
            command = [*MOUNT, path, Exporter.program, f"--config.file={text}", f"--storage.path={world.path('storage')}"]
            done = subprocess.run(
                [*command, "--web.listen-address=127.0.0.1:0"], capture_output=True, text=True, timeout=60, check=False
            )
            assert done.returncode == 1 and REFUSED in done.stderr, (done.returncode, done.stderr)


@scene
def empty(world):
    first, local = server(world), server(world, "127.0.0.1")
    exporter = start(world, first)
    with world.case("an empty resolv.conf means 127.0.0.1, as it does to the C library"):
        name(world, b"")
        equal(exporter.request("POST", "/-/reload").status, 200)
        goes_over(exporter, first, local)


reason = netns.why_not("unshare", "mount")
if reason is None and subprocess.run([*MOUNT, "/dev/null", "true"], check=False).returncode != 0:
    reason = "no mount namespace"
if reason is None:
    main()
report("nameservers of the system", skipped=reason)
print("1..1")
