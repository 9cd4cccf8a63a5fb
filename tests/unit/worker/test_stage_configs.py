"""What each stage needs to know of the options."""

from __future__ import annotations

from dataclasses import replace

import pytest

from img2dataset.job import Job, source_config
from img2dataset.options import Options
from img2dataset.worker.stage_configs import fetch_config, writer_config


def test_writers_are_told_whether_to_store_how_answers_came() -> None:
    assert not writer_config(Options("x")).fetch_metadata
    assert writer_config(Options("x", save_fetch_metadata=True)).fetch_metadata


@pytest.mark.parametrize(
    ("sharers", "first", "most"), [(1, 16, 5), (2, 8, 2), (5, 3, 1), (100, 1, 1)]
)
def test_workers_of_a_cluster_divide_what_a_host_is_asked(
    sharers: int, first: int, most: int
) -> None:
    options = Options(None, max_connections_per_host=5)
    config = fetch_config(Job(options, source_config(options), sharers=sharers))

    assert (config.first_here, config.most_here) == (first, most)
    assert replace(config, max_per_host=None).most_here is None
