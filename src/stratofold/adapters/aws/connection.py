"""Requests over connections that stay open, for code that waits: a socket, TLS, and nothing that a cold start pays for.

What comes in: a whole request as bytes.  What goes out: a whole answer, or `NoAnswer`, which says whether a byte may have left.
Why it is shaped so: a function that starts cold has milliseconds; `http.client` alone costs a third of them, for mail headers
that nobody sends.  What the bytes mean is in `network.http`, which has no I/O.  A connection that was idle for long, or has
something to read before anything was asked, is not used: a frozen environment wakes up with sockets that are dead.
"""

from __future__ import annotations

import select
import socket
import time
from typing import TYPE_CHECKING

from stratofold.adapters.network.http import Address, AnswerReader, Broken
from stratofold.adapters.nouns import NoAnswer, Response

if TYPE_CHECKING:
    import ssl

CONNECT_SECONDS = 3.0
KEEP_SECONDS = 20.0
KEPT_MAX = 16
PIECE_BYTES = 1 << 16


class Connections:
    """Connections by server, for any number of threads: each request has one for itself."""

    def __init__(self) -> None:
        """Nothing is opened before the first request."""
        self._kept: dict[tuple[str, int, bool], list[tuple[float, socket.socket]]] = {}
        self._tls: ssl.SSLContext | None = None

    def ask(self, method: str, address: Address, request: bytes, timeout_seconds: float) -> Response:
        """Send a request and wait for its answer; header names come back in lower case.  Raises NoAnswer."""
        deadline = time.monotonic() + timeout_seconds
        held = self._idle(address) or self._connected(address, timeout_seconds)
        try:
            _send(held, request, deadline)
            response, keep = _answer(held, method, deadline)
        except BaseException:
            held.close()
            raise
        if keep:
            self._keep(address, held)
        else:
            held.close()
        return response

    def close(self) -> None:
        """Close what is open."""
        while self._kept:
            _, kept = self._kept.popitem()
            for _, held in kept:
                held.close()

    def _idle(self, address: Address) -> socket.socket | None:
        """A connection that is open still; the clock is the wall's, which knows of the time that a process was frozen."""
        kept = self._kept.get((address.host, address.port, address.secure), [])
        while kept:
            try:
                kept_at, held = kept.pop()
            except IndexError:  # another thread took the last one
                break
            if abs(time.time() - kept_at) < KEEP_SECONDS and not select.select([held], [], [], 0)[0]:
                return held
            held.close()
        return None

    def _keep(self, address: Address, held: socket.socket) -> None:
        """Keep a connection for the next request."""
        kept = self._kept.setdefault((address.host, address.port, address.secure), [])
        if len(kept) < KEPT_MAX:
            kept.append((time.time(), held))
        else:
            held.close()

    def _connected(self, address: Address, timeout_seconds: float) -> socket.socket:
        """A fresh connection; raises NoAnswer, and nothing was sent."""
        held: socket.socket | None = None
        try:
            held = socket.create_connection((address.host, address.port), min(CONNECT_SECONDS, timeout_seconds))
            held.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return self._context().wrap_socket(held, server_hostname=address.host) if address.secure else held
        except OSError as error:
            if held is not None:
                held.close()
            raise NoAnswer(
                f"no connection to {address.authority}: {str(error) or type(error).__name__}", sent=False
            ) from error

    def _context(self) -> ssl.SSLContext:
        """The certificates that the system trusts; loaded when the first secure connection is opened."""
        if self._tls is None:
            import ssl

            self._tls = ssl.create_default_context()
        return self._tls


def _send(held: socket.socket, request: bytes, deadline: float) -> None:
    """Send all of it; once a byte may have left, nobody knows what becomes of the request."""
    try:
        held.settimeout(_left(deadline))
        held.sendall(request)
    except OSError as error:
        raise NoAnswer(f"the request could not be sent: {str(error) or type(error).__name__}") from error


def _answer(held: socket.socket, method: str, deadline: float) -> tuple[Response, bool]:
    """The answer, and whether the connection can be used again."""
    reader = AnswerReader(method)
    try:
        while True:
            held.settimeout(_left(deadline))
            piece = held.recv(PIECE_BYTES)
            if not piece:
                return reader.end(), False
            response = reader.feed(piece)
            if response is not None:
                return response, reader.keep
    except (OSError, Broken) as error:
        raise NoAnswer(f"no whole answer came: {str(error) or type(error).__name__}") from error


def _left(deadline: float) -> float:
    """Seconds up to the deadline; raises TimeoutError when there are none."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("the time is over")
    return left
