"""Notices, tables and a View -> one cell of a notebook, whose HTML is replaced as the run goes on."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from html import escape
from typing import Any

from img2dataset.reports.summary import Table
from img2dataset.reports.view import View

INTERVAL_S = 1.0
"""Time between two updates: each is a message to every open page of the notebook."""
MAX_NOTICES = 20
"""The latest ones: a cell does not grow for a week."""


class NotebookScreen:
    """One output of the cell, replaced as a whole; without ipywidgets, so that it can be saved."""

    moves = True
    stops_by = "interrupting the kernel"

    def __init__(self) -> None:
        self._handle: Any = None
        self._notices: deque[str] = deque(maxlen=MAX_NOTICES)
        self._view: View | None = None
        self._shown_at = -INTERVAL_S
        self._unshown = False

    def open(self) -> None:
        from IPython.display import display  # noqa: PLC0415  (a kernel has it, and nothing else)

        self._handle = display(self._make_bundle(), raw=True, display_id=True)

    def notice(self, text: str) -> None:
        self._notices.append(text)
        self._unshown = True

    def figures(self, text: str) -> None:
        """A cell has the totals: with a line for each shard it would grow."""

    def show(self, view: View) -> None:
        self._view, self._unshown = view, True
        if view.elapsed - self._shown_at >= INTERVAL_S:
            self._shown_at = view.elapsed
            self._update()

    def close(self) -> None:
        if self._unshown:
            self._update()

    def summarize(self, tables: Sequence[Table], lines: Sequence[str]) -> None:
        if self._view is not None:  # the tables and lines say it all
            self._view = replace(self._view, remarks=(), limit="")
        self._update(tables, lines)

    def _update(self, tables: Sequence[Table] = (), lines: Sequence[str] = ()) -> None:
        self._unshown = False
        if self._handle is not None:
            self._handle.update(self._make_bundle(tables, lines), raw=True)

    def _make_bundle(
        self, tables: Sequence[Table] = (), lines: Sequence[str] = ()
    ) -> dict[str, str]:
        """Make the output as HTML, and as text for what shows no HTML."""
        notices = list(self._notices)
        return {
            "text/html": make_html(self._view, notices, tables, lines),
            "text/plain": make_text(self._view, notices, tables, lines),
        }


def make_html(
    view: View | None, notices: Sequence[str], tables: Sequence[Table], lines: Sequence[str]
) -> str:
    """Make the cell: it has no styles of its own but widths, and follows those of the notebook."""
    shown = [] if view is None else [make_bar(view), *map(make_paragraph, list_remarks(view))]
    return "".join(
        (
            "<div>",
            *shown,
            *map(make_paragraph, notices),
            *map(make_table, tables),
            *map(make_paragraph, lines),
            "</div>",
        )
    )


def list_remarks(view: View) -> list[str]:
    return [text for text in (*view.remarks, view.limit) if text]


def make_bar(view: View) -> str:
    value = f' value="{view.done}" max="{max(view.total, view.done, 1)}"' if view.total else ""
    return (
        f'<div><progress{value} aria-label="rows done" style="width:min(100%,30em)">'
        f"{view.percent}</progress> {view.percent}</div>"
        f"{make_paragraph(' · '.join(view.parts))}"
    )


def make_paragraph(text: str) -> str:
    return f'<div style="white-space:pre-wrap">{escape(text)}</div>'


def make_table(table: Table) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in table.columns)
    rows = "".join(
        f"<tr>{''.join(make_cell(table, column, text) for column, text in enumerate(row))}</tr>"
        for row in table.rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def make_cell(table: Table, column: int, text: str) -> str:
    side = "right" if table.right_aligned(column) else "left"
    return f'<td style="text-align:{side}">{escape(text)}</td>'


def make_text(
    view: View | None, notices: Sequence[str], tables: Sequence[Table], lines: Sequence[str]
) -> str:
    shown = [] if view is None else [" - ".join(view.parts), *list_remarks(view)]
    return "\n".join((*shown, *notices, *(table.plain() for table in tables), *lines))
