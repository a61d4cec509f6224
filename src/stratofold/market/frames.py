"""The door: whatever holds bars comes in, `MarketData` goes out.

What comes in: a frame of any library, long or of one symbol; a mapping of frames or of arrays; a path; a catalogue.
What goes out: checked, sorted columns with instruments, sessions and actions, and notes of all that was understood.
Why it is shaped so: a backtest is as honest as its data, so nothing is repaired or guessed unseen: what can only mean one
thing is done and noted, and what can mean two is an error with the fix in it.
"""

from __future__ import annotations

from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from stratofold.errors import Setup
from stratofold.market import spelling
from stratofold.market.actions import read_actions
from stratofold.market.checks import Block, check_order, check_prices, price_decimals
from stratofold.market.closes import Clock, Closed, settle
from stratofold.market.data import MarketData
from stratofold.market.instruments import CRYPTO, EQUITY, Instrument
from stratofold.market.rates import read_rates, read_statuses
from stratofold.market.tables import ArrayTable, PandasTable, PolarsTable, recognised
from stratofold.market.times import Times, read_times

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from stratofold.market.data import Floats, Ints, Moment
    from stratofold.market.tables import Table

UNNAMED = "ASSET"
_SPAN_UNITS = {
    "s": 1,
    "sec": 1,
    "second": 1,
    "m": 60,
    "min": 60,
    "minute": 60,
    "h": 3600,
    "hour": 3600,
    "d": 86_400,
    "day": 86_400,
}


class Part(NamedTuple):
    """One table, its times understood and not yet closed."""

    source: str
    symbols: tuple[str, ...]
    code: Ints
    times: Times
    columns: tuple[Floats, ...]
    rows: Ints | None


def read(
    data: Any,
    *,
    symbols: Iterable[str] | str | None = None,
    start: Moment = None,
    end: Moment = None,
    instruments: Mapping[str, Instrument] | Iterable[Instrument] | Instrument | None = None,
    actions: Any = None,
    rates: Mapping[str, Any] | None = None,
    statuses: Any = None,
    observations: Any = None,
    series: Iterable[str] = (),
    calendar: str = "auto",
    span: timedelta | str | int | None = None,
    stamped: str = "auto",
    timezone: str | None = None,
) -> MarketData:
    """Bars from anywhere as `MarketData`.

    `data`: a pandas, polars or Arrow frame (long with a symbol column, or of one symbol), a mapping symbol to frame or
    column to array, a path to a CSV, Parquet or Arrow file, to a folder of them or to one of `.npy` columns (which is mapped
    into memory), a catalogue, or `MarketData` itself.
    `symbols` chooses and orders (or names a table that does not say); `start` and `end` as in `MarketData.subset`.
    `calendar`: one of `sessions.CALENDARS` or "auto".  `span`: how long a bar lasts; otherwise the most frequent gap.
    `stamped`: whether a bar carries its "start" or its "close"; "auto" takes dates as sessions and intraday times as starts.
    `timezone`: the zone of naive times.
    `actions`, `rates`, `statuses` and `observations`: see `actions.read_actions`, `rates.read_rates`,
    `rates.read_statuses` and `observations.read_observations`.  `series`: the observations that are wanted of a catalogue.
    Raises Setup for anything that is wrong with the data (docs: the data door).
    """
    wanted = (symbols,) if isinstance(symbols, str) else None if symbols is None else tuple(symbols)
    if (read_before := isinstance(data, MarketData) or type(data).__name__ == "TickData") or _is_catalogue(data):
        _nothing_else(
            instruments=instruments, actions=actions, rates=rates, statuses=statuses, observations=observations,
            span=span, timezone=timezone,
        )  # fmt: skip
        there: MarketData = (data.subset if read_before else data.bars)(wanted, start, end)
        return data.observed(there, tuple(series), start, end) if series and not read_before else there
    notes: list[str] = []
    known = _instruments(instruments)
    parts, names, closed = closed_parts(
        data, wanted, notes, known, calendar=calendar, span=span, stamped=stamped, timezone=timezone
    )
    blocks = [_block(part, time) for part, time in zip(parts, closed.times, strict=True)]
    bars = assembled(blocks, names, closed, known, notes)
    market: MarketData = with_tables(bars, actions, rates, statuses, observations, timezone)
    return market if start is None and end is None else market.subset(None, start, end)


def with_tables(
    market: Any, actions: Any, rates: Mapping[str, Any] | None, statuses: Any, observations: Any, timezone: str | None
) -> Any:
    """Bars or ticks with what else is known of them, as far as it is given."""
    if actions is not None:
        market = read_actions(market, actions, timezone)
    if rates:
        market = read_rates(market, rates, timezone)
    if statuses is not None:
        market = read_statuses(market, statuses, timezone)
    if observations is not None:
        from stratofold.market.observations import read_observations

        market = read_observations(market, observations, timezone)
    return market


