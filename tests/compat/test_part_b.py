"""Part B of the spec, where we differ on purpose: HELD says which tests hold which number.

All of them go through whole runs.  The tests below look into the runs of runs.py, and hold what
no other file does.
"""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pytest

from img2dataset import Img2datasetError, download
from tests.compat.runs import (
    FAILING,
    KEPT,
    MANNERS,
    MISMATCHES,
    UNTOUCHED,
    Manners,
    Run,
    call,
    is_there,
    opened,
    pictures,
    shelf,
)
from tests.e2e.dataset import Dataset
from tests.site import Site

pytestmark = pytest.mark.slow
HERE = "compat/test_part_b.py::"
PART_A = "compat/test_part_a.py::"
INTERRUPTIONS = "e2e/test_interruptions.py::"
HELD: Mapping[str, tuple[str, ...]] = {
    "B1": (
        "compat/test_command_line.py::test_an_unknown_flag_is_refused_before_anything_is_done",
        "compat/test_command_line.py::test_a_spelling_means",
    ),
    "B2": (
        f"{HERE}test_b2_rows_that_fail_are_normal_and_the_last_line_says_what_came",
        "e2e/test_callers.py::test_not_one_image_is_exit_code_1_and_an_advice",
        "e2e/test_callers.py::test_bad_usage_is_one_line_exit_code_2_and_nothing_is_written",
        f"{INTERRUPTIONS}test_an_interrupted_run_says_how_to_go_on_and_leaves_nothing_half",
        f"{PART_A}test_a8_a_failed_shard_is_tried_again_then_named_and_the_same_command_goes_on",
    ),
    "B3": (f"{HERE}test_b3_a_line_is_a_url_whatever_it_holds",),
    "B4": (
        f"{HERE}test_b4_text_stays_text_and_numbers_are_those_that_survive",
        f"{HERE}test_b4_a_malformed_line_is_a_failed_row_with_its_number",
        "compat/test_part_a.py::test_a4_the_table_keeps_the_types_of_the_list_and_ours_are_as_ever",
        "e2e/test_bad_rows.py::test_malformed_lines_are_rows_with_their_number",
    ),
    "B5": (
        "e2e/test_callers.py::test_bad_usage_is_one_line_exit_code_2_and_nothing_is_written",
        "compat/test_part_a.py::test_a1_what_cannot_be_is_a_value_error_before_any_work",
    ),
    "B6": (
        f"{HERE}test_b6_downloads_begin_before_the_list_is_read",
        f"{HERE}test_b6_memory_does_not_grow_with_the_list",
    ),
    "B7": (
        f"{HERE}test_b7_files_are_not_downloaded",
        "e2e/test_bad_rows.py::test_every_kind_of_trouble_has_a_reason_and_the_run_ends",
    ),
    "B8": (
        "e2e/test_fetch_addresses.py::test_a_name_that_means_a_private_address_is_not_connected_to",
        "e2e/test_fetch_addresses.py::test_no_redirect_leads_inside_however_it_is_spelt",
        "e2e/test_fetch_addresses.py::test_an_address_in_the_list_is_asked_in_any_spelling",
        "e2e/test_fetch_metadata.py::test_the_options_of_manners_reach_the_engine",
    ),
    "B9": (
        f"{HERE}test_b9_the_timeout_is_for_all_hops_together",
        "e2e/test_bad_rows.py::test_every_kind_of_trouble_has_a_reason_and_the_run_ends",
    ),
    "B10": (
        f"{HERE}test_b10_connections_are_used_again",
        f"{HERE}test_b10_only_what_may_pass_is_asked_for_again",
        "e2e/test_bad_rows.py::test_only_what_may_pass_is_asked_for_again",
    ),
    "B11": (
        f"{HERE}test_b11_the_grammar_of_x_robots_tag_is_understood",
        f"{HERE}test_b11_the_body_is_not_read_after_a_refusal",
    ),
    "B12": (f"{HERE}test_b12_we_say_who_we_are", f"{HERE}test_b12_the_user_may_say_it_otherwise"),
    "B13": (
        f"{HERE}test_b13_photos_are_stored_upright",
        f"{HERE}test_b13_boxes_are_those_of_the_upright_photo",
        f"{HERE}test_b13_orientation_can_be_left_alone",
    ),
    "B14": (f"{HERE}test_b14_deep_images_are_scaled",),
    "B15": (
        f"{HERE}test_b15_bytes_are_stored_only_if_they_are_an_image",
        "e2e/test_bad_rows.py::test_bytes_are_kept_untouched_but_only_of_images",
    ),
    "B16": (f"{HERE}test_b16_sizes_are_judged_before_anything_is_decoded",),
    "B17": (
        f"{HERE}test_b17_a_row_with_boxes_is_blurred_even_if_originals_are_kept",
        f"{HERE}test_b17_boxes_and_untouched_bytes_are_refused_together",
    ),
    "B18": (f"{HERE}test_b18_png_has_a_default_level",),
    "B19": (
        f"{HERE}test_b19_nothing_but_whole_shards_is_there_and_leftovers_go",
        f"{INTERRUPTIONS}test_a_killed_parent_takes_its_workers_with_it_and_the_command_goes_on",
    ),
    "B20": ("e2e/test_run.py::test_resuming_with_other_settings_is_refused_and_changes_nothing",),
    "B21": (
        f"{HERE}test_b21_every_row_has_one_record",
        f"{HERE}test_b21_b26_any_value_is_written_as_json",
    ),
    "B22": (
        "e2e/test_interruptions.py::test_a_killed_worker_is_replaced_and_nothing_is_lost",
        f"{INTERRUPTIONS}test_an_interrupted_run_says_how_to_go_on_and_leaves_nothing_half",
    ),
    "B23": (
        "e2e/test_callers.py::test_a_plain_script_needs_no_main_guard",
        "e2e/test_callers.py::test_code_from_standard_input_works_like_a_notebook_cell",
        "e2e/test_run.py::test_it_works_in_a_thread",
        f"{HERE}test_b23_nothing_is_left_running",
    ),
    "B24": (
        f"{HERE}test_b24_a_missing_library_is_one_line_that_says_what_to_install",
        "compat/test_part_a.py::test_a4_a_tfrecord_has_an_example_for_each_success",
    ),
    "B25": (
        f"{HERE}test_b25_rows_are_in_order_and_members_have_a_fixed_time",
        "e2e/test_run.py::test_equal_samples_give_equal_bytes",
    ),
    "B26": (
        f"{HERE}test_b21_b26_any_value_is_written_as_json",
        f"{HERE}test_b26_captions_are_utf8_in_any_locale",
    ),
    "B27": (f"{HERE}test_b27_odd_urls_are_sent_as_browsers_do_and_kept_as_given",),
    "B28": ("e2e/test_run.py::test_shards_overlap_and_none_waits_for_the_slowest",),
}


