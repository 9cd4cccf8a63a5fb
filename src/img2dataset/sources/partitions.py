"""The path of a file -> columns: year=2019/region=a/part-0.parquet, as Hive and Spark name folders."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from urllib.parse import unquote

NULL = "__HIVE_DEFAULT_PARTITION__"
FOLDER = re.compile(r"([^=/]+)=([^/]*)")
WHOLE_NUMBER = re.compile(r"0|-?[1-9][0-9]{0,17}")


def is_partition(name: str) -> bool:
    """True if this is the name of such a folder."""
    return FOLDER.fullmatch(name) is not None


def parse_partitions(url: str) -> Mapping[str, int | str | None]:
    """Return the columns that the folders of a file name, each with its value for all its rows."""
    folders = (FOLDER.fullmatch(part) for part in url.split("/")[:-1])
    return {unquote(each[1]): parse_value(unquote(each[2])) for each in folders if each is not None}


def parse_value(text: str) -> int | str | None:
    """Parse a value: a whole number if it is written as one."""
    if text == NULL:
        return None
    return int(text) if WHOLE_NUMBER.fullmatch(text) else text


def add_partitions(names: Sequence[str], url: str) -> list[str]:
    """Return the names of the columns of a file with those of its folders."""
    return list(dict.fromkeys((*names, *parse_partitions(url))))
