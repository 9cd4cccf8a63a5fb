"""A stored dataset -> its shards that are tars: lists that were added may be of other formats."""

from __future__ import annotations

from img2dataset.formats.webdataset import TAR
from img2dataset.publishing.contents import Contents, PublishedShard


def list_tars(contents: Contents) -> list[PublishedShard]:
    """List the shards that are tars, also empty ones, in order."""
    return [shard for shard in contents.shards if tar_name(shard) in shard.sizes]


def tar_name(shard: PublishedShard) -> str:
    return shard.name + TAR


def tar_bytes(shard: PublishedShard) -> int:
    """Return the size of the file."""
    return shard.sizes[tar_name(shard)] or 0
