"""The Python side says what `<tlspair.h>` says, name for name and type for type."""

import ctypes
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader

import pytest
import tlspair
from support import CHECKOUT
from tlspair import lowlevel


@pytest.fixture(scope="module")
def maker():
    """scripts/make-lowlevel as a module."""
    loader = SourceFileLoader("make_lowlevel", str(CHECKOUT / "scripts" / "make-lowlevel"))
    module = module_from_spec(spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    return module


def test_p4_lowlevel_is_up_to_date(maker):
    there = (CHECKOUT / "python" / "tlspair" / "_header.py").read_text()
    assert maker.written(maker.Header(maker.HEADER.read_text())) == there, "stale: run scripts/make-lowlevel"


EVERYTHING = """
#ifndef TLSPAIR_H
#include <stddef.h>
#define TLSPAIR_H
/* #define TLS_HIDDEN 1
   typedef struct hidden hidden; */
#define TLS_API __attribute__((visibility("default")))
#define TLS_SIZE (10 * 1024)  // int tls_hidden(void);
#define TLS_ERR -7
#define TLS_BIT 0x10ULL
typedef struct tls_loop tls_loop;
typedef int32_t tls_status;
typedef void (*tls_callback)(tls_loop *loop, const uint8_t *data,
                             size_t length);
#ifdef __cplusplus
extern "C" {
#endif
TLS_API const char *tls_version(void);
TLS_API
tls_status tls_post(const struct tls_loop *loop, const char *const *names, tls_callback callback);
#ifdef __cplusplus
}  // extern "C"
#endif
#endif
"""


def test_p4_what_is_made_of_a_header(maker):
    header = maker.Header(EVERYTHING)
    assert header.constants == {"TLS_SIZE": 10240, "TLS_ERR": -7, "TLS_BIT": 16}
    assert header.handles == ["tls_loop"]
    assert header.aliases == {"tls_status": "int32_t"}
    assert header.callbacks == {"tls_callback": ["tls_loop *", "uint8_t *", "size_t"]}
    assert header.functions == {
        "tls_version": ("char *", []),
        "tls_post": ("tls_status", ["tls_loop *", "char **", "tls_callback"]),
    }
    namespace = {}
    exec(maker.written(header), namespace)
    assert namespace["FUNCTIONS"]["tls_post"] == ("tls_status", "tls_loop *, char **, tls_callback")
    assert namespace["CONSTANTS"] == header.constants


@pytest.mark.parametrize(
    "text",
    [
        "int tls_hidden(void);",  # not exported
        "TLS_API int tls_unfinished(void)",
        "TLS_API int tls_array(int numbers[3]);",
        "TLS_API int tls_function(int (*function)(int));",
        "TLS_API int tls_nameless(int);",
        "TLS_API int tls_many(int number, ...);",
        "typedef struct { int seen; } tls_visible;",
        "typedef struct tls_one tls_other;",
        "typedef int (*tls_answering_callback)(void *user_data);",
        "enum tls_kind { TLS_A };",
        '#define TLS_TEXT "text"',
        "#define TLS_CALL(x) (x)",
        "#define TLS_SUM (TLS_A + 1)",
        "#pragma once",
        "#define TLS_TWICE 1\n#define TLS_TWICE 1",
        "TLS_API int tls_twice(void);\nTLS_API int tls_twice(void);",
    ],
)
def test_p4_what_is_not_understood_is_an_error(maker, text):
    with pytest.raises(maker.Unclear):
        maker.Header(text)


def test_a_few_by_hand():
    assert lowlevel.FUNCTIONS["tls_stream_write"] == ("tls_status", "tls_stream *, void *, size_t")
    assert lowlevel.FUNCTIONS["tls_version"] == ("char *", "")
    assert lowlevel.CALLBACKS["tls_stream_end_callback"] == "tls_stream *, int, void *"
    assert lowlevel.CONSTANTS["TLS_ERR_INTERNAL"] == -900
    assert len(lowlevel.FUNCTIONS) > 200 and len(lowlevel.HANDLES) > 8


def test_every_function_has_its_prototype():
    for name, (result, parameters) in lowlevel.FUNCTIONS.items():
        function = getattr(lowlevel.lib, name)
        assert function.restype is lowlevel.TYPES[result]
        assert list(function.argtypes) == [lowlevel.TYPES[text] for text in lowlevel.split(parameters)]


def test_types_have_the_size_of_c():
    assert ctypes.sizeof(lowlevel.TYPES["tls_status"]) == 4
    assert ctypes.sizeof(lowlevel.TYPES["tls_loop *"]) == ctypes.sizeof(ctypes.c_void_p) == 8


def test_version():
    numbers = [lowlevel.CONSTANTS[f"TLS_VERSION_{part}"] for part in ("MAJOR", "MINOR", "PATCH")]
    assert tlspair.__version__ == ".".join(map(str, numbers)) == tlspair.version()
    major, minor, patch = numbers
    assert lowlevel.lib.tls_version_number() == major << 16 | minor << 8 | patch
    assert tlspair.openssl_version().startswith("OpenSSL ")


def test_status_names():
    for name, value in lowlevel.CONSTANTS.items():
        if name in ("TLS_OK", "TLS_FULL") or name.startswith("TLS_ERR_"):
            assert lowlevel.lib.tls_status_name(value) == name.encode()
    assert lowlevel.lib.tls_status_name(-12345) == b"TLS_ERR_UNKNOWN"


def test_feature():
    assert tlspair.feature("tls1.3")
    assert not tlspair.feature("no such feature")
    with pytest.raises(ValueError):
        tlspair.feature("tls1.3\0")
