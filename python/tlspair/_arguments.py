"""Turn Python's arguments into C's, and refuse what C would misread.

ctypes cuts integers to size and ends text at a NUL without a word; here each is a `ValueError`.
"""

from __future__ import annotations

import math
import operator
import os
import socket
from typing import Optional, Union

Data = Union[bytes, bytearray, memoryview]
Path = Union[str, bytes, "os.PathLike[str]", "os.PathLike[bytes]"]

Descriptor = Union[int, socket.socket]

_SIZE_MAX = 2**63 - 1


def text(value: str, what: str) -> bytes:
    """A name or another text, as UTF-8."""
    if not isinstance(value, str):
        raise TypeError(f"{what} must be str, not {type(value).__name__}")
    if "\0" in value:
        raise ValueError(f"{what} has an embedded NUL")
    return value.encode("utf-8")


def optional_text(value: Optional[str], what: str) -> Optional[bytes]:
    """The same, or `None` for NULL."""
    return None if value is None else text(value, what)


def path(value: Path, what: str) -> bytes:
    """A file's path, in the file system's encoding."""
    encoded = os.fsencode(value)
    if b"\0" in encoded:
        raise ValueError(f"{what} has an embedded NUL")
    return encoded


def passphrase(value: Union[str, Data, None]) -> Optional[bytes]:
    """A passphrase, as text or as the bytes themselves."""
    return None if value is None else bytes_or_text(value, "passphrase")


def bytes_or_text(value: Union[str, Data], what: str) -> bytes:
    """What is text for most, and bytes for C, which ends it at a NUL."""
    encoded = value.encode("utf-8") if isinstance(value, str) else data(value, what)
    if b"\0" in encoded:
        raise ValueError(f"{what} has an embedded NUL")
    return encoded


def data(value: Data, what: str = "data") -> bytes:
    """Bytes. A `bytes` object is used as it is; what could change meanwhile is copied."""
    if isinstance(value, bytes):
        return value
    try:
        return memoryview(value).tobytes()
    except TypeError:
        raise TypeError(f"{what} must be bytes-like, not {type(value).__name__}") from None


def pem(value: Union[str, Data], what: str) -> bytes:
    """PEM text, as `str` or as bytes."""
    return value.encode("utf-8") if isinstance(value, str) else data(value, what)


def descriptor(value: Descriptor, what: str) -> int:
    """A descriptor: the number, or an object that has one."""
    return integer(value if isinstance(value, int) else value.fileno(), what, 0, 2**31 - 1)


def forget(value: Descriptor) -> None:
    """The descriptor is the library's now: a socket object must not close it again."""
    if isinstance(value, socket.socket):
        value.detach()


def flag(value: bool, what: str) -> int:
    """A switch. Nothing but a `bool`: a wrong type must not turn verification off."""
    if not isinstance(value, bool):
        raise TypeError(f"{what} must be True or False, not {value!r}")
    return int(value)


def integer(value: int, what: str, low: int, high: int) -> int:
    """A whole number in a range."""
    number = operator.index(value)
    if not low <= number <= high:
        raise ValueError(f"{what} must be from {low} to {high}, not {number}")
    return number


def size(value: int, what: str) -> int:
    """A number of bytes or of things."""
    return integer(value, what, 0, _SIZE_MAX)


def milliseconds(seconds: Optional[float], what: str) -> int:
    """A time: `None` and 0 are 0, what is shorter than a millisecond becomes one."""
    if seconds is None:
        return 0
    if not (seconds >= 0 and seconds < 2**53):
        raise ValueError(f"{what} must be a number of seconds, 0 or more, not {seconds!r}")
    return math.ceil(seconds * 1000)
