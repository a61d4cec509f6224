"""`MarketData`: what a backtest consumes, as columns.

What comes in: columns the door has checked, or that a builder vouches for.
What goes out: the same columns, sorted by time and symbol, with everything that explains them beside them.
Why it is shaped so: the kernel reads columns by address and never copies them, so they are plain contiguous arrays of
two types; a slice of time is a view of them.  A symbol is its place in `symbols`, its handle everywhere else.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from stratofold.errors import Setup
from stratofold.market.digests import digests_until, little_endian
from stratofold.market.instruments import nanoseconds
from stratofold.market.sessions import DAY_NS, EPOCH_ORDINAL
from stratofold.market.spelling import unknown_symbol

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import numpy as np
    from numpy.typing import NDArray

    from stratofold.market.instruments import Instrument
    from stratofold.market.sessions import Calendar

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]

_COLUMNS = ("time", "open", "high", "low", "close", "volume")
Moment = str | date | datetime | int | None


class Actions(NamedTuple):
    """Corporate and account actions as columns, sorted by time; kinds and values as in `events.Action`.

    `currency` numbers `MarketData.currencies`; `symbol` is -1 where an action is of the whole account.
    """

    time: Ints
    kind: Ints
    symbol: Ints
    currency: Ints
    value: Floats


class Rates(NamedTuple):
    """Currency rates as columns, sorted by time: one unit of `currency` in the base currency."""

    time: Ints
    currency: Ints
    value: Floats


class Statuses(NamedTuple):
    """Halts and resumptions as columns, sorted by time; kinds as in `events.Status`."""

    time: Ints
    kind: Ints
    symbol: Ints


class Observations(NamedTuple):
    """Values that are no prices as columns, sorted by time: `time` is when each became known, `about` what time it is of.

    `series` numbers the names in `MarketData.series`; `symbol` is -1 where a value is about no instrument.
    """

    time: Ints
    about: Ints
    series: Ints
    symbol: Ints
    value: Floats


class Columns(NamedTuple):
    """The bars of one symbol: nanoseconds UTC of each bar's close, then prices and volume."""

    time: Ints
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats


Table = TypeVar("Table", Actions, Rates, Statuses, Observations)


@lru_cache(maxsize=1)
def no_actions() -> Actions:
    """No actions at all."""
    return Actions(_no_ints(), _no_ints(), _no_ints(), _no_ints(), _no_floats())


@lru_cache(maxsize=1)
def no_rates() -> Rates:
    """No rates at all."""
    return Rates(_no_ints(), _no_ints(), _no_floats())


@lru_cache(maxsize=1)
def no_statuses() -> Statuses:
    """No statuses at all."""
    return Statuses(_no_ints(), _no_ints(), _no_ints())


@lru_cache(maxsize=1)
def no_observations() -> Observations:
    """No observations at all."""
    return Observations(_no_ints(), _no_ints(), _no_ints(), _no_ints(), _no_floats())


def _no_ints() -> Ints:
    import numpy as np

    return np.empty(0, np.int64)


def _no_floats() -> Floats:
    import numpy as np

    return np.empty(0, np.float64)


class Market:
    """What bars and ticks have in common: whose they are, and the tables beside them."""

    symbols: tuple[str, ...]
    instruments: tuple[Instrument, ...]
    actions: Actions
    rates: Rates
    statuses: Statuses
    observations: Observations
    series: tuple[str, ...]

    @property
    def currencies(self) -> tuple[str, ...]:
        """The instruments' currencies, each once, in order of first appearance."""
        return tuple(dict.fromkeys(instrument.currency for instrument in self.instruments))

    def handle(self, symbol: str) -> int:
        """The handle of a symbol; raises Setup, with the nearest name, if it is not here."""
        try:
            return self.symbols.index(symbol)
        except ValueError:
            raise unknown_symbol(symbol, self.symbols) from None

    def hash_of(self, head: tuple[object, ...], columns: Iterable[Ints | Floats]) -> str:
        """SHA-256 over a head, rows and the tables beside them, in hexadecimal."""
        digest = hashlib.sha256(repr(head).encode())
        for column in (*columns, *self.actions, *self.rates, *self.statuses):
            digest.update(len(column).to_bytes(8, "little"))
            if len(column):
                digest.update(little_endian(column))
        if self.series:
            digest.update(repr(self.series).encode() + b"".join(little_endian(column) for column in self.observations))
        return digest.hexdigest()

    def new_handles(self, symbols: tuple[str, ...]) -> Ints:
        """The handle of each symbol among `symbols`, -1 for one that is not wanted, and -1 for -1; raises Setup for one not here."""
        import numpy as np

        handles = [self.handle(symbol) for symbol in symbols]
        new = np.full(len(self.symbols) + 1, -1, np.int64)  # the extra last entry keeps -1 as -1
        new[handles] = np.arange(len(handles))
        return new

    def tables_of(self, new_handle: Ints, instruments: tuple[Instrument, ...]) -> dict[str, Any]:
        """The tables of fewer symbols, by name: what is of them or of none, handles and currencies numbered anew."""
        import numpy as np

        number = _renumbered(self.currencies, instruments)
        kept: dict[str, Any] = {}
        for name in ("actions", "statuses", "observations"):
            table = kept[name] = getattr(self, name)
            if not len(table.symbol):
                continue
            rows = np.flatnonzero((new_handle[table.symbol] >= 0) | (table.symbol < 0))
            some = type(table)._make(column[rows] for column in table)
            kept[name] = some._replace(symbol=new_handle[some.symbol])
        actions = kept["actions"]
        kept["actions"] = actions._replace(currency=np.maximum(number[actions.currency], 0))
        return {**kept, "rates": _with_currencies(self.rates, number)}


