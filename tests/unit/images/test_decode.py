from __future__ import annotations

import zlib
from dataclasses import replace

import cv2
import numpy as np
import pytest
from PIL import Image

from img2dataset.errors import Reason, RowError
from img2dataset.images.decode import decode
from img2dataset.images.probe import probe
from tests.unit.images.made import Array, bgr, encoded, pixels_of, processor, saved, smooth, to_png

RGB = smooth(64, 48)
GREY = np.ascontiguousarray(RGB[:, :, 0])
ALPHA = smooth(64, 48, 1, seed=5)
ALPHA[:4], ALPHA[4:8] = 0, 255
RGBA = np.dstack([RGB, ALPHA])
LA = Image.merge("LA", (Image.fromarray(GREY), Image.fromarray(ALPHA)))
PALETTE = Image.fromarray(RGB).quantize(64)
EXPANDED = np.asarray(PALETTE.convert("RGB"))


def on_white(colour: Array, alpha: Array) -> Array:
    if colour.ndim == 3:
        alpha = alpha[:, :, np.newaxis]
    share = alpha.astype(np.float64) / 255
    return np.rint(colour * share + 255 * (1 - share)).astype(np.uint8)


def decoded(data: bytes) -> Array:
    return pixels_of(to_png().process(data).data)


LOSSLESS = {
    "PNG": (saved(RGB, "PNG"), bgr(RGB)),
    "PNG interlaced": (encoded(bgr(RGB), "png"), bgr(RGB)),
    "PNG grey": (saved(GREY, "PNG"), GREY),
    "PNG palette": (saved(PALETTE, "PNG"), bgr(EXPANDED)),
    "PNG alpha": (saved(RGBA, "PNG"), bgr(on_white(RGB, ALPHA))),
    "PNG grey and alpha": (saved(LA, "PNG"), bgr(np.dstack([on_white(GREY, ALPHA)] * 3))),
    "WebP": (saved(RGB, "WEBP", lossless=True), bgr(RGB)),
    "WebP alpha": (saved(RGBA, "WEBP", lossless=True, exact=True), bgr(on_white(RGB, ALPHA))),
    "TIFF": (saved(RGB, "TIFF"), bgr(RGB)),
    "TIFF grey": (saved(GREY, "TIFF"), GREY),
    "TIFF LZW": (saved(RGB, "TIFF", compression="tiff_lzw"), bgr(RGB)),
    "BMP": (saved(RGB, "BMP"), bgr(RGB)),
    "BMP palette": (saved(PALETTE, "BMP"), bgr(EXPANDED)),
    "GIF": (saved(PALETTE, "GIF"), bgr(EXPANDED)),
    "ICO": (saved(RGB, "ICO", sizes=[(64, 48)]), bgr(RGB)),
    "PPM": (saved(RGB, "PPM"), bgr(RGB)),
    "JPEG 2000": (saved(RGB, "JPEG2000", irreversible=False), bgr(RGB)),
}


@pytest.mark.parametrize("kind", LOSSLESS)
def test_lossless_formats_keep_every_pixel(kind: str) -> None:
    data, expected = LOSSLESS[kind]
    assert np.array_equal(decoded(data), expected)


def test_one_bit_becomes_black_and_white() -> None:
    two = Image.fromarray(GREY).convert("1")
    expected = np.asarray(two.convert("L"))
    for format_name in ("PNG", "TIFF", "BMP"):
        assert np.array_equal(decoded(saved(two, format_name)), expected)


def test_a_two_bit_palette_is_expanded() -> None:
    four = Image.fromarray(RGB).quantize(4)
    expected = bgr(np.asarray(four.convert("RGB")))
    assert np.array_equal(decoded(saved(four, "PNG", bits=2)), expected)


def test_transparent_colours_become_white() -> None:
    transparent = np.asarray(PALETTE) == 3
    expected = EXPANDED.copy()
    expected[transparent] = 255
    for format_name in ("PNG", "GIF"):
        data = saved(PALETTE, format_name, transparency=3)
        assert np.array_equal(decoded(data), bgr(expected))


def test_a_transparent_grey_becomes_white_and_stays_grey() -> None:
    value = int(GREY[20, 20])
    expected = np.where(value == GREY, np.uint8(255), GREY)
    assert np.array_equal(decoded(saved(GREY, "PNG", transparency=value)), expected)


@pytest.mark.parametrize("extension", ["png", "tiff"])
@pytest.mark.parametrize("source", [GREY, bgr(RGB)], ids=["grey", "colour"])
def test_sixteen_bits_are_scaled_not_clipped(extension: str, source: Array) -> None:
    deep = source.astype(np.uint16) * 200 + 13
    expected = np.rint(deep / 257).astype(np.uint8)
    assert np.array_equal(decoded(encoded(deep, extension)), expected)


def test_sixteen_bits_with_alpha_go_onto_white() -> None:
    deep = np.dstack([bgr(RGB), ALPHA]).astype(np.uint16) * 257
    assert np.array_equal(decoded(encoded(deep, "png")), bgr(on_white(RGB, ALPHA)))


