"""What a run did so far -> what people see: the terminal, a notebook, a log, metrics, Weights & Biases."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import TextIO

from img2dataset.options import Options
from img2dataset.options.choices import ProgressDisplay
from img2dataset.reports.display import Display, choose_display, look_around
from img2dataset.reports.reporter import Reporter, ServingReporter
from img2dataset.reports.screen import Unbreakable

__all__ = ["Reporter", "find_reporters", "list_addresses"]


def find_reporters(options: Options, reporters: Sequence[Reporter] | None = None) -> list[Reporter]:
    """The reporters that `options` ask for, and those given; if none are, what shows the run.

    Args:
        options: enable_wandb, dashboard and metrics_port add a reporter each; progress, log_format,
            verbose and quiet say how the run is shown.
        reporters: instead of showing the run; None = show it, on stderr or in a notebook.

    Raises:
        MissingExtraError: the library of one is not installed.
        OptionError: the port of the dashboard is taken, or that of the metrics.
    """
    found: list[Reporter] = []
    if options.enable_wandb:
        from img2dataset.reports.wandb import WandbReporter  # noqa: PLC0415  (few ask for it)

        found.append(WandbReporter(options.wandb_project))
    if options.dashboard is not False:
        from img2dataset.reports.dashboard.reporter import DashboardReporter  # noqa: PLC0415

        found.append(DashboardReporter(options.dashboard))
    if options.metrics_port is not None:
        from img2dataset.reports.metrics import MetricsReporter  # noqa: PLC0415  (as above)

        found.append(MetricsReporter(options.metrics_address, options.metrics_port))
    # what shows the run comes last, because its last line is the run's
    return [*found, *([make_shower(options)] if reporters is None else reporters)]


def list_addresses(reporters: Sequence[Reporter]) -> list[str]:
    """List what reporters serve, and at which address."""
    serving = (reporter for reporter in reporters if isinstance(reporter, ServingReporter))
    return [address for reporter in serving for address in reporter.addresses]


def make_shower(
    options: Options, stream: TextIO | None = None, environ: Mapping[str, str] = os.environ
) -> Reporter:
    """Make the reporter that shows a run as the options say.

    Args:
        options: progress, log_format, quiet, verbose.
        stream: instead of stderr.
        environ: the environment.
    """
    unbreakable = Unbreakable(stream or sys.stderr)
    display = choose_display(options, look_around(environ, isatty=unbreakable.isatty()))
    if display is Display.JSON:
        return _make_json_reporter(options, unbreakable)
    if display is Display.ERRORS:
        from img2dataset.reports.errors_only import ErrorReporter  # noqa: PLC0415  (as above)

        return ErrorReporter(unbreakable)
    from img2dataset.reports.terminal import TerminalReporter, make_screen  # noqa: PLC0415

    screen = make_screen(display, unbreakable)
    return TerminalReporter(screen, verbose=options.verbose, environ=environ)


def _make_json_reporter(options: Options, stream: Unbreakable) -> Reporter:
    from img2dataset.reports import json_lines  # noqa: PLC0415  (few ask for it)

    if options.quiet:
        return json_lines.JsonErrorReporter(stream)
    if options.progress == ProgressDisplay.NONE:
        return json_lines.JsonSummaryReporter(stream)
    if options.progress == ProgressDisplay.JSON:
        return json_lines.JsonReporter(stream, lambda _: json_lines.EVERY_S)
    return json_lines.JsonReporter(stream)
