"""A venue that reads from a script: what is said to it must be what the script expects, to the byte."""

import asyncio
import json
from random import Random

from stratofold.adapters.brokers.alpaca import AlpacaBroker
from stratofold.adapters.brokers.alpaca_access import Access
from stratofold.adapters.ports import Message, NoAnswer, Response
from stratofold.wire import Terms, pack

SECOND = 1_000_000_000
NOON = 1_704_214_800 * SECOND  # 2024-01-02T17:00:00Z
ACCESS = Access("KEY", "SECRET", "http://venue", "ws://venue/stream", "http://data", "ws://data/v2/iex")


class StoppedClock:
    """A clock that moves when somebody sleeps on it; `slept` keeps how long."""

    def __init__(self, time=NOON):
        self.time = time
        self.slept = []

    def now(self):
        return self.time

    def monotonic(self):
        return self.time

    async def sleep(self, seconds):
        self.slept.append(seconds)
        self.time += round(seconds * SECOND)
        await asyncio.sleep(0)


class ScriptedHttp:
    """Answers in the order of the script: rows of (method and path, answer) or (method and path, body, answer)."""

    def __init__(self, *rows):
        self.rows = list(rows)
        self.asked = []

    async def request(self, method, url, headers, body=b"", timeout_seconds=10.0):
        assert headers["APCA-API-KEY-ID"] == "KEY"
        assert headers["APCA-API-SECRET-KEY"] == "SECRET"
        said = f"{method} {url}"
        self.asked.append(said)
        assert self.rows, f"unexpected: {said}"
        expected, *rest = self.rows.pop(0)
        assert said == expected
        if len(rest) == 2:
            assert body == rest[0].encode()
        answer = rest[-1]
        if isinstance(answer, NoAnswer):
            raise answer
        return answer


class ScriptedSocket:
    """Says its lines, then closes; a line that begins with `>` is what must be sent to it before the next."""

    def __init__(self, *lines):
        self.lines = list(lines)
        self.closed = False

    async def send(self, data):
        expected = self.lines.pop(0)
        assert isinstance(expected, tuple)
        assert data == expected[0]

    async def receive(self, timeout_seconds=None):
        if not self.lines:
            raise NoAnswer("closed")
        line = self.lines.pop(0)
        assert not isinstance(line, tuple), f"not sent yet: {line}"
        return line

    async def close(self):
        self.closed = True


class ScriptedSockets:
    """Opens the sockets of the script in turn; a NoAnswer is a door that stays shut."""

    def __init__(self, *sockets):
        self.sockets = list(sockets)
        self.opened = []

    async def connect(self, url, headers=None):
        self.opened.append(url)
        if not self.sockets:
            raise EndOfScript
        socket = self.sockets.pop(0)
        if isinstance(socket, NoAnswer):
            raise socket
        return socket


class EndOfScript(Exception):
    """Nobody expected another connection."""


def broker(*rows, sockets=(), clock=None, **options):
    http = ScriptedHttp(*rows)
    made = AlpacaBroker(ACCESS, http, ScriptedSockets(*sockets), clock or StoppedClock(), Random(7), **options)
    return made, http


def said(value, status=200, **headers):
    """An answer with a JSON body, or with bytes as they are."""
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return Response(status, headers, body)


def order(**changes):
    """An order as Alpaca shows it."""
    return {
        "id": "61e69015-8549-4bfd-b9c3-01e75843f47d",
        "client_order_id": "momentum-1-a",
        "created_at": "2024-01-02T17:00:00.000000001Z",
        "updated_at": "2024-01-02T17:00:00.000000001Z",
        "submitted_at": "2024-01-02T17:00:00.000000001Z",
        "filled_at": None, "expired_at": None, "canceled_at": None, "failed_at": None,
        "replaced_at": None, "replaced_by": None, "replaces": None,
        "asset_id": "b0b6dd9d-8b9b-48a9-ba46-b9d54906e415", "symbol": "AAPL", "asset_class": "us_equity",
        "notional": None, "qty": "15", "filled_qty": "0", "filled_avg_price": None, "order_class": "",
        "order_type": "limit", "type": "limit", "side": "buy", "time_in_force": "day",
        "limit_price": "107.5", "stop_price": None, "status": "accepted", "extended_hours": False, "legs": None,
        **changes,
    }  # fmt: skip


def message(action="submit", key="momentum-1-a", side=1, terms=None, **changes):
    """A claimed message of the outbox."""
    terms = terms or Terms("limit", "day", 15.0, limit=107.5)
    client_id = "-".join(key.split("-")[:3])
    fields = {
        "key": key, "action": action, "client_id": client_id, "symbol": "AAPL", "side": side,
        "quantity": terms.quantity, "price": terms.limit, "exposure": 0.0, "reduces": False, "expires_at": 0,
        "body": pack(terms), "state": "claimed", **changes,
    }  # fmt: skip
    return Message(**fields)


def run(coroutine):
    return asyncio.run(coroutine)


async def first(stream, count):
    """The first things a stream says."""
    found = []
    async for thing in stream:
        found.append(thing)
        if len(found) == count:
            break
    await stream.aclose()
    return found
