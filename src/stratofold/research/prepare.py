"""From market data and choices to an engine, a strategy and a feed: everything a run needs, before its first event.

What comes in: `MarketData`, a strategy class, its parameters, costs, limits.  What goes out: a `Run`.
Names become handles here, instruments become numbers, schedules become timers.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from math import inf, nan
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from stratofold.errors import Setup
from stratofold.events import ACTION, EXPIRY, MARKET, OBSERVATION, RATE, STATUS, TIMER
from stratofold.fold.book import Book
from stratofold.fold.desk import Costs
from stratofold.fold.engine import (
    HEARS_BAR,
    HEARS_BARS,
    HEARS_DEPTH,
    HEARS_QUOTE,
    HEARS_TIMER,
    HEARS_TRADE,
    Engine,
    Feed,
)
from stratofold.fold.ledger import Ledger
from stratofold.fold.log import Logs
from stratofold.fold.risk import Limits, Risk, Unlimited
from stratofold.fold.tally import Tally
from stratofold.fold.venue import Venue
from stratofold.instance import build_strategy, hooks_of
from stratofold.market.contracts import contracts_of, sessions_of
from stratofold.market.instruments import currency_decimals
from stratofold.owning import own_fees, own_latency, own_slippage
from stratofold.research import seats

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stratofold.fold.costs import Fees, Latency, Slippage
    from stratofold.fold.order import Contract
    from stratofold.fold.strategy import Strategy
    from stratofold.market.data import MarketData
    from stratofold.market.sessions import Calendar

_OF_TICKS = HEARS_QUOTE | HEARS_TRADE | HEARS_DEPTH
_OF_BARS = HEARS_BAR | HEARS_BARS | HEARS_TIMER
_CAPACITY_MIN, _CAPACITY_MAX = 4, 64
_LOG_ROWS = 256
_BARS_A_ROW = 32  # a log that is long enough at once saves leaving machine code to lengthen it


@dataclass
class Options:
    """What a run assumes beside its data and its strategy."""

    cash: float = 100_000.0
    fees: Fees | None = None
    slippage: Slippage | None = None
    limits: Limits | None = None
    latency: Latency | None = None
    volume_cap: float = inf
    borrow_rate: float = 0.0
    risk_free: Any = 0.0
    equity_curve: bool = False
    grace_seconds: float = 0.0
    base: str = "USD"
    queue: str = "back"
    artifacts: Mapping[str, object] = field(default_factory=dict)
    capacity: int = 0  # room in the tables of orders and messages; 0: by the number of symbols
    log_rows: int = _LOG_ROWS


@dataclass
class Run:
    """A run before its first event (or at any later one)."""

    engine: Engine
    strategy: Strategy
    feed: Feed
    events: int
    seat: seats.AnySeat | None = None  # where it is laid out for machine code, or put into lists
    may_be_kept: bool = False  # nobody but its result will look at the engine
    rows: seats.Rows | None = None  # what its result looks at


def prepare(
    strategy: type[Strategy],
    data: MarketData,
    options: Options,
    parameters: Mapping[str, Any],
    wanted: seats.Wanted = (),
    shelf: Any = None,
) -> Run:
    """Everything for one run; raises Setup on parameters, currencies or limits that cannot be.

    `wanted` are kernels, or lists: an engine that has run so already serves again, if one is free (`seats`).
    `shelf` is `build_strategy`'s.
    """
    fold = build_strategy(strategy, data.symbols, parameters, options.artifacts, shelf)
    _check_hooks(fold, data)
    feed = build_feed(data, strategy, options)
    seat = seats.take(data, wanted, feed, fold, options)
    engine = seat.engine if seat is not None else build_engine(fold, data, options)
    is_kept = seat is None and seats.is_again(data, wanted, fold, options)
    return Run(engine, fold, feed, len(feed.time) + len(feed.event_key), seat, is_kept)


def _check_hooks(fold: Strategy, data: Any) -> None:
    """Raise Setup SF968 for hooks that these data never call: ticks call none of bars', bars none of ticks'."""
    if is_ticks(data):
        from stratofold.research.prepare_ticks import check_hooks

        check_hooks(type(fold).__name__, hooks_of(fold), data)
    elif hooks_of(fold) & _OF_TICKS and not hooks_of(fold) & _OF_BARS:
        what = f"{type(fold).__name__} hears quotes, trades or depth, and these data are bars"
        raise Setup(
            "SF968", what, why="no hook of it would ever be called", fix="read ticks: stratofold.read_ticks(...)"
        )


def build_engine(fold: Strategy, data: MarketData, options: Options) -> Engine:
    """Book, risk, venue, tally and logs for these instruments."""
    currencies = _currencies(data, options.base)
    scales = array("d", [10.0 ** currency_decimals(name) for name in currencies])
    least = _CAPACITY_MAX if is_ticks(data) else _CAPACITY_MIN  # on ticks many messages may be under way at once
    capacity = options.capacity or min(max(least, 2 * len(data.symbols)), _CAPACITY_MAX)
    ledger, other = (Ledger(_contracts(data, currencies, options), scales, options.cash) for _ in range(2))
    costs = Costs(
        own_fees(options.fees), own_slippage(options.slippage), own_latency(options.latency), options.volume_cap
    )
    sessions = sessions_of(data.calendar)
    tally = Tally(len(data.symbols), ledger.equity_steps, _risk_free(options.risk_free, data.calendar))
    curve = len(data.time) if options.equity_curve else 0
    rows = len(data.calendar) * 8 // 7 + 8  # so many that it is never crowded
    logs = Logs(max(options.log_rows, len(data.time) // _BARS_A_ROW), rows, curve)
    rest = (tally, sessions, logs, hooks_of(fold))
    risk = Risk(_plain(options.limits), len(data.symbols))
    if is_ticks(data):
        return _tick_engine(data, options, (ledger, other), costs, capacity, risk, *rest)
    engine = Engine(Book(ledger, capacity), risk, Venue(other, costs, capacity), *rest)
    engine.grace = int(options.grace_seconds * 1e9)
    return engine


def is_ticks(data: object) -> bool:
    """Whether these are ticks, not bars; asked without importing what ticks need."""
    return type(data).__name__ == "TickData"


def _tick_engine(
    data: Any, options: Options, ledgers: tuple[Ledger, Ledger], costs: Costs, capacity: int, *rest: Any
) -> Engine:
    """An engine on ticks."""
    from stratofold.fold.ticks.engine import TickEngine
    from stratofold.research.prepare_ticks import tick_book, tick_venue

    risk, *others = rest
    book = tick_book(ledgers[0], data, capacity)
    return TickEngine(book, risk, tick_venue(ledgers[1], costs, options.queue, capacity), *others)


def _plain(limits: Limits | None) -> Limits:
    """The limits as the base class, so that one kernel serves every kind of them."""
    limits = limits if limits is not None else Unlimited()
    return Limits(**{name: getattr(limits, name) for name in Limits.__slots__})


def _currencies(data: MarketData, base: str) -> list[str]:
    """The base currency, then the instruments' others; each of those needs a rate."""
    others = [name for name in dict.fromkeys(i.currency for i in data.instruments) if name != base]
    rated = {data.currencies[number] for number in data.rates.currency} if len(data.rates.currency) else set()
    for name in others:
        if name not in rated:
            symbols = ", ".join(i.symbol for i in data.instruments if i.currency == name)
            raise Setup(
                "SF106",
                f"{symbols} trade in {name}, and there is no rate from {name} to {base}",
                why="equity is counted in the base currency",
                fix=f"give rates={{'{name}': ...}} with the data, or run with base={name!r}",
            )
    return [base, *others]