def closed_parts(
    data: Any,
    wanted: tuple[str, ...] | None,
    notes: list[str],
    known: Mapping[str, Instrument],
    *,
    calendar: str = "auto",
    span: timedelta | str | int | None = None,
    stamped: str = "auto",
    timezone: str | None = None,
) -> tuple[list[Part], tuple[str, ...], Closed]:
    """Every table of `data` as it is, the symbols, and the closes of its bars; nothing about order or prices is checked."""
    if stamped not in ("auto", "start", "close"):
        raise Setup("SF225", f"stamped is {stamped!r}", fix='use "start", "close" or "auto"')
    parts = _parts(data, wanted, timezone, notes)
    names = wanted or tuple(dict.fromkeys(name for part in parts for name in part.symbols))
    clock = Clock(_stated_calendar(calendar, names, known), _span_ns(span), stamped)
    return parts, names, settle([(part.source, part.times, part.code) for part in parts], clock, notes)


def _nothing_else(**given: object) -> None:
    """What is already `MarketData` cannot be read in another way."""
    for name, value in given.items():
        if value is not None:
            raise Setup(
                "SF226",
                f"{name} cannot change data that were read before",
                fix=f"give {name} where the data are read: stratofold.read(...)",
            )


def _is_catalogue(data: object) -> bool:
    return _has(data, "bars") and _has(data, "symbols")


def _instruments(given: Mapping[str, Instrument] | Iterable[Instrument] | Instrument | None) -> dict[str, Instrument]:
    """Instruments by symbol."""
    if given is None:
        return {}
    if isinstance(given, Instrument):
        return {given.symbol: given}
    listed = list(given.values()) if hasattr(given, "values") else list(given)
    return {instrument.symbol: instrument for instrument in listed}


def _stated_calendar(calendar: str, names: tuple[str, ...], known: Mapping[str, Instrument]) -> str:
    """The calendar asked for, or the one that the instruments state; the widest, if they differ."""
    stated = {known[name].calendar for name in names if name in known} - {None}
    if calendar != "auto" or not stated:
        return calendar
    return str(stated.pop()) if len(stated) == 1 else "24/7"


def _span_ns(span: timedelta | str | int | None) -> int | None:
    """A span as nanoseconds; text is a number and a unit, "5min"."""
    if span is None or isinstance(span, int):
        return span
    if isinstance(span, timedelta):
        return (span.days * 86_400 + span.seconds) * 1_000_000_000 + span.microseconds * 1000
    digits = "".join(letter for letter in span if letter.isdigit())
    unit = span.removeprefix(digits).strip().lower()
    seconds = _SPAN_UNITS.get(unit) or _SPAN_UNITS.get(unit.removesuffix("s"))
    if seconds is None:
        raise Setup("SF227", f"the span {span!r} cannot be read", fix='write "1min", "15min", "1h" or "1d"')
    return int(digits or 1) * seconds * 1_000_000_000


def tables(data: Any, symbols: tuple[str, ...] | None = None) -> Iterator[Table]:
    """The tables of `data`, each with its source and, where its key or file name says so, its symbol."""
    if isinstance(data, str | Path):
        yield from _filed(data, symbols)
    elif _has(data, "keys") and _has(data, "items") and not _has(data, "columns"):
        yield from _mapped(data, symbols)
    else:
        yield from _framed(data, None, "the frame")


def _filed(path: str | Path, symbols: tuple[str, ...] | None) -> Iterator[Table]:
    """The files of a path; in a folder a file without a column of symbols is of the symbol it is named after."""
    from stratofold.market.files import frames, mapped_columns

    folder = Path(path).is_dir()
    if folder and (columns := mapped_columns(Path(path))):
        table: Table = ArrayTable(columns, str(path))
        table.stem = Path(path).name
        yield table
        return
    for source, stem, frame in frames(path):
        table = PolarsTable(frame, source, stem=stem)
        if folder and "symbol" not in recognised(table.names):
            table.symbol = stem
        if symbols is None or table.symbol is None or table.symbol in symbols:
            yield table


def _mapped(data: Mapping[Any, Any], symbols: tuple[str, ...] | None) -> Iterator[Table]:
    """A mapping of arrays is one table; of tables, one each symbol."""
    if not data:
        raise _empty("the mapping")
    if not any(_is_frame(value) for value in data.values()):
        yield ArrayTable(data, "the arrays")
        return
    for symbol in symbols or ():
        if symbol not in data:
            raise spelling.unknown_symbol(symbol, [str(key) for key in data])
    for symbol in symbols or data:
        yield from _framed(data[symbol], str(symbol), f"the frame of {symbol!r}")


