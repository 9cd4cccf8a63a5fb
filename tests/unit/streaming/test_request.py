"""What stream() takes, and what it refuses by name."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from img2dataset import OptionError, astream, stream
from img2dataset.streaming.request import list_stream_options

REFUSED = {
    "accept_changed_list",
    "card",
    "dashboard",
    "distributor",
    "enable_wandb",
    "incremental_mode",
    "indexes",
    "log_format",
    "mds_compression",
    "metrics_address",
    "metrics_port",
    "output_folder",
    "output_format",
    "parquet_layout",
    "part",
    "progress",
    "quiet",
    "subjob_size",
    "verbose",
    "wandb_project",
}


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_options_about_storing_are_refused_by_name(name: str) -> None:
    given: Any = {name: "webdataset", "image_size": 64}
    with pytest.raises(OptionError, match=rf"does not take the option {name}$"):
        stream(["http://a/1.jpg"], **given)


def test_no_other_option_is_refused() -> None:
    parameters = inspect.signature(stream).parameters
    assert REFUSED.isdisjoint(parameters)
    assert set(parameters) == {*list_stream_options(), "failures", "ordered", "prefetch_bytes"}
    assert list(inspect.signature(astream).parameters) == list(parameters)
    given: Any = {"distributor": "multiprocessing"}
    stream(["http://a/1.jpg"], **given)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"failures": "raise"}, "failures is 'raise': it must be one of skip, yield"),
        ({"ordered": "yes"}, "ordered is 'yes'"),
        ({"prefetch_bytes": 5}, "prefetch_bytes is 5: it must be an int of 1000000 or more"),
        ({"image_size": 0}, "image_size is 0"),
    ],
)
def test_values_that_are_not_allowed_are_named(given: Any, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        stream(["http://a/1.jpg"], **given)


def test_an_unknown_name_is_refused_with_the_nearest() -> None:
    given: Any = {"image_sise": 3}
    with pytest.raises(TypeError, match=r"stream\(\) has no parameter 'image_sise'.*image_size"):
        stream(["http://a/1.jpg"], **given)


def test_a_stream_says_why_it_is_not_pickled() -> None:
    import pickle  # noqa: PLC0415

    with pytest.raises(TypeError, match=r"samples\.torch\(\)"):
        pickle.dumps(stream(["http://a/1.jpg"]))


def test_each_parameter_is_described() -> None:
    for function in (stream, astream):
        text = inspect.getdoc(function) or ""
        assert [
            n for n in inspect.signature(function).parameters if f"\n    {n}: " not in text
        ] == []
