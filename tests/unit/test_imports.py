"""The modules of the package, seen as a graph of imports."""

from __future__ import annotations

import subprocess
import sys
from graphlib import TopologicalSorter

import grimp
import pytest

import img2dataset


def test_no_module_imports_itself_by_way_of_others() -> None:
    graph = grimp.build_graph("img2dataset", cache_dir=None)

    order = TopologicalSorter(
        {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    )

    order.prepare()  # raises CycleError, which names the modules of a cycle


def test_each_name_that_the_package_offers_is_there_and_no_other() -> None:
    offered = set(img2dataset.__all__)

    assert {name for name in offered if getattr(img2dataset, name) is None} == set()
    assert offered <= set(dir(img2dataset))
    with pytest.raises(AttributeError, match="no attribute 'downloads'"):
        img2dataset.downloads  # noqa: B018


def test_the_package_alone_imports_next_to_nothing() -> None:
    """Each process of a run imports it."""
    code = "import sys, img2dataset; print(*(n for n in sys.modules if 'img2dataset.' in n))"
    said = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert said.stdout.split() == ["img2dataset.version"]