def test_every_number_is_held_by_tests_that_exist() -> None:
    assert {*HELD} == {f"B{n}" for n in range(1, 29)}
    named = {test for tests in HELD.values() for test in tests}
    assert [test for test in sorted(named) if not is_there(test)] == []
    below = {f"{HERE}{name}" for name in globals() if name.startswith("test_b")}
    assert below <= named


def test_b2_rows_that_fail_are_normal_and_the_last_line_says_what_came(commanded: Run) -> None:
    assert commanded.printed is not None
    assert commanded.printed.returncode == 0
    last = commanded.printed.stderr.splitlines()[-1]
    assert last == "done: 4 images of 5 rows (80.0%) in 2020"


def test_b3_a_line_is_a_url_whatever_it_holds(commanded: Run) -> None:
    assert [row["url"] for row in commanded.dataset.rows] == list(commanded.names)
    assert all("a=b,c\"d'" in name for name in commanded.names[:4])


def test_b4_text_stays_text_and_numbers_are_those_that_survive(untouched: Run) -> None:
    table = untouched.dataset.table.slice(0, len(UNTOUCHED))
    columns = ("caption", "whole", "zeros", "dots", "longer", "days")
    assert {name: table.schema.field(name).type for name in columns} == {
        "caption": pa.string(),
        "whole": pa.int64(),
        "zeros": pa.string(),
        "dots": pa.float64(),
        "longer": pa.string(),
        "days": pa.string(),
    }
    assert table["caption"].to_pylist() == ["007", "1.0", "2020-01-02", "TRUE", 'a, "b"', ""]
    assert table["zeros"][0].as_py() == "01"
    assert table["longer"][0].as_py() == "0.10"
    assert table["dots"].to_pylist() == [0.5, 1.25, 2.5, None, 4.5, 5.75]
    assert table["days"][0].as_py() == "2020-01-02"


def test_b4_a_malformed_line_is_a_failed_row_with_its_number(untouched: Run) -> None:
    last = untouched.dataset.rows[-1]
    assert last["status"] == "failed_to_download"
    assert last["error_message"].startswith("malformed input line 8")
    assert "malformed input line" in untouched.dataset.stats[0]["status_dict"]


