"""A dataset in a local folder -> a dataset repository; see `push`."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from img2dataset.dataset.identity import load_sections
from img2dataset.dataset.layout import Layout, read_layout
from img2dataset.dataset.run_lock import acquire_run_lock
from img2dataset.errors import MissingExtraError, OptionError
from img2dataset.hub.failures import NO_TOKEN, describe_failure, is_of_the_hub
from img2dataset.hub.placing import CARD, Placing, adapt_card, place_files
from img2dataset.hub.target import Target, parse_target
from img2dataset.storage.folder import Folder
from img2dataset.text import plural

ENERGON = ".nv-meta"
"""The one hidden folder that belongs to a dataset."""
STREAMING_SINCE = 2
"""Major version of huggingface_hub since which upload_folder commits in batches and resumes."""
Say = Callable[[str], None]


def push_folder(output_folder: str, destination: str, *, public: bool, say: Say) -> str:
    """Upload a dataset; return the address of its page.

    Raises:
        OptionError: there is no whole dataset, the destination is no repository, or the token may
            not write there.
        RunError: the upload ended early; the same call resumes it.
    """
    target = parse_target(destination)
    api = open_hub()
    folder = Folder(output_folder)
    if not folder.local:
        raise OptionError(
            f"push: {output_folder!r} is not on this machine: copy it to a folder first"
        )
    with acquire_run_lock(folder, say) as acquired:
        if not acquired:
            raise OptionError(f"push: a run is writing to {output_folder!r}; wait for its end")
        layout = check_layout(folder)
        paths = list(list_files(Path(folder.root), list_inputs(folder)))
        placing = place_files(paths, (shard.name for shard in layout.shards))
        for line in describe(placing, output_folder):
            say(line)
        with TemporaryDirectory(prefix="img2dataset-push-") as staging:
            stage(Path(folder.root), placing, Path(staging))
            return upload(api, Path(staging), target, public=public)


def open_hub() -> Any:
    """Return the API of the Hub.

    Raises:
        OptionError: the library is missing or too old, or there is no token.
    """
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    try:
        import huggingface_hub  # noqa: PLC0415  (an extra)
    except ImportError as error:
        raise MissingExtraError("push", "huggingface_hub", "hf") from error
    version = huggingface_hub.__version__
    if int(version.partition(".")[0]) < STREAMING_SINCE:
        raise OptionError(
            f"push needs huggingface_hub {STREAMING_SINCE}, and {version} is installed:  "
            "pip install -U huggingface_hub"
        )
    if huggingface_hub.get_token() is None:
        raise OptionError(NO_TOKEN)
    return huggingface_hub.HfApi()


def check_layout(folder: Folder) -> Layout:
    """Read what is in the folder, and refuse what is no whole dataset."""
    layout = read_layout(folder) if folder.exists("") else None
    if layout is None or not layout.shards:
        raise OptionError(f"push: {folder.url!r} has no shards: there is nothing to upload")
    leftovers = layout.leftovers()
    if leftovers:
        raise OptionError(f"push: {folder.url!r} is not whole: {leftovers[0]}")
    return layout


def list_inputs(folder: Folder) -> set[str]:
    """List the files of URLs that the dataset was made from: they may lie in its folder."""
    return {
        source["url"] for section in load_sections(folder) for source in section.identity.inputs
    }


def list_files(root: Path, inputs: Collection[str]) -> Iterator[str]:
    """Yield the files of the dataset, and what a person put beside them, by their paths in it."""
    for path, folders, names in os.walk(root):
        inside = os.path.relpath(path, root).replace(os.sep, "/")
        folders[:] = sorted(n for n in folders if not n.startswith(".") or n == ENERGON)
        for name in sorted(names):
            is_shown = not name.startswith(".") or inside == ENERGON
            if is_shown and str(Path(path, name)) not in inputs:
                yield name if inside == "." else f"{inside}/{name}"


def describe(placing: Placing, output_folder: str) -> Iterator[str]:
    count = plural(len(placing.places), "file")
    yield f"{count} to upload{', the shards in folders of 1,000' if placing.in_folders else ''}"
    if placing.left_out:
        yield f"not uploaded, because they name shards by other places: {', '.join(placing.left_out)}"
    if CARD not in placing.places:
        yield (
            f"there is no {CARD}, by which the Hub shows images:  img2dataset card {output_folder}  "
            "writes it"
        )


def stage(root: Path, placing: Placing, staging: Path) -> None:
    """Make a tree of links with the places of the repository."""
    for path, place in placing.places.items():
        link = staging / place
        link.parent.mkdir(parents=True, exist_ok=True)
        if path == CARD and placing.in_folders:
            link.write_text(adapt_card((root / path).read_text("utf-8")), "utf-8")
            continue
        try:
            link.symlink_to(root / path)
        except OSError:  # Windows, without the privilege
            os.link(root / path, link)


def upload(api: Any, staging: Path, target: Target, *, public: bool) -> str:
    try:
        api.create_repo(target.repo, repo_type="dataset", private=not public, exist_ok=True)
        api.upload_folder(
            repo_id=target.repo,
            repo_type="dataset",
            folder_path=staging,
            path_in_repo=target.folder,
            revision=target.revision,
            commit_message="Upload a dataset made by img2dataset",
        )
    except Exception as error:
        if not is_of_the_hub(error):
            raise
        raise describe_failure(error, target) from error
    return f"{api.endpoint}/datasets/{target.repo}"
