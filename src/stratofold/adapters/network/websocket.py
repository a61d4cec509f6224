"""WebSockets as a client speaks them, without any I/O: the handshake, messages as frames, frames as messages.

What comes in: messages to send; whatever the server sends, in pieces of any size.
What goes out: masked frames; whole messages, and the pings and closes between them; or `Broken`.
Why it is shaped so: the stream of a market is one socket and four kinds of frame, for which a library costs more memory
than the rest of the live path.  No extensions are offered, so none may be used.

Source: RFC 6455, sections 1.3, 4.1, 5 and 7.
"""

from __future__ import annotations

import base64
import hashlib
import os
from typing import TYPE_CHECKING, NamedTuple

from stratofold.adapters.network.http import SWITCHED, Address, Broken, request_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from stratofold.adapters.ports import Response

CONTINUED, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
MESSAGE_BYTES_MAX = 1 << 24
CONTROL_BYTES_MAX = 125
_WHOLE_TEXT, _WHOLE_BINARY = 0x81, 0x82  # a message in one frame
_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, 1.3


class Said(NamedTuple):
    """A whole message or a control frame: `kind` is TEXT, BINARY, CLOSE, PING or PONG; text is decoded."""

    kind: int
    data: str | bytes


def new_key() -> str:
    """A fresh key for a handshake."""
    return base64.b64encode(os.urandom(16)).decode()


def handshake(address: Address, key: str, headers: Mapping[str, str]) -> bytes:
    """The request that opens a WebSocket."""
    upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": key}
    return request_bytes("GET", address, {**headers, **upgrade})


def check_handshake(answer: Response, key: str) -> None:
    """Raise Broken unless the server has agreed, to this very key and to nothing else."""
    expected = base64.b64encode(hashlib.sha1((key + _GUID).encode(), usedforsecurity=False).digest()).decode()
    agreed = answer.headers.get("sec-websocket-accept", "")
    if answer.status != SWITCHED or answer.headers.get("upgrade", "").lower() != "websocket" or agreed != expected:
        raise Broken(f"the server opens no WebSocket: HTTP {answer.status}")
    if "sec-websocket-extensions" in answer.headers:
        raise Broken("the server uses an extension that was not offered")


def frame(kind: int, data: bytes) -> bytes:
    """One masked frame that is a whole message (RFC 6455, 5.2 and 5.3)."""
    size = len(data)
    if size < 126:
        head = bytes((0x80 | kind, 0x80 | size))
    elif size < 1 << 16:
        head = bytes((0x80 | kind, 0x80 | 126)) + size.to_bytes(2, "big")
    else:
        head = bytes((0x80 | kind, 0x80 | 127)) + size.to_bytes(8, "big")
    mask = os.urandom(4)
    return head + mask + masked(data, mask)


def masked(data: bytes, mask: bytes) -> bytes:
    """Data under a mask of four bytes; the same again takes it off."""
    size = len(data)
    whole = (mask * (size // 4 + 1))[:size]
    return (int.from_bytes(data, "big") ^ int.from_bytes(whole, "big")).to_bytes(size, "big")


class FrameReader:
    """What a server says, as its pieces come."""

    def __init__(self, *, decodes: bool = True) -> None:
        """Nothing has come; without `decodes` a text stays bytes, for who checks them anyway while reading."""
        self._decodes = decodes
        self._data = bytearray()
        self._parts = bytearray()
        self._kind = CONTINUED

    def feed(self, data: bytes) -> Iterator[Said]:
        """Messages and control frames that are whole now; raises Broken after those before it."""
        for content in self.take(data):
            yield Said(TEXT if isinstance(content, str) else BINARY, content)
        yield from self.rest()

    def take(self, data: bytes) -> list[str | bytes]:
        """The messages of one frame each, which nearly all are, until something else comes; `rest` has what follows."""
        self._data += data
        data, begin, end = bytes(self._data), 0, len(self._data)
        out: list[str | bytes] = []
        while self._kind == CONTINUED and end - begin >= 4:
            first, size, start = data[begin], data[begin + 1], begin + 2
            if size == 126:
                size, start = data[begin + 2] << 8 | data[begin + 3], begin + 4
            elif size > 126:
                break
            if first not in (_WHOLE_TEXT, _WHOLE_BINARY) or start + size > end:
                break
            content: str | bytes = data[start : start + size]
            if first == _WHOLE_TEXT and self._decodes:
                try:
                    content = data[start : start + size].decode()
                except UnicodeDecodeError:
                    break  # `rest` says so, after those before it
            out.append(content)
            begin = start + size
        del self._data[:begin]
        return out

    def rest(self) -> Iterator[Said]:
        """What is whole beside that, in any form; raises Broken for what no server may send."""
        while (said := self._next()) is not None:
            if said.kind != CONTINUED:
                yield said

    def _next(self) -> Said | None:
        """The next whole frame: what it says, or CONTINUED for a part; None when more must come."""
        data = self._data
        if len(data) < 2:
            return None
        size, begin = data[1], 2
        if size >= 126:
            begin = 4 if size == 126 else 10
            size = int.from_bytes(data[2:begin], "big")
        self._check(data[0], data[1], size)
        if len(data) < begin + size or len(data) < begin:
            return None
        content = bytes(data[begin : begin + size])
        first = data[0]
        del data[: begin + size]
        return self._taken(first & 0x0F, content, last=first >= 0x80)

    def _check(self, first: int, second: int, size: int) -> None:
        """Raise Broken for a frame that no server may send."""
        kind = first & 0x0F
        if first & 0x70 or second & 0x80 or kind not in {CONTINUED, TEXT, BINARY, CLOSE, PING, PONG}:
            raise Broken(f"a frame that begins with {first:02x} {second:02x}")
        if kind >= CLOSE and (first < 0x80 or second > CONTROL_BYTES_MAX):
            raise Broken("a control frame that is long or in parts")
        if size + len(self._parts) > MESSAGE_BYTES_MAX:
            raise Broken(f"a message is longer than {MESSAGE_BYTES_MAX} bytes")

    def _taken(self, kind: int, content: bytes, *, last: bool) -> Said:
        """A control frame as it is; a part of a message, or the message when it is whole."""
        if kind >= CLOSE:
            return Said(kind, content)
        if (kind == CONTINUED) == (self._kind == CONTINUED):
            raise Broken("parts of two messages, or of none")
        self._kind = self._kind or kind
        if not last:
            self._parts += content
            return Said(CONTINUED, b"")
        whole = bytes(self._parts) + content if self._parts else content
        kind, self._kind = self._kind, CONTINUED
        self._parts.clear()
        return Said(kind, _text(whole) if kind == TEXT and self._decodes else whole)


def _text(data: bytes | bytearray) -> str:
    """UTF-8; raises Broken for what is none."""
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise Broken("a text that is not UTF-8") from error


def close_code(data: str | bytes) -> int:
    """Why a server closes: the code in its close frame, 1005 where it says none."""
    return int.from_bytes(data[:2], "big") if isinstance(data, bytes) and len(data) >= 2 else 1005
