"""The replayed market of quotes, trades and depth: what `market` is for bars.

What comes in: `TickData` and where the replay begins; or what a live feed says.
What goes out: a feed for the accounts' engines, which then are those of a backtest on ticks, and the ticks released by now.
Why it is shaped so: an order meets the market when it arrives and queues, so the accounts run the fold's own driver of
ticks; a stream is told quotes, trades and, message by message, the levels of depth, as the broker's stream of coins is.

Ignores: depth of a venue that is followed, whose levels are not known before they come.
"""

from __future__ import annotations

from array import array
from math import isnan, nan
from typing import TYPE_CHECKING, Any

import numpy as np

from stratofold.events import Event, Quote, Trade
from stratofold.exchange.market import Candle, Level, Market, Tick, wholes
from stratofold.fold.ticks.engine import DEPTH, LAST, QUOTE, SNAPSHOT, TRADE, TickFeed
from stratofold.fold.ticks.ladder import Ladder

if TYPE_CHECKING:
    from stratofold.exchange.market import Deed
    from stratofold.market.data import Moment
    from stratofold.market.tick_data import TickData


_NAMES = {QUOTE: "quotes", TRADE: "trades", DEPTH: "depth"}


class TickMarket(Market):
    """Ticks and a cursor in them; `told` are the kinds that a stream of it tells."""

    feed: TickFeed

    def __init__(self, data: TickData, start: Moment = None, *, follows: bool = False) -> None:
        """As `Market`; raises Setup SF850 when nothing is left to replay."""
        self.levels = data.levels
        self.quoted = [True] * len(data.symbols) if follows else list(data.is_quoted)
        self.told = ("quotes", "trades") if follows else tuple(_NAMES[kind] for kind in np.unique(data.kind).tolist())
        super().__init__(data, start, follows=follows)

    def ladders(self) -> list[Ladder]:
        """Empty markets for an account's engine."""
        return [
            Ladder(prices.tolist(), is_quoted=quoted) for prices, quoted in zip(self.levels, self.quoted, strict=True)
        ]

    def columns(self, data: Any) -> TickFeed:
        """See `Market`."""
        feed = TickFeed()
        for name in ("time", "symbol", "kind", "side", "level", "flags"):
            setattr(feed, name, wholes(getattr(data, name)))
        for name in ("price", "size", "ask", "ask_size"):
            setattr(feed, name, array("d", np.ascontiguousarray(getattr(data, name), np.float64).tobytes()))
        return feed

    def _eve(self) -> int:
        """Just before the first tick that is left."""
        return self.feed.time[self.bar_index] - 1 if self.bar_index < len(self.feed.time) else self.feed.time[-1]

    def release(self) -> Candle | Deed | Tick | Level | None:
        """Move the cursor over the next thing: a tick, a level of depth, or as `Market`."""
        if not self.next_is_bar():
            return super().release()
        row = self.bar_index
        self.bar_index = row + 1
        self.now = max(self.now, self.feed.time[row])
        tick = self.tick(row)
        if tick is None:
            return self.level(row)
        self._mark(self.symbol_of[row], tick)
        return tick

    def _mark(self, handle: int, tick: Tick) -> None:
        """The last price, as the fold has it."""
        if tick.is_quote and tick.bid <= tick.ask:
            self.prices[handle] = (tick.bid + tick.ask) / 2
        elif not tick.is_quote and not self.quoted[handle]:
            self.prices[handle] = tick.bid

    def tick(self, row: int) -> Tick | None:
        """Row `row` as a quote, or a trade, whose price and size are where a bid's are; None for depth."""
        feed, kind = self.feed, self.feed.kind[row]
        if kind not in (QUOTE, TRADE):
            return None
        return Tick(
            self.symbols[self.symbol_of[row]], row + 1, feed.time[row], kind == QUOTE, feed.price[row], feed.size[row],
            feed.ask[row], feed.ask_size[row], feed.side[row],
        )  # fmt: skip

    def level(self, row: int) -> Level | None:
        """Row `row` as a change of a level; None for a quote or a trade."""
        feed, flags = self.feed, self.feed.flags[row]
        if feed.kind[row] != DEPTH:
            return None
        return Level(
            self.symbols[self.symbol_of[row]], row + 1, feed.time[row], feed.side[row], feed.price[row], feed.size[row],
            flags & SNAPSHOT > 0, flags & LAST > 0,
        )  # fmt: skip

    def latest(self, handle: int, *, is_quote: bool) -> Tick | None:
        """The last quote or trade of a symbol that was released."""
        rows = self.rows[handle]
        ticks = (self.tick(rows[k]) for k in reversed(range(self.visible(handle))))
        return next((tick for tick in ticks if tick is not None and tick.is_quote == is_quote), None)

    def candle(self, row: int) -> Candle:
        """Row `row` as a bar of a moment, for who asks what was last."""
        tick, time, price, volume = self.tick(row), self.feed.time[row], nan, 0.0
        if tick is not None and tick.is_quote:
            price = (tick.bid + tick.ask) / 2
        elif tick is not None:
            price, volume = tick.bid, tick.bid_size
        if isnan(price):  # a side is absent, or it is a level of depth
            price = self.prices[self.symbol_of[row]]
        return Candle(self.symbols[self.symbol_of[row]], time, time, price, price, price, price, volume)

    def append(self, symbol: str, event: Event) -> bool:
        """Take a quote or a trade of a live feed; one that comes late is of now."""
        handle = self.handles.get(symbol, -1)
        if handle < 0 or not isinstance(event, (Quote, Trade)):
            return False
        feed, is_quote = self.feed, isinstance(event, Quote)
        self.rows[handle].append(len(feed.time))
        feed.time.append(max(event.time, feed.time[-1], self.now))
        self.symbol_of.append(handle)
        if isinstance(event, Quote):
            numbers = (event.bid, event.bid_size, event.ask, event.ask_size)
        else:
            numbers = (event.price, event.size, nan, nan)
        whole = (QUOTE if is_quote else TRADE, 0 if isinstance(event, Quote) else event.aggressor, -1, 0)
        for column, number in zip((feed.kind, feed.side, feed.level, feed.flags), whole, strict=True):
            column.append(number)
        for reals, value in zip((feed.price, feed.size, feed.ask, feed.ask_size), numbers, strict=True):
            reals.append(value)
        return True

    def _last_close(self, handle: int) -> float:  # noqa: ARG002 - as `Market` has it
        """Nothing is known before the first tick."""
        return nan
