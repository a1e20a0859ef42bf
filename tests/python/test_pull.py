"""The pull face through `tlspair.lowlevel`, as a binding uses it: whole turns in one call (P8)."""

import ctypes
import socket
import ssl
import threading
import time
from array import array

import pytest
from tlspair import constant
from tlspair.lowlevel import lib, short

WORDS, ROWS, CAPACITY = constant.TLS_ROW_WORDS, 64, 256 * 1024
PATIENCE = 10


class EchoServer:
    """Echoes on the thread that has made it, until `closes` connections have come and gone."""

    def __init__(self, certs):
        self.rows = (ctypes.c_uint64 * (ROWS * WORDS))()
        self.view = memoryview(self.rows).cast("B").cast("Q")
        self.buffer = (ctypes.c_char * CAPACITY)()
        self.statuses = (ctypes.c_int32 * ROWS)()
        self.loop = lib.tls_loop_new()
        context = lib.tls_context_new()
        names = [bytes(certs / f"server-{part}.pem") for part in ("cert", "key")]
        assert lib.tls_context_set_identity_file(context, *names, None) == constant.TLS_OK
        assert lib.tls_loop_set_row_kinds(self.loop, constant.TLS_ROW_KINDS_DEFAULT) == constant.TLS_OK
        self.server = lib.tls_server_new(self.loop, context)
        assert lib.tls_context_free(context) == constant.TLS_OK
        assert lib.tls_server_listen(self.server, 0, b"127.0.0.1") == constant.TLS_OK
        self.port = lib.tls_server_port(self.server)
        self.seen = []
        self.closes = 0

    def turn(self, poll, timeout):
        count = poll(self.loop, self.rows, WORDS, ROWS, self.buffer, CAPACITY, timeout)
        assert count >= 0
        words = self.view[: count * WORDS].tolist()
        streams, pieces = array("Q"), []
        for row in zip(*[words[word::WORDS] for word in range(WORDS)]):
            handle, kind, offset, length, server, other, value = row
            self.seen.append((kind, value))
            if kind == constant.TLS_ROW_DATA:
                streams.append(handle)
                pieces.append(self.buffer[offset : offset + length])
            elif kind == constant.TLS_ROW_SECURE_CONNECTION:
                assert server == self.server
                assert lib.tls_stream_protocol(handle) in (b"TLSv1.2", b"TLSv1.3")
            elif kind == constant.TLS_ROW_CLIENT_ERROR:
                self.seen.append(lib.tls_error_name(other))
            elif kind == constant.TLS_ROW_CLOSE:
                self.closes += 1
        if pieces:
            lengths = array("Q", map(len, pieces))
            arrays = (streams.buffer_info()[0], lengths.buffer_info()[0], b"".join(pieces), self.statuses)
            not_ok = short.tls_loop_write_batch(self.loop, len(pieces), *arrays)
            assert not_ok == sum(status != constant.TLS_OK for status in self.statuses[: len(pieces)])
            assert min(self.statuses[: len(pieces)]) >= constant.TLS_OK

    def close(self):
        assert lib.tls_loop_free(self.loop) == constant.TLS_OK


@pytest.fixture
def server(certs):
    made = EchoServer(certs)
    yield made
    made.close()


def talk(server, certs, problems, size):
    """A client of Python's own ssl: writes, ends, and reads it all back."""
    try:
        context = ssl.create_default_context(cafile=str(certs / "ca.pem"))
        plain = socket.create_connection(("127.0.0.1", server.port), PATIENCE)
        with context.wrap_socket(plain, server_hostname="localhost") as client:
            sent = bytes(range(251)) * (size // 251 + 1)
            back = bytearray()
            while len(back) < size:
                client.sendall(sent[len(back) : len(back) + min(10000, size - len(back))])
                expected = len(back) + min(10000, size - len(back))
                while len(back) < expected:
                    piece = client.recv(20000)
                    assert piece, "the server has ended"
                    back += piece
            assert back == sent[:size]
    except BaseException as error:
        problems.append(error)


@pytest.mark.parametrize("poll, timeout", [(lib.tls_loop_poll, 20), (short.tls_loop_poll, 0)], ids=["waits", "short"])
def test_p8_echo(server, certs, poll, timeout):
    problems = []
    clients = [threading.Thread(target=talk, args=(server, certs, problems, 50_000)) for _ in range(4)]
    for client in clients:
        client.start()
    end = time.monotonic() + 2 * PATIENCE
    while server.closes < len(clients) and not problems:
        assert time.monotonic() < end, "not done in time"
        server.turn(poll, timeout)
    for client in clients:
        client.join(PATIENCE)
    assert not problems
    kinds = [kind for kind, _value in server.seen]
    assert kinds.count(constant.TLS_ROW_SECURE_CONNECTION) == len(clients)
    assert kinds.count(constant.TLS_ROW_END) == len(clients)
    assert kinds[0] == constant.TLS_ROW_LISTENING


def test_p8_errors_are_readable(server):
    with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as client:
        client.sendall(b"GET / HTTP/1.1\r\n\r\n")
        end = time.monotonic() + PATIENCE
        while server.closes < 1:
            assert time.monotonic() < end, "not done in time"
            server.turn(lib.tls_loop_poll, 20)
    assert b"ERR_SSL_HTTP_REQUEST" in server.seen
    assert server.seen[-1] == (constant.TLS_ROW_CLOSE, 1)
