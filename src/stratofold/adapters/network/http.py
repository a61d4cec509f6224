"""HTTP/1.1 as a client speaks it, without any I/O: a request as bytes, bytes as an answer.

What comes in: method, address, headers, body; then whatever the server sends, in pieces of any size.
What goes out: the bytes of one request; a whole `Response`, or `Broken`.
Why it is shaped so: whether an answer is *whole* decides what becomes of an order, so what is cut, contradictory or not
HTTP is never taken for one.  No redirects, no cookies, no compression, no pipelining.

Source: RFC 9112 (HTTP/1.1), sections 2.2, 4, 5, 6 and 7; RFC 9110, section 15.2 (interim answers).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from msgspec import Struct

from stratofold.adapters.nouns import Response

if TYPE_CHECKING:
    from collections.abc import Mapping

HEAD_BYTES_MAX = 1 << 16
BODY_BYTES_MAX = 1 << 26
PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}
SECURE = ("https", "wss")
SWITCHED = 101  # the connection speaks another protocol from here on

_STATUS_LINE = re.compile(r"HTTP/1\.[01] ([1-5][0-9][0-9])(?: .*)?")
_UNTIL_CLOSE = -1
_CHUNKED = -2


class Broken(Exception):
    """What the server sent is no whole answer."""


class Address(Struct, frozen=True):
    """Where a URL leads: `target` is the path with its query."""

    host: str
    port: int
    secure: bool
    target: str

    @property
    def authority(self) -> str:
        """The Host header: a port that goes without saying is left out."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.secure else 80) else f"{host}:{self.port}"


def address_of(url: str) -> Address:
    """The address of a URL; raises ValueError for what is none."""
    server, target = _parted(url)
    host, port, secure = _server_of(server)
    if not host or not port or not _is_plain(target) or " " in target:
        raise ValueError(f"{url!r} is no address of a server")
    return Address(host, port, secure, target)


def _parted(url: str) -> tuple[str, str]:
    """A URL up to its path, and from there on without its fragment."""
    start = url.find("/", url.find("://") + 3)
    if start > 0 and "#" not in url and "?" not in url[:start]:
        return url[:start], url[start:]
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}", (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


@lru_cache(maxsize=256)
def _server_of(url: str) -> tuple[str, int, bool]:
    """Host, port and whether it is secure, of a URL without a path; a run asks few servers, and each of them often."""
    parts = urlsplit(url)
    port = PORTS.get(parts.scheme, 0) if parts.port is None else parts.port
    return parts.hostname or "", port, parts.scheme in SECURE


def request_bytes(method: str, address: Address, headers: Mapping[str, str], body: bytes = b"") -> bytes:
    """A whole request; raises ValueError for a header that would be two."""
    length = f"Content-Length: {len(body)}\r\n" if body or method in {"POST", "PUT", "PATCH"} else ""
    head = f"{method} {address.target} HTTP/1.1\r\nHost: {address.authority}\r\n{_lines(tuple(headers.items()))}{length}\r\n"
    return head.encode("ascii") + body


@lru_cache(maxsize=64)
def _lines(headers: tuple[tuple[str, str], ...]) -> str:
    """Headers as they stand in a request: those of one server are the same each time."""
    for name, value in headers:
        if not _is_plain(name) or not _is_plain(value):
            raise ValueError(f"the header {name!r} holds what a header cannot")
    return "".join(f"{name}: {value}\r\n" for name, value in headers)


def _is_plain(text: str) -> bool:
    """Printable ASCII, so that it cannot end a line."""
    return text.isascii() and text.isprintable()


