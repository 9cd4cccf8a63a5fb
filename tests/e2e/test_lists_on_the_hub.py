"""Lists on the Hugging Face Hub: patterns, the token, and what to do without one."""

from __future__ import annotations

import io
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.e2e.commands import run
from tests.e2e.dataset import Dataset
from tests.site import Site
from tests.stores.hub import serve_hub

pytest.importorskip("huggingface_hub")
pytestmark = pytest.mark.slow


def make_parquet(url: str) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table({"url": [url]}), sink)
    return sink.getvalue()


def test_a_gated_list_is_read_with_the_token_and_without_says_what_to_accept_where(
    tmp_path: Path,
) -> None:
    with Site() as site:
        files = {
            f"data/{number}.parquet": make_parquet(site.url(f"/image/{number}.jpg"))
            for number in range(2)
        }
        files |= {"data/.0.parquet.crc": b"crc", "README.md": b"a card"}
        with serve_hub(files) as hub:
            hidden = {"HF_ENDPOINT": hub, "HF_HOME": str(tmp_path / "home"), "HF_TOKEN": ""}

            def read(location: str, token: str, name: str) -> tuple[int, str]:
                return run(
                    [f"--url_list={location}", "--input_format=parquet", "--processes_count=1",
                     f"--output_folder={tmp_path / name}", "--output_format=webdataset"],
                    {**hidden, "HF_TOKEN": token},
                )  # fmt: skip

            pattern = "hf://datasets/o/gated/**.parquet"
            good, _ = read(pattern, "good", "out")
            by_web, _ = read(f"{hub}/datasets/o/gated/resolve/main/data/0.parquet", "good", "web")
            refused = [read(pattern, token, "none") for token in ("", "bad")]
            web = read(f"{hub}/datasets/o/gated/resolve/main/data/0.parquet", "", "none")
            gone = read("hf://datasets/o/gone/data/*.parquet", "", "none")

    assert (good, by_web) == (0, 0)
    assert len(Dataset(tmp_path / "out").rows) == 2
    page = "accept the terms at https://huggingface.co/datasets/o/gated"
    assert [code for code, _ in (*refused, web, gone)] == [2] * 4
    for _, said in (*refused, web):
        assert page in said
        assert "Traceback" not in said
    assert "without a token (401)" in refused[0][1]
    assert "set HF_TOKEN" in refused[0][1]
    assert "(403)" in refused[1][1]
    assert "with the account of HF_TOKEN" in refused[1][1]
    assert "https://huggingface.co/datasets/o/gone" in gone[1]
