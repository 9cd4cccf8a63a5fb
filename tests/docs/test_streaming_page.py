"""The code that docs/streaming.md shows works as it stands there."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.docs_examples import ROOT
from tests.site import Site

PAGE = (ROOT / "docs" / "streaming.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
LIBRARIES = ("torch", "datasets", "ray")
EXPECTED = {
    "print(sample.key, sample.url, len": r"00000000[01] http://\S+/image/\d.jpg \d+ \(256, 256, 3\)\n",
    "astream": r"(00000000[01]\n){2}",
    "state_dict": r"1 more\n",
    "DataLoader": r"batch 2\n",
    "read_like_webdataset": r"(\['__key__', '__url__', 'jpg', 'json', 'txt'\]\n){2}",
    "IterableDataset": r"(\(256, 256\) http://\S+\n){2}",
    "StreamSource": r"2 images\n",
}
"""Part of a block -> what it says."""
INSTEAD = {
    'print(ray.data.read_datasource(StreamSource("urls.txt")).count(), "images")': (
        'tasks = StreamSource("urls.txt").get_read_tasks(1)\n'
        'print(sum(block.num_rows for task in tasks for block in task()), "images")'
    ),
}
"""Line of a block -> what is run in its place: a cluster takes minutes to start on a busy machine,
and its read task can be called without one."""


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with Site() as running:
        yield running


def find_library(code: str) -> str | None:
    return next(
        (name for name in LIBRARIES if re.search(rf"^(from|import) {name}\b", code, re.MULTILINE)),
        None,
    )


def test_each_block_is_known() -> None:
    assert len(BLOCKS) == len(EXPECTED)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("part", EXPECTED)
def test_what_the_page_shows_works(part: str, site: Site, tmp_path: Path) -> None:
    (code,) = (block for block in BLOCKS if part in block)
    library = find_library(code)
    if library is not None and find_spec(library) is None:
        pytest.skip(f"{library} is not installed")
    urls = [site.url("/image/1.jpg"), site.url("/image/2.jpg"), site.url("/status/404")]
    (tmp_path / "urls.txt").write_text("\n".join(urls))
    for line, other in INSTEAD.items():
        code = code.replace(line, other)
    (tmp_path / "script.py").write_text(code)

    done = subprocess.run(
        [sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, timeout=250,
        check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert re.search(EXPECTED[part], done.stdout), done.stdout
