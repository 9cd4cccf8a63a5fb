"""A request -> an answer, good or bad.  The paths, by what they do:

good       /image/<n>.<jpg|png|webp|gif>[?width=&height=&padding=]  /exif/<orientation>.jpg
           /picture/<name>  (`site.pictures`)
           /no-length  /chunked  /gzip  (an image, framed or encoded in other ways)
           /bulk?size=[&rate=]  (an image and zeros, of which the site keeps no copy)
statuses   /status/<code>[?size=]  /204  /206  /empty  /html  /html-for-ever  /text
           /not-found
           /say?text=[&type=][&status=]  (that text)  /kept/<name>[?seconds=]  (`site.pages`)
slow       /slow?seconds=  /drip[?every=]  /stall  /silent  /endless[?rate=]  /slow-header
           /gated?token=  (half an image; the rest after `site.open_gate(token)`)
           /hanging?start=[&size=][&type=][&status=]  (a body that begins so and goes no further)
broken     /reset  /reset-body  /close  /truncated  /wrong-length  /garbage  /bad-chunked
           /bad-gzip  /huge-header[?size=]  /many-headers  /endless-header  /endless-hints
redirects  /redirect?to=[&n=][&status=][&seconds=]  /redirect-loop  /redirect-to?url=[&status=]
           /no-location[?status=]
manners    /robots?tag=[&tag=]  /retry-after?times=[&seconds=][&form=date][&status=]&token=
           /flaky?fail=[&how=<code>|reset|close|truncate]&token=
           /crowd?most=&token=[&seconds=][&rest=]  (429 and Retry-After: rest for all above `most`
           at once, the others take `seconds`)
           /basic  (asks for a password)

`?header=Name: value` adds a header line to any answer that is an image or a redirect;
`?token=` keeps counters apart.
"""

from __future__ import annotations

import asyncio
import gzip
import socket
import struct
import time
from collections.abc import Awaitable, Callable
from email.utils import formatdate
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote, urlsplit

from tests.site.pictures import picture, turned_picture

if TYPE_CHECKING:
    from tests.site.server import Request, Site

FOREVER = 3600.0
PIECE = 65536
ZEROS = b"\0" * PIECE

Headers = list[tuple[str, str]]


