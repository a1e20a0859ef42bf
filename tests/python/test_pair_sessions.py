"""Sessions that a server's pair has the program keep: told, asked for, and what a store may answer."""

import queue

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


class Server:
    """What the pairs of one server have in common: its context, whose keys seal, and its store."""

    def __init__(self, certs):
        self.certs = certs
        self.context = support.server_context(certs)
        self.kept = {}
        self.told, self.asked = [], []
        #: What is done with a question.
        self.answer = lambda id, request: request.resolve_session(self.kept.get(id))

    def keep(self, pair, id, session):
        assert pair.protocol in VERSIONS and not pair.secure
        self.told.append((pair, id, session))
        self.kept[id] = session

    def ask(self, pair, id, request):
        self.asked.append((pair, id))
        self.answer(id, request)

    def pair(self):
        pair = tlspair.SecurePair(self.context, is_server=True)
        pair.on_new_session(self.keep)
        pair.on_resume_session(self.ask)
        return pair

    def client(self, version, session=None, servername="localhost"):
        client = tlspair.SecurePair(support.client_context(self.certs, version=version))
        client.set_servername(servername)
        if session:
            client.set_session(session)
        return client


@pytest.fixture
def server(certs):
    return Server(certs)


@pytest.fixture
def session(server, version):
    """A client's session, which the server keeps."""
    client, pair = server.client(version), server.pair()
    assert support.shuttle(client, pair) == []
    assert pair.secure and not pair.session_reused and not server.asked
    return client.session


def test_s52_a_new_session_is_told(server, version, session):
    """As many as a TLS 1.3 client gets tickets; each with an id of its own, and not readable."""
    assert len(server.told) == (1 if version == "TLSv1.2" else 2)
    for pair, id, kept in server.told:
        assert isinstance(pair, tlspair.SecurePair)
        assert len(id) == 32 and id not in kept and b"localhost" not in kept
    assert len(server.kept) == len(server.told)


def test_s53_answered_at_once(server, version, session):
    ready = []
    client, pair = server.client(version, session), server.pair()
    pair.on_ready(ready.append)
    assert support.shuttle(client, pair) == []
    assert client.session_reused and pair.session_reused and client.authorized
    ((at, id),) = server.asked
    assert at is pair and id in server.kept and not ready


def test_s53_answered_later_from_another_thread(server, version, session):
    requests, calls = [], queue.Queue()
    server.answer = lambda id, request: requests.append((id, request))
    client, pair = server.client(version, session), server.pair()
    pair.on_ready(calls.put)
    assert support.shuttle(client, pair) == []
    ((id, request),) = requests
    assert not pair.secure
    assert support.call_in_thread(request.resolve_session, bytearray(server.kept[id])) is True
    assert calls.get(timeout=support.DEADLINE) is pair
    pair.feed(b"")
    assert support.shuttle(client, pair) == []
    assert client.session_reused and pair.session_reused
    assert request.resolve_session(None) is False


def altered(data, place):
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


