"""Images of every kind that is read, each with the pixels it must become.

They are written by another encoder than the decoder under test where there is one, else byte by
byte.
"""

from __future__ import annotations

from tests.pictures.bmps import bmps
from tests.pictures.case import Case
from tests.pictures.gifs import gifs
from tests.pictures.jpegs import jpegs
from tests.pictures.others import others
from tests.pictures.pngs import pngs
from tests.pictures.tiffs import tiffs

__all__ = ["CASES", "Case"]

CASES: dict[str, Case] = {
    **jpegs(),
    **pngs(),
    **tiffs(),
    **gifs(),
    **bmps(),
    **others(),
}
