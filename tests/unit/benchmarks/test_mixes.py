"""The files of `make bench` that resemble lists from the web: which ones, and always the same."""

from __future__ import annotations

import io
import random
from collections import Counter
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from benchmarks.cases import CASES, Outcome, Source
from benchmarks.closeness import compare, make_pixels, on_white, reference
from benchmarks.kinds import cost_table, read_groups
from benchmarks.measure import Usage
from benchmarks.mix_pictures import Kind, Picture, Scenery, lay_out, render
from benchmarks.mixes import FORMATS, MIXES, plan, read_manifest, spread, write_files
from benchmarks.table import Measured, Tool, table
from PIL import Image


@pytest.mark.parametrize("name", MIXES)
def test_shares_add_up(name: str) -> None:
    mix = MIXES[name]
    assert sum(mix.formats.values()) == pytest.approx(1)
    assert sum(share for _, share in mix.sides) == pytest.approx(1)


def test_a_mix_has_the_shares_of_its_recipe_to_the_file() -> None:
    pictures = plan("laion", 400, 1)
    kinds = Counter(one.kind for one in pictures)
    assert kinds == {kind: round(400 * share) for kind, share in FORMATS.items()}
    longest = [max(one.width, one.height) for one in pictures if one.kind is not Kind.LARGE]
    for side, wanted in ((256, 0.351), (512, 0.729), (1024, 0.937)):
        assert np.mean(np.array(longest) < side) == pytest.approx(wanted, abs=0.02)
    jpegs = [one for one in pictures if one.kind.is_jpeg]
    assert {one.quality for one in jpegs} == set(range(75, 96))
    sampling = Counter(one.sampling for one in jpegs)
    assert sampling["4:2:0"] / len(jpegs) == pytest.approx(0.65, abs=0.02)
    assert sum(one.grey for one in pictures) / len(jpegs) == pytest.approx(0.03, abs=0.01)


def test_the_seed_decides_what_a_mix_has() -> None:
    assert plan("mix", 20, 1) == plan("mix", 20, 1)
    assert plan("mix", 20, 1) != plan("mix", 20, 2)
    assert len(plan("mix", 7, 1)) == 7, "not every kind has its file"


def test_numbers_are_spread_over_equal_parts() -> None:
    assert sorted(int(10 * number) for number in spread(random.Random(1), 10)) == list(range(10))


@pytest.fixture(scope="module")
def scenery() -> Scenery:
    grain = np.random.default_rng(1).integers(0, 256, (24, 32, 3), np.uint8)
    photo = np.asarray(cv2.resize(grain, (240, 180)))
    return Scenery([photo], lay_out([photo], 1, 1))


FORMAT = {Kind.WEBP: "WEBP", Kind.GIF: "GIF", Kind.AVIF: "AVIF"}
MODE = {Kind.PNG_RGBA: "RGBA", Kind.PNG_PALETTE: "P", Kind.PNG_GREY: "L", Kind.GIF: "P"}


@pytest.mark.parametrize("kind", Kind)
def test_a_file_is_of_its_kind_and_always_the_same(kind: Kind, scenery: Scenery) -> None:
    wanted = Picture(kind, 64, 48, quality=90, sampling="4:2:2", grey=False, seed=5)
    data = render(wanted, scenery)
    assert data == render(wanted, scenery)
    with Image.open(io.BytesIO(data)) as image:
        assert image.size == (64, 48)
        assert image.format == FORMAT.get(kind, "JPEG" if kind.is_jpeg else "PNG")
        assert image.mode == MODE.get(kind, "RGB")
        assert ("progressive" in image.info) == (kind is Kind.PROGRESSIVE)
        if kind is Kind.PNG_PALETTE:
            assert "transparency" in image.info, "as every second one has"


def test_what_is_larger_than_the_photos_is_a_part_of_the_mosaic(scenery: Scenery) -> None:
    large = Picture(Kind.PNG_RGB, 300, 200, quality=90, sampling="4:2:0", grey=False, seed=5)
    data = render(large, scenery)
    assert data != render(replace(large, seed=7), scenery), "another part"
    with Image.open(io.BytesIO(data)) as image:
        part = np.asarray(image)
    rows = np.lib.stride_tricks.sliding_window_view(scenery.mosaic[:, :, 0], part.shape[:2])
    assert (rows[:, :, 0] == part[0, :, 0]).all(axis=2).any()


