"""Some hundreds of damaged images of every kind: a picture of the promised size, or a reason."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from img2dataset.errors import Reason, RowError, Status
from tests.fuzz.target import one_input
from tests.pictures import CASES
from tests.pictures.damage import damaged
from tests.quick import few_quick
from tests.unit.images.made import to_png

FOUND = Path(__file__).parent / "found"
"""Inputs that once did what none may do."""


@pytest.mark.parametrize("kind", few_quick(CASES, 7))
def test_damage_gives_a_picture_or_a_reason(kind: str) -> None:
    chance = random.Random(f"20261127 {kind}")
    for _ in range(3):
        one_input(damaged(CASES[kind].data, chance))


@pytest.mark.slow
@pytest.mark.parametrize("kind", list(CASES)[::2])
def test_much_damage_does_too(kind: str) -> None:
    chance = random.Random(f"more {kind}")
    for _ in range(12):  # `make fuzz` does this for hours
        one_input(damaged(CASES[kind].data, chance))


@pytest.mark.parametrize("path", sorted(FOUND.glob("*")), ids=lambda path: str(path.name))
def test_what_was_found_by_fuzzing_stays_fixed(path: Path) -> None:
    one_input(path.read_bytes())


# what is behind the picture, or does not change it, may be missing
PNG_END = 12 + 4 + 4
"""Bytes of the chunk IEND, and the checksums before it."""
ICON_MASK = 64 // 8 * 48
SPARED = {
    **{kind: PNG_END for kind in CASES if kind.startswith("png")},
    **{kind: ICON_MASK for kind in CASES if kind.startswith(("ico", "cur"))},
    "ico without its mask": 0,
    "bmp run lengths": 2,
    "pgm in words": 2,
    "qoi": 8,
    "qoi alpha": 8,
}
MAY_BE_CUT = frozenset({
    "jpeg with garbage behind it", "gif animation", "gif animation cut in its second frame",
    "webp animation", "png animation", "tiff several pages",
})  # fmt: skip
"""Kinds with much behind the first picture."""
TINY = 1000
"""Pixels and channels: of fewer, a part of the file may be all of the picture."""
NEEDED_WHOLE = [
    kind for kind, case in CASES.items() if kind not in MAY_BE_CUT and case.expected.size >= TINY
]


def test_the_kinds_that_may_be_cut_are_kinds() -> None:
    assert set(CASES) >= MAY_BE_CUT | set(SPARED)


@pytest.mark.parametrize("kind", few_quick(NEEDED_WHOLE, 7))
def test_a_file_that_is_not_complete_is_refused(kind: str) -> None:
    case = CASES[kind]
    spared = SPARED.get(kind, 0)
    for kept in (0.4, 0.8, 0.95):
        with pytest.raises(RowError) as caught:
            to_png().process(case.data[: max(0, int(len(case.data) * kept) - spared)])
        assert caught.value.reason in (Reason.DECODE, Reason.NOT_AN_IMAGE)
        assert caught.value.reason.status is Status.FAILED_TO_RESIZE
