"""`img2dataset inspect` and `img2dataset report`: the folder of a dataset -> findings, files."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from img2dataset.dataset.layout import Layout, StoredShard, read_layout
from img2dataset.dataset.stats import read_stats
from img2dataset.errors import DamagedError, OptionError, RunError
from img2dataset.insight.collect import collect
from img2dataset.insight.failed_rows import FailedRows
from img2dataset.insight.findings import Findings, ShardPoint
from img2dataset.insight.page import PAGE_MARK, make_page
from img2dataset.insight.page_images import Sheet
from img2dataset.insight.pictures import (
    Choice,
    Picture,
    choose_places,
    make_thumbnail,
    read_pictures,
    read_sound,
    set_up_thumbnails,
)
from img2dataset.insight.row_files import ListWriter, find_list_format, make_command, write_csv
from img2dataset.insight.targets import check_is_outside, check_target, open_folder, open_target
from img2dataset.storage.folder import Folder
from img2dataset.text import plural

SHEET_IMAGES = 64
"""Images on the contact sheet of a page."""
SHOWN_PLACEHOLDERS = 6
"""Likely placeholders of which the image is shown."""
SAMPLES_FILE = "samples.csv"
NO_ROW = "no failed row is stored that matches"

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class WrittenPage:
    """A page that was written, and what is missing on it."""

    path: str
    unreadable: tuple[str, ...]
    """Shards whose rows are not counted."""
    problems: tuple[str, ...]
    """Shards whose images are not shown."""


@contextmanager
def reading(output_folder: str) -> Iterator[Folder]:
    """Open a dataset to read it; a store that is down is a RunError."""
    folder = open_folder(output_folder)
    try:
        yield folder
    except OSError as error:
        raise RunError(f"{folder.url} cannot be read: {error}") from error


def inspect_folder(output_folder: str) -> Findings:
    """Read a stored dataset; see `img2dataset.inspect`."""
    with reading(output_folder) as folder:
        return collect(folder)


def name_report(output_folder: str) -> str:
    """Name the page of a dataset if none is given: NAME-report.html in the current folder."""
    bare = output_folder.rstrip("/").rpartition("/")[2].rpartition(":")[2]
    return f"{'dataset' if bare in ('', '.', '..') else bare}-report.html"


def write_page(output_folder: str, html: str | None, seed: int) -> WrittenPage:
    """Write the page of a dataset."""
    path = html or name_report(output_folder)
    with reading(output_folder) as folder:
        check_target("html", path, folder, replaceable=PAGE_MARK.encode())
        findings = collect(folder)
        sheet = make_sheet(folder, findings, seed)
    page = make_page(findings, sheet).encode()
    with open_target(path) as file:
        file.write(page)
    return WrittenPage(path, findings.unreadable, sheet.problems)


def make_sheet(folder: Folder, findings: Findings, seed: int) -> Sheet:
    """Choose images for the page, and one for each likely placeholder."""
    set_up_thumbnails()
    shards = read_layout(folder).shards
    places = choose_places(findings.points, SHEET_IMAGES, seed)
    tiles, unshown = [], 0
    problems: list[str] = []
    for picture in read_pictures(folder, shards, places, problems):
        small = make_thumbnail(picture.data)
        if small is None:
            unshown += 1
        else:
            tiles.append((picture.key, picture.url, picture.caption or "", small))
    placeholders = read_placeholders(folder, shards, findings, problems)
    return Sheet(tuple(tiles), seed, placeholders, unshown, tuple(dict.fromkeys(problems)))


def read_placeholders(
    folder: Folder, shards: Sequence[StoredShard], findings: Findings, problems: list[str]
) -> dict[str, bytes]:
    """Read an example of each of the first likely placeholders, and make it small."""
    found = findings.duplicates.placeholders[:SHOWN_PLACEHOLDERS] if findings.duplicates else ()
    wanted: dict[str, dict[str, tuple[str, str | None]]] = {}
    for each in found:
        wanted.setdefault(each.shard, {})[each.key] = (each.example, None)
    small = {
        picture.key: make_thumbnail(picture.data)
        for shard in shards
        if shard.name in wanted
        for picture in read_sound(
            folder, shard, partial(Choice, shard, wanted[shard.name]), problems
        )
    }
    return {key: data for key, data in small.items() if data is not None}


def export_failed(
    output_folder: str,
    asked: FailedRows,
    output: str | None,
    write: Callable[[str], object],
    say: Say,
) -> Sequence[str]:
    """Write failed rows as CSV by `write`, or as a list into the file `output`.

    Returns:
        What is damaged, and left out.
    """
    with reading(output_folder) as folder:
        if output is not None:
            list_format = find_list_format(output)
            check_target("output", output, folder)
        layout = read_layout(folder)
        if not layout.shards:
            raise OptionError(f"{folder.url!r} has no shards that are done")
        batches = asked.read(folder, layout)
        if output is None:
            write_csv(batches, write)
            if asked.count == 0:
                say(NO_ROW)
            return asked.problems
        with open_target(output) as file:
            writer = ListWriter(file, list_format)
            for shard, batch in batches:
                writer.write(shard, batch)
            writer.close()
            if writer.count == 0:
                error = DamagedError if asked.problems else OptionError
                raise error("; ".join([*asked.problems[:1], f"{NO_ROW}: {output} is not written"]))
    command = make_command(output, output_folder, writer.options).replace(" \\\n ", "")
    rows = plural(writer.count, "row is", "rows are")
    say(f"{rows} in {output}; this command runs them:  {command}")
    return asked.problems


def export_samples(
    output_folder: str, count: int, output: str, seed: int, say: Say
) -> Sequence[str]:
    """Write random images into a new folder, with a table of what they are.

    Returns:
        What is damaged, and left out.
    """
    with reading(output_folder) as folder:
        target = open_folder(output)
        check_is_outside("output", output, target, folder)
        if target.names():
            raise OptionError(f"--output={output} is not empty: name a new folder")
        layout = read_layout(folder)
        if not layout.shards:
            raise OptionError(f"{folder.url!r} has no shards that are done")
        problems: list[str] = []
        places = choose_places(read_points(folder, layout, problems), count, seed)
        rows = [("file", "key", "url", "caption")]
        for picture in read_pictures(folder, layout.shards, places, problems):
            name = write_picture(output, picture)
            rows.append((name, picture.key, picture.url, picture.caption or ""))
    if len(rows) == 1 and not problems:
        raise OptionError(f"{output_folder!r} has no images")
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    with open_target(f"{output.rstrip('/')}/{SAMPLES_FILE}") as file:
        file.write(out.getvalue().encode())
    say(f"{plural(len(rows) - 1, 'image')} and {SAMPLES_FILE} are in {output}")
    return problems


def read_points(folder: Folder, layout: Layout, problems: list[str]) -> list[ShardPoint]:
    """Read how many images each shard has, from its stats; add those that cannot be read to
    `problems`."""
    points = []
    for shard in layout.shards:
        each = read_stats(folder, shard.id, shard.name)
        if each is None:
            problems.append(f"{shard.name}: {shard.stats} cannot be read")
        else:
            rows, successes = each.tally.count, each.tally.successes
            points.append(ShardPoint(each.name, each.start_time, each.end_time, rows, successes))
    return points


def write_picture(output: str, picture: Picture) -> str:
    key = "".join(c for c in picture.key if c.isalnum())  # a table may be hostile
    name = f"{key}.{picture.extension}"
    with open_target(f"{output.rstrip('/')}/{name}") as file:
        file.write(picture.data)
    return name
