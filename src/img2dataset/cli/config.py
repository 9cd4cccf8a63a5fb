"""A --config file <-> options: TOML or YAML, with the names of the options."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any, cast

from img2dataset.errors import MissingExtraError, OptionError
from img2dataset.options import Group, Options
from img2dataset.storage.schemes import with_home


def read_config(path: str) -> Mapping[str, Any]:
    """Read the names and values in the file, as they are written.

    Raises:
        OptionError: the file cannot be read, or is not a list of names and values.
    """
    path = with_home(path)
    suffix = Path(path).suffix.lower()
    if suffix not in (".toml", ".yaml", ".yml"):
        raise OptionError(f"--config {path}: the file's name must end in .toml, .yaml or .yml")
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise OptionError(f"--config {path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise OptionError(f"--config {path}: is not UTF-8 text") from error
    return _from_toml(path, text) if suffix == ".toml" else _from_yaml(path, text)


def _from_toml(path: str, text: str) -> Mapping[str, Any]:
    import tomllib  # noqa: PLC0415  (few runs have such a file)

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise OptionError(f"--config {path}: is not TOML: {error}") from error


def _from_yaml(path: str, text: str) -> Mapping[str, Any]:
    """YAML without its types: `no` is a resize_mode and `007` a text, as on the command line."""
    try:
        import yaml  # noqa: PLC0415  (an extra)
    except ImportError as error:
        raise MissingExtraError("--config with a YAML file", "pyyaml", "yaml") from error
    try:
        loaded = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506  (makes texts only)
    except yaml.YAMLError as error:
        raise OptionError(f"--config {path}: is not YAML: {error}") from error
    if loaded in (None, ""):
        return {}
    if not isinstance(loaded, dict):
        raise OptionError(f"--config {path}: must hold lines like  image_size: 256")
    return {str(name): YAML_WORDS.get(str(value), value) for name, value in loaded.items()}


YAML_WORDS = {"": None, "~": None, "null": None, ".inf": "inf"}


def to_toml(options: Options) -> str:
    """Write all options in the form that --config reads."""
    parts = ["# img2dataset --config=FILE  reads this file; flags override it"]
    for group in Group:
        parts += ["", f"# {group.value}"]
        parts += [
            _format_line(declared, getattr(options, declared.name))
            for declared in fields(options)
            if declared.metadata["group"] is group
        ]
    return "\n".join(parts) + "\n"


def format_toml(values: Mapping[str, Any]) -> str:
    """Write some options in the form that --config reads."""
    return "".join(f"{name} = {_format_value(value)}\n" for name, value in values.items())


def _format_line(declared: Field[Any], value: Any) -> str:
    if value is None:  # TOML has no null: leaving the option out means its default
        is_default = declared.default in (None, MISSING)
        return f"# {declared.name} = None" if is_default else f'{declared.name} = "None"'
    return f"{declared.name} = {_format_value(value)}"


def _format_value(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return repr(value)
        case str():
            # JSON's escapes are TOML's, but for DEL
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        case _:
            return f"[{', '.join(_format_value(item) for item in cast('list[str]', value))}]"
