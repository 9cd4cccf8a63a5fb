"""A whole run: list -> shards -> workers -> report."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict, fields, replace
from importlib.util import find_spec
from math import ceil
from pathlib import Path
from tempfile import mkstemp
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

from img2dataset.distributors import (
    Counted,
    Crew,
    Event,
    Lost,
    Notice,
    Stored,
    Work,
    find_distributor,
)
from img2dataset.errors import MissingExtraError, OptionError
from img2dataset.job import Job, source_config
from img2dataset.journal import settle
from img2dataset.locks import held
from img2dataset.options import Options, shaping_options
from img2dataset.patience import try_once
from img2dataset.records import Shard, shard_name
from img2dataset.reports import Reporter, default_reporters
from img2dataset.shards import Identity, Plan, done_shards, is_own, prepare, record
from img2dataset.sources import Source, open_source
from img2dataset.storage import Folder, parts_name
from img2dataset.tally import Again, Progress, Report, ShardResult, Tally
from img2dataset.words import plural
from img2dataset.writers import stored_names

if TYPE_CHECKING:
    from img2dataset.candidates import Candidates

MISSING_NAMES = 10
SEEN_WITHIN = 60.0
"""Seconds until what another machine has put into a shared folder must be seen here."""


def run(options: Options, reporters: Sequence[Reporter] | None = None) -> Report:
    """Do everything that is left to do of a dataset; see `img2dataset.download`."""
    fill_standard_files()
    if reporters is None:
        reporters = default_reporters(options)
    with ExitStack() as stack:
        for reporter in reporters:
            stack.callback(reporter.close)
        distribute = find_distributor(options.distributor)
        workers = stack.enter_context(distribute(work_of(options)))
        config = source_config(options)
        source = open_source(options.url_list, config)
        folder = open_folder(options)
        check_apart(source, folder, options)
        hold(folder, options.part_of, stack, lambda text: tell(reporters, text))
        crew = workers.crew()
        plan = prepare(
            folder,
            options.incremental_mode,
            identity_of(source, options),
            lambda name: stored_names(options.output_format, name),
            options.part_of,
        )
        ledger = Ledger(source, plan, options, reporters)
        if options.incremental_mode == "retry":
            from img2dataset.candidates import Candidates  # noqa: PLC0415  (few runs need it)

            ledger.complete(
                Candidates(folder, plan.done, ledger.name_of), lambda: record(folder, plan)
            )
        ledger.start(folder.url, [*source.notices, *limits_of(options, crew)])
        job = Job(
            job_options(options, folder),
            config,
            # a cluster's workers cannot share a file: each keeps to its part of the limits
            None if crew.spread else shared_file(options, stack),
            cores=crew.cores,
            sharers=crew.workers if crew.spread else 1,
            overlapping=crew.spread or options.part_of[1] > 1,
        )
        try:
            try:
                errors = workers.run(job, ledger.left_to_do(), ledger.take)
            finally:
                # by now the workers are gone
                try_once(lambda: clear(folder, alone=options.part_of[1] == 1))
            if crew.spread:
                errors = {**errors, **ledger.unseen(folder)}
        except KeyboardInterrupt:
            ledger.finish(folder.url, not_done=ledger.begun(), interrupted=True)
            raise
        return ledger.finish(
            folder.url,
            not_done=sorted(errors),
            interrupted=False,
            images_before=ledger.found_images or has_images(folder, ledger.shards_before()),
        )


def has_images(folder: Folder, names: Iterable[str]) -> bool:
    """Whether there is an image in any of these shards."""
    from img2dataset.writers.stats import hold_images  # noqa: PLC0415  (few runs have found none)

    return hold_images(folder, names)


def clear(folder: Folder, *, alone: bool) -> None:
    """Finish and remove what workers left that did not end by themselves."""
    if alone:
        settle(folder)
    folder.clear_parts()


def fill_standard_files() -> None:
    """Where standard files are closed (`2>&-`), give their numbers to nothing: else the
    first file we open gets one, and whatever is written there goes into it."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:  # noqa: PERF203  (three times in a run)
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # the lowest that is free


