"""img2dataset estimate: a sample of a list, fetched into nothing, and what it says of a run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from img2dataset import OptionError, download, estimate
from img2dataset.cli import main
from img2dataset.storage.folder import HIDDEN
from tests.e2e.test_killers import KILLERS
from tests.site import Site
from tests.site.names import NameServer

pytestmark = pytest.mark.slow


def write_list(folder: Path, site: Site, rows: int = 120) -> str:
    """A list of two hosts, one of which is gone, with captions and a repeated URL."""
    urls = [
        site.url(f"/status/{(404, 403, 500)[n % 3]}")
        if n % 5 == 0
        else site.url(f"/image/{n}.jpg")
        if n % 7
        else "http://nobody.invalid/1.jpg"
        for n in range(rows - 1)
    ]
    table = pa.table({"URL": [*urls, urls[1]], "TEXT": [f"caption {n}" * 3 for n in range(rows)]})
    path = folder / "list.parquet"
    pq.write_table(table, path)
    return str(path)


def measure(folder: Path) -> int:
    """The bytes of the shards of a dataset, as a file system stores them."""
    files = [each for each in folder.rglob("*") if each.is_file() and HIDDEN not in each.parts]
    return sum(
        -(-each.stat().st_size // 4096) * 4096
        for each in files
        if each.suffix not in (".md", ".json") or each.parent != folder
    )


@pytest.fixture
def names() -> Iterator[NameServer]:
    """A resolver that knows no name."""
    with NameServer() as server:
        yield server


@pytest.mark.parametrize("output_format", ["files", "webdataset", "parquet"])
def test_a_sample_of_all_rows_says_what_the_run_then_gives(
    output_format: str, site: Site, names: NameServer, tmp_path: Path
) -> None:
    options: dict[str, Any] = {
        "dns_servers": [names.address], "input_format": "parquet", "url_col": "URL", "caption_col": "TEXT", "retries": 0,
        "image_size": 64, "output_format": output_format, "number_sample_per_shard": 1000,
        "output_folder": str(tmp_path / "out"), "card": False,
    }  # fmt: skip
    url_list = write_list(tmp_path, site)

    found = estimate(url_list, **options)

    assert not (tmp_path / "out").exists()
    report = download(url_list, reporters=(), **options)
    assert (found.rows, found.sampled, found.successes) == (120, 120, report.successes)
    assert {each.name: each.rows for each in found.reasons} == report.reasons
    assert found.success.low == found.success.high == report.successes / 120
    assert found.disk_bytes.value == pytest.approx(measure(tmp_path / "out"), rel=0.15)
    assert found.network_bytes.value > 0
    assert {each.host for each in found.hosts.busiest} == {"127.0.0.1", "nobody.invalid"}
    assert found.duplicates.repeated_urls > 0
    assert found.duration.rows_per_second > 0
    assert found.duration.slowest_host is not None


def test_the_command_line_shows_it_in_text_and_json(
    site: Site, names: NameServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [write_list(tmp_path, site), "--sample=40", "--input_format=parquet", "--url_col=URL",
             "--shuffle=3", f"--dns_servers={names.address}", f"--output_folder={tmp_path / 'a folder'}"]  # fmt: skip

    assert main(["estimate", *words]) == 0
    said = capsys.readouterr()
    assert "40 of 120 rows were fetched" in said.out
    assert "fetching 40 of 120 rows" in said.err
    assert f"--output_folder='{tmp_path / 'a folder'}'" in said.out
    assert "sample" not in said.out.partition("To run it:")[2]
    assert main(["estimate", *words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["sampled"] == 40
    assert found["success"]["low"] < found["success"]["value"] < found["success"]["high"]
    assert found["command"].startswith("img2dataset ")
    assert not (tmp_path / "a folder").exists()


def test_an_image_that_kills_its_worker_costs_a_row_of_the_sample(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(KILLERS))
    urls = [site.url(f"/image/{n}.jpg?width={201 if n == 3 else 64}") for n in range(8)]

    found = estimate(urls)

    assert (found.sampled, found.successes) == (8, 7)
    assert [each.name for each in found.reasons] == ["decoder_crashed"]
    assert found.command == ""


def test_a_list_that_cannot_be_read_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(OptionError, match="sample is 0: it must be an int of 1 or more"):
        estimate(["http://127.0.0.1/1.jpg"], sample=0)
    assert main(["estimate", str(tmp_path / "none.txt")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
