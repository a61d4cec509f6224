"""HTTP and WebSockets over a real network: the ports `Http` and `Sockets`, on asyncio alone.

What comes in: one request, or the address of a socket.
What goes out: one answer or `NoAnswer`, which says whether a byte may have left.
Why it is shaped so: an order is sent once.  Nothing here tries again or follows a redirect, and only who owns the
connection knows whether something left it.  It is also four times as quick to the first byte as a library, and 16 MB
lighter (docs/design.md); what the bytes mean is in `http.py` and `websocket.py`, without any I/O.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Self, TypeVar

from stratofold.adapters.network import websocket
from stratofold.adapters.network.http import Address, AnswerReader, Broken, address_of, request_bytes
from stratofold.adapters.ports import NoAnswer, Response

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping
    from types import TracebackType

Done = TypeVar("Done")

KEEP_SECONDS = 30.0  # shorter than servers keep a connection, so that a dead one is seldom picked
KEPT_MAX = 8
CONNECT_SECONDS = 5.0
PING_SECONDS = 15.0
GOODBYE_SECONDS = 1.0
WAITING_MAX = 10_000  # messages that nobody has taken yet; beyond, the server is made to wait


class Network:
    """Connections of one event loop; `close` them there (or `async with`)."""

    def __init__(self, *, ping_seconds: float = PING_SECONDS, tls: ssl.SSLContext | None = None) -> None:
        """Nothing is opened before the first request; a socket on which nothing comes, no pong either, is closed.

        `tls` decides which certificates count, by default those that the system trusts.
        """
        self.ping_seconds = ping_seconds
        self._tls = tls
        self._kept: dict[tuple[str, int, bool], list[Exchange]] = {}
        self._sockets: set[OpenSocket] = set()

    async def request(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes = b"", timeout_seconds: float = 10.0
    ) -> Response:
        """Send and wait; header names come back in lower case.  Raises NoAnswer."""
        try:
            address = address_of(url)
            data = request_bytes(method, address, headers, body)
        except ValueError as error:
            raise NoAnswer(str(error), sent=False) from error
        deadline = asyncio.get_running_loop().time() + timeout_seconds
        connection = self._idle(address) or await self._connected(address, timeout_seconds)
        try:
            answer = await connection.ask(method, data, deadline)
        except BaseException:
            connection.abort()
            raise
        if connection.usable:
            self._keep(address, connection)
        else:
            connection.abort()
        return answer

    async def connect(self, url: str, headers: Mapping[str, str] | None = None, *, decodes: bool = True) -> OpenSocket:
        """Open a WebSocket; raises NoAnswer.  Without `decodes` texts are given as their bytes."""
        key = websocket.new_key()
        try:
            address = address_of(url)
            data = websocket.handshake(address, key, headers or {})
        except ValueError as error:
            raise NoAnswer(str(error), sent=False) from error
        connection = await self._connected(address, CONNECT_SECONDS)
        try:
            answer = await connection.ask("GET", data, asyncio.get_running_loop().time() + CONNECT_SECONDS)
            websocket.check_handshake(answer, key)
        except BaseException as error:
            connection.abort()
            if isinstance(error, Broken):
                raise NoAnswer(str(error)) from error
            raise
        socket = OpenSocket(connection.transport, connection.rest(), self.ping_seconds, decodes=decodes)
        self._sockets.add(socket)
        socket.ended.add_done_callback(lambda _: self._sockets.discard(socket))
        return socket

    def _idle(self, address: Address) -> Exchange | None:
        """A kept connection that is open still."""
        kept = self._kept.get((address.host, address.port, address.secure), [])
        oldest = asyncio.get_running_loop().time() - KEEP_SECONDS
        while kept:
            connection = kept.pop()
            if connection.usable and connection.kept_at >= oldest:
                return connection
            connection.abort()
        return None

    def _keep(self, address: Address, connection: Exchange) -> None:
        """Keep a connection for the next request."""
        kept = self._kept.setdefault((address.host, address.port, address.secure), [])
        connection.kept_at = asyncio.get_running_loop().time()
        kept.append(connection)
        if len(kept) > KEPT_MAX:
            kept.pop(0).abort()

    async def _connected(self, address: Address, timeout_seconds: float) -> Exchange:
        """A fresh connection; raises NoAnswer, and nothing was sent."""
        loop = asyncio.get_running_loop()
        limit = min(CONNECT_SECONDS, timeout_seconds)
        opening = loop.create_task(
            loop.create_connection(
                Exchange,
                address.host,
                address.port,
                ssl=self._context() if address.secure else None,
                happy_eyeballs_delay=0.25,
            )
        )
        try:
            _, connection = await _within(limit, opening)
        except TimeoutError as error:
            raise NoAnswer(f"no connection to {address.authority} within {limit:g} s", sent=False) from error
        except (OSError, ValueError) as error:
            raise NoAnswer(f"no connection to {address.authority}: {_reason(error)}", sent=False) from error
        return connection

    def _context(self) -> ssl.SSLContext:
        """Which certificates count; made once, because reading them takes a while."""
        if self._tls is None:
            import ssl

            self._tls = ssl.create_default_context()
        return self._tls

    async def close(self) -> None:
        """Close every connection."""
        for socket in list(self._sockets):
            await socket.close()
        for kept in self._kept.values():
            for connection in kept:
                connection.abort()
        self._kept.clear()
        await asyncio.sleep(0)  # a transport says that it is closed on the loop's next turn

    async def __aenter__(self) -> Self:
        """These connections."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close every connection."""
        await self.close()