def test_floats_between_0_and_1_are_the_whole_range() -> None:
    data = encoded(bgr(RGB).astype(np.float32) / 255, "tiff")
    assert np.array_equal(decoded(data), bgr(RGB))


def test_other_floats_are_stretched_from_lowest_to_highest() -> None:
    values = GREY.astype(np.float32) * 3 - 100
    low, high = values.min(), values.max()
    expected = np.rint((values.astype(np.float64) - low) / (high - low) * 255)
    got = decoded(encoded(values, "tiff"))
    assert np.array_equal(got, expected.astype(np.uint8))


def test_not_a_number_is_black() -> None:
    values = np.full((8, 8), 0.5, np.float32)
    values[0, 0] = np.nan
    got = decoded(encoded(values, "tiff"))
    assert got[0, 0] == 0
    assert got[1, 1] == 128


def test_radiance_is_not_black() -> None:
    got = decoded(encoded(bgr(RGB).astype(np.float32) / 255, "hdr"))
    assert got.shape == (48, 64, 3)
    assert abs(float(got.mean()) - float(RGB.mean())) < 3


@pytest.mark.parametrize("quality", [50, 95])
@pytest.mark.parametrize("progressive", [False, True])
def test_jpeg_is_decoded_as_opencv_does(quality: int, progressive: bool) -> None:  # noqa: FBT001
    for picture in (RGB, GREY):
        data = saved(picture, "JPEG", quality=quality, progressive=progressive)
        assert np.array_equal(decoded(data), pixels_of(data))


def test_cmyk_jpeg_becomes_rgb() -> None:
    data = saved(Image.fromarray(RGB).convert("CMYK"), "JPEG", quality=95)
    got = decoded(data).astype(int)
    assert np.abs(got - pixels_of(data)).max() <= 2
    assert np.abs(got - bgr(RGB)).mean() < 8


@pytest.mark.parametrize("format_name", ["GIF", "PNG", "WEBP"])
def test_of_an_animation_the_first_frame_is_taken(format_name: str) -> None:
    frames = [Image.fromarray(EXPANDED), Image.fromarray(255 - EXPANDED)]
    options = {"lossless": True} if format_name == "WEBP" else {}
    data = saved(frames[0], format_name, save_all=True, append_images=frames[1:], **options)
    assert np.array_equal(decoded(data), bgr(EXPANDED))


def test_avif_is_decoded() -> None:
    data = saved(RGB, "AVIF", quality=90)
    assert np.abs(decoded(data).astype(int) - bgr(RGB)).mean() < 6


@pytest.mark.parametrize("encode_format", ["jpg", "png"])
def test_grey_stays_grey(encode_format: str) -> None:
    quality = {"jpg": 95, "png": 6}[encode_format]
    stored = processor(encode_format=encode_format, encode_quality=quality).process(
        saved(GREY, "PNG")
    )  # fmt: skip
    assert pixels_of(stored.data).shape == (256, 256)


def refusal(data: bytes) -> Reason:
    with pytest.raises(RowError) as caught:
        to_png().process(data)
    return caught.value.reason


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xd8",
        b"\xff\xd8\xff",
        b"\x89PNG\r\n\x1a\n",
        b"RIFF\0\0\0\0WEBP",
        b"<!doctype html><title>404</title>",
        b"%PDF-1.7\n",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        b"#?RADIANCE\n",
        b"II*\0",
        b"\0" * 100,
    ],
)
def test_what_is_no_image_is_not_an_image(data: bytes) -> None:
    assert refusal(data) is Reason.NOT_AN_IMAGE


@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "JPEG2000"])
def test_a_file_cut_short_is_refused(format_name: str, capfd: pytest.CaptureFixture[str]) -> None:
    data = saved(RGB, format_name)
    for kept in (0.5, 0.9):
        assert refusal(data[: int(len(data) * kept)]) in (Reason.DECODE, Reason.NOT_AN_IMAGE)
    assert capfd.readouterr().err == ""


def test_a_thumbnail_s_end_is_not_the_end_of_the_photo() -> None:
    thumbnail = b"\xff\xe1\0\x0aExif\0\0\xff\xd9"
    data = saved(RGB, "JPEG")
    whole = data[:2] + thumbnail + data[2:]
    assert decoded(whole).shape == (48, 64, 3)
    assert refusal(whole[:-200]) is Reason.DECODE


def test_garbage_after_the_end_is_no_harm() -> None:
    for format_name in ("JPEG", "PNG"):
        data = saved(RGB, format_name)
        assert np.array_equal(decoded(data + b"trailing" * 20), pixels_of(data))


def test_oddities_of_a_whole_jpeg_are_no_harm(capfd: pytest.CaptureFixture[str]) -> None:
    data = saved(RGB, "JPEG", quality=95)
    padded = data[:-2] + b"\x11" * 100 + data[-2:]
    assert np.array_equal(decoded(padded), pixels_of(data))
    unknown_adobe = b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0\x07"
    odd = data[:2] + unknown_adobe + data[20:]
    assert decoded(odd).shape == (48, 64, 3)
    assert refusal(odd[:-200]) is Reason.DECODE  # libjpeg speaks of the oddity alone
    assert capfd.readouterr().err == ""


