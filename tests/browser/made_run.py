"""A run made by hand for the report's tests: a crossover on random prices, without the engine.

The report is a function of columns, so its tests make columns: any number of symbols, bars, fills and refusals.
"""

from datetime import UTC, datetime

import numpy as np

from stratofold.market.data import Actions, MarketData
from stratofold.market.instruments import Instrument
from stratofold.market.sessions import calendar
from stratofold.research.result import Result

DAY = 86_400_000_000_000
MINUTE = 60_000_000_000


def made_bars(symbols=("SPY", "QQQ"), count=1_500, *, minutes=False, seed=7):
    """Random walks: sessions of XNYS from 1998, or minutes around the clock from 2022."""
    chance = np.random.default_rng(seed)
    table = calendar("24/7" if minutes else "XNYS")
    if minutes:
        times = np.arange(1, count + 1, dtype=np.int64) * MINUTE + 18_993 * DAY
    else:
        first = table.session_of(10_227 * DAY)
        times = np.asarray(table.closes[first : first + count], dtype=np.int64)
    spread = 0.0006 if minutes else 0.011
    close = 100.0 * np.exp(
        np.cumsum(chance.normal(0.0 if minutes else 0.03 * spread, spread, (len(times), len(symbols))), axis=0)
    )
    before = np.vstack([np.full((1, len(symbols)), 100.0), close[:-1]])
    edge = np.abs(chance.normal(0.0, spread / 2.0, close.shape))
    high, low = np.maximum(close, before) * (1.0 + edge), np.minimum(close, before) * (1.0 - edge)
    one = len(symbols) == 1
    return MarketData(
        symbols=tuple(symbols),
        instruments=tuple(Instrument(name) for name in symbols),
        time=np.repeat(times, len(symbols)),
        symbol=np.zeros(1, np.int64) if one else np.tile(np.arange(len(symbols)), len(times)),
        open=before.round(2).ravel(),
        high=high.round(2).ravel() + 0.01,
        low=low.round(2).ravel() - 0.01,
        close=close.round(2).ravel(),
        volume=np.full(close.size, 1e6),
        span_ns=MINUTE if minutes else DAY,
        calendar=table,
    )


def with_split(bars, symbol, row, ratio):
    """The same bars with a split of one symbol at the row's time: earlier prices are multiplied, as they were traded."""
    own = (np.arange(len(bars)) % len(bars.symbols) == symbol) & (bars.time < bars.time[row])
    factor = np.where(own, ratio, 1.0)
    for column in (bars.open, bars.high, bars.low, bars.close):
        np.multiply(column, factor, out=column)
    actions = (np.array([bars.time[row] - 1]), np.array([0]), np.array([symbol]), np.array([0]), np.array([ratio]))
    object.__setattr__(bars, "actions", Actions(*actions))
    return bars


def _average(values, count):
    total = np.cumsum(np.insert(values, 0, 0.0))
    return np.concatenate([np.full(count - 1, np.nan), (total[count:] - total[:-count]) / count])


def _crossings(bars, handle, money):
    """Fills of a crossover in one symbol: rows of time, side, quantity, price."""
    own = bars.of(bars.symbols[handle])
    if len(own.time) < 52:
        return []
    above = np.nan_to_num(_average(own.close, 20) - _average(own.close, 50)) > 0.0
    turns = np.flatnonzero(np.diff(above.astype(int), prepend=0))
    turns = turns[turns + 1 < len(own.time)]
    return [
        (own.time[turn + 1], 1 if above[turn] else -1, float(int(money / 120.0)), own.open[turn + 1]) for turn in turns
    ]


