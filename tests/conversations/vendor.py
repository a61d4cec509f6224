"""A vendor on loopback that plays a recorded conversation: what it is asked must be what the record expects."""

import asyncio
import json
from contextlib import asynccontextmanager
from random import Random
from urllib.parse import urlencode

from aiohttp import web

import stratofold
from stratofold.adapters.network.client import Network
from stratofold.adapters.sources.history import History
from tests.conversations.scripted import StoppedClock

CUT = object()  # the connection ends in the middle of an answer


def page(body, status=200, **headers):
    """An answer: JSON unless it is bytes already."""
    return (
        status,
        {name.replace("_", "-"): value for name, value in headers.items()},
        body if isinstance(body, bytes) else json.dumps(body).encode(),
    )


@asynccontextmanager
async def vendor(*lines):
    """A server with lines of (path, query, answer); gives its address and what was not asked for yet."""
    left, wrong = list(lines), []

    async def answer(request):
        if not left:
            wrong.append(str(request.rel_url))
            return web.Response(status=500)
        path, query, said = left.pop(0)
        asked = (request.path, dict(request.query))
        if asked != (path, {name: str(value) for name, value in query.items()}):
            wrong.append(f"asked {asked}, expected {(path, urlencode(query))}")
        if said is CUT:
            response = web.StreamResponse(headers={"Content-Length": "1000"})
            await response.prepare(request)
            await response.write(b"{")
            request.transport.close()
            return response
        status, headers, body = said
        return web.Response(status=status, headers=headers, body=body)

    application = web.Application()
    application.router.add_get("/{rest:.*}", answer)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}", left
    finally:
        await runner.cleanup()
    assert wrong == []


def get(source, folder, question, *lines, clock=None, **choice):
    """Ask a vendor that plays `lines`; the catalogue, the rows added, and the progress that was told."""
    told = []

    async def ask():
        async with vendor(*lines) as (url, left), Network() as network:
            place = stratofold.catalogue(folder, make=True)
            history = History(
                source, network, clock or StoppedClock(question.end + 10**18), Random(1), url=url, **choice
            )
            try:
                _, added = await history.into(place, question, told.append)
            except Exception as error:
                error.left = len(left)
                raise
            assert left == []
            return place, added, told

    return asyncio.run(ask())
