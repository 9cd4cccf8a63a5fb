"""Accounts add up, are bounded, and come back from JSON."""

from __future__ import annotations

import json
import pickle
import threading

import pytest

from img2dataset.accounting.account import Account, Stage
from img2dataset.accounting.clock import MAX_NOTED, OF_NO_SHARD, StageClock
from img2dataset.accounting.hosts import KEPT_OF_A_SHARD, MAX_COUNTED, HostCount, HostCounts


def make_account(seconds: float, host: str = "a", rows: int = 1, failures: int = 0) -> Account:
    clock = StageClock()
    clock.add_transfer(0, (0.0, seconds, 0.0, 2 * seconds, 0.5))
    clock.add_image(0, (0.0, seconds, 0.0, 0.0, 0.0), 10)
    clock.add_host(0, host, HostCount(rows, failures, seconds, 100))
    return clock.take(0)


def test_accounts_add_up() -> None:
    account = make_account(1.0) + make_account(2.0, "b") + make_account(3.0)

    assert account.seconds[Stage.CONNECT] == 6.0
    assert account.seconds[Stage.FIRST_BYTE] == 12.0
    assert (account.transfers, account.downloaded_bytes, account.stored_bytes) == (3, 300, 30)
    assert account.hosts.by_host == {"a": HostCount(2, 0, 4.0, 200), "b": HostCount(1, 0, 2.0, 100)}


def test_adding_changes_neither() -> None:
    one, other = make_account(1.0), make_account(2.0)
    assert one + other
    assert one.seconds[Stage.CONNECT] == 1.0
    assert one.hosts.by_host["a"].rows == 1


def test_an_account_comes_back_from_json_and_from_a_pipe() -> None:
    account = make_account(1.25, "host", 3, 2)
    assert Account.from_dict(json.loads(json.dumps(account.to_dict()))) == account
    assert pickle.loads(pickle.dumps(account)) == account


@pytest.mark.parametrize(
    "values",
    [{}, {"seconds": 1}, {"seconds": {"dns": "x"}, "sizes": {}, "hosts": {}},
     {"seconds": {}, "sizes": {}, "hosts": {"a": [1]}}],
)  # fmt: skip
def test_other_values_are_no_account(values: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        Account.from_dict(values)


def test_a_stage_of_a_newer_version_is_left_out() -> None:
    values = {"seconds": {"dns": 1.0, "teleport": 2.0}, "sizes": {}, "hosts": {}}
    assert Account.from_dict(values).seconds == {"dns": 1.0}


def test_of_many_hosts_the_busiest_and_the_worst_are_kept() -> None:
    total = HostCounts()
    for shard in range(50):
        hosts = HostCounts()
        hosts.add("busy", HostCount(1000, 0, 1.0, 1))
        hosts.add("bad", HostCount(500, 500, 1.0, 0))
        for number in range(300):
            hosts.add(f"{shard}-{number}", HostCount(number % 3 + 1))
        total += hosts.trim(KEPT_OF_A_SHARD)

    assert len(total.by_host) <= MAX_COUNTED
    assert total.by_host["busy"].rows == 50_000
    assert total.worst(5) == [("bad", HostCount(25_000, 25_000, 50.0, 0))]
    assert [host for host, _ in total.busiest(2)] == ["busy", "bad"]


def test_what_is_done_for_all_shards_is_charged_once() -> None:
    clock = StageClock()
    clock.add(OF_NO_SHARD, Stage.FETCH_CPU, 2.0)
    clock.add(1, Stage.PACK, 1.0)
    assert clock.peek([1, 7])[1].seconds == {Stage.PACK: 1.0, Stage.FETCH_CPU: 2.0}
    assert clock.take(1).seconds == {Stage.PACK: 1.0, Stage.FETCH_CPU: 2.0}
    assert not clock.take(1)
    assert clock.peek([1]) == {}


def test_threads_lose_no_seconds() -> None:
    clock = StageClock()

    def work() -> None:
        for number in range(5000):
            clock.add(0, Stage.PACK, 1.0)
            clock.add_image(number % 2, (1.0, 2.0, 0.0, 0.0, 0.0), 3)
            clock.add_transfer(0, (1.0, 0.0, 0.0, 0.0, 0.0))
            clock.add_host(0, str(number % 3), HostCount(1, 1, 0.5, 10, 2.0))
            if number % 100 == 0:
                clock.peek([0])

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    account = clock.take(0)
    assert account.seconds == {
        Stage.PACK: 20_000, Stage.IMAGE_WAIT: 10_000, Stage.DECODE: 20_000, Stage.DNS: 20_000,
        Stage.HOST_WAIT: 40_000,
    }  # fmt: skip
    assert account.sizes == {"stored": 30_000, "transfers": 20_000, "downloaded": 200_000}
    assert sum(count.rows for count in account.hosts.by_host.values()) == 20_000


def test_what_nobody_asks_for_is_added_up_all_the_same() -> None:
    clock = StageClock()
    for _ in range(3 * MAX_NOTED):
        clock.add_image(0, (1.0, 0.0, 0.0, 0.0, 0.0), 1)
        clock.add_transfer(0, (1.0, 0.0, 0.0, 0.0, 0.0))
        clock.add_host(0, "a", HostCount(1))
    assert len(clock._images) <= MAX_NOTED
    assert len(clock._transfers) <= MAX_NOTED
    assert len(clock._hosts) <= MAX_NOTED


def test_of_a_shard_that_ends_few_hosts_are_sent() -> None:
    clock = StageClock()
    for number in range(5 * KEPT_OF_A_SHARD):
        clock.add_host(0, f"{number}.example", HostCount(rows=1 + number % 7))
    clock.add_host(0, "busy.example", HostCount(rows=1000))
    hosts = clock.take(0).hosts.by_host
    assert len(hosts) <= 3 * KEPT_OF_A_SHARD
    assert hosts["busy.example"].rows == 1000
