"""Ctrl-C while the library's loop runs.

Python runs signal handlers only between its own instructions, so not while the main thread waits
in C; and an exception that a handler raises at the start of a callback would be lost. So, while a
loop runs on the main thread, a signal wakes the loop, and Ctrl-C stops it instead of raising at
once; the second Ctrl-C raises at once. Other handlers should do as Ctrl-C does and call
`Loop.stop`.
"""

from __future__ import annotations

import signal
import socket
import threading
from types import FrameType
from typing import Callable, Optional


class Interruptible:
    """`with Interruptible(wake, stop)`: Ctrl-C inside calls `stop`, and raises at the end.

    `wake` lets the waiting loop run a little of Python; it is called on another thread. Without it
    signals are handled when the call comes back by itself.
    """

    def __init__(self, wake: Optional[Callable[[], object]], stop: Callable[[], object]) -> None:
        self._wake = wake
        self._stop = stop
        self._interrupted = False
        self._handles_interrupt = False
        self._sockets: Optional[tuple[socket.socket, socket.socket]] = None
        self._thread: Optional[threading.Thread] = None

    def __enter__(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            return
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, self._on_interrupt)
            self._handles_interrupt = True
        if self._wake is not None:
            self._watch()

    def _watch(self) -> None:
        reader, writer = socket.socketpair()
        writer.setblocking(False)
        previous = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
        if previous != -1:
            # Another loop of this thread waits for signals there; it stays in charge.
            signal.set_wakeup_fd(previous)
            reader.close()
            writer.close()
            return
        self._sockets = (reader, writer)
        self._thread = threading.Thread(target=self._forward, args=(reader,), name="tlspair signals", daemon=True)
        self._thread.start()

    def _forward(self, reader: socket.socket) -> None:
        while reader.recv(64) and self._wake is not None:
            self._wake()

    def _on_interrupt(self, _number: int, _frame: Optional[FrameType]) -> None:
        if self._interrupted:
            raise KeyboardInterrupt
        self._interrupted = True
        self._stop()

    def __exit__(self, *_exception: object) -> None:
        if self._sockets is not None and self._thread is not None:
            reader, writer = self._sockets
            signal.set_wakeup_fd(-1)
            writer.close()
            self._thread.join()
            reader.close()
        if self._handles_interrupt:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        if self._interrupted:
            raise KeyboardInterrupt
