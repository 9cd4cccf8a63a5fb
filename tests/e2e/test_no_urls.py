"""Columns that hold no URLs -> refused, or said before the first download."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from img2dataset import OptionError, download
from tests.e2e.commands import run


@pytest.mark.slow
@pytest.mark.parametrize("value", ["a caption", "pictures/1"])
def test_a_list_without_urls_says_first_what_it_has(tmp_path: Path, value: str) -> None:
    path = tmp_path / "list.csv"
    path.write_text(f"url,caption\n{value},x\n{value},y\n")
    code, text = run([
        f"--url_list={path}", "--input_format=csv", f"--output_folder={tmp_path / 'out'}",
        "--processes_count=1", "--timeout=1", "--retries=0",
    ])  # fmt: skip

    assert code == 1
    notice = f"none of its first 2 values is a URL, nor are those of another column; the first is {value!r}"
    assert text.index(notice) < text.index("outcome")


@pytest.mark.parametrize(
    "lists", [[["http://x/1.jpg", None], []], [[], []], [[None, "http://x/1.jpg"]]]
)
def test_lists_of_urls_are_refused_also_where_some_are_empty(
    tmp_path: Path, lists: list[list[str | None]]
) -> None:
    path = tmp_path / "list.parquet"
    pq.write_table(pa.table({"images": pa.array(lists, pa.list_(pa.string()))}), path)
    with pytest.raises(OptionError, match="its values are lists or objects, not URLs"):
        download(
            url_list=str(path), input_format="parquet", url_col="images",
            output_folder=str(tmp_path / "out"),
        )  # fmt: skip
