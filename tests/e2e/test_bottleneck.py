"""What limits a run is named right: runs that are slow for one known reason each."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from img2dataset import Report, download, inspect, write_report
from img2dataset.accounting.account import Stage
from img2dataset.accounting.bottleneck import BottleneckKind
from img2dataset.cli.command import main
from tests.site import Site
from tests.site.names import Name, NameServer

HERE = "127.0.0.1"


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with Site() as running:
        yield running


def run(tmp_path: Path, urls: list[str], **options: Any) -> Report:
    """Run in one worker; the last lines go to stderr, as for a user."""
    file = tmp_path / "list.txt"
    file.write_text("\n".join(urls))
    return download(
        str(file), output_folder=str(tmp_path / "out"), output_format="webdataset",
        processes_count=1, number_sample_per_shard=1000,
        private_addresses="allow", **options,
    )  # fmt: skip


@pytest.mark.slow
def test_a_slow_host_that_takes_little_at_once_is_named(
    site: Site, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with NameServer(other=Name((HERE,))) as server:
        slow = [site.url("/slow?seconds=0.1", host="slow.test", n=n) for n in range(25)]
        quick = [site.url("/image/1.jpg", host="quick.test", n=n) for n in range(25)]
        report = run(
            tmp_path, slow + quick, max_connections_per_host=1, image_size=32,
            dns_servers=[server.address],
        )  # fmt: skip
    assert report.bottleneck is not None
    assert report.bottleneck.kind is BottleneckKind.HOSTS, report.account.seconds
    assert "slow.test" in report.bottleneck.text
    assert "max_connections_per_host" in report.bottleneck.text
    assert report.bottleneck.text in capfd.readouterr().err  # the summary says it

    # afterwards, from what is stored
    found = inspect(str(tmp_path / "out")).time
    assert found is not None
    assert found.bottleneck == report.bottleneck.text
    assert found.account.hosts.by_host["slow.test"].rows == 25
    assert main(["inspect", str(tmp_path / "out")]) == 0
    shown = capfd.readouterr().out
    assert "Where the time went (1 run" in shown
    assert "for the host" in shown
    assert "slow.test: 25 of 25 rows came" in shown
    assert main(["inspect", str(tmp_path / "out"), "--json"]) == 0
    document = json.loads(capfd.readouterr().out)["time"]
    assert document["seconds"]["host_wait"] > document["seconds"]["body"]
    page = Path(write_report(str(tmp_path / "out"), str(tmp_path / "page.html"))).read_text()
    assert "Where the time went" in page
    assert "slow.test" in page


@pytest.mark.slow
def test_a_slow_resolver_is_named(site: Site, tmp_path: Path) -> None:
    with NameServer(other=Name((HERE,)), latency=2.4) as server:
        urls = [site.url("/image/1.jpg", host=f"host{n}.test") for n in range(40)]
        report = run(tmp_path, urls, dns_servers=[server.address], timeout=20, image_size=32)
    assert report.successes == 40
    assert report.bottleneck is not None
    assert report.bottleneck.kind is BottleneckKind.DNS, report.account.seconds
    assert report.account.seconds[Stage.DNS] >= 40  # more than a second for each of its names


@pytest.mark.slow
def test_many_pixels_are_named(site: Site, tmp_path: Path) -> None:
    urls = [site.url("/image/1.jpg", n=n) for n in range(400)]  # for a few seconds on any machine
    report = run(tmp_path, urls, image_size=2400)
    assert report.bottleneck is not None
    cpu = {BottleneckKind.IMAGES, BottleneckKind.CPU}
    assert report.bottleneck.kind in cpu, report.account.seconds
    assert "image_size" in report.bottleneck.text
    assert report.account.seconds[Stage.ENCODE] > report.account.add_up((Stage.FIRST_BYTE,)) / 40
