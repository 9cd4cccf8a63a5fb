"""Hostile bytes -> the compiled modules, built with the address and undefined-behaviour sanitizers.

python -m tests.fuzz.compiled [--seconds 1200] [--seed 0]    (`make fuzz-compiled`)

Needs gcc.  The modules are compiled with the flags of production, once as this processor runs
them and once as those without AVX2 do.  Any access out of bounds, overflow or leak of a buffer
ends the run with the sanitizer's report; else it prints how many inputs were tried.  A mutation
is a cut, a changed byte, a moved piece, or a forged length in one of many small JPEGs, or changed
filters, sizes and colours of the rows of a small PNG.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import pickle
import random
import re
import subprocess
import sys
import sysconfig
import tempfile
import time
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

from tests.fuzz.png_rows import make_png_seeds, try_png

ROOT = Path(__file__).parents[2]
FLAGS = [
    "-g", "-shared", "-fPIC", "-fno-omit-frame-pointer", "-Wno-psabi",
    "-fsanitize=address,undefined", "-fno-sanitize-recover=all",
]  # fmt: skip
"""Added to those of production."""
BUILDS = {"wide": [], "narrow": ["-DIMG2DATASET_NARROW"]}
"""How has_wide() answers -> more flags."""
BUILT = "IMG2DATASET_FUZZED"
"""Set in the process that runs with the sanitizer: the folder with what it needs.  It imports
nothing large: OpenCV does not load there."""


def build(folder: Path) -> None:
    include = sysconfig.get_paths()["include"]
    running = []
    for extension in read_extensions():
        for name, more in BUILDS.items():
            flags = [*extension["extra-compile-args"], *FLAGS, *more, f"-I{include}"]
            made = folder / f"{extension['name'].rpartition('.')[2]}-{name}.so"
            command = ["gcc", *flags, *extension["sources"], "-o", str(made)]
            running.append(subprocess.Popen(command, cwd=ROOT))
    codes = [process.wait() for process in running]
    if any(codes):
        sys.exit("gcc failed")
    (folder / "seeds").write_bytes(pickle.dumps(make_seeds()))
    (folder / "png_seeds").write_bytes(pickle.dumps(make_png_seeds()))


def read_extensions() -> list[dict[str, Any]]:
    """Read how pyproject.toml builds the compiled modules."""
    text = (ROOT / "pyproject.toml").read_text()
    found: list[dict[str, Any]] = tomllib.loads(text)["tool"]["setuptools"]["ext-modules"]
    return found


def find_sanitizer() -> str:
    found = subprocess.run(
        ["gcc", "-print-file-name=libasan.so"], check=True, capture_output=True, text=True
    )
    return found.stdout.strip()


def load(folder: Path, module_name: str) -> list[ModuleType]:
    """The module as it was built in each way."""
    return [load_one(module_name, folder / f"{module_name}-{name}.so") for name in BUILDS]


def load_one(module_name: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(module_name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def make_seeds() -> list[tuple[bytes, int, int, int]]:
    """Make JPEGs of every kind that the module knows: the bytes, channels, width, height."""
    import numpy as np  # noqa: PLC0415  (see BUILT)
    import simplejpeg  # noqa: PLC0415

    from tests.unit.images.made import saved, smooth  # noqa: PLC0415

    made = []
    for width, height in [(8, 8), (40, 33), (67, 21), (130, 90)]:
        photo = smooth(width, height)
        noise = np.random.default_rng(width).integers(0, 256, photo.shape, np.uint8)
        for pixels in (photo, noise):
            for quality in (3, 75, 100):
                made += [
                    (bytes(simplejpeg.encode_jpeg(pixels, quality, "BGR", kind)), 3, width, height)
                    for kind in ("444", "422", "420", "440", "411")
                ]
                more = {"quality": quality, "optimize": True, "restart_marker_blocks": 2}
                made.append((saved(pixels, "JPEG", **more), 3, width, height))
                made.append((saved(pixels, "JPEG", progressive=True, **more), 3, width, height))
                made.append((saved(pixels[:, :, 0].copy(), "JPEG", **more), 1, width, height))
    return made + make_scan_seeds()


def make_scan_seeds() -> list[tuple[bytes, int, int, int]]:
    """Make JPEGs of several scans, by every kind of script: of spectral selection, successive
    approximation, components apart, restarts, short codes and long ones."""
    import numpy as np  # noqa: PLC0415  (see BUILT)

    from tests.pictures import scans  # noqa: PLC0415
    from tests.unit.images.made import smooth  # noqa: PLC0415

    made = []
    for width, height in [(8, 8), (40, 33), (67, 21)]:
        photo = smooth(width, height)
        noise = np.random.default_rng(width).integers(0, 256, photo.shape, np.uint8)
        for factors in ([(1, 1)], [(1, 1)] * 3, [(2, 2), (1, 1), (1, 1)], [(2, 1), (2, 1), (1, 1)]):
            count = len(factors)
            scripts = [
                scans.libjpeg_script(count),
                scans.fine_script(count),
                scans.sequential(*[(i,) for i in range(count)]),
            ]
            made += [
                (
                    scans.encode_scans(
                        pixels[:, :, :count], factors, script, restart=restart, code_bits=code_bits
                    ),
                    count,
                    width,
                    height,
                )
                for pixels, code_bits in ((photo, 8), (noise, 12))
                for script in scripts
                for restart in (0, 3)
            ]
    return made


def damage(data: bytes, rng: random.Random) -> bytes:
    """Damage `data` in up to four places, most of them near the beginning."""
    kept = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at = int(rng.random() ** rng.choice([1, 3]) * len(kept))
        match rng.randrange(5):
            case 0:
                del kept[at:]
            case 1:
                kept[at : at + 1] = bytes([rng.choice([0, 1, 0x7F, 0xFF, rng.randrange(256)])])
            case 2:
                piece = kept[at : at + rng.randint(1, 200)]
                to = rng.randrange(len(kept) + 1)
                kept[to:to] = piece
            case 3:
                del kept[at : at + rng.randint(1, 60)]
            case _:
                marker = kept.find(b"\xff", at)
                kept[marker + 2 : marker + 4] = rng.randrange(65536).to_bytes(2, "big")
        if not kept:
            break
    return bytes(kept)


def damage_scans(data: bytes, rng: random.Random) -> bytes:
    """Damage the headers of scans, or leave a scan out, or take one twice."""
    starts = [found.start() for found in re.finditer(b"\xff\xda", data)]
    if not starts:
        return data
    kept = bytearray(data)
    at, other = rng.choice(starts), rng.choice([*starts, len(data) - 2])
    match rng.randrange(3):
        case 0:
            end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
            kept[rng.randrange(at + 4, end)] = rng.choice([0, 1, 2, 5, 6, 62, 63, 64, 0x10, 0x21])
        case 1:
            del kept[min(at, other) : max(at, other)]
        case _:
            kept[at:at] = data[min(at, other) : max(at, other)]
    return bytes(kept)


def fuzz(folder: Path, *, seconds: float, seed: int) -> tuple[int, int]:
    """Return how many files were tried, and how many of them gave an image."""
    rng = random.Random(seed)
    jpeg, area = load(folder, "_jpeg"), load(folder, "_area")
    png = load(folder, "_png")
    lanczos = load(folder, "_lanczos")
    png_filters = load(folder, "_png_filters")
    good = pickle.loads((folder / "seeds").read_bytes())
    rows_of_pngs = pickle.loads((folder / "png_seeds").read_bytes())
    tried = done = 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        tried += 1
        done += try_jpeg(rng.choice(jpeg), rng.choice(good), rng)
        try_png(rng.choice(png), rng.choice(rows_of_pngs), rng)
        if tried % 10 == 0:
            try_area(rng.choice(area), rng)
            try_lanczos(rng.choice(lanczos), rng)
            try_png_filters(rng.choice(png_filters), rng)
    return tried, done


def try_jpeg(module: ModuleType, good: tuple[bytes, int, int, int], rng: random.Random) -> bool:
    data, channels, width, height = good
    if rng.random() < 0.3:
        data = damage_scans(data, rng)
    if rng.random() < 0.9:
        data = damage(data, rng)
    small = rng.randint(1, width), rng.randint(1, height)
    out = bytearray(small[0] * small[1] * channels)
    module.has_plain_header(data)
    module.prove_whole(data)
    module.find_pixels_end(data, True)
    module.find_pixels_end(data, False)
    return bool(module.shrink(out, data, channels, width, height, *small))


def try_area(module: ModuleType, rng: random.Random) -> None:
    """Pixels of any size; some calls promise sizes that the buffers do not have."""
    channels, width, height = rng.choice([1, 3]), rng.randint(1, 300), rng.randint(1, 60)
    small = rng.randint(1, height), rng.randint(1, width)
    source, out = (
        rng.randbytes(width * height * channels),
        bytearray(small[0] * small[1] * channels),
    )
    sizes = [height, width, *small, channels]
    module.shrink(out, source, *sizes)
    sizes[rng.randrange(5)] = rng.choice([-1, 0, 2, 4, 301, 2**31 - 1])
    try:
        module.shrink(out, source, *sizes)
    except ValueError:
        return


def try_lanczos(module: ModuleType, rng: random.Random) -> None:
    """Pixels of any size, with gaps of whole rows; some calls get what is no image."""
    channels = rng.choice([1, 3, 4])
    source, out = make_rows(channels, rng), make_rows(channels, rng)
    module.resize(out, source)
    flat = memoryview(bytearray(rng.randint(0, 99)))
    other = make_rows(channels % 4 + 1, rng)
    for wrong in (flat, flat[::-1], other, source.tobytes()):
        try:
            module.resize(*rng.choice([(wrong, source), (out, wrong)]))
        except (ValueError, BufferError):
            continue
        raise AssertionError(f"taken for an image of {channels} channels: {wrong!r}")


def make_rows(channels: int, rng: random.Random) -> memoryview:
    """Make an image whose rows may lie apart, or in the opposite order.  (Without numpy: see
    BUILT.)"""
    height, width = (rng.choice([rng.randint(1, 9), rng.randint(1, 300)]) for _ in range(2))
    step = rng.choice([1, 1, 2, 3, -1, -2])
    rows = (height - 1) * abs(step) + 1
    shape = (rows, width, channels) if channels > 1 else (rows, width)
    data = bytearray(rng.randbytes(rows * width * channels))
    return memoryview(data).cast("B", shape)[::step]


def try_png_filters(module: ModuleType, rng: random.Random) -> None:
    """Pixels of any size; some calls promise sizes that the buffers do not have."""
    channels, width, height = rng.choice([1, 3]), rng.randint(1, 300), rng.randint(1, 60)
    pixels = rng.randbytes(width * height * channels)
    out = bytearray(height * (1 + width * channels))
    sizes = [height, width, channels]
    module.filter_rows(out, pixels, *sizes)
    sizes[rng.randrange(3)] = rng.choice([-1, 0, 2, 4, 301, 2**31 - 1])
    try:
        module.filter_rows(out, pixels, *sizes)
    except ValueError:
        return


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=1200)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    if path := os.environ.get(BUILT):
        tried, done = fuzz(Path(path), seconds=given.seconds, seed=given.seed)
        print(f"{tried} files in {given.seconds:.0f} s, {done} images, nothing found")
        return
    with tempfile.TemporaryDirectory() as folder:
        build(Path(folder))
        env = {
            **os.environ,
            BUILT: folder,
            "PYTHONMALLOC": "malloc",  # else small buffers are out of the sanitizer's sight
            "LD_PRELOAD": find_sanitizer(),
            "ASAN_OPTIONS": "detect_leaks=0",  # Python's own are many
        }
        command = [sys.executable, "-m", "tests.fuzz.compiled", *sys.argv[1:]]
        sys.exit(subprocess.run(command, env=env, check=False).returncode)


if __name__ == "__main__":
    main()
