"""robots.txt is asked for once per origin, everybody waits for it, and it is not kept for ever."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from img2dataset.errors import Reason
from img2dataset.fetch.policy.robots import MAX_AGE_S
from img2dataset.fetch.policy.robots_gate import RobotsGate
from img2dataset.fetch.politeness import POLITE, Politeness
from img2dataset.records import Failure

ORIGIN = "http://a"
RULES = b"User-agent: *\nDisallow: /private/\nCrawl-delay: 3\nUser-agent: mybot\nDisallow: /"


def gate(*agents: str, politeness: Politeness = POLITE) -> RobotsGate[int]:
    return RobotsGate(agents or ("img2dataset",), politeness=politeness)


def known(status: int | None = 200, body: bytes = RULES, *agents: str) -> RobotsGate[int]:
    """A gate that knows what ORIGIN says, since 0."""
    made = gate(*agents)
    made.wait(ORIGIN, 0)
    made.store(ORIGIN, status, body, 0.0)
    return made


def said(made: RobotsGate[int], path: str, now: float = 1.0) -> Reason | float | None:
    answer = made.check(ORIGIN, f"{ORIGIN}{path}", now)
    return answer.reason if isinstance(answer, Failure) else answer


def test_one_asks_and_all_wait() -> None:
    made = gate()
    assert said(made, "/1.jpg") is None
    assert made.wait(ORIGIN, 1)
    assert not made.wait(ORIGIN, 2)
    assert made.wait("https://a", 3), "another origin"
    assert len(made) == 3
    assert said(made, "/1.jpg") is None, "it is on its way"

    assert made.store(ORIGIN, 200, RULES, 0.0) == [1, 2]
    assert len(made) == 1


@pytest.mark.parametrize(
    ("status", "body", "path", "expected"),
    [
        (200, RULES, "/1.jpg", 3.0),
        (200, RULES, "/private/1.jpg", Reason.ROBOTS_TXT),
        (200, b"", "/1.jpg", 0.0),
        (200, b"User-agent: *\nDisallow: /", "/1.jpg", Reason.ROBOTS_TXT),
        (404, b"User-agent: *\nDisallow: /", "/1.jpg", 0.0),
        (403, b"", "/1.jpg", 0.0),
        (500, b"", "/1.jpg", Reason.ROBOTS_TXT_UNAVAILABLE),
        (429, b"", "/1.jpg", Reason.ROBOTS_TXT_UNAVAILABLE),
        (None, b"", "/1.jpg", Reason.ROBOTS_TXT_UNAVAILABLE),
    ],
)
def test_what_it_says_is_done(
    status: int | None, body: bytes, path: str, expected: Reason | float
) -> None:
    assert said(known(status, body), path) == expected


RESERVED = b'[{"location": "/photos/", "tdm-reservation": 1, "tdm-policy": "https://a/p"}]'


def test_where_tdmrep_counts_both_files_are_waited_for() -> None:
    made: RobotsGate[int] = RobotsGate(("img2dataset",), reservations_count=True)
    assert made.wait(ORIGIN, 1)
    assert made.store(ORIGIN, 200, b"", 0.0) == []
    assert made.wants_tdmrep(ORIGIN)
    assert said(made, "/1.jpg") is None, "the second file is on its way"
    assert not made.wait(ORIGIN, 2)
    assert made.store_tdmrep(ORIGIN, 200, RESERVED, 0.0) == [1, 2]
    assert not made.wants_tdmrep(ORIGIN)
    assert said(made, "/photos/1.jpg") == 0.0, "a header may know better"
    assert made.reserves(ORIGIN, f"{ORIGIN}/photos/1.jpg")
    assert not made.reserves(ORIGIN, f"{ORIGIN}/1.jpg")
    assert made.signals(ORIGIN, f"{ORIGIN}/photos/1.jpg") == [
        ("tdmrep.json:tdm-reservation", "1"),
        ("tdmrep.json:tdm-policy", "https://a/p"),
    ]
    assert made.signals(ORIGIN, f"{ORIGIN}/1.jpg") == []


@pytest.mark.parametrize(
    ("status", "body"),
    [(500, b""), (None, b""), (200, b"User-agent: *\nDisallow: /")],
)
def test_where_nothing_may_be_asked_for_tdmrep_is_not(status: int | None, body: bytes) -> None:
    made: RobotsGate[int] = RobotsGate(("img2dataset",), reservations_count=True)
    made.wait(ORIGIN, 1)
    assert made.store(ORIGIN, status, body, 0.0) == [1]
    assert not made.wants_tdmrep(ORIGIN)


@pytest.mark.parametrize(
    ("status", "lasts"), [(404, MAX_AGE_S), (None, POLITE.robots_unavailable_s)]
)
def test_a_tdmrep_that_could_not_be_had_is_asked_for_again(
    status: int | None, lasts: float
) -> None:
    made: RobotsGate[int] = RobotsGate(("img2dataset",), reservations_count=True)
    made.wait(ORIGIN, 1)
    made.store(ORIGIN, 404, b"", 0.0)
    assert made.store_tdmrep(ORIGIN, status, b"", 0.0) == [1]
    assert said(made, "/1.jpg", lasts - 1) == 0.0
    assert said(made, "/1.jpg", lasts) is None


def test_what_it_says_of_training_is_done() -> None:
    body = b"User-agent: *\nContent-Usage: /photos/ train-ai=n"
    assert said(known(200, body), "/photos/1.jpg") is Reason.ROBOTS_TXT_TRAINING
    assert said(known(200, body), "/1.jpg") == 0.0
    made: RobotsGate[int] = RobotsGate(("img2dataset",), usage_counts=False)
    made.wait(ORIGIN, 0)
    made.store(ORIGIN, 200, body, 0.0)
    assert said(made, "/photos/1.jpg") == 0.0
    assert made.signals(ORIGIN, f"{ORIGIN}/photos/1.jpg") == [
        ("robots.txt:content-usage", "train-ai=n")
    ]


def test_our_more_specific_name_comes_first() -> None:
    assert said(known(200, RULES, "mybot", "img2dataset"), "/1.jpg") is Reason.ROBOTS_TXT
    assert said(known(200, RULES, "img2dataset"), "/1.jpg") == 3.0


@pytest.mark.parametrize(
    ("status", "lasts"), [(200, MAX_AGE_S), (500, POLITE.robots_unavailable_s)]
)
def test_it_is_asked_for_again_after_a_time(status: int, lasts: float) -> None:
    made = known(status)
    assert said(made, "/1.jpg", lasts - 1) is not None
    assert said(made, "/1.jpg", lasts) is None
    assert made.wait(ORIGIN, 1)
    assert not made.wait(ORIGIN, 2)
    assert made.store(ORIGIN, 200, b"", lasts) == [1, 2]
    assert said(made, "/private/1.jpg", lasts + 1) == 0.0


def test_the_oldest_are_forgotten_but_not_those_on_their_way() -> None:
    made = gate(politeness=Politeness(max_robots_origins=10))
    made.wait("http://slow", 1)
    for number in range(100):
        made.wait(f"http://{number}", 1)
        made.store(f"http://{number}", 200, RULES, 0.0)
        assert len(made._known) <= 10
    assert made.check("http://98", "http://98/1.jpg", 1.0) == 3.0
    assert made.check("http://1", "http://1/1.jpg", 1.0) is None
    assert made.store("http://slow", 404, b"", 1.0) == [1]


def test_many_may_be_on_their_way_at_once() -> None:
    made = gate(politeness=Politeness(max_robots_origins=10))
    assert all(made.wait(f"http://{number}", number) for number in range(100))
    assert [made.store(f"http://{n}", 200, b"", 0.0) for n in range(100)] == [
        [n] for n in range(100)
    ]


def test_long_rules_count_by_their_length() -> None:
    made = gate(politeness=Politeness(max_robots_characters=10_000))
    rules = b"User-agent: *\n" + b"\n".join(b"Disallow: /%04d" % number for number in range(200))
    for number in range(50):
        made.wait(f"http://{number}", 1)
        made.store(f"http://{number}", 200, rules, 0.0)
        assert made._characters < 10_000 + len(rules)
    assert 1 <= len(made._known) <= 5


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["wait", "store"]),
            st.sampled_from("abcdef"),
            st.sampled_from([200, 500, None]),
            st.sampled_from([0.0, 400.0, 10**5]),
        ),
        max_size=80,
    )
)
def test_each_who_waits_is_let_go_once(
    steps: list[tuple[str, str, int | None, float]],
) -> None:
    made = gate()
    now = 0.0
    waiting: dict[str, list[int]] = {}
    for number, (kind, origin, status, seconds) in enumerate(steps):
        now += seconds
        if kind == "wait":
            if made.check(origin, f"http://{origin}/", now) is None:
                assert made.wait(origin, number) is (origin not in waiting)
                waiting.setdefault(origin, []).append(number)
        elif origin in waiting:
            assert made.store(origin, status, RULES, now) == waiting.pop(origin)
        assert len(made) == sum(map(len, waiting.values()))
        rules = [one.rules for one in made._known.values()]
        assert made._characters == sum(one.size for one in rules if one is not None)
