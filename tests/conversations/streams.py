"""A venue of streams on loopback: each connection is a list of what is said, with faults; snapshots over HTTP beside it."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from random import Random
from typing import TYPE_CHECKING, Any

from aiohttp import WSMsgType, web

from stratofold.adapters.clock import Clock
from stratofold.adapters.embedded.tasks import Tasks
from stratofold.adapters.feeds.supervisor import Supervisor
from stratofold.adapters.network.client import Network
from tests.patience import PATIENCE_SECONDS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from stratofold.adapters.feeds.session import Venue
    from stratofold.adapters.feeds.spoken import Named

ABORT = object()  # the connection breaks
STAY = object()  # the connection stays open, and nothing more is said


class Server:
    """What was asked of it, and where it is."""

    def __init__(self, connections: Sequence[Sequence[Any]], answers: Callable[[str], tuple[int, bytes]]) -> None:
        self.left = list(connections)
        self.answers = answers
        self.asked: list[str] = []
        self.told: list[Any] = []
        self.port = 0

    async def socket(self, request: web.Request) -> web.WebSocketResponse:
        """One connection: hears one message, then says its lines; a function makes lines out of what was heard, or one line when it is its turn."""
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        lines = self.left.pop(0) if self.left else [STAY]
        heard = await socket.receive()
        self.told.append(json.loads(heard.data))
        if callable(lines):
            lines = lines(self.told[-1])
        for said_next in lines:
            line = said_next() if callable(said_next) else said_next
            if line is ABORT:
                assert request.transport is not None
                request.transport.abort()
                return socket
            if line is STAY:
                break
            if asyncio.iscoroutine(line):
                await line
                continue
            if line is None:
                continue
            if isinstance(line, float):
                await asyncio.sleep(line)
            elif isinstance(line, tuple):
                said = await socket.receive()
                assert json.loads(said.data) == line[0]
            else:
                await socket.send_str(line if isinstance(line, str) else json.dumps(line))
        while (await socket.receive()).type == WSMsgType.TEXT:
            pass
        return socket

    async def ask(self, request: web.Request) -> web.Response:
        """A snapshot."""
        self.asked.append(str(request.rel_url))
        status, body = self.answers(request.query.get("symbol", ""))
        return web.Response(status=status, body=body)


@asynccontextmanager
async def streaming(
    *connections: Any, answers: Callable[[str], tuple[int, bytes]] = lambda _: (500, b"")
) -> AsyncIterator[Server]:
    """A server that plays these connections, one after another."""
    server = Server(connections, answers)
    application = web.Application()
    application.router.add_get("/stream", server.socket)
    application.router.add_get("/{rest:.*}", server.ask)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
    try:
        yield server
    finally:
        await runner.cleanup()


async def heard(
    make: Callable[[str, str], Venue],
    server: Server,
    symbols: Sequence[str],
    until: Callable[[list[Named | None]], bool],
    *,
    pause_seconds: float = 0.0,
    **options: Any,
) -> tuple[list[Named | None], Supervisor]:
    """What a supervisor says until enough was said."""
    found: list[Named | None] = []
    venue = make(f"ws://127.0.0.1:{server.port}/stream", f"http://127.0.0.1:{server.port}")
    async with asyncio.timeout(PATIENCE_SECONDS), Network() as network, Tasks() as tasks:
        supervisor = Supervisor(venue, network, network, Clock(), tasks, Random(1), pauses=(0.01, 0.05), **options)
        stream = supervisor.stream(symbols)
        async for named in stream:
            found.append(named)
            if until(found):
                break
            if pause_seconds:
                await asyncio.sleep(pause_seconds)
        await stream.aclose()  # type: ignore[attr-defined]
    return found, supervisor
