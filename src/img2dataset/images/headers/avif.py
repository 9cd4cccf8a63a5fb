"""AVIF bytes -> whether its pictures have the sizes that its boxes promise.

libavif scales what it has decoded to the size that was promised, so that neither its work nor
the pixels would be what the header says.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from img2dataset.images.headers.av1 import Coded, read_coded_sizes
from img2dataset.images.headers.isobmff import Box, walk_boxes

MAX_ITEM_LIST_BYTES = 1_000_000
"""Bytes within which the list of items is searched."""
EXIF_ITEM = re.compile(rb"infe(?:\x02.......|\x03.........)Exif", re.DOTALL)
"""An entry of that list (ISO/IEC 14496-12, 8.11.6): version, flags, id, protection, type."""
MAX_OBUS = 300_000
"""Of all images of a file together; a grid has up to 65,536 cells with 2 or 3 each."""
MAX_GRID_OVERHANG, UNCHECKED_PIXELS = 4, 1_000_000
"""How many times a grid's pixels its cells may have together; from how many pixels on."""

Size = tuple[int, int]
Span = tuple[int, int]


@dataclass(slots=True)
class Items:
    """The items of a file; filled while its boxes are read."""

    types: dict[int, bytes] = field(default_factory=dict)
    sizes: dict[int, Size] = field(default_factory=dict)
    spans: dict[int, tuple[Span, ...]] = field(default_factory=dict)
    cells: dict[int, list[int]] = field(default_factory=dict)
    first_frames: list[tuple[Size, Span]] = field(default_factory=list)
    """Of an animation's tracks."""


def has_promised_sizes(data: bytes) -> bool:
    """Return False if what is coded certainly has another size than was promised."""
    items = _read_items(data)
    promised = [
        (size, items.spans.get(item, ()))
        for item, size in items.sizes.items()
        if items.types.get(item) == b"av01"
    ]
    promised += [(size, (span,)) for size, span in items.first_frames]
    fit = all(_grid_fits(data, items, grid) for grid in items.cells)
    return fit and _is_coded(data, promised)


def hide_exif(data: bytes) -> bytes | None:
    """Return the file with its EXIF under a name that no decoder knows; None if it has none."""
    found = EXIF_ITEM.search(data, 0, MAX_ITEM_LIST_BYTES)
    if found is None:
        return None
    return data[: found.end() - 4] + b"Exi_" + data[found.end() :]


def _grid_fits(data: bytes, items: Items, grid: int) -> bool:
    """Whether a grid has the size that was promised, and its cells do not go far beyond it."""
    size, spans = items.sizes.get(grid), items.spans.get(grid)
    if items.types.get(grid) != b"grid" or size is None or not spans:
        return True
    says = Box(data, b"", *spans[0])
    large = says.take(2) & 1  # version, flags
    says.take(2)  # rows, columns
    side = 4 if large else 2
    if (says.take(side), says.take(side)) != size:
        return False
    pixels = sum(_count_pixels(items.sizes.get(cell, (0, 0))) for cell in items.cells[grid])
    return pixels <= max(UNCHECKED_PIXELS, MAX_GRID_OVERHANG * _count_pixels(size))


def _count_pixels(size: Size) -> int:
    return size[0] * size[1]


def _is_coded(data: bytes, promised: Iterable[tuple[Size, tuple[Span, ...]]]) -> bool:
    known: dict[tuple[Span, ...], set[Coded]] = {}  # equal cells may be stored once
    left = len(data)
    ticks = iter(range(MAX_OBUS))
    for size, spans in promised:
        if spans not in known:
            left -= sum(end - start for start, end in spans)
            if left < 0:  # they overlap
                return False
            known[spans] = read_coded_sizes(b"".join(data[slice(*span)] for span in spans), ticks)
        if not all(_matches_size(coded, size) for coded in known[spans]):
            return False
    return next(ticks, None) is not None


def _matches_size(coded: Coded, size: Size) -> bool:
    """Compare with the promised size.  Of frames with sizes of their own, as in layers, only the
    largest possible size is known."""
    if coded.exact:
        return (coded.width, coded.height) == size
    return coded.width <= 2 * size[0] and coded.height <= 2 * size[1]


# -- boxes


def _read_items(data: bytes) -> Items:
    items = Items()
    for box in walk_boxes(data):
        if box.kind == b"meta":
            box.take(4)
            _read_meta(box, items, len(data))
        elif box.kind == b"moov":
            for track in box.children():
                if track.kind == b"trak":
                    _read_track(track, items, len(data))
    return items


