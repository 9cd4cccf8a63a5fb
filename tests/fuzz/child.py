"""One process that feeds inputs to the target until it fails or its time is up.

`python -m tests.fuzz.child ENGINE SECONDS SEED FOLDER`; the input at which it failed lies in FOLDER.
"""

from __future__ import annotations

import faulthandler
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests.pictures import CASES
from tests.pictures.case import GREY, INKS, RGB, by_pillow
from tests.pictures.damage import damaged
from tests.pictures.profiles import adobe_rgb, dark_grey, press

MAX_INPUT_S = 30
"""An input that takes longer hangs."""


def seeds() -> dict[str, bytes]:
    """Return the files to damage: every kind of image, and some with a colour profile and EXIF."""
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "maker", 6
    exif.get_ifd(0x8769)[0x829A] = 0.5
    profiles = {"RGB": (RGB, adobe_rgb()), "GRAY": (GREY, dark_grey()), "CMYK": (INKS, press())}
    more = {}
    for name, (pixels, profile) in profiles.items():
        for kind in ("JPEG", "TIFF", "PNG", "WEBP"):
            if not (name == "CMYK" and kind in ("PNG", "WEBP")):
                image = Image.fromarray(pixels, "CMYK") if name == "CMYK" else pixels
                block = exif if kind == "TIFF" else exif.tobytes()
                more[f"{kind} {name}"] = by_pillow(image, kind, icc_profile=profile, exif=block)
    large = np.tile(RGB, (4, 3, 1))
    for sampling in (0, 1, 2):
        for restart in (0, 3):
            options = {"subsampling": sampling, "restart_marker_blocks": restart, "quality": 60}
            more[f"large {sampling} {restart}"] = by_pillow(large, "JPEG", **options)
            more[f"grey {sampling} {restart}"] = by_pillow(large[:, :, 0].copy(), "JPEG", **options)
    return {**{name: case.data for name, case in CASES.items()}, **more}


def seeded(seconds: float, seed: int, folder: Path) -> None:
    """Try inputs from a seed, one after the other; each lies in `folder` while it is tried."""
    from tests.fuzz.target import one_input  # noqa: PLC0415  (atheris wants to see the import)

    chance = random.Random(seed)
    files = list(seeds().values())
    end = time.monotonic() + seconds
    current = folder / f"input-{seed}"
    count = 0
    with current.open("w+b", buffering=0) as file:
        while time.monotonic() < end:
            data = damaged(chance.choice(files), chance)
            file.seek(0)
            file.truncate()
            file.write(data)
            faulthandler.dump_traceback_later(MAX_INPUT_S, exit=True)
            one_input(data)
            faulthandler.cancel_dump_traceback_later()
            count += 1
            if count % 100 == 0:
                (folder / f"count-{seed}").write_text(str(count))
    (folder / f"count-{seed}").write_text(str(count))
    current.unlink()


def guided(seconds: float, seed: int, folder: Path) -> None:
    """Run libFuzzer, guided by the coverage of img2dataset, Pillow and ExifRead."""
    import atheris  # noqa: PLC0415

    with atheris.instrument_imports(include=["img2dataset.images", "PIL", "exifread"]):
        from tests.fuzz.target import one_input  # noqa: PLC0415

    corpus = folder / "corpus"
    corpus.mkdir(exist_ok=True)
    for name, data in seeds().items():
        (corpus / name.replace(" ", "_").replace("/", "_")).write_bytes(data)

    def mutate(data: bytes, most: int, number: int) -> bytes:
        chance = random.Random(number)
        by_format = chance.random() < 0.5
        made = damaged(data, chance) if by_format else atheris.Mutate(data, most)
        return bytes(made[:most])

    arguments = [
        "fuzz", str(corpus), f"-max_total_time={int(seconds)}", f"-seed={seed}", "-max_len=20000",
        f"-timeout={MAX_INPUT_S}", "-rss_limit_mb=2500", f"-artifact_prefix={folder}/", "-print_final_stats=1",
    ]  # fmt: skip
    atheris.Setup(arguments, one_input, custom_mutator=mutate)
    atheris.Fuzz()


ENGINES: dict[str, Callable[[float, int, Path], Any]] = {"seeded": seeded, "atheris": guided}

if __name__ == "__main__":
    engine, seconds, seed, folder = sys.argv[1:]
    faulthandler.enable()
    ENGINES[engine](float(seconds), int(seed), Path(folder))
