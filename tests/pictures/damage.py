"""Whole files -> damaged ones: cut, flipped, forged, moved; the same from the same seed."""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Callable

SIGNATURE = b"\x89PNG\r\n\x1a\n"
EDGES = (0, 1, 0x7F, 0x80, 0xFF)
LARGE = (0, 1, 0x7FFF, 0xFFFF, 0x10000, 0x7FFFFFFF, 0xFFFFFFFF)
HEAD = 200
"""Most of what decides stands in the first bytes."""


def damaged(data: bytes, chance: random.Random) -> bytes:
    """One or two things done to `data`."""
    for _ in range(chance.choice((1, 1, 2))):
        data = chance.choice(WAYS)(data, chance) if data else data
    if data.startswith(SIGNATURE) and chance.random() < 0.7:
        data = checksums_made_right(data)
    return data


def cut(data: bytes, chance: random.Random) -> bytes:
    return data[: chance.randrange(len(data))]


def flipped(data: bytes, chance: random.Random) -> bytes:
    bad = bytearray(data)
    for _ in range(chance.choice((1, 2, 20))):
        bad[chance.randrange(len(bad))] ^= 1 << chance.randrange(8)
    return bytes(bad)


def forged(data: bytes, chance: random.Random) -> bytes:
    """A number in the head replaced by one that is extreme."""
    bad = bytearray(data)
    at = chance.randrange(min(HEAD, len(bad)))
    size = chance.choice((1, 2, 4))
    order = chance.choice("<>")
    value = chance.choice(EDGES if size == 1 else LARGE) & (256**size - 1)
    bad[at : at + size] = struct.pack(order + {1: "B", 2: "H", 4: "I"}[size], value)
    return bytes(bad)


def moved(data: bytes, chance: random.Random) -> bytes:
    """A part written over another, or put in, or left out."""
    start, end = sorted(chance.randrange(len(data) + 1) for _ in range(2))
    part = data[start:end][: chance.choice((4, 60, 5000))]
    at = chance.randrange(len(data) + 1)
    behind = at + chance.choice((0, len(part), 100))
    return data[:at] + part + data[behind:]


def noisy(data: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(data))
    noise = chance.randbytes(chance.choice((1, 8, 64)))
    return data[:at] + noise + data[at + len(noise) :]


def checksums_made_right(data: bytes) -> bytes:
    """A PNG whose chunks are believed."""
    parts, at = [SIGNATURE], len(SIGNATURE)
    while at + 12 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        chunk = data[at + 4 : at + 8 + size]
        if len(chunk) < 4 + size:
            break
        parts.append(data[at : at + 4] + chunk + struct.pack(">I", zlib.crc32(chunk)))
        at += 12 + size
    return b"".join(parts) + data[at:]


WAYS: tuple[Callable[[bytes, random.Random], bytes], ...] = (cut, flipped, forged, forged, moved, noisy)  # fmt: skip
