"""A list and the options of a run -> an `Estimate` of that run."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

from img2dataset.dataset.identity import Identity, Section
from img2dataset.errors import OptionError
from img2dataset.estimation.conclude import Setting, conclude
from img2dataset.estimation.findings import Estimate
from img2dataset.estimation.sample_run import run_sample
from img2dataset.estimation.survey import survey_list
from img2dataset.formats import check_options
from img2dataset.insight.survival import list_published
from img2dataset.options import FETCH_COLUMNS, Options
from img2dataset.options.checks import make_plain
from img2dataset.recipes.command import format_command
from img2dataset.run.all_columns import name_all_columns
from img2dataset.run.ignored_options import drop_ignored_options
from img2dataset.run.own_shards import make_own_file_check
from img2dataset.run.preflight import check_url_schemes, open_folder, reserve_standard_streams
from img2dataset.run.standard_input import save_standard_input
from img2dataset.sources import Source, SourceConfig, open_source
from img2dataset.storage.folder import Folder

MIN_SAMPLE = 1


def estimate_list(
    given: Mapping[str, Any], sample: Any, seed: Any, say: Callable[[str], None]
) -> Estimate:
    """Fetch a random sample of a list, store nothing, and say what all of it would give.

    Args:
        given: options of a run, by name; url_list is one of them.
        sample: rows to fetch.
        seed: the same list, sample and seed give the same rows.
        say: takes lines for the user.

    Raises:
        OptionError: an option, or the list, cannot be used.
        SourceError: the list became unreadable.
        RunError: workers do not start.
    """
    sample, seed = make_plain(sample, "int"), make_plain(seed, "int")
    check_number("sample", sample, MIN_SAMPLE)
    check_number("seed", seed, 0)
    options = Options(**given)
    reserve_standard_streams()
    options, _ = drop_ignored_options(options)
    check_options(options)
    check_url_schemes(options)
    with ExitStack() as stack:
        url_list = save_standard_input(options, stack)
        folder = open_folder(options)
        is_own_file = make_own_file_check(folder, options)
        options, _ = name_all_columns(options, url_list, is_own_file)
        options = drop_measured_columns(options)
        config = SourceConfig.of(options)
        source = open_source(url_list, config, is_own_file)
        say("reading the list")
        survey = survey_list(source, config, sample, seed)
        say(f"fetching {survey.sample.num_rows:,} of {survey.rows:,} rows")
        run = run_sample(survey.sample, (source, config), options, say)
    inputs = [{"url": file.url} for file in source.files]
    setting = Setting(
        options,
        seed,
        find_free_bytes(folder),
        list_published(options.output_folder, [Section(0, Identity(inputs, {}))]),
        make_command(given, source),
        (*source.notices, *source.findings()),
    )
    return conclude(survey, run, setting)


def check_number(name: str, value: Any, least: int) -> None:
    """Refuse what is no whole number, or too small a one.

    Raises:
        OptionError: it is.
    """
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise OptionError(f"{name} is {value!r}: it must be an int of {least} or more")


def drop_measured_columns(options: Options) -> Options:
    """Leave out columns of the list that have the names of what is measured of each row."""
    columns = options.save_additional_columns
    if columns is None:
        return options
    kept = [name for name in columns if name not in FETCH_COLUMNS]
    return replace(options, save_additional_columns=kept)


def find_free_bytes(folder: Folder) -> int | None:
    """Return the room on the disk of the output folder; None if it is in a store."""
    if not folder.local:
        return None
    place = Path(folder.root).absolute()
    there = next(each for each in (place, *place.parents) if each.exists())
    return shutil.disk_usage(there).free


def make_command(given: Mapping[str, Any], source: Source) -> str:
    """Write the command of the run; empty for a list that is in memory."""
    is_in_memory = any(file.url.startswith("<") for file in source.files)
    url_list = given["url_list"]
    if is_in_memory and not isinstance(url_list, str):
        return ""
    named = url_list if isinstance(url_list, str) else list(map(str, listed(url_list)))
    return format_command({**given, "url_list": named})


def listed(locations: Any) -> Iterable[Any]:
    """Return one location, or several, as several."""
    return [locations] if isinstance(locations, PathLike) else locations