def test_the_manifest_tells_what_each_file_is(scenery: Scenery, tmp_path: Path) -> None:
    pictures = [
        Picture(kind, side, side // 2, quality=80, sampling="4:2:0", grey=True, seed=1)
        for kind, side in ((Kind.BASELINE, 200), (Kind.BASELINE, 300), (Kind.PNG_GREY, 300))
    ]
    write_files(tmp_path, pictures, scenery)
    files = read_manifest(tmp_path)
    assert [file["name"] for file in files] == ["00000.jpg", "00001.jpg", "00002.png"]
    assert [file["bytes"] for file in files] == [
        (tmp_path / file["name"]).stat().st_size for file in files
    ]
    groups = read_groups(tmp_path)
    assert groups == {
        "JPEG, baseline, enlarged": [tmp_path / "00000.jpg"],
        "JPEG, baseline, to 511": [tmp_path / "00001.jpg"],
        "PNG, grey": [tmp_path / "00002.png"],
    }
    costs = {title: {"image stage": 0.001, "simplejpeg": None} for title in groups}
    lines = cost_table(groups, costs)
    assert lines[-1].endswith("| 1.00 | - | 100.0% |"), "the whole mix: 1 ms for each"
    assert lines[-3].startswith("| **JPEG, baseline** | 2 |")
    assert lines[-2].startswith("| **enlarged, all kinds** | 1 |")


# -- the tables --


def test_pictures_are_compared_by_their_largest_difference() -> None:
    grey = np.full((4, 4), 100, np.uint8)
    colour = np.full((4, 4, 3), 100, np.uint8)
    assert (compare(grey, colour).difference, compare(grey, colour).psnr) == (0, np.inf)
    colour[1, 1, 1] = 103
    assert compare(grey, colour).difference == 3
    assert compare(grey, None).difference == 255, "only one of them can read it"
    assert compare(None, None).difference == 0


@pytest.mark.parametrize("kind", [Kind.BASELINE, Kind.PNG_RGBA, Kind.GIF])
def test_what_we_make_is_compared_with_a_full_decode(kind: Kind, scenery: Scenery) -> None:
    data = render(Picture(kind, 300, 280, 95, "4:4:4", grey=True, seed=5), scenery)
    made, other = make_pixels(data), reference(data)
    assert compare(made, other).difference <= 3
    assert compare(made, np.asarray(255 - other)).difference > 100


def test_alpha_is_blended_on_white() -> None:
    pixels = np.array([[[0, 0, 0, 0], [10, 20, 30, 255], [0, 101, 255, 128]]], np.uint8)
    assert on_white(pixels).tolist() == [[[255, 255, 255], [10, 20, 30], [127, 178, 255]]]


def run(cpu: float, stored: int, case: str = "mix") -> Outcome:
    usage = Usage(0, 1.0, cpu, cpu, cpu, 10**6, 10**6, 1, 0.0, 0)
    return Outcome(200, stored, usage, 1.0, 1000 * stored, least_stored=CASES[case].least_stored)


def test_images_that_a_tool_cannot_read_are_counted_not_thrown_away() -> None:
    runs = {Tool.OURS: [run(0.2, 200)], Tool.OLD: [run(0.8, 196)]}
    lines = table([Measured(CASES["mix"], runs)]).split("\n")
    assert "|  | CPU ms per image | 1.00 | 4.00 (4.00 x) |" in lines
    assert "|  | images stored | 200 | 196 |" in lines
    assert "|  | kB of a stored image | 1.00 | 1.00 (1.00 x) |" in lines


def test_a_tool_that_fails_is_fast_and_does_not_count() -> None:
    assert run(0.1, 180).problem is not None
    assert run(0.1, 199, "full").problem is not None, "photos can all be read"
    assert run(0.1, 199).problem is None


def test_every_mix_that_cases_name_can_be_made() -> None:
    named = {case.source.value for case in CASES.values() if case.source is not Source.PHOTOS}
    assert named == set(MIXES)
