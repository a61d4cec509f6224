"""Requests and answers as the local runtime serves them: HTTP/1.1 on loopback, a thread a connection.

What comes in: a function that answers a request.  What goes out: a server of it, on a port of its own.
Why it is shaped so: every microsecond here would be counted as the function's, so it is a socket and a buffered file; who
speaks to it is our own: Amazon's runtime client, and the emulator's door.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import BinaryIO

HOST = "127.0.0.1"
BACKLOG = 64


class Request(NamedTuple):
    """One request; header names are in small letters."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


class Answer(NamedTuple):
    """One answer."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = {}


class Server:
    """Answers requests until it is closed; `None` for an answer hangs up."""

    def __init__(self, answer: Callable[[Request], Answer | None], port: int = 0) -> None:
        """Listen on a port (0: any)."""
        self._answer = answer
        self._listener = socket.create_server((HOST, port), backlog=BACKLOG)
        self._open: set[socket.socket] = set()
        self.port = int(self._listener.getsockname()[1])
        self.authority = f"{HOST}:{self.port}"
        threading.Thread(target=self._accept, daemon=True, name=f"server-{self.port}").start()

    def close(self) -> None:
        """Listen no more, and hang up."""
        for held in (self._listener, *tuple(self._open)):
            with contextlib.suppress(OSError):
                held.shutdown(socket.SHUT_RDWR)  # wakes the thread that waits there
            held.close()

    def _accept(self) -> None:
        """A thread for each connection."""
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._open.add(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        """The requests of one connection, one after another."""
        try:
            with connection, connection.makefile("rb") as file:
                while (request := _read(file)) is not None:
                    answer = self._answer(request)
                    if answer is None:
                        return
                    connection.sendall(_bytes(answer))
        except (OSError, ValueError):
            pass  # whoever asked is gone, or speaks something else
        finally:
            self._open.discard(connection)


def _read(file: BinaryIO) -> Request | None:
    """The next request; None when there is no other."""
    line = file.readline()
    if not line:
        return None
    method, target, _ = line.decode("ascii").split(" ", 2)
    headers = {}
    while (row := file.readline()) not in {b"\r\n", b"\n", b""}:
        name, _, value = row.decode("latin-1").partition(":")
        headers[name.strip().lower()] = value.strip()
    if headers.get("transfer-encoding", "").lower() == "chunked":
        return Request(method, target, headers, _chunks(file))
    return Request(method, target, headers, file.read(int(headers.get("content-length", 0))))


def _chunks(file: BinaryIO) -> bytes:
    """A body that comes in chunks (RFC 9112, 7.1)."""
    body = bytearray()
    while size := int(file.readline().split(b";")[0], 16):
        body += file.read(size)
        file.readline()
    while file.readline() not in {b"\r\n", b"\n", b""}:
        pass
    return bytes(body)


def _bytes(answer: Answer) -> bytes:
    """An answer as it is sent."""
    lines = [f"HTTP/1.1 {answer.status} So", f"Content-Length: {len(answer.body)}"]
    lines += [f"{name}: {value}" for name, value in answer.headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + answer.body
