"""HTTP and WebSockets over a real network: the ports `Http` and `Sockets`, by aiohttp.

What comes in: one request, or the address of a socket.
What goes out: one answer or `NoAnswer`, which says whether a byte may have left.
Why it is shaped so: an order is sent once.  So nothing here tries again or follows a redirect, not even where the library
would by itself (a kept connection that the server has just closed); and "it did not leave" is said only where no connection
stood.  The library is imported by the first request, and one pool of connections serves everything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from stratofold.adapters.ports import NoAnswer, Response

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    import aiohttp

KEEP_SECONDS = 30.0  # shorter than servers keep a connection, so that a dead one is seldom picked
CONNECT_SECONDS = 5.0
PING_SECONDS = 15.0
MESSAGE_BYTES_MAX = 1 << 24


class Network:
    """One pool of connections; use it within one event loop, and `close` it there (or `async with`)."""

    def __init__(self, *, ping_seconds: float = PING_SECONDS) -> None:
        """Nothing is opened before the first request; a socket that leaves a ping unanswered is closed."""
        self.ping_seconds = ping_seconds
        self._session: aiohttp.ClientSession | None = None

    def _pool(self) -> aiohttp.ClientSession:
        """The pool, opened when it is first needed."""
        if self._session is None:
            import aiohttp

            connector = aiohttp.TCPConnector(keepalive_timeout=KEEP_SECONDS, limit=32)
            jar = aiohttp.DummyCookieJar()
            self._session = aiohttp.ClientSession(connector=connector, cookie_jar=jar, auto_decompress=True)
            # The library sends a GET or DELETE again on a fresh connection when a kept one was closed; we send once.
            self._session._retry_connection = False  # noqa: SLF001 - there is no public word for it
        return self._session

    async def request(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes = b"", timeout_seconds: float = 10.0
    ) -> Response:
        """Send and wait; header names come back in lower case.  Raises NoAnswer."""
        import aiohttp
        from yarl import URL

        limits = aiohttp.ClientTimeout(total=timeout_seconds, sock_connect=min(CONNECT_SECONDS, timeout_seconds))
        try:
            async with self._pool().request(
                method,
                URL(url, encoded=True),
                headers=headers,
                data=body or None,
                allow_redirects=False,
                timeout=limits,
            ) as answer:
                content = await answer.read()
                return Response(answer.status, {name.lower(): value for name, value in answer.headers.items()}, content)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL, ValueError) as error:
            raise NoAnswer(_reason(error, "no connection"), sent=False) from error
        except TimeoutError as error:
            raise NoAnswer(f"no answer within {timeout_seconds:g} s") from error
        except (aiohttp.ClientError, OSError) as error:
            raise NoAnswer(_reason(error, "the connection broke")) from error

    async def connect(self, url: str, headers: Mapping[str, str] | None = None) -> OpenSocket:
        """Open a WebSocket; raises NoAnswer."""
        import aiohttp

        try:
            socket = await self._pool().ws_connect(
                url,
                headers=headers,
                heartbeat=self.ping_seconds,
                max_msg_size=MESSAGE_BYTES_MAX,
                timeout=aiohttp.ClientWSTimeout(ws_close=CONNECT_SECONDS),
            )
        except (aiohttp.ClientError, OSError, ValueError, TimeoutError) as error:
            raise NoAnswer(_reason(error, "no connection"), sent=False) from error
        return OpenSocket(socket)

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def __aenter__(self) -> Self:
        """The pool itself."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close every connection."""
        await self.close()


class OpenSocket:
    """An open WebSocket: the port `Socket`."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        """Around a connection that stands."""
        self._socket = socket

    async def send(self, data: str | bytes) -> None:
        """Send one message; raises NoAnswer when it is closed."""
        try:
            if isinstance(data, str):
                await self._socket.send_str(data)
            else:
                await self._socket.send_bytes(data)
        except (ConnectionError, RuntimeError) as error:
            raise NoAnswer(_reason(error, "the socket is closed")) from error

    async def receive(self, timeout_seconds: float | None = None) -> str | bytes | None:
        """The next message; None when the time is over; raises NoAnswer when the socket is closed."""
        from aiohttp import WSMsgType

        try:
            message = await self._socket.receive(timeout_seconds)
        except TimeoutError:
            return None
        except (ConnectionError, RuntimeError) as error:
            raise NoAnswer(_reason(error, "the socket is closed")) from error
        if message.type in {WSMsgType.TEXT, WSMsgType.BINARY}:
            data: str | bytes = message.data
            return data
        raise NoAnswer(f"the socket is closed: {self._socket.close_code or message.type.name.lower()}")

    async def close(self) -> None:
        """Say goodbye."""
        await self._socket.close()


def _reason(error: BaseException, fallback: str) -> str:
    """What the library says of an error, on one line."""
    return " ".join(str(error).split()) or f"{fallback} ({type(error).__name__})"
