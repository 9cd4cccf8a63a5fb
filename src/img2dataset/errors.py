"""What can go wrong: the error tree, and the closed list of reasons a row is not kept."""

from __future__ import annotations

import re
from enum import Enum
from functools import lru_cache
from http import HTTPStatus


class Img2datasetError(Exception):
    """Anything this package raises on purpose; its text is one line for a person."""


class OptionError(Img2datasetError, ValueError):
    """An option, or what it names (a list, a column, a folder), cannot be used.

    Raised before any work starts: exit code 2 on the command line, a ValueError in Python.
    """


class MissingExtraError(OptionError):
    """An option needs a library that is not installed."""

    def __init__(self, option: str, package: str, extra: str) -> None:
        super().__init__(option, package, extra)  # as the signature: errors get pickled
        self.option = option
        self.package = package
        self.extra = extra

    def __str__(self) -> str:
        return (
            f"{self.option} needs the package {self.package}: "
            f"install it with  pip install 'img2dataset[{self.extra}]'"
        )


class SourceError(Img2datasetError):
    """The list became unreadable while the run was under way."""


class DamagedError(Img2datasetError):
    """A stored shard is not whole, or not what it should be."""


class MismatchError(Img2datasetError):
    """A stored shard was made from another list, or with other options."""


class LeaseLostError(Img2datasetError):
    """The lock of a shard was lost, its holder taken for dead: another attempt may be storing it."""


class RunError(Img2datasetError):
    """The run cannot go on: workers do not start, or the output cannot be written."""


class StorageGoneError(RunError):
    """What is done cannot be stored, for good or for longer than we wait."""


class Status(str, Enum):
    """The three outcomes of a row, as the metadata spells them."""

    SUCCESS = "success"
    FAILED_TO_DOWNLOAD = "failed_to_download"
    FAILED_TO_RESIZE = "failed_to_resize"


