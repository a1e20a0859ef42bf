"""The documents name what there is: each row of Node's API in docs/node.md and in a test, each hostile case
in a test, and no function that does not exist."""

import inspect
import re
import subprocess

import pytest
import tlspair
from support import CHECKOUT


def ranges(*pairs):
    return [number for first, last in pairs for number in range(first, last + 1)]


ROWS = ranges((1, 5), (10, 25), (30, 37), (40, 42), (50, 86))
# Of what a program or a peer may do wrong: those about Node's API.
CASES = ranges((8, 18), (21, 21), (35, 54), (59, 62), (64, 67), (73, 90))

DOCUMENTS = [
    *(CHECKOUT / "docs").glob("*.md"),
    *(CHECKOUT / "docs" / "guide").glob("*.md"),
    *(CHECKOUT / name for name in ("README.md", "CHANGELOG.md", "python/README.md")),
]


def test_code(path):
    """What belongs to tests: all of tests/, and of src what is compiled for them only."""
    text = path.read_text(encoding="utf-8", errors="replace")
    inside = path.relative_to(CHECKOUT).parts
    if inside[0] == "tests" or "tests" in (*inside[:-1], path.stem):
        return text
    return text.partition("#[cfg(test)]")[2]


test_code.__test__ = False  # it is none itself


@pytest.fixture(scope="module")
def named_in_tests():
    """`s31`, `c055`: what names and comments of tests say they prove."""
    files = [*(CHECKOUT / "src").rglob("*.rs")]
    for ending in ("c", "h", "js", "py", "rs"):
        files += (CHECKOUT / "tests").rglob(f"*.{ending}")
    words = " ".join(test_code(path) for path in files if path.name != "test_docs.py")
    return {word.lower() for word in re.findall(r"(?<![^\W_])(?:[sS]\d{2}|[cC]\d{3})(?![^\W_])", words)}


def test_each_row_has_a_test(named_in_tests):
    assert [row for row in ROWS if f"s{row:02}" not in named_in_tests] == []


def test_each_case_has_a_test(named_in_tests):
    assert [case for case in CASES if f"c{case:03}" not in named_in_tests] == []


def test_each_row_is_in_the_table_for_readers_of_node():
    text = (CHECKOUT / "docs" / "node.md").read_text()
    first_cells = " ".join(re.findall(r"^\| (S[^|]*) \|", text, re.M))
    assert sorted({int(row) for row in re.findall(r"\bS(\d\d)\b", first_cells)}) == ROWS


@pytest.fixture(scope="module")
def header():
    """All names of the header's code."""
    source = CHECKOUT / "include" / "tlspair.h"
    code = subprocess.run(["cc", "-E", "-P", "-dD", source], check=True, capture_output=True, text=True, timeout=60)
    return set(re.findall(r"\b(?:tls|TLS)_\w+", code.stdout))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_functions_of_the_documents_exist(document, header):
    """`tls_X_free` stands for several, and `tls_error_*` is a beginning."""
    text = document.read_text()
    if document.name == "migrating.md":   # whose first column is about libraries with names like ours
        text = re.sub(r"^\|.*?\|", "|", text, flags=re.M)
    for name, star in re.findall(r"\b((?:tls|TLS)_\w+)(\*?)", text):
        if star or name.endswith("_"):
            assert any(other.startswith(name) for other in header), name
        elif name.lower() == name or name.upper() == name:
            assert name in header or name.startswith("TLS_AES_"), name


def test_names_of_python_exist():
    text = (CHECKOUT / "docs" / "node.md").read_text()
    found = re.findall(r"`(?:tlspair\.([a-z_]\w*)|([A-Z]\w+)\.([a-z_]\w*))`", text)
    assert len(found) > 100
    for function, kind, member in found:
        if function:
            assert hasattr(tlspair, function), function
        elif kind in tlspair.__all__:
            assert hasattr(getattr(tlspair, kind), member), f"{kind}.{member}"
        else:
            assert kind == "X509Certificate", kind  # Node's


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_links_of_the_documents_lead_somewhere(document):
    text = re.sub(r"^```.*?^```$", "", document.read_text(), flags=re.M | re.S)  # a lambda of C++ looks like a link
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
        assert target.startswith("https://") or (document.parent / target).exists(), target


def own_parts(name):
    """What the package gives under this name, and for a class its public methods and properties."""
    thing = getattr(tlspair, name)
    yield name, thing
    if isinstance(thing, type) and not issubclass(thing, tuple):
        for part, value in vars(thing).items():
            if not part.startswith("_") and (callable(value) or isinstance(value, (property, classmethod))):
                yield f"{name}.{part}", value


def test_p4_all_that_is_public_in_python_is_described():
    parts = [part for name in tlspair.__all__ if name != "constant" for part in own_parts(name)]
    assert len(parts) > 150
    assert [name for name, thing in parts if not inspect.getdoc(thing)] == []
