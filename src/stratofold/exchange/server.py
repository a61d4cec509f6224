"""The exchange on sockets: HTTP and WebSockets by aiohttp, and the replay's pace by the wall clock.

What comes in: connections.  What goes out: what the exchange answers, and its streams.
Why it is shaped so: the only place with I/O and a clock; everything it does with a request is `Api.handle`, then the
updates go to the sockets before the answer does, so that a client that stepped knows what to wait for.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from aiohttp import WSMsgType, web

from stratofold.errors import Setup
from stratofold.exchange.api import Api, Request
from stratofold.exchange.faults import ANSWERED, CUT, DROPPED
from stratofold.exchange.state import State
from stratofold.exchange.stream import DataSession, TradeSession, update_frame

if TYPE_CHECKING:
    from pathlib import Path

    from stratofold.adapters.ports import Feed
    from stratofold.exchange.core import Exchange

_DATA_PATHS = ("/v2/iex", "/v2/sip", "/v2/delayed_sip", "/v2/test", "/v1beta3/crypto/us")
STEP, MAX = "step", "max"
_TICK_SECONDS = 0.05
_SLOW_SECONDS = 2.0


class Server:
    """Serves one exchange; `speed` is a multiple of real time, "max" or "step"."""

    def __init__(
        self, exchange: Exchange, speed: float | str = STEP, state: Path | None = None, feed: Feed | None = None
    ) -> None:
        """Nothing listens yet; the exchange is brought to where `state` says it was.

        With a `feed` it follows that: by the wall clock, or with speed "step" in the time of what was heard last.
        """
        self.exchange = exchange
        self.api = Api(exchange)
        self.state = State(state, self.api, exchange.identity()) if state is not None else None
        self.speed = speed
        self.feed = feed
        self._begun = (time.monotonic_ns(), exchange.market.now)
        self.port = 0
        self._trades: dict[web.WebSocketResponse, TradeSession] = {}
        self._data: dict[web.WebSocketResponse, DataSession] = {}
        self._runner: web.AppRunner | None = None
        self._replay: asyncio.Task[None] | None = None
        self._opened = 0
        self._subscribed = asyncio.Event()
        self._turn = asyncio.Lock()

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen; `port` 0 takes a free one.  Raises Setup SF851 when the port cannot be had."""
        application = web.Application(client_max_size=1 << 20)
        application.router.add_get("/stream", self._trade_stream)
        for path in _DATA_PATHS:
            application.router.add_get(path, self._data_stream)
        application.router.add_route("*", "/{path:.*}", self._request)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port, reuse_address=True)
        try:
            await site.start()
        except (OSError, OverflowError) as error:  # the latter for a number that is no port
            await self._runner.cleanup()
            what = f"the exchange cannot listen at {host}:{port}"
            raise Setup("SF851", what, why=str(error), fix="use --port 0 for a free port") from error
        self.port = self._runner.addresses[0][1]
        if self.feed is not None:
            self._replay = asyncio.create_task(self._follow(self.feed))
        elif self.speed != STEP:
            self._replay = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Close every socket."""
        if self._replay is not None:
            self._replay.cancel()
        for socket in [*self._trades, *self._data]:
            await socket.close()
        if self._runner is not None:
            await self._runner.cleanup()
        if self.state is not None:
            self.state.close()

    # Requests.

    async def _request(self, request: web.Request) -> web.StreamResponse:
        """One request: handle, tell the streams, answer."""
        asked = Request(
            request.method, request.path, dict(request.query), await request.read(),
            {name.lower(): value for name, value in request.headers.items()},
        )  # fmt: skip
        fate = self.exchange.faults.fate(asked.method, asked.path)
        if fate.delay_seconds:
            await asyncio.sleep(fate.delay_seconds)
        if fate.refused:
            return await _trouble(request, fate.refused, dropped=fate.ending == DROPPED)
        async with self._turn:
            self._flow()
            reply = self.api.handle(asked, time.time_ns())
            if self.state is not None and reply.changed_by:
                self.state.keep(asked, reply.changed_by)
            await self._tell()
        if fate.masked:
            return await _trouble(request, fate.masked, dropped=False)
        if fate.ending != ANSWERED:
            return await _broken(request, reply.body if fate.ending == CUT else b"")
        return web.Response(
            status=reply.status, body=reply.body, headers=dict(reply.headers), content_type="application/json"
        )

    async def _tell(self) -> None:
        """Queue what is outgoing to the sockets: updates first, then bars."""
        if self.state is not None:
            self.state.keep_step()
        outgoing = self.exchange.taken()
        for socket, session in list(self._trades.items()):
            mine = [update for account, update in outgoing.updates if session.wants(account)]
            for told in self.exchange.faults.tell(session.name, mine):
                await _send(socket, update_frame(told.update))
                if told.disconnect:
                    await socket.close()
        daily = self.exchange.market.daily
        for bar in outgoing.bars:
            for socket, listener in list(self._data.items()):
                if listener.wants(bar, daily=daily):
                    await _send(socket, listener.bar_frame(bar, daily=daily))
        for tick in outgoing.ticks:
            for socket, listener in list(self._data.items()):
                if listener.wants_tick(tick):
                    await _send(socket, listener.tick_frame(tick), text=not listener.packed)

    # Streams.

    async def _trade_stream(self, request: web.Request) -> web.StreamResponse:
        """`/stream`."""
        socket = web.WebSocketResponse(heartbeat=30.0)
        await socket.prepare(request)
        self._opened += 1
        session = TradeSession(self.exchange, f"stream {self._opened}")
        self._trades[socket] = session
        try:
            async for message in socket:
                if message.type in {WSMsgType.TEXT, WSMsgType.BINARY}:
                    for frame in session.receive(message.data):
                        await _send(socket, frame)
                if session.closed:
                    break
        finally:
            self._trades.pop(socket, None)
        return socket

    async def _data_stream(self, request: web.Request) -> web.StreamResponse:
        """`/v2/iex` and its kin."""
        socket = web.WebSocketResponse(heartbeat=30.0)
        await socket.prepare(request)
        session = DataSession(self.exchange, packed="msgpack" in request.headers.get("Content-Type", ""))
        self._data[socket] = session
        await _send(socket, session.greeting(), text=not session.packed)
        try:
            async for message in socket:
                if message.type in {WSMsgType.TEXT, WSMsgType.BINARY}:
                    for frame in session.receive(message.data):
                        await _send(socket, frame, text=not session.packed)
                    if any(session.channels.values()):
                        self._subscribed.set()
                if session.closed:
                    break
        finally:
            self._data.pop(socket, None)
        return socket

    # The pace.

    async def _run(self) -> None:
        """Release by the wall clock, or as fast as the sockets take it once somebody has subscribed."""
        market = self.exchange.market
        if self.speed == MAX:
            await self._subscribed.wait()
        self._begun = (time.monotonic_ns(), market.now)
        while not market.done:
            due = market.next_time or market.now
            if self.speed == MAX or self._flown() >= due:
                async with self._turn:
                    self.exchange.step()
                    await self._tell()
                await asyncio.sleep(0)
            else:
                async with self._turn:
                    self.exchange.wait(self._flown())
                    await self._tell()
                await asyncio.sleep(min((due - self._flown()) / float(self.speed) / 1e9, _TICK_SECONDS))

    def _flown(self) -> int:
        """The exchange's time by the wall clock, but no later than the next thing that has not happened yet."""
        begun, origin = self._begun
        now = origin + int((time.monotonic_ns() - begun) * float(self.speed))
        following = self.exchange.market.next_time
        return now if following is None else min(now, following)

    def _flow(self) -> None:
        """Bring the exchange's time up to the moment at which a request came."""
        if self.feed is not None:
            if self.speed != STEP:
                self.exchange.wait(time.time_ns())
        elif isinstance(self.speed, float) and not self.exchange.market.done:
            self.exchange.wait(self._flown() - 1)

    async def _follow(self, feed: Feed) -> None:
        """Hear a live feed: each bar is matched when it comes, then told; what was missed comes from the history."""
        market = self.exchange.market
        async for heard in feed.stream(market.symbols):
            missed = (
                [heard]
                if heard is not None
                else await feed.history(market.symbols, market.feed.time[-1], time.time_ns())
            )
            for symbol, event in missed:
                async with self._turn:
                    if market.append(symbol, event):
                        if self.state is not None:
                            self.state.keep_event(symbol, event)
                        self.exchange.step()
                        await self._tell()


