"""What MkDocs does not do by itself: the reference, and links that lead out of the site."""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from mkdocs.structure.files import File, InclusionLevel
from mkdocs.structure.nav import Link

CHECKOUT = Path(__file__).resolve().parent.parent
VERSION = re.search(r'^version = "(.*)"', (CHECKOUT / "Cargo.toml").read_text(), re.M).group(1)
_work = tempfile.TemporaryDirectory(prefix="tlspair-site-")


def on_files(files, config):
    """Adds the HTML that Doxygen makes of the header, as reference/."""
    subprocess.run([sys.executable, CHECKOUT / "docs/reference/build", VERSION, _work.name], check=True)
    html = Path(_work.name) / "html"
    for path in html.rglob("*"):
        if path.is_file():
            name = f"reference/{path.relative_to(html)}"
            files.append(
                File.generated(config, name, abs_src_path=str(path), inclusion=InclusionLevel.INCLUDED)
            )
    return files


def on_nav(nav, config, files):
    """It is no page of MkDocs, so it comes into the menu here."""
    nav.items.append(Link("Reference", "reference/index.html"))
    return nav


def on_page_markdown(markdown, page, config, files):
    """The site has no examples and no README: a link to a file outside of docs becomes its name."""
    here = (CHECKOUT / "docs" / page.file.src_uri).parent

    def outside(match):
        target = (here / match[2]).resolve()
        inside = target.is_relative_to(CHECKOUT / "docs")
        return match[0] if inside or not target.exists() else f"`{target.relative_to(CHECKOUT)}`"

    return re.sub(r"\[([^\]]*)\]\(([^):#]+)\)", outside, markdown)
