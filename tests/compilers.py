"""The compiled modules, built as other machines build them: a table of what compiled.

python -m tests.compilers [--arm64 FOLDER]    (`make check-compilers`)

GCC and Clang, with and without AVX2, with all warnings as errors; then for arm64, by a cross
compiler.  With FOLDER, what compiled for arm64 is put there beside the sources and the tests, to be
run by an emulator: docs/portability.md.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz.compiled import BUILDS, ROOT, read_extensions

WARNINGS = ["-Wall", "-Wextra", "-Werror"]
LIBRARY = ["-shared", "-fPIC"]
ARM64 = "aarch64-linux-gnu-gcc"
PACKAGES = {"gcc": "gcc", "clang": "clang", ARM64: "gcc-aarch64-linux-gnu libc6-dev-arm64-cross"}
"""Compiler -> what Debian has it in."""
STABLE_ABI = ["-DPy_LIMITED_API=0x030B0000"]
"""As setup.py has it."""
ARM64_SUFFIX = ".abi3.so"


@dataclass(frozen=True)
class Target:
    """One way of building."""

    compiler: str
    name: str
    flags: tuple[str, ...] = ()


def list_targets() -> list[Target]:
    here = [
        Target(compiler, f"{compiler}, {width}", tuple(flags))
        for compiler in ("gcc", "clang")
        for width, flags in BUILDS.items()
    ]
    return [*here, Target(ARM64, "gcc for arm64")]


def build(target: Target, extension: dict[str, list[str]], output: Path) -> str:
    """Compile a module; return what the compiler says, which is nothing if it is content."""
    quiet = ["-Wno-psabi"] if "gcc" in target.compiler else []  # nothing of ours is passed so
    include = sysconfig.get_paths()["include"]  # 64-bit Linux alike, but for what we do not use
    command = [
        target.compiler, *extension["extra-compile-args"], *WARNINGS, *quiet, *LIBRARY, *STABLE_ABI,
        *target.flags, f"-I{include}", *extension["sources"], "-o", str(output),
    ]  # fmt: skip
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stderr or ("" if done.returncode == 0 else "failed")


def make_arm64_tree(folder: Path) -> Path:
    """Copy what the tests need; return where the compiled modules belong."""
    ignored = shutil.ignore_patterns("__pycache__", "*.so")
    for name in ("src", "tests"):
        shutil.copytree(ROOT / name, folder / name, ignore=ignored, dirs_exist_ok=True)
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder / "src/img2dataset/images/native"


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.compilers",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--arm64", type=Path, metavar="FOLDER", help="put the arm64 tree there")
    given = parser.parse_args()
    missing = [PACKAGES[name] for name in PACKAGES if shutil.which(name) is None]
    if missing:
        sys.exit(f"missing compilers: apt-get install {' '.join(missing)}")
    native = make_arm64_tree(given.arm64) if given.arm64 else None
    failures = 0
    with tempfile.TemporaryDirectory() as scratch:
        for target in list_targets():
            for extension in read_extensions():
                module = extension["name"].rpartition(".")[2]
                output = Path(scratch) / f"{module}.so"
                if native is not None and target.compiler == ARM64:
                    output = native / f"{module}{ARM64_SUFFIX}"
                said = build(target, extension, output)
                failures += bool(said)
                print(f"{target.name:14} {module:14} {said or 'ok'}", flush=True)
    return min(failures, 1)


if __name__ == "__main__":
    sys.exit(main())
