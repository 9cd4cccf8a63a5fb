"""What comes out loads at once: each library, and the very code of each card."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from img2dataset import card
from tests.compat.old_tool import OLD, started
from tests.loaders.made import ADDED, IMAGES, ROWS, make_dataset
from tests.site import Site

for library in ("datasets", "duckdb", "mlcroissant", "polars", "torch"):
    pytest.importorskip(library, reason="img2dataset[loader-tests] is not installed")

FORMATS = ("webdataset", "parquet", "files", "tfrecord")
OLD_FORMATS = ("webdataset", "parquet", "files")
WITH_FAILURES = ("parquet", "tfrecord")
"""Formats of which `load_dataset` gives a row for each row of the list."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

Found = dict[str, Any]
each_format = pytest.mark.parametrize("output_format", FORMATS)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    with Site() as site, ThreadPoolExecutor(2) as pool:
        places = {name: tmp_path_factory.mktemp(name) for name in FORMATS}
        made = {name: pool.submit(make_dataset, site, places[name], name) for name in FORMATS}
        folders = {name: each.result() for name, each in made.items()}
        if OLD.exists():
            folders |= make_by_the_old_tool(tmp_path_factory.mktemp("old"), site)
    return folders


def make_by_the_old_tool(place: Path, site: Site) -> dict[str, Path]:
    urls = [site.url(f"/image/{n}.jpg") if n % 3 else site.url("/status/404") for n in range(8)]
    (place / "list.csv").write_text("\n".join(["url,caption", *(f"{url},Ö" for url in urls)]))
    folders = {}
    with started(place / "said") as tool:
        for name in OLD_FORMATS:
            folders[f"old {name}"] = out = place / f"old-{name}"
            tool.run([
                f"--url_list={place / 'list.csv'}", "--input_format=csv", "--caption_col=caption",
                f"--output_folder={out}", f"--output_format={name}", "--image_size=16",
                "--number_sample_per_shard=4", "--thread_count=2",
            ])  # fmt: skip
            assert card(str(out)) == ()
    return folders


@pytest.fixture(scope="module")
def found(folders: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Found]:
    """What the libraries found, by dataset."""
    cache = str(tmp_path_factory.mktemp("cache"))
    run = subprocess.run(
        [sys.executable, "-m", "tests.loaders.program", cache, *map(str, folders.values())],
        stdout=subprocess.PIPE, text=True, check=True, cwd=Path(__file__).parents[2],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    by_folder = json.loads(run.stdout.splitlines()[-1])
    return {name: by_folder[str(folder)] for name, folder in folders.items()}


@each_format
def test_the_code_of_the_card_loads_every_image(
    found: dict[str, Found], output_format: str
) -> None:
    loaded = found[output_format]

    assert {title: loaded[title] for title in loaded if title in EXPECTED} == {
        title: count for title, count in EXPECTED.items() if title in loaded
    }, loaded
    for title in ("DuckDB: the metadata", "Polars: the metadata"):
        assert loaded[title] == 0, loaded[title]
    if output_format != "tfrecord":
        assert {"PyTorch 0", "PyTorch 2", "PyTorch 4"} < loaded.keys()


EXPECTED = {
    "webdataset": IMAGES, "pyarrow": IMAGES, "PIL": IMAGES, "tfrecord": IMAGES,
    "PyTorch 0": IMAGES, "PyTorch 2": IMAGES, "PyTorch 4": IMAGES,
}  # fmt: skip
"""Library -> how many images its code in a card sees."""


@each_format
def test_load_dataset_gives_images_captions_and_nested_columns(
    found: dict[str, Found], output_format: str
) -> None:
    rows = found[output_format]["whole"]

    assert isinstance(rows, list), rows
    assert len(rows) == (ROWS + ADDED if output_format in WITH_FAILURES else IMAGES)
    images = [row for row in rows if row["size"]]
    assert len(images) == (0 if output_format == "tfrecord" else IMAGES)
    first, second = sorted(rows, key=lambda row: row["key"])[:2]
    assert second["size"] == (None if output_format == "tfrecord" else [16, 16])
    assert second["caption"] == 'Ünï "1": 漢字 \U0001f41f'
    assert first["caption"] is None
    assert second["tags"] == ["a", "b"]
    assert second["place"] == {"x": 1, "path": [1.5]}
    assert second["people"] == [{"name": "Ö", "age": 1}]
    assert second["when"].startswith("2020-01-02")
    assert second["a: #b"] == 1


@each_format
def test_streaming_gives_as_many_samples_as_the_card_says(
    found: dict[str, Found], output_format: str
) -> None:
    if output_format != "tfrecord":
        assert found[output_format]["datasets"] == len(found[output_format]["whole"])


@each_format
def test_mlcroissant_validates_and_loads(found: dict[str, Found], output_format: str) -> None:
    loaded = found[output_format]["mlcroissant"]

    assert isinstance(loaded, dict), loaded
    assert loaded["errors"] == []
    assert len(loaded["warnings"]) == 1, "how to cite a dataset is not for us to say"
    assert loaded["logged"] == []
    assert loaded["records"] == (ROWS + ADDED if output_format in WITH_FAILURES else IMAGES)
    assert loaded["images"] == (0 if output_format == "tfrecord" else IMAGES)


@pytest.mark.skipif(not OLD.exists(), reason="the released tool is not installed")
@pytest.mark.parametrize("output_format", OLD_FORMATS)
def test_a_dataset_of_the_old_tool_loads_too(found: dict[str, Found], output_format: str) -> None:
    loaded = found[f"old {output_format}"]

    assert isinstance(loaded["whole"], list), loaded["whole"]
    assert len(loaded["whole"]) == (8 if output_format == "parquet" else 5)
    assert sum(bool(row["size"]) for row in loaded["whole"]) == 5
    assert loaded["PyTorch 2"] == 5, loaded
    assert loaded["mlcroissant"]["images"] == 5, loaded["mlcroissant"]
