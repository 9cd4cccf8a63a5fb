"""What is said of a column that a list does not have."""

from __future__ import annotations

import pytest

from img2dataset.sources.columns import check_columns
from img2dataset.sources.config import BadListError, SourceConfig


@pytest.mark.parametrize(
    ("asked", "there", "near"),
    [
        ("url", ["URL", "TEXT"], "'URL'"),
        ("ulr", ["caption", "url"], "'url'"),
        ("image_url", ["image_urls", "text"], "'image_urls'"),
        ("url", [" url", "text"], "' url'"),
    ],
)
def test_the_nearest_column_is_named(asked: str, there: list[str], near: str) -> None:
    with pytest.raises(BadListError) as caught:
        check_columns(there, SourceConfig("csv", asked), "a.csv")

    assert str(caught.value).endswith(f"did you mean {near}?")


def test_a_column_unlike_all_others_is_not_guessed() -> None:
    with pytest.raises(BadListError) as caught:
        check_columns(["photo", "text"], SourceConfig("csv", "url"), "a.csv")

    assert "did you mean" not in str(caught.value)
