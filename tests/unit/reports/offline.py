"""What wandb stored offline, read back from its own files."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ENVIRONMENT = {
    "WANDB_MODE": "offline",
    "WANDB_SILENT": "true",
    "WANDB_ERROR_REPORTING": "false",
    "WANDB__DISABLE_STATS": "true",
    "WANDB_DISABLE_GIT": "true",
    "HTTP_PROXY": "http://127.0.0.1:9",
    "HTTPS_PROXY": "http://127.0.0.1:9",
}
"""It has no way to the network."""

HEADER = 7  # of the file, and of each chunk
BLOCK = 32768


def payloads(data: bytes) -> Iterator[bytes]:
    """The records of a .wandb file: LevelDB's log format after a header of seven bytes."""
    at, begun = HEADER, b""
    while at + HEADER <= len(data):
        if BLOCK - at % BLOCK < HEADER:  # the rest of a block, too small for a chunk
            at += BLOCK - at % BLOCK
            continue
        _crc, length, kind = struct.unpack_from("<IHB", data, at)
        begun += data[at + HEADER : at + HEADER + length]
        at += HEADER + length
        if kind in (1, 4):  # whole, or the last part
            yield begun
            begun = b""


def records(folder: Path) -> list[Any]:
    from wandb.proto.wandb_internal_pb2 import Record  # noqa: PLC0415  (an extra)

    (file,) = folder.glob("wandb/offline-run-*/*.wandb")
    return [Record.FromString(payload) for payload in payloads(file.read_bytes())]


def history(folder: Path) -> list[dict[str, Any]]:
    """The curves' points."""
    return [
        {
            item.key or ".".join(item.nested_key): json.loads(item.value_json)
            for item in one.history.item
        }
        for one in records(folder)
        if one.HasField("history")
    ]


def status_tables(folder: Path) -> list[list[list[Any]]]:
    """The rows of each table of statuses."""
    pattern = "wandb/offline-run-*/files/media/table/status_*.table.json"
    tables = sorted(folder.glob(pattern), key=lambda path: path.stat().st_mtime)
    return [json.loads(path.read_text())["data"] for path in tables]
