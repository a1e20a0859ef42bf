"""The package from the checkout, and the certificates of the tests."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
# Before `support`, which imports the package.
sys.path.insert(0, str(CHECKOUT / "python"))


@pytest.fixture(scope="session")
def certs(tmp_path_factory) -> Path:
    """A directory with what `scripts/make-certs` makes."""
    made = os.environ.get("TLSPAIR_TEST_CERTS")
    if made:
        return Path(made)
    directory = tmp_path_factory.mktemp("certs")
    subprocess.run([CHECKOUT / "scripts" / "make-certs", directory], check=True, timeout=120, stdout=subprocess.DEVNULL)
    return directory


@pytest.fixture
def loop():
    """A loop that ends with the test."""
    import tlspair

    with tlspair.Loop() as loop:
        yield loop


@pytest.fixture
def server_context(certs):
    """The good certificate, and clients of our CA."""
    import support

    return support.server_context(certs)


@pytest.fixture
def client_context(certs):
    """Trusts our CA."""
    import support

    return support.client_context(certs)
