"""What flows through the program: Row -> Body -> Picture -> Sample, and the Shard they are in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from img2dataset.errors import Reason, RowError, Status

if TYPE_CHECKING:
    import pyarrow as pa

URL = "url"
CAPTION = "caption"
NO_COLUMN = ""  # as caption_col: every caption is empty, and the list has no column of them
BOXES = "_boxes"  # never stored: bbox_col keeps its own name in the metadata
PROBLEM = "_problem"  # never stored: why a line is malformed
"""Names of input columns that mean something to the program."""


@dataclass(frozen=True, slots=True)
class ParquetRange:
    """Rows [start, start + count) of a Parquet file; read by the worker, never by the parent."""

    url: str
    start: int
    count: int
    schema: pa.Schema | None = None
    """Types of kept columns that are others over the whole list than in this file."""


@dataclass(frozen=True, slots=True)
class Shard:
    """A numbered slice of the list."""

    id: int
    count: int
    rows: pa.Table | ParquetRange
    stored: bool = False
    """Whether it is done already, and only its transient failures are left."""
    file: int = field(default=0, compare=False)
    """Which file of the list it is from, counted from 0."""
    slice_of: tuple[int, int] | None = None
    """For a stream, which hands out less at once: the shard of the list that these rows are a slice
    of, and the position of the first one there.  `id` is then the number of the slice."""
    left_out: frozenset[int] = frozenset()
    """Positions of rows that are not to be fetched: a stream has had them."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the list."""

    shard: int
    index: int
    """Position in the shard, from 0."""
    key: str
    url: str | None
    fields: Mapping[str, Any]
    """The input columns that go to the metadata, in order, `url` last; JSON-able values."""
    boxes: Sequence[Sequence[float]] | None = None
    """Boxes to blur: [x_min, y_min, x_max, y_max] in 0..1 of the displayed image."""
    expected_hash: str | None = None
    problem: str | None = None
    """Why the line is malformed, with its number; such a row is not fetched."""


@dataclass(frozen=True, slots=True)
class ResponseInfo:
    """How a response came; None where it did not say.  Kept only with save_fetch_metadata."""

    final_url: str
    """After redirects."""
    http_status: int | None
    """Of the last answer."""
    content_type: str | None
    etag: str | None
    last_modified: str | None
    """Header values as they came."""
    fetched_at: float
    """When the answer was in, or had failed: seconds since the epoch."""
    body_bytes: int | None
    """Length of the body as it came, encodings undone; None = there was none."""
    request_seconds: float | None = None
    """Time of the last request; not stored."""


@dataclass(frozen=True, slots=True)
class Body:
    """The body of a response."""

    data: bytes = field(repr=False)
    fetched: ResponseInfo | None = None
    signals: tuple[str, ...] = ()
    """Opt-out signals of its owner, each as name=value; kept only if asked for."""


@dataclass(frozen=True, slots=True)
class EncodedImage:
    """An encoded image, ready to store.  Sizes are in pixels; None where nothing was decoded."""

    data: bytes = field(repr=False)
    width: int | None
    height: int | None
    original_width: int | None
    original_height: int | None
    exif: str | None = None
    """A JSON object as text; None if the EXIF block was unreadable or not asked for."""
    seconds: tuple[float, float, float] = field(default=(0.0, 0.0, 0.0), compare=False)
    """Wall time of decoding, resizing and encoding."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a row has no image."""

    reason: Reason
    label: str
    """The error string that is counted."""
    detail: str = ""
    """What is special to this row (a line number); stored, not counted."""
    fetched: ResponseInfo | None = None
    signals: tuple[str, ...] = ()
    """As a Body's."""

    @classmethod
    def of(cls, error: RowError) -> Failure:
        return cls(error.reason, error.label or error.reason.label, error.detail)

    @property
    def message(self) -> str:
        return f"{self.label} {self.detail}" if self.detail else self.label


@dataclass(frozen=True, slots=True)
class Sample:
    """A row and its outcome: the unit that every writer stores."""

    row: Row
    outcome: EncodedImage | Failure
    digest: str | None = None
    """Hex digest of the downloaded bytes, if asked for and the row has a picture."""
    fetched: ResponseInfo | None = None
    """How the answer came, if asked for and anything was asked."""
    signals: tuple[str, ...] = ()
    """As a Body's, and those inside the image."""

    @property
    def status(self) -> Status:
        match self.outcome:
            case Failure(reason=reason):
                return reason.status
            case _:
                return Status.SUCCESS


def shard_name(shard_id: int, oom_shard_count: int) -> str:
    """The shard's name: its id, padded with zeros."""
    return f"{shard_id:0{oom_shard_count}d}"


def sample_key(shard_id: int, index: int, digits: int, oom_shard_count: int) -> str:
    """The key of row `index` of a shard; `digits` = `key_digits(number_sample_per_shard)`."""
    return f"{shard_id * 10**digits + index:0{digits + oom_shard_count}d}"


def key_digits(number_sample_per_shard: int) -> int:
    """Decimal digits that positions in a shard take: ceil(log10(rows per shard)), exactly."""
    return len(str(number_sample_per_shard - 1)) if number_sample_per_shard > 1 else 0
