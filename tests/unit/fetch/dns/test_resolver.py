"""The resolver against a name server on 127.0.0.1 that fails on request; no other is ever asked."""

from __future__ import annotations

import selectors
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from img2dataset.backoff import Backoff
from img2dataset.errors import Reason
from img2dataset.fetch.dns import resolver as module
from img2dataset.fetch.dns.resolver import Answer, Resolver
from img2dataset.fetch.politeness import Politeness
from tests.site.names import (
    AAAA,
    ALWAYS,
    NOERROR,
    NXDOMAIN,
    REFUSED,
    SERVFAIL,
    SILENT,
    A,
    Edns,
    Name,
    NameServer,
)

NO_SUCH_HOST = Answer((), Reason.NO_SUCH_HOST)
NOT_RESOLVED = Answer((), Reason.HOST_NOT_RESOLVED)
GOOD = Name(("192.0.2.1",))
GOOD_ANSWER = Answer(GOOD.addresses)
QUICK = Politeness(lookup_wait_s=0.1, lookup_retry=Backoff(0.05))
"""No long waits."""
SLOW_SERVER: dict[str, Any] = {"lookup_wait_s": 0.25, "patient_after_s": 0.01}


class Loop:
    """What the engine does for a resolver; time can be set forward."""

    def __init__(self, servers: Sequence[str], *, ipv6: bool = False, **numbers: Any) -> None:
        self.ahead = 0.0
        self.watched: dict[int, int] = {}
        self._selector = selectors.DefaultSelector()
        self.resolver = Resolver(
            servers,
            self._watch,
            ipv6=ipv6,
            clock=lambda: time.monotonic() + self.ahead,
            politeness=replace(QUICK, **numbers),
        )

    def _watch(self, fd: int, reading: bool, writing: bool) -> None:  # noqa: FBT001  (as given)
        events = reading * selectors.EVENT_READ | writing * selectors.EVENT_WRITE
        if self.watched.pop(fd, 0):
            self._selector.unregister(fd)
        if events:
            self._selector.register(fd, events)
            self.watched[fd] = events

    def resolve(self, *names: str) -> dict[str, Answer]:
        found = {name: self.resolver.ask(name) for name in names}
        while (next_timeout := self.resolver.next_timeout()) is not None:
            for key, events in self._selector.select(next_timeout):
                self.resolver.ready(
                    key.fd,
                    bool(events & selectors.EVENT_READ),
                    bool(events & selectors.EVENT_WRITE),
                )
            self.resolver.tick()
            for name, answer in self.resolver.answers():
                assert found[name] is None, "answered twice"
                found[name] = answer
        assert self.resolver.in_flight == 0
        return {name: answer for name, answer in found.items() if answer is not None}

    def resolve_one(self, name: str) -> Answer:
        return self.resolve(name)[name]

    def close(self) -> None:
        self.resolver.close()
        self._selector.close()


HOSTS = """
127.0.0.1   localhost
192.0.2.99  listed.test other.listed.test  # a comment
2001:db8::99 Both.test
192.0.2.99  both.test both.test
192.0.2.98\tplain
nonsense    wrong.test
"""


@pytest.fixture(autouse=True)
def _hosts_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "hosts").write_text(HOSTS)
    monkeypatch.setattr(module, "HOSTS_FILE", tmp_path / "hosts")


@pytest.fixture
def server() -> Iterator[NameServer]:
    with NameServer() as running:
        yield running


@pytest.fixture
def loop(server: NameServer, request: pytest.FixtureRequest) -> Iterator[Loop]:
    running = Loop([server.address], **getattr(request, "param", {}))
    yield running
    running.close()


@pytest.fixture
def both(server: NameServer, request: pytest.FixtureRequest) -> Iterator[Loop]:
    """Asks for IPv6 too."""
    running = Loop([server.address], ipv6=True, **getattr(request, "param", {}))
    yield running
    running.close()


