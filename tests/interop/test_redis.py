"""Sessions in a real Redis: servers that are processes of their own resume each other's, and do without it."""

import asyncio
import os
import threading
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace

import ours
import pytest
import support
from redis_fleet import PATIENT, Member, Redis, Visit, s_client_visit, visit
from strangers import until

FLEETS = {"c": ["c", "c", "c"], "python": ["python", "python"], "mixed": ["c", "python"]}


@pytest.fixture
def client(certs, version):
    return ours.client_context(certs, version=version)


@pytest.fixture
def redis(loop):
    with Redis(loop) as server:
        yield server


@pytest.fixture
def start(loop, certs, secret):
    """Starts members, which end with the test."""
    with ExitStack() as stack:

        def start(redis, languages, *options, secret=secret, **more):
            members = [
                stack.enter_context(Member(loop, certs, secret, redis, language, *options, **more))
                for language in languages
            ]
            return [member.ready() for member in members]

        yield start


def total(members, name):
    return sum(member.count(name) for member in members)


@pytest.mark.parametrize("fleet", FLEETS)
@pytest.mark.parametrize("tickets", [False, True], ids=["store", "tickets"])
def test_s52_s53_s85_a_session_resumes_wherever_the_client_goes(redis, start, client, version, fleet, tickets):
    """TLS 1.2 by id and by ticket, TLS 1.3 by ticket and stateful; made at each, resumed at each."""
    members = start(redis, FLEETS[fleet], *PATIENT, *(["--tickets"] if tickets else []))
    resumed = 0
    for first in members:
        reused, sessions = visit(first, client)
        assert not reused
        for other in members:
            reused, more = visit(other, client, sessions[-1])
            assert reused, (first.stranger, other.stranger)
            sessions += more  # TLS 1.3: each is for one use
            resumed += 1
    assert total(members, "hit_ticket" if tickets else "hit_store") == resumed
    assert total(members, "full") == len(members)
    kept = redis.keys()
    if tickets:
        assert kept == []
        return
    # Each TLS 1.3 session went when it was used, and left its successor and the other of the first two.
    once = len(members) * 2 if version == "TLSv1.3" else 0
    assert len(redis.keys("tlspair:once:*")) == once
    assert len(redis.keys("tlspair:many:*")) == (len(members) if version == "TLSv1.2" else 0)
    assert len(kept) == len(redis.keys("tlspair:*"))
    assert 7000 < int(redis.ask("TTL", kept[0])[0]) <= 7200
    # Nobody reads there whose session it is.
    assert all("localhost" not in line for line in redis.ask("GET", kept[0]))
    for member in members:
        member.end()


def test_s53_a_tls13_session_is_given_out_once(redis, start, certs):
    """Also if two servers are asked at the same time: a thief of it comes to nothing, or the client does."""
    client = ours.client_context(certs, version="TLSv1.3")
    members = start(redis, ["c", "c", "python"], *PATIENT)
    _, sessions = visit(members[0], client)
    visits = [Visit(member, client, sessions[-1]) for member in members]
    assert sorted(one.finish() for one in visits) == [False, False, True]
    assert total(members, "hit_store") == 1 and total(members, "miss_unknown_id") == 2
    assert total(members, "absent") == 2


# -- keys


@pytest.mark.parametrize("tickets", [False, True], ids=["store", "tickets"])
def test_s85_c109_the_ring_turns(redis, start, client, tmp_path, tickets):
    """What old keys made resumes; what a new key made does where the key is; what a lost key made does not."""
    options = [*PATIENT, "--grace", "0", *(["--tickets"] if tickets else [])]
    first, second, third = start(redis, ["c", "python", "c"], *options)
    unknown = "miss_unknown_key" if tickets else "miss_sealed"
    _, old = visit(first, client)
    keys = tmp_path / "keys"
    first.rotate(keys)
    assert keys.stat().st_mode & 0o777 == 0o600

    _, new = visit(first, client)
    assert not visit(second, client, new[-1])[0] and second.count(unknown) == 1
    for member in (second, third):
        member.import_(keys)
    reused, old = visit(third, client, old[-1])
    assert reused
    _, new = visit(first, client)
    assert visit(second, client, new[-1])[0] and third.count(unknown) == 0

    _, last = visit(second, client)
    for _ in range(16):  # as many as a ring has
        second.rotate(keys)
    before = second.count(unknown)
    assert not visit(second, client, last[-1])[0] and second.count(unknown) == before + 1
    first.import_(keys)
    _, last = visit(second, client)
    assert visit(first, client, last[-1])[0]


