"""Decisions that wait: names and certificates, answered at once, later, elsewhere, wrongly and too late."""

import gc
import threading
import weakref

import pytest
import support
import tlspair
from tlspair import constant

VERSIONS = ["TLSv1.2", "TLSv1.3"]


class Deliberate(Exception):
    """Raised by the tests' callbacks."""


def connect(loop, server, context, servername="localhost"):
    stream = tlspair.connect(loop, server.port, "127.0.0.1", tlspair.ConnectOptions(context, servername))
    return stream, support.record_stream(stream)


def key_type(target):
    return "RSA" if target.peer_certificate().exponent else "EC"


@pytest.fixture(params=VERSIONS)
def version(request):
    return request.param


@pytest.fixture
def client(certs, version):
    """Trusts our CA, speaks one version."""
    return support.client_context(certs, version=version)


@pytest.fixture
def rsa(certs):
    """What a server switches to: another kind of key than its own."""
    return support.server_context(certs, "server-rsa")


def asked(target, event, asks):
    """Have `asks` called for an event that brings a request, its last argument; what came is in the list."""
    seen = []

    def ask(*arguments):
        seen.append(arguments)
        asks(arguments[-1])

    getattr(target, f"on_{event}")(ask)
    return seen


# -- a server's names


def test_s22_s71_answered_at_once(loop, server_context, client, rsa):
    server = support.echo_server(loop, server_context)
    streams = []
    server.on_secure_connection(lambda _server, stream: streams.append(stream))
    answers = []
    seen = asked(server, "sni", lambda request: answers.append(request.resolve_context(rsa)))
    stream, recorder = connect(loop, server, client)
    support.run_until(loop, lambda: streams and stream.secure)
    assert key_type(stream) == "RSA"
    ((at, theirs, name, request),) = seen
    # The same stream as in the event that follows.
    assert at is server and theirs is streams[0] and name == theirs.servername == "localhost"
    assert isinstance(request, tlspair.Request) and answers == [True]
    assert not server.errors and recorder.names == ["secure_connect"]


def test_s22_none_is_what_was_without_the_callback(loop, certs, client, rsa):
    """The table's context if the name is there, else the server's own."""
    server = support.echo_server(loop, support.server_context(certs))
    asked(server, "sni", lambda request: request.resolve_context(None))
    for expected in ("EC", "RSA"):
        stream, _ = connect(loop, server, client)
        support.run_until(loop, lambda stream=stream: stream.secure)
        assert key_type(stream) == expected
        server.add_context("localhost", rsa)


def test_s22_the_callback_is_in_place_of_the_table_until_it_is_taken_away(loop, server_context, client, rsa):
    server = support.echo_server(loop, server_context)
    server.add_context("localhost", rsa)
    asked(server, "sni", lambda request: request.resolve_context(server_context))
    for expected in ("EC", "RSA"):
        stream, _ = connect(loop, server, client)
        support.run_until(loop, lambda stream=stream: stream.secure)
        assert key_type(stream) == expected
        server.on_sni(None)


def test_s22_answered_later_from_another_thread(loop, server_context, client, rsa):
    """Others are served meanwhile."""
    server = support.echo_server(loop, server_context)
    requests = []

    @server.on_sni
    def ask(_server, _stream, name, request):
        requests.append(request) if name == "slow.example" else request.resolve_context(None)

    slow, slow_recorder = connect(loop, server, client, "slow.example")
    support.run_until(loop, lambda: requests)
    quick, _ = connect(loop, server, client)
    support.run_until(loop, lambda: quick.secure)
    assert not slow.secure
    assert support.call_in_thread(requests[0].resolve_context, rsa) is True
    support.run_until(loop, lambda: slow_recorder.names)
    # It was served by the other context, whose certificate has another name.
    ((error,),) = slow_recorder.of("error")
    assert error.name == "ERR_TLS_CERT_ALTNAME_INVALID"


@pytest.mark.parametrize("reason", [None, "not today, sésame"])
def test_s22_rejected(loop, server_context, client, reason):
    """The client is told that the name is unknown; the reason stays here."""
    server = support.echo_server(loop, server_context)
    asked(server, "sni", lambda request: request.reject(reason))
    stream, recorder = connect(loop, server, client)
    support.run_until(loop, lambda: stream.closed and server.errors)
    ((error,),) = recorder.of("error")
    assert error.name == "ERR_SSL_TLSV1_UNRECOGNIZED_NAME"
    (refusal,) = server.errors
    assert refusal.name == "ERR_TLS_UNRECOGNIZED_NAME"
    assert (reason or "does not serve it") in refusal.message
    assert reason is None or reason not in error.message


