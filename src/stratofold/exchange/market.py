"""The replayed market: data in the order in which they are heard, and how much of them has been released.

What comes in: `MarketData` and where the replay begins; what lies before is history from the first moment on.
What goes out: a feed for the accounts' engines, what comes next, and the bars that are visible by now.
Why it is shaped so: nobody may see a bar before it was released, so everything that reads prices asks this cursor.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from datetime import date
from math import nan
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from stratofold.errors import Setup
from stratofold.events import ACTION, EXPIRY, MARKET, RATE, SPLIT, STATUS, Action, Bar
from stratofold.fold.engine import Feed
from stratofold.market.data import moment_text, time_bounds
from stratofold.market.sessions import DAY_NS, calendar
from stratofold.market.zones import NEW_YORK, midnight

if TYPE_CHECKING:
    from stratofold.events import Event
    from stratofold.market.data import MarketData, Moment
    from stratofold.market.sessions import Calendar
    from stratofold.market.tick_data import TickData

_FOREVER = 9223372036854775807


class Candle(NamedTuple):
    """One bar as the API shows it: `begin` is its timestamp there, `time` when it is complete (ns UTC)."""

    symbol: str
    begin: int
    time: int
    open: float
    high: float
    low: float
    close: float
    volume: float


class Deed(NamedTuple):
    """One action of the data: `kind` and `value` as in `events.Action`, `time` ns UTC."""

    time: int
    kind: int
    symbol: int
    value: float


class Tick(NamedTuple):
    """One quote or trade that was released; `number` is its row's, from 1 on."""

    symbol: str
    number: int
    time: int
    is_quote: bool
    bid: float
    bid_size: float
    ask: float
    ask_size: float
    aggressor: int


class Level(NamedTuple):
    """One change of a level that was released: `size` 0 takes it away; `last` completes a message, after which the book is whole."""

    symbol: str
    number: int
    time: int
    side: int
    price: float
    size: float
    snapshot: bool
    last: bool


