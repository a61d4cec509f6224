"""Rows of a catalogue as `MarketData`, and back.

What comes in: frames of bars and actions of each symbol, in order.
What goes out: checked, merged columns with instruments, calendar and actions, or adjusted prices without actions.
Why it is shaped so: what a catalogue keeps is raw, mistakes included; before anything is computed from it, it passes the
same checks as every other table, and an error names the row by symbol and time.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from stratofold.errors import Setup
from stratofold.market.actions import KINDS, RawAction, build
from stratofold.market.catalogue import adjust as adjusting
from stratofold.market.catalogue.kinds import DEPTH, TRADES
from stratofold.market.catalogue.rows import nanoseconds, times_of
from stratofold.market.checks import Block, check_order, check_prices
from stratofold.market.closes import Closed
from stratofold.market.data import Actions, Columns, MarketData, Observations, no_observations
from stratofold.market.frames import assembled
from stratofold.market.sessions import DAY_NS, EPOCH_ORDINAL, calendar

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from stratofold.market.catalogue.layout import Series
    from stratofold.market.instruments import Instrument

_WORDS = {number: word for word, number in KINDS.items()}


def decoded(
    frames: Mapping[str, list[pl.DataFrame]],
    actions: Mapping[str, list[pl.DataFrame]],
    *,
    span_ns: int,
    calendars: set[str],
    place: str,
    known: Mapping[str, Instrument],
    adjust: str,
    as_of: date | None,
) -> MarketData:
    """Bars and actions of all symbols as one `MarketData`; raises Setup for bars that cannot be."""
    notes = [f"{place}: {'raw prices' if adjust == adjusting.RAW else f'prices adjusted by {adjust}'}"]
    blocks = [_block(place, symbol, parts) for symbol, parts in frames.items()]
    named = calendars - {""}
    whole = calendar(named.pop() if len(named) == 1 else "24/7")
    first = min(int(block.time[0]) for block in blocks) - span_ns
    last = max(int(block.time[-1]) for block in blocks)
    closed = Closed([block.time for block in blocks], span_ns, whole.slice(first, last))
    market = assembled(blocks, tuple(frames), closed, dict(known), notes)
    market = replace(market, actions=build(market, _raw(actions)))
    if adjust == adjusting.RAW:
        return _known_actions(market, as_of)
    return _adjusted(market, blocks, closed, known, adjust, as_of)


def _block(place: str, symbol: str, parts: list[pl.DataFrame]) -> Block:
    """The bars of one symbol, checked."""
    rows = pl.concat(parts)
    if not len(rows):
        raise Setup(
            "SF210", "no bars in the range asked for", place=f"{place}, {symbol}", fix="ask for a range inside the data"
        )
    columns = (
        np.ascontiguousarray(rows[name].fill_null(0.0 if name == "volume" else np.nan).to_numpy())
        for name in Columns._fields[1:]
    )
    block = Block(place, (symbol,), np.zeros(1, np.int64), times_of(rows), *columns)
    check_order(block)
    return check_prices(block)


def _raw(actions: Mapping[str, list[pl.DataFrame]]) -> list[tuple[str, RawAction]]:
    """Actions by symbol and ex-date."""
    return [
        (symbol, RawAction(time.toordinal(), KINDS[word], float("nan") if value is None else value))
        for symbol, frames in actions.items()
        for frame in frames
        for time, word, value in frame.select("time", "action", "value").iter_rows()
    ]


def _known_actions(market: MarketData, as_of: date | None) -> MarketData:
    """The actions that took effect between the first bar and the last, and by the day that is asked for."""
    low, high = int(market.time[0]) - market.span_ns, _until(as_of)
    rows = (market.actions.time >= low) & (market.actions.time < (2**63 - 1 if high is None else high))
    return replace(market, actions=Actions._make(column[rows] for column in market.actions))


def _until(as_of: date | None) -> int | None:
    return None if as_of is None else (as_of.toordinal() + 1 - EPOCH_ORDINAL) * DAY_NS


def _adjusted(
    market: MarketData,
    blocks: list[Block],
    closed: Closed,
    known: Mapping[str, Instrument],
    mode: str,
    as_of: date | None,
) -> MarketData:
    """The same bars at adjusted prices; their actions are in the prices now."""
    changed = []
    for handle, block in enumerate(blocks):
        rows = market.actions.symbol == handle
        own = Actions._make(column[rows] for column in market.actions)
        bars = Columns(block.time, block.open, block.high, block.low, block.close, block.volume)
        changed.append(block._replace(**adjusting.adjusted(bars, own, mode, _until(as_of))._asdict()))
    return assembled(changed, market.symbols, closed, dict(known), list(market.notes))


def bar_frame(market: MarketData) -> pl.DataFrame:
    """The bars of `MarketData` as rows for a catalogue."""
    symbol = market.symbol if len(market.symbols) > 1 else np.zeros(len(market), np.int64)
    columns: dict[str, Any] = {name: getattr(market, name) for name in Columns._fields}
    return pl.DataFrame({"symbol": _named(symbol, market.symbols), **columns})


def action_frame(market: MarketData) -> pl.DataFrame:
    """The actions of `MarketData` as rows for a catalogue: at the midnight of their day; the account's own are left out."""
    rows = market.actions.symbol >= 0
    time, kind, symbol, _, value = (column[rows] for column in market.actions)
    words = [_WORDS[int(number)] for number in kind]
    midnight = time // DAY_NS * DAY_NS
    return pl.DataFrame({"symbol": _named(symbol, market.symbols), "time": midnight, "action": words, "value": value})


