"""Bytes -> the colour profile in them -> what turns their pixels into sRGB.

A profile that is damaged, or made for other colours than the pixels have, is ignored.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np

from img2dataset.errors import Reason, RowError
from img2dataset.images.header import Header
from img2dataset.images.headers import png, tiff
from img2dataset.images.pillow import open_image, translate_pillow_errors
from img2dataset.images.pixels import Pixels
from img2dataset.images.probe import find_riff_chunk

MAX_PROFILE_BYTES = 4_000_000
"""Of a profile; those of printing presses have two millions at most."""
PILLOW_MODES = {"RGB ": "RGB", "GRAY": "L", "CMYK": "CMYK"}
"""The colours a profile is for, as it says -> as Pillow does."""
LEVELS = np.arange(256, dtype=np.uint8)[np.newaxis]
MAX_SRGB_LEVELS = 2
"""How far sRGB profiles, whose curves are rounded tables, take a colour from itself: by 1.  A
gamma of 2.2 in the place of sRGB's curve makes 9."""


@dataclass(frozen=True, slots=True)
class Conversion:
    """From the colours of a profile to sRGB."""

    mode: str
    """RGB, L or CMYK: which pixels it is for."""
    transform: Any

    def fits(self, pixels: Pixels) -> bool:
        return self.mode == ("L" if pixels.ndim == 2 or pixels.shape[2] == 2 else "RGB")

    def convert_colours(self, pixels: Pixels) -> Pixels:
        """Convert 8-bit pixels for which `fits` is true; an alpha channel stays."""
        converted = pixels.copy()
        if self.mode == "L":
            grey = pixels if pixels.ndim == 2 else pixels[:, :, 0]
            table = self._apply(LEVELS, "L")[:, :, 1]  # all three are the same
            made: Pixels = cv2.LUT(np.ascontiguousarray(grey), np.ascontiguousarray(table))
            if pixels.ndim == 2:
                return made
            converted[:, :, 0] = made
        else:
            converted[:, :, :3] = self._apply(
                np.ascontiguousarray(pixels[:, :, 2::-1]), "RGB"
            )[:, :, ::-1]  # fmt: skip
        return converted

    def convert_inks(self, inks: Pixels) -> Pixels:
        """Convert CMYK, 255 = full ink, to BGR."""
        made: Pixels = cv2.cvtColor(self._apply(inks, "CMYK"), cv2.COLOR_RGB2BGR)
        return made

    def changes_nothing(self) -> bool:
        """Whether the profile is sRGB: tried on some colours, because names of profiles lie."""
        if self.mode == "CMYK":
            return False
        tried = LEVELS
        if self.mode == "RGB":
            few = LEVELS[0, ::15]
            tried = np.stack(np.meshgrid(few, few, few), axis=-1).reshape(1, -1, 3)
        off = cv2.absdiff(self.convert_colours(tried), tried)
        return int(off.max()) <= MAX_SRGB_LEVELS

    def _apply(self, pixels: Pixels, mode: str) -> Pixels:
        from PIL import Image  # noqa: PLC0415  (see pillow.py)

        image = Image.frombytes(mode, pixels.shape[1::-1], pixels.tobytes())
        return np.asarray(self.transform.apply(image))


def find_conversion(data: bytes, header: Header) -> Conversion | None:
    """Return the conversion that turns an image into sRGB; None if it needs none, or has no usable
    profile."""
    profile = read_profile(data, header)
    return _build_conversion(profile) if 128 < len(profile) <= MAX_PROFILE_BYTES else None


def read_profile(data: bytes, header: Header) -> bytes:
    """Read the ICC profile of an image; empty if it has none."""
    if header.format == "PNG":
        return png.read_profile(data, MAX_PROFILE_BYTES)
    if header.format == "WEBP":
        return find_riff_chunk(data, b"ICCP")
    if header.format == "TIFF":
        return tiff.read_profile(data)
    try:
        with translate_pillow_errors(Reason.DECODE):
            image = open_image(data, [header.format])
            found = None if image is None else image.info.get("icc_profile")
    except RowError:  # the decoder reports it, if it matters
        return b""
    return found if isinstance(found, bytes) else b""


@lru_cache(maxsize=16)
def _build_conversion(profile: bytes) -> Conversion | None:
    from PIL import ImageCms  # noqa: PLC0415  (see pillow.py)

    try:
        with translate_pillow_errors(Reason.DECODE):
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            mode = PILLOW_MODES.get(source.profile.xcolor_space)
            if mode is None:
                return None
            flags = ImageCms.Flags.BLACKPOINTCOMPENSATION
            if (
                mode == "L"
            ):  # it is asked for 256 levels only; optimised, it is off where it is dark
                flags |= ImageCms.Flags.NOOPTIMIZE
            transform = ImageCms.buildTransform(
                source,
                ImageCms.createProfile("sRGB"),
                mode,
                "RGB",
                renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
                flags=flags,
            )
            conversion = Conversion(mode, transform)
            return None if conversion.changes_nothing() else conversion
    except RowError:
        return None