def test_rows_missing_before_the_end_marker_are_noticed() -> None:
    assert refusal(saved(RGB, "JPEG")[:-300] + b"\xff\xd9") is Reason.DECODE


def test_what_is_decoded_must_have_the_size_that_was_promised() -> None:
    for format_name in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"):
        data = saved(RGB, format_name)
        header = probe(data)
        own = replace(header.own, width=65) if format_name == "JPEG" else header.own
        with pytest.raises(RowError) as caught:
            decode(data, replace(header, width=65, own=own))
        assert caught.value.reason is Reason.DECODE


def test_a_flipped_bit_in_a_png_is_noticed(capfd: pytest.CaptureFixture[str]) -> None:
    data = bytearray(saved(RGB, "PNG"))
    data[len(data) // 2] ^= 1
    assert refusal(bytes(data)) is Reason.DECODE
    assert capfd.readouterr().err == ""


def rearranged(parts: tuple[str, ...]) -> bytes:
    """A PNG with a palette and alpha, with its chunks in this order."""
    data = saved(PALETTE, "PNG", transparency=3)
    chunks, at = {}, 8
    while at < len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        chunks[data[at + 4 : at + 8].decode()] = data[at:end]
        at = end
    return data[:8] + b"".join(chunks[part] for part in parts)


def test_pixels_without_their_palette_are_refused_in_silence(
    capfd: pytest.CaptureFixture[str],
) -> None:
    assert refusal(rearranged(("IHDR", "IDAT", "IEND"))) is Reason.DECODE
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("parts", "same_as"),
    [
        (("IHDR", "tRNS", "PLTE", "IDAT", "IEND"), ("IHDR", "PLTE", "IDAT", "IEND")),
        (("IHDR", "PLTE", "PLTE", "IDAT", "IEND"), ("IHDR", "PLTE", "IDAT", "IEND")),
        (("IHDR", "PLTE", "IDAT"), ("IHDR", "PLTE", "IDAT", "IEND")),
        (("IHDR", "PLTE", "IDAT", "tRNS", "IEND"), ("IHDR", "PLTE", "IDAT", "IEND")),
    ],
)
def test_chunks_out_of_order_are_passed_over_in_silence(
    parts: tuple[str, ...], same_as: tuple[str, ...], capfd: pytest.CaptureFixture[str]
) -> None:
    """As browsers do: all pixels are there."""
    assert np.array_equal(decoded(rearranged(parts)), decoded(rearranged(same_as)))
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("end", [b"", b"\0\0\0\0IEND\xaeB`\x82"])
def test_pixels_with_a_wrong_checksum_are_refused(end: bytes) -> None:
    """Of the chunk, or of the pixels in it."""
    data = saved(RGB, "PNG")
    at = data.index(b"IDAT") - 4
    size = int.from_bytes(data[at : at + 4], "big")
    packed = data[at + 8 : at + 8 + size]
    wrong = packed[:-1] + bytes([packed[-1] ^ 1])
    crc = zlib.crc32(b"IDAT" + wrong).to_bytes(4, "big")
    for body, checksum in ((packed, b"\0\0\0\0"), (wrong, crc)):
        chunk = size.to_bytes(4, "big") + b"IDAT" + body + checksum
        assert refusal(data[:at] + chunk + end) is Reason.DECODE


def test_a_damaged_colour_profile_is_passed_over_in_silence(
    capfd: pytest.CaptureFixture[str],
) -> None:
    data = saved(RGB, "PNG", icc_profile=b"x" * 200)
    assert np.array_equal(decoded(data), bgr(RGB))
    assert capfd.readouterr().err == ""


def test_a_forged_size_is_refused_before_anything_is_decoded() -> None:
    data = bytearray(saved(RGB, "PNG"))
    data[16:24] = (60_000).to_bytes(4, "big") * 2
    assert refusal(bytes(data)) is Reason.TOO_MANY_PIXELS
    data[16:24] = (128).to_bytes(4, "big") * 2
    assert refusal(bytes(data)) is Reason.DECODE


def test_output_carries_no_exif_and_no_profile() -> None:
    exif = Image.Exif()
    exif[0x010F] = "maker"
    data = saved(RGB, "JPEG", exif=exif, icc_profile=b"profile" * 30)
    for encode_format, quality in (("jpg", 95), ("png", 6), ("webp", 80)):
        stored = processor(encode_format=encode_format, encode_quality=quality).process(data).data
        assert b"Exif" not in stored
        assert b"profile" not in stored


def test_jpeg_output_is_what_opencv_writes() -> None:
    data = encoded(bgr(RGB), "png")
    stored = processor(resize_mode="no", encode_quality=90).process(data).data
    assert stored == encoded(bgr(RGB), "jpg", cv2.IMWRITE_JPEG_QUALITY, 90)