@dataclass(frozen=True, eq=False)
class MarketData(Market):
    """Bars of one or more symbols in the order in which they are heard, with what belongs to them.

    `time` is nanoseconds UTC of each bar's close, ascending; `symbol` the handle of each row, or a single 0 where there
    is one symbol only; `span_ns` how long a bar lasts; `notes` what the door understood, line by line.
    """

    symbols: tuple[str, ...]
    instruments: tuple[Instrument, ...]
    time: Ints
    symbol: Ints
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    span_ns: int
    calendar: Calendar
    actions: Actions = field(default_factory=no_actions)
    rates: Rates = field(default_factory=no_rates)
    statuses: Statuses = field(default_factory=no_statuses)
    observations: Observations = field(default_factory=no_observations)
    series: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    provenance: tuple[tuple[str, str], ...] = ()  # what a catalogue calls the bytes these were read from: name and hash

    def __len__(self) -> int:
        """Bars, of all symbols together."""
        return len(self.time)

    def __repr__(self) -> str:
        """Size, symbols and range on one line."""
        names = ", ".join(self.symbols[:4]) + (f" and {len(self.symbols) - 4} more" if len(self.symbols) > 4 else "")
        if not len(self):
            return f"MarketData({names}: no bars)"
        first, last = (moment_text(int(self.time[k])) for k in (0, -1))
        return f"MarketData({names}: {len(self):,} bars, {first} to {last}, {self.calendar.name})"

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 over everything that can change a result, in hexadecimal; notes are left out."""
        head = (self.symbols, self.instruments, self.span_ns, self.calendar.name)
        columns = (len(self.symbol), *(each.hexdigest() for each in digests_until(self, len(self))))
        return self.hash_of((*head, len(self), *columns), ())

    def of(self, symbol: str) -> Columns:
        """The bars of one symbol, without a copy where it is the only one."""
        handle = self.handle(symbol)
        columns = Columns(self.time, self.open, self.high, self.low, self.close, self.volume)
        if len(self.symbols) == 1:
            return columns
        rows = self.symbol == handle
        return Columns(*(column[rows] for column in columns))

    def subset(
        self, symbols: Iterable[str] | str | None = None, start: Moment = None, end: Moment = None
    ) -> MarketData:
        """Some symbols, some time, or both.

        `start` and `end` are dates (whole days, both included), aware datetimes or nanoseconds; dates are UTC days, and
        a bar that completes at midnight belongs to the day before.  A range of time is a view, not a copy.
        Raises Setup for a symbol that is not here and for a range without bars.
        """
        chosen = (
            self if symbols is None else self._with_symbols((symbols,) if isinstance(symbols, str) else tuple(symbols))
        )
        return chosen if start is None and end is None else chosen._between(start, end)  # noqa: SLF001 - the same class

    def _with_symbols(self, symbols: tuple[str, ...]) -> MarketData:
        """The same time, other symbols, handles renumbered in the order asked for."""
        import numpy as np

        if symbols == self.symbols:
            return self
        new_handle = self.new_handles(symbols)
        instruments = tuple(self.instruments[self.handle(symbol)] for symbol in symbols)
        rows = self._rows_of(symbols, new_handle)
        handle_of_row = np.zeros(1, np.int64)
        if len(symbols) > 1:
            handle_of_row = new_handle[self.symbol[rows]]
            order = np.lexsort((handle_of_row, self.time[rows]))
            rows, handle_of_row = rows[order], handle_of_row[order]
        columns = {name: getattr(self, name)[rows] for name in _COLUMNS}
        tables = self.tables_of(new_handle, instruments)
        return replace(self, symbols=symbols, instruments=instruments, symbol=handle_of_row, **tables, **columns)

    def apart(self) -> Iterator[MarketData]:
        """Every symbol alone, as `subset` gives it; all bars are put in the symbols' order once, and each has views of them."""
        import numpy as np

        if len(self.symbols) == 1:
            yield self
            return
        handles = self.symbol.astype(np.int16) if len(self.symbols) < 1 << 15 else self.symbol  # quicker to sort
        order = np.argsort(handles, kind="stable")
        ends = np.cumsum(np.bincount(self.symbol, minlength=len(self.symbols))).tolist()
        columns = {name: getattr(self, name)[order] for name in _COLUMNS}
        alone = np.zeros(1, np.int64)
        for handle, (symbol, first, end) in enumerate(zip(self.symbols, [0, *ends], ends, strict=False)):
            instruments = (self.instruments[handle],)
            own = {name: column[first:end] for name, column in columns.items()}
            tables = self.tables_of(self.new_handles((symbol,)), instruments) if self._has_tables else {}
            yield replace(self, symbols=(symbol,), instruments=instruments, symbol=alone, **tables, **own)

    @property
    def _has_tables(self) -> bool:
        """Whether anything but bars is known."""
        return any(map(len, (self.actions.time, self.rates.time, self.statuses.time, self.observations.time)))

    def _rows_of(self, symbols: tuple[str, ...], new_handle: Ints) -> Ints:
        """The rows of some symbols."""
        import numpy as np

        if len(self.symbols) == 1:
            return np.arange(len(self))
        is_of_them = self.symbol == self.handle(symbols[0]) if len(symbols) == 1 else new_handle[self.symbol] >= 0
        return np.flatnonzero(is_of_them)

    def _between(self, start: Moment, end: Moment) -> MarketData:
        """The same symbols, less time; everything is a view."""
        low, high = time_bounds(start, end)
        first, last = (int(k) for k in self.time.searchsorted((low, high)))
        if first >= last:
            raise Setup(
                "SF210",
                "no bars in the range asked for",
                place=" ".join(
                    f"{word} {bound}" for word, bound in (("from", start), ("to", end)) if bound is not None
                ),
                why=f"the data are from {moment_text(int(self.time[0]))} to {moment_text(int(self.time[-1]))}"
                if len(self)
                else "",
                fix="ask for a range inside the data",
            )
        rows = slice(first, last)
        columns = {name: getattr(self, name)[rows] for name in _COLUMNS}
        return replace(
            self,
            symbol=self.symbol if len(self.symbols) == 1 else self.symbol[rows],
            calendar=self.calendar.slice(int(self.time[first]) - self.span_ns, int(self.time[last - 1])),
            actions=of_time(self.actions, low, high),
            rates=of_time(self.rates, None, high),
            statuses=of_time(self.statuses, low, high),
            observations=of_time(self.observations, low, high),
            **columns,
        )