@pytest.mark.parametrize("answered", [False, True])
def test_s22_exception_in_the_callback(loop, server_context, client, answered):
    """It is raised where exceptions of callbacks are, and the client is refused, unless it was answered."""
    server = support.echo_server(loop, server_context)

    @server.on_sni
    def fail(_server, _stream, _name, request):
        if answered:
            request.resolve_context(None)
        raise Deliberate("out of\0luck \ud800")

    stream, recorder = connect(loop, server, client)
    with pytest.raises(Deliberate):
        support.run_until(loop, lambda: False)
    support.run_until(loop, lambda: recorder.names)
    if answered:
        assert recorder.names == ["secure_connect"] and not server.errors
        return
    support.run_until(loop, lambda: stream.closed and server.errors)
    assert recorder.names == ["error", "close"]
    (error,) = server.errors
    assert error.name == "ERR_TLS_UNRECOGNIZED_NAME" and "Deliberate: out of luck ?" in error.message


def test_s22_exception_whose_text_fails(loop, server_context, client):
    class Unprintable(Exception):
        def __str__(self):
            raise ValueError

    server = support.echo_server(loop, server_context)

    @server.on_sni
    def fail(*_arguments):
        raise Unprintable

    stream, _ = connect(loop, server, client)
    with pytest.raises(Unprintable):
        support.run_until(loop, lambda: False)
    support.run_until(loop, lambda: stream.closed and server.errors)
    assert "Unprintable" in server.errors[0].message


def test_s22_callback_with_the_wrong_signature(loop, server_context, client):
    """Its TypeError is an exception like any other: the client does not wait for ever."""
    server = support.echo_server(loop, server_context)
    server.on_sni(lambda server: None)
    stream, _ = connect(loop, server, client)
    with pytest.raises(TypeError):
        support.run_until(loop, lambda: False)
    support.run_until(loop, lambda: stream.closed and server.errors)
    assert "TypeError" in server.errors[0].message


def test_s22_the_first_answer_counts(loop, server_context, client, rsa):
    server = support.echo_server(loop, server_context)
    requests, answers = [], []
    asked(server, "sni", requests.append)
    stream, recorder = connect(loop, server, client)
    support.run_until(loop, lambda: requests)
    (request,) = requests
    answers.append(request.resolve_context(rsa))
    answers += [request.resolve_context(server_context), request.reject("too late"), request.resolve_verdict(True)]
    assert answers == [True, False, False, False]
    support.run_until(loop, lambda: recorder.names)
    assert stream.secure and key_type(stream) == "RSA"
    assert request.reject() is False


def test_s22_one_of_many_threads_answers(loop, server_context, client):
    server = support.echo_server(loop, server_context)
    requests, answers = [], []
    asked(server, "sni", requests.append)
    stream, recorder = connect(loop, server, client)
    support.run_until(loop, lambda: requests)
    barrier = threading.Barrier(4)

    def race():
        barrier.wait(support.DEADLINE)
        answers.append(requests[0].resolve_context(None))

    with support.in_thread(race), support.in_thread(race), support.in_thread(race):
        race()
    assert sorted(answers) == [False, False, False, True]
    support.run_until(loop, lambda: recorder.names)
    assert stream.secure


def test_s22_wrong_answers_do_not_use_it_up(loop, certs, server_context, client, rsa):
    server = support.echo_server(loop, server_context)
    errors, answers = [], []

    @server.on_sni
    def ask(_server, _stream, _name, request):
        bare, broken = tlspair.Context(), tlspair.Context()
        broken.set_cert_file(certs / "server-cert.pem")
        for wrong in (
            lambda: request.resolve_verdict(True),
            lambda: request.resolve_context(bare),
            lambda: request.resolve_context(broken),
            lambda: request.resolve_context("a context"),
            lambda: request.resolve_verdict(1),
            lambda: request.reject("a\0b"),
            lambda: request.reject(b"bytes"),
        ):
            with pytest.raises((tlspair.TLSError, TypeError, ValueError)) as caught:
                wrong()
            errors.append(getattr(caught.value, "status", caught.type))
        answers.append(request.resolve_context(rsa))

    stream, _ = connect(loop, server, client)
    support.run_until(loop, lambda: stream.secure)
    state = constant.TLS_ERR_INVALID_STATE
    assert errors == [constant.TLS_ERR_INVALID_ARGUMENT, state, state, TypeError, TypeError, ValueError, TypeError]
    assert answers == [True] and key_type(stream) == "RSA"


