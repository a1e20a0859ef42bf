"""Odd certificates, made with the openssl command line."""

import os
import subprocess

CONFIG = """\
[req]
distinguished_name = name
[name]
"""
KEYS = {"ec": ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"], "rsa1024": ["rsa:1024"], "rsa": ["rsa:2048"]}
CA = ("basicConstraints=critical,CA:true", "keyUsage=critical,keyCertSign,cRLSign")
LEAF = ("basicConstraints=critical,CA:false",)


class Mint:
    """A directory with a root CA, `ca.pem`, and what it and others sign: NAME-cert.pem, NAME-key.pem."""

    def __init__(self, directory):
        self.directory = directory
        (directory / "config").write_text(CONFIG)
        self._make("ca", "/CN=root", None, CA, "ec", "sha256")
        (directory / "ca.pem").write_bytes((directory / "ca.crt").read_bytes())

    def _make(self, name, subject, issuer, extensions, key, digest):
        command = ["openssl", "req", "-config", "config", "-x509", "-noenc", "-days", "9", "-newkey", *KEYS[key]]
        command += ["-keyout", f"{name}-key.pem", "-out", f"{name}.crt", "-subj", subject, f"-{digest}"]
        if issuer is not None:
            command += ["-CA", f"{issuer}.crt", "-CAkey", f"{issuer}-key.pem"]
        for extension in extensions:
            command += ["-addext", extension]
        environment = {**os.environ, "OPENSSL_CONF": os.devnull}
        subprocess.run(command, cwd=self.directory, env=environment, check=True, capture_output=True, timeout=30)

    def ca(self, name, *extensions, issuer="ca", digest="sha256"):
        """A CA below the root; the extensions are all that it has, if any are given."""
        self._make(name, f"/CN={name}", issuer, extensions or CA, "ec", digest)

    def leaf(self, name, *extensions, through=(), subject="/CN=unused.example", key="ec", digest="sha256"):
        """A leaf, with the CAs that lead to the root behind it in the file, nearest first."""
        issuer = through[0] if through else "ca"
        self._make(name, subject, issuer, (*LEAF, *extensions), key, digest)
        chain = [name, *through]
        files = [(self.directory / f"{one}.crt").read_bytes() for one in chain]
        (self.directory / f"{name}-cert.pem").write_bytes(b"".join(files))
