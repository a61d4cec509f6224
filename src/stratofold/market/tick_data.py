"""`TickData`: quotes, trades and depth as columns, in the order in which they are heard.

What comes in: columns the door has checked.  What goes out: the same, with what explains them beside them.
Why it is shaped so: it stands wherever `MarketData` does (instruments, calendar, actions, a hash), and its rows are of
three kinds; the kernel reads them in place.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from stratofold.errors import Setup
from stratofold.fold.ticks.engine import DEPTH, FIRST, LAST, QUOTE, SNAPSHOT, TRADE
from stratofold.market.data import (
    Actions,
    Columns,
    Market,
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

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stratofold.market.data import Floats, Ints
    from stratofold.market.instruments import Instrument
    from stratofold.market.sessions import Calendar

ROWS = ("time", "kind", "symbol", "side", "level", "flags", "price", "size", "ask", "ask_size")
_VALUES = ("kind", "side", "level", "flags", "price", "size", "ask", "ask_size")


@dataclass(frozen=True, eq=False)
class TickData(Market):
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

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 over everything that can change a result, in hexadecimal; notes are left out."""
        columns = (*(getattr(self, name) for name in ROWS), *self.levels)
        return self.hash_of((self.symbols, self.instruments, self.calendar.name), columns)

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
        """Some symbols, some time, or both: dates (whole days, both included), aware datetimes or nanoseconds.

        Depth that begins later begins with a snapshot of what was shown by then.
        Raises Setup for a symbol that is not here, SF970 for one without ticks, SF973 for a range without any.
        """
        wanted = self.symbols if symbols is None else (symbols,) if isinstance(symbols, str) else tuple(symbols)
        chosen = self if set(wanted) == set(self.symbols) else self._with_symbols(wanted)
        return chosen if start is None and end is None else chosen._between(start, end)  # noqa: SLF001 - the same class

    def _with_symbols(self, symbols: tuple[str, ...]) -> TickData:
        """The same time, fewer symbols; what was the last change of a message of one symbol still is."""
        import numpy as np

        new_handle = self.new_handles(symbols)
        handles = [self.handle(symbol) for symbol in symbols]
        rows = np.flatnonzero(new_handle[self.symbol] >= 0)
        if not len(rows):
            what = f"there are no ticks of {', '.join(symbols)}"
            raise Setup("SF970", what, fix=f"there are some of {', '.join(self.symbols)}")
        part: dict[str, Any] = {name: getattr(self, name)[rows] for name in ("time", *_VALUES)}
        part["symbol"] = new_handle[self.symbol[rows]] if len(symbols) > 1 else np.zeros(1, np.int64)
        instruments = tuple(self.instruments[handle] for handle in handles)
        calendar = self.calendar.slice(int(part["time"][0]), int(part["time"][-1]))
        return replace(
            self, symbols=symbols, instruments=instruments, levels=tuple(self.levels[handle] for handle in handles),
            calendar=calendar, **self.tables_of(new_handle, instruments), **part,
        )  # fmt: skip

    def _between(self, start: Moment, end: Moment) -> TickData:
        """Less time."""
        import numpy as np

        low, high = time_bounds(start, end)
        first, last = (int(k) for k in self.time.searchsorted((low, high)))
        if first >= last:
            asked = " ".join(f"{word} {bound}" for word, bound in (("from", start), ("to", end)) if bound is not None)
            raise Setup("SF973", "no ticks in the range asked for", place=asked, fix="ask for a range inside the data")
        rows = self.shown_before(first), slice(first, last)
        part: dict[str, Any] = {name: self._joined(name, *rows) for name in ("time", *_VALUES)}
        part["time"][: len(rows[0])] = self.time[first]
        handles = self.symbol[rows[0]] if len(self.symbol) > 1 else rows[0] * 0
        ends = np.append(handles[1:] != handles[:-1], True)[: len(handles)]
        part["flags"][: len(rows[0])] = np.where(ends, SNAPSHOT | LAST, SNAPSHOT)
        part["symbol"] = self.symbol if len(self.symbol) == 1 else self._joined("symbol", *rows)
        calendar = self.calendar.slice(int(self.time[first]), int(self.time[last - 1]))
        tables = {name: of_time(getattr(self, name), low, high) for name in ("actions", "statuses", "observations")}
        return replace(self, calendar=calendar, rates=of_time(self.rates, None, high), **tables, **part)

    def _joined(self, name: str, before: Ints, rows: slice) -> Any:
        """The rows of a snapshot, then those of the range."""
        import numpy as np

        column = getattr(self, name)
        return np.concatenate((column[before], column[rows]))

    def shown_before(self, first: int) -> Ints:
        """The rows before `first` that say what each level still shows, symbol by symbol."""
        import numpy as np

        depth = np.flatnonzero(self.kind[:first] == DEPTH)
        if len(self.symbol) == 1:
            return self._shown_of(depth)
        handles = self.symbol[depth]
        return np.concatenate([self._shown_of(depth[handles == handle]) for handle in range(len(self.symbols))])

    def _shown_of(self, rows: Ints) -> Ints:
        """The last row of each level since the last snapshot, where it still shows something."""
        import numpy as np

        begins = np.flatnonzero(self.flags[rows] & FIRST)
        rows = rows[begins[-1] :] if len(begins) else rows
        places = np.stack((self.side[rows], self.level[rows]))
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
