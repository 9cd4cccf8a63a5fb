"""The arithmetic of `make bench-fetch`: names, latencies, rates and verdicts."""

from __future__ import annotations

import math
import statistics

import pytest
from benchmarks.fetch_bench import Bench, Role, Tool
from benchmarks.fetch_cases import (
    CASES,
    AtLeast,
    AtMost,
    Case,
    Channel,
    Figures,
    Times,
    bulk_rate,
    rate,
    refused_share,
)
from benchmarks.fetch_table import Measured, table
from benchmarks.names import Names, Zone, address_of
from benchmarks.web import latency_of, padded

HEAD = b"\x12\x34\x01\0\0\1\0\0\0\0\0\0"


def question(name: str, kind: int = 1) -> bytes:
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return labels + b"\0" + kind.to_bytes(2, "big") + b"\0\1"


def code(reply: bytes | None) -> int | None:
    return None if reply is None else reply[3] & 15


def test_a_name_has_one_address_on_this_machine_whatever_its_case() -> None:
    names = Names(Zone())
    replies = [names.reply(HEAD + question(name)) for name in ("a.test", "A.tesT")]
    assert [reply[-4:] for reply in replies if reply] == [address_of("a.test")] * 2
    assert address_of("a.test")[0] == 127
    assert replies[1] is not None
    assert question("A.tesT") in replies[1], "resolvers check that the question comes back"


def test_names_in_the_hole_lead_where_packets_vanish() -> None:
    assert address_of("a.hole.test")[:2] == bytes((10, 9))


def test_there_are_no_other_records_and_no_other_names() -> None:
    names = Names(Zone())
    other = names.reply(HEAD + question("a.test", kind=28))
    assert other is not None
    assert (code(other), other[6:8]) == (0, b"\0\0")
    assert code(names.reply(HEAD + question("a.example"))) == 3
    assert names.reply(b"nonsense") is None


@pytest.mark.parametrize(("silent", "first"), [(0.0, 2), (1.0, None)])
def test_a_failing_name_is_answered_at_the_second_question(
    silent: float, first: int | None
) -> None:
    names = Names(Zone(failing=1.0, silent=silent))
    replies = [names.reply(HEAD + question("a.test")) for _ in range(2)]
    assert [code(reply) for reply in replies] == [first, 0]
    assert (names.log.questions, names.log.failed) == (2, 1)


def test_the_share_of_failing_names_is_as_asked() -> None:
    names = Names(Zone(failing=0.02))
    for number in range(10_000):
        names.reply(HEAD + question(f"n{number}.test"))
    assert 150 < names.log.failed < 250


def test_latencies_are_spread_around_their_median() -> None:
    found = [latency_of(f"h{number}.test", 0.2, 0.8) for number in range(2000)]
    assert statistics.median(found) == pytest.approx(0.2, rel=0.1)
    assert max(found) > 5 * 0.2
    assert latency_of("h1.test", 0.2, 0.8) == found[1]
    assert latency_of("h1.test", 0.2, 0.0) == 0.2


def test_padding_never_shortens() -> None:
    assert padded(b"abc", 5) == b"abc\0\0"
    assert padded(b"abc", 2) == b"abc"


def test_rates_leave_out_the_start_or_the_tail() -> None:
    answers = [(0.1, 200), *((1 + n / 10, 200) for n in range(11)), (12.0, 200)]
    assert rate(answers, after=1.0) == pytest.approx(12 / 11)
    assert bulk_rate(answers) == pytest.approx(11 / 1.8)
    assert rate([(0.1, 200)], after=1.0) == 0.0


def test_refusals_count_after_the_first_seconds() -> None:
    answers = [(0.5, 429), (3.0, 429), (3.5, 200), (4.0, 200), (5.0, 200)]
    assert refused_share(answers, after=3.0) == 0.25
    assert refused_share(answers, after=9.0) == 0.0


def nothing(bench: Bench, tool: Tool) -> Figures:
    del bench, tool
    return {}


def only_line(line: Channel, old: float, ours: float) -> str:
    case = Case("name", "title", nothing, (line,))
    return table([Measured(case, {Role.OLD: [{"x": old}], Role.ALONE: [{"x": ours}]})]).split("\n")[
        -1
    ]


def test_the_table_says_how_many_times_better_and_whether_the_aim_is_reached() -> None:
    less = Channel("x", "cpu", 1, Times(8), compared=True)
    assert only_line(less, 8.0, 1.0) == "| title | cpu | 8.0 | 1.0 (8.0 x) | 8 x: yes |"
    assert "8 x: **no**" in only_line(less, 8.0, 1.1)
    more = Channel("x", "pace", 0, Times(5), more_is_better=True, compared=True)
    assert "(5.0 x) | 5 x: yes" in only_line(more, 100, 500)
    assert f"({math.inf:.1f} x)" in only_line(less, 8.0, 0.0)


def test_absolute_aims_need_no_old_tool() -> None:
    assert "at least 5: yes" in only_line(Channel("x", "t", aim=AtLeast(5)), 0, 5)
    assert "at most 5: **no**" in only_line(Channel("x", "t", aim=AtMost(5)), 0, 6)


def test_every_case_is_found_by_its_name_and_compares_with_the_old_tool() -> None:
    assert all(name == case.name and Role.OLD in case.roles for name, case in CASES.items())
