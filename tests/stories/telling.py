"""How the stories are told: a few closes become daily bars, a run becomes a list of fills.

A bar opens at the close before it unless the story says otherwise, so an order decided at a close fills at that
price, and the figures can be worked out by hand.
"""

from datetime import date

import numpy as np
import polars as pl

import stratofold
from stratofold.events import SPLIT
from stratofold.market import calendar

COSTS = {
    "fees": stratofold.Fees(per_share=0.005, minimum=1.0),
    "slippage": stratofold.Slippage(proportional=0.0001),
}


def sessions(count, start="2024-01-02"):
    """The first `count` sessions of the exchange from `start` on."""
    first = date.fromisoformat(start).toordinal()
    days = [day for day in calendar("XNYS").days if day >= first]
    return [date.fromordinal(day) for day in days[:count]]


def bars(splits=(), *, opens=None, volume=1_000_000.0, start="2024-01-02", **closes):
    """Daily bars of closes by symbol; `splits` are (symbol, index of the bar, ratio), `volume` may be by symbol.

    A leading None in the closes is a session before the symbol was listed.
    """
    days = sessions(max(len(rows) for rows in closes.values()), start)
    rows = []
    for symbol, prices in closes.items():
        own = (opens or {}).get(symbol, {})
        ratios = {at: ratio for name, at, ratio in splits if name == symbol}
        before = None
        for k, close in enumerate(prices):
            if close is None:
                continue
            opened = own.get(k, (close if before is None else before) / ratios.get(k, 1.0))
            size = volume[symbol] if isinstance(volume, dict) else volume
            rows.append((symbol, days[k], opened, max(opened, close), min(opened, close), close, size))
            before = close
    frame = pl.DataFrame(rows, ["symbol", "date", "open", "high", "low", "close", "volume"], orient="row")
    if not splits:
        return stratofold.read(frame, symbols=tuple(closes))
    actions = pl.DataFrame(
        {
            "symbol": [name for name, _, _ in splits],
            "date": [days[at] for _, at, _ in splits],
            "kind": ["split"] * len(splits),
            "value": [float(ratio) for _, _, ratio in splits],
        }
    )
    return stratofold.read(frame, symbols=tuple(closes), actions=actions)


def fills(result, days=None):
    """(symbol, side, quantity, price) of every fill, with the index of its bar first if `days` are given."""
    rows = result.fills.to_polars()
    told = list(rows.select("symbol", "side", "quantity", "price").iter_rows())
    if days is None:
        return told
    at = [days.index(time.date()) for time in rows["time"]]
    return [(k, *row) for k, row in zip(at, told, strict=True)]


def both_ways(strategy, data, **more):
    """The run in machine code and interpreted: the same fills, trades, equity and figures, bit for bit."""
    compiled = stratofold.backtest(strategy, data, execution="compiled", **more)
    plain = stratofold.backtest(strategy, data, execution="interpreted", **more)
    assert compiled.execution == "compiled"
    for name in ("fills", "orders", "trades", "equity", "positions"):
        assert compiled.frame(name).to_polars().equals(plain.frame(name).to_polars(), null_equal=True), name
    assert bits(compiled.stats) == bits(plain.stats)
    return plain


def bits(stats):
    """Figures as text that shows every bit, because NaN does not equal itself."""
    return {key: value.hex() if isinstance(value, float) else value for key, value in stats.items()}


def adds_up(result, data):
    """Fees, positions and equity are the sums of what happened."""
    rows = result.fills.to_polars()
    assert round(rows["fee"].sum(), 2) == round(result.stats["fees"], 2)
    held = result.positions.to_polars()
    assert dict(held.select("symbol", "quantity").iter_rows()) == followed(rows, data)
    cash = result.equity.to_polars()["cash"][-1]
    assert round(cash + sum(held["value"]), 2) == round(result.stats["final_equity"], 2)


def split_factor(data, symbol, times):
    """Units that one unit of the start has become, at each of `times`."""
    factor = np.ones(len(times))
    for kind, handle, at, ratio in zip(
        data.actions.kind, data.actions.symbol, data.actions.time, data.actions.value, strict=True
    ):
        if kind == SPLIT and data.symbols[handle] == symbol:
            factor[times > at] *= ratio
    return factor


def decisions(result, data):
    """Every fill as a row, with the index, in its own symbol's bars, of the bar at whose close it was decided."""
    for row in result.fills.to_polars().with_columns(pl.col("time").dt.timestamp("ns")).iter_rows(named=True):
        yield row, int(np.searchsorted(data.of(row["symbol"]).time, row["time"])) - 1


def followed(rows, data):
    """What is held after every fill and every split, by symbol, without what is flat."""
    happened = [
        (time, 0, data.symbols[symbol], value)
        for time, kind, symbol, value in zip(
            data.actions.time, data.actions.kind, data.actions.symbol, data.actions.value, strict=True
        )
        if kind == SPLIT
    ]
    nanoseconds = rows["time"].dt.timestamp("ns")
    signed = [q if side == "buy" else -q for q, side in zip(rows["quantity"], rows["side"], strict=True)]
    happened += [
        (time, 1, *row) for time, row in zip(nanoseconds, zip(rows["symbol"], signed, strict=True), strict=True)
    ]
    held = {}
    for _, what, symbol, value in sorted(happened, key=lambda each: each[:2]):
        before = held.get(symbol, 0.0)
        held[symbol] = int(round(before * value, 6)) if what == 0 else before + value
    return {symbol: quantity for symbol, quantity in held.items() if quantity}
