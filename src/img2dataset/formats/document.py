"""A kept sample -> its metadata as a dict, and its caption file."""

from __future__ import annotations

from typing import Any

from img2dataset.errors import Status
from img2dataset.formats.fetched import fetch_values, fetched_of
from img2dataset.formats.format import WriterConfig
from img2dataset.formats.opt_out import signals_of
from img2dataset.json_text import utf8
from img2dataset.options import OPT_OUT
from img2dataset.records import CAPTION, EncodedImage, Row, Sample


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
    if config.save_fetch_metadata:
        document.update(fetch_values(fetched_of(sample)))
    if config.save_opt_out_signals:
        document[OPT_OUT] = signals_of(sample)
    return document


def caption_bytes(row: Row) -> bytes:
    """The caption file of a row."""
    caption = row.fields.get(CAPTION)
    return b"" if caption is None else utf8(str(caption))
