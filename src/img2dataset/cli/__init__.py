"""The command line."""

from __future__ import annotations

import sys

TYPE_CHECKING = False  # as in the package
if TYPE_CHECKING:
    from collections.abc import Sequence

INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line; return the exit code."""
    try:
        # imported here: Ctrl-C may come before all that it needs is there
        from img2dataset.cli.command import main as run_command  # noqa: PLC0415
    except KeyboardInterrupt:
        print("img2dataset: interrupted: run the same command again to go on", file=sys.stderr)  # noqa: T201
        return INTERRUPTED
    return run_command(argv)
