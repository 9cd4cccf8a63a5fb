"""Files and folders of one shard -> all visible, or none."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TypeVar

from img2dataset.storage.folder import Folder
from img2dataset.storage.pending import Pending, PendingFile, PendingFolder

P = TypeVar("P", bound=Pending)


class Outputs:
    """The files and folders of a shard: begun one by one, committed or aborted together."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._begun: list[tuple[str, Pending]] = []
        self._committed: list[str] = []

    def file(self, name: str) -> PendingFile:
        return self._add(name, self._folder.begin(name))

    def folder(self, name: str) -> PendingFolder:
        return self._add(name, self._folder.begin_folder(name))

    def _add(self, name: str, pending: P) -> P:
        self._begun.append((name, pending))
        return pending

    def commit(self) -> None:
        """Commit in the order of beginning."""
        for name, pending in self._begun:
            pending.commit()
            self._committed.append(name)

    def abort(self) -> None:
        """Abort each of them, even if another one cannot be aborted."""
        with ExitStack() as steps:
            while self._committed:
                steps.callback(self._folder.remove, [self._committed.pop()])
            while self._begun:
                steps.callback(self._begun.pop()[1].abort)