def _is_frame(value: object) -> bool:
    """Whether a value of a mapping is a table; a single column is not, though pandas gives it keys."""
    return getattr(value, "ndim", 2) != 1 and any(_has(value, name) for name in ("columns", "column_names", "keys"))


def _has(thing: object, name: str) -> bool:
    """Asked of the class, because frames answer for their columns and lazy ones with work."""
    return hasattr(type(thing), name)


def _framed(data: Any, symbol: str | None, source: str) -> Iterator[Table]:
    """One frame of any library."""
    home = type(data).__module__.partition(".")[0]
    if home == "pandas" and _has(data, "columns"):
        if data.columns.nlevels > 1:
            yield from _wide(data, source)
        else:
            yield PandasTable(data, source, symbol)
    elif home == "polars" and _has(data, "columns") and not _has(data, "collect"):
        yield PolarsTable(data, source, symbol)
    elif _has(data, "keys") and not _has(data, "columns"):
        yield ArrayTable(data, source, symbol)
    else:
        yield PolarsTable(as_polars(data, source), source, symbol)


def as_polars(data: Any, source: str) -> Any:
    """Arrow tables without a copy; lazy frames and other libraries through narwhals."""
    import narwhals
    import polars as pl

    if type(data).__module__.startswith("pyarrow") and hasattr(data, "schema"):
        return pl.from_arrow(data)
    try:
        neutral = narwhals.from_native(data)
    except TypeError:
        raise Setup(
            "SF228",
            f"{type(data).__name__} does not hold bars",
            place=source,
            fix="give a pandas, polars or Arrow frame, a mapping of them, or a path to CSV, Parquet or Arrow",
        ) from None
    return (neutral.collect() if hasattr(neutral, "collect") else neutral).to_polars()


def _wide(frame: Any, source: str) -> Iterator[Table]:
    """Two levels of column names, prices and symbols, in either order: a table a symbol, without its empty rows."""
    upper = {spelling.plain(name) for name in frame.columns.get_level_values(0)}
    symbol_level = 1 if "close" in upper else 0
    for symbol in frame.columns.get_level_values(symbol_level).unique():
        own = frame.xs(symbol, axis=1, level=symbol_level)
        yield PandasTable(own.dropna(how="all"), f"{source}, columns of {symbol!r}", str(symbol))


def _parts(data: Any, wanted: tuple[str, ...] | None, zone: str | None, notes: list[str]) -> list[Part]:
    """Every table read, and only the rows of the symbols wanted."""
    parts = [_part(table, wanted, zone, notes) for table in tables(data, wanted)]
    kept = [part for part in parts if part.symbols]
    found = [name for part in kept for name in part.symbols]
    for symbol in wanted or ():
        if symbol not in found:
            raise spelling.unknown_symbol(symbol, dict.fromkeys(_all_symbols(data)))
    for symbol in found:
        if found.count(symbol) > 1:
            raise Setup(
                "SF229", f"the symbol {symbol!r} comes in two tables", fix="join them into one table, sorted by time"
            )
    if not kept:
        raise _empty("the data")
    return kept


def _all_symbols(data: Any) -> list[str]:
    """Every symbol there is, for an error's "did you mean"."""
    found: list[str] = []
    for table in tables(data):
        position = recognised(table.names).get("symbol")
        found.extend([table.symbol or table.stem or UNNAMED] if position is None else table.symbols(position)[1])
    return found


def _part(table: Table, wanted: tuple[str, ...] | None, zone: str | None, notes: list[str]) -> Part:
    """One table's columns, its times understood."""
    names = table.names
    found = recognised(names)
    missing = [word for word in ("time", *spelling.PRICES) if word not in found]
    if missing:
        raise spelling.missing_column(table.source, names, missing)
    _note_columns(names, found, notes)
    times = read_times(table.times(found["time"]), table.source, zone, notes)
    if len(times.values) == 0:
        raise _empty(table.source)
    prices = [table.floats(found[word]) for word in spelling.PRICES]
    volume = table.floats(found["volume"]) if "volume" in found else np.zeros(len(prices[0]))
    symbols, code = _symbols(table, found, wanted, notes)
    part = Part(table.source, symbols, code, times, (*prices, volume), None)
    return part if wanted is None or len(symbols) == 1 or set(symbols) <= set(wanted) else _only(part, wanted)


def _note_columns(names: tuple[object, ...], found: dict[str, int], notes: list[str]) -> None:
    """What was renamed, what is adjusted, what is absent; each said once."""
    said = [spelling.mapping_note(names, found)]
    if spelling.plain(names[found["close"]]) in spelling.ADJUSTED:
        said.append("the close is adjusted: positions and dividends will not be those of the day")
    if "volume" not in found:
        said.append("no volume: taken as 0, so nothing fills under a volume cap")
    unread = [str(name) for position, name in enumerate(names) if position not in found.values()]
    if unread:
        said.append(f"columns not read: {', '.join(unread)}")
    notes.extend(line for line in said if line and line not in notes)


