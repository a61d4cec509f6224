"""The door for ticks: tables of quotes, trades and depth come in, `TickData` goes out.

What comes in: for each kind a frame of any library, a mapping of them by symbol, or a path.
What goes out: one set of rows in order of time; of one time trades come first, then depth, then quotes.
Why it is shaped so: ticks are not repaired here.  What cannot be (a price that is none, times that go backwards) is an
error; what may be bad and may be true (a crossed quote) is kept, and the venue does nothing at it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from stratofold.errors import Setup
from stratofold.fold.ticks.engine import DEPTH, FIRST, LAST, QUOTE, SNAPSHOT, TRADE
from stratofold.market import spelling
from stratofold.market.checks import price_decimals
from stratofold.market.data import moment_text
from stratofold.market.frames import tables, with_tables
from stratofold.market.instruments import CRYPTO, PERPETUAL, Instrument
from stratofold.market.sessions import calendar as calendar_named
from stratofold.market.tick_data import TickData, levels_of
from stratofold.market.times import read_times

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from stratofold.market.data import Floats, Ints, Moment
    from stratofold.market.tables import Table

_SPELLINGS = {
    "time": ("recvns", "recvtime", "localtimestamp", *spelling.SPELLINGS["time"]),
    "symbol": spelling.SPELLINGS["symbol"],
    "bid": ("bid", "bidprice", "bidpx", "bestbid", "bp"),
    "bid_size": ("bidsize", "bidqty", "bidsz", "bidvolume", "bestbidsize", "bestbidqty", "bs"),
    "ask": ("ask", "askprice", "askpx", "bestask", "offer", "offerprice", "ap"),
    "ask_size": ("asksize", "askqty", "asksz", "askvolume", "bestasksize", "bestaskqty", "offersize", "as"),
    "price": ("price", "px", "p", "tradeprice", "lastprice"),
    "size": ("size", "qty", "quantity", "amount", "volume", "q", "sz"),
    "side": ("side", "aggressor", "takerside"),
    "maker": ("buyerismaker", "isbuyermaker", "m"),
    "last_id": ("finalid", "finalupdateid", "u", "lastupdateid"),
}  # fmt: skip
_NEEDED = {
    "quotes": ("time", "bid", "ask"), "trades": ("time", "price", "size"), "depth": ("time", "side", "price", "size"),
    "snapshot": ("time", "side", "price", "size"),
}  # fmt: skip
_SIDES = {
    **dict.fromkeys(("bid", "buy", "b", "buyer", "1", "1.0"), 1),
    **dict.fromkeys(("ask", "sell", "s", "a", "seller", "offer", "-1", "-1.0"), -1),
}
_MAKERS = {"true": -1, "1": -1, "false": 1, "0": 1}
_ORDER = {TRADE: 0, DEPTH: 1, QUOTE: 2}


class Ticks(NamedTuple):
    """Rows of one kind: `code` numbers the symbols of the whole run, `ids` are a venue's update ids (0: none)."""

    kind: int
    time: Ints
    code: Ints
    side: Ints
    flags: Ints
    price: Floats
    size: Floats
    ask: Floats
    ask_size: Floats
    ids: Ints


def read_ticks(
    *,
    quotes: Any = None,
    trades: Any = None,
    depth: Any = None,
    snapshot: Any = None,
    symbols: Iterable[str] | str | None = None,
    start: Moment = None,
    end: Moment = None,
    instruments: Mapping[str, Instrument] | Iterable[Instrument] | Instrument | None = None,
    actions: Any = None,
    rates: Mapping[str, Any] | None = None,
    statuses: Any = None,
    observations: Any = None,
    calendar: str = "auto",
    timezone: str | None = None,
) -> TickData:
    """Quotes, trades and depth as `TickData`; at least one of them.

    Each is a frame of any library, a mapping symbol to frame, or a path, with a column of times and: bid and ask (and
    bid_size, ask_size) for `quotes`; price and size (and side of the aggressor, or buyer_is_maker) for `trades`; side,
    price and size (0 removes a level) for `depth`, and for its `snapshot`.  With a column of update ids in both, changes
    that the snapshot holds already are left out, and later ones that came before it wait for it.
    A bid or offer of 0 is one that is not there.  Everything else as in `read`.
    Raises Setup SF963 to SF967 for what is wrong with them.
    """
    wanted = (symbols,) if isinstance(symbols, str) else None if symbols is None else tuple(symbols)
    notes: list[str] = []
    names: dict[str, int] = {name: number for number, name in enumerate(wanted or ())}
    given = {"quotes": quotes, "trades": trades, "depth": depth, "snapshot": snapshot}
    parts: dict[str, list[Ticks]] = {name: [] for name in given}
    for name, data in given.items():
        if data is None:
            continue
        for table in tables(data, wanted):
            parts[name].append(_read(name, table, names, wanted, timezone, notes))
    rows = [*parts["quotes"], *parts["trades"], *_with_snapshot(parts["depth"], parts["snapshot"])]
    if not any(len(part.time) for part in rows):
        raise Setup("SF963", "there are no ticks", fix="give quotes, trades or depth, and look at what symbols= leaves")
    market = _assembled(rows, tuple(names), instruments, calendar, notes)
    read: TickData = with_tables(market, actions, rates, statuses, observations, timezone)
    return read if start is None and end is None else read.subset(None, start, end)


