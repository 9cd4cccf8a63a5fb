"""A list, an output folder and options -> verdicts about this machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from img2dataset.doctor.disk import Probe, find_folder, measure_room, probe_disk
from img2dataset.doctor.machine import (
    find_native,
    measure_clock,
    measure_cores,
    measure_memory,
    measure_open_files,
)
from img2dataset.doctor.network import find_trusted, measure_dns, measure_proxy
from img2dataset.doctor.verdicts import (
    Verdict,
    judge_certificates,
    judge_clock,
    judge_cores,
    judge_disk_speed,
    judge_dns,
    judge_memory,
    judge_native,
    judge_open_files,
    judge_proxy,
    judge_room,
)
from img2dataset.errors import Img2datasetError
from img2dataset.failure_samples import find_host
from img2dataset.options import Options
from img2dataset.records import URL
from img2dataset.run.preflight import open_folder
from img2dataset.run.standard_input import save_standard_input
from img2dataset.sources import SourceConfig, close_tables, load_table, open_source
from img2dataset.text import plural

LOOKED_AT_ROWS = 10_000


@dataclass(frozen=True, slots=True)
class ListFacts:
    """What the beginning of a list tells."""

    hosts: tuple[str, ...] | None = None
    """None if there is no list that can be read."""
    rows: int | None = None
    """Of the whole list, counted or estimated."""
    verdict: Verdict | None = None


def examine(options: Options) -> Iterator[Verdict]:
    """Yield a verdict about each thing that a run needs, as they are measured.

    Args:
        options: those of the run; without url_list nothing is said of the list.
    """
    yield judge_cores(measure_cores(), options.processes_count)
    yield judge_memory(measure_memory(options))
    yield judge_open_files(measure_open_files(options))
    yield judge_native(find_native())
    found = look_at_list(options)
    if found.verdict is not None:
        yield found.verdict
    folder, problem = find_output(options)
    probe = None
    if problem is not None:
        yield problem
    if folder is not None:
        yield judge_room(measure_room(folder, options, found.rows))
        probe, problem = try_disk(folder, options)
        yield judge_disk_speed(probe.speed) if probe is not None else problem
    yield judge_clock(measure_clock(None if probe is None else probe.ahead_of_disk_s))
    yield judge_certificates(find_trusted(options))
    yield judge_proxy(measure_proxy())
    yield judge_dns(measure_dns(options, found.hosts))


def look_at_list(options: Options) -> ListFacts:
    """Read the beginning of the list."""
    if options.url_list is None:
        return ListFacts()
    try:
        with ExitStack() as stack:
            url_list = save_standard_input(options, stack)
            config = SourceConfig.of(options)
            source = open_source(url_list, config)
            shard = next(iter(source.shards(LOOKED_AT_ROWS)))
            urls = load_table(shard, config).column(URL).to_pylist()
            read = source.fraction_read()
            close_tables()
    except Img2datasetError as error:
        text = str(error)
        return ListFacts(verdict=Verdict("list", text, "mend the list or these options", (text,)))
    rows = source.rows_total() or (round(shard.count / read) if read else shard.count)
    about = "" if source.rows_total() else "about "
    hosts = dict.fromkeys(host for url in urls if url and (host := find_host(url)))
    facts = (
        f"{about}{plural(rows, 'row')}, {plural(len(hosts), 'host')} in the first {shard.count:,}"
    )
    return ListFacts(tuple(hosts), rows, Verdict("list", facts))


def find_output(options: Options) -> tuple[Path | None, Verdict | None]:
    """Find the folder to try on this machine; or say what is known of one in a store."""
    try:
        folder = open_folder(options)
        if folder.local:
            return find_folder(folder.root), None
        folder.names()
    except (Img2datasetError, OSError) as error:
        text = str(error)
        return None, Verdict("output", text, "check the address and the credentials", (text,))
    facts = f"{folder.url} can be listed; its speed is not measured"
    return None, Verdict("output", facts, private=(folder.url,))


def try_disk(folder: Path, options: Options) -> tuple[Probe | None, Verdict]:
    """Write to the disk; or say why that fails."""
    try:
        return probe_disk(folder, options), Verdict("disk speed", "")
    except OSError as error:
        facts = f"{folder}: {error.strerror or error}"
        advice = "use an output_folder that can be written"
        return None, Verdict("disk speed", facts, advice, (str(folder),))
