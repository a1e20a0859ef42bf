"""Find and load the shared library."""

from __future__ import annotations

import ctypes
import ctypes.util
import os
import sys
from pathlib import Path
from typing import Iterator, List, NamedTuple

_FILE_NAMES = ("libtlspair.dylib",) if sys.platform == "darwin" else ("libtlspair.so", "libtlspair.so.0")


class Library(NamedTuple):
    """The library, loaded twice over the same file: with and without the interpreter's lock."""

    path: str
    #: Gives the lock up during each call: for calls that wait.
    waiting: ctypes.CDLL
    #: Keeps the lock: for short calls. Taking the lock back costs up to 5 ms beside a busy thread.
    short: ctypes.PyDLL


def _in_directory(directory: Path) -> Iterator[str]:
    for name in _FILE_NAMES:
        path = directory / name
        if path.exists():
            yield str(path)


def _build_directories(checkout: Path) -> List[Path]:
    """Where CMake and cargo leave the library of a source checkout."""
    target = Path(os.environ.get("CARGO_TARGET_DIR") or checkout / "target")
    return [checkout / "build", target / "release", target / "debug"]


def candidates() -> Iterator[str]:
    """Every place where the library is, the one to use first.

    `TLSPAIR_LIBRARY` names the file and excludes every other place. A source checkout's own build
    comes before an installed library, so that the two halves are of one version.
    """
    named = os.environ.get("TLSPAIR_LIBRARY")
    if named:
        yield named
        return
    package = Path(__file__).resolve().parent
    yield from _in_directory(package)
    checkout = package.parent.parent
    if (checkout / "include" / "tlspair.h").exists() and (checkout / "Cargo.toml").exists():
        for directory in _build_directories(checkout):
            yield from _in_directory(directory)
    installed = ctypes.util.find_library("tlspair")
    if installed:
        yield installed


def load() -> Library:
    """Load the first candidate that there is; `ImportError` says what was tried."""
    for path in candidates():
        try:
            return Library(path, ctypes.CDLL(path), ctypes.PyDLL(path))
        except OSError as error:
            raise ImportError(f"the tlspair library cannot be loaded: {error}") from error
    raise ImportError(
        "the tlspair library was not found: build it with `cargo build --release`, install it, "
        "or name the file in the environment variable TLSPAIR_LIBRARY"
    )
