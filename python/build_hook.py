"""Puts the shared library into the wheel: the one that TLSPAIR_LIBRARY names, or one that cargo makes.

Cargo's has its own OpenSSL, hidden inside, so that it goes beside the one of Python's `ssl`. Building that
takes some minutes, and needs a checkout of the whole project, Rust, a C compiler and perl.
"""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FILE_NAME = "libtlspair.dylib" if sys.platform == "darwin" else "libtlspair.so"


class LibraryHook(BuildHookInterface):
    """Called by hatchling for each wheel."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """An editable installation uses the library that the checkout builds."""
        if version == "editable":
            return
        named = os.environ.get("TLSPAIR_LIBRARY")
        library = Path(named).resolve() if named else self._build()
        self._check(library)
        build_data["pure_python"] = False
        # No part of Python's C interface is used: one wheel serves every version.
        build_data["tag"] = "py3-none-" + sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["force_include"][str(library)] = f"tlspair/{FILE_NAME}"
        for name in ("LICENSE-APACHE", "LICENSE-MIT"):
            text = Path(self.root).parent / name
            if text.exists():
                build_data["force_include"][str(text)] = f"tlspair/{name}"

    def _build(self) -> Path:
        checkout = Path(self.root).parent
        if not (checkout / "Cargo.toml").exists():
            raise RuntimeError(
                "there is no checkout of tlspair around this directory to build the library from: name a "
                "ready one in the environment variable TLSPAIR_LIBRARY"
            )
        # With one crate type only: beside `lib`, cargo leaves link-time optimisation out.
        command = ["cargo", "rustc", "--release", "--locked", "--lib", "--crate-type", "cdylib", "--features", "vendored"]
        try:
            built = subprocess.run(
                [*command, "--message-format", "json-render-diagnostics"],
                cwd=checkout,
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            )
        except (OSError, subprocess.CalledProcessError) as error:
            raise RuntimeError(f"the tlspair library could not be built by `{' '.join(command)}`: {error}") from error
        for line in built.stdout.splitlines():
            for name in json.loads(line).get("filenames") or ():
                if Path(name).name == FILE_NAME:
                    return Path(name)
        raise RuntimeError(f"`{' '.join(command)}` made no {FILE_NAME}")

    def _check(self, library: Path) -> None:
        try:
            functions = ctypes.CDLL(str(library))
            functions.tls_version.restype = ctypes.c_char_p
            version = functions.tls_version().decode("ascii")
            vendored = functions.tls_feature(b"vendored") == 1
        except (OSError, AttributeError) as error:
            raise RuntimeError(f"{library} is not a tlspair library: {error}") from error
        if version != self.metadata.version:
            raise RuntimeError(f"{library} is tlspair {version}, and this package is {self.metadata.version}")
        if not vendored:
            self.app.display_warning(f"{library} needs the system's OpenSSL wherever the wheel is installed")
