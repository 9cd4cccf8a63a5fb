from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from img2dataset.fetch.policy.tdm import reserved


@pytest.mark.parametrize(
    "values", [["1"], [" 1\t"], ["0", "1"], ["0, 1"], ["1,0"], ['"1"'], ["1; x=y"], ["", "1"]]
)
def test_rights_are_reserved_by(values: list[str]) -> None:
    assert reserved(values)


@pytest.mark.parametrize(
    "values", [[], [""], ["0"], ["0,0"], ["11"], ["10"], ["true"], ["1 0"], ["²", "¹"]]
)
def test_rights_are_not_reserved_by(values: list[str]) -> None:
    assert not reserved(values)


@given(st.lists(st.text()), st.lists(st.text()))
def test_a_reservation_is_heard_whatever_stands_around_it(
    before: list[str], after: list[str]
) -> None:
    assert reserved([*before, "1", *after])
    assert reserved([",".join([*before, "1", *after])])