@pytest.mark.parametrize("death", ["stream", "server", "client", "loop"])
def test_s22_answer_after_the_connection_died(certs, client, rsa, death):
    """It does no harm, and says that it was for nothing."""
    with tlspair.Loop() as loop:
        server = support.echo_server(loop, support.server_context(certs))
        streams, requests = [], []
        server.on_sni(lambda _server, stream, _name, request: (streams.append(stream), requests.append(request)))
        stream, _ = connect(loop, server, client)
        support.run_until(loop, lambda: requests)
        if death != "loop":
            {"stream": streams[0], "server": server, "client": stream}[death].destroy()
            support.run_until(loop, lambda: streams[0].closed)
            assert support.call_in_thread(requests[0].resolve_context, rsa) is False
            assert requests[0].reject("gone") is False
    assert requests[0].resolve_context(rsa) is False


def test_s22_destroyed_in_the_callback(loop, server_context, client, rsa):
    server = support.echo_server(loop, server_context)
    answers = []

    @server.on_sni
    def ask(_server, stream, _name, request):
        stream.destroy()
        answers.append(request.resolve_context(rsa))

    stream, _ = connect(loop, server, client)
    support.run_until(loop, lambda: stream.closed)
    assert len(answers) == 1
    support.finish(loop, server)


def test_s22_nobody_answers(loop, server_context, client):
    """The handshake's timeout ends it."""
    server = support.echo_server(loop, server_context)
    server.set_handshake_timeout(0.2)
    requests = []
    asked(server, "sni", requests.append)
    stream, _ = connect(loop, server, client)
    support.run_until(loop, lambda: stream.closed and server.errors)
    assert [error.name for error in server.errors] == ["ERR_TLS_HANDSHAKE_TIMEOUT"]
    assert requests[0].reject() is False


def test_s22_requests_keep_nothing_alive(loop, server_context, client):
    server = support.echo_server(loop, server_context)
    requests, watches = [], []

    @server.on_sni
    def ask(_server, stream, _name, request):
        watches.append(weakref.ref(stream))
        requests.append(request)

    stream, _ = connect(loop, server, client)
    support.run_until(loop, lambda: requests)
    stream.destroy()
    support.run_until(loop, lambda: server.connections == 0)
    support.finish(loop, server, stream)
    gc.collect()
    assert watches[0]() is None
    assert repr(requests[0]).startswith("<Request 0x")


# -- the table of names


def test_s57_add_replace_and_remove(loop, server_context, client, rsa):
    server = support.echo_server(loop, server_context)

    def served():
        stream, _ = connect(loop, server, client)
        support.run_until(loop, lambda: stream.secure)
        return key_type(stream)

    assert served() == "EC"
    server.add_context("LOCALHOST.", rsa)
    assert served() == "RSA"
    server.add_context("localhost", server_context)
    assert served() == "EC"
    server.add_context("localhost", rsa)
    server.remove_context("localhost")
    assert served() == "EC"
    with pytest.raises(tlspair.TLSError) as caught:
        server.remove_context("localhost")
    assert (caught.value.status, caught.value.name) == (constant.TLS_ERR_INVALID_STATE, "ERR_TLS_SNI_UNKNOWN_NAME")


@pytest.mark.parametrize("side", ["server", "pair"])
def test_s57_what_cannot_be_added(loop, certs, server_context, side):
    target = tlspair.Server(loop, server_context)
    if side == "pair":
        target = tlspair.SecurePair(server_context, is_server=True)
    for wrong in ("", "*", "a.*.example", "a*.example", "two words", "a." * 127 + "a", "b\u00fccher.example"):
        for call, arguments in ((target.add_context, (wrong, server_context)), (target.remove_context, (wrong,))):
            with pytest.raises(tlspair.TLSError) as caught:
                call(*arguments)
            assert caught.value.status == constant.TLS_ERR_INVALID_ARGUMENT, wrong
    with pytest.raises(tlspair.TLSError) as caught:
        target.add_context("a.example", tlspair.Context())
    assert caught.value.status == constant.TLS_ERR_INVALID_STATE
    for call in (lambda: target.add_context("a.example", None), lambda: target.add_context(5, server_context)):
        with pytest.raises((TypeError, tlspair.TLSError)):
            call()


