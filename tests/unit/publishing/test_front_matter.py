"""Sizes, and what is said of them."""

from __future__ import annotations

import pytest

from img2dataset.publishing.front_matter import COUNTS, Loaded, find_category, make_front


@pytest.mark.parametrize(
    ("images", "category"),
    [
        (0, "n<1K"), (999, "n<1K"), (1000, "1K<n<10K"), (9999, "1K<n<10K"), (10_000, "10K<n<100K"),
        (999_999_999, "100M<n<1B"), (10**12 - 1, "100B<n<1T"), (10**12, "n>1T"), (10**15, "n>1T"),
    ],
)  # fmt: skip
def test_a_dataset_is_in_the_category_of_its_size(images: int, category: str) -> None:
    assert find_category(images) == category


def test_counts_stand_last_and_can_be_taken_off() -> None:
    loaded = Loaded(("*.tar",), (("jpg", {"dtype": "image"}),), 1234, 56)
    front = f"{make_front(loaded, 1234)}\n# img2dataset:end\n"

    left = COUNTS.sub("", front)

    assert "num_examples: 1234" in front
    assert left.endswith('    dtype: "image"\n# img2dataset:end\n')
    assert "1K" not in left
