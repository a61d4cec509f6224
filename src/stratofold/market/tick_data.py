"""`TickData`: quotes, trades and depth as columns, in the order in which they are heard.

What comes in: columns the door has checked.  What goes out: the same, with what explains them beside them.
Why it is shaped so: it stands wherever `MarketData` does (instruments, calendar, actions, a hash), and its rows are of
three kinds; the kernel reads them in place.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from stratofold.errors import Setup
from stratofold.fold.ticks.engine import DEPTH, FIRST, LAST, QUOTE, SNAPSHOT, TRADE
from stratofold.market.data import (
    Actions,
    Columns,
    Moment,
    Observations,
    Rates,
    Statuses,
    moment_text,
    no_actions,
    no_observations,
    no_rates,
    no_statuses,
    of_time,
    time_bounds,
)
from stratofold.market.spelling import unknown_symbol

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stratofold.market.data import Floats, Ints
    from stratofold.market.instruments import Instrument
    from stratofold.market.sessions import Calendar

ROWS = ("time", "kind", "symbol", "side", "level", "flags", "price", "size", "ask", "ask_size")
_VALUES = ("kind", "side", "level", "flags", "price", "size", "ask", "ask_size")


@dataclass(frozen=True, eq=False)
class TickData:
    """Quotes, trades and changes of depth of one or more symbols.

    Columns as `fold.ticks.engine.TickFeed` has them; `levels` are the prices of each symbol's depth, ascending, empty
    where it has none; `symbol` the handle of each row, or a single 0 where there is one symbol only.
    """

    NUMBERS: ClassVar[tuple[str, ...]] = ("price", "size", "ask", "ask_size")

    symbols: tuple[str, ...]
    instruments: tuple[Instrument, ...]
    time: Ints
    kind: Ints
    symbol: Ints
    side: Ints
    level: Ints
    flags: Ints
    price: Floats
    size: Floats
    ask: Floats
    ask_size: Floats
    levels: tuple[Floats, ...]
    calendar: Calendar
    actions: Actions = field(default_factory=no_actions)
    rates: Rates = field(default_factory=no_rates)
    statuses: Statuses = field(default_factory=no_statuses)
    observations: Observations = field(default_factory=no_observations)
    series: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    span_ns: int = 0
    provenance: tuple[tuple[str, str], ...] = ()

    def __len__(self) -> int:
        """Rows, of all symbols and kinds together."""
        return len(self.time)

    def __repr__(self) -> str:
        """Size, symbols and range on one line."""
        names = ", ".join(self.symbols[:4]) + (f" and {len(self.symbols) - 4} more" if len(self.symbols) > 4 else "")
        first, last = (moment_text(int(self.time[k])) for k in (0, -1))
        counts = ", ".join(f"{int((self.kind == kind).sum()):,} {name}" for kind, name in _KIND_NAMES.items())
        return f"TickData({names}: {counts}, {first} to {last}, {self.calendar.name})"

    @property
    def currencies(self) -> tuple[str, ...]:
        """The instruments' currencies, each once, in order of first appearance."""
        return tuple(dict.fromkeys(instrument.currency for instrument in self.instruments))

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 over everything that can change a result, in hexadecimal; notes are left out."""
        digest = hashlib.sha256(repr((self.symbols, self.instruments, self.calendar.name)).encode())
        columns = (*(getattr(self, name) for name in ROWS), *self.levels, *self.actions, *self.rates, *self.statuses)
        for column in columns:
            digest.update(len(column).to_bytes(8, "little"))
            digest.update(column.astype(column.dtype.newbyteorder("<"), copy=False).tobytes())
        if self.series:
            digest.update(repr(self.series).encode() + b"".join(column.tobytes() for column in self.observations))
        return digest.hexdigest()

    @cached_property
    def is_quoted(self) -> tuple[bool, ...]:
        """Which symbols have a touch: quotes or depth."""
        import numpy as np

        handles = self.symbol if len(self.symbol) > 1 else np.zeros(len(self.time), np.int64)
        quoted = set(np.unique(handles[self.kind != TRADE]).tolist())
        return tuple(handle in quoted for handle in range(len(self.symbols)))

    @cached_property
    def kinds(self) -> frozenset[int]:
        """Which kinds of rows there are."""
        return frozenset(kind for kind in _KIND_NAMES if (self.kind == kind).any())

    def handle(self, symbol: str) -> int:
        """The handle of a symbol; raises Setup, with the nearest name, if it is not here."""
        try:
            return self.symbols.index(symbol)
        except ValueError:
            raise unknown_symbol(symbol, self.symbols) from None

    def of(self, symbol: str) -> Columns:
        """What one symbol traded at, or else the middle of its quotes, as bars of a moment; for pictures and counts."""
        import numpy as np

        mine = self.symbol == self.handle(symbol) if len(self.symbol) > 1 else np.ones(len(self.time), bool)
        rows = np.flatnonzero(mine & (self.kind == TRADE))
        price = self.price[rows]
        if not len(rows):
            rows = np.flatnonzero(mine & (self.kind == QUOTE) & (self.ask >= self.price))
            price = (self.price[rows] + self.ask[rows]) / 2
        volume = np.where(self.kind[rows] == TRADE, self.size[rows], 0.0)
        return Columns(self.time[rows], price, price, price, price, volume)

    def subset(self, symbols: Iterable[str] | str | None = None, start: Moment = None, end: Moment = None) -> TickData:
        """Some time of all symbols: dates (whole days, both included), aware datetimes or nanoseconds.

        Depth that begins later begins with a snapshot of what was shown by then.
        Raises Setup SF970 for fewer symbols than there are, SF973 for a range without ticks.
        """
        wanted = self.symbols if symbols is None else (symbols,) if isinstance(symbols, str) else tuple(symbols)
        if set(wanted) != set(self.symbols):
            what = f"ticks of {', '.join(self.symbols)} cannot become ticks of {', '.join(wanted)}"
            raise Setup("SF970", what, fix="choose the symbols where the ticks are read: read_ticks(..., symbols=...)")
        return self if start is None and end is None else self._between(start, end)

    def _between(self, start: Moment, end: Moment) -> TickData:
        """Less time."""
        low, high = time_bounds(start, end)
        first, last = (int(k) for k in self.time.searchsorted((low, high)))
        if first >= last:
            asked = " ".join(f"{word} {bound}" for word, bound in (("from", start), ("to", end)) if bound is not None)
            raise Setup("SF973", "no ticks in the range asked for", place=asked, fix="ask for a range inside the data")
        rows = self._shown_before(first), slice(first, last)
        part: dict[str, Any] = {name: self._joined(name, *rows) for name in ("time", *_VALUES)}
        part["time"][: len(rows[0])] = self.time[first]
        part["flags"][: len(rows[0])] = SNAPSHOT
        if len(rows[0]):
            part["flags"][len(rows[0]) - 1] |= LAST
        part["symbol"] = self.symbol if len(self.symbol) == 1 else self._joined("symbol", *rows)
        calendar = self.calendar.slice(int(self.time[first]), int(self.time[last - 1]))
        tables = {name: of_time(getattr(self, name), low, high) for name in ("actions", "statuses", "observations")}
        return replace(self, calendar=calendar, rates=of_time(self.rates, None, high), **tables, **part)

    def _joined(self, name: str, before: Ints, rows: slice) -> Any:
        """The rows of a snapshot, then those of the range."""
        import numpy as np

        column = getattr(self, name)
        return np.concatenate((column[before], column[rows]))

    def _shown_before(self, first: int) -> Ints:
        """The rows before `first` that say what each level still shows."""
        import numpy as np

        rows = np.flatnonzero(self.kind[:first] == DEPTH)
        if len(rows) == 0:
            return rows
        begins = np.flatnonzero(self.flags[rows] & FIRST)
        rows = rows[begins[-1] :] if len(begins) else rows
        places = np.stack((self.symbol[rows] if len(self.symbol) > 1 else rows * 0, self.side[rows], self.level[rows]))
        _, back = np.unique(places[:, ::-1], axis=1, return_index=True)
        kept = np.sort(rows[len(rows) - 1 - back])
        shown: Ints = kept[self.size[kept] > 0.0]
        return shown


def with_other_future(data: TickData, factor: Floats, stop: int) -> TickData:
    """The same ticks with every price and size from row `stop` on another: times `factor`, by row, on the price grid."""
    import numpy as np

    scales = np.array([instrument.price_scale for instrument in data.instruments])
    grid = scales[data.symbol[stop:]] if len(data.symbol) > 1 else scales[data.symbol[0]]
    columns = {name: getattr(data, name).copy() for name in data.NUMBERS}
    for name in ("price", "ask"):
        columns[name][stop:] = np.maximum(np.rint(columns[name][stop:] * factor * grid), 1.0) / grid
    for name in ("size", "ask_size"):
        columns[name][stop:] = np.rint(columns[name][stop:] * factor)
    handles = data.symbol if len(data.symbol) > 1 else np.zeros(len(data.time), np.int64)
    levels, level = levels_of(len(data.symbols), handles, data.kind, columns["price"])
    return replace(data, levels=levels, level=level, **columns)


def levels_of(count: int, code: Ints, kind: Ints, price: Floats) -> tuple[tuple[Floats, ...], Ints]:
    """The prices of each symbol's depth, ascending, and each row's place among them (-1: it is no depth)."""
    import numpy as np

    level = np.full(len(kind), -1, np.int64)
    levels = []
    for symbol in range(count):
        mine = np.flatnonzero((kind == DEPTH) & (code == symbol))
        prices, places = np.unique(price[mine], return_inverse=True)
        level[mine] = places
        levels.append(prices)
    return tuple(levels), level


_KIND_NAMES = {QUOTE: "quotes", TRADE: "trades", DEPTH: "changes of depth"}
