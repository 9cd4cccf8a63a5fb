"""Part A of the spec through the public doors: the numbers in the names are the spec's.

The tests look into a few runs, made in runs.py.  What other whole runs hold is in ELSEWHERE.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import math
import re
import struct
from collections.abc import Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

import cv2
import google_crc32c
import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from tfrecord import example_pb2

from img2dataset import download
from img2dataset.options import RESERVED_COLUMNS
from tests.compat.runs import (
    ADDITIONAL,
    BEHIND_PROXY,
    BOX,
    FAILING,
    KEPT,
    MISMATCHES,
    RESIZE,
    UNTOUCHED,
    Manners,
    Run,
    call,
    is_there,
    opened,
    pictures,
    strictly,
)
from tests.e2e.dataset import Dataset
from tests.site import Site

pytestmark = pytest.mark.slow

ELSEWHERE: Mapping[str, tuple[str, ...]] = {
    "A1 names, order, defaults": (
        "compat/test_command_line.py::test_the_options_are_those_of_the_old_tool_in_its_order",
    ),
    "A1 an output that cannot be written": (
        "e2e/test_callers.py::test_bad_usage_is_one_line_exit_code_2_and_nothing_is_written",
    ),
    "A1 a missing extra": (
        "compat/test_part_b.py::test_b24_a_missing_library_is_one_line_that_says_what_to_install",
    ),
    "A2": (
        "compat/test_command_line.py::test_a_spelling_means",
        "compat/test_command_line.py::test_a_command_line_means",
        "compat/test_command_line.py::test_python_m_does_the_same_as_the_command",
    ),
    "A4 files": ("e2e/test_run.py::test_files_by_default_as_the_old_tool_stores_them",),
    "A4 dummy": ("e2e/test_run.py::test_the_other_output_formats",),
    "A4 one row per shard, names longer than the padding": (
        "e2e/test_run.py::test_more_shards_than_rows_in_flight",
    ),
    "A5": (
        "e2e/test_run.py::test_the_same_command_again_does_only_what_is_left",
        "e2e/test_run.py::test_extend_adds_and_overwrite_starts_again",
    ),
}
"""Lines of part A that whole runs hold in other files."""

OWN = ["key", "status", "error_message", "width", "height", "original_width", "original_height"]


@pytest.mark.parametrize("line", ELSEWHERE)
def test_what_is_held_elsewhere_is_there(line: str) -> None:
    assert [test for test in ELSEWHERE[line] if not is_there(test)] == []


# -- A1: checks before any work

BAD: Mapping[str, tuple[dict[str, Any], str]] = {
    "hash name": ({"compute_hash": "crc32"}, "sha256"),
    "verify_hash type": ({"verify_hash": ["a", "md5"]}, "compute_hash"),
    "output_format": ({"output_format": "zip"}, "webdataset"),
    "input_format": ({"input_format": "xml"}, "jsonl"),
    "encode_format": ({"encode_format": "gif"}, "webp"),
    "resize_mode": ({"resize_mode": "crop"}, "center_crop"),
    "upscale_interpolation": ({"upscale_interpolation": "best"}, "lanczos4"),
    "downscale_interpolation": ({"downscale_interpolation": "best"}, "area"),
    "distributor": ({"distributor": "slurm"}, "pyspark"),
    "incremental_mode": ({"incremental_mode": "again"}, "extend"),
    "jpg quality": ({"encode_quality": 101}, "100"),
    "png level": ({"encode_format": "png", "encode_quality": 10}, "9"),
    "webp quality": ({"encode_format": "webp", "encode_quality": 0}, "1"),
    **{
        f"{name} of 0": ({name: 0}, name)
        for name in (
            "image_size", "processes_count", "thread_count", "number_sample_per_shard",
            "oom_shard_count", "subjob_size", "timeout",
        )
    },
    **{
        f"{name} below 0": ({name: -1}, name)
        for name in ("retries", "min_image_size", "max_image_area", "max_aspect_ratio",
                     "max_shard_retry")
    },
    "no such list": ({"url_list": "nowhere.txt"}, "nowhere.txt"),
    "no such url_col": ({"input_format": "csv", "url_col": "link"}, "'url', 'words'"),
    "no such caption_col": ({"input_format": "csv", "caption_col": "text"}, "'url', 'words'"),
    "no such bbox_col": ({"input_format": "csv", "bbox_col": "faces"}, "'url', 'words'"),
    "no such additional column": (
        {"input_format": "csv", "save_additional_columns": ["more"]}, "'url', 'words'",
    ),
    "no such hash column": (
        {"input_format": "csv", "verify_hash": ["sum", "sha256"]}, "'url', 'words'",
    ),
    **{
        f"column {name}": ({"input_format": "csv", "save_additional_columns": [name]}, "reserves")
        for name in RESERVED_COLUMNS
    },
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_a1_what_cannot_be_is_a_value_error_before_any_work(case: str, tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("url,words\nhttp://127.0.0.1:1/,a\n")
    options, named = BAD[case]

    with pytest.raises(ValueError, match=re.escape(named)) as caught:
        download(
            **{"url_list": str(tmp_path / "list.csv"), "input_format": "txt",
               "output_folder": str(tmp_path / "out"), **options}
        )  # fmt: skip

    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a1_all_reserved_names_are_those_of_the_spec_and_the_offenders_are_named() -> None:
    assert RESERVED_COLUMNS == (
        "key", "caption", "url", "width", "height", "original_width", "original_height", "status",
        "error_message", "exif", "md5", "sha256", "sha512",
    )  # fmt: skip
    with pytest.raises(ValueError, match=r"exif.*width.*img2dataset reserves"):
        download("list.txt", save_additional_columns=["exif", "fine", "width"])


# -- A2, A3: the command line and txt lists in a folder


@pytest.mark.slow
def test_a2_spellings_reach_the_run_and_a_config_gives_way_to_flags_c9(commanded: Run) -> None:
    rows = commanded.dataset.rows
    assert commanded.printed is not None
    assert commanded.printed.returncode == 0, commanded.printed.stderr
    assert commanded.folder.name == "2020"  # text stays text
    assert [row["key"] for row in rows] == ["0000", "0001", "0002", "0010", "0020"]
    assert {(row["width"], row["height"]) for row in rows if row["width"]} == {(96, 72)}
    assert len(commanded.agents) in {4, 5}  # two URLs are equal: once, if both are under way
    assert all("123" in agent for agent in commanded.agents)


def test_a3_a_folder_is_its_lists_by_name_each_cut_into_shards_of_its_own(commanded: Run) -> None:
    assert [row["url"] for row in commanded.dataset.rows] == list(commanded.names)
    assert [stats["count"] for stats in commanded.dataset.stats] == [3, 1, 1]
    # for txt there is only url; no exif and no hash were asked for
    assert commanded.dataset.table.column_names == ["url", *OWN]


def test_a4_names_and_keys_are_padded_as_asked(commanded: Run) -> None:
    assert commanded.dataset.visible == [
        name
        for shard in ("000", "001", "002")
        for name in (shard, f"{shard}.parquet", f"{shard}_stats.json")
    ]
    assert sorted(path.name for path in (commanded.folder / "000").iterdir()) == [
        f"000{n}.{end}" for n in range(3) for end in ("jpg", "json")
    ]
    assert list(strictly((commanded.folder / "001" / "0010.json").read_bytes())) == ["url", *OWN]


ROWS = [("one", 0), ("two, 2", 1), ("", 2), ('"four"', 3), ("fünf", 4)]


def write_lists(folder: Path, input_format: str, site: Site) -> list[Path]:
    """Two files, of three rows and of two."""
    rows = [{"link": site.url(f"/image/{n}.jpg"), "words": text} for text, n in ROWS]
    paths = []
    for name, part in (("a/one", rows[:3]), ("b/two", rows[3:])):
        path = folder / f"{name}.{input_format}"
        path.parent.mkdir()
        data = as_text(input_format.removesuffix(".gz"), part).encode()
        path.write_bytes(gzip.compress(data) if input_format.endswith(".gz") else data)
        paths.append(path)
    return paths


def as_text(input_format: str, rows: list[dict[str, str]]) -> str:
    match input_format:
        case "txt":
            return "".join(f"{row['link']}\n" for row in rows)
        case "json":
            return json.dumps(rows)
        case "jsonl":
            return "".join(f"{json.dumps(row)}\n" for row in rows)
    file = io.StringIO(newline="")
    writer = csv.DictWriter(file, rows[0], delimiter="\t" if input_format == "tsv" else ",")
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("input_format", "form"),
    [
        ("csv.gz", "two texts"), ("json", "any depth"),
        pytest.param("txt.gz", "two paths", marks=pytest.mark.slow),
        pytest.param("tsv.gz", "commas", marks=pytest.mark.slow),
        pytest.param("jsonl", "pattern", marks=pytest.mark.slow),
    ],
)  # fmt: skip
def test_a3_formats_of_the_list_and_c1_ways_to_name_it(
    input_format: Any, form: str, tmp_path: Path
) -> None:
    with Site() as site:
        paths = write_lists(tmp_path, input_format, site)
        named: dict[str, Any] = {
            "two paths": paths,
            "two texts": [str(path) for path in paths],
            "commas": ",".join(map(str, paths)),
            "pattern": f"{tmp_path}/*/*.{input_format}",
            "any depth": f"{tmp_path}/**/*.{input_format}",
        }
        columns: dict[str, Any] = {"url_col": "link", "caption_col": "words"}
        download(
            named[form], output_folder=str(tmp_path / "out"), output_format="webdataset",
            input_format=input_format, number_sample_per_shard=2, image_size=8,
            **({} if input_format.startswith("txt") else columns),
        )  # fmt: skip

    rows = Dataset(tmp_path / "out").rows
    Dataset(tmp_path / "out").check_whole(5)
    assert [row["key"] for row in rows] == ["000000", "000001", "000010", "000020", "000021"]
    assert [row["url"].rpartition("/")[2] for row in rows] == [f"{n}.jpg" for _, n in ROWS]
    if not input_format.startswith("txt"):
        assert [row["caption"] for row in rows] == [text for text, _ in ROWS]


@pytest.mark.slow
def test_a3_columns_are_those_asked_for_then_caption_hash_url(rich: Run, recorded: Run) -> None:
    assert rich.dataset.table.column_names == [
        *ADDITIONAL, "caption", "url", *OWN, "exif", "sha256",
    ]  # fmt: skip
    assert recorded.dataset.table.column_names == [*ADDITIONAL, "caption", "md5", "url", *OWN]


# -- A4: what is stored


def test_a4_a_webdataset_is_a_tar_a_table_and_stats_and_nothing_else_is_seen(rich: Run) -> None:
    assert rich.dataset.visible == ["00000.parquet", "00000.tar", "00000_stats.json"]
    assert rich.asked
    members = list(rich.dataset.members())
    assert sorted(members) == sorted(
        f"{rich.key(name)}.{end}" for name in KEPT for end in ("png", "json", "txt")
    )
    samples = [key for key, _ in groupby(name.partition(".")[0] for name in members)]
    assert len(samples) == len(set(samples))  # adjacent


@pytest.mark.slow
def test_a4_the_json_of_a_sample_has_its_keys_in_order(rich: Run) -> None:
    for name in KEPT:
        sample = rich.json(name)
        assert list(sample) == [*ADDITIONAL, "caption", "url", *OWN, "exif", "sha256"]
        assert (sample["key"], sample["status"]) == (rich.key(name), "success")
        assert sample["error_message"] is None
        assert isinstance(json.loads(sample["exif"]), dict)
        row = rich.row(name)
        same = ("url", "caption", *OWN, "exif", "sha256", "number", "words", "nested")
        assert [sample[one] for one in same] == [row[one] for one in same]


def test_a4_captions_are_text_files(rich: Run) -> None:
    texts = [rich.member(name, "txt") for name in KEPT[:4]]
    assert texts == [b"007", b"", b"", 'zwölf, 猫 "q"\n'.encode()]
    assert [rich.json(name)["caption"] for name in KEPT[:3]] == ["007", None, ""]


def test_a4_the_table_keeps_the_types_of_the_list_and_ours_are_as_ever(rich: Run) -> None:
    assert rich.given is not None
    schema = rich.dataset.table.schema
    for name in ADDITIONAL:
        given = rich.given.schema.field(name).type
        # a column of nothing but nulls is text: other files of the list may have values
        assert schema.field(name).type == (pa.string() if pa.types.is_null(given) else given)
        before = rich.given.column(name).to_pylist()
        assert repr(rich.dataset.table.column(name).to_pylist()) == repr(before)  # NaN too
    types = {
        **dict.fromkeys(
            ("caption", "url", "key", "status", "error_message", "exif", "sha256"), pa.string()
        ),
        **dict.fromkeys(("width", "height", "original_width", "original_height"), pa.int32()),
    }
    assert {name: schema.field(name).type for name in types} == types
    assert all(field.nullable for field in schema)


def test_a4_a_failed_row_has_its_columns_and_why_and_nothing_else(rich: Run) -> None:
    for name, message in FAILING.items():
        row = rich.row(name)
        assert row["error_message"] == message, name
        assert row["status"] == ("failed_to_resize" if name in RESIZE else "failed_to_download")
        assert row["number"] == rich.names.index(name)
        assert row["caption"].startswith("caption ")
        empty = ("width", "height", "original_width", "original_height", "exif", "sha256")
        assert [row[one] for one in empty] == [None] * 6


def test_a4_the_stats_count_every_row_and_every_error_string(rich: Run) -> None:
    (stats,) = rich.dataset.stats
    assert list(stats) == [
        "count", "successes", "failed_to_download", "failed_to_resize", "duration", "start_time",
        "end_time", "status_dict",
    ]  # fmt: skip
    messages = list(FAILING.values())
    assert stats["status_dict"] == {
        "success": len(KEPT), **{message: messages.count(message) for message in messages}
    }  # fmt: skip
    assert (stats["count"], stats["successes"]) == (len(rich.names), len(KEPT))
    assert stats["failed_to_resize"] == len(RESIZE)
    assert stats["failed_to_download"] == len(FAILING) - len(RESIZE)
    assert stats["duration"] == pytest.approx(stats["end_time"] - stats["start_time"])
    assert b"\n " in (rich.folder / "00000_stats.json").read_bytes()
    written = [path.stat().st_mtime_ns for path in sorted(rich.folder.glob("00000*"))]
    assert max(written) == (rich.folder / "00000_stats.json").stat().st_mtime_ns


@pytest.mark.slow
def test_a4_parquet_output_holds_the_bytes_in_a_column_named_as_the_format(
    boxed: Run, untouched: Run
) -> None:
    assert boxed.dataset.visible == ["00000.parquet", "00000_stats.json"]
    schema = boxed.dataset.table.schema
    assert schema.names == ["n", "faces", "url", *OWN, "exif", "webp"]  # no hash; boxes are kept
    assert schema.field("webp").type == pa.binary()
    table = untouched.dataset.table
    assert table.column_names[-2:] == ["sha512", "jpg"]
    assert [row["jpg"] is None for row in untouched.dataset.rows] == [
        row["status"] != "success" for row in untouched.dataset.rows
    ]


def test_a4_sizes_are_null_without_reencoding_and_no_filter_applies(untouched: Run) -> None:
    kept = [row for row in untouched.dataset.rows if row["status"] == "success"]
    assert {UNTOUCHED[int(row["key"])] for row in kept} == {
        "plain.png", "noai.jpg", "cut.jpg", "tags.jpg",
    }  # fmt: skip
    for row in kept:
        assert row["jpg"] == pictures()[UNTOUCHED[int(row["key"])]]
        assert [row[name] for name in OWN[3:]] == [None] * 4
    assert "A maker" in kept[-1]["exif"]


def examples(run: Run) -> dict[str, Any]:
    """Key -> the features of its record, whose checksums are right."""
    data, at, found = (run.folder / "00000.tfrecord").read_bytes(), 0, {}
    while at < len(data):
        (length,) = struct.unpack_from("<Q", data, at)
        record = data[at + 12 : at + 12 + length]
        for part, place in ((data[at : at + 8], at + 8), (record, at + 12 + length)):
            crc = google_crc32c.value(part)
            masked = ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
            assert struct.unpack_from("<I", data, place) == (masked,)
        features = example_pb2.Example.FromString(record).features.feature
        found[features["key"].bytes_list.value[0].decode()] = features
        at += length + 16
    return found


def test_a4_a_tfrecord_has_an_example_for_each_success(recorded: Run) -> None:
    assert recorded.dataset.visible == ["00000.parquet", "00000.tfrecord", "00000_stats.json"]
    found = examples(recorded)
    kept = {row["key"]: row for row in recorded.dataset.rows if row["status"] == "success"}
    assert found.keys() == kept.keys()
    for key, one in found.items():
        assert set(one) == {*ADDITIONAL, "caption", "md5", "url", *OWN, "jpg", "txt"}
        assert one["jpg"].bytes_list.value[0].startswith(b"\xff\xd8")
        assert one["width"].int64_list.value == [32]
        assert one["md5"].bytes_list.value == [kept[key]["md5"].encode()]
        assert one["error_message"].bytes_list.value == [b""]


def test_a4_features_have_the_kind_of_their_values(recorded: Run) -> None:
    found = examples(recorded)
    first, second, third, fourth = (found[recorded.key(name)] for name in recorded.names[:4])
    assert first["number"].int64_list.value == [0]
    assert second["number"].WhichOneof("kind") == "int64_list"
    assert second["number"].int64_list.value == []  # null
    assert (first["flag"].int64_list.value, second["flag"].int64_list.value) == ([1], [0])
    assert first["single"].float_list.value == [0.5]
    assert math.isnan(first["ratio"].float_list.value[0])
    assert fourth["floats"].float_list.value == [0.5, 0.75]
    assert fourth["words"].bytes_list.value == [b"a", "ü3".encode()]
    assert fourth["caption"].bytes_list.value == ['zwölf, 猫 "q"\n'.encode()]
    assert fourth["txt"].bytes_list.value == ['zwölf, 猫 "q"\n'.encode()]
    assert second["txt"].bytes_list.value == [b""]
    assert third["day"].bytes_list.value == [b"2020-01-02"]
    assert third["price"].bytes_list.value == [b"1.50"]


def test_a4_what_has_another_hash_is_refused(recorded: Run) -> None:
    for name in MISMATCHES:
        row = recorded.row(name)
        assert (row["status"], row["error_message"]) == ("failed_to_download", "hash mismatch")
    assert recorded.row("photo.jpg")["status"] == "success"  # expected in capitals


# -- A6: images


def decoded(name: str) -> Any:
    return opened(pictures()[name])


def check_pixels(found: Any, expected: Any, *, exact: bool) -> None:
    """The same as OpenCV's; of an area average, as good as the same."""
    assert found.shape == expected.shape
    if exact:
        assert np.array_equal(found, expected)
    else:
        assert cv2.PSNR(found, expected) >= 45


