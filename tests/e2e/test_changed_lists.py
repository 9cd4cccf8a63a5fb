"""A list is mended, grows or shrinks: the same command goes on, or says which shards that touches."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from img2dataset import OptionError, download
from img2dataset.errors import SourceError
from img2dataset.report import Report
from tests.e2e.commands import run
from tests.e2e.dataset import Dataset
from tests.site import Site
from tests.stores.s3 import BUCKET, S3Server

SIZE = 2
"""Rows per shard."""
PER_FILE = 3
"""Rows of a file: two shards."""


class Lists:
    """A list of files in a folder, and the dataset that is made from it."""

    def __init__(self, folder: Path, site: Site, input_format: str = "parquet") -> None:
        self.folder = folder / "lists"
        self.folder.mkdir()
        self.out = folder / "out"
        self._site = site
        self.input_format = input_format

    def path(self, number: int) -> Path:
        return self.folder / f"part-{number}.{self.input_format}"

    def urls(self, start: int, count: int = PER_FILE) -> list[str]:
        return [self._site.url(f"/image/{n}.jpg") for n in range(start, start + count)]

    def write(self, number: int, urls: list[str]) -> None:
        path = self.path(number)
        match self.input_format:
            case "parquet":
                pq.write_table(pa.table({"url": urls}), path)
            case "txt":
                path.write_text("".join(f"{url}\n" for url in urls))
            case "csv.gz":
                path.write_bytes(gzip.compress("\n".join(["url", *urls]).encode()))
            case _:
                path.write_text("".join(f'{{"url": "{url}"}}\n' for url in urls))

    def write_all(self, count: int = 3) -> None:
        for number in range(count):
            self.write(number, self.urls(10 * number))

    def options(self, **more: Any) -> dict[str, Any]:
        return {
            "input_format": self.input_format, "output_folder": str(self.out),
            "output_format": "webdataset", "number_sample_per_shard": SIZE, "image_size": 32,
            "thread_count": 4, **more,
        }  # fmt: skip

    def run(self, **more: Any) -> Report:
        return download(str(self.folder), **self.options(**more))

    def command(self, *more: str) -> tuple[int, str]:
        """Exit code, and the last line."""
        flags = [f"--{name}={value}" for name, value in self.options().items()]
        code, said = run([str(self.folder), *flags, *more])
        return code, said.splitlines()[-1]

    def check(self, *files: list[str]) -> None:
        """The dataset is what the list says, all of it and nothing else."""
        dataset = Dataset(self.out)
        dataset.check_whole(sum(map(len, files)))
        assert [row["url"] for row in dataset.rows] == [url for urls in files for url in urls]
        fresh = dataset.visible
        shards = sum((len(urls) + SIZE - 1) // SIZE for urls in files)
        assert len(fresh) == 3 * shards

    def stamps(self) -> dict[str, int]:
        return {path.name: path.stat().st_mtime_ns for path in self.out.glob("*.tar")}


@pytest.fixture
def lists(tmp_path: Path, site: Site) -> Lists:
    made = Lists(tmp_path, site)
    made.write_all()
    return made


@pytest.fixture
def lists_of(tmp_path: Path, site: Site) -> Callable[[str], Lists]:
    def make(input_format: str) -> Lists:
        made = Lists(tmp_path, site, input_format)
        made.write_all()
        return made

    return make


def damage(path: Path) -> None:
    """Make the rows of a Parquet file unreadable, not its footer."""
    data = bytearray(path.read_bytes())
    data[4:60] = b"\xff" * 56
    path.write_bytes(data)


@pytest.mark.slow
def test_after_a_damaged_file_is_mended_the_same_command_goes_on(lists: Lists) -> None:
    damage(lists.path(1))
    code, last = lists.command()
    assert (code, "not done: 2 shards failed (00002, 00003)" in last) == (1, True), last
    before = lists.stamps()
    assert set(before) == {"00000.tar", "00001.tar", "00004.tar", "00005.tar"}

    lists.write(1, lists.urls(10))
    code, last = lists.command()

    assert code == 0, last
    lists.check(lists.urls(0), lists.urls(10), lists.urls(20))
    assert lists.stamps().items() >= before.items(), "what was done is kept"


@pytest.mark.slow
def test_after_a_file_that_was_cut_off_is_mended_too(lists_of: Callable[[str], Lists]) -> None:
    lists = lists_of("csv.gz")
    whole = lists.path(1).read_bytes()
    lists.path(1).write_bytes(whole[:-12])
    code, last = lists.command()
    assert code == 1, last
    assert "part-1.csv.gz is not a whole gzip file" in last
    assert last.endswith("mend the list, then run the same command again to go on")

    lists.path(1).write_bytes(whole)
    code, last = lists.command()

    assert code == 0, last
    lists.check(lists.urls(0), lists.urls(10), lists.urls(20))


@pytest.mark.slow
def test_a_file_that_was_empty_moves_the_shards_of_those_after_it(
    lists_of: Callable[[str], Lists],
) -> None:
    lists = lists_of("jsonl")
    lists.write(1, [])
    assert lists.run().shards_done == 4
    lists.write(1, lists.urls(10))

    with pytest.raises(OptionError, match=r"touches 2 shards: 00002 to 00003 \(part-1\.jsonl\)"):
        lists.run()
    assert lists.run(accept_changed_list=True).shards_done == 4
    lists.check(lists.urls(0), lists.urls(10), lists.urls(20))


@pytest.mark.slow
@pytest.mark.parametrize("input_format", ["parquet", "txt"])
def test_a_list_grows_at_its_end(lists_of: Callable[[str], Lists], input_format: str) -> None:
    lists = lists_of(input_format)
    assert lists.run().shards_done == 6
    before = lists.stamps()

    lists.write(3, lists.urls(30))

    report = lists.run()
    assert (report.shards_done, report.shards_skipped) == (2, 6)
    lists.check(*(lists.urls(10 * number) for number in range(4)))
    assert lists.stamps().items() >= before.items()
    assert lists.run().shards_skipped == 8


@pytest.mark.slow
@pytest.mark.parametrize("input_format", ["parquet", "txt"])
def test_rows_that_are_stored_and_have_changed_are_told_by_file_and_shard(
    lists_of: Callable[[str], Lists], input_format: str
) -> None:
    lists = lists_of(input_format)
    lists.run()
    before = lists.stamps()
    changed = [*lists.urls(10, 2), *lists.urls(99, 2)]
    lists.write(1, changed)

    code, last = lists.command()

    assert code == 2
    assert f"part-1.{input_format} has other content" in last
    assert f"touches 1 shard: 00003 (part-1.{input_format})" in last
    assert "accept_changed_list=True" in last
    assert lists.stamps() == before

    code, last = lists.command("--accept_changed_list")

    assert code == 0, last
    lists.check(lists.urls(0), changed, lists.urls(20))
    after = lists.stamps()
    assert {name for name in after if after[name] != before[name]} == {"00003.tar"}
    assert lists.run().shards_skipped == 6


@pytest.mark.slow
@pytest.mark.parametrize("output_format", ["files", "dummy"])
def test_a_file_less_takes_its_shards_along(lists: Lists, output_format: str) -> None:
    options = {"output_format": output_format}
    lists.run(**options)
    lists.path(1).unlink()

    with pytest.raises(OptionError, match=r"touches 4 shards: 00002 to 00003 .part-2.*no longer"):
        lists.run(**options)
    report = lists.run(**options, accept_changed_list=True)

    assert (report.shards_done, report.shards_skipped) == (2, 2)
    names = {name.partition(".")[0].partition("_")[0] for name in Dataset(lists.out).visible}
    assert names == {"00000", "00001", "00002", "00003"}
    if output_format != "dummy":
        urls = [row["url"] for row in Dataset(lists.out).rows]
        assert urls == [*lists.urls(0), *lists.urls(20)]


@pytest.mark.slow
def test_a_list_that_was_moved_renamed_or_touched_is_the_same(lists: Lists, tmp_path: Path) -> None:
    lists.run()
    os.utime(lists.path(0), (1, 1))
    for number in range(3):
        lists.path(number).rename(lists.folder / f"new-{number}.parquet")
    lists.folder.rename(tmp_path / "elsewhere")
    lists.folder = tmp_path / "elsewhere"

    code, last = lists.command()

    assert code == 0
    assert "nothing to do: 6 shards" in last


@pytest.mark.slow
def test_retry_goes_on_with_a_list_that_was_mended(lists: Lists) -> None:
    damage(lists.path(2))
    assert lists.run().shards_not_done == ("00004", "00005")
    lists.write(2, lists.urls(20))

    assert lists.run(incremental_mode="retry").shards_done == 2
    lists.check(lists.urls(0), lists.urls(10), lists.urls(20))


@pytest.mark.slow
def test_what_was_added_by_extend_may_grow_what_was_there_before_stays(
    lists: Lists, tmp_path: Path, site: Site
) -> None:
    lists.run()
    (tmp_path / "more").mkdir()
    more = Lists(tmp_path / "more", site)
    more.write(7, more.urls(70))
    more.out = lists.out
    more.run(incremental_mode="extend")
    more.write(8, more.urls(80))

    assert more.run().shards_done == 2

    lists.check(*(lists.urls(10 * number) for number in (0, 1, 2, 7, 8)))
    lists.write(3, lists.urls(30))
    with pytest.raises(OptionError, match="made with other settings"):
        lists.run(accept_changed_list=True)


@pytest.mark.slow
def test_a_part_goes_on_when_it_is_told_that_the_list_has_changed(lists: Lists) -> None:
    damage(lists.path(1))
    for part in ("0/2", "1/2"):
        assert not lists.run(part=part).complete
    lists.write(1, lists.urls(10))

    with pytest.raises(OptionError, match="only when no part runs that has seen the list"):
        lists.run(part="0/2")
    assert lists.run(part="0/2", accept_changed_list=True).shards_done == 1
    assert lists.run(part="1/2").shards_done == 1
    assert lists.run().shards_skipped == 6
    lists.check(lists.urls(0), lists.urls(10), lists.urls(20))

    lists.write(0, lists.urls(50))
    with pytest.raises(OptionError, match=r"touches 2 shards: 00000 to 00001 .*without part"):
        lists.run(part="0/2", accept_changed_list=True)
    lists.run(accept_changed_list=True)
    lists.check(lists.urls(50), lists.urls(10), lists.urls(20))


@pytest.mark.slow
def test_files_are_looked_at_before_anything_is_done(
    lists_of: Callable[[str], Lists],
) -> None:
    lists = lists_of("jsonl")
    lists.path(2).write_text('{"link": "x"}\n')

    with pytest.raises(OptionError, match=r"part-2.jsonl has no such column"):
        lists.run()

    assert not lists.out.exists()


@pytest.mark.slow
def test_a_dataset_is_made_beside_its_list_and_again(lists: Lists) -> None:
    lists.out = lists.folder
    assert lists.run().shards_done == 6

    report = lists.run()

    assert (report.shards_done, report.shards_skipped) == (0, 6)
    code, last = lists.command()
    assert code == 0
    assert "overwrite" not in last, "it would be refused"
    for mode in ("incremental", "overwrite"):
        with pytest.raises(OptionError):
            lists.run(incremental_mode=mode, url_col="other")
        assert lists.path(0).exists()
    with pytest.raises(OptionError, match="it would empty"):
        lists.run(incremental_mode="overwrite")


@pytest.mark.slow
def test_a_list_that_changes_in_the_middle_of_a_store_elsewhere(
    lists: Lists, server: S3Server, name: str, tmp_path: Path, s3_environment: None
) -> None:
    del s3_environment
    place = f"s3://{BUCKET}/{name}"

    def put() -> None:
        for path in lists.folder.iterdir():
            server.put(f"{name}/{path.name}", path.read_bytes())

    def go(**more: Any) -> Report:
        options = lists.options(output_folder=place, **more)  # beside the list
        return download(f"{place}/*.parquet", **options)

    put()
    assert go().shards_done == 6
    assert go().shards_skipped == 6
    lists.write(1, lists.urls(50, 4))
    put()
    with pytest.raises(OptionError, match="touches 2 shards: 00002 to 00003"):
        go()
    assert go(accept_changed_list=True).shards_done == 2

    copy = server.fetch(name, tmp_path / "copy")
    rows = pa.concat_tables(pq.read_table(path) for path in sorted(copy.glob("0*.parquet")))
    assert rows["url"].to_pylist() == [*lists.urls(0), *lists.urls(50, 4), *lists.urls(20)]
    assert {path.name for path in (copy / ".img2dataset").iterdir()} == {
        "identity",
        "published",
        "accounts",
    }


@pytest.mark.slow
def test_a_list_that_ends_while_it_is_compared_is_a_source_error(lists: Lists) -> None:
    lists.run()
    lists.write(1, lists.urls(50))
    damage(lists.path(1))

    with pytest.raises(SourceError, match=r"part-1\.parquet"):
        lists.run()
