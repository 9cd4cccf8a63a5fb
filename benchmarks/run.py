"""Compare whole commands of ours, the old tool and a short script, in turn, on the same lists.

python -m benchmarks.run                          # the short cases and the mixes: half an hour
python -m benchmarks.run --photos FOLDER --rounds 3 --append TABLE.md
python -m benchmarks.run --photos FOLDER --cases mixes --before CHECKOUT/.venv/bin/python
python -m benchmarks.run --cases startup --old /path/to/old/bin/img2dataset

The mixes are made from the photos (see benchmarks/mixes.py).  *60-line script* is
benchmarks/peer.py, in the cases whose output it makes.  CPU and rates count every URL, also of an
image that a tool did not store; how many it stored is said beside.
"""

from __future__ import annotations

import argparse
import os
import platform
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import mixes, old_tool
from benchmarks.cases import CASES, GROUPS, Case, Outcome, Source, run_case, run_script
from benchmarks.errors import BenchmarkError
from benchmarks.photos import make_photos
from benchmarks.site import Site, serving
from benchmarks.table import Measured, Tool, remarks, table

OURS = (sys.executable, "-m", "img2dataset")
SCRIPT = (sys.executable, "-m", "benchmarks.peer")


def main(argv: Sequence[str] | None = None) -> int:
    arguments = parse(argv)
    try:
        measured = run(arguments)
    except BenchmarkError as error:
        print(error, file=sys.stderr)
        return 2
    given = [arguments.photos] if arguments.photos else []
    text = "\n".join([heading("benchmarks.run", *given), "", table(measured), "", *notes(measured)])
    print(text)
    if any(run.problem for one in measured for runs in one.runs.values() for run in runs):
        print("a run went wrong: nothing was added to the results", file=sys.stderr)
        return 1
    if arguments.append is not None:
        with arguments.append.open("a", encoding="utf-8") as file:
            file.write(f"\n{text}\n")
    return 0


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.run",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--photos", type=Path, help="folder of JPEGs (default: makes some)")
    parser.add_argument("--old", type=Path, help="the old tool's program (default: installs it)")
    parser.add_argument(
        "--before", type=Path, help="Python with another img2dataset, also compared"
    )
    parser.add_argument("--rounds", type=int, default=3, help="runs of each tool (default 3)")
    parser.add_argument("--urls", type=int, default=5000, help="URLs of a long case (5000)")
    parser.add_argument("--mix-urls", type=int, default=3000, help="URLs of a mix (3000)")
    parser.add_argument("--cases", nargs="+", choices=[*CASES, *GROUPS], default=[*GROUPS])
    parser.add_argument("--append", type=Path, metavar="FILE", help="add the table to FILE")
    mixes.add_arguments(parser)
    return parser.parse_args(argv)


def run(arguments: argparse.Namespace) -> list[Measured]:
    programs = {Tool.OURS: OURS, Tool.OLD: (str(old_tool.old_program(arguments.old)),)}
    if arguments.before is not None:
        # not resolved: it is the link in a venv that makes it the Python of that venv
        programs[Tool.BEFORE] = (str(arguments.before.absolute()), "-m", "img2dataset")
    programs[Tool.SCRIPT] = SCRIPT
    names = [case for name in arguments.cases for case in GROUPS.get(name, (name,))]
    with tempfile.TemporaryDirectory(prefix="img2dataset-bench-") as name, ExitStack() as stack:
        sites = Sites(arguments, Path(name), stack)
        return [
            rounds(CASES[case], programs, arguments=arguments, site=sites.of(CASES[case].source))
            for case in dict.fromkeys(names)
        ]


