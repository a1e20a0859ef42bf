"""Handles of every kind, misused through the C interface itself: a status, and nothing else."""

import ctypes
import random

import pytest
import support
import tlspair
from tlspair import constant, lowlevel
from tlspair.lowlevel import lib

HANDLES = ("context", "connect_options", "certificate", "secure_pair", "loop", "server", "stream")


@pytest.fixture
def handles(loop, certs):
    """One live handle of each kind; the objects behind them stay."""
    context = support.server_context(certs)
    client, server_pair = support.pairs(certs)
    support.shuttle(client, server_pair)
    server = support.echo_server(loop, context)
    stream = tlspair.connect(loop, server.port, "localhost")
    options, certificate = tlspair.ConnectOptions(), client.peer_certificate()
    objects = dict(zip(HANDLES, (context, options, certificate, client, loop, server, stream)))
    yield objects
    stream.destroy()


def value_for(text, handle):
    """An argument of a type of the header; `handle` where it wants one."""
    if text in lowlevel.CALLBACKS:
        return lowlevel.TYPES[text]()
    if text == "void *" or text == "char *" or text.endswith("*") and not text.startswith("tls_"):
        return None
    if text.endswith("*"):
        return handle
    return 0


def call(name, handle):
    _result, parameters = lowlevel.FUNCTIONS[name]
    return getattr(lib, name)(*[value_for(text, handle) for text in lowlevel.split(parameters)])


def functions_of(kind):
    """Every function that takes such a handle first."""
    return [
        name
        for name, (_result, parameters) in lowlevel.FUNCTIONS.items()
        if lowlevel.split(parameters)[:1] == [f"tls_{kind} *"]
    ]


def refuses(name, handle):
    """A bad handle: status, NULL, 0 or -1, and the last error says so."""
    answer = call(name, handle)
    result = lowlevel.FUNCTIONS[name][0]
    if result == "tls_status":
        if handle is None and (name.endswith(("_free", "_destroy"))):
            assert answer == constant.TLS_OK
            return
        assert answer == constant.TLS_ERR_INVALID_HANDLE, name
    elif result.endswith("*"):
        assert not answer, name
    else:
        assert answer in (0, -1), name
    assert lib.tls_error_status(lib.tls_last_error()) == constant.TLS_ERR_INVALID_HANDLE, name


@pytest.mark.parametrize("kind", HANDLES)
def test_c001_null(kind):
    assert functions_of(kind)
    for name in functions_of(kind):
        refuses(name, None)


@pytest.mark.parametrize("kind", HANDLES)
def test_c004_another_kind(handles, kind):
    for other in HANDLES:
        if other != kind:
            for name in functions_of(kind):
                refuses(name, handles[other]._handle)


def test_c001_random_values():
    values = random.Random(7)
    names = [name for kind in HANDLES for name in functions_of(kind)]
    for _ in range(5000):
        refuses(values.choice(names), values.getrandbits(64) or 1)


@pytest.mark.parametrize("kind", HANDLES)
def test_c002_c003_freed(certs, kind):
    """Used again and freed again: an error, also while the next object has taken its place."""
    context = support.server_context(certs)
    client, server_pair = support.pairs(certs)
    support.shuttle(client, server_pair)
    loop = lib.tls_loop_new()
    make = {
        "context": lib.tls_context_new,
        "connect_options": lib.tls_connect_options_new,
        "certificate": lambda: lib.tls_secure_pair_peer_certificate(client._handle),
        "secure_pair": lambda: lib.tls_secure_pair_new(context._handle, 0, 0, 1),
        "loop": lib.tls_loop_new,
        "server": lambda: lib.tls_server_new(loop, context._handle),
        "stream": lambda: lib.tls_connect(loop, 9, b"127.0.0.1", None, lowlevel.TYPES["tls_stream_callback"](), None),
    }[kind]
    end = {"server": lib.tls_server_destroy, "stream": lib.tls_stream_destroy}.get(kind)
    try:
        dead = make()
        assert dead
        if end is None:
            assert getattr(lib, f"tls_{kind}_free")(dead) == constant.TLS_OK
        else:
            assert end(dead) == constant.TLS_OK
            for _ in range(5):
                lib.tls_loop_run_once(loop, 10)
        alive = make()
        assert alive and alive != dead
        for name in functions_of(kind):
            refuses(name, dead)
        if end is None:
            assert getattr(lib, f"tls_{kind}_free")(alive) == constant.TLS_OK
    finally:
        assert lib.tls_loop_free(loop) == constant.TLS_OK


