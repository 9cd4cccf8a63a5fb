"""Counts of failures -> what a page says of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from img2dataset.pages import svg
from img2dataset.pages.svg import Bar, Chart, Segment, count, text
from img2dataset.pages.texts import link


class ShownReason(Protocol):
    """A reason for failure, and the rows that have it."""

    @property
    def name(self) -> str: ...

    @property
    def rows(self) -> int: ...

    @property
    def transient(self) -> bool:
        """Whether asking again later may help."""
        ...

    @property
    def meaning(self) -> str:
        """What it means, in plain words."""
        ...

    @property
    def advice(self) -> str:
        """What to do about it."""
        ...

    @property
    def messages(self) -> Mapping[str, int]:
        """Messages -> rows; most first."""
        ...

    @property
    def examples(self) -> Sequence[str]:
        """A few URLs."""
        ...


def name_colour(kind: str) -> str:
    """Name the colour of a class of failures."""
    return kind.replace(" ", "-")


def draw_classes(classes: Mapping[str, int], meanings: Mapping[str, str], rows: int) -> str:
    """Draw the failures of each class, as shares of all `rows`."""
    bars = [
        Bar(kind, (Segment(failed, "rows", name_colour(kind)),), f"{count(failed)} ({failed / rows:.1%})")
        for kind, failed in classes.items()
    ]  # fmt: skip
    described = "; ".join(f"{kind}: {meanings[kind]}" for kind in classes)
    chart = Chart("classes", "Failures by class", f"{described}.")
    return svg.draw_bars(chart, bars, ("class", "rows"))


def show_reason(reason: ShownReason, rows: int) -> str:
    """Show a reason, as a share of all `rows`."""
    tag = '<span class="tag">a retry may help</span>' if reason.transient else ""
    messages = "".join(f"<li>{text(line)}: {count(n)}</li>" for line, n in reason.messages.items())
    most = ", ".join(f"{text(m)}: {count(n)}" for m, n in list(reason.messages.items())[:3])
    several = f'<p class="small-text">{most}</p>' if len(reason.messages) > 1 else ""
    examples = "".join(f"<li>{link(url)}</li>" for url in reason.examples)
    shown = (
        f"<details><summary>Messages and examples"
        f'<span class="for-readers"> of {text(reason.name)}</span></summary>'
        f"<ul>{messages}</ul>{f'<ul>{examples}</ul>' if examples else ''}</details>"
    )
    return (
        f'<div class="reason"><h3><code>{text(reason.name)}</code>'
        f'<span class="count">{count(reason.rows)} rows, {reason.rows / rows:.1%}</span>{tag}</h3>'
        f"<p>{text(reason.meaning)}</p>{several}"
        f'<p class="small-text dim">What to do: {text(reason.advice)}.</p>{shown}</div>'
    )
