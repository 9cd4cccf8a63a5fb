"""The cases of `benchmarks.run`: each is a list of URLs and the options that both tools get."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from benchmarks.measure import Usage, measure
from benchmarks.site import Site

TIMEOUT = 900.0
PICTURES = (".jpg", ".png", ".webp")
"""Names of images in tar files end with these."""


class Source(Enum):
    """What a case downloads: the photos that were given, or a mix of `benchmarks.mixes`."""

    PHOTOS = "photos"
    MIX = "mix"
    LAION = "laion"
    THUMBNAILS = "thumbnails"


@dataclass(frozen=True, slots=True)
class Case:
    """A job for all tools."""

    name: str
    title: str
    urls: int | None
    """How many; None = as many as --urls or --mix-urls says."""
    options: Mapping[str, str]
    source: Source = Source.PHOTOS
    by_script: bool = False
    """Whether `benchmarks.peer` does the same: 256 with border, jpg."""

    @property
    def least_stored(self) -> float:
        """The share of the images without which a run does not count.

        A mix has formats that a tool may not know; how many were stored is in the table.
        """
        return 1.0 if self.source is Source.PHOTOS else 0.95


TWO_PROCESSES = {"processes_count": "2", "thread_count": "64", "number_sample_per_shard": "500"}
"""Shards of 500, so that two processes of the old tool, which share by shards, both have work."""

FEW_SHARDS = {**TWO_PROCESSES, "number_sample_per_shard": "50", "output_format": "webdataset"}
"""As TWO_PROCESSES, for fewer images that each take longer."""

MIXED = {**TWO_PROCESSES, "output_format": "webdataset"}
DATACOMP = {
    "image_size": "512",
    "resize_mode": "keep_ratio_largest",
    "resize_only_if_bigger": "True",
    "skip_reencode": "True",
}
PNG = {"encode_format": "png", "encode_quality": "6"}

CASES = {
    case.name: case
    for case in (
        Case(
            "full",
            "full pipeline: resize to 256 with border, jpg, webdataset; 2 processes x 64 threads",
            None,
            MIXED,
            by_script=True,
        ),
        Case(
            "network",
            "network only: no re-encoding, dummy output; 2 processes x 64 threads",
            None,
            {"output_format": "dummy", "disable_all_reencoding": "True", **TWO_PROCESSES},
        ),
        Case("startup", "start-up: 10 images, every default", 10, {"output_format": "webdataset"}),
        Case(
            "defaults",
            "full pipeline with every default: one process, 256 threads, webdataset",
            None,
            {"output_format": "webdataset"},
        ),
        Case(
            "few",
            "a few hundred: 256 with border, jpg (for --photos with large ones)",
            400,
            FEW_SHARDS,
        ),
        Case(
            "crop512",
            "center_crop to 512, jpg",
            400,
            {"image_size": "512", "resize_mode": "center_crop", **FEW_SHARDS},
        ),
        Case(
            "keep512",
            "keep_ratio to 512, jpg",
            400,
            {"image_size": "512", "resize_mode": "keep_ratio", **FEW_SHARDS},
        ),
        Case("webp", "webp", 400, {"encode_format": "webp", **FEW_SHARDS}),
        Case("png", "png", 400, {**PNG, **FEW_SHARDS}),
        Case("laion", "laion, 256 with border", None, MIXED, Source.LAION, by_script=True),
        Case("mix", "mix, 256 with border", None, MIXED, Source.MIX, by_script=True),
        Case(
            "laion-datacomp", "laion, the DataComp way", None, {**DATACOMP, **MIXED}, Source.LAION
        ),
        Case("mix-datacomp", "mix, the DataComp way", None, {**DATACOMP, **MIXED}, Source.MIX),
        Case("mix-png", "mix, 256 with border, png of level 6", None, {**PNG, **MIXED}, Source.MIX),
        Case(
            "mix-webp",
            "mix, 256 with border, webp",
            None,
            {"encode_format": "webp", **MIXED},
            Source.MIX,
        ),
        Case(
            "thumbnails",
            "thumbnails of 180 to 240 pixels, to 256 with border",
            None,
            MIXED,
            Source.THUMBNAILS,
            by_script=True,
        ),
    )
}
GROUPS = {
    "short": ("full", "network", "startup", "defaults"),
    "mixes": tuple(case.name for case in CASES.values() if case.source is not Source.PHOTOS),
}
"""Names for several cases; `benchmarks.run` does these if it is not told."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One run of one tool."""

    urls: int
    successes: int
    usage: Usage
    working: float
    """Seconds from the start of the first shard to the end of the last (stats files); 0 = unknown."""
    picture_bytes: int = 0
    """Of all images stored in tar files."""
    least_stored: float = 1.0

    @property
    def problem(self) -> str | None:
        """The reason why the run does not count, if there is one."""
        if self.successes < self.least_stored * self.urls:
            return f"{self.successes} successes of {self.urls} (exit code {self.usage.exit_code})"
        if self.usage.exit_code != 0:
            return f"exit code {self.usage.exit_code}"
        return None

    @property
    def images_per_second(self) -> float:
        return self.urls / self.usage.wall

    @property
    def images_per_second_working(self) -> float:
        return self.urls / self.working if self.working > 0 else 0.0

    @property
    def cpu_per_image(self) -> float:
        return self.usage.cpu / self.urls

    @property
    def bytes_per_picture(self) -> float:
        return self.picture_bytes / max(1, self.successes)