class Exchange:
    """A request and the means to answer it.  Each of its pages says whether the connection
    may be used again."""

    def __init__(
        self,
        site: Site,
        request: Request,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self.site = site
        self.request = request
        self.reader = reader
        self.writer = writer

    def argument(self, name: str, default: str) -> str:
        return self.query.get(name, [default])[0]

    def number(self, name: str, default: float) -> float:
        return float(self.argument(name, str(default)))

    @property
    def path(self) -> str:
        return unquote(urlsplit(self.request.served or self.request.target).path)

    @property
    def query(self) -> dict[str, list[str]]:
        query = urlsplit(self.request.served or self.request.target).query
        return parse_qs(query, keep_blank_values=True)

    @property
    def token(self) -> str:
        return self.argument("token", self.path)

    @property
    def extra(self) -> Headers:
        """The lines asked for by ?header=."""
        lines = (line.partition(":") for line in self.query.get("header", []))
        return [(name.strip(), value.strip()) for name, _, value in lines]

    def head(self, status: int, headers: Headers) -> None:
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
        text = f"HTTP/1.1 {status} {_phrase(status)}\r\n{lines}\r\n"
        self.writer.write(text.encode("utf-8"))

    async def body(self, data: bytes) -> None:
        for start in range(0, len(data), PIECE):
            piece = data[start : start + PIECE]
            self.request.body_bytes += len(piece)
            self.writer.write(piece)
            await self.writer.drain()  # waits while the client does not read

    async def reply(self, status: int, data: bytes, headers: Headers | None = None) -> bool:
        """A whole answer."""
        self.head(status, [("Content-Length", str(len(data))), *(headers or [])])
        if self.request.method != "HEAD":
            await self.body(data)
        return True

    async def image(self, data: bytes | None = None, headers: Headers | None = None) -> bool:
        given = [("Content-Type", "image/jpeg"), *(headers or []), *self.extra]
        return await self.reply(200, data or picture(0, "jpg"), given)

    async def gone(self) -> None:
        """Wait until the client closes the connection."""
        await asyncio.wait_for(self.reader.read(), FOREVER)

    async def reset(self) -> bool:
        """Slam the door: the client sees ECONNRESET."""
        await self.writer.drain()
        raw = self.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()
        return False


Page = Callable[[Exchange], Awaitable[bool]]

PAGES: dict[str, Page] = {}


def page(name: str) -> Callable[[Page], Page]:
    def register(function: Page) -> Page:
        PAGES[name] = function
        return function

    return register


async def answer(exchange: Exchange) -> bool:
    """Answer by the first part of the path; returns whether the connection lives on."""
    name = exchange.path.split("/")[1] if "/" in exchange.path else ""
    return await PAGES.get(name, not_found)(exchange)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Whatever"


# -- good


@page("image")
async def image(exchange: Exchange) -> bool:
    name = exchange.path.rpartition("/")[2]
    number, _, extension = name.partition(".")
    width, height = exchange.number("width", 64), exchange.number("height", 48)
    data = picture(int(number), extension, int(width), int(height))
    data += b"\0" * int(exchange.number("padding", 0))
    kind = "jpeg" if extension == "jpg" else extension
    return await exchange.reply(200, data, [("Content-Type", f"image/{kind}"), *exchange.extra])


@page("exif")
async def exif(exchange: Exchange) -> bool:
    name = exchange.path.rpartition("/")[2]
    return await exchange.image(turned_picture(int(name.partition(".")[0])))


@page("bulk")
async def bulk(exchange: Exchange) -> bool:
    start = picture(0, "jpg")
    left = int(exchange.number("size", 1_000_000))
    given = [("Content-Type", "image/jpeg"), ("Content-Length", str(left)), *exchange.extra]
    exchange.head(200, given)
    await exchange.body(start)
    left -= len(start)
    rate = exchange.number("rate", 0)
    piece = int(rate / 20) or len(ZEROS)
    while left > 0:
        await exchange.body(ZEROS[: min(left, piece)])
        left -= piece
        await asyncio.sleep(0.05 if rate else 0)
    return True


@page("no-length")
async def no_length(exchange: Exchange) -> bool:
    exchange.head(200, [("Content-Type", "image/jpeg"), ("Connection", "close")])
    await exchange.body(picture(0, "jpg"))
    return False


@page("chunked")
async def chunked(exchange: Exchange) -> bool:
    exchange.head(200, [("Transfer-Encoding", "chunked"), *exchange.extra])
    data = picture(0, "jpg")
    for start in range(0, len(data), 100):
        piece = data[start : start + 100]
        exchange.writer.write(f"{len(piece):x}\r\n".encode())
        await exchange.body(piece)
        exchange.writer.write(b"\r\n")
    exchange.writer.write(b"0\r\nX-Trailer: yes\r\n\r\n")
    return True


@page("gzip")
async def gzipped(exchange: Exchange) -> bool:
    data = picture(0, "jpg") + b"\0" * int(exchange.number("padding", 0))
    return await exchange.image(gzip.compress(data), [("Content-Encoding", "gzip")])


@page("encoded")
async def encoded(exchange: Exchange) -> bool:
    return await exchange.image(None, [("Content-Encoding", exchange.argument("as", "x"))])


# -- statuses


@page("status")
async def status(exchange: Exchange) -> bool:
    code = int(exchange.path.rpartition("/")[2])
    data = b"x" * int(exchange.number("size", 100))
    return await exchange.reply(code, data, exchange.extra)


async def not_found(exchange: Exchange) -> bool:
    return await exchange.reply(404, b"not here")


@page("204")
async def no_content(exchange: Exchange) -> bool:
    exchange.head(204, [])
    return True


@page("206")
async def partial(exchange: Exchange) -> bool:
    data = picture(0, "jpg")
    span = f"bytes 0-{len(data) - 1}/{2 * len(data)}"
    return await exchange.reply(206, data, [("Content-Range", span)])


@page("early-hints")
async def early_hints(exchange: Exchange) -> bool:
    exchange.head(103, [("Link", "</style.css>")])
    return await exchange.image()


@page("empty")
async def empty(exchange: Exchange) -> bool:
    return await exchange.reply(200, b"", [("Content-Type", "image/jpeg")])


@page("html")
async def html(exchange: Exchange) -> bool:
    return await exchange.reply(200, b"<html>Sign in!</html>", [("Content-Type", "text/html")])


@page("html-for-ever")
async def html_for_ever(exchange: Exchange) -> bool:
    exchange.head(200, [("Content-Type", "text/html")])
    await exchange.body(b"<!DOCTYPE html><html>")
    while True:
        await exchange.body(b" " * PIECE)


@page("text")
async def text(exchange: Exchange) -> bool:
    return await exchange.reply(200, b"hello", [("Content-Type", "text/plain")])


@page("kept")
async def kept(exchange: Exchange) -> bool:
    data = exchange.site.pages[exchange.path.rpartition("/")[2]].encode()
    await asyncio.sleep(exchange.number("seconds", 0))
    return await exchange.reply(200, data, [("Content-Type", "text/plain")])


@page("picture")
async def kept_picture(exchange: Exchange) -> bool:
    return await exchange.image(exchange.site.pictures[exchange.path.rpartition("/")[2]])


@page("say")
async def say(exchange: Exchange) -> bool:
    data = exchange.argument("text", "").encode()
    kind = exchange.argument("type", "text/plain")
    status = int(exchange.number("status", 200))
    return await exchange.reply(status, data, [("Content-Type", kind), *exchange.extra])


# -- slow


@page("slow")
async def slow(exchange: Exchange) -> bool:
    """An image, after a while."""
    await asyncio.sleep(exchange.number("seconds", 1))
    return await exchange.image()


@page("drip")
async def drip(exchange: Exchange) -> bool:
    """An image, a byte at a time."""
    data = picture(0, "jpg")
    exchange.head(200, [("Content-Length", str(len(data)))])
    for place in range(len(data)):
        await exchange.body(data[place : place + 1])
        await asyncio.sleep(exchange.number("every", 0.2))
    return True


@page("stall")
async def stall(exchange: Exchange) -> bool:
    """Half an image, then silence."""
    data = picture(0, "jpg")
    exchange.head(200, [("Content-Length", str(len(data)))])
    await exchange.body(data[: len(data) // 2])
    await exchange.gone()
    return False


@page("gated")
async def gated(exchange: Exchange) -> bool:
    """Waits in the middle of a body, or with ?before=1 before it answers."""
    data = picture(0, "jpg")
    if exchange.argument("before", ""):
        await exchange.site.gate(exchange.token).wait()
    exchange.head(200, [("Content-Type", "image/jpeg"), ("Content-Length", str(len(data)))])
    await exchange.body(data[: len(data) // 2])
    await exchange.site.gate(exchange.token).wait()
    await exchange.body(data[len(data) // 2 :])
    return True


@page("hanging")
async def hanging(exchange: Exchange) -> bool:
    start = exchange.argument("start", "x").encode()
    given = [("Content-Type", exchange.argument("type", "image/jpeg")), *exchange.extra]
    length = [("Content-Length", exchange.argument("size", "1000000"))]
    exchange.head(int(exchange.number("status", 200)), [*given, *length])
    await exchange.body(start)
    await exchange.gone()
    return False


@page("silent")
async def silent(exchange: Exchange) -> bool:
    await exchange.gone()
    return False


@page("slow-header")
async def slow_header(exchange: Exchange) -> bool:
    exchange.writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        exchange.writer.write(b"X-Still: there\r\n")
        await exchange.writer.drain()
        await asyncio.sleep(0.1)


@page("endless")
async def endless(exchange: Exchange) -> bool:
    """A body that does not end; ?rate= bytes a second, else as fast as it goes."""
    exchange.head(200, [("Content-Type", "image/jpeg")])
    rate = exchange.number("rate", 0)
    while True:
        await exchange.body(b"x" * (int(rate / 20) or 65536))
        await asyncio.sleep(0.05 if rate else 0)


# -- broken


@page("reset")
async def reset(exchange: Exchange) -> bool:
    return await exchange.reset()


@page("reset-body")
async def reset_body(exchange: Exchange) -> bool:
    data = picture(0, "jpg")
    exchange.head(200, [("Content-Length", str(len(data)))])
    await exchange.body(data[: len(data) // 2])
    await asyncio.sleep(0.05)  # what is sent is lost if the door is slammed at once
    return await exchange.reset()


@page("close")
async def close(_exchange: Exchange) -> bool:
    return False


@page("truncated")
async def truncated(exchange: Exchange) -> bool:
    data = picture(0, "jpg")
    exchange.head(200, [("Content-Length", str(2 * len(data)))])
    await exchange.body(data)
    return False


@page("wrong-length")
async def wrong_length(exchange: Exchange) -> bool:
    """More body than the header says."""
    exchange.head(200, [("Content-Length", "100")])
    await exchange.body(picture(0, "jpg"))
    return False


@page("garbage")
async def garbage(exchange: Exchange) -> bool:
    exchange.writer.write(b"\x00\x01\x02 this is no HTTP\r\n\r\n" * 10)
    return False


@page("bad-chunked")
async def bad_chunked(exchange: Exchange) -> bool:
    exchange.head(200, [("Transfer-Encoding", "chunked")])
    exchange.writer.write(b"zz not a length\r\nabc\r\n")
    return False


@page("bad-gzip")
async def bad_gzip(exchange: Exchange) -> bool:
    return await exchange.image(b"this is not gzip at all" * 10, [("Content-Encoding", "gzip")])


@page("huge-header")
async def huge_header(exchange: Exchange) -> bool:
    """One line."""
    return await exchange.image(None, [("X-Huge", "x" * int(exchange.number("size", 400_000)))])


@page("many-headers")
async def many_headers(exchange: Exchange) -> bool:
    """?size= bytes in many lines."""
    lines = int(exchange.number("size", 400_000)) // 100
    return await exchange.image(None, [(f"X-{n:05d}", "x" * 89) for n in range(lines)])


@page("endless-header")
async def endless_header(exchange: Exchange) -> bool:
    exchange.writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        exchange.writer.write(b"X-More: " + b"x" * 1000 + b"\r\n")
        await exchange.writer.drain()


@page("endless-hints")
async def endless_hints(exchange: Exchange) -> bool:
    while True:
        exchange.head(103, [("Link", "</style.css>")])
        await exchange.writer.drain()


# -- redirects


@page("redirect")
async def redirect(exchange: Exchange) -> bool:
    """?n= hops, the last of which leads to ?to=."""
    left = int(exchange.number("n", 1))
    target = exchange.argument("to", "/image/0.jpg")
    seconds = exchange.number("seconds", 0)
    await asyncio.sleep(seconds)
    if left > 1:
        target = f"/redirect?n={left - 1}&seconds={seconds:g}&to={target}"
    code = int(exchange.number("status", 302))
    return await exchange.reply(code, b"over there", [("Location", target), *exchange.extra])


@page("redirect-loop")
async def redirect_loop(exchange: Exchange) -> bool:
    return await exchange.reply(302, b"", [("Location", "/redirect-loop")])


@page("redirect-to")
async def redirect_to(exchange: Exchange) -> bool:
    target = exchange.argument("url", "")
    code = int(exchange.number("status", 302))
    return await exchange.reply(code, b"elsewhere", [("Location", target), *exchange.extra])


@page("no-location")
async def no_location(exchange: Exchange) -> bool:
    return await exchange.reply(int(exchange.number("status", 302)), b"but where?")


# -- manners


@page("robots")
async def robots(exchange: Exchange) -> bool:
    tags = exchange.query.get("tag", [])
    return await exchange.image(None, [("X-Robots-Tag", tag) for tag in tags])


@page("retry-after")
async def retry_after(exchange: Exchange) -> bool:
    """Busy for ?times= requests."""
    if exchange.site.count(exchange.token) > exchange.number("times", 1):
        return await exchange.image()
    seconds = exchange.number("seconds", 1)
    wish = f"{seconds:g}"
    if exchange.argument("form", "number") == "date":
        wish = formatdate(time.time() + seconds, usegmt=True)
    status = int(exchange.number("status", 429))
    return await exchange.reply(status, b"busy", [("Retry-After", wish)])


@page("flaky")
async def flaky(exchange: Exchange) -> bool:
    """Fails ?fail= times, then works."""
    if exchange.site.count(exchange.token) > exchange.number("fail", 1):
        return await exchange.image()
    how = exchange.argument("how", "500")
    if how == "reset":
        return await exchange.reset()
    if how == "truncate":
        return await truncated(exchange)
    return how != "close" and await exchange.reply(int(how), b"try again")


@page("first-come")
async def first_come(exchange: Exchange) -> bool:
    """An image for whoever asks first; the others come too late."""
    if exchange.site.count(exchange.token) == 1:
        return await exchange.image()
    return await exchange.reply(404, b"gone")


@page("crowd")
async def crowd(exchange: Exchange) -> bool:
    """What comes when there are `most` already is sent away."""
    site, token = exchange.site, exchange.token
    site.crowds[token] += 1
    here = site.crowds[token]
    site.at_once[token] = max(site.at_once[token], here)
    if here <= exchange.number("most", 1_000_000):
        await asyncio.sleep(exchange.number("seconds", 0.05))
        site.crowds[token] -= 1  # before the answer: after it, the next request may come at once
        return await exchange.image()
    site.crowds[token] -= 1
    site.count(token)
    return await exchange.reply(429, b"busy", [("Retry-After", exchange.argument("rest", "1"))])


@page("basic")
async def basic(exchange: Exchange) -> bool:
    if "authorization" in exchange.request.headers:
        return await exchange.image()
    return await exchange.reply(401, b"who?", [("WWW-Authenticate", 'Basic realm="x"')])
