"""A dataset -> the front matter that makes `load_dataset(folder)` and the Hub's viewer show it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from img2dataset.publishing.contents import Contents
from img2dataset.publishing.features import IMAGE, STRING, Feature, make_feature, make_json_feature
from img2dataset.publishing.metadata_table import METADATA, make_metadata_schema
from img2dataset.publishing.yaml_text import format_yaml, quote

CATEGORIES = ("n<1K", "1K<n<10K", "10K<n<100K", "100K<n<1M", "1M<n<10M", "10M<n<100M",
              "100M<n<1B", "1B<n<10B", "10B<n<100B", "100B<n<1T", "n>1T")  # fmt: skip
"""The Hub's own names of sizes, each ten times the one before."""
COUNTS = re.compile(r"^  splits:.*?(?=^# img2dataset:end)", re.DOTALL | re.MULTILINE)
"""What a front matter says of counts: it stands last."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What `load_dataset` finds in a dataset, with one builder."""

    data_files: tuple[str, ...]
    features: tuple[tuple[str, Feature], ...]
    num_examples: int
    """`load_dataset` refuses a dataset that has another number."""
    num_bytes: int
    """Without it, `load_dataset` takes no notice of the count."""
    left_out: tuple[str, ...] = ()
    """Columns whose type `datasets` cannot express."""
    columns: tuple[str, ...] | None = None
    """Columns that are read, if some are left out."""


def describe_loaded(contents: Contents) -> Loaded:
    """Say what `load_dataset` will find."""
    match contents.output_format:
        case "webdataset":
            return describe_tars(contents)
        case "files":
            return describe_files(contents)
        case _:  # tfrecord: `datasets` reads no records, but their metadata
            return describe_tables(contents)


def describe_tars(contents: Contents) -> Loaded:
    members, left_out = sort_columns(contents.schema, make_json_feature, contents)
    json: Feature = {"struct": [{"name": name, **feature} for name, feature in members]}
    features = [(contents.encode_format, IMAGE), ("json", json)]
    if contents.captions:
        features.append(("txt", STRING))
    features += [("__key__", STRING), ("__url__", STRING)]
    return Loaded(
        data_files=("*.tar",),
        features=tuple(features),
        num_examples=contents.tally.successes,
        num_bytes=count_bytes(contents, ".tar"),
        left_out=left_out,
    )


def describe_files(contents: Contents) -> Loaded:
    schema = make_metadata_schema(contents.schema)
    features, _ = sort_columns(schema, make_feature, contents)
    named = [("image", IMAGE) if name == "file_name" else (name, kind) for name, kind in features]
    return Loaded(
        data_files=(f"[0-9]*/*.{contents.encode_format}", METADATA),
        features=tuple(named),
        num_examples=contents.tally.successes,
        # of the table that it makes, with the paths of the images; without it, it ignores `splits`
        num_bytes=count_bytes(contents, ".parquet"),
    )


def describe_tables(contents: Contents) -> Loaded:
    features, left_out = sort_columns(contents.schema, make_feature, contents)
    return Loaded(
        data_files=("*.parquet",),
        features=features,
        num_examples=contents.tally.count,
        num_bytes=count_bytes(contents, ".parquet"),
        left_out=left_out,
        columns=tuple(name for name, _ in features) if left_out else None,
    )


def sort_columns(
    schema: pa.Schema, make: Any, contents: Contents
) -> tuple[tuple[tuple[str, Feature], ...], tuple[str, ...]]:
    """Return the columns that have a feature, and the names of the others."""
    images = contents.encode_format if contents.output_format == "parquet" else None
    found = [(each.name, IMAGE if each.name == images else make(each.type)) for each in schema]
    left_out = tuple(name for name, feature in found if feature is None)
    return tuple((name, feature) for name, feature in found if feature is not None), left_out


def count_bytes(contents: Contents, suffix: str) -> int:
    return sum(shard.sizes.get(shard.name + suffix) or 0 for shard in contents.shards)


def make_defaults(contents: Contents) -> str:
    """Write the lines that the reader of a new card may change: a run never does."""
    defaults: dict[str, Any] = {"license": "other"}
    if contents.captions:
        defaults["task_categories"] = ["image-to-text", "text-to-image"]
    defaults["tags"] = ["image", "img2dataset"]
    if contents.output_format == "webdataset":
        defaults["tags"].append("webdataset")
    return "\n".join(format_yaml(defaults))


def make_front(loaded: Loaded, images: int) -> str:
    """Write the lines that each run renews; those about counts are the last."""
    config: dict[str, Any] = {
        "config_name": "default",
        "data_files": [{"split": "train", "path": list(loaded.data_files)}],
    }
    if loaded.columns is not None:
        config["columns"] = list(loaded.columns)
    split = {
        "name": "train",
        "num_bytes": loaded.num_bytes,
        "num_examples": loaded.num_examples,
    }
    values: Mapping[str, Any] = {
        "configs": [config],
        "dataset_info": {
            "config_name": "default",
            "features": [{"name": name, **feature} for name, feature in loaded.features],
            "splits": [split],
        },
        "size_categories": [find_category(images)],
    }
    return "\n".join(format_yaml(values))


def find_category(images: int) -> str:
    """Return the Hub's name for a dataset of this size."""
    return CATEGORIES[min(max(len(str(max(images, 1))) - 3, 0), len(CATEGORIES) - 1)]


def list_left_out(loaded: Loaded) -> str:
    return ", ".join(quote(name) for name in loaded.left_out)