def _read_meta(meta: Box, items: Items, length: int) -> None:
    boxes = {box.kind: box for box in meta.children()}
    for kind, read in ((b"iinf", _read_item_types), (b"iprp", _read_sizes), (b"iref", _read_cells)):
        if kind in boxes:
            read(boxes[kind], items)
    if b"iloc" in boxes:
        inside = boxes.get(b"idat")
        own = (inside.at, inside.end) if inside else (0, 0)
        _read_locations(boxes[b"iloc"], items, (0, length), own)


def _read_item_types(iinf: Box, items: Items) -> None:
    version = iinf.take(4) >> 24
    iinf.take(2 if version == 0 else 4)
    for entry in iinf.children():
        if entry.kind == b"infe":
            version = entry.take(4) >> 24
            item = entry.take(2 if version < 3 else 4)
            entry.take(2)
            items.types.setdefault(item, entry.raw(4))


def _read_sizes(iprp: Box, items: Items) -> None:
    properties: list[Size | None] = [None]  # they are counted from 1
    for box in iprp.children():
        if box.kind == b"ipco":
            for found in box.children():
                found_size = found.kind == b"ispe" and found.take(4) == 0
                properties.append((found.take(4), found.take(4)) if found_size else None)
        elif box.kind == b"ipma":
            _read_associations(box, properties, items)


def _read_associations(ipma: Box, properties: list[Size | None], items: Items) -> None:
    head = ipma.take(4)
    item_bytes, wide = 2 if head >> 24 == 0 else 4, head & 1
    for _ in range(ipma.take(4)):
        if ipma.ended:
            return
        item = ipma.take(item_bytes)
        for _ in range(ipma.take(1)):
            index = ipma.take(2) & 0x7FFF if wide else ipma.take(1) & 0x7F
            size = properties[index] if index < len(properties) else None
            if size is not None:
                items.sizes.setdefault(item, size)


def _read_cells(iref: Box, items: Items) -> None:
    item_bytes = 2 if iref.take(4) >> 24 == 0 else 4
    for box in iref.children():
        if box.kind == b"dimg":
            item, count = box.take(item_bytes), box.take(2)
            items.cells[item] = [box.take(item_bytes) for _ in range(count)]


def _read_locations(iloc: Box, items: Items, file: Span, inside: Span) -> None:
    """Read where items lie: in the file, or in a box of the same `meta`."""
    version = iloc.take(4) >> 24
    sizes = iloc.take(2)
    offset_bytes, length_bytes, base_bytes = sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15
    index_bytes = sizes & 15 if version else 0
    for _ in range(iloc.take(2 if version < 2 else 4)):
        if iloc.ended:
            return
        item = iloc.take(2 if version < 2 else 4)
        within = inside if version and iloc.take(2) & 15 == 1 else file
        iloc.take(2)
        base = iloc.take(base_bytes)
        spans = []
        for _ in range(iloc.take(2)):
            if iloc.ended:
                return
            iloc.take(index_bytes)
            start = within[0] + base + iloc.take(offset_bytes)
            length = iloc.take(length_bytes) or within[1]
            spans.append((min(start, within[1]), min(start + length, within[1])))
        items.spans.setdefault(item, tuple(spans))


def _read_track(track: Box, items: Items, end: int) -> None:
    """Read the size and the first sample of an animation's track."""
    found = {box.kind: box for box in _walk_containers(track, (b"mdia", b"minf", b"stbl"))}
    needed = (b"tkhd", b"stsd", b"stsz")
    chunks = found.get(b"stco") or found.get(b"co64")
    if chunks is None or any(kind not in found for kind in needed):
        return
    header, entries, sizes = (found[kind] for kind in needed)
    entries.take(8)
    if next((entry.kind for entry in entries.children()), b"") != b"av01":
        return
    header.raw(87 if header.take(1) == 1 else 75)
    size = header.take(4) >> 16, header.take(4) >> 16
    sizes.take(4)
    length = sizes.take(4) or (sizes.take(4), sizes.take(4))[1]
    chunks.take(8)
    start = min(chunks.take(8 if chunks.kind == b"co64" else 4), end)
    items.first_frames.append((size, (start, min(start + length, end))))


def _walk_containers(box: Box, containers: tuple[bytes, ...]) -> Iterator[Box]:
    """Yield the boxes in `box`, and those in its nested `containers`."""
    for child in box.children():
        if containers and child.kind == containers[0]:
            yield from _walk_containers(child, containers[1:])
        else:
            yield child
