from typing import Any

def pixels_end(data: Any, walks: bool, /) -> int: ...
def plain(data: Any, /) -> bool: ...
def shrink(
    out: Any,
    data: Any,
    channels: int,
    width: int,
    height: int,
    small_width: int,
    small_height: int,
    /,
) -> bool: ...
