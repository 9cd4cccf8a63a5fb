"""What is looked at before a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from img2dataset.options import Options
from img2dataset.run.preflight import find_refused_modes
from img2dataset.sources import SourceConfig, open_source
from img2dataset.storage.folder import Folder


@pytest.mark.parametrize(("output_format", "refused"), [("files", set()), ("dummy", {"retry"})])
def test_modes_that_would_be_refused_are_not_recommended(
    output_format: str, refused: set[str], tmp_path: Path
) -> None:
    url_list = tmp_path / "list.txt"
    url_list.write_text("http://example.org/1.jpg\n")
    folder = str(tmp_path / "out")
    options = Options(str(url_list), output_folder=folder, output_format=output_format)
    source = open_source(str(url_list), SourceConfig.of(options))

    assert find_refused_modes(source, Folder(folder), options) == refused
