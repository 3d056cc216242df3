# SPDX-License-Identifier: Apache-2.0
"""The exporter with TLS and a password, for tests of something else."""

import base64
import os
import ssl
import warnings

import tls
from exporter import Exporter

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import crypt


def write_web_config(world, cost=4):
    """A web configuration with a certificate for 127.0.0.1 and user alice, whose password is wonderland; its path."""
    tls.self_signed(world.path("server.pem"), world.path("server.key"))
    os.chmod(world.path("server.key"), 0o600)
    hashed = crypt.crypt("wonderland", f"$2b${cost:02}$abcdefghijklmnopqrstuu")
    return world.write(
        "web.yml",
        f"tls_server_config: {{cert_file: server.pem, key_file: server.key}}\nbasic_auth_users: {{alice: {hashed}}}\n",
    )


def header(user="alice:wonderland"):
    return "Basic " + base64.b64encode(user.encode()).decode()


class SecureExporter(Exporter):
    """Its web configuration has been written; requests of the test are over TLS and with the password."""

    credentials = f"Authorization: {header()}\r\n"

    def __init__(self, world, text, flags=(), **keys):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.context.check_hostname = False
        self.context.load_verify_locations(world.path("server.pem"))
        super().__init__(world, text, [f"--web.config.file={world.path('web.yml')}", *flags], **keys)

    def connect(self, timeout=20, source=None):
        return self.context.wrap_socket(super().connect(timeout, source))

    def request(self, method, path, headers=None, body=b""):
        return super().request(method, path, {"Authorization": header(), **(headers or {})}, body)