@pytest.mark.slow
def test_b6_downloads_begin_before_the_list_is_read(tmp_path: Path) -> None:
    with Site() as site:
        lines = "".join(site.url(f"/image/{n % 9}.jpg?n={n}\n") for n in range(200))
        padding = os.urandom(6_000_000).hex()  # 12 MB, which gzip cannot make small
        rest = "".join(f"{padding[at : at + 60_000]}\n" for at in range(0, len(padding), 60_000))
        whole = gzip.compress((lines + rest).encode(), 1)
        (tmp_path / "list.txt.gz").write_bytes(whole[:-1000])  # it breaks off at its very end

        with pytest.raises(Img2datasetError, match=r"list\.txt\.gz"):
            download(
                str(tmp_path / "list.txt.gz"), output_folder=str(tmp_path / "out"),
                input_format="txt.gz", output_format="webdataset", number_sample_per_shard=100,
                image_size=8,
            )  # fmt: skip

        assert len({request.target for request in site.requests}) == 200
    assert sum(stats["successes"] for stats in Dataset(tmp_path / "out").stats) == 200


ROWS, BYTES = 1_500, 100_000
MEMORY = """
import resource
from pathlib import Path
from img2dataset import download

report = download(
    "list.txt.gz", output_format="dummy", input_format="txt.gz", number_sample_per_shard=20,
    thread_count=1,
)
status = Path("/proc/self/status").read_text()
own = next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]
print(report.count, own, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
def test_b6_memory_does_not_grow_with_the_list(tmp_path: Path) -> None:
    line = b"not a url " + b"x" * (BYTES - 11) + b"\n"
    (tmp_path / "list.txt.gz").write_bytes(gzip.compress(line) * ROWS)  # 150 MB, unzipped
    done = subprocess.run(
        [sys.executable, "-c", MEMORY], cwd=tmp_path, capture_output=True, text=True, check=True
    )

    rows, *kilobytes = map(int, done.stdout.split())
    assert rows == ROWS
    assert max(kilobytes) < 220_000  # about 130 MB are libraries


def test_b7_files_are_not_downloaded(rich: Run) -> None:
    row = rich.row("own.jpg")
    assert row["status"] == "failed_to_download"
    assert row["url"].startswith("file:///")


@pytest.mark.slow
def test_b9_the_timeout_is_for_all_hops_together(tmp_path: Path) -> None:
    with shelf() as site:
        download(
            [site.url("hop1"), site.url("hop5")], output_folder=str(tmp_path), timeout=1,
            image_size=8,
        )  # fmt: skip

    assert [row["error_message"] for row in Dataset(tmp_path).rows] == [None, "timed out"]


def test_b10_connections_are_used_again(manners: Manners) -> None:
    # those that the site resets or closes, and those of refusals, cannot be
    ends = sum("robots" in one.target or "Robots" in one.target for one in manners.site.requests)
    assert manners.site.connections <= 4 + 2 + ends  # what the flaky page closes
    assert len(manners.site.requests) > 2 * manners.site.connections


def test_b10_only_what_may_pass_is_asked_for_again(manners: Manners) -> None:
    assert manners.messages["/flaky?fail=1&how=503&token=busy"] is None
    targets = [request.target for request in manners.site.requests]
    for path in ("/status/404?token=once", "/status/418", "/robots?tag=none"):
        assert targets.count(path) == 1
        assert manners.messages[path] == MANNERS[path]


def test_b11_the_grammar_of_x_robots_tag_is_understood(manners: Manners) -> None:
    robots = {path: message for path, message in MANNERS.items() if "obots" in path}
    assert len(robots) > 8
    assert {path: manners.messages[path] for path in robots} == robots


def test_b11_the_body_is_not_read_after_a_refusal(manners: Manners) -> None:
    (request,) = manners.site.asked("/image/102.jpg")
    assert request.body_bytes < 20_000_000  # of 50 million: buffers of the system


def test_b12_we_say_who_we_are(manners: Manners) -> None:
    agents = {request.headers["user-agent"] for request in manners.site.requests}
    assert len(agents) == 1
    agent = agents.pop()
    assert agent.startswith("img2dataset/2.")
    assert "mybot" in agent
    assert "Mozilla" not in agent


def test_b12_the_user_may_say_it_otherwise(untouched: Run) -> None:
    assert untouched.agents == {"me/1 (hi)"}


def test_b13_photos_are_stored_upright(rich: Run) -> None:
    sample = rich.json("turned.jpg")
    assert (sample["original_width"], sample["original_height"]) == (60, 90)
    with rich.image("turned.jpg") as image:
        picture = np.asarray(image)[:, 21:106]  # 85 x 128 between white borders
    assert picture[:38].min() > 200
    assert picture[48:].max() < 60


@pytest.mark.slow
def test_b13_boxes_are_those_of_the_upright_photo(tmp_path: Path) -> None:
    top = [[0.3, 0.25, 0.7, 0.4]]  # over the edge between white and black, when upright
    with Site() as site:
        url = site.url("/exif/6.jpg")
        table = pa.table({"url": [url, url], "box": pa.array([top, None])})
        download(
            table, output_folder=str(tmp_path), resize_mode="no", encode_format="png",
            bbox_col="box",
        )  # fmt: skip
    blurred, plain = (
        opened((tmp_path / "00000" / f"00000000{n}.png").read_bytes()).astype(int) for n in range(2)
    )
    assert plain.shape == (64, 48, 3)
    changed = np.argwhere(np.abs(blurred - plain).max(axis=2) > 0)
    assert changed[:, 0].max() < 64 * 0.55  # rows of the upright photo
    assert changed[:, 0].min() >= 64 * 0.1


def test_b13_orientation_can_be_left_alone(boxed: Run) -> None:
    row = dict(zip(boxed.names, boxed.dataset.rows, strict=True))["turned"]
    assert [row[name] for name in ("width", "height", "original_width", "original_height")] == [
        90, 60, 90, 60,
    ]  # fmt: skip
    pixels = opened(row["webp"])
    assert pixels[:, :28].min() > 200
    assert pixels[:, 34:].max() < 60


@pytest.mark.parametrize(("name", "grey"), [("deep.png", 128), ("float.tiff", 64)])
def test_b14_deep_images_are_scaled(rich: Run, name: str, grey: int) -> None:
    with rich.image(name) as image:
        assert np.asarray(image)[64, 64].max() == grey


def test_b15_bytes_are_stored_only_if_they_are_an_image(untouched: Run) -> None:
    rows = dict(zip(UNTOUCHED, untouched.dataset.rows, strict=False))
    assert rows["page.html"]["error_message"] == "Image decoding error"
    assert rows["nothing.jpg"]["error_message"] == "body empty"
    assert rows["page.html"]["jpg"] is None
    for name in ("plain.png", "tags.jpg"):
        assert rows[name]["jpg"] == pictures()[name]


def test_b16_sizes_are_judged_before_anything_is_decoded(rich: Run) -> None:
    # there are no pixels behind these headers: a decoder would say "Image decoding error"
    assert rich.row("bomb.png")["error_message"] == "image has too many pixels"
    assert rich.row("large.png")["error_message"] == "image area too large"
    # at the limits
    for name in ("photo.jpg", "least.png"):
        assert rich.row(name)["status"] == "success"


def test_b17_a_row_with_boxes_is_blurred_even_if_originals_are_kept(boxed: Run) -> None:
    rows = dict(zip(boxed.names, boxed.dataset.rows, strict=True))
    original = pictures()["still.webp"]
    assert rows["plain"]["webp"] == rows["empty"]["webp"] == original
    assert rows["boxed"]["webp"] != original
    assert rows["boxed"]["status"] == "success"


@pytest.mark.slow
def test_b17_boxes_and_untouched_bytes_are_refused_together(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("url,box\nhttp://127.0.0.1:1/,[]\n")
    done = call(
        "list.csv", "--input_format=csv", "--bbox_col=box", "--disable_all_reencoding",
        cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 2
    assert "bbox_col" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "images").exists()


def test_b18_png_has_a_default_level(rich: Run) -> None:
    """Of files not larger than those of the old tool's encoder at level 6, to 1 %."""
    stored = rich.member("plain.png", "png")
    level_6 = cv2.imencode(".png", opened(stored), [cv2.IMWRITE_PNG_COMPRESSION, 6])[1]
    assert 0.9 * level_6.nbytes < len(stored) <= 1.01 * level_6.nbytes


