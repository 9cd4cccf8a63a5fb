"""img2dataset doctor: this machine is measured, and each line is ok or says what to do."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from img2dataset.cli import main
from img2dataset.doctor.network import USUAL_NAMES
from tests.site.names import SILENT, Name, NameServer

pytestmark = pytest.mark.slow
HOSTS = [f"h{n}.example" for n in range(60)]


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def names() -> Iterator[NameServer]:
    with NameServer({name: Name(("127.0.0.2",)) for name in HOSTS}) as server:
        yield server


def write_list(folder: Path) -> str:
    path = folder / "list.csv"
    path.write_text("link\n" + "".join(f"http://{HOSTS[n % 60]}/{n}.jpg\n" for n in range(600)))
    return str(path)


def examine(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, str]]:
    """The exit code, and the line of each subject."""
    code = main(["doctor", *words])
    lines = capsys.readouterr().out.splitlines()
    return code, {line[6:].partition(":")[0]: line for line in lines}


def test_the_machine_the_list_and_the_folder_are_measured(
    names: NameServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reading = ("--input_format=csv", "--url_col=link", f"--dns_servers={names.address}")
    before = set(tmp_path.rglob("*"))

    code, lines = examine(capsys, write_list(tmp_path), str(tmp_path / "out" / "in"), *reading)

    assert code == int(any(line.startswith("TO DO") for line in lines.values()))
    assert list(lines) == [
        "cores", "memory", "open files", "compiled modules", "list", "room", "disk speed", "clock",
        "certificates", "proxy", "DNS",
    ]  # fmt: skip
    assert lines["list"] == "ok    list: about 600 rows, 60 hosts in the first 600"
    assert lines["DNS"].startswith(f"ok    DNS: {names.address}: 60 names, 0 without an answer")
    assert {name for name, _ in names.asked} == set(HOSTS)
    assert lines["proxy"] == "ok    proxy: none"
    assert "needed if every row gives an image" in lines["room"]
    assert set(tmp_path.rglob("*")) == before | {tmp_path / "list.csv"}


def test_what_is_wrong_is_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = tmp_path / "certificates.pem"
    empty.write_text("")
    monkeypatch.setenv("SSL_CERT_FILE", str(empty))
    with NameServer(
        {name: Name(fail=SILENT, times=1 << 30) for name in (*HOSTS[:2], *USUAL_NAMES)}
    ) as silent:
        monkeypatch.setattr("img2dataset.doctor.network.MAX_DNS_S", 0.5)
        (tmp_path / "list.txt").write_text("\n".join(f"http://{name}/1.jpg" for name in HOSTS[:2]))

        code, lines = examine(
            capsys, str(tmp_path / "list.txt"), f"--dns_servers={silent.address}",
                        f"--output_folder={tmp_path}", "--processes_count=5000",
        )  # fmt: skip

        other, of_no_list = examine(
            capsys, str(tmp_path / "none.txt"), str(tmp_path), f"--dns_servers={silent.address}"
        )

    assert (code, other) == (1, 1)
    wrong = {name for name, line in lines.items() if line.startswith("TO DO")}
    assert wrong >= {"cores", "memory", "certificates", "DNS"}
    assert "no name is resolved" in lines["DNS"]
    assert of_no_list["list"].startswith("TO DO list: ")


def test_a_proxy_is_connected_to_and_resolves_the_names(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        monkeypatch.setenv("https_proxy", f"http://user:secret@127.0.0.1:{port}")
        _, lines = examine(capsys, f"--output_folder={tmp_path}")
        assert lines["proxy"] == f"ok    proxy: 127.0.0.1:{port} accepts connections"
        assert lines["DNS"] == "ok    DNS: the proxy resolves names"
    code, lines = examine(capsys, f"--output_folder={tmp_path}")
    assert code == 1
    assert lines["proxy"].startswith(f"TO DO proxy: 127.0.0.1:{port}: Connection refused")

    main(["doctor", f"--output_folder={tmp_path}", "--report", "--image_size=64"])
    report = capsys.readouterr().out
    assert "- img2dataset " in report
    assert "image_size=64" in report
    for hidden in ("secret", str(port), str(tmp_path)):
        assert hidden not in report
