"""A small shard to store, with rows of every kind, for the tests of the writers."""

from __future__ import annotations

import io
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from img2dataset.errors import Reason
from img2dataset.formats import Writer, WriterConfig, open_writer
from img2dataset.records import (
    EncodedImage,
    Failure,
    ResponseInfo,
    Row,
    Sample,
    key_digits,
    sample_key,
)
from img2dataset.storage.folder import HIDDEN, Folder

CONFIG = WriterConfig(encode_format="jpg", captions=True, extract_exif=True, compute_hash="sha256")
BARE = WriterConfig(encode_format="png", captions=False, extract_exif=False, compute_hash=None)
WITH_FETCH = replace(CONFIG, save_fetch_metadata=True)
DIGEST = "ab" * 32
NAME = "00003"
OWN = ["key", "status", "error_message", "width", "height", "original_width", "original_height"]


def jpeg(side: int = 8) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (side, side), (200, 30, 30)).save(file, "jpeg")
    return file.getvalue()


def picture(data: bytes | None = None) -> EncodedImage:
    return EncodedImage(jpeg() if data is None else data, 8, 8, 40, 30, '{"Image Make": "Canon"}')


ANSWER = ResponseInfo(
    final_url="https://cdn.example.com/0.jpg",
    http_status=200,
    content_type="image/jpeg",
    etag='"x"',
    last_modified="Wed, 21 Oct 2015 07:28:00 GMT",
    fetched_at=1_600_000_000.25,
    body_bytes=1234,
)
REFUSAL = ResponseInfo(
    "https://example.com/1.jpg", 404, "text/html", None, None, 1_600_000_001.0, None
)
NOT_FOUND = Failure(Reason.HTTP_STATUS, "HTTP Error 404: Not Found", fetched=REFUSAL)
TIMEOUT = Failure(Reason.TIMEOUT, "timed out")
SMALL = Failure(Reason.TOO_SMALL, "image too small")
MALFORMED = Failure(Reason.MALFORMED_LINE, "malformed input line", "line 7")


@dataclass(frozen=True)
class ShardToStore:
    """The input's columns, and what became of each row."""

    table: pa.Table
    outcomes: Sequence[EncodedImage | Failure]
    fields: Sequence[dict[str, Any]] = field(default=())
    """JSON-able values of the columns, where they are not those of the table."""
    answers: Sequence[ResponseInfo | None] = field(default=())
    """How the bodies came, if there were any."""

    def samples(self) -> list[Sample]:
        rows = self.fields or self.table.to_pylist()
        digits = key_digits(10_000)
        return [
            Sample(
                Row(3, index, sample_key(3, index, digits, 5), rows[index].get("url"), rows[index]),
                outcome,
                DIGEST if isinstance(outcome, EncodedImage) else None,
                self.answers[index] if self.answers else None,
            )
            for index, outcome in enumerate(self.outcomes)
        ]

    @property
    def kept(self) -> list[Sample]:
        return [sample for sample in self.samples() if isinstance(sample.outcome, EncodedImage)]


def shard_of(
    columns: dict[str, Any], *outcomes: EncodedImage | Failure, **options: Any
) -> ShardToStore:
    count = len(outcomes)
    urls = [f"https://example.com/{index}.jpg" for index in range(count)]
    return ShardToStore(pa.table({**columns, "url": urls}), outcomes, **options)


def mixed() -> ShardToStore:
    """Captions of several kinds, failures between, sizes that differ."""
    return shard_of(
        {
            "n": pa.array([1, 2**40, None, 4, 5], pa.int64()),
            "caption": ["plain", None, "never stored as txt", 'zwölf\u2028"日本"\n', ""],
        },
        picture(),
        picture(b"\xff\xd8 not really a picture"),
        TIMEOUT,
        picture(jpeg(64)),
        SMALL,
    )


def begin(
    output_format: str, folder: Folder, shard: ShardToStore, config: WriterConfig = CONFIG
) -> Writer:
    folder.make()
    return open_writer(output_format, folder, NAME, shard.table, config)


def store(
    output_format: str, folder: Folder, shard: ShardToStore, config: WriterConfig = CONFIG
) -> None:
    """Write the samples, the last one first, and commit."""
    writer = begin(output_format, folder, shard, config)
    for sample in reversed(shard.samples()):
        writer.write(sample)
    writer.commit()


def memory_folder() -> Folder:
    return Folder(f"memory://{uuid.uuid4().hex}/out")


def visible(folder: Folder) -> list[str]:
    return sorted(name for name in folder.names() if name != HIDDEN)


def unfinished(folder: Folder) -> list[str]:
    """What is in the hidden folder of files that are not whole."""
    return folder.names(f"{HIDDEN}/parts")


def metadata(folder: Folder) -> pa.Table:
    return pq.read_table(io.BytesIO(folder.read(f"{NAME}.parquet")))
