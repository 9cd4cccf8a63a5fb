"""Where the time went, in a terminal: lines whose columns stand below each other."""

from __future__ import annotations

from collections import defaultdict

import pytest

from img2dataset.accounting.account import Account, Stage
from img2dataset.insight.terminal_time import BAR, draw_bars, make_bars

STAGES = (Stage.HOST_WAIT, Stage.IMAGE_WAIT, Stage.IMAGE_OTHER, Stage.DNS)


def make_account() -> Account:
    seconds: dict[str, float] = {
        Stage.HOST_WAIT: 3.0,
        Stage.IMAGE_WAIT: 1_234_567.8,
        Stage.IMAGE_OTHER: 40_000.0,
    }
    return Account(defaultdict(float, seconds))


def test_columns_stand_below_each_other() -> None:
    lines = draw_bars(make_bars(make_account(), STAGES), 96)

    assert len(lines) == 3
    assert len({line.index(BAR) for line in lines}) == 1
    assert len({line.index("%") for line in lines}) == 1
    assert lines[1].startswith("for an image thread   97% 1,234,567.8 s  ")


@pytest.mark.parametrize("width", [24, 40, 52, 100])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    lines = draw_bars(make_bars(make_account(), STAGES), width)

    assert max(map(len, lines)) <= max(width - 4, len("for an image thread 97% 1,234,567.8 s"))
