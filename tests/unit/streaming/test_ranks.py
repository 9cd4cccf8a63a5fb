"""Which rank fetches, and how the others find it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from img2dataset.errors import OptionError
from img2dataset.streaming.client import read_address, write_address
from img2dataset.streaming.ranks import Ranks, choose_address_file, find_ranks
from img2dataset.streaming.server import Address

ENVIRON = {"RANK": "5", "WORLD_SIZE": "8", "LOCAL_WORLD_SIZE": "4"}


def test_ranks_are_given_or_in_the_environment() -> None:
    assert find_ranks(None, None, None, {}) == Ranks(0, 1, 1)
    assert find_ranks(None, None, None, ENVIRON) == Ranks(5, 8, 4)
    assert find_ranks(1, 2, None, {}) == Ranks(1, 2, 2)
    assert find_ranks(1, 2, 1, ENVIRON) == Ranks(1, 2, 1)


def test_the_first_rank_of_a_machine_fetches() -> None:
    ranks = [Ranks(rank, 6, 3) for rank in range(6)]

    assert [each.is_leader for each in ranks] == [True, False, False] * 2
    assert [(each.node, each.nodes) for each in ranks] == [(0, 2)] * 3 + [(1, 2)] * 3


@pytest.mark.parametrize(
    ("given", "environ", "message"),
    [
        ((1, None, None), {}, "given together"),
        ((2, 2, None), {}, "rank is 2 and world_size is 2"),
        ((0, 4, 3), {}, "local_world_size is 3"),
        ((None, None, None), {"RANK": "first"}, "RANK is 'first'"),
    ],
)
def test_what_makes_no_sense_is_refused(given: Any, environ: Any, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        find_ranks(given[0], given[1], given[2], environ)


def test_ranks_of_a_program_and_of_no_other_meet() -> None:
    first, second = ({"MASTER_PORT": port, "MASTER_ADDR": "host"} for port in ("1", "2"))
    names = [choose_address_file(Ranks(0, 2, 2), each) for each in (first, second, first)]

    assert len(set(names)) == 3  # the third is the second stream of the first program


def test_an_address_is_for_this_user_only(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "a.json"
    address = Address(1234, b"secret")
    write_address(path, address)

    assert read_address(path) == address
    assert path.stat().st_mode & 0o077 == 0
    assert path.parent.stat().st_mode & 0o077 == 0
