"""A place to work in, with the certificates that the guide makes."""

import pytest


@pytest.fixture(scope="session")
def guide(tmp_path_factory):
    from reader import Guide

    guide = Guide(tmp_path_factory.mktemp("guide"))
    guide.shell("certificates.sh")
    return guide
