"""What each stage needs to know of the options: fields of the same name are copied."""

from __future__ import annotations

from dataclasses import Field, dataclass, fields, replace
from functools import partial
from typing import Any

import pytest

from img2dataset.fetch import FetchConfig
from img2dataset.formats import WriterConfig
from img2dataset.images import ImageConfig
from img2dataset.options import Options, make_config
from img2dataset.options.checks import OneOf
from img2dataset.sources import SourceConfig

STAGES = {
    SourceConfig: SourceConfig.of,
    FetchConfig: FetchConfig.of,
    ImageConfig: partial(ImageConfig.of, stores_rows=True),
    WriterConfig: WriterConfig.of,
}
OTHER_FORM = {
    "verify_hash", "dns_servers", "disallowed_header_directives", "columns", "url_schemes"
}  # fmt: skip
"""Options that a stage needs in another form under the same name: a tuple."""

VALUES = {"delimiter": "tab", "url_template": "http://a.org/{id}", "where": "id > 3"}
"""Values of options whose texts have a form."""
NEEDED: dict[str, dict[str, Any]] = {
    **{name: {"input_format": "csv"} for name in (*VALUES, "quoting", "deduplicate")},
    "duplicate_captions": {"input_format": "csv", "deduplicate": "url", "caption_col": "text"},
    "parquet_layout": {"output_format": "parquet"},
    "mds_compression": {"output_format": "mds"},
}
"""Option -> what must be given with it."""


def another_value(declared: Field[Any]) -> Any:
    """A value that is allowed and not the default."""
    check, default = declared.metadata["check"], declared.default
    if isinstance(check, OneOf):
        return next(name for name in check.choices.names() if name != default)
    match default:
        case bool():
            return not default
        case int():
            return default - 1 if declared.name == "encode_quality" else default + 1
        case float():
            return 7.0
        case None if str(declared.type).startswith("int"):
            return 7
        case _:
            return VALUES.get(declared.name, "other@example.org")


@pytest.mark.parametrize("config", STAGES)
def test_a_field_with_the_name_of_an_option_is_a_copy_of_it(config: Any) -> None:
    declared = {one.name: one for one in fields(Options)}
    shared = [f.name for f in fields(config) if f.name in declared and f.name not in OTHER_FORM]

    assert shared
    for name in shared:
        value = another_value(declared[name])
        options = Options("x", **NEEDED.get(name, {}), **{name: value})
        assert getattr(STAGES[config](options), name) == value  # type: ignore[operator]


@dataclass(frozen=True)
class Stage:
    timeout: float
    additional_columns: tuple[str, ...]
    retries: int
    mine: str = "default"


def test_what_a_stage_says_itself_comes_before_the_option() -> None:
    options = Options("x", timeout=3, retries=5, save_additional_columns=["a"])

    assert make_config(Stage, options, retries=7) == Stage(3, ("a",), 7, "default")


@pytest.mark.parametrize("stores_rows", [True, False])
def test_exif_is_not_read_for_a_format_that_stores_no_rows(*, stores_rows: bool) -> None:
    config = ImageConfig.of(Options("x", extract_exif=True), stores_rows=stores_rows)

    assert config.extract_exif is stores_rows


@pytest.mark.parametrize(
    ("host_limit_share", "first", "most"), [(1, 16, 5), (2, 8, 2), (5, 3, 1), (100, 1, 1)]
)
def test_workers_of_a_cluster_divide_what_a_host_is_asked(
    host_limit_share: int, first: int, most: int
) -> None:
    config = FetchConfig.of(
        Options(None, max_connections_per_host=5), host_limit_share=host_limit_share
    )

    here = config.for_one_worker()
    assert here.first_connections_per_host == first
    assert here.max_connections_per_host == most
    without = replace(config, max_connections_per_host=None)
    assert without.for_one_worker().max_connections_per_host is None
