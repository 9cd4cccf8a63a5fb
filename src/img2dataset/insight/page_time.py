"""Where the time went -> a section of the page."""

from __future__ import annotations

from img2dataset.insight.findings import Findings
from img2dataset.pages.svg import count, text
from img2dataset.reports.account_charts import draw_stages
from img2dataset.reports.view import format_duration
from img2dataset.text import plural


def show_time(findings: Findings) -> str:
    """Show what limited the runs, and their stages."""
    time = findings.time
    if time is None:
        return ""
    account = time.account
    sentence = f"<p><strong>{text(time.bottleneck)}</strong></p>" if time.bottleneck else ""
    speed = time.rows / time.elapsed if time.elapsed > 0 else 0.0
    facts = (
        f"{plural(time.runs, 'run')}, {format_duration(time.elapsed)} in total: {count(time.rows)} rows, "
        f"{speed:,.0f} rows per second, {account.downloaded_bytes / 1e6:,.1f} MB downloaded, "
        f"{account.stored_bytes / 1e6:,.1f} MB of images stored."
    )
    return f'{sentence}<p class="dim">{text(facts)}</p>{draw_stages(account)}'
