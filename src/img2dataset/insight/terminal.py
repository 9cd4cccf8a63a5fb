"""`Findings` -> a few lines for a terminal of any width."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator

from img2dataset.insight.findings import Findings, HostCount, ReasonCount
from img2dataset.insight.terminal_time import list_busiest, list_time
from img2dataset.reports.words import UNKNOWN
from img2dataset.text import plural

MIN_WIDTH, MAX_WIDTH = 24, 100
MAX_REASONS = 8
MAX_HOSTS = 5
MAX_PLACEHOLDERS = 3


def format_findings(findings: Findings, width: int) -> str:
    """Write the findings in short; no line is longer than `width` (at least 24), but commands."""
    width = min(max(width, MIN_WIDTH), MAX_WIDTH)
    blocks = (
        list_totals(findings, width),
        list_reasons(findings, width),
        list_retry(findings, width),
        wrap_all(list_time(findings, width), width),
        wrap_all(list_busiest(findings), width),
        list_hosts(findings, width),
        list_shapes(findings, width),
        list_duplicates(findings, width),
        list_published(findings, width),
        list_damage(findings, width),
    )
    shown = ("\n".join(lines) for lines in map(list, blocks) if lines)
    return "\n\n".join(shown) + "\n"


def wrap(line: str, width: int, indent: str = "") -> Iterator[str]:
    """Break a line of words; control characters of a list do not reach the terminal."""
    plain = "".join(c if c.isprintable() else "\ufffd" for c in line)
    yield from textwrap.wrap(plain, width, initial_indent=indent, subsequent_indent=f"{indent}  ")


def wrap_all(lines: Iterable[tuple[str, str]], width: int) -> Iterator[str]:
    """Break lines, each an indent and a text."""
    for indent, line in lines:
        yield from wrap(line, width, indent)


def list_totals(findings: Findings, width: int) -> Iterator[str]:
    yield from wrap(
        f"{findings.successes:,} images of {plural(findings.rows, 'row')} "
        f"({findings.success_share:.1%}) in {findings.output_folder}", width
    )  # fmt: skip
    counts = [f"{plural(findings.shards, 'shard')} of {findings.output_format}"]
    if findings.unfinished:
        counts.append(f"{findings.unfinished:,} not done")
    counts += [
        f"{number:,} {name}"
        for name, number in (
            ("failed to download", findings.failed_to_download),
            ("failed to resize", findings.failed_to_resize),
        )
        if number
    ]
    yield from wrap("; ".join(counts), width)


def list_reasons(findings: Findings, width: int) -> Iterator[str]:
    if not findings.reasons:
        return
    yield "Why rows have no image"
    for reason in findings.reasons[:MAX_REASONS]:
        yield from describe_reason(reason, findings.rows, width)
    if len(findings.reasons) > MAX_REASONS:
        yield from wrap(f"and {len(findings.reasons) - MAX_REASONS} more reasons", width, "  ")


def describe_reason(reason: ReasonCount, rows: int, width: int) -> Iterator[str]:
    tag = ", a retry may help" if reason.transient else ""
    yield from wrap(f"{reason.rows:,} ({reason.rows / rows:.1%}) {reason.name}{tag}", width, "  ")
    messages = list(reason.messages.items())[:3]
    if len(reason.messages) > 1 or reason.name == UNKNOWN:
        yield from wrap("; ".join(f"{text.strip()} {n:,}" for text, n in messages), width, "    ")
    yield from wrap(reason.meaning, width, "    ")
    yield from wrap(f"-> {reason.advice}", width, "    ")


def list_retry(findings: Findings, width: int) -> Iterator[str]:
    if not findings.transient:
        return
    yield from wrap(
        f"{plural(findings.transient, 'row')} failed for a reason that may pass; to fetch them again:",
        width,
    )
    if findings.retry_is_command:  # a command stays as it can be pasted
        yield from (f"  {line}" for line in findings.retry.splitlines())
    else:
        yield from wrap(findings.retry, width, "  ")


def list_hosts(findings: Findings, width: int) -> Iterator[str]:
    if findings.hosts is None or not findings.hosts.worst:
        return
    known = plural(findings.hosts.known, "host")
    lacking = findings.hosts.lacking
    doubt = f" (counts may lack up to {lacking:,} rows each)" if lacking else ""
    yield from wrap(f"Hosts with the most failures, of {known}{doubt}", width)
    for host in findings.hosts.worst[:MAX_HOSTS]:
        yield from describe_host(host, width)


def describe_host(host: HostCount, width: int) -> Iterator[str]:
    most = max(host.failures, key=lambda kind: host.failures[kind])
    yield from wrap(
        f"{host.host or '(no host)'}: {host.failed:,} of {host.rows:,} "
        f"({host.failed / host.rows:.0%}), most: {most}", width, "  "
    )  # fmt: skip


def list_shapes(findings: Findings, width: int) -> Iterator[str]:
    found = (
        (findings.shorter_side, "shorter side before resizing", "{:,.0f}", " pixels"),
        (findings.aspect_ratio, "width / height", "{:.2f}", ""),
        (findings.caption_length, "captions", "{:,.0f}", " characters"),
    )
    for histogram, name, form, unit in found:
        if histogram is not None:
            low, median, high = (
                form.format(each) for each in (histogram.low, histogram.median, histogram.high)
            )
            yield from wrap(f"{name}: median {median}{unit}, 90 % from {low} to {high}", width)
    if findings.empty_captions:
        yield from wrap(f"{plural(findings.empty_captions, 'empty caption')}", width)


def list_duplicates(findings: Findings, width: int) -> Iterator[str]:
    found = findings.duplicates
    if found is None or not found.images:
        return
    about = "" if found.exact else "about "
    if found.repeated:
        text = (
            f"{about}{plural(found.repeated, 'image')} ({found.repeated / found.images:.1%}) with "
            f"the {found.hash_name} of another one"
        )
    else:
        text = f"no image has the {found.hash_name} of another one"
    yield from wrap(text, width)  # fmt: skip
    if found.placeholders:
        yield from wrap("Likely placeholders: the same bytes for many URLs of a host", width)
    for each in found.placeholders[:MAX_PLACEHOLDERS]:
        yield from wrap(f"{each.host}: {each.rows:,} rows, such as {each.example}", width, "  ")


def list_published(findings: Findings, width: int) -> Iterator[str]:
    for each in findings.published:
        if each.is_this:
            yield from wrap(f"others had of {each.title}: {each.share}, {each.when}", width)


def list_damage(findings: Findings, width: int) -> Iterator[str]:
    if findings.unreadable:
        shards = plural(len(findings.unreadable), "shard")
        yield from wrap(
            f"{shards} not counted, because damaged: {findings.unreadable[0]}; "
            "img2dataset verify says more", width
        )  # fmt: skip
