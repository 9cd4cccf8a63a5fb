"""`img2dataset push`, against a stand-in for the Hugging Face Hub."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

from tests.e2e.commands import run
from tests.site import Site
from tests.stores.hub_uploads import Repository, serve_uploads

pytest.importorskip("huggingface_hub")
pytestmark = pytest.mark.slow
PAGE = Path(__file__).parents[2] / "docs" / "hub.md"
(COMMAND,) = re.findall(r"(?m)^img2dataset (push .*)$", PAGE.read_text("utf-8"))


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("push")
    with Site() as site:
        lines = [site.url(f"/image/{number}.jpg") for number in range(6)]
        (folder / "list.txt").write_text("\n".join([*lines, site.url("/status/404")]))
        code, said = run([
            f"--url_list={folder / 'list.txt'}", f"--output_folder={folder / 'out'}",
            "--output_format=webdataset", "--number_sample_per_shard=3", "--processes_count=1",
        ])  # fmt: skip
    assert code == 0, said
    (folder / "out" / "README.md").write_text("---\nlicense: other\n---\n# Photos\n")
    return folder / "out"


def push(dataset: Path, hub: Repository, token: str = "good", *more: str) -> tuple[int, str]:
    words = re.sub(r"\bimages\b", str(dataset), COMMAND).replace("OWNER/NAME", "me/photos").split()
    variables = {"HF_ENDPOINT": hub.address, "HF_HOME": str(dataset.parent / "home")}
    return run([*words, *more], {**variables, "HF_TOKEN": token})


def test_every_file_of_the_dataset_is_uploaded_and_nothing_else_is_told(
    dataset: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with serve_uploads() as hub:
        code, said = push(dataset, hub)

    assert code == 0, said
    assert capfd.readouterr().out == f"{hub.address}/datasets/me/photos\n"
    assert [made["visibility"] for made in hub.made] == ["private"]
    there = {path.name: path.read_bytes() for path in dataset.iterdir() if path.is_file()}
    assert {*hub.contents, *hub.hashes} == {*there}
    for name, content in hub.contents.items():
        assert content == there[name]
    for name, (digest, size) in hub.hashes.items():
        assert (digest, size) == (hashlib.sha256(there[name]).hexdigest(), len(there[name]))
    assert not [path for path in hub.told if "telemetry" in path]


def test_a_public_repository_is_asked_for(dataset: Path) -> None:
    with serve_uploads() as hub:
        code, _ = push(dataset, hub, "good", "--public")

    assert code == 0
    assert [made["visibility"] for made in hub.made] == ["public"]


@pytest.mark.parametrize(
    ("token", "words"),
    [
        ("", "push needs a token that may write: set HF_TOKEN"),
        ("bad", "does not accept the token (401)"),
        ("reader", "the token may not write to me/photos (403)"),
    ],
)
def test_a_token_that_may_not_write_is_one_line(dataset: Path, token: str, words: str) -> None:
    with serve_uploads() as hub:
        code, said = push(dataset, hub, token)

    assert code == 2
    (line,) = [each for each in said.splitlines() if "error:" in each]
    assert words in line
    assert "Traceback" not in said
    assert not hub.commits


def test_an_upload_that_ends_early_is_said_and_the_same_command_goes_on(dataset: Path) -> None:
    with serve_uploads() as hub:
        hub.refused_commits = 99
        code, said = push(dataset, hub)
        hub.refused_commits = 0
        again, _ = push(dataset, hub)

    assert (code, again) == (1, 0)
    assert "the upload to me/photos ended early" in said
    assert "the stand-in refuses this commit" in said
    assert "Traceback" not in said
    assert "00000.tar" in hub.hashes


def test_a_hub_that_cannot_be_reached_is_one_line(dataset: Path) -> None:
    code, said = push(dataset, Repository(address="http://127.0.0.1:9"))

    assert code == 1
    assert "the upload to me/photos ended early" in said
    assert "Traceback" not in said
