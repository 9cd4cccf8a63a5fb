from typing import Any

def decode(
    out: Any,
    raw: Any,
    palette: Any,
    shares: Any,
    width: int,
    height: int,
    depth: int,
    colour: int,
    interlaced: bool,
    /,
) -> bool: ...
def shrink(
    out: Any,
    raw: Any,
    palette: Any,
    shares: Any,
    width: int,
    height: int,
    depth: int,
    colour: int,
    out_width: int,
    out_height: int,
    /,
) -> bool: ...
