"""Whose refusals count, and under which name each is told."""

from __future__ import annotations

from dataclasses import replace

import pytest

from img2dataset.errors import Reason
from img2dataset.fetch.policy.refusals import Refusals, Signals, our_names
from tests.unit.fetch.plain import PLAIN

CONFIG = replace(PLAIN, disallowed_directives=("noai",), user_agent_token="mybot")


ROBOTS, USAGE, TDM = "x-robots-tag", "content-usage", "tdm-reservation"


@pytest.mark.parametrize(
    ("signals", "by_file", "reason"),
    [
        ([], False, None),
        ([(ROBOTS, "noai")], False, Reason.OPTED_OUT),
        ([(ROBOTS, "noindex")], False, None),
        ([(ROBOTS, "mybot: noai")], False, Reason.OPTED_OUT),
        ([(ROBOTS, "img2dataset: noai")], False, Reason.OPTED_OUT),
        ([(ROBOTS, "otherbot: noai")], False, None),
        ([(TDM, "1")], False, Reason.TDM_RESERVED),
        ([(TDM, "0")], False, None),
        ([(ROBOTS, "noai"), (TDM, "1")], False, Reason.OPTED_OUT),
        ([(TDM, "1"), (TDM, "0")], False, Reason.TDM_RESERVED),
        ([(USAGE, "train-ai=n")], False, Reason.CONTENT_USAGE),
        ([(USAGE, "train-ai=y")], False, None),
        ([(USAGE, "train-ai=y"), (USAGE, "train-ai=n")], False, Reason.CONTENT_USAGE),
        ([(USAGE, "train-ai=n"), (USAGE, "train-ai=y")], False, Reason.CONTENT_USAGE),
        ([(USAGE, "train-ai=n"), (USAGE, "no dictionary!")], False, Reason.CONTENT_USAGE),
        ([(USAGE, "search=n")], False, None),
        ([], True, Reason.TDMREP),
        ([(TDM, "0")], True, None),  # a header beats the file
        ([(TDM, "1")], True, Reason.TDM_RESERVED),
        ([("tdm-policy", "https://a/p"), ("link", "1")], False, None),
    ],
)
def test_a_refusal_has_its_reason(
    signals: Signals,
    by_file: bool,  # noqa: FBT001  (a column)
    reason: Reason | None,
) -> None:
    assert Refusals(CONFIG)(signals, reserved_by_file=by_file) is reason


def test_each_kind_can_be_switched_off() -> None:
    without = replace(
        CONFIG,
        disallowed_directives=(),
        respect_tdm_reservation=False,
        respect_content_usage=False,
    )
    said = [(ROBOTS, "noai, none"), (TDM, "1"), (USAGE, "train-ai=n")]
    assert Refusals(without)(said, reserved_by_file=True) is None
    for change, reason in [
        ({"disallowed_directives": ("noai",)}, Reason.OPTED_OUT),
        ({"respect_tdm_reservation": True}, Reason.TDM_RESERVED),
        ({"respect_content_usage": True}, Reason.CONTENT_USAGE),
    ]:
        assert Refusals(replace(without, **change))(said) is reason  # type: ignore[arg-type]


def test_the_users_name_comes_before_ours() -> None:
    assert our_names(CONFIG) == ["mybot", "img2dataset"]
    assert our_names(PLAIN) == ["img2dataset"]
