"""Whatever dies, whenever: the same command finishes the dataset, every row once, no file stale."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.plans import plan_of
from tests.chaos.rounds import Campaign
from tests.site import Site
from tests.stores.s3 import S3Campaign, S3Server

ROUNDS = 4  # `make chaos` plays as many as one likes
ROUNDS_ON_S3 = 2
TOGETHER = 4
TOGETHER_ON_S3 = 2

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="session")
def campaign(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Campaign]:
    with Site() as site:
        yield Campaign(site, tmp_path_factory.mktemp("chaos"))


@pytest.fixture(scope="session")
def rounds_on_s3(
    tmp_path_factory: pytest.TempPathFactory, s3_server: S3Server
) -> Iterator[S3Campaign]:
    with Site() as site:
        yield S3Campaign.on(site, tmp_path_factory.mktemp("chaos-s3"), s3_server)


@pytest.fixture
def campaign_on_s3(rounds_on_s3: S3Campaign, server: S3Server) -> S3Campaign:
    server.proxy.rule = rounds_on_s3.fate
    return rounds_on_s3


@pytest.mark.parametrize("first", range(0, ROUNDS, TOGETHER))
def test_a_run_that_is_hurt_is_finished_by_the_same_command(campaign: Campaign, first: int) -> None:
    play(campaign, range(first, first + TOGETHER), remote=False)


@pytest.mark.parametrize("first", range(0, ROUNDS_ON_S3, TOGETHER_ON_S3))
def test_so_is_one_that_writes_to_an_object_store(campaign_on_s3: Campaign, first: int) -> None:
    play(campaign_on_s3, range(first, first + TOGETHER_ON_S3), remote=True)


def play(campaign: Campaign, seeds: range, *, remote: bool) -> None:
    before = campaign.struck
    for seed in seeds:
        campaign.play(plan_of(seed, remote=remote))

    assert campaign.struck - before >= len(seeds) // 2, "most faults come about"


def test_a_campaign_sees_a_shard_that_lost_its_data(campaign: Campaign, tmp_path: Path) -> None:
    """The check can fail: without this, a campaign that looks at nothing would pass too."""
    from tests.chaos.contents import contents, differences  # noqa: PLC0415

    truth = campaign.truth("webdataset")
    stored = campaign.folder / "truth-webdataset"
    whole = (stored / "00001.tar").read_bytes()
    (stored / "00001.tar").unlink()
    (stored / "00009.parquet").write_bytes((stored / "00002.parquet").read_bytes())
    found = differences(contents(stored), truth)
    (stored / "00009.parquet").unlink()
    (stored / "00001.tar").write_bytes(whole)

    assert sorted(found) == ["00001.tar is missing", "00009.parquet is stale"]
