"""Texts of a list -> HTML that shows them, and nothing more."""

from __future__ import annotations

from img2dataset.pages import svg
from img2dataset.pages.svg import text

MAX_URL = 300
"""Characters of a URL that are shown."""


def link(url: str) -> str:
    """Link a URL if it is one of http or https; it is shown as text in any case."""
    shown = f"<bdi>{text(svg.shorten(url, MAX_URL))}</bdi>"
    if not url.lower().startswith(("http://", "https://")) or not url.isprintable():
        return shown
    return f'<a href="{text(url)}" rel="noopener noreferrer nofollow">{shown}</a>'


def name_host(host: str) -> str:
    return host or "(no host)"
