"""URLs -> a webdataset as a short script does it: python -m benchmarks.peer LIST FOLDER"""

import io
import json
import os
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pycurl
import simplejpeg

SIDE, IN_FLIGHT = 256, 64


def shape(data: bytes) -> bytes:
    jpeg = data.startswith(b"\xff\xd8")
    raw = np.frombuffer(data, np.uint8)
    pixels: Any = simplejpeg.decode_jpeg(data, "BGR") if jpeg else cv2.imdecode(raw, 1)
    scale = SIDE / max(pixels.shape[:2])
    height, width = (max(1, round(side * scale)) for side in pixels.shape[:2])
    how = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA
    square = np.full((SIDE, SIDE, 3), 255, np.uint8)
    inside = square[(SIDE - height) // 2 :, (SIDE - width) // 2 :][:height, :width]
    inside[:] = cv2.resize(pixels, (width, height), interpolation=how)
    return bytes(simplejpeg.encode_jpeg(square, 95, "BGR", "420"))


def download(urls: Iterator[tuple[int, str]], tar: tarfile.TarFile) -> None:
    multi, free, jobs = pycurl.CurlMulti(), [pycurl.Curl() for _ in range(IN_FLIGHT)], {}
    while True:
        while free and (job := next(urls, None)):
            handle = free.pop()
            jobs[handle] = (*job, io.BytesIO())
            handle.setopt(pycurl.URL, job[1])
            handle.setopt(pycurl.WRITEDATA, jobs[handle][2])
            multi.add_handle(handle)
        if not jobs:
            return
        multi.perform()
        ended = [*(found := multi.info_read())[1], *(failure[0] for failure in found[2])]
        for handle in ended:
            multi.remove_handle(handle)
            free.append(handle)
            key, url, body = jobs.pop(handle)
            try:
                files = shape(body.getvalue()), json.dumps({"key": key, "url": url}).encode()
            except (ValueError, AttributeError, cv2.error) as error:
                print(url, repr(error), file=sys.stderr)
                continue
            for suffix, content in zip(("jpg", "json"), files, strict=True):
                info = tarfile.TarInfo(f"{key:09d}.{suffix}")
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
        if not ended:
            multi.select(1.0)


if __name__ == "__main__":
    cv2.setNumThreads(1)
    rank = int(os.fork() == 0)
    with Path(sys.argv[1]).open() as lines, tarfile.open(f"{sys.argv[2]}/{rank}.tar", "w") as tar:
        download(((n, url.strip()) for n, url in enumerate(lines) if n % 2 == rank), tar)
    if rank == 0:
        os.waitpid(-1, 0)
