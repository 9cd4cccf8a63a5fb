"""A folder of photos -> a folder of files as lists from the web have them: formats and sizes.

python -m benchmarks.mixes --photos FOLDER [--mixes mix laion thumbnails] [--files 1500] [--seed 1]

* *mix*: longest side 400 to 1600; 210 kB on average with ImageNet's photos.
* *laion*: the sizes that LAION-400M publishes (of 413M images, 26M have a side of 1024 or more,
  112M of 512 or more, 268M of 256 or more, so 35 % are smaller than 256); 102 kB on average.
* *thumbnails*: baseline JPEGs of 180 to 240 pixels.

The shares of formats are the same in the first two (FORMATS).  Every share is met to the file, and
sizes, qualities and sampling are spread evenly (`spread`), so that a mix of 300 files resembles one
of 1,500.  The same photos, seed and versions of Pillow and OpenCV make the same files.

A folder is made once, below `--cache`; its manifest.json tells the kind and size of each file.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

import cv2

from benchmarks.errors import BenchmarkError
from benchmarks.mix_pictures import Kind, Picture, Scenery, read_scenery, render

CACHE = Path(__file__).parent / ".mixes"
MANIFEST = "manifest.json"
FILES = 1500
VERSION = 1
"""Of the recipe; a new one makes new folders."""

FORMATS = {
    Kind.BASELINE: 0.60,
    Kind.PROGRESSIVE: 0.22,
    Kind.PNG_RGB: 0.04,
    Kind.PNG_RGBA: 0.03,
    Kind.PNG_PALETTE: 0.02,
    Kind.PNG_GREY: 0.01,
    Kind.WEBP: 0.05,
    Kind.GIF: 0.01,
    Kind.AVIF: 0.01,
    Kind.LARGE: 0.01,
}
SAMPLINGS = (("4:2:0", 0.65), ("4:4:4", 0.30), ("4:2:2", 0.05))
GREY = 0.03
QUALITIES = (75, 95)
RATIOS = (((4, 3), 0.45), ((3, 2), 0.30), ((1, 1), 0.15), ((16, 9), 0.10))
PORTRAIT = 0.3
LARGE_SIDE = 4000
PROCESSES = 2
PHOTO_SUFFIXES = {".jpg", ".jpeg"}

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Mix:
    """Formats with their shares, and classes of the longest side (least, most) with theirs."""

    formats: dict[Kind, float]
    sides: tuple[tuple[tuple[int, int], float], ...]


MIXES = {
    "mix": Mix(
        FORMATS, (((400, 511), 0.25), ((512, 799), 0.35), ((800, 1199), 0.25), ((1200, 1600), 0.15))
    ),
    "laion": Mix(
        FORMATS,
        (
            ((120, 255), 145 / 413),
            ((256, 511), 156 / 413),
            ((512, 1023), 86 / 413),
            ((1024, 1400), 26 / 413),
        ),
    ),
    "thumbnails": Mix({Kind.BASELINE: 1.0}, (((180, 240), 1.0),)),
}


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.mixes",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--photos", type=Path, required=True, help="folder of JPEGs")
    parser.add_argument("--mixes", nargs="+", choices=MIXES, default=[*MIXES])
    add_arguments(parser)
    given = parser.parse_args(argv)
    try:
        for name in given.mixes:
            folder = make_mix(name, given.photos, given.files, seed=given.seed, cache=given.cache)
            print(f"{folder}: {describe(folder)}")
    except BenchmarkError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that say which files a mix has and where it is kept."""
    parser.add_argument("--files", type=int, default=FILES, help=f"files of a mix ({FILES})")
    parser.add_argument("--seed", type=int, default=1, help="another seed, other files (1)")
    parser.add_argument("--cache", type=Path, default=CACHE, help="where mixes are kept")


# -- which files --


def plan(name: str, count: int, seed: int) -> list[Picture]:
    """Return what each of `count` files of the mix `name` is; the order is mixed."""
    mix = MIXES[name]
    chance = random.Random(f"{VERSION} {name} {seed} {count}")
    pictures = []
    for kind, files in shares(mix.formats, count).items():
        places = (spread(chance, files) for _ in range(6))
        pictures += [picture(kind, mix, place, chance) for place in zip(*places, strict=True)]
    chance.shuffle(pictures)
    return pictures


