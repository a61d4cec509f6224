"""What the market showed: the book at any instant, and touch, spread, imbalance and microprice as series.

What comes in: `TickData`.
What goes out: polars frames.
Why it is shaped so: a series is the batch form of what `book.bid`, `fold.touch` and the rest say in a hook, by the same
arithmetic in the same order, and equal to it to the last bit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from stratofold.errors import Setup
from stratofold.fold.ticks.engine import DEPTH, FIRST, LAST, QUOTE
from stratofold.market.instruments import nanoseconds

if TYPE_CHECKING:
    from datetime import datetime

    from stratofold.market.data import Floats, Ints
    from stratofold.market.tick_data import TickData

_TIME = pl.Datetime("ns", "UTC")


def book_at(ticks: TickData, moment: datetime | int, symbol: str | None = None) -> pl.DataFrame:
    """What depth shows after everything of times up to `moment` (aware datetime, or ns UTC): side, price, size.

    Bids come first, best first, then offers.  Raises Setup SF974 where there is no depth, SF975 for two symbols and none
    named, SF213 for a moment without a zone.
    """
    rows = _rows(ticks, symbol, DEPTH)
    last = int(np.searchsorted(ticks.time[rows], nanoseconds(moment), side="right"))
    rows = rows[:last]
    begins = np.flatnonzero(ticks.flags[rows] & FIRST)
    rows = rows[begins[-1] :] if len(begins) else rows
    places = np.stack((ticks.side[rows], ticks.level[rows]))[:, ::-1]
    _, back = np.unique(places, axis=1, return_index=True)
    kept = rows[len(rows) - 1 - back]
    kept = kept[ticks.size[kept] > 0.0]
    kept = kept[np.lexsort((-ticks.side[kept] * ticks.price[kept], -ticks.side[kept]))]
    names = np.where(ticks.side[kept] > 0, "bid", "ask")
    return pl.DataFrame({"side": names, "price": ticks.price[kept], "size": ticks.size[kept]}, schema={
        "side": pl.String, "price": pl.Float64, "size": pl.Float64,
    })  # fmt: skip


def touches(ticks: TickData, symbol: str | None = None) -> pl.DataFrame:
    """The touch after each complete message of depth, or each quote where there is no depth, and what is made of it.

    Columns: time, bid, bid_size, ask, ask_size (NaN where absent), mid (NaN too where crossed), spread, relative_spread,
    imbalance, microprice (`fold.touch`).  Raises Setup as `book_at`, SF974 where there are neither quotes nor depth.
    """
    kind = DEPTH if (_of(ticks, symbol) & (ticks.kind == DEPTH)).any() else QUOTE
    rows = _rows(ticks, symbol, kind)
    if kind == QUOTE:
        time = ticks.time[rows]
        bid, bid_size, ask, ask_size = (getattr(ticks, name)[rows] for name in ("price", "size", "ask", "ask_size"))
    else:
        time, bid, bid_size, ask, ask_size = _walked(ticks, rows)
    return _derived(time, bid, bid_size, ask, ask_size)


def _derived(time: Ints, bid: Floats, bid_size: Floats, ask: Floats, ask_size: Floats) -> pl.DataFrame:
    """What the touch says besides its prices, as `fold.touch` has it."""
    shown = bid_size + ask_size
    whole = np.where(shown > 0.0, shown, np.nan)
    columns = {
        "bid": bid, "bid_size": bid_size, "ask": ask, "ask_size": ask_size,
        "mid": np.where(bid <= ask, (bid + ask) / 2, np.nan), "spread": ask - bid,
        "relative_spread": (ask - bid) / ((bid + ask) / 2.0), "imbalance": (bid_size - ask_size) / whole,
        "microprice": (bid * ask_size + ask * bid_size) / whole,
    }  # fmt: skip
    return pl.DataFrame({"time": pl.Series(time).cast(_TIME), **columns})


def _walked(ticks: TickData, rows: Ints) -> tuple[Any, ...]:
    """The touch after each complete message: a change is one store, and empty places are walked past (`fold.ticks.ladder`)."""
    handle = int(ticks.symbol[rows[0]]) if len(ticks.symbol) > 1 else 0
    prices = ticks.levels[handle].tolist()
    count, nan = len(prices), float("nan")
    bids, asks, best, offer = [0.0] * (count + 1), [0.0] * (count + 1), -1, count
    said: list[tuple[float, float, float, float]] = []
    for side, level, size, flags in zip(
        *(column[rows].tolist() for column in (ticks.side, ticks.level, ticks.size, ticks.flags)), strict=True
    ):
        if flags & FIRST:
            bids, asks, best, offer = [0.0] * (count + 1), [0.0] * (count + 1), -1, count
        if side > 0:
            bids[level] = size
            best = max(best, level)
            while best >= 0 and bids[best] == 0.0:
                best -= 1
        else:
            asks[level] = size
            offer = min(offer, level)
            while offer < count and asks[offer] == 0.0:
                offer += 1
        if flags & LAST:
            said.append((
                *((prices[best], bids[best]) if best >= 0 else (nan, nan)),
                *((prices[offer], asks[offer]) if offer < count else (nan, nan)),
            ))  # fmt: skip
    whole = rows[(ticks.flags[rows] & LAST) != 0]
    return ticks.time[whole], *np.array(said, np.float64).reshape(-1, 4).T


def _of(ticks: TickData, symbol: str | None) -> Any:
    """Which rows are of a symbol; raises Setup SF975 where it must be named."""
    if symbol is None and len(ticks.symbols) > 1:
        what = f"there are ticks of {len(ticks.symbols)} symbols"
        raise Setup("SF975", what, fix=f"name one: symbol={ticks.symbols[0]!r}")
    handle = ticks.handle(symbol) if symbol is not None else 0
    return ticks.symbol == handle if len(ticks.symbol) > 1 else np.ones(len(ticks.time), bool)


def _rows(ticks: TickData, symbol: str | None, kind: int) -> Ints:
    """The rows of one kind and symbol."""
    rows = np.flatnonzero(_of(ticks, symbol) & (ticks.kind == kind))
    if not len(rows):
        what = "there is no depth" if kind == DEPTH else "there are neither quotes nor depth"
        raise Setup("SF974", what, fix="read ticks that have it: read_ticks(depth=...)")
    return rows
