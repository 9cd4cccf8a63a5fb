"""What a run did so far -> what people see: the terminal, Weights & Biases."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from img2dataset.options import Options
from img2dataset.reports.terminal import TerminalReporter
from img2dataset.tally import Progress, Report, ShardResult


class Reporter(Protocol):
    """Hears about one run, from its start to its end, always from the same thread."""

    def started(self, options: Mapping[str, Any], output_folder: str) -> None:
        """The run begins; `options` are all its parameters."""

    def shard_done(self, result: ShardResult, progress: Progress) -> None:
        """A shard was stored; `progress` holds the totals."""

    def progress(self, progress: Progress) -> None:
        """A few times a second."""

    def notice(self, text: str) -> None:
        """One line for a person: a worker died, a shard is tried again."""

    def finished(self, report: Report, progress: Progress) -> None:
        """The run is over, or was interrupted."""

    def close(self) -> None:
        """Always called last, also after errors; may be called again."""


def default_reporters(options: Options) -> list[Reporter]:
    """The reporters that `options` ask for; the terminal is always among them.

    Raises:
        MissingExtraError: the library of one is not installed.
    """
    reporters: list[Reporter] = []
    if options.enable_wandb:
        from img2dataset.reports.wandb import WandbReporter  # noqa: PLC0415  (few ask for it)

        reporters.append(WandbReporter(options.wandb_project))
    reporters.append(
        TerminalReporter(verbose=options.verbose)
    )  # the last one, because its last line is the run's
    return reporters
