from __future__ import annotations

import pytest

from img2dataset.fetch.http.content_range import read_whole_size


@pytest.mark.parametrize(
    ("value", "size"),
    [
        ("bytes 0-9/10", 10),
        (" bytes 0-0/1 ", 1),
        ("BYTES=0-9/10", 10),
        ("bytes 0-9/11", None),
        ("bytes 0-10/10", None),
        ("bytes 1-9/10", None),
        ("bytes 0-9/*", None),
        ("bytes */10", None),
        ("lines 0-9/10", None),
        ("bytes 0-9/10, 0-9/10", None),
        ("bytes 0-\u0669/10", None),
        ("bytes 0-" + "9" * 40 + "/1" + "0" * 40, None),
        ("", None),
    ],
)
def test_what_is_the_whole(value: str, size: int | None) -> None:
    assert read_whole_size(value) == size