def test_a_name_has_its_addresses(server: NameServer, loop: Loop) -> None:
    server.say("a.test", Name(("192.0.2.1", "192.0.2.2", "2001:db8::1")))
    assert set(loop.resolve_one("a.test").addresses) == {"192.0.2.1", "192.0.2.2"}
    assert server.asked == {("a.test", A): 1}, "nobody asks for addresses this machine cannot use"


def test_ipv6_comes_first_where_there_is_a_way(server: NameServer, both: Loop) -> None:
    server.say("a.test", Name(("192.0.2.1", "2001:db8::1")))
    assert both.resolve_one("a.test") == Answer(("2001:db8::1", "192.0.2.1"))


def test_an_alias_is_followed(server: NameServer, loop: Loop) -> None:
    server.say("a.test", Name(("192.0.2.1",), alias="b.test"))
    assert loop.resolve_one("a.test") == GOOD_ANSWER


def test_a_name_is_asked_once_however_many_wait_for_it(server: NameServer, loop: Loop) -> None:
    server.say("a.test", Name(("192.0.2.1",), seconds=0.02))
    assert [loop.resolver.ask("a.test") for _ in range(3)] == [None] * 3
    assert loop.resolver.in_flight == 1
    assert loop.resolve_one("a.test") == GOOD_ANSWER
    assert loop.resolver.ask("a.test") == GOOD_ANSWER, "from the cache, at once"
    assert server.asked == {("a.test", A): 1}


def test_a_short_ttl_does_not_have_a_name_asked_for_every_row(
    server: NameServer, loop: Loop
) -> None:
    server.say("a.test", Name(("192.0.2.1",), ttl=0))
    loop.resolve_one("a.test")
    loop.ahead = 59.0
    assert loop.resolver.ask("a.test") is not None
    loop.ahead = 61.0
    loop.resolve_one("a.test")
    assert server.asked["a.test", A] == 2


@pytest.mark.parametrize("name", [Name(code=NXDOMAIN), Name(), Name(("2001:db8::1",))])
def test_a_name_without_addresses_is_no_such_host(
    server: NameServer, loop: Loop, name: Name
) -> None:
    server.say("a.test", name)
    assert loop.resolve_one("a.test") == NO_SUCH_HOST
    assert loop.resolver.ask("a.test") == NO_SUCH_HOST, "remembered"
    assert server.asked == {("a.test", A): 1}


@pytest.mark.parametrize("fail", [SERVFAIL, REFUSED, SILENT])
@pytest.mark.parametrize("times", [1, 2])
def test_a_resolver_that_fails_now_and_then_loses_no_name(
    server: NameServer, loop: Loop, fail: int, times: int
) -> None:
    server.say("a.test", Name(("192.0.2.1",), fail=fail, times=times))
    assert loop.resolve_one("a.test") == GOOD_ANSWER


def test_what_c_ares_gives_up_is_asked_again(server: NameServer, loop: Loop) -> None:
    server.say("a.test", Name(("192.0.2.1",), fail=SERVFAIL, times=2 * QUICK.lookup_tries + 1))
    assert loop.resolve_one("a.test") == GOOD_ANSWER


def test_after_failures_the_last_word_counts(server: NameServer, loop: Loop) -> None:
    server.say("a.test", Name(code=NXDOMAIN, fail=SERVFAIL, times=QUICK.lookup_tries + 1))
    assert loop.resolve_one("a.test") == NO_SUCH_HOST


@pytest.mark.slow
@pytest.mark.parametrize("fail", [SERVFAIL, SILENT])
@pytest.mark.parametrize("loop", [{"max_lookup_s": 0.3}], indirect=True)
def test_a_failing_resolver_is_not_a_missing_host(
    server: NameServer, loop: Loop, fail: int
) -> None:
    server.say("a.test", Name(("192.0.2.1",), fail=fail, times=ALWAYS))
    began = time.monotonic()
    assert loop.resolve_one("a.test") == NOT_RESOLVED
    assert time.monotonic() - began < 2.0, "there is an end to patience"
    assert loop.resolver.ask("a.test") == NOT_RESOLVED, "no second wait for the next row"
    server.say("a.test", GOOD)
    loop.ahead = 1.1
    assert loop.resolve_one("a.test") == GOOD_ANSWER, "and soon forgotten"


