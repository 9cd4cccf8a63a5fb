"""The front matter is read by every YAML parser as it was meant."""

from __future__ import annotations

from typing import Any

import yaml
from hypothesis import given
from hypothesis import strategies as st

from img2dataset.publishing.yaml_text import format_yaml

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
FEATURES = st.recursive(
    st.fixed_dictionaries({"name": TEXTS, "dtype": TEXTS}),
    lambda inner: st.fixed_dictionaries({"name": TEXTS, "struct": st.lists(inner, max_size=3)}),
    max_leaves=5,
)


@given(st.fixed_dictionaries({"features": st.lists(FEATURES), "count": st.integers()}))
def test_what_is_written_is_read_again(values: dict[str, Any]) -> None:
    assert yaml.safe_load("\n".join(format_yaml(values))) == values


def test_words_that_yaml_knows_stay_texts() -> None:
    names = [
        "no",
        "null",
        "~",
        "1e3",
        "2020-01-02",
        "0x1",
        "a: b",
        "# x",
        "- y",
        "\x85",
        "\u2028",
        "'",
    ]
    lines = list(format_yaml({"names": names}))

    assert yaml.safe_load("\n".join(lines)) == {"names": names}
    assert len(lines) == 1 + len(names)


def test_half_of_a_character_is_replaced() -> None:
    assert yaml.safe_load("\n".join(format_yaml({"name": "a\ud800"}))) == {"name": "a\ufffd"}
