"""incremental_mode=retry and verify on an S3 server, over HTTP, on good days and on bad ones."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from uuid import uuid4

import pytest

from img2dataset import verify
from tests.e2e.commands import Running, run, write_list
from tests.e2e.dataset import Dataset
from tests.site import Site
from tests.stores.proxy import Asked, Fate, Pass, Refuse, nothing
from tests.stores.s3 import BUCKET, FATES, S3Server

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.usefixtures("s3_environment"),
]
FORMATS = ["parquet"]
"""The other tests have files and tars; how every format is merged is seen on a disk."""
ROWS = 24


@dataclass(frozen=True)
class Begun:
    """The folder in the bucket of a run that is over, where a third of the rows may still come."""

    folder: str
    url_list: Path


@pytest.fixture(scope="module")
def begun(
    s3_server: S3Server, site: Site, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Begun]:
    """Makes one of each format."""
    folder = tmp_path_factory.mktemp("begun")

    @cache
    def make(output_format: str) -> Begun:
        url_list = write_list(folder / f"{output_format}.txt", urls(site, output_format))
        name = f"begun-{output_format}-{uuid4().hex[:8]}"
        code, errors = run(options(url_list, name, output_format), s3_server.environment)
        assert code == 0, errors
        return Begun(name, url_list)

    return make


def urls(site: Site, token: str) -> list[str]:
    """A third comes only when it is asked for again, a third never."""
    kinds = [
        lambda n: site.url(f"/image/{n}.jpg"),
        lambda n: site.url("/flaky", fail=1, how="503", token=f"{token}{n}"),
        lambda n: site.url("/status/404", n=n),
    ]
    return [kinds[n % 3](n) for n in range(ROWS)]


@pytest.fixture
def url_list(
    begun: Callable[[str], Begun], server: S3Server, name: str, output_format: str
) -> Path:
    """What the folder `name` of the bucket was made of, which is a copy."""
    made = begun(output_format)
    server.copy(made.folder, name)
    return made.url_list


def options(url_list: Path, name: str, output_format: str) -> list[str]:
    return [
        f"--url_list={url_list}", f"--output_folder=s3://{BUCKET}/{name}",
        f"--output_format={output_format}", "--number_sample_per_shard=6", "--image_size=32",
    ]  # fmt: skip


def verified(server: S3Server, name: str, *flags: str) -> tuple[int, str]:
    """What the command says of the folder in the bucket."""
    done = subprocess.run(
        [sys.executable, "-m", "img2dataset", "verify", f"s3://{BUCKET}/{name}", *flags],
        capture_output=True, text=True, env={**os.environ, **server.environment}, timeout=60,
        check=False,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def check_completed(server: S3Server, name: str, folder: Path) -> None:
    """Every row once; what came back is there; nothing else is in the bucket."""
    stored = server.fetch(name, folder)
    dataset = Dataset(stored)
    assert sorted(row["status"] == "success" for row in dataset.rows).count(True) == ROWS * 2 // 3
    assert {path.name for path in (stored / ".img2dataset").iterdir()} == {
        "identity",
        "published",
        "accounts",
    }
    assert server.uploads(name) == []
    assert verify(str(stored), deep=True).whole
    assert verify(f"s3://{BUCKET}/{name}", deep=True).whole


@pytest.mark.parametrize("output_format", FORMATS)
def test_shards_on_s3_are_completed(
    server: S3Server, name: str, tmp_path: Path, url_list: Path, site: Site, *, output_format: str
) -> None:
    command = options(url_list, name, output_format)
    asked = len(site.requests)

    code, errors = run([*command, "--incremental_mode=retry"], server.environment)

    assert code == 0, errors
    assert "8 of 8 rows fetched again came back" in errors.splitlines()[-1]
    assert len(site.requests) - asked == 8
    check_completed(server, name, tmp_path / "after")
    code, said = verified(server, name, "--deep")
    assert code == 0, said


# the steps of a replacement are the same for all formats: between these two tests, each has one
@pytest.mark.parametrize("output_format", ["files"])
def test_a_bad_connection_changes_nothing(
    server: S3Server, name: str, tmp_path: Path, url_list: Path, *, output_format: str
) -> None:
    command = options(url_list, name, output_format)
    chance = random.Random(output_format)

    def bad(_: Asked) -> Fate:
        return chance.choice(FATES) if chance.random() < 0.1 else Pass()

    server.proxy.rule = bad
    code, errors = run([*command, "--incremental_mode=retry"], server.environment)
    server.proxy.rule = nothing

    assert code == 0, errors
    check_completed(server, name, tmp_path / "after")


@pytest.mark.parametrize("output_format", ["webdataset"])
def test_killed_at_any_request_the_same_command_goes_on(
    server: S3Server, name: str, tmp_path: Path, url_list: Path, *, output_format: str
) -> None:
    command = [*options(url_list, name, output_format), "--incremental_mode=retry"]
    left = [random.Random(output_format).randrange(5, 60)]

    def hang(_: Asked) -> Fate:
        left[0] -= 1
        return Pass(delay=30.0) if left[0] < 0 else Pass()

    server.proxy.rule = hang
    running = Running(command, server.environment)
    running.until(lambda: left[0] < 0 or running.process.poll() is not None, "so many requests")
    running.process.kill()
    running.end()
    server.proxy.rule = nothing
    code, errors = run(command, server.environment)

    assert code == 0, errors
    check_completed(server, name, tmp_path / "after")


@pytest.mark.usefixtures("url_list")
@pytest.mark.parametrize("output_format", ["webdataset"])
def test_a_store_that_is_down_is_not_called_broken(
    server: S3Server, name: str, output_format: str
) -> None:
    keys = server.keys(f"{name}/")

    def down(asked: Asked) -> Fate:
        return Refuse(503, "SlowDown") if asked.path.endswith(".tar") else Pass()

    server.proxy.rule = down
    code, said = verified(server, name, "--repair")
    server.proxy.rule = nothing

    assert code == 1, said
    assert "cannot be read" in said
    assert "Traceback" not in said
    assert server.keys(f"{name}/") == keys
