"""`img2dataset inspect` and `report` on datasets of real runs, with failures of several kinds."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shlex
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fsspec
import pyarrow.parquet as pq
import pytest

from img2dataset import OptionError, download, inspect, write_report
from img2dataset.cli.command import main
from img2dataset.formats import NAMES
from tests.e2e.dataset import Dataset
from tests.read_only import read_only
from tests.site import Site

HOSTILE = "</title><script>alert(1)</script><img src=x onerror=alert(2)>"
PLACEHOLDERS = 6
SHARD = 8
ROWS = 24
FAILURES = {
    "http_status": 3,
    "http_status_transient": 1,
    "not_an_image": 1,
    "opted_out": 1,
    "scheme_not_allowed": 1,
    "url_missing": 1,
}
every_format = pytest.mark.parametrize(
    "output_format",
    [pytest.param(n, marks=() if n == "webdataset" else pytest.mark.slow) for n in NAMES],
)
Make = Callable[..., Path]


def list_urls(site: Site) -> list[str]:
    pictures = [site.url(f"/exif/{n % 8 + 1}.jpg", n=n) for n in range(9)]
    picture = site.url("/image/1.jpg")
    same = [site.url("/image/1.jpg", copy=n) for n in range(PLACEHOLDERS - 1)]
    failed = [
        site.url("/status/404"), site.url("/status/404", n=2), site.url("/status/403"),
        site.url("/html"), site.url("/robots", tag="noai"),
        site.url("/flaky", fail=1, how="503", token="once"),
        f"javascript:{HOSTILE}", "",
    ]  # fmt: skip
    # one more picture under a URL with markup in it
    return [*pictures, picture, *same, *failed, site.url("/exif/1.jpg", q=HOSTILE)]


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with Site() as running:
        yield running


@pytest.fixture(scope="module")
def make(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Make:
    """Makes a dataset of a format, once."""
    root = tmp_path_factory.mktemp("made")
    urls = list_urls(site)
    with (root / "list.csv").open("w", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(["image_url", "text", "id"])
        lines.writerows([url, f"{HOSTILE} {n}", n] for n, url in enumerate(urls))

    def make(output_format: Any) -> Path:
        folder = root / str(output_format)
        if not folder.exists():
            site.counts.pop("once", None)
            download(
                str(root / "list.csv"), output_folder=str(folder), output_format=output_format,
                input_format="csv", url_col="image_url", caption_col="text", image_size=24,
                save_additional_columns=["id"], number_sample_per_shard=SHARD, reporters=(),
            )  # fmt: skip
        return folder

    return make


@pytest.fixture(scope="module")
def dataset(make: Make) -> Path:
    return make("webdataset")


@every_format
def test_findings_are_those_of_the_run(make: Make, output_format: str) -> None:
    found = inspect(str(make(output_format)))

    assert (found.rows, found.successes, found.shards) == (ROWS, 16, 3)
    assert {each.name: each.rows for each in found.reasons} == FAILURES
    assert sum(found.classes.values()) == found.rows - found.successes
    assert found.transient == 1
    assert found.unreadable == ()
    if output_format == "dummy":
        assert found.hosts is None
        return
    assert found.hosts is not None
    by_host = {each.host: each for each in found.hosts.busiest}
    assert (by_host["127.0.0.1"].rows, by_host["127.0.0.1"].successes) == (22, 16)
    assert by_host["127.0.0.1"].failures["gone"] == 2
    assert found.shorter_side is not None
    assert found.shorter_side.count == 16
    assert found.caption_length is not None
    assert found.caption_length.count == 16
    assert found.duplicates is not None
    assert found.duplicates.exact
    assert found.duplicates.distinct == len(
        {row["sha256"] for row in read_rows(make(output_format))} - {None}
    )
    [placeholder] = found.duplicates.placeholders
    assert (placeholder.host, placeholder.rows) == ("127.0.0.1", PLACEHOLDERS)
    assert placeholder.urls >= 5
    assert "/image/1.jpg" in placeholder.example
    assert json.loads(json.dumps(found.to_dict()))["rows"] == ROWS


def read_rows(folder: Path) -> list[dict[str, Any]]:
    return Dataset(folder).rows


@every_format
def test_the_page_has_everything_and_nothing_of_a_list_is_markup(
    make: Make, output_format: str, tmp_path: Path
) -> None:
    path = write_report(str(make(output_format)), str(tmp_path / "page.html"), seed=3)

    page = Path(path).read_text()
    assert "<script" not in page
    assert "<img src=x" not in page
    assert 'href="javascript:' not in page
    assert page.count('src="data:image/jpeg;base64,') == (0 if output_format == "dummy" else 17)
    assert "incremental_mode" in page or output_format == "dummy"
    assert len(page) < 5_000_000
    if output_format != "dummy":
        assert "&lt;script&gt;alert(1)" in page
        again = write_report(str(make(output_format)), str(tmp_path / "again.html"), seed=3)
        assert without_time(Path(again).read_text()) == without_time(page)


def without_time(page: str) -> str:
    return page.partition("<footer>")[0]


def test_the_dataset_is_not_touched_and_the_page_is_beside_it(
    dataset: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = sorted(path.name for path in dataset.rglob("*"))
    monkeypatch.chdir(tmp_path)

    assert main(["report", str(dataset)]) == 0

    assert capsys.readouterr().out == "webdataset-report.html\n"
    assert [path.name for path in tmp_path.iterdir()] == ["webdataset-report.html"]
    assert sorted(path.name for path in dataset.rglob("*")) == before


@pytest.mark.slow
def test_a_dataset_elsewhere_is_read_and_its_page_written_there(dataset: Path) -> None:
    memory = fsspec.filesystem("memory")
    memory.put(str(dataset), "/out", recursive=True)

    assert inspect("memory://out").successes == 16
    write_report("memory://out", "memory://pages/page.html")

    assert b"data:image/jpeg" in memory.cat_file("/pages/page.html")


def test_the_retry_command_is_the_exact_one(
    dataset: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = inspect(str(dataset))
    assert found.retry_is_command
    words = shlex.split(found.retry.replace("\\\n", ""))

    assert main([*words[1:], "--print_config"]) == 0

    printed = capsys.readouterr().out
    for line in ('url_col = "image_url"', 'caption_col = "text"', 'incremental_mode = "retry"'):
        assert line in printed


@pytest.mark.slow
def test_the_retry_command_brings_the_row_back(make: Make) -> None:
    folder = make("parquet")
    words = shlex.split(inspect(str(folder)).retry.replace("\\\n", ""))

    assert main([*words[1:], "--quiet"]) == 0

    found = inspect(str(folder))
    assert (found.successes, found.transient, found.retry) == (17, 0, "")


def test_a_terminal_of_40_columns_has_no_longer_line(
    dataset: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "40")

    assert main(["inspect", str(dataset)]) == 0

    shown = capsys.readouterr().out
    command = shown[shown.index("  img2dataset ") :].partition("\n\n")[0]  # it can be pasted
    lines = shown.replace(command, "").replace(str(dataset), "").splitlines()
    assert max(map(len, lines)) <= 40
    assert "http_status" in shown
    assert "placeholders" in shown


def run_failed(folder: Path, *words: str) -> int:
    return main(["inspect", str(folder), "--failed", *words])


def test_failed_rows_are_csv_on_stdout(dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_failed(dataset) == 0

    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    stored = [row for row in read_rows(dataset) if row["status"] != "success"]
    assert [row["key"] for row in rows] == [row["key"] for row in stored]
    assert list(rows[0]) == [
        "id", "caption", "url", "key", "status", "error_message", "reason",
    ]  # fmt: skip
    assert [row["caption"] for row in rows] == [row["caption"] for row in stored]


@pytest.mark.parametrize(
    ("words", "count"),
    [
        (("--reason=http_status",), 3),
        (("--reason", "HTTP-status", "--host=127.0.0.1"), 3),
        (("--host=127.0.0.1",), 6),
        (("--reason=tls",), 0),
    ],
)
def test_failed_rows_of_a_reason_or_a_host(
    dataset: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], count: int
) -> None:
    assert run_failed(dataset, *words) == 0

    shown = capsys.readouterr()
    assert len(list(csv.DictReader(io.StringIO(shown.out)))) == count
    assert ("no failed row" in shown.err) == (count == 0)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--failed", "--reason=http_statu"), "did you mean http_status?"),
        (("--failed", "--host=127.0.0.2"), "did you mean 127.0.0.1?"),
        (("--failed", "--output=x.xlsx"), ".csv, .tsv, .txt, .jsonl, .parquet"),
        (("--faild",), "did you mean --failed?"),
        (("--reason=tls",), "add --failed"),
        (("--sample=3",), "--sample needs --output"),
        (("--sample=0", "--output=x"), "at least 1"),
        (("--json", "--failed"), "cannot be given together"),
        (("--output=x",), "--output goes with"),
    ],
)
def test_wrong_words_are_one_line(
    dataset: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    assert main(["inspect", str(dataset), *words]) == 2

    shown = capsys.readouterr()
    assert shown.out == ""
    assert said in shown.err
    assert shown.err.count("\n") == 1


@pytest.mark.parametrize("suffix", ["csv", "tsv", "txt", "jsonl", "parquet"])
def test_failed_rows_become_a_list_with_the_columns_of_the_first(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], suffix: str
) -> None:
    path = tmp_path / f"again.{suffix}"

    assert run_failed(dataset, "--reason=http_status", f"--output={path}") == 0

    shown = capsys.readouterr()
    assert shown.out == ""
    assert "3 rows are in" in shown.err
    stored = [
        row
        for row in read_rows(dataset)
        if (row["error_message"] or "").startswith("HTTP Error 40")
    ]
    if suffix == "txt":
        assert path.read_text().splitlines() == [row["url"] for row in stored]
        return
    assert read_list(path, suffix) == [
        {"id": row["id"], "text": row["caption"], "image_url": row["url"]} for row in stored
    ]


def read_list(path: Path, suffix: str) -> list[dict[str, Any]]:
    if suffix == "parquet":
        rows: list[dict[str, Any]] = pq.read_table(path).to_pylist()
        return rows
    if suffix == "jsonl":
        return [json.loads(line) for line in path.read_text().splitlines()]
    with path.open(newline="") as file:
        separator = "\t" if suffix == "tsv" else ","
        return [{**row, "id": int(row["id"])} for row in csv.DictReader(file, delimiter=separator)]


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["csv", "tsv", "txt", "jsonl", "parquet"])
def test_the_command_for_the_list_of_failed_rows_runs(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], suffix: str
) -> None:
    path = tmp_path / f"again.{suffix}"
    assert run_failed(dataset, f"--output={path}") == 0
    command = capsys.readouterr().err.partition("runs them:  ")[2]
    words = [
        f"--output_folder={tmp_path / 'out'}" if word.startswith("--output_folder") else word
        for word in shlex.split(command)
    ]

    assert main([*words[1:], "--quiet"]) == 0

    rows = read_rows(tmp_path / "out")
    assert len(rows) == 8 - (suffix == "txt")  # a list of URLs has no row without one
    assert [row["status"] == "success" for row in rows].count(True) == 1
    if suffix != "txt":
        assert all(HOSTILE in row["caption"] for row in rows)


def test_no_list_is_written_if_no_row_matches(dataset: Path, tmp_path: Path) -> None:
    assert run_failed(dataset, "--reason=tls", f"--output={tmp_path / 'again.csv'}") == 2

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "output_format",
    [
        "webdataset",
        *(
            pytest.param(n, marks=pytest.mark.slow)
            for n in NAMES
            if n not in ("webdataset", "dummy")
        ),
    ],
)
def test_random_images_are_copied(make: Make, output_format: str, tmp_path: Path) -> None:
    words = ["inspect", str(make(output_format)), "--sample=5", "--seed=7"]

    assert main([*words, f"--output={tmp_path / 'a'}"]) == 0
    assert main([*words, f"--output={tmp_path / 'b'}"]) == 0

    rows = {row["key"]: row for row in read_rows(make(output_format))}
    with (tmp_path / "a" / "samples.csv").open(newline="") as file:
        samples = list(csv.DictReader(file))
    assert len({each["key"] for each in samples}) == 5
    for each in samples:
        assert (each["url"], each["caption"]) == (
            rows[each["key"]]["url"],
            rows[each["key"]]["caption"],
        )
        data = (tmp_path / "a" / each["file"]).read_bytes()
        assert data.startswith(b"\xff\xd8")
        assert data == (tmp_path / "b" / each["file"]).read_bytes()
    assert main([*words, f"--output={tmp_path / 'a'}"]) == 2


def test_a_damaged_shard_is_said_and_the_rest_is_counted(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in dataset.glob("0*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    table = tmp_path / "00001.parquet"
    table.write_bytes(table.read_bytes()[:-30])

    assert main(["inspect", str(tmp_path), "--json"]) == 1

    shown = capsys.readouterr()
    found = json.loads(shown.out)
    assert (found["rows"], found["shards"]) == (ROWS - SHARD, 3)
    assert "00001" in found["unreadable"][0]
    assert "img2dataset verify" in shown.err


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def remove_an_image(folder: Path) -> None:
    next(folder.glob("*.jpg")).unlink()


DAMAGE: dict[str, Callable[[Path], None]] = {
    "webdataset": lambda folder: cut(folder / "00001.tar"),
    "tfrecord": lambda folder: cut(folder / "00001.tfrecord"),
    "parquet": lambda folder: cut(folder / "00001.parquet"),
    "files": lambda folder: remove_an_image(folder / "00001"),
    "mds": lambda folder: cut(next((folder / "00001").glob("*.mds"))),
}
every_damage = pytest.mark.parametrize(
    "output_format",
    [pytest.param(n, marks=() if n == "webdataset" else pytest.mark.slow) for n in DAMAGE],
)


@every_damage
def test_images_that_cannot_be_read_are_said_and_the_others_copied(
    make: Make, output_format: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Path(shutil.copytree(make(output_format), tmp_path / "damaged"))
    DAMAGE[output_format](folder)

    assert main(["inspect", str(folder), "--sample=16", f"--output={tmp_path / 'some'}"]) == 1

    assert "damaged, and not read: 00001: " in capsys.readouterr().err
    keys = {path.stem for path in (tmp_path / "some").glob("*.jpg")}
    assert SHARD <= len(keys) < 16
    with (tmp_path / "some" / "samples.csv").open(newline="") as file:
        assert {row["key"] for row in csv.DictReader(file)} == keys


@every_damage
def test_images_that_cannot_be_shown_are_said(
    make: Make, output_format: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Path(shutil.copytree(make(output_format), tmp_path / "damaged"))
    DAMAGE[output_format](folder)

    assert main(["report", str(folder), f"--html={tmp_path / 'page.html'}"]) == 1

    shown = capsys.readouterr()
    assert shown.out == f"{tmp_path / 'page.html'}\n"
    assert "damaged, and not" in shown.err
    assert "<li>00001: " in (tmp_path / "page.html").read_text()


@pytest.mark.parametrize("name", ["00001.tar", "00001.parquet", "00001_stats.json"])
def test_a_shard_that_lacks_a_file_is_left_out_of_a_sample_and_said(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    folder = Path(shutil.copytree(dataset, tmp_path / "damaged"))
    (folder / name).write_bytes(b"{}") if "stats" in name else (folder / name).unlink()

    assert main(["inspect", str(folder), "--sample=16", f"--output={tmp_path / 'some'}"]) == 1

    said = "cannot be read" if "stats" in name else "is missing"
    assert f"00001: {name} {said}" in capsys.readouterr().err
    assert len(list((tmp_path / "some").glob("*.jpg"))) >= SHARD


@pytest.mark.parametrize("damage", [cut, Path.unlink])
def test_failed_rows_of_a_damaged_shard_are_missed(
    dataset: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    damage: Callable[[Path], None],
) -> None:
    folder = Path(shutil.copytree(dataset, tmp_path / "damaged"))
    damage(folder / "00001.parquet")

    assert run_failed(folder) == 1

    shown = capsys.readouterr()
    rows = [row for row in read_rows(dataset) if row["status"] != "success"]
    assert [row["key"] for row in csv.DictReader(io.StringIO(shown.out))] == [
        row["key"] for row in rows if not row["key"].startswith("00001")
    ]
    assert "damaged, and not read: 00001: " in shown.err


def test_what_looks_at_a_dataset_writes_nothing_into_it(dataset: Path, tmp_path: Path) -> None:
    commands = (
        ["inspect"], ["inspect", "--failed"], ["inspect", "--sample=2", f"--output={tmp_path}/some"],
        ["report", f"--html={tmp_path}/page.html"],
    )  # fmt: skip

    with read_only(dataset):
        assert [main([each[0], str(dataset), *each[1:]]) for each in commands] == [0] * 4


# -- where files are written


@pytest.mark.parametrize(
    "words",
    [
        ["report", "."],
        ["report", "../ds", "--html=sub/page.html"],
        ["report", "../linked", "--html=../ds/00000.parquet"],
        ["inspect", ".", "--failed", "--output=again.csv"],
        ["inspect", ".", "--sample=2", "--output=some"],
    ],
)
def test_nothing_is_written_into_the_dataset(
    dataset: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
) -> None:
    folder = Path(shutil.copytree(dataset, tmp_path / "ds"))
    (tmp_path / "linked").symlink_to(folder)
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    monkeypatch.chdir(folder)

    assert main(words) == 2

    assert "would be in the dataset" in capsys.readouterr().err
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


@pytest.mark.parametrize(
    "words", [["report", "--html=FILE"], ["inspect", "--failed", "--output=FILE"]]
)
@pytest.mark.parametrize("content", [b"mine", b"<!doctype html>\n<html lang=en>"])
def test_no_other_file_is_overwritten(
    dataset: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    content: bytes,
) -> None:
    path = tmp_path / "mine.csv"
    path.write_bytes(content)

    assert main([words[0], str(dataset), *(w.replace("FILE", str(path)) for w in words[1:])]) == 2

    assert f"{path} is there already, and is not overwritten" in capsys.readouterr().err
    assert path.read_bytes() == content


def test_a_page_is_written_anew_and_an_empty_file_is_filled(dataset: Path, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.touch()

    for seed in (1, 2):
        write_report(str(dataset), str(path), seed=seed)
        assert f"chosen with seed {seed}." in path.read_text()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with a name here")
def test_a_pipe_is_neither_read_nor_replaced(dataset: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.html")

    with pytest.raises(OptionError, match="is there already"):
        write_report(str(dataset), str(tmp_path / "pipe.html"))


def test_elsewhere_nothing_is_written_into_the_dataset_or_over_a_file(dataset: Path) -> None:
    memory = fsspec.filesystem("memory")
    memory.put(str(dataset), "/looked-at", recursive=True)
    memory.pipe_file("/beside/page.html", b"mine")

    with pytest.raises(OptionError, match="would be in the dataset"):
        write_report("memory://looked-at", "memory://looked-at/page.html")
    with pytest.raises(OptionError, match="is there already"):
        write_report("memory://looked-at", "memory://beside/page.html")
    write_report("memory://looked-at", "memory://beside/of-looked-at.html")

    assert memory.cat_file("/beside/page.html") == b"mine"


def test_an_unknown_message_is_shown(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Path(shutil.copytree(dataset, tmp_path / "ds"))
    path = folder / "00002.parquet"
    table = pq.read_table(path)
    place = table.column_names.index("error_message")
    messages = [
        text and "OpenCV has no word for it\n" for text in table["error_message"].to_pylist()
    ]
    pq.write_table(table.set_column(place, "error_message", [messages]), path)

    assert main(["inspect", str(folder)]) == 0

    shown = capsys.readouterr().out
    assert re.search(r"\) unknown\n    OpenCV has no word for it \d\n", shown)


def test_a_folder_without_a_dataset_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="has no shards"):
        inspect(str(tmp_path))
    with pytest.raises(OptionError, match="has no shards"):
        write_report(str(tmp_path / "missing"), str(tmp_path / "page.html"))


def test_help_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("inspect", "report"):
        assert main([command, "--help"]) == 0
        assert "Exit codes" in capsys.readouterr().out
