"""How far a run is, and what it did: what reporters and the caller of `download` get."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from img2dataset.accounting.account import Account
from img2dataset.accounting.bottleneck import Bottleneck
from img2dataset.options.url_schemes import WEB_SCHEMES
from img2dataset.tally import RestingHost, ShardResult, Tally


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is.  `tally` counts every row finished in this run, stored or not yet."""

    tally: Tally
    elapsed: float
    """Seconds since the run began."""
    shards_done: int
    """In this run; those that were done before are in `shards_skipped`."""
    shards_skipped: int
    rows_skipped: int
    shards_total: int | None
    """Shards of the whole list; None while it is unknown."""
    rows_total: int | None
    """Rows of the whole list; None while it is unknown."""
    estimated: bool = False
    """Whether the totals are estimates, made from how much of the list has been read."""
    resting: tuple[RestingHost, ...] = ()
    """Hosts that are left alone for now, those with the longest rests first."""
    workers: int | None = None
    """Worker processes that are alive; None if they are on machines that this process does not see."""
    shards_lost: int = 0
    """How often a shard failed and was to be tried again, or was given up."""
    account: Account = field(default_factory=Account, compare=False)
    """Where the time of this run went: seconds by stage, bytes, hosts."""
    bottleneck: Bottleneck | None = None
    """What limits the run; None while it is too early to say."""


@dataclass(frozen=True, slots=True)
class RetryCounts:
    """What incremental_mode=retry did to shards that were done before."""

    rows: int = 0
    """Rows that were fetched again."""
    recovered: int = 0
    """Those of them that have their image now."""
    shards: int = 0
    """Shards that were replaced."""

    def plus(self, result: ShardResult) -> RetryCounts:
        """Add a shard whose rows were fetched again."""
        recovered = result.tally.successes
        return RetryCounts(
            self.rows + result.tally.count,
            self.recovered + recovered,
            self.shards + (recovered > 0),
        )