def test_c007_null_data(handles):
    context, pair, stream = (handles[kind]._handle for kind in ("context", "secure_pair", "stream"))
    invalid = constant.TLS_ERR_INVALID_ARGUMENT
    assert lib.tls_secure_pair_write(pair, None, 0) == constant.TLS_OK
    assert lib.tls_stream_write(stream, None, 0) == constant.TLS_OK
    length = ctypes.c_size_t()
    for status in (
        lib.tls_secure_pair_write(pair, None, 1),
        lib.tls_stream_write(stream, None, 1),
        lib.tls_secure_pair_feed(pair, None, 1, None),
        lib.tls_secure_pair_take(pair, None, 1, ctypes.byref(length)),
        lib.tls_secure_pair_read(pair, None, 1, ctypes.byref(length)),
        lib.tls_secure_pair_write(pair, b"x", 2**63),
        lib.tls_stream_write(stream, b"x", 2**64 - 1),
    ):
        assert status == invalid
    fresh = lib.tls_context_new()
    for name in ("set_cert", "add_ca"):
        assert getattr(lib, f"tls_context_{name}")(fresh, None, 1) == invalid
        assert getattr(lib, f"tls_context_{name}_file")(fresh, None) == invalid
    assert lib.tls_context_set_ciphers(fresh, None) == invalid
    assert lib.tls_context_free(fresh) == constant.TLS_OK
    assert context


def test_c022_switches_out_of_range(handles):
    server, options = handles["server"]._handle, handles["connect_options"]._handle
    for wrong in (2, -1, 2**31 - 1):
        for status in (
            lib.tls_server_set_request_cert(server, wrong),
            lib.tls_server_set_reject_unauthorized(server, wrong),
            lib.tls_connect_options_set_reject_unauthorized(options, wrong),
            lib.tls_stream_set_no_delay(handles["stream"]._handle, wrong),
            lib.tls_stream_set_allow_half_open(handles["stream"]._handle, wrong),
        ):
            assert status == constant.TLS_ERR_INVALID_ARGUMENT
    for arguments in ((2, 0, 1), (0, -1, 1), (0, 0, 7)):
        assert not lib.tls_secure_pair_new(handles["context"]._handle, *arguments)
        assert lib.tls_error_status(lib.tls_last_error()) == constant.TLS_ERR_INVALID_ARGUMENT


def test_c024_ports_out_of_range(handles):
    loop, server = handles["loop"]._handle, lib.tls_server_new(handles["loop"]._handle, handles["context"]._handle)
    nothing = lowlevel.TYPES["tls_stream_callback"]()
    for port in (-1, 65536, 2**31 - 1):
        assert lib.tls_server_listen(server, port, None) == constant.TLS_ERR_INVALID_ARGUMENT
        assert not lib.tls_connect(loop, port, b"127.0.0.1", None, nothing, None)
    assert not lib.tls_connect(loop, 0, b"127.0.0.1", None, nothing, None)
    assert lib.tls_server_close(server) == constant.TLS_OK


def test_last_error_is_kept_and_copied():
    assert lib.tls_last_error()
    assert lib.tls_context_free(1) == constant.TLS_ERR_INVALID_HANDLE
    assert lib.tls_version()
    assert lib.tls_error_status(lib.tls_last_error()) == constant.TLS_ERR_INVALID_HANDLE
    copy = lib.tls_error_copy(lib.tls_last_error())
    assert lib.tls_context_set_ciphers(None, b"x") == constant.TLS_ERR_INVALID_HANDLE
    assert support.call_in_thread(lib.tls_error_status, copy) == constant.TLS_ERR_INVALID_HANDLE
    assert support.call_in_thread(lib.tls_error_free, copy) == constant.TLS_OK
    assert lib.tls_error_free(copy) == constant.TLS_ERR_INVALID_HANDLE
    assert lib.tls_error_free(None) == constant.TLS_OK


def test_last_error_belongs_to_its_thread():
    assert lib.tls_context_free(1) == constant.TLS_ERR_INVALID_HANDLE
    assert support.call_in_thread(lambda: lib.tls_error_status(lib.tls_last_error())) == constant.TLS_OK