def time_bounds(start: Moment, end: Moment) -> tuple[int, int]:
    """Half-open bounds in nanoseconds UTC of a range; a day ends with the bar that completes at its midnight."""
    low = -(2**63) if start is None else _bound(start, days_after=0)
    high = 2**63 - 1 if end is None else _bound(end, days_after=1)
    return low, high + (end is not None and not _is_day(end))


def _bound(moment: Moment, days_after: int) -> int:
    """The first nanosecond after midnight for a day, and the moment itself for anything finer."""
    moment = _parsed(moment)
    if isinstance(moment, datetime) or not isinstance(moment, date):
        return nanoseconds(moment)  # type: ignore[arg-type]
    return (moment.toordinal() + days_after - EPOCH_ORDINAL) * DAY_NS + 1


def _is_day(moment: Moment) -> bool:
    moment = _parsed(moment)
    return isinstance(moment, date) and not isinstance(moment, datetime)


def _parsed(moment: Moment) -> Moment:
    """Text as a date or a datetime, after ISO 8601."""
    if not isinstance(moment, str):
        return moment
    try:
        return date.fromisoformat(moment) if len(moment) <= len("2020-01-31") else datetime.fromisoformat(moment)
    except ValueError:
        raise Setup(
            "SF215", f"the time {moment!r} cannot be read", fix='write "2020-01-31" or "2020-01-31T14:30:00+00:00"'
        ) from None


def moment_text(time: int) -> str:
    """Nanoseconds UTC as a person reads them."""
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time // 1000)
    return f"{moment:%Y-%m-%d %H:%M}" + (f":{moment:%S}" if moment.second else "") + " UTC"


def _renumbered(currencies: tuple[str, ...], instruments: tuple[Instrument, ...]) -> Ints:
    """For each old currency number its new one, -1 if it is no longer needed."""
    import numpy as np

    kept = tuple(dict.fromkeys(instrument.currency for instrument in instruments))
    return np.array([kept.index(name) if name in kept else -1 for name in currencies], np.int64)


def _with_currencies(rates: Rates, number: Ints) -> Rates:
    rows = number[rates.currency] >= 0
    return Rates(rates.time[rows], number[rates.currency[rows]], rates.value[rows])


def of_time(table: Table, low: int | None, high: int) -> Table:
    """The rows of a range of time; rates keep their past, because the last one still holds."""
    first = 0 if low is None else int(table.time.searchsorted(low))
    rows = slice(first, int(table.time.searchsorted(high)))
    return type(table)._make(column[rows] for column in table)
