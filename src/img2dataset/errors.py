"""What can go wrong: the error tree, and the closed list of reasons a row is not kept."""

from __future__ import annotations

from enum import StrEnum
from http import HTTPStatus
from typing import NamedTuple


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
    """A stored shard is incomplete or damaged."""


class MismatchError(Img2datasetError):
    """A stored shard was made from another list, or with other options."""


class LeaseLostError(Img2datasetError):
    """The lock of a shard was lost, its holder taken for dead: another attempt may be storing it."""


class RunError(Img2datasetError):
    """The run cannot go on: workers do not start, or the output cannot be written."""


class StorageGoneError(RunError):
    """The output cannot be written, permanently or for longer than max_storage_wait."""


class Status(StrEnum):
    """The three outcomes of a row, as the metadata spells them."""

    SUCCESS = "success"
    FAILED_TO_DOWNLOAD = "failed_to_download"
    FAILED_TO_RESIZE = "failed_to_resize"


class _Facts(NamedTuple):
    """What there is to say about a reason."""

    name: str
    label: str
    status: Status
    transient: bool = False
    foreign: tuple[str, ...] = ()


class Reason(StrEnum):
    """Why a row was not kept.  A closed list, so that counts can be compared between runs.

    The value of a member is the reason's name in reports.  Tables that lead from stored texts back
    to a reason are made from these facts, see `messages`.
    """

    label: str
    """The error string in the metadata; never changed, because it is stored."""
    status: Status
    transient: bool
    """Whether asking again later may help."""
    foreign: tuple[str, ...]
    """Parts of other messages that mean this reason: those of Python's urllib and of
    OpenCV, which 1.47.0 stored."""

    def __new__(  # noqa: PYI034  (an enum's members have the enum's type)
        cls,
        name: str,
        label: str,
        status: Status,
        transient: bool = False,  # noqa: FBT001, FBT002  (`_Facts` is unpacked)
        foreign: tuple[str, ...] = (),
    ) -> Reason:
        member = str.__new__(cls, name)
        member._value_ = name
        member.label = label
        member.status = status
        member.transient = transient
        member.foreign = foreign
        return member

    @classmethod
    def named(cls, name: str) -> Reason:
        """The reason with this name in reports."""
        return cls[name.upper()]

    # the row itself
    MALFORMED_LINE = _Facts("malformed_line", "malformed input line", Status.FAILED_TO_DOWNLOAD)
    URL_MISSING = _Facts(
        "url_missing",
        "URL missing",
        Status.FAILED_TO_DOWNLOAD,
        # 1.47.0 made texts of missing values
        foreign=("unknown url type: ''", "unknown url type: 'None'", "unknown url type: 'nan'"),
    )
    URL_INVALID = _Facts(
        "url_invalid",
        "URL not valid",
        Status.FAILED_TO_DOWNLOAD,
        # urllib quotes what has no scheme at all, and a scheme that it lacks it does not
        foreign=("unknown url type: '", 'unknown url type: "'),
    )
    SCHEME_NOT_ALLOWED = _Facts(
        "scheme_not_allowed",
        "URL scheme not allowed: http and https only",
        Status.FAILED_TO_DOWNLOAD,
        # of this tool, where url_schemes is not the default
        foreign=("URL scheme not allowed", "unknown url type"),
    )
    # a file, or an object of a store
    OBJECT_NOT_FOUND = _Facts(
        "object_not_found", "no such file or object", Status.FAILED_TO_DOWNLOAD
    )
    OBJECT_FORBIDDEN = _Facts(
        "object_forbidden", "file or object may not be read", Status.FAILED_TO_DOWNLOAD
    )
    CREDENTIALS_EXPIRED = _Facts(
        "credentials_expired", "credentials expired", Status.FAILED_TO_DOWNLOAD, transient=True
    )
    NOT_A_FILE = _Facts("not_a_file", "not a regular file", Status.FAILED_TO_DOWNLOAD)
    # the way to the host
    HOST_NOT_RESOLVED = _Facts(
        "host_not_resolved",
        "host name not resolved",
        Status.FAILED_TO_DOWNLOAD,
        transient=True,
        foreign=("Temporary failure in name resolution",),
    )
    NO_SUCH_HOST = _Facts(
        "no_such_host",
        "no such host",
        Status.FAILED_TO_DOWNLOAD,
        foreign=(
            "Name or service not known",
            "No address associated with hostname",
            "nodename nor servname provided",
        ),
    )
    ADDRESS_NOT_ALLOWED = _Facts(
        "address_not_allowed", "address not allowed: private or reserved", Status.FAILED_TO_DOWNLOAD
    )
    HOST_GIVEN_UP = _Facts(
        "host_given_up",
        "host given up for a while: it failed too often in a row",
        Status.FAILED_TO_DOWNLOAD,
        transient=True,
    )
    HOST_ASKS_FOR_REST = _Facts(
        "host_asks_for_rest",
        "host asked for a longer pause than we wait",
        Status.FAILED_TO_DOWNLOAD,
        transient=True,
    )
    CONNECT_FAILED = _Facts(
        "connect_failed",
        "connection refused",
        Status.FAILED_TO_DOWNLOAD,
        transient=True,
        foreign=(
            "Connection refused",
            "Network is unreachable",
            "No route to host",
            "Too many open files",
        ),
    )
    CONNECT_TIMEOUT = _Facts(
        "connect_timeout", "connection timed out", Status.FAILED_TO_DOWNLOAD, transient=True
    )
    PROXY_REFUSED = _Facts("proxy_refused", "proxy refused the request", Status.FAILED_TO_DOWNLOAD)
    PROXY_FAILED = _Facts(
        "proxy_failed", "proxy did not reach the host", Status.FAILED_TO_DOWNLOAD, transient=True
    )
    TLS = _Facts(
        "tls",
        "TLS error",
        Status.FAILED_TO_DOWNLOAD,
        transient=True,
        foreign=("[SSL", "EOF occurred in violation of protocol"),
    )
    CERTIFICATE = _Facts(
        "certificate",
        "TLS certificate not trusted",
        Status.FAILED_TO_DOWNLOAD,
        foreign=("CERTIFICATE_VERIFY_FAILED",),
    )
    # the answer
    TIMEOUT = _Facts(
        "timeout", "timed out", Status.FAILED_TO_DOWNLOAD, transient=True, foreign=("timed out",)
    )
    TOO_SLOW = _Facts("too_slow", "transfer too slow", Status.FAILED_TO_DOWNLOAD, transient=True)
    CONNECTION_LOST = _Facts(
        "connection_lost",
        "connection lost",
        Status.FAILED_TO_DOWNLOAD,
        transient=True,
        foreign=("Connection reset", "Broken pipe", "Remote end closed connection"),
    )
    BODY_INCOMPLETE = _Facts(
        "body_incomplete",
        "body incomplete",
        Status.FAILED_TO_DOWNLOAD,
        transient=True,
        foreign=("IncompleteRead(",),
    )
    BODY_EMPTY = _Facts(
        "body_empty", "body empty", Status.FAILED_TO_DOWNLOAD, foreign=("!buf.empty()",)
    )
    BODY_TOO_LARGE = _Facts("body_too_large", "body too large", Status.FAILED_TO_DOWNLOAD)
    BAD_RESPONSE = _Facts("bad_response", "response not valid HTTP", Status.FAILED_TO_DOWNLOAD)
    BAD_ENCODING = _Facts("bad_encoding", "content encoding not valid", Status.FAILED_TO_DOWNLOAD)
    HEADER_TOO_LARGE = _Facts(
        "header_too_large", "response header too large", Status.FAILED_TO_DOWNLOAD
    )
    TOO_MANY_REDIRECTS = _Facts(
        "too_many_redirects", "too many redirects", Status.FAILED_TO_DOWNLOAD
    )
    BAD_REDIRECT = _Facts("bad_redirect", "redirect not allowed", Status.FAILED_TO_DOWNLOAD)
    HTTP_STATUS = _Facts("http_status", "HTTP Error", Status.FAILED_TO_DOWNLOAD)
    HTTP_STATUS_TRANSIENT = _Facts(
        "http_status_transient", "HTTP Error", Status.FAILED_TO_DOWNLOAD, transient=True
    )
    # the answer, refused
    OPTED_OUT = _Facts(
        "opted_out", "Use of image disallowed by X-Robots-Tag directive", Status.FAILED_TO_DOWNLOAD
    )
    TDM_RESERVED = _Facts(
        "tdm_reserved",
        "Use of image disallowed by tdm-reservation header",
        Status.FAILED_TO_DOWNLOAD,
    )
    TDMREP = _Facts("tdmrep", "Use of image disallowed by tdmrep.json", Status.FAILED_TO_DOWNLOAD)
    CONTENT_USAGE = _Facts(
        "content_usage",
        "Use of image disallowed by Content-Usage header",
        Status.FAILED_TO_DOWNLOAD,
    )
    ROBOTS_TXT_TRAINING = _Facts(
        "robots_txt_training", "AI training disallowed by robots.txt", Status.FAILED_TO_DOWNLOAD
    )
    ROBOTS_TXT = _Facts("robots_txt", "disallowed by robots.txt", Status.FAILED_TO_DOWNLOAD)
    ROBOTS_TXT_UNAVAILABLE = _Facts(
        "robots_txt_unavailable",
        "robots.txt not available",
        Status.FAILED_TO_DOWNLOAD,
        transient=True,
    )
    HASH_MISMATCH = _Facts("hash_mismatch", "hash mismatch", Status.FAILED_TO_DOWNLOAD)
    # the image
    NOT_AN_IMAGE = _Facts("not_an_image", "Image decoding error", Status.FAILED_TO_RESIZE)
    SVG = _Facts("svg", "Image decoding error: SVG", Status.FAILED_TO_RESIZE)
    VIDEO = _Facts("video", "Image decoding error: video", Status.FAILED_TO_RESIZE)
    HEIC = _Facts(
        "heic", "Image decoding error: HEIC needs img2dataset[heic]", Status.FAILED_TO_RESIZE
    )
    JXL = _Facts(
        "jxl", "Image decoding error: JPEG XL needs img2dataset[jxl]", Status.FAILED_TO_RESIZE
    )
    DECODE = _Facts("decode", "Image decoding error", Status.FAILED_TO_RESIZE)
    DECODER_CRASHED = _Facts("decoder_crashed", "image decoder crashed", Status.FAILED_TO_RESIZE)
    DECODER_TIMEOUT = _Facts(
        "decoder_timeout", "image decoding took too long", Status.FAILED_TO_RESIZE
    )
    TOO_MANY_PIXELS = _Facts(
        "too_many_pixels",
        "image has too many pixels",
        Status.FAILED_TO_RESIZE,
        foreign=("CV_IO_MAX_IMAGE_",),
    )
    TOO_SMALL = _Facts("too_small", "image too small", Status.FAILED_TO_RESIZE)
    AREA_TOO_LARGE = _Facts("area_too_large", "image area too large", Status.FAILED_TO_RESIZE)
    ASPECT_RATIO = _Facts("aspect_ratio", "aspect ratio too large", Status.FAILED_TO_RESIZE)
    BAD_BOXES = _Facts("bad_boxes", "bounding boxes not valid", Status.FAILED_TO_RESIZE)
    ENCODE = _Facts("encode", "Image encoding error", Status.FAILED_TO_RESIZE)


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


def format_http_label(code: int) -> str:
    """The error string of an HTTP status: "HTTP Error 404: Not Found"."""
    phrase = RENAMED.get(code)
    if phrase is None:
        phrase = HTTPStatus(code).phrase if code in KNOWN_CODES else "Unknown"
    return f"HTTP Error {code}: {phrase}"


class RowError(Img2datasetError):
    """One row cannot be kept: what a stage raises; `worker` turns it into a Failure."""

    def __init__(self, reason: Reason, label: str = "", detail: str = "") -> None:
        super().__init__(reason, label, detail)  # as the signature: errors get pickled
        self.reason = reason
        self.label = label
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.label or self.reason.label} {self.detail}".rstrip()
