"""Local paths -> files: the part of fsspec's interface that is used here, without fsspec.

fsspec imports asyncio and much more, 30 ms of CPU in every process; most runs need none of it.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any


class Disk:
    """A file system with the interface of fsspec's; paths are absolute."""

    protocol = "file"

    def info(self, path: str) -> dict[str, Any]:
        """Name, size and type; links are followed."""
        found = Path(path).stat()
        kind = "directory" if stat.S_ISDIR(found.st_mode) else "file"
        return {"name": path, "size": found.st_size, "type": kind}

    def ls(self, path: str, *, detail: bool) -> list[Any]:
        """List a folder."""
        paths = [f"{path.rstrip('/')}/{name}" for name in os.listdir(path)]  # noqa: PTH208  (names)
        return [self._listed(each) for each in paths] if detail else paths

    def _listed(self, path: str) -> dict[str, Any]:
        try:
            return self.info(path)
        except OSError:  # a dangling link: opening it raises the error
            return {"name": path, "size": None, "type": "other"}

    def glob(self, pattern: str, *, detail: bool) -> Any:
        from fsspec.implementations.local import LocalFileSystem  # noqa: PLC0415  (see above)

        return LocalFileSystem().glob(pattern, detail=detail)

    def find(self, path: str, *, detail: bool) -> Any:
        from fsspec.implementations.local import LocalFileSystem  # noqa: PLC0415  (see above)

        return LocalFileSystem().find(path, detail=detail)

    def exists(self, path: str) -> bool:
        return os.path.exists(path)  # noqa: PTH110  (a Path raises where it may not look)

    def open(self, path: str, mode: str) -> IO[Any]:
        return Path(path).open(mode)

    def cat_file(self, path: str) -> bytes:
        return Path(path).read_bytes()

    def cat_ranges(
        self, paths: Sequence[str], starts: Sequence[int], ends: Sequence[int]
    ) -> list[bytes | OSError]:
        """Return bytes [start, end) of each file, or the error."""
        return [
            self._range(path, start, end)
            for path, start, end in zip(paths, starts, ends, strict=True)
        ]

    def _range(self, path: str, start: int, end: int) -> bytes | OSError:
        try:
            with self.open(path, "rb") as file:
                file.seek(start)
                data: bytes = file.read(end - start)
        except OSError as error:
            return error
        return data

    def makedirs(self, path: str, *, exist_ok: bool) -> None:
        Path(path).mkdir(parents=True, exist_ok=exist_ok)

    def rm(self, path: str, *, recursive: bool) -> None:
        target = Path(path)
        if recursive and target.is_dir() and not target.is_symlink():
            shutil.rmtree(target)
        else:
            target.unlink()


def absolute(path: str) -> str:
    """Return `path` as fsspec writes it: absolute, ~ expanded, no slash at the end."""
    path = str(Path(path).expanduser()) if path.startswith("~") else path
    if not path.startswith("/"):
        path = f"{Path.cwd()}/{'' if path == '.' else path.removeprefix('./')}"
    return path.rstrip("/") or "/"