class Reason(str, Enum):
    """Why a row was not kept.  A closed list, so counts can be compared between runs.

    A member's value is the reason's name in reports.  The other three facts about it:
    `label`, the error string in the metadata; `status`; and whether it is `transient`,
    that is, whether asking again later may help.
    """

    label: str
    status: Status
    transient: bool

    def __new__(  # noqa: PYI034  (an enum's members have the enum's type)
        cls,
        name: str,
        label: str,
        status: Status,
        transient: bool = False,  # noqa: FBT001, FBT002  (members are written as tuples)
    ) -> Reason:
        member = str.__new__(cls, name)
        member._value_ = name
        member.label = label
        member.status = status
        member.transient = transient
        return member

    # the row itself
    MALFORMED_LINE = "malformed_line", "malformed input line", Status.FAILED_TO_DOWNLOAD
    URL_MISSING = "url_missing", "URL missing", Status.FAILED_TO_DOWNLOAD
    URL_INVALID = "url_invalid", "URL not valid", Status.FAILED_TO_DOWNLOAD
    SCHEME_NOT_ALLOWED = (
        "scheme_not_allowed",
        "URL scheme not allowed: http and https only",
        Status.FAILED_TO_DOWNLOAD,
    )
    # the way to the host
    HOST_NOT_RESOLVED = (
        "host_not_resolved",
        "host name not resolved",
        Status.FAILED_TO_DOWNLOAD,
        True,
    )
    NO_SUCH_HOST = "no_such_host", "no such host", Status.FAILED_TO_DOWNLOAD
    ADDRESS_NOT_ALLOWED = (
        "address_not_allowed",
        "address not allowed: private or reserved",
        Status.FAILED_TO_DOWNLOAD,
    )
    HOST_GIVEN_UP = (
        "host_given_up",
        "host given up for a while: it failed too often in a row",
        Status.FAILED_TO_DOWNLOAD,
        True,
    )
    HOST_ASKS_FOR_REST = (
        "host_asks_for_rest",
        "host asked for a longer pause than we wait",
        Status.FAILED_TO_DOWNLOAD,
        True,
    )
    CONNECT_FAILED = "connect_failed", "connection refused", Status.FAILED_TO_DOWNLOAD, True
    CONNECT_TIMEOUT = "connect_timeout", "connection timed out", Status.FAILED_TO_DOWNLOAD, True
    PROXY_REFUSED = (
        "proxy_refused",
        "proxy refused the request",
        Status.FAILED_TO_DOWNLOAD,
    )
    PROXY_FAILED = (
        "proxy_failed",
        "proxy did not reach the host",
        Status.FAILED_TO_DOWNLOAD,
        True,
    )
    TLS = "tls", "TLS error", Status.FAILED_TO_DOWNLOAD, True
    CERTIFICATE = "certificate", "TLS certificate not trusted", Status.FAILED_TO_DOWNLOAD
    # the answer
    TIMEOUT = "timeout", "timed out", Status.FAILED_TO_DOWNLOAD, True
    TOO_SLOW = "too_slow", "transfer too slow", Status.FAILED_TO_DOWNLOAD, True
    CONNECTION_LOST = "connection_lost", "connection lost", Status.FAILED_TO_DOWNLOAD, True
    BODY_INCOMPLETE = "body_incomplete", "body incomplete", Status.FAILED_TO_DOWNLOAD, True
    BODY_EMPTY = "body_empty", "body empty", Status.FAILED_TO_DOWNLOAD
    BODY_TOO_LARGE = "body_too_large", "body too large", Status.FAILED_TO_DOWNLOAD
    BAD_RESPONSE = "bad_response", "response not valid HTTP", Status.FAILED_TO_DOWNLOAD
    BAD_ENCODING = "bad_encoding", "content encoding not valid", Status.FAILED_TO_DOWNLOAD
    HEADER_TOO_LARGE = "header_too_large", "response header too large", Status.FAILED_TO_DOWNLOAD
    TOO_MANY_REDIRECTS = "too_many_redirects", "too many redirects", Status.FAILED_TO_DOWNLOAD
    BAD_REDIRECT = "bad_redirect", "redirect not allowed", Status.FAILED_TO_DOWNLOAD
    HTTP_STATUS = "http_status", "HTTP Error", Status.FAILED_TO_DOWNLOAD
    HTTP_STATUS_TRANSIENT = (
        "http_status_transient",
        "HTTP Error",
        Status.FAILED_TO_DOWNLOAD,
        True,
    )
    # the answer, refused
    OPTED_OUT = (
        "opted_out",
        "Use of image disallowed by X-Robots-Tag directive",
        Status.FAILED_TO_DOWNLOAD,
    )
    TDM_RESERVED = (
        "tdm_reserved",
        "Use of image disallowed by tdm-reservation header",
        Status.FAILED_TO_DOWNLOAD,
    )
    TDMREP = (
        "tdmrep",
        "Use of image disallowed by tdmrep.json",
        Status.FAILED_TO_DOWNLOAD,
    )
    CONTENT_USAGE = (
        "content_usage",
        "Use of image disallowed by Content-Usage header",
        Status.FAILED_TO_DOWNLOAD,
    )
    ROBOTS_TXT_TRAINING = (
        "robots_txt_training",
        "AI training disallowed by robots.txt",
        Status.FAILED_TO_DOWNLOAD,
    )
    ROBOTS_TXT = "robots_txt", "disallowed by robots.txt", Status.FAILED_TO_DOWNLOAD
    ROBOTS_TXT_UNAVAILABLE = (
        "robots_txt_unavailable",
        "robots.txt not available",
        Status.FAILED_TO_DOWNLOAD,
        True,
    )
    HASH_MISMATCH = "hash_mismatch", "hash mismatch", Status.FAILED_TO_DOWNLOAD
    # the picture
    NOT_AN_IMAGE = "not_an_image", "Image decoding error", Status.FAILED_TO_RESIZE
    SVG = "svg", "Image decoding error: SVG", Status.FAILED_TO_RESIZE
    VIDEO = "video", "Image decoding error: video", Status.FAILED_TO_RESIZE
    HEIC = "heic", "Image decoding error: HEIC needs img2dataset[heic]", Status.FAILED_TO_RESIZE
    JXL = "jxl", "Image decoding error: JPEG XL needs img2dataset[jxl]", Status.FAILED_TO_RESIZE
    DECODE = "decode", "Image decoding error", Status.FAILED_TO_RESIZE
    DECODER_CRASHED = "decoder_crashed", "image decoder crashed", Status.FAILED_TO_RESIZE
    DECODER_TIMEOUT = "decoder_timeout", "image decoding took too long", Status.FAILED_TO_RESIZE
    TOO_MANY_PIXELS = "too_many_pixels", "image has too many pixels", Status.FAILED_TO_RESIZE
    TOO_SMALL = "too_small", "image too small", Status.FAILED_TO_RESIZE
    AREA_TOO_LARGE = "area_too_large", "image area too large", Status.FAILED_TO_RESIZE
    ASPECT_RATIO = "aspect_ratio", "aspect ratio too large", Status.FAILED_TO_RESIZE
    BAD_BOXES = "bad_boxes", "bounding boxes not valid", Status.FAILED_TO_RESIZE
    ENCODE = "encode", "Image encoding error", Status.FAILED_TO_RESIZE