async def _within(seconds: float, work: asyncio.Task[Done]) -> Done:
    """What a task comes to; raises TimeoutError when it takes longer, and ends it then.

    `asyncio.timeout` would end the task that it finds itself in, which need not be that of who asks (`Tasks.begin`).
    """
    try:
        await asyncio.wait((work,), timeout=seconds)
    finally:
        work.cancel()
    if work.cancelled() or not work.done():
        raise TimeoutError
    return work.result()


class Exchange(asyncio.Protocol):
    """One connection for requests, one at a time."""

    transport: asyncio.Transport

    def __init__(self) -> None:
        """Not connected yet."""
        self.usable = False
        self.kept_at = 0.0
        self._reader: AnswerReader | None = None
        self._answer: asyncio.Future[Response] | None = None

    async def ask(self, method: str, data: bytes, deadline: float) -> Response:
        """Send and wait until `deadline` on the loop's clock; raises NoAnswer."""
        loop = asyncio.get_running_loop()
        if self.transport.is_closing():
            raise NoAnswer("the connection was closed before anything was sent", sent=False)
        self._reader = AnswerReader(method)
        self._answer = loop.create_future()
        self.transport.write(data)
        timer = loop.call_at(deadline, self._fail, "no answer in time")
        try:
            return await self._answer
        finally:
            timer.cancel()
            self._answer = None

    def rest(self) -> bytes:
        """What came after the answer: the first frames of what the connection speaks now."""
        return self._reader.rest() if self._reader is not None else b""

    def abort(self) -> None:
        """Done with it."""
        self.usable = False
        self.transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the event loop."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - said for the type checker: a stream has one
        self.transport = transport
        self.usable = True

    def data_received(self, data: bytes) -> None:
        """Called by the event loop."""
        if self._answer is None or self._answer.done() or self._reader is None:
            self.usable = False  # an answer to no question: whatever comes next would be taken for another's
            return
        try:
            answer = self._reader.feed(data)
        except Broken as error:
            self._fail(str(error))
            return
        if answer is not None:
            self.usable = self._reader.keep
            self._answer.set_result(answer)

    def connection_lost(self, error: Exception | None) -> None:
        """Called by the event loop."""
        self.usable = False
        if self._answer is None or self._answer.done() or self._reader is None:
            return
        if error is not None:
            self._fail(_reason(error))
            return
        try:
            self._answer.set_result(self._reader.end())
        except Broken as broken:
            self._fail(str(broken))

    def _fail(self, why: str) -> None:
        """No whole answer came; something may have left."""
        self.usable = False
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(NoAnswer(why))