def _contracts(data: MarketData, currencies: list[str], options: Options) -> list[Contract]:
    """One contract a symbol; the book and the venue have their own."""
    return contracts_of(data.instruments, currencies, options.borrow_rate)


def _risk_free(rate: Any, calendar: Calendar) -> array[float]:
    """A yearly rate, or a dated series of yearly rates, as the rate of each session."""
    year = calendar.sessions_per_year
    if isinstance(rate, (int, float)):
        return array("d", [rate / year])
    dated = sorted((_ordinal(day), float(value)) for day, value in rate.items())
    out, k, last = array("d"), 0, 0.0
    for day in calendar.days:
        while k < len(dated) and dated[k][0] <= day:
            last = dated[k][1]
            k += 1
        out.append(last / year)
    return out


def _ordinal(day: Any) -> int:
    """A date, a datetime or ISO text as a proleptic ordinal."""
    if isinstance(day, str):
        from datetime import date

        return date.fromisoformat(day).toordinal()
    return int(day.toordinal())


_feeds: WeakKeyDictionary[MarketData, dict[Any, Feed]] = WeakKeyDictionary()


def build_feed(data: MarketData, strategy: type[Strategy], options: Options) -> Feed:
    """The feed of these data for this schedule; nobody writes to a feed, so all runs share it."""
    known = _feeds.setdefault(data, {})
    key = (tuple(strategy.schedule), tuple(strategy.series), options.base)
    if key not in known:
        known[key] = _new_feed(data, strategy, options)
    return known[key]


def _new_feed(data: MarketData, strategy: type[Strategy], options: Options) -> Feed:
    """The columns of the bars as they are, and every sparse event in its place."""
    feed = _tick_rows(data) if is_ticks(data) else _bar_rows(data)
    feed.span = data.span_ns
    feed.is_daily = _is_daily(data)
    feed.is_rising = feed.is_daily or _is_rising(data)
    rows = sorted(_sparse(data, strategy, options))
    for time, rank, symbol, sequence, kind, currency, value in rows:
        feed.event_key.append(2 * time + (0 if rank < MARKET else 2))
        feed.event_time.append(time)
        feed.event_rank.append(rank)
        feed.event_kind.append(kind)
        feed.event_symbol.append(symbol)
        feed.event_currency.append(currency)
        feed.event_value.append(value)
        feed.event_about.append(int(data.observations.about[sequence]) if rank == OBSERVATION else 0)
    return feed


