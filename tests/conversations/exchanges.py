"""A paper exchange on loopback for conversations: served in a thread, asked by whatever client a test likes."""

import asyncio
import threading
from contextlib import contextmanager

import msgspec
import requests

from stratofold.exchange.core import Exchange
from stratofold.exchange.server import Server
from tests.patience import PATIENCE_SECONDS


class Served:
    """A running exchange, where it listens, and a plain client with its keys."""

    def __init__(self, server, loop):
        self.server, self.loop = server, loop
        self.exchange = server.exchange
        self.account = next(iter(self.exchange.accounts.values()))
        self.key, self.secret = self.account.key_id, self.account.secret_key
        self.base = f"127.0.0.1:{server.port}"
        self.url = f"http://{self.base}"
        self.session = requests.Session()
        self.session.headers.update({"APCA-API-KEY-ID": self.key, "APCA-API-SECRET-KEY": self.secret})

    def ask(self, method, path, content=None, **query):
        body = None if content is None else msgspec.json.encode(content)
        return self.session.request(method, self.url + path, data=body, params=query, timeout=PATIENCE_SECONDS)

    def step(self, times=1, until=None):
        answer = None
        for _ in range(times):
            answer = self.ask("POST", "/admin/step", {} if until is None else {"until": until}).json()
        return answer


@contextmanager
def serving(data, start=None, speed="step", **choices):
    """Serve an exchange over `data` in a thread until the block ends."""
    loop = asyncio.new_event_loop()
    server = Server(Exchange(data, start, **choices), speed)
    loop.run_until_complete(server.start())
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield Served(server, loop)
    finally:
        asyncio.run_coroutine_threadsafe(server.stop(), loop).result(PATIENCE_SECONDS)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(PATIENCE_SECONDS)
        loop.close()
