"""What a run tells those who watch it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from img2dataset.report import Progress, Report
from img2dataset.tally import ShardResult


class Reporter(Protocol):
    """Watches one run, from its start to its end; always called from the same thread.

    Subclass it and write the methods that you need: the others do nothing.  An exception that
    a method raises ends the run; shards that are done stay.
    """

    def started(self, options: Mapping[str, Any], output_folder: str) -> None:
        """The run begins.

        Args:
            options: the name and value of every option.
            output_folder: the folder or URL that the dataset goes to.
        """
        return

    def shard_done(self, result: ShardResult, progress: Progress) -> None:
        """A shard was stored.

        Args:
            result: the shard: its name, counts and times (seconds since the epoch).
            progress: the totals, this shard included.
        """
        return

    def progress(self, progress: Progress) -> None:
        """Called a few times a second.

        Args:
            progress: the counts of all rows done so far, stored or not yet.
        """
        return

    def notice(self, text: str) -> None:
        """Something that a person should know: a worker died, a shard is tried again.

        Args:
            text: one line.
        """
        return

    def finished(self, report: Report, progress: Progress) -> None:
        """The run is over, or was interrupted.

        Args:
            report: what `download` returns.
            progress: the totals.
        """
        return

    def close(self) -> None:
        """Always called last, also after errors; may be called twice."""
        return


class ServingReporter(Reporter):
    """A reporter of ours that answers requests while the run goes on."""

    @property
    def addresses(self) -> list[str]:
        """What is served where, as lines for people."""
        return []
