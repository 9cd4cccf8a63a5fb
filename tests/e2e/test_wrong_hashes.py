"""A list whose hashes are those of other files -> it is said while the run is young."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.commands import run
from tests.e2e.dataset import Dataset
from tests.site import Site

FIRST = "none of the first 100 downloaded files has the hash of its row"


def hash_list(path: Path, site: Site, count: int, hash_of: Callable[[int], str]) -> list[str]:
    """The options of a run on a list of `count` rows with such hashes."""
    rows = [f"{site.url(f'/image/{number}.jpg')},{hash_of(number)}" for number in range(count)]
    path.write_text("\n".join(["url,h", *rows]))
    return [
        f"--url_list={path}", "--input_format=csv", '--verify_hash=["h","md5"]',
        "--compute_hash=md5", f"--output_folder={path.parent / 'out'}",
        "--number_sample_per_shard=130", "--image_size=16", "--output_format=webdataset",
    ]  # fmt: skip


def md5(text: object) -> str:
    return hashlib.md5(str(text).encode()).hexdigest()


@pytest.mark.slow
def test_hashes_of_other_files_are_said_once_and_the_run_goes_on(
    site: Site, tmp_path: Path
) -> None:
    options = hash_list(tmp_path / "list.csv", site, 260, md5)
    code, said = run([*options, "--processes_count=2"])

    assert code == 1
    assert said.count(FIRST) == 1
    notice = next(line for line in said.splitlines() if FIRST in line)
    assert "verify_hash is ['h', 'md5']" in notice
    named = [number for number in range(260) if f"/image/{number}.jpg'" in notice]
    assert len(named) == 1
    assert f"'h' says {md5(named[0])!r}, but the md5 of what came is '" in notice
    assert said.index(FIRST) < said.index("outcome")
    assert len(Dataset(tmp_path / "out").rows) == 260
