from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from img2dataset.images.probe import probe
from tests.unit.images.made import encoded, saved, smooth

RGB = smooth(40, 30)


@pytest.mark.parametrize(
    "format_name",
    ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "ICO", "PPM", "JPEG2000", "AVIF"],
)
def test_format_and_size_come_from_the_content(format_name: str) -> None:
    options = {"sizes": [(40, 30)]} if format_name == "ICO" else {}
    header = probe(saved(RGB, format_name, **options))
    assert (header.format, header.width, header.height) == (format_name, 40, 30)


def test_every_kind_of_webp_has_its_size_read() -> None:
    lossless = saved(RGB, "WEBP", lossless=True)
    alpha = saved(np.dstack([RGB, RGB[:, :, 0]]), "WEBP")
    frames = [Image.fromarray(255 - RGB)]
    moving = saved(Image.fromarray(RGB), "WEBP", save_all=True, append_images=frames)
    for data in (lossless, alpha, moving):
        header = probe(data)
        assert (header.format, header.width, header.height) == ("WEBP", 40, 30)


def test_float_colours_and_radiance_are_recognised() -> None:
    floats = RGB.astype(np.float32) / 255
    assert probe(encoded(floats, "tiff")).width == 40
    assert probe(encoded(floats, "hdr")).height == 30


def test_the_header_is_enough() -> None:
    for format_name, kept in (("JPEG", 700), ("PNG", 60), ("WEBP", 60)):
        assert probe(saved(RGB, format_name)[:kept]).width == 40


def test_exif_is_noticed_where_it_is() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    for format_name in ("JPEG", "PNG", "WEBP"):
        assert not probe(saved(RGB, format_name)).has_exif
        header = probe(saved(RGB, format_name, exif=exif))
        assert header.has_exif
        assert header.orientation == 6
