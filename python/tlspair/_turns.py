"""The library's loop inside an asyncio loop: pulled in whole turns, written to in batches.

A loop's descriptor is watched by asyncio. When it is readable, one call takes what happened as rows
(`tls_loop_poll`), each row goes to its transport, and what the protocols wrote meanwhile leaves in
one call (`tls_loop_write_batch`). Both keep the interpreter's lock: a turn is bounded, and to get
the lock back beside a busy thread can take 5 ms.
"""

from __future__ import annotations

import asyncio
import ctypes
import weakref
from array import array
from typing import TYPE_CHECKING, Dict, List, Optional, Tuple

from ._errors import check, error_from, last_error
from ._frames import running
from ._loop import Loop
from .lowlevel import TYPES, constant, lib, short

if TYPE_CHECKING:
    from ._asyncio_server import AsyncServer
    from ._transport import Transport

_WORDS = constant.TLS_ROW_WORDS
_MAX_ROWS = 64
# With less, messages of 16 KiB need more turns.
_BUFFER_SIZE = 256 * 1024

_SECURE_CONNECT = constant.TLS_ROW_SECURE_CONNECT
_DATA = constant.TLS_ROW_DATA
_END = constant.TLS_ROW_END
_CLOSE = constant.TLS_ROW_CLOSE
_ERROR = constant.TLS_ROW_ERROR
_DRAIN = constant.TLS_ROW_DRAIN
_CLIENT_ERROR = constant.TLS_ROW_CLIENT_ERROR
_SERVER_ERROR = constant.TLS_ROW_SERVER_ERROR
_SERVER_CLOSE = constant.TLS_ROW_SERVER_CLOSE


_poll = short.tls_loop_poll
_write_batch = short.tls_loop_write_batch


