"""How many threads and bytes a worker may have."""

from __future__ import annotations

import pytest

from img2dataset.options import Options
from img2dataset.worker.resources import available_cores, image_threads, limit_bytes


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

    assert limit_bytes(options, cores=16) == 16_000_000_000
    assert limit_bytes(options, cores=4) == 4_000_000_000
