"""FetchConfig -> a libcurl handle with everything set that does not change between requests."""

from __future__ import annotations

import os
from typing import Any

import pycurl

from img2dataset.fetch.config import FetchConfig
from img2dataset.fetch.http.ca_bundle import find_certificates
from img2dataset.fetch.http.remedies import Remedy
from img2dataset.fetch.http.response import Response

CHUNK_BYTES = 64 * 1024
"""Bytes that libcurl hands over at most in one piece, and keeps of a body that has to wait; with
four times as many a request costs the same."""
CONNECT_TIMEOUT_S = 5.0
"""Seconds to connect and shake hands, or half of the timeout if that is more: a SYN that is lost
comes again after 1 and after 3 seconds, and a host that has not answered the third is down."""

SUPPRESS_CONNECT_HEADERS = 265
IGNORE_CONTENT_LENGTH = 136
"""libcurl's numbers; pycurl has no names for them."""

CURL_VERSION = str(pycurl.version)
"""Of pycurl, libcurl and what it is built with."""
WEB = pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS
ACCEPT = ["Accept: image/*,*/*;q=0.8", "Accept-Encoding: identity"]


def new_handle(config: FetchConfig, response: Response) -> Any:
    """Return a handle that feeds `response`.

    Redirects are not followed: every hop is a request of its own, which has to pass the same
    gates as the first.  The total time is watched by `curl.Transfers`.
    """
    handle = pycurl.Curl()
    handle.setopt(pycurl.WRITEFUNCTION, response.chunk)
    handle.setopt(pycurl.HEADERFUNCTION, response.header)
    handle.setopt(pycurl.BUFFERSIZE, CHUNK_BYTES)
    handle.setopt(pycurl.NOSIGNAL, 1)
    handle.setopt(pycurl.CONNECTTIMEOUT_MS, max(1, round(1000 * connect_timeout(config.timeout))))
    handle.setopt(pycurl.PROTOCOLS, WEB)
    handle.setopt(pycurl.PATH_AS_IS, 1)
    handle.setopt(pycurl.FOLLOWLOCATION, 0)
    handle.setopt(pycurl.NETRC, pycurl.NETRC_IGNORED)
    handle.setopt(pycurl.NOPROXY, "")
    handle.setopt(SUPPRESS_CONNECT_HEADERS, 1)  # they are the proxy's, not the site's
    handle.setopt(pycurl.PROXY, "")  # what is set in the environment is for `proxies` to say
    handle.setopt(pycurl.USERAGENT, config.user_agent)
    handle.setopt(pycurl.HTTPHEADER, ACCEPT)
    set_certificates(handle, config)
    return handle


def apply(handle: Any, remedy: Remedy) -> None:
    """Make `handle` send its next request in another way."""
    handle.setopt(pycurl.FRESH_CONNECT, 1)
    match remedy:
        case Remedy.NEW_CONNECTION:
            pass
        case Remedy.HTTP_1:
            use_http_1(handle)
        case Remedy.NO_LENGTH:
            handle.setopt(IGNORE_CONTENT_LENGTH, 1)
            handle.setopt(pycurl.HTTPHEADER, [*ACCEPT, "Connection: close"])
        case Remedy.NO_TRANSFER_CODING:
            handle.setopt(pycurl.HTTP_TRANSFER_DECODING, 0)
            handle.setopt(pycurl.HTTPHEADER, [*ACCEPT, "Connection: close"])


def use_http_1(handle: Any) -> None:
    handle.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1)


def restore(handle: Any) -> None:
    """Undo `apply` and `use_http_1`."""
    handle.setopt(pycurl.FRESH_CONNECT, 0)
    handle.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_NONE)
    handle.setopt(IGNORE_CONTENT_LENGTH, 0)
    handle.setopt(pycurl.HTTP_TRANSFER_DECODING, 1)
    handle.setopt(pycurl.HTTPHEADER, ACCEPT)


def connect_timeout(timeout: float) -> float:
    """Return the seconds that a connection may take."""
    return min(timeout, max(CONNECT_TIMEOUT_S, timeout / 2))


def set_certificates(handle: Any, config: FetchConfig) -> None:
    if config.ignore_ssl_certificate:
        handle.setopt(pycurl.SSL_VERIFYPEER, 0)
        handle.setopt(pycurl.SSL_VERIFYHOST, 0)
        return
    file, folder = find_certificates(os.environ)
    if file is not None:
        handle.setopt(pycurl.CAINFO, file)
    if folder is not None:
        handle.setopt(pycurl.CAPATH, folder)