# -- a client's judgement of the server


@pytest.mark.parametrize("reject_unauthorized", [True, False])
@pytest.mark.parametrize("answer", ["accepted", "refused", "rejected"])
def test_s79_identity(loop, certs, client, answer, reject_unauthorized):
    """The name is another one: accepted all the same, or refused with or without words."""
    server = support.echo_server(loop, support.server_context(certs, "wrong-host"))
    options = tlspair.ConnectOptions(client, "localhost")
    options.set_reject_unauthorized(reject_unauthorized)
    stream = tlspair.connect(loop, server.port, "127.0.0.1", options)
    recorder = support.record_stream(stream)
    answers = {
        "accepted": lambda request: request.resolve_verdict(True),
        "refused": lambda request: request.resolve_verdict(False),
        "rejected": lambda request: request.reject("I know them"),
    }
    seen = asked(stream, "check_identity", answers[answer])
    stream.write(b"early")
    accepted = answer == "accepted"
    support.run_until(loop, lambda: recorder.data == b"early" or stream.closed)
    ((at, certificate, name, _request),) = seen
    assert at is stream and name == "localhost" and certificate.alt_names == ["DNS:other.example"]
    if accepted or not reject_unauthorized:
        assert stream.authorized == accepted
        assert stream.authorization_error == (None if accepted else "ERR_TLS_CERT_ALTNAME_INVALID")
        return
    ((error,),) = recorder.of("error")
    assert (error.status, error.name) == (constant.TLS_ERR_VERIFY, "ERR_TLS_CERT_ALTNAME_INVALID")
    assert ("I know them" in error.message) == (answer == "rejected")
    assert recorder.names == ["error", "close"] and not recorder.data
    # The certificate outlives its connection.
    assert "CN=other.example" in certificate.subject


def test_s79_identity_answered_later_from_another_thread(loop, server_context, client):
    server = support.echo_server(loop, server_context)
    received = []
    server.on_secure_connection(lambda _server, stream: stream.on_data(lambda _stream, data: received.append(data)))
    stream, recorder = connect(loop, server, client)
    requests = []
    asked(stream, "check_identity", requests.append)
    stream.write(b"early")
    support.run_until(loop, lambda: requests)
    for _ in range(5):
        loop.run_once(0)
    assert not received and not recorder.names and not stream.secure
    assert support.call_in_thread(requests[0].resolve_verdict, True) is True
    support.run_until(loop, lambda: received == [b"early"])
    assert stream.authorized


def test_s79_the_chain_comes_first(loop, certs, server_context):
    """Nobody is asked about a certificate of a stranger."""
    server = support.echo_server(loop, server_context)
    stream, recorder = connect(loop, server, support.client_context(certs, "other-ca.pem"))
    seen = asked(stream, "check_identity", lambda request: request.resolve_verdict(True))
    support.run_until(loop, lambda: stream.closed)
    assert not seen and recorder.names == ["error", "close"]


def test_s79_no_name_to_verify(loop, server_context, client):
    server = support.echo_server(loop, server_context)
    options = tlspair.ConnectOptions(client)
    options.set_verify_name(None)
    stream = tlspair.connect(loop, server.port, "127.0.0.1", options)
    seen = asked(stream, "check_identity", lambda request: request.resolve_verdict(True))
    support.run_until(loop, lambda: stream.secure)
    assert [name for _, _, name, _ in seen] == [None]


def test_s79_unregistered_again(loop, certs, client):
    server = support.echo_server(loop, support.server_context(certs, "wrong-host"))
    stream, recorder = connect(loop, server, client)
    seen = asked(stream, "check_identity", lambda request: request.resolve_verdict(True))
    stream.on_check_identity(None)
    support.run_until(loop, lambda: stream.closed)
    assert not seen
    assert [error.name for (error,) in recorder.of("error")] == ["ERR_TLS_CERT_ALTNAME_INVALID"]


