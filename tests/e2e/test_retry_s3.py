"""incremental_mode=retry and verify on an S3 server, over HTTP, on good days and on bad ones."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from img2dataset import verify
from tests.e2e.commands import Running, run, write_list
from tests.e2e.dataset import Dataset
from tests.site import Site
from tests.stores.proxy import Asked, Fate, Pass, Refuse, nothing
from tests.stores.s3 import BUCKET, FATES, S3Server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
FORMATS = ["files", "webdataset", "parquet", "tfrecord"]
ROWS = 24


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    with S3Server() as running:
        yield running


@pytest.fixture(autouse=True)
def _good_connection(server: S3Server) -> Iterator[None]:
    yield
    server.proxy.rule = nothing


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """Of the folder in the bucket."""
    return "".join(c if c.isalnum() else "-" for c in request.node.name)[-60:].strip("-")


@pytest.fixture
def url_list(tmp_path: Path, fresh_site: Site) -> Path:
    """A third of the rows comes only when it is asked for again, a third never."""
    kinds = [
        lambda n: fresh_site.url(f"/image/{n}.jpg"),
        lambda n: fresh_site.url("/flaky", fail=1, how="503", token=f"t{n}"),
        lambda n: fresh_site.url("/status/404", n=n),
    ]
    return write_list(tmp_path / "list.txt", [kinds[n % 3](n) for n in range(ROWS)])


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
    assert [path.name for path in (stored / ".img2dataset").iterdir()] == ["identity"]
    assert server.uploads() == []
    assert verify(str(stored), deep=True).whole
    code, said = verified(server, name, "--deep")
    assert code == 0, said


@pytest.mark.parametrize("output_format", FORMATS)
def test_shards_on_s3_are_completed(
    server: S3Server, name: str, tmp_path: Path, url_list: Path, fresh_site: Site,
    *, output_format: str,
) -> None:  # fmt: skip
    command = options(url_list, name, output_format)
    assert run(command, server.environment)[0] == 0
    asked = len(fresh_site.requests)

    code, errors = run([*command, "--incremental_mode=retry"], server.environment)

    assert code == 0, errors
    assert "8 of 8 rows fetched again came back" in errors.splitlines()[-1]
    assert len(fresh_site.requests) - asked == 8
    check_completed(server, name, tmp_path / "after")


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("output_format", FORMATS)
def test_a_bad_connection_changes_nothing(
    server: S3Server, name: str, tmp_path: Path, url_list: Path, *, output_format: str, seed: int
) -> None:
    command = options(url_list, name, output_format)
    assert run(command, server.environment)[0] == 0
    chance = random.Random(seed)

    def bad(_: Asked) -> Fate:
        return chance.choice(FATES) if chance.random() < 0.1 else Pass()

    server.proxy.rule = bad
    code, errors = run([*command, "--incremental_mode=retry"], server.environment)
    server.proxy.rule = nothing

    assert code == 0, errors
    check_completed(server, name, tmp_path / "after")


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("output_format", FORMATS)
def test_killed_at_any_request_the_same_command_goes_on(
    server: S3Server, name: str, tmp_path: Path, url_list: Path, *, output_format: str, seed: int
) -> None:
    command = [*options(url_list, name, output_format), "--incremental_mode=retry"]
    assert run(command[:-1], server.environment)[0] == 0
    left = [random.Random(f"{seed} {output_format}").randrange(5, 60)]

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


def test_a_store_that_is_down_is_not_called_broken(
    server: S3Server, name: str, url_list: Path
) -> None:
    assert run(options(url_list, name, "webdataset"), server.environment)[0] == 0
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
