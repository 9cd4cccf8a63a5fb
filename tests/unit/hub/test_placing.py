"""Where the files of a dataset go in a repository."""

from __future__ import annotations

import pytest

from img2dataset.errors import OptionError
from img2dataset.hub.placing import adapt_card, place_files
from img2dataset.hub.target import Target, parse_target

SUFFIXES = (".tar", ".parquet", "_stats.json")


def list_shards(count: int) -> list[str]:
    return [f"{number:05d}" for number in range(count)]


def list_paths(count: int) -> list[str]:
    return [name + suffix for name in list_shards(count) for suffix in SUFFIXES]


def test_files_that_the_hub_takes_in_one_folder_stay_as_they_are() -> None:
    paths = [*list_paths(3333)]

    placing = place_files(paths, list_shards(3333))

    assert placing.places == {path: path for path in paths}
    assert not placing.in_folders


def test_more_shards_go_into_folders_of_a_thousand() -> None:
    paths = [*list_paths(3334), "README.md", "sizes.json", ".nv-meta/split.yaml"]

    placing = place_files(paths, list_shards(3334))

    assert placing.in_folders
    assert placing.places["03333_stats.json"] == "03/03333_stats.json"
    assert placing.places["00007.tar"] == "00/00007.tar"
    assert placing.places["README.md"] == "README.md"
    assert placing.left_out == (".nv-meta/split.yaml", "sizes.json")
    assert len(placing.places) == 3 * 3334 + 1


def test_shards_of_names_that_grew_have_a_folder_too() -> None:
    names = [str(number) for number in range(4000)]
    paths = [name + suffix for name in names for suffix in SUFFIXES]

    placing = place_files(paths, names)

    assert placing.places["7.tar"] == "0/7.tar"
    assert placing.places["3999.tar"] == "3/3999.tar"


@pytest.mark.parametrize(
    ("paths", "words"),
    [
        (list_paths(33_334), "100,002 files"),
        ([f"00000/{number}.jpg" for number in range(10_000)], "the folder 00/00000 has 10,000"),
    ],
)
def test_what_the_hub_does_not_take_is_refused(paths: list[str], words: str) -> None:
    with pytest.raises(OptionError, match=words):
        place_files(paths, [path[:5] for path in paths])


@pytest.mark.parametrize("pattern", ["*.tar", "[0-9]*/*.jpg"])
def test_a_card_finds_shards_in_folders(pattern: str) -> None:
    front = f'---\nconfigs:\n- data_files:\n  - split: train\n    path:\n    - "{pattern}"\n---\n'
    text = f'Read "{pattern}" so.\n'

    assert adapt_card(front + text) == front.replace(pattern, f"*/{pattern}") + text


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("hf://datasets/me/a-b.c", Target("me/a-b.c")),
        ("hf://datasets/me/x/", Target("me/x")),
        ("hf://datasets/me/x@dev", Target("me/x", "dev")),
        ("hf://datasets/me/x@dev/a/b", Target("me/x", "dev", "a/b")),
        ("hf://datasets/me/x/a/", Target("me/x", None, "a")),
    ],
)
def test_urls_of_repositories(url: str, target: Target) -> None:
    assert parse_target(url) == target


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("me/x", "did you mean hf://datasets/me/x?"),
        ("hf://me/x", "did you mean hf://datasets/me/x?"),
        ("hf://buckets/me/x", "--output_folder=hf://buckets/me/x"),
        ("s3://b/x", "is no dataset repository: write hf://datasets/OWNER/NAME"),
        ("hf://datasets/me", "is no dataset repository"),
    ],
)
def test_what_is_no_repository_is_refused(url: str, words: str) -> None:
    with pytest.raises(OptionError) as caught:
        parse_target(url)

    assert words in str(caught.value)
