"""Whose refusals count, and under which name each is told."""

from __future__ import annotations

from dataclasses import replace

import pytest

from img2dataset.errors import Reason
from img2dataset.fetch.refusals import Refusals, our_names
from tests.unit.fetch.plain import PLAIN

CONFIG = replace(PLAIN, disallowed_directives=("noai",), user_agent_token="mybot")


@pytest.mark.parametrize(
    ("robots", "reservation", "reason"),
    [
        ([], [], None),
        (["noai"], [], Reason.OPTED_OUT),
        (["noindex"], [], None),
        (["mybot: noai"], [], Reason.OPTED_OUT),
        (["img2dataset: noai"], [], Reason.OPTED_OUT),
        (["otherbot: noai"], [], None),
        ([], ["1"], Reason.TDM_RESERVED),
        ([], ["0"], None),
        (["noai"], ["1"], Reason.OPTED_OUT),
    ],
)
def test_a_refusal_has_its_reason(
    robots: list[str], reservation: list[str], reason: Reason | None
) -> None:
    assert Refusals(replace(CONFIG, respect_tdm_reservation=True))(robots, reservation) is reason


def test_reservations_count_only_if_asked_for_and_directives_only_if_there_are_any() -> None:
    assert Refusals(CONFIG)([], ["1"]) is None
    assert Refusals(replace(CONFIG, disallowed_directives=()))(["noai", "none"], []) is None


def test_the_users_name_comes_before_ours() -> None:
    assert our_names(CONFIG) == ["mybot", "img2dataset"]
    assert our_names(PLAIN) == ["img2dataset"]
