"""The programs of others, each run beside the loop with everything it says collected."""

import fcntl
import json
import os
import queue
import random
import re
import shutil
import socket
import subprocess
import sys
import termios
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest
import support

NODE_PEER = support.CHECKOUT / "tests" / "interop" / "peer.js"
SSL_PEER = support.CHECKOUT / "tests" / "interop" / "peer.py"
# Each program's switch for exactly one version.
OPENSSL = {"TLSv1.2": "-tls1_2", "TLSv1.3": "-tls1_3"}
GNUTLS = {version: f"NORMAL:-VERS-ALL:+VERS-{version.replace('TLSv', 'TLS')}" for version in OPENSSL}
CURL = {version: ["--tlsv" + version[4:], "--tls-max", version[4:]] for version in OPENSSL}


def need(program):
    """The program's path; without it the test is skipped."""
    # Where servers are, and not everybody looks.
    path = shutil.which(program, path=os.environ["PATH"] + os.pathsep + "/usr/sbin")
    if path is None:
        pytest.skip(f"{program} is not installed")
    return path


def c_example(name):
    """The path of a program of examples-c; if it was not built, the test is skipped."""
    path = Path(os.environ.get("TLSPAIR_EXAMPLES", "")) / name
    if not path.is_file():
        pytest.skip(f"{name} is not built: the C examples are not, or what it is linked with is not here")
    return path


def need_node(major):
    """Skips the test where there is no Node of this version or a later one."""
    version = subprocess.run([need("node"), "--version"], check=True, capture_output=True, text=True, timeout=60).stdout
    if int(version.lstrip("v").split(".")[0]) < major:
        pytest.skip(f"Node is older than {major}: {version.strip()}")


def free_port():
    """A port of 127.0.0.1 for those who cannot be told 0; below those that the system hands out."""
    for _ in range(100):
        port = random.randrange(20000, 32000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no free port")


class Stranger:
    """A running program. Nothing here waits, so that the loop can turn meanwhile; `until` waits.

    Leaving the block ends the program if it still runs, and reaps it.
    """

    def __init__(self, program, *arguments, cwd=None):
        # The machine's configuration of OpenSSL must not decide what a test shows.
        environment = {**os.environ, "OPENSSL_CONF": os.devnull, "NODE_OPTIONS": "", "LC_ALL": "C"}
        environment["PYTHONPATH"] = str(support.CHECKOUT / "python")  # for our examples
        pipe = subprocess.PIPE
        command = [need(program), *map(str, arguments)]
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, env=environment, cwd=cwd)
        self.out, self.err = bytearray(), bytearray()
        self._input = queue.SimpleQueue()
        self._typed = self._written = 0
        self._readers = [
            threading.Thread(target=self._read, args=(self.process.stdout, self.out), daemon=True),
            threading.Thread(target=self._read, args=(self.process.stderr, self.err), daemon=True),
        ]
        self._writer = threading.Thread(target=self._write, daemon=True)
        for thread in (*self._readers, self._writer):
            thread.start()

    @staticmethod
    def _read(pipe, into):
        while True:
            data = os.read(pipe.fileno(), 1 << 16)
            if not data:
                return
            into += data

    def _write(self):
        try:
            while True:
                data = self._input.get()
                if data is None:
                    break
                self.process.stdin.write(data)
                self.process.stdin.flush()
                self._written += len(data)
        except OSError:
            pass  # it has ended; the test sees that by what it said
        try:
            self.process.stdin.close()
        except OSError:
            pass

    def send(self, data):
        """Type something, of any length."""
        self._typed += len(data)
        self._input.put(data)

    @property
    def has_read_all(self):
        """Whether it has read everything that was typed, so that what comes next is a read of its own."""
        if self._typed != self._written:
            return False
        waiting = fcntl.ioctl(self.process.stdin, termios.FIONREAD, bytes(4))
        return int.from_bytes(waiting, sys.byteorder) == 0

    def end_input(self):
        """Nothing more to type."""
        self._input.put(None)

    def kill(self):
        """End it without a word to its peer."""
        self.process.kill()

    @property
    def ended(self):
        """Whether it has ended by itself and everything it said is here."""
        return self.process.poll() is not None and not any(thread.is_alive() for thread in self._readers)

    @property
    def status(self):
        """Exit status, once it has ended."""
        return self.process.returncode

    def said(self, text):
        """Whether `text` is in what it printed."""
        return text.encode() in self.out or text.encode() in self.err

    def match(self, pattern):
        """A regular expression against what it printed."""
        return re.search(pattern.encode(), bytes(self.out) + b"\n" + bytes(self.err))

    def found(self, pattern):
        """What the group of a regular expression found in what it printed, `None` if nothing."""
        match = self.match(pattern)
        return match and match[1].decode()

    def reports(self, key):
        """What peer.js told about `key`, one JSON object a line."""
        lines = bytes(self.err).split(b"\n")[:-1]  # the last one is not complete
        objects = [json.loads(line) for line in lines if line.startswith(b"{")]
        return [report[key] for report in objects if key in report]

    def __enter__(self):
        return self

    def __exit__(self, *_exception):
        self.end_input()
        self.process.kill()
        self.process.wait(support.DEADLINE)
        for thread in (*self._readers, self._writer):
            thread.join(support.DEADLINE)
            assert not thread.is_alive(), self
        self.process.stdout.close()
        self.process.stderr.close()

    def __repr__(self):
        def tail(data):
            return bytes(data[-2000:]).decode("utf-8", "replace")

        return f"<{self.process.args[0]}: {self.process.poll()}\n{tail(self.out)}\n{tail(self.err)}>"


