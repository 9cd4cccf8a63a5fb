"""A whole run: list -> shards -> workers -> report."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from tempfile import mkstemp
from typing import Any

from img2dataset.dataset.identity import Identity
from img2dataset.dataset.plan import Comparison, prepare, record
from img2dataset.dataset.replace import recover
from img2dataset.dataset.run_lock import acquire_run_lock
from img2dataset.distributors import (
    Work,
    WorkerPool,
    find_distributor,
)
from img2dataset.errors import MissingExtraError, OptionError
from img2dataset.formats import check_options, list_shard_names
from img2dataset.job import Job
from img2dataset.options import Options, shaping_options
from img2dataset.records import shard_name
from img2dataset.report import Report
from img2dataset.reports import Reporter, find_reporters
from img2dataset.run.ignored_options import taken_as_before
from img2dataset.run.list_changes import ListCheck, same_rows
from img2dataset.run.own_shards import check_apart, own_files
from img2dataset.run.progress import RunProgress
from img2dataset.run.standard_input import list_of
from img2dataset.sources import Source, SourceConfig, open_source
from img2dataset.storage.failures import one_line
from img2dataset.storage.folder import Folder, parts_name
from img2dataset.storage.retry import try_once
from img2dataset.storage.schemes import missing_library


def run(options: Options, reporters: Sequence[Reporter] | None = None) -> Report:
    """Do everything that is left to do of a dataset; see `img2dataset.download`."""
    fill_standard_files()
    if reporters is None:
        reporters = find_reporters(options)
    options, ignored = taken_as_before(options)
    with ExitStack() as stack:
        for reporter in reporters:
            stack.callback(reporter.close)
        distribute = find_distributor(options.distributor)
        url_list = list_of(options, stack)
        workers = stack.enter_context(distribute(work_of(options)))
        config = SourceConfig.of(options)
        check_options(options)
        folder = open_folder(options)
        source = open_source(url_list, config, own_files(folder, options))
        check_apart(source, folder, options)
        hold(folder, options.part_of, stack, lambda text: tell(reporters, text))
        crew = workers.crew()
        plan = prepare(
            folder,
            options.incremental_mode,
            identity_of(source, options),
            lambda name: list_shard_names(options.output_format, name),
            options.part_of,
            comparison=comparison_of(source, folder, config, options),
        )
        ledger = RunProgress(
            source, plan, options, reporters, refused_modes(source, folder, options)
        )
        if options.incremental_mode == "retry":
            from img2dataset.retry.candidates import Candidates  # noqa: PLC0415  (few runs need it)

            ledger.complete(
                Candidates(folder, plan.done, ledger.name_of), lambda: record(folder, plan)
            )
        ledger.start(folder.url, [*ignored, *source.notices, *limits_of(options, crew)])
        job = Job(
            job_options(options, folder),
            config,
            # a cluster's workers cannot share a file: each keeps to its part of the limits
            None if crew.spread else shared_file(options, stack),
            cores=crew.cores,
            sharers=crew.workers if crew.spread else 1,
            concurrent_attempts=crew.spread or options.part_of[1] > 1,
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
    from img2dataset.dataset.stats import have_images  # noqa: PLC0415  (few runs have found none)

    return have_images(folder, names)


def clear(folder: Folder, *, alone: bool) -> None:
    """Finish and remove what workers left that did not end by themselves."""
    if alone:
        recover(folder)
    folder.clear_parts()


def fill_standard_files() -> None:
    """Where standard files are closed (`2>&-`), give their numbers to nothing: else the
    first file we open gets one, and whatever is written there goes into it."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:  # noqa: PERF203  (three times in a run)
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # the lowest that is free


def open_folder(options: Options) -> Folder:
    """The output folder; nothing is written yet."""
    try:
        return Folder(options.output_folder, parts=parts_name(*options.part_of))
    except MissingExtraError as error:
        raise MissingExtraError("output_folder", error.package, error.extra) from error
    except ImportError as error:
        problem = missing_library(options.output_folder, error.name)
        raise OptionError(f"output_folder is {options.output_folder!r}: {problem}") from error
    except (OSError, ValueError) as error:  # no such file system, or it does not start
        raise OptionError(
            f"output_folder is {options.output_folder!r}: {one_line(error)}"
        ) from error


def tell(reporters: Sequence[Reporter], text: str) -> None:
    for reporter in reporters:
        reporter.notice(text)


def hold(
    folder: Folder, part_of: tuple[int, int], stack: ExitStack, say: Callable[[str], None]
) -> None:
    """Keep other runs out of the folder for as long as `stack` is open."""
    try:
        folder.make()
        alone = stack.enter_context(acquire_run_lock(folder, say, part_of))
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


def limits_of(options: Options, crew: WorkerPool) -> list[str]:
    """What a cluster's workers cannot hold together."""
    most = options.max_connections_per_host
    if not crew.spread or most is None or most >= crew.workers:
        return []
    text = f"max_connections_per_host is {most}, but each of {crew.workers} workers needs one"
    return [f"{text}: a host may see up to {crew.workers} requests at once"]


def refused_modes(source: Source, folder: Folder, options: Options) -> frozenset[str]:
    """Modes that nobody should be sent to: the same command, not in parts, is refused in them."""
    refused = set()
    for mode in ("retry", "overwrite"):
        try:
            asked = replace(options, incremental_mode=mode, part=None)
            check_apart(source, folder, asked)
        except OptionError:  # noqa: PERF203  (twice in a run)
            refused.add(mode)
    return frozenset(refused)


def comparison_of(
    source: Source, folder: Folder, config: SourceConfig, options: Options
) -> Comparison:
    """What is asked only of a dataset whose list has changed."""
    name_of = partial(shard_name, oom_shard_count=options.oom_shard_count)
    is_same = same_rows(folder, config, name_of)
    check = ListCheck(source, options.number_sample_per_shard, is_same)
    return Comparison(check.touched, name_of, accepted=options.accept_changed_list)


def identity_of(source: Source, options: Options) -> Identity:
    return Identity(
        inputs=[
            {"url": file.url, "size": file.size, "fingerprint": file.fingerprint}
            for file in source.files
        ],
        options=shaping_options(options),
    )


def work_of(options: Options) -> Work:
    """What can be started before the list is opened."""
    return Work(
        "img2dataset.worker.main:serve",
        options.processes_count,
        options.max_shard_retry,
        options.subjob_size,
    )


def job_options(options: Options, folder: Folder) -> Options:
    """What workers need to know: not the list, and a folder that does not depend on the cwd."""
    place: Any = folder.root if folder.local else folder.url
    return replace(options, url_list=None, output_folder=place)
