"""Options, and what stands behind stderr -> how a run is shown."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto

from img2dataset.options import Options
from img2dataset.options.choices import LogFormat, ProgressDisplay

CANNOT_MOVE = ("dumb", "unknown")
"""Values of TERM: terminals whose cursor cannot go up."""
LONGEST_JOB_S = 300 * 86_400
"""Slurm gives a job without a limit an end a year after its start: that is no end."""


class Display(Enum):
    """How a run is shown."""

    BAR = auto()
    """A display that moves, on a terminal."""
    CELL = auto()
    """The same in a notebook."""
    LINES = auto()
    SUMMARY = auto()
    """Notices, and the summary at the end."""
    JSON = auto()
    ERRORS = auto()
    """The last line of a run that went wrong."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a run is looked at with."""

    terminal: bool = False
    """Whether stderr is a terminal whose cursor can move."""
    notebook: bool = False
    """Whether a cell of a notebook runs the program."""


def look_around(environ: Mapping[str, str], *, isatty: bool) -> Surroundings:
    """Find out what a run is looked at with."""
    can_move = environ.get("TERM", "").lower() not in CANNOT_MOVE
    # the notebooks of Databricks have a kernel of IPython, but its jobs keep only lines
    notebook = has_kernel() and "DATABRICKS_RUNTIME_VERSION" not in environ
    return Surroundings(terminal=isatty and can_move, notebook=notebook)


def has_kernel() -> bool:
    """Whether this process is a kernel of IPython, which shows what it displays in cells."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return getattr(shell, "kernel", None) is not None


def choose_display(options: Options, around: Surroundings) -> Display:
    """Choose how a run is shown."""
    if writes_json(options):
        return Display.JSON
    if options.quiet:
        return Display.ERRORS
    match ProgressDisplay(options.progress):
        case ProgressDisplay.NONE:
            return Display.SUMMARY
        case ProgressDisplay.LINES:
            return Display.LINES
        case ProgressDisplay.AUTO if not (around.notebook or around.terminal):
            return Display.LINES
        case _:
            return Display.CELL if around.notebook else Display.BAR


def writes_json(options: Options) -> bool:
    """Whether each line on stderr is a JSON object."""
    return options.log_format == LogFormat.JSON or options.progress == ProgressDisplay.JSON


def find_job_end(environ: Mapping[str, str]) -> float | None:
    """Find when Slurm ends the job that this process belongs to.

    Returns:
        Seconds since the epoch, from SLURM_JOB_END_TIME, which Slurm sets since version 22.05; None
        outside of a job. Slurm is not asked: its controller is shared by a whole cluster.
    """
    try:
        return float(environ["SLURM_JOB_END_TIME"])
    except (KeyError, ValueError):
        return None


def compute_job_left(job_end: float | None, now: float) -> float | None:
    """Compute the seconds until a job ends; None if it does not.

    Args:
        job_end: when it ends, in seconds since the epoch; None = unknown.
        now: the current time, in seconds since the epoch.
    """
    if job_end is None or job_end - now > LONGEST_JOB_S:
        return None
    return max(0.0, job_end - now)
