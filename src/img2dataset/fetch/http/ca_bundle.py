"""Environment -> the trusted certificates.

The libcurl of pycurl's wheel knows where the machine it was built on kept them, which is not
where every machine does; a short list and Python's ssl module know better.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

USUAL_FILES = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Ubuntu, Alpine, Arch
    "/etc/pki/tls/certs/ca-bundle.crt",  # Fedora, RHEL
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",  # SUSE
    "/etc/ssl/cert.pem",  # macOS, BSD
)


def find_certificates(environment: Mapping[str, str]) -> tuple[str | None, str | None]:
    """Return the file and the folder of trusted certificates; None = libcurl's default."""
    file = environment.get("SSL_CERT_FILE") or None
    folder = environment.get("SSL_CERT_DIR") or None
    if file or folder:
        return file, folder
    usual = next((place for place in USUAL_FILES if Path(place).is_file()), None)
    return usual or _default_of_python(), None


def _default_of_python() -> str | None:
    import ssl  # noqa: PLC0415  (10 ms, for the few machines that keep them elsewhere)

    return ssl.get_default_verify_paths().cafile
