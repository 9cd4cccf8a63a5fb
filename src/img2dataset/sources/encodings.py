"""Bytes of a list -> text.  Lists should be UTF-8; for others, the best guess or advice."""

from __future__ import annotations

import re
from codecs import BOM_UTF16_BE, BOM_UTF16_LE, BOM_UTF32_BE, BOM_UTF32_LE
from io import BytesIO, StringIO

from img2dataset.sources.findings import Oddity

REPLACED = "\ufffd"
"""The replacement for bytes that are not UTF-8."""
BOMS = {  # the longer first: one of UTF-32 begins like that of UTF-16
    BOM_UTF32_LE: "UTF-32",
    BOM_UTF32_BE: "UTF-32",
    BOM_UTF16_LE: "UTF-16",
    BOM_UTF16_BE: "UTF-16",
}
SAMPLE_BYTES = 2000
NOT_WESTERN = re.compile(
    rb"[\x80-\xff]{3}"  # Cyrillic, Greek, Chinese, Japanese: whole words of such bytes
    rb"|[\x81\x83\x86-\x89\x8d\x8f\x90\x98\x9d]"  # not used, or hardly
    rb"|[a-z][\x8a\x8c\x8e\x9f\xc0-\xde]"  # a capital inside a word: Mac OS Roman, code page 850
    rb"|[A-Z][\x8a\x8c\x8e\x9f][a-z]"
    rb"|[A-Za-z][\x80\x82\x84\x95\x99\xa1-\xa9\xab-\xb1\xb3\xb6\xb9\xbb-\xbf][A-Za-z]"
)
"""Byte sequences of other encodings that hardly occur in windows-1252: there, letters with accents
stand alone among others, and signs do not stand inside words."""


def detect_wide_encoding(head: bytes) -> str | None:
    """Detect UTF-16 or UTF-32, with a byte order mark or without; None if it is neither."""
    for bom, name in BOMS.items():
        if head.startswith(bom):
            return name
    sample = head[:SAMPLE_BYTES]
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    half = len(sample) // 2
    is_wide = half > 3 and max(even, odd) * 2 > half and min(even, odd) * 10 < half
    return "UTF-16" if is_wide else None


def describe_wide_encoding(name: str) -> str:
    """Tell the user to convert a file in UTF-16 or UTF-32."""
    return (
        f"is {name} text: convert it to UTF-8, with  iconv -f {name} -t UTF-8 OLD > NEW  "
        "(in Excel: save as 'CSV UTF-8')"
    )


def is_western(line: bytes) -> bool:
    """True if bytes that are not UTF-8 look like windows-1252 (of Excel in Western countries)."""
    return not NOT_WESTERN.search(line) and not is_damaged_utf8(line)


def is_damaged_utf8(line: bytes) -> bool:
    """True if most non-ASCII bytes of a line are valid UTF-8."""
    lost = len(line) - len(line.decode(errors="ignore").encode())
    return 2 * lost < sum(byte > 0x7F for byte in line)


def decode_line(line: bytes) -> tuple[str, Oddity | None]:
    """Decode a line; return its text and what is odd about its bytes."""
    try:
        return line.decode(), None
    except UnicodeDecodeError:
        if is_western(line):
            return line.decode("cp1252"), Oddity.READ_AS_WESTERN
        return line.decode(errors="replace"), Oddity.NOT_UTF8


def decode_lines(data: bytes) -> tuple[list[str], dict[int, Oddity]]:
    """Decode lines with their ends; return them, and by position those that are not UTF-8."""
    try:
        return list(StringIO(data.decode(), newline="\n")), {}  # no other line ends count
    except UnicodeDecodeError:
        pairs = [decode_line(line) for line in BytesIO(data)]
    return [text for text, _ in pairs], {
        position: oddity for position, (_, oddity) in enumerate(pairs) if oddity is not None
    }


def find_foreign_line(head: bytes) -> int | None:
    """Find the first line in an encoding other than UTF-8 or windows-1252.

    Return its number if half of the lines at the start of the file are in another encoding.
    """
    lines = [line for line in head.split(b"\n")[:-1] or [head] if line.strip()]
    foreign = [
        number
        for number, line in enumerate(lines, 1)
        if decode_line(line)[1] is Oddity.NOT_UTF8 and not is_damaged_utf8(line)
    ]
    return foreign[0] if len(foreign) > 1 and 2 * len(foreign) >= len(lines) - 1 else None


def describe_wrong_encoding(head: bytes, *, asks_for_texts: bool) -> str | None:
    """Describe the encoding problem of a file that must not be read; None if there is none."""
    wide = detect_wide_encoding(head)
    if wide is not None:
        return describe_wide_encoding(wide)
    number = find_foreign_line(head) if asks_for_texts else None
    if number is None:
        return None
    return (
        f"is not UTF-8 text (line {number} is the first that is not): convert it, with  "
        "iconv -f ENCODING -t UTF-8 OLD > NEW  where ENCODING may be windows-1251, windows-1250, "
        "GB18030, SHIFT_JIS, EUC-KR ..."
    )
