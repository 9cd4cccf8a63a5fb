"""Lists with odd lines -> every line has a record, and the last lines on the terminal say so."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.commands import run, write_list
from tests.e2e.dataset import Dataset
from tests.site import Site


@pytest.mark.slow
def test_stray_quotes_cost_no_row_and_malformed_lines_are_shown(tmp_path: Path) -> None:
    captions = ["plain", '"No more rain" a poster', '"open', 'a 6" pipe', 'close"', "last"]
    with Site() as site:
        urls = [site.url(f"/image/{number}.jpg") for number in range(len(captions))]
        lines = [f"{url}\t{caption}" for url, caption in zip(urls, captions, strict=True)]
        lines.insert(3, f"{urls[0]}\tone\ttwo")
        path = tmp_path / "list.tsv"
        path.write_text("url\tcaption\n" + "\n".join(lines))
        code, said = run([
            f"--url_list={path}", "--input_format=tsv", "--caption_col=caption",
            f"--output_folder={tmp_path / 'out'}", "--output_format=webdataset",
            "--processes_count=1", "--number_sample_per_shard=4",
        ])  # fmt: skip

    rows = Dataset(tmp_path / "out").rows
    assert code == 0
    assert [row["caption"] for row in rows if row["status"] == "success"] == captions
    assert [row["error_message"] for row in rows if row["status"] != "success"] == [
        "malformed input line 5: 3 columns instead of 2"
    ]
    assert "1 line of the list is malformed" in said
    assert f"list.tsv, line 5, '{urls[0]}" in said
    assert ": 3 columns instead of 2" in said


@pytest.mark.slow
def test_a_list_in_windows_1252_keeps_its_letters_and_says_so_first(tmp_path: Path) -> None:
    with Site() as site:
        path = tmp_path / "list.csv"
        url = site.url("/image/1.jpg")
        path.write_bytes(f"url,caption\r\n{url},café\r\n".encode("cp1252"))
        code, said = run([
            f"--url_list={path}", "--input_format=csv", "--caption_col=caption",
            f"--output_folder={tmp_path / 'out'}", "--processes_count=1",
        ])  # fmt: skip

    assert code == 0
    assert [row["caption"] for row in Dataset(tmp_path / "out").rows] == ["café"]
    notice, summary = (said.index("read as windows-1252"), said.rindex("read as windows-1252"))
    assert notice < said.index("outcome") < summary


@pytest.mark.slow
def test_captions_of_bare_urls_are_empty_files_that_verify_knows(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with Site() as site:
        path = write_list(tmp_path / "list.txt", [site.url(f"/image/{n}.jpg") for n in range(3)])
        command = [
            f"--url_list={path}", "--caption_col=caption", f"--output_folder={out}",
            "--processes_count=1",
        ]  # fmt: skip
        code, said = run(command)
        again, _ = run(command)

    captions = sorted((out / "00000").glob("*.txt"))
    assert (code, again) == (0, 0)
    assert [file.name for file in captions] == [f"{n:09d}.txt" for n in range(3)]
    assert {file.read_bytes() for file in captions} == {b""}
    assert all("caption" not in row for row in Dataset(out).rows)
    assert "caption" not in (out / "00000" / "000000000.json").read_text()
    assert said.count("caption_col is 'caption'") == 1
    assert run(["verify", str(out), "--deep"])[0] == 0