@dataclass(frozen=True, slots=True)
class Report:
    """What a run did: what `download` returns, and what the last lines on the terminal say."""

    output_folder: str
    """Where the dataset is, as it was given."""
    tally: Tally
    """Rows of the shards stored in this run; of shards done before, the rows fetched again."""
    duration: float
    """Seconds."""
    shards_done: int
    """Shards stored in this run."""
    shards_skipped: int
    """Shards that were done before, and stay as they were."""
    shards_not_done: tuple[str, ...] = ()
    """Names of the shards that failed; of an interrupted run, those it had begun to download."""
    interrupted: bool = False
    """Whether the run was stopped before its end."""
    part: str | None = None
    """Which part of the list was asked for; None = all of it."""
    retry: RetryCounts | None = None
    """What became of the rows fetched again; None unless the mode is retry."""
    images_before: bool = True
    """Whether the shards that were done before, if there are any, hold an image."""
    retry_interrupted: tuple[str, ...] = ()
    """Names of shards done before whose retry was interrupted; they keep what they had."""
    dataset: Tally | None = None
    """Rows of all shards in the folder, whichever run stored them; None if they were not counted."""
    incremental_mode: str = "incremental"
    """The mode of the run."""
    refused_modes: frozenset[str] = frozenset()
    """Modes in which the same command would be refused."""
    list_findings: tuple[str, ...] = ()
    """What was odd about lines of the list: malformed ones, other encodings; with examples."""
    list_notices: tuple[str, ...] = ()
    """What was odd about the list before its first row was read."""
    url_schemes: tuple[str, ...] = WEB_SCHEMES
    """Schemes of the URLs that were fetched."""
    account: Account = field(default_factory=Account, compare=False)
    """Where the time of this run went: seconds by stage, bytes, hosts."""
    bottleneck: Bottleneck | None = None
    """What limited the run; None if it was too short to say."""

    @property
    def count(self) -> int:
        """Rows that were tried in this run."""
        return self.tally.count

    @property
    def successes(self) -> int:
        """Rows that have their image."""
        return self.tally.successes

    @property
    def failed_to_download(self) -> int:
        """Rows that no image was downloaded for."""
        return self.tally.failed_to_download

    @property
    def failed_to_resize(self) -> int:
        """Rows whose image could not be decoded, or was refused by a filter."""
        return self.tally.failed_to_resize

    @property
    def retried(self) -> int:
        """Rows of shards done before that were fetched again."""
        return self.retry.rows if self.retry is not None else 0

    @property
    def recovered(self) -> int:
        """Those of the retried rows that have their image now."""
        return self.retry.recovered if self.retry is not None else 0

    @property
    def is_alone(self) -> bool:
        """Whether the folder has no shards but those that this run stored, for all it knows."""
        others = self.shards_skipped > 0 or self.retry is not None or self.part is not None
        return not others and self.incremental_mode != "extend"

    @property
    def reasons(self) -> dict[str, int]:
        """Name of the Reason -> rows, most frequent first."""
        return dict(self.tally.reasons.most_common())

    @property
    def status_dict(self) -> dict[str, int]:
        """ "success" and each error string -> rows, most frequent first."""
        return dict(self.tally.labels.most_common())

    @property
    def images_per_sec(self) -> float:
        """Rows per second, failures included."""
        return self.count / self.duration if self.duration > 0 else 0.0

    @property
    def complete(self) -> bool:
        """Whether every shard of the list is stored."""
        return not self.shards_not_done and not self.interrupted

    @property
    def exit_code(self) -> int:
        """0 = all shards of the list are done; 1 = not, or there is not one image in them.

        It describes the dataset, not the run: repeating a finished command returns the same code.
        """
        tried = self.count > 0 or self.shards_skipped > 0
        return 0 if self.complete and (self.has_images or not tried) else 1

    @property
    def has_images(self) -> bool:
        """Whether there is an image in the shards of the list, whichever run stored it."""
        return self.successes > 0 or (self.shards_skipped > 0 and self.images_before)

    def rows(self) -> Iterator[dict[str, Any]]:
        """Iterate over the metadata of the dataset, shard by shard; earlier runs are included.

        The tables are read while you iterate, a thousand rows at a time.

        Returns:
            A dict for each row: key, url, status, error_message, width, height (pixels), ...:
            the columns of the metadata table, without those that hold bytes of images.

        Raises:
            RunError: a table cannot be read.
            DamagedError: a table is damaged.
        """
        return self._stored_rows(failures_only=False)

    def failures(self) -> Iterator[dict[str, Any]]:
        """Iterate over the rows that have no image; as `rows` in all else."""
        return self._stored_rows(failures_only=True)

    def _stored_rows(self, *, failures_only: bool) -> Iterator[dict[str, Any]]:
        from img2dataset.dataset.rows import stored_rows  # noqa: PLC0415  (heavy: reads Parquet)

        return stored_rows(self.output_folder, failures_only=failures_only)

    def to_dict(self) -> dict[str, Any]:
        """The report as plain values, for JSON: counts, reasons, seconds, names of shards."""
        return {
            "output_folder": self.output_folder,
            "incremental_mode": self.incremental_mode,
            "part": self.part,
            "exit_code": self.exit_code,
            "complete": self.complete,
            "interrupted": self.interrupted,
            "duration": self.duration,
            "images_per_sec": self.images_per_sec,
            "count": self.count,
            "successes": self.successes,
            "failed_to_download": self.failed_to_download,
            "failed_to_resize": self.failed_to_resize,
            "dataset_count": None if self.dataset is None else self.dataset.count,
            "dataset_successes": None if self.dataset is None else self.dataset.successes,
            "reasons": self.reasons,
            "status_dict": self.status_dict,
            "shards_done": self.shards_done,
            "shards_skipped": self.shards_skipped,
            "shards_not_done": list(self.shards_not_done),
            "retried": self.retried,
            "recovered": self.recovered,
            "retry_interrupted": list(self.retry_interrupted),
            "list_findings": list(self.list_findings),
            "account": self.account.to_dict(),
            "bottleneck": None if self.bottleneck is None else self.bottleneck.text,
        }
