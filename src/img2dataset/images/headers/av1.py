"""AV1 bytes -> the sizes of the pictures in them, from sequence and frame headers.

Only as far as sizes need it; see the AV1 bitstream specification, 5.3 to 5.9.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

SEQUENCE = 1
FRAMES = (3, 6)
"""Types of OBUs: a frame's header, and one with its pixels."""
HEADER_BYTES = 512
"""Bytes within which everything lies that is read of a header."""
SELECT_PER_FRAME = 2
SHOWN_KEY = (0, 1)
SWITCH = 3


class MsbBits:
    """Read numbers bit by bit, the highest first; zeros behind the end."""

    def __init__(self, data: bytes) -> None:
        self._all = int.from_bytes(data, "big")
        self.left = 8 * len(data)
        """Below zero if the data ended too early."""

    def take(self, count: int) -> int:
        self.left -= count
        if self.left < 0:
            return 0
        return (self._all >> self.left) & ((1 << count) - 1)

    def skip_variable(self) -> None:
        """uvlc()."""
        zeros = 0
        while not self.take(1) and self.left > 0:
            zeros += 1
        self.take(zeros)


@dataclass(frozen=True, slots=True)
class Sequence:
    """The parts of a sequence header on which a frame's size depends."""

    width: int
    height: int
    """Of its frames, unless they say otherwise."""
    max_width: int
    max_height: int
    """Largest size that a frame can state."""
    reduced: bool = True
    """Whether frames cannot state a size."""
    moment_bits: int = 0
    id_bits: int = 0
    screen_content: int = SELECT_PER_FRAME
    integer_vectors: int = SELECT_PER_FRAME


@dataclass(frozen=True, slots=True)
class Coded:
    """The largest size that frames may have, and whether they have exactly that."""

    width: int
    height: int
    exact: bool


def read_coded_sizes(data: bytes, ticks: Iterator[int]) -> set[Coded]:
    """Read the sizes of what is coded in `data`, for each sequence header.

    Each OBU takes one of `ticks`; when they run out, the rest is not read.
    """
    found: set[Coded] = set()
    sequence: Sequence | None = None
    for (kind, body), _ in zip(_walk_obus(data), ticks, strict=False):
        if kind == SEQUENCE:
            sequence = read_sequence(body)
            if sequence is not None:
                found.add(Coded(sequence.width, sequence.height, exact=True))
        elif kind in FRAMES and sequence is not None and _overrides_size(body, sequence):
            found.add(Coded(sequence.max_width, sequence.max_height, exact=False))
    return found


def _walk_obus(data: bytes) -> Iterator[tuple[int, bytes]]:
    """(type, beginning of the payload) of each OBU."""
    at = 0
    while at < len(data):
        head = data[at]
        at += 2 if head & 0x04 else 1
        size = len(data) - at
        if head & 0x02:
            size, at = _read_leb128(data, at)
        yield head >> 3 & 0x0F, data[at : at + min(size, HEADER_BYTES)]
        at += size


def _read_leb128(data: bytes, at: int) -> tuple[int, int]:
    """(value, where it ends)."""
    value = 0
    for index, byte in enumerate(data[at : at + 8]):
        value |= (byte & 0x7F) << 7 * index
        if not byte & 0x80:
            return value, at + index + 1
    return len(data), len(data)


def read_sequence(body: bytes) -> Sequence | None:
    """Read a sequence header; None if it ends too early."""
    bits = MsbBits(body)
    bits.take(4)  # profile, still_picture
    reduced = bool(bits.take(1))
    moment_bits = 0
    if reduced:
        bits.take(5)
    else:
        moment_bits = _skip_operating_points(bits)
    width_bits, height_bits = bits.take(4) + 1, bits.take(4) + 1
    width, height = bits.take(width_bits) + 1, bits.take(height_bits) + 1
    id_bits, screen, vectors = 0, SELECT_PER_FRAME, SELECT_PER_FRAME
    if not reduced:
        if bits.take(1):
            id_bits = bits.take(4) + bits.take(3) + 3
        bits.take(7)  # superblocks, intra tools, inter tools
        if bits.take(1):  # enable_order_hint
            bits.take(2)
        screen = SELECT_PER_FRAME if bits.take(1) else bits.take(1)
        if screen:
            vectors = SELECT_PER_FRAME if bits.take(1) else bits.take(1)
    if bits.left < 0:
        return None
    most = 1 << width_bits, 1 << height_bits
    return Sequence(width, height, *most, reduced, moment_bits, id_bits, screen, vectors)


def _skip_operating_points(bits: MsbBits) -> int:
    """Skip timing and operating points; return the bits of a frame's presentation time."""
    has_model, delay_bits, moment_bits = 0, 0, 0
    if bits.take(1):  # timing_info_present
        bits.take(64)
        equal = bits.take(1)
        if equal:
            bits.skip_variable()
        has_model = bits.take(1)
        if has_model:
            delay_bits = bits.take(5) + 1
            bits.take(32 + 5)
            moment_bits = bits.take(5) + 1
            moment_bits = 0 if equal else moment_bits
    has_display_delay = bits.take(1)
    for _ in range(bits.take(5) + 1):
        bits.take(12)
        if bits.take(5) > 7:  # seq_level_idx, beyond which there is a tier
            bits.take(1)
        if has_model and bits.take(1):
            bits.take(2 * delay_bits + 1)
        if has_display_delay and bits.take(1):
            bits.take(4)
    return moment_bits


def _overrides_size(body: bytes, sequence: Sequence) -> bool:
    """Whether a frame has a size of its own (frame_size_override_flag)."""
    bits = MsbBits(body)
    if sequence.reduced or bits.take(1):  # show_existing_frame
        return False
    kind, shown = bits.take(2), bits.take(1)
    if shown:
        bits.take(sequence.moment_bits)
    else:
        bits.take(1)
    if (kind, shown) != SHOWN_KEY and kind != SWITCH:
        bits.take(1)  # error_resilient_mode
    bits.take(1)  # disable_cdf_update
    screen = (
        bits.take(1) if sequence.screen_content == SELECT_PER_FRAME else sequence.screen_content
    )
    if screen and sequence.integer_vectors == SELECT_PER_FRAME:
        bits.take(1)
    bits.take(sequence.id_bits)
    return kind == SWITCH or bool(bits.take(1))
