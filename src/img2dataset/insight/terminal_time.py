"""Where the time went -> lines for a terminal: each an indent and a text."""

from __future__ import annotations

from collections.abc import Iterator

from img2dataset.accounting.account import Account
from img2dataset.insight.findings import Findings
from img2dataset.reports.account_charts import GROUPS, SHOWN
from img2dataset.reports.view import format_duration
from img2dataset.text import plural

MAX_HOSTS = 5
MAX_BAR = 40
"""Characters of the longest bar."""
NAME_WIDTH = 21
"""Characters for the name of a stage and its indent."""
NOTE_WIDTH = 16
"""Characters for its share and its seconds."""
BAR = "\u2588"


def list_time(findings: Findings, width: int) -> Iterator[tuple[str, str]]:
    """List what limited the runs, and the stages as bars: each as its share of its group."""
    time = findings.time
    if time is None:
        return
    yield "", f"Where the time went ({plural(time.runs, 'run')}, {format_duration(time.elapsed)})"
    if time.bottleneck:
        yield "  ", time.bottleneck
    for group, stages in GROUPS.items():
        total = time.account.add_up(tuple(stages))
        if total <= 0:
            continue
        yield "  ", f"{group}: {total:,.1f} s"
        for stage in stages:
            seconds = time.account.seconds.get(stage, 0.0)
            if seconds > 0:
                yield "    ", draw_bar(SHOWN[stage][0], seconds, seconds / total, width)


def draw_bar(name: str, seconds: float, share: float, width: int) -> str:
    """Draw one line; without a bar where there is no room for it."""
    room = min(MAX_BAR, width - NAME_WIDTH - NOTE_WIDTH)
    note = f"{share:4.0%} {seconds:,.1f} s"
    if room < 4:
        return f"{name} {note.strip()}"
    bar = BAR * max(1, round(share * room))
    return f"{name:<{NAME_WIDTH - 4}}{note:<{NOTE_WIDTH}}{bar}"


def list_busiest(findings: Findings) -> Iterator[tuple[str, str]]:
    """List the hosts with the most rows, with what their downloads took."""
    if findings.time is None or len(findings.time.account.hosts.by_host) < 2:
        return
    account = findings.time.account
    yield "", "Hosts with the most rows"
    yield from (
        ("  ", describe_host(host, account)) for host, _ in account.hosts.busiest(MAX_HOSTS)
    )


def describe_host(host: str, account: Account) -> str:
    found = account.hosts.by_host[host]
    came = found.rows - found.failures
    each = found.seconds / found.rows if found.rows else 0.0
    return (
        f"{host or '(no host)'}: {came:,} of {plural(found.rows, 'row')} came, {each:,.2f} s each, "
        f"{found.size / 1e6:,.1f} MB"
    )
