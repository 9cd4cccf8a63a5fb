"""A FetchConfig that asks for nothing special."""

from __future__ import annotations

from img2dataset.fetch.config import FetchConfig

PLAIN = FetchConfig(
    thread_count=2,
    timeout=1.0,
    retries=0,
    max_image_bytes=1000,
    user_agent="test",
    user_agent_token=None,
    disallowed_header_directives=(),
    ignore_ssl_certificate=False,
)
