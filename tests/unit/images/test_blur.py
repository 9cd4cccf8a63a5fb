from __future__ import annotations

import math
import random
from typing import Any

import cv2
import numpy as np
import pytest

from img2dataset.errors import Reason, RowError
from img2dataset.images.blur import blur, read_boxes
from tests.unit.images.made import Array, encoded, pixels_of, processor, smooth, to_png


def reference(pixels: Array, boxes: list[list[float]]) -> Array:
    """The old tool's formula, found by comparing outputs: equal to the last pixel."""
    height, width = pixels.shape[:2]
    mask, largest = np.zeros((height, width), np.float32), 0
    for x_min, y_min, x_max, y_max in boxes:
        left, right = int(x_min * width), int(x_max * width)
        top, bottom = int(y_min * height), int(y_max * height)
        d = max(right - left, bottom - top)
        left, right = int(max(0, left - 0.1 * d)), int(min(width - 1, right + 0.1 * d))
        top, bottom = int(max(0, top - 0.1 * d)), int(min(height - 1, bottom + 0.1 * d))
        mask[top:bottom, left:right] = 1
        largest = max(largest, d)
    k = max(3, 2 * math.ceil(0.1 * largest) + 1)
    image = pixels.astype(np.float32) / 255
    if pixels.ndim == 3:
        mask = np.dstack([mask] * 3)
    soft = cv2.GaussianBlur(mask, (k, k), 0)
    mixed = image * (1 - soft) + cv2.GaussianBlur(image, (k, k), 0) * soft
    return np.asarray((mixed * 255).astype(np.uint8))


BOXES = [
    [[0.2, 0.3, 0.5, 0.8]],
    [[0.1, 0.1, 0.3, 0.2], [0.5, 0.4, 0.95, 0.9]],
    [[0.0, 0.0, 1.0, 1.0]],
    [[0.5, 0.2, 0.501, 0.9]],
    [[-0.2, -0.1, 0.5, 1.4]],
]


@pytest.mark.parametrize("boxes", BOXES)
@pytest.mark.parametrize("channels", [1, 3])
def test_boxes_are_blurred_as_ever(boxes: list[list[float]], channels: int) -> None:
    source = smooth(150, 90, channels)
    got = pixels_of(to_png().process(encoded(source, "png"), boxes).data)
    assert np.array_equal(got, reference(source, boxes))


@pytest.mark.slow
@pytest.mark.parametrize("channels", [1, 3])
def test_blurring_a_part_is_blurring_the_whole(channels: int) -> None:
    chance = random.Random(7)
    for seed in range(40):
        sides = chance.randrange(3, 400), chance.randrange(3, 400)
        source = smooth(*sides, channels, seed)
        boxes = [
            [min(a, c), min(b, d), max(a, c), max(b, d)]
            for a, b, c, d in [[chance.random() for _ in range(4)] for _ in range(seed % 3 + 1)]
        ]
        assert np.array_equal(blur(source, read_boxes(boxes)), reference(source, boxes))


def test_a_blur_that_would_take_minutes_is_refused() -> None:
    giant = np.zeros((48, 60_000), np.uint8)  # few pixels, but the kernel has 12,001 rows
    with pytest.raises(RowError) as caught:
        blur(giant, read_boxes([[0.0, 0.0, 1.0, 1.0]]))
    assert caught.value.reason is Reason.TOO_MANY_PIXELS


def test_far_from_the_boxes_nothing_changes() -> None:
    source = smooth(200, 200)
    got = blur(source, read_boxes([[0.0, 0.0, 0.2, 0.2]]))
    assert np.array_equal(got[100:, 100:], source[100:, 100:])
    assert not np.array_equal(got[:40, :40], source[:40, :40])


def test_the_blur_comes_after_the_resize_and_before_the_border() -> None:
    source, boxes = smooth(300, 200), [[0.2, 0.2, 0.9, 0.9]]
    got = pixels_of(to_png(resize_mode="border").process(encoded(source, "png"), boxes).data)
    resized = cv2.resize(source, (256, 171), interpolation=cv2.INTER_AREA)
    assert np.array_equal(got[42:-43], reference(resized, boxes))
    assert (got[:42] == 255).all()


@pytest.mark.parametrize("boxes", [None, [], (), np.zeros((0, 4)), [[0.5, 0.5, 0.5, 0.5]]])
def test_no_boxes_change_nothing(boxes: Any) -> None:
    source = smooth(60, 60)
    got = pixels_of(to_png().process(encoded(source, "png"), boxes).data)
    assert np.array_equal(got, source)


def test_a_reversed_box_covers_the_same_pixels() -> None:
    assert read_boxes([[0.9, 0.8, 0.2, 0.1]]) == read_boxes([[0.2, 0.1, 0.9, 0.8]])


def test_boxes_far_outside_do_not_grow_the_kernel_without_end() -> None:
    source = smooth(60, 60)
    picture = to_png().process(encoded(source, "png"), [[-1e30, -math.inf, 1e300, 5.0]])
    assert not np.array_equal(pixels_of(picture.data), source)


@pytest.mark.parametrize(
    "boxes",
    [
        "0.1,0.1,0.2,0.2",
        0.5,
        {"x": 1},
        [0.1, 0.1, 0.2, 0.2],
        [[0.1, 0.1, 0.2]],
        [[0.1, 0.1, 0.2, 0.2, 0.3]],
        [[0.1, 0.1, 0.2, math.nan]],
        [[0.1, 0.1, 0.2, None]],
        [["a", "b", "c", "d"]],
        [["0.1", "0.1", "0.2", "0.2"]],
        [None],
    ],
)
def test_what_is_no_list_of_boxes_is_refused(boxes: Any) -> None:
    with pytest.raises(RowError) as caught:
        to_png().process(encoded(smooth(20, 20), "png"), boxes)
    assert caught.value.reason is Reason.BAD_BOXES


def test_skip_reencode_never_lets_an_unblurred_original_through() -> None:
    data = encoded(smooth(100, 100), "jpg")
    keep = processor(resize_mode="no", skip_reencode=True)
    assert keep.process(data, []).data == data
    assert keep.process(data, [[0.1, 0.1, 0.9, 0.9]]).data != data
