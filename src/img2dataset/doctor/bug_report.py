"""Versions, platform and settings -> the text that a bug report needs, without secrets."""

from __future__ import annotations

import platform
import sys
from collections.abc import Sequence
from dataclasses import fields
from importlib.metadata import PackageNotFoundError, requires, version
from typing import Any

from img2dataset.doctor.machine import count_cores_of_machine
from img2dataset.doctor.verdicts import Verdict
from img2dataset.fetch.http.handles import CURL_VERSION
from img2dataset.options import Options
from img2dataset.options.checks import OneOf
from img2dataset.version import VERSION

PACKAGE = "img2dataset"
OPTIONAL = ("pyspark", "ray", "s3fs", "gcsfs", "pillow-heif", "pillow-jxl-plugin", "wandb", "torch")
"""Packages of extras and of readers, whose versions matter if they are installed."""
HIDDEN = "(set)"


def format_report(options: Options, verdicts: Sequence[Verdict]) -> str:
    """Write the report as Markdown, to be pasted into an issue."""
    lines = [
        f"- img2dataset {VERSION}",
        f"- {describe_python()}",
        f"- {platform.platform()}, {platform.machine()}, {count_cores_of_machine()} cores",
        f"- {CURL_VERSION}",
        f"- {', '.join(describe_packages())}",
        f"- settings: {', '.join(describe_settings(options)) or 'the defaults'}",
    ]
    lines += [f"- {hide_private(each)}" for each in verdicts]
    return "\n".join(lines) + "\n"


def hide_private(verdict: Verdict) -> str:
    """Write a verdict without names and addresses."""
    line = format_verdict(verdict)
    for text in sorted(filter(None, verdict.private), key=len, reverse=True):
        line = line.replace(text, "(hidden)")
    return line


def format_verdict(verdict: Verdict) -> str:
    """Write a verdict as a line."""
    tag = "ok" if verdict.is_fine else "TO DO"
    advice = f" -> {verdict.advice}" if verdict.advice else ""
    return " ".join(f"{tag:6}{verdict.subject}: {verdict.facts}{advice}".splitlines())


def describe_python() -> str:
    has_gil = getattr(sys, "_is_gil_enabled", lambda: True)()
    threads = "" if has_gil else ", free-threaded"
    return f"{platform.python_implementation()} {platform.python_version()}{threads}"


def describe_packages() -> list[str]:
    """List the versions of the packages that this one needs, and of others that are there."""
    needed = [
        line.partition(";")[0].strip() for line in requires(PACKAGE) or () if "extra ==" not in line
    ]
    names = [cut_name(line) for line in needed]
    return [text for name in (*names, *OPTIONAL) if (text := describe_package(name))]


def cut_name(requirement: str) -> str:
    """Return the name in a requirement such as numpy>=1.23."""
    end = next((n for n, c in enumerate(requirement) if not (c.isalnum() or c in "-_.")), None)
    return requirement[:end]


def describe_package(name: str) -> str:
    try:
        return f"{name} {version(name)}"
    except PackageNotFoundError:
        return ""


def describe_settings(options: Options) -> list[str]:
    """List the options that are not the defaults; the values of those only that cannot hold a name,
    an address or a password."""
    return [
        f"{declared.name}={describe_value(value, declared.metadata['check'])}"
        for declared in fields(options)
        if (value := getattr(options, declared.name)) != declared.default and value is not None
    ]


def describe_value(value: Any, check: Any) -> str:
    """Write a number, a switch, or a value of a closed set; all else is hidden."""
    is_plain = isinstance(value, bool | int | float) or isinstance(check, OneOf)
    return str(value) if is_plain else HIDDEN
