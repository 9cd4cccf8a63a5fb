"""A tool on a bench -> figures: the cases of `benchmarks.fetch`, and their aims."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.cases import Outcome
from benchmarks.fetch_bench import Bench, Role, Server, Tool

MB = 1e6

Figures = Mapping[str, float]
"""What one run of a case says, by the keys of its lines."""

THREE = (Role.ALIKE, Role.ALONE, Role.OLD)
ALONE = (Role.ALONE, Role.OLD)
LOOPS = (Role.LOOP, Role.HASHING_LOOP)

SMALL_SHARD = 500
"""So that two processes of the old tool, which share by shards, both have work to the end."""
WAITING_SHARD = 2500
"""Where there is much to wait for: the old tool begins a shard when the last one is whole."""
WHOLE_SHARD = 10_000
"""The default; where one process does it all."""


@dataclass(frozen=True, slots=True)
class Times:
    """An aim: this many times better than the old tool."""

    factor: float


@dataclass(frozen=True, slots=True)
class AtLeast:
    """An aim: this or more."""

    value: float


@dataclass(frozen=True, slots=True)
class AtMost:
    """An aim: this or less."""

    value: float


@dataclass(frozen=True, slots=True)
class Channel:
    """A line of a case in the table."""

    key: str
    title: str
    decimals: int = 0
    aim: Times | AtLeast | AtMost | None = None
    more_is_better: bool = False
    compared: bool = False
    """Whether to say how many times better than the old tool it is."""


@dataclass(frozen=True, slots=True)
class Case:
    """A job for every tool of `roles`, in this order."""

    name: str
    title: str
    run: Callable[[Bench, Tool], Figures]
    lines: tuple[Channel, ...]
    roles: tuple[Role, ...] = THREE
    needs_names: bool = True
    """Whether it needs a resolver of our own, and so a namespace."""
    memory: float = 0.0
    """Bytes that must be free, or it is left out."""
    advance: str = ""
    """What is said before it runs."""


# ---- costs: CPU and pace on sites that answer at once


def costs(outcome: Outcome) -> dict[str, float]:
    return {
        "cpu": 1000 * outcome.cpu_per_image,
        "pace": outcome.images_per_second,
        "working": outcome.images_per_second_working,
        "memory": outcome.usage.peak_memory / MB,
    }


def cost_lines(*, cpu: Times, pace: Times | None = None) -> tuple[Channel, ...]:
    return (
        Channel("cpu", "CPU ms per image", 3, cpu, compared=True),
        Channel("pace", "images/s, whole command", 0, pace, more_is_better=True, compared=True),
        Channel(
            "working",
            "images/s, first shard begun to last done",
            more_is_better=True,
            compared=True,
        ),
        Channel("memory", "peak memory of all processes, MB", compared=True),
    )


START_UP_LINES = (
    Channel("start-up", "CPU seconds of 10 images", 2, compared=True),
    Channel("beyond", "CPU ms per image beyond these", 3, compared=True),
)


def looped(bench: Bench, tool: Tool, urls: Sequence[str]) -> Figures:
    usage, seconds = bench.loop(tool, urls)
    count = len(urls)
    return {
        "cpu": 1000 * usage.cpu / count,
        "pace": count / usage.wall,
        "working": count / seconds,
        "memory": usage.peak_memory / MB,
    }


def one_host(bench: Bench, tool: Tool) -> Figures:
    urls = bench.site.urls(10_000)
    if tool.role in LOOPS:
        return looped(bench, tool, urls)
    options = tool.sized(2, 64, shard=SMALL_SHARD)
    start_up = bench.run(tool, urls[:10], options).usage.cpu
    outcome = bench.run(tool, urls, options)
    beyond = 1000 * (outcome.usage.cpu - start_up) / len(urls)
    return {**costs(outcome), "start-up": start_up, "beyond": beyond}


def https(bench: Bench, tool: Tool) -> Figures:
    urls = bench.site.urls(10_000, tls=True)
    if tool.role in LOOPS:
        return looped(bench, tool, urls)
    return costs(bench.run(tool, urls, tool.sized(2, 64, shard=SMALL_SHARD)))


def own_hosts(bench: Bench, tool: Tool) -> Figures:
    site = bench.site
    photos = site.names
    urls = [f"http://h{n}.test:{site.port}/{photos[n % len(photos)]}" for n in range(10_000)]
    with bench.names() as names:
        return costs(bench.run(tool, urls, tool.sized(2, 64, shard=SMALL_SHARD), [names]))


# ---- names


NAMES = 20_000


def many_names(bench: Bench, tool: Tool) -> Figures:
    port = bench.site.port
    urls = [f"http://n{n}.test:{port}/thumbnails/{n % 100}.jpg" for n in range(NAMES)]
    with bench.names(latency=0.05, failing=0.02, silent=0.5) as names:
        outcome = bench.run(tool, urls, tool.sized(1, 256, shard=WHOLE_SHARD), [names], least=0)
    return {
        "rate": NAMES / outcome.working,
        "whole": NAMES / outcome.usage.wall,
        "threads": outcome.usage.peak_threads,
        "lost": NAMES - outcome.successes,
        "questions": names.log.questions / NAMES,
    }


NAME_LINES = (
    Channel(
        "rate", "names/s, first shard begun to last done", 0, AtLeast(1500), more_is_better=True
    ),
    Channel("whole", "names/s, whole command", more_is_better=True),
    Channel("threads", "most threads of a process", 0, AtMost(49)),
    Channel("lost", "rows lost", 0, AtMost(0)),
    Channel("questions", "questions to the resolver per name", 2),
)


# ---- hosts that are slow, dead or refuse


def shuffled(urls: list[str]) -> list[str]:
    random.Random(0).shuffle(urls)
    return urls


def black_holes(bench: Bench, tool: Tool) -> Figures:
    with bench.names() as names, bench.web(latency=0.28, spread=0.7) as web:
        healthy = [f"http://h{n % 4850}.test:{web.port}/{n}.jpg" for n in range(19_400)]
        dead = [f"http://d{n}.hole.test:{web.port}/{n}.jpg" for n in range(600)]
        options = {"timeout": "10", **tool.sized(2, 64, shard=WAITING_SHARD)}
        servers: list[Server[Any]] = [names, web]
        without = bench.run(tool, shuffled([*healthy]), options, servers)
        with_them = bench.run(
            tool, shuffled([*healthy, *dead]), options, servers, least=len(healthy)
        )
    return {
        "without": without.usage.wall,
        "with": with_them.usage.wall,
        "ratio": with_them.usage.wall / without.usage.wall,
    }


HOLE_LINES = (
    Channel("without", "seconds without them (19,400 URLs)", 1),
    Channel("with", "seconds with them", 1),
    Channel("ratio", "ratio", 2, AtMost(1.25)),
)


def far_host(bench: Bench, tool: Tool) -> Figures:
    with bench.web(address="127.0.0.1", latency=0.05) as web:
        urls = [f"http://127.0.0.1:{web.port}/{n}.jpg" for n in range(20_000)]
        outcome = bench.run(tool, urls, tool.sized(1, 256, shard=WHOLE_SHARD), [web])
    return {
        "rate": rate(web.log.others, after=1.0),
        "first": count(web.log.others, until=1.0),
        "most": web.log.most_at_once,
        **costs(outcome),
    }


FAR_LINES = (
    Channel(
        "rate",
        "images/s from the second second on (server)",
        0,
        Times(1),
        more_is_better=True,
        compared=True,
    ),
    Channel("first", "images in the first second (server)", more_is_better=True, compared=True),
    Channel("most", "most requests at once (server)"),
    Channel("cpu", "CPU ms per image", 3, compared=True),
)


BUSY = "busy.test"


def refusing_host(bench: Bench, tool: Tool) -> Figures:
    logs, outcomes = {}, {}
    for limit in (0, 5):
        with (
            bench.names() as names,
            bench.web(latency=0.2, spread=0.5, limited=BUSY, limit=limit) as web,
        ):
            busy = [f"http://{BUSY}:{web.port}/{n}.jpg" for n in range(1200)]
            others = [f"http://h{n % 1200}.test:{web.port}/{n}.jpg" for n in range(4800)]
            urls = shuffled([*busy, *others])
            outcomes[limit] = bench.run(
                tool,
                urls,
                tool.sized(2, 64, shard=WAITING_SHARD),
                [names, web],
                least=len(others if limit else urls),
            )
        logs[limit] = web.log
    refusing = logs[5].limited
    healthy_rate, rate_beside = bulk_rate(logs[0].others), bulk_rate(logs[5].others)
    return {
        "refused": 100 * refused_share(refusing, after=3.0),
        "early": sum(status == 429 for when, status in refusing if when < 3.0),
        "stored": 100 * sum(status == 200 for _, status in refusing) / len(busy),
        "healthy rate": healthy_rate,
        "rate beside": rate_beside,
        "harm": rate_beside / healthy_rate,
        "wall": outcomes[5].usage.wall,
    }


REFUSING_LINES = (
    Channel("refused", "refused after the first 3 s, % of its requests (server)", 1, AtMost(3)),
    Channel("early", "refused in the first 3 s (server)"),
    Channel("stored", "% of its images stored", more_is_better=True),
    Channel("healthy rate", "images/s of the other hosts, it being healthy", more_is_better=True),
    Channel("rate beside", "images/s of the other hosts, it refusing", more_is_better=True),
    Channel("harm", "ratio of the two", 2, AtLeast(0.95), more_is_better=True),
    Channel("wall", "seconds, whole command", 1),
)


Answers = Sequence[tuple[float, int]]


def count(answers: Answers, *, until: float) -> int:
    return sum(when < until for when, _ in answers)


def rate(answers: Answers, *, after: float) -> float:
    """Return the answers per second from `after` to the last one."""
    late = [when for when, _ in answers if when >= after]
    return len(late) / (late[-1] - after) if late and late[-1] > after else 0.0


def bulk_rate(answers: Answers) -> float:
    """Return the answers per second until nine tenths are there: the last few say little."""
    most = len(answers) * 9 // 10
    return most / (answers[most - 1][0] - answers[0][0])


def refused_share(answers: Answers, *, after: float) -> float:
    late = [status for when, status in answers if when >= after]
    return late.count(429) / len(late) if late else 0.0


# ---- memory


IN_FLIGHT, BODY, BODIES = 2000, 5_000_000, 3000
PROGRAM, PER_DOWNLOAD, PER_CONNECTION = 200 * MB, MB, 0.12 * MB
"""Python, its libraries and our own tables; what a worker holds for each download in flight (see
worker.py); libcurl's state."""
LARGEST_BODY = 64 * MB
"""One body may go beyond the limit: max_image_bytes."""
CEILING = (PROGRAM + LARGEST_BODY + IN_FLIGHT * (1.5 * PER_DOWNLOAD + PER_CONNECTION)) / MB
"""Half as much again for what the allocator cannot use again at once."""
OLD_NEEDS = 15_000 * MB