class OpenSocket(asyncio.Protocol):
    """An open WebSocket: the port `Socket`."""

    def __init__(
        self, transport: asyncio.Transport, first: bytes, ping_seconds: float, *, decodes: bool = True
    ) -> None:
        """Take a connection over after its handshake; `first` has come already; `decodes` as in `FrameReader`."""
        loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[str] = loop.create_future()
        self._loop = loop
        self._transport = transport
        self._frames = websocket.FrameReader(decodes=decodes)
        self._messages: deque[str | bytes] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._heard = True
        self._paused = False
        self._ping_seconds = ping_seconds
        self._pinger = loop.call_later(ping_seconds, self._ping)
        transport.set_protocol(self)
        if first:
            self.data_received(first)

    async def send(self, data: str | bytes) -> None:
        """Send one message; raises NoAnswer when it is closed."""
        if self.ended.done() or self._transport.is_closing():
            raise NoAnswer(self._why())
        if isinstance(data, str):
            self._transport.write(websocket.frame(websocket.TEXT, data.encode()))
        else:
            self._transport.write(websocket.frame(websocket.BINARY, data))

    async def receive(self, timeout_seconds: float | None = None) -> str | bytes | None:
        """The next message; None when the time is over; raises NoAnswer when the socket is closed."""
        if not self._messages:
            if self.ended.done():
                raise NoAnswer(self._why())
            await self._wait(timeout_seconds)
        if self._messages:
            self._resume()
            return self._messages.popleft()
        if self.ended.done():
            raise NoAnswer(self._why())
        return None

    async def receive_all(self, timeout_seconds: float | None = None) -> list[str | bytes]:
        """Every message that waits, at least one unless the time is over; raises NoAnswer when the socket is closed."""
        first = await self.receive(timeout_seconds)
        if first is None:
            return []
        waiting = [first, *self._messages]
        self._messages.clear()
        self._resume()
        return waiting

    def _resume(self) -> None:
        """Somebody takes what waits: the server may go on."""
        if self._paused and len(self._messages) <= WAITING_MAX:
            self._paused = False
            self._transport.resume_reading()

    async def _wait(self, timeout_seconds: float | None) -> None:
        """Until something comes, the socket ends, or the time is over."""
        waiter = self._waiter = self._loop.create_future()
        timer = None if timeout_seconds is None else self._loop.call_later(timeout_seconds, _release, waiter)
        try:
            await waiter
        finally:
            self._waiter = None
            if timer is not None:
                timer.cancel()

    async def close(self) -> None:
        """Say goodbye, and wait a moment for the server's."""
        if not self.ended.done() and not self._transport.is_closing():
            self._transport.write(websocket.frame(websocket.CLOSE, (1000).to_bytes(2, "big")))
            await asyncio.wait([self.ended], timeout=GOODBYE_SECONDS)
        self._end("closed by us")

    def data_received(self, data: bytes) -> None:
        """Called by the event loop."""
        self._heard = True
        try:
            if (messages := self._frames.take(data)) and not self.ended.done():
                self._messages += messages
                _release(self._waiter)
            for said in self._frames.rest():
                self._take(said)
        except Broken as error:
            self._end(str(error))
        if len(self._messages) >= WAITING_MAX and not self._paused and not self.ended.done():
            self._paused = True
            self._transport.pause_reading()

    def _take(self, said: websocket.Said) -> None:
        """One thing that the server said."""
        if said.kind in {websocket.TEXT, websocket.BINARY}:
            if not self.ended.done():
                self._messages.append(said.data)
                _release(self._waiter)
        elif said.kind == websocket.PING and isinstance(said.data, bytes):
            self._transport.write(websocket.frame(websocket.PONG, said.data))
        elif said.kind == websocket.CLOSE:
            code = websocket.close_code(said.data)
            self._transport.write(websocket.frame(websocket.CLOSE, b""))
            self._end(f"the server closed it: {code}")

    def connection_lost(self, error: Exception | None) -> None:
        """Called by the event loop."""
        self._end("the connection was closed" if error is None else _reason(error))

    def _ping(self) -> None:
        """Ask whether anybody is there, unless nothing has come since the last time: then nobody is."""
        if not self._heard and not self._paused:
            self._end(f"the server was silent for {self._ping_seconds:g} s")
            self._transport.abort()
            return
        self._heard = False
        self._transport.write(websocket.frame(websocket.PING, b""))
        self._pinger = self._loop.call_later(self._ping_seconds, self._ping)

    def _end(self, why: str) -> None:
        """It is over; what has come can still be taken."""
        self._pinger.cancel()
        if not self.ended.done():
            self.ended.set_result(why)
            self._transport.close()
            _release(self._waiter)

    def _why(self) -> str:
        return f"the socket is closed: {self.ended.result() if self.ended.done() else 'the connection was closed'}"


def _release(waiter: asyncio.Future[None] | None) -> None:
    """Let somebody go on who waits."""
    if waiter is not None and not waiter.done():
        waiter.set_result(None)


def _reason(error: BaseException) -> str:
    """What the system says of an error, on one line."""
    return " ".join(str(error).split()) or type(error).__name__
