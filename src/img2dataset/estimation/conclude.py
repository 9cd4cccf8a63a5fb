"""A survey of the list and the outcomes of its sample -> an `Estimate`; pure, but for the size of a
table, which is measured by writing one to memory."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from img2dataset.estimation.findings import (
    ClassShare,
    Duplicates,
    Duration,
    Estimate,
    HostRows,
    Hosts,
    ReasonShare,
)
from img2dataset.estimation.sample_run import Outcome, SampleRun
from img2dataset.estimation.statistics import estimate_count, estimate_share, estimate_sum
from img2dataset.estimation.stored_size import measure_stored
from img2dataset.estimation.survey import Survey
from img2dataset.estimation.timing import (
    FIRST_AT_ONCE,
    Manners,
    Request,
    find_slowest_host,
    find_steady_rate,
)
from img2dataset.insight.findings import Published
from img2dataset.options import Options
from img2dataset.output_format import WITHOUT_ROWS
from img2dataset.reports.words import FailureClass, advise, classify, name_reason

LISTED = 20
"""Hosts in each list of an estimate."""
MIN_PLACEHOLDERS = 3
"""URLs of a host that give the same bytes: fewer may be copies of an image."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What an estimate depends on beside the list."""

    options: Options
    seed: int
    free_bytes: int | None
    published: tuple[Published, ...]
    command: str
    notices: tuple[str, ...]


def conclude(survey: Survey, run: SampleRun, setting: Setting) -> Estimate:
    """Say what to expect of a run of the whole list."""
    outcomes, options = run.outcomes, setting.options
    rows, sampled = survey.rows, len(outcomes)
    successes = sum(each.message is None for each in outcomes)
    table = 0.0 if options.output_format in WITHOUT_ROWS else measure_table(run.documents)
    sizes = [measure_stored(options.output_format, each.parts) + table for each in outcomes]
    found = Estimate(
        rows=rows,
        sampled=sampled,
        seed=setting.seed,
        successes=successes,
        success=estimate_share(successes, sampled, rows),
        images=estimate_count(successes, sampled, rows),
        classes=rank_classes(outcomes, rows),
        reasons=rank_reasons(outcomes, sampled, rows),
        duration=estimate_duration(survey, run, options),
        network_bytes=estimate_sum([each.body_bytes for each in outcomes], rows),
        disk_bytes=estimate_sum(sizes, rows),
        free_bytes=setting.free_bytes,
        hosts=rank_hosts(survey, outcomes),
        duplicates=find_duplicates(survey, outcomes),
        without_url=survey.without_url,
        published=setting.published,
        command=setting.command,
        advice=(),
        notices=setting.notices,
    )
    return add_advice(found, options)


def rank_classes(outcomes: Sequence[Outcome], rows: int) -> tuple[ClassShare, ...]:
    """Estimate the share of each class of failures, those that were not seen included."""
    sampled = len(outcomes)
    failed: defaultdict[FailureClass, list[Outcome]] = defaultdict(list)
    for each in outcomes:
        if each.message is not None:
            failed[classify(each.message)].append(each)
    shares = [
        ClassShare(
            kind.value,
            kind.meaning,
            len(failed[kind]),
            estimate_share(len(failed[kind]), sampled, rows),
            rank_reasons(failed[kind], sampled, rows),
        )
        for kind in FailureClass
        if failed[kind] or kind is not FailureClass.UNKNOWN
    ]
    return tuple(sorted(shares, key=lambda each: -each.rows))


def rank_reasons(outcomes: Sequence[Outcome], sampled: int, rows: int) -> tuple[ReasonShare, ...]:
    """Estimate the share of each reason that was seen in these of the `sampled` rows."""
    counts: Counter[str] = Counter()
    examples: dict[str, str] = {}
    for each in outcomes:
        if each.message is not None:
            name = name_reason(each.message)
            counts[name] += 1
            examples.setdefault(name, each.url)
    return tuple(
        ReasonShare(name, count, estimate_share(count, sampled, rows), examples[name], advise(name))
        for name, count in counts.most_common()
    )


def estimate_duration(survey: Survey, run: SampleRun, options: Options) -> Duration:
    """Estimate how long the list takes: by the machine, and by the slowest host."""
    in_flight = options.thread_count * options.processes_count
    rate = find_steady_rate([each.done_seconds for each in run.outcomes], in_flight)
    requests: defaultdict[str, list[Request]] = defaultdict(list)
    for each in run.outcomes:
        if each.request_seconds is not None:
            requests[each.host].append(Request(each.request_seconds, each.done_seconds))
    most = options.max_connections_per_host or FIRST_AT_ONCE
    manners = Manners(min(most, in_flight), options.min_delay_per_host)
    slowest = find_slowest_host(survey.hosts.rows, requests, manners)
    by_machine = survey.rows / rate if rate else 0.0
    by_host = slowest.seconds if slowest is not None else 0.0
    return Duration(max(by_machine, by_host), by_machine, rate, slowest)


