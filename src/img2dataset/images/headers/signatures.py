"""Bytes -> the reason why they are no image of ours, where that can be told by name."""

from __future__ import annotations

import re

from img2dataset.errors import Reason

SVG = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*>\s*|<!--(?:[^-]|-[^-])*-->\s*|<!DOCTYPE\s+svg[^>]*>\s*){0,20}"
    rb"<(?:svg:)?svg[\s>]",
    re.IGNORECASE,
)
ENOUGH = 4096
"""Bytes before which an SVG has begun."""

VIDEO = re.compile(
    rb"\x1aE\xdf\xa3"  # WebM, Matroska
    rb"|RIFF....AVI |FLV\x01|OggS|\0\0\x01[\xba\xb3]"
    rb"|\x30\x26\xb2\x75\x8e\x66\xcf\x11"  # Windows Media
    rb"|\x47.{187}\x47"  # a transport stream
    rb"|....(?:ftyp|moov|mdat|wide|free|skip|pnot)",  # MP4, QuickTime, if nothing else has it
    re.DOTALL,
)
HEIC = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"})
AVIF = frozenset({b"avif", b"avis"})
ANY_HEIF = frozenset({b"mif1", b"mif2", b"msf1"})
"""Brands that leave open how the pixels are coded."""
IMAGE_BRANDS = [[brand] for brand in (*HEIC, *AVIF, *ANY_HEIF, b"jp2 ", b"jpx ", b"jxl ")]


def is_heic(data: bytes) -> bool:
    """Whether it is HEIF with HEVC in it (with AV1 it is AVIF)."""
    brands = brands_of(data)
    if not brands:
        return False
    if brands[0] in HEIC:
        return True
    return brands[0] in ANY_HEIF and not AVIF.intersection(brands)


def brands_of(data: bytes) -> list[bytes]:
    """What an ISO media file says it is: the major brand, then those it is compatible with."""
    if data[4:8] != b"ftyp":
        return []
    end = min(int.from_bytes(data[:4], "big"), 256, len(data))
    return [data[8:12], *(data[at : at + 4] for at in range(16, end - 3, 4))]


def named(data: bytes) -> Reason:
    """Why `data`, which is no image of ours, is none."""
    if SVG.match(data[:ENOUGH]):
        return Reason.SVG
    if brands_of(data)[:1] in IMAGE_BRANDS:
        return Reason.NOT_AN_IMAGE
    return Reason.VIDEO if VIDEO.match(data) else Reason.NOT_AN_IMAGE