BAD = {
    "nothing": lambda kept, other: None,
    "garbage": lambda kept, other: b"garbage",
    "large": lambda kept, other: b"\1" * 65536,
    "another session": lambda kept, other: other,
    "its head altered": lambda kept, other: altered(kept, 0),
    "its key's name altered": lambda kept, other: altered(kept, 5),
    "its middle altered": lambda kept, other: altered(kept, len(kept) // 2),
    "its end altered": lambda kept, other: altered(kept, len(kept) - 1),
    "cut off": lambda kept, other: kept[:-1],
    "too much": lambda kept, other: kept + b"\0",
}


@pytest.mark.parametrize("bad", BAD)
def test_s53_c019_a_bad_answer_is_a_full_handshake(server, version, session, bad):
    other = server.client(version)
    before = set(server.kept)
    assert support.shuttle(other, server.pair()) == []
    another = next(kept for id, kept in server.kept.items() if id not in before)
    server.answer = lambda id, request: request.resolve_session(BAD[bad](server.kept[id], another))
    client, pair = server.client(version, session), server.pair()
    assert support.shuttle(client, pair) == []
    assert len(server.asked) == 1
    assert client.secure and not client.session_reused and not pair.session_reused


def test_s53_c109_sealed_by_a_server_with_other_keys(certs, server, version, session):
    stranger = Server(certs)
    stranger.kept = server.kept
    client, pair = server.client(version, session), stranger.pair()
    assert support.shuttle(client, pair) == []
    assert len(stranger.asked) == 1 and client.secure and not client.session_reused


@pytest.mark.parametrize("late", [False, True])
def test_s53_rejected(server, version, session, late):
    """The connection ends, on this side with the reason."""
    requests = []
    server.answer = lambda id, request: requests.append(request) if late else request.reject("the store is gone")
    client, pair = server.client(version, session), server.pair()
    recorder = support.record_pair(pair)
    support.shuttle(client, pair)
    if late:
        assert requests[0].reject("the store is gone") is True
        with pytest.raises(tlspair.TLSError):
            pair.feed(b"")
        support.shuttle(client, pair)
    ((error,),) = recorder.of("error")
    assert error.name == "ERR_TLS_SESSION_STORE" and "the store is gone" in error.message
    assert recorder.names == ["error", "close"] and not client.secure


def test_s53_exception_in_the_callback(server, version, session):
    def fail(id, request):
        raise Deliberate("no store")

    server.answer = fail
    client, pair = server.client(version, session), server.pair()
    recorder = support.record_pair(pair)
    with pytest.raises(Deliberate):
        pair.feed(client.take())
    ((error,),) = recorder.of("error")
    assert error.name == "ERR_TLS_SESSION_STORE" and "Deliberate: no store" in error.message


def test_s52_exception_in_the_callback(server, version):
    """It is raised, and the connection goes on: nothing was asked."""
    client, pair = server.client(version), server.pair()

    @pair.on_new_session
    def fail(_pair, _id, _session):
        pair.kept = getattr(pair, "kept", 0) + 1
        if pair.kept == 1:
            raise Deliberate

    with pytest.raises(Deliberate):
        support.shuttle(client, pair)
    assert support.shuttle(client, pair) == []
    assert pair.kept == (1 if version == "TLSv1.2" else 2)
    assert pair.secure and client.secure


def test_s53_wrong_answers_do_not_use_the_request_up(server, version, session):
    requests = []
    server.answer = lambda id, request: requests.append((id, request))
    client, pair = server.client(version, session), server.pair()
    support.shuttle(client, pair)
    ((id, request),) = requests
    for wrong in ("text", 7):
        with pytest.raises(TypeError):
            request.resolve_session(wrong)
    with pytest.raises(ValueError):
        request.resolve_session(b"")
    for function, value in (
        (request.resolve_verdict, True),
        (request.resolve_context, None),
    ):
        with pytest.raises(tlspair.TLSError) as refused:
            function(value)
        assert refused.value.status == constant.TLS_ERR_INVALID_ARGUMENT
    assert request.resolve_session(server.kept[id]) is True
    assert request.resolve_unavailable() is False
    pair.feed(b"")
    support.shuttle(client, pair)
    assert client.session_reused


def test_s53_the_pair_ends_before_the_store_answers(server, version, session):
    requests = []
    server.answer = lambda id, request: requests.append((id, request))
    client, pair = server.client(version, session), server.pair()
    support.shuttle(client, pair)
    pair.close()
    ((id, request),) = requests
    assert request.resolve_session(server.kept[id]) is False and request.reject() is False


@pytest.mark.parametrize("tickets", [True, False])
def test_s52_tickets_in_place_of_the_store(server, version, tickets):
    """With tickets, a client of ours, which offers them, never has the store asked."""
    client, pair = server.client(version), server.pair()
    pair.set_session_tickets(tickets)
    assert support.shuttle(client, pair) == []
    again, pair = server.client(version, client.session), server.pair()
    pair.set_session_tickets(tickets)
    assert support.shuttle(again, pair) == []
    assert again.session_reused
    assert bool(server.asked) is not tickets


def test_s52_s53_only_for_servers_and_before_the_start(server):
    client, pair = server.client(None), server.pair()
    support.shuttle(client, pair)
    for target in (client, pair):
        for change in (
            lambda: target.on_new_session(server.keep),
            lambda: target.on_resume_session(server.ask),
            lambda: target.set_session_tickets(True),
        ):
            with pytest.raises(tlspair.TLSError) as refused:
                change()
            assert refused.value.status == constant.TLS_ERR_INVALID_STATE
    for wrong in (1, None, "yes"):
        with pytest.raises(TypeError):
            server.pair().set_session_tickets(wrong)