def rank_hosts(survey: Survey, outcomes: Sequence[Outcome]) -> Hosts:
    """Rank the hosts by their rows in the list, and by their failures in the sample."""
    listed = Counter({host: rows for host, rows in survey.hosts.rows.items() if host})
    sampled = Counter(each.host for each in outcomes)
    failed = Counter(each.host for each in outcomes if each.host and each.message is not None)

    def describe(hosts: Iterable[tuple[str, int]]) -> tuple[HostRows, ...]:
        return tuple(HostRows(host, listed[host], sampled[host], failed[host]) for host, _ in hosts)

    return Hosts(
        known=len(listed),
        lacking=survey.hosts.lacking,
        busiest=describe(listed.most_common(LISTED)),
        worst=describe(failed.most_common(LISTED)),
    )


def find_duplicates(survey: Survey, outcomes: Sequence[Outcome]) -> Duplicates:
    """Find repeated URLs in the list, and repeated images in the sample."""
    urls_of: defaultdict[str, set[str]] = defaultdict(set)
    of_host: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for each in outcomes:
        if each.digest is not None:
            urls_of[each.digest].add(each.url)
            of_host[each.digest, each.host].add(each.url)
    most, urls = max(of_host.items(), key=lambda item: len(item[1]), default=(("", ""), set()))
    is_placeholder = len(urls) >= MIN_PLACEHOLDERS
    return Duplicates(
        repeated_urls=survey.urls.repeated_share,
        is_exact=survey.urls.is_exact,
        repeated_images=sum(len(each) - 1 for each in urls_of.values()),
        likely_placeholder=most[1] if is_placeholder else "",
        placeholder_rows=len(urls) if is_placeholder else 0,
    )


def measure_table(documents: Sequence[Mapping[str, Any]]) -> float:
    """Measure the bytes of a row in the metadata table of a shard, by a table of these rows."""
    if not documents:
        return 0.0
    names = list(dict.fromkeys(name for each in documents for name in each))
    columns = {name: make_column([each.get(name) for each in documents]) for name in names}
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns), sink)
    return float(sink.getvalue().size / len(documents))


def make_column(values: list[Any]) -> pa.Array:
    """Make a column of any values: those of several types become text."""
    try:
        return pa.array(values)
    except (pa.ArrowException, OverflowError):
        return pa.array([None if value is None else str(value) for value in values], pa.string())


MIN_REPEATED_SHARE = 0.01
MIN_REASON_SHARE = 0.1
"""Shares of the rows that are worth a line."""
MIN_HOST_S = 600.0
MAX_SPREAD_SHARE = 0.9
HOST_FACTOR = 1.5
"""Times that the slowest host takes longer than the machine, which is worth a line."""


def add_advice(found: Estimate, options: Options) -> Estimate:
    """Add what to change before the run."""
    return replace(found, advice=tuple(list_advice(found, options)))


def list_advice(found: Estimate, options: Options) -> Iterable[str]:
    """Say what to change before the run."""
    repeated = found.duplicates.repeated_urls
    if repeated >= MIN_REPEATED_SHARE and options.deduplicate is None:
        yield (
            f"{repeated:.1%} of the rows have the URL of another row: --deduplicate=url fetches "
            "each URL once"
        )
    times, host = found.duration, found.duration.slowest_host
    if host is not None and host.seconds > max(MIN_HOST_S, HOST_FACTOR * times.machine_seconds):
        share = host.rows / found.rows
        spread = "; --shuffle=0 spreads its rows over the run"
        yield (
            f"{host.host} has {share:.0%} of the rows and alone decides how long the run takes"
            f"{spread if options.shuffle is None and share < MAX_SPREAD_SHARE else ''}"
        )
    if found.free_bytes is not None and found.disk_bytes.high > found.free_bytes:
        yield (
            "the dataset may need more room than the disk has: use another output_folder, a smaller "
            "image_size or a lower encode_quality"
        )
    for reason in found.reasons:
        if reason.share.value >= MIN_REASON_SHARE:
            yield f"{reason.name} ({reason.share.value:.0%} of the rows): {reason.advice}"
