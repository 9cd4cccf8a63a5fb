"""The examples run as they are, against a site on this machine; community files say what they must."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from img2dataset import verify
from img2dataset.version import VERSION
from tests.docs_examples import ROOT
from tests.site import Site
from tests.stores.s3 import BUCKET, S3Server

EXAMPLES = ROOT / "examples"
PATH = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
SBATCH = """#!/bin/bash
# A Slurm that runs jobs at once; of a large array only two, since machines fail.
echo $RANDOM
count=10 arguments="$*"
case "$*" in *--array=0-0*) count=1 ;; esac
for task in 0 3; do
    [ $task -lt $count ] || continue
    SLURM_ARRAY_TASK_ID=$task SLURM_ARRAY_TASK_COUNT=$count bash "${@: -1}" >&2
done
"""


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    with Site() as site:
        urls = [site.url(f"/image/{number}.jpg") for number in range(5)] + [site.url("/status/404")]
        (tmp_path / "urls.txt").write_text("\n".join(urls))
        table = pa.table({"url": urls, "caption": [f"no. {number}" for number in range(6)]})
        pq.write_table(table, tmp_path / "urls.parquet")
        yield tmp_path


def run(command: list[Any], folder: Path, **variables: str) -> str:
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, "PATH": PATH, **variables}, text=True,
        capture_output=True, check=False, timeout=200,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_the_simple_one_makes_a_dataset(place: Path) -> None:
    said = run([sys.executable, EXAMPLES / "simple.py"], place)
    assert re.fullmatch(
        r"5 images of 6 rows in .* s\nhttp:.*/status/404 - HTTP Error 404: Not Found\n", said
    )
    again = run([sys.executable, EXAMPLES / "simple.py"], place)
    assert again.startswith("nothing to do: shards that were done before: 1\nhttp:")


@pytest.mark.slow
def test_the_demo_serves_the_lists_of_the_others_and_leaves_what_is_not_its_own(
    tmp_path: Path,
) -> None:
    (tmp_path / "examples").mkdir()
    shutil.copy(EXAMPLES / "demo.py", tmp_path / "examples")
    kept = tmp_path / "demo" / "first" / "README.md"
    kept.parent.mkdir(parents=True)
    kept.write_text("the reader's")
    command = [sys.executable, "examples/demo.py", "--serve"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE) as server:
        try:
            assert server.stdout is not None
            assert b"demo/list.csv is the list" in server.stdout.readline()
            place = tmp_path / "demo" / "examples"
            said = run([sys.executable, EXAMPLES / "simple.py"], place)
        finally:
            server.terminate()
    run([sys.executable, "examples/demo.py"], tmp_path)

    assert said.startswith("39 images of 43 rows")
    assert pq.read_table(place / "urls.parquet").column_names == ["url", "caption"]
    assert kept.read_text() == "the reader's"
    assert (place / "images" / "00000_stats.json").exists()
    assert (tmp_path / "demo" / "contact_sheet.jpg").exists()


@pytest.mark.slow
def test_a_dataset_is_made_in_a_store(place: Path) -> None:
    with S3Server() as server:
        server.client.upload_file(str(place / "urls.parquet"), BUCKET, "x/urls.parquet")
        said = run(
            [sys.executable, EXAMPLES / "to_s3.py"], place,
            STORE=f"s3://{BUCKET}/x", **server.environment,
        )  # fmt: skip
        stored = server.keys()
    assert "x/dataset/00000.tar" in stored
    assert (
        said
        == f"5 images of 6 rows are new in s3://{BUCKET}/x/dataset\nshards that were done before: 0\nwhole\n"
    )


@pytest.mark.slow
def test_a_model_learns_from_a_stream(place: Path) -> None:
    pytest.importorskip("torch", reason="img2dataset[loader-tests] is not installed")
    said = run([sys.executable, EXAMPLES / "with_torch.py"], place)
    assert sum(map(int, re.findall(r"^(\d+) images, loss \d+\.", said, re.MULTILINE))) == 5


@pytest.mark.slow
def test_the_last_job_makes_what_the_array_did_not(place: Path) -> None:
    sbatch = place / "bin" / "sbatch"
    sbatch.parent.mkdir()
    sbatch.write_text(SBATCH)
    sbatch.chmod(0o755)
    path = f"{sbatch.parent}{os.pathsep}{PATH}"

    said = run(["bash", EXAMPLES / "on_slurm.sh"], place, PATH=path, ROWS_PER_SHARD="1")

    assert re.fullmatch(r"array of jobs: \d+\nlast job, for what is missing: \d+\n", said)
    assert len(list((place / "dataset").glob("*_stats.json"))) == 6
    assert verify(str(place / "dataset")).whole
    assert (place / "dataset" / "README.md").exists()


@pytest.mark.parametrize("engine", ["spark", "ray"])
def test_the_one_for_a_cluster_is_that_of_the_page(engine: str) -> None:
    # which tests/clusters runs
    page = (ROOT / "docs" / f"{engine}.md").read_text(encoding="utf-8")
    shown = re.search(r"```python\n(.*?)```", page, re.DOTALL)
    assert shown is not None
    program = (EXAMPLES / f"on_{engine}.py").read_text(encoding="utf-8")
    assert program.partition("INP001  (a script for people)\n\n")[2] == shown[1]


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_notebook_runs(tmp_path: Path) -> None:
    import nbformat  # noqa: PLC0415  (slow to import)
    from nbclient import NotebookClient  # noqa: PLC0415

    shutil.copytree(EXAMPLES, tmp_path / "examples", ignore=shutil.ignore_patterns("__pycache__"))
    notebook = nbformat.read(tmp_path / "examples" / "notebook.ipynb", as_version=4)
    assert all(not cell.get("outputs") for cell in notebook.cells)

    client = NotebookClient(
        notebook, timeout=120, resources={"metadata": {"path": str(tmp_path / "examples")}}
    )
    client.execute()

    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    said = "".join(output.get("text", "") for output in outputs)
    assert "39 of 43" in said
    assert "91% of the rows have an image" in said
    assert any("image/png" in output.get("data", {}) for output in outputs)


def test_every_example_is_in_the_table() -> None:
    page = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    files = [file.name for file in EXAMPLES.iterdir() if file.is_file()]
    assert [name for name in files if name != "README.md" and f"[{name}]({name})" not in page] == []


def read_entrypoint() -> list[str]:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    match = re.search(r"^ENTRYPOINT (.*)$", text, re.MULTILINE)
    assert match is not None
    entrypoint: list[str] = json.loads(match[1])
    return entrypoint


@pytest.mark.parametrize("lowered", [4096, None])
def test_the_container_asks_for_enough_open_files(tmp_path: Path, lowered: int | None) -> None:
    resource = pytest.importorskip("resource")
    allowed = lowered or resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    stub = tmp_path / "img2dataset"
    stub.write_text('#!/bin/sh\nulimit -S -n\nprintf "<%s>" "$@"\n')
    stub.chmod(0o755)
    limit = f"ulimit -S -n 1024; ulimit -H -n {allowed}"
    limited = ["/bin/sh", "-c", f'{limit}; exec "$@"', "sh"]

    said = run([*limited, *read_entrypoint(), "--url_list=a b", "$HOME"], tmp_path,
               PATH=f"{tmp_path}{os.pathsep}{PATH}")  # fmt: skip

    assert said == f"{min(allowed, 65536)}\n<--url_list=a b><$HOME>"


def test_the_changelog_begins_with_this_version() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    versions = re.findall(r"^## (?!Unreleased)(\S+)", text, re.MULTILINE)
    assert versions[0] == VERSION


def test_the_citation_is_of_this_version() -> None:
    citation: Mapping[str, Any] = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
    assert citation["version"] == VERSION


def test_templates_of_issues_ask_for_the_report_of_doctor() -> None:
    for file in (ROOT / ".github" / "ISSUE_TEMPLATE").glob("[bi]*.yml"):
        fields = yaml.safe_load(file.read_text(encoding="utf-8"))["body"]
        labels = [field.get("attributes", {}).get("label", "") for field in fields]
        assert any("`img2dataset doctor --report`" in label for label in labels), file.name
