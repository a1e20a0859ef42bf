"""The Python side says what `<tlspair.h>` says, name for name and type for type."""

import ctypes
import re

import pytest
import tlspair
from support import CHECKOUT
from tlspair import lowlevel


@pytest.fixture(scope="module")
def header():
    """The header without comments and line continuations."""
    text = (CHECKOUT / "include" / "tlspair.h").read_text()
    text = re.sub(r"/\*.*?\*/", " ", text, flags=re.S)
    text = re.sub(r"//[^\n]*", " ", text)
    return text.replace("\\\n", " ")


def _type(declaration):
    """`const struct tls_loop *loop` to `tls_loop *`: no qualifiers, no name of the parameter."""
    words = re.sub(r"\b(const|struct|enum)\b", " ", declaration)
    match = re.fullmatch(r"\s*(\w+)\s*((?:\*\s*)*)(\w+)?\s*", words)
    assert match, declaration
    stars = match[2].replace(" ", "")
    return f"{match[1]} {stars}" if stars else match[1]


def _parameters(text):
    text = text.strip()
    return [] if text in ("", "void") else [_type(one) for one in text.split(",")]


def _code(header):
    """Declarations only: no preprocessor lines."""
    return re.sub(r"^\s*#.*$", "", header, flags=re.M)


def test_functions(header):
    # A result may stand on a line of its own, after a word for visibility.
    pattern = r"([\w][\w\s]*?[\s*]+)\b(tls_\w+)\s*\(([^()]*)\)\s*;"
    there = {}
    for result, name, parameters in re.findall(pattern, re.sub(r"typedef[^;]*;", "", _code(header))):
        result = re.sub(r"\b(TLS_API|TLS_CALL|extern)\b", "", result)
        there[name] = (_type(result), _parameters(parameters))
    assert len(there) > 100
    here = {name: (result, lowlevel.split(types)) for name, (result, types) in lowlevel.FUNCTIONS.items()}
    assert here == there


def test_callback_types(header):
    found = re.findall(r"typedef\s+void\s*\(\s*(?:\w+\s*)?\*\s*(\w+)\s*\)\s*\(([^()]*)\)\s*;", _code(header))
    there = {name: _parameters(parameters) for name, parameters in found}
    assert {name: lowlevel.split(types) for name, types in lowlevel.CALLBACKS.items()} == there


def test_constants(header):
    there = {}
    for name, value in re.findall(
        r"^\s*#\s*define\s+(TLS_\w+)[ \t]+([-+*() \t0-9xXa-fA-FuUlL]+?)[ \t]*$", header, re.M
    ):
        there[name] = eval(re.sub(r"(?<=[0-9a-fA-F])[uUlL]+\b", "", value))  # digits and operators only
    assert lowlevel.CONSTANTS == there


def test_opaque_types(header):
    there = set(re.findall(r"typedef\s+struct\s+(\w+)\s+\1\s*;", header))
    assert {f"{name} *" for name in there} <= set(lowlevel.TYPES)


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