class Ledger:
    """What has become of the list so far, and telling it to the reporters."""

    def __init__(
        self, source: Source, plan: Plan, options: Options, reporters: Sequence[Reporter]
    ) -> None:
        self._source = source
        self._plan = plan
        self._options = options
        self._reporters = reporters
        self._began = monotonic()
        self._stored = Tally()
        self._stored_ids: set[int] = set()
        self._partial: dict[int, Tally] = {}  # shards under way
        self._missing: list[str] = []  # names of the first shards that were not done before
        self._shards_missing = 0
        self._shards_done = 0
        self._shards_skipped = 0
        self._rows_skipped = 0
        self._shards_planned = 0
        self._last_id = -1
        self._rows_planned = 0
        self._all_planned = False
        self._candidates: Candidates | frozenset[int] = frozenset()
        self._again: Again | None = None
        self._record: Callable[[], None] = lambda: None
        self._done_before: set[int] = set()  # of which rows are fetched again

    def complete(self, candidates: Candidates, record: Callable[[], None]) -> None:
        """Look again at those of the shards that are done which `candidates` has; call `record`
        before a shard is made, or when the list has fitted all that were looked at."""
        self._candidates = candidates
        self._record = record
        self._again = Again()

    def name_of(self, shard_id: int) -> str:
        return shard_name(shard_id, self._options.oom_shard_count)

    def start(self, output_folder: str, notices: Sequence[str] = ()) -> None:
        parameters = {
            declared.name: getattr(self._options, declared.name)
            for declared in fields(self._options)
        }
        for reporter in self._reporters:
            reporter.started(parameters, output_folder)
            for text in (*self._plan.notices, *notices):
                reporter.notice(text)

    def left_to_do(self) -> Iterator[Shard]:
        """The shards of the list, without those that are done."""
        size = self._options.number_sample_per_shard
        for shard in self._source.shards(size, self._plan.first_id):
            if not is_own(shard.id, self._options.part_of):
                continue
            self._last_id = shard.id
            self._shards_planned += 1
            self._rows_planned += shard.count
            if shard.id not in self._plan.done:
                self._note_missing(shard)
                yield shard
            elif shard.id in self._candidates:
                self._done_before.add(shard.id)
                yield replace(shard, stored=True)
            else:
                self._shards_skipped += 1
                self._rows_skipped += shard.count
        self._all_planned = True
        if self._shards_skipped and self._missing:
            self.take(Notice(self._what_was_missing()))

    def _note_missing(self, shard: Shard) -> None:
        if self._shards_missing == 0:
            self._record()
        self._shards_missing += 1
        if len(self._missing) < MISSING_NAMES:
            self._missing.append(self.name_of(shard.id))

    def _what_was_missing(self) -> str:
        """Of a dataset that earlier runs, or its parts, have begun."""
        missing = self._shards_missing
        more = f" and {missing - MISSING_NAMES:,} more" if missing > MISSING_NAMES else ""
        return (
            f"{missing:,} of {plural(self._shards_planned, 'shard')} "
            f"{'was' if missing == 1 else 'were'} missing: "
            f"{', '.join(self._missing)}{more}"
        )

    def take(self, event: Event | None) -> None:
        """Note what a worker did, and show it."""
        match event:
            case Stored(result=result):
                self._stored_ids.add(result.id)
                self._count(result)
                progress = self.progress()
                for reporter in self._reporters:
                    reporter.shard_done(result, progress)
            case Counted(tallies=tallies):
                self._partial.update(tallies)
            case Lost(shard_id=shard_id):
                self._partial.pop(shard_id, None)
            case Notice(text=text):
                for reporter in self._reporters:
                    reporter.notice(text)
            case None:
                progress = self.progress()
                for reporter in self._reporters:
                    reporter.progress(progress)

    def _count(self, result: ShardResult) -> None:
        self._partial.pop(result.id, None)
        self._stored += result.tally
        if result.kept is not None and self._again is not None:
            self._rows_skipped += result.kept
            self._again = self._again.plus(result)
        if result.unchanged:
            self._shards_skipped += 1
        else:
            self._shards_done += 1

    def begun(self) -> list[int]:
        """Shards under way of which rows are in."""
        return sorted(shard_id for shard_id, tally in self._partial.items() if tally.count)

    def progress(self) -> Progress:
        shards_total, rows_total, estimated = self._totals()
        return Progress(
            tally=sum(self._partial.values(), self._stored),
            elapsed=monotonic() - self._began,
            shards_done=self._shards_done,
            shards_skipped=self._shards_skipped,
            rows_skipped=self._rows_skipped,
            shards_total=shards_total,
            rows_total=rows_total,
            estimated=estimated,
        )

    def _totals(self) -> tuple[int | None, int | None, bool]:
        """Shards and rows of the whole list, and whether these are estimates."""
        if self._all_planned:
            return self._shards_planned, self._rows_planned, False
        _, parts = self._options.part_of
        rows = self._source.rows_total()
        if rows is not None:
            shards = ceil(rows / self._options.number_sample_per_shard)
            return ceil(shards / parts), rows // parts, parts > 1
        read = self._source.fraction_read()
        if read <= 0 or self._rows_planned == 0:
            return None, None, True
        rows = round(self._rows_planned / read)
        return ceil(rows / self._options.number_sample_per_shard), rows, True

    def unseen(self, folder: Folder) -> dict[int, str]:
        """Shards that workers stored where we do not see them: on disks of their own.

        A shared folder may take a while to show what other machines have put there.
        """
        deadline = monotonic() + SEEN_WITHIN
        missing = self._stored_ids
        while True:
            with suppress(OSError):  # a bad moment of the store
                missing = self._stored_ids - done_shards(folder.names())
            if not missing:
                return {}
            if monotonic() > deadline:
                break
            sleep(1)
        stored = plural(len(missing), "shard was", "shards were")
        text = (
            f"{stored} stored where this machine does not see them: "
            "output_folder must be a folder that all machines share, or an object store"
        )
        for reporter in self._reporters:
            reporter.notice(text)
        return dict.fromkeys(missing, text)

    @property
    def found_images(self) -> bool:
        """Whether this run has stored an image."""
        return self._stored.successes > 0

    def shards_before(self) -> Iterator[str]:
        """Names of the shards of the list that are done, and were so before."""
        ids = range(self._plan.first_id, self._last_id + 1)
        own = (each for each in sorted(self._plan.done) if is_own(each, self._options.part_of))
        return (self.name_of(each) for each in own if each in ids)

    def finish(
        self,
        output_folder: str,
        *,
        not_done: Sequence[int],
        interrupted: bool,
        images_before: bool = True,
    ) -> Report:
        if self._again is not None and self._again.rows and not (not_done or interrupted):
            self._record()
        kept = self._done_before if interrupted else frozenset()
        report = Report(
            output_folder=output_folder,
            tally=self._stored,
            duration=monotonic() - self._began,
            shards_done=self._shards_done,
            shards_skipped=self._shards_skipped,
            shards_not_done=tuple(self.name_of(each) for each in not_done if each not in kept),
            shards_not_completed=tuple(self.name_of(each) for each in not_done if each in kept),
            interrupted=interrupted,
            again=self._again,
            part=self._options.part,
            images_before=images_before,
        )
        progress = self.progress()
        for reporter in self._reporters:
            reporter.finished(report, progress)
        return report