def stored(run: Run, name: str) -> Any:
    return opened(run.member(name, "png"))


@pytest.mark.parametrize(
    ("name", "interpolation", "size", "border"),
    [
        ("plain.png", cv2.INTER_AREA, (128, 88), (20, 20)),
        ("small.png", cv2.INTER_LANCZOS4, (128, 87), (20, 21)),
        ("least.png", cv2.INTER_LANCZOS4, (128, 32), (48, 48)),
    ],
)
def test_a6_border_fits_inside_and_pads_with_white(
    rich: Run,
    name: str,
    interpolation: int,
    size: tuple[int, int],
    border: tuple[int, int],
) -> None:
    resized = cv2.resize(decoded(name), size, interpolation=interpolation)
    expected = cv2.copyMakeBorder(
        resized, *border, 0, 0, cv2.BORDER_CONSTANT, value=(255, 255, 255)
    )

    check_pixels(stored(rich, name), expected, exact=interpolation != cv2.INTER_AREA)
    sample = rich.json(name)
    assert (sample["width"], sample["height"]) == (128, 128)
    assert [sample["original_height"], sample["original_width"]] == list(decoded(name).shape[:2])


def test_a6_photos_are_as_good_as_fully_decoded(rich: Run) -> None:
    expected = cv2.resize(decoded("photo.jpg"), (128, 100), interpolation=cv2.INTER_AREA)
    assert cv2.PSNR(stored(rich, "photo.jpg")[14:114], expected) >= 38


