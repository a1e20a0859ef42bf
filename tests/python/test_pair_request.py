"""Decisions of pairs: nobody turns a loop, so `ready` tells that there is something to go on with."""

import gc
import queue
import threading

import pytest
import support
import tlspair
from tlspair import constant

VERSIONS = ["TLSv1.2", "TLSv1.3"]


class Deliberate(Exception):
    """Raised by the tests' callbacks."""


@pytest.fixture(params=VERSIONS)
def version(request):
    return request.param


@pytest.fixture
def rsa(certs):
    return support.server_context(certs, "server-rsa")


@pytest.fixture
def waiting(certs, version):
    """A client and a server whose `sni` request is open; the client, the server, the request."""
    client, server = support.pairs(certs, version=version)
    requests = []
    server.on_sni(lambda _pair, _name, request: requests.append(request))
    assert support.shuttle(client, server) == []
    assert not client.secure and len(requests) == 1
    return client, server, requests[0]


def key_type(pair):
    return "RSA" if pair.peer_certificate().exponent else "EC"


def test_s22_s41_answered_at_once(certs, version, rsa):
    client, server = support.pairs(certs, version=version)
    ready, seen = [], []
    server.on_ready(ready.append)
    server.on_sni(lambda pair, name, request: seen.append((pair, name, request.resolve_context(rsa))))
    assert support.shuttle(client, server) == []
    assert seen == [(server, "localhost", True)]
    assert client.secure and server.secure and key_type(client) == "RSA"
    assert not ready  # the pair went on by itself


def test_s22_s41_answered_from_another_thread(waiting, rsa):
    """`ready` runs there and wakes the thread of the pair, which goes on."""
    client, server, request = waiting
    calls = queue.Queue()
    server.on_ready(lambda pair: calls.put((pair, threading.get_ident())))
    answerer = []
    with support.in_thread(lambda: (answerer.append(threading.get_ident()), request.resolve_context(rsa))):
        pair, thread = calls.get(timeout=support.DEADLINE)
        assert not server.secure
        pair.feed(b"")
        assert support.shuttle(client, server) == []
    assert pair is server and [thread] == answerer and thread != threading.get_ident()
    assert client.secure and server.secure and key_type(client) == "RSA"
    assert calls.empty()


def test_s22_s41_the_ready_callback_goes_on_itself(waiting, rsa):
    client, server, request = waiting
    server.on_ready(lambda pair: pair.feed(b""))
    assert support.call_in_thread(request.resolve_context, rsa) is True
    assert support.shuttle(client, server) == []
    assert key_type(client) == "RSA"


def test_s22_s41_no_ready_callback(waiting, rsa):
    """Whoever answers on the pair's own thread needs none."""
    client, server, request = waiting
    assert request.resolve_context(rsa) is True
    server.feed(b"")
    assert support.shuttle(client, server) == []
    assert key_type(client) == "RSA"


def test_s22_s41_rejected(waiting):
    client, server, request = waiting
    assert request.reject("closed on Sundays")
    with pytest.raises(tlspair.TLSError) as caught:
        server.feed(b"")
    assert caught.value.name == "ERR_TLS_UNRECOGNIZED_NAME" and "closed on Sundays" in caught.value.message
    (error,) = support.shuttle(client, server)
    assert error.name == "ERR_SSL_TLSV1_UNRECOGNIZED_NAME"


def test_s22_s41_exception_in_the_callback(certs, version):
    client, server = support.pairs(certs, version=version)
    recorder = support.record_pair(server)

    @server.on_sni
    def fail(*_arguments):
        raise Deliberate("no idea")

    hello = client.take()
    with pytest.raises(Deliberate):
        server.feed(hello)
    ((error,),) = recorder.of("error")
    assert error.name == "ERR_TLS_UNRECOGNIZED_NAME" and "Deliberate: no idea" in error.message
    (error,) = support.shuttle(client, server)
    assert error.name == "ERR_SSL_TLSV1_UNRECOGNIZED_NAME"


def test_s22_exception_in_the_ready_callback(waiting, rsa):
    """The one who answers gets it; the answer counts."""
    client, server, request = waiting

    @server.on_ready
    def fail(_pair):
        raise Deliberate

    with pytest.raises(Deliberate):
        request.resolve_context(rsa)
    assert request.resolve_context(rsa) is False
    server.feed(b"")
    assert support.shuttle(client, server) == []
    assert key_type(client) == "RSA"


@pytest.mark.parametrize("end", ["destroy", "close"])
def test_s22_answer_after_the_pair_ended(waiting, rsa, end):
    _client, server, request = waiting
    ready = []
    server.on_ready(ready.append)
    getattr(server, end)()
    assert support.call_in_thread(request.resolve_context, rsa) is False
    assert not ready


def test_s22_a_pair_that_nobody_keeps(certs, version, rsa):
    client, server = support.pairs(certs, version=version)
    requests, ready = [], []
    server.on_sni(lambda _pair, _name, request: requests.append(request))
    server.on_ready(ready.append)
    support.shuttle(client, server)
    del server
    gc.collect()
    assert support.call_in_thread(requests[0].resolve_context, rsa) is False
    assert not ready


