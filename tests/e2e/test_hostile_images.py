"""A whole run over images that mean harm: nothing falls over, and every row is recorded."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from img2dataset import download
from tests.e2e.dataset import Dataset
from tests.pictures import CASES
from tests.pictures.damage import damaged
from tests.site.loopback import serving
from tests.unit.images.headers.test_bombs import bomb, forged_jpeg, forged_png
from tests.unit.images.made import pixels_of
from tests.unit.test_signatures import SVGS, VIDEOS


@contextmanager
def serving_bodies(bodies: list[bytes]) -> Iterator[str]:
    """A site whose /<n> is the n-th body."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = bodies[int(self.path[1:])]
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with serving(Handler) as url:
        yield url


def corpus() -> tuple[list[bytes], int]:
    """Bodies; the first so many are whole."""
    chance = random.Random(20261127)
    whole = [case.data for case in CASES.values()]
    bad = [damaged(data, chance) or b"?" for data in whole for _ in range(2)]
    bombs = [bomb(500, 2048), forged_png(15_000, 15_000), forged_jpeg(60_000, 4_000)]
    return [*whole, *bad, *bombs, *SVGS.values(), *VIDEOS.values()], len(whole)


@pytest.mark.slow
@pytest.mark.parametrize("untouched", [False, True])
def test_every_row_of_a_hostile_list_is_recorded(tmp_path: Path, untouched: bool) -> None:  # noqa: FBT001
    bodies, whole = corpus()
    began = time.monotonic()
    with serving_bodies(bodies) as site:
        (tmp_path / "list.txt").write_text("".join(f"{site}/{n}\n" for n in range(len(bodies))))
        report = download(
            str(tmp_path / "list.txt"),
            output_folder=str(tmp_path / "out"),
            output_format="webdataset",
            processes_count=2,
            thread_count=32,
            number_sample_per_shard=100,
            disable_all_reencoding=untouched,
        )
    assert time.monotonic() - began < 60
    assert len(bodies) > 400
    assert report.exit_code == 0
    dataset = Dataset(tmp_path / "out")
    dataset.check_whole(len(bodies))
    rows = dataset.rows
    assert {row["status"] for row in rows[:whole]} == {"success"}
    assert {row["status"] for row in rows} == {"success", "failed_to_resize"}
    assert report.reasons["svg"] == len(SVGS)
    assert report.reasons["video"] >= len(VIDEOS)  # and some that damage makes look like one
    members = dataset.members()
    for row in rows:
        if row["status"] == "success" and not untouched:
            assert pixels_of(members[f"{row['key']}.jpg"]).shape[:2] == (256, 256)
