"""What a run did so far -> metrics that Prometheus fetches over http."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec
from time import time

from img2dataset.errors import MissingExtraError, OptionError
from img2dataset.report import Progress, Report
from img2dataset.reports.rates import RecentRate
from img2dataset.reports.reporter import ServingReporter
from img2dataset.reports.snapshot import Snapshot, keep_highest, keep_highest_account
from img2dataset.reports.view import estimate_seconds_left
from img2dataset.tally import ShardResult


class MetricsReporter(ServingReporter):
    """Serves the metrics of one run, from before its start to its end."""

    def __init__(self, address: str, port: int) -> None:
        """Listen; nothing of the run has been done yet.

        Args:
            address: an address of this machine.
            port: 0 = a free one.

        Raises:
            MissingExtraError: the library is not installed.
            OptionError: the port is taken, or the address is not one of this machine.
        """
        if find_spec("prometheus_client") is None:
            raise MissingExtraError("metrics_port", "prometheus_client", "metrics")
        from img2dataset.reports.metrics_server import MetricsServer  # noqa: PLC0415  (an extra)

        self._snapshot = Snapshot(started_at=time())
        self._recent = RecentRate()
        try:
            self._server = MetricsServer(address, port, self._read)
        except OSError as error:
            raise OptionError(
                f"metrics_port is {port}: it cannot be listened on at {address} "
                f"({error.strerror or error}); choose another one, or 0 for a free one"
            ) from error

    @property
    def addresses(self) -> list[str]:
        """What is served where, for people."""
        return [f"metrics: {self._server.url}"]

    def _read(self) -> Snapshot:
        return self._snapshot

    def shard_done(self, result: ShardResult, progress: Progress) -> None:
        seen = self._see(progress)
        self._snapshot = replace(
            seen,
            shards_stored=seen.shards_stored + (not result.unchanged),
            last_shard_at=result.end_time,
        )

    def progress(self, progress: Progress) -> None:
        self._snapshot = self._see(progress)

    def notice(self, text: str) -> None:  # noqa: ARG002
        self._snapshot = replace(self._snapshot, notices=self._snapshot.notices + 1)

    def finished(self, report: Report, progress: Progress) -> None:  # noqa: ARG002
        self._snapshot = self._see(progress)

    def close(self) -> None:
        self._server.close()

    def _see(self, progress: Progress) -> Snapshot:
        return replace(
            self._snapshot,
            progress=progress,
            counted=keep_highest(self._snapshot.counted, progress.tally),
            spent=keep_highest_account(self._snapshot.spent, progress.account),
            seconds_left=estimate_seconds_left(progress, self._recent.after(progress)),
        )
