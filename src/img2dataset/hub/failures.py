"""An error of the Hub's library -> one line that says what a person has to do."""

from __future__ import annotations

from img2dataset.errors import Img2datasetError, OptionError, RunError
from img2dataset.hub.target import Target

TOKENS = "https://huggingface.co/settings/tokens"
NO_TOKEN = (
    f"push needs a token that may write: set HF_TOKEN to one of your account ({TOKENS}), or run  "
    "hf auth login"
)
LIBRARIES = ("huggingface_hub", "httpx", "httpx2", "httpcore", "requests", "urllib3")


def is_of_the_hub(error: Exception) -> bool:
    """Whether an error says that an upload failed, and is no bug; hf_xet raises RuntimeError."""
    library = type(error).__module__.partition(".")[0]
    return library in LIBRARIES or isinstance(error, OSError) or type(error) is RuntimeError


def describe_failure(error: Exception, target: Target) -> Img2datasetError:
    """Say what stopped an upload, and what to do."""
    response = getattr(error, "response", None)
    status = getattr(response, "status_code", None)
    owner = target.repo.partition("/")[0]
    said = " ".join(str(getattr(error, "server_message", None) or error).split())
    if status == 401:
        return OptionError(
            f"push: the Hub does not accept the token (401): make another at {TOKENS}"
        )
    if status == 403:
        return OptionError(
            f"push: the token may not write to {target.repo} (403): it needs the permission to write "
            f"to the repositories of {owner} ({TOKENS}). The Hub says: {said}"
        )
    if status == 404:
        return OptionError(
            f"push: there is no {target.repo}, or no revision {target.revision or 'main'} of it, or "
            f"your account may not see it (404). The Hub says: {said}"
        )
    return RunError(f"push: the upload to {target.repo} ended early: {said}")
