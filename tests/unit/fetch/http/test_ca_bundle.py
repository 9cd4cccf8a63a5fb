from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from img2dataset.fetch.http import ca_bundle as trust
from img2dataset.fetch.http.ca_bundle import find_certificates


def test_the_environment_says_whom_to_trust() -> None:
    assert find_certificates({"SSL_CERT_FILE": "/a.pem"}) == ("/a.pem", None)
    assert find_certificates({"SSL_CERT_DIR": "/certs"}) == (None, "/certs")
    assert find_certificates({"SSL_CERT_FILE": "/a.pem", "SSL_CERT_DIR": "/c"}) == ("/a.pem", "/c")


def test_otherwise_it_is_a_file_of_the_system_or_left_to_libcurl() -> None:
    file, folder = find_certificates({"SSL_CERT_FILE": ""})
    assert file is None or Path(file).is_file()
    assert folder is None


def test_a_usual_place_comes_before_what_python_knows(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bundle = tmp_path / "bundle.pem"
    bundle.touch()
    monkeypatch.setattr(trust, "USUAL_FILES", (str(tmp_path / "none"), str(bundle)))

    assert find_certificates({}) == (str(bundle), None)


def test_elsewhere_python_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trust, "USUAL_FILES", ())

    assert find_certificates({}) == (ssl.get_default_verify_paths().cafile, None)
