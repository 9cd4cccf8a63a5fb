"""Loads datasets with the libraries that people use; prints what was found as JSON.

A process of its own: these libraries take seconds to import, and start threads.
"""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
import sys
import traceback
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

BLOCK = re.compile(r"^([^\n]+):\n\n```python\n(.*?)```", re.DOTALL | re.MULTILINE)
WORKERS = (0, 2, 4)
FORKING = "PyTorch"

Found = dict[str, Any]


def main(cache: str, *folders: str) -> None:
    os.environ.update(HF_HOME=cache, HF_HUB_OFFLINE="1", CROISSANT_CACHE=f"{cache}/croissant")
    warnings.simplefilter("ignore")
    found: dict[str, Found] = {folder: {} for folder in folders}
    # first what forks: other libraries start threads, which a fork does not copy
    for stage in (run_with_workers, run_card, load_whole, load_croissant):
        for folder in folders:
            os.chdir(Path(folder).parent)
            stage(Path(folder), found[folder])
    print(json.dumps(found))


def run_with_workers(folder: Path, found: Found) -> None:
    for title, code in BLOCK.findall((folder / "README.md").read_text()):
        if title == FORKING:
            for workers in WORKERS if "old" not in folder.name else WORKERS[1:2]:
                assert "num_workers=2" in code
                changed = code.replace("num_workers=2", f"num_workers={workers}")
                attempt(found, f"{title} {workers}", partial(count_seen, changed))


def run_card(folder: Path, found: Found) -> None:
    for title, code in BLOCK.findall((folder / "README.md").read_text()):
        if title != FORKING:
            attempt(found, title, partial(count_seen, code))


def count_seen(code: str) -> int:
    """Run the code of a card; return how often its innermost loop was gone through, or 0."""
    depth = max((line.index("for ") for line in code.split("\n") if " in " in line), default=-1)
    lines: list[str] = []
    for line in code.split("\n"):
        lines.append(line)
        if line.startswith(f"{' ' * depth}for ") and line.endswith(":"):
            lines.append(f"{' ' * (depth + 4)}seen.append(1)")
    seen: list[int] = []
    exec("\n".join(lines), {"__name__": "card", "seen": seen, "print": lambda *_: None})
    return len(seen)


def load_whole(folder: Path, found: Found) -> None:
    import datasets  # noqa: PLC0415  (seconds, and later than the forks)

    datasets.disable_progress_bars()

    def load() -> list[Found]:
        rows = datasets.load_dataset(str(folder), split="train")
        return [describe(row) for row in rows]

    attempt(found, "whole", load)


def describe(row: Found) -> Found:
    """What matters of a sample, in any format."""
    image = row.get("image", row.get("jpg"))
    values = {**row, **row.get("json", {})}
    names = ("key", "url", "caption", "tags", "place", "people", "when", "score", "a: #b", "txt")
    return {
        "size": image and list(image.size),
        **{name: to_plain(values.get(name)) for name in names},
    }


def to_plain(value: Any) -> Any:
    return value if isinstance(value, str | int | float | list | dict | None) else str(value)


def load_croissant(folder: Path, found: Found) -> None:
    import mlcroissant  # noqa: PLC0415  (as above)

    # it keeps the members of tars by the names of the tars alone
    shutil.rmtree(os.environ["CROISSANT_CACHE"], ignore_errors=True)

    def load() -> Found:
        described = mlcroissant.Dataset(str(folder / "croissant.json"))
        noted = Noted(logging.WARNING)
        logging.getLogger().addHandler(noted)
        records = list(described.records("samples"))
        logging.getLogger().removeHandler(noted)
        images = [each.get("samples/image", each.get("samples/jpg")) for each in records]
        return {
            "errors": sorted(described.metadata.ctx.issues.errors),
            "warnings": sorted(described.metadata.ctx.issues.warnings),
            "logged": noted.texts,
            "records": len(records),
            "images": sum(image is not None for image in images),
        }

    attempt(found, "mlcroissant", load)


class Noted(logging.Handler):
    """Keeps what is logged, but the summary of warnings, which `issues` has."""

    def __init__(self, level: int) -> None:
        super().__init__(level)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.name == "root":
            self.texts.append(record.getMessage())


def attempt(found: Found, name: str, load: Callable[[], Any]) -> None:
    try:
        found[name] = load()
    except Exception:  # noqa: BLE001  (the test shows it)
        found[name] = traceback.format_exc()


if __name__ == "__main__":
    main(*sys.argv[1:])
