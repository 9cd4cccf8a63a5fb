"""Compare whole commands of both tools, in turn, on the same lists.

python -m benchmarks.run                          # every short case, with photos it makes
python -m benchmarks.run --photos FOLDER --rounds 3 --append TABLE.md
python -m benchmarks.run --cases startup --old /path/to/old/bin/img2dataset
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
from datetime import datetime, timezone
from pathlib import Path

from benchmarks import old_tool
from benchmarks.cases import CASES, SHORT, Case, Outcome, run_case
from benchmarks.errors import BenchmarkError
from benchmarks.photos import make_photos
from benchmarks.site import Site, serving
from benchmarks.table import Measured, remarks, table

OURS = (sys.executable, "-m", "img2dataset")


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
    runs = [outcome for one in measured for outcome in (*one.ours, *one.old)]
    if any(outcome.problem for outcome in runs):
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
    parser.add_argument("--rounds", type=int, default=3, help="runs of each tool (default 3)")
    parser.add_argument("--urls", type=int, default=5000, help="URLs of a long case (5000)")
    parser.add_argument("--cases", nargs="+", choices=CASES, default=SHORT)
    parser.add_argument("--append", type=Path, metavar="FILE", help="add the table to FILE")
    return parser.parse_args(argv)


def run(arguments: argparse.Namespace) -> list[Measured]:
    old = [str(old_tool.old_program(arguments.old))]
    env = {**os.environ, **old_tool.ENVIRONMENT}
    with tempfile.TemporaryDirectory(prefix="img2dataset-bench-") as name:
        folder = Path(name)
        photos = arguments.photos
        if photos is None:
            photos = folder / "made"
            make_photos(photos)
        (folder / "site").mkdir()
        with serving(photos, folder / "site") as site:
            return [
                rounds(CASES[case], old, arguments=arguments, site=site, folder=folder, env=env)
                for case in arguments.cases
            ]


def rounds(
    case: Case,
    old: Sequence[str],
    *,
    arguments: argparse.Namespace,
    site: Site,
    folder: Path,
    env: Mapping[str, str],
) -> Measured:
    """Run ours, old, ours, old, ...: a disturbance of the machine hits both."""
    outcomes: dict[str, list[Outcome]] = {"ours": [], "old": []}
    for n in range(1, arguments.rounds + 1):
        for tool, program in (("ours", OURS), ("old", old)):
            with tempfile.TemporaryDirectory(dir=folder) as place:
                outcome = run_case(
                    case,
                    program,
                    count=case.urls or arguments.urls,
                    site=site,
                    folder=Path(place),
                    env=env,
                )
                tell(f"{case.name}, round {n} of {arguments.rounds}, {tool}", outcome)
                if outcome.problem is not None:
                    print((Path(place) / "log.txt").read_text()[-2000:], file=sys.stderr)
            outcomes[tool].append(outcome)
    return Measured(case, outcomes["ours"], outcomes["old"])


def tell(what: str, outcome: Outcome) -> None:
    usage = outcome.usage
    print(
        f"{what}: {usage.wall:.1f} s, {outcome.images_per_second:.0f} images/s, "
        f"{1000 * outcome.cpu_per_image:.2f} ms CPU per image, "
        f"{usage.peak_memory / 1e6:.0f} MB"
        + (f"  INVALID: {outcome.problem}" if outcome.problem else ""),
        file=sys.stderr,
        flush=True,
    )


def heading(module: str, *photos: Path) -> str:
    """Say when, where and how: what is needed to run it again, without paths of this machine."""
    now = datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
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
    rounds_done = len(measured[0].ours)
    taken = f"Medians of {rounds_done} rounds, ours and old in turn."
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
