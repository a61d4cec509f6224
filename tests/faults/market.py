"""The simulated market: minute bars from chance, told on a stream and kept as history.

What comes in: a world.  What goes out: bars for whoever listens or asks, and the broker's prices.
"""

import struct

import msgspec

from .broker import asked_for, text_of
from .world import SECOND

MINUTE = 60 * SECOND


class Market:
    """Prices in cents that walk by chance; a bar of each symbol every minute."""

    def __init__(self, world, broker, symbols, until):
        self.world = world
        self.broker = broker
        self.symbols = symbols
        self.until = until
        self.bars = []
        self.listeners = []
        world.at(world.now + MINUTE, self.minute)

    def serves(self, url):
        """Whether a request is about market data."""
        return "/v2/stocks/" in url

    def minute(self):
        """A minute has passed."""
        for symbol in self.symbols:
            was = self.broker.prices[symbol]
            now = max(100, was + self.world.random.randrange(-40, 41))
            self.broker.prices[symbol] = now
            bar = (symbol, self.world.now - MINUTE, was, max(was, now), min(was, now), now)
            self.bars.append(bar)
            self._tell(bar)
        if self.world.now < self.until:
            self.world.at(self.world.now + MINUTE, self.minute)

    def _tell(self, bar):
        symbol, start, *prices = bar
        opened, high, low, close = (price / 100 for price in prices)
        moment = msgspec.msgpack.Ext(-1, struct.pack(">Iq", start % SECOND, start // SECOND))
        said = {"T": "b", "S": symbol, "o": opened, "h": high, "l": low, "c": close, "v": 1000, "t": moment}
        frame = msgspec.msgpack.encode([said])
        for listener in list(self.listeners):
            listener(frame)

    def answer(self, method, url, body):
        """History of bars, all on one page."""
        _, query = asked_for(url)
        found = {}
        for symbol, start, *prices in self.bars:
            moment = text_of(start)
            if symbol in query["symbols"].split(",") and query["start"] <= moment <= query["end"]:
                opened, high, low, close = (price / 100 for price in prices)
                found.setdefault(symbol, []).append(
                    {"t": moment, "o": opened, "h": high, "l": low, "c": close, "v": 1000}
                )
        return 200, {"bars": found, "next_page_token": None}
