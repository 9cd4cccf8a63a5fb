"""A dataset -> what its card says to people, in Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from img2dataset.errors import Reason
from img2dataset.publishing.contents import Contents, OptOutHandling
from img2dataset.publishing.front_matter import Loaded, list_left_out
from img2dataset.publishing.loading import list_examples
from img2dataset.text import plural
from img2dataset.version import VERSION

HOME = "https://github.com/rom1504/img2dataset"
COUNTS_BEGIN = "<!-- img2dataset:counts -->"
COUNTS_END = "<!-- img2dataset:counts end -->"
BEING_CHANGED = (
    "A run is writing into this folder, or was interrupted: the counts are written at its end. "
    "What is there can be loaded."
)
SHOWN_OPTIONS = (
    "image_size", "resize_mode", "resize_only_if_bigger", "encode_format", "encode_quality",
    "skip_reencode", "disable_all_reencoding", "apply_exif_orientation", "convert_to_srgb",
    "min_image_size", "max_image_area", "max_aspect_ratio", "number_sample_per_shard",
    "caption_col", "save_additional_columns", "compute_hash", "verify_hash", "bbox_col",
)  # fmt: skip
"""Recorded options that say what the images and their metadata are."""
OPT_OUTS = (
    Reason.OPTED_OUT, Reason.TDM_RESERVED, Reason.TDMREP, Reason.CONTENT_USAGE,
    Reason.ROBOTS_TXT_TRAINING, Reason.ROBOTS_TXT,
)  # fmt: skip
MAX_LISTS = 20
"""Files of lists that are named."""


def make_body(contents: Contents, loaded: Loaded, name: str) -> str:
    """Write the whole text."""
    parts = [
        f"# {escape(name)}",
        COUNTS_BEGIN,
        describe_counts(contents),
        describe_failures(contents),
        COUNTS_END,
        describe_source(contents),
        describe_opt_outs(contents),
        describe_loading(contents, loaded, name),
        RIGHTS,
        f"_Written by [img2dataset]({HOME}) {VERSION}._\n",
    ]
    return "\n\n".join(part for part in parts if part)


def describe_counts(contents: Contents) -> str:
    tally = contents.tally
    share = tally.successes / tally.count if tally.count else 0.0
    refused = sum(tally.reasons[reason.value] for reason in OPT_OUTS)
    opted_out = f" {plural(refused, 'row')} refused for an opt-out." if refused else ""
    return (
        f"{plural(tally.successes, 'image')} of {plural(tally.count, 'row')} ({share:.1%}) of a "
        f"list of URLs, downloaded with [img2dataset]({HOME}) and stored as "
        f"{contents.output_format} in {plural(len(contents.shards), 'shard')}.{opted_out}"
    )


def describe_failures(contents: Contents) -> str:
    """Write the table of the rows that have no image, by their error strings."""
    labels = contents.tally.labels.most_common()
    failed = [(label, count) for label, count in labels if label != "success"]
    if not failed:
        return ""
    shown, more = failed[:MAX_FAILURES], failed[MAX_FAILURES:]
    if more:
        shown = [*shown, ("other", sum(count for _, count in more))]
    rows = ((escape(label), f"{count:,}") for label, count in shown)
    return f"## What is missing, and why\n\n{make_table(('reason', 'rows'), rows)}"


MAX_FAILURES = 15
"""Error strings that are listed; the others are one line."""


def describe_source(contents: Contents) -> str:
    """Name the lists, without their folders or servers: these may be private."""
    if not contents.sections:
        return "## Where it comes from\n\nWhat it was made from, and how, was not recorded."
    urls = [str(each["url"]) for section in contents.sections for each in section.identity.inputs]
    names = list(dict.fromkeys(map(find_name, urls)))
    lists = [f"* {code(name)}" for name in names[:MAX_LISTS]]
    if len(names) > MAX_LISTS:
        lists.append(f"* and {len(names) - MAX_LISTS:,} more")
    options = [(name, contents.options.get(name)) for name in SHOWN_OPTIONS]
    rows = [(code(name), code(show(value))) for name, value in options if is_told(value)]
    return (
        "## Where it comes from\n\n"
        + "\n".join(["The list of URLs:", "", *lists, "", "How it was made:", ""])
        + f"\n{make_table(('option', 'value'), rows)}"
    )


def find_name(url: str) -> str:
    """Return the file name in a path or URL, without a query, which may have a password."""
    path = re.split(r"[?#]", url, maxsplit=1)[0] if "://" in url else url
    return path.rstrip("/").rpartition("/")[2] or "list"


def is_told(value: Any) -> bool:
    return value is not None and value not in (False, "Infinity", 0, [])


def show(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def describe_opt_outs(contents: Contents) -> str:
    """Say which opt-outs were respected."""
    lines = list(list_rules(contents.opt_outs)) if contents.opt_outs else []
    told = (
        "In the run that wrote this page:\n\n" + "\n".join(f"* {line}" for line in lines)
        if lines
        else "Which opt-outs were respected was not recorded."
    )
    return f"## Opt-outs\n\n{told}"


def list_rules(handling: OptOutHandling) -> Iterator[str]:
    words = handling.disallowed_header_directives
    if words is None:
        yield "X-Robots-Tag: noai, noimageai, noindex and noimageindex were respected"
    else:
        listed = ", ".join(map(code, words))
        yield f"X-Robots-Tag: {f'{listed} were respected' if words else 'not checked'}"
    yield f"TDMRep (tdm-reservation): {respected(checked=handling.respect_tdm_reservation)}"
    yield f"AIPREF (Content-Usage): {respected(checked=handling.respect_content_usage)}"
    yield f"robots.txt: {respected(checked=handling.robots_txt == 'respect')}"


def respected(*, checked: bool) -> str:
    return "respected" if checked else "not checked"


def describe_loading(contents: Contents, loaded: Loaded, name: str) -> str:
    blocks = [
        f"{each.title}:\n\n```python\n{each.code}\n```" for each in list_examples(contents, name)
    ]
    notes = ["Run these where the folder is."]
    if contents.output_format == "tfrecord":
        notes.append(
            "`datasets` reads no TFRecord: `load_dataset` gives the metadata. "
            "`tf.data.TFRecordDataset` reads the records too."
        )
    if contents.output_format == "parquet":
        notes.append("Rows that failed are rows, without an image.")
    if loaded.left_out:
        notes.append(
            f"`load_dataset` leaves out columns whose type it has no name for: {list_left_out(loaded)}."
        )
    return "\n\n".join(["## How to load it", " ".join(notes), *blocks])


RIGHTS = """\
## Rights

The images keep the rights of their owners: this page grants no licence for them, and says nothing of whether they may be used.
The column `url` says where each one comes from.
Whoever uses or passes on the images is responsible for having the right to, for naming authors where their licences ask for it, and for removing images when their owners ask."""


def make_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["--"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def escape(text: str) -> str:
    """Write a text on one line so that Markdown shows it as it is."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return re.sub(r"([\\`*_{}\[\]<>#|~])", r"\\\1", line)


def code(text: str) -> str:
    """Write a text as code: neither a table nor a mark of ours can begin in it."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    for mark, instead in (("`", "'"), ("|", "/"), ("<!--", "< !--")):
        line = line.replace(mark, instead)
    return f"`{line}`"
