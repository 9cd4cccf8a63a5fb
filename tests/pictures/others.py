"""WebP, JPEG 2000, AVIF, HEIC, JPEG XL, ICO, PNM, QOI, Radiance."""

from __future__ import annotations

import struct
from typing import Any

import imagecodecs
import numpy as np
import pillow_heif
from PIL import Image

from tests.pictures.avifs import BEST, FAST, grid
from tests.pictures.case import (
    ALPHA,
    BLACK_AND_WHITE,
    GREY,
    RGB,
    RGBA,
    Array,
    Case,
    by_pillow,
    deep,
    grey_alpha_image,
    on_white,
    scaled_up,
)
from tests.pictures.jpegs import oriented

ON = on_white(RGB, ALPHA)
LARGE = np.asarray(Image.fromarray(RGB).resize((192, 128)))


def small_frame() -> tuple[bytes, Array]:
    """An animation of one frame, smaller than its canvas; and what is seen of it."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return kind + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)

    def three(number: int) -> bytes:
        return number.to_bytes(3, "little")

    picture = by_pillow(RGB, "WEBP", lossless=True)[12:]
    frame = three(4) + three(3) + three(63) + three(47) + three(100) + b"\0" + picture  # at 8, 6
    canvas = b"\x12\0\0\0" + three(79) + three(59)
    body = chunk(b"VP8X", canvas) + chunk(b"ANIM", bytes(6)) + chunk(b"ANMF", frame)
    seen = np.full((60, 80, 3), 255, np.uint8)
    seen[6:54, 8:72] = RGB
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body, seen


def webps() -> dict[str, Case]:
    exact = {"lossless": True, "exact": True}
    frames = [Image.fromarray(255 - RGB)]
    return {
        "webp": Case(by_pillow(RGB, "WEBP", quality=100), RGB, most=40),
        "webp lossless": Case(by_pillow(RGB, "WEBP", lossless=True), RGB),
        "webp alpha": Case(by_pillow(RGBA, "WEBP", quality=100), ON, most=40),
        "webp lossless alpha": Case(by_pillow(RGBA, "WEBP", **exact), ON),
        "webp small frame": Case(*small_frame()),
        "webp animation": Case(
            by_pillow(RGB, "WEBP", save_all=True, append_images=frames, lossless=True), RGB
        ),
    }


def jpeg2000(pixels: Array, kind: str = "jp2") -> bytes:
    return bytes(imagecodecs.jpeg2k_encode(pixels, level=0, codecformat=kind, reversible=True))


def jpeg2000s() -> dict[str, Case]:
    half = by_pillow(grey_alpha_image(), "JPEG2000", irreversible=False)
    return {
        "jpeg 2000": Case(jpeg2000(RGB), RGB),
        "jpeg 2000 bare": Case(jpeg2000(RGB, "j2k"), RGB),
        "jpeg 2000 grey": Case(jpeg2000(GREY), GREY),
        "jpeg 2000 grey 16 bits": Case(jpeg2000(deep(GREY)), GREY),
        "jpeg 2000 16 bits": Case(jpeg2000(deep(RGB)), RGB),
        **{
            f"jpeg 2000 {bits} bits": Case(
                bytes(
                    imagecodecs.jpeg2k_encode(
                        RGB.astype(np.uint16) << np.uint16(bits - 8),
                        codecformat="jp2",
                        level=0,
                        bitspersample=bits,
                        reversible=True,
                    )
                ),
                scaled_up(RGB.astype(np.uint16) << (bits - 8), bits),
                most=1,
            )
            for bits in (10, 12, 14)
        },
        "jpeg 2000 alpha": Case(by_pillow(RGBA, "JPEG2000", irreversible=False), ON),
        "jpeg 2000 grey and alpha": Case(half, on_white(GREY, ALPHA)),
    }


def avifs() -> dict[str, Case]:
    frames = [Image.fromarray(255 - RGBA)]
    cases = {
        "avif": Case(by_pillow(RGB, "AVIF", **BEST), RGB, most=3),
        "avif grey": Case(by_pillow(GREY, "AVIF", quality=100, **FAST), GREY, most=2),
        "avif alpha": Case(by_pillow(RGBA, "AVIF", **BEST), ON, most=3),
        "avif grid": Case(grid(LARGE, 3, (180, 100)), LARGE[:100, :180], most=3),
        "avif animation": Case(
            by_pillow(RGBA, "AVIF", save_all=True, append_images=frames, **BEST), ON, most=3
        ),
    }
    for value, turned in (
        (3, RGB[::-1, ::-1]),
        (6, np.rot90(RGB, -1)),
        (5, np.swapaxes(RGB, 0, 1)),
    ):
        exif = Image.Exif()
        exif[0x0112] = value  # which Pillow writes as irot and imir
        cases[f"avif turned {value}"] = Case(
            by_pillow(RGB, "AVIF", exif=exif, **BEST), turned, most=3
        )
    return cases


def heic(picture: Array, **options: Any) -> bytes:
    image = Image.fromarray(picture)
    pillow_heif.register_heif_opener()
    exact = {"quality": -1, "chroma": 444, "matrix_coefficients": 0}
    return by_pillow(image, "HEIF", **{**exact, **options})


def heics() -> dict[str, Case]:
    exif = Image.Exif()
    exif[0x0112] = 6
    return {
        "heic": Case(heic(RGB), RGB),
        "heic alpha": Case(heic(RGBA), ON),
        "heic turned": Case(heic(RGB, exif=exif.tobytes()), np.rot90(RGB, -1)),
    }


def jxl(pixels: Array, **options: Any) -> bytes:
    return bytes(imagecodecs.jpegxl_encode(pixels, lossless=True, **options))


def jxls() -> dict[str, Case]:
    return {
        "jxl": Case(jxl(RGB), RGB),
        "jxl in a container": Case(jxl(RGB, usecontainer=True), RGB),
        "jxl grey": Case(jxl(GREY), GREY),
        "jxl alpha": Case(jxl(RGBA), ON),
        "jxl 16 bits": Case(jxl(deep(RGB)), RGB),
        "jxl of odd size": Case(jxl(RGB[:47, :63]), RGB[:47, :63]),
        "jxl of a turned jpeg": Case(
            bytes(imagecodecs.jpegxl_encode_jpeg(oriented(6))), np.rot90(RGB, -1), most=3
        ),
    }


MASK = ALPHA < 128
"""What an icon's mask hides."""
MASKED = np.where(MASK[:, :, np.newaxis], np.uint8(255), RGB)