@pytest.mark.parametrize("loop", [{"max_lookup_s": 0.1}], indirect=True)
def test_a_failure_that_is_forgiven_is_asked_again_and_an_answer_is_not(
    server: NameServer, loop: Loop
) -> None:
    server.say("a.test", Name(fail=SERVFAIL, times=ALWAYS))
    server.say("b.test", GOOD)
    assert loop.resolve("a.test", "b.test", "c.test") == {
        "a.test": NOT_RESOLVED,
        "b.test": GOOD_ANSWER,
        "c.test": NO_SUCH_HOST,
    }
    server.say_of_all(["a.test", "b.test", "c.test"], Name(("192.0.2.7",)))
    loop.resolver.forgive()
    assert loop.resolver.ask("b.test") == GOOD_ANSWER
    assert loop.resolver.ask("c.test") == NO_SUCH_HOST
    assert loop.resolve_one("a.test") == Answer(("192.0.2.7",))


@pytest.mark.parametrize("loop", [{"max_lookup_s": 60.0}], indirect=True)
def test_a_look_up_that_is_forgiven_has_all_of_its_time_again(
    server: NameServer, loop: Loop
) -> None:
    server.say("a.test", Name(GOOD.addresses, fail=SERVFAIL, times=QUICK.lookup_tries))
    assert loop.resolver.ask("a.test") is None
    loop.ahead = 59.99
    loop.resolver.forgive()
    loop.ahead = 100.0
    assert loop.resolve_one("a.test") == GOOD_ANSWER


@pytest.mark.slow
@pytest.mark.parametrize("ipv6", [False, True])
def test_a_server_that_is_slow_with_every_answer_loses_no_name(*, ipv6: bool) -> None:
    """As one that takes 2 to 4 seconds, while c-ares waits for 1, 2 and 4; here 0.25, 0.5 and 1,
    which is the least."""
    names = {f"h{number}.test": GOOD for number in range(50)}
    with NameServer(names, latency=1.1) as server:
        loop = Loop([server.address], ipv6=ipv6, **SLOW_SERVER)
        found = loop.resolve(*names, "missing.test")
        loop.close()
    assert found == dict.fromkeys(names, GOOD_ANSWER) | {"missing.test": NO_SUCH_HOST}


@pytest.mark.slow
def test_nor_does_one_that_is_slow_while_another_is_silent() -> None:
    silent = Name(fail=SILENT, times=ALWAYS)
    names = [f"h{number}.test" for number in range(20)]
    with NameServer(other=silent) as one, NameServer(other=GOOD, latency=1.1) as two:
        loop = Loop([one.address, two.address], **SLOW_SERVER)
        assert set(loop.resolve(*names).values()) == {GOOD_ANSWER}
        loop.close()


@pytest.mark.slow
@pytest.mark.parametrize("loop", [{"patient_after_s": 0.01}], indirect=True)
def test_nor_one_that_is_slow_now_and_was_quick_before(server: NameServer, loop: Loop) -> None:
    """From quick answers c-ares learns impatience."""
    for number in range(10):
        server.say(f"h{number}.test", Name(GOOD.addresses, fail=SILENT))
        assert loop.resolve_one(f"h{number}.test") == GOOD_ANSWER
    server.say("slow.test", Name(GOOD.addresses, seconds=1.1))
    assert loop.resolve_one("slow.test") == GOOD_ANSWER


def test_a_server_that_is_quick_is_asked_once() -> None:
    names = [f"h{number}.test" for number in range(50)]
    with NameServer(other=GOOD) as server:
        loop = Loop([server.address])
        loop.resolve(*names)
        loop.close()
        assert set(server.asked.values()) == {1}


