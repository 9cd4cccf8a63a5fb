"""tdm-reservation headers -> whether the owner reserves text and data mining (TDMRep).

https://www.w3.org/community/reports/tdmrep/CG-FINAL-tdmrep-20240510/
"""

from __future__ import annotations

from collections.abc import Iterable

RESERVED = "1"


def reserved(values: Iterable[str]) -> bool:
    """Whether any of the header's values, one a line or in a list with commas, is 1."""
    return any(
        item.partition(";")[0].strip(' \t\r\n"') == RESERVED
        for value in values
        for item in value.split(",")
    )
