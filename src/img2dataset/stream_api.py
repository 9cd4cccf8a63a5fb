"""The Python calls `stream` and `astream`: keyword arguments -> a request -> a stream."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, fields
from inspect import Parameter, Signature
from typing import Any, TypeVar

from img2dataset.api import OPTION_NAMES, Literal, UrlList, refuse_unknown
from img2dataset.options import Options
from img2dataset.options.describing import URL_LIST, describe_option, fill_text, make_annotation
from img2dataset.streaming.request import PREFETCH_BYTES, StreamRequest, make_request

__all__ = ["Literal", "UrlList", "make_docstring", "make_stream"]

S = TypeVar("S")

OWN: dict[str, tuple[str, Any, str]] = {
    "failures": (
        "Literal['skip', 'yield']",
        "skip",
        (
            "what becomes of rows without an image: skip = they are left out; yield = they are "
            "yielded, with status and error"
        ),
    ),
    "ordered": (
        "bool",
        False,
        (
            "yield samples in the order of the list, not as they arrive; one that is slow holds up "
            "those after it"
        ),
    ),
    "prefetch_bytes": (
        "int",
        PREFETCH_BYTES,
        "bytes of images that may wait for the consumer; then nothing more is fetched",
    ),
}
"""Parameter that is no option -> its type, default and description."""

SUMMARIES = {
    "stream": "Fetch the images of a list, and yield them as they arrive; nothing is stored.",
    "astream": "Fetch the images of a list as `stream` does, for `async with` and `async for`.",
}
INTRODUCTION = """\
The options are those of `download`, without those about storing. The call works in a plain script
(no main guard is needed), in a notebook cell and in any thread. Nothing is left running when the
`with` block is left, by whatever way, or the stream is no longer used."""
OUTCOMES = {
    "stream": """\
Returns:
    Stream: an iterator over `StreamSample`; a context manager that ends the workers.""",
    "astream": """\
Returns:
    AsyncStream: an asynchronous iterator over `StreamSample`; a context manager that ends the
        workers.""",
}
ERRORS = """\
Raises:
    OptionError: an option cannot be used (a ValueError); with the first sample also: the list, or a
        column, cannot be.
    SourceError: while iterating: the list became unreadable.
    RunError: while iterating: workers do not start, or part of the list could not be fetched."""


def make_stream(name: str, make: Callable[[StreamRequest], S], result: str) -> Callable[..., S]:
    """`stream` or `astream`, with the parameters of `Options` that do not store: they are declared
    once."""

    def stream(url_list: Any, **given: Any) -> S:
        refuse_unknown(name, given, [*OPTION_NAMES, *OWN])
        own = {key: given.pop(key) for key in OWN if key in given}
        return make(make_request(url_list, given, **own))

    parameters = make_parameters()
    stream.__signature__ = Signature(parameters, return_annotation=result)  # type: ignore[attr-defined]
    stream.__annotations__ = {
        **{each.name: each.annotation for each in parameters},
        "return": result,
    }
    stream.__doc__ = make_docstring(name)
    stream.__module__ = "img2dataset"
    stream.__name__ = stream.__qualname__ = name
    return stream


def make_parameters() -> list[Parameter]:
    """The parameters of both: the list, the options by name only, and OWN."""
    parameters = []
    for declared in fields(Options):
        if not declared.metadata["stores"]:
            is_list = declared.name == URL_LIST
            parameters.append(
                Parameter(
                    declared.name,
                    Parameter.POSITIONAL_OR_KEYWORD if is_list else Parameter.KEYWORD_ONLY,
                    default=Parameter.empty if declared.default is MISSING else declared.default,
                    annotation=make_annotation(declared),
                )
            )
    for name, (kind, default, _) in OWN.items():
        parameters.append(Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=kind))
    return parameters


def make_docstring(name: str) -> str:
    """The docstring of `stream` or `astream`, with a paragraph for each parameter."""
    described = [describe_option(each) for each in fields(Options) if not each.metadata["stores"]]
    described += [
        f"{own}: {text} (default: {default!r})" for own, (_, default, text) in OWN.items()
    ]
    arguments = "\n".join(fill_text(text) for text in described)
    return f"{SUMMARIES[name]}\n\n{INTRODUCTION}\n\nArgs:\n{arguments}\n\n{OUTCOMES[name]}\n\n{ERRORS}\n"
