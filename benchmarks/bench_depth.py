"""Depth, trades and quotes of one Binance perpetual, five minutes and a half million rows: replayed, and quoted into.

The public function on the shipped quoter, with latency, fees, limits and all statistics; rows a CPU second.  The real
capture is used where the shared market data lie beside this checkout, else a made market of the same shape.
The ceiling is a hand-written Numba loop that does nothing but keep both sides of the book.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np

import stratofold
from figures import Figure, cpu_seconds
from stratofold import Strategy
from stratofold.market.tick_data import TickData
from stratofold.strategies import TwoSidedQuoter

ROOT = Path(__file__).parents[1]
CAPTURE = ROOT.parent / "shared" / "data" / "l2"
NAME = "binance_usdm_btcusdt_20240808"
BTCUSDT = stratofold.Perpetual("BTCUSDT", quantity_decimals=3)
LIMITS = stratofold.Limits(
    position_max=10.0,
    order_quantity_max=1.0,
    order_notional_max=1e6,
    gross_exposure_max=1e7,
    net_exposure_max=1e7,
    leverage_max=10.0,
    price_collar=0.5,
    orders_per_minute_max=1e6,
    duplicate_seconds=0.0,
)
KEYWORDS: dict[str, Any] = {
    "latency": stratofold.Latency(5_000_000),
    "fees": stratofold.Fees(maker=0.0002, taker=0.0005),
    "limits": LIMITS,
}


class Counter(Strategy):
    """Hears everything and does nothing."""

    def setup(self):
        """Nothing heard."""
        self.heard = 0

    def on_quote(self, quote, book):
        """One more."""
        self.heard += 1

    def on_trade(self, trade, book):
        """One more."""
        self.heard += 1

    def on_depth(self, depth, book):
        """One more."""
        self.heard += 1


def ticks() -> TickData:
    """The capture, or a made market."""
    if CAPTURE.is_dir():
        files = {kind: str(CAPTURE / f"{NAME}_{kind}.parquet") for kind in ("depth", "snapshot", "trades", "bbo")}
        quotes = files.pop("bbo")
        return stratofold.read_ticks(quotes=quotes, instruments=BTCUSDT, **files)
    sys.path.insert(0, str(ROOT))
    from tests.tick_market import made

    return made(1, 60_000)


def hand_written() -> Any:
    """Both sides of the book and nothing else, as a Numba loop over the same columns."""
    from numba import njit

    @njit(cache=False)
    def loop(kind, side, level, size, bids, asks):
        best_bid, best_ask, total = -1, len(asks), 0.0
        for k in range(len(kind)):
            if kind[k] != 2:
                continue
            place = level[k]
            if side[k] > 0:
                bids[place] = size[k]
                if size[k] > 0.0:
                    best_bid = max(best_bid, place)
                while best_bid >= 0 and bids[best_bid] == 0.0:
                    best_bid -= 1
            else:
                asks[place] = size[k]
                if size[k] > 0.0:
                    best_ask = min(best_ask, place)
                while best_ask < len(asks) and asks[best_ask] == 0.0:
                    best_ask += 1
            total += best_ask - best_bid
        return total

    return loop


data = ticks()
rows = len(data)
size = 0.01 if CAPTURE.is_dir() else 100.0


def millions(strategy: type[Strategy], execution: str, runs: int, **parameters: float) -> float:
    """Millions of rows a CPU second; what is compiled was compiled before."""
    keywords = {**KEYWORDS, **parameters, "execution": execution}
    if execution == "compiled":
        stratofold.backtest(strategy, data, **keywords)
    return rows / cpu_seconds(lambda: stratofold.backtest(strategy, data, **keywords), runs) / 1e6


replay = millions(Counter, "compiled", 5)
quoter = millions(TwoSidedQuoter, "compiled", 5, size=size)
Figure("depth, trades and quotes: replay only, compiled", replay, "M rows/CPU-s", 15).say()
Figure("  the shipped two-sided quoter, compiled", quoter, "M rows/CPU-s", 5, 10).say()
Figure("  replay only, interpreted", millions(Counter, "interpreted", 2), "M rows/CPU-s", 0.2).say()
Figure("  the quoter, interpreted", millions(TwoSidedQuoter, "interpreted", 2, size=size), "M rows/CPU-s", 0.2).say()
loop = hand_written()
levels = max(len(prices) for prices in data.levels)
book = np.zeros(levels), np.zeros(levels)
loop(data.kind, data.side, data.level, data.size, *book)
ceiling = rows / cpu_seconds(lambda: loop(data.kind, data.side, data.level, data.size, *book)) / 1e6
Figure("  a hand-written loop that keeps the book and no more", ceiling, "M rows/CPU-s").say()
Figure("  replay of that loop", replay / ceiling, "ratio").say()
Figure("  the capture's four files to ticks", cpu_seconds(ticks, runs=2), "CPU s", better="less").say()
