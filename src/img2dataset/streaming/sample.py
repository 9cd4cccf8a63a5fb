"""A sample of a stream, as its consumer sees it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from PIL import Image


@dataclass(frozen=True, slots=True)
class StreamSample:
    """A row of the list, with its image or the reason why it has none."""

    image: bytes | None = field(repr=False)
    """The encoded image; None if the row failed."""
    metadata: dict[str, Any]
    """The columns of the metadata table, in their order; the values are those of a sample's JSON."""

    @property
    def key(self) -> str:
        """The key that the row has in a dataset that `download` makes of the list."""
        key: str = self.metadata["key"]
        return key

    @property
    def url(self) -> str | None:
        """None if the row has none."""
        url: str | None = self.metadata["url"]
        return url

    @property
    def caption(self) -> str | None:
        """None if the row has none, or caption_col is not set."""
        caption = self.metadata.get("caption")
        return None if caption is None else str(caption)

    @property
    def status(self) -> str:
        """success, failed_to_download or failed_to_resize."""
        status: str = self.metadata["status"]
        return status

    @property
    def error(self) -> str | None:
        """Why the row has no image; None if it has one."""
        error: str | None = self.metadata["error_message"]
        return error

    def array(self) -> npt.NDArray[np.uint8]:
        """Decode the image.

        Returns:
            height x width x 3, RGB, 0 to 255; transparency is blended on white.

        Raises:
            ValueError: there is none, or its bytes (with disable_all_reencoding they are unchecked)
                cannot be decoded.
        """
        from img2dataset.errors import RowError  # noqa: PLC0415  (with the decoders)
        from img2dataset.images.rgb import decode_rgb  # noqa: PLC0415  (not every consumer decodes)

        try:
            return decode_rgb(self._get_image())
        except RowError as error:
            raise ValueError(f"{self.key} cannot be decoded: {error}") from error

    def pil(self) -> Image.Image:
        """Decode the image to a PIL.Image, in the mode that it is stored in.

        Raises:
            ValueError: there is none.
            OSError: Pillow cannot decode it.
        """
        from img2dataset.images.rgb import open_with_pillow  # noqa: PLC0415  (as above)

        return open_with_pillow(self._get_image())

    def _get_image(self) -> bytes:
        if self.image is None:
            raise ValueError(f"{self.key} has no image: {self.error}")
        return self.image
