"""Content-Type and the first bytes -> whether a body cannot be an image.

Only what is certain: servers label images as almost anything, so that a body which begins like
an image is one whatever its label says, and one that begins like nothing we know is left to
the image stage, unless its label says that it is text, sound or film.
"""

from __future__ import annotations

import re

from img2dataset.errors import Reason

MIN_SNIFF_BYTES = 16
"""Bytes that a decision needs; a shorter beginning is left undecided."""

LIKE_AN_IMAGE = re.compile(
    rb"\xff\xd8\xff|\x89PNG|GIF8|RIFF....WEBP|BM|II[*+]\0|MM\0[*+]|\0\0[\1\2]\0|8BPS"
    rb"|\0\0\0\x0c(?:jP  |JXL )|\xff\x4f\xff\x51|\xff\x0a|P[1-7F]\s|#\?|\x76\x2f\x31\x01|DDS "
    rb"|qoif|\x59\xa6\x6a\x95|....ftyp(?:avi[fs]|hei[cxms]|hev[cxms]|mif[12]|msf1|jp2 )"
    rb"|<svg|<\?xml",
    re.DOTALL | re.IGNORECASE,
)
PAGE = re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:!doctype\s+html|html|head|body|script)", re.IGNORECASE)
SURELY_AN_IMAGE = re.compile(
    rb"\xff\xd8\xff|\x89PNG\r\n\x1a\n|GIF8[79]a|RIFF....WEBP|BM.{4}\0{4}|II\*\0|MM\0\*|\0\0[\1\2]\0.\0"
    rb"|8BPS\0[\1\2]|\0\0\0\x0c(?:jP  |JXL )|\xff\x4f\xff\x51"
    rb"|....ftyp(?:avi[fs]|hei[cxms]|hev[cxms]|mif[12]|msf1|jp2 )",
    re.DOTALL,
)
"""Enough bytes that what begins so by chance is not to be expected."""
IMAGES_BEGIN = frozenset({
    b"\xff\xd8", b"\x89P", b"GI", b"RI", b"BM", b"II", b"MM", b"\0\0", b"8B", b"\xffO",
})  # fmt: skip
"""The first two bytes of all of these."""
NOT_IMAGES = ("text/", "video/", "audio/", "application/json", "application/javascript")


def cannot_be_image(content_type: str, first: bytes) -> bool:
    """Whether a body of this type that begins with `first` is certainly no image."""
    if len(first) < MIN_SNIFF_BYTES:
        return False
    if PAGE.match(first):
        return True
    return content_type.strip().lower().startswith(NOT_IMAGES) and not LIKE_AN_IMAGE.match(first)


def begins_like_an_image(first: bytes) -> bool:
    """Whether a body that begins with `first` is an image, whatever its header says."""
    return len(first) >= MIN_SNIFF_BYTES and SURELY_AN_IMAGE.match(first) is not None


def reason_for_type(content_type: str) -> Reason:
    """The reason to give for a body that cannot be an image."""
    film = content_type.strip().lower().startswith("video/")
    return Reason.VIDEO if film else Reason.NOT_AN_IMAGE
