"""`img2dataset estimate`: its words -> what it shows."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from img2dataset.cli.parse_estimate import EstimateOptions, parse_estimate

if TYPE_CHECKING:
    from img2dataset.estimation.findings import Estimate


def run_estimate(
    words: Sequence[str], show: Callable[[str], object], say: Callable[[str], None]
) -> int:
    """Estimate what is asked for, and show it; return the exit code."""
    asked = parse_estimate(words)
    if isinstance(asked, str):
        show(asked)
        return 0
    # imported here, so that help and wrong words are answered at once
    from img2dataset.estimation.main import estimate_list  # noqa: PLC0415

    show(format_text(asked, estimate_list(asked.given, asked.sample, asked.seed, say)))
    return 0


def format_text(asked: EstimateOptions, found: Estimate) -> str:
    if asked.json:
        from img2dataset.json_text import to_json  # noqa: PLC0415

        return to_json(found.to_dict()).decode() + "\n"
    from img2dataset.estimation.terminal import format_estimate  # noqa: PLC0415

    return format_estimate(found, shutil.get_terminal_size().columns)