@pytest.mark.slow
@pytest.mark.parametrize("loop", [{"max_lookup_s": 0.05, "lookup_wait_s": 2.0}], indirect=True)
def test_an_answer_that_comes_too_late_is_there_for_the_next_row(
    server: NameServer, loop: Loop
) -> None:
    server.say("slow.test", Name(("192.0.2.1",), seconds=0.2))
    assert loop.resolve_one("slow.test") == NOT_RESOLVED
    for number in range(100):  # each takes 0.05 seconds
        if loop.resolver.ask("slow.test") == GOOD_ANSWER:
            return
        server.say(f"silent-{number}.test", Name(fail=SILENT, times=ALWAYS))
        loop.resolve_one(f"silent-{number}.test")
    pytest.fail("the answer is lost")


def test_nobody_at_the_name_servers_address_is_a_failure() -> None:
    with NameServer() as server:
        address = server.address
    loop = Loop([address], max_lookup_s=0.2)
    assert loop.resolve_one("a.test") == NOT_RESOLVED
    loop.close()


def test_only_names_without_a_dot_are_searched(
    server: NameServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCALDOMAIN", "corp.test")  # as `search` in resolv.conf
    server.say("db.corp.test", GOOD)
    server.say("a.test", GOOD)
    loop = Loop([server.address])
    assert loop.resolve("a.test", "b.test", "db", "db.") == {
        "a.test": GOOD_ANSWER,
        "b.test": NO_SUCH_HOST,
        "db": GOOD_ANSWER,
        "db.": NO_SUCH_HOST,
    }
    assert ("b.test.corp.test", A) not in server.asked, "a name with a dot is whole"
    loop.close()


IN_A_WORLD_OF_ITS_OWN = """
ip link set lo up && mount --bind {conf} /etc/resolv.conf && exec {python} -c '
from tests.site.names import Name, NameServer
from tests.unit.fetch.dns.test_resolver import Loop
with NameServer(other=Name(("192.0.2.1",)), port=53 if {server} else 0) as server:
    loop = Loop([], max_lookup_s=1.0)
    answers = loop.resolve("a.test", "alone")
    loop.close()
print(answers["a.test"], answers["alone"], *sorted(name for name, _ in server.asked))
'
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("conf", "said"),
    [
        ("", f"{NOT_RESOLVED} {NOT_RESOLVED}"),
        ("search corp.test", f"{NOT_RESOLVED} {NOT_RESOLVED}"),
        (
            "nameserver 127.0.0.1\nsearch corp.test",
            f"{GOOD_ANSWER} {GOOD_ANSWER} a.test alone.corp.test",
        ),
    ],
)
def test_without_servers_the_systems_are_asked_and_having_none_is_a_failure(
    tmp_path: Path, conf: str, said: str
) -> None:
    script = IN_A_WORLD_OF_ITS_OWN.replace("{server}", str("nameserver" in conf))
    assert run_in_a_world_of_its_own(script, tmp_path, conf) == said


def run_in_a_world_of_its_own(script: str, folder: Path, conf: str) -> str:
    """What a script says where /etc/resolv.conf is `conf` and there is no network."""
    unshare = ["unshare", "--map-root-user", "--mount", "--net", "sh", "-c"]
    if (
        shutil.which("unshare") is None
        or subprocess.run([*unshare, "ip link set lo up"], check=False).returncode != 0
    ):
        pytest.skip("this system does not let its users have namespaces")
    (folder / "resolv.conf").write_text(conf + "\n")
    script = script.format(conf=folder / "resolv.conf", python=sys.executable)
    done = subprocess.run([*unshare, script], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.stdout.strip()


MOVED = """
ip link set lo up && mount --bind {conf} /etc/resolv.conf && exec {python} -c '
from pathlib import Path
from tests.site.names import Name, NameServer
from tests.unit.fetch.dns.test_resolver import Loop
loop = Loop([], max_lookup_s=0.3)
with NameServer(other=Name(("192.0.2.1",)), port=53):
    print(loop.resolve_one("a.test"))
    Path("/etc/resolv.conf").write_text("nameserver 127.0.0.2")
    print(loop.resolve_one("b.test"))
    loop.resolver.forgive()
    print(loop.resolve_one("c.test"))
loop.close()
'
"""


@pytest.mark.slow
def test_name_servers_of_another_network_are_asked_once_failures_are_forgiven(
    tmp_path: Path,
) -> None:
    """The second one is nobody."""
    assert run_in_a_world_of_its_own(MOVED, tmp_path, "nameserver 127.0.0.1") == (
        f"{GOOD_ANSWER}\n{GOOD_ANSWER}\n{NOT_RESOLVED}"
    )


@pytest.mark.parametrize(
    ("name", "addresses"),
    [
        ("listed.test", ("192.0.2.99",)),
        ("Other.LISTED.test.", ("192.0.2.99",)),
        ("both.test", ("2001:db8::99", "192.0.2.99")),
        ("plain", ("192.0.2.98",)),
    ],
)
def test_the_hosts_file_comes_first(
    server: NameServer, both: Loop, name: str, addresses: tuple[str, ...]
) -> None:
    assert both.resolver.ask(name) == Answer(addresses), "at once"
    assert both.resolver.answers() == []
    assert both.resolver.next_timeout() is None
    assert not server.asked, "not for the other family either"


def test_a_missing_hosts_file_is_an_empty_one(
    server: NameServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(module, "HOSTS_FILE", tmp_path / "missing")
    loop = Loop([server.address])
    assert loop.resolve_one("listed.test") == NO_SUCH_HOST
    loop.close()


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("localhost", Answer(("127.0.0.1", "::1"))),
        ("192.0.2.7", Answer(("192.0.2.7",))),
        ("a.test\0.test", NO_SUCH_HOST),
        ("a..test", NO_SUCH_HOST),
        (f"{'a' * 64}.test", NO_SUCH_HOST),
        (f"{'a.' * 130}test", NO_SUCH_HOST),
    ],
)
def test_some_names_are_known_without_asking(
    server: NameServer, loop: Loop, name: str, answer: Answer
) -> None:
    assert loop.resolver.ask(name) == answer
    assert loop.resolver.next_timeout() is None
    assert not server.asked


def test_one_family_is_enough(server: NameServer, both: Loop) -> None:
    failing = Name(("192.0.2.1", "2001:db8::1"), fail=SERVFAIL, times=ALWAYS)
    server.say("four.test", Name(failing.addresses, fail=SERVFAIL, times=ALWAYS, types=(AAAA,)))
    server.say("six.test", Name(failing.addresses, fail=SERVFAIL, times=ALWAYS, types=(A,)))
    assert both.resolve("four.test", "six.test") == {
        "four.test": GOOD_ANSWER,
        "six.test": Answer(("2001:db8::1",)),
    }


def test_a_family_that_keeps_silent_is_not_waited_for(server: NameServer, both: Loop) -> None:
    server.say("a.test", Name(("192.0.2.1",), fail=SILENT, times=ALWAYS, types=(AAAA,)))
    began = time.monotonic()
    assert both.resolve_one("a.test") == GOOD_ANSWER
    assert time.monotonic() - began < QUICK.max_lookup_s / 2


@pytest.mark.parametrize("both", [{"max_lookup_s": 0.3}], indirect=True)
def test_no_data_in_one_family_and_failure_in_the_other_is_a_failure(
    server: NameServer, both: Loop
) -> None:
    server.say("a.test", Name(("192.0.2.1",), fail=SERVFAIL, times=ALWAYS, types=(A,)))
    assert both.resolve_one("a.test") == NOT_RESOLVED


def test_no_addresses_in_either_family_is_no_such_host(server: NameServer, both: Loop) -> None:
    server.say("a.test", Name(code=NOERROR))
    assert both.resolve("a.test", "b.test") == {"a.test": NO_SUCH_HOST, "b.test": NO_SUCH_HOST}


def test_a_long_answer_comes_over_tcp(server: NameServer, loop: Loop) -> None:
    addresses = tuple(f"192.0.2.{last}" for last in range(200))
    server.say("a.test", Name(addresses))
    assert set(loop.resolve_one("a.test").addresses) == set(addresses)
    assert server.over_tcp == 1


@pytest.mark.parametrize("edns", Edns)
def test_what_servers_make_of_edns_loses_no_name(edns: Edns) -> None:
    """Forwarders and old servers drop it, refuse it, or never like a cookie: none is shown."""
    many = tuple(f"192.0.2.{last}" for last in range(200))
    names = {f"h{number}.test": GOOD for number in range(30)}
    with NameServer({**names, "long.test": Name(many)}, edns=edns) as server:
        loop = Loop([server.address], ipv6=True)
        found = loop.resolve(*names, "long.test", "missing.test")
        loop.close()
    assert {*found.pop("long.test").addresses} == {*many}
    assert found == dict.fromkeys(names, GOOD_ANSWER) | {"missing.test": NO_SUCH_HOST}
    assert (server.with_edns, server.over_tcp) == (0, 1)


def test_several_servers_share_the_names_and_stand_in_for_each_other() -> None:
    names = [f"h{number}.test" for number in range(100)]
    with NameServer(other=GOOD) as one, NameServer(other=GOOD) as two:
        loop = Loop([one.address, two.address])
        loop.resolve(*names)
        loop.close()
        assert [len(one.asked), len(two.asked)] == [50, 50]
        dumb = Name(fail=REFUSED, times=ALWAYS)
    with NameServer(other=dumb) as one, NameServer(other=GOOD) as two:
        loop = Loop([one.address, two.address])
        assert set(loop.resolve(*names).values()) == {GOOD_ANSWER}
        loop.close()


def test_a_server_that_is_gone_loses_no_name() -> None:
    with NameServer() as gone:
        address = gone.address
    with NameServer(other=GOOD) as server:
        loop = Loop([address, server.address])
        names = [f"h{number}.test" for number in range(100)]
        assert set(loop.resolve(*names).values()) == {GOOD_ANSWER}
        loop.close()


@pytest.mark.slow
def test_thousands_of_names_share_a_socket_and_none_is_lost() -> None:
    names = [f"h{number}.test" for number in range(2000)]
    with NameServer(other=GOOD, latency=0.02, fail=0.02) as server:
        loop = Loop([server.address])
        assert [loop.resolver.ask(name) for name in names] == [None] * len(names)
        assert loop.resolver.in_flight == len(names)
        assert len(loop.watched) == 1
        found = loop.resolve(*names)
        assert set(found) == set(names)
        assert set(found.values()) == {GOOD_ANSWER}
        loop.close()


@pytest.mark.slow
def test_channels_are_replaced_without_losing_a_name() -> None:
    names = [f"h{number}.test" for number in range(300)]
    with NameServer(other=GOOD, latency=0.02, fail=0.02) as server:
        loop = Loop([server.address], max_channel_questions=50)
        for name in names:
            loop.resolver.ask(name)
        assert len(loop.watched) == 6
        assert set(loop.resolve(*names).values()) == {GOOD_ANSWER}
        assert not loop.watched
        loop.close()


def test_a_closed_resolver_watches_nothing(server: NameServer, loop: Loop) -> None:
    server.say("a.test", Name(fail=SILENT, times=ALWAYS))
    loop.resolver.ask("a.test")
    assert loop.watched
    loop.resolver.close()
    assert not loop.watched
    assert loop.resolver.next_timeout() is None
    assert loop.resolver.answers() == []


def test_whether_there_is_a_way_to_ipv6_is_found_without_sending() -> None:
    assert module.has_ipv6() in {True, False}
