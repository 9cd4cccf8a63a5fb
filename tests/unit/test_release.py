"""What is released: an sdist that can be tested, a wheel without C, and C modules that must compile."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from types import ModuleType
from typing import Any
from zipfile import ZipFile

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
FOLDERS = ("src", "tests", "docs", "examples", "benchmarks", ".ci", ".devcontainer", ".github")
FILES = (
    "pyproject.toml",
    "setup.py",
    "MANIFEST.in",
    "Makefile",
    "README.md",
    "CHANGELOG.md",
    ".dockerignore",
    "CITATION.cff",
    "CODE_OF_CONDUCT.md",
    "CONTRIBUTING.md",
    "Dockerfile",
    "SECURITY.md",
    "LICENSE",
)
MADE = ("__pycache__", "*.pyc", "*.so", "*.pyd", "*.egg-info", ".old-venv", "_build")
SWITCH = "IMG2DATASET_REQUIRE_NATIVE"


def build(kind: str, tree: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Build the sdist or wheel of `tree` into `tree`/out, where no compiler is to be found."""
    env = {name: value for name, value in os.environ.items() if name != SWITCH}
    code = f"from setuptools import build_meta; print(build_meta.build_{kind}('out'))"
    return subprocess.run(
        [sys.executable, "-c", code], cwd=tree, env={**env, "CC": "no-compiler", **variables},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tree = tmp_path_factory.mktemp("tree")
    for folder in FOLDERS:
        shutil.copytree(ROOT / folder, tree / folder, ignore=shutil.ignore_patterns(*MADE))
    for file in FILES:
        shutil.copy(ROOT / file, tree)
    done = build("sdist", tree)
    assert done.returncode == 0, done.stderr
    (made,) = (tree / "out").iterdir()
    return made


def unpack(sdist: Path, folder: Path) -> Path:
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    return folder / sdist.name.removesuffix(".tar.gz")


def list_files(tree: Path) -> set[str]:
    return {str(file.relative_to(tree)) for file in tree.rglob("*") if file.is_file()}


def test_an_sdist_has_all_that_checks_and_tests_need(sdist: Path, tmp_path: Path) -> None:
    packed = list_files(unpack(sdist, tmp_path))
    given = list_files(sdist.parents[1])
    assert {name for name in given - packed if "egg-info" not in name} == {f"out/{sdist.name}"}


def test_a_wheel_has_no_c_and_is_for_all_later_versions(sdist: Path, tmp_path: Path) -> None:
    tree = unpack(sdist, tmp_path)
    done = build("wheel", tree)
    assert done.returncode == 0, done.stderr
    assert "no-compiler" in done.stderr  # a user without one is told, and gets the package
    (wheel,) = (tree / "out").iterdir()
    names = ZipFile(wheel).namelist()
    assert "-cp311-abi3-" in wheel.name or not setup_module().IS_STABLE_ABI
    assert [name for name in names if name.endswith((".c", ".h", ".so", ".pyd"))] == []
    assert "img2dataset/images/native/_jpeg.pyi" in names
    assert "img2dataset/recipes/recipes.toml" in names


def test_the_switch_makes_a_module_that_does_not_compile_fatal(sdist: Path, tmp_path: Path) -> None:
    tree = unpack(sdist, tmp_path)
    done = build("wheel", tree, **{SWITCH: "1"})
    assert done.returncode != 0
    assert list((tree / "out").glob("*.whl")) == []


def setup_module() -> ModuleType:
    spec = importlib.util.spec_from_file_location("setup_of_img2dataset", ROOT / "setup.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def configured(**constants: bool) -> list[Any]:
    """List the C modules as they are compiled where setup.py sees such an interpreter."""
    from setuptools import Distribution, Extension  # noqa: PLC0415  (slow)

    setup = setup_module()
    for name, value in constants.items():
        setattr(setup, name, value)
    names = [f"img2dataset.images.native.{name}" for name in ("_area", "_jpeg")]
    modules = [Extension(name, ["a.c"], extra_compile_args=["-O3"]) for name in names]
    command = setup.BuildNative(Distribution({"ext_modules": modules}))
    command.finalize_options()
    return list(command.extensions)


@pytest.mark.parametrize("is_stable_abi", [True, False], ids=["GIL", "free-threaded"])
def test_only_python_with_a_gil_gets_the_stable_abi(*, is_stable_abi: bool) -> None:
    modules = configured(IS_STABLE_ABI=is_stable_abi, IS_MSVC=False)
    assert [bool(module.py_limited_api) for module in modules] == [is_stable_abi] * 2
    macros = [("Py_LIMITED_API", "0x030B0000")] if is_stable_abi else []
    assert [module.define_macros for module in modules] == [macros] * 2
    assert [module.libraries for module in modules] == [["m"]] * 2


def test_msvc_compiles_what_it_can_with_flags_of_its_own() -> None:
    (area,) = configured(IS_STABLE_ABI=True, IS_MSVC=True)
    assert area.name.endswith("_area")
    assert (area.extra_compile_args, area.libraries) == (["/O2", "/std:c11"], [])
