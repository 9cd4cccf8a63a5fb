"""Measure the image step on the mixes, by kind of file: its cost, and how close it comes.

python -m benchmarks.kinds --photos FOLDER [--mixes mix laion] [--files 1500] [--rounds 3]
python -m benchmarks.kinds --photos FOLDER --before CHECKOUT/.venv/bin/python
python -m benchmarks.kinds --photos FOLDER --only progressive --format png --files 300

Costs are CPU time of one process, the best of the rounds; in a round each step passes over
the files of a kind, in turn.  Beside the image stage stand bare codecs, which decode, resize (area
average, or Lanczos to enlarge), add the border, encode and do nothing else, and with `--before`
the image stage of another checkout.

Closeness is that of the pixels before the encode, to those of a full decode by OpenCV (JPEG:
libjpeg-turbo in simplejpeg; GIF and AVIF: Pillow) and OpenCV's resize, and with `--before` to
those of the other checkout.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import cv2

from benchmarks import mixes
from benchmarks.closeness import Ask, closeness_table
from benchmarks.errors import BenchmarkError
from benchmarks.mix_pictures import Kind
from benchmarks.run import heading
from benchmarks.stage import QUALITY, SIDE, STEPS

ROOT = Path(__file__).parent.parent
OURS, BEFORE = "image stage", "image stage before"
CLASSES = ((SIDE, "enlarged"), (512, "to 511"), (800, "to 799"), (1200, "to 1199"))
"""The longest side is below this in a class with this name."""
DIVIDED = (Kind.BASELINE.value, Kind.PROGRESSIVE.value)
"""Kinds of which every class is a group; the others are only divided into enlarged or not."""

Costs = Mapping[str, float | None]
"""Step -> CPU seconds for all files of a group; None if it cannot read one of them."""


def main(argv: Sequence[str] | None = None) -> int:
    given = parse(argv)
    cv2.setNumThreads(1)
    try:
        text = "\n".join([heading("benchmarks.kinds", given.photos), "", *report(given)])
    except BenchmarkError as error:
        print(error, file=sys.stderr)
        return 2
    print(text)
    if given.append is not None:
        with given.append.open("a", encoding="utf-8") as file:
            file.write(f"\n{text}\n")
    return 0


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.kinds",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--photos", type=Path, required=True, help="folder of JPEGs")
    parser.add_argument("--mixes", nargs="+", choices=mixes.MIXES, default=["mix", "laion"])
    parser.add_argument("--only", default="", help="only groups with this in their name")
    parser.add_argument("--before", type=Path, help="Python with another img2dataset")
    parser.add_argument("--format", choices=QUALITY, default="jpg", help="what is made (jpg)")
    parser.add_argument("--rounds", type=int, default=3, help="0 = no costs (3)")
    parser.add_argument("--no-closeness", action="store_true", help="only costs")
    parser.add_argument("--append", type=Path, metavar="FILE", help="add the tables to FILE")
    mixes.add_arguments(parser)
    return parser.parse_args(argv)


def report(given: argparse.Namespace) -> Iterator[str]:
    """Measure and return the lines of the report."""
    with ExitStack() as stack:
        stages = {OURS: stack.enter_context(stage_of(sys.executable))}
        if given.before is not None:
            # not resolved: it is the link in a venv that makes it the Python of that venv
            stages[BEFORE] = stack.enter_context(stage_of(str(given.before.absolute())))
        for name in given.mixes:
            folder = mixes.make_mix(
                name, given.photos, given.files, seed=given.seed, cache=given.cache
            )
            groups = {
                title: paths
                for title, paths in read_groups(folder).items()
                if given.only.lower() in title.lower()
            }
            yield from (f"{name}: {mixes.describe(folder)}", "")
            if given.rounds:
                costs = {
                    title: measure(paths, stages, given.format, given.rounds)
                    for title, paths in groups.items()
                }
                yield from (f"To {SIDE} with border, {given.format}; CPU ms per image:", "")
                yield from (*cost_table(groups, costs), "")
            if not given.no_closeness:
                yield from (*closeness_table(groups, stages.get(BEFORE)), "")


def read_groups(folder: Path) -> dict[str, list[Path]]:
    """Return the files of a mix by kind and size class."""
    found: dict[tuple[int, int, str], list[Path]] = defaultdict(list)
    order = [kind.value for kind in Kind]
    for file in mixes.read_manifest(folder):
        kind, longest = file["kind"], max(file["width"], file["height"])
        number = sum(longest >= below for below, _ in CLASSES)
        if kind not in DIVIDED:
            number = min(number, 1)
        found[order.index(kind), number, kind].append(folder / file["name"])
    return {name_group(kind, number): paths for (_, number, kind), paths in sorted(found.items())}


def name_group(kind: str, number: int) -> str:
    if kind in DIVIDED:
        return f"{kind}, {CLASSES[number][1] if number < len(CLASSES) else 'larger'}"
    return kind if number else f"{kind}, {CLASSES[0][1]}"


# -- what it costs --


@contextmanager
def stage_of(python: str) -> Iterator[Ask]:
    """Start `benchmarks.stage` with an interpreter; yield what asks it."""
    with subprocess.Popen(
        [python, "-m", "benchmarks.stage"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        to_stage, from_stage = process.stdin, process.stdout

        def ask(request: Mapping[str, Any]) -> Any:
            to_stage.write(f"{json.dumps(request)}\n")
            to_stage.flush()
            line = from_stage.readline()
            if not line:
                raise BenchmarkError(f"{python}: benchmarks.stage ended; it says why above")
            return json.loads(line)

        yield ask
        to_stage.close()


def measure(
    paths: Sequence[Path], stages: Mapping[str, Ask], encode_format: str, rounds: int
) -> Costs:
    """Return the least cost of each step, all of them in turn."""
    steps = {**{step: (stages[OURS], step) for step in STEPS}}
    if BEFORE in stages:
        steps[BEFORE] = (stages[BEFORE], OURS)
    request = {"format": encode_format, "paths": list(map(str, paths))}
    found: dict[str, list[float | None]] = defaultdict(list)
    for _ in range(rounds):
        for title, (ask, step) in steps.items():
            found[title].append(ask({"time": step, **request}))
    return {
        title: None if None in times else min(time for time in times if time is not None)
        for title, times in found.items()
    }


def cost_table(groups: Mapping[str, Sequence[Path]], costs: Mapping[str, Costs]) -> list[str]:
    """Return a line for each group, for each kind of several groups, for all that is enlarged,
    and for the whole mix."""
    steps = sorted(
        {step for one in costs.values() for step in one}, key=[OURS, BEFORE, *STEPS].index
    )
    lines = [
        f"| kind | files | kB | {' | '.join(steps)} | share of the whole |",
        f"|--|--:|--:|{'--:|' * len(steps)}--:|",
    ]
    whole = sum(one[OURS] or 0.0 for one in costs.values())
    for title, members in summaries(list(groups)).items():
        files = [path for member in members for path in groups[member]]
        size = sum(path.stat().st_size for path in files) / len(files) / 1000
        sums = {step: add([costs[member][step] for member in members]) for step in steps}
        cells = [
            "-" if seconds is None else f"{1000 * seconds / len(files):.2f}"
            for seconds in sums.values()
        ]
        share = (sums[OURS] or 0.0) / whole if whole else 0.0
        lines.append(f"| {title} | {len(files)} | {size:.0f} | {' | '.join(cells)} | {share:.1%} |")
    return lines


def summaries(titles: Sequence[str]) -> dict[str, list[str]]:
    """Return line -> the groups that it sums up; the groups come first."""
    lines = {title: [title] for title in titles}
    for kind in Kind:
        members = [title for title in titles if title.startswith(kind.value)]
        if len(members) > 1:
            lines[f"**{kind.value}**"] = members
    if enlarged := [title for title in titles if title.endswith(CLASSES[0][1])]:
        lines["**enlarged, all kinds**"] = enlarged
    lines["**all**"] = list(titles)
    return lines


def add(times: Sequence[float | None]) -> float | None:
    known = [time for time in times if time is not None]
    return sum(known) if len(known) == len(times) else None


if __name__ == "__main__":
    sys.exit(main())
