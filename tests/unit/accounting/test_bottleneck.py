"""The seconds of a run -> the sentence that names what limits it."""

from __future__ import annotations

from typing import Any

import pytest

from img2dataset.accounting.account import Account, Stage
from img2dataset.accounting.bottleneck import Bottleneck, Capacity, Rests, find_bottleneck
from img2dataset.accounting.hosts import HostCount

CAPACITY = Capacity(workers=2, image_threads=2, transfers=100, cores=1)
ELAPSED_S = 100.0
WORKERS_S = 200.0
"""Seconds of all workers together."""


def make_account(**seconds: float) -> Account:
    account = Account()
    account.seconds.update({Stage(name): each for name, each in seconds.items()})
    account.hosts.add("slow.example", HostCount(60, waited=7000))
    account.hosts.add("other.example", HostCount(40, waited=2000))
    return account


def find(account: Account, **more: Any) -> Bottleneck:
    found = find_bottleneck(account, CAPACITY, ELAPSED_S, **more)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("seconds", "kind", "said"),
    [
        ({"decode": 300, "encode": 80}, "images", "image threads are busy 95% of the time"),
        ({"decode": 100, "image_wait": 4000}, "images", "10 bodies wait for each of them"),
        ({"pack": 20, "upload": 130}, "storage", "finish and store the files of shards 75%"),
        ({"pack": 130, "upload": 20}, "storage", "write samples into shards 75%"),
        ({"fetch_cpu": 180}, "fetch_cpu", "more processes_count"),
        ({"dns": 10_000, "body": 6000}, "dns", "62% of a transfer's time is waiting for an address"),
        ({"connect": 8000, "tls": 4000, "body": 4000}, "connect", "75% of a transfer's time"),
        ({"first_byte": 15_000, "body": 2000}, "servers", "88% of a transfer's time"),
        ({"first_byte": 2000, "body": 15_000}, "bandwidth", "88% of a transfer's time is the body"),
        ({"dns": 6000, "tls": 6000, "body": 6000}, "transfers", "90% of the transfers"),
        ({"body": 1000, "host_wait": 9000}, "hosts", "2 of them hold 100%"),
        ({"body": 1000, "host_wait": 9000}, "hosts", "0.5/s each (slow.example, other.example)"),
        ({"dns": 500, "body": 200, "host_wait": 100}, "dns", "dns_servers"),
        ({"worker": 100, "decode": 180}, "images", "90% of the time"),
        ({"worker": 200, "worker_cpu": 190}, "cpu", "95% of the cores"),
        ({"body": 1000, "first_byte": 3000}, "nothing", "waiting for the first byte (75%)"),
        ({"body": 1000, "decode": 40}, "nothing", "image threads are busy 10% of the time"),
    ],
)  # fmt: skip
def test_the_bottleneck_is_named(seconds: dict[str, float], kind: str, said: str) -> None:
    found = find(make_account(**seconds))
    assert found.kind == kind
    assert said in found.text


def test_hosts_at_rest_are_counted() -> None:
    account = make_account(body=1000, host_wait=9000)
    text = find(account, rests=Rests(410), rows_left=1000).text
    assert "410 rows of 1,000 left wait for hosts at rest" in text


@pytest.mark.parametrize(
    ("rests", "advised"),
    [
        (Rests(), True),
        (Rests(hosts=frozenset({"elsewhere.example"})), True),
        (Rests(hosts=frozenset({"other.example"})), False),
        (Rests(410), False),
    ],
)
def test_hosts_that_rest_are_not_to_get_more_requests_at_once(
    rests: Rests, *, advised: bool
) -> None:
    text = find(make_account(body=1000, host_wait=9000), rests=rests).text
    assert ("or more max_connections_per_host" in text) is advised
    assert ("not more max_connections_per_host" in text) is not advised


def test_it_is_not_said_too_early() -> None:
    assert find_bottleneck(make_account(decode=8), CAPACITY, 1.0) is None
    assert find_bottleneck(make_account(upload=1, worker=1), CAPACITY, ELAPSED_S) is None
    assert find_bottleneck(Account(), CAPACITY, ELAPSED_S) is None
