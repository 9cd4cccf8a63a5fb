"""Bytes that were changed on the way give a picture or a RowError, whatever they hold: our own
readers of headers never raise anything else, and what libraries raise is caught at their doors."""

from __future__ import annotations

import io
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from img2dataset.errors import RowError
from img2dataset.images import decode, library_decoders, pillow, probe
from img2dataset.images.headers import png
from tests.quick import few_quick
from tests.unit.images.made import encoded, processor, saved, smooth

FORMATS = {
    "jpg": encoded(smooth(40, 30), ".jpg"),
    "png": encoded(smooth(40, 30), ".png"),
    "webp": encoded(smooth(40, 30), ".webp"),
    "lossless": encoded(smooth(40, 30), ".webp", 64, 101),
    "hdr": encoded(smooth(40, 30).astype("float32"), ".hdr"),
    "tiff": saved(smooth(40, 30), "TIFF"),
    "gif": saved(smooth(40, 30), "GIF"),
    "bmp": saved(smooth(40, 30), "BMP"),
    "ico": saved(smooth(32, 32), "ICO"),
    "exif": saved(smooth(40, 30), "JPEG", exif=Image.Exif()),
}
PIECES = st.one_of(
    st.binary(max_size=8),
    st.sampled_from([b"\0" * 4, b"\xff" * 4, b"Exif\0\0", b"VP8X", b"eXIf", b"IHDR", b"II*\0"]),
)


@pytest.mark.parametrize("name", few_quick(FORMATS, 4))
@settings(deadline=None)  # a busy machine may be slow
@given(st.lists(st.tuples(st.floats(0, 1), PIECES), max_size=4), st.floats(0, 1))
def test_damaged_bytes_are_a_picture_or_a_row_error(
    name: str, changes: list[tuple[float, bytes]], kept: float
) -> None:
    data = bytearray(FORMATS[name])
    for place, piece in changes:
        # most of what decides is at the beginning
        at = int(place**3 * len(data))
        data[at : at + len(piece)] = piece
    hostile = bytes(data[: max(1, int(len(data) * kept**0.2))])
    for shape in (processor(), processor(disable_all_reencoding=True)):
        try:
            picture = shape.process(hostile)
        except RowError:
            continue
        assert picture.data


@pytest.mark.parametrize("begin", [b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF\0\0\0\0WEBP",
                                   b"#?RADIANCE\n", b"II*\0", b"MM\0*", b"BM", b"GIF89a"])  # fmt: skip
@given(st.binary(max_size=200))
def test_so_is_noise_behind_any_signature(begin: bytes, noise: bytes) -> None:
    with suppress(RowError):
        probe.probe(begin + noise)


def test_a_bug_of_ours_is_not_taken_for_a_bad_row(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise AttributeError

    picture, good = processor(), FORMATS["png"]
    with monkeypatch.context() as patch:
        patch.setattr(decode, "normalise_pixels", broken)
        with pytest.raises(AttributeError):
            picture.process(good)
        patch.setattr(library_decoders, "_fill_outside", broken)
        with pytest.raises(AttributeError):
            picture.process(FORMATS["gif"])
        patch.setattr(probe, "read_orientation", broken)
        with pytest.raises(AttributeError):
            probe.probe(FORMATS["gif"])
    monkeypatch.setattr(png, "read_header", broken)
    with pytest.raises(AttributeError):
        probe.probe(good)


def test_whatever_pillow_raises_is_a_bad_row(monkeypatch: pytest.MonkeyPatch) -> None:
    def odd(*_: object, **__: object) -> None:
        raise SyntaxError

    header = probe.probe(FORMATS["gif"])
    monkeypatch.setattr(Image, "open", odd)
    with pytest.raises(RowError):
        probe.probe(FORMATS["gif"])
    with pytest.raises(RowError):
        decode.decode(FORMATS["gif"], header)
    with pytest.raises(SyntaxError):
        pillow.open_image(io.BytesIO(FORMATS["gif"]).getvalue(), ["GIF"])
