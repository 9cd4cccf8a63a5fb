"""A URL as the list has it -> the URL to fetch, if its scheme is allowed."""

from __future__ import annotations

import os
from dataclasses import dataclass

from img2dataset.errors import Reason, RowError
from img2dataset.fetch.http.urls import DEFAULT_PORTS, MAX_URL_CHARACTERS, make_sendable
from img2dataset.options.url_schemes import (
    WEB_SCHEMES,
    list_object_schemes,
    make_refusal_label,
)

BEFORE_PATHS = "file://"


@dataclass(frozen=True, slots=True)
class UrlRules:
    """Which URLs of the list are fetched.

    Redirects are not judged by these rules: they lead to http and https only.
    """

    schemes: tuple[str, ...] = WEB_SCHEMES
    roots: tuple[str, ...] = ()
    """Beginnings of URLs that are allowed whatever their scheme: the folders that are the list."""

    @property
    def has_objects(self) -> bool:
        """Whether any URL may name something that is not on http."""
        return bool(self.roots or list_object_schemes(self.schemes))

    def make_fetchable(self, url: str | None) -> str:
        """Return the URL to fetch.

        Raises:
            RowError: it is none, or not one that we may fetch.
        """
        if self.has_objects and url is not None:
            made = self._make_object_url(url.strip())
            if made is not None:
                return made
        sendable = self._make_sendable(url)
        if sendable.partition(":")[0] not in self.schemes:
            raise self._refusal()
        return sendable

    def _make_sendable(self, url: str | None) -> str:
        try:
            return make_sendable(url)
        except RowError as error:
            if error.reason is Reason.SCHEME_NOT_ALLOWED:
                raise self._refusal() from None
            raise

    def _make_object_url(self, url: str) -> str | None:
        """Return the URL of an object, letter by letter but for its scheme; None if it is none."""
        if "file" in self.schemes and os.path.isabs(url):  # noqa: PTH117  (many rows)
            url = BEFORE_PATHS + url
        scheme, separator, rest = url.partition("://")
        scheme = scheme.lower()
        if not separator or scheme in WEB_SCHEMES:
            return None
        if scheme not in self.schemes and not self._is_in_root(url):
            return None
        if not rest or "\0" in url or len(url) > MAX_URL_CHARACTERS:
            raise RowError(Reason.URL_INVALID)
        return f"{scheme}://{rest}"

    def _is_in_root(self, url: str) -> bool:
        return any(map(url.startswith, self.roots)) and "/../" not in f"{url}/"

    def _refusal(self) -> RowError:
        if self.schemes == WEB_SCHEMES:
            return RowError(Reason.SCHEME_NOT_ALLOWED)
        return RowError(Reason.SCHEME_NOT_ALLOWED, make_refusal_label(self.schemes))


def is_object_scheme(scheme: str) -> bool:
    """Whether a URL that is fetched has no server that speaks http."""
    return scheme not in DEFAULT_PORTS
