"""A dataset -> croissant.json: Croissant 1.1, which `mlcroissant` validates and loads.

Shards are told without checksums, as of a live dataset: it may be extended or retried, and to hash
the shards would mean to read all of them again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
from pyarrow import types

from img2dataset.json_text import to_utf8
from img2dataset.publishing.contents import Contents
from img2dataset.publishing.croissant_context import CONTEXT
from img2dataset.publishing.folder_file import FolderFile, PublishConfig, may_replace
from img2dataset.publishing.loading import TABLES
from img2dataset.storage.folder import Folder

CROISSANT = "croissant.json"
PUBLISHER = "img2dataset"
"""Who wrote the description (sdPublisher): only such a file is replaced."""
MAX_NAMED_TARS = 5000
"""With more, the tars are a glob pattern: the description stays small, but `mlcroissant` reads no
images from tars that it finds by a pattern."""
MIME_TYPES = {"jpg": "image/jpeg", "png": "image/png", "webp": "image/webp"}
RIGHTS = "The images keep the rights of their owners; this description grants no licence."

DATA_TYPES: tuple[tuple[Callable[[pa.DataType], bool], str], ...] = (
    (types.is_boolean, "sc:Boolean"),
    (types.is_integer, "sc:Integer"),
    (types.is_floating, "sc:Float"),
    (types.is_decimal, "sc:Float"),
    (types.is_timestamp, "sc:DateTime"),
    (types.is_date, "sc:Date"),
    (types.is_string, "sc:Text"),
    (types.is_large_string, "sc:Text"),
    (types.is_null, "sc:Text"),
)
"""What is the type -> its name in Croissant; others (structs, bytes, ...) have none."""


def make_croissant(contents: Contents, name: str) -> dict[str, Any]:
    """Describe the dataset in the folder `name`."""
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "name": name,
        "description": "Images downloaded from a list of URLs with img2dataset.",
        "conformsTo": "http://mlcommons.org/croissant/1.1",
        "license": RIGHTS,
        "version": "1.0.0",
        "datePublished": datetime.now(UTC).date().isoformat(),
        "isLiveDataset": True,
        "sdPublisher": {"@type": "sc:Organization", "name": PUBLISHER},
        "distribution": list(list_files(contents)),
        "recordSet": [
            {
                "@type": "cr:RecordSet",
                "@id": "samples",
                "name": "samples",
                "field": list(list_fields(contents)),
            }
        ],
    }


def list_files(contents: Contents) -> Iterator[dict[str, Any]]:
    """Yield the sets of files: tables, and images that are not in them."""
    mime = MIME_TYPES[contents.encode_format]
    extension = f"*.{contents.encode_format}"
    match contents.output_format:
        case "webdataset" if len(contents.shards) > MAX_NAMED_TARS:
            yield make_file_set("shards", "[0-9]*.tar", "application/x-tar")
            yield {**make_file_set("images", extension, mime), "containedIn": {"@id": "shards"}}
        case "webdataset":
            tars = [f"{shard.name}.tar" for shard in contents.shards]
            yield from map(make_tar, tars)
            inside = [{"@id": tar} for tar in tars]
            yield {**make_file_set("images", extension, mime), "containedIn": inside}
        case "files":
            yield make_file_set("images", f"[0-9]*/{extension}", mime)
    yield make_file_set("tables", TABLES, "application/x-parquet")


def make_file_set(name: str, pattern: str, mime: str) -> dict[str, Any]:
    return {
        "@type": "cr:FileSet", "@id": name, "name": name, "encodingFormat": mime,
        "includes": pattern,
    }  # fmt: skip


def make_tar(name: str) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject", "@id": name, "name": name, "contentUrl": name,
        "encodingFormat": "application/x-tar",
    }  # fmt: skip


def list_fields(contents: Contents) -> Iterator[dict[str, Any]]:
    """Yield the fields of a sample: the image, then columns whose type Croissant has.

    Images that are files are joined with the tables by the key in their names.
    """
    image = contents.encode_format
    taken: set[str] = set()
    if contents.output_format in ("webdataset", "files"):
        yield make_key()
        yield make_field("image", "sc:ImageObject", "images", {"fileProperty": "content"})
        taken = {"key", "image"}
    for column in contents.schema:
        name = make_id(column.name, taken)
        if contents.output_format == "parquet" and column.name == image:
            field = make_field(name, "sc:ImageObject", "tables", {"column": image})
            if types.is_struct(column.type):
                field["source"]["transform"] = {"jsonPath": "bytes"}
            yield field
        elif column.name != "key" or "key" not in taken:
            described = describe_type(column.type)
            if described is not None:
                yield {**make_field(name, described[0], "tables", {"column": column.name}),
                       **described[1]}  # fmt: skip
        taken.add(name)


def make_key() -> dict[str, Any]:
    field = make_field("key", "sc:Text", "images", {"fileProperty": "filename"})
    # mlcroissant applies it to the keys of the tables too, and warns of each that it does not match
    field["source"]["transform"] = {"regex": r"([^\/.]*)"}
    field["references"] = {"fileSet": {"@id": "tables"}, "extract": {"column": "key"}}
    return field


def make_field(name: str, kind: str, source: str, extract: Mapping[str, str]) -> dict[str, Any]:
    return {
        "@type": "cr:Field",
        "@id": f"samples/{name}",
        "name": name,
        "dataType": kind,
        "source": {"fileSet": {"@id": source}, "extract": dict(extract)},
    }


def make_id(column: str, taken: set[str]) -> str:
    """Return a name for a column without characters that an id may not have."""
    plain = re.sub(r"[^\w.-]", "_", column) or "_"
    while plain in taken and plain != "key":
        plain += "_"
    return plain


def describe_type(kind: pa.DataType) -> tuple[str, dict[str, Any]] | None:
    """Return the type of a column in Croissant, and whether it is repeated; None if it has none."""
    if types.is_dictionary(kind):
        return describe_type(kind.value_type)
    if types.is_list(kind) or types.is_large_list(kind):
        inner = describe_type(kind.value_type)
        return (inner[0], {"repeated": True}) if inner and not inner[1] else None
    name = next((name for is_type, name in DATA_TYPES if is_type(kind)), None)
    return None if name is None else (name, {})


def write_croissant(folder: Folder, contents: Contents) -> list[str]:
    """Write croissant.json, unless somebody else's is there."""
    if not may_replace(folder, CROISSANT, is_ours):
        return [f"{CROISSANT} is left alone: it was not written by img2dataset"]
    described = make_croissant(contents, folder.root.rpartition("/")[2])
    folder.write(CROISSANT, to_utf8(json.dumps(described, indent=1, ensure_ascii=False)))
    return []


def is_ours(document: Any) -> bool:
    """Whether a run has written this JSON document."""
    return bool(document["sdPublisher"]["name"] == PUBLISHER)


def retract(folder: Folder) -> None:
    if may_replace(folder, CROISSANT, is_ours):
        folder.remove([CROISSANT])


def is_wanted(contents: Contents, config: PublishConfig) -> bool:
    return config.card and contents.output_format != "dummy"


FOLDER_FILE = FolderFile(
    names=(CROISSANT,), is_wanted=is_wanted, write=write_croissant, retract=retract
)
