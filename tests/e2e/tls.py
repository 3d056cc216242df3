# SPDX-License-Identifier: Apache-2.0
"""Certificates and keys, made by openssl(1)."""

import subprocess

import harness
from servers import find_program


def _openssl(*arguments):
    subprocess.run([find_program("openssl"), *arguments], check=True, capture_output=True, timeout=harness.LIMIT_S)


def self_signed(cert, key, names="IP:127.0.0.1", subject="/CN=rbl_exporter"):
    """A certificate that is its own authority, and its key, into the files of these paths; `names` as openssl has them."""
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    _openssl("req", "-x509", *curve, "-keyout", key, "-out", cert, "-subj", subject, "-addext", f"subjectAltName={names}")
