"""What a run did so far -> what people see: the terminal, Weights & Biases."""

from __future__ import annotations

from collections.abc import Sequence

from img2dataset.options import Options
from img2dataset.reports.reporter import Reporter

__all__ = ["Reporter", "find_reporters", "list_addresses"]


def find_reporters(options: Options, reporters: Sequence[Reporter] | None = None) -> list[Reporter]:
    """The reporters that `options` ask for, and those given; if none are, the terminal.

    Args:
        options: enable_wandb and dashboard add a reporter each; verbose and quiet are for the terminal.
        reporters: instead of the terminal; None = the terminal.

    Raises:
        MissingExtraError: the library of one is not installed.
        OptionError: the port of the dashboard is taken.
    """
    found: list[Reporter] = []
    if options.enable_wandb:
        from img2dataset.reports.wandb import WandbReporter  # noqa: PLC0415  (few ask for it)

        found.append(WandbReporter(options.wandb_project))
    if options.dashboard is not False:
        from img2dataset.reports.dashboard.reporter import DashboardReporter  # noqa: PLC0415

        found.append(DashboardReporter(options.dashboard))
    # the terminal comes last, because its last line is the run's
    return [*found, *([_make_terminal(options)] if reporters is None else reporters)]


def list_addresses(reporters: Sequence[Reporter]) -> list[str]:
    """List what reporters serve, and at which address."""
    return [text for reporter in reporters for text in getattr(reporter, "addresses", ())]


def _make_terminal(options: Options) -> Reporter:
    if options.quiet:
        from img2dataset.reports.errors_only import ErrorReporter  # noqa: PLC0415  (as above)

        return ErrorReporter()
    from img2dataset.reports.terminal import TerminalReporter  # noqa: PLC0415  (see --help)

    return TerminalReporter(verbose=options.verbose)
