"""401 and 403 of a web server or of the Hugging Face Hub -> what a person has to do, and where."""

from __future__ import annotations

import os
import re

from img2dataset.storage.failures import find_status

HUB = "https://huggingface.co"
TOKENS = f"{HUB}/settings/tokens"
REPOSITORY = re.compile(
    r"(?:hf://|https?://[^/]+/)(?P<kind>datasets/|spaces/)?(?P<name>[^/@]+/[^/@]+)"
)
REFUSALS = (401, 403)
"""No credentials, or not enough."""


def get_hub() -> str:
    """The address of the Hub, which HF_ENDPOINT may change."""
    return os.environ.get("HF_ENDPOINT", HUB).rstrip("/")


def is_on_hub(url: str) -> bool:
    return url.startswith(("hf://", f"{get_hub()}/"))


def describe_refusal(url: str, error: BaseException) -> str | None:
    """Say what to do about an answer that refuses a list; None if that is not the problem."""
    status = find_status(error)
    if is_on_hub(url) and (status in REFUSALS or isinstance(error, FileNotFoundError)):
        return describe_hub_refusal(url, status)
    if status in REFUSALS:
        return (
            f"may not be read: the server answers {status}; accept the terms or log in where the list "
            "is offered, and use the link from there, or download the file"
        )
    return None


def describe_hub_refusal(url: str, status: int | None) -> str:
    found = REPOSITORY.match(url)
    kind = (found["kind"] or "") if found else ""
    page = f"{HUB}/{kind}{found['name']}" if found else HUB
    has_token = bool(os.environ.get("HF_TOKEN"))
    token = f"set HF_TOKEN to a token of your account ({TOKENS})"
    if status is None:
        hidden = "or your account may not see it" if has_token else f"or it is private: {token}"
        return f"does not exist, {hidden}; its repository is {page}"
    if has_token:
        return (
            f"may not be read ({status}): accept the terms at {page} with the account of HF_TOKEN, "
            "and see that the token may read gated repositories"
        )
    return f"may not be read without a token ({status}): accept the terms at {page} and {token}"
