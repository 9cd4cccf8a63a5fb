"""Datasets with indexes, read by the libraries that the indexes are for.

Each library is in the extra loader-tests, and reads in a process of its own: they warn, start
threads and change global state.  Those that are not installed are skipped.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

import img2dataset
from img2dataset import download
from tests.e2e.test_indexes import SETTINGS, write_list
from tests.site import Site

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
CAPTIONS = {"000000": "plain", "000001": "", "000003": "zwölf 日本", "000020": "c8", "000021": "c9"}
"""Key -> caption of the rows that have an image."""


def needs(module: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(find_spec(module) is None, reason=f"{module} is not installed")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset with failures, an empty shard, and captions that are missing or not ASCII."""
    root = tmp_path_factory.mktemp("readers")
    with Site() as site:
        urls = [site.url(f"/exif/{n % 8 + 1}.jpg") for n in range(10)]
        urls[2] = site.url("/html")
        urls[4:8] = [site.url("/status/404", n=n) for n in range(4)]
        captions = {0: "plain", 1: "", 3: "zwölf 日本"}
        lines = [f"{url},{captions.get(n, f'c{n}')}" for n, url in enumerate(urls)]
        (root / "list.csv").write_text("\n".join(["url,caption", *lines]) + "\n")
        download(
            str(root / "list.csv"), output_folder=str(root / "out"), indexes=["all"], **SETTINGS
        )
    img2dataset.index(str(root / "out"))
    return root / "out"


def read(program: str, *arguments: object, **environment: str) -> Any:
    """Run a program in a process of its own; what it prints last is JSON."""
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)], capture_output=True, text=True,
        timeout=200, check=False, env={**os.environ, **environment},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@needs("wids")
def test_wids_finds_samples_by_their_number(folder: Path, tmp_path: Path) -> None:
    program = """
import json, sys, wids
found = wids.ShardListDataset(sys.argv[1], transformations=[])
print(json.dumps({found[n]["__key__"]: found[n][".txt"].read().decode() for n in range(len(found))}))
"""
    assert read(program, folder / "wids.json", WIDS_CACHE=str(tmp_path)) == CAPTIONS


ENERGON = """
import json, os, sys
from megatron.energon import WorkerConfig, get_loader, get_train_dataset
from megatron.energon.cli.main import main
from megatron.energon.epathlib import EPath
from megatron.energon.flavors.webdataset.indexing import SqliteIndexReader

def train(folder):
    found = get_train_dataset(
        folder, batch_size=None, shuffle_buffer_size=None, max_samples_per_sequence=None,
        repeat=False, worker_config=WorkerConfig(rank=0, world_size=1, num_workers=0),
    )
    return {each.__key__: [list(each.image.shape), getattr(each, "caption", None)] for each in get_loader(found)}

folder, without_captions, prepared = sys.argv[1:]
index = SqliteIndexReader(EPath(folder) / ".nv-meta" / "index.sqlite")
part = index.get_sample_part("000020", "txt")
with open(f"{folder}/00002.tar", "rb") as tar:
    tar.seek(part.raw_byte_offset)
    caption = tar.read(part.raw_byte_size).decode()
main([
    "prepare", "--non-interactive", "--split-ratio", "1,0,0", "--sample-type", "CaptioningSample",
    "--field-map", '{"image": "jpg", "caption": "txt"}', prepared,
], standalone_mode=False)
print()
print(json.dumps([train(folder), train(without_captions), index.get_sample_count(), caption]), flush=True)
os._exit(0)  # its threads may take a minute to end
"""


@needs("megatron")
def test_energon_reads_it_as_if_it_had_prepared_it(
    folder: Path, tmp_path: Path, site: Site
) -> None:
    """Its loader, its look-up by key, and its own command on the same tars, but for the empty one,
    which it refuses.  In one process, since its import takes long."""
    listed = write_list(tmp_path / "list.csv", [site.url("/image/1.jpg")])
    options = {**SETTINGS, "caption_col": None, "encode_format": "png"}
    download(str(listed), output_folder=str(tmp_path / "bare"), indexes=["energon"], **options)
    prepared = tmp_path / "prepared"
    prepared.mkdir()
    for name in ("00000.tar", "00002.tar"):
        shutil.copy(folder / name, prepared)

    trained, bare, count, caption = read(ENERGON, folder, tmp_path / "bare", prepared)

    assert trained == {key: [[3, 24, 24], text] for key, text in CAPTIONS.items()}
    assert bare == {"000000": [[3, 24, 24], None]}
    assert (count, caption) == (5, "c8")
    for name in ("00000.tar.idx", "00002.tar.idx"):
        assert (folder / name).read_bytes() == (prepared / name).read_bytes()
    assert tables(folder) == tables(prepared)
    infos = [json.loads((each / ".nv-meta/.info.json").read_text()) for each in (folder, prepared)]
    assert list(infos[0]["shard_counts"].items()) == list(infos[1]["shard_counts"].items())
    ours = (folder / ".nv-meta/dataset.yaml").read_text().partition("\n")[2]
    assert ours == (prepared / ".nv-meta/dataset.yaml").read_text()


def tables(folder: Path) -> dict[str, list[Any]]:
    """What is in the database of Energon."""
    with closing(sqlite3.connect(folder / ".nv-meta/index.sqlite")) as database:
        schema = "SELECT name, replace(replace(sql, ' ', ''), char(10), '') FROM sqlite_master"
        return {
            "samples": sorted(database.execute("SELECT * FROM samples")),
            "parts": sorted(database.execute("SELECT * FROM sample_parts")),
            "schema": sorted(database.execute(f"{schema} WHERE sql IS NOT NULL")),
        }


if sys.version_info >= (3, 12):  # which webshart needs

    @needs("webshart")
    def test_webshart_finds_samples_and_their_sizes(folder: Path) -> None:
        program = """
import json, sys, webshart
dataset = webshart.discover_dataset(sys.argv[1])
loader = webshart.TarDataLoader(dataset)
found = {}
for shard in range(dataset.num_shards):
    for number in range(len(dataset.list_samples_in_shard(shard))):
        each = loader.load_sample(shard, number)
        found[each.path] = [each.captions, each.width, each.height, len(each.data) == each.size]
print(json.dumps(found))
"""
        found = read(program, folder)
        assert found.keys() == {f"{key}.jpg" for key in CAPTIONS}
        assert found["000003.jpg"] == ["zwölf 日本", 24, 24, True]


def test_open_clip_finds_the_length_of_an_epoch(folder: Path) -> None:
    """By its rule: the sum over the tars, by their names, of sizes.json in the folder of the first."""
    shards = sorted(map(str, folder.glob("*.tar")))
    sizes = json.loads((Path(shards[0]).parent / "sizes.json").read_text())

    assert sum(int(sizes[os.path.basename(shard)]) for shard in shards) == 5  # noqa: PTH119


def test_webdataset_reads_the_tars_as_without_indexes(folder: Path) -> None:
    program = """
import json, sys, webdataset
found = webdataset.WebDataset(sys.argv[1], shardshuffle=False, empty_check=False)
print(json.dumps({each["__key__"]: each["txt"].decode() for each in found}))
"""
    assert read(program, f"{folder}/{{00000..00002}}.tar") == CAPTIONS