@dataclass(slots=True)
class Sites:
    """The servers of the sources, each started when a case first needs it."""

    arguments: argparse.Namespace
    folder: Path
    stack: ExitStack
    running: dict[Source, Site] = field(default_factory=dict)

    def of(self, source: Source) -> Site:
        if source not in self.running:
            place = self.folder / source.value
            place.mkdir()
            self.running[source] = self.stack.enter_context(serving(self.pictures(source), place))
        return self.running[source]

    def pictures(self, source: Source) -> Path:
        photos: Path | None = self.arguments.photos
        if photos is None:
            photos = self.folder / "made"
            if not photos.exists():
                make_photos(photos)
        if source is Source.PHOTOS:
            return photos
        given = self.arguments
        return mixes.make_mix(source.value, photos, given.files, seed=given.seed, cache=given.cache)


def rounds(
    case: Case,
    programs: Mapping[Tool, Sequence[str]],
    *,
    arguments: argparse.Namespace,
    site: Site,
) -> Measured:
    """Run ours, old, ours, old, ...: a disturbance of the machine hits all."""
    common = arguments.urls if case.source is Source.PHOTOS else arguments.mix_urls
    env = {**os.environ, **old_tool.ENVIRONMENT}
    outcomes: dict[Tool, list[Outcome]] = {
        tool: [] for tool in programs if tool is not Tool.SCRIPT or case.by_script
    }
    for n in range(1, arguments.rounds + 1):
        for tool, done in outcomes.items():
            runs = run_script if tool is Tool.SCRIPT else run_case
            with tempfile.TemporaryDirectory(prefix="img2dataset-run-") as place:
                outcome = runs(
                    case,
                    programs[tool],
                    count=case.urls or common,
                    site=site,
                    folder=Path(place),
                    env=env,
                )
                tell(f"{case.name}, round {n} of {arguments.rounds}, {tool.value}", outcome)
                if outcome.problem is not None:
                    print((Path(place) / "log.txt").read_text()[-2000:], file=sys.stderr)
            done.append(outcome)
    return Measured(case, outcomes)


def tell(what: str, outcome: Outcome) -> None:
    usage = outcome.usage
    print(
        f"{what}: {usage.wall:.1f} s, {outcome.images_per_second:.0f} images/s, "
        f"{1000 * outcome.cpu_per_image:.2f} ms CPU per image, "
        f"{usage.peak_memory / 1e6:.0f} MB, {outcome.successes} stored"
        + (f"  INVALID: {outcome.problem}" if outcome.problem else ""),
        file=sys.stderr,
        flush=True,
    )


def heading(module: str, *photos: Path) -> str:
    """Say when, where and how: what is needed to run it again, without paths of this machine."""
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    size = int(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9)
    machine = f"{processor()}, {os.cpu_count()} cores, {size} GB"
    system = f"Linux {platform.release()}, Python {platform.python_version()}"
    names = ", ".join(folder.resolve().name for folder in photos)
    lines = [
        f"## {now}, commit {commit()}",
        "",
        f"* Machine: {machine}; {system}",
        f"* Photos: {names or 'made by benchmarks/photos.py'}; old = {old_tool.RELEASE}",
        f"* Command: `python -m {module} {shlex.join(without_folders(sys.argv[1:]))}`",
    ]
    return "\n".join(lines)


def without_folders(arguments: Sequence[str]) -> list[str]:
    """Shorten each path to its last name: the folders above it mean nothing elsewhere."""
    return [Path(one).name if "/" in one else one for one in arguments]


def notes(measured: Sequence[Measured]) -> list[str]:
    rounds_done = len(measured[0].runs[Tool.OURS])
    taken = (
        f"Medians of {rounds_done} rounds, the tools in turn; "
        "in brackets: how many times better ours is."
    )
    return [taken, *(f"* {remark}" for remark in remarks(measured))]


def commit() -> str:
    git = ["git", "-C", str(Path(__file__).parent)]
    try:
        name = subprocess.run(
            [*git, "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True
        ).stdout.strip()
        changed = subprocess.run(
            [*git, "status", "--porcelain", "--", "../src"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return f"{name} with changes in src" if changed else name


def processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


if __name__ == "__main__":
    sys.exit(main())
