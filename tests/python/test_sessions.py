"""Sessions that a server has the program keep, and what becomes of the connection if the store is no good."""

import pytest
import support
import tlspair
from tlspair import constant

VERSIONS = ["TLSv1.2", "TLSv1.3"]


class Deliberate(Exception):
    """Raised by the tests' callbacks."""


class Client:
    """One connection; `session` is the newest that it got."""

    def __init__(self, loop, server, context, session=None):
        options = tlspair.ConnectOptions(context, "localhost", session)
        self.loop, self.session = loop, None
        self.stream = tlspair.connect(loop, server.port, "127.0.0.1", options)
        self.recorder = support.record_stream(self.stream)
        self.stream.on_session(self._got)

    def _got(self, _stream, session):
        self.session = session

    def is_served(self):
        """Secure, and with something to come back with: a TLS 1.2 client that resumes keeps what it has."""
        return self.stream.secure and (self.stream.protocol == "TLSv1.2" or self.session is not None)

    def finish(self):
        """Wait until it was served, and end it; whether it had resumed comes back."""
        support.run_until(self.loop, self.is_served)
        reused = self.stream.session_reused
        self.stream.end()
        support.run_until(self.loop, lambda: self.stream.closed)
        return reused


class Keeper:
    """An echo server and its store, a dictionary. `answer` is what is done with a question."""

    def __init__(self, loop, context):
        self.loop, self.kept = loop, {}
        self.told, self.asked, self.requests = [], [], []
        self.answer = lambda id, request: request.resolve_session(self.kept.get(id))
        self.server = support.echo_server(loop, context)
        self.server.on_new_session(self._keep)
        self.server.on_resume_session(self._ask)
        self.server.set_resume_session_timeout(support.DEADLINE)

    def _keep(self, server, stream, id, session):
        assert server is self.server and isinstance(stream, tlspair.Stream)
        self.told.append((stream.protocol, id))
        self.kept[id] = session

    def _ask(self, server, stream, id, request):
        assert server is self.server and not stream.secure
        self.asked.append(id)
        self.answer(id, request)

    def answer_later(self):
        """From now on requests wait in `requests`."""
        self.answer = lambda id, request: self.requests.append((id, request))

    def counts(self):
        """The counts that are not 0, without those of full handshakes."""
        counts = self.server.session_counts._asdict()
        return {name: count for name, count in counts.items() if count and name != "full"}


@pytest.fixture(params=VERSIONS)
def client(certs, request):
    """A client's context, of each version."""
    return support.client_context(certs, version=request.param)


@pytest.fixture
def keeper(loop, server_context):
    return Keeper(loop, server_context)


@pytest.fixture
def session(loop, keeper, client):
    """What a client got at its first visit."""
    first = Client(loop, keeper.server, client)
    assert first.finish() is False
    assert keeper.told and not keeper.asked and keeper.counts() == {}
    return first.session


def come_back(loop, keeper, client, session):
    """A second visit; whether it resumed."""
    return Client(loop, keeper.server, client, session).finish()


def test_s52_s53_kept_and_resumed(loop, keeper, client, session):
    made, protocol = len(keeper.told), keeper.told[0][0]
    assert come_back(loop, keeper, client, session) is True
    (id,) = keeper.asked
    assert len(id) == 32 and id in keeper.kept
    assert keeper.counts() == {"hit_store": 1}
    counts = keeper.server.session_counts
    assert counts.full == 1 and counts == (1, 0, 0, 1) + (0,) * 7
    # A resumed TLS 1.3 connection gets a new one, for the next time.
    assert len(keeper.told) == made + (protocol == "TLSv1.3")


def test_s53_answered_later_from_another_thread(loop, keeper, client, session):
    """Others are served meanwhile."""
    keeper.answer_later()
    slow = Client(loop, keeper.server, client, session)
    support.run_until(loop, lambda: keeper.requests)
    quick = Client(loop, keeper.server, client)
    assert quick.finish() is False and not slow.stream.secure
    ((id, request),) = keeper.requests
    assert support.call_in_thread(request.resolve_session, keeper.kept[id]) is True
    assert slow.finish() is True
    assert request.resolve_session(None) is False
    assert keeper.counts() == {"hit_store": 1}


def flipped(data):
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 0x80]) + data[middle + 1 :]


