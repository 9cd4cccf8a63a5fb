"""A README.md and what is to stand in it -> the README.md with its marked blocks renewed.

Between the marks the text is img2dataset's; everything else is its reader's, and never changed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

BLOCK_BEGIN = "<!-- img2dataset:begin: what stands between these marks is renewed by each run -->"
BLOCK_END = "<!-- img2dataset:end -->"
FRONT_BEGIN = "# img2dataset:begin: what stands between these marks is renewed by each run"
FRONT_END = "# img2dataset:end"

BLOCK = re.compile(r"<!-- img2dataset:begin.*?<!-- img2dataset:end -->", re.DOTALL)
FRONT_BLOCK = re.compile(
    r"^# img2dataset:begin.*?^# img2dataset:end(?=\s*$)", re.DOTALL | re.MULTILINE
)
FRONT_MATTER = re.compile(
    r"\A\ufeff?\s*---[ \t]*\r?\n(.*?)^---[ \t]*\r?$", re.DOTALL | re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class CardText:
    """What img2dataset has to say in a README.md."""

    defaults: str
    """Lines of the front matter that only a new one gets: its reader may change them."""
    front: str
    """Lines of the front matter that are renewed."""
    body: str
    """Markdown that is renewed."""


def make_readme(text: CardText) -> str:
    """Make a new README.md."""
    return f"{make_front(text)}\n{make_block(text)}\n"


def make_front(text: CardText) -> str:
    return f"---\n{text.defaults}\n{make_front_block(text)}\n---\n"


def make_front_block(text: CardText) -> str:
    return f"{FRONT_BEGIN}\n{text.front}\n{FRONT_END}"


def make_block(text: CardText) -> str:
    return f"{BLOCK_BEGIN}\n\n{text.body}\n{BLOCK_END}"


def has_block(readme: str) -> bool:
    """True if a run may write into this README.md."""
    return BLOCK.search(readme) is not None


def has_front_block(readme: str) -> bool:
    """True if a run may write into the front matter of this README.md."""
    front = FRONT_MATTER.match(readme)
    return front is None or FRONT_BLOCK.search(front[1]) is not None


def renew(readme: str, text: CardText) -> str:
    """Renew the marked blocks; a README.md without any front matter gets one."""
    readme = BLOCK.sub(lambda _: make_block(text), readme, count=1)
    front = FRONT_MATTER.match(readme)
    if front is None:
        return f"{make_front(text)}\n{readme}"
    begin, end = front.span(1)
    renewed = FRONT_BLOCK.sub(lambda _: make_front_block(text), front[1], count=1)
    return readme[:begin] + renewed + readme[end:]
