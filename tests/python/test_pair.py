"""`SecurePair`: conversations without a socket, pulled and pushed, and how they fail."""

import ssl

import pytest
import support
import tlspair
from tlspair import constant

VERSIONS = ["TLSv1.2", "TLSv1.3"]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("piece", [1, 3, 1000, None])
def test_s41_conversation_in_pieces(certs, version, piece):
    client, server = support.pairs(certs, version=version)
    at_client, at_server = support.record_pair(client), support.record_pair(server)
    client.start()
    support.shuttle(client, server, piece)
    assert at_client.names == at_server.names == ["secure"]

    assert client.write(b"question") is True
    support.shuttle(client, server, piece)
    assert server.read() == b"question"
    assert server.read() == b""
    server.write(b"answer")
    support.shuttle(client, server, piece)
    assert client.read(3) == b"ans"
    assert client.read() == b"wer"

    client.end()
    support.shuttle(client, server, piece)
    server.end()
    support.shuttle(client, server, piece)
    for recorder in (at_client, at_server):
        assert recorder.names == ["secure", "end", "close"]
        assert recorder.of("end") == [(True,)]
        assert recorder.of("close") == [(False,)]


@pytest.mark.parametrize("version", VERSIONS)
def test_s42_what_is_known_when_secure(certs, version):
    client, server = support.pairs(certs, version=version)
    assert not client.secure and client.cipher_name is None and client.peer_certificate() is None
    support.shuttle(client, server)
    assert client.secure and server.secure
    assert client.authorized and client.authorization_error is None
    assert not server.authorized and server.authorization_error is None
    assert client.protocol == server.protocol == version
    assert client.cipher_name == server.cipher_name
    assert client.cipher_standard_name.startswith("TLS_")
    assert client.servername == server.servername == "localhost"
    assert not client.session_reused
    assert server.peer_certificate() is None
    certificate = client.peer_certificate()
    client.close()
    assert "CN=localhost" in certificate.subject.split("\n")
    assert certificate.issuer and certificate.issuer != certificate.subject
    pem = (certs / "server-cert.pem").read_text()
    end = "-----END CERTIFICATE-----"
    assert certificate.der == ssl.PEM_cert_to_DER_cert(pem[: pem.index(end) + len(end)] + "\n")
    assert len(certificate.fingerprint.split(":")) == 20
    assert len(certificate.fingerprint256.split(":")) == 32


def test_s41_wired_by_callbacks_alone(certs):
    client, server = support.pairs(certs)
    client.on_encrypted(lambda _pair, data: server.feed(data))
    server.on_encrypted(lambda _pair, data: client.feed(data))
    received = []
    server.on_data(lambda pair, data: pair.write(data.upper()))
    client.on_data(lambda _pair, data: received.append(data))
    client.on_secure(lambda pair: pair.write(b"hello"))
    client.start()
    assert client.secure and server.secure
    assert b"".join(received) == b"HELLO"
    for _ in range(2000):
        client.write(b"more")
    assert len(b"".join(received)) == 5 + 8000


def test_s41_write_before_the_handshake(certs):
    client, server = support.pairs(certs)
    client.write(b"early")
    support.shuttle(client, server)
    assert server.read() == b"early"


def test_s41_large_writes_arrive_whole(certs):
    client, server = support.pairs(certs)
    support.shuttle(client, server)
    sent = bytes(range(256)) * 4096
    received = bytearray()
    server.on_data(lambda _pair, data: received.extend(data))
    client.write(bytearray(sent))
    support.shuttle(client, server)
    assert bytes(received) == sent


def test_s41_high_water_mark(certs):
    """Pulled slowly, `feed` stops taking, and nothing is lost."""
    client, server = support.pairs(certs)
    support.shuttle(client, server)
    server.set_high_water_mark(1000)
    client.set_high_water_mark(1000)
    drained = []
    client.on_drain(lambda _pair: drained.append(True))
    sent = bytes(200_000)
    assert client.write(sent) is False
    data = b""
    while True:
        more = client.take()
        if not more:
            break
        data += more
    assert drained
    taken = server.feed(data, keep_rest=False)
    assert 0 < taken < len(data)
    received = 0
    while taken < len(data):
        plain = server.read()
        assert plain, "nothing to read, and yet feed takes no more"
        received += len(plain)
        taken += server.feed(data[taken:], keep_rest=False)
    while True:
        plain = server.read()
        if not plain:
            break
        received += len(plain)
    assert received == len(sent)


@pytest.mark.parametrize("size", [0, 1, 16384, 1_000_000])
def test_c027_take_and_read_of_any_size(certs, size):
    client, server = support.pairs(certs)
    client.start()
    whole = client.take(size)
    assert len(whole) <= size
    if size == 0:
        assert whole == b"" and server.read(0) == b""
    while size:
        more = client.take(size)
        if not more:
            break
        whole += more
    if size:
        server.feed(whole)
        assert server.take(1)


@pytest.mark.parametrize("version", VERSIONS)
def test_s40_client_certificate(certs, version):
    context = support.server_context(certs, ca="ca.pem", version=version)
    for identity in ("client", None):
        server = tlspair.SecurePair(context, is_server=True, request_cert=True, reject_unauthorized=True)
        at_server = support.record_pair(server)
        client = tlspair.SecurePair(support.client_context(certs, identity=identity))
        client.set_servername("localhost")
        support.shuttle(client, server)
        if identity:
            assert server.authorized
            assert server.peer_certificate().subject
        else:
            assert at_server.names == ["error", "close"]
            assert not server.secure


