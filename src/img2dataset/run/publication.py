"""The folder-wide files of a dataset during a run: retracted before its shards change, then published."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING

from img2dataset.dataset.plan import Plan, find_done
from img2dataset.dataset.run_lock import can_see_parts, is_any_alive
from img2dataset.errors import DamagedError, RunError
from img2dataset.options import Options, make_config
from img2dataset.records import Shard
from img2dataset.storage.folder import Folder

if TYPE_CHECKING:
    from img2dataset.publishing.folder_file import PublishConfig
    from img2dataset.publishing.main import Published


class Publication:
    """Keeps the folder-wide files right over a run; `run_lock` is the stack that holds its lock."""

    def __init__(self, folder: Folder, options: Options, run_lock: ExitStack) -> None:
        self._folder = folder
        self._options = options
        self._stores = options.output_format != "dummy"
        self._is_part = options.part_of[1] > 1
        self._run_lock = run_lock
        self._plan: Plan | None = None
        self._retracted = False

    def set_plan(self, plan: Plan) -> None:
        """Take what was in the folder: from now on only this run changes it, unless it is a part."""
        self._plan = plan

    def retract(self) -> None:
        """Retract what stands of earlier runs, once: a shard is about to change.

        Raises:
            RunError: the folder cannot be written.
        """
        if self._retracted:
            return
        # imported here and below, so that workers are started first
        from img2dataset.publishing.main import may_be_published, retract  # noqa: PLC0415

        try:
            if self._plan is None or may_be_published(self._folder, self._plan.others):
                retract(self._folder)
        except OSError as error:
            raise RunError(f"{self._folder.url} cannot be written: {error}") from error
        self._retracted = True

    def retract_before(self, shards: Iterator[Shard]) -> Iterator[Shard]:
        """Yield the shards that are left to do; retract before the first one, if there is one."""
        for shard in shards:
            self.retract()
            yield shard

    def publish(self) -> Published:
        """Write the folder-wide files if they are not there, or not of what is stored now.

        Of the parts of a run the last one to end does it: it is the one that finds no other at
        work.  Its own lock is released first, so that of two that end together one is the last.

        A run whose shards are done does not fail for these files: that is a notice.
        """
        from img2dataset.publishing.contents import OptOutHandling  # noqa: PLC0415
        from img2dataset.publishing.main import (  # noqa: PLC0415
            Published,
            hold_publish_lock,
            publish,
        )

        if not self._stores:
            return Published()
        try:
            with hold_publish_lock(self._folder):
                if self._is_part and not self._is_last_part():
                    return Published()
                if not self._retracted and self._is_current():
                    return Published()
                opt_outs = make_config(OptOutHandling, self._options)
                return publish(self._folder, self._config, opt_outs)
        except (OSError, RunError, DamagedError) as error:
            text = (
                f"the files about the whole dataset (README.md, ...) could not be written: {error}"
            )
            return Published((f"{text}; img2dataset card {self._folder.url}  writes them",))

    @property
    def _config(self) -> PublishConfig:
        from img2dataset.publishing.folder_file import PublishConfig  # noqa: PLC0415

        return PublishConfig.of(self._options)

    def _is_current(self) -> bool:
        from img2dataset.publishing.main import is_published  # noqa: PLC0415

        if self._plan is None or self._is_part:
            names = self._folder.names()
            others, done = frozenset(names), find_done(names)
        else:
            others, done = self._plan.others, self._plan.done
        return not done or is_published(self._folder, self._config, others, done)

    def _is_last_part(self) -> bool:
        self._run_lock.close()
        return can_see_parts(self._folder) and not is_any_alive(self._folder)
