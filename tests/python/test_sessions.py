"""Sessions of clients: events, the option, another process, the cache of a context."""

import os
import subprocess
import sys

import pytest
import support
import tlspair
from tlspair import constant

VERSIONS = ["TLSv1.2", "TLSv1.3"]
TEXT = b"resume"
# Resumes the session of one file, and puts the newest into another.
ELSEWHERE = """
import sys, tlspair
port, version, ca, there, back = int(sys.argv[1]), *sys.argv[2:]
context = tlspair.Context()
context.add_ca_file(ca)
context.set_max_version(version)
context.set_min_version(version)
with open(there, "rb") as file:
    options = tlspair.ConnectOptions(context, "localhost", file.read())
with tlspair.Loop() as loop:
    stream = tlspair.connect(loop, port, "127.0.0.1", options)
    @stream.on_data
    def answered(stream, _data):
        with open(back, "wb") as file:
            file.write(stream.session)
        print(stream.session_reused)
        stream.end()
    stream.write("x".encode())
    loop.run()
"""


class Client:
    """A connection to a server that echoes, with the sessions that it was told of."""

    def __init__(self, loop, port, context, *, session=None, servername="localhost", **options):
        settings = tlspair.ConnectOptions(context, servername, session)
        for name, value in options.items():
            getattr(settings, f"set_{name}")(value)
        self.loop, self.sessions = loop, []
        self.stream = tlspair.connect(loop, port, "127.0.0.1", settings)
        self.recorder = support.record_stream(self.stream)
        self.stream.on_session(lambda _stream, session: self.sessions.append(session))
        self.stream.write(TEXT)

    def finish(self):
        """Through the echo, before which come the tickets, to the end."""
        support.run_until(self.loop, lambda: self.recorder.data == TEXT or self.stream.closed)
        self.reused, self.newest = self.stream.session_reused, self.stream.session
        self.stream.end()
        support.run_until(self.loop, lambda: self.stream.closed)
        return self


@pytest.fixture
def server(loop, server_context):
    server = support.echo_server(loop, server_context)
    yield server
    server.close()
    support.run_to_the_end(loop)


def connect(loop, server, context, **options):
    return Client(loop, server.port, context, **options).finish()


@pytest.mark.parametrize("version", VERSIONS)
def test_s78_each_session_is_told_and_resumed(loop, certs, server, version):
    context = support.client_context(certs, version=version)
    first = connect(loop, server, context)
    assert not first.reused
    assert len(first.sessions) == (2 if version == "TLSv1.3" else 1)
    assert first.newest == first.sessions[-1]
    for session in first.sessions:
        again = connect(loop, server, context, session=session)
        assert again.reused and again.recorder.names == ["secure_connect", "data", "end", "close"]
        # TLS 1.3 gives a new ticket, and TLS 1.2 leaves the old one in force.
        assert len(again.sessions) == (version == "TLSv1.3")
        assert again.newest is not None


def test_s78_none_is_told_without_a_callback(loop, server, client_context):
    client = Client(loop, server.port, client_context)
    client.stream.on_session(None)
    assert client.stream.session is None
    assert not client.finish().sessions
    assert client.newest is not None and client.stream.session is None


@pytest.mark.parametrize("version", VERSIONS)
def test_s78_a_session_outlives_its_process(loop, certs, server, version, tmp_path):
    """Made here, offered by another process of ours, and the other way round."""
    (tmp_path / "there").write_bytes(connect(loop, server, support.client_context(certs, version=version)).newest)
    child = subprocess.Popen(
        [sys.executable, "-c", ELSEWHERE, str(server.port), version]
        + [str(path) for path in (certs / "ca.pem", tmp_path / "there", tmp_path / "back")],
        env={**os.environ, "PYTHONPATH": str(support.CHECKOUT / "python")},
        stdout=subprocess.PIPE,
    )
    try:
        support.run_until(loop, lambda: child.poll() is not None)
        assert child.stdout.read() == b"True\n"
    finally:
        child.kill()
        child.wait()
        child.stdout.close()
    context = support.client_context(certs, version=version)
    assert connect(loop, server, context, session=(tmp_path / "back").read_bytes()).reused


def test_s78_what_is_no_session(loop, server, client_context):
    session = connect(loop, server, client_context).newest
    for wrong in [b"x", session[:-1], session + b"x", session[::-1], bytes(session[:-40])]:
        with pytest.raises(tlspair.TLSError) as caught:
            tlspair.ConnectOptions(client_context, "localhost", wrong)
        assert caught.value.status == constant.TLS_ERR_SESSION
        assert caught.value.name == "ERR_TLS_INVALID_SESSION"
    with pytest.raises(TypeError):
        tlspair.ConnectOptions(client_context, "localhost", "text")
    settings = tlspair.ConnectOptions(client_context, "localhost", memoryview(session))
    settings.set_session(None)
    assert not connect(loop, server, client_context, session=b"").reused


def test_s78_sessions_are_of_clients(loop, server, client_context):
    refused = []

    @server.on_secure_connection
    def connected(_server, stream):
        try:
            stream.on_session(print)
        except tlspair.TLSError as error:
            refused.append(error.name)
        refused.append(stream.session)
        stream.pipe(stream)

    connect(loop, server, client_context)
    assert refused == ["ERR_INVALID_STATE", None]


@pytest.mark.parametrize("version", VERSIONS)
def test_s78_a_pair_resumes_too(certs, version):
    context = support.server_context(certs)

    def connect(session=None):
        client = tlspair.SecurePair(support.client_context(certs, version=version))
        client.set_servername("localhost")
        client.set_session(session)
        sessions = []
        client.on_session(lambda _pair, session: sessions.append(session))
        with client, tlspair.SecurePair(context, is_server=True) as server:
            support.shuttle(client, server)
            assert server.session is None
            assert client.session == (sessions[-1] if sessions else session)
            return client.session_reused, server.session_reused, sessions

    reused, _, sessions = connect()
    assert not reused and sessions
    for session in sessions:
        reused, theirs, more = connect(session)
        assert reused and theirs and len(more) == (version == "TLSv1.3")


@pytest.mark.parametrize("version", VERSIONS)
def test_s78_the_cache_resumes_by_itself(loop, certs, server, version):
    context = support.client_context(certs, version=version)
    context.set_session_cache(10)
    assert context.session_cache_counts == (0, 0, 0, 0)
    turns = [connect(loop, server, context).reused for _ in range(5)]
    assert turns == [False, True, True, True, True]
    counts = context.session_cache_counts
    assert (counts.hits, counts.misses, counts.refused) == (4, 1, 0)
    assert counts.entries == (2 if version == "TLSv1.3" else 1)
    # Another name is another server.
    assert not connect(loop, server, context, servername="127.0.0.1").reused
    assert context.session_cache_counts.misses == 2
    with pytest.raises(tlspair.TLSError) as caught:
        context.set_session_cache(0)
    assert caught.value.status == constant.TLS_ERR_FROZEN


def test_s78_the_cache_is_off_by_default(loop, server, client_context):
    assert [connect(loop, server, client_context).reused for _ in range(2)] == [False, False]
    assert client_context.session_cache_counts == (0, 0, 0, 0)
    with pytest.raises(ValueError):
        tlspair.Context().set_session_cache(-1)
    with pytest.raises(tlspair.TLSError):
        tlspair.Context().set_session_cache(2**20 + 1)
