"""mypy and pyright accept a user's script, know its parameters, and refuse a wrong one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import img2dataset

ROOT = Path(__file__).parents[2]
GOOD = """\
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from img2dataset import (
    Img2datasetError, MissingExtraError, OptionError, Progress, Reason, Report, Reporter, RunError,
    ShardResult, SourceError, Stream, StreamSample, Tally, Verification, astream, download, stream,
    verify,
)


class Log(Reporter):
    def shard_done(self, result: ShardResult, progress: Progress) -> None:
        print(result.name, result.tally.successes, progress.elapsed)


report: Report = download("urls.txt", 256, "images", resize_mode="center_crop")
download(Path("urls.txt"), encode_format="webp", compute_hash=None, downscale_interpolation="AREA")
download(["https://example.org/1.jpg"], robots_txt="respect", reporters=[Log()], quiet=True)
download([Path("a.csv"), Path("b.csv")], input_format="csv", save_additional_columns=["id"])
download(pa.table({"url": ["https://example.org/1.jpg"]}), reporters=())
for row in report.failures():
    print(row["url"], row["error_message"])
counts: dict[str, Any] = report.to_dict()
recovered: int = report.recovered + report.retried
tally: Tally = report.tally
found: Verification = verify("images", deep=True)
print(counts, recovered, tally, found.whole, report.retry_interrupted)
with stream("urls.txt", image_size=64, failures="yield", ordered=True) as samples:
    opened: Stream = samples
    for sample in samples:
        one: StreamSample = sample
        key: str = one.key
        size: int = sample.array().shape[0] + sample.pil().width + len(one.image or b"")
        print(key, size, one.metadata["url"], one.caption, one.status, one.error)
    state: dict[str, Any] = opened.state_dict()


def get_key(sample: StreamSample) -> str:
    return sample.key


async def read() -> list[str]:
    async with astream(["https://example.org/1.jpg"], prefetch_bytes=10_000_000) as samples:
        samples.load_state_dict(state)
        return [sample.key async for sample in samples]
"""
BAD = {
    "an unknown name": 'download("urls.txt", image_sise=256)',
    "a value that is not in its set": 'download("urls.txt", resize_mode="crop")',
    "a wrong type": 'download("urls.txt", image_size="256")',
    "no list": "download()",
    "a list that is none": "download(5)",
    "a newer option by position": f"download({', '.join(['1'] * 39)})",
    "a reporter that is none": 'download("urls.txt", reporters=[print])',
    "an option about storing": 'stream("urls.txt", output_folder="images")',
    "an option by position": 'stream("urls.txt", 256)',
    "failures that are none of the two": 'stream("urls.txt", failures="raise")',
}
SCRIPT = GOOD + "\n".join(BAD.values()) + "\n"
"""One script: a type checker reads all of the package for each."""
FIRST_BAD_LINE = GOOD.count("\n") + 1


def check(tool: str, folder: Path, script: str) -> set[int]:
    """The lines that a type checker, set to be strict, finds fault with."""
    path = folder / "script.py"
    path.write_text(script, encoding="utf-8")
    commands = {
        "mypy": ["mypy", "--strict", "--output=json", str(path)],
        "pyright": [
            "basedpyright",
            "--outputjson",
            "--level=error",
            "--pythonpath",
            sys.executable,
            path.name,
        ],
    }
    source = Path(img2dataset.__file__).parents[1]
    settings = {
        "typeCheckingMode": "standard",
        "reportMissingTypeStubs": False,
        "extraPaths": [str(source)],
    }
    (folder / "pyrightconfig.json").write_text(json.dumps(settings), encoding="utf-8")
    # mypy reads the package from the cache that `make types` has filled
    place = ROOT if tool == "mypy" else folder
    done = subprocess.run(
        [sys.executable, "-m", *commands[tool]], cwd=place, capture_output=True, text=True,
        timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode in (0, 1), done.stdout + done.stderr
    if tool == "mypy":
        found = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        return {one["line"] for one in found if one["severity"] == "error"}
    diagnostics = json.loads(done.stdout)["generalDiagnostics"]
    return {one["range"]["start"]["line"] + 1 for one in diagnostics}


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("tool", ["mypy", "pyright"])
def test_a_good_script_is_accepted_and_each_wrong_call_refused(tool: str, tmp_path: Path) -> None:
    lines = check(tool, tmp_path, SCRIPT)

    assert lines == set(range(FIRST_BAD_LINE, FIRST_BAD_LINE + len(BAD)))
