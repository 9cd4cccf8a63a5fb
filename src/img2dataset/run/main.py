"""A whole run: list -> shards -> workers -> report."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack

from img2dataset.dataset.plan import Plan, record
from img2dataset.dataset.replace import recover
from img2dataset.distributors import Workers, find_distributor
from img2dataset.formats import check_options
from img2dataset.job import Job
from img2dataset.options import Options
from img2dataset.records import Shard
from img2dataset.report import Report
from img2dataset.reports import Reporter, find_reporters, list_addresses
from img2dataset.run.account_keeper import AccountKeeper
from img2dataset.run.all_columns import name_all_columns
from img2dataset.run.ignored_options import drop_ignored_options
from img2dataset.run.index_kinds import add_kept_indexes, record_kept_indexes
from img2dataset.run.own_shards import check_apart, make_own_file_check
from img2dataset.run.preflight import (
    add_roots,
    check_url_schemes,
    find_capacity,
    find_refused_modes,
    find_unshared_limits,
    lock_folder,
    make_job,
    make_plan,
    make_work,
    open_folder,
    reserve_standard_streams,
)
from img2dataset.run.progress import RunProgress
from img2dataset.run.publication import Publication
from img2dataset.run.standard_input import save_standard_input
from img2dataset.sources import SourceConfig, open_source
from img2dataset.storage.folder import Folder
from img2dataset.storage.retry import try_once


def run(options: Options, reporters: Sequence[Reporter] | None = None) -> Report:
    """Do everything that is left to do of a dataset; see `img2dataset.download`."""
    reserve_standard_streams()
    if reporters is None:
        reporters = find_reporters(options)
    with ExitStack() as stack:
        for reporter in reporters:
            stack.callback(reporter.close)
        options, ignored = drop_ignored_options(options)
        check_options(options)
        check_url_schemes(options)
        distribute = find_distributor(options.distributor)
        url_list = save_standard_input(options, stack)
        workers = stack.enter_context(distribute(make_work(options)))
        folder = open_folder(options)
        is_own_file = make_own_file_check(folder, options)
        options, renamed = name_all_columns(options, url_list, is_own_file)
        ignored += renamed
        config = SourceConfig.of(options)
        source = open_source(url_list, config, is_own_file)
        check_apart(source, folder, options)
        run_lock = stack.enter_context(ExitStack())
        lock_folder(folder, options.part_of, run_lock, reporters)
        options = add_kept_indexes(options, folder)
        pool = workers.describe_pool()
        publication = Publication(folder, options, run_lock)
        plan = make_plan(source, folder, config, options, publication.retract)
        publication.set_plan(plan)
        record_kept_indexes(options, folder)
        refused_modes = find_refused_modes(source, folder, options)
        capacity = find_capacity(options, pool)
        keepers = [AccountKeeper(folder, options.part_of, capacity)] if stores(options) else []
        progress = RunProgress(
            source, plan, options, (*reporters, *keepers), refused_modes, capacity=capacity
        )
        if options.incremental_mode == "retry":
            add_candidates(progress, folder, plan)
        limits = find_unshared_limits(options, pool)
        served = list_addresses(reporters)
        progress.start(folder.url, [*served, *ignored, *source.notices, *limits])
        job = add_roots(make_job(options, config, folder, pool, stack), source)
        try:
            remaining = publication.retract_before(progress.find_remaining())
            errors = do_shards(workers, job, progress, remaining, folder)
            if pool.remote:
                errors = {**errors, **progress.find_unseen(folder)}
        except KeyboardInterrupt:
            progress.finish(folder.url, not_done=progress.find_begun(), interrupted=True)
            raise
        published = publication.publish()
        progress.notify(published.notices)
        return progress.finish(
            folder.url,
            not_done=sorted(errors),
            interrupted=False,
            images_before=progress.stored_images or has_images(folder, progress.shards_before()),
            dataset=published.tally,
        )


def stores(options: Options) -> bool:
    return options.output_format != "dummy"


def add_candidates(progress: RunProgress, folder: Folder, plan: Plan) -> None:
    """Let the run retry the rows that failed in shards that are done."""
    from img2dataset.retry.candidates import Candidates  # noqa: PLC0415  (few runs need it)

    candidates = Candidates(folder, plan.done, progress.name_shard)
    progress.complete(candidates, lambda: record(folder, plan))


def do_shards(
    workers: Workers, job: Job, progress: RunProgress, remaining: Iterator[Shard], folder: Folder
) -> dict[int, str]:
    """Have the workers do what is left to do; return the shards that were given up, and why."""
    try:
        return workers.run(job, remaining, progress.handle)
    finally:
        # by now the workers are gone
        try_once(lambda: clean_up(folder, alone=job.options.part_of[1] == 1))


def clean_up(folder: Folder, *, alone: bool) -> None:
    """Finish or remove what interrupted workers left."""
    if alone:
        recover(folder)
    folder.clear_parts()


def has_images(folder: Folder, names: Iterable[str]) -> bool:
    """Whether there is an image in any of these shards."""
    from img2dataset.dataset.stats import have_images  # noqa: PLC0415  (few runs have found none)

    return have_images(folder, names)
