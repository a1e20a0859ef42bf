"""Exceptions of callbacks: kept, and raised again by the call during which they happened.

An exception cannot pass through C. So it waits for the innermost call of its thread that may run
callbacks: `Loop.run`, `Loop.run_once`, `SecurePair.feed`, ...
"""

from __future__ import annotations

import sys
import threading
from types import SimpleNamespace
from typing import Callable, List, Optional, TypeVar

_Result = TypeVar("_Result")


class _Frame:
    """One call that may run callbacks."""

    __slots__ = ("kept", "stop")

    def __init__(self, stop: Optional[Callable[[], object]]) -> None:
        self.kept: Optional[BaseException] = None
        self.stop = stop


class _Frames(threading.local):
    def __init__(self) -> None:
        self.stack: List[_Frame] = []


_frames = _Frames()


def running(call: Callable[..., _Result], *arguments: object, stop: Optional[Callable[[], object]] = None) -> _Result:
    """Make a call that may run callbacks, and raise what they raised.

    `stop` is called at once at the first exception, so that a call that would go on ends.
    """
    frame = _Frame(stop)
    _frames.stack.append(frame)
    try:
        result = call(*arguments)
    finally:
        _frames.stack.pop()
    if frame.kept is not None:
        try:
            raise frame.kept
        finally:
            frame.kept = None  # else exception, traceback and frame keep each other alive
    return result


def keep(error: BaseException) -> None:
    """Keep the first exception for the innermost call; report those that nobody can raise."""
    frame = _frames.stack[-1] if _frames.stack else None
    if frame is None or frame.kept is not None:
        message = "Exception ignored in a tlspair callback"
        arguments = SimpleNamespace(
            exc_type=type(error), exc_value=error, exc_traceback=error.__traceback__, err_msg=message, object=None
        )
        sys.unraisablehook(arguments)
        return
    frame.kept = error
    if frame.stop is not None:
        frame.stop()