def _named(handles: np.ndarray, symbols: tuple[str, ...]) -> pl.Series:
    return pl.Series(handles, dtype=pl.Int64).replace_strict(
        list(range(len(symbols))), list(symbols), return_dtype=pl.String
    )


def tick_frames(frames: Mapping[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    """Rows of ticks as the door for ticks takes them: one time in nanoseconds UTC; a book's snapshot apart from its changes."""
    found: dict[str, pl.DataFrame] = {}
    for kind, rows in frames.items():
        received = rows["received_ns"]
        time = nanoseconds(rows) if received.null_count() or not len(rows) else received
        plain = rows.select(pl.exclude("time", "nanos", "received_ns")).with_columns(time=time.alias("time"))
        plain = plain.sort("time", maintain_order=True)
        if kind == TRADES:
            plain = plain.rename({"aggressor": "side"}).with_columns(side=pl.col("side").fill_null(0))
        if kind == DEPTH:
            whole = pl.col("snapshot").fill_null(value=False)
            snapshot = plain.filter(whole).drop("snapshot")
            if len(snapshot):
                found["snapshot"] = snapshot
            plain = plain.filter(~whole).drop("snapshot")
        found[kind] = plain
    return found


def observation_rows(
    parts: Mapping[Series, pl.DataFrame], names: tuple[str, ...], symbols: tuple[str, ...], place: str
) -> tuple[Observations, tuple[str, ...]]:
    """The rows of some series, and which series there are of those asked for; rows without a number are left out.

    What is about no symbol lies under the name of its series.  Raises Setup SFC26 where two sources have the same series.
    """
    frames = [_observed(series, frame, names) for series, frame in parts.items()]
    rows = pl.concat(frames) if frames else pl.DataFrame(schema={"series": pl.String})
    if not len(rows):
        return no_observations(), ()
    by_source = rows.group_by("series", "symbol").agg(pl.col("source").unique().sort())
    if len(twice := by_source.filter(pl.col("source").list.len() > 1)):
        name, _, sources = twice.row(0)
        raise Setup(
            "SFC26", f"more than one source has the series {name!r}", place=place, why=f"there are {', '.join(sources)}",
            fix="keep them under different names: import one of them again with --series NAME",
        )  # fmt: skip
    found = tuple(rows["series"].unique().sort())
    numbers = {name: number for number, name in enumerate(found)}
    handles = {"": -1} | {symbol: handle for handle, symbol in enumerate(symbols)}
    codes, handle = (
        rows[name].replace_strict(table, return_dtype=pl.Int64).to_numpy()
        for name, table in (("series", numbers), ("symbol", handles))
    )
    return Observations(
        rows["known"].to_numpy(), rows["about"].to_numpy(), codes, handle, rows["value"].to_numpy()
    ), found


def _observed(series: Series, frame: pl.DataFrame, names: tuple[str, ...]) -> pl.DataFrame:
    """One partition's rows of some series, with when each was known and what time it is about, ns UTC."""
    own = frame.filter(pl.col("series").is_in(list(names)), pl.col("value").is_finite())
    symbol = pl.when(pl.col("series") == series.symbol).then(pl.lit("")).otherwise(pl.lit(series.symbol))
    known = nanoseconds(own)
    about = pl.coalesce(pl.col("about").dt.timestamp("ns"), pl.lit(known))
    return own.select(
        "series", "value", symbol.alias("symbol"), pl.lit(series.source).alias("source"), known=known,
        about=pl.min_horizontal(about, pl.lit(known)),
    )  # fmt: skip
