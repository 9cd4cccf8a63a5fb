"""Parts of a page -> the page: what is around its sections."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from img2dataset.pages.style import make_style
from img2dataset.pages.svg import text


@dataclass(slots=True)
class Sections:
    """The sections of a page, with their headings."""

    parts: list[str] = field(default_factory=list)

    def add(self, heading: str, content: str, style: str = "", *, name: str = "") -> None:
        """Add a section, if it has content.

        Args:
            heading: a text.
            content: HTML.
            style: a class of the style.
            name: an id, which is unique on the page.
        """
        if content:
            given = (f' id="{name}"' if name else "") + (f' class="{style}"' if style else "")
            self.parts.append(f"<section{given}><h2>{text(heading)}</h2>{content}</section>")

    def join(self) -> str:
        return "".join(self.parts)


def make_document(title: str, body: str, head: str = "") -> str:
    """Make a whole page: nothing in it leads anywhere or is loaded from anywhere by itself.

    Args:
        title: a text.
        body: HTML.
        head: HTML for its head.
    """
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f"{head}"
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="referrer" content="no-referrer"><meta name="robots" content="noindex">'
        f"<title>{text(title)}</title><style>{make_style()}</style></head>"
        f"<body>{body}</body></html>\n"
    )


def show_tiles(tiles: Iterable[tuple[str, str]]) -> str:
    """Show numbers, each with what it is."""
    items = "".join(
        f"<li><b>{text(big)}</b><span>{text(small)}</span></li>" for big, small in tiles
    )
    return f'<ul class="tiles">{items}</ul>'