class AnswerReader:
    """One answer, as its pieces come."""

    def __init__(self, method: str = "GET") -> None:
        """Of a request by `method`; the answer to HEAD has no body."""
        self._method = method
        self._data = bytearray()
        self._status = 0
        self._headers: dict[str, str] = {}
        self._length = 0
        self._body = bytearray()
        self._keep = False

    @property
    def keep(self) -> bool:
        """Whether the connection can serve another request after this whole answer."""
        return self._keep and not self._data

    def rest(self) -> bytes:
        """What came after the answer."""
        return bytes(self._data)

    def feed(self, data: bytes) -> Response | None:
        """The answer when it is whole; raises Broken."""
        self._data += data
        while not self._status:
            if not self._read_head():
                return None
        if self._length == _CHUNKED:
            return self._whole() if self._read_chunks() else None
        if self._length == _UNTIL_CLOSE:
            self._take(len(self._data))
            return None
        if len(self._data) < self._length:
            return None
        self._take(self._length)
        return self._whole()

    def end(self) -> Response:
        """The server has closed: the answer, if that is how it ends; raises Broken."""
        if self._status and self._length == _UNTIL_CLOSE:
            return self._whole()
        raise Broken("the connection was closed before the answer was whole")

    def _whole(self) -> Response:
        return Response(self._status, self._headers, bytes(self._body))

    def _take(self, count: int) -> None:
        """Move bytes to the body."""
        if len(self._body) + count > BODY_BYTES_MAX:
            raise Broken(f"the answer is longer than {BODY_BYTES_MAX} bytes")
        self._body += self._data[:count]
        del self._data[:count]

    def _read_head(self) -> bool:
        """Read a head, if it is whole; an interim answer (1xx) is read and forgotten."""
        end = self._data.find(b"\r\n\r\n", 0, HEAD_BYTES_MAX)
        if end < 0:
            if len(self._data) >= HEAD_BYTES_MAX:
                raise Broken(f"the head is longer than {HEAD_BYTES_MAX} bytes")
            return False
        first, *lines = self._data[:end].decode("latin-1").split("\r\n")
        del self._data[: end + 4]
        status = _status(first)
        if status >= 200 or status == SWITCHED:
            self._headers = _headers(lines)
            self._length = self._body_length(status)
            stays = "close" not in self._headers.get("connection", "").lower()
            self._keep = first.startswith("HTTP/1.1") and stays and self._length != _UNTIL_CLOSE
            self._status = status
        return True

    def _body_length(self, status: int) -> int:
        """How the body ends (RFC 9112, 6.3)."""
        coding = self._headers.get("transfer-encoding")
        length = self._headers.get("content-length")
        if self._method == "HEAD" or status in {204, 304, SWITCHED}:
            return 0
        if coding is not None:
            if coding.lower() != "chunked" or length is not None:
                raise Broken(f"a body cannot be read that is {coding!r}" + (" and has a length" if length else ""))
            return _CHUNKED
        if length is None:
            return _UNTIL_CLOSE
        if len(set(length.split(", "))) > 1 or not _is_number(length.split(", ")[0]):
            raise Broken(f"a body has no length of {length!r}")
        size = int(length.split(", ")[0])
        if size > BODY_BYTES_MAX:
            raise Broken(f"the answer is longer than {BODY_BYTES_MAX} bytes")
        return size

    def _read_chunks(self) -> bool:
        """Read the chunks that are whole; True after the last one and its trailers (RFC 9112, 7.1)."""
        data = self._data
        while (line_end := data.find(b"\r\n")) >= 0:
            size = _chunk_size(data[:line_end].decode("latin-1"))
            begin = line_end + 2
            if size == 0:
                return self._read_trailers(begin)
            if len(data) < begin + size + 2:
                break
            if data[begin + size : begin + size + 2] != b"\r\n":
                raise Broken("a chunk does not end where it says")
            del data[:begin]
            self._take(size)
            del data[:2]
        if line_end < 0 and len(data) > HEAD_BYTES_MAX:
            raise Broken("a chunk without a size")
        return False

    def _read_trailers(self, begin: int) -> bool:
        """Pass over what may follow the last chunk, up to the empty line."""
        data = self._data
        end = begin if data[begin : begin + 2] == b"\r\n" else data.find(b"\r\n\r\n", begin)
        if end < 0 or len(data) < begin + 2:
            if len(data) > HEAD_BYTES_MAX:
                raise Broken("trailers without an end")
            return False
        del data[: end + (2 if end == begin else 4)]
        return True


def _status(line: str) -> int:
    """The status in the first line."""
    match = _STATUS_LINE.fullmatch(line)
    if match is None:
        raise Broken(f"no answer begins with {line[:40]!r}")
    return int(match[1])


def _headers(lines: list[str]) -> dict[str, str]:
    """Headers by their names in lower case; those that come twice are joined."""
    found: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip():
            raise Broken(f"no header is {line[:40]!r}")
        name, value = name.lower(), value.strip()
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found


def _is_number(text: str) -> bool:
    """ASCII digits and nothing else; int() takes more than a server may send."""
    return text.isascii() and text.isdigit()


def _chunk_size(line: str) -> int:
    """The size before a chunk; what is said beside it is passed over."""
    digits = line.partition(";")[0].strip()
    if not digits or len(digits) > 8 or any(digit not in "0123456789abcdefABCDEF" for digit in digits):
        raise Broken(f"no chunk has a size of {line[:40]!r}")
    return int(digits, 16)
