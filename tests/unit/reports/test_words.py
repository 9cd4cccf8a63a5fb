"""Every reason has a class, a meaning and an advice."""

from __future__ import annotations

import pytest

from img2dataset.errors import Reason
from img2dataset.pages.style import COLOURS
from img2dataset.reports.words import (
    CLASSES,
    MEANINGS,
    UNKNOWN,
    FailureClass,
    advise,
    classify,
    explain,
    name_reason,
)


def test_every_reason_is_in_one_class_and_has_a_meaning() -> None:
    classified = [reason for reasons in CLASSES.values() for reason in reasons]
    assert sorted(classified) == sorted(Reason)
    assert set(MEANINGS) == set(Reason)
    for reason in Reason:
        assert explain(reason.value).endswith(".")
        assert advise(reason.value)


def test_every_class_has_a_colour() -> None:
    assert {kind.value.replace(" ", "-") for kind in FailureClass} <= set(COLOURS)


def test_a_host_is_given_up_for_silence_and_for_refusals() -> None:
    advice = advise("host_given_up")
    assert "do not answer" in advice
    assert "refuse" in advice
    assert classify(Reason.HOST_GIVEN_UP.label).meaning.startswith("the server, or")


@pytest.mark.parametrize(
    ("message", "kind", "reason"),
    [
        ("HTTP Error 404: Not Found", FailureClass.GONE, "http_status"),
        ("HTTP Error 403: Forbidden", FailureClass.REFUSED, "http_status"),
        ("HTTP Error 503: Service Unavailable", FailureClass.BUSY, "http_status_transient"),
        ("<urlopen error [Errno -2] Name or service not known>", FailureClass.GONE, "no_such_host"),
        ("malformed input line 7", FailureClass.LIST, "malformed_line"),
        ("what nobody stores", FailureClass.UNKNOWN, UNKNOWN),
        ("", FailureClass.UNKNOWN, UNKNOWN),
    ],
)
def test_a_message_has_a_class_and_a_reason(message: str, kind: FailureClass, reason: str) -> None:
    assert (classify(message), name_reason(message)) == (kind, reason)
    assert explain(reason)
    assert advise(reason)
