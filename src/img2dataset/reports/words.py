"""A reason for failure -> its class, its meaning in plain words, and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from functools import lru_cache

from img2dataset.errors import Reason, Status
from img2dataset.messages import HTTP_CODE, find_reason
from img2dataset.reports.advice import CAUSES, DEFAULTS

UNKNOWN = "unknown"
"""Name of the reason of a message that neither this tool nor 1.47.0 is known to store."""


class FailureClass(StrEnum):
    """What kind of failure a reason is, as one looks for its cause."""

    meaning: str

    def __new__(cls, name: str, meaning: str) -> FailureClass:  # noqa: PYI034  (as Reason)
        member = str.__new__(cls, name)
        member._value_ = name
        member.meaning = meaning
        return member

    GONE = ("gone", "the image or its site no longer exists")
    REFUSED = ("refused", "the server, a proxy or a rule of this tool refused the request")
    BUSY = ("busy", "the server was overloaded, or asked for fewer requests")
    NETWORK = ("network", "the server, or the way to it, failed or was too slow")
    NO_IMAGE = ("no image", "something came, but no image that can be read")
    OPTED_OUT = ("opted out", "the owner does not allow this use")
    FILTERED = ("filtered", "an option of the run excludes the image")
    LIST = ("list", "the row of the list cannot be used")
    MACHINE = ("machine", "a decoder or a library of this machine failed or is missing")
    UNKNOWN = (UNKNOWN, "the stored message is not known")


CLASSES: Mapping[FailureClass, tuple[Reason, ...]] = {
    FailureClass.GONE: (Reason.NO_SUCH_HOST, Reason.OBJECT_NOT_FOUND),
    FailureClass.REFUSED: (
        Reason.HTTP_STATUS,
        Reason.ADDRESS_NOT_ALLOWED,
        Reason.PROXY_REFUSED,
        Reason.TOO_MANY_REDIRECTS,
        Reason.BAD_REDIRECT,
        Reason.OBJECT_FORBIDDEN,
        Reason.CREDENTIALS_EXPIRED,
    ),
    FailureClass.BUSY: (Reason.HTTP_STATUS_TRANSIENT, Reason.HOST_ASKS_FOR_REST),
    FailureClass.NETWORK: (
        Reason.HOST_NOT_RESOLVED,
        Reason.HOST_GIVEN_UP,
        Reason.CONNECT_FAILED,
        Reason.CONNECT_TIMEOUT,
        Reason.PROXY_FAILED,
        Reason.TLS,
        Reason.CERTIFICATE,
        Reason.TIMEOUT,
        Reason.TOO_SLOW,
        Reason.CONNECTION_LOST,
        Reason.BODY_INCOMPLETE,
    ),
    FailureClass.NO_IMAGE: (
        Reason.BODY_EMPTY,
        Reason.BAD_RESPONSE,
        Reason.BAD_ENCODING,
        Reason.HEADER_TOO_LARGE,
        Reason.NOT_AN_IMAGE,
        Reason.SVG,
        Reason.VIDEO,
        Reason.DECODE,
    ),
    FailureClass.OPTED_OUT: (
        Reason.OPTED_OUT,
        Reason.TDM_RESERVED,
        Reason.TDMREP,
        Reason.CONTENT_USAGE,
        Reason.ROBOTS_TXT_TRAINING,
        Reason.ROBOTS_TXT,
        Reason.ROBOTS_TXT_UNAVAILABLE,
    ),
    FailureClass.FILTERED: (
        Reason.BODY_TOO_LARGE,
        Reason.HASH_MISMATCH,
        Reason.TOO_MANY_PIXELS,
        Reason.TOO_SMALL,
        Reason.AREA_TOO_LARGE,
        Reason.ASPECT_RATIO,
    ),
    FailureClass.LIST: (
        Reason.MALFORMED_LINE,
        Reason.URL_MISSING,
        Reason.URL_INVALID,
        Reason.SCHEME_NOT_ALLOWED,
        Reason.NOT_A_FILE,
        Reason.BAD_BOXES,
    ),
    FailureClass.MACHINE: (
        Reason.HEIC,
        Reason.JXL,
        Reason.DECODER_CRASHED,
        Reason.DECODER_TIMEOUT,
        Reason.ENCODE,
    ),
}
CLASS_OF = {reason: kind for kind, reasons in CLASSES.items() for reason in reasons}
GONE_CODES = frozenset({404, 410})

MEANINGS: Mapping[Reason, str] = {
    Reason.MALFORMED_LINE: "The line of the list could not be parsed.",
    Reason.URL_MISSING: "The row has no URL.",
    Reason.URL_INVALID: "The text in the column of URLs is not a URL.",
    Reason.SCHEME_NOT_ALLOWED: "The URL begins with a scheme that url_schemes does not allow.",
    Reason.OBJECT_NOT_FOUND: "The path or the store has no such file or object.",
    Reason.OBJECT_FORBIDDEN: "The file or object may not be read with these permissions.",
    Reason.CREDENTIALS_EXPIRED: "The credentials of the store had expired.",
    Reason.NOT_A_FILE: "The path names a folder or a device, not a file.",
    Reason.HOST_NOT_RESOLVED: "The DNS did not answer for the name of the host, at that time.",
    Reason.NO_SUCH_HOST: "The DNS says that the host does not exist: the site is gone.",
    Reason.ADDRESS_NOT_ALLOWED: "The host has a private or reserved address.",
    Reason.HOST_GIVEN_UP: "Too many requests to this host had failed in a row, so it was left out "
    "for a while.",
    Reason.HOST_ASKS_FOR_REST: "The host asked for a longer pause than the run waits.",
    Reason.CONNECT_FAILED: "The host refused the connection, or no route led to it.",
    Reason.CONNECT_TIMEOUT: "The host did not answer the attempt to connect.",
    Reason.PROXY_REFUSED: "The proxy of this machine refused the request.",
    Reason.PROXY_FAILED: "The proxy of this machine did not reach the host.",
    Reason.TLS: "The encrypted connection could not be set up.",
    Reason.CERTIFICATE: "The certificate of the host is not valid.",
    Reason.TIMEOUT: "The image was not complete within the time limit of a URL.",
    Reason.TOO_SLOW: "The transfer was slower than the minimum speed.",
    Reason.CONNECTION_LOST: "The connection ended before the answer did.",
    Reason.BODY_INCOMPLETE: "The server sent less than it had announced.",
    Reason.BODY_EMPTY: "The server sent an answer without content.",
    Reason.BODY_TOO_LARGE: "The file is larger than max_image_bytes.",
    Reason.BAD_RESPONSE: "The answer is not valid HTTP.",
    Reason.BAD_ENCODING: "The compression of the answer is not valid.",
    Reason.HEADER_TOO_LARGE: "The header of the answer is larger than the limit.",
    Reason.TOO_MANY_REDIRECTS: "The URL redirects more often than the limit.",
    Reason.BAD_REDIRECT: "The URL redirects to something that may not be requested.",
    Reason.HTTP_STATUS: "The server answered with an error, such as 404 for a missing image.",
    Reason.HTTP_STATUS_TRANSIENT: "The server was overloaded, or received too many requests.",
    Reason.OPTED_OUT: "The server forbids this use of the image by an X-Robots-Tag header.",
    Reason.TDM_RESERVED: "The server reserves text and data mining by a header.",
    Reason.TDMREP: "The site reserves text and data mining in its tdmrep.json.",
    Reason.CONTENT_USAGE: "The server forbids AI training by a Content-Usage header.",
    Reason.ROBOTS_TXT_TRAINING: "The site forbids AI training in its robots.txt.",
    Reason.ROBOTS_TXT: "The site forbids requests for this path in its robots.txt.",
    Reason.ROBOTS_TXT_UNAVAILABLE: "The robots.txt of the site could not be read.",
    Reason.HASH_MISMATCH: "The file is not the one whose hash is in the list.",
    Reason.NOT_AN_IMAGE: "The server sent something that is not an image, often a web page.",
    Reason.SVG: "The file is a vector drawing.",
    Reason.VIDEO: "The file is a video.",
    Reason.HEIC: "The file is a HEIC image, for which a library is missing.",
    Reason.JXL: "The file is a JPEG XL image, for which a library is missing.",
    Reason.DECODE: "The file is damaged, or is not an image.",
    Reason.DECODER_CRASHED: "The image crashed its decoder.",
    Reason.DECODER_TIMEOUT: "Decoding the image took longer than max_decode_seconds.",
    Reason.TOO_MANY_PIXELS: "The image has more pixels than max_decoded_pixels.",
    Reason.TOO_SMALL: "The image is smaller than min_image_size.",
    Reason.AREA_TOO_LARGE: "The image is larger than max_image_area.",
    Reason.ASPECT_RATIO: "The image is longer than max_aspect_ratio allows.",
    Reason.BAD_BOXES: "The boxes of the row are not valid.",
    Reason.ENCODE: "The image could not be encoded.",
}
ADVICE: Mapping[Reason, str] = {
    Reason.HTTP_STATUS: "404 and 410 are dead links; for 401 and 403 open one URL in a browser: the "
    "server may refuse this User-Agent, or this machine's address",
    Reason.NO_SUCH_HOST: "nothing, if the list is old; if many known hosts are among them, name other "
    "dns_servers",
    Reason.NOT_AN_IMAGE: "open one URL in a browser: it may be a page that replaced the image",
    Reason.TOO_SMALL: "nothing, or lower min_image_size and make the dataset again",
    Reason.AREA_TOO_LARGE: "nothing, or raise max_image_area and make the dataset again",
    Reason.ASPECT_RATIO: "nothing, or raise max_aspect_ratio and make the dataset again",
    Reason.HASH_MISMATCH: "nothing: the image has changed since the list was made; if it is most of "
    "them, check that verify_hash names the right column, and its type",
}
"""What to do about some rows with a reason, where it differs from CAUSES: if they are all rows."""
UNKNOWN_MEANING = "A message that this version does not know."


@lru_cache(maxsize=4096)
def classify(message: str) -> FailureClass:
    """Return the class of a stored error message."""
    code = HTTP_CODE.match(message)
    if code is not None and int(code[1]) in GONE_CODES:
        return FailureClass.GONE
    reason = find_reason(message)
    return FailureClass.UNKNOWN if reason is None else CLASS_OF[reason]


def name_reason(message: str) -> str:
    """Return the name of the reason behind a stored error message."""
    reason = find_reason(message)
    return UNKNOWN if reason is None else reason.value


def explain(name: str) -> str:
    """Say in plain words what the reason of this name means."""
    return UNKNOWN_MEANING if name == UNKNOWN else MEANINGS[Reason.named(name)]


def advise(name: str) -> str:
    """Say what to do about rows with the reason of this name."""
    if name == UNKNOWN:
        return DEFAULTS[Status.FAILED_TO_DOWNLOAD]
    reason = Reason.named(name)
    return ADVICE.get(reason) or CAUSES.get(reason, DEFAULTS[reason.status])