def run_case(
    case: Case,
    program: Sequence[str],
    *,
    count: int,
    site: Site,
    folder: Path,
    env: Mapping[str, str],
) -> Outcome:
    """Run `program` on `case` in the empty `folder`, which keeps the last lines of its log."""
    return run_list(
        site.urls(count),
        case.options,
        program,
        folder=folder,
        env=env,
        helpers=[site.pid],
        least_stored=case.least_stored,
    )


def run_list(
    urls: Sequence[str],
    options: Mapping[str, str],
    program: Sequence[str],
    *,
    folder: Path,
    env: Mapping[str, str],
    helpers: Sequence[int],
    least_stored: float = 1.0,
) -> Outcome:
    """Run `program` on any list, like `run_case`; `helpers` are the processes that serve it."""
    url_list, output = folder / "list.txt", folder / "output"
    url_list.write_text("".join(f"{url}\n" for url in urls))
    given = {"url_list": str(url_list), "output_folder": str(output), **options}
    flags = [word for name, value in given.items() for word in (f"--{name}", value)]
    usage = measure(
        [*program, *flags], env=env, log=folder / "log.txt", timeout=TIMEOUT, helpers=helpers
    )
    stats = [json.loads(path.read_text()) for path in output.glob("*_stats.json")]
    return Outcome(
        urls=len(urls),
        successes=sum(shard["successes"] for shard in stats),
        usage=usage,
        working=working_time(stats),
        picture_bytes=sum(stored_sizes(output)),
        least_stored=least_stored,
    )


def run_script(
    case: Case,
    program: Sequence[str],
    *,
    count: int,
    site: Site,
    folder: Path,
    env: Mapping[str, str],
) -> Outcome:
    """Run `benchmarks.peer`, which has no options and writes no stats, like `run_case`."""
    url_list, output = folder / "list.txt", folder / "output"
    url_list.write_text("".join(f"{url}\n" for url in site.urls(count)))
    output.mkdir()
    usage = measure(
        [*program, str(url_list), str(output)],
        env=env,
        log=folder / "log.txt",
        timeout=TIMEOUT,
        helpers=[site.pid],
    )
    sizes = stored_sizes(output)
    return Outcome(
        urls=count,
        successes=len(sizes),
        usage=usage,
        working=0.0,
        picture_bytes=sum(sizes),
        least_stored=case.least_stored,
    )


def stored_sizes(output: Path) -> list[int]:
    """Return the bytes of each image in the tar files of a folder."""
    sizes = []
    for path in output.glob("*.tar"):
        with tarfile.open(path) as tar:
            sizes += [member.size for member in tar if member.name.endswith(PICTURES)]
    return sizes


def working_time(stats: Sequence[Mapping[str, float]]) -> float:
    if not stats:
        return 0.0
    started = min(shard["start_time"] for shard in stats)
    return max(shard["end_time"] for shard in stats) - started
