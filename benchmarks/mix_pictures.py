"""What a file of a mix is -> its bytes: photos, mosaics of photos, and drawn graphics."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from benchmarks.errors import BenchmarkError

Pixels = npt.NDArray[np.uint8]
"""height x width x 3, RGB (4: RGBA)."""

CELL = (480, 320)
"""Width and height of a photo in the mosaic: most photos keep their scale, as ImageNet's have
500 x 375 or 500 x 333."""
MOSAIC = (13, 16)
"""Photos beside and above each other: 6240 x 5120 pixels, 96 MB."""
AVIF_SPEED = 8
"""Pillow's default is 6: 2.5 times slower to write, the same to read."""


class Kind(Enum):
    """What a file is."""

    BASELINE = "JPEG, baseline"
    PROGRESSIVE = "JPEG, progressive"
    PNG_RGB = "PNG, RGB photo"
    PNG_RGBA = "PNG, RGBA graphic"
    PNG_PALETTE = "PNG, palette"
    PNG_GREY = "PNG, grey"
    WEBP = "WebP"
    GIF = "GIF"
    AVIF = "AVIF"
    LARGE = "JPEG of 4000 pixels"

    @property
    def is_jpeg(self) -> bool:
        return self in (Kind.BASELINE, Kind.PROGRESSIVE, Kind.LARGE)

    @property
    def suffix(self) -> str:
        if self.is_jpeg:
            return "jpg"
        return self.value[:4].rstrip(",").lower()


@dataclass(frozen=True, slots=True)
class Picture:
    """A file of a mix; `seed` chooses what is seen on it."""

    kind: Kind
    width: int
    height: int
    quality: int
    sampling: str
    """Of the colours of a JPEG."""
    grey: bool
    """A JPEG without colours."""
    seed: int


@dataclass(frozen=True, slots=True)
class Scenery:
    """Where pictures of photos come from."""

    photos: Sequence[Pixels]
    mosaic: Pixels


def read_scenery(paths: Iterable[Path]) -> Scenery:
    """Read the photos that OpenCV can read, and lay them out.

    Raises:
        BenchmarkError: there are none.
    """
    read = (cv2.imread(str(path), cv2.IMREAD_COLOR) for path in paths)
    photos = [cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB) for pixels in read if pixels is not None]
    if not photos:
        raise BenchmarkError("a mix needs photos: no JPEG that OpenCV can read was found")
    return Scenery(photos, lay_out(photos, *MOSAIC))


def lay_out(photos: Sequence[Pixels], columns: int, rows: int) -> Pixels:
    """Fill the mosaic with the photos in turn, all of them landscape."""
    width, height = CELL
    mosaic = np.empty((rows * height, columns * width, 3), np.uint8)
    for cell in range(rows * columns):
        photo = photos[cell % len(photos)]
        if photo.shape[0] > photo.shape[1]:
            photo = np.asarray(cv2.rotate(photo, cv2.ROTATE_90_COUNTERCLOCKWISE))
        row, column = divmod(cell, columns)
        place = mosaic[row * height : (row + 1) * height, column * width : (column + 1) * width]
        place[:] = fill(photo, width, height)
    return mosaic


def fill(photo: Pixels, width: int, height: int) -> Pixels:
    """Scale and crop a photo to a size."""
    scale = max(width / photo.shape[1], height / photo.shape[0])
    size = max(width, round(photo.shape[1] * scale)), max(height, round(photo.shape[0] * scale))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    scaled = cv2.resize(photo, size, interpolation=how)
    left, top = (size[0] - width) // 2, (size[1] - height) // 2
    return np.asarray(scaled[top : top + height, left : left + width])


def render(picture: Picture, scenery: Scenery) -> bytes:
    """Return the bytes of the file."""
    chance = np.random.default_rng(picture.seed)
    if picture.kind is Kind.PNG_RGBA:
        return png(Image.fromarray(draw(chance, picture.width, picture.height)))
    if picture.kind is Kind.PNG_PALETTE:
        return palette_png(chance, picture)
    seen = Image.fromarray(look(scenery, chance, picture.width, picture.height))
    return WRITERS[picture.kind](seen, picture)


