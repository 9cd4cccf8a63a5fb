"""A sample that was kept -> its metadata as a dict, and as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import orjson

from img2dataset.errors import Status
from img2dataset.formats import WriterConfig
from img2dataset.formats.fetched import fetch_values, fetched_of
from img2dataset.formats.opt_out import signals_of
from img2dataset.options import OPT_OUT
from img2dataset.records import CAPTION, EncodedImage, Row, Sample

JSON_OPTIONS = orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS


def describe(sample: Sample, picture: EncodedImage, config: WriterConfig) -> dict[str, Any]:
    """The metadata of a kept sample, in the order of the per-sample JSON.

    A column verified by its hash is named as the hash: the computed one takes its place.
    """
    document = dict(sample.row.fields)
    document["key"] = sample.row.key
    document["status"] = Status.SUCCESS.value
    document["error_message"] = None
    document["width"] = picture.width
    document["height"] = picture.height
    document["original_width"] = picture.original_width
    document["original_height"] = picture.original_height
    if config.extract_exif:
        document["exif"] = picture.exif
    if config.compute_hash is not None:
        document[config.compute_hash] = sample.digest
    if config.fetch_metadata:
        document.update(fetch_values(fetched_of(sample)))
    if config.opt_out_signals:
        document[OPT_OUT] = signals_of(sample)
    return document


def to_json(document: Mapping[str, Any]) -> bytes:
    """Indented JSON in UTF-8, for any values: what JSON has no word for becomes text or null."""
    try:
        return orjson.dumps(document, default=_plain, option=JSON_OPTIONS)
    except (orjson.JSONEncodeError, UnicodeError):  # lone surrogates, integers beyond 64 bits
        return json.dumps(_plain(document), ensure_ascii=False, indent=2).encode()


def caption_bytes(row: Row) -> bytes:
    """The caption file of a row."""
    caption = row.fields.get(CAPTION)
    return b"" if caption is None else utf8(str(caption))


def utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        return valid_text(text).encode()


def valid_text(text: str) -> str:
    """`text` without lone surrogates, which no encoding can store."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _plain(value: Any) -> Any:  # noqa: PLR0911  (a table of types)
    """`value` made of what JSON has: objects, lists, text, numbers, true, false, null."""
    match value:
        case None | bool() | int():
            return value
        case float():
            return value if math.isfinite(value) else None
        case str():
            return valid_text(value)
        case bytes() | bytearray() | memoryview():
            return bytes(value).decode(errors="replace")
        case Mapping():
            return {valid_text(str(name)): _plain(inner) for name, inner in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_plain(inner) for inner in value]
        case _ if hasattr(value, "isoformat"):
            return str(value.isoformat())
        case _ if hasattr(value, "tolist"):  # numpy
            return _plain(value.tolist())
        case _:
            return valid_text(str(value))
