"""`RedisStore`: a server's sessions in Redis, through `redis.asyncio` (`redis` on PyPI).

The rest of the package does without it and does not import this module.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, Coroutine, Optional, Set

import redis.asyncio
from redis.exceptions import RedisError, ResponseError

from ._request import Request
from ._server import Server
from ._stream import Stream

_TAKE_OUT = "local kept = redis.call('GET', KEYS[1]) redis.call('DEL', KEYS[1]) return kept"


@dataclass
class RedisCounts:
    """What became of sessions and questions. `Server.session_counts` has the other half."""

    #: Sessions that Redis has taken.
    saved: int = 0
    #: Sessions that it has not.
    unsaved: int = 0
    #: Sessions that were found while the client waited.
    found: int = 0
    #: Questions for what Redis does not know.
    absent: int = 0
    #: Questions that came to an error.
    failed: int = 0
    #: Questions that were not asked, because too many were open.
    away: int = 0
    #: Answers that came when the client did not wait any more.
    late: int = 0


class RedisStore:
    """Keeps the sessions of servers in Redis, so that they resume on every server that uses the same.

    Made in a coroutine, for the event loop that runs there. The servers may turn on that loop's
    thread, as with `add_reader(loop.fileno(), loop.run_once, 0)`, or on any other.

        client = redis.asyncio.Redis(host="10.0.0.5", socket_timeout=1)
        store = RedisStore(client)
        store.keep(server)

    What Redis gets is sealed with the server's ticket keys: servers that share sessions share a
    `TicketRing`. Its keys should live as long as `lifetime`, in seconds, which is OpenSSL's.

    A Redis that fails, or has `most_pending` questions and sessions already, costs full handshakes and
    nothing else: `counts` tells. One that takes longer than `Server.set_resume_session_timeout` does as
    well; after `timeout` seconds it is not waited for at all.
    """

    def __init__(
        self,
        client: redis.asyncio.Redis,
        *,
        lifetime: int = 7200,
        prefix: str = "tlspair:",
        most_pending: int = 1000,
        timeout: float = 2.0,
    ) -> None:
        if client.get_encoder().decode_responses:
            raise ValueError("sessions are bytes: the client must not have decode_responses")
        self.counts = RedisCounts()
        self._client: Any = client
        self._lifetime, self._prefix = lifetime, prefix
        self._most_pending, self._timeout = most_pending, timeout
        self._loop = asyncio.get_running_loop()
        self._lacks_getdel = False  # Redis before 6.2
        # The event loop itself does not hold them.
        self._tasks: Set["asyncio.Task[None]"] = set()

    def keep(self, server: Server) -> None:
        """Set the server's `on_new_session` and `on_resume_session`."""
        server.on_new_session(self._new_session)
        server.on_resume_session(self._resume_session)

    @property
    def pending(self) -> int:
        """Sessions and questions that are with Redis now."""
        return len(self._tasks)

    # -- on the server's thread

    def _new_session(self, _server: Server, stream: Stream, id: bytes, session: bytes) -> None:
        # For one use, if it is of TLS 1.3: so the two kinds have names of their own.
        name = self._once(id) if stream.protocol == "TLSv1.3" else self._many(id)
        self._loop.call_soon_threadsafe(self._start_save, name, session)

    def _resume_session(self, _server: Server, _stream: Stream, id: bytes, request: Request) -> None:
        self._loop.call_soon_threadsafe(self._start_find, id, request)

    # -- on the event loop's

    def _once(self, id: bytes) -> str:
        return f"{self._prefix}once:{id.hex()}"

    def _many(self, id: bytes) -> str:
        return f"{self._prefix}many:{id.hex()}"

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _start_save(self, name: str, session: bytes) -> None:
        if self.pending < self._most_pending:
            self._start(self._save(name, session))
        else:
            self.counts.unsaved += 1

    async def _save(self, name: str, session: bytes) -> None:
        try:
            await asyncio.wait_for(self._client.set(name, session, ex=self._lifetime), self._timeout)
        except (RedisError, OSError, asyncio.TimeoutError):
            self.counts.unsaved += 1
        else:
            self.counts.saved += 1

    def _start_find(self, id: bytes, request: Request) -> None:
        if self.pending < self._most_pending:
            self._start(self._find(id, request))
        else:
            self.counts.away += 1
            request.resolve_unavailable()

    async def _find(self, id: bytes, request: Request) -> None:
        try:
            kept = await asyncio.wait_for(self._take(id), self._timeout)
            answered = request.resolve_session(kept)
        except (RedisError, OSError, asyncio.TimeoutError):
            self.counts.failed += 1
            request.resolve_unavailable()
            return
        if kept is None:
            self.counts.absent += 1
        elif answered:
            self.counts.found += 1
        else:
            self.counts.late += 1

    async def _take(self, id: bytes) -> Optional[bytes]:
        """What is kept. The client's version is not known yet, so both kinds are asked for at once."""
        while True:
            pipeline = self._client.pipeline(transaction=False)
            if self._lacks_getdel:
                pipeline.eval(_TAKE_OUT, 1, self._once(id))
            else:
                pipeline.getdel(self._once(id))
            pipeline.get(self._many(id))
            once, many = await pipeline.execute(raise_on_error=False)
            if isinstance(once, ResponseError) and "unknown command" in str(once) and not self._lacks_getdel:
                self._lacks_getdel = True
                continue
            for kept in (once, many):
                if isinstance(kept, Exception):
                    raise kept
            # An empty one is none of ours.
            return once or many or None