def tick_files(folder: Path) -> dict[str, Any]:
    """The files of a folder that are named after a kind of tick (`quotes.parquet`, `depth.csv`), by kind."""
    return {path.stem: str(path) for path in sorted(folder.glob("*.*")) if path.stem in _NEEDED}


# One table.


def _read(
    name: str, table: Table, names: dict[str, int], wanted: tuple[str, ...] | None, zone: str | None, notes: list[str]
) -> Ticks:
    """The rows of one table, those of the wanted symbols."""
    found = _recognise(table.names)
    missing = [word for word in _NEEDED[name] if word not in found]
    if missing:
        raise spelling.missing_column(table.source, table.names, missing)
    times = read_times(table.times(found["time"]), table.source, zone, notes)
    if times.days:
        what = "ticks have dates, and no times of day"
        raise Setup("SF964", what, place=table.source, fix="give each tick its time; bars of days: stratofold.read")
    count = len(times.values)
    code = _codes(table, found, names, wanted, count)
    side = _sides(table, found, name, count)
    ticks = _ticks(name, table, found, times.values, code, side)
    keep = code >= 0
    if not keep.all():
        ticks = _rows(ticks, keep)
    _check(ticks, table.source)
    return ticks


def _rows(ticks: Ticks, keep: Any) -> Ticks:
    """Some of the rows."""
    return Ticks._make((ticks.kind, *(column[keep] for column in ticks[1:])))


def _recognise(names: tuple[object, ...]) -> dict[str, int]:
    """Our word to the position of the column that carries it."""
    positions: dict[str, int] = {}
    for position, name in enumerate(names):
        positions.setdefault(spelling.plain(name), position)
    found = {}
    for word, spellings in _SPELLINGS.items():
        for each in spellings:
            if each in positions:
                found[word] = positions[each]
                break
    return found


def _codes(
    table: Table, found: dict[str, int], names: dict[str, int], wanted: tuple[str, ...] | None, count: int
) -> Ints:
    """Each row's symbol in the whole run, -1 for one that is not wanted."""
    if table.symbol is None and "symbol" in found:
        own, own_names = table.symbols(found["symbol"])
    else:
        only = wanted[0] if wanted is not None and len(wanted) == 1 else "ASSET"
        own, own_names = np.zeros(count, np.int64), (table.symbol or only,)
    for name in own_names:
        if wanted is None:
            names.setdefault(name, len(names))
    place = np.array([names.get(name, -1) for name in own_names], np.int64)
    return place[own]


def _sides(table: Table, found: dict[str, int], name: str, count: int) -> Ints:
    """Depth's side or a trade's aggressor; 0 where nothing says it."""
    word = "side" if "side" in found else "maker" if "maker" in found else ""
    if name == "quotes" or not word:
        return np.zeros(count, np.int64)
    own, texts = table.symbols(found[word])
    meanings = _SIDES if word == "side" else _MAKERS
    for text in texts:
        if text.strip().lower() not in meanings and name != "trades":
            place = f"{table.source}, column {table.names[found[word]]!r}"
            raise Setup("SF965", f"the side {text!r} is not known", place=place, fix='write "bid" or "ask"')
    return np.array([meanings.get(text.strip().lower(), 0) for text in texts], np.int64)[own]


def _ticks(name: str, table: Table, found: dict[str, int], time: Ints, code: Ints, side: Ints) -> Ticks:
    """The numbers of one table; a bid or offer of 0 is not there."""
    count = len(time)
    none = np.full(count, np.nan)
    ids = np.zeros(count, np.int64)
    if name == "quotes":
        numbers = [
            table.floats(found[word]) if word in found else none for word in ("bid", "bid_size", "ask", "ask_size")
        ]
        bid, bid_size, ask, ask_size = numbers
        price, size = np.where(bid > 0.0, bid, np.nan), np.where(bid > 0.0, bid_size, np.nan)
        ask, ask_size = np.where(ask > 0.0, ask, np.nan), np.where(ask > 0.0, ask_size, np.nan)
        return Ticks(QUOTE, time, code, side, ids, price, size, ask, ask_size, ids)
    price, size = table.floats(found["price"]), table.floats(found["size"])
    if "last_id" in found and name in ("depth", "snapshot"):
        ids = np.nan_to_num(table.floats(found["last_id"])).astype(np.int64)
    kind = TRADE if name == "trades" else DEPTH
    flags = np.full(count, SNAPSHOT if name == "snapshot" else 0, np.int64)
    return Ticks(kind, time, code, side, flags, price, size, none, none, ids)


