"""TIFF of many kinds, written by tifffile and Pillow."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
import tifffile
from PIL import Image

from tests.pictures.case import (
    ALPHA,
    BLACK_AND_WHITE,
    EXPANDED,
    GREY,
    GREY_ALPHA,
    INKS,
    PALETTED,
    RGB,
    RGBA,
    Array,
    Case,
    by_pillow,
    deep,
    grey_alpha_image,
    of_inks,
    on_white,
    scaled_up,
)

TWO = BLACK_AND_WHITE.astype(np.uint8) * 255
LOSSLESS = ("lzw", "deflate", "packbits", "zstd", "lzma")
BILEVEL = ("group3", "group4", "tiff_ccitt", "tiff_lzw", "packbits")


def tiff(
    pixels: Array, photometric: str, *, big: bool = False, order: Any = "<", **how: Any
) -> bytes:
    file = io.BytesIO()
    with tifffile.TiffWriter(file, bigtiff=big, byteorder=order) as writer:
        writer.write(pixels, photometric=photometric, metadata=None, **how)
    return file.getvalue()


def colour(pixels: Array = RGB, **how: Any) -> bytes:
    return tiff(pixels, "rgb", **how)


def grey(pixels: Array = GREY, **how: Any) -> bytes:
    return tiff(pixels, "minisblack", **how)


def grey_of_bits(values: Array, bits: int) -> bytes:
    """Values of so many bits without gaps between them, row by row.  (Not by tifffile, which asks
    imagecodecs for it, whose wheels differ in what they can do.)"""
    height, width = values.shape
    each = values[:, :, np.newaxis] >> np.arange(bits - 1, -1, -1) & 1
    data = np.packbits(each.astype(np.uint8).reshape(height, -1), axis=1).tobytes()
    black_is_0, at = 1, 8 + 2 + 9 * 12 + 4
    tags = {
        256: width, 257: height, 258: bits, 259: 1, 262: black_is_0, 273: at, 277: 1, 278: height,
        279: len(data),
    }  # fmt: skip
    long = 4
    entries = [struct.pack("<HHII", tag, long, 1, value) for tag, value in tags.items()]
    return struct.pack("<2sHIH", b"II", 42, 8, len(tags)) + b"".join([*entries, bytes(4), data])


def apart(pixels: Array) -> Array:
    """Channel by channel."""
    return np.ascontiguousarray(np.moveaxis(pixels, 2, 0))


def packed_or_not() -> dict[str, Case]:
    cases = {}
    for name in LOSSLESS:
        cases[f"tiff colour {name}"] = Case(colour(compression=name), RGB)
        cases[f"tiff grey {name}"] = Case(grey(compression=name), GREY)
    for name in BILEVEL:
        image = Image.fromarray(BLACK_AND_WHITE)
        cases[f"tiff 1 bit {name}"] = Case(by_pillow(image, "TIFF", compression=name), TWO)
    for name in ("lzw", "deflate"):
        how: dict[str, Any] = {"compression": name, "predictor": True}
        cases[f"tiff colour {name}, differences"] = Case(colour(**how), RGB)
        cases[f"tiff 16 bits {name}, differences"] = Case(colour(deep(RGB), **how), RGB)
        tiles = colour(RGB[:45, :61], tile=(32, 32), compression=name)
        cases[f"tiff tiles {name}"] = Case(tiles, RGB[:45, :61])
    return cases


def arranged() -> dict[str, Case]:
    """Tiles, planes, byte orders, big files."""
    unit = RGB.astype(np.float32) / 255
    orders = {
        f"tiff {'big ' if big else ''}{kind}{' from the other end' if order == '>' else ''}": Case(
            colour(pixels.astype(pixels.dtype.newbyteorder(order)), big=big, order=order), RGB
        )
        for big in (False, True)
        for order in ("<", ">")
        for kind, pixels in (("8 bits", RGB), ("16 bits", deep(RGB)), ("floats", unit))
    }
    return {
        **orders,
        "tiff small tiles": Case(colour(tile=(16, 16)), RGB),
        "tiff planes": Case(colour(apart(RGB), planarconfig="separate"), RGB),
        "tiff tiled planes": Case(
            colour(apart(RGB), planarconfig="separate", tile=(16, 16)), RGB
        ),
        "tiff many strips": Case(colour(rowsperstrip=5, compression="lzw"), RGB),
        "tiff several pages": Case(colour(np.stack([RGB, 255 - RGB])), RGB),
    }  # fmt: skip


def deep_ones() -> dict[str, Case]:
    unit = GREY.astype(np.float32) / 255
    twelve = (GREY.astype(np.uint32) * 4095 // 255).astype(np.uint16)
    half = np.rint(twelve.astype(np.float64) / 4095 * 255).astype(np.uint8)
    return {
        "tiff 16 bits grey": Case(grey(deep(GREY)), GREY),
        "tiff 16 bits white is 0": Case(tiff(deep(255 - GREY), "miniswhite"), GREY),
        "tiff 12 bits grey": Case(grey_of_bits(twelve, 12), half, most=1),
        "tiff 32 bits grey": Case(grey(GREY.astype(np.uint32) * np.uint32(16843009)), GREY, most=1),
        "tiff floats grey": Case(grey(unit), GREY),
        "tiff doubles grey": Case(grey(unit.astype(np.float64)), GREY),
        "tiff floats alpha": Case(
            colour(RGBA.astype(np.float32) / 255, extrasamples=["unassalpha"]), on_white(RGB, ALPHA)
        ),
    }


def shallow() -> dict[str, Case]:
    cases = {}
    for bits in (2, 4):
        values = GREY >> (8 - bits)
        file = grey_of_bits(values, bits)
        cases[f"tiff {bits} bits grey"] = Case(file, scaled_up(values, bits))
    return {
        **cases,
        "tiff white is 0": Case(tiff(255 - GREY, "miniswhite"), GREY),
        "tiff 1 bit": Case(grey(BLACK_AND_WHITE), TWO),
        "tiff 1 bit white is 0": Case(tiff(~BLACK_AND_WHITE, "miniswhite"), TWO),
        "tiff palette": Case(by_pillow(PALETTED, "TIFF"), EXPANDED),
        "tiff palette lzw": Case(by_pillow(PALETTED, "TIFF", compression="tiff_lzw"), EXPANDED),
    }


def coloured() -> dict[str, Case]:
    """Inks, alphas, unnamed channels."""
    share = ALPHA[:, :, np.newaxis] / 255
    multiplied = np.rint(RGB * share)
    seen = np.rint(multiplied + 255 * (1 - share)).astype(np.uint8)
    premultiplied = np.dstack([multiplied.astype(np.uint8), ALPHA])
    jpeg = by_pillow(RGB, "TIFF", compression="jpeg", quality=100)
    on = on_white(RGB, ALPHA)
    return {
        "tiff cmyk": Case(by_pillow(Image.fromarray(INKS, "CMYK"), "TIFF"), of_inks(INKS), most=1),
        "tiff cmyk lzw": Case(tiff(INKS, "separated", compression="lzw"), of_inks(INKS), most=1),
        "tiff cmyk planes": Case(
            tiff(apart(INKS), "separated", planarconfig="separate"), of_inks(INKS), most=1
        ),
        "tiff cmyk 16 bits": Case(tiff(deep(INKS), "separated"), of_inks(INKS), most=1),
        "tiff alpha": Case(colour(RGBA, extrasamples=["unassalpha"]), on),
        "tiff alpha lzw": Case(colour(RGBA, extrasamples=["unassalpha"], compression="lzw"), on),
        "tiff alpha 16 bits": Case(colour(deep(RGBA), extrasamples=["unassalpha"]), on),
        # 8 bits of a dark, nearly transparent pixel say little of its colour
        "tiff premultiplied": Case(
            colour(premultiplied, extrasamples=["assocalpha"]), seen, most=2
        ),
        "tiff a fourth channel": Case(colour(RGBA, extrasamples=["unspecified"]), RGB),
        "tiff grey and alpha": Case(
            grey(GREY_ALPHA, extrasamples=["unassalpha"], planarconfig="contig"),
            on_white(GREY, ALPHA),
        ),
        "tiff grey and alpha by pillow": Case(
            by_pillow(grey_alpha_image(), "TIFF"), on_white(GREY, ALPHA)
        ),
        "tiff of jpeg": Case(jpeg, RGB, most=5),
    }


def tiffs() -> dict[str, Case]:
    return {**packed_or_not(), **arranged(), **deep_ones(), **shallow(), **coloured()}
