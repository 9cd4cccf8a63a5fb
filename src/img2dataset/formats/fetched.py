"""Response information -> metadata: values for the JSON of a sample, columns for the table."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from img2dataset.records import Failure, ResponseInfo, Sample

RESPONSE_COLUMNS = pa.schema(
    [
        ("final_url", pa.string()),
        ("http_status", pa.int32()),
        ("content_type", pa.string()),
        ("etag", pa.string()),
        ("last_modified", pa.string()),
        ("fetched_at", pa.timestamp("ms", "UTC")),
        ("body_bytes", pa.int64()),
    ]
)
"""Columns that save_fetch_metadata adds: attributes of ResponseInfo."""


def find_response(sample: Sample) -> ResponseInfo | None:
    """Return the response behind a sample; a failed download carries its own."""
    match sample.outcome:
        case Failure(fetched=fetched) if sample.fetched is None:
            return fetched
        case _:
            return sample.fetched


def describe_response(fetched: ResponseInfo | None) -> dict[str, Any]:
    """Return JSON values in the order of RESPONSE_COLUMNS."""
    values = {name: getattr(fetched, name, None) for name in RESPONSE_COLUMNS.names}
    if fetched is not None:
        moment = datetime.fromtimestamp(to_milliseconds(fetched) / 1000, UTC)
        values["fetched_at"] = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return values


def make_response_columns(answers: Sequence[ResponseInfo | None]) -> dict[str, list[Any]]:
    """Return the values of each of RESPONSE_COLUMNS."""
    columns = {
        name: [getattr(each, name, None) for each in answers] for name in RESPONSE_COLUMNS.names
    }
    columns["fetched_at"] = [each and to_milliseconds(each) for each in answers]
    return columns


def to_milliseconds(fetched: ResponseInfo) -> int:
    return round(fetched.fetched_at * 1000)