def test_a6_center_crop_cuts_the_middle_and_the_encoder_is_that_of_opencv(recorded: Run) -> None:
    pixels = {
        "plain.png": cv2.resize(decoded("plain.png"), (47, 32), interpolation=cv2.INTER_AREA),
        "least.png": cv2.resize(decoded("least.png"), (128, 32), interpolation=cv2.INTER_NEAREST),
    }
    found = {key: one["jpg"].bytes_list.value[0] for key, one in examples(recorded).items()}
    jpgs = {
        name: cv2.imencode(".jpg", resized[:, left : left + 32], [cv2.IMWRITE_JPEG_QUALITY, 95])[
            1
        ].tobytes()
        for (name, resized), left in zip(pixels.items(), (7, 48), strict=True)
    }
    assert found[recorded.key("least.png")] == jpgs["least.png"]
    check_pixels(opened(found[recorded.key("plain.png")]), opened(jpgs["plain.png"]), exact=False)
    with Image.open(io.BytesIO(found[recorded.key("plain.png")])) as image:
        assert "progressive" not in image.info
        assert [part[1:3] for part in image.layer] == [(2, 2), (1, 1), (1, 1)]  # type: ignore[attr-defined]
    with Image.open(io.BytesIO(found[recorded.key("grey.png")])) as image:
        assert image.mode == "L"