class Market:
    """Data, a cursor in them, and the exchange's time, which is that of the last thing released or later."""

    def __init__(self, data: MarketData | TickData, start: Moment = None, *, follows: bool = False) -> None:
        """Everything before `start` is released already; raises Setup SF850 when no bar is left to replay.

        A market that `follows` has all its data behind it, and waits for what is appended.
        """
        self.symbols = data.symbols
        self.handles = {symbol: handle for handle, symbol in enumerate(data.symbols)}
        self.instruments = data.instruments
        self.currencies = data.currencies
        self.calendar_name = data.calendar.name
        self.sessions: Calendar = calendar(data.calendar.name)
        self.span_ns = data.span_ns
        self.daily = data.span_ns >= DAY_NS
        self.feed = self.columns(data)
        _add_sparse(self.feed, data)
        self.symbol_of = self.feed.symbol if len(data.symbols) > 1 else array("q", [0]) * len(data.time)
        self.rows = [_rows(self.symbol_of, handle) for handle in range(len(data.symbols))]
        low = time_bounds(start, None)[0] if not follows else _FOREVER
        self.bar_index = bisect_left(self.feed.time, low)
        self.event_index = bisect_left(self.feed.event_time, low)
        if self.bar_index >= len(self.feed.time) and not (follows and len(self.feed.time)):
            raise Setup(
                "SF850",
                "there is nothing to replay",
                place=f"from {start}",
                why=f"the data end {moment_text(self.feed.time[-1])}" if len(self.feed.time) else "there are no bars",
                fix="choose an earlier start",
            )
        self.first = (self.bar_index, self.event_index)
        self.now = self._eve()
        self.halted = [False] * len(data.symbols)
        self.prices = [self._last_close(handle) for handle in range(len(data.symbols))]
        self._begins: dict[int, array[int]] = {}

    def columns(self, data: Any) -> Feed:
        """The data as the columns of the fold's driver."""
        return _feed(data)

    def _eve(self) -> int:
        """The last moment that the history knows; before the first bar, when that bar began."""
        if self.bar_index > 0:
            return self.feed.time[self.bar_index - 1]
        return self.feed.time[0] - self.span_ns

    # What comes.

    @property
    def done(self) -> bool:
        """Whether everything was released."""
        return self.bar_index >= len(self.feed.time) and self.event_index >= len(self.feed.event_key)

    def next_is_bar(self) -> bool:
        """Whether a bar comes next, and not an event between bars; the order is that of the fold's driver."""
        if self.event_index >= len(self.feed.event_key):
            return True
        if self.bar_index >= len(self.feed.time):
            return False
        return self.feed.event_key[self.event_index] >= 2 * self.feed.time[self.bar_index] + 1

    @property
    def next_time(self) -> int | None:
        """When the next thing happens; None at the end."""
        if self.done:
            return None
        return self.feed.time[self.bar_index] if self.next_is_bar() else self.feed.event_time[self.event_index]

    def release(self) -> Candle | Deed | Tick | Level | None:
        """Move the cursor over the next thing: a bar, an action, or (None) a rate or a status."""
        feed = self.feed
        if self.next_is_bar():
            row = self.bar_index
            self.bar_index = row + 1
            self.now = feed.time[row]
            self.prices[self.symbol_of[row]] = feed.close[row]
            return self.candle(row)
        row = self.event_index
        self.event_index += 1
        self.now = feed.event_time[row]
        if feed.event_rank[row] != ACTION:
            return None
        if feed.event_kind[row] == SPLIT:
            self.prices[feed.event_symbol[row]] /= feed.event_value[row]
        return Deed(feed.event_time[row], feed.event_kind[row], feed.event_symbol[row], feed.event_value[row])

    def append(self, symbol: str, event: Event) -> bool:
        """Take a bar, a split or a dividend of a live feed; whether it is news (a bar that is late or foreign is not)."""
        handle = self.handles.get(symbol, -1)
        if handle < 0 or event.time < self.feed.time[-1]:
            return False
        if isinstance(event, Bar):
            self._append_bar(handle, event)
        elif isinstance(event, Action):
            feed = self.feed
            for column, value in (
                (feed.event_key, 2 * event.time), (feed.event_time, event.time), (feed.event_rank, ACTION),
                (feed.event_kind, event.kind), (feed.event_symbol, handle), (feed.event_currency, 0),
            ):  # fmt: skip
                column.append(value)
            feed.event_value.append(event.value)
        return isinstance(event, (Bar, Action))

    def _append_bar(self, handle: int, bar: Bar) -> None:
        """One more bar at the end."""
        feed = self.feed
        self.rows[handle].append(len(feed.time))
        feed.time.append(bar.time)
        self.symbol_of.append(handle)  # with several symbols this is the feed's own column
        for column, value in (
            (feed.open, bar.open), (feed.high, bar.high), (feed.low, bar.low), (feed.close, bar.close),
            (feed.volume, bar.volume),
        ):  # fmt: skip
            column.append(value)
        if handle in self._begins:
            self._begins[handle].append(self.begin_of(bar.time))

    # What is known.

    def begin_of(self, time: int) -> int:
        """The timestamp that the API gives the bar complete at `time`: its session's midnight, or its first moment."""
        if not self.daily:
            return time - self.span_ns
        if self.calendar_name != "XNYS":
            return time - self.span_ns
        day = self.sessions.days[self.sessions.session_of(time)]
        return midnight(date.fromordinal(day), NEW_YORK)

    def begins(self, handle: int) -> array[int]:
        """The timestamps that the API gives the bars of a symbol, released or not, in order."""
        if handle not in self._begins:
            self._begins[handle] = array("q", [self.begin_of(self.feed.time[row]) for row in self.rows[handle]])
        return self._begins[handle]

    def candle(self, row: int) -> Candle:
        """Row `row` of the data as the API shows it."""
        feed = self.feed
        time = feed.time[row]
        return Candle(
            self.symbols[self.symbol_of[row]], self.begin_of(time), time, feed.open[row], feed.high[row],
            feed.low[row], feed.close[row], feed.volume[row],
        )  # fmt: skip

    def visible(self, handle: int) -> int:
        """How many bars of a symbol have been released."""
        return bisect_left(self.rows[handle], self.bar_index)

    def last_row(self, handle: int) -> int:
        """The row of the last released bar of a symbol, -1 before the first."""
        count = self.visible(handle)
        return self.rows[handle][count - 1] if count else -1

    def last_price(self, handle: int) -> float:
        """The last released close, NaN before the first."""
        return self.prices[handle]

    def _last_close(self, handle: int) -> float:
        """The last close of the history."""
        row = self.last_row(handle)
        return self.feed.close[row] if row >= 0 else nan

    def is_open(self) -> bool:
        """Whether a session is on at the exchange's time; at the close itself it is over."""
        k = self.sessions.session_of(self.now + 1)
        return k < len(self.sessions) and self.sessions.opens[k] <= self.now

    def deeds(self) -> list[Deed]:
        """Every action that has been released, history's too, in order."""
        feed = self.feed
        return [
            Deed(feed.event_time[k], feed.event_kind[k], feed.event_symbol[k], feed.event_value[k])
            for k in range(self.event_index)
            if feed.event_rank[k] == ACTION
        ]


