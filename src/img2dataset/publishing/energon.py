"""Tars and their counts -> the folder .nv-meta, as `energon prepare` of Megatron-Energon 7.4 makes it.

Its database, index.sqlite, is made by `img2dataset index` only: see `energon_database`.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Sequence

from img2dataset.formats.tar_indexes import SUFFIXES
from img2dataset.options.choices import IndexKind
from img2dataset.publishing.contents import Contents, PublishedShard
from img2dataset.publishing.folder_file import FolderFile, PublishConfig
from img2dataset.publishing.marked_file import is_ours, mark
from img2dataset.publishing.tars import list_tars, tar_bytes, tar_name
from img2dataset.storage.folder import Folder

META = ".nv-meta"
INFO = f"{META}/.info.json"
UUID = f"{META}/index.uuid"
DATABASE = f"{META}/index.sqlite"
SPLIT = f"{META}/split.yaml"
DATASET = f"{META}/dataset.yaml"
ENERGON_VERSION = "7.4.1"
"""Whose layout this is."""


def is_wanted(contents: Contents, config: PublishConfig) -> bool:
    is_asked = IndexKind.ENERGON in config.index_kinds and bool(list_tars(contents))
    return is_asked and not find_unindexed(contents)


def list_filled(contents: Contents) -> list[PublishedShard]:
    """List the tars that have samples: Energon takes no others.  Their order numbers them."""
    return [shard for shard in list_tars(contents) if shard.successes]


def find_unindexed(contents: Contents) -> list[PublishedShard]:
    """Find the shards that lack the file that Energon needs beside each tar."""
    suffix = SUFFIXES[IndexKind.ENERGON]
    return [each for each in list_filled(contents) if each.name + suffix not in each.sizes]


def make_info(contents: Contents) -> bytes:
    counts = {tar_name(shard): shard.successes for shard in list_filled(contents)}
    document = {"energon_version": ENERGON_VERSION, "shard_counts": counts}
    return json.dumps(document, indent=2).encode()


def make_uuid(contents: Contents) -> bytes:
    """Make the name of this state of the tars: the same for the same names, counts and sizes."""
    facts = [(shard.name, shard.successes, tar_bytes(shard)) for shard in list_filled(contents)]
    digest = hashlib.sha256(json.dumps(facts).encode()).digest()
    return str(uuid.UUID(bytes=digest[:16], version=4)).encode()


def has_database(folder: Folder, contents: Contents) -> bool:
    """Whether the database is there, and made here of these tars in this order."""
    try:
        return folder.exists(DATABASE) and folder.read(UUID) == make_uuid(contents)
    except FileNotFoundError:
        return False


def make_split(contents: Contents) -> str:
    names = [tar_name(shard) for shard in list_filled(contents)]
    train = "".join(f"\n  - {name}" for name in names) or " []"
    return f"split_parts:\n  train:{train}\n  val: []\n  test: []\nexclude: []\n"


def make_dataset(contents: Contents) -> str:
    """Make the description of a sample: its class, and which member is which of its fields."""
    fields = {"image": ",".join(find_extensions(contents))}
    if contents.captions:
        fields["caption"] = "txt"
    sample_class = "CaptioningSample" if contents.captions else "ImageSample"
    lines = ["sample_type:", "  __module__: megatron.energon", f"  __class__: {sample_class}"]
    return "\n".join([*lines, "field_map:", *(f"  {k}: {v}" for k, v in fields.items()), ""])


def find_extensions(contents: Contents) -> Sequence[str]:
    """Find the extensions that images have: several, if a list was added with another format."""
    recorded = [str(each.identity.options["encode_format"]) for each in contents.sections]
    return tuple(dict.fromkeys(recorded)) or (contents.encode_format,)


def write(folder: Folder, contents: Contents) -> list[str]:
    """Write everything but the database; what a person wrote into YAML files stays."""
    notices = []
    if not has_database(folder, contents):
        folder.remove([DATABASE])
        notices.append(
            f"img2dataset index {folder.url}  makes {DATABASE}, which finds samples by key"
        )
    for name, text in ((DATASET, make_dataset(contents)), (SPLIT, make_split(contents))):
        if is_ours(folder, name):
            folder.write(name, mark(text))
        else:
            notices.append(f"{name} was written by a person, and stays as it is")
    folder.write(UUID, make_uuid(contents))
    folder.write(INFO, make_info(contents))
    return notices


def retract(folder: Folder) -> None:
    """Remove what says counts or offsets; the description of samples stays."""
    folder.remove([INFO, DATABASE, UUID, *([SPLIT] if is_ours(folder, SPLIT) else [])])


FILE = FolderFile(
    names=(DATASET, SPLIT, INFO, UUID), is_wanted=is_wanted, write=write, retract=retract
)
