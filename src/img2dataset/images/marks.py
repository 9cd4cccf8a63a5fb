"""Bytes of an image -> what its metadata says about data mining and training models.

IPTC/PLUS: the property plus:DataMining of XMP, whose value is a term DMI-... of a vocabulary.
C2PA/CAWG: the assertion cawg.training-mining (c2pa.training-mining before), a map in CBOR or JSON
of uses to allowed, notAllowed or constrained.

The bytes are searched, whatever the format: no signature is verified, and metadata that is
compressed (as an iTXt chunk of PNG may be) or stored in pieces is not found.
"""

from __future__ import annotations

import re

MINING = b"DataMining"
TERM = re.compile(rb"DMI-[A-Z]+(?:-[A-Z]+)*")
SEARCH_BYTES = 400
"""Bytes after the name of a property in which its value is looked for."""

ASSERTION = b".training-mining"
USE = re.compile(
    rb"(?:cawg|c2pa)\.(data_mining|ai_training|ai_generative_training|ai_inference)"
    rb"(?:(?!cawg\.|c2pa\.).){1,200}?use.{1,6}?(allowed|notAllowed|constrained)",
    re.DOTALL,
)
MAX_FOUND = 16
"""Properties, or assertions, that are read of one image."""


def find_marks(data: bytes) -> tuple[str, ...]:
    """Find each statement, as name=value, once."""
    found: dict[str, None] = {}
    for start in _find_all(data, MINING):
        term = TERM.search(data, start, start + SEARCH_BYTES)
        if term is not None:
            found[f"iptc:DataMining={term[0].decode('ascii')}"] = None
    for start in _find_all(data, ASSERTION):
        for use in USE.finditer(data, start, start + 4 * SEARCH_BYTES):
            found[f"c2pa:{use[1].decode('ascii')}={use[2].decode('ascii')}"] = None
    return tuple(found)


def _find_all(data: bytes, name: bytes) -> list[int]:
    places: list[int] = []
    start = data.find(name)
    while start >= 0 and len(places) < MAX_FOUND:
        places.append(start)
        start = data.find(name, start + len(name))
    return places
