"""`Transport`: one TLS connection as asyncio knows it."""

from __future__ import annotations

import asyncio
import logging
import warnings
from typing import TYPE_CHECKING, Any, Callable, Iterable, Optional, Tuple

from . import _arguments as arguments
from ._arguments import Data
from ._errors import TLSError, check
from ._ssl_view import SSLView, socket_name
from ._turns import Turns
from .lowlevel import lib

if TYPE_CHECKING:
    from ._asyncio_server import AsyncServer
    from ._context import Context

_logger = logging.getLogger("asyncio")
_HIGH_WATER = 64 * 1024
# So many writes to a lost connection go without a word, as asyncio has it.
_SILENT_WRITES = 5


def _nothing(_data: bytes) -> None:
    return None


class Transport(asyncio.Transport):
    """A connection of `create_connection` or `create_server`, with all that `asyncio.Transport` promises.

    `write_eof` is a half-close: the peer reads the end, and what it sends still comes. Beside asyncio's
    names `get_extra_info` knows `authorized`, `authorization_error`, `servername` and `truncated` (the peer
    was cut off without TLS's own end).
    """

    __module__ = "tlspair"

    __slots__ = (
        "_turns",
        "_handle",
        "_server",
        "_factory",
        "_context",
        "_server_hostname",
        "_shutdown_timeout",
        "_waiter",
        "_protocol",
        "_receive",
        "_pending",
        "_high",
        "_low",
        "_write_paused",
        "_read_paused",
        "_held_data",
        "_held_end",
        "_eof_written",
        "_closing",
        "_gone",
        "_truncated",
        "_error",
        "_timer",
        "_late_writes",
        "_names",
    )

    def __init__(
        self,
        turns: Turns,
        handle: int,
        factory: Callable[[], asyncio.BaseProtocol],
        context: Optional[Context],
        shutdown_timeout: float,
        server: Optional[AsyncServer] = None,
        server_hostname: Optional[str] = None,
        waiter: Optional[asyncio.Future[None]] = None,
    ) -> None:
        super().__init__()
        self._turns = turns
        #: Of the stream; it is good for nothing after `connection_lost`.
        self._handle = handle
        self._server = server
        self._factory: Optional[Callable[[], asyncio.BaseProtocol]] = factory
        self._context = context
        self._server_hostname = server_hostname
        self._shutdown_timeout = shutdown_timeout
        #: Of `create_connection`, until the connection is secure.
        self._waiter = waiter
        self._protocol: Optional[asyncio.BaseProtocol] = None
        #: Takes each row of data.
        self._receive: Callable[[bytes], object] = _nothing
        #: Bytes that wait for the next batch.
        self._pending = 0
        self._high, self._low = _HIGH_WATER, _HIGH_WATER // 4
        self._write_paused = False
        self._read_paused = False
        self._held_data: Optional[bytes] = None
        self._held_end = False
        self._eof_written = False
        self._closing = False
        self._gone = False
        self._truncated = False
        self._error: Optional[BaseException] = None
        self._timer: Optional[asyncio.TimerHandle] = None
        self._late_writes = 0
        turns.streams[handle] = self

    def __repr__(self) -> str:
        state = "closed" if self._gone else "closing" if self._closing else "open"
        return f"<tlspair.Transport {state} {self._handle:#x}>"

    def __del__(self) -> None:
        if not self._gone and self._protocol is not None:
            warnings.warn(f"unclosed transport {self!r}", ResourceWarning, source=self)

    # -- what the turns tell

    def _connected(self) -> None:
        """The connection is secure."""
        if self._closing or self._factory is None:
            return
        waiter, self._waiter = self._waiter, None
        factory, self._factory = self._factory, None
        try:
            self.set_protocol(factory())
            assert self._protocol is not None
            self._protocol.connection_made(self)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            if waiter is not None and not waiter.done():
                self._error = error
                waiter.set_exception(error)
                self.abort()
            else:
                self._fatal_error(error, "Fatal error: protocol.connection_made() call failed.")
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def _ended(self, clean: bool) -> None:
        """The peer sends no more."""
        self._truncated = not clean
        if self._read_paused:
            self._held_end = True
        elif not self._closing and self._protocol is not None:
            self._tell_end(self._protocol)

    def _tell_end(self, protocol: asyncio.BaseProtocol) -> None:
        try:
            goes_on = protocol.eof_received()  # type: ignore[attr-defined]
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            self._fatal_error(error, "Fatal error: protocol.eof_received() call failed.")
            return
        if not goes_on:
            self.close()

    def _failed(self, error: TLSError) -> None:
        self._error = self._error or error

    def _lost(self) -> None:
        """The last row."""
        if (self._held_end or self._held_data is not None) and not self._closing:
            # It came before; there is no other time to tell it.
            self._read_paused = False
            self._deliver_held()
        self._closing = self._gone = True
        self._receive = _nothing
        if self._timer is not None:
            self._timer.cancel()
        # These are asked for when the stream is gone, too.
        self._names = {name: socket_name(self._handle, name) for name in ("peername", "sockname")}
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_exception(self._error or ConnectionAbortedError("the connection ended before it was secure"))
        protocol, self._protocol = self._protocol, None
        server, self._server = self._server, None
        try:
            if protocol is not None:
                protocol.connection_lost(self._error)  # type: ignore[arg-type]
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            self._report(error, "Exception in protocol.connection_lost()", protocol)
        finally:
            if server is not None:
                server._transports.discard(self)

    def _filled(self) -> None:
        """The last batch went over the mark. Unless the rest fits, drain comes when all is sent."""
        if not self._write_paused and not self._gone and self.get_write_buffer_size() > self._high:
            self._write_paused = True
            self._tell_flow("pause_writing")

    def _drained(self) -> None:
        if self._write_paused and self._pending <= self._low:
            self._write_paused = False
            self._tell_flow("resume_writing")

    def _tell_flow(self, name: str) -> None:
        protocol = self._protocol
        try:
            if protocol is not None:
                getattr(protocol, name)()
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            self._report(error, f"protocol.{name}() failed", protocol)

    # -- failures

    def _report(self, error: BaseException, message: str, protocol: Optional[asyncio.BaseProtocol]) -> None:
        context = {"message": message, "exception": error, "transport": self, "protocol": protocol}
        self._turns.loop.call_exception_handler(context)

    def _fatal_error(self, error: BaseException, message: str) -> None:
        """The connection cannot go on; the protocol hears of it by `connection_lost`."""
        if not isinstance(error, OSError) or self._turns.loop.get_debug():
            self._report(error, message, self._protocol)
        self._error = self._error or error
        self.abort()

    # -- asyncio.BaseTransport

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """`peername`, `sockname`, `peercert`, `cipher`, `compression`, `ssl_object`, `sslcontext`, and more.

        `peercert` and `cipher` are in the forms of the `ssl` module, `ssl_object` answers its questions,
        `sslcontext` is the `tlspair.Context`. There is no `socket`. After `connection_lost` only the
        addresses are still known.
        """
        value: Any
        if name == "truncated":
            value = self._truncated
        elif name == "sslcontext":
            value = self._context
        elif self._gone:
            value = self._names.get(name)
        elif name in ("peername", "sockname"):
            value = socket_name(self._handle, name)
        else:
            value = SSLView(self._handle, self._context, self._server is not None, self._server_hostname).extra(name)
        return default if value is None else value

    def is_closing(self) -> bool:
        """Whether `close` or `abort` was called, or the connection is lost."""
        return self._closing

    def close(self) -> None:
        """Send what was written and TLS's end, take nothing more; `connection_lost` follows.

        A peer that does not end its side within the shutdown timeout is cut off.
        """
        if self._closing:
            return
        self._closing = True
        self._receive = _nothing
        self._held_data = None
        self._turns.flush()
        if not self._eof_written:
            lib.tls_stream_end(self._handle)
        if self._read_paused:
            lib.tls_stream_resume(self._handle)
        self._timer = self._turns.loop.call_later(self._shutdown_timeout, self._give_up)

    def _give_up(self) -> None:
        if not self._gone:
            self._fatal_error(TimeoutError("the peer did not end the connection in time"), "TLS shutdown timed out")

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Have another protocol hear what comes from now on."""
        self._protocol = protocol
        if self._read_paused:
            self._receive = self._hold
        elif not self._closing:
            self._receive = self._receiver()

    def _receiver(self) -> Callable[[bytes], object]:
        if isinstance(self._protocol, asyncio.BufferedProtocol):
            return self._fill_buffers
        receive: Callable[[bytes], object] = self._protocol.data_received  # type: ignore[union-attr]
        return receive

    def get_protocol(self) -> asyncio.BaseProtocol:
        """The protocol that hears what comes."""
        return self._protocol  # type: ignore[return-value]

    # -- asyncio.ReadTransport

    def is_reading(self) -> bool:
        """Whether data comes."""
        return not self._closing and not self._read_paused

    def pause_reading(self) -> None:
        """No more data until `resume_reading`, and no more reading from the socket."""
        if self._closing or self._read_paused:
            return
        self._read_paused = True
        self._receive = self._hold
        lib.tls_stream_pause(self._handle)

    def resume_reading(self) -> None:
        """Go on after `pause_reading`."""
        if self._closing or not self._read_paused:
            return
        self._read_paused = False
        if self._held_data is None and not self._held_end:
            self._receive = self._receiver()
            lib.tls_stream_resume(self._handle)
        else:
            # The stream is still paused: nothing overtakes this.
            self._turns.loop.call_soon(self._deliver_held)

    def _hold(self, data: bytes) -> None:
        """A row that was made before another protocol of the same turn paused this one."""
        self._held_data = data if self._held_data is None else self._held_data + data

    def _deliver_held(self) -> None:
        if self._read_paused or self._closing or self._protocol is None:
            return
        data, self._held_data = self._held_data, None
        self._receive = self._receiver()
        if data is not None:
            try:
                self._receive(data)
            except (SystemExit, KeyboardInterrupt):
                raise
            except BaseException as error:
                self._fatal_error(error, "Fatal error: protocol.data_received() call failed.")
        if self._read_paused or self._closing:
            return
        lib.tls_stream_resume(self._handle)
        if self._held_end:
            self._held_end = False
            self._tell_end(self._protocol)

    def _fill_buffers(self, data: bytes) -> None:
        """For a `BufferedProtocol`."""
        protocol = self._protocol
        assert isinstance(protocol, asyncio.BufferedProtocol)
        rest = memoryview(data)
        while rest:
            if self._closing:
                return
            if self._read_paused:
                self._hold(bytes(rest))
                return
            room = memoryview(protocol.get_buffer(len(rest))).cast("B")
            count = min(len(room), len(rest))
            if count == 0:
                raise RuntimeError("get_buffer() returned an empty buffer")
            room[:count] = rest[:count]
            protocol.buffer_updated(count)
            rest = rest[count:]

    # -- asyncio.WriteTransport

    def write(self, data: Data) -> None:
        """Send bytes; they are always taken. What could change meanwhile is copied."""
        if type(data) is not bytes:
            data = arguments.data(data)
        if self._eof_written or self._closing:
            self._write_late()
            return
        length = len(data)
        if length == 0:
            return
        turns = self._turns
        turns.writers.append(self)
        turns.pieces.append(data)
        if not turns.flush_is_due:
            turns.flush_soon()
        self._pending += length
        if self._pending > self._high:
            # Whether the protocol must pause, it has to hear now.
            turns.flush()

    def _write_late(self) -> None:
        if self._eof_written:
            raise RuntimeError("Cannot call write() after write_eof()")
        self._late_writes += 1
        if self._late_writes == _SILENT_WRITES:
            _logger.warning("%r: write after the connection was closed", self)

    def writelines(self, list_of_data: Iterable[Data]) -> None:
        """Send several pieces, as one."""
        self.write(b"".join(list_of_data))

    def can_write_eof(self) -> bool:
        """It can: TLS has an end for each direction."""
        return True

    def write_eof(self) -> None:
        """Send what was written and the end of our side; the peer may go on."""
        if self._eof_written or self._closing:
            return
        self._turns.flush()
        self._eof_written = True
        check(lib.tls_stream_end(self._handle))

    def abort(self) -> None:
        """Drop the connection at once, with what was written; `connection_lost` follows."""
        if self._gone:
            return
        self._closing = True
        self._receive = _nothing
        self._held_data = None
        lib.tls_stream_destroy(self._handle)

    def set_write_buffer_limits(self, high: Optional[int] = None, low: Optional[int] = None) -> None:
        """From how many waiting bytes on the protocol is paused, and from how few on it goes on.

        It goes on when all is sent, which is below any `low`.
        """
        if high is None:
            high = _HIGH_WATER if low is None else 4 * low
        if low is None:
            low = high // 4
        if not high >= low >= 0:
            raise ValueError(f"high ({high!r}) must be >= low ({low!r}) must be >= 0")
        self._high, self._low = high, low
        if not self._gone:
            lib.tls_stream_set_high_water_mark(self._handle, high)

    def get_write_buffer_limits(self) -> Tuple[int, int]:
        """`low` and `high`."""
        return self._low, self._high

    def get_write_buffer_size(self) -> int:
        """Bytes that wait to be sent."""
        return self._pending + (0 if self._gone else lib.tls_stream_writable_length(self._handle))
