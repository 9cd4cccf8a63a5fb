from typing import Any

def shrink(
    out: Any,
    source: Any,
    from_height: int,
    from_width: int,
    height: int,
    width: int,
    channels: int,
    /,
) -> None: ...
