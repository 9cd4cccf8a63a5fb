"""A folder without files of the format -> advice on how to name the files that were meant."""

from __future__ import annotations

from typing import Any

from img2dataset.sources.image_names import is_image_name

FORMATS_OF_ENDINGS = ("parquet", "csv", "tsv", "json", "jsonl", "txt")
MAX_LISTINGS = 20
"""Folders to search."""


def describe_folder(fs: Any, path: str, location: str, input_format: str) -> str:
    """Say what to use instead, as the end of a message; empty if nothing fits."""
    folder = location.rstrip("/")
    names = list_files(fs, path)
    if input_format == "jsonl" and any(name.endswith(".json") for name in names):
        return f"; if those are JSON lines (as Spark writes them), use url_list='{folder}/*.json'"
    for ending in FORMATS_OF_ENDINGS:
        for suffix in ("", ".gz"):
            if any(name.endswith(f".{ending}{suffix}") for name in names):
                pattern = f"*.{ending}{suffix}"
                return (
                    f"; input_format={ending}{suffix} reads its {pattern}; if those are "
                    f"{input_format}, use url_list='{folder}/{pattern}'"
                )
    if any(map(is_image_name, names)):
        return "; it has images: input_format=folder makes a dataset of them"
    if any("." not in name for name in names):
        return f"; its files have no ending: if they are {input_format}, use url_list='{folder}/*'"
    depth = find_depth(fs, path, f".{input_format}")
    if depth is None:
        return ""
    pattern = f"{folder}/**/*.{input_format}"
    return f"; there are such files in folders inside it: use url_list='{pattern}'"


def list_files(fs: Any, path: str) -> list[str]:
    """List the names of the files of a folder that are not hidden."""
    names = [
        str(info["name"]).rpartition("/")[2]
        for info in fs.ls(path, detail=True)
        if info["type"] != "directory"
    ]
    return sorted(name for name in names if name[:1] not in {".", "_"})


def find_depth(fs: Any, path: str, ending: str) -> int | None:
    """Find how many folders down the nearest file with the ending is; None if there is none."""
    folders, looked_into = [(path, 0)], 0
    while folders and looked_into < MAX_LISTINGS:
        folder, depth = folders.pop(0)
        looked_into += 1
        for info in fs.ls(folder, detail=True):
            if info["type"] == "directory":
                folders.append((str(info["name"]), depth + 1))
            elif str(info["name"]).endswith(ending):
                return depth
    return None