async def _trouble(request: web.Request, status: int, *, dropped: bool) -> web.StreamResponse:
    """A request that was not carried out, or whose answer is hidden: an error, or silence."""
    if dropped:
        return await _broken(request, b"")
    if status == 429:
        return web.json_response(
            {"code": 42910000, "message": "too many requests."}, status=429, headers={"Retry-After": "1"}
        )
    return web.Response(status=status, text="<html><body>upstream trouble</body></html>", content_type="text/html")


async def _broken(request: web.Request, body: bytes) -> web.StreamResponse:
    """Half of an answer (nothing of an empty one), and then no connection."""
    response = web.StreamResponse(headers={"Content-Length": str(len(body)), "Content-Type": "application/json"})
    if body:
        await response.prepare(request)
        await response.write(body[: len(body) // 2])
    if request.transport is not None:
        request.transport.abort() if not body else request.transport.close()
    return response


async def _send(socket: web.WebSocketResponse, frame: bytes, *, text: bool = False) -> None:
    """Queue one frame; a client that has gone misses it, and one that does not read is sent away, as at the broker."""
    try:
        async with asyncio.timeout(_SLOW_SECONDS):
            await (socket.send_str(frame.decode()) if text else socket.send_bytes(frame))
    except (ConnectionError, RuntimeError):
        return
    except TimeoutError:
        with suppress(TimeoutError):
            async with asyncio.timeout(_SLOW_SECONDS):
                await socket.close(code=1008, message=b"slow client")
