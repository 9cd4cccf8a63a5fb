from typing import Any

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