# What a store may answer, and how it is counted.
BAD = {
    "nothing": (lambda kept, other: None, "miss_unknown_id"),
    "garbage": (lambda kept, other: b"garbage", "miss_sealed"),
    "another's": (lambda kept, other: other, "miss_sealed"),
    "altered": (lambda kept, other: flipped(kept), "miss_sealed"),
    "cut off": (lambda kept, other: kept[: len(kept) // 2], "miss_sealed"),
}


@pytest.mark.parametrize("bad", BAD)
def test_s53_c019_a_bad_answer_is_a_full_handshake(loop, keeper, client, session, bad):
    before = set(keeper.kept)
    assert Client(loop, keeper.server, client).finish() is False
    other = next(kept for id, kept in keeper.kept.items() if id not in before)
    make, reason = BAD[bad]
    keeper.answer = lambda id, request: request.resolve_session(make(keeper.kept[id], other))
    assert come_back(loop, keeper, client, session) is False
    assert keeper.counts() == {reason: 1} and not keeper.server.errors


def test_s53_c109_kept_by_a_server_with_other_keys(loop, certs, keeper, client, session):
    stranger = Keeper(loop, support.server_context(certs))
    stranger.kept = keeper.kept
    assert come_back(loop, stranger, client, session) is False
    assert stranger.counts() == {"miss_sealed": 1} and keeper.counts() == {}


def test_s53_never_answered(loop, keeper, client, session):
    """A store that hangs costs its time, and no connection; what it says afterwards is nothing to anybody."""
    keeper.answer_later()
    keeper.server.set_resume_session_timeout(0.05)
    assert come_back(loop, keeper, client, session) is False
    assert keeper.counts() == {"miss_store_timeout": 1} and not keeper.server.errors
    ((id, request),) = keeper.requests
    assert request.resolve_session(keeper.kept[id]) is False and request.reject() is False


def test_s53_rejected(loop, keeper, client, session):
    keeper.answer = lambda id, request: request.reject("the store is on fire")
    refused = Client(loop, keeper.server, client, session)
    support.run_until(loop, lambda: refused.stream.closed and keeper.server.errors)
    (error,) = keeper.server.errors
    assert error.name == "ERR_TLS_SESSION_STORE" and "the store is on fire" in error.message
    assert refused.recorder.names == ["error", "close"]
    assert keeper.counts() == {"miss_store_error": 1}
    keeper.answer = lambda id, request: request.resolve_session(None)
    assert come_back(loop, keeper, client, None) is False


def test_s53_exception_in_the_callback(loop, keeper, client, session):
    """It is raised from the loop, and the client is refused as by `reject`."""

    def fail(_id, _request):
        raise Deliberate("no store")

    keeper.answer = fail
    refused = Client(loop, keeper.server, client, session)
    with pytest.raises(Deliberate):
        support.run_until(loop, lambda: False)
    support.run_until(loop, lambda: refused.stream.closed and keeper.server.errors)
    (error,) = keeper.server.errors
    assert error.name == "ERR_TLS_SESSION_STORE" and "Deliberate: no store" in error.message


def test_s53_exception_after_the_answer(loop, keeper, client, session):
    def fail(id, request):
        request.resolve_session(keeper.kept[id])
        raise Deliberate

    keeper.answer = fail
    again = Client(loop, keeper.server, client, session)
    with pytest.raises(Deliberate):
        support.run_until(loop, lambda: False)
    assert again.finish() is True


def test_s52_exception_in_the_callback(loop, keeper, client):
    """It is raised, and the connection goes on: nothing was asked."""

    @keeper.server.on_new_session
    def fail(*_arguments):
        keeper.server.on_new_session(None)
        raise Deliberate

    first = Client(loop, keeper.server, client)
    with pytest.raises(Deliberate):
        support.run_until(loop, lambda: False)
    assert first.finish() is False


def test_s53_the_client_leaves_before_the_store_answers(loop, keeper, client, session):
    keeper.answer_later()
    impatient = Client(loop, keeper.server, client, session)
    support.run_until(loop, lambda: keeper.requests)
    impatient.stream.destroy()
    support.run_until(loop, lambda: impatient.stream.closed and not keeper.server.connections)
    ((id, request),) = keeper.requests
    assert request.resolve_session(keeper.kept[id]) is False


def test_s53_the_server_ends_before_the_store_answers(loop, keeper, client, session):
    keeper.answer_later()
    Client(loop, keeper.server, client, session)
    support.run_until(loop, lambda: keeper.requests)
    keeper.server.destroy()
    support.run_until(loop, lambda: keeper.server.closed)
    ((id, request),) = keeper.requests
    assert request.resolve_session(keeper.kept[id]) is False
    with pytest.raises(tlspair.TLSError) as gone:
        keeper.server.session_counts
    assert gone.value.status == constant.TLS_ERR_INVALID_HANDLE


def test_s52_s53_taken_away_again(loop, keeper, client, session):
    """Then nobody is asked or told, and tickets are given."""
    keeper.server.on_new_session(None)
    keeper.server.on_resume_session(None)
    told = len(keeper.told)
    first = Client(loop, keeper.server, client)
    assert first.finish() is False
    assert come_back(loop, keeper, client, first.session) is True
    assert len(keeper.told) == told and not keeper.asked
    assert keeper.counts() == {"hit_ticket": 1}


def test_s52_tickets_beside_the_store(loop, keeper, client):
    keeper.server.set_session_tickets(True)
    first = Client(loop, keeper.server, client)
    assert first.finish() is False
    assert come_back(loop, keeper, client, first.session) is True
    assert keeper.counts() == {"hit_ticket": 1} and not keeper.asked


def test_s85_the_cache_inside(loop, server_context, client):
    """Neither tickets nor a store."""
    server = support.echo_server(loop, server_context)
    server.set_session_tickets(False)
    first = Client(loop, server, client)
    assert first.finish() is False
    assert Client(loop, server, client, first.session).finish() is True
    assert server.session_counts.hit_cache == 1 and server.session_counts.full == 1


def test_s52_s53_arguments(loop, server_context):
    server = tlspair.Server(loop, server_context)
    for wrong in (1, None, "yes"):
        with pytest.raises(TypeError):
            server.set_session_tickets(wrong)
    for wrong in (-1, float("nan"), 2.0**60):
        with pytest.raises(ValueError):
            server.set_resume_session_timeout(wrong)
    server.set_resume_session_timeout(None)
    for register in (server.on_new_session, server.on_resume_session):
        with pytest.raises(TypeError):
            register("not a function")
    assert server.session_counts == (0,) * 11
