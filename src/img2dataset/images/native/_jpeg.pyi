from typing import Any

def find_pixels_end(data: Any, reads_codes: bool, /) -> int: ...
def has_plain_header(data: Any, /) -> bool: ...
def prove_whole(data: Any, /) -> bool: ...
def shrink(
    out: Any,
    data: Any,
    channels: int,
    width: int,
    height: int,
    out_width: int,
    out_height: int,
    /,
) -> bool: ...
