"""The samples of a shard, compared with its table."""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from img2dataset.dataset.layout import StoredShard
from img2dataset.errors import DamagedError, Status
from img2dataset.formats import SampleFile, ShardReader, StoredSample, find_format
from img2dataset.storage.folder import Folder
from img2dataset.verification.checked import Problems
from img2dataset.verification.pictures import find_problem, is_as_downloaded
from img2dataset.verification.table import TableRow

JSON, TXT = "json", "txt"


class SampleCheck:
    """Checks every sample of a shard; `rows` is None if the table cannot be read."""

    def __init__(
        self,
        folder: Folder,
        shard: StoredShard,
        rows: Mapping[str, TableRow] | None,
        problems: Problems,
        *,
        deep: bool,
    ) -> None:
        self._format = find_format(shard.output_format)
        self._reader = ShardReader(
            folder, shard.name, shard.files, shard.options.get("encode_format"), read_content=deep
        )
        self._shard = shard
        self._rows = rows
        self._problems = problems
        self._where = self._format.container
        self._seen: set[str] = set()
        self._extensions: set[str] | None = None  # those of every sample

    def run(self) -> int:
        """Check all samples; return how many there are."""
        container = self._shard.name + self._format.suffixes[0]
        if container not in self._shard.files:  # a problem that was added before, if it is one
            return 0
        if self._format.images_in_table and self._rows is None:
            return 0
        try:
            for found in self._format.read_samples(self._reader):
                self._check(found)
        except DamagedError as error:
            self._problems.add(add_place(error, self._where))
            return len(self._seen)
        for key in sorted(self._kept() - self._seen):
            self._add("a success without its sample", key)
        return len(self._seen)

    def _kept(self) -> set[str]:
        """Return the keys of the rows that have an image; without a table, of all samples found."""
        if self._rows is None:
            return self._seen
        return {key for key, row in self._rows.items() if row.kept}

    def _add(self, text: str, key: str) -> None:
        self._problems.add(f"{self._where}: {text}", key)

    def _check(self, found: StoredSample) -> None:
        row = None if self._rows is None else self._rows.get(found.key)
        if found.key in self._seen:
            self._add("a sample twice, or its parts not side by side", found.key)
        elif self._rows is not None and (row is None or not row.kept):
            self._add("a sample that is not in the table as a success", found.key)
        self._seen.add(found.key)
        if self._extensions is None:
            self._extensions = self._expected(set(found.files))
        if found.files.keys() != self._extensions:
            self._add(
                f"a sample that has not just {', '.join(sorted(self._extensions))}", found.key
            )
        for extension, file in found.files.items():
            self._check_file(found.key, extension, file, row)

    def _expected(self, there: set[str]) -> set[str]:
        """Return the extensions of every sample: by the options, or those of the first sample."""
        options = self._shard.options
        if not options or not self._format.has_member_files:
            return there
        captions = {TXT} if options.get("caption_col") is not None else set()
        return {options["encode_format"], JSON, *captions}

    def _check_file(self, key: str, extension: str, file: SampleFile, row: TableRow | None) -> None:
        if extension == TXT:  # a caption may be empty
            return
        if file.size == 0:
            self._add(f"an empty {extension}", key)
        elif file.data is not None and extension == JSON:
            if not is_json_of(file.data, key):
                self._add("a json that is not the one of its sample", key)
        elif file.data is not None and self._reader.read_content:
            self._check_image(key, file.data, row)

    def _check_image(self, key: str, data: bytes, row: TableRow | None) -> None:
        size, digests = ((row.width, row.height), row.digests) if row else ((None, None), ())
        problem = find_problem(data, size, digests)
        untouched = self._shard.options.get("disable_all_reencoding")
        if problem is None and untouched and digests and not is_as_downloaded(data, digests):
            problem = "an image that has not the hash that was stored"
        if problem is not None:
            self._add(problem, key)


def is_json_of(data: bytes, key: str) -> bool:
    try:
        document = orjson.loads(data)
    except orjson.JSONDecodeError:
        return False
    return (
        isinstance(document, dict)
        and document.get("key") == key
        and document.get("status") == Status.SUCCESS.value
    )


def add_place(error: DamagedError, where: str) -> str:
    """Say what is damaged, and where."""
    text = str(error)
    return text if text.startswith(f"{where}: ") else f"{where}: {text}"
