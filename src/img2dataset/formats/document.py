"""A kept sample -> its metadata as a dict, and its caption file."""

from __future__ import annotations

from typing import Any

from img2dataset.errors import Status
from img2dataset.formats.fetched import describe_response, find_response
from img2dataset.formats.format import WriterConfig
from img2dataset.formats.opt_out import find_signals
from img2dataset.json_text import to_utf8
from img2dataset.options import OPT_OUT
from img2dataset.records import CAPTION, EncodedImage, Failure, Row, Sample


def describe(sample: Sample, image: EncodedImage, config: WriterConfig) -> dict[str, Any]:
    """Return the metadata of a kept sample, in the order of the per-sample JSON.

    The column of verify_hash has the name of the hash: the computed hash takes its place.
    """
    document = dict(sample.row.fields)
    document["key"] = sample.row.key
    document["status"] = Status.SUCCESS.value
    document["error_message"] = None
    document["width"] = image.width
    document["height"] = image.height
    document["original_width"] = image.original_width
    document["original_height"] = image.original_height
    if config.extract_exif:
        document["exif"] = image.exif
    if config.compute_hash is not None:
        document[config.compute_hash] = sample.digest
    if config.save_fetch_metadata:
        document.update(describe_response(find_response(sample)))
    if config.save_opt_out_signals:
        document[OPT_OUT] = find_signals(sample)
    return document


NO_IMAGE = EncodedImage(b"", None, None, None, None)


def describe_row(sample: Sample, config: WriterConfig) -> dict[str, Any]:
    """Return the metadata of a sample, failed or not, as `describe` does."""
    match sample.outcome:
        case Failure() as failure:
            document = describe(sample, NO_IMAGE, config)
            document["status"] = failure.reason.status.value
            document["error_message"] = failure.message
            return document
        case image:
            return describe(sample, image, config)


def encode_caption(row: Row) -> bytes:
    """Return the content of the caption file of a row."""
    caption = row.fields.get(CAPTION)
    return b"" if caption is None else to_utf8(str(caption))
