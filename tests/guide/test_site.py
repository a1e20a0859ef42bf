"""The site: MkDocs makes it without a warning, and all of its links lead somewhere."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from urllib.parse import unquote, urldefrag

import pytest
from reader import CHECKOUT, PATIENCE

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("mkdocs") is None or shutil.which("doxygen") is None,
    reason="MkDocs or Doxygen is not here",
)


def make(output, checkout=CHECKOUT):
    return subprocess.run(
        [checkout / "scripts" / "site", output],
        env={**os.environ, "PYTHON": sys.executable},
        capture_output=True, text=True, timeout=PATIENCE,
    )  # fmt: skip


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    output = tmp_path_factory.mktemp("site")
    done = make(output)
    assert done.returncode == 0, done.stdout + done.stderr
    return output


class Page(HTMLParser):
    """What a page links to, and the places in it that can be linked to."""

    def __init__(self, path):
        super().__init__()
        self.targets, self.places, self.text = [], set(), []
        self.feed(path.read_text())

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.places |= {attributes[key] for key in ("id", "name") if attributes.get(key)}
        self.targets += [attributes[key] for key in ("href", "src") if attributes.get(key)]

    def handle_data(self, data):
        self.text.append(data)


def test_all_links_lead_somewhere(site):
    pages = {path.resolve(): Page(path) for path in site.rglob("*.html")}
    ours = [path for path in pages if "reference" not in path.relative_to(site.resolve()).parts]
    assert len(ours) > 15
    for path in ours:
        if path.name == "404.html":   # whose links are from the root of wherever the site will be
            continue
        for target in pages[path].targets:
            address, place = urldefrag(target)
            if address.startswith(("https:", "http:", "data:", "javascript:")):
                continue
            found = (path.parent / unquote(address)).resolve() if address else path
            found = found / "index.html" if found.is_dir() else found
            assert found.exists(), f"{path}: {target}"
            assert not place or found not in pages or place in pages[found].places, f"{path}: {target}"


def test_the_pages_are_what_they_should_be(site):
    quick_start = Page(site / "guide" / "quick-start" / "index.html")
    assert "tls_server_on_secure_connection" in "".join(quick_start.text)
    assert any(target.endswith("reference/index.html") for target in quick_start.targets)
    assert "tls_stream_write" in "".join(Page(site / "reference" / "group__tls__stream.html").text)
    node = (site / "node" / "index.html").read_text()
    assert "<code>examples-c/echo_server.c</code>" in node and "](" not in node
    # Nothing is fetched from elsewhere.
    for page in (site / "index.html", site / "guide" / "quick-start" / "index.html"):
        assert not re.search(r'(src|<link[^>]*href)="(https?:)?//', page.read_text()), page
    # What makes the site is no part of it, and the code is in the chapters.
    assert not (site / "site_hooks.py").exists() and not (site / "guide" / "snippets").exists()
    assert not (site / "reference" / "build").exists()


def test_broken_links_are_errors(tmp_path):
    copy = tmp_path / "copy"
    for part in ("docs", "scripts", "include"):
        shutil.copytree(CHECKOUT / part, copy / part)
    for name in ("mkdocs.yml", "Cargo.toml"):
        shutil.copy(CHECKOUT / name, copy)
    with (copy / "docs" / "guide" / "clients.md").open("a") as chapter:
        chapter.write("\n[no page](nothing.md) [no place](servers.md#nothing) ![no picture](none.svg)\n")
    done = make(tmp_path / "site", copy)
    assert done.returncode == 1
    for target in ("nothing.md", "servers.md#nothing", "none.svg"):
        assert f"'guide/clients.md' contains a link '{target}'" in done.stderr, done.stderr