COLOURS = {
    "alpha.png": ((255, 204, 204), 0),
    "palette.png": ((200, 40, 20), 1),
    "moving.gif": ((255, 0, 0), 0),
    "cmyk.jpg": ((200, 40, 20), 12),
    "tags.jpg": ((200, 40, 20), 3),
}
"""Name -> the colour in the middle, and by how much it may differ."""


@pytest.mark.parametrize("name", COLOURS)
def test_a6_every_kind_of_picture_becomes_rgb_on_white(rich: Run, name: str) -> None:
    colour, tolerance = COLOURS[name]
    with rich.image(name) as image:
        assert image.mode == "RGB"
        middle = np.asarray(image)[64, 64].astype(int)
    assert np.abs(middle - colour).max() <= tolerance


@pytest.mark.parametrize("name", ["grey.jpg", "grey.png"])
def test_a6_grey_stays_grey(rich: Run, name: str) -> None:
    with rich.image(name) as image:
        assert image.mode == "L"


def test_a6_the_output_has_no_exif_and_no_profile_the_metadata_has_the_tags(rich: Run) -> None:
    with rich.image("tags.jpg") as image:
        assert not image.getexif()
        assert "icc_profile" not in image.info
    found = json.loads(rich.json("tags.jpg")["exif"])
    assert found["Image Make"] == "A maker"
    assert found["Image Model"] == 'Model "X"'
    assert found["Image DateTime"] == "2020:01:02 03:04:05"
    assert rich.json("plain.png")["exif"] == "{}"


