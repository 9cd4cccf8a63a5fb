"""`Estimate` -> lines for a terminal of any width."""

from __future__ import annotations

from collections.abc import Iterator

from img2dataset.estimation.findings import Estimate
from img2dataset.estimation.statistics import Amount, Share
from img2dataset.insight.terminal import MAX_WIDTH, MIN_WIDTH, wrap
from img2dataset.text import format_bytes, plural

MAX_HOSTS = 5
MAX_REASONS = 4
"""Of each class."""
MAX_PUBLISHED = 2
"""Of other lists, where nothing is known of this one."""
MINUTE_S, HOUR_S, DAY_S = 60, 3600, 86_400


def format_estimate(found: Estimate, width: int) -> str:
    """Write the estimate in short; no line is longer than `width` (at least 24), but the command."""
    width = min(max(width, MIN_WIDTH), MAX_WIDTH)
    blocks = (
        list_success(found, width),
        list_failures(found, width),
        list_costs(found, width),
        list_hosts(found, width),
        list_duplicates(found, width),
        list_published(found, width),
        list_advice(found, width),
        list_command(found, width),
    )
    shown = ("\n".join(lines) for lines in map(list, blocks) if lines)
    return "\n\n".join(shown) + "\n"


def list_success(found: Estimate, width: int) -> Iterator[str]:
    of_list = f"{found.sampled:,} of {plural(found.rows, 'row')} were fetched"
    yield from wrap(f"{of_list}: {found.successes:,} gave an image", width)
    if not found.is_exact:
        low, high = int(found.images.low), int(found.images.high)
        yield from wrap(
            f"Expect {format_share(found.success)} of the list: {low:,} to {high:,} images", width
        )
    if found.without_url:
        yield from wrap(f"{plural(found.without_url, 'row')} of the list have no URL", width)


def list_failures(found: Estimate, width: int) -> Iterator[str]:
    if found.is_exact and found.successes == found.sampled:
        return
    yield "Why rows have no image"
    seen = [each for each in found.classes if each.rows]
    for each in seen:
        yield from wrap(f"{each.name}: {format_share(each.share)}; {each.meaning}", width, "  ")
        for reason in each.reasons[:MAX_REASONS]:
            yield from wrap(
                f"{reason.name}: {reason.rows:,}, such as {reason.example[:200]}", width, "    "
            )
    unseen = [each for each in found.classes if not each.rows]
    if unseen and not found.is_exact:
        names = ", ".join(each.name for each in unseen)
        most = max(each.share.high for each in unseen)
        yield from wrap(f"not seen: {names} (each at most {format_percent(most)})", width, "  ")


def list_costs(found: Estimate, width: int) -> Iterator[str]:
    times, host = found.duration, found.duration.slowest_host
    yield from wrap("The whole list, with these options, on this machine", width)
    yield from wrap(
        f"time: about {format_time(times.seconds)}; {format_rate(times.rows_per_second)} rows/s take "
        f"{format_time(times.machine_seconds)}", width, "  "
    )  # fmt: skip
    if host is not None:
        doubt = "" if host.measured else ", if it is as quick as others"
        yield from wrap(
            f"slowest host: {host.host}, {plural(host.rows, 'row')} at "
            f"{format_rate(host.rows_per_second)} rows/s: {format_time(host.seconds)}{doubt}", width, "  "
        )  # fmt: skip
    yield from wrap(f"network: {format_amount(found.network_bytes)}", width, "  ")
    free = "" if found.free_bytes is None else f"; {format_bytes(found.free_bytes)} are free"
    yield from wrap(f"disk: {format_amount(found.disk_bytes)}{free}", width, "  ")


def list_hosts(found: Estimate, width: int) -> Iterator[str]:
    hosts = found.hosts
    doubt = f" or more (counts may lack {hosts.lacking:,} rows)" if hosts.lacking else ""
    yield from wrap(f"{plural(hosts.known, 'host')}{doubt}; those with most rows", width)
    for each in hosts.busiest[:MAX_HOSTS]:
        share = each.rows / found.rows
        yield from wrap(f"{each.host}: {plural(each.rows, 'row')} ({share:.1%})", width, "  ")
    if hosts.worst:
        yield from wrap("Hosts with the most failures in the sample", width)
    for each in hosts.worst[:MAX_HOSTS]:
        yield from wrap(f"{each.host}: {each.failed:,} of {each.sampled:,}", width, "  ")


def list_duplicates(found: Estimate, width: int) -> Iterator[str]:
    twice = found.duplicates
    about = "" if twice.is_exact else "about "
    if twice.repeated_urls:
        yield from wrap(
            f"Duplicates: {about}{twice.repeated_urls:.1%} of the rows repeat a URL", width
        )
    if twice.repeated_images:
        images = plural(twice.repeated_images, "image")
        yield from wrap(f"{images} of the sample have the bytes of another one", width)
    if twice.likely_placeholder:
        yield from wrap(
            f"{twice.likely_placeholder} gave the same image for {twice.placeholder_rows:,} URLs: "
            "likely a placeholder", width
        )  # fmt: skip


def list_published(found: Estimate, width: int) -> Iterator[str]:
    this = [each for each in found.published if each.is_this]
    of_any = [each for each in found.published if not each.name][:MAX_PUBLISHED]
    for each in this or of_any:
        yield from wrap(
            f"Others had of {each.title}: {each.share}, {each.when} ({each.source})", width
        )


def list_advice(found: Estimate, width: int) -> Iterator[str]:
    for text in (*found.notices, *found.advice):
        yield from wrap(f"-> {text}", width)


def list_command(found: Estimate, width: int) -> Iterator[str]:
    if found.command:
        yield from wrap("To run it:", width)
        yield from (f"  {line}" for line in found.command.splitlines())


def format_share(share: Share) -> str:
    if share.low == share.high:
        return format_percent(share.value)
    return (
        f"{format_percent(share.value)} ({format_percent(share.low)} to "
        f"{format_percent(share.high)})"
    )


def format_percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def format_amount(amount: Amount) -> str:
    """Format a number of bytes with its interval."""
    if amount.low == amount.high:
        return format_bytes(amount.value)
    return (
        f"about {format_bytes(amount.value)} ({format_bytes(amount.low)} to "
        f"{format_bytes(amount.high)})"
    )


def format_rate(rate: float) -> str:
    return f"{rate:,.0f}" if rate >= 10 else f"{rate:.2g}"


def format_time(seconds: float) -> str:
    """Format seconds in the largest unit of which there are two."""
    for unit_s, name in ((DAY_S, "days"), (HOUR_S, "hours"), (MINUTE_S, "minutes")):
        if seconds >= 2 * unit_s:
            return (
                f"{seconds / unit_s:.2g} {name}"
                if seconds < 10 * unit_s
                else f"{seconds / unit_s:,.0f} {name}"
            )
    return f"{seconds:.2g} seconds" if seconds < 10 else f"{seconds:.0f} seconds"