def icon(bits: int, rows: Array, table: bytes = b"", mask: bytes | None = None) -> bytes:
    """An icon of one picture; `rows` from the highest down, of whole bytes."""
    hidden = np.packbits(MASK, axis=1)[::-1].tobytes() if mask is None else mask
    head = struct.pack("<IiiHHIIiiII", 40, 64, 96, 1, bits, 0, 0, 0, 0, len(table) // 4, 0)
    body = head + table + rows[::-1].tobytes() + hidden
    colours = min(len(table) // 4, 255) & 0xFF
    entry = struct.pack("<BBBBHHII", 64, 48, colours, 0, 1, bits, len(body), 22)
    return struct.pack("<HHH", 0, 1, 1) + entry + body


def shallow_icons() -> dict[str, Case]:
    """With palettes and masks, as favicons are."""
    found = {}
    for bits in (1, 4, 8):
        values = GREY >> (8 - bits)
        colours = np.random.default_rng(bits).integers(0, 256, (2**bits, 4), np.uint8)
        places = (values[:, :, np.newaxis] >> np.arange(bits - 1, -1, -1)) & 1
        rows = np.packbits(places.reshape(48, -1).astype(np.uint8), axis=1)
        seen = np.where(MASK[:, :, np.newaxis], np.uint8(255), colours[values][:, :, 2::-1])
        data = icon(bits, rows, colours.tobytes())
        found[f"ico {bits} bits"] = Case(data, seen)
        found[f"cur {bits} bits"] = Case(b"\0\0\2\0" + data[4:], seen)
    return found


def icos() -> dict[str, Case]:
    of_bmp = by_pillow(RGBA, "ICO", sizes=[(64, 48)], bitmap_format="bmp")
    bgr = np.ascontiguousarray(RGB[:, :, ::-1])
    without_alpha = np.dstack([bgr, np.zeros_like(GREY)])
    return {
        **shallow_icons(),
        "ico 24 bits": Case(icon(24, bgr.reshape(48, -1)), MASKED),
        "ico 32 bits, all alpha 0": Case(icon(32, without_alpha.reshape(48, -1)), MASKED),
        "ico without its mask": Case(icon(24, bgr.reshape(48, -1), mask=b""), RGB),
        "ico": Case(of_bmp, ON),
        "ico of png": Case(by_pillow(RGBA, "ICO", sizes=[(64, 48)]), ON),
        "cur": Case(b"\0\0\2\0" + of_bmp[4:], ON),
    }


def pnms() -> dict[str, Case]:
    four = GREY >> 4
    plain = b" ".join(b"%d" % level for level in GREY.ravel().tolist())
    bits = np.packbits(~BLACK_AND_WHITE, axis=1).tobytes()
    colours = RGB[::-1] / np.float32(255)
    floats = (GREY[::-1] / np.float32(255)).astype("<f4").tobytes()
    return {
        "pgm": Case(b"P5 64 48 255\n" + GREY.tobytes(), GREY),
        "ppm": Case(b"P6\n# by hand\n64 48\n255\n" + RGB.tobytes(), RGB),
        "pgm 16 bits": Case(b"P5 64 48 65535\n" + deep(GREY).astype(">u2").tobytes(), GREY),
        "ppm 16 bits": Case(b"P6 64 48 65535\n" + deep(RGB).astype(">u2").tobytes(), RGB),
        "pgm 4 bits": Case(b"P5 64 48 15\n" + four.tobytes(), scaled_up(four, 4)),
        "pgm in words": Case(b"P2 64 48 255\n" + plain + b"\n", GREY),
        "pbm": Case(b"P4 64 48\n" + bits, BLACK_AND_WHITE.astype(np.uint8) * 255),
        "pfm": Case(b"Pf 64 48 -1.0\n" + floats, GREY),
        "pfm colour": Case(b"PF\n64 48\n-1.0\n" + colours.astype("<f4").tobytes(), RGB),
        "pfm colour other order": Case(
            b"PF\r\n64 48\r\n2.5e+0\r\n" + colours.astype(">f4").tobytes(), RGB
        ),
        "pfm colour in one line": Case(b"PF 64 48 -1\n" + colours.astype("<f4").tobytes(), RGB),
    }


def others() -> dict[str, Case]:
    return {
        **webps(),
        **jpeg2000s(),
        **avifs(),
        **heics(),
        **jxls(),
        **icos(),
        **pnms(),
        "qoi": Case(bytes(imagecodecs.qoi_encode(RGB)), RGB),
        "qoi alpha": Case(bytes(imagecodecs.qoi_encode(RGBA)), ON),
    }