@pytest.mark.slow
def test_b19_nothing_but_whole_shards_is_there_and_leftovers_go(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with Site() as site:
        urls = [site.url(f"/image/{n}.jpg") for n in range(2)]
        download(urls, output_folder=str(out), number_sample_per_shard=1, image_size=8)
        (out / "00001_stats.json").unlink()  # as if the run had ended just before
        (out / "00001" / "stale.jpg").write_bytes(b"half")
        (out / ".img2dataset" / "parts").mkdir(exist_ok=True)
        (out / ".img2dataset" / "parts" / "half").write_bytes(b"half")
        report = download(urls, output_folder=str(out), number_sample_per_shard=1, image_size=8)

    assert (report.shards_skipped, report.shards_done) == (1, 1)
    assert Dataset(out).visible == [
        f"{shard}{end}" for shard in ("00000", "00001") for end in ("", ".parquet", "_stats.json")
    ]
    assert sorted(path.name for path in (out / "00001").iterdir()) == ["00001.jpg", "00001.json"]
    assert {path.name for path in (out / ".img2dataset").iterdir()} == {
        "identity",
        "lock",
        "published",
        "accounts",
    }


def test_b21_every_row_has_one_record(rich: Run, recorded: Run, boxed: Run) -> None:
    rich.dataset.check_whole(len(rich.names))
    recorded.dataset.check_whole(len(rich.names))
    boxed.dataset.check_whole(len(boxed.names))
    failed = {name for name in recorded.names if recorded.row(name)["status"] != "success"}
    assert failed > {*MISMATCHES, "missing.jpg"}


def test_b21_b26_any_value_is_written_as_json(rich: Run) -> None:
    first, second, third, fourth = (rich.json(name) for name in rich.names[:4])
    assert first["unsigned"] == 2**64 - 1
    assert (first["ratio"], second["ratio"], third["ratio"]) == (None, None, None)
    assert fourth["ratio"] == 1.0
    assert (first["number"], second["number"], fourth["single"]) == (0, None, 0.5)
    assert (first["flag"], second["flag"]) == (True, False)
    assert first["day"] == "2020-01-02"
    assert first["moment"] == "2020-01-02T03:04:05.5"
    assert first["instant"] in {"2020-01-02T03:04:05.5Z", "2020-01-02T03:04:05.5+00:00"}
    assert (first["price"], first["raw"]) == ("1.50", "räw")
    assert (second["words"], third["words"], fourth["words"]) == (None, [], ["a", "ü3"])
    assert fourth["floats"] == [0.5, 0.75]
    assert fourth["nested"] == {"a": 3, "b": ["x3"]}
    assert first["nothing"] is None


def test_b23_nothing_is_left_running(rich: Run) -> None:
    assert rich.left_running == []


@pytest.mark.parametrize(
    ("option", "package"),
    # pyspark and ray belong here as soon as there are distributors for them
    [("--enable_wandb", "wandb")],
)
def test_b24_a_missing_library_is_one_line_that_says_what_to_install(
    option: str, package: str, tmp_path: Path
) -> None:
    (tmp_path / "list.txt").write_text("http://127.0.0.1:1/\n")
    (tmp_path / "sitecustomize.py").write_text(
        "from importlib.machinery import PathFinder\n"
        "find = PathFinder.find_spec\n"
        f"hidden = {package!r}\n"
        "PathFinder.find_spec = lambda name, *more: None if name == hidden else find(name, *more)\n"
    )

    done = call("list.txt", option, cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)})

    assert done.returncode == 2, done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert f"pip install 'img2dataset[{package}]'" in done.stderr
    assert not (tmp_path / "images").exists()


