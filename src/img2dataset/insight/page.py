"""`Findings` -> one HTML file that needs nothing else: no script, no font, no request.

Everything that comes from a list or a server is text: it passes `svg.text`, and only http and https
URLs become links.  A policy in the page forbids scripts and requests all the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from img2dataset.insight.findings import Findings, HostCount, Published
from img2dataset.insight.page_images import (
    NO_SHEET,
    Sheet,
    show_captions,
    show_duplicates,
    show_images,
    show_sheet,
)
from img2dataset.insight.page_time import show_time
from img2dataset.pages import svg
from img2dataset.pages.document import Sections, make_document, show_tiles
from img2dataset.pages.reasons import draw_classes, name_colour, show_reason
from img2dataset.pages.svg import Bar, Chart, Point, Segment, count, text
from img2dataset.pages.texts import name_host
from img2dataset.reports.words import FailureClass
from img2dataset.text import plural
from img2dataset.version import VERSION

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'"
PAGE_MARK = '<meta name="generator" content="img2dataset report">'
"""By which a page is known: it may be written anew, and no other file is replaced."""
MAX_HOSTS = 12
"""Hosts in a chart."""
MAX_TABLE_HOSTS = 25
MAX_UNREADABLE = 20
CLASS_MEANINGS = {kind.value: kind.meaning for kind in FailureClass}


def make_page(findings: Findings, sheet: Sheet = NO_SHEET, now: datetime | None = None) -> str:
    """Write the page."""
    body = Sections()
    body.add("Damaged", show_damage(findings, sheet), "warning")
    body.add("Over the shards", show_shards(findings))
    body.add("Why rows have no image", show_reasons(findings), "long")
    body.add("What a retry may bring back", show_retry(findings))
    body.add("Where the time went", show_time(findings))
    body.add("Hosts", show_hosts(findings), "long")
    body.add("Images", show_images(findings))
    body.add("A random sample of images", show_sheet(sheet), "long")
    body.add("Captions", show_captions(findings))
    body.add("The same image more than once", show_duplicates(findings, sheet))
    body.add("Beside published numbers", show_published(findings), "long")
    made = (now or datetime.now(UTC)).strftime("%Y-%m-%d %H:%M UTC")
    name = findings.output_folder.rstrip("/").rpartition("/")[2] or findings.output_folder
    return make_document(
        f"{name}: report on a dataset",
        f"{show_head(findings, name)}<main>{body.join()}</main>"
        f"<footer><p>Made by img2dataset {text(VERSION)} on {made}, from what is stored in "
        f"<bdi>{text(findings.output_folder)}</bdi>. Nothing was downloaded.</p></footer>",
        head=f'{PAGE_MARK}<meta http-equiv="Content-Security-Policy" content="{text(POLICY)}">',
    )


def show_head(findings: Findings, name: str) -> str:
    tiles = (
        (f"{findings.success_share:.1%}", "of the rows have an image"),
        (count(findings.successes), f"images of {count(findings.rows)} rows"),
        (count(findings.failed_to_download), "not downloaded"),
        (count(findings.failed_to_resize), "not usable as images"),
    )
    return (
        f"<header><h1><bdi>{text(name)}</bdi></h1>"
        f'<p class="dim">{text(describe(findings))}</p>{show_tiles(tiles)}</header>'
    )


def describe(findings: Findings) -> str:
    """Say what kind of dataset it is."""
    parts = [f"{count(findings.shards)} shards of {findings.output_format}"]
    if findings.start_time is not None and findings.end_time is not None:
        first, last = format_day(findings.start_time), format_day(findings.end_time)
        parts.append(f"made on {first}" if first == last else f"made from {first} to {last}")
    if findings.unfinished:
        parts.append(f"{count(findings.unfinished)} more are not done")
    return ", ".join(parts)


def format_day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")


def show_damage(findings: Findings, sheet: Sheet) -> str:
    return list_damage("The rows of these shards are missing below.", findings.unreadable) + (
        list_damage("Images of these shards could not be read.", sheet.problems)
    )


def list_damage(what: str, problems: Sequence[str]) -> str:
    if not problems:
        return ""
    lines = "".join(f"<li>{text(line)}</li>" for line in problems[:MAX_UNREADABLE])
    more = len(problems) - MAX_UNREADABLE
    rest = f"<p>and {count(more)} more</p>" if more > 0 else ""
    return (
        f"<p>{what} <code>img2dataset verify</code> says more, and repairs.</p>"
        f"<ul>{lines}</ul>{rest}"
    )


# -- shards and reasons --


def show_shards(findings: Findings) -> str:
    if len(findings.points) < 2:
        return ""
    points = [
        Point(f"shard {each.name}", each.successes / each.rows if each.rows else 0.0)
        for each in findings.points
    ]
    chart = Chart(
        "shards", "Success by shard",
        "The share of rows with an image, in the order of the shards. A sudden fall that ends again "
        "is a problem of the network or the resolver at that time, and worth a retry.",
    )  # fmt: skip
    return svg.draw_line(chart, points, ("shard", "share of rows with an image"))


def show_reasons(findings: Findings) -> str:
    if not findings.reasons:
        return ""
    return draw_classes(findings.classes, CLASS_MEANINGS, findings.rows) + "".join(
        show_reason(reason, findings.rows) for reason in findings.reasons
    )


def show_retry(findings: Findings) -> str:
    if not findings.transient:
        return ""
    share = findings.transient / findings.rows
    how = (
        f'<pre tabindex="0"><code>{text(findings.retry)}</code></pre>'
        '<p class="small-text dim">Add the options that do not shape the dataset, such as '
        "thread_count, as before.</p>"
        if findings.retry_is_command
        else f"<p>{text(findings.retry)}.</p>"
    )
    return (
        f"<p>{count(findings.transient)} rows ({share:.1%}) failed for a reason that may pass. "
        f"This fetches only them:</p>{how}"
    )


# -- hosts --


def show_hosts(findings: Findings) -> str:
    hosts = findings.hosts
    if hosts is None:
        return ""
    lacking = (
        f" There are too many hosts to count all: a number may lack up to {count(hosts.lacking)} rows."
        if hosts.lacking
        else ""
    )
    shown = min(MAX_HOSTS, len(hosts.busiest))
    which = (
        "each host"
        if shown == hosts.known
        else f"the {plural(shown, 'host')} with the most, of {count(hosts.known)}"
    )
    busiest = Chart(
        "busiest", "Hosts with the most rows",
        f"What became of the rows of {which}.{lacking}",
    )  # fmt: skip
    content = svg.draw_bars(
        busiest,
        [make_host_bar(h) for h in hosts.busiest[:MAX_HOSTS]],
        ("host", "rows"),
        shares=True,
    )
    if not hosts.worst:
        return content
    rows = "".join(show_host_row(host) for host in hosts.worst[:MAX_TABLE_HOSTS])
    head = (
        '<thead><tr><th scope="col">host</th><th scope="col" class="number">failed</th>'
        '<th scope="col" class="number">of rows</th><th scope="col">why</th></tr></thead>'
    )
    return (
        f"{content}<h3>Hosts with the most failures</h3>"
        f'<p class="small-text dim">List the rows of one: <code>img2dataset inspect '
        f"{text(findings.output_folder)} --failed --host=HOST</code></p>"
        + svg.wrap_table(f"{head}<tbody>{rows}</tbody>", "hosts with the most failures")
    )


def make_host_bar(host: HostCount) -> Bar:
    parts = [Segment(host.successes, "success", "ok")]
    parts += [
        Segment(host.failures.get(kind.value, 0), kind.value, name_colour(kind.value))
        for kind in FailureClass
    ]
    share = host.successes / host.rows if host.rows else 0
    kept = tuple(part for part in parts if part.value)
    return Bar(name_host(host.host), kept, f"{count(host.rows)}, {share:.0%} success")


def show_host_row(host: HostCount) -> str:
    why = ", ".join(f"{kind} {count(rows)}" for kind, rows in host.failures.items())
    return (
        f"<tr><td><bdi>{text(svg.shorten(name_host(host.host), 80))}</bdi></td>"
        f'<td class="number">{count(host.failed)} ({host.failed / host.rows:.0%})</td>'
        f'<td class="number">{count(host.rows)}</td><td>{text(why)}</td></tr>'
    )


# -- published numbers --


def show_published(findings: Findings) -> str:
    this = [each for each in findings.published if each.is_this]
    shown = f"<p>This dataset has {findings.success_share:.1%} of its rows.</p>"
    if this:
        shown += "<p>It seems to be made from this list:</p>" + list_published("this list", this)
    others = [each for each in findings.published if not each.is_this]
    return (
        f"{shown}<details><summary>What others had, by list ({len(others)})</summary>"
        f"{list_published('other lists', others)}</details>"
        '<p class="small-text dim">Lists of the open web lose 5 to 10 points in their first year, '
        "then about a point a month; lists on one host that is kept stay near 99 %.</p>"
    )


def list_published(name: str, published: Sequence[Published]) -> str:
    return svg.make_table(
        name, ("list", "could be had", "when", "source"), list(make_rows(published))
    )


def make_rows(published: Iterable[Published]) -> Iterable[tuple[str, ...]]:
    return ((each.title, each.share, each.when, each.source) for each in published)