def test_s79_exception_in_the_identity_callback(loop, server_context, client):
    server = support.echo_server(loop, server_context)
    stream, recorder = connect(loop, server, client)

    @stream.on_check_identity
    def fail(*_arguments):
        raise Deliberate("no idea")

    with pytest.raises(Deliberate):
        support.run_until(loop, lambda: False)
    support.run_until(loop, lambda: stream.closed)
    ((error,),) = recorder.of("error")
    assert error.name == "ERR_TLS_CERT_ALTNAME_INVALID" and "Deliberate: no idea" in error.message


def test_s79_wrong_answers_to_a_verdict(loop, server_context, client, rsa):
    server = support.echo_server(loop, server_context)
    stream, _ = connect(loop, server, client)
    statuses = []

    @stream.on_check_identity
    def ask(_stream, _certificate, _name, request):
        for context in (rsa, None):
            with pytest.raises(tlspair.TLSError) as caught:
                request.resolve_context(context)
            statuses.append(caught.value.status)
        request.resolve_verdict(True)

    support.run_until(loop, lambda: stream.secure)
    assert statuses == [constant.TLS_ERR_INVALID_ARGUMENT] * 2


def test_s79_the_other_sides_event(loop, server_context, client):
    server = support.echo_server(loop, server_context)
    caught = []

    @server.on_secure_connection
    def secure(_server, stream):
        with pytest.raises(tlspair.TLSError) as error:
            stream.on_check_identity(print)
        caught.append(error.value.status)

    connect(loop, server, client)
    support.run_until(loop, lambda: caught)
    assert caught == [constant.TLS_ERR_INVALID_STATE]


# -- a server's judgement of clients


@pytest.mark.parametrize("answer", ["accepted", "refused", "exception"])
def test_s79_client_certificate(loop, certs, version, answer):
    server = support.echo_server(loop, support.server_context(certs, ca="ca.pem"))
    server.set_request_cert(True)
    server.set_reject_unauthorized(True)
    seen, streams = [], []
    server.on_secure_connection(lambda _server, stream: streams.append(stream))

    @server.on_check_certificate
    def ask(at, stream, certificate, request):
        assert at is server and not stream.secure
        seen.append(certificate)
        if answer == "exception":
            raise Deliberate("no idea")
        request.resolve_verdict(answer == "accepted")

    stream, _ = connect(loop, server, support.client_context(certs, identity="client", version=version))
    if answer == "exception":
        with pytest.raises(Deliberate):
            support.run_until(loop, lambda: False)
    support.run_until(loop, lambda: streams or server.errors)
    assert ["CN=tlspair client" in certificate.subject for certificate in seen] == [True]
    if answer == "accepted":
        assert streams[0].authorized and not server.errors
        return
    (error,) = server.errors
    assert not streams and (error.status, error.name) == (constant.TLS_ERR_VERIFY, "CERT_REJECTED")
    assert ("Deliberate: no idea" in error.message) == (answer == "exception")
    support.run_until(loop, lambda: stream.closed)


def test_s79_client_waits_for_the_verdict(loop, certs, version):
    """Nothing of what it sends is delivered before; the answer comes from another thread."""
    server = support.echo_server(loop, support.server_context(certs, ca="ca.pem"))
    server.set_request_cert(True)
    requests, received = [], []
    server.on_secure_connection(lambda _server, stream: stream.on_data(lambda _stream, data: received.append(data)))
    asked(server, "check_certificate", requests.append)
    stream, _ = connect(loop, server, support.client_context(certs, identity="client", version=version))
    stream.write(b"early")
    support.run_until(loop, lambda: requests and stream.secure)
    for _ in range(5):
        loop.run_once(0)
    assert not received
    support.call_in_thread(requests[0].resolve_verdict, True)
    support.run_until(loop, lambda: received == [b"early"])


def test_s79_client_without_a_certificate_is_no_question(loop, certs, client):
    server = support.echo_server(loop, support.server_context(certs, ca="ca.pem"))
    server.set_request_cert(True)
    seen = asked(server, "check_certificate", lambda request: request.resolve_verdict(False))
    stream, recorder = connect(loop, server, client)
    stream.write(b"served")
    support.run_until(loop, lambda: recorder.data == b"served")
    assert not seen
