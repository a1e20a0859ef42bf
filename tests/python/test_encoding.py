"""`set_encoding` (S73): text in the data event, characters whole."""

import pytest
import support
import tlspair

TEXT = "aé漢😀z"


@pytest.fixture
def pair(certs):
    """Two pairs after the handshake; what the client hears is in `client.heard`."""
    client, server = support.pairs(certs)
    support.shuttle(client, server)
    client.heard = []
    client.on_data(lambda _pair, data: client.heard.append(data))
    client.on_end(lambda _pair, clean: client.heard.append(clean))
    yield client, server
    client.close()
    server.close()


def send(client, server, *pieces):
    """One record for each piece."""
    for piece in pieces:
        server.write(piece)
        support.shuttle(client, server)


def single_bytes(text, encoding="utf-8"):
    return [bytes([byte]) for byte in text.encode(encoding)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "shift_jis", "utf-8-sig"])
def test_s73_a_character_over_several_records_is_whole(pair, encoding):
    client, server = pair
    client.set_encoding(encoding)
    text = TEXT if encoding.startswith("utf") else "a漢字z"
    send(client, server, *single_bytes(text, encoding))
    assert "".join(client.heard) == text
    assert all(isinstance(heard, str) and heard for heard in client.heard)  # none is empty
    server.end()
    support.shuttle(client, server)
    assert client.heard[-1] is True


def test_s73_invalid_bytes(pair):
    client, server = pair
    client.set_encoding("utf-8")
    send(client, server, b"a\xffb")
    client.set_encoding("utf-8", errors="ignore")
    send(client, server, b"a\xffb")
    client.set_encoding("utf-8", errors="backslashreplace")
    send(client, server, b"a\xffb")
    client.set_encoding("latin-1")
    send(client, server, b"\xff")
    client.set_encoding(None)
    send(client, server, b"\xff")
    assert client.heard == ["a\ufffdb", "ab", "a\\xffb", "\xff", b"\xff"]


def test_s73_strict_raises_where_callbacks_do(pair):
    client, server = pair
    client.set_encoding("utf-8", errors="strict")
    server.write(b"\xff")
    with pytest.raises(UnicodeDecodeError):
        client.feed(server.take())
    send(client, server, b"after")
    assert client.heard == ["after"]


def test_s73_an_unfinished_character_comes_before_the_end(pair):
    client, server = pair
    client.set_encoding("utf-8")
    send(client, server, "é".encode()[:1])
    assert client.heard == []
    server.end()
    support.shuttle(client, server)
    assert client.heard == ["\ufffd", True]


def test_s73_an_unfinished_character_in_strict(pair):
    """The exception does not eat the end event."""
    client, server = pair
    client.set_encoding("utf-8", errors="strict")
    send(client, server, "é".encode()[:1])
    server.end()
    with pytest.raises(UnicodeDecodeError):
        client.feed(server.take())
    assert client.heard == [True]


def test_s73_without_an_end_callback(pair):
    client, server = pair
    client.set_encoding("utf-8")
    client.on_end(None)
    send(client, server, b"\xe6\xbc")
    server.end()
    support.shuttle(client, server)
    assert client.heard == ["\ufffd"]


def test_s73_c100_destroyed_by_the_last_character(pair):
    """Nothing but close after `destroy`, here too."""
    client, server = pair
    client.on_data(lambda pair, data: (client.heard.append(data), pair.destroy()))
    client.on_close(lambda _pair, _had_error: client.heard.append("close"))
    client.set_encoding("utf-8")
    send(client, server, b"\xe6")
    server.end()
    support.shuttle(client, server)
    assert client.heard == ["\ufffd", "close"]


def test_s73_bad_arguments(pair):
    client, _server = pair
    for encoding in ("no-such-encoding", "base64", "utf-8\0"):
        with pytest.raises((LookupError, ValueError)):
            client.set_encoding(encoding)
    with pytest.raises(LookupError):
        client.set_encoding("utf-8", errors="no-such-handler")
    with pytest.raises(TypeError):
        client.set_encoding(8)
    assert client._decoder is None


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
def test_s73_a_stream(loop, certs, version):
    heard = []
    server = tlspair.Server(loop, support.server_context(certs))

    def connected(_server, stream):
        pieces = single_bytes(TEXT) + [b"\xc3"]

        def next_turn():  # what is written in one turn becomes one record
            if pieces:
                stream.write(pieces.pop(0))
                loop.post(next_turn)
            else:
                stream.end()

        next_turn()

    server.on_secure_connection(connected)
    server.listen(0, "127.0.0.1")
    options = tlspair.ConnectOptions(support.client_context(certs, version=version), servername="localhost")
    stream = tlspair.connect(loop, server.port, "127.0.0.1", options)
    stream.set_encoding("utf-8")
    stream.on_data(lambda _stream, data: heard.append(data))
    stream.on_end(lambda _stream, clean: heard.append(clean))
    stream.on_close(lambda _stream, had_error: heard.append(had_error))
    support.finish(loop, server, stream)
    assert "".join(heard[:-2]) == TEXT + "\ufffd" and heard[-2:] == [True, False]
    with pytest.raises(tlspair.TLSError):
        stream.set_encoding("utf-8")  # closed