def made_run(bars, /, *, strategy="Crossover", refusals=3, **changes):
    """A result over `bars`, with consistent fills, trades and equity."""
    money = 100_000.0
    fills, trades, orders = [], [], []
    for handle in range(len(bars.symbols)):
        rows = _crossings(bars, handle, money / len(bars.symbols))
        fills += [(time, handle, side, quantity, price) for time, side, quantity, price in rows]
        for (opened, _, quantity, entry), (closed, _, _, leave) in zip(rows[::2], rows[1::2], strict=False):
            trades.append(
                (handle, 1, opened, closed, quantity, entry, leave, (leave - entry) * quantity - 2.0, 2.0, 30)
            )
    fills.sort()
    trades.sort(key=lambda row: row[3])
    orders = [(number, row[1], row[2], 0, 0, 5, row[0] - DAY, row[0]) for number, row in enumerate(fills, 1)]
    time, equity = _equity(bars, fills, money)
    columns = {
        "fills": _table(("time", "symbol", "side", "quantity", "price"), fills, floats=("quantity", "price")),
        "trades": _table(
            ("symbol", "side", "opened", "closed", "quantity", "entry_price", "exit_price", "profit", "fees", "bars"),
            trades,
            floats=("quantity", "entry_price", "exit_price", "profit", "fees"),
        ),
        "orders": _table(("number", "symbol", "side", "kind", "tif", "state", "decided", "done"), orders),
        "refusals": _table(
            ("time", "number", "symbol", "side", "quantity", "reason", "limit", "observed"),
            [
                (bars.time[min(60 + i, len(bars.time) - 1)], 900 + i, 0, 1, 10.0, i % 2, 5.0, 15.0)
                for i in range(refusals)
            ],
            floats=("quantity", "limit", "observed"),
        ),
        "equity": {"time": time, "equity": equity},
    }
    settings = {
        "bars": bars,
        "names": {"reason": ("position_limit", "notional_max")},
        "assumed": ("unlimited", "free of costs"),
        "ignores": ("queue position", "the path of prices inside a bar"),
        "notices": ("Close was read as close",),
        "hashes": {"code": "5f" * 32, "data": "9a" * 32},
        **changes,
    }
    stats = _stats(bars, money, equity, trades)
    return Result(strategy, {"fast": 20, "slow": 50}, "compiled", bars.symbols, stats, columns, **settings)


def _table(names, rows, floats=()):
    """Rows as columns of numbers."""
    columns = list(zip(*rows, strict=True)) if rows else [() for _ in names]
    return {
        name: np.array(column, np.float64 if name in floats else np.int64)
        for name, column in zip(names, columns, strict=True)
    }


def _equity(bars, fills, money):
    """Cash and holdings at each time of the bars."""
    times = np.unique(bars.time)
    equity = np.full(len(times), money)
    for handle, name in enumerate(bars.symbols):
        own = bars.of(name)
        close = own.close[np.maximum(np.searchsorted(own.time, times, side="right") - 1, 0)]
        rows = np.array(
            [(time, side * quantity, price) for time, symbol, side, quantity, price in fills if symbol == handle]
        )
        if len(rows):
            done = np.searchsorted(rows[:, 0], times, side="right")
            held = np.append(0.0, np.cumsum(rows[:, 1]))
            paid = np.append(0.0, np.cumsum(rows[:, 1] * rows[:, 2]))
            equity += held[done] * close - paid[done]
    if bars.span_ns < DAY:
        last = np.flatnonzero(np.append(np.diff((times - 1) // DAY) > 0, True))
        return times[last], equity[last]
    return times, equity


def _stats(bars, money, equity, trades):
    """The figures, by the textbook."""
    returns = np.diff(equity, prepend=money) / np.concatenate([[money], equity[:-1]])
    drawdown = 1.0 - equity / np.maximum(np.maximum.accumulate(equity), money)
    years = len(equity) / 252.0
    profits = np.array([row[7] for row in trades]) if trades else np.zeros(0)
    moment = lambda k: datetime.fromtimestamp(int(bars.time[k]) / 1e9, UTC)  # noqa: E731 - one line
    deviation = returns.std(ddof=1) if len(returns) > 1 else np.nan
    growth = equity[-1] / money
    return {
        "initial_equity": money,
        "final_equity": float(equity[-1]),
        "total_return": float(growth - 1.0),
        "cagr": float(growth ** (1.0 / years) - 1.0),
        "volatility": float(deviation * 252**0.5),
        "sharpe": float(returns.mean() / deviation * 252**0.5) if deviation else np.nan,
        "sortino": 0.9,
        "calmar": 0.4,
        "max_drawdown": float(drawdown.max()),
        "max_drawdown_days": 212.0,
        "exposure": 0.55,
        "time_in_market": 0.61,
        "turnover": 3.2,
        "trades": float(len(trades)),
        "win_rate": float((profits > 0).mean()) if len(profits) else np.nan,
        "profit_factor": 1.4,
        "fees": 2.0 * len(trades),
        "sessions": float(len(equity)),
        "sessions_per_year": 252.0,
        "start": moment(0),
        "end": moment(-1),
    }