def test_a6_only_the_bigger_are_resized_and_originals_are_kept_where_nothing_changed(
    boxed: Run,
) -> None:
    rows = dict(zip(boxed.names, boxed.dataset.rows, strict=True))
    sizes = {name: (row["width"], row["height"]) for name, row in rows.items()}
    assert sizes["plain"] == (150, 100)
    assert sizes["smaller"] == (291, 200)
    assert rows["plain"]["webp"] == rows["empty"]["webp"] == pictures()["still.webp"]
    expected = cv2.resize(decoded("plain.png"), (291, 200), interpolation=cv2.INTER_AREA)
    pixels = opened(rows["smaller"]["webp"])
    check_pixels(pixels, expected, exact=False)  # webp above 100 is lossless


def test_a6_boxes_are_blurred_by_the_formula(boxed: Run) -> None:
    pixels = decoded("still.webp")
    height, width = pixels.shape[:2]
    left, top, right, bottom = (
        int(part * side) for part, side in zip(BOX, (width, height) * 2, strict=True)
    )
    longest = max(right - left, bottom - top)
    grown = int(0.1 * longest)
    mask = np.zeros((height, width, 1), np.float32)
    mask[top - grown : bottom + grown, left - grown : right + grown] = 1
    side = max(3, 2 * math.ceil(0.1 * longest) + 1)
    image = pixels.astype(np.float32) / 255
    soft = cv2.GaussianBlur(mask, (side, side), 0)[:, :, np.newaxis]
    mixed = image * (1 - soft) + cv2.GaussianBlur(image, (side, side), 0) * soft
    expected = (mixed * 255).astype(np.uint8)

    row = boxed.dataset.rows[1]
    found = opened(row["webp"])

    assert np.array_equal(found, expected)
    assert row["faces"] == [BOX]