def _rows(symbol_of: array[int], handle: int) -> array[int]:
    """The rows of one symbol."""
    return array("q", [row for row, symbol in enumerate(symbol_of) if symbol == handle])


def _feed(data: MarketData) -> Feed:
    """The bars as columns."""
    feed = Feed()
    feed.time, feed.symbol = wholes(data.time), wholes(data.symbol)
    feed.open, feed.high, feed.low, feed.close, feed.volume = (
        array("d", np.ascontiguousarray(column, np.float64).tobytes())
        for column in (data.open, data.high, data.low, data.close, data.volume)
    )
    feed.span = data.span_ns
    return feed


def _add_sparse(feed: Feed, data: MarketData | TickData) -> None:
    """The events between the rows; no timers, because nobody's strategy runs here."""
    for time, rank, symbol, _, kind, currency, value in sorted(_sparse(data)):
        feed.event_key.append(2 * time + (0 if rank < MARKET else 2))
        feed.event_time.append(time)
        feed.event_rank.append(rank)
        feed.event_kind.append(kind)
        feed.event_symbol.append(symbol)
        feed.event_currency.append(currency)
        feed.event_value.append(value)


def wholes(column: Any) -> array[int]:
    """A column of whole numbers as the fold's kind of array."""
    return array("q", np.ascontiguousarray(column, np.int64).tobytes())


def _sparse(data: MarketData | TickData) -> list[tuple[int, int, int, int, int, int, float]]:
    """Actions, rates, statuses and expiries: (time, rank, symbol, place, kind, currency, value)."""
    rows: list[tuple[int, int, int, int, int, int, float]] = []
    for table, rank in ((data.actions, ACTION), (data.rates, RATE), (data.statuses, STATUS)):
        count = len(table.time)
        columns: list[list[Any]] = [
            getattr(table, name).tolist() if hasattr(table, name) else [default] * count
            for name, default in (("time", 0), ("symbol", -1), ("kind", 0), ("currency", 0), ("value", nan))
        ]
        times, symbols, kinds, currencies, values = columns
        rows += [(times[k], rank, symbols[k], k, kinds[k], currencies[k], values[k]) for k in range(count)]
    first, last = (int(data.time[0]) - data.span_ns, int(data.time[-1])) if len(data.time) else (0, -1)
    for handle, instrument in enumerate(data.instruments):
        if isinstance(instrument.expiry, int) and first <= instrument.expiry <= last:
            rows.append((instrument.expiry, ACTION, handle, len(rows), EXPIRY, 0, nan))
    return rows