def test_s53_c109_another_secret(redis, start, client, tmp_path):
    """One Redis for two fleets: neither is harmed, and the counts say why."""
    (one,) = start(redis, ["c"], *PATIENT)
    other_secret = tmp_path / "other"
    other_secret.write_bytes(os.urandom(32))
    others = start(redis, ["c", "python"], *PATIENT, secret=other_secret)
    for other in others:
        _, sessions = visit(one, client)
        assert not visit(other, client, sessions[-1])[0]
        assert other.counts()["miss_sealed"] == 1


@pytest.mark.parametrize("tickets", [False, True], ids=["store", "tickets"])
def test_c109_expired(redis, start, client, tmp_path, tickets):
    """At a server whose clock is two hours ahead. Redis forgets sessions by its own clock, so it has them still."""
    library = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
    if library is None:
        pytest.skip("libfaketime is not installed")
    ahead = ["env", f"LD_PRELOAD={library}", "FAKETIME=+7300"]
    options = [*PATIENT, "--grace", "0", *(["--tickets"] if tickets else [])]
    (now,) = start(redis, ["c"], *options)
    (later,) = start(redis, ["c"], *options, prefix=ahead)
    # Keys that do not come with the time.
    keys = tmp_path / "keys"
    now.rotate(keys)
    later.import_(keys)
    _, sessions = visit(now, client)
    assert not visit(later, client, sessions[-1])[0]
    assert later.counts()["miss_expired"] == 1
    _, sessions = visit(later, client)
    assert visit(later, client, sessions[-1])[0]
    later.end()  # else libfaketime leaves its shared memory behind


@pytest.mark.parametrize("tickets", [False, True], ids=["store", "tickets"])
def test_s23_c109_another_name_or_policy(redis, start, certs, tmp_path, version, tickets):
    """`openssl s_client` offers sessions to whom it should not."""
    options = [*PATIENT, *(["--tickets"] if tickets else [])]
    plain, same = start(redis, ["c", "python"], *options)
    (asking,) = start(redis, ["c"], *options, "--ca", certs / "ca.pem")
    (trusting_others,) = start(redis, ["c"], *options, "--ca", certs / "other-ca.pem")

    cert, key = certs / "client-cert.pem", certs / "client-key.pem"
    identity = ["-cert", cert, "-cert_chain", cert, "-key", key]
    for number, (made_at, offered_at, other_name, resumes, reason) in enumerate(
        [
            (plain, same, "localhost", True, None),
            (plain, same, "other.example", False, "miss_policy"),
            (plain, same, None, False, "miss_policy"),
            (plain, asking, "localhost", False, "miss_policy"),
            (asking, plain, "localhost", False, "miss_policy"),
            (asking, trusting_others, "localhost", False, "miss_policy"),
            (asking, asking, "localhost", True, None),
        ]
    ):
        saved = tmp_path / f"session-{number}.pem"
        assert not s_client_visit(made_at, certs, None, saved, *identity, version=version)
        before = offered_at.counts()
        resumed = s_client_visit(
            offered_at, certs, saved, None, *identity, version=version, servername=other_name
        )
        assert resumed is resumes, number
        after = offered_at.counts()
        if reason:
            assert after[reason] == before.get(reason, 0) + 1, (number, after)


# -- what Redis may do


CUT = "redis.call('SET', KEYS[1], redis.call('GETRANGE', KEYS[1], 0, -2))"
BAD = {
    "garbage": lambda redis, key: redis.ask("SET", key, "garbage"),
    "empty": lambda redis, key: redis.ask("SET", key, ""),
    "cut": lambda redis, key: redis.ask("EVAL", CUT, 1, key),
    "too large": lambda redis, key: redis.ask("SETRANGE", key, 100_000, "x"),
    "no string": lambda redis, key: (redis.ask("DEL", key), redis.ask("LPUSH", key, "a", "b")),
}


