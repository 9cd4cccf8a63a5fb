from __future__ import annotations

from pathlib import Path

from img2dataset.fetch.trust import certificates


def test_the_environment_says_whom_to_trust() -> None:
    assert certificates({"SSL_CERT_FILE": "/a.pem"}) == ("/a.pem", None)
    assert certificates({"SSL_CERT_DIR": "/certs"}) == (None, "/certs")
    assert certificates({"SSL_CERT_FILE": "/a.pem", "SSL_CERT_DIR": "/c"}) == ("/a.pem", "/c")


def test_otherwise_it_is_a_file_of_the_system_or_left_to_libcurl() -> None:
    file, folder = certificates({"SSL_CERT_FILE": ""})
    assert file is None or Path(file).is_file()
    assert folder is None