def until(loop, done, *strangers):
    """Turn the loop until `done()`; what the strangers said is in the failure."""
    try:
        # What a stranger says does not wake the loop.
        support.run_until(loop, done, turn=0.005)
    except AssertionError as error:
        raise AssertionError(f"{error}: {strangers}") from None


def s_client(
    certs, port, *arguments, version=None, ca="ca.pem", servername="localhost", host="127.0.0.1", prefix=()
):
    """`openssl s_client` that verifies the chain, and the name localhost whatever name it asks for.

    Lines that begin with one of its letters (Q, R, k, ...) are commands, unless `-nocommands`.
    `prefix` is what runs it elsewhere.
    """
    return Stranger(
        *[*prefix, "openssl", "s_client", "-connect", f"{host}:{port}"],
        *(["-noservername"] if servername is None else ["-servername", servername]),
        *["-CAfile", certs / ca, "-verify_return_error", "-verify_hostname", "localhost"],
        *([OPENSSL[version]] if version else []),
        *arguments,
    )


@contextmanager
def s_server(loop, certs, *arguments, version=None, identity="server", cwd=None):
    """`openssl s_server` for one connection; the program and its port."""
    cert, key = certs / f"{identity}-cert.pem", certs / f"{identity}-key.pem"
    with Stranger(
        *["openssl", "s_server", "-accept", "127.0.0.1:0", "-naccept", "1"],
        *["-cert", cert, "-cert_chain", cert, "-key", key],
        *([OPENSSL[version]] if version else []),
        *arguments,
        cwd=cwd,
    ) as server:
        until(loop, lambda: server.match(r"ACCEPT 127\.0\.0\.1:(\d+)\n"), server)
        yield server, int(server.match(r"ACCEPT 127\.0\.0\.1:(\d+)\n")[1])


def gnutls_cli(certs, port, *arguments, version, options="", servername="localhost"):
    """`gnutls-cli` that verifies the chain, and the name localhost whatever name it asks for."""
    return Stranger(
        *["gnutls-cli", "--port", port, "--x509cafile", certs / "ca.pem", "--priority", GNUTLS[version] + options],
        *(["--disable-sni"] if servername is None else ["--sni-hostname", servername]),
        *["--verify-hostname", "localhost", *arguments, "127.0.0.1"],
    )


def ssl_client(port, version, ca, *identity, alpn=()):
    """peer.py as a client of `port`, with certificate and key files or without."""
    return Stranger(sys.executable, SSL_PEER, port, version, ca, ",".join(alpn), *identity)


def node_client(port, **options):
    """peer.js as a client of `port`."""
    return Stranger("node", NODE_PEER, "client", json.dumps({"port": port, **options}, default=str))


@contextmanager
def node_server_of(loop, **options):
    """peer.js as a server with Node's options; the program and its port."""
    with Stranger("node", NODE_PEER, "server", json.dumps(options, default=str)) as server:
        until(loop, lambda: server.reports("port"), server)
        yield server, server.reports("port")[0]


def node_server(loop, certs, identity="server", **options):
    """The same with a certificate and its key."""
    files = {"cert": certs / f"{identity}-cert.pem", "key": certs / f"{identity}-key.pem"}
    return node_server_of(loop, **files, **options)