@pytest.mark.parametrize("language", ["c", "python"])
def test_s53_c019_another_program_writes_there(redis, start, client, language):
    (member,) = start(redis, [language], *PATIENT)
    for number, (name, spoil) in enumerate(BAD.items(), 1):
        _, sessions = visit(member, client)
        keys = redis.keys()
        for key in keys:
            spoil(redis, key)
        assert not visit(member, client, sessions[-1])[0], name
        counts = member.counts()
        assert counts["full"] == 2 * number and counts.get("miss_store_timeout", 0) == 0, name
        redis.ask("FLUSHALL")
    assert counts["failed"] >= 1 and counts["miss_sealed"] >= 2 and "hit_store" not in counts
    # One client's session under another's id.
    _, sessions = visit(member, client)
    mine = redis.keys()
    visit(member, client)
    other = next(key for key in redis.keys() if key not in mine)
    for key in mine:
        redis.ask("COPY", other, key, "REPLACE")
    before = member.count("miss_sealed")
    assert not visit(member, client, sessions[-1])[0] and member.count("miss_sealed") == before + 1


@pytest.mark.parametrize("language", ["c", "python"])
def test_s53_redis_with_a_password_and_without_getdel(loop, start, client, language, monkeypatch):
    """As before 6.2: then a script takes sessions out."""
    with Redis(loop, "--requirepass", "secret", "--rename-command", "GETDEL", "") as redis:
        redis.password = "secret"
        monkeypatch.setenv("REDIS_PASSWORD", "wrong")
        (locked_out,) = start(redis, [language], *PATIENT)
        _, sessions = visit(locked_out, client)
        assert locked_out.count("unsaved") >= 1 and redis.keys() == []
        assert not visit(locked_out, client, sessions[-1])[0] and locked_out.count("failed") == 1

        monkeypatch.setenv("REDIS_PASSWORD", "secret")
        one, other = start(redis, [language, "c"], *PATIENT)
        _, sessions = visit(one, client)
        for member in (other, one, other):
            reused, more = visit(member, client, sessions[-1])
            assert reused
            sessions += more
        kept = len(redis.keys())
        if redis.keys("tlspair:once:*"):
            # The last but one was used up.
            assert kept == 2 and not visit(one, client, sessions[-2])[0]
        assert one.count("failed") == other.count("failed") == 0


@pytest.mark.parametrize("language", ["c", "python"])
def test_s53_redis_is_slow(redis, start, client, language):
    """A handshake waits as long as it is told to, and then is a full one; afterwards all is as before."""
    (member,) = start(redis, [language], "--patience", "100")
    _, sessions = visit(member, client)
    redis.hang()
    slow = Visit(member, client, sessions[-1])
    assert slow.finish() is False
    counts = member.counts()
    assert counts["miss_store_timeout"] == 1 and counts["full"] == 2 and counts["pending"] >= 1
    redis.go_on()
    member.settle()
    counts = member.counts()
    assert counts["late"] == 1 and "found" not in counts
    (patient,) = start(redis, [language], *PATIENT)
    assert visit(patient, client, slow.session)[0]


@pytest.mark.parametrize("language", ["c", "python"])
def test_s53_redis_has_enough_to_do(redis, start, client, language):
    """Who comes beyond the limit does not wait for it."""
    (member,) = start(redis, [language], *PATIENT, "--pending", "2")
    sessions = [visit(member, client)[1][-1] for _ in range(2)]
    redis.hang()
    walks = [Visit(member, client, session) for session in sessions for _ in range(2)]
    until(member.loop, lambda: sum(one.is_served() for one in walks) == 4 - (1 if language == "c" else 2))
    counts = member.counts()
    assert counts["away"] == sum(one.is_served() for one in walks) and counts["pending"] == 2
    assert "miss_store_timeout" not in counts
    redis.go_on()
    assert sum(one.finish() for one in walks) == member.count("hit_store") >= 1


def test_s53_redis_hangs(redis, start, certs):
    """The stores give it up by themselves, before the handshakes do, and find it again."""
    client = ours.client_context(certs, version="TLSv1.3")
    members = start(redis, FLEETS["mixed"], *PATIENT)
    sessions = [visit(member, client)[1][-1] for member in members]
    redis.hang()
    waiting = [Visit(member, client, session) for member, session in zip(members, sessions)]
    for member, one in zip(members, waiting):
        assert one.finish() is False
        counts = member.counts()
        assert counts["failed"] == 1 and "miss_store_timeout" not in counts
    redis.go_on()
    for member in members:
        member.connected(2)
        _, sessions = visit(member, client)
        assert visit(member, client, sessions[-1])[0]


