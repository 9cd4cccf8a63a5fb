"""The ways to call it: a plain script, a notebook, a command line; and what they get told."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from img2dataset.cli.command import main
from tests.site import Site


def call(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], cwd=cwd, capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip


@pytest.mark.slow
def test_a_plain_script_needs_no_main_guard(tmp_path: Path) -> None:
    with Site() as site:
        script = tmp_path / "script.py"
        script.write_text(
            "from img2dataset import download\n"
            "print('once')\n"
            f"report = download([{site.url('/image/1.jpg')!r}], processes_count=2)\n"
            "print(report.successes)\n"
        )
        result = call("script.py", cwd=tmp_path)

    assert result.returncode == 0, result.stderr
    assert result.stdout == "once\n1\n"
    assert (tmp_path / "images" / "00000" / "000000000.jpg").exists()


@pytest.mark.slow
def test_code_from_standard_input_works_like_a_notebook_cell(tmp_path: Path) -> None:
    with Site() as site:
        code = (
            "from img2dataset import download;"
            f"print(download([{site.url('/image/1.jpg')!r}]).successes)"
        )
        result = call("-c", code, cwd=tmp_path)

    assert result.stdout == "1\n", result.stderr


@pytest.mark.slow
def test_relative_folders_are_relative_to_the_caller(tmp_path: Path) -> None:
    with Site() as site:
        (tmp_path / "list.txt").write_text(site.url("/image/1.jpg"))
        result = call("-m", "img2dataset", "list.txt", "64", "deep/out", cwd=tmp_path)

    assert result.returncode == 0, result.stderr
    assert (tmp_path / "deep" / "out" / "00000.parquet").exists()


@pytest.mark.slow
def test_not_one_image_is_exit_code_1_and_an_advice(tmp_path: Path) -> None:
    with Site() as site:
        (tmp_path / "list.txt").write_text(site.url("/status/404"))
        result = call("-m", "img2dataset", "list.txt", cwd=tmp_path)
        again = call("-m", "img2dataset", "list.txt", cwd=tmp_path)

    assert result.returncode == again.returncode == 1
    assert "404: 1" in result.stderr
    assert result.stdout == ""
    assert "1 shard in images was done before, without a single image" in again.stderr


@pytest.mark.slow
def test_what_is_left_may_fail_where_there_are_images(tmp_path: Path) -> None:
    with Site() as site:
        urls = [site.url("/image/1.jpg"), site.url("/status/404")]
        (tmp_path / "list.txt").write_text("\n".join(urls))
        command = ("-m", "img2dataset", "list.txt", "--number_sample_per_shard=1")
        call(*command, cwd=tmp_path)
        (tmp_path / "images" / "00001_stats.json").unlink()
        result = call(*command, cwd=tmp_path)

    assert "done: 1 image of 2 rows (50.0%) in images; this run: 0 images of 1 row" in result.stderr
    assert result.returncode == 0


@pytest.mark.slow
def test_a_table_that_is_taken_for_txt_is_said_before_the_work(tmp_path: Path) -> None:
    with Site() as site:
        urls = [site.url(f"/image/{number}.jpg") for number in range(3)]
        (tmp_path / "links.csv").write_text("\n".join(["url", *urls, "a note"]) + "\n")
        result = call("-m", "img2dataset", "links.csv", cwd=tmp_path)

    assert result.returncode == 0
    said = [line for line in result.stderr.splitlines() if "use input_format=csv" in line]
    assert len(said) == 1, result.stderr
    assert result.stderr.index(said[0]) < result.stderr.index("worker  - success")


@pytest.mark.slow
@pytest.mark.parametrize(
    "closed",
    [
        *(pytest.param(one, marks=pytest.mark.slow) for one in ("2>&-", "<&-", ">&-")),
        "<&- >&- 2>&-",
    ],
)
def test_closed_standard_files_are_no_harm(tmp_path: Path, closed: str) -> None:
    with Site() as site:
        (tmp_path / "list.txt").write_text(site.url("/image/1.jpg"))
        command = f"exec {sys.executable} -m img2dataset list.txt {closed}"
        result = subprocess.run(["bash", "-c", command], cwd=tmp_path, timeout=60, check=False)

    assert result.returncode == 0
    assert (tmp_path / "images" / "00000" / "000000000.jpg").exists()


BAD = {
    "a missing list": (["nowhere.txt"], "nowhere.txt"),
    "an unknown flag": (["list.txt", "--imagesize=3"], "image_size"),
    "a bad value": (["list.txt", "--resize_mode=crop"], "center_crop"),
    "a missing column": (
        ["list.csv", "--input_format=csv", "--caption_col=text"], "'url', 'words'",
    ),
    "a malformed file": (["list.csv", "--input_format=parquet"], "list.csv"),
    "an empty list": (["empty.txt"], "empty.txt"),
    "an unwritable output": (["list.txt", "--output_folder=list.txt/out"], "output_folder"),
    "an engine that nobody knows": (["list.txt", "--distributor=dask"], "multiprocessing"),
    "a reserved column": (
        ["list.csv", "--input_format=csv", "--save_additional_columns=width"], "reserves",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_usage_is_one_line_exit_code_2_and_nothing_is_written(
    tmp_path: Path, case: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "list.txt").write_text("http://127.0.0.1:1/\n")
    (tmp_path / "list.csv").write_text("url,words\nhttp://127.0.0.1:1/,a\n")
    (tmp_path / "empty.txt").write_text("\n\n")
    before = sorted(path.name for path in tmp_path.iterdir())
    arguments, named = BAD[case]

    code = main(arguments)

    said = capfd.readouterr().err
    assert code == 2, said
    assert len(said.strip().splitlines()) == 1, said
    assert named in said
    assert sorted(path.name for path in tmp_path.iterdir()) == before
