"""`Loop`: the library's event loop."""

from __future__ import annotations

import warnings
from functools import partial
from typing import Any, Callable, Optional

from . import _arguments as arguments
from ._callbacks import destroy_callback, hold, post_callback, release
from ._errors import check, check_handle, last_error
from ._frames import running
from ._signals import Interruptible
from .lowlevel import lib

# Waits up to this long are not cut short by a signal.
_SHORT_WAIT = 0.1


def _nothing() -> None:
    return None


class Loop:
    """Servers and streams live on a loop; their events come from `run` and `run_once`.

    A loop belongs to the thread that made it, until `detach`. From other threads only `stop` and
    `post` work. An exception in a callback ends `run` (or that turn of `run_once`) and is raised
    from there; the loop can be run again.

        with tlspair.Loop() as loop:
            ...
            loop.run()
    """

    def __init__(self) -> None:
        self._closed = False
        self._handle = check_handle(lib.tls_loop_new())

    def __enter__(self) -> Loop:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def __del__(self) -> None:
        if self.__dict__.get("_handle") and not self._closed:
            warnings.warn(f"unclosed {self!r}", ResourceWarning, stacklevel=2, source=self)
            lib.tls_loop_free(self._handle)

    def run(self) -> None:
        """Run until nothing is left to wait for, or `stop`."""
        with Interruptible(self._wake, self._stop):
            check(running(lib.tls_loop_run, self._handle, stop=self._stop))

    def run_once(self, timeout: Optional[float] = None) -> None:
        """One turn: wait at most `timeout` seconds (`None`: for ever), then run what is due."""
        milliseconds = -1 if timeout is None else arguments.milliseconds(timeout, "timeout")
        wake = self._wake if timeout is None or timeout > _SHORT_WAIT else None
        with Interruptible(wake, _nothing):
            check(running(lib.tls_loop_run_once, self._handle, milliseconds))

    def stop(self) -> None:
        """Make `run` return. Any thread may call it."""
        check(self._stop())

    def _stop(self) -> int:
        return lib.tls_loop_stop(self._handle)

    def _wake(self) -> None:
        self.post(_nothing)

    def post(self, function: Callable[..., object], *args: Any) -> None:
        """Have the loop call `function(*args)`. Any thread may call it."""
        if not callable(function):
            raise TypeError(f"function cannot be called: {function!r}")
        token = hold(partial(function, *args) if args else function)
        status = lib.tls_loop_post(self._handle, post_callback, token, destroy_callback)
        if status < 0:
            error = last_error()
            release(token)
            raise error

    def fileno(self) -> int:
        """A descriptor that is readable whenever `run_once(0)` has work, timers included."""
        descriptor = lib.tls_loop_fd(self._handle)
        if descriptor < 0:
            raise last_error()
        return descriptor

    @property
    def next_timeout(self) -> Optional[float]:
        """Seconds until the next timer, `None` if there is none."""
        milliseconds = lib.tls_loop_next_timeout_ms(self._handle)
        return None if milliseconds < 0 else milliseconds / 1000

    def detach(self) -> None:
        """Give the loop up: the next thread that runs or closes it owns it."""
        check(lib.tls_loop_detach(self._handle))

    def set_slab_buffer_size(self, size: int) -> None:
        """How large the buffer is that all streams share; before the first stream or server."""
        check(lib.tls_loop_set_slab_buffer_size(self._handle, arguments.size(size, "size")))

    def close(self) -> None:
        """End everything that is open, each with its close event, and the loop. Twice is fine."""
        if self._closed:
            return
        check(running(self._free))

    def _free(self) -> int:
        status = lib.tls_loop_free(self._handle)
        self._closed = status >= 0
        return status

    @property
    def closed(self) -> bool:
        """Whether `close` has been called."""
        return self._closed

    def __repr__(self) -> str:
        return f"<Loop {'closed' if self._closed else hex(self._handle)}>"


def loop_handle(loop: Loop) -> int:
    """The handle of a loop argument."""
    if not isinstance(loop, Loop):
        raise TypeError(f"loop must be a Loop, not {type(loop).__name__}")
    return loop._handle
