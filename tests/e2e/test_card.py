"""README.md, croissant.json and metadata.parquet: written at the end, never stale, never a person's."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from img2dataset import OptionError, Report, card, download, verify
from img2dataset.cli.command import main
from img2dataset.dataset.shard_lock import acquire_lock
from img2dataset.publishing import main as publishing
from img2dataset.publishing.contents import read_contents
from img2dataset.publishing.main import PUBLISH_LOCK
from img2dataset.storage.folder import Folder
from tests.site import Site

MARKS = "<!-- img2dataset:begin -->\n<!-- img2dataset:end -->"
WORDS = "# Mine\n\nWritten by a person.\n"


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with Site() as running:
        yield running


def run(site: Site, place: Path, rows: int = 4, **options: Any) -> Report:
    """Every third row fails; the name of the list is that of its length."""
    urls = [site.url(f"/image/{n}.jpg" if n % 3 else f"/status/404?n={n}") for n in range(rows)]
    path = place / f"{rows}.parquet"
    pq.write_table(pa.table({"url": urls, "caption": [f"no. {n}" for n in range(rows)]}), path)
    values = {
        "input_format": "parquet", "caption_col": "caption", "output_format": "webdataset",
        "number_sample_per_shard": 2, "image_size": 8, "output_folder": str(place / "out"),
        "reporters": (), **options,
    }  # fmt: skip
    return download(str(path), **values)


def front(place: Path) -> Any:
    return yaml.safe_load((place / "out" / "README.md").read_text().split("---\n")[1])


def count(place: Path) -> int | None:
    splits = front(place)["dataset_info"].get("splits")
    return None if splits is None else int(splits[0]["num_examples"])


def test_a_run_writes_the_card_and_one_that_extends_it_renews_it(
    site: Site, tmp_path: Path
) -> None:
    run(site, tmp_path)
    first = (count(tmp_path), (tmp_path / "out" / "README.md").read_text())
    report = run(site, tmp_path, rows=6, incremental_mode="extend")

    assert (first[0], count(tmp_path)) == (2, 6)
    assert (report.successes, report.count) == (4, 6)
    assert report.dataset is not None
    assert (report.dataset.successes, report.dataset.count) == (6, 10)
    assert "2 images of 4 rows (50.0%)" in first[1]
    assert "| HTTP Error 404: Not Found | 2 |" in first[1]
    assert front(tmp_path)["configs"][0]["data_files"] == [{"split": "train", "path": ["*.tar"]}]
    croissant = json.loads((tmp_path / "out" / "croissant.json").read_text())
    tars = [each["name"] for each in croissant["distribution"] if each["name"].endswith(".tar")]
    assert tars == [f"{shard:05d}.tar" for shard in range(5)]


@pytest.mark.slow
def test_without_a_card_none_is_written_and_an_old_one_loses_its_counts(
    site: Site, tmp_path: Path
) -> None:
    (tmp_path / "none").mkdir()
    run(site, tmp_path / "none", card=False)
    run(site, tmp_path)
    report = run(site, tmp_path, rows=6, incremental_mode="extend", card=False)

    written = {path.name for path in (tmp_path / "none" / "out").iterdir()}
    assert not written & {"README.md", "croissant.json", "metadata.parquet"}
    assert count(tmp_path) is None
    assert report.dataset is not None
    assert report.dataset.count == 10
    assert not (tmp_path / "out" / "croissant.json").exists()


@pytest.mark.slow
def test_what_is_current_is_not_written_again_and_what_is_missing_is(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(site, tmp_path)
    readme = tmp_path / "out" / "README.md"
    reads = []

    def read(folder: Folder) -> Any:
        reads.append(folder)
        return read_contents(folder)

    monkeypatch.setattr(publishing, "read_contents", read)
    before = readme.stat().st_mtime_ns
    run(site, tmp_path)
    assert (readme.stat().st_mtime_ns, reads) == (before, [])

    readme.unlink()
    run(site, tmp_path)
    assert count(tmp_path) == 2


@pytest.mark.slow
@pytest.mark.parametrize("output_format", ["webdataset", "files"])
def test_while_a_run_changes_shards_no_counts_stand(
    site: Site, tmp_path: Path, output_format: str
) -> None:
    run(site, tmp_path, output_format=output_format)
    seen: list[Any] = []

    class Looks:
        def started(self, *_: Any) -> None: ...
        def shard_done(self, *_: Any) -> None:
            files = {path.name for path in (tmp_path / "out").iterdir()}
            seen.append((count(tmp_path), files & {"croissant.json", "metadata.parquet"}))

        def progress(self, *_: Any) -> None: ...
        def notice(self, *_: Any) -> None: ...
        def finished(self, *_: Any) -> None: ...
        def close(self) -> None: ...

    run(
        site, tmp_path, rows=6, incremental_mode="extend", output_format=output_format,
        reporters=(Looks(),),
    )  # fmt: skip

    assert seen == [(None, set())] * 3
    assert "A run is writing into this folder" not in (tmp_path / "out/README.md").read_text()
    assert count(tmp_path) == 6


def test_a_persons_readme_is_left_alone_and_a_marked_block_in_it_is_renewed(
    site: Site, tmp_path: Path
) -> None:
    readme = tmp_path / "out" / "README.md"
    readme.parent.mkdir()
    readme.write_text(WORDS)
    run(site, tmp_path)
    assert readme.read_text() == WORDS
    (notice,) = card(str(tmp_path / "out"))
    assert notice.startswith("README.md is left alone, since it has no mark of img2dataset")

    readme.write_text(f"---\nlicense: mit\n---\n{WORDS}{MARKS}\nThe end.\n")
    (notice,) = card(str(tmp_path / "out"))
    assert "the front matter of README.md is left alone" in notice
    assert front(tmp_path) == {"license": "mit"}
    assert "2 images of 4 rows" in readme.read_text()
    assert readme.read_text().endswith("The end.\n")


@pytest.mark.slow
def test_other_files_of_these_names_are_left_alone(site: Site, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    pq.write_table(pa.table({"mine": [1]}), out / "metadata.parquet")
    (out / "croissant.json").write_text("{}")
    run(site, tmp_path, output_format="files")

    assert pq.read_table(out / "metadata.parquet").to_pydict() == {"mine": [1]}
    assert (out / "croissant.json").read_text() == "{}"
    assert [notice.partition(" ")[0] for notice in card(str(out))] == [
        "metadata.parquet", "croissant.json",
    ]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", ["sizes.json", "wids.json"])
def test_a_list_that_has_the_name_of_an_index_stays(site: Site, tmp_path: Path, name: str) -> None:
    (tmp_path / "out").mkdir()
    lines = json.dumps([{"url": site.url("/image/1.jpg")}])
    path = tmp_path / "out" / name
    path.write_text(lines)
    options: dict[str, Any] = {
        "input_format": "json", "output_format": "webdataset", "image_size": 8,
        "output_folder": str(tmp_path / "out"), "indexes": ["wids"], "reporters": (),
    }  # fmt: skip

    assert download(str(path), **options).successes == 1
    download(str(path), **options)
    assert path.read_text() == lines


def test_the_metadata_of_files_names_each_image(site: Site, tmp_path: Path) -> None:
    run(site, tmp_path, output_format="files")

    rows = pq.read_table(tmp_path / "out" / "metadata.parquet").to_pylist()

    assert [(row["file_name"], row["caption"]) for row in rows] == [
        ("00000/000001.jpg", "no. 1"), ("00001/000010.jpg", "no. 2"),
    ]  # fmt: skip
    assert all((tmp_path / "out" / row["file_name"]).exists() for row in rows)


@pytest.mark.slow
@pytest.mark.parametrize("output_format", ["webdataset", "files", "parquet"])
def test_a_split_has_all_that_load_dataset_asks_of_it(
    site: Site, tmp_path: Path, output_format: str
) -> None:
    run(site, tmp_path, output_format=output_format)

    (split,) = front(tmp_path)["dataset_info"]["splits"]
    assert split.keys() == {"name", "num_bytes", "num_examples"}
    assert split["num_bytes"] > 0


@pytest.mark.slow
def test_a_repair_takes_the_counts_away(site: Site, tmp_path: Path) -> None:
    run(site, tmp_path)
    (tmp_path / "out" / "00000.tar").write_bytes(b"x")

    verify(str(tmp_path / "out"), repair=True)
    repaired = count(tmp_path)
    run(site, tmp_path)

    assert (repaired, count(tmp_path)) == (None, 2)


def test_the_command_writes_the_card_of_what_is_there(
    site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(site, tmp_path, card=False)

    assert main(["card", str(tmp_path / "out")]) == 0
    assert capsys.readouterr().out == f"the card of {tmp_path / 'out'} is written\n"
    assert count(tmp_path) == 2
    assert (
        "Which opt-outs were respected was not recorded"
        in (tmp_path / "out" / "README.md").read_text()
    )
    assert main(["card"]) == 2
    assert main(["card", str(tmp_path)]) == 2
    assert main(["card", str(tmp_path / "4.parquet")]) == 2
    assert main(["card", "--deep", str(tmp_path)]) == 2
    assert main(["card", "--help"]) == 0
    assert "img2dataset card OUTPUT_FOLDER" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize("name", ["webdataset", "b [1]"])
def test_the_code_of_the_card_finds_the_folder_whatever_its_name_is(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    run(site, tmp_path, output_folder=str(tmp_path / name))
    monkeypatch.chdir(tmp_path)
    readme = Path(name, "README.md").read_text()

    blocks = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    folders = [
        (ast.literal_eval(line.removeprefix("folder = ")), "/[0-9]*." in block)
        for block in blocks
        for line in block.split("\n")
        if line.startswith("folder = ")
    ]
    assert len(folders) == len(blocks) > 2
    for folder, is_pattern in folders:
        assert folder.startswith("./")  # else `datasets` may take it for one of its loaders
        assert list(Path().glob(folder) if is_pattern else Path(folder).iterdir())


@pytest.mark.slow
def test_a_run_that_is_killed_leaves_no_counts_and_refuses_a_card_while_it_runs(
    site: Site, tmp_path: Path
) -> None:
    run(site, tmp_path)
    urls = [site.url(f"/slow?seconds=30&n={n}") for n in range(2)]
    (tmp_path / "list.txt").write_text("\n".join(urls))
    begun = subprocess.Popen(
        [sys.executable, "-m", "img2dataset", str(tmp_path / "list.txt"), "--timeout=60",
         f"--output_folder={tmp_path / 'out'}", "--incremental_mode=extend",
         "--output_format=webdataset"],
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while count(tmp_path) is not None and time.monotonic() < deadline:
        time.sleep(0.1)
    with pytest.raises(OptionError, match="a run is writing there"):
        card(str(tmp_path / "out"))
    os.kill(begun.pid, signal.SIGKILL)
    begun.wait()

    assert count(tmp_path) is None
    card(str(tmp_path / "out"))
    assert count(tmp_path) == 2


@pytest.mark.slow
def test_the_last_part_writes_the_card(site: Site, tmp_path: Path) -> None:
    run(site, tmp_path, part="0/2")
    first = count(tmp_path)
    run(site, tmp_path, part="1/2")

    assert (first, count(tmp_path)) == (1, 2)


@pytest.mark.slow
def test_two_at_a_time_do_not_write_the_card(site: Site, tmp_path: Path) -> None:
    run(site, tmp_path)
    shutil.copytree(tmp_path / "out", tmp_path / "free")
    folder = Folder(str(tmp_path / "out"))
    command = [sys.executable, "-m", "img2dataset", "card"]

    with acquire_lock(folder, PUBLISH_LOCK):
        other = subprocess.Popen([*command, str(tmp_path / "out")])
        for _ in range(2):  # as long as it takes twice where nobody holds the lock
            subprocess.run([*command, str(tmp_path / "free")], check=True, timeout=60)
        assert other.poll() is None
    assert other.wait(60) == 0


@pytest.mark.slow
def test_the_output_folder_as_a_list_has_no_files_of_the_dataset(
    site: Site, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    urls = [site.url(f"/image/{n}.jpg") for n in range(2)]
    pq.write_table(pa.table({"url": urls}), out / "list.parquet")
    values: dict[str, Any] = {
        "input_format": "parquet", "output_folder": str(out), "image_size": 8, "reporters": (),
    }  # fmt: skip

    assert download(str(out), **values).count == 2
    assert (out / "metadata.parquet").exists()
    assert (download(str(out), **values).shards_skipped) == 1


@pytest.mark.slow
def test_the_card_keeps_secrets_and_marks_out(site: Site, tmp_path: Path) -> None:
    place = tmp_path / "a [b] --> `c`"
    place.mkdir()
    run(site, place)

    readme = (place / "out" / "README.md").read_text()

    assert str(place) not in readme
    assert len(re.findall("img2dataset:begin", readme)) == 2
    assert "`4.parquet`" in readme
