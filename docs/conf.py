"""The documentation site: Sphinx reads the Markdown of this folder; `make docs-site` builds it.

The pages are also read on GitHub, so they use plain links.  What leads out of this folder
(`../benchmarks/RESULTS.md`) is a link to the repository on the site, but for a few files of the root
that are pages there.
"""
# ruff: noqa: INP001, A001  (Sphinx prescribes the name of the file and of its variables)

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.util.logging import getLogger

from img2dataset.version import VERSION

LOGGER = getLogger(__name__)
REPOSITORY = "https://github.com/rom1504/img2dataset"
ROOT = Path(__file__).resolve().parents[1]
LINK = re.compile(r"\]\((?P<path>[^)#:\s]+)(?P<anchor>#[^)\s]+)?\)")
SCROLLED = re.compile(r'<pre(?=>)|<div class="table-wrapper[^"]*"')
FROM_ROOT = {
    "changelog": "CHANGELOG.md",
    "contributing": "CONTRIBUTING.md",
    "security": "SECURITY.md",
}
"""Page of the site -> the file that it shows."""

project = "img2dataset"
author = "The img2dataset contributors"
copyright = author
release = version = VERSION

extensions = ["myst_parser", "sphinx_copybutton"]
exclude_patterns = ["_build"]
nitpicky = True
myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence"]
highlight_language = "none"
copybutton_exclude = ".linenos, .gp, .go"

html_theme = "furo"
html_title = f"img2dataset {VERSION}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
html_theme_options = {
    "source_repository": REPOSITORY,
    "source_branch": "main",
    "source_directory": "docs/",
    "top_of_page_buttons": [],
}


def fill_page(_app: Sphinx, page: str, source: list[str]) -> None:
    """Put a file of the root into its page, and make links to files that are no pages ones to GitHub."""
    folder, text = (ROOT / "docs" / page).parent, source[0]
    if page in FROM_ROOT:
        folder, text = ROOT, (ROOT / FROM_ROOT[page]).read_text(encoding="utf-8")
    source[0] = LINK.sub(lambda link: rewrite_link(link, folder, page), text)


def rewrite_link(link: re.Match[str], folder: Path, page: str) -> str:
    """Return the link as it has to be on `page`, whose text is written for `folder`."""
    target, anchor = (folder / link["path"]).resolve(), link["anchor"] or ""
    if not target.exists():
        if not target.is_relative_to(ROOT / "docs"):  # else Sphinx finds it
            LOGGER.warning("%s leads nowhere", link["path"], location=page)
        return link[0]
    path = target.relative_to(ROOT).as_posix()
    if path in FROM_ROOT.values():
        target = ROOT / "docs" / f"{next(name for name in FROM_ROOT if FROM_ROOT[name] == path)}.md"
    if target.is_relative_to(ROOT / "docs"):
        start = (ROOT / "docs" / page).parent
        return f"]({Path(os.path.relpath(target, start)).as_posix()}{anchor})"
    return f"]({REPOSITORY}/blob/main/{path}{anchor})"


def complete_for_keyboards_and_screen_readers(
    _app: Sphinx, _page: str, _template: str, context: dict[str, Any], _document: Any
) -> None:
    """Let keys scroll what is wider than the page, and give the headings of the navigation a level."""
    tree = context["furo_navigation_tree"]
    context["furo_navigation_tree"] = tree.replace(
        'role="heading"', 'role="heading" aria-level="2"'
    )
    if "body" in context:
        context["body"] = SCROLLED.sub(r'\g<0> tabindex="0"', context["body"])


def setup(app: Sphinx) -> None:
    app.connect("source-read", fill_page)
    app.connect(
        "html-page-context", complete_for_keyboards_and_screen_readers, priority=900
    )  # after furo
