"""Where the time of a run goes -> charts, for a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from img2dataset.accounting.account import IMAGE, STORE, TRANSFER, Account, Stage
from img2dataset.accounting.hosts import HostCount
from img2dataset.pages import svg
from img2dataset.pages.svg import Bar, Chart, Segment, count
from img2dataset.pages.texts import name_host

MAX_HOSTS = 12
"""Hosts in a chart."""
WAITS = (Stage.HOST_WAIT, Stage.IMAGE_WAIT, Stage.ROOM_WAIT)
GROUPS: Mapping[str, Sequence[Stage]] = {
    "transfers": TRANSFER,
    "waiting": WAITS,
    "images": IMAGE,
    "storing": STORE,
}
SHOWN: Mapping[Stage, tuple[str, str]] = {
    Stage.DNS: ("DNS", "opted-out"),
    Stage.CONNECT: ("connect", "network"),
    Stage.TLS: ("TLS", "no-image"),
    Stage.FIRST_BYTE: ("first byte", "refused"),
    Stage.BODY: ("body", "ok"),
    Stage.HOST_WAIT: ("for the host", "busy"),
    Stage.IMAGE_WAIT: ("for an image thread", "list"),
    Stage.ROOM_WAIT: ("for room", "gone"),
    Stage.DECODE: ("decode", "main"),
    Stage.RESIZE: ("resize", "filtered"),
    Stage.ENCODE: ("encode", "machine"),
    Stage.IMAGE_OTHER: ("hashes and the rest", "opted-out"),
    Stage.PACK: ("pack", "unknown"),
    Stage.UPLOAD: ("upload", "no-image"),
}
"""Name and colour of each stage."""


def draw_stages(account: Account) -> str:
    """Draw the shares of each stage; empty if nothing was measured."""
    bars = [
        Bar(
            name,
            tuple(make_segment(account, stage) for stage in stages if account.seconds.get(stage)),
            describe_seconds(account.add_up(tuple(stages)), account),
        )
        for name, stages in GROUPS.items()
        if account.add_up(tuple(stages)) > 0
    ]
    if not bars:
        return ""
    chart = Chart(
        "stages", "Stages",
        "Seconds of all workers. Transfers and rows that wait are many at the same time; images are "
        "made in a few threads, and a worker stores in one.",
    )  # fmt: skip
    return svg.draw_bars(chart, bars, ("stage", "seconds"), shares=True)


def make_segment(account: Account, stage: Stage) -> Segment:
    name, colour = SHOWN[stage]
    return Segment(account.seconds[stage], name, colour)


def describe_seconds(seconds: float, account: Account) -> str:
    """Describe seconds of a group, also as those of one transfer."""
    each = f", {1000 * seconds / account.transfers:,.1f} ms a request" if account.transfers else ""
    return f"{count(seconds)} s{each}"


def draw_busiest(account: Account) -> str:
    """Draw the hosts with the most rows; empty if none is known."""
    hosts = account.hosts.busiest(MAX_HOSTS)
    if not hosts:
        return ""
    chart = Chart(
        "busiest", "Hosts with the most rows",
        "Of the rows that are finished. Of very many hosts the counts are lower bounds.",
    )  # fmt: skip
    bars = [make_host_bar(host, each) for host, each in hosts]
    return svg.draw_bars(chart, bars, ("host", "rows"))


def make_host_bar(host: str, found: HostCount) -> Bar:
    came = found.rows - found.failures
    parts = (Segment(came, "came", "ok"), Segment(found.failures, "failed", "gone"))
    share = came / found.rows if found.rows else 0.0
    each = found.seconds / found.rows if found.rows else 0.0
    note = f"{count(found.rows)}, {share:.0%} came, {each:,.1f} s each"
    return Bar(name_host(host), tuple(part for part in parts if part.value), note)
