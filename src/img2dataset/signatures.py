"""How files of each format begin: the one table that fetching and decoding share.

A signature is a pattern of bytes in which `.` is any byte.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"})
AVIF_BRANDS = frozenset({b"avif", b"avis"})
HEIF_BRANDS = frozenset({b"mif1", b"mif2", b"msf1"})
"""Brands that leave open how the pixels are coded."""
IMAGE_BRANDS = frozenset({*HEIC_BRANDS, *AVIF_BRANDS, *HEIF_BRANDS, b"jp2 ", b"jpx ", b"jxl "})
"""Brands of ISO media files that are images."""
MAX_BRANDS_BYTES = 256

PNG = b"\x89PNG\r\n\x1a\n"
_FTYP = b"|".join(
    b"....ftyp" + brand for brand in sorted({*HEIC_BRANDS, *AVIF_BRANDS, *HEIF_BRANDS, b"jp2 "})
)


@dataclass(frozen=True, slots=True)
class Signature:
    """How files of a format begin."""

    format: str
    """As Pillow calls it."""
    start: bytes
    """What a reader of the format insists on."""
    hint: bytes = b""
    """Less than `start`: enough to doubt a label that says it is no image.  Empty: as `start`."""
    proof: bytes = b""
    """Enough bytes that what begins so by chance is not to be expected.  Empty: there is none."""


SIGNATURES = (
    Signature("JPEG", rb"\xff\xd8\xff", proof=rb"\xff\xd8\xff"),
    Signature("PNG", re.escape(PNG), hint=rb"\x89PNG", proof=re.escape(PNG)),
    Signature("WEBP", rb"RIFF....WEBP", proof=rb"RIFF....WEBP"),
    Signature("GIF", rb"GIF8", proof=rb"GIF8[79]a"),
    Signature("TIFF", rb"II[*+]\0|MM\0[*+]", proof=rb"II\*\0|MM\0\*"),
    Signature("BMP", rb"BM", proof=rb"BM.{4}\0{4}"),
    Signature("ICO", rb"\0\0[\1\2]\0", proof=rb"\0\0[\1\2]\0.\0"),
    Signature(
        "JXL",
        rb"\xff\x0a|\0\0\0\x0cJXL \r\n\x87\n",
        hint=rb"\xff\x0a|\0\0\0\x0cJXL ",
        proof=rb"\0\0\0\x0cJXL ",
    ),
    Signature(
        "JPEG2000",
        rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51",
        proof=rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51",
    ),
    Signature("HEIF", _FTYP, proof=_FTYP),  # AVIF too: see `read_brands`
    Signature("PSD", rb"8BPS", proof=rb"8BPS\0[\1\2]"),
    Signature("PFM", rb"PF\s"),
    Signature("PPM", rb"P[1-7]\s"),
    Signature("HDR", rb"#\?R", hint=rb"#\?"),
    Signature("QOI", rb"qoif"),
    Signature("SUN", rb"\x59\xa6\x6a\x95"),
    Signature("EXR", rb"\x76\x2f\x31\x01"),
    Signature("DDS", rb"DDS "),
    Signature("SVG", rb"<svg|<\?xml"),
)
"""Also of formats that are not read: a body of these is refused by what it is, not by its label."""

_STARTS = tuple((each.format, re.compile(each.start, re.DOTALL)) for each in SIGNATURES)
_HINT = re.compile(
    b"|".join(each.hint or each.start for each in SIGNATURES), re.DOTALL | re.IGNORECASE
)
_PROOF = re.compile(b"|".join(each.proof for each in SIGNATURES if each.proof), re.DOTALL)
PROOF_PREFIXES = frozenset({
    b"\xff\xd8", b"\x89P", b"GI", b"RI", b"BM", b"II", b"MM", b"\0\0", b"8B", b"\xffO",
})  # fmt: skip
"""The first two bytes of whatever `is_surely_image`."""

_SVG = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*>\s*|<!--(?:[^-]|-[^-])*-->\s*|<!DOCTYPE\s+svg[^>]*>\s*){0,20}"
    rb"<(?:svg:)?svg[\s>]",
    re.IGNORECASE,
)
MAX_SVG_HEAD_BYTES = 4096
"""Within which an SVG has begun."""
_VIDEO = re.compile(
    rb"\x1aE\xdf\xa3"  # WebM, Matroska
    rb"|RIFF....AVI |FLV\x01|OggS|\0\0\x01[\xba\xb3]"
    rb"|\x30\x26\xb2\x75\x8e\x66\xcf\x11"  # Windows Media
    rb"|\x47.{187}\x47"  # a transport stream
    rb"|....(?:ftyp|moov|mdat|wide|free|skip|pnot)",  # MP4, QuickTime, if nothing else has it
    re.DOTALL,
)


def find_format(data: bytes) -> str | None:
    """The format whose signature `data` begins with; None if there is none."""
    return next((name for name, start in _STARTS if start.match(data)), None)


def is_maybe_image(data: bytes) -> bool:
    """Whether bytes with a label that speaks against an image may be one all the same."""
    return _HINT.match(data) is not None


def is_surely_image(data: bytes) -> bool:
    """Whether bytes are an image, whatever the headers of the response say."""
    return _PROOF.match(data) is not None


def is_svg(data: bytes) -> bool:
    return _SVG.match(data[:MAX_SVG_HEAD_BYTES]) is not None


def is_video(data: bytes) -> bool:
    """Whether it is a video, or in a container that nearly all videos use."""
    is_image = not IMAGE_BRANDS.isdisjoint(read_brands(data)[:1])
    return not is_image and _VIDEO.match(data) is not None


def is_heic(data: bytes) -> bool:
    """Whether it is HEIF with HEVC in it (with AV1 it is AVIF)."""
    brands = read_brands(data)
    if not brands:
        return False
    if brands[0] in HEIC_BRANDS:
        return True
    return brands[0] in HEIF_BRANDS and not AVIF_BRANDS.intersection(brands)


def is_avif(data: bytes) -> bool:
    return not AVIF_BRANDS.isdisjoint(read_brands(data))


def read_brands(data: bytes) -> list[bytes]:
    """What an ISO media file says it is: the major brand, then those it is compatible with."""
    if data[4:8] != b"ftyp":
        return []
    end = min(int.from_bytes(data[:4], "big"), MAX_BRANDS_BYTES, len(data))
    return [data[8:12], *(data[at : at + 4] for at in range(16, end - 3, 4))]