# -- A7: requests


@pytest.mark.slow
def test_a7_redirects_are_followed_ten_times(manners: Manners) -> None:
    assert manners.messages["/redirect?n=10"] is None
    assert manners.messages["/redirect?n=11"] == "too many redirects"


def test_a7_no_encoding_is_asked_for(manners: Manners) -> None:
    encodings = {request.headers.get("accept-encoding") for request in manners.site.requests}
    assert encodings == {"identity"}


def test_a7_system_proxies_are_honoured(manners: Manners) -> None:
    assert manners.messages["proxy"] is None
    assert BEHIND_PROXY in [request.target for request in manners.site.requests]
    direct = [request for request in manners.site.requests if request.target.startswith("/")]
    assert len(direct) > 30  # no_proxy


def test_a1_certificates_may_be_ignored(manners: Manners) -> None:
    assert manners.messages["secure"] is None
    assert len(manners.secure.requests) == 1


# -- A8: distribution and logging


def test_a8_each_shard_and_the_total_have_a_line(commanded: Run) -> None:
    assert commanded.printed is not None
    lines = commanded.printed.stderr.splitlines()
    form = re.compile(
        r"(worker |total  ) - success: (\d\.\d{3}) - failed to download: (\d\.\d{3})"
        r" - failed to resize: (\d\.\d{3}) - images per sec: \d+ - count: (\d+)"
    )
    found = [match.groups() for line in lines if (match := form.fullmatch(line))]
    assert [head.strip() for head, *_ in found] == ["worker", "total"] * 3
    assert found[-1] == ("total  ", "0.800", "0.200", "0.000", "5")
    assert sorted(int(count) for *_, count in found[::2]) == [1, 1, 3]


