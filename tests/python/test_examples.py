"""The example programs, run as a user runs them; and how the library is found."""

import os
import signal
import subprocess
import sys

import pytest
from support import CHECKOUT, hear_interrupts

EXAMPLES = CHECKOUT / "python" / "examples"
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(CHECKOUT / "python")}


@pytest.fixture(params=["echo_server.py", "asyncio_echo_server.py"])
def port(certs, request):
    command = [sys.executable, EXAMPLES / request.param, "0", certs / "server-cert.pem", certs / "server-key.pem"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT, preexec_fn=hear_interrupts
    ) as process:
        try:
            line = process.stdout.readline()
            assert line.startswith("listening on 127.0.0.1 port "), line
            yield line.split()[-1]
            process.send_signal(signal.SIGINT)
            out, _ = process.communicate(timeout=10)
            assert out.endswith("stopped\n")
            assert process.returncode == 0
        finally:
            process.kill()


def client(port, ca, source, out, *more):
    command = [sys.executable, EXAMPLES / "echo_client.py", "localhost", port, ca, source, out, *more]
    return subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("size", [0, 1, 10_000_000])
def test_s74_echo(certs, tmp_path, port, size):
    source, out = tmp_path / "in", tmp_path / "out"
    source.write_bytes((os.urandom(100_003) * (size // 100_003 + 1))[:size])
    done = client(port, certs / "ca.pem", source, out)
    assert done.returncode == 0, done.stderr
    assert out.read_bytes() == source.read_bytes()
    assert f"{size} bytes came back" in done.stdout


def test_s74_refusals_are_readable(certs, tmp_path, port):
    source, out = tmp_path / "in", tmp_path / "out"
    source.write_bytes(b"secret")
    wrong_name = client(port, certs / "ca.pem", source, out, "--servername", "other.example")
    assert wrong_name.returncode == 1 and "ERR_TLS_CERT_ALTNAME_INVALID" in wrong_name.stderr
    wrong_ca = client(port, certs / "other-ca.pem", source, out)
    assert wrong_ca.returncode == 1 and "CERT" in wrong_ca.stderr
    no_ca = client(port, tmp_path / "none", source, out)
    assert no_ca.returncode == 1 and "ENOENT" in no_ca.stderr
    for done in (wrong_name, wrong_ca, no_ca):
        assert "Traceback" not in done.stderr


def test_library_that_cannot_be_loaded(tmp_path):
    code = "import tlspair"
    for content in (None, b"not a library"):
        path = tmp_path / "libtlspair.so"
        if content:
            path.write_bytes(content)
        environment = {**ENVIRONMENT, "TLSPAIR_LIBRARY": str(path)}
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60)
        assert done.returncode == 1
        assert "ImportError" in done.stderr and "libtlspair.so" in done.stderr
