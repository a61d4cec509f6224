"""The simulated market: minute bars from chance, told on a stream and kept as history; a night with corporate actions.

What comes in: a world.  What goes out: bars for whoever listens or asks, and the broker's prices.
"""

import struct

import msgspec

from .broker import PAID, asked_for, text_of
from .world import SECOND

MINUTE = 60 * SECOND
EVENING_SECONDS = 7 * 60  # how long before a midnight a world begins that has one
CLOSED_SECONDS = 3 * 60  # before midnight: what was decided by day is too old to leave afterwards
CLOCK_SECONDS = 5  # that no clock is wrong by
PROCESSED_SECONDS = 30  # before midnight the broker has worked its corporate actions out
RATIOS = ((2, 1), (2, 1), (1, 10), (1, 3), (1, 7), (3, 2))  # new shares for old ones
DIVIDEND_CENTS = 25  # a share


class Market:
    """Prices in cents that walk by chance; a bar of each symbol every minute, but not in the minutes before a midnight.

    At that midnight the first symbol splits and the last one pays a dividend.
    """

    def __init__(self, world, broker, symbols, until, midnight=0, ratio=(2, 1), fractions=PAID):
        self.world = world
        self.broker = broker
        self.symbols = symbols
        self.until = until
        self.bars = []
        self.listeners = []
        self.midnight = midnight
        self.ratio = ratio
        world.at(world.now + MINUTE, self.minute)
        if midnight:
            broker.closed = (midnight - CLOSED_SECONDS * SECOND, midnight)
            world.at(broker.closed[0] - 1, broker.fill_parts)
            world.at(midnight - PROCESSED_SECONDS * SECOND, broker.split, symbols[0], *ratio, fractions)
            world.at(midnight - PROCESSED_SECONDS * SECOND, broker.pay, symbols[-1], DIVIDEND_CENTS)

    def is_working(self):
        """Whether the broker has worked a split out that has not taken effect yet by some clock."""
        since = self.midnight - PROCESSED_SECONDS * SECOND
        return since <= self.world.now < self.midnight + CLOCK_SECONDS * SECOND

    def serves(self, url):
        """Whether a request is about market data."""
        return "/v2/stocks/" in url or "/v1/corporate-actions" in url

    def minute(self):
        """A minute has passed."""
        if self.world.now < self.until:
            self.world.at(self.world.now + MINUTE, self.minute)
        if self.broker.is_closed(self.world.now - MINUTE):
            return
        for symbol in self.symbols:
            was = self.broker.prices[symbol]
            now = max(100, was + self.world.random.randrange(-40, 41))
            self.broker.prices[symbol] = now
            bar = (symbol, self.world.now - MINUTE, was, max(was, now), min(was, now), now)
            self.bars.append(bar)
            self._tell(bar)

    def _tell(self, bar):
        symbol, start, *prices = bar
        opened, high, low, close = (price / 100 for price in prices)
        moment = msgspec.msgpack.Ext(-1, struct.pack(">Iq", start % SECOND, start // SECOND))
        said = {"T": "b", "S": symbol, "o": opened, "h": high, "l": low, "c": close, "v": 1000, "t": moment}
        frame = msgspec.msgpack.encode([said])
        for listener in list(self.listeners):
            listener(frame)

    def answer(self, method, url, body):
        """History of bars, or what happens at midnight, all on one page."""
        path, query = asked_for(url)
        if path == "/v1/corporate-actions":
            return 200, {"corporate_actions": self._actions(), "next_page_token": None}
        found = {}
        for symbol, start, *prices in self.bars:
            moment = text_of(start)
            if symbol in query["symbols"].split(",") and query["start"] <= moment <= query["end"]:
                opened, high, low, close = (price / 100 for price in prices)
                found.setdefault(symbol, []).append(
                    {"t": moment, "o": opened, "h": high, "l": low, "c": close, "v": 1000}
                )
        return 200, {"bars": found, "next_page_token": None}

    def _actions(self):
        """What is known of the midnight, from the beginning on."""
        if not self.midnight:
            return {}
        day = text_of(self.midnight)[:10]
        new, old = self.ratio
        kind = "forward_splits" if new > old else "reverse_splits"
        days = {"ex_date": day, "process_date": day}
        return {
            kind: [{"symbol": self.symbols[0], "new_rate": new, "old_rate": old, **days}],
            "cash_dividends": [{"symbol": self.symbols[-1], "rate": DIVIDEND_CENTS / 100, **days}],
        }