def picture(kind: Kind, mix: Mix, place: Sequence[float], chance: random.Random) -> Picture:
    """Choose one of a kind; `place` are its places among all of its kind, from 0 to 1."""
    size, ratio, turned, quality, sampling, colour = place
    longest = LARGE_SIDE if kind is Kind.LARGE else side_at(mix, size)
    long, short = choose(RATIOS, ratio)
    sides = longest, round(longest * short / long)
    width, height = sides[::-1] if turned < PORTRAIT else sides
    return Picture(
        kind=kind,
        width=width,
        height=height,
        quality=round(QUALITIES[0] + quality * (QUALITIES[1] - QUALITIES[0])),
        sampling=choose(SAMPLINGS, sampling),
        grey=kind.is_jpeg and colour < GREY,
        seed=chance.getrandbits(32),
    )


def shares(wanted: Mapping[Kind, float], count: int) -> dict[Kind, int]:
    """Divide `count` by shares that add up to 1; the largest remainders get what is left."""
    exact = {kind: share * count for kind, share in wanted.items()}
    given = {kind: int(number + 1e-9) for kind, number in exact.items()}
    by_rest = sorted(exact, key=lambda kind: given[kind] - exact[kind])
    for kind in by_rest[: count - sum(given.values())]:
        given[kind] += 1
    return given


def spread(chance: random.Random, count: int) -> list[float]:
    """Return numbers from 0 to 1, one of each of `count` equal parts, in random order."""
    numbers = [(part + chance.random()) / count for part in range(count)]
    chance.shuffle(numbers)
    return numbers


def side_at(mix: Mix, at: float) -> int:
    """Return the longest side of which a share `at` of the mix is smaller.

    Within a class small sides are the more frequent, as in published lists: the logarithm is
    spread evenly.
    """
    for (least, most), share in mix.sides:
        if at < share:
            return int(least * ((most + 1) / least) ** (at / share))
        at -= share
    return mix.sides[-1][0][1]


def choose(choices: Sequence[tuple[T, float]], at: float) -> T:
    """Return the choice at the place `at`, from 0 to 1, of choices with their shares."""
    for choice, share in choices:
        if at < share:
            return choice
        at -= share
    return choices[-1][0]


# -- making them --


def make_mix(name: str, photos: Path, count: int, *, seed: int, cache: Path) -> Path:
    """Return the folder of a mix; make it if `cache` does not have it."""
    paths = sorted(path for path in photos.iterdir() if path.suffix.lower() in PHOTO_SUFFIXES)
    folder = cache / f"{name}-{count}-{seed}-{fingerprint(paths)}"
    if not folder.exists():
        sys.stderr.write(f"making {count} files of the mix {name} in {folder} (once)\n")
        making = cache / f".{folder.name}-{os.getpid()}"
        making.mkdir(parents=True)
        write_files(making, plan(name, count, seed), read_scenery(paths))
        making.rename(folder)
    return folder


def fingerprint(photos: Sequence[Path]) -> str:
    """Return some letters for these photos and this recipe."""
    known = [[path.name, path.stat().st_size] for path in photos]
    return hashlib.sha256(json.dumps([VERSION, known]).encode()).hexdigest()[:8]


def write_files(folder: Path, pictures: Sequence[Picture], scenery: Scenery) -> None:
    """Write the files and the manifest."""
    cv2.setNumThreads(1)  # threads do not survive the fork
    jobs = {f"{number:05}.{made.kind.suffix}": made for number, made in enumerate(pictures)}
    by_size = sorted(jobs, key=lambda name: jobs[name].width * jobs[name].height)
    fork = get_context("fork")
    workers = [
        fork.Process(
            target=write_some,
            args=(folder, {name: jobs[name] for name in by_size[first::PROCESSES]}, scenery),
        )
        for first in range(PROCESSES)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if any(worker.exitcode for worker in workers):
        raise BenchmarkError("the mix could not be made; the reason is above")
    manifest = [
        {
            "name": name,
            **asdict(made),
            "kind": made.kind.value,
            "bytes": (folder / name).stat().st_size,
        }
        for name, made in jobs.items()
    ]
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=0))


def write_some(folder: Path, pictures: Mapping[str, Picture], scenery: Scenery) -> None:
    for name, made in pictures.items():
        (folder / name).write_bytes(render(made, scenery))


def read_manifest(folder: Path) -> list[dict[str, Any]]:
    """Return the name, kind, sides and bytes of each file of a mix."""
    files: list[dict[str, Any]] = json.loads((folder / MANIFEST).read_text())
    return files


def describe(folder: Path) -> str:
    files = read_manifest(folder)
    size = sum(file["bytes"] for file in files) / len(files) / 1000
    small = sum(max(file["width"], file["height"]) < 256 for file in files) / len(files)
    return f"{len(files)} files, {size:.0f} kB on average, {small:.0%} of them below 256 pixels"


if __name__ == "__main__":
    sys.exit(main())