def test_a8_weights_and_biases_gets_curves_a_table_and_the_config(rich: Run) -> None:
    (project, config), *logs, last = rich.logged
    assert project == "mine"
    assert last == "finished"
    assert list(config)[:3] == ["url_list", "image_size", "output_folder"]
    assert (config["min_image_size"], config["image_size"]) == (16, 128)
    curves = {
        f"{prefix}/{name}"
        for prefix in ("worker", "total")
        for name in ("img_per_sec", "success", "failed_to_download", "failed_to_resize", "count")
    }
    assert curves <= logs[0].keys()
    assert logs[0]["total/count"] == len(rich.names)
    assert logs[0]["worker/success"] == pytest.approx(len(KEPT) / len(rich.names))
    table = logs[-1]["status"]
    assert table.columns == ["status", "frequency", "count"]
    assert table.data[0] == ("success", pytest.approx(len(KEPT) / len(rich.names)), len(KEPT))


@pytest.mark.slow
def test_a8_a_failed_shard_is_tried_again_then_named_and_the_same_command_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    (out / "00001.tar" / "in the way").mkdir(parents=True)
    with Site() as site:
        urls = [site.url(f"/image/{n}.jpg") for n in range(3)]
        options: dict[str, Any] = {
            "output_folder": str(out), "output_format": "webdataset", "max_shard_retry": 2,
            "number_sample_per_shard": 1, "image_size": 8,
        }  # fmt: skip
        report = download(urls, **options)
        tries = [len(site.asked(f"/image/{n}.jpg")) for n in range(3)]
        last = capsys.readouterr().err.splitlines()[-1]
        (out / "00001.tar" / "in the way").rmdir()
        (out / "00001.tar").rmdir()
        again = download(urls, **options)

    assert tries == [1, 3, 1]
    assert (report.shards_not_done, report.exit_code) == (("00001",), 1)
    assert "00001" in last
    assert "same command again" in last
    assert (again.count, again.shards_skipped, again.exit_code) == (1, 2, 0)
    Dataset(out).check_whole(3)


# -- C: what is new


def test_c3_the_report_tells_what_was_done(rich: Run) -> None:
    report = rich.report
    assert report is not None
    assert (report.count, report.successes) == (len(rich.names), len(KEPT))
    assert report.failed_to_resize == len(RESIZE)
    assert report.reasons["not_an_image"] + report.reasons["decode"] == 2
    assert report.status_dict == rich.dataset.stats[0]["status_dict"]
    assert report.duration > 0
    assert report.images_per_sec > 0
    assert report.shards_not_done == ()


def test_c3_the_command_shows_a_table_at_its_end(commanded: Run) -> None:
    assert commanded.printed is not None
    lines = [line.split() for line in commanded.printed.stderr.splitlines()]
    assert ["success", "4", "80.0%"] in lines
    assert ["failed_to_download", "1", "20.0%"] in lines


@pytest.mark.slow
def test_c9_the_options_are_printed_in_the_form_of_a_config(tmp_path: Path) -> None:
    (tmp_path / "given.toml").write_text("image_size = 5\nretries = 3\n")
    first = call("u.txt", "--config", "given.toml", "--image_size=8", "--print_config",
                 cwd=tmp_path)  # fmt: skip
    (tmp_path / "printed.toml").write_text(first.stdout)
    second = call("--config=printed.toml", "--print_config", cwd=tmp_path)

    assert {"image_size = 8", "retries = 3"} <= set(first.stdout.splitlines())
    assert second.stdout == first.stdout
