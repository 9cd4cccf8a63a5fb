"""`img2dataset verify`: real shards of each format, damaged in each way."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from img2dataset import OptionError, download, verify
from img2dataset.cli.command import main
from img2dataset.dataset.run_lock import acquire_run_lock
from img2dataset.formats import NAMES
from img2dataset.storage import checked_file as door
from img2dataset.storage.folder import Folder
from img2dataset.verification.main import verify_folder
from tests.e2e.dataset import Dataset
from tests.quick import few_quick
from tests.read_only import read_only
from tests.site import Site
from tests.unit.formats.shard import jpeg, memory_folder

every_format = pytest.mark.parametrize("output_format", NAMES)
ROWS = 10
SHARD = 4


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Path]]:
    """Makes a dataset of a format: three shards, with failures, once; and its list."""
    root = tmp_path_factory.mktemp("made")
    with Site() as site:
        urls = [site.url(f"/exif/{n % 8 + 1}.jpg") for n in range(ROWS)]
        urls[2], urls[5] = site.url("/status/404"), site.url("/html")
        lines = [f"{url},caption {n}" for n, url in enumerate(urls)]
        (root / "list.csv").write_text("\n".join(["url,caption", *lines]) + "\n")

        def make(output_format: str, **options: Any) -> Path:
            folder = root / "-".join([output_format, *map(str, options)])
            if not folder.exists():
                run(root / "list.csv", folder, output_format, **options)
            return folder

        yield make


def run(listed: Path, folder: Path, output_format: Any, **options: Any) -> None:
    download(
        str(listed), output_folder=str(folder), output_format=output_format,
        input_format="csv", caption_col="caption", image_size=24,
        number_sample_per_shard=SHARD, **options,
    )  # fmt: skip


@pytest.fixture
def dataset(made: Callable[..., Path], tmp_path: Path) -> Callable[..., Path]:
    """A copy to damage."""

    def copy(output_format: str, **options: Any) -> Path:
        return Path(shutil.copytree(made(output_format, **options), tmp_path / "out"))

    return copy


def lines_of(folder: Path, **options: Any) -> list[str]:
    """What is said."""
    lines: list[str] = []
    asked = {"deep": False, "repair": False, "allow_gaps": False, **options}
    verify_folder(str(folder), say=lines.append, **asked)
    return lines


# -- damage: each takes the folder of a dataset and harms its second shard


def halve(name: str) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        path = folder / name
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    return damage


def remove(name: str) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        path = folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    return damage


def write(name: str, data: bytes) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        (folder / name).write_bytes(data)

    return damage


def turn_a_bit(name: str, part: float) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        data = bytearray((folder / name).read_bytes())
        data[int(len(data) * part)] ^= 0x10
        (folder / name).write_bytes(data)

    return damage


def change_stats(**changes: Any) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        path = folder / "00001_stats.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))

    return damage


def change_table(change: Callable[[pa.Table], pa.Table]) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        path = folder / "00001.parquet"
        pq.write_table(change(pq.read_table(path)), path)

    return damage


def set_column(name: str, row: int, value: Any) -> Callable[[Path], None]:
    def change(table: pa.Table) -> pa.Table:
        values = table[name].to_pylist()
        values[row] = value
        place = table.column_names.index(name)
        return table.set_column(place, name, pa.array(values, table.schema.field(name).type))

    return change_table(change)


Members = list[tuple[str, bytes]]


def change_members(change: Callable[[Members], Members]) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        path = folder / "00001.tar"
        with tarfile.open(path) as tar:
            members = [(each.name, tar.extractfile(each).read()) for each in tar]  # type: ignore[union-attr]
        with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
            for name, data in change(members):
                info = tarfile.TarInfo(name)
                info.size = len(data)
                info.mtime = 1.5  # makes an extended header
                tar.addfile(info, io.BytesIO(data))

    return damage


def replace_member(suffix: str, data: bytes) -> Callable[[Path], None]:
    """Of the first sample."""

    def change(members: Members) -> Members:
        key = members[0][0].partition(".")[0]
        return [(name, data if name == key + suffix else old) for name, old in members]

    return change_members(change)


def remove_a_sample(folder: Path) -> None:
    for path in (folder / "00001").glob("000010.*"):
        path.unlink()


def shorten_records(folder: Path) -> None:
    """Leave out the last record, whole."""
    path = folder / "00001.tfrecord"
    data, at, starts = path.read_bytes(), 0, []
    while at < len(data):
        starts.append(at)
        at += int.from_bytes(data[at : at + 8], "little") + 16
    path.write_bytes(data[: starts[-1]])


def half_jpeg() -> bytes:
    data = jpeg(24)
    return data[: len(data) // 2]


STATS_AND_TABLE: list[tuple[Callable[[Path], None], str]] = [
    (remove("00001.parquet"), "00001.parquet is missing"),
    (halve("00001.parquet"), "parquet: "),
    (write("00001.parquet", b""), "parquet: "),
    (write("00001_stats.json", b""), "stats: cannot be read"),
    (halve("00001_stats.json"), "stats: cannot be read"),
    (change_stats(count=5), "stats: successes and failures are 4, count is 5"),
    (change_stats(status_dict={"success": 1}), "stats: status_dict adds up to 1, count is 4"),
    (
        change_stats(successes=4, failed_to_resize=0, status_dict={"success": 4}),
        "stats say 4 success, the table 3",
    ),
    (change_table(lambda table: table.slice(0, 3)), "stats say 4 rows, the table has 3"),
    (change_table(lambda table: table.drop_columns(["caption"])), "parquet: no column caption"),
    (change_table(lambda table: table.drop_columns(["status"])), "parquet: no column status"),
    (
        change_table(lambda table: pa.concat_tables([table.slice(0, 3), table.slice(0, 1)])),
        "parquet: 1 row has the key of another one",
    ),
    (
        set_column("key", 0, "000009"),
        "parquet: a key that is not the shard's, or leaves a gap (000009)",
    ),
    (set_column("status", 1, "well"), "parquet: status 'well'"),
    (set_column("error_message", 0, "?"), "parquet: a success with an error message"),
    (set_column("error_message", 1, None), "parquet: a failure without an error message"),
]
FILES: list[tuple[Callable[[Path], None], str]] = [
    (remove("00001"), "00001 is missing"),
    (remove("00001/000010.jpg"), "folder: a sample that has not just jpg, json, txt (000010)"),
    (remove("00001/000012.txt"), "folder: a sample that has not just jpg, json, txt (000012)"),
    (write("00001/000010.jpg", b""), "folder: an empty jpg (000010)"),
    (write("00001/000011.jpg", jpeg()), "folder: a sample that is not in the table as a success"),
    (write("00001/notes.jpg", jpeg()), "folder: a sample that is not in the table as a success"),
    (remove_a_sample, "folder: a success without its sample (000010)"),
]
FILES_DEEP: list[tuple[Callable[[Path], None], str]] = [
    (write("00001/000010.jpg", half_jpeg()), "folder: an image that does not decode (000010)"),
    (write("00001/000010.jpg", b"<html>"), "folder: an image that does not decode (000010)"),
    (write("00001/000010.jpg", jpeg(8)), "folder: an image of another size than the table says"),
    (write("00001/000010.json", b"{"), "folder: a json that is not the one of its sample"),
]
WEBDATASET: list[tuple[Callable[[Path], None], str]] = [
    (remove("00001.tar"), "00001.tar is missing"),
    (halve("00001.tar"), "tar: cut short"),
    (write("00001.tar", b""), "tar: cut short"),
    (turn_a_bit("00001.tar", 0.0), "tar: there is no member where one should be"),
    (change_members(lambda members: members[3:]), "tar: a success without its sample"),
    (change_members(lambda members: members[1:]), "tar: a sample that has not just"),
    (
        change_members(lambda members: [*members, *members[:3]]),
        "tar: a sample twice, or its parts not side by side",
    ),
    (change_members(lambda members: [*members, members[-1]]), "stands twice"),
    (
        change_members(lambda members: [members[0], members[3], *members[1:3], *members[4:]]),
        "tar: a sample twice, or its parts not side by side",
    ),
    (
        change_members(lambda members: [(n.replace("000010", "000011"), d) for n, d in members]),
        "tar: a sample that is not in the table as a success (000011); ",
    ),
    (replace_member(".jpg", b""), "tar: an empty jpg"),
    (replace_member(".json", b'{"key": "x"}'), "tar: a json that is not the one of its sample"),
]
WEBDATASET_DEEP: list[tuple[Callable[[Path], None], str]] = [
    (replace_member(".jpg", half_jpeg()), "tar: an image that does not decode"),
    (replace_member(".jpg", jpeg(9)), "tar: an image of another size than the table says, 9 x 9"),
]
TFRECORD: list[tuple[Callable[[Path], None], str]] = [
    (remove("00001.tfrecord"), "00001.tfrecord is missing"),
    (halve("00001.tfrecord"), "tfrecord: "),
    (turn_a_bit("00001.tfrecord", 0.5), "tfrecord: a checksum is wrong"),
    (shorten_records, "tfrecord: a success without its sample"),
    (write("00001.tfrecord", b""), "tfrecord: a success without its sample (3; "),
]
PARQUET: list[tuple[Callable[[Path], None], str]] = [
    (turn_a_bit("00001.parquet", 0.999), "parquet: "),
    (set_column("jpg", 0, None), "parquet: a success without its sample (000010)"),
    (set_column("jpg", 1, b"x"), "parquet: a sample that is not in the table as a success"),
    (change_table(lambda table: table.drop_columns(["jpg"])), "parquet: no jpg in it"),
    (set_column("jpg", 0, b""), "parquet: an empty jpg (000010)"),
]
PARQUET_DEEP: list[tuple[Callable[[Path], None], str]] = [
    (set_column("jpg", 0, half_jpeg()), "parquet: an image that does not decode (000010)"),
]
MDS: list[tuple[Callable[[Path], None], str]] = [
    (remove("00001"), "00001 is missing"),
    (remove("00001/index.json"), "folder: index.json is missing"),
    (remove("00001/shard.00000.mds"), "folder: shard.00000.mds is missing"),
    (halve("00001/shard.00000.mds"), "folder: shard.00000.mds has "),
    (turn_a_bit("00001/shard.00000.mds", 0.5), "has not the sha1 that index.json says"),
    (write("00001/index.json", b'{"shards": [], "version": 2}'), "a success without its sample"),
]
ONE_FORMAT = [
    *(("webdataset", *case, False) for case in STATS_AND_TABLE),
    *(("webdataset", *case, False) for case in WEBDATASET),
    *(("webdataset", *case, True) for case in WEBDATASET_DEEP),
]
OTHERS = [
    *(
        (each, *case, False)
        for each in ("files", "parquet", "tfrecord", "mds")
        for case in STATS_AND_TABLE
    ),
    *(("files", *case, False) for case in FILES),
    *(("files", *case, True) for case in FILES_DEEP),
    *(("tfrecord", *case, False) for case in TFRECORD),
    *(("mds", *case, False) for case in MDS),
    *(("parquet", *case, False) for case in PARQUET),
    *(("parquet", *case, True) for case in PARQUET_DEEP),
]
CASES = [*ONE_FORMAT, *(pytest.param(*case, marks=pytest.mark.slow) for case in OTHERS)]


@pytest.mark.slow
@every_format
@pytest.mark.parametrize("deep", [False, True])
def test_a_whole_dataset_is_whole(
    made: Callable[..., Path], output_format: str, *, deep: bool
) -> None:
    found = verify(str(made(output_format)), deep=deep)

    assert found.whole
    assert found.broken == ()
    assert (found.shards, found.rows, found.images, found.exit_code) == (3, ROWS, 8, 0)


@pytest.mark.slow
@every_format
def test_columns_of_a_list_may_be_bytes_or_be_called_as_images_are(
    site: Site, tmp_path: Path, output_format: Any
) -> None:
    rows = [{"url": site.url("/exif/1.jpg"), "png": "a text", "raw": b"\xff\x00"}] * 2
    names = ["png", "raw"]
    if output_format in ("webdataset", "files"):  # the others keep the name for the images
        rows, names = [{**row, "jpg": "another"} for row in rows], ["jpg", *names]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "list.parquet")
    report = download(
        str(tmp_path / "list.parquet"), output_folder=str(tmp_path / "out"),
        output_format=output_format, input_format="parquet", save_additional_columns=names,
    )  # fmt: skip

    assert lines_of(tmp_path / "out") == []
    assert verify(str(tmp_path / "out"), deep=True).whole
    stored = [{name: row[name] for name in ("url", *names)} for row in report.rows()]
    kept = [] if output_format == "dummy" else rows
    assert stored == [{name: row[name] for name in ("url", *names)} for row in kept]


@pytest.mark.parametrize(("output_format", "damage", "said", "deep"), CASES)
def test_what_is_damaged_is_said_in_a_line_of_its_shard(
    dataset: Callable[..., Path],
    output_format: str,
    damage: Callable[[Path], None],
    said: str,
    *,
    deep: bool,
) -> None:
    folder = dataset(output_format)
    damage(folder)

    lines = lines_of(folder, deep=deep)

    assert len(lines) == 1
    assert lines[0].startswith("00001: ")
    assert said in lines[0]


@pytest.mark.slow
@pytest.mark.parametrize(
    "output_format",
    [pytest.param(each, marks=() if each == "webdataset" else pytest.mark.slow) for each in NAMES],
)
def test_repair_removes_broken_shards_and_the_same_command_makes_them_anew(
    made: Callable[..., Path], dataset: Callable[..., Path], output_format: str
) -> None:
    folder = dataset(output_format)
    (folder / "00001_stats.json").write_text("{")
    (folder / "00002_stats.json").unlink()  # an interrupted shard

    found = verify(str(folder), repair=True)

    assert found.exit_code == 1
    assert [each.name for each in found.broken] == ["00001"]
    assert all(name.startswith("00000") for name in Dataset(folder).visible)
    run(made(output_format).parent / "list.csv", folder, output_format)
    assert verify(str(folder)).rows == ROWS


def test_gaps_and_leftovers_are_said(dataset: Callable[..., Path]) -> None:
    folder = dataset("webdataset")
    for name in ("00000.tar", "00000.parquet", "00000_stats.json", "00001_stats.json"):
        (folder / name).unlink()
    (folder / ".img2dataset" / "parts").mkdir()
    (folder / ".img2dataset" / "parts" / "00001.tar.abcd").touch()

    found = verify(str(folder))

    lines = lines_of(folder)
    assert found.gaps == ((0, 0),)
    assert [line.partition(":")[0] for line in lines] == [
        "00001", ".img2dataset/parts", "missing",
    ]  # fmt: skip
    assert "missing: 00000:" in lines[-1]
    assert len(lines_of(folder, allow_gaps=True)) == 2
    assert verify(str(folder), allow_gaps=True).exit_code == 1

    verify(str(folder), repair=True)
    assert verify(str(folder), allow_gaps=True).whole
    assert Dataset(folder).visible == ["00002.parquet", "00002.tar", "00002_stats.json"]


@pytest.mark.parametrize(
    "left",
    ["parts/00001.tar.abcd", "parts-1-of-3/00001.tar.abcd", "turns/00001", "replacing/00001/a"],
)
def test_whatever_a_run_left_in_the_hidden_folder_is_said_and_removed_by_repair(
    dataset: Callable[..., Path], left: str
) -> None:
    folder = dataset("webdataset")
    path = folder / ".img2dataset" / left
    path.parent.mkdir(parents=True)
    path.touch()
    place = f".img2dataset/{left.rpartition('/')[0]}"

    (line,) = lines_of(folder)
    assert line.startswith(f"{place}: 1 file of an interrupted run; ")
    found = verify(str(folder), repair=True)

    assert (found.exit_code, len(found.leftovers), found.broken) == (1, 1, ())
    assert {each.name for each in (folder / ".img2dataset").iterdir()} == {
        "identity",
        "lock",
        "published",
        "accounts",
    }
    assert verify(str(folder)).whole


def test_an_interrupted_replacement_is_said_and_finished_by_repair(
    dataset: Callable[..., Path],
) -> None:
    folder = dataset("webdataset")
    waiting = folder / ".img2dataset" / "replacing" / "00001"
    waiting.mkdir(parents=True)
    shutil.copy(folder / "00001.tar", waiting)
    (folder / "00001.tar").write_bytes(b"old")
    (waiting.parent / "00001.whole").write_text("00001_stats.json")

    assert any("it was being replaced" in line for line in lines_of(folder))
    assert verify(str(folder), repair=True).whole
    assert verify(str(folder)).whole


@pytest.mark.parametrize(
    "output_format", few_quick(["webdataset", "files", "parquet", "tfrecord", "mds"], 5)
)
def test_a_dataset_that_does_not_say_how_it_was_made_is_looked_at_all_the_same(
    dataset: Callable[..., Path], output_format: str
) -> None:
    """As those of the old tool; the tests of compatibility have a real one."""
    folder = dataset(output_format)
    shutil.rmtree(folder / ".img2dataset")

    assert verify(str(folder), deep=True).whole
    for victim in ("00001", "00001.tar", "00001.parquet", "00001.tfrecord"):
        path = folder / victim
        if path.is_dir():
            next(each for each in path.iterdir() if each.suffix != ".json").unlink()
        elif path.exists():
            path.write_bytes(path.read_bytes()[:700])
    assert [each.name for each in verify(str(folder)).broken] == ["00001"]


@pytest.mark.slow
def test_untouched_bytes_are_compared_with_their_hash(dataset: Callable[..., Path]) -> None:
    folder = dataset("files", disable_all_reencoding=True)
    assert verify(str(folder), deep=True).whole
    path = next((folder / "00001").glob("*.jpg"))
    data = path.read_bytes()

    path.write_bytes(data + b"\0")

    assert "hash" in lines_of(folder, deep=True)[0]
    path.write_bytes(data[:-40])
    assert "decode" in lines_of(folder, deep=True)[0]


@pytest.mark.slow
def test_an_object_store_is_looked_at_as_a_disk_is(made: Callable[..., Path]) -> None:
    store = memory_folder()
    local = made("files")
    for path in local.rglob("*"):
        if path.is_file():
            store.write(str(path.relative_to(local)), path.read_bytes())
    url = f"memory:/{store.root}"
    assert Folder(url).names()

    assert verify(url, deep=True).whole
    store.remove(["00001/000010.jpg"])
    assert [each.name for each in verify(url).broken] == ["00001"]
    verify(url, repair=True)
    assert not any(name.startswith("00001") for name in store.names())


def test_what_cannot_be_read_is_not_called_broken(
    dataset: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = dataset("webdataset")

    def fail(folder: Folder, name: str) -> Any:
        raise OSError(5, "Input/output error", name)

    monkeypatch.setattr(door, "open_stored", fail)
    with pytest.raises(Exception, match="cannot be read") as caught:
        verify(str(folder), repair=True)
    assert not isinstance(caught.value, OSError)
    assert len(Dataset(folder).visible) == 9


# -- the command


def test_the_command_says_lines_and_a_last_one_and_exits_accordingly(
    dataset: Callable[..., Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = dataset("webdataset")

    assert main(["verify", "out"]) == 0
    assert capsys.readouterr().out == "whole: 3 shards, 10 rows, 8 images in out\n"

    halve("00001.tar")(folder)
    assert main(["verify", "--deep", "out"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "00001: tar: cut short"
    assert lines[-1].startswith(
        "not whole: 1 broken; of 3 shards, 10 rows, 5 images (of whole shards) in out; "
    )

    assert main(["verify", "--output-folder=out", "--repair"]) == 1
    assert "removed" in capsys.readouterr().out
    assert main(["verify", "out"]) == 1
    assert "missing: 00001: " in capsys.readouterr().out


@pytest.mark.parametrize(
    "words",
    [
        ["verify"],
        ["verify", "a", "b"],
        ["verify", "a", "--deeep"],
        ["verify", "nowhere"],
        ["verify", "a", "--deep=x"],
        ["verify", __file__],
        ["verify", __file__, "--repair"],
    ],
)
def test_bad_usage_is_one_line_and_2(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)

    assert main(words) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert len(said.err.splitlines()) == 1
    assert ("is a file: verify takes the folder" in said.err) is (__file__ in words)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_one_of_a_kind_is_one(
    fresh_site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "list.txt").write_text(fresh_site.url("/image/1.jpg"))
    download(str(tmp_path / "list.txt"), output_folder=str(tmp_path / "out"), image_size=16)
    capsys.readouterr()

    assert main(["verify", str(tmp_path / "out")]) == 0
    assert capsys.readouterr().out.startswith("whole: 1 shard, 1 row, 1 image in ")


@pytest.mark.parametrize("words", [(), ("--deep",)])
def test_a_dataset_that_cannot_be_written_is_verified(
    made: Callable[[str], Path], capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    folder = made("webdataset")
    assert (folder / ".img2dataset" / "lock").exists()

    with read_only(folder):
        assert main(["verify", str(folder), *words]) == 0

    assert capsys.readouterr().out.startswith("whole: 3 shards")


@pytest.mark.slow
def test_a_dataset_on_a_read_only_mount_is_verified(
    made: Callable[[str], Path], tmp_path: Path
) -> None:
    unshare = ["unshare", "--map-root-user", "--mount"]
    if (
        shutil.which("unshare") is None
        or subprocess.run([*unshare, "true"], check=False).returncode
    ):
        pytest.skip("no mounts here")
    (tmp_path / "mounted").mkdir()
    script = (
        'mount --bind "$1" "$2" && mount -o remount,bind,ro "$2" && ! touch "$2/x" '
        '&& exec "$3" -m img2dataset verify --deep "$2"'
    )
    words = [str(made("webdataset")), str(tmp_path / "mounted"), sys.executable]

    done = subprocess.run(
        [*unshare, "sh", "-c", script, "sh", *words], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout.partition(",")[0]) == (0, "whole: 3 shards"), done.stderr


def test_a_list_called_verify_is_still_a_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "verify").touch()

    assert main(["verify"]) == 2
    assert "no rows" in capsys.readouterr().err


def test_a_folder_that_a_run_is_writing_is_not_repaired_and_half_looked_at(
    dataset: Callable[..., Path],
) -> None:
    folder = dataset("webdataset")
    (folder / "00001_stats.json").unlink()

    with acquire_run_lock(Folder(str(folder)), print):
        with read_only(folder):
            assert lines_of(folder) == [
                "a run is writing here: only the shards that are done were checked"
            ]
        with pytest.raises(OptionError, match="a run is writing"):
            verify(str(folder), repair=True)