def big_bodies(bench: Bench, tool: Tool) -> Figures:
    with bench.names() as names, bench.web(size=BODY, hold=3) as web:
        urls = [f"http://h{n}.test:{web.port}/{n}.jpg" for n in range(BODIES)]
        options = {"timeout": "120", **tool.sized(1, IN_FLIGHT, shard=WHOLE_SHARD)}
        outcome = bench.run(tool, urls, options, [names, web])
    return {
        "memory": outcome.usage.peak_memory / MB,
        "most": web.log.most_at_once,
        "wall": outcome.usage.wall,
    }


BIG_LINES = (
    Channel("memory", "peak memory, MB", 0, AtMost(CEILING), compared=True),
    Channel("most", "most requests at once (server)"),
    Channel("wall", "seconds, whole command", 1),
)


CASES = {
    case.name: case
    for case in (
        Case(
            "one",
            "http, one host, 10,000 photos; 128 in flight",
            one_host,
            (*cost_lines(cpu=Times(8), pace=Times(5)), *START_UP_LINES),
            (*THREE, *LOOPS),
            needs_names=False,
        ),
        Case(
            "https",
            "https, one host, 10,000 photos; 128 in flight; HTTP/2 offered; the system's trust store",
            https,
            cost_lines(cpu=Times(15)),
            (*THREE, *LOOPS),
            needs_names=False,
        ),
        Case(
            "own",
            "http, 10,000 photos, each on a host of its own; 128 in flight",
            own_hosts,
            cost_lines(cpu=Times(4)),
        ),
        Case(
            "names",
            "20,000 names, resolver answers in 50 ms, 2 % fail once (half of them by silence); "
            "1 process, thread_count 256",
            many_names,
            NAME_LINES,
            ALONE,
        ),
        Case(
            "holes",
            "3 % of 20,000 URLs on black-holed addresses, timeout 10 s; the other hosts answer "
            "after 0.36 s on average; 128 in flight",
            black_holes,
            HOLE_LINES,
            ALONE,
        ),
        Case(
            "far",
            "20,000 thumbnails on one healthy host that answers after 50 ms; 1 process, "
            "thread_count 256",
            far_host,
            FAR_LINES,
            ALONE,
            needs_names=False,
        ),
        Case(
            "refusing",
            "6,000 URLs, 20 % on a host that answers 429 + Retry-After: 2 above 5 at once; "
            "128 in flight",
            refusing_host,
            REFUSING_LINES,
        ),
        Case(
            "big",
            "3,000 bodies of 5 MB, each on a host of its own; 1 process, thread_count 2,000",
            big_bodies,
            BIG_LINES,
            ALONE,
            memory=OLD_NEEDS,
            advance=f"ceiling: {PROGRAM / MB:.0f} MB for the program, {LARGEST_BODY / MB:.0f} MB "
            f"for a body, {IN_FLIGHT} x ({PER_DOWNLOAD / MB:.0f} MB and half as much for the allocator, "
            f"{PER_CONNECTION / MB:.2f} MB for libcurl) = {CEILING:.0f} MB",
        ),
    )
}
