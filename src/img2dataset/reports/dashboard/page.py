"""`Snapshot` -> the page of a run, and the part of it that changes.

The functions that draw it are those of `img2dataset report`.  Everything that comes from a list or
a server passes `svg.text`, and a policy allows the script of this tool alone.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from img2dataset.errors import Reason
from img2dataset.messages import find_reason
from img2dataset.pages import svg
from img2dataset.pages.document import Sections, make_document, show_tiles
from img2dataset.pages.reasons import draw_classes, show_reason
from img2dataset.pages.svg import Bar, Chart, Segment, count, text
from img2dataset.pages.texts import name_host
from img2dataset.report import Progress
from img2dataset.reports.account_charts import draw_busiest, draw_stages
from img2dataset.reports.advice import make_last_line
from img2dataset.reports.dashboard.charts import MB, draw_outcomes, draw_speed, draw_volume
from img2dataset.reports.dashboard.script import SCRIPT
from img2dataset.reports.dashboard.snapshot import Snapshot, Tile
from img2dataset.reports.rates import RECENT_S, compute_share
from img2dataset.reports.slowest_host import find_slowest_host
from img2dataset.reports.view import estimate_seconds_left, format_duration
from img2dataset.reports.words import FailureClass, advise, classify, explain
from img2dataset.tally import SUCCESS, RestingHost, ShardResult, Tally
from img2dataset.version import VERSION

RELOAD_S = 15
"""Between two reloads of a browser that runs no script."""
MAX_REASONS = 8
MAX_MESSAGES = 8
MAX_HOSTS = 12
MAX_RESTING = 12
MAX_TILE_HOST = 40
"""Characters of a host at the top."""
CLASS_MEANINGS = {kind.value: kind.meaning for kind in FailureClass}


def make_page(snapshot: Snapshot, tiles: Sequence[Tile]) -> str:
    """Make the whole page."""
    return make_document(
        f"{name_run(snapshot)}: a run",
        '<p id="spoken" class="for-readers" role="status"></p>'
        f'<main id="live">{make_live(snapshot, tiles)}</main>'
        '<footer><p><span id="state"></span> '
        '<button type="button" id="pause" hidden>Pause updates</button></p>'
        f"<p>img2dataset {text(VERSION)}. This page ends with the run; what is stored is shown by "
        f"<code>img2dataset report {text(shlex.quote(snapshot.output_folder))}</code>.</p></footer>"
        f"<script>{SCRIPT}</script>",
        head=f'<noscript><meta http-equiv="refresh" content="{RELOAD_S}"></noscript>',
    )


def make_live(snapshot: Snapshot, tiles: Sequence[Tile]) -> str:
    """Make the part that changes: elements with an id each."""
    tally = snapshot.progress.tally
    body = Sections()
    body.add("Over time", show_course(snapshot), name="course")
    body.add("What limits the run", show_limits(snapshot.progress), name="limits")
    body.add("Latest images", show_strip(tiles), name="images")
    body.add("Why rows have no image", show_failures(tally), "long", name="reasons")
    body.add("Hosts", show_hosts(snapshot.progress), "long", name="hosts")
    body.add("Shards and workers", show_shards(snapshot), name="shards")
    body.add("Notices", show_notices(snapshot), name="notices")
    return show_head(snapshot) + body.join()


def name_run(snapshot: Snapshot) -> str:
    folder = snapshot.output_folder
    return folder.rstrip("/").rpartition("/")[2] or folder or "img2dataset"


# -- how far it is --


def show_head(snapshot: Snapshot) -> str:
    progress, name = snapshot.progress, name_run(snapshot)
    done = progress.tally.count + progress.rows_skipped
    share = min(1.0, compute_share(done, progress.rows_total or 0))
    known = progress.rows_total is not None
    percent = f"{share:.0%}" if known else count(done)
    bar = (
        f'<progress max="1000" value="{round(1000 * share)}" aria-label="Rows done">'
        f"{share:.1%}</progress>"
        if known
        else ""
    )
    summary = ", ".join(f"{small}: {big}" for big, small in list_tiles(snapshot))
    over = snapshot.report is not None
    return (
        f'<header id="head" data-title="{text(f"{percent} - {name}")}" '
        f'data-summary="{text(summary)}"{" data-over" if over else ""}>'
        f'<h1><bdi>{text(name)}</bdi></h1><p class="dim">{text(describe(snapshot))}</p>{bar}'
        f"{show_tiles(list_tiles(snapshot))}{show_end(snapshot)}</header>"
    )


def describe(snapshot: Snapshot) -> str:
    part = f", part {snapshot.part}" if snapshot.part else ""
    if not snapshot.started_at:
        return "A run that is about to begin."
    began = datetime.fromtimestamp(snapshot.started_at).astimezone()
    return (
        f"{snapshot.output_format} into {snapshot.output_folder}{part}; began on "
        f"{began:%Y-%m-%d %H:%M} (UTC{began:%z}), {format_duration(snapshot.progress.elapsed)} ago"
    )


def list_tiles(snapshot: Snapshot) -> list[tuple[str, str]]:
    """List the numbers at the top, each with what it is."""
    progress = snapshot.progress
    tally, done = progress.tally, progress.tally.count + progress.rows_skipped
    shards = progress.shards_done + progress.shards_skipped
    tiles = [
        (count(done), describe_total(progress, "rows done", progress.rows_total)),
        (f"{compute_share(tally.successes, tally.count):.1%}", "success in this run"),
        (f"{snapshot.rows_per_sec:,.0f}", "rows per second"),
        (f"{measure_volume(snapshot):,.1f}", "MB per second"),
        (count(shards), describe_total(progress, "shards stored", progress.shards_total)),
    ]
    left = estimate_seconds_left(progress, snapshot.rows_per_sec)
    if left is not None and snapshot.report is None:
        about = "about " if progress.estimated else ""
        tiles.append((format_duration(left), f"{about}left at this speed"))
    slowest = find_slowest_host(progress)
    if slowest is not None and snapshot.report is None:
        host = svg.shorten(slowest.name, MAX_TILE_HOST)
        tiles.append((format_duration(slowest.seconds), f"at least, by the slowest host, {host}"))
    return tiles


def describe_total(progress: Progress, what: str, total: int | None) -> str:
    """Describe what is counted, and of how many there are."""
    if total is None:
        return what
    return f"{what}, of {'about ' if progress.estimated else ''}{count(total)}"


def measure_volume(snapshot: Snapshot) -> float:
    """Megabytes per second in the last RECENT_S, or in the last period if that is longer."""
    seconds, received = 0.0, 0
    for period in reversed(snapshot.periods):
        seconds, received = seconds + period.seconds, received + period.body_bytes
        if seconds >= RECENT_S:
            break
    return received / MB / seconds if seconds > 0 else 0.0


def show_end(snapshot: Snapshot) -> str:
    if snapshot.report is None:
        return ""
    return f'<p class="over">The run is over: {text(make_last_line(snapshot.report))}</p>'


# -- the sections --


def show_course(snapshot: Snapshot) -> str:
    if not snapshot.periods:
        return "<p>No row is finished yet.</p>"
    zone = datetime.fromtimestamp(snapshot.now).astimezone().strftime("%z")
    return (
        f'<p class="small-text dim">Times are those of the machine that runs (UTC{zone}).</p>'
        f'<div class="pair">{draw_speed(snapshot.periods)}{draw_volume(snapshot.periods)}</div>'
        f"{draw_outcomes(snapshot.periods)}"
    )


@dataclass(frozen=True, slots=True)
class LiveReason:
    """A reason for failure so far, as `pages.reasons` shows it."""

    name: str
    rows: int
    messages: dict[str, int] = field(default_factory=dict)
    examples: tuple[str, ...] = ()

    @property
    def transient(self) -> bool:
        return Reason.named(self.name).transient

    @property
    def meaning(self) -> str:
        return explain(self.name)

    @property
    def advice(self) -> str:
        return advise(self.name)


def show_failures(tally: Tally) -> str:
    if not tally.reasons:
        return ""
    classes: dict[str, int] = {}
    for label, rows in tally.labels.items():
        if label != SUCCESS:
            kind = classify(label).value
            classes[kind] = classes.get(kind, 0) + rows
    ranked = dict(sorted(classes.items(), key=lambda item: -item[1]))
    reasons = [
        LiveReason(name, rows, list_messages(tally, name), tally.failed.urls.get(name, ()))
        for name, rows in tally.reasons.most_common(MAX_REASONS)
    ]
    return draw_classes(ranked, CLASS_MEANINGS, tally.count) + "".join(
        show_reason(reason, tally.count) for reason in reasons
    )


def list_messages(tally: Tally, reason: str) -> dict[str, int]:
    """List the most frequent messages of a reason, with their rows."""
    asked = Reason.named(reason)
    own = {label: rows for label, rows in tally.labels.items() if may_be_of(label, asked)}
    return dict(sorted(own.items(), key=lambda item: -item[1])[:MAX_MESSAGES])


def may_be_of(label: str, reason: Reason) -> bool:
    """Whether a message is of this reason, or of another one that has the same text."""
    found = find_reason(label)
    return found is reason or (found is not None and label == found.label == reason.label)


def show_limits(progress: Progress) -> str:
    found = progress.bottleneck
    sentence = "" if found is None else f"<p>{text(found.text[:1].upper() + found.text[1:])}.</p>"
    return sentence + draw_stages(progress.account)


def show_hosts(progress: Progress) -> str:
    tally = progress.tally
    return (
        draw_busiest(progress.account) + show_failing_hosts(tally) + show_resting(progress.resting)
    )


def show_failing_hosts(tally: Tally) -> str:
    hosts = tally.failed.hosts.most_common(MAX_HOSTS)
    if not hosts:
        return ""
    few = tally.failed.uncounted
    lacking = f" A number may lack up to {count(few)}." if few else ""
    failed = tally.count - tally.successes
    bars = [
        Bar(name_host(host), (Segment(rows, "rows", "main"),), f"{count(rows)} ({rows / failed:.1%})")
        for host, rows in hosts
    ]  # fmt: skip
    chart = Chart(
        "failing", "Hosts with the most failures", f"Of {count(failed)} failed rows.{lacking}"
    )
    return svg.draw_bars(chart, bars, ("host", "failed rows"))


def show_resting(resting: Sequence[RestingHost]) -> str:
    if not resting:
        return ""
    more = len(resting) - MAX_RESTING
    rest = f'<p class="small-text dim">and {count(more)} more</p>' if more > 0 else ""
    rows = [
        (svg.shorten(host.name, 80), count(host.rows), format_duration(host.seconds))
        for host in resting[:MAX_RESTING]
    ]
    table = svg.make_table("hosts at rest", ("host", "rows that wait", "next request in"), rows)
    return f"<h3>Hosts that get no requests for now</h3>{table}{rest}"


def show_shards(snapshot: Snapshot) -> str:
    progress = snapshot.progress
    tiles = [
        (count(progress.shards_done), "shards stored in this run"),
        (count(progress.shards_skipped), "shards done before"),
        (count(progress.shards_lost), "times that a shard failed as a whole"),
    ]
    if progress.workers is not None:
        tiles.append((count(progress.workers), "worker processes alive"))
    shown = show_tiles(tiles)
    if not snapshot.shards:
        return shown
    heads = ("shard", "rows", "success", "seconds", "rows per second")
    return shown + svg.make_table("latest shards", heads, [*map(make_shard_row, snapshot.shards)])


def make_shard_row(shard: ShardResult) -> tuple[str, ...]:
    rows, speed = shard.tally.count, shard.tally.count / max(shard.duration, 0.001)
    share = compute_share(shard.tally.successes, rows)
    return (shard.name, count(rows), f"{share:.1%}", f"{shard.duration:,.1f}", f"{speed:,.0f}")


def show_strip(tiles: Sequence[Tile]) -> str:
    if not tiles:
        return ""
    items = "".join(show_tile(tile) for tile in tiles)
    return f'<ul class="sheet">{items}</ul>'


def show_tile(tile: Tile) -> str:
    words = tile.caption or f"image {tile.key}, without a caption"
    title = text(f"{words}\n{tile.url}")
    return (
        f'<li title="{title}">'
        f'<img alt="{text(words)}" src="/images/{tile.number}.jpg">'
        f'<span aria-hidden="true"><bdi>{text(tile.caption or tile.key)}</bdi></span></li>'
    )


def show_notices(snapshot: Snapshot) -> str:
    if not snapshot.notices:
        return ""
    items = "".join(
        f"<li><time>{datetime.fromtimestamp(each.at).astimezone():%m-%d %H:%M:%S}</time> "
        f"<bdi>{text(each.text)}</bdi></li>"
        for each in snapshot.notices
    )
    more = snapshot.notices_count - len(snapshot.notices)
    rest = f'<p class="small-text dim">and {count(more)} before</p>' if more > 0 else ""
    return f'<ul class="notices">{items}</ul>{rest}'
