"""The webhook's door: HTTP by aiohttp in front of a function that knows no sockets.

What comes in: requests, from anybody.  What goes out: the status and the word that the function says, as JSON.
Why it is shaped so: it reads no more than it must of what a stranger sends, for no longer than it must, hands on the raw
bytes, and says nothing of what was wrong.  A header that comes twice is none: two readers could each believe another.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

from aiohttp import web

from stratofold.errors import Setup

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    Handle = Callable[[Mapping[str, str], bytes], Awaitable[tuple[int, str]]]

BODY_BYTES_MAX = 256 * 1024
READ_SECONDS_MAX = 10.0


class WebhookServer:
    """Serves one function at POST /webhook, and GET /health for whoever watches the machine."""

    def __init__(self, handle: Handle) -> None:
        """Nothing listens yet; `handle` takes headers by lower-case name and the body, and gives a status and a word."""
        self.handle = handle
        self.port = 0
        self._runner: web.AppRunner | None = None

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen; `port` 0 takes a free one.  Raises Setup SF922 when the port cannot be had."""
        # Some versions of aiohttp refuse what is as long as they are told, others what is longer: one byte more, and it is counted.
        application = web.Application(client_max_size=BODY_BYTES_MAX + 1)
        application.router.add_post("/webhook", self._request)
        application.router.add_get("/health", _health)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port)
        try:
            await site.start()
        except (OSError, OverflowError) as error:  # the latter for a number that is no port
            await self._runner.cleanup()
            what = f"the webhook cannot listen at {host}:{port}"
            raise Setup("SF922", what, why=str(error), fix="use --port 0 for a free port") from error
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Close the door."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _request(self, request: web.Request) -> web.Response:
        """Read, hand on, answer."""
        try:
            async with asyncio.timeout(READ_SECONDS_MAX):
                body = await request.read()
        except TimeoutError:
            return _answer(408, "too slow")
        except web.HTTPRequestEntityTooLarge:
            return _answer(413, "too large")
        if len(body) > BODY_BYTES_MAX:
            return _answer(413, "too large")
        return _answer(*await self.handle(_single(request), body))


def _single(request: web.Request) -> dict[str, str]:
    """The headers that come once, by lower-case name."""
    headers = request.headers
    return {name.lower(): value for name, value in headers.items() if len(headers.getall(name)) == 1}


def _answer(status: int, word: str) -> web.Response:
    """A status and a word."""
    return web.Response(status=status, body=json.dumps({"result": word}).encode(), content_type="application/json")


async def _health(_: web.Request) -> web.Response:
    """It is there."""
    return _answer(200, "listening")
