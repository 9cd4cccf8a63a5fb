"""Images of a folder -> the texts in the files beside them, with the same name and another ending."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from img2dataset.sources.findings import Findings, Oddity
from img2dataset.sources.image_names import Place, split_name
from img2dataset.storage.failures import one_line
from img2dataset.storage.file_systems import is_local
from img2dataset.storage.local_object import ObjectError, read_file
from img2dataset.storage.objects import ReadLimits

MAX_TEXT_BYTES = 1_000_000
LIMITS = ReadLimits(MAX_TEXT_BYTES, lambda: 60.0, lambda _: None)

Images = Sequence[tuple[str, str, frozenset[str]]]
"""Folder in that of the list, name, and all names in that folder."""


def read_texts(
    place: Place, images: Images, ending: str, problems: list[str | None], findings: Findings
) -> list[str | None]:
    """Read the text beside each image; None where there is none.

    What cannot be read is noted in `problems`, which has one entry for each image.
    """
    beside = [f"{split_name(name)[0]}.{ending}" for _, name, _ in images]
    wanted = {
        number: f"{place.path.rstrip('/')}/{inside}{text}"
        for number, ((inside, _, names), text) in enumerate(zip(images, beside, strict=True))
        if text in names
    }
    texts: list[str | None] = [None] * len(images)
    for number, found in read_all(place, wanted).items():
        if isinstance(found, bytes):
            texts[number] = decode(found, wanted[number], findings)
        else:
            problems[number] = f"{beside[number]}: {found}"
    return texts


def read_all(place: Place, wanted: dict[int, str]) -> dict[int, bytes | str]:
    """Read files, by number; a text says why one cannot be read."""
    if is_local(place.fs):
        return {number: read_local_text(path) for number, path in wanted.items()}
    if not wanted:
        return {}
    paths = list(dict.fromkeys(wanted.values()))
    answers = place.fs.cat(paths, on_error="return")
    return {number: check_answer(find_answer(answers, path)) for number, path in wanted.items()}


def read_local_text(path: str) -> bytes | str:
    try:
        return read_file(path, LIMITS).data
    except ObjectError as error:
        return describe(error)
    except OSError as error:
        return error.strerror or one_line(error)


def find_answer(answers: dict[str, Any], path: str) -> Any:
    """Find the answer for a path, which some file systems give with or without a slash before it."""
    for key in (path, path.lstrip("/"), f"/{path.lstrip('/')}"):
        if key in answers:
            return answers[key]
    return FileNotFoundError(path)


def check_answer(answer: Any) -> bytes | str:
    if isinstance(answer, BaseException):
        return one_line(answer)
    return bytes(answer) if len(answer) <= MAX_TEXT_BYTES else "too long"


def describe(error: ObjectError) -> str:
    names = {"TooLargeError": "too long", "NotAFileError": "not a regular file"}
    return names.get(type(error).__name__, "it is being written")


def decode(data: bytes, path: str, findings: Findings) -> str:
    """Decode a text, without white space at its ends."""
    text = data.decode("utf-8-sig", "replace")
    if "\ufffd" in text and "\ufffd".encode() not in data:
        findings.add(Oddity.NOT_UTF8, text.count("\ufffd"), f"in {path.rpartition('/')[2]}")
    return text.strip()
