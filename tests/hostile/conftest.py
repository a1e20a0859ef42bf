"""The certificates and the loop of tests/python, a server that must survive, and a client that must."""

import importlib.util
import os
import sys
from pathlib import Path

import pytest

pytest.importorskip("tlslite", reason="tlslite-ng is missing: scripts/setup installs it")

TESTS = Path(__file__).resolve().parents[1]
# Their support.py, and ours.py.
sys.path[:0] = [str(TESTS / "python"), str(TESTS / "interop")]

# By its path: two files called conftest cannot both be imported by name.
_spec = importlib.util.spec_from_file_location("tlspair_python_conftest", TESTS / "python" / "conftest.py")
_shared = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_shared)
certs, loop = _shared.certs, _shared.loop


@pytest.fixture(params=["TLSv1.2", "TLSv1.3"])
def version(request):
    """Each protocol version in turn."""
    return request.param


@pytest.fixture(autouse=True)
def no_descriptor_left(loop):
    """Whatever the peers did, descriptors are back to the start; the loop's own stay open with it."""

    def count():
        return len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0

    loop.run_once(0)
    before = count()
    yield
    assert count() <= before


@pytest.fixture
def victim(loop, certs):
    """Our echo server. After the test it still serves."""
    import hostile

    victim = hostile.Victim(loop, certs)
    yield victim
    victim.finish()
