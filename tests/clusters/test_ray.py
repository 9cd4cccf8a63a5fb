"""Ray makes the dataset that one machine makes, whatever dies."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from tests.clusters.programs import (
    ROWS,
    SHARDS,
    check_equal,
    command,
    example,
    running,
    shards_done,
    something_in_the_way,
    to_store_too,
    wait_for,
)
from tests.e2e.dataset import Dataset
from tests.stores.s3 import BUCKET, S3Server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(500)]

BEFORE = """
import os
import pathlib
from ray.cluster_utils import Cluster

node = dict(num_cpus=1, node_ip_address="127.0.0.1", object_store_memory=100_000_000)
cluster = Cluster(
    initialize_head=True,
    head_node_args={
        **node, "include_dashboard": False,
        # to notice within seconds that a node is gone
        "_system_config": {"health_check_period_ms": 500, "health_check_initial_delay_ms": 0},
    },
)
second = cluster.add_node(**node)
cluster.wait_for_nodes()
os.environ["RAY_ADDRESS"] = cluster.address
pathlib.Path("raylet").write_text(str(second.all_processes["raylet"][0].process.pid))
"""

MORE = f"""
{to_store_too("ray")}
print("nodes:", sum(node["Alive"] for node in ray.nodes()))
"""


def test_the_example_makes_the_same_dataset_though_a_node_is_killed(
    place: Path, expected: Dataset, server: S3Server, name: str, tmp_path: Path
) -> None:
    code = BEFORE + example("ray.md").replace(
        "ray.shutdown()", f"{MORE}\nray.shutdown()\ncluster.shutdown()"
    )
    environment = {**server.environment, "STORE": f"s3://{BUCKET}/{name}"}
    with running([sys.executable, "-c", code], place, environment) as program:
        wait_for(lambda: shards_done(place / "dataset") >= 2, "two shards")
        os.kill(int((place / "raylet").read_text()), signal.SIGKILL)
        said, errors = program.result()

    assert program.process.returncode == 0, errors
    assert "nodes: 1" in said
    Dataset(place / "dataset").check_whole(ROWS)
    check_equal(place / "dataset", expected)
    assert f"store: 0 {ROWS}" in said
    check_equal(server.fetch(name, tmp_path / "stored"), expected)


def test_a_cluster_of_our_own_says_what_fails_and_is_stopped(
    place: Path, expected: Dataset
) -> None:
    with (
        something_in_the_way(place / "own"),
        running(command("ray"), place, {"RAY_ADDRESS": "local"}) as program,
    ):
        _, errors = program.result()

    assert program.process.returncode == 1
    assert "1 shard failed (00002)" in errors.splitlines()[-1]
    assert f"{SHARDS - 1} stored" in errors
    assert errors.count("shard 2 will be retried") == 1
    members = Dataset(place / "own").members()
    assert members.items() < expected.members().items()
