"""Lists on web servers, lists and datasets behind sftp: other file systems, for real."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from tests.chaos.contents import contents, differences
from tests.e2e.commands import Running, run, write_list
from tests.e2e.dataset import Dataset
from tests.site import Site
from tests.stores.sftp import SftpServer, sftp_server

pytestmark = pytest.mark.slow
ROWS = 20


@pytest.fixture(scope="module")
def sftp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SftpServer]:
    with sftp_server(tmp_path_factory.mktemp("sshd")) as server:
        yield server


def options(url_list: str, folder: str, output_format: str = "webdataset") -> list[str]:
    return [
        f"--url_list={url_list}", f"--output_folder={folder}", f"--output_format={output_format}",
        "--number_sample_per_shard=5", "--image_size=64",
    ]  # fmt: skip


def urls(site: Site) -> list[str]:
    return [site.url(f"/image/{n}.jpg") for n in range(ROWS)]


def test_a_list_on_a_web_server_is_read_from_there(tmp_path: Path, fresh_site: Site) -> None:
    fresh_site.pages["list.txt"] = "\n".join(urls(fresh_site))

    code, errors = run(options(fresh_site.url("/kept/list.txt"), str(tmp_path / "out")))

    assert code == 0, errors
    assert f"{ROWS} images of {ROWS} rows" in errors


@pytest.mark.parametrize("output_format", ["files", "webdataset", "parquet"])
def test_a_dataset_behind_sftp_is_what_it_is_on_a_disk(
    output_format: str, sftp: SftpServer, tmp_path: Path, site: Site
) -> None:
    url_list = write_list(tmp_path / "list.txt", urls(site))
    assert run(options(str(url_list), str(tmp_path / "truth"), output_format))[0] == 0

    code, errors = run(
        options(sftp.url(url_list), sftp.url(tmp_path / "out"), output_format), sftp.environment
    )

    assert code == 0, errors
    assert differences(contents(tmp_path / "out"), contents(tmp_path / "truth")) == []
    hidden = {path.name for path in (tmp_path / "out" / ".img2dataset").iterdir()}
    assert hidden <= {"identity", "parts", "published", "accounts"}
    assert not any((tmp_path / "out" / ".img2dataset").glob("parts/*"))


def test_a_killed_run_behind_sftp_is_finished_by_the_same_command(
    sftp: SftpServer, tmp_path: Path, site: Site
) -> None:
    slow = [site.url(f"/slow?seconds=0.1&n={n}") for n in range(60)]
    command = options(sftp.url(write_list(tmp_path / "list.txt", slow)), sftp.url(tmp_path / "out"))
    running = Running([*command, "--thread_count=4"], sftp.environment)
    running.until(lambda: any((tmp_path / "out").glob("*_stats.json")), "a shard")
    running.process.kill()
    running.end()

    code, errors = run(command, sftp.environment)

    assert code == 0, errors
    assert len(list((tmp_path / "out").glob("*_stats.json"))) == 12
    assert not any((tmp_path / "out" / ".img2dataset").glob("parts/*"))


def test_parts_are_stored_behind_sftp(sftp: SftpServer, tmp_path: Path, site: Site) -> None:
    command = options(
        sftp.url(write_list(tmp_path / "list.txt", urls(site))), sftp.url(tmp_path / "out")
    )
    for part in ("0/2", "1/2"):
        code, errors = run([*command, f"--part={part}"], sftp.environment)
        assert code == 0, errors

    assert len(list((tmp_path / "out").glob("*_stats.json"))) == 4


@pytest.mark.parametrize("part", [[], ["--part=1/2"]])
def test_a_retry_that_was_killed_between_two_moves_is_finished_by_a_run_or_its_part(
    sftp: SftpServer, tmp_path: Path, fresh_site: Site, part: list[str]
) -> None:
    """A server that cannot move onto a file has the old stats removed before the new ones come."""
    command = options(
        sftp.url(write_list(tmp_path / "list.txt", urls(fresh_site))), sftp.url(tmp_path / "out")
    )
    assert run(command, sftp.environment)[0] == 0
    asked, before = len(fresh_site.requests), contents(tmp_path / "out")
    waiting = tmp_path / "out" / ".img2dataset" / "replacing" / "00001"
    waiting.mkdir(parents=True)
    (tmp_path / "out" / "00001_stats.json").rename(waiting / "00001_stats.json")
    (waiting.parent / "00001.whole").write_text("00001_stats.json")

    code, errors = run([*command, *part], sftp.environment)

    assert code == 0, errors
    assert "nothing to do" in errors
    assert len(fresh_site.requests) == asked
    assert differences(contents(tmp_path / "out"), before) == []
    assert not (waiting.parent / "00001.whole").exists()


@pytest.mark.parametrize("scheme", ["sftp", "ssh"])
def test_images_behind_sftp_are_fetched(scheme: str, sftp: SftpServer, tmp_path: Path) -> None:
    names = ["a.jpg", "b?c#d.jpg", "e%20f.jpg"]
    for name in names:
        Image.new("RGB", (40, 40)).save(tmp_path / name, "JPEG")
    lines = [sftp.url(tmp_path / name) for name in [*names, "missing.jpg"]]
    url_list = write_list(
        tmp_path / "list.txt", [line.replace("sftp:", f"{scheme}:") for line in lines]
    )

    code, errors = run(
        [*options(str(url_list), str(tmp_path / "out")), f"--url_schemes={scheme}",
         "--private_addresses=allow", "--save_fetch_metadata"],
        sftp.environment | {"FSSPEC_SSH_KEY_FILENAME": str(sftp.key)},
    )  # fmt: skip

    assert code == 0, errors
    assert [row["error_message"] for row in Dataset(tmp_path / "out").rows] == [
        None, None, None, "no such file or object"
    ]  # fmt: skip
