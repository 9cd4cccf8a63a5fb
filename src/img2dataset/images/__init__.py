"""Body -> Picture: the images stage."""

from img2dataset.images.codec import set_up_threads
from img2dataset.images.config import ImageConfig
from img2dataset.images.resize import SLOWER
from img2dataset.images.shape import Shaper

__all__ = ["SLOWER", "ImageConfig", "Shaper", "set_up_threads"]
