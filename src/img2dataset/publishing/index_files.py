"""The registry of the index files of a whole folder."""

from __future__ import annotations

from img2dataset.publishing import energon, sizes, unindexed, wids
from img2dataset.publishing.folder_file import FolderFile

INDEX_FILES: tuple[FolderFile, ...] = (sizes.FILE, wids.FILE, energon.FILE, unindexed.FILE)
"""In the order of writing."""
OPTIONAL_FILES = (wids.FILE, energon.FILE)
"""Those that only exist where they are asked for."""
