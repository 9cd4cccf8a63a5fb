"""ICC profiles made by hand, and what colours in them look like in sRGB, by arithmetic."""

from __future__ import annotations

import struct

import numpy as np

from tests.pictures.case import Array

D50 = (0.9642, 1.0, 0.8249)
# red, green and blue of Adobe RGB (1998) and of sRGB, adapted to D50
ADOBE = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))
SRGB = ((0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.71410))
GAMMA = 2.2
DARK = 1.4
"""The exponent of a grey profile that is plainly not sRGB's."""


def fixed(*numbers: float) -> bytes:
    return struct.pack(f">{len(numbers)}i", *(round(number * 65536) for number in numbers))


def xyz(values: tuple[float, ...]) -> bytes:
    return b"XYZ \0\0\0\0" + fixed(*values)


def curve(exponent: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(exponent * 256)) + b"\0\0"


def srgb_curve() -> bytes:
    """By its formula, as profiles of version 4 have it."""
    numbers = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
    return b"para\0\0\0\0" + struct.pack(">HH", 3, 0) + fixed(*numbers)


def srgb_table(count: int) -> bytes:
    """As a table: HP's has 1024 entries, those of the smallest profiles 20 to 42."""
    levels = np.linspace(0, 1, count)
    light = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
    entries: bytes = np.rint(light * 65535).astype(">u2").tobytes()
    return b"curv\0\0\0\0" + struct.pack(">I", count) + entries


def text(words: str) -> bytes:
    body = words.encode() + b"\0"
    return b"desc\0\0\0\0" + struct.pack(">I", len(body)) + body + bytes(78)


def profile(colours: bytes, kind: bytes, connection: bytes, tags: dict[bytes, bytes]) -> bytes:
    """An ICC profile of version 2."""
    tags = {
        b"desc": text("made by hand"),
        b"wtpt": xyz(D50),
        b"cprt": b"text\0\0\0\0none\0",
        **tags,
    }
    table, body, at = b"", b"", 128 + 4 + 12 * len(tags)
    for name, tag in tags.items():
        table += name + struct.pack(">II", at + len(body), len(tag))
        body += tag + b"\0" * (-len(tag) % 4)
    head = struct.pack(">I4sI4s4s4s12s4s", at + len(body), b"none", 0x02100000, kind, colours,
                       connection, bytes(12), b"acsp")  # fmt: skip
    head += bytes(28) + fixed(*D50)
    return head + bytes(128 - len(head)) + struct.pack(">I", len(tags)) + table + body


def of_colours(
    primaries: tuple[tuple[float, ...], ...], one_curve: bytes, name: str = "made by hand"
) -> bytes:
    colours = zip((b"rXYZ", b"gXYZ", b"bXYZ"), map(xyz, primaries), strict=True)
    curves = dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), one_curve)
    return profile(b"RGB ", b"mntr", b"XYZ ", {b"desc": text(name), **dict(colours), **curves})


def of_grey(one_curve: bytes, name: str = "made by hand") -> bytes:
    return profile(b"GRAY", b"mntr", b"XYZ ", {b"desc": text(name), b"kTRC": one_curve})


def adobe_rgb() -> bytes:
    return of_colours(ADOBE, curve(GAMMA))


def dark_grey() -> bytes:
    return of_grey(curve(DARK))


def lightness(inks: int) -> int:
    """L* of a corner of the press's table, of 255: any value that differs between corners."""
    return 255 - 16 * inks


def press() -> bytes:
    """CMYK -> Lab by a table of 2 x 2 x 2 x 2 corners, all of them grey."""
    even = b"".join(bytes(range(256)) for _ in range(4))
    corners = b"".join(bytes((lightness(inks), 128, 128)) for inks in range(16))
    back = b"".join(bytes(range(256)) for _ in range(3))
    lut = (
        b"mft1\0\0\0\0" + bytes((4, 3, 2, 0)) + fixed(1, 0, 0, 0, 1, 0, 0, 0, 1) + even + corners + back
    )  # fmt: skip
    return profile(b"CMYK", b"prtr", b"Lab ", {b"A2B0": lut})


def seen_in_adobe_rgb(pixels: Array) -> Array:
    """RGB that is Adobe's, as sRGB."""
    light = (pixels / 255.0) ** GAMMA @ np.array(ADOBE)
    return encoded_srgb(light @ np.linalg.inv(np.array(SRGB)))


def seen_by_gamma(pixels: Array, gamma: float) -> Array:
    """Grey, or RGB of sRGB's primaries, with another curve."""
    return encoded_srgb((pixels / 255.0) ** gamma)


def seen_dark(grey: Array) -> Array:
    return seen_by_gamma(grey, DARK)


def seen_printed(inks: int) -> int:
    star = lightness(inks) / 255 * 100
    light = ((star + 16) / 116) ** 3 if star > 8 else star / 903.3
    return int(encoded_srgb(np.array([light]))[0])


def encoded_srgb(light: Array) -> Array:
    light = np.clip(light, 0, 1)
    made = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.asarray(np.rint(made * 255).astype(np.uint8))
