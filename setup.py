"""How the C modules that pyproject.toml lists are compiled for this interpreter.

For CPython with a GIL they keep to the stable ABI of 3.11 (the first with the buffer protocol), so
that one wheel serves 3.11 and all that come later.  Free-threaded builds have no stable ABI before
3.15: those get modules of their own.

A module that does not compile is left out, unless IMG2DATASET_REQUIRE_NATIVE=1 is set: the package
works without, at half the speed, which is right for a user without a compiler and wrong for a
release.
"""

import os
import sysconfig

from setuptools import setup
from setuptools.command.build_ext import build_ext

STABLE_ABI = "cp311"
IS_STABLE_ABI = not sysconfig.get_config_var("Py_GIL_DISABLED")
IS_MSVC = sysconfig.get_platform().startswith("win")
MSVC_MODULES = ("img2dataset.images.native._area",)
"""What needs no vector types of GCC or Clang."""


class BuildNative(build_ext):
    """Compile the modules with the flags that depend on the interpreter and the platform."""

    def finalize_options(self) -> None:
        if IS_MSVC:
            self.distribution.ext_modules = [
                module for module in self.distribution.ext_modules if module.name in MSVC_MODULES
            ]
        for module in self.distribution.ext_modules:
            module.optional = os.environ.get("IMG2DATASET_REQUIRE_NATIVE") != "1"
            if IS_STABLE_ABI:
                module.py_limited_api = True
                module.define_macros.append(("Py_LIMITED_API", "0x030B0000"))
            if IS_MSVC:
                module.extra_compile_args = ["/O2", "/std:c11"]
            else:
                module.libraries.append("m")
        super().finalize_options()
        self.parallel = self.parallel or True  # as many at once as there are cores


if __name__ == "__main__":
    setup(
        cmdclass={"build_ext": BuildNative},
        options={"bdist_wheel": {"py_limited_api": STABLE_ABI}} if IS_STABLE_ABI else {},
    )
