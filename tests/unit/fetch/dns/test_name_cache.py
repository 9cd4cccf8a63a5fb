"""What is known of names without asking a name server."""

from __future__ import annotations

from pathlib import Path

import pytest

from img2dataset.errors import Reason
from img2dataset.fetch.dns.name_cache import Answer, Cache, read_hosts_file, resolve_locally
from img2dataset.fetch.politeness import Politeness

GOOD = Answer(("192.0.2.1",))
THIS_MACHINE = Answer(("127.0.0.1", "::1"))
NO_SUCH_HOST = Answer((), Reason.NO_SUCH_HOST)


@pytest.mark.parametrize(
    ("ttl", "seconds"), [(0.0, 60.0), (5.0, 60.0), (300.0, 300.0), (1e6, 3600.0)]
)
def test_answers_are_remembered_between_a_minute_and_an_hour(ttl: float, seconds: float) -> None:
    cache = Cache()
    cache.put("a.test", GOOD, ttl, now=1000.0)
    assert cache.get("a.test", 1000.0 + seconds - 0.1) == GOOD
    assert cache.get("a.test", 1000.0 + seconds + 0.1) is None


@pytest.mark.parametrize(
    ("reason", "seconds"), [(Reason.NO_SUCH_HOST, 300.0), (Reason.HOST_NOT_RESOLVED, 1.0)]
)
def test_a_failure_is_remembered_much_shorter_than_a_missing_host(
    reason: Reason, seconds: float
) -> None:
    cache = Cache()
    cache.put("a.test", Answer((), reason), 3600.0, now=1000.0)
    assert cache.get("a.test", 1000.0 + seconds - 0.1) == Answer((), reason)
    assert cache.get("a.test", 1000.0 + seconds + 0.1) is None


def test_the_oldest_answers_are_forgotten() -> None:
    cache = Cache(Politeness(max_names=3))
    for name in ("a", "b", "c", "a", "d"):
        cache.put(name, GOOD, 60.0, now=0.0)
    assert [name for name in "abcd" if cache.get(name, 1.0)] == ["a", "c", "d"]


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("localhost", THIS_MACHINE),
        ("LocalHost.", THIS_MACHINE),
        ("a.b.localhost", THIS_MACHINE),
        ("localhost.test", None),
        ("notlocalhost", None),
        ("192.0.2.7", Answer(("192.0.2.7",))),
        ("192.0.2.test7", None),
        ("[2001:db8::7]", Answer(("2001:db8::7",))),
        ("2001:db8::7", Answer(("2001:db8::7",))),
        ("a:b", NO_SUCH_HOST),
        ("", NO_SUCH_HOST),
        (".", NO_SUCH_HOST),
        ("café.test", NO_SUCH_HOST),
        ("a.test\0.test", NO_SUCH_HOST),
        ("a.test", None),
        ("under_score.test", None),
    ],
)
def test_some_names_need_no_name_server(name: str, answer: Answer | None) -> None:
    assert resolve_locally(name) == answer


def test_the_hosts_file_is_read_as_the_system_reads_it(tmp_path: Path) -> None:
    file = tmp_path / "hosts"
    file.write_bytes(
        b"# a comment\n\n192.0.2.1 One.test two.test. # another\r\n\t2001:db8::1\tone.test\n"
        b"192.0.2.1 one.test\nnonsense three.test\n192.0.2.4\n192.0.2.5 caf\xe9.test five.test"
    )
    found = read_hosts_file(file)
    assert found["one.test"] == Answer(("2001:db8::1", "192.0.2.1"))
    assert found["two.test"] == Answer(("192.0.2.1",))
    assert found["five.test"] == Answer(("192.0.2.5",))
    assert "three.test" not in found


def test_a_missing_hosts_file_is_an_empty_one(tmp_path: Path) -> None:
    assert read_hosts_file(tmp_path / "missing") == {}
