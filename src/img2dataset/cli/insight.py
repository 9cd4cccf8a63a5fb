"""`img2dataset inspect` and `img2dataset report`: their words -> what they do."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence

from img2dataset.cli.parse_insight import InspectOptions, parse_inspect, parse_report
from img2dataset.insight.findings import Findings

Show = Callable[[str], object]
Say = Callable[[str], None]
DAMAGED = 1


def run_inspect(words: Sequence[str], show: Show, say: Say) -> int:
    """Show, list or copy what is asked for; return the exit code."""
    asked = parse_inspect(words)
    if isinstance(asked, str):
        show(asked)
        return 0
    # imported here, so that help and wrong words are answered at once
    from img2dataset.insight import main  # noqa: PLC0415

    if asked.failed:
        from img2dataset.insight.failed_rows import FailedRows  # noqa: PLC0415

        rows = FailedRows(asked.reason, asked.host)
        damaged = main.export_failed(asked.output_folder, rows, asked.output, show, say)
        return say_damage(damaged, say)
    if asked.sample is not None and asked.output is not None:
        damaged = main.export_samples(
            asked.output_folder, asked.sample, asked.output, asked.seed, say
        )
        return say_damage(damaged, say)
    findings = main.inspect_folder(asked.output_folder)
    show(format_text(asked, findings))
    return say_damage(findings.unreadable, say, "counted")


def format_text(asked: InspectOptions, findings: Findings) -> str:
    if asked.json:
        from img2dataset.json_text import to_json  # noqa: PLC0415

        return to_json(findings.to_dict()).decode() + "\n"
    from img2dataset.insight.terminal import format_findings  # noqa: PLC0415

    return format_findings(findings, shutil.get_terminal_size().columns)


def run_report(words: Sequence[str], show: Show, say: Say) -> int:
    """Write the page; return the exit code."""
    asked = parse_report(words)
    if isinstance(asked, str):
        show(asked)
        return 0
    from img2dataset.insight.main import write_page  # noqa: PLC0415

    page = write_page(asked.output_folder, asked.html, asked.seed)
    show(f"{page.path}\n")
    return max(say_damage(page.unreadable, say, "counted"), say_damage(page.problems, say, "shown"))


def say_damage(problems: Sequence[str], say: Say, done: str = "read") -> int:
    """Say what is damaged, and therefore not `done`; return the exit code."""
    if not problems:
        return 0
    more = len(problems) - 1
    rest = f" and {more:,} more" if more else ""
    say(f"damaged, and not {done}: {problems[0]}{rest}; img2dataset verify says more")
    return DAMAGED
