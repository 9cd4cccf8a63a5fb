"""Names of metadata columns that options decide about."""

from __future__ import annotations

from img2dataset.options.choices import HashType

RESERVED_COLUMNS = (
    "key",
    "caption",
    "url",
    "width",
    "height",
    "original_width",
    "original_height",
    "status",
    "error_message",
    "exif",
    *HashType.names(),
)
"""Metadata columns that save_additional_columns may not contain."""

FETCH_COLUMNS = (
    "final_url",
    "http_status",
    "content_type",
    "etag",
    "last_modified",
    "fetched_at",
    "body_bytes",
)
"""Metadata columns that save_fetch_metadata adds."""

DOCUMENT_INDEX = "document_index"
URL_POSITION = "url_position"
"""Metadata columns of a list whose documents have several URLs."""

ALL_CAPTIONS = "all_captions"
"""Metadata column of the captions of all rows with one URL."""

OPT_OUT = "opt_out"
"""Metadata column that save_opt_out_signals adds."""