TRANSIENT_HTTP = frozenset({408, 425, 429, 500, 502, 503, 504, *range(520, 531)})
"""Codes after which asking again later may help (RFC 9110 and Cloudflare's 520 to 530)."""


KNOWN_CODES = frozenset(int(status) for status in HTTPStatus)
RENAMED = {
    413: "Content Too Large",
    414: "URI Too Long",
    416: "Range Not Satisfiable",
    422: "Unprocessable Content",
}
"""Phrases that RFC 9110 changed: Python has the old ones up to 3.12, and counts must not differ."""


def http_label(code: int) -> str:
    """The error string of an HTTP status: "HTTP Error 404: Not Found"."""
    phrase = RENAMED.get(code)
    if phrase is None:
        phrase = HTTPStatus(code).phrase if code in KNOWN_CODES else "Unknown"
    return f"HTTP Error {code}: {phrase}"


LABELS = tuple(sorted({reason.label for reason in Reason}, key=len, reverse=True))
"""The longest first: one may begin as another does."""
FOREIGN = (
    ("CERTIFICATE_VERIFY_FAILED", Reason.CERTIFICATE),
    ("timed out", Reason.TIMEOUT),
    ("Connection refused", Reason.CONNECT_FAILED),
    ("Network is unreachable", Reason.CONNECT_FAILED),
    ("No route to host", Reason.CONNECT_FAILED),
    ("Too many open files", Reason.CONNECT_FAILED),
    ("Connection reset", Reason.CONNECTION_LOST),
    ("Broken pipe", Reason.CONNECTION_LOST),
    ("Remote end closed connection", Reason.CONNECTION_LOST),
    ("IncompleteRead(", Reason.BODY_INCOMPLETE),
    ("Temporary failure in name resolution", Reason.HOST_NOT_RESOLVED),
    ("Name or service not known", Reason.NO_SUCH_HOST),
    ("No address associated with hostname", Reason.NO_SUCH_HOST),
    ("nodename nor servname provided", Reason.NO_SUCH_HOST),
    ("[SSL", Reason.TLS),
    ("EOF occurred in violation of protocol", Reason.TLS),
)
"""What stands in the messages of Python's urllib, which the old tool stored -> what it means."""


def label_of_message(message: str) -> str:
    """The part of a stored error message that is counted: what only its row has to say goes."""
    for label in LABELS:
        if label != Reason.HTTP_STATUS.label and message.startswith(f"{label} "):
            return label
    return message


@lru_cache(maxsize=4096)
def reason_of_message(message: str) -> Reason | None:
    """The reason behind a stored error message, ours or one of the old tool's; None if it is
    not known.  Of reasons with one label it is the first: they are final alike."""
    code = re.match(rf"{Reason.HTTP_STATUS.label} (\d{{3}})\b", message)
    if code is not None:
        passes = int(code[1]) in TRANSIENT_HTTP
        return Reason.HTTP_STATUS_TRANSIENT if passes else Reason.HTTP_STATUS
    label = label_of_message(message)
    own = next((reason for reason in Reason if reason.label == label), None)
    if own is not None:
        return own
    return next((reason for sign, reason in FOREIGN if sign in message), None)


def may_pass(message: str | None) -> bool:
    """Whether asking again later may help a row that failed with this message."""
    reason = None if message is None else reason_of_message(message)
    return reason is not None and reason.transient


class RowError(Img2datasetError):
    """One row cannot be kept: what a stage raises; `worker` turns it into a Failure."""

    def __init__(self, reason: Reason, label: str = "", detail: str = "") -> None:
        super().__init__(reason, label, detail)  # as the signature: errors get pickled
        self.reason = reason
        self.label = label
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.label or self.reason.label} {self.detail}".rstrip()
