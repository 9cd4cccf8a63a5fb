"""A small encoder of baseline JPEGs, of any sampling: others write only the usual ones."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product

import numpy as np

from tests.pictures.case import Array

SIDE = 8
BEGIN, END = b"\xff\xd8", b"\xff\xd9"
DC_SYMBOLS = bytes(range(12))
AC_SYMBOLS = bytes([0, 0xF0, *(run << 4 | size for run in range(16) for size in range(1, 11))])
DC_BITS, AC_BITS = 4, 8
"""Length of every code: no table is needed to know that the n-th symbol is n."""
ZIGZAG = sorted(
    product(range(SIDE), repeat=2),
    key=lambda at: (sum(at), at[0] if sum(at) % 2 else at[1]),
)
"""(row, column) of the coefficients in their order."""

Factors = tuple[int, int]


def make_dct() -> Array:
    k, x = np.mgrid[0:SIDE, 0:SIDE]
    basis: Array = np.cos((2 * x + 1) * k * np.pi / 16) / 2
    basis[0] /= np.sqrt(2)
    return basis


DCT = make_dct()


@dataclass
class Bits:
    """Bits of a scan, with a zero behind each 255."""

    held: int = 0
    count: int = 0
    done: bytearray = field(default_factory=bytearray)

    def put(self, value: int, count: int) -> None:
        self.held = self.held << count | value
        self.count += count
        while self.count >= SIDE:
            self.count -= SIDE
            byte = self.held >> self.count
            self.held &= (1 << self.count) - 1
            self.done += b"\xff\0" if byte == 0xFF else bytes([byte])

    def put_number(self, value: int, size: int) -> None:
        self.put(value if value >= 0 else value + (1 << size) - 1, size)

    def fill_up(self) -> bytes:
        if self.count:
            self.put((1 << SIDE - self.count) - 1, SIDE - self.count)
        return bytes(self.done)


def encode_sampled(
    channels: Array, factors: list[Factors], *, restart: int = 0, adobe: int | None = None
) -> bytes:
    """A file of `channels` as they are stored, each with its (horizontal, vertical) factor."""
    height, width, count = channels.shape
    across, down = (max(pair[axis] for pair in factors) for axis in (0, 1))
    frame = struct.pack(">BHHB", 8, height, width, count)
    scan = bytes([count])
    for i, (wide, high) in enumerate(factors):
        frame += bytes([i + 1, wide << 4 | high, 0])
        scan += bytes([i + 1, 0])
    if count == 1:
        across = down = 1
        factors = [(1, 1)]
    planes = [
        to_coefficients(lay_out(channels[:, :, i], (across, down), pair))
        for i, pair in enumerate(factors)
    ]
    marks = (
        [segment(0xEE, b"Adobe" + struct.pack(">HHHB", 100, 0, 0, adobe))]
        if adobe is not None
        else []
    )
    return b"".join([
        BEGIN, *marks, segment(0xDB, bytes([0]) + b"\1" * 64), segment(0xC0, frame),
        segment(0xC4, table(0, DC_SYMBOLS, DC_BITS) + table(0x10, AC_SYMBOLS, AC_BITS)),
        segment(0xDD, struct.pack(">H", restart)), segment(0xDA, scan + b"\0\x3f\0"),
        scan_of(planes, factors, restart), END,
    ])  # fmt: skip


def segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def table(kind: int, symbols: bytes, bits: int) -> bytes:
    counts = bytearray(16)
    counts[bits - 1] = len(symbols)
    return bytes([kind]) + bytes(counts) + symbols


def lay_out(plane: Array, most: Factors, own: Factors) -> Array:
    """The plane filled up to whole units, and made smaller by averages."""
    height, width = plane.shape
    right, below = -width % (SIDE * most[0]), -height % (SIDE * most[1])
    padded = np.pad(plane.astype(float), ((0, below), (0, right)), mode="edge")
    x, y = most[0] // own[0], most[1] // own[1]
    cells = padded.reshape(padded.shape[0] // y, y, padded.shape[1] // x, x)
    made: Array = cells.mean(axis=(1, 3))
    return made


def to_coefficients(plane: Array) -> Array:
    """By row and column of blocks: 64 numbers."""
    high, wide = (side // SIDE for side in plane.shape)
    blocks = plane.reshape(high, SIDE, wide, SIDE).swapaxes(1, 2) - 128
    turned = np.rint(DCT @ blocks @ DCT.T).astype(int)
    rows, columns = zip(*ZIGZAG, strict=True)
    made: Array = turned[:, :, rows, columns]
    return made


def scan_of(planes: list[Array], factors: list[Factors], restart: int) -> bytes:
    parts, bits, before = [], Bits(), [0] * len(planes)
    units_down = planes[0].shape[0] // factors[0][1]
    units_across = planes[0].shape[1] // factors[0][0]
    for unit, (down, across) in enumerate(product(range(units_down), range(units_across))):
        if restart and unit and unit % restart == 0:
            parts += [bits.fill_up(), bytes([0xFF, 0xD0 + (unit // restart - 1) % 8])]
            bits, before = Bits(), [0] * len(planes)
        for i, block in blocks_of(planes, factors, (down, across)):
            put_block(bits, block, before[i])
            before[i] = int(block[0])
    return b"".join([*parts, bits.fill_up()])


def blocks_of(
    planes: list[Array], factors: list[Factors], unit: tuple[int, int]
) -> Iterator[tuple[int, Array]]:
    for i, (wide, high) in enumerate(factors):
        for y, x in product(range(high), range(wide)):
            yield i, planes[i][unit[0] * high + y, unit[1] * wide + x]


def put_block(bits: Bits, block: Array, before: int) -> None:
    change = int(block[0]) - before
    size = abs(change).bit_length()
    bits.put(size, DC_BITS)
    bits.put_number(change, size)
    run = 0
    for value in map(int, np.trim_zeros(block[1:], "b")):
        if value == 0:
            run += 1
            continue
        while run > 15:
            bits.put(AC_SYMBOLS.index(0xF0), AC_BITS)
            run -= 16
        size = abs(value).bit_length()
        bits.put(AC_SYMBOLS.index(run << 4 | size), AC_BITS)
        bits.put_number(value, size)
        run = 0
    if not block[-1]:
        bits.put(0, AC_BITS)
