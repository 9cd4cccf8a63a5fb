"""Errors -> whether they say that there was no memory."""

from __future__ import annotations

import cv2

NO_MEMORY = -4
"""OpenCV's code (cv::Error::StsNoMem), which the package has no name for."""


def lacks_memory(error: cv2.error | MemoryError) -> bool:
    """Whether it is for want of memory; OpenCV has one kind of error for everything, misuse too."""
    return isinstance(error, MemoryError) or getattr(error, "code", None) == NO_MEMORY