@pytest.mark.parametrize("fleet", ["c", "python"])
def test_s53_redis_is_killed_and_comes_back(redis, start, client, fleet):
    members = start(redis, FLEETS[fleet], *PATIENT)
    _, sessions = visit(members[0], client)

    # While it is asked: the handshake goes on at once.
    redis.hang()
    waiting = Visit(members[1], client, sessions[-1])
    until(members[1].loop, lambda: members[1].count("pending") > 0, members[1].stranger)
    redis.stop()
    assert waiting.finish() is False
    assert members[1].count("failed") == 1 and members[1].count("miss_store_error") == 1

    # Before it is asked.
    members[1].settle()
    _, sessions = visit(members[1], client)
    assert members[1].count("unsaved") >= 1
    assert visit(members[0], client, sessions[-1])[0] is False
    assert members[0].count("away" if fleet == "c" else "failed") == 1

    redis.start()
    for member in members:
        member.connected(2)
    # What it knew is gone; what is new is not.
    assert visit(members[1], client, sessions[-1])[0] is False
    _, sessions = visit(members[0], client)
    assert visit(members[1], client, sessions[-1])[0]
    assert total(members, "miss_store_error") == 2 and total(members, "miss_store_timeout") == 0


def test_s53_redis_dies_under_load(loop, redis, start, client):
    """A hundred clients go from server to server meanwhile: each handshake is made."""
    members = start(redis, FLEETS["c"])
    walks = [[Visit(members[i % 3], client)] for i in range(20)]
    finished = 0
    for step in range(6):
        if step == 2:
            redis.stop()
        if step == 4:
            redis.start()
            for member in members:
                member.connected(2)
        for walk in walks:
            walk[-1].finish()
            finished += 1
            walk.append(Visit(members[(len(walk) + step) % 3], client, walk[-1].session if walk[-1].sessions else None))
    resumed = sum(walk[-1].finish() for walk in walks)
    finished += len(walks)
    counts = {name: total(members, name) for name in ("full", "hit_store", "miss_store_error")}
    assert counts["full"] + counts["hit_store"] == finished == 140
    assert counts["hit_store"] >= 20 and resumed and counts["miss_store_error"] > 0


# -- the Python store inside a program


@pytest.fixture
def in_asyncio():
    """Runs coroutines on an event loop of a thread of its own."""
    events = asyncio.new_event_loop()
    thread = threading.Thread(target=events.run_forever)
    thread.start()
    yield lambda work: asyncio.run_coroutine_threadsafe(work, events).result(support.DEADLINE)
    events.call_soon_threadsafe(events.stop)
    thread.join(support.DEADLINE)
    events.close()


def test_s53_the_event_loop_of_another_thread(loop, redis, certs, client, in_asyncio):
    """The server's loop turns here, asyncio's elsewhere; a store that is full says so."""
    library = pytest.importorskip("redis.asyncio")
    from tlspair.redis_store import RedisStore

    async def make(**options):
        return RedisStore(library.Redis(port=redis.port), **options)

    def welcome(stream):
        stream.write(f"{stream.protocol} {'resumed' if stream.session_reused else 'new'}\n".encode())

    server = ours.EchoServer(loop, ours.server_context(certs), answer=welcome)
    here = SimpleNamespace(loop=loop, host="127.0.0.1", port=server.port, stranger=server)
    store, full = in_asyncio(make(prefix="mine:")), in_asyncio(make(most_pending=0))

    store.keep(server.server)
    first = Visit(here, client)
    assert not first.finish()
    until(loop, lambda: store.counts.saved == len(first.sessions))
    assert len(redis.keys("mine:*")) == len(redis.keys()) == len(first.sessions)
    again = Visit(here, client, first.session)
    assert again.finish()
    # Counted over there, once the answer has been given.
    until(loop, lambda: store.pending == 0)
    assert store.counts.found == 1 and store.counts.failed == 0

    full.keep(server.server)
    last = Visit(here, client, (first.sessions + again.sessions)[-1])
    assert not last.finish()
    until(loop, lambda: full.counts.unsaved)
    assert full.counts.away == 1 and full.counts.saved == 0 and redis.keys() != []
    in_asyncio(store._client.aclose())


def test_s53_a_client_that_decodes_is_refused(in_asyncio):
    library = pytest.importorskip("redis.asyncio")
    from tlspair.redis_store import RedisStore

    async def make():
        with pytest.raises(ValueError):
            RedisStore(library.Redis(decode_responses=True))

    in_asyncio(make())
    with pytest.raises(RuntimeError):
        RedisStore(library.Redis())  # there is no event loop here
