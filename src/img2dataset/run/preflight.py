"""What a run needs before its first shard: the folder, its lock, the plan, and what workers are told."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from tempfile import mkstemp
from typing import Any

from img2dataset.accounting.bottleneck import Capacity
from img2dataset.dataset.identity import Identity
from img2dataset.dataset.plan import Comparison, Plan, prepare
from img2dataset.dataset.run_lock import acquire_run_lock
from img2dataset.distributors import Work, WorkerPool
from img2dataset.errors import MissingExtraError, OptionError
from img2dataset.formats import check_options, list_index_names, list_shard_names
from img2dataset.job import Job
from img2dataset.options import Options, shaping_options
from img2dataset.options.url_schemes import list_object_schemes
from img2dataset.records import shard_name
from img2dataset.reports import Reporter
from img2dataset.run.list_changes import ListCheck, make_row_check
from img2dataset.run.own_shards import check_apart
from img2dataset.sources import Source, SourceConfig
from img2dataset.storage.failures import one_line
from img2dataset.storage.folder import Folder, parts_name
from img2dataset.storage.objects import check_scheme
from img2dataset.storage.schemes import missing_library
from img2dataset.worker.resources import available_cores, image_threads


def reserve_standard_streams() -> None:
    """Open the null device for each standard stream that is closed (`2>&-`).

    Else the first file that is opened gets its number, and what is written to the stream goes
    into that file.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
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


def check_url_schemes(options: Options) -> None:
    """Refuse a scheme of url_schemes that cannot be fetched here."""
    for scheme in list_object_schemes(options.allowed_schemes):
        problem = find_scheme_problem(scheme)
        if problem is not None:
            raise OptionError(f"url_schemes has {scheme!r}: {problem}")


def find_scheme_problem(scheme: str) -> str | None:
    """Say why URLs of a scheme cannot be fetched here; None if they can."""
    try:
        check_scheme(scheme)
    except MissingExtraError:
        raise
    except ImportError as error:
        return missing_library(f"{scheme}://", error.name)
    except ValueError as error:
        return str(error)
    return None


def add_roots(job: Job, source: Source) -> Job:
    """Let the workers fetch the images of a list that is a folder."""
    if job.source.base_format != "folder":
        return job
    from img2dataset.sources.image_folder import list_roots  # noqa: PLC0415  (few lists)

    return replace(job, roots=list_roots(source.files))


def lock_folder(
    folder: Folder, part_of: tuple[int, int], stack: ExitStack, reporters: Sequence[Reporter]
) -> None:
    """Keep other runs out of the folder for as long as `stack` is open."""

    def notify(text: str) -> None:
        for reporter in reporters:
            reporter.notice(text)

    try:
        folder.make()
        alone = stack.enter_context(acquire_run_lock(folder, notify, part_of))
    except OSError as error:
        raise OptionError(
            f"output_folder is {folder.url!r}: it cannot be written ({error.strerror or error})"
        ) from error
    if not alone:
        raise OptionError(
            f"output_folder is {folder.url!r}: another run is writing there; wait for its end, "
            "or use another folder"
        )


def make_shared_file(options: Options, stack: ExitStack) -> str | None:
    """Make the file by which workers keep to a limit together, if there is a limit for each host.

    `stack` removes it.
    """
    limits = options.max_connections_per_host is not None or options.min_delay_per_host > 0
    # a robots.txt may ask for a delay; Windows has no such locks, and each worker keeps its own
    if not (limits or options.robots_txt == "respect") or find_spec("fcntl") is None:
        return None
    number, path = mkstemp(prefix="img2dataset-hosts-")
    os.close(number)
    stack.callback(os.unlink, path)
    return path


def find_unshared_limits(options: Options, pool: WorkerPool) -> list[str]:
    """Name the limits for a host that the workers of a cluster cannot keep to together."""
    limit = options.max_connections_per_host
    if not pool.remote or limit is None or limit >= pool.workers:
        return []
    text = f"max_connections_per_host is {limit}, but each of {pool.workers} workers needs one"
    return [f"{text}: a host may see up to {pool.workers} requests at once"]


def find_refused_modes(source: Source, folder: Folder, options: Options) -> frozenset[str]:
    """Find the modes that a report must not recommend: in them the same command is refused."""
    refused = set()
    for mode in ("retry", "overwrite"):
        try:
            asked = replace(options, incremental_mode=mode, part=None)
            check_options(asked)
            check_apart(source, folder, asked)
        except OptionError:
            refused.add(mode)
    return frozenset(refused)


def make_plan(
    source: Source,
    folder: Folder,
    config: SourceConfig,
    options: Options,
    before_change: Callable[[], None],
) -> Plan:
    """Compare the list and the options with what is stored; say which shards are done.

    `before_change` is called before a shard that is done is removed.
    """
    return prepare(
        folder,
        options.incremental_mode,
        make_identity(source, options),
        partial(list_possible_names, options),
        options.part_of,
        comparison=make_comparison(source, folder, config, options),
        before_change=before_change,
    )


def list_possible_names(options: Options, name: str) -> Sequence[str]:
    """List what an interrupted run may have left of the shard `name`.

    A file such as 2024.json, which is named as an index of no shard of this dataset, is not ours.
    """
    names = list_shard_names(options.output_format, name)
    if shard_name(int(name), options.oom_shard_count) != name:
        return names
    # first: an index is not left without its tar
    return (*list_index_names(options.output_format, name), *names)


def make_comparison(
    source: Source, folder: Folder, config: SourceConfig, options: Options
) -> Comparison:
    """Make the comparison that is carried out only if the list has changed."""
    name_of = partial(shard_name, oom_shard_count=options.oom_shard_count)
    is_same = make_row_check(folder, config, name_of)
    is_shuffled = options.shuffle is not None
    check = ListCheck(source, options.number_sample_per_shard, is_same, is_shuffled)
    return Comparison(check.touched, name_of, accepted=options.accept_changed_list)


def make_identity(source: Source, options: Options) -> Identity:
    return Identity(
        inputs=[
            {"url": file.url, "size": file.size, "fingerprint": file.fingerprint}
            for file in source.files
        ],
        options=shaping_options(options),
    )


def make_work(options: Options) -> Work:
    """Say what can be started before the list is opened."""
    return Work(
        "img2dataset.worker.main:serve",
        options.processes_count,
        options.max_shard_retry,
        options.subjob_size,
    )


def make_job(
    options: Options, config: SourceConfig, folder: Folder, pool: WorkerPool, stack: ExitStack
) -> Job:
    """Make what all workers are started with; it depends neither on the list nor on the cwd."""
    output_folder: Any = folder.root if folder.local else folder.url
    return Job(
        replace(options, url_list=None, output_folder=output_folder),
        config,
        # a cluster's workers cannot share a file: each keeps to its part of the limits
        None if pool.remote else make_shared_file(options, stack),
        cores=pool.cores,
        host_limit_share=pool.workers if pool.remote else 1,
        concurrent_attempts=pool.remote or options.part_of[1] > 1,
    )


def find_capacity(options: Options, pool: WorkerPool) -> Capacity:
    """Find what all workers have to work with."""
    cores = pool.cores or available_cores() / pool.workers
    threads = image_threads(options, pool.cores)
    return Capacity(pool.workers, threads, options.thread_count, cores)
