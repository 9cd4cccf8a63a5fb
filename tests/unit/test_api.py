"""The Python call: what it takes, and what it says of itself."""

from __future__ import annotations

import inspect
import pickle
import re
from dataclasses import fields
from typing import Any, get_type_hints

import pytest

import img2dataset
from img2dataset import OptionError, Report, Reporter, download, verify
from img2dataset.options import Options

OLD = [declared.name for declared in fields(Options) if not declared.kw_only]
PUBLIC = [getattr(img2dataset, name) for name in img2dataset.__all__ if name != "__version__"]


def documented(function: Any) -> str:
    text = inspect.getdoc(function)
    assert text is not None
    return text


def arguments(function: Any) -> list[str]:
    """The names in the section Args of a docstring."""
    section = re.search(
        r"^ *Args:\n((?: +.*\n|\n)*?)(?=\S|\Z|\n *[A-Z]\w+:\n)",
        documented(function) + "\n",
        re.MULTILINE,
    )
    assert section is not None, function
    indent = len(section[1]) - len(section[1].lstrip())
    return re.findall(rf"^ {{{indent}}}(\w+): ", section[1], re.MULTILINE)


def test_the_parameters_are_the_options_and_the_reporters() -> None:
    parameters = inspect.signature(download).parameters

    assert list(parameters) == [*(declared.name for declared in fields(Options)), "reporters"]
    assert parameters["image_size"].default == 256
    assert "'border'" in parameters["resize_mode"].annotation


def test_only_the_options_of_the_old_tool_are_positional() -> None:
    parameters = inspect.signature(download).parameters.values()

    too_many: list[Any] = ["list.txt"] * 39
    assert len(OLD) == 38
    assert [p.name for p in parameters if p.kind is not p.KEYWORD_ONLY] == OLD
    with pytest.raises(TypeError, match="too many positional arguments"):
        download(*too_many)


def test_a_wrong_name_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(TypeError, match="no parameter 'reporter'; did you mean reporters"):
        download("list.txt", reporter=())  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="'url_list'"):
        download()  # type: ignore[call-arg]


def test_its_types_can_be_looked_up() -> None:
    hints = get_type_hints(download)

    assert hints["return"] is Report
    assert hints["timeout"] is float
    assert set(hints) == {*inspect.signature(download).parameters, "return"}


def test_it_can_be_pickled_as_pools_and_clusters_do() -> None:
    assert pickle.loads(pickle.dumps(download)) is download


def test_help_shows_every_option_once_and_in_order() -> None:
    assert arguments(download) == list(inspect.signature(download).parameters)
    for declared in fields(Options):
        said = " ".join(documented(download).split())
        assert f"{declared.name}: {' '.join(declared.metadata['help'].split())}" in said


@pytest.mark.parametrize(
    "function",
    [verify, *(getattr(Reporter, name) for name in vars(Reporter) if not name.startswith("_"))],
)
def test_a_public_function_documents_its_parameters(function: Any) -> None:
    names = [name for name in inspect.signature(function).parameters if name != "self"]

    assert not names or arguments(function) == names


def test_what_public_docstrings_name_is_exported() -> None:
    texts = [documented(each) for each in PUBLIC]
    texts += [
        documented(method)
        for each in PUBLIC
        if inspect.isclass(each)
        for name, method in vars(each).items()
        if not name.startswith("_") and inspect.isfunction(method)
    ]
    named = {
        name
        for text in texts
        for name in re.findall(r"^ *(\w+Error|[A-Z]\w+): ", text, re.MULTILINE)
    }
    known = {
        name
        for name in named
        if not hasattr(__builtins__, name) and name not in vars(__import__("builtins"))
    }

    assert {"OptionError", "RunError", "SourceError", "Verification", "Report"} <= known
    assert known - {"Args", "Returns", "Raises", "Iterator"} <= set(img2dataset.__all__)


def test_an_option_error_comes_before_any_reporter_is_called() -> None:
    class Watcher(Reporter):
        def started(self, *_: Any) -> None:
            raise AssertionError

    with pytest.raises(OptionError, match="image_size"):
        download("list.txt", 0, reporters=[Watcher()])
