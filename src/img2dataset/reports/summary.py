"""Report -> the tables at the end of a run."""

from __future__ import annotations

from dataclasses import dataclass

from img2dataset.errors import Reason, Status
from img2dataset.options.url_schemes import make_refusal_label
from img2dataset.report import Report, RetryCounts
from img2dataset.reports.advice import list_some
from img2dataset.reports.http_codes import count_http_codes
from img2dataset.reports.rates import compute_share
from img2dataset.reports.view import format_duration, make_printable
from img2dataset.text import plural

MAX_CODES = 5
MAX_REASONS = 3
"""Reasons of which URLs are shown."""
MAX_HOSTS = 5


@dataclass(frozen=True, slots=True)
class Table:
    """Texts in columns; `rows` are as long as `columns`."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def right_aligned(self, column: int) -> bool:
        return self.columns[column] in ("rows", "share")

    def plain(self) -> str:
        """Format the table as aligned text."""
        lines = (self.columns, *self.rows)
        widths = [max(len(line[column]) for line in lines) for column in range(len(self.columns))]
        return "\n".join(self._plain_line(line, widths) for line in lines)

    def _plain_line(self, line: tuple[str, ...], widths: list[int]) -> str:
        cells = (
            text.rjust(width) if self.right_aligned(column) else text.ljust(width)
            for column, (text, width) in enumerate(zip(line, widths, strict=True))
        )
        return "  ".join(cells).rstrip()


def make_tables(report: Report) -> list[Table]:
    """Make the tables of outcomes and of reasons; none if no row was tried."""
    if report.count == 0:
        return []
    tables = [count_outcomes(report)]
    if report.reasons:
        tables.append(count_reasons(report))
    return tables


def count_outcomes(report: Report) -> Table:
    counts = [(status.value, report.tally.statuses[status.value]) for status in Status]
    counts.append(("total", report.count))
    if report.retry is not None:
        counts.append(("came back", report.recovered))
    what = "outcome" if report.is_alone else "outcome (this run)"
    return Table(
        (what, "rows", "share"),
        tuple((name, f"{count:,}", format_percent(count, report)) for name, count in counts),
    )


def count_reasons(report: Report) -> Table:
    return Table(
        ("reason", "rows", "share", "meaning"),
        tuple(
            (
                name,
                f"{count:,}",
                format_percent(count, report),
                explain_reason(Reason.named(name), report),
            )
            for name, count in report.reasons.items()
        ),
    )


def format_percent(count: int, report: Report) -> str:
    return f"{compute_share(count, report.count):.1%}"


def explain_reason(reason: Reason, report: Report) -> str:
    """Explain a reason by its error string; for HTTP errors, with the counts of the status codes."""
    if reason is Reason.SCHEME_NOT_ALLOWED:
        return make_refusal_label(report.url_schemes)
    if reason not in (Reason.HTTP_STATUS, Reason.HTTP_STATUS_TRANSIENT):
        return reason.label
    codes = count_http_codes(report.tally.labels, transient=reason.transient)
    listed = ", ".join(f"{code}: {count:,}" for code, count in codes.most_common(MAX_CODES))
    return f"{reason.label} ({listed})" if listed else reason.label


def list_facts(report: Report) -> list[str]:
    """List what the tables do not say: the list, shards and speed."""
    shards = [f"{report.shards_done:,} stored"]
    if report.shards_skipped:
        shards.append(f"{report.shards_skipped:,} done before")
    if report.shards_not_done:
        shards.append(
            f"{len(report.shards_not_done):,} not done ({list_some(report.shards_not_done)})"
        )
    lines = [f"shards: {', '.join(shards)}"]
    if report.retry is not None:
        lines.append(describe_retry(report.retry))
    if report.count == 0:
        return [*report.list_findings, *lines]
    rows = f"{plural(report.count, 'row')} in {format_duration(report.duration)}"
    speed = f"{report.images_per_sec:.0f} images per sec"
    return [
        *list_examples(report),
        *describe_refused_schemes(report),
        *report.list_findings,
        *lines,
        f"{rows}: {speed}",
        *describe_limit(report),
    ]


def describe_limit(report: Report) -> list[str]:
    """Say what limited the run; nothing if it was too short to tell, or nothing stands out."""
    found = report.bottleneck
    return [make_printable(found.text)] if found is not None and found.is_found else []


def describe_refused_schemes(report: Report) -> list[str]:
    """Name the option for rows whose scheme is not fetched; the schemes are those of the examples."""
    refused = Reason.SCHEME_NOT_ALLOWED.value
    count = report.reasons.get(refused, 0)
    if not count:
        return []
    urls = report.tally.failed.urls.get(refused, ())
    schemes = {url.strip().partition("://")[0].lower() for url in urls if "://" in url}
    named = sorted(filter(str.isalnum, schemes.difference(report.url_schemes)))
    wanted = ",".join((*report.url_schemes, *named))
    example = f", such as url_schemes={wanted}," if named else ""
    rows = plural(count, "row names", "rows name")
    text = f"{rows} something that is not fetched: url_schemes{example} says which schemes are"
    return [f"{text}, if you trust the list"]


def list_examples(report: Report) -> list[str]:
    """List URLs of the most frequent failures, and the hosts with most failures."""
    failed = report.tally.failed
    lines = []
    for reason in list(report.reasons)[:MAX_REASONS]:
        urls = failed.urls.get(reason, ())
        lines += (
            [f"{reason}, for example:", *(f"  {make_printable(url)}" for url in urls)]
            if urls
            else []
        )
    worst = failed.hosts.most_common(MAX_HOSTS)
    about = "at least " if failed.uncounted else ""
    if len(failed.hosts) > 1 or failed.uncounted:  # one host alone says nothing of hosts
        listed = ", ".join(f"{make_printable(host)} ({about}{count:,})" for host, count in worst)
        lines += [f"hosts with most failures: {listed}"] if worst else []
    return lines


def describe_retry(counts: RetryCounts) -> str:
    shards = f", in {plural(counts.shards, 'shard')}" if counts.shards else ""
    return f"fetched again: {plural(counts.rows, 'row')}; {counts.recovered:,} came back{shards}"