def test_b25_rows_are_in_order_and_members_have_a_fixed_time(rich: Run) -> None:
    keys = [row["key"] for row in rich.dataset.rows]
    assert keys == sorted(keys) == [f"{n:09d}" for n in range(len(KEPT) + len(FAILING))]
    with tarfile.open(rich.folder / "00000.tar") as tar:
        assert len({member.mtime for member in tar}) == 1


@pytest.mark.slow
def test_b26_captions_are_utf8_in_any_locale(tmp_path: Path) -> None:
    with Site() as site:
        (tmp_path / "list.tsv").write_text(
            f"url\ttext\n{site.url('/image/1.jpg')}\tzwölf 猫\n", encoding="utf-8"
        )
        done = call(
            "list.tsv", "8", "oüt", "--input_format=tsv", "--caption_col=text", cwd=tmp_path,
            env={"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert (tmp_path / "oüt/00000/000000000.txt").read_bytes() == "zwölf 猫".encode()
    assert "zwölf 猫" in (tmp_path / "oüt/00000/000000000.json").read_text("utf-8")


def test_b27_odd_urls_are_sent_as_browsers_do_and_kept_as_given(
    rich: Run, manners: Manners
) -> None:
    assert rich.row("a b ü.png")["status"] == "success"
    assert rich.row("a b ü.png")["url"].endswith("/a b ü.png")
    assert "/a%20b%20%C3%BC.png" in rich.asked
    assert "/text/%C3%A9%20%C3%B8?a%20b=%C3%BC" in [one.target for one in manners.site.requests]