class Turns:
    """What one asyncio loop has of the library; there from the first connection or server to the last."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.tls_loop = Loop()
        #: Open connections by their handle. A row may come later than its stream's end.
        self.streams: Dict[int, Transport] = {}
        #: Listening servers by their handle.
        self.servers: Dict[int, AsyncServer] = {}
        self._words = (ctypes.c_uint64 * (_WORDS * _MAX_ROWS))()
        self._buffer = (ctypes.c_char * _BUFFER_SIZE)()
        self._word_view = memoryview(self._words).cast("B").cast("Q")
        self._handle = ctypes.c_void_p(self.tls_loop._handle)
        self._poll_arguments = (
            self._handle,
            ctypes.c_void_p(ctypes.addressof(self._words)),
            ctypes.c_size_t(_WORDS),
            ctypes.c_size_t(_MAX_ROWS),
            ctypes.c_void_p(ctypes.addressof(self._buffer)),
            ctypes.c_size_t(_BUFFER_SIZE),
            ctypes.c_int64(0),
        )
        #: Callbacks of the user run inside a turn, and their exceptions have to come out.
        self.has_callbacks = False
        self._count = 0
        #: What was written since the last flush, and by whom; it is sent at the end of the turn.
        self.writers: List[Transport] = []
        self.pieces: List[bytes] = []
        #: Somebody will call `flush`.
        self.flush_is_due = False
        self._statuses = array("i", bytes(4 * _MAX_ROWS))
        self._accepted: List[Tuple[int, int]] = []
        me = weakref.ref(self)

        def accept(server: int, stream: int, _user_data: Optional[int]) -> None:
            # Here and not by a row: before the end of the same turn, or it would be answered by ours.
            lib.tls_stream_set_allow_half_open(stream, 1)
            turns = me()
            if turns is not None:
                turns._accepted.append((server, stream))

        #: For `tls_server_on_secure_connection`.
        self.accept_callback = TYPES["tls_server_stream_callback"](accept)
        check(lib.tls_loop_set_row_kinds(self._handle, constant.TLS_ROW_KINDS_DEFAULT))
        self._descriptor = self.tls_loop.fileno()
        loop.add_reader(self._descriptor, self._turn)

    # -- what comes

    def _turn(self) -> None:
        """One turn: rows to transports, then everything that they wrote."""
        if self.tls_loop.closed:
            return
        self.flush_is_due = True
        kept: Optional[BaseException] = None
        if self.has_callbacks:
            try:
                running(self._poll_counted)
            except BaseException as error:
                # It comes out when the rows are told, which are there all the same.
                kept = error
            count = self._count
        else:
            count = _poll(*self._poll_arguments)
        if count < 0:
            self.flush_is_due = False
            raise last_error()
        if self._accepted:
            accepted, self._accepted = self._accepted, []
            for server, stream in accepted:
                try:
                    self._accept(server, stream)
                except (SystemExit, KeyboardInterrupt) as error:
                    kept = kept or error
        buffer, find = self._buffer, self.streams.get
        numbers = iter(self._word_view[: count * _WORDS].tolist())
        for handle, kind, offset, length, server, error_handle, value in zip(*[numbers] * _WORDS):
            transport = find(handle)
            try:
                if kind == _DATA:
                    if transport is not None:
                        transport._receive(buffer[offset : offset + length])  # type: ignore[arg-type]
                else:
                    self._tell(transport, kind, handle, server, error_handle, value)
            except (SystemExit, KeyboardInterrupt) as error:
                kept = kept or error
            except BaseException as error:
                if transport is not None:
                    transport._fatal_error(error, "Fatal error: protocol.data_received() call failed.")
        self._flush()
        self._end_if_idle()
        if kept is not None:
            raise kept

    def _poll_counted(self) -> None:
        self._count = _poll(*self._poll_arguments)

    def _accept(self, server_handle: int, stream: int) -> None:
        server = self.servers.get(server_handle)
        if server is None:
            lib.tls_stream_destroy(stream)
        else:
            server._accept(stream)

    def _tell(
        self, transport: Optional[Transport], kind: int, handle: int, server: int, error_handle: int, value: int
    ) -> None:
        """A row that is no data."""
        if kind == _CLIENT_ERROR:
            listener = self.servers.get(server)
            if listener is not None:
                listener._client_error(handle, error_from(error_handle))
        elif kind == _SERVER_ERROR:
            context = {"message": "tlspair: a server cannot accept", "exception": error_from(error_handle)}
            self.loop.call_exception_handler(context)
        elif kind == _SERVER_CLOSE:
            listener = self.servers.pop(handle, None)
            if listener is not None:
                listener._closed(handle)
        elif transport is None:
            return
        elif kind == _SECURE_CONNECT:
            transport._connected()
        elif kind == _END:
            transport._ended(bool(value))
        elif kind == _DRAIN:
            transport._drained()
        elif kind == _ERROR:
            transport._failed(error_from(error_handle))
        elif kind == _CLOSE:
            del self.streams[handle]
            transport._lost()

    # -- what goes

    def flush_soon(self) -> None:
        """Have what was written outside of a turn sent when asyncio's turn is over."""
        self.flush_is_due = True
        self.loop.call_soon(self._flush)

    def flush(self) -> None:
        """Hand everything to the library now; a flush that is due comes all the same."""
        writers, pieces = self.writers, self.pieces
        count = len(writers)
        if count == 0:
            return
        self.writers, self.pieces = [], []
        if self.tls_loop.closed:
            return
        for transport in writers:
            transport._pending = 0
        if count > len(self._statuses):
            self._statuses = array("i", bytes(4 * count))
        handles = array("Q", [transport._handle for transport in writers])
        lengths = array("Q", map(len, pieces))
        joined = b"".join(pieces)
        not_ok = _write_batch(
            self._handle,
            count,
            handles.buffer_info()[0],
            lengths.buffer_info()[0],
            joined,
            self._statuses.buffer_info()[0],
        )
        if not_ok < 0:
            raise last_error()
        if not_ok:
            # A copy: a protocol that is paused may write, and so come here again.
            for transport, status in zip(writers, self._statuses[:count]):
                if status == constant.TLS_FULL:
                    transport._filled()

    def _flush(self) -> None:
        self.flush_is_due = False
        # Pausing a protocol may make it write.
        while self.writers:
            self.flush()

    # -- its end

    def _end_if_idle(self) -> None:
        if not self.streams and not self.servers and not self.tls_loop.closed:
            if not self.loop.is_closed():
                self.loop.remove_reader(self._descriptor)
            self.tls_loop.close()

    def end_soon(self) -> None:
        """Nothing came of a connection or server: look whether there are others."""
        self.loop.call_soon(self._end_if_idle)


# By weak references only: the watched descriptor keeps them, until asyncio's loop is closed.
_all: "weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, weakref.ref[Turns]]" = weakref.WeakKeyDictionary()


def turns_of(loop: asyncio.AbstractEventLoop) -> Turns:
    """The one of this asyncio loop, which is running."""
    known = _all.get(loop)
    turns = None if known is None else known()
    if turns is None or turns.tls_loop.closed:
        turns = Turns(loop)
        _all[loop] = weakref.ref(turns)
    return turns
