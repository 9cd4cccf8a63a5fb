"""What a run is looked at with, and how it is shown then."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from img2dataset.options import Options
from img2dataset.reports.display import (
    Display,
    Surroundings,
    choose_display,
    compute_job_left,
    find_job_end,
    look_around,
)

TERMINAL = Surroundings(terminal=True)
NOTEBOOK = Surroundings(notebook=True)


@pytest.mark.parametrize(
    ("given", "around", "display"),
    [
        ({}, TERMINAL, Display.BAR),
        ({}, NOTEBOOK, Display.CELL),
        ({}, Surroundings(), Display.LINES),
        ({"progress": "bar"}, NOTEBOOK, Display.CELL),
        ({"progress": "bar"}, Surroundings(), Display.BAR),
        ({"progress": "lines"}, NOTEBOOK, Display.LINES),
        ({"progress": "none"}, TERMINAL, Display.SUMMARY),
        ({"progress": "json"}, TERMINAL, Display.JSON),
        ({"log_format": "json"}, NOTEBOOK, Display.JSON),
        ({"quiet": True, "progress": "bar"}, TERMINAL, Display.ERRORS),
    ],
)
def test_options_and_surroundings_choose_the_display(
    given: Any, around: Surroundings, display: Display
) -> None:

    assert choose_display(Options("u.txt", **given), around) is display


def test_a_notebook_is_a_process_with_a_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    def pretend(shell: object) -> None:
        monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))

    pretend(None)
    assert not look_around({}, isatty=False).notebook
    pretend(SimpleNamespace())  # ipython in a terminal
    assert look_around({}, isatty=True) == TERMINAL
    pretend(SimpleNamespace(kernel=object()))
    assert look_around({}, isatty=False) == NOTEBOOK
    # its jobs keep lines
    assert look_around({"DATABRICKS_RUNTIME_VERSION": "17.3"}, isatty=False) == Surroundings()


@pytest.mark.parametrize(
    ("environ", "left"),
    [
        ({}, None),
        ({"SLURM_JOB_END_TIME": "1500"}, 500.0),
        ({"SLURM_JOB_END_TIME": "900"}, 0.0),
        ({"SLURM_JOB_END_TIME": "Unknown"}, None),
        ({"SLURM_JOB_END_TIME": str(1000 + 365 * 86_400)}, None),  # no limit
    ],
)
def test_the_end_of_a_job_is_what_slurm_says(environ: dict[str, str], left: float | None) -> None:
    assert compute_job_left(find_job_end(environ), now=1000.0) == left
