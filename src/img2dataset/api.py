"""The Python calls: keyword arguments -> `Options` -> a run; and what looks at datasets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields
from inspect import Parameter, signature
from os import PathLike
from typing import Any, Literal, Protocol, TypeAlias

from img2dataset.estimation import DEFAULT_SAMPLE
from img2dataset.estimation.findings import Estimate
from img2dataset.insight.findings import Findings
from img2dataset.options import Options
from img2dataset.options.describing import describe_option, fill_text, make_annotation
from img2dataset.publishing.indexed import Indexed
from img2dataset.report import Report
from img2dataset.reports import Reporter, find_reporters
from img2dataset.verification.checked import Verification

__all__ = [
    "ArrowTable",
    "Literal",
    "UrlList",
    "card",
    "estimate",
    "index",
    "inspect",
    "make_docstring",
    "make_download",
    "push",
    "verify",
    "write_report",
]


class ArrowTable(Protocol):
    """A pyarrow Table or a pandas DataFrame."""

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any: ...


UrlList: TypeAlias = str | PathLike[str] | Iterable[str | PathLike[str]] | ArrowTable
"""A list of image URLs: its file or URL, several of these, the URLs themselves, or a table."""

OPTION_NAMES = tuple(declared.name for declared in fields(Options))
REPORTERS = "reporters"
REPORTERS_TYPE = "Sequence[Reporter] | None"
SUMMARY = "Download the images of a list and store them as a dataset."
INTRODUCTION = """\
The options are those of the command line, by the same names. The first 38 may be positional.
The call works in a plain script (no main guard is needed), in a notebook cell and in any thread;
when it returns, nothing is left running."""
REPORTERS_HELP = (
    "reporters: called during the run, instead of showing it on the terminal; () shows nothing "
    "(default: None = the terminal, on stderr)"
)
OUTCOME = """\
Returns:
    Report: counts of rows, reasons of failures, seconds, shards that are not done; its `rows()`
    and `failures()` iterate over the stored metadata.

