"""Seconds by stage, bytes and hosts: values that add up, and their JSON form."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import Any

from img2dataset.accounting.hosts import HostCounts


class Stage(StrEnum):
    """What a row, or a worker, spends time on.  Wall time in seconds, but for FETCH_CPU and WORKER_CPU."""

    DNS = "dns"
    """Transfers wait for an address.  This and the next four add up over transfers, of which many
    run at once."""
    CONNECT = "connect"
    TLS = "tls"
    FIRST_BYTE = "first_byte"
    """From the request to the first byte of the answer."""
    BODY = "body"
    HOST_WAIT = "host_wait"
    """A row waits until its host may be asked: its limits, and rests after failures."""
    ROOM_WAIT = "room_wait"
    """A worker starts no transfer, since the stages after it are full."""
    IMAGE_WAIT = "image_wait"
    """A body waits for a thread that processes it."""
    DECODE = "decode"
    """Pixels are made.  JPEG and PNG are mostly shrunk in the same pass."""
    RESIZE = "resize"
    """Resized, cropped, padded, blurred, as far as decoding does not do it."""
    ENCODE = "encode"
    IMAGE_OTHER = "image_other"
    """The rest of what a body takes in its thread: hashes, headers, marks, waits for the interpreter."""
    PACK = "pack"
    """Samples are put into the files of their shard."""
    UPLOAD = "upload"
    """The files of a shard are finished and stored."""
    FETCH_CPU = "fetch_cpu"
    """CPU time of the thread that drives all transfers of a worker."""
    WORKER = "worker"
    """A worker has shards open: what its stages are compared with."""
    WORKER_CPU = "worker_cpu"
    """CPU time of a worker while it has shards open; sandboxes not included."""


TRANSFER = (Stage.DNS, Stage.CONNECT, Stage.TLS, Stage.FIRST_BYTE, Stage.BODY)
IMAGE = (Stage.DECODE, Stage.RESIZE, Stage.ENCODE, Stage.IMAGE_OTHER)
STORE = (Stage.PACK, Stage.UPLOAD)


@dataclass(frozen=True, slots=True)
class Account:
    """What shards took; its parts are counted in place while they are under way."""

    seconds: defaultdict[str, float] = field(default_factory=partial(defaultdict, float))
    """Value of a Stage -> seconds."""
    sizes: Counter[str] = field(default_factory=Counter)
    """"downloaded" and "stored" -> bytes of images; "transfers" -> how many."""
    hosts: HostCounts = field(default_factory=HostCounts)

    def __add__(self, other: Account) -> Account:
        seconds = self.seconds.copy()
        for stage, each in other.seconds.items():
            seconds[stage] += each
        return Account(seconds, self.sizes + other.sizes, self.hosts + other.hosts)

    def __bool__(self) -> bool:
        return bool(self.seconds or self.sizes)

    @property
    def downloaded_bytes(self) -> int:
        """Bytes of the bodies that came."""
        return self.sizes["downloaded"]

    @property
    def stored_bytes(self) -> int:
        """Bytes of the images that were packed."""
        return self.sizes["stored"]

    @property
    def transfers(self) -> int:
        """Requests, those of redirects and retries included."""
        return self.sizes["transfers"]

    def add_up(self, stages: tuple[Stage, ...]) -> float:
        """Return the seconds of several stages together."""
        return sum(self.seconds.get(stage, 0.0) for stage in stages)

    def to_dict(self) -> dict[str, Any]:
        """Return the account as plain values, for JSON."""
        return {
            "seconds": {
                stage.value: seconds
                for stage in Stage
                if (seconds := round(self.seconds.get(stage, 0.0), 3)) > 0
            },
            "sizes": dict(self.sizes),
            "hosts": self.hosts.to_dict(),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Account:
        """Read an account back; stages that this version does not know are left out.

        Raises:
            ValueError: no account.
        """
        known = {stage.value for stage in Stage}
        try:
            seconds = {str(k): float(v) for k, v in values["seconds"].items() if k in known}
            sizes = {str(k): int(v) for k, v in values["sizes"].items()}
            hosts = HostCounts.from_dict(values["hosts"])
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"no account: {error}") from error
        return cls(defaultdict(float, seconds), Counter(sizes), hosts)
