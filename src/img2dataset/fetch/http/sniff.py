"""Content-Type and the first bytes -> whether a body cannot be an image.

Only what is certain: servers label images as almost anything, so that a body which begins like
an image is one whatever its label says, and one that begins like nothing we know is left to
the image stage, unless its label says that it is text, sound or film.
"""

from __future__ import annotations

import re

from img2dataset.errors import Reason
from img2dataset.signatures import is_maybe_image, is_surely_image

MIN_SNIFF_BYTES = 16
"""Bytes that a decision needs; a shorter beginning is left undecided."""

PAGE = re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:!doctype\s+html|html|head|body|script)", re.IGNORECASE)
NOT_IMAGES = ("text/", "video/", "audio/", "application/json", "application/javascript")


def cannot_be_image(content_type: str, first: bytes) -> bool:
    """Whether a body of this type that begins with `first` is certainly no image."""
    if len(first) < MIN_SNIFF_BYTES:
        return False
    if PAGE.match(first):
        return True
    return content_type.strip().lower().startswith(NOT_IMAGES) and not is_maybe_image(first)


def begins_like_an_image(first: bytes) -> bool:
    """Whether a body that begins with `first` is an image, whatever its header says."""
    return len(first) >= MIN_SNIFF_BYTES and is_surely_image(first)


def choose_reason(content_type: str) -> Reason:
    """The reason to give for a body that cannot be an image."""
    film = content_type.strip().lower().startswith("video/")
    return Reason.VIDEO if film else Reason.NOT_AN_IMAGE
