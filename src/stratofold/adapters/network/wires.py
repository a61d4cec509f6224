"""Bytes over TCP and datagrams over UDP, as `ports.Socket` has them: what exchanges speak that speak no WebSocket.

What comes in: an address.
What goes out: pieces of a stream, or datagrams one by one, in the order in which they came; `NoAnswer` when the other end is
gone.
Why it is shaped so: whoever reads a framing need not know what carried it, so that a test plays it from a list.
"""

from __future__ import annotations

import asyncio
import socket as sockets
import struct
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from stratofold.adapters.ports import NoAnswer

if TYPE_CHECKING:
    from collections.abc import Callable

ANY = "0.0.0.0"  # noqa: S104 - the system chooses the interface
CONNECT_SECONDS = 5.0
PIECE_BYTES = 262_144
BUFFER_BYTES = 8_388_608  # what the system keeps of datagrams while we are busy: a burst of an open
WAITING_MAX = 200_000  # datagrams; beyond, the oldest is dropped, which the framing sees and asks for again

Where = tuple[str, int]


class Stream:
    """A TCP connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """It is open."""
        self._reader, self._writer = reader, writer

    async def send(self, data: str | bytes) -> None:
        """See `ports.Socket`."""
        try:
            self._writer.write(data.encode() if isinstance(data, str) else data)
            await self._writer.drain()
        except OSError as error:
            raise NoAnswer(str(error)) from error

    async def receive(self, timeout_seconds: float | None = None) -> str | bytes | None:
        """See `ports.Socket`; as much as has come."""
        try:
            async with asyncio.timeout(timeout_seconds):
                piece = await self._reader.read(PIECE_BYTES)
        except TimeoutError:
            return None
        except OSError as error:
            raise NoAnswer(str(error)) from error
        if not piece:
            raise NoAnswer("the other end has closed the connection")
        return piece

    async def receive_all(self, timeout_seconds: float | None = None) -> list[str | bytes]:
        """See `ports.Socket`."""
        piece = await self.receive(timeout_seconds)
        return [] if piece is None else [piece]

    async def close(self) -> None:
        """See `ports.Socket`."""
        self._writer.close()
        with suppress(OSError):
            await self._writer.wait_closed()


async def connect(where: Where) -> Stream:
    """A TCP connection; raises NoAnswer."""
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            return Stream(*await asyncio.open_connection(*where))
    except (OSError, TimeoutError) as error:
        raise NoAnswer(f"{where[0]}:{where[1]}: {str(error) or 'no answer'}", sent=False) from error


class Datagrams(asyncio.DatagramProtocol):
    """Datagrams of a group or an address; what is sent goes to `answers`, who sends again what was lost."""

    def __init__(self, answers: Where | None) -> None:
        """Nothing has come."""
        self._answers = answers
        self._waiting: deque[bytes] = deque(maxlen=WAITING_MAX)
        self._something = asyncio.Event()
        self._transport: Any = None

    def connection_made(self, transport: Any) -> None:
        """It is open."""
        self._transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:  # noqa: ARG002 - the protocol's signature
        """One more."""
        self._waiting.append(data)
        self._something.set()

    @property
    def where(self) -> Where:
        """The address that it is bound to."""
        host, port = self._transport.get_extra_info("sockname")[:2]
        return host, port

    async def send(self, data: str | bytes) -> None:
        """See `ports.Socket`; nobody may be there to be asked."""
        if self._answers is not None:
            self._transport.sendto(data.encode() if isinstance(data, str) else data, self._answers)

    async def receive(self, timeout_seconds: float | None = None) -> str | bytes | None:
        """See `ports.Socket`."""
        if not self._waiting:
            self._something.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(timeout_seconds):
                    await self._something.wait()
        return self._waiting.popleft() if self._waiting else None

    async def receive_all(self, timeout_seconds: float | None = None) -> list[str | bytes]:
        """See `ports.Socket`."""
        first = await self.receive(timeout_seconds)
        if first is None:
            return []
        found = [first, *self._waiting]
        self._waiting.clear()
        return found

    async def close(self) -> None:
        """See `ports.Socket`."""
        self._transport.close()


async def listen(where: Where, *, answers: Where | None = None, interface: str = ANY) -> Datagrams:
    """Hear a multicast group (of `interface`), or an address of this machine; raises NoAnswer where that cannot be."""
    try:
        own = _bound(where, interface)
        _, heard = await asyncio.get_running_loop().create_datagram_endpoint(_made(answers), sock=own)
    except OSError as error:
        raise NoAnswer(f"{where[0]}:{where[1]}: {error}", sent=False) from error
    return heard


def _made(answers: Where | None) -> Callable[[], Datagrams]:
    return lambda: Datagrams(answers)


def _bound(where: Where, interface: str) -> sockets.socket:
    """A socket on an address; of a group it is a member, beside others of this machine."""
    own = sockets.socket(sockets.AF_INET, sockets.SOCK_DGRAM)
    try:
        own.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, BUFFER_BYTES)
        own.setsockopt(sockets.SOL_SOCKET, sockets.SO_REUSEADDR, 1)
        own.setblocking(False)
        own.bind(where)
        if 224 <= int(where[0].partition(".")[0] or 0) < 240:
            group = struct.pack("4s4s", sockets.inet_aton(where[0]), sockets.inet_aton(interface))
            own.setsockopt(sockets.IPPROTO_IP, sockets.IP_ADD_MEMBERSHIP, group)
    except (OSError, ValueError) as error:
        own.close()
        raise OSError(str(error)) from error
    return own
