"""The address of an engine in another process of this machine -> its samples."""

from __future__ import annotations

import json
import pickle
import socket
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

from img2dataset.errors import RunError
from img2dataset.streaming.sample import StreamSample
from img2dataset.streaming.server import (
    ACCEPTED,
    HOST,
    LENGTH,
    REQUEST,
    Address,
    BrokenOff,
    NoMore,
    Samples,
)

CONNECT_TIMEOUT_S = 10.0
LEADER_TIMEOUT_S = 300.0
"""Time for the rank that fetches to begin: it may have a model to load before."""
LOOK_INTERVAL_S = 0.1


def iterate(address: Address) -> Iterator[StreamSample]:
    """Yield samples of an engine until the list is at its end.

    Raises:
        RunError: the process that fetches has ended.
        Img2datasetError: the stream broke off there.
    """
    try:
        connection = connect(address)
    except OSError as error:
        raise RunError("the process that fetches the stream has ended it") from error
    with closing(connection):
        yield from read_samples(connection)


def iterate_leader(path: Path) -> Iterator[StreamSample]:
    """Yield samples of the rank that fetches, which writes its address into the file `path`."""
    with closing(wait_for_leader(path)) as connection:
        yield from read_samples(connection)


def read_samples(connection: socket.socket) -> Iterator[StreamSample]:
    """Yield samples from a connection to an engine."""
    connection.settimeout(None)
    with connection.makefile("rb") as file:
        while True:
            # the end may have come already, and the engine be gone with it
            with suppress(OSError):
                connection.sendall(REQUEST)
            try:
                head = file.read(LENGTH.size)
                data = file.read(*LENGTH.unpack(head)) if len(head) == LENGTH.size else b""
            except ConnectionError:
                data = b""
            if not data:
                raise RunError("the process that fetches the stream has ended it")
            match pickle.loads(data):  # noqa: S301  (of our own parent, or another rank of the user)
                case Samples(samples=samples):
                    for image, metadata in samples:
                        yield StreamSample(image, metadata)
                case BrokenOff(error=error):
                    raise error
                case NoMore():
                    return


def connect(address: Address) -> socket.socket:
    """Connect to an engine.

    Raises:
        OSError: it is not there.
    """
    connection = socket.create_connection((HOST, address.port), CONNECT_TIMEOUT_S)
    try:
        connection.sendall(address.token)
        accepted = connection.recv(1) == ACCEPTED
    except BaseException:
        connection.close()
        raise
    if not accepted:
        connection.close()
        raise ConnectionRefusedError("it is another program")
    return connection


def wait_for_leader(path: Path) -> socket.socket:
    """Wait until the rank that fetches is there, and connect to it.

    Raises:
        RunError: it does not come.
    """
    deadline = time.monotonic() + LEADER_TIMEOUT_S
    while True:
        with suppress(OSError, ValueError, KeyError):  # not there yet, or left by one that died
            return connect(read_address(path))
        if time.monotonic() > deadline:
            raise RunError(
                f"local rank 0, which fetches for all ranks of a machine, has not begun within "
                f"{LEADER_TIMEOUT_S:g} seconds; if the ranks are on several machines, set "
                "LOCAL_WORLD_SIZE or pass local_world_size"
            )
        time.sleep(LOOK_INTERVAL_S)


def write_address(path: Path, address: Address) -> None:
    """Write an address where only this user can read it."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    staged = path.with_suffix(".new")
    staged.touch(mode=0o600)
    staged.write_text(json.dumps({"port": address.port, "token": address.token.hex()}))
    staged.replace(path)


def read_address(path: Path) -> Address:
    values = json.loads(path.read_text())
    return Address(int(values["port"]), bytes.fromhex(values["token"]))
