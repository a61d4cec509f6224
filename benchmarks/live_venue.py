"""What `bench_live.py` trades against: a venue that takes everything at once, and a market that comes on time.

The venue stands behind the port `Http`: each request is made into the bytes of HTTP and given to the kernel on a socket,
which is where a latency ends; its answer comes a millisecond later, as from a server near by.  What comes to the market is
filled at the last price, and told on the stream after its answer.
"""

import asyncio
import json
import socket
import time
from dataclasses import dataclass, field

from stratofold.adapters.network.http import address_of, request_bytes
from stratofold.adapters.ports import Response, VenueReport

ANSWER_SECONDS = 0.001
_EMPTY = {"/v2/account": {"cash": "1000000", "currency": "USD"}}


@dataclass
class Venue:
    """The port `Http`; `left` is when each request's bytes left: wall and processor's time, ns."""

    left: list = field(default_factory=list)
    orders: dict = field(default_factory=dict)
    prices: dict = field(default_factory=dict)
    fills: asyncio.Queue = field(default_factory=asyncio.Queue)
    time: int = 0

    def __post_init__(self):
        self.out, self.into = socket.socketpair()
        self.into.setblocking(False)

    async def request(self, method, url, headers, body=b"", timeout_seconds=10.0):
        self.out.send(request_bytes(method, address_of(url), headers, body))
        self.left.append((time.perf_counter_ns(), time.thread_time_ns()))
        self.into.recv(1 << 16)
        await asyncio.sleep(ANSWER_SECONDS)
        order = self.answer(method, url, body)
        if method == "POST" and order["type"] == "market":
            asyncio.get_running_loop().call_later(ANSWER_SECONDS, self.fills.put_nowait, self.filled(order))
        return Response(200, {"x-request-id": "0123456789abcdef"}, json.dumps(order).encode())

    def seen(self, symbol, price, time):
        """The last price of a symbol, at a time (ns UTC)."""
        self.prices[symbol] = price
        self.time = time

    def filled(self, order):
        """The whole of an order, filled."""
        quantity = float(order["qty"])
        return VenueReport(
            f"fill:{order['id']}:{order['qty']}", "filled", order["client_order_id"], order["id"], order["symbol"],
            1 if order["side"] == "buy" else -1, self.time, quantity, self.prices[order["symbol"]], cumulative=quantity, leaves=0.0,
        )  # fmt: skip

    def answer(self, method, url, body):
        """An order as taken, or as replaced by another; nothing is ever filled."""
        path = url.removeprefix("http://venue").partition("?")[0]
        if method == "GET":
            return _EMPTY.get(path, [])
        asked = json.loads(body) if body else {}
        before = self.orders.get(path.rpartition("/")[2], {})
        order = {
            **before, **asked, "id": f"venue-{len(self.orders)}", "status": "new", "filled_qty": "0",
            "submitted_at": "2024-01-02T15:00:00Z",
        }  # fmt: skip
        if before:
            order["replaces"] = before["id"]
        self.orders[order["id"]] = order
        return order


class Market:
    """The port `Feed`: events at a rate, `came` is told of each when it comes in; then `ended` is called.

    `late_ms` is how long after its time each was asked for.
    """

    def __init__(self, events, rate, came, ended):
        self.events = events
        self.period = 1.0 / rate
        self.came = came
        self.ended = ended
        self.late_ms = []

    async def history(self, symbols, after, until):
        return []

    async def stream(self, symbols):
        yield None
        began = time.perf_counter()
        for number, event in enumerate(self.events):
            wait = began + number * self.period - time.perf_counter()
            if wait > 0.0:
                await asyncio.sleep(wait)
            self.late_ms.append(1e3 * (time.perf_counter() - began - number * self.period))
            self.came(event[1])
            yield event
        await asyncio.sleep(0.1)
        self.ended()
        await asyncio.Event().wait()


class ReplayClock:
    """The port `Clock`: the time is the last event's."""

    def __init__(self, time_ns):
        self.time = time_ns

    def now(self):
        return self.time

    def monotonic(self):
        return time.monotonic_ns()

    async def sleep(self, seconds):
        await asyncio.sleep(seconds)