def open_folder(options: Options) -> Folder:
    """The output folder; nothing is written yet."""
    try:
        return Folder(options.output_folder, parts=parts_name(*options.part_of))
    except MissingExtraError as error:
        raise MissingExtraError("output_folder", error.package, error.extra) from error
    except (ImportError, ValueError) as error:  # no library, or no such file system
        raise OptionError(f"output_folder is {options.output_folder!r}: {error}") from error


def check_apart(source: Source, folder: Folder, options: Options) -> None:
    """Refuse to empty a folder that someone would miss."""
    if options.incremental_mode != "overwrite":
        return
    for file in source.files:
        if is_inside(file.url, folder):
            raise OptionError(
                f"incremental_mode is 'overwrite': it would empty {folder.url!r}, which has the "
                f"list {file.url!r} in it; use another output_folder"
            )
    for place in (Path.cwd(), Path.home()):
        if folder.local and Path(folder.root) in (place, *place.parents):
            raise OptionError(
                f"incremental_mode is 'overwrite': it would empty {folder.root!r}, which is or "
                f"holds {str(place)!r}; use another output_folder"
            )


def is_inside(url: str, folder: Folder) -> bool:
    if folder.local and "://" not in url:
        return Path(folder.root) in Path(os.path.normpath(url)).parents
    return url.startswith(f"{folder.url.rstrip('/')}/")


def tell(reporters: Sequence[Reporter], text: str) -> None:
    for reporter in reporters:
        reporter.notice(text)


def hold(
    folder: Folder, part_of: tuple[int, int], stack: ExitStack, say: Callable[[str], None]
) -> None:
    """Keep other runs out of the folder for as long as `stack` is open."""
    try:
        folder.make()
        alone = stack.enter_context(held(folder, say, part_of))
    except OSError as error:
        raise OptionError(
            f"output_folder is {folder.url!r}: it cannot be written ({error.strerror or error})"
        ) from error
    if not alone:
        raise OptionError(
            f"output_folder is {folder.url!r}: another run is writing there; wait for its end, "
            "or use another folder"
        )


def shared_file(options: Options, stack: ExitStack) -> str | None:
    """A file by which the workers keep to what is asked of them together, if anything is; it is
    there until `stack` closes."""
    limits = options.max_connections_per_host is not None or options.min_delay_per_host > 0
    # a robots.txt may ask for a delay; Windows has no such locks, and each worker keeps its own
    if not (limits or options.robots_txt == "respect") or find_spec("fcntl") is None:
        return None
    number, path = mkstemp(prefix="img2dataset-hosts-")
    os.close(number)
    stack.callback(os.unlink, path)
    return path


def limits_of(options: Options, crew: Crew) -> list[str]:
    """What a cluster's workers cannot hold together."""
    most = options.max_connections_per_host
    if not crew.spread or most is None or most >= crew.workers:
        return []
    text = f"max_connections_per_host is {most}, but each of {crew.workers} workers needs one"
    return [f"{text}: a host may see up to {crew.workers} requests at once"]


def identity_of(source: Source, options: Options) -> Identity:
    return Identity(
        inputs=[asdict(file) for file in source.files],
        options=shaping_options(options),
    )


def work_of(options: Options) -> Work:
    """What can be started before the list is opened."""
    return Work(
        "img2dataset.worker:serve",
        options.processes_count,
        options.max_shard_retry,
        options.subjob_size,
    )


def job_options(options: Options, folder: Folder) -> Options:
    """What workers need to know: not the list, and a folder that does not depend on the cwd."""
    place: Any = folder.root if folder.local else folder.url
    return replace(options, url_list=None, output_folder=place)
