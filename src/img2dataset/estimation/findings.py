"""What a run of a list is expected to give: frozen records, which the terminal and JSON show."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from img2dataset.estimation.statistics import Amount, Share
from img2dataset.estimation.timing import HostTime
from img2dataset.insight.findings import Published


@dataclass(frozen=True, slots=True)
class ReasonShare:
    """A reason for failure: how many rows of the sample, and what share of the list."""

    name: str
    """Value of a `Reason`."""
    rows: int
    share: Share
    example: str
    """A URL."""
    advice: str


@dataclass(frozen=True, slots=True)
class ClassShare:
    """A class of failures: how many rows of the sample, and what share of the list."""

    name: str
    """Of a FailureClass."""
    meaning: str
    rows: int
    share: Share
    """Of a class that was not seen, `high` is by the rule of three."""
    reasons: tuple[ReasonShare, ...]
    """Most rows first; a reason may be in two classes, as http_status is: 404 is gone, 403 refused."""


@dataclass(frozen=True, slots=True)
class HostRows:
    """A host, and what the sample says of it."""

    host: str
    rows: int
    """In the list."""
    sampled: int
    failed: int
    """Of the sampled ones."""


@dataclass(frozen=True, slots=True)
class Hosts:
    """The hosts of the whole list."""

    known: int
    """Rows without a host have none."""
    lacking: int
    """Rows that the count of a host may lack; 0 = all hosts are counted exactly."""
    busiest: tuple[HostRows, ...]
    worst: tuple[HostRows, ...]
    """Those with the most failures in the sample."""


@dataclass(frozen=True, slots=True)
class Duplicates:
    """What is in the list, or in the sample, more than once."""

    repeated_urls: float
    """Share of the rows of the list whose URL a row before has."""
    is_exact: bool
    """Whether that is counted; else it is estimated from a random share of the URLs."""
    repeated_images: int
    """Images of the sample whose bytes another URL of it gave too."""
    likely_placeholder: str
    """The host that gave the same bytes for most of its URLs; empty if none did for three."""
    placeholder_rows: int
    """URLs in the sample for which it did."""


@dataclass(frozen=True, slots=True)
class Duration:
    """How long a run of the whole list takes."""

    seconds: float
    """The longer of the next two."""
    machine_seconds: float
    """If all rows go as quickly as those of the sample, with these options on this machine."""
    rows_per_second: float
    slowest_host: HostTime | None


@dataclass(frozen=True, slots=True)
class Estimate:
    """What `img2dataset.estimate` finds.  Shares are from 0 to 1, intervals are of 95 %."""

    rows: int
    """Of the list."""
    sampled: int
    seed: int
    successes: int
    """In the sample."""
    success: Share
    images: Amount
    classes: tuple[ClassShare, ...]
    """All of them, those with most rows first."""
    reasons: tuple[ReasonShare, ...]
    """Those that were seen, most rows first."""
    duration: Duration
    network_bytes: Amount
    """Bodies of answers, without what the network adds."""
    disk_bytes: Amount
    """Of the dataset in its output_format."""
    free_bytes: int | None
    """On the disk of the output folder; None if that is not on this machine."""
    hosts: Hosts
    duplicates: Duplicates
    without_url: int
    """Rows of the list that have none."""
    published: tuple[Published, ...]
    """What others could download of known lists, this one first if it is known."""
    command: str
    """That runs the list; empty for a list that is no file."""
    advice: tuple[str, ...]
    notices: tuple[str, ...]
    """About the list."""

    @property
    def is_exact(self) -> bool:
        """Whether the sample is the whole list."""
        return self.sampled >= self.rows

    def to_dict(self) -> dict[str, Any]:
        """The estimate as plain values, for JSON."""
        return asdict(self)
