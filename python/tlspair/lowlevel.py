"""The C interface as it is: every constant, callback type and function of `<tlspair.h>`.

What there is stands in `_header`, which is made from the header. Functions are attributes of `lib`; nothing is
checked or kept alive here. The objects of the package are the safe way in; this module is for what they do not
cover.

Handles are plain integers (`None` for NULL), text is `bytes`. Data and arrays of numbers are `c_void_p`: take
`bytes`, ctypes arrays or addresses for them.
"""

from __future__ import annotations

import ctypes
from types import SimpleNamespace
from typing import Any, Dict, Iterable, List

from . import _library
from ._header import ALIASES, CALLBACKS, CONSTANTS, FUNCTIONS, HANDLES

# What each type of the header is to ctypes. `string_at` copies from a `c_void_p`.
TYPES: Dict[str, Any] = {
    "void": None,
    "int": ctypes.c_int,
    "int32_t": ctypes.c_int32,
    "int64_t": ctypes.c_int64,
    "uint32_t": ctypes.c_uint32,
    "uint64_t": ctypes.c_uint64,
    "size_t": ctypes.c_size_t,
    "char *": ctypes.c_char_p,
    "void *": ctypes.c_void_p,
    "uint8_t *": ctypes.c_void_p,
    "int32_t *": ctypes.c_void_p,
    "uint64_t *": ctypes.c_void_p,
    "char **": ctypes.POINTER(ctypes.c_char_p),
    "void **": ctypes.POINTER(ctypes.c_void_p),
    "size_t *": ctypes.POINTER(ctypes.c_size_t),
    **{f"{name} *": ctypes.c_void_p for name in HANDLES},
}
TYPES.update({name: TYPES[meaning] for name, meaning in ALIASES.items()})

# These wait, or run for long: the other Python threads go on meanwhile. The last ones, and all answers to requests,
# wait for a callback of `tls_secure_pair_on_ready` that runs on another thread, which needs the lock to end.
_WAITING = {
    "tls_loop_run",
    "tls_loop_run_once",
    "tls_loop_poll",
    "tls_loop_free",
    "tls_server_listen",
    "tls_secure_pair_free",
    "tls_secure_pair_on_ready",
    *(name for name in FUNCTIONS if name.startswith("tls_request_")),
}


def split(types: str) -> List[str]:
    """The single types of a parameter list."""
    return [text.strip() for text in types.split(",")] if types else []


def _prototypes(names: Iterable[str], waiting: Iterable[str]) -> SimpleNamespace:
    functions = {}
    for name in names:
        result, parameters = FUNCTIONS[name]
        try:
            function = getattr(library.waiting if name in waiting else library.short, name)
        except AttributeError:
            raise ImportError(f"{library.path} is not the tlspair library of this package: it lacks {name}") from None
        function.restype = TYPES[result]
        function.argtypes = [TYPES[text] for text in split(parameters)]
        functions[name] = function
    return SimpleNamespace(**functions)


#: Constants under their own names, as `constant.TLS_OK`.
constant = SimpleNamespace(**CONSTANTS)
for _name, _parameters in CALLBACKS.items():
    TYPES[_name] = ctypes.CFUNCTYPE(None, *[TYPES[text] for text in split(_parameters)])
library = _library.load()
#: Every function under its own name, as `lib.tls_loop_new`.
lib = _prototypes(FUNCTIONS, _WAITING)
#: Those that pull a loop, keeping the interpreter's lock: for calls that do not wait (`timeout_ms` 0). Beside a busy
#: thread, each call that gives the lock up may take 5 ms to get it back.
short = _prototypes(["tls_loop_poll", "tls_loop_write_batch"], ())
