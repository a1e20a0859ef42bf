"""A Redis, servers that keep their sessions in it, and clients that go from one to the other."""

import os
import signal
import subprocess
import sys

import pytest
import support
import tlspair
from strangers import Stranger, c_example, free_port, need, s_client, until

NAME = "session_store_redis"
# Longer than any test: where Redis is to answer, or to be given up, before this.
PATIENT = ["--patience", "60000"]


def program(language):
    """The example, as a command; without it the test is skipped."""
    if language == "python":
        pytest.importorskip("redis.asyncio")
        return [sys.executable, support.CHECKOUT / "python" / "examples" / f"{NAME}.py"]
    return [c_example(NAME)]


class Redis:
    """A redis-server without a memory on disk. `prefix` is what runs it elsewhere (`ip netns exec ...`)."""

    def __init__(self, loop, *options, address="127.0.0.1", prefix=()):
        need("redis-server")
        need("setpriv")
        self.loop, self.options, self.prefix = loop, options, list(prefix)
        self.address, self.port = address, free_port()
        self.password = None
        self.start()

    def start(self):
        # It reads no input that would tell it that we have ended.
        tied = ["setpriv", "--pdeathsig", "KILL"]
        command = ["redis-server", "--port", self.port, "--bind", self.address, "--save", "", "--appendonly", "no"]
        self.stranger = Stranger(*self.prefix, *tied, *command, *self.options)
        try:
            until(self.loop, lambda: self.stranger.said("Ready to accept connections"), self.stranger)
        except BaseException:
            self.stop()
            raise

    def stop(self):
        """Without a word to anybody; what it knew is gone."""
        self.stranger.__exit__()

    def hang(self):
        """It is there and says nothing, until `go_on`."""
        self.stranger.process.send_signal(signal.SIGSTOP)

    def go_on(self):
        self.stranger.process.send_signal(signal.SIGCONT)

    def ask(self, *words):
        """What it answers to a command, one line each."""
        environment = {**os.environ, **({"REDISCLI_AUTH": self.password} if self.password else {})}
        command = [*self.prefix, "redis-cli", "-h", self.address, "-p", self.port, *words]
        done = subprocess.run(
            list(map(str, command)), env=environment, check=True, capture_output=True, timeout=support.DEADLINE
        )
        return done.stdout.decode("latin-1").splitlines()

    def keys(self, pattern="*"):
        return sorted(filter(None, self.ask("KEYS", pattern)))

    def __enter__(self):
        return self

    def __exit__(self, *_exception):
        self.stop()


class Member:
    """One of the servers, a process of its own."""

    def __init__(self, loop, certs, secret, redis, language, *options, host="127.0.0.1", prefix=(), identity="server"):
        self.loop, self.language, self.host = loop, language, host
        files = [certs / f"{identity}-cert.pem", certs / f"{identity}-key.pem", secret]
        where = [redis.address, redis.port, "--host", host]
        self.stranger = Stranger(*prefix, *program(language), 0, *files, *where, *options)

    def ready(self):
        """Wait until it listens and, in C, is connected to Redis; asyncio's connects when it must."""
        until(self.loop, lambda: self.stranger.match(r"listening on \S+ port (\d+)"), self.stranger)
        self.port = int(self.stranger.match(r"listening on \S+ port (\d+)")[1])
        self.connected(1)
        return self

    def connected(self, times):
        """Wait until it has found Redis so many times."""
        if self.language == "c":
            until(self.loop, lambda: self.stranger.out.count(b"redis is there\n") >= times, self.stranger)

    def command(self, line, answer):
        """Type a line; the line of the answer."""
        before = self.stranger.out.count(answer)
        self.stranger.send(line.encode() + b"\n")
        until(self.loop, lambda: bytes(self.stranger.out).rpartition(b"\n")[0].count(answer) > before, self.stranger)
        return bytes(self.stranger.out).rpartition(answer)[2].partition(b"\n")[0].decode()

    def counts(self):
        """Those that are not 0."""
        words = self.command("counts", b"counts: ").split()
        return {name: int(count) for name, _, count in (word.partition("=") for word in words) if count != "0"}

    def count(self, name):
        return self.counts().get(name, 0)

    def settle(self):
        """Wait until Redis has answered everything: what was made can be asked for by others."""
        until(self.loop, lambda: self.count("pending") == 0, self.stranger)

    def rotate(self, path):
        self.command(f"rotate {path}", b"rotated: ")

    def import_(self, path):
        self.command(f"import {path}", b"imported: ")

    def end(self):
        """As a user ends it."""
        self.stranger.end_input()
        until(self.loop, lambda: self.stranger.ended, self.stranger)
        assert self.stranger.status == 0, self.stranger

    def __enter__(self):
        return self

    def __exit__(self, *_exception):
        self.stranger.__exit__()


class Visit:
    """A client of ours at one member. `told` is what the server says of it, `sessions` what it got."""

    def __init__(self, member, context, session=None):
        self.member, self.sessions = member, []
        options = tlspair.ConnectOptions(context, "localhost", session)
        self.stream = tlspair.connect(member.loop, member.port, member.host, options)
        self.recorder = support.record_stream(self.stream)
        self.stream.on_session(lambda _stream, session: self.sessions.append(session))

    @property
    def told(self):
        return bytes(self.recorder.data).decode()

    def is_served(self):
        # One that has ended fails below.
        return self.recorder.data.endswith(b"\n") or self.stream.closed

    def finish(self):
        """Wait until it is over; whether it resumed comes back."""
        until(self.member.loop, self.is_served, self.member.stranger)
        reused = self.stream.session_reused
        expected = f"{self.stream.protocol} {'resumed' if reused else 'new'}\n"
        assert self.told == expected, (self.told, self.recorder.events)
        self.stream.end()
        until(self.member.loop, lambda: self.stream.closed, self.member.stranger)
        assert self.recorder.of("error") == []
        return reused

    @property
    def session(self):
        return self.sessions[-1]


def visit(member, context, session=None):
    """One whole visit, after which what it made is in Redis; whether it resumed, and its sessions."""
    one = Visit(member, context, session)
    reused = one.finish()
    member.settle()
    return reused, one.sessions


def s_client_visit(member, certs, offered, saved, *arguments, **more):
    """The same by `openssl s_client`, which offers a session to anybody and saves one, each in a file."""
    sessions = [*(["-sess_in", offered] if offered else []), *(["-sess_out", saved] if saved else [])]
    with s_client(certs, member.port, *sessions, *arguments, host=member.host, **more) as stranger:
        until(member.loop, lambda: stranger.match(r"TLSv1\.\d (new|resumed)\n"), stranger)
        resumed = stranger.match(r"TLSv1\.\d (new|resumed)\n")[1] == b"resumed"
        assert stranger.said("Reused, TLSv1" if resumed else "New, TLSv1"), stranger
        stranger.end_input()
        until(member.loop, lambda: stranger.ended, stranger)
        assert not saved or saved.stat().st_size, stranger
    member.settle()
    return resumed