Raises:
    OptionError: an option, or the list, column or folder that it names, cannot be used (a
        ValueError). Nothing was done.
    MissingExtraError: an option needs a library that is not installed (an OptionError).
    RunError: workers do not start, or the output cannot be written.
    SourceError: the list became unreadable during the run. The same call resumes it.
    KeyboardInterrupt: Ctrl-C. Shards that are done stay; the same call resumes the run."""


def make_download() -> Callable[..., Report]:
    """`download`, with the parameters of `Options`: they are declared once."""
    of_options = signature(Options)

    def download(*args: Any, reporters: Sequence[Reporter] | None = None, **kwargs: Any) -> Report:
        refuse_unknown("download", kwargs, [*OPTION_NAMES, REPORTERS])
        given = of_options.bind(*args, **kwargs)
        options = Options(*given.args, **given.kwargs)
        chosen = find_reporters(options, reporters)
        from img2dataset.run.main import run  # noqa: PLC0415  (heavy: not for --help)

        return run(options, chosen)

    types = {declared.name: make_annotation(declared) for declared in fields(Options)}
    parameters = [
        *(each.replace(annotation=types[each.name]) for each in of_options.parameters.values()),
        Parameter(REPORTERS, Parameter.KEYWORD_ONLY, default=None, annotation=REPORTERS_TYPE),
    ]
    download.__signature__ = of_options.replace(  # type: ignore[attr-defined]
        parameters=parameters, return_annotation="Report"
    )
    download.__annotations__ = {**types, REPORTERS: REPORTERS_TYPE, "return": "Report"}
    download.__doc__ = make_docstring()
    download.__module__ = "img2dataset"
    download.__qualname__ = "download"
    return download


def refuse_unknown(function: str, named: Iterable[str], known: Sequence[str]) -> None:
    """Refuse a keyword that no parameter has, and name the one that was probably meant.

    Raises:
        TypeError: there is one.
    """
    from difflib import get_close_matches  # noqa: PLC0415  (for the message of an error)

    for name in named:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise TypeError(f"{function}() has no parameter {name!r}{hint}")


def make_docstring() -> str:
    """The docstring of `download`, with a paragraph for each option."""
    described = [*map(describe_option, fields(Options)), REPORTERS_HELP]
    arguments = "\n".join(fill_text(text) for text in described)
    return f"{SUMMARY}\n\n{INTRODUCTION}\n\nArgs:\n{arguments}\n\n{OUTCOME}\n"


def verify(
    output_folder: str, *, deep: bool = False, repair: bool = False, allow_gaps: bool = False
) -> Verification:
    """Check that a stored dataset is whole: stats, tables and samples of every shard.

    Args:
        output_folder: the folder of the dataset, or any fsspec URL of one.
        deep: decode every image too.
        repair: remove the shards that are not whole; the call that made the dataset makes them
            again.
        allow_gaps: accept missing shards, as in a part of a dataset whose rest is elsewhere.

    Returns:
        Verification: how many shards, rows and images were checked, and what is wrong with which
        shard.

    Raises:
        OptionError: there is no dataset; or, with `repair`, a run is writing it.
        RunError: something cannot be read, which is no reason to call it broken.
    """
    from img2dataset.verification.main import verify_folder  # noqa: PLC0415  (heavy, as run)

    return verify_folder(
        output_folder, deep=deep, repair=repair, allow_gaps=allow_gaps, say=lambda _: None
    )


def card(output_folder: str) -> tuple[str, ...]:
    """Write what lets others load a stored dataset: README.md, croissant.json, metadata.parquet.

    A run does it at its end; this does it for a dataset of img2dataset 1.47.0, or after an
    interrupted run. In a README.md that is there only the blocks between the marks of img2dataset
    are renewed; one without these marks is left alone.

    Args:
        output_folder: the folder of the dataset, or any fsspec URL of one.

    Returns:
        tuple[str, ...]: what was left alone, and why.

    Raises:
        OptionError: there is no dataset, or a run is writing it.
        RunError: it cannot be read or written.
        DamagedError: a stats file or a table is damaged.
    """
    from img2dataset.publishing.command import publish_folder  # noqa: PLC0415  (heavy, as run)
    from img2dataset.publishing.folder_file import PublishConfig  # noqa: PLC0415

    return publish_folder(output_folder, "card", PublishConfig(card=True))


def inspect(output_folder: str) -> Findings:
    """Look at a stored dataset: what it holds, and why rows have no image.

    Reads stats files and metadata tables, several shards at a time, in bounded memory.

    Args:
        output_folder: the folder of the dataset, or any fsspec URL of one; also of 1.47.0.

    Returns:
        Findings: counts, reasons, hosts, histograms, duplicates; `to_dict()` is for JSON.

    Raises:
        OptionError: there is no dataset.
        RunError: something cannot be read.
    """
    from img2dataset.insight.main import inspect_folder  # noqa: PLC0415  (heavy, as run)

    return inspect_folder(output_folder)


def write_report(output_folder: str, html: str | None = None, *, seed: int = 0) -> str:
    """Write one HTML file about a stored dataset, which needs nothing else.

    Args:
        output_folder: the folder of the dataset, or any fsspec URL of one; also of 1.47.0.
        html: path or fsspec URL of the file; None = NAME-report.html in the current folder.
        seed: chooses the images that are shown; the same number shows the same ones.

    Returns:
        str: the path of the file.

    Raises:
        OptionError: there is no dataset, or `html` cannot be a file, is in the dataset, or is a
            file that is no such page.
        RunError: something cannot be read, or the file cannot be written.
    """
    from img2dataset.insight.main import write_page  # noqa: PLC0415  (heavy, as run)

    return write_page(output_folder, html, seed).path


def estimate(
    url_list: Any, *, sample: int = DEFAULT_SAMPLE, seed: int = 0, **options: Any
) -> Estimate:
    """Say what a run of a list would give, from a random sample of its rows; nothing is stored.

    Reads the whole list once, in bounded memory, and fetches and processes the sample as
    `download` does with the same options.

    Args:
        url_list: the list, as `download` takes it.
        sample: rows to fetch; four times as many halve the intervals.
        seed: the same list, sample and seed give the same rows.
        options: those of `download`; the estimate is of a run with them.

    Returns:
        Estimate: success with its interval, classes of failures, time, bytes, disk, hosts,
        duplicates, and the command of the run; `to_dict()` is for JSON.

    Raises:
        OptionError: an option, or the list, cannot be used.
        SourceError: the list became unreadable.
        RunError: workers do not start.
    """
    refuse_unknown("estimate", options, [*OPTION_NAMES, "sample", "seed"])
    from img2dataset.estimation.main import estimate_list  # noqa: PLC0415  (heavy, as run)

    return estimate_list({"url_list": url_list, **options}, sample, seed, lambda _: None)


def push(output_folder: str, destination: str, *, public: bool = False) -> str:
    """Upload a stored dataset to the Hugging Face Hub, in several commits; needs `img2dataset[hf]`.

    Args:
        output_folder: the folder of the dataset, on this machine.
        destination: hf://datasets/OWNER/NAME, with @REVISION or /FOLDER behind it; it is made if it
            is not there.
        public: a repository that is made is public; else it is private.

    Returns:
        str: the address of its page.

    Raises:
        OptionError: there is no whole dataset, the destination is no repository, or the token may
            not write there.
        RunError: the upload ended early; the same call goes on.
    """
    from img2dataset.hub.push import push_folder  # noqa: PLC0415  (heavy, as run)

    return push_folder(output_folder, destination, public=public, say=lambda _: None)


def index(output_folder: str, *, indexes: Sequence[str] | None = None) -> Indexed:
    """Write the index files by which loaders find samples without reading the tars.

    For datasets of output_format webdataset, also those of the old tool. Files that are right are
    left as they are; each tar is read at most once. sizes.json is always written.

    Args:
        output_folder: the folder of the dataset, or any fsspec URL of one.
        indexes: kinds of indexes to add to those that the dataset has, as the option of this name:
            dali, energon, webshart, wids, or all.

    Returns:
        Indexed: how many shards and samples there are, which files were written, and which shards
        are damaged.

    Raises:
        OptionError: there is no such dataset, a kind is unknown, or a run is writing the dataset.
        RunError: something cannot be read or written. The same call goes on.
    """
    from img2dataset.publishing.indexing import index_dataset  # noqa: PLC0415  (heavy, as run)

    return index_dataset(output_folder, indexes, lambda _: None)