def test_s40_client_certificate_asked_for_only(certs):
    server = tlspair.SecurePair(
        support.server_context(certs, ca="ca.pem"), is_server=True, request_cert=True, reject_unauthorized=False
    )
    client = tlspair.SecurePair(support.client_context(certs))
    client.set_servername("localhost")
    support.shuttle(client, server)
    assert server.secure and not server.authorized
    assert server.authorization_error == "UNABLE_TO_GET_ISSUER_CERT"


def test_s40_a_client_needs_a_name(certs):
    pair = tlspair.SecurePair(support.client_context(certs))
    with pytest.raises(tlspair.TLSError) as caught:
        pair.start()
    assert caught.value.status == constant.TLS_ERR_INVALID_STATE
    pair.set_verify_name(None)
    pair.start()
    assert pair.take()


REFUSALS = [
    ("server", "other-ca.pem", {"UNABLE_TO_GET_ISSUER_CERT_LOCALLY", "SELF_SIGNED_CERT_IN_CHAIN"}),
    ("expired", "ca.pem", {"CERT_HAS_EXPIRED"}),
    ("wrong-host", "ca.pem", {"ERR_TLS_CERT_ALTNAME_INVALID"}),
    ("self-signed", "ca.pem", {"DEPTH_ZERO_SELF_SIGNED_CERT"}),
]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("identity, ca, names", REFUSALS)
def test_c073_refused_certificates(certs, identity, ca, names, version):
    server = tlspair.SecurePair(support.server_context(certs, identity), is_server=True)
    client = tlspair.SecurePair(support.client_context(certs, ca, version=version))
    client.set_servername("localhost")
    recorder = support.record_pair(client)
    at_server = support.record_pair(server, data=True)
    client.write(b"secret")
    errors = support.shuttle(client, server)
    assert recorder.names == ["error", "close"]
    ((error,),) = recorder.of("error")
    assert error.name in names
    assert error.name in [raised.name for raised in errors]
    assert error.status == constant.TLS_ERR_VERIFY
    assert isinstance(error, ssl.SSLCertVerificationError) and isinstance(error, ssl.SSLError)
    assert error.message and error.name in str(error)
    assert error.verify_depth >= 0
    assert b"secret" not in at_server.data
    assert not client.authorized


def test_c073_not_rejected_on_request(certs):
    server = tlspair.SecurePair(support.server_context(certs, "expired"), is_server=True)
    client = tlspair.SecurePair(support.client_context(certs), reject_unauthorized=False)
    client.set_servername("localhost")
    support.shuttle(client, server)
    assert client.secure and not client.authorized
    assert client.authorization_error == "CERT_HAS_EXPIRED"


@pytest.mark.parametrize("version", VERSIONS)
def test_s78_resumption(certs, version):
    server_context, client_context = support.server_context(certs), support.client_context(certs, version=version)

    def talk(session):
        client, server = tlspair.SecurePair(client_context), tlspair.SecurePair(server_context, is_server=True)
        client.set_servername("localhost")
        if session:
            client.set_session(session)
        support.shuttle(client, server)
        server.write(b"x")
        support.shuttle(client, server)
        assert client.read() == b"x"
        return client.session, client.session_reused, server.session_reused, client.authorized

    session, *first = talk(None)
    assert session and first == [False, False, True]
    assert talk(session)[1:] == (True, True, True)


def test_s78_session_that_is_none(certs):
    client, _server = support.pairs(certs)
    with pytest.raises(tlspair.TLSError) as caught:
        client.set_session(b"garbage")
    assert caught.value.status == constant.TLS_ERR_SESSION


@pytest.mark.parametrize("version", VERSIONS)
def test_c056_truncation_is_not_a_clean_end(certs, version):
    client, server = support.pairs(certs, version=version)
    support.shuttle(client, server)
    recorder = support.record_pair(server)
    server.feed_eof()
    assert recorder.of("end") == [(False,)]
    assert recorder.names[-1] == "close"


def test_s41_s80_garbage_is_an_error_event(certs):
    for garbage in (b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 100, bytes(5000)):
        _client, server = support.pairs(certs)
        recorder = support.record_pair(server)
        with pytest.raises(tlspair.TLSError):
            server.feed(garbage)
        assert recorder.names == ["error", "close"]
        assert recorder.of("close") == [(True,)]
    ((error,),) = recorder.of("error")
    assert isinstance(error, ssl.SSLError) and error.library and error.reason


def test_s80_c106_one_side_destroyed(certs):
    client, server = support.pairs(certs)
    support.shuttle(client, server)
    recorder = support.record_pair(client)
    client.destroy()
    assert recorder.names == ["close"]
    server.write(b"late")
    with pytest.raises(tlspair.TLSError) as caught:
        client.write(b"more")
    assert caught.value.status == constant.TLS_ERR_INVALID_STATE
    client.close()
    client.close()
    assert recorder.names == ["close"]


def test_pair_moves_between_threads(certs):
    client, server = support.pairs(certs)
    support.call_in_thread(client.start)
    support.call_in_thread(support.shuttle, client, server)
    assert client.secure
    support.call_in_thread(client.write, b"from there")
    support.shuttle(client, server)
    assert server.read() == b"from there"


def test_c107_pair_busy_in_another_thread(certs):
    client, _server = support.pairs(certs)
    seen = []

    def encrypted(pair, _data):
        with pytest.raises(tlspair.TLSError) as caught:
            support.call_in_thread(pair.write, b"meanwhile")
        seen.append(caught.value.status)

    client.on_encrypted(encrypted)
    client.start()
    assert seen == [constant.TLS_ERR_BUSY]


def test_context_manager_frees(certs):
    client, _server = support.pairs(certs)
    with client:
        client.start()
    assert client.closed
    with pytest.raises(tlspair.TLSError) as caught:
        client.write(b"x")
    assert caught.value.status == constant.TLS_ERR_INVALID_HANDLE
