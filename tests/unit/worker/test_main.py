"""Steps of a worker that stand alone."""

from __future__ import annotations

import hashlib
import io
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from img2dataset.errors import Reason
from img2dataset.images import make_processor
from img2dataset.job import Job, source_config
from img2dataset.options import Options
from img2dataset.records import Body, EncodedImage, Failure, ResponseInfo, Row, Sample
from img2dataset.worker.main import make_process
from img2dataset.worker.resources import available_cores, held_bytes, image_threads
from img2dataset.worker.stage_configs import fetch_config, image_config, writer_config
from tests.pictures.case import RGB, by_pillow
from tests.pictures.profiles import adobe_rgb, seen_in_adobe_rgb
from tests.unit.images.made import pixels_of

ANSWER = ResponseInfo("http://x/1.jpg", 200, "image/jpeg", None, None, 1.0, 3)


def jpeg() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "jpeg")
    return file.getvalue()


def row(**values: Any) -> Row:
    return Row(0, 0, "000000000", "http://x/1.jpg", {}, **values)


def shaped(row: Row, body: Body, **options: Any) -> Sample:
    given = Options("x", **options)
    processor = make_processor(image_config(given))
    said = list[str]()
    process = make_process(
        given, lambda row, body: processor.process(body.data, row.boxes), said.append
    )
    return process(row, body)


def test_the_option_for_colours_reaches_the_pictures() -> None:
    wide = Body(by_pillow(RGB, "PNG", icc_profile=adobe_rgb()))
    options = {"resize_mode": "no", "encode_format": "png"}
    left, converted = (
        shaped(row(), wide, convert_to_srgb=asked, **options) for asked in (False, True)
    )
    assert isinstance(left.outcome, EncodedImage)
    assert isinstance(converted.outcome, EncodedImage)
    assert np.array_equal(pixels_of(left.outcome.data)[:, :, ::-1], RGB)
    off = pixels_of(converted.outcome.data)[:, :, ::-1].astype(int) - seen_in_adobe_rgb(RGB)
    assert np.abs(off).max() <= 1


def test_a_picture_keeps_how_it_came_and_its_hash() -> None:
    sample = shaped(row(), Body(jpeg(), ANSWER))

    assert isinstance(sample.outcome, EncodedImage)
    assert sample.fetched is ANSWER
    assert sample.digest == hashlib.sha256(jpeg()).hexdigest()


@pytest.mark.parametrize(
    ("data", "options", "reason"),
    [
        (b"?", {}, Reason.NOT_AN_IMAGE),
        (jpeg(), {"verify_hash": ["h", "sha256"]}, Reason.HASH_MISMATCH),
        (jpeg(), {"min_image_size": 9}, Reason.TOO_SMALL),
    ],
)
def test_a_body_that_is_refused_keeps_how_it_came(
    data: bytes, options: dict[str, Any], reason: Reason
) -> None:
    sample = shaped(row(expected_hash="0"), Body(data, ANSWER), **options)

    assert isinstance(sample.outcome, Failure)
    assert (sample.outcome.reason, sample.fetched) == (reason, ANSWER)


def test_writers_are_told_whether_to_store_how_answers_came() -> None:
    assert not writer_config(Options("x")).fetch_metadata
    assert writer_config(Options("x", save_fetch_metadata=True)).fetch_metadata


def test_image_threads_are_the_cores_of_a_worker() -> None:
    cores = available_cores()

    assert image_threads(Options(None)) == cores
    assert image_threads(Options(None, processes_count=cores)) == 1
    assert image_threads(Options(None), cores=1) == 1
    assert image_threads(Options(None, processes_count=7), cores=cores) == cores
    assert image_threads(Options(None, disable_all_reencoding=True), cores=1) == 1


def test_workers_of_a_cluster_divide_the_memory_of_a_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("img2dataset.worker.resources.memory", lambda: 64_000_000_000)
    monkeypatch.setattr("img2dataset.worker.resources.available_cores", lambda: 16)
    options = Options(None, thread_count=20_000)

    assert held_bytes(options, cores=16) == 16_000_000_000
    assert held_bytes(options, cores=4) == 4_000_000_000


@pytest.mark.parametrize(
    ("host_limit_share", "first", "most"), [(1, 16, 5), (2, 8, 2), (5, 3, 1), (100, 1, 1)]
)
def test_workers_of_a_cluster_divide_what_a_host_is_asked(
    host_limit_share: int, first: int, most: int
) -> None:
    options = Options(None, max_connections_per_host=5)
    config = fetch_config(Job(options, source_config(options), host_limit_share=host_limit_share))

    assert (config.first_here, config.most_here) == (first, most)
    assert replace(config, max_per_host=None).most_here is None
