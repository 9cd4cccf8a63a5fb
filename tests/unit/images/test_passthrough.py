"""Bytes that are stored as they came."""

from __future__ import annotations

import subprocess
import sys

import pytest
from PIL import Image

from img2dataset.errors import Reason, RowError
from img2dataset.records import EncodedImage
from tests.unit.images.made import encoded, processor, saved, smooth

RGB = smooth(80, 60)


@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP"])
def test_an_image_of_any_format_is_kept_as_it_is(format_name: str) -> None:
    data = saved(RGB, format_name)
    picture = processor(disable_all_reencoding=True, extract_exif=False).process(data)

    assert picture == EncodedImage(data, None, None, None, None)


@pytest.mark.parametrize(
    "data",
    [
        saved(RGB, "JPEG", progressive=True),
        saved(Image.fromarray(RGB).convert("CMYK"), "JPEG"),
        b"\xff\xd8\xff\xff" + saved(RGB, "JPEG")[3:],
    ],
    ids=["progressive", "cmyk", "filled"],
)
def test_so_is_a_jpeg_that_is_not_plain(data: bytes) -> None:
    processor(disable_all_reencoding=True, extract_exif=False).process(data)


@pytest.mark.parametrize("cut", [3, 30, 200])
def test_the_beginning_of_a_header_is_no_image(cut: int) -> None:
    with pytest.raises(RowError) as caught:
        processor(disable_all_reencoding=True, extract_exif=False).process(saved(RGB, "JPEG")[:cut])
    assert caught.value.reason is Reason.NOT_AN_IMAGE


def test_exif_is_read_all_the_same() -> None:
    made = processor(disable_all_reencoding=True)

    assert made.process(encoded(RGB, "jpg")).exif == "{}"


def test_what_is_no_image_is_refused() -> None:
    with pytest.raises(RowError) as caught:
        processor(disable_all_reencoding=True).process(b"<html>not found</html>")
    assert caught.value.reason is Reason.NOT_AN_IMAGE


SCRIPT = """
import io, sys
from img2dataset.images.config import ImageConfig
from img2dataset.images import make_processor
raw = sys.argv[1] == "raw"
config = ImageConfig(
    image_size=8, resize_mode="border", resize_only_if_bigger=False,
    upscale_interpolation="lanczos", downscale_interpolation="area", encode_format="jpg",
    encode_quality=95, skip_reencode=False, disable_all_reencoding=raw, min_image_size=0,
    max_image_area=1e9, max_aspect_ratio=1e9, max_decoded_pixels=10**6,
    apply_exif_orientation=True, extract_exif=sys.argv[2] == "exif", convert_to_srgb=False,
)
make_processor(config).process(sys.stdin.buffer.read())
print(*sorted({"cv2", "numpy", "PIL", "exifread"} & set(sys.modules)))
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "exif", "imported"),
    [("raw", "", ""), ("raw", "exif", "numpy"), ("pixels", "exif", "cv2 numpy")],
)
def test_a_plain_jpeg_needs_few_libraries(how: str, exif: str, imported: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, how, exif],
        input=encoded(RGB, "jpg"), capture_output=True, check=True,
    )  # fmt: skip

    assert done.stdout.decode().strip() == imported


def test_it_says_how_it_works() -> None:
    assert "disable_all_reencoding=True" in repr(processor(disable_all_reencoding=True))
