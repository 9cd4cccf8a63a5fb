"""Sizes, captions, duplicates and images -> their sections of the page."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from img2dataset.insight.findings import Duplicates, Findings, Histogram
from img2dataset.pages import svg
from img2dataset.pages.svg import Chart, Column, count, text
from img2dataset.pages.texts import MAX_URL, link, name_host

MAX_CAPTION = 300
"""Characters of a caption that are shown."""
MAX_COUNTED_URLS = 64
"""Different URLs of a placeholder that are counted."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """The images of the contact sheet."""

    tiles: tuple[tuple[str, str, str, bytes], ...]
    """Key, URL, caption and a small JPEG of each."""
    seed: int
    """They were chosen with."""
    placeholders: Mapping[str, bytes] = field(default_factory=dict)
    """Key of the example of a likely placeholder -> a small JPEG of it."""
    unshown: int = 0
    """Chosen images that were read, but of which no small JPEG can be made."""
    problems: tuple[str, ...] = ()
    """Why other images could not be read, one text for each shard."""


NO_SHEET = Sheet((), 0)


def show_images(findings: Findings) -> str:
    charts = (
        (
            findings.shorter_side, "sides", "Shorter side before resizing",
            lambda h: f"In pixels, of {count(h.count)} images: the median is {h.median:,.0f}, and "
            f"90 % are from {h.low:,.0f} to {h.high:,.0f}.",
        ),
        (
            findings.aspect_ratio, "ratios", "Aspect ratio before resizing",
            lambda h: f"Width by height: 1 is square, above is wide. The median is {h.median:.2f}, "
            f"and 90 % are from {h.low:.2f} to {h.high:.2f}.",
        ),
    )  # fmt: skip
    drawn = "".join(draw_histogram(*chart) for chart in charts)
    return f'<div class="pair">{drawn}</div>' if drawn else ""


def draw_histogram(
    found: Histogram | None, name: str, title: str, say: Callable[[Histogram], str]
) -> str:
    if found is None:
        return ""
    columns = [Column(each.label, each.label.partition("-")[0], each.count) for each in found.bins]
    return svg.draw_columns(Chart(name, title, say(found)), columns, ("range", "images"))


def show_captions(findings: Findings) -> str:
    def say(found: Histogram) -> str:
        empty = f" {count(findings.empty_captions)} are empty." if findings.empty_captions else ""
        return (
            f"Characters of the captions of {count(found.count)} images: the median is "
            f"{found.median:,.0f}, and 90 % have {found.low:,.0f} to {found.high:,.0f}.{empty}"
        )

    return draw_histogram(findings.caption_length, "captions", "Length of captions", say)


def show_sheet(sheet: Sheet) -> str:
    if not sheet.tiles:
        return ""
    tiles = "".join(show_tile(*tile) for tile in sheet.tiles)
    rest = f" {count(sheet.unshown)} more cannot be shown." if sheet.unshown else ""
    return (
        f'<p class="small-text dim">{len(sheet.tiles)} successes, chosen with seed {sheet.seed}.'
        f"{rest}</p>"
        f'<ul class="sheet">{tiles}</ul>'
    )


def show_tile(key: str, url: str, caption: str, data: bytes) -> str:
    words = svg.shorten(caption.strip() or f"image {key}, without a caption", MAX_CAPTION)
    title = text(f"{words}\n{svg.shorten(url, MAX_URL)}")
    return (
        f'<li title="{title}"><img alt="{text(words)}" src="{make_address(data)}">'
        f'<span aria-hidden="true"><bdi>{text(caption.strip() or key)}</bdi></span></li>'
    )


def make_address(data: bytes) -> str:
    """Write a JPEG as a data: URL."""
    return f"data:image/jpeg;base64,{base64.b64encode(data).decode()}"


def show_small(data: bytes | None) -> str:
    if data is None:
        return "not shown"
    return f'<img class="small" alt="the placeholder" src="{make_address(data)}">'


def show_duplicates(findings: Findings, sheet: Sheet) -> str:
    found = findings.duplicates
    if found is None or not found.images:
        return ""
    about = "" if found.exact else "about "
    return (
        f"<p>{count(found.images)} images have a {text(found.hash_name)}; {about}"
        f"{count(found.distinct)} are distinct, so {about}{count(found.repeated)} "
        f"({found.repeated / found.images:.1%}) repeat the bytes of another one.</p>"
        f"{show_placeholders(found, sheet)}"
    )


def show_placeholders(found: Duplicates, sheet: Sheet) -> str:
    if not found.placeholders:
        return "<p>No host gave the same bytes for five or more of its URLs.</p>"
    cells = "".join(
        f"<tr><td><bdi>{text(svg.shorten(name_host(each.host), 80))}</bdi></td>"
        f"<td>{show_small(sheet.placeholders.get(each.key))}</td>"
        f'<td class="number">{count(each.rows)}</td>'
        f'<td class="number">{each.urls}{"+" if each.urls >= MAX_COUNTED_URLS else ""}</td>'
        f"<td><code>{text(each.digest[:16])}</code></td><td>{link(each.example)}</td></tr>"
        for each in found.placeholders
    )
    head = (
        '<thead><tr><th scope="col">host</th><th scope="col">image</th>'
        '<th scope="col" class="number">rows</th>'
        '<th scope="col" class="number">URLs, at least</th><th scope="col">hash begins</th>'
        '<th scope="col">example</th></tr></thead>'
    )
    return (
        "<h3>Likely placeholders</h3><p>A host gave the same bytes for several of its URLs: often "
        "an image that says that the right one is gone. Their captions do not describe them.</p>"
        + svg.wrap_table(f"{head}<tbody>{cells}</tbody>", "likely placeholders")
    )
