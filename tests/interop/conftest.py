"""The certificates and the loop of tests/python, and what only strangers need."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

NEIGHBOUR = Path(__file__).resolve().parents[1] / "python"
sys.path.insert(0, str(NEIGHBOUR))  # its support.py

# By its path: two files called conftest cannot both be imported by name.
_spec = importlib.util.spec_from_file_location("tlspair_python_conftest", NEIGHBOUR / "conftest.py")
_shared = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_shared)
certs, loop = _shared.certs, _shared.loop


@pytest.fixture(params=["TLSv1.2", "TLSv1.3"])
def version(request):
    """Each protocol version in turn."""
    return request.param


@pytest.fixture(params=["server", "server-rsa"], ids=["ecdsa", "rsa"])
def identity(request):
    """Each kind of certificate in turn."""
    return request.param


@pytest.fixture
def secret(tmp_path):
    """A file with what the servers of a fleet share."""
    path = tmp_path / "secret"
    path.write_bytes(os.urandom(48))
    return path


@pytest.fixture(scope="session")
def intruder(tmp_path_factory):
    """A client certificate of a CA that nobody here trusts: a certificate and a key file."""
    directory = tmp_path_factory.mktemp("intruder")

    def make(name, *arguments):
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc", "-days", "9"]
            + ["-keyout", f"{name}-key.pem", "-out", f"{name}.pem", *arguments],
            cwd=directory,
            check=True,
            capture_output=True,
            timeout=30,
        )

    make("ca", "-subj", "/CN=nobody's root")
    make("client", "-subj", "/CN=intruder", "-CA", "ca.pem", "-CAkey", "ca-key.pem")
    return directory / "client.pem", directory / "client-key.pem"