def _symbols(
    table: Table, found: dict[str, int], wanted: tuple[str, ...] | None, notes: list[str]
) -> tuple[tuple[str, ...], Ints]:
    """The table's symbols and each row's number; one number where there is one symbol."""
    if table.symbol is None and "symbol" in found:
        code, names = table.symbols(found["symbol"])
        return names, code if len(names) > 1 else np.zeros(1, np.int64)
    name = table.symbol or (wanted[0] if wanted is not None and len(wanted) == 1 else table.stem)
    if name is None:
        notes.append(f'no symbol column: called {UNNAMED}; symbols="SPY" would name it')
    return (name or UNNAMED,), np.zeros(1, np.int64)


def _only(part: Part, wanted: tuple[str, ...]) -> Part:
    """The rows of the wanted symbols, which keep the row numbers that the user knows."""
    kept = tuple(name for name in part.symbols if name in wanted)
    number = np.array([kept.index(name) if name in kept else -1 for name in part.symbols], np.int64)
    rows = np.flatnonzero(number[part.code] >= 0)
    code = number[part.code[rows]] if len(kept) > 1 else np.zeros(1, np.int64)
    columns = tuple(column[rows] for column in part.columns)
    return part._replace(
        symbols=kept, code=code, times=part.times._replace(values=part.times.values[rows]), columns=columns, rows=rows
    )


def _block(part: Part, time: Ints) -> Block:
    """The part with its closing times, checked."""
    open_, high, low, close, volume = part.columns
    block = Block(part.source, part.symbols, part.code, time, open_, high, low, close, volume, part.rows)
    check_order(block)
    return check_prices(block)


def assembled(
    blocks: list[Block], names: tuple[str, ...], closed: Closed, known: dict[str, Instrument], notes: list[str]
) -> MarketData:
    """One set of columns out of all blocks, sorted by time and symbol."""
    handle = {name: number for number, name in enumerate(names)}
    columns = ("time", "open", "high", "low", "close", "volume")
    if len(blocks) == 1 and len(names) == 1:
        symbol, merged = np.zeros(1, np.int64), {name: getattr(blocks[0], name) for name in columns}
    else:
        symbol, merged = _merged(blocks, handle, columns)
    decimals = [_decimals(blocks, name) for name in names]
    default_kind = CRYPTO if closed.calendar.name == "24/7" else EQUITY
    if default_kind == CRYPTO and any(name not in known for name in names):
        notes.append("taken as crypto, because it trades at weekends: quantities have 8 decimals")
    items = tuple(
        known[name].with_price_decimals(places) if name in known else _default(name, default_kind, places)
        for name, places in zip(names, decimals, strict=True)
    )
    return MarketData(
        names, items, symbol=symbol, span_ns=closed.span_ns, calendar=closed.calendar, notes=tuple(notes), **merged
    )


@lru_cache(maxsize=4096)
def _default(name: str, kind: str, decimals: int) -> Instrument:
    """What is taken for an instrument nobody described."""
    return Instrument(name, kind=kind, price_decimals=decimals)


def _merged(
    blocks: list[Block], handle: dict[str, int], columns: tuple[str, ...]
) -> tuple[Ints, dict[str, np.ndarray]]:
    """All rows in order of time and symbol."""
    handles = [np.array([handle[name] for name in block.symbols], np.int64) for block in blocks]
    parts = [
        own[block.code] if len(block.symbols) > 1 else np.full(len(block.time), own[0])
        for own, block in zip(handles, blocks, strict=True)
    ]
    symbol = np.concatenate(parts) if len(parts) > 1 else parts[0]
    merged = {
        name: np.concatenate([getattr(block, name) for block in blocks])
        if len(blocks) > 1
        else getattr(blocks[0], name)
        for name in columns
    }
    time = merged["time"]
    ahead = np.diff(time)
    if ((ahead > 0) | ((ahead == 0) & (np.diff(symbol) > 0))).all():
        return symbol, merged
    order = np.lexsort((symbol, time))
    return symbol[order], {name: column[order] for name, column in merged.items()}


def _decimals(blocks: list[Block], name: str) -> int:
    """The price decimals of one symbol, from its own rows."""
    block = next(block for block in blocks if name in block.symbols)
    prices = (block.close, block.open, block.high, block.low)
    if len(block.symbols) == 1:
        return price_decimals(*prices)
    rows = block.code == block.symbols.index(name)
    return price_decimals(*(column[rows] for column in prices))


def _empty(source: str) -> Setup:
    return Setup(
        "SF230",
        "there are no bars",
        place=source,
        why="a backtest needs at least one",
        fix="check the filter or the file",
    )
