"""The cases of `benchmarks.run`: each is a list of URLs and the options that both tools get."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure import Usage, measure
from benchmarks.site import Site

TIMEOUT = 900.0


@dataclass(frozen=True, slots=True)
class Case:
    """A job for both tools."""

    name: str
    title: str
    urls: int | None
    """How many; None = as many as --urls says."""
    options: Mapping[str, str]


TWO_PROCESSES = {"processes_count": "2", "thread_count": "64", "number_sample_per_shard": "500"}
"""Shards of 500, so that two processes of the old tool, which share by shards, both have work."""

FEW_SHARDS = {**TWO_PROCESSES, "number_sample_per_shard": "50", "output_format": "webdataset"}
"""As TWO_PROCESSES, for fewer images that each take longer."""

CASES = {
    case.name: case
    for case in (
        Case(
            "full",
            "full pipeline: resize to 256 with border, jpg, webdataset; 2 processes x 64 threads",
            None,
            {"output_format": "webdataset", **TWO_PROCESSES},
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
        Case("png", "png", 400, {"encode_format": "png", "encode_quality": "6", **FEW_SHARDS}),
    )
}
SHORT = ("full", "network", "startup", "defaults")
"""What `benchmarks.run` does if it is not told."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One run of one tool."""

    urls: int
    successes: int
    usage: Usage
    working: float
    """Seconds from the start of the first shard to the end of the last (stats files)."""

    @property
    def problem(self) -> str | None:
        """The reason why the run does not count, if there is one."""
        if self.successes != self.urls:
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
        site.urls(count), case.options, program, folder=folder, env=env, helpers=[site.pid]
    )


def run_list(
    urls: Sequence[str],
    options: Mapping[str, str],
    program: Sequence[str],
    *,
    folder: Path,
    env: Mapping[str, str],
    helpers: Sequence[int],
) -> Outcome:
    """Run `program` on any list, like `run_case`; `helpers` are the processes that serve it."""
    url_list = folder / "list.txt"
    url_list.write_text("".join(f"{url}\n" for url in urls))
    output = folder / "output"
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
    )


def working_time(stats: Sequence[Mapping[str, float]]) -> float:
    if not stats:
        return 0.0
    started = min(shard["start_time"] for shard in stats)
    return max(shard["end_time"] for shard in stats) - started
