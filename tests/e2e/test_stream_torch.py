"""A stream under torch's DataLoader: each sample in one worker of one rank, from one engine."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from img2dataset import MissingExtraError, OptionError, StreamSample, stream
from tests.e2e.streams import leaving_nothing
from tests.site import Site

pytestmark = [
    pytest.mark.slow,
    # torch's own, of what it does at its import and with forks
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning"),
]

try:
    from torch.utils.data import DataLoader
except ImportError:
    has_torch = False
else:
    has_torch = True
needs_torch = pytest.mark.skipif(not has_torch, reason="torch is not installed")


def images(site: Site, count: int) -> list[str]:
    return [site.url(f"/image/{number}.jpg") for number in range(count)]


def get_url_and_pid(sample: StreamSample) -> tuple[str, int]:
    return sample.url or "", os.getpid()


@needs_torch
@pytest.mark.parametrize(("workers", "method"), [(0, None), (2, "fork"), (4, "fork"), (1, "spawn")])
def test_each_sample_is_in_one_worker(fresh_site: Site, workers: int, method: str | None) -> None:
    urls = [*images(fresh_site, 200), fresh_site.url("/status/404")]
    with stream(urls) as samples:
        dataset = samples.torch(get_url_and_pid)
        loader: Any = DataLoader(
            dataset, batch_size=None, num_workers=workers, multiprocessing_context=method
        )
        found = list(loader)

    assert Counter(url for url, _ in found) == Counter(urls[:-1])
    assert Counter(request.path for request in fresh_site.requests).most_common(1)[0][1] == 1
    assert (os.getpid() in {pid for _, pid in found}) == (workers == 0)


@needs_torch
def test_batches_are_tensors(site: Site) -> None:
    with leaving_nothing(), stream(images(site, 10), image_size=32) as samples:
        (batch,) = DataLoader(samples.torch(), batch_size=10)

    assert batch["image"].shape == (10, 3, 32, 32)
    assert str(batch["image"].dtype) == "torch.uint8"
    assert sorted(batch["key"]) == [f"00000000{number}" for number in range(10)]
    assert batch["caption"] == [""] * 10


@needs_torch
def test_a_loop_that_is_left_leaves_nothing(fresh_site: Site) -> None:
    urls = [*images(fresh_site, 100), fresh_site.url("/stall")]
    with leaving_nothing(), stream(urls, timeout=60) as samples:
        loader: Any = DataLoader(samples.torch(get_url_and_pid), batch_size=None, num_workers=2)
        iterator = iter(loader)
        next(iterator)
        del iterator


@needs_torch
def test_an_error_of_the_stream_is_raised_in_the_loop(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with stream(images(site, 3)) as samples:
        dataset = samples.torch(get_url_and_pid)
        loader: Any = DataLoader(dataset, batch_size=None, num_workers=1)
        with pytest.raises(Exception, match="workers do not start"):
            list(loader)


@needs_torch
def test_a_second_pass_needs_a_second_stream(site: Site) -> None:
    with stream(images(site, 2)) as samples:
        loader: Any = DataLoader(samples.torch(get_url_and_pid), batch_size=None)
        assert len(list(loader)) == 2
        with pytest.raises(RuntimeError, match=r"call stream\(\) again"):
            list(loader)


RANK = """\
import sys
from torch.utils.data import DataLoader
from img2dataset import stream

def get_url(sample):
    return sample.url

if __name__ == "__main__":
    with stream(sys.argv[2], max_connections_per_host=3) as samples:
        loader = DataLoader(samples.torch(get_url), batch_size=None, num_workers=int(sys.argv[1]))
        print(*loader, sep="\\n")
"""


@contextmanager
def ranks(tmp_path: Path, count: int, *arguments: str) -> Iterator[list[subprocess.Popen[str]]]:
    (tmp_path / "train.py").write_text(RANK)
    shared = {"WORLD_SIZE": str(count), "LOCAL_WORLD_SIZE": str(count), "MASTER_PORT": "29500"}
    programs = [
        subprocess.Popen(
            [sys.executable, "train.py", *arguments], cwd=tmp_path, stdout=subprocess.PIPE,
            env={**os.environ, **shared, "RANK": str(rank), "TMPDIR": str(tmp_path)}, text=True,
        )
        for rank in range(count)
    ]  # fmt: skip
    try:
        yield programs
    finally:
        for program in programs:
            program.kill()
            program.wait()
            assert program.stdout is not None
            program.stdout.close()


@needs_torch
def test_each_sample_is_in_one_rank(fresh_site: Site, tmp_path: Path) -> None:
    urls = [fresh_site.url(f"/crowd?most=1000&token=t&seconds=0.01&n={n}") for n in range(150)]
    (tmp_path / "list.txt").write_text("\n".join(urls))
    with ranks(tmp_path, 2, "2", "list.txt") as programs:
        found = [program.communicate(timeout=90)[0].split() for program in programs]
        assert [program.returncode for program in programs] == [0, 0]

    assert Counter(found[0] + found[1]) == Counter(urls)
    assert len(fresh_site.requests) == len(urls)
    assert fresh_site.at_once["t"] <= 3  # the ranks of a machine keep to its limit together
    assert all(found)
    assert not list((tmp_path).glob("img2dataset-*/*"))


@needs_torch
def test_what_makes_no_sense_is_refused(site: Site) -> None:
    with stream(images(site, 1), failures="yield") as samples:
        with pytest.raises(OptionError, match="failures is 'yield'"):
            samples.torch()
        with pytest.raises(OptionError, match="rank is 2 and world_size is 2"):
            samples.torch(get_url_and_pid, rank=2, world_size=2)


def test_without_torch_the_message_says_what_to_install(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    from img2dataset.streaming import loading  # noqa: PLC0415

    monkeypatch.setattr(loading, "find_spec", lambda _: None)
    with stream(images(site, 1)) as samples, pytest.raises(MissingExtraError) as caught:
        samples.torch()
    assert "pip install 'img2dataset[torch]'" in str(caught.value)


def test_torch_is_imported_only_when_it_is_asked_for(site: Site) -> None:
    code = (
        "import sys; from img2dataset import stream\n"
        f"with stream([{site.url('/image/1.jpg')!r}]) as samples: list(samples)[0].array()\n"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "False\n"