@pytest.mark.parametrize("how", ["close", "replace"])
def test_s22_nobody_is_called_after_close_or_replacement(waiting, rsa, how):
    """Both return when the callback that runs is over, and neither waits for the other's lock."""
    _client, server, request = waiting
    inside, leave, order = threading.Event(), threading.Event(), []

    @server.on_ready
    def slow(_pair):
        inside.set()
        assert leave.wait(support.DEADLINE)
        order.append("ready")

    def take_away():
        server.close() if how == "close" else server.on_ready(None)
        order.append(how)

    with support.in_thread(request.resolve_context, rsa):
        assert inside.wait(support.DEADLINE)
        with support.in_thread(take_away):
            leave.set()
    assert order == ["ready", how]


def test_s22_many_pairs_one_answering_thread(certs, rsa):
    """Requests go to a thread of their own, `ready` brings their pairs back; all get through."""
    questions, answered = queue.Queue(), queue.Queue()

    def answer():
        for request in iter(questions.get, None):
            assert request.resolve_context(rsa)

    conversations = {}
    with support.in_thread(answer):
        for number in range(20):
            client, server = support.pairs(certs, version=VERSIONS[number % 2])
            server.on_sni(lambda _pair, _name, request: questions.put(request))
            server.on_ready(answered.put)
            conversations[server] = client
        for server, client in conversations.items():
            support.shuttle(client, server)
        for _ in conversations:
            server = answered.get(timeout=support.DEADLINE)
            server.feed(b"")
            assert support.shuttle(conversations[server], server) == []
        questions.put(None)
    assert all(client.secure and key_type(client) == "RSA" for client in conversations.values())


def test_s57_names_of_a_pair(certs, version, rsa):
    client, server = support.pairs(certs, version=version, servername="localhost")
    server.add_context("*.example", rsa)
    server.add_context("localhost", rsa)
    server.remove_context("*.example")
    with pytest.raises(tlspair.TLSError) as caught:
        server.remove_context("*.example")
    assert caught.value.name == "ERR_TLS_SNI_UNKNOWN_NAME"
    assert support.shuttle(client, server) == []
    assert key_type(client) == "RSA"
    with pytest.raises(tlspair.TLSError) as caught:
        server.add_context("localhost", rsa)
    assert caught.value.status == constant.TLS_ERR_INVALID_STATE  # it has started


def test_s22_s79_the_other_sides_events(certs, rsa):
    client, server = support.pairs(certs)
    for call in (
        lambda: client.on_sni(print),
        lambda: client.on_check_certificate(print),
        lambda: client.add_context("a.example", rsa),
        lambda: client.remove_context("a.example"),
        lambda: server.on_check_identity(print),
    ):
        with pytest.raises(tlspair.TLSError) as caught:
            call()
        assert caught.value.status == constant.TLS_ERR_INVALID_STATE


@pytest.mark.parametrize("accepted", [True, False])
@pytest.mark.parametrize("later", [True, False])
def test_s79_identity_of_a_pair(certs, version, accepted, later):
    client = tlspair.SecurePair(support.client_context(certs, version=version))
    client.set_servername("localhost")
    server = tlspair.SecurePair(support.server_context(certs, "wrong-host"), is_server=True)
    requests, ready = [], []
    client.on_ready(ready.append)

    @client.on_check_identity
    def ask(pair, certificate, name, request):
        assert (pair, name, certificate.alt_names) == (client, "localhost", ["DNS:other.example"])
        requests.append(request) if later else request.resolve_verdict(accepted)

    client.write(b"early")
    errors = support.shuttle(client, server)
    assert bool(ready) is False
    if later:
        assert not errors and not server.read() and not client.secure
        support.call_in_thread(requests[0].resolve_verdict, accepted)
        assert ready == [client]
        try:
            client.feed(b"")
        except tlspair.TLSError as error:
            errors.append(error)
        errors += support.shuttle(client, server)
    if accepted:
        assert not errors and client.authorized and server.read() == b"early"
    else:
        assert errors[0].name == "ERR_TLS_CERT_ALTNAME_INVALID"
        assert not client.secure and server.read() == b""


@pytest.mark.parametrize("accepted", [True, False])
def test_s79_client_certificate_of_a_pair(certs, version, accepted):
    client = tlspair.SecurePair(support.client_context(certs, identity="client", version=version))
    client.set_servername("localhost")
    server = tlspair.SecurePair(support.server_context(certs, ca="ca.pem"), is_server=True, request_cert=True)
    requests, subjects = [], []
    server.on_check_certificate(
        lambda _pair, certificate, request: (subjects.append(certificate.subject), requests.append(request))
    )
    client.write(b"early")
    assert support.shuttle(client, server) == []
    assert len(requests) == 1 and "CN=tlspair client" in subjects[0]
    assert not server.secure and server.read() == b""
    assert requests[0].resolve_verdict(accepted)
    if accepted:
        server.feed(b"")
        assert server.secure and server.authorized and server.read() == b"early"
        return
    with pytest.raises(tlspair.TLSError) as caught:
        server.feed(b"")
    assert caught.value.name == "CERT_REJECTED" and server.read() == b""
