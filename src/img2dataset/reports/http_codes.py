"""Error strings of a run -> the status codes of the HTTP errors among them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from img2dataset.errors import TRANSIENT_HTTP, Reason


def count_http_codes(labels: Mapping[str, int], *, transient: bool) -> Counter[str]:
    """Count the status codes that are transient, or those that are not."""
    codes: Counter[str] = Counter()
    for label, count in labels.items():
        code = parse_http_code(label)
        if code and (int(code) in TRANSIENT_HTTP) is transient:
            codes[code] += count
    return codes


def parse_http_code(label: str) -> str:
    """Return the code in "HTTP Error 404: Not Found"; empty if the label is another one."""
    start = f"{Reason.HTTP_STATUS.label} "
    code = label.removeprefix(start).partition(":")[0]
    return code if label.startswith(start) and code.isdecimal() else ""
