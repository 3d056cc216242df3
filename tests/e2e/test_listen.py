# SPDX-License-Identifier: Apache-2.0
"""Where the exporter listens: several addresses, names, unix sockets, and what systemd hands over."""

import os
import socket

import exporter as program
import harness
from exporter import Exporter, Response, config, dns_list
from fakedns import FakeDns
from harness import equal, main, scene, wait

ZONE = "bl.example.net"


def settings(world):
    server = FakeDns(world, ZONE, {"192.0.2.1": ["127.0.0.2"]})
    groups = [{"name": "few", "addresses": ["192.0.2.1"]}]
    return config([dns_list("bl", ZONE)], groups, [server.endpoint])


def ask(family, address):
    with socket.socket(family) as tcp:
        tcp.settimeout(harness.LIMIT_S)
        tcp.connect(address)
        tcp.sendall(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        received = b""
        while chunk := tcp.recv(65536):
            received += chunk
    return Response(received).status


def addresses(exporter):
    return exporter.wait_for_message("rbl_exporter started")["address"].split(" ")


@scene
def several_addresses(world):
    path = world.path("web.sock")
    flags = [f"--web.listen-address=unix:{path}", "--web.listen-address=localhost:0"]
    exporter = Exporter(world, settings(world), flags=flags)
    with world.case("all addresses are served and named in the log"):
        first, second, third = addresses(exporter)
        equal((first, second), (exporter.endpoint, f"unix:{path}"))
        host, _, port = third.rpartition(":")
        equal(host, "127.0.0.1")
        equal(ask(socket.AF_INET, (host, int(port))), 200)
        equal(ask(socket.AF_UNIX, path), 200)
        equal(exporter.get("/-/healthy").status, 200)
    with world.case("a second exporter on one of them does not start, and says which"):
        other = world.write("other.yml", open(exporter.config_path, encoding="utf-8").read())
        code, _, errors = program.run(
            f"--config.file={other}",
            f"--storage.path={world.path('other')}",
            "--web.listen-address=127.0.0.1:0",
            f"--web.listen-address=unix:{path}",
        )
        assert code == 1 and f"unix:{path}: another exporter is running there" in errors, errors
        equal(ask(socket.AF_UNIX, path), 200)
    with world.case("the socket is gone at the end"):
        exporter.stop()
        assert not os.path.exists(path)


@scene
def a_socket_left_behind(world):
    path = world.path("web.sock")
    text = settings(world)
    exporter = Exporter(world, text, flags=[f"--web.listen-address=unix:{path}"])
    with world.case("after a crash the next exporter takes the socket over"):
        exporter.kill()
        assert os.path.exists(path)
        Exporter(world, text, flags=[f"--web.listen-address=unix:{path}"])
        equal(ask(socket.AF_UNIX, path), 200)


@scene
def sockets_of_systemd(world):
    text = settings(world)
    tcp = socket.create_server((harness.take_address(), 0))
    local = socket.socket(socket.AF_UNIX)
    local.bind(world.path("systemd.sock"))
    local.listen()

    def hand_over():
        """In the new process: systemd's are descriptors 3 and 4."""
        for at, fd in enumerate([os.dup(tcp.fileno()), os.dup(local.fileno())]):
            os.dup2(fd, 50 + at)
        for at in range(2):
            os.dup2(50 + at, 3 + at)

    wrapper = ["sh", "-c", 'LISTEN_PID=$$ LISTEN_FDS=2 exec "$@"', "sh"]
    options = {"preexec_fn": hand_over, "close_fds": False, "serves": False}
    exporter = Exporter(world, text, flags=["--web.systemd-socket"], wrapper=wrapper, **options)
    with world.case("they are served in place of an address"):
        wait(lambda: exporter.messages("rbl_exporter started"), exporter.log_tail, world=world)
        equal(ask(socket.AF_INET, tcp.getsockname()), 200)
        equal(ask(socket.AF_UNIX, world.path("systemd.sock")), 200)
        name = "{}:{}".format(*tcp.getsockname())
        equal(addresses(exporter), [name, f"unix:{world.path('systemd.sock')}"])
    with world.case("they stay when the exporter ends, and wait for the next"):
        exporter.stop()
        assert os.path.exists(world.path("systemd.sock"))
        with socket.create_connection(tcp.getsockname()):
            pass
    with world.case("without one it does not start, and says what to do"):
        path = world.write("other.yml", text)
        code, _, errors = program.run(
            f"--config.file={path}", f"--storage.path={world.path('other')}", "--web.systemd-socket"
        )
        assert code == 1 and "start and enable the .socket unit" in errors, errors
    tcp.close()
    local.close()


main()
