# SPDX-License-Identifier: Apache-2.0
"""Certificates and keys, made by openssl(1)."""

import os
import subprocess

import harness
from servers import find_program


def _openssl(*arguments):
    subprocess.run([find_program("openssl"), *arguments], check=True, capture_output=True, timeout=harness.LIMIT_S)


def self_signed(cert, key, names="IP:127.0.0.1", subject="/CN=rbl_exporter"):
    """A certificate that is its own authority, and its key, into the files of these paths; `names` as openssl has them."""
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    _openssl("req", "-x509", *curve, "-keyout", key, "-out", cert, "-subj", subject, "-addext", f"subjectAltName={names}")


class Authority:
    """An authority of a test, which signs certificates; `cert` is the path of its own."""

    def __init__(self, world, name="authority"):
        self.world = world
        self.cert, self.key = world.path(name + ".pem"), world.path(name + ".key")
        self_signed(self.cert, self.key, "DNS:authority.example.net", f"/CN={name}")

    def sign(self, name, names="IP:127.0.0.1", purpose=None):
        """The paths of a certificate for `names` and of its key; those of an earlier one by that name are replaced, the
        certificate first. `purpose`: serverAuth or clientAuth, None: for all."""
        cert, key, request, extensions = (self.world.path(name + end) for end in (".pem", ".key", ".csr", ".ext"))
        curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        _openssl("req", "-new", *curve, "-keyout", key + ".new", "-out", request, "-subj", f"/CN={name}")
        with open(extensions, "w", encoding="utf-8") as file:
            file.write(f"subjectAltName={names}\n" + (f"extendedKeyUsage={purpose}\n" if purpose else ""))
        signer = ["-CA", self.cert, "-CAkey", self.key, "-CAcreateserial", "-days", "2", "-extfile", extensions]
        _openssl("x509", "-req", "-in", request, "-out", cert + ".new", *signer)
        os.replace(cert + ".new", cert)
        os.replace(key + ".new", key)
        return cert, key
