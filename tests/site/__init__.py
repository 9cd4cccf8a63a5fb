"""A local site that misbehaves on request: `with Site() as site: fetch(site.url("/slow"))`.

The paths and what each does are in pages.py; every request is recorded in `site.requests`.
"""

from __future__ import annotations

from tests.site.server import CERTIFICATE, Request, Site

__all__ = ["CERTIFICATE", "Request", "Site"]