def look(scenery: Scenery, chance: np.random.Generator, width: int, height: int) -> Pixels:
    """Return a photo that is large enough, or else a part of the mosaic."""
    photo = scenery.photos[int(chance.integers(len(scenery.photos)))]
    if photo.shape[1] >= width and photo.shape[0] >= height:
        return fill(photo, width, height)
    left = chance.integers(scenery.mosaic.shape[1] - width + 1)
    top = chance.integers(scenery.mosaic.shape[0] - height + 1)
    return scenery.mosaic[top : top + height, left : left + width]


def draw(chance: np.random.Generator, width: int, height: int) -> Pixels:
    """Draw a graphic as logos and banners are: soft-edged shapes and words on nothing, RGBA."""
    corners = chance.integers(0, 256, (2, 2, 3)).astype(np.float32)
    colours = np.empty((height, width, 4), np.float32)
    colours[:, :, :3] = cv2.resize(corners, (width, height), interpolation=cv2.INTER_LINEAR)
    alpha = np.zeros((height, width), np.uint8)
    for number in range(12):
        mask = np.zeros((height, width), np.uint8)
        draw_shape(mask, chance, words=number % 3 == 2)
        if number % 4 == 0:  # a shadow
            mask = cv2.GaussianBlur(mask, (0, 0), width / 60)
        weight = (mask.astype(np.float32) / 255)[:, :, np.newaxis]
        colour = chance.integers(0, 256, 3)
        colours[:, :, :3] += weight * (colour - colours[:, :, :3])
        alpha = np.maximum(alpha, mask)
    colours[:, :, 3] = alpha
    return colours.round().astype(np.uint8)


def draw_shape(mask: Pixels, chance: np.random.Generator, *, words: bool) -> None:
    height, width = mask.shape[:2]
    x, y = int(chance.integers(width)), int(chance.integers(height))
    size = int(chance.integers(max(2, min(width, height) // 12), max(3, min(width, height) // 3)))
    if words:
        at = (x // 2, max(size // 2, y))
        text = "".join(chr(letter) for letter in chance.integers(97, 123, 8))
        cv2.putText(mask, text, at, cv2.FONT_HERSHEY_DUPLEX, size / 40, 255, 2, cv2.LINE_AA)
    elif chance.random() < 0.5:
        cv2.circle(mask, (x, y), size, 255, cv2.FILLED, cv2.LINE_AA)
    else:
        turn = float(chance.integers(90))
        cv2.ellipse(mask, (x, y), (2 * size, size), turn, 0, 360, 255, cv2.FILLED, cv2.LINE_AA)


def palette_png(chance: np.random.Generator, picture: Picture) -> bytes:
    """Return a graphic of 256 colours; every second one has a transparent colour."""
    drawn = draw(chance, picture.width, picture.height)
    opaque = Image.new("RGB", (picture.width, picture.height), "white")
    opaque.paste(Image.fromarray(drawn[:, :, :3]), mask=Image.fromarray(drawn[:, :, 3]))
    few = opaque.quantize(256, dither=Image.Dither.NONE)
    transparent = {"transparency": few.getpixel((0, 0))} if picture.seed % 2 else {}
    return png(few, **transparent)


def png(image: Image.Image, **options: Any) -> bytes:
    return written(image, "PNG", **options)


def write_jpeg(seen: Image.Image, picture: Picture) -> bytes:
    if picture.grey:
        seen = seen.convert("L")
    progressive = picture.kind is Kind.PROGRESSIVE
    sampling = {} if picture.grey else {"subsampling": picture.sampling}
    return written(seen, "JPEG", quality=picture.quality, progressive=progressive, **sampling)


def written(image: Image.Image, file_format: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, file_format, **options)
    return file.getvalue()


WRITERS: dict[Kind, Callable[[Image.Image, Picture], bytes]] = {
    Kind.BASELINE: write_jpeg,
    Kind.PROGRESSIVE: write_jpeg,
    Kind.LARGE: write_jpeg,
    Kind.PNG_RGB: lambda seen, _: png(seen),
    Kind.PNG_GREY: lambda seen, _: png(seen.convert("L")),
    Kind.WEBP: lambda seen, picture: written(seen, "WEBP", quality=picture.quality),
    Kind.GIF: lambda seen, _: written(seen.quantize(256), "GIF"),
    Kind.AVIF: lambda seen, picture: written(
        seen, "AVIF", quality=picture.quality, speed=AVIF_SPEED, max_threads=1
    ),
}