def _is_daily(data: MarketData) -> bool:
    """Whether the bars of one symbol are of one session after another."""
    import numpy as np  # which a run of plain Python numbers does not wait for

    closes = np.asarray(data.calendar.closes)
    if len(data.symbol) > 1 or is_ticks(data) or not 0 < len(data.time) <= len(closes):
        return False
    sessions = np.searchsorted(closes, np.asarray(data.time))  # the first that is not over before
    return bool(sessions[-1] < len(closes) and (np.diff(sessions) == 1).all())


def _is_rising(data: MarketData) -> bool:
    """Whether the bars of one symbol are each later than the one before."""
    import numpy as np

    return len(data.symbol) == 1 and not is_ticks(data) and bool((np.diff(np.asarray(data.time)) > 0).all())


def _bar_rows(data: MarketData) -> Feed:
    """The columns of bars."""
    feed = Feed()
    feed.time, feed.symbol = data.time, data.symbol  # type: ignore[assignment]  # NumPy columns serve as arrays
    feed.open, feed.high, feed.low = data.open, data.high, data.low  # type: ignore[assignment]
    feed.close, feed.volume = data.close, data.volume  # type: ignore[assignment]
    return feed


def _tick_rows(data: Any) -> Feed:
    """The columns of ticks."""
    from stratofold.fold.ticks.engine import TickFeed
    from stratofold.research.prepare_ticks import fill_rows

    feed = TickFeed()
    fill_rows(feed, data)
    return feed


Row = tuple[int, int, int, int, int, int, float]


def _sparse(data: MarketData, strategy: type[Strategy], options: Options) -> list[Row]:
    """Actions, expiries, rates, statuses, observations and timers: (time, rank, symbol, sequence, kind, currency, value)."""
    if not len(data.time):
        return []
    numbers = _currencies(data, options.base)
    of = [numbers.index(name) for name in data.currencies]
    first, last = int(data.time[0]) - data.span_ns, int(data.time[-1])
    rows: list[Row] = []
    a, r, s = data.actions, data.rates, data.statuses
    rows += _columns(ACTION, a.time, a.kind, a.symbol, [of[c] for c in a.currency.tolist()], a.value)
    rows += _columns(RATE, r.time, None, None, [of[c] for c in r.currency.tolist()], r.value)
    rows += _columns(STATUS, s.time, s.kind, s.symbol, None, None)
    for handle, instrument in enumerate(data.instruments):
        if isinstance(instrument.expiry, int) and first <= instrument.expiry <= last:
            rows.append((instrument.expiry, ACTION, handle, len(rows), EXPIRY, 0, nan))
    rows += _observations(data, tuple(strategy.series))
    rows += _timers(data, strategy, first, last)
    return rows


def _observations(data: MarketData, heard: tuple[str, ...]) -> list[Row]:
    """The observations of the series that the strategy hears; raises Setup for a series that the data lack."""
    if not data.series:
        return []
    for name in heard:
        if name not in data.series:
            from stratofold.market.observations import unknown_series

            raise unknown_series(name, data.series)
    place = {data.series.index(name): number for number, name in enumerate(heard)}
    seen = data.observations
    columns = zip(seen.time.tolist(), seen.symbol.tolist(), seen.series.tolist(), seen.value.tolist(), strict=True)
    return [
        (known, OBSERVATION, symbol, row, place[series], 0, value)
        for row, (known, symbol, series, value) in enumerate(columns)
        if series in place
    ]


def _columns(rank: int, time: Any, kind: Any, symbol: Any, currency: list[int] | None, value: Any) -> list[Row]:
    """One table's rows; columns it does not have are 0 (symbol -1)."""
    count = len(time)
    kinds = kind.tolist() if kind is not None else [0] * count
    symbols = symbol.tolist() if symbol is not None else [-1] * count
    values = value.tolist() if value is not None else [nan] * count
    currencies = currency if currency is not None else [0] * count
    return [(when, rank, symbols[k], k, kinds[k], currencies[k], values[k]) for k, when in enumerate(time.tolist())]


def _timers(data: MarketData, strategy: type[Strategy], first: int, last: int) -> list[Row]:
    """The timers of the strategy's schedule within the data."""
    if not strategy.schedule:
        return []
    from stratofold.market.sessions import expand

    return [
        (time, TIMER, number, 0, number, 0, nan)
        for number, entry in enumerate(strategy.schedule)
        for time in expand(entry, data.calendar, first, last)
    ]
