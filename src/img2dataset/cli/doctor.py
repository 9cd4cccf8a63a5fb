"""`img2dataset doctor`: its words -> what it shows."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from img2dataset.cli.parse_doctor import parse_doctor

TO_DO = 1


def run_doctor(words: Sequence[str], show: Callable[[str], object]) -> int:
    """Examine the machine, and show each line as it comes; return the exit code."""
    asked = parse_doctor(words)
    if isinstance(asked, str):
        show(asked)
        return 0
    # imported here, so that help and wrong words are answered at once
    from img2dataset.doctor.bug_report import format_report, format_verdict  # noqa: PLC0415
    from img2dataset.doctor.main import examine  # noqa: PLC0415

    found = []
    for verdict in examine(asked.options):
        found.append(verdict)
        if not asked.report:
            show(f"{format_verdict(verdict)}\n")
    if asked.report:
        show(format_report(asked.options, found))
    return 0 if all(each.is_fine for each in found) else TO_DO