def _check(ticks: Ticks, source: str) -> None:
    """What no market says; raises Setup for the first row that says it."""
    time = ticks.time
    if len(time) and (back := np.flatnonzero(time[1:] < time[:-1])).size:
        row = int(back[0]) + 1
        place = f"{source}, row {row}, {moment_text(int(time[row]))}"
        raise Setup("SF966", "times go backwards", place=place, fix="sort the table by time")
    if ticks.kind == QUOTE:
        return
    low = 0.0 if ticks.kind == DEPTH else np.nextafter(0.0, 1.0)
    wrong = ~((ticks.price > 0.0) & (ticks.price < np.inf) & (ticks.size >= low) & (ticks.size < np.inf))
    if wrong.any():
        row = int(wrong.argmax())
        shown = f"price {float(ticks.price[row])!r}, size {float(ticks.size[row])!r}"
        place = f"{source}, row {row}, {moment_text(int(time[row]))}"
        raise Setup("SF967", f"a tick cannot be: {shown}", place=place, fix="drop the row, or correct it")


# Depth and its snapshot.


def _with_snapshot(depth: list[Ticks], snapshot: list[Ticks]) -> list[Ticks]:
    """Depth whose snapshot comes first: what it holds already is left out, what came before it waits for it."""
    out = []
    starts: dict[int, tuple[int, int]] = {}
    for part in snapshot:
        for code in np.unique(part.code).tolist():
            mine = part.code == code
            starts[code] = (int(part.time[mine][0]), int(part.ids[mine].max()))
        new = np.ones(len(part.time), bool)
        new[1:] = (part.time[1:] != part.time[:-1]) | (part.code[1:] != part.code[:-1])
        out.append(part._replace(flags=part.flags | np.where(new, FIRST, 0)))
    for part in depth:
        keep, time = np.ones(len(part.time), bool), part.time.copy()
        for code, (begin, last_id) in starts.items():
            mine = part.code == code
            known = part.ids > 0
            keep &= ~(mine & np.where(known & (last_id > 0), part.ids <= last_id, time <= begin))
            time[mine] = np.maximum(time[mine], begin)
        out.append(_rows(part._replace(time=time), keep))
    return out


# All tables.


def _assembled(
    parts: list[Ticks], names: tuple[str, ...], instruments: Any, calendar: str, notes: list[str]
) -> TickData:
    """One set of columns out of all tables."""
    columns = [np.concatenate([getattr(part, name) for part in parts]) for name in Ticks._fields[1:]]
    kind = np.concatenate([np.full(len(part.time), part.kind, np.int64) for part in parts])
    rank = np.concatenate([
        np.where(part.flags & SNAPSHOT, 0, 1) + 2 * _ORDER[part.kind] for part in parts
    ])  # fmt: skip
    order = np.lexsort((rank, columns[0]))
    time, code, side, flags, price, size, ask, ask_size, _ = (column[order] for column in columns)
    kind = kind[order]
    items = _instruments(names, instruments, code, price, ask, notes)
    levels, level = levels_of(len(names), code, kind, price)
    flags = flags | _completes(code, kind, time)
    whole = calendar_named(_calendar(items, calendar))
    return TickData(
        names, items, time, kind, code if len(names) > 1 else np.zeros(1, np.int64), side, level, flags, price, size,
        ask, ask_size, levels, whole.slice(int(time[0]), int(time[-1])), notes=tuple(dict.fromkeys(notes)),
    )  # fmt: skip


def _completes(code: Ints, kind: Ints, time: Ints) -> Ints:
    """`LAST` for the rows that complete a message: the last change of its symbol and time."""
    rows = np.flatnonzero(kind == DEPTH)
    rows = rows[np.argsort(code[rows], kind="stable")]
    last = np.ones(len(rows), bool)
    last[:-1] = (time[rows][1:] != time[rows][:-1]) | (code[rows][1:] != code[rows][:-1])
    out = np.zeros(len(kind), np.int64)
    out[rows[last]] = LAST
    return out


def _instruments(
    names: tuple[str, ...], given: Any, code: Ints, price: Floats, ask: Floats, notes: list[str]
) -> tuple[Instrument, ...]:
    """The instruments, on the price grid of their ticks where they state none."""
    listed = (
        [given] if isinstance(given, Instrument) else list(given.values() if hasattr(given, "values") else given or ())
    )
    known = {instrument.symbol: instrument for instrument in listed}
    if any(name not in known for name in names):
        notes.append("taken as crypto at spot, open around the clock: instruments= would say otherwise")
    out = []
    for number, name in enumerate(names):
        prices = price[(code == number) & (price > 0.0)]
        offers = ask[(code == number) & (ask > 0.0)]
        instrument = known.get(name) or Instrument(name, kind=CRYPTO, calendar="24/7")
        out.append(instrument.with_price_decimals(price_decimals(np.concatenate((prices, offers)))))
    return tuple(out)


def _calendar(items: tuple[Instrument, ...], calendar: str) -> str:
    """The calendar asked for, or the instruments' own; the widest, if they differ."""
    if calendar != "auto":
        return calendar
    stated = {
        item.calendar or ("24/7" if item.kind in (CRYPTO, PERPETUAL) else "XNYS") for item in items
    }  # fmt: skip
    return stated.pop() if len(stated) == 1 else "24/7"
