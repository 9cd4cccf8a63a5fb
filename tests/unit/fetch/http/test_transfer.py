"""The time of a transfer, by what it waited for."""

from __future__ import annotations

import pytest

from img2dataset.fetch.http.transfer import split_seconds


@pytest.mark.parametrize(
    ("times", "is_secure", "parts"),
    [
        # total, connected, secured, first byte -> connecting, TLS, wait
        ((1.0, 0.2, 0.0, 0.7), False, (0.2, 0.0, 0.5)),
        ((1.0, 0.2, 0.5, 0.7), True, (0.2, 0.3, 0.2)),
        ((1.0, 0.0, 0.0, 0.7), True, (0.0, 0.0, 0.7)),
        ((9.0, 0.0, 0.0, 0.0), False, (9.0, 0.0, 0.0)),
        ((9.0, 1.0, 0.0, 0.0), True, (1.0, 8.0, 0.0)),
        ((9.0, 1.0, 0.0, 0.0), False, (1.0, 0.0, 8.0)),
        ((9.0, 1.0, 2.0, 0.0), True, (1.0, 1.0, 7.0)),
        ((1.0, 1.5, 0.0, 2.0), False, (1.0, 0.0, 0.0)),
    ],
)
def test_each_second_is_counted_once(
    times: tuple[float, float, float, float],
    is_secure: bool,  # noqa: FBT001  (a parameter of the test)
    parts: tuple[float, float, float],
) -> None:
    found = split_seconds(*times, is_secure=is_secure)
    assert found == pytest.approx(parts)
    assert sum(found) <= times[0] + 1e-9
