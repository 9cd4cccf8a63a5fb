"""JPEG of every colour space and way of coding."""

from __future__ import annotations

import struct
from base64 import b64decode

import imagecodecs
import numpy as np
from PIL import Image

from tests.pictures.case import GREY, INKS, RGB, Array, Case, by_pillow, of_inks

ADOBE = b"\xff\xee\0\x0eAdobe"

# cjpeg -arithmetic of the ramp below: none of the libraries writes these files
ARITHMETIC = b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAIBAQEBAQIBAQECAgICAgQDAgICAgUEBAMEBgUGBgYFBgYGBwkIBgcJBwYG"
    "CAsICQoKCgoKBggLDAsKDAkKCgr/2wBDAQICAgICAgUDAwUKBwYHCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoK"
    "CgoKCgoKCgoKCgoKCgoKCgoKCgr/yQARCAAQABADAREAAhEBAxEB/8wACgAQEAUBEBEF/9oADAMBAAIRAxEAPwD/AOzA"
    "vxO8aAaejgyXEafYbo9zmgYpp3uFine94W6MG0ksHGj6VUxLCsM8cB35Id2tElQm8vQQWdB+vyMuycooDmLauAkFK/8A"
    "TRcUeP/Z"
)

ARITHMETIC_PROGRESSIVE = b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAIBAQEBAQIBAQECAgICAgQDAgICAgUEBAMEBgUGBgYFBgYGBwkIBgcJBwYG"
    "CAsICQoKCgoKBggLDAsKDAkKCgr/2wBDAQICAgICAgUDAwUKBwYHCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoK"
    "CgoKCgoKCgoKCgoKCgoKCgoKCgr/ygARCAAQABADAREAAhEBAxEB/8wABgAQARD/2gAMAwEAAhADEAAAAf8A2YHj9nBG"
    "wuJSNLm0p8oq3qD/zAAEEAX/2gAIAQEAAQUCFlxwtzt0u4WAefX/zAAEEQX/2gAIAQMBAT8BFmwhIyQLQlFz/8wABBEF"
    "/9oACAECAQE/ARN36NDCC//MAAQQBf/aAAgBAQAGPwIKrbBQYP/MAAQQBf/aAAgBAQABPyGl4wr49hCA/9oADAMBAAIA"
    "AwAAABBSIP/MAAQRBf/aAAgBAwEBPxDWSaD/zAAEEQX/2gAIAQIBAT8QTDkmEf/MAAQQBf/aAAgBAQABPxCotg+udCPI"
    "/9k="
)


def ramp() -> Array:
    y, x = np.mgrid[0:16, 0:16]
    return np.dstack([x * 16, y * 16, (x + y) * 8]).astype(np.uint8)


def four_channels(stored: Array, transform: int | None) -> bytes:
    """A JPEG of four channels as they are stored; `transform` None = without Adobe's marker."""
    data = by_pillow(Image.fromarray(255 - stored, "CMYK"), "JPEG", quality=100, subsampling=0)
    at = data.index(ADOBE)
    rest = data[at + 16 :]
    if transform is None:
        return data[:at] + rest
    return data[:at] + data[at : at + 15] + bytes([transform]) + rest


def as_ycck(inks: Array) -> Array:
    """What a YCCK file stores, of what a CMYK file stores."""
    red, green, blue = (255.0 - inks[:, :, channel] for channel in range(3))
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    blues, reds = (blue - luma) / 1.772 + 128, (red - luma) / 1.402 + 128
    both = np.dstack([luma, blues, reds, inks[:, :, 3]])
    made: Array = np.clip(np.rint(both), 0, 255).astype(np.uint8)
    return made


def as_rgb(picture: Array) -> bytes:
    """Three channels stored as they are, which Adobe's marker says."""
    data = by_pillow(picture, "JPEG", quality=100, subsampling=0, keep_rgb=True)
    at = data.find(ADOBE)
    return data if at >= 0 else data[:2] + ADOBE + struct.pack(">HHHB", 100, 0, 0, 0) + data[2:]


def oriented(value: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = value
    return by_pillow(RGB, "JPEG", quality=100, subsampling=0, exif=exif)


def jpegs() -> dict[str, Case]:
    best = {"quality": 100, "subsampling": 0}
    photo = by_pillow(RGB, "JPEG", **best)
    inverted = 255 - INKS  # Adobe's way, and everybody's
    inks = of_inks(INKS)
    return {
        "jpeg": Case(photo, RGB, most=3),
        "jpeg grey": Case(by_pillow(GREY, "JPEG", quality=100), GREY, most=2),
        "jpeg progressive": Case(by_pillow(RGB, "JPEG", progressive=True, **best), RGB, most=3),
        "jpeg of rgb": Case(as_rgb(RGB), RGB, most=2),
        "jpeg cmyk": Case(four_channels(inverted, 0), inks, most=3),
        "jpeg cmyk without adobe's marker": Case(four_channels(inverted, None), inks, most=3),
        "jpeg ycck": Case(four_channels(as_ycck(inverted), 2), inks, most=6),
        "jpeg arithmetic": Case(ARITHMETIC, ramp(), most=12),
        "jpeg arithmetic progressive": Case(ARITHMETIC_PROGRESSIVE, ramp(), most=12),
        "jpeg lossless": Case(bytes(imagecodecs.jpeg8_encode(RGB, lossless=True)), RGB, most=3),
        "jpeg restart markers": Case(
            by_pillow(RGB, "JPEG", restart_marker_blocks=1, **best), RGB, most=3
        ),
        "jpeg with garbage behind it": Case(photo + b"<!-- served by -->" * 9, RGB, most=3),
        "jpeg turned": Case(oriented(6), np.rot90(RGB, -1), most=3),
    }
