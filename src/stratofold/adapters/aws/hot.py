"""A Redis or Valkey server beside the journal: the last states of books, so that a cold function folds nothing again.

What comes in: bytes under a name.  What goes out: the bytes again, or nothing.
Why it is shaped so: it is never the authority.  What the journal keeps there has its own hash as its name, and the head of
the book says which hash that is; so content that is old, changed or somebody else's is not taken, and content that is gone
costs what a reload costs without it.  Whatever the server does, nothing is raised: after a failure it is left alone for a
while.  Two commands of RESP, the protocol of both servers, need no package.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from stratofold.errors import Setup

if TYPE_CHECKING:
    from collections.abc import Callable

TIMEOUT_SECONDS = 0.05  # longer than that, and the table itself is as quick
REST_SECONDS = 5.0
KEEP_SECONDS = 7 * 86_400
ANSWER_BYTES_MAX = 64 << 20


class Hot:
    """One server, over one connection that is opened when it is first needed."""

    def __init__(
        self,
        url: str,
        password: str = "",
        *,
        timeout_seconds: float = TIMEOUT_SECONDS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`redis://host:port`, or `rediss://` for TLS, which a server in the cloud wants; raises Setup SF863 for another.

        The password is given apart, since an address stands in the environment and in logs.
        """
        parts = urlsplit(url)
        if parts.scheme not in {"redis", "rediss"} or not parts.hostname or parts.password:
            raise Setup(
                "SF863",
                "the hot store's address cannot be used",
                place=url if not parts.password else f"{parts.scheme}://...",
                why="it is redis://host:port or rediss://host:port, without a password in it",
                fix="mend the address; keep the password as a secret",
            )
        self._place = (parts.hostname, parts.port or 6379)
        self._secure = parts.scheme == "rediss"
        self._password = password
        self._timeout_seconds = timeout_seconds
        self._monotonic = monotonic
        self._socket: socket.socket | None = None
        self._held = b""
        self._rests_until = 0.0

    def get(self, name: str) -> bytes | None:
        """What is kept under a name; None when it is gone, or the server does not say."""
        answer = self._ask(b"GET", name.encode())
        return answer if isinstance(answer, bytes) else None

    def put(self, name: str, data: bytes, seconds: int = KEEP_SECONDS) -> bool:
        """Keep some bytes for a while; whether the server said so."""
        return self._ask(b"SET", name.encode(), data, b"EX", str(seconds).encode()) == "OK"

    def close(self) -> None:
        """Close the connection."""
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.close()
        self._socket = None
        self._held = b""

    def _ask(self, *words: bytes) -> bytes | str | None:
        """One command and its answer; None for nothing, for an error, and while the server rests."""
        if self._monotonic() < self._rests_until:
            return None
        try:
            if self._socket is None:
                self._connect()
            return self._command(*words)
        except (OSError, ValueError):
            # Half an answer may still be on its way, so the connection is no use any more.
            self.close()
            self._rests_until = self._monotonic() + REST_SECONDS
            return None

    def _connect(self) -> None:
        opened = socket.create_connection(self._place, self._timeout_seconds)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._secure:
            opened = ssl.create_default_context().wrap_socket(opened, server_hostname=self._place[0])
        self._socket = opened
        if self._password and self._command(b"AUTH", self._password.encode()) != "OK":
            raise ValueError("the server does not take the password")

    def _command(self, *words: bytes) -> bytes | str | None:
        """Send a command and read its answer; raises OSError and ValueError."""
        if self._socket is None:
            raise OSError("no connection")
        parts = [b"*%d\r\n" % len(words), *(b"$%d\r\n%b\r\n" % (len(word), word) for word in words)]
        self._socket.sendall(b"".join(parts))
        return self._answer(self._line().decode("ascii", "replace"))

    def _answer(self, line: str) -> bytes | str | None:
        """What a line of an answer begins."""
        kind, rest = line[:1], line[1:]
        if kind == "+":
            return rest
        if kind == "-":
            return None
        if kind != "$" or not rest.lstrip("-").isdigit() or int(rest) > ANSWER_BYTES_MAX:
            raise ValueError(f"an answer that is none: {line[:40]!r}")
        length = int(rest)
        return None if length < 0 else self._read(length + 2)[:-2]

    def _line(self) -> bytes:
        """The next line, without its end."""
        while b"\r\n" not in self._held:
            if len(self._held) > 1024:
                raise ValueError("a line without an end")
            self._receive()
        line, _, self._held = self._held.partition(b"\r\n")
        return line

    def _read(self, count: int) -> bytes:
        """So many bytes."""
        parts, length = [self._held], len(self._held)
        while length < count:
            self._held = b""
            self._receive()
            parts.append(self._held)
            length += len(self._held)
        whole = b"".join(parts)
        self._held = whole[count:]
        return whole[:count]

    def _receive(self) -> None:
        """What has come; raises OSError when the server has closed, or does not answer in time."""
        if self._socket is None:
            raise OSError("no connection")
        came = self._socket.recv(1 << 18)
        if not came:
            raise OSError("the server has closed the connection")
        self._held += came
