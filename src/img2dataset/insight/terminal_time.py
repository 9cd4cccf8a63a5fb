"""Where the time went -> lines for a terminal: each an indent and a text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from img2dataset.accounting.account import Account, Stage
from img2dataset.insight.findings import Findings
from img2dataset.reports.account_charts import GROUPS, SHOWN
from img2dataset.reports.view import format_duration
from img2dataset.text import plural

MAX_HOSTS = 5
MIN_BAR, MAX_BAR = 4, 40
"""Characters of the longest bar."""
BAR = "\u2588"
INDENT = "    "
GAP = "  "


@dataclass(frozen=True, slots=True)
class TimeBar:
    """A stage, as its share of its group."""

    name: str
    seconds: float
    share: float

    @property
    def note(self) -> str:
        return f"{self.share:4.0%} {self.seconds:,.1f} s"


def list_time(findings: Findings, width: int) -> Iterator[tuple[str, str]]:
    """List what limited the runs, and the stages as bars: each as its share of its group."""
    time = findings.time
    if time is None:
        return
    yield "", f"Where the time went ({plural(time.runs, 'run')}, {format_duration(time.elapsed)})"
    if time.bottleneck:
        yield "  ", time.bottleneck
    groups = {group: make_bars(time.account, stages) for group, stages in GROUPS.items()}
    drawn = iter(draw_bars([bar for bars in groups.values() for bar in bars], width))
    for group, bars in groups.items():
        if bars:
            yield "  ", f"{group}: {sum(bar.seconds for bar in bars):,.1f} s"
        yield from ((INDENT, next(drawn)) for _ in bars)


def make_bars(account: Account, stages: Sequence[Stage]) -> list[TimeBar]:
    """Make the bars of a group: of stages that took time."""
    times = [(SHOWN[stage][0], account.seconds.get(stage, 0.0)) for stage in stages]
    total = sum(seconds for _, seconds in times)
    return [TimeBar(name, seconds, seconds / total) for name, seconds in times if seconds > 0]


def draw_bars(bars: Sequence[TimeBar], width: int) -> list[str]:
    """Draw lines with the same columns; without bars where there is no room for them."""
    names = max((len(bar.name) for bar in bars), default=0)
    notes = max((len(bar.note) for bar in bars), default=0)
    room = min(MAX_BAR, width - len(INDENT) - names - notes - 2 * len(GAP))
    if room < MIN_BAR:
        return [f"{bar.name} {bar.note.strip()}" for bar in bars]
    return [
        f"{bar.name:<{names}}{GAP}{bar.note:<{notes}}{GAP}{BAR * max(1, round(bar.share * room))}"
        for bar in bars
    ]


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
