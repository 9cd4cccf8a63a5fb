"""A small encoder of JPEGs of several scans, by any script: others write only the usual ones.

Progressive, or sequential with components apart (ITU-T T.81, annexes F and G).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product

import numpy as np

from tests.pictures.case import Array
from tests.pictures.sampled import (
    BEGIN,
    DC_SYMBOLS,
    END,
    SIDE,
    Bits,
    Factors,
    lay_out,
    segment,
    to_coefficients,
)

ZRL = 0xF0
MAX_EOBRUN = 0x7FFF
AC_SYMBOLS = bytes(run << 4 | size for run in range(16) for size in range(11))
"""Those of progressive scans of all kinds: with size 0, the runs of ended bands."""
SEQUENTIAL_SYMBOLS = bytes(symbol for symbol in AC_SYMBOLS if symbol & 15 or symbol in (0, ZRL))


@dataclass(frozen=True)
class Scan:
    """A scan header; the components by their place in the frame."""

    components: tuple[int, ...]
    start: int = 0
    end: int = 0
    ah: int = 0
    al: int = 0


def sequential(*parts: tuple[int, ...]) -> list[Scan]:
    return [Scan(part, 0, 63) for part in parts]


def libjpeg_script(count: int) -> list[Scan]:
    """The usual script for `count` components."""
    everything = tuple(range(count))
    colours = [(i,) for i in everything[1:]]
    return [
        Scan(everything, al=1),
        Scan((0,), 1, 5, al=2),
        *[Scan(colour, 1, 63, al=1) for colour in colours],
        Scan((0,), 6, 63, al=2),
        Scan((0,), 1, 63, 2, 1),
        Scan(everything, ah=1),
        *[Scan(colour, 1, 63, 1) for colour in colours],
        Scan((0,), 1, 63, 1),
    ]


def fine_script(count: int, bits: int = 3) -> list[Scan]:
    """Every component apart, every bit apart, in bands of different widths."""
    bands = [(1, 1), (2, 2), (3, 9), (10, 62), (63, 63)]
    made = []
    for i in range(count):
        made += [Scan((i,), al=bits)]
        made += [Scan((i,), ah=bit + 1, al=bit) for bit in reversed(range(bits))]
        for start, end in bands:
            made += [Scan((i,), start, end, al=bits)]
            made += [Scan((i,), start, end, bit + 1, bit) for bit in reversed(range(bits))]
    return made


@dataclass
class Band:
    """Codes of AC coefficients, and what is held back until it is known how a run of blocks
    that end early goes on."""

    bits: Bits
    scan: Scan
    symbols: bytes
    code_bits: int
    eobrun: int = 0
    corrections: list[int] = field(default_factory=list)

    def put_symbol(self, symbol: int) -> None:
        self.bits.put(self.symbols.index(symbol), self.code_bits)

    def put_corrections(self, corrections: list[int]) -> None:
        for bit in corrections:
            self.bits.put(bit, 1)

    def put_eobrun(self) -> None:
        if self.eobrun:
            size = self.eobrun.bit_length() - 1
            self.put_symbol(size << 4)
            self.bits.put(self.eobrun - (1 << size), size)
        self.put_corrections(self.corrections)
        self.eobrun, self.corrections = 0, []

    def end_block(self, corrections: list[int]) -> None:
        self.eobrun += 1
        self.corrections += corrections
        if self.eobrun == MAX_EOBRUN:
            self.put_eobrun()

    def put_first(self, block: list[int]) -> None:
        run = 0
        for value in block:
            shifted = abs(value) >> self.scan.al
            if shifted == 0:
                run += 1
                continue
            self.put_eobrun()
            while run > 15:
                self.put_symbol(ZRL)
                run -= 16
            size = shifted.bit_length()
            self.put_symbol(run << 4 | size)
            self.bits.put_number(shifted if value > 0 else -shifted, size)
            run = 0
        if run:
            self.end_block([])

    def put_refinement(self, block: list[int]) -> None:
        run, corrections = 0, list[int]()
        shifted = [abs(value) >> self.scan.al for value in block]
        last = max((at for at, value in enumerate(shifted) if value == 1), default=-1)
        for at, value in enumerate(shifted):
            if value == 0:
                run += 1
            elif value > 1:
                corrections.append(value & 1)
            else:
                self.put_eobrun()
                self.put_symbol(run << 4 | 1)
                self.bits.put(int(block[at] > 0), 1)
                self.put_corrections(corrections)
                run, corrections = 0, []
            if run == 16 and at < last:
                self.put_eobrun()
                self.put_symbol(ZRL)
                self.put_corrections(corrections)
                run, corrections = 0, []
        if run or corrections:
            self.end_block(corrections)


@dataclass(frozen=True)
class Frame:
    planes: list[Array]
    """Of each component, by row and column of blocks: 64 numbers."""
    factors: list[Factors]
    apart: list[tuple[int, int]]
    """Of each component, in a scan of its own: blocks down and across."""
    progressive: bool
    restart: int
    code_bits: int

    @property
    def symbols(self) -> bytes:
        return AC_SYMBOLS if self.progressive else SEQUENTIAL_SYMBOLS

    def find_units(self, scan: Scan) -> Iterator[list[tuple[int, Array]]]:
        """The MCUs of a scan: blocks with their components."""
        if len(scan.components) == 1:
            (only,) = scan.components
            for down, across in product(*map(range, self.apart[only])):
                yield [(only, self.planes[only][down, across])]
            return
        high, wide = self.planes[0].shape[:2]
        units = high // self.factors[0][1], wide // self.factors[0][0]
        for down, across in product(*map(range, units)):
            yield [
                (i, self.planes[i][down * self.factors[i][1] + y, across * self.factors[i][0] + x])
                for i in scan.components
                for y, x in product(range(self.factors[i][1]), range(self.factors[i][0]))
            ]

    def encode_scan(self, scan: Scan) -> bytes:
        units = list(self.find_units(scan))
        step = self.restart or len(units)
        parts = [
            self.encode_interval(scan, units[at : at + step]) for at in range(0, len(units), step)
        ]
        made = parts[0]
        for number, part in enumerate(parts[1:]):
            made += bytes([0xFF, 0xD0 + number % 8]) + part
        return made

    def encode_interval(self, scan: Scan, units: list[list[tuple[int, Array]]]) -> bytes:
        bits, before = Bits(), dict.fromkeys(scan.components, 0)
        band = Band(bits, scan, self.symbols, self.code_bits)
        for i, block in (found for unit in units for found in unit):
            values = [int(value) for value in block]
            if scan.start == 0:
                dc = values[0] >> scan.al
                if scan.ah:
                    bits.put(dc & 1, 1)
                else:
                    put_dc(bits, dc - before[i])
                before[i] = dc
            ac = values[max(scan.start, 1) : scan.end + 1]
            if ac:
                (band.put_refinement if scan.ah else band.put_first)(ac)
            if not self.progressive:
                band.put_eobrun()
        band.put_eobrun()
        return bits.fill_up()


def put_dc(bits: Bits, change: int) -> None:
    size = abs(change).bit_length()
    bits.put(size, 4)
    bits.put_number(change, size)


def encode_scans(
    channels: Array,
    factors: list[Factors],
    scans: list[Scan],
    *,
    restart: int = 0,
    quantiser: int = 4,
    code_bits: int = 8,
) -> bytes:
    """Encode `channels` as they are stored, each with its (horizontal, vertical) factor.

    Progressive, but for scans from 0 to 63.  Codes of AC have `code_bits` bits each, 8 or more.
    """
    progressive = (scans[0].start, scans[0].end) != (0, 63)
    frame = Frame(
        *make_planes(channels, factors, quantiser), progressive, restart, code_bits=code_bits
    )
    height, width, count = channels.shape
    sof = struct.pack(">BHHB", 8, height, width, count)
    for i, (wide, high) in enumerate(factors):
        sof += bytes([i + 1, wide << 4 | high, 0])
    counts = {"dc": bytearray(16), "ac": bytearray(16)}
    counts["dc"][3], counts["ac"][code_bits - 1] = len(DC_SYMBOLS), len(frame.symbols)
    tables = b"\0" + counts["dc"] + DC_SYMBOLS + b"\x10" + counts["ac"] + frame.symbols
    made = BEGIN + segment(0xDB, bytes([0]) + bytes([quantiser]) * 64)
    made += segment(0xC2 if progressive else 0xC1, sof) + segment(0xC4, tables)
    made += segment(0xDD, struct.pack(">H", restart))
    for scan in scans:
        header = bytes([len(scan.components)])
        header += b"".join(bytes([i + 1, 0]) for i in scan.components)
        header += bytes([scan.start, scan.end, scan.ah << 4 | scan.al])
        made += segment(0xDA, header) + frame.encode_scan(scan)
    return made + END


def make_planes(
    channels: Array, factors: list[Factors], quantiser: int
) -> tuple[list[Array], list[Factors], list[tuple[int, int]]]:
    """The first fields of a Frame."""
    height, width, count = channels.shape
    if count == 1:
        factors = [(1, 1)]
    most = max(wide for wide, _ in factors), max(high for _, high in factors)
    planes, apart = [], []
    for i, (wide, high) in enumerate(factors):
        exact = to_coefficients(lay_out(channels[:, :, i], most, (wide, high)))
        planes.append(np.rint(exact / quantiser).astype(int))
        samples = divide_up(height * high, most[1]), divide_up(width * wide, most[0])
        apart.append((divide_up(samples[0], SIDE), divide_up(samples[1], SIDE)))
    return planes, factors, apart


def divide_up(value: int, by: int) -> int:
    return -(-value // by)
