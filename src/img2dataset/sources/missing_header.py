"""The first line of a list without a header -> the names to give to its columns."""

from __future__ import annotations

from collections.abc import Sequence


def suggest_header(names: Sequence[str], url_col: str, caption_col: str | None) -> str:
    """Give advice if the names of the columns look like the first row; else empty."""
    if not any(map(looks_like_url, names)):
        return ""
    if len(names) == 1:
        return "; a list of URLs without names of columns is input_format=txt"
    return (
        "; its first line is taken for the names of the columns, but it reads like a row: if the "
        f"file has no header, name them, as by  --columns={guess_names(names, url_col, caption_col)}"
    )


def looks_like_url(cell: str) -> bool:
    return cell.strip().lower().startswith(("http://", "https://"))


def guess_names(row: Sequence[str], url_col: str = "url", caption_col: str | None = None) -> str:
    """Make names for the columns of a row, with commas between: the first URL is that of `url_col`."""
    place = next((number for number, cell in enumerate(row) if looks_like_url(cell)), 0)
    pair = 2  # a URL and a caption, as in most such lists
    count = len(row) - 1
    is_pair = len(row) == pair
    others = [caption_col or "caption"] if is_pair else [f"column{n}" for n in range(1, count + 1)]
    return ",".join([*others[:place], url_col, *others[place:]])
