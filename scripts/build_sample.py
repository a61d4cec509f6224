"""Build the shipped sample from Parquet files of raw bars and factor files.

    python scripts/build_sample.py FOLDER [src/stratofold/market/samples]

What comes in: FOLDER with equities/us14_daily_ohlcv_raw.parquet, equities/us14_corporate_actions.parquet,
equities/minute_trade_bars.parquet and crypto/bitstamp_btcusd_1m_20200101.parquet.
What goes out: one `.bars` file a symbol and `us14_actions.csv`, as `stratofold.market.sample` reads them.
Why it is shaped so: every file is read back and compared with its source, bit for bit, before the script is content.
"""

import json
import sys
import zlib
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from stratofold import events
from stratofold.market.actions import Factor, from_factors
from stratofold.market.sample import DAILY, unpacked
from stratofold.market.sessions import calendar

FUNDS = ("SPY", "QQQ", "IWM", "EEM", "USO", "BNO")
KIND_NAMES = {events.SPLIT: "split", events.DIVIDEND: "dividend"}
PRICES = ("open", "high", "low", "close")


def packed(symbol: str, kind: str, zone: str, days: bool, time: np.ndarray, bars: pl.DataFrame) -> bytes:
    """One symbol's file; the format is described in `stratofold.market.sample`."""
    price_decimals, volume_decimals = 4 if zone == "XNYS" else 2, 0 if zone == "XNYS" else 8
    open_, high, low, close = (
        np.rint(bars[name].to_numpy() * 10.0**price_decimals).astype(np.int64) for name in PRICES
    )
    volume = np.rint(bars["volume"].to_numpy() * 10.0**volume_decimals).astype(np.int64)
    steps = (np.diff(time, prepend=time[0]), np.diff(close, prepend=0), high - close, close - low, open_ - close)
    head = {
        "symbol": symbol, "kind": kind, "currency": "USD", "calendar": zone, "rows": len(bars), "days": days,
        "first": int(time[0]), "price_decimals": price_decimals, "volume_decimals": volume_decimals,
    }  # fmt: skip
    body = b"".join(step.astype("<i4").tobytes() for step in steps) + volume.astype("<i8").tobytes()
    content = json.dumps(head).encode() + b"\n" + zlib.compress(body, 9)
    back = unpacked(content)
    for name in (*PRICES, "volume"):
        if not np.array_equal(back.columns[name], bars[name].cast(float).to_numpy()):
            raise ValueError(f"{symbol}: {name} does not come back bit for bit")
    return content


def daily(bars: pl.DataFrame, symbol: str) -> bytes:
    """One symbol of the daily set."""
    own = bars.filter(pl.col("symbol") == symbol).sort("date")
    ordinals = own["date"].dt.date().to_physical().to_numpy().astype(np.int64) + date(1970, 1, 1).toordinal()
    return packed(symbol, "etf" if symbol in FUNDS else "equity", "XNYS", True, ordinals, own)


def minutes(bars: pl.DataFrame, symbol: str, kind: str, zone: str, first: date, last: date) -> bytes:
    """Minutes of one symbol; the source stamps starts, the sample closes."""
    day = pl.col("ts").dt.date()
    own = bars.filter((pl.col("symbol") == symbol) & (day >= first) & (day <= last)).sort("ts")
    closes = own["ts"].dt.epoch("s").to_numpy() // 60 + 1
    return packed(symbol, kind, zone, False, closes, own)


def actions(factors: pl.DataFrame, bars: pl.DataFrame) -> str:
    """Splits and dividends as of their ex-dates, from each symbol's first bar on, as CSV."""
    lines = ["symbol,date,kind,value"]
    for symbol in DAILY:
        own = factors.filter(pl.col("symbol") == symbol)
        first, last = (
            bars.filter(pl.col("symbol") == symbol)
            .select(pl.col("date").min().alias("first"), pl.col("date").max().alias("last"))
            .row(0)
        )
        rows = [
            Factor((day or last + timedelta(days=9999)).toordinal(), price, split, reference)
            for day, price, split, reference in own.select("date", "price_factor", "split_factor", "reference_close")
            .sort("date", nulls_last=True)
            .rows()
        ]
        lines.extend(
            f"{symbol},{date.fromordinal(action.day)},{KIND_NAMES[action.kind]},{action.value:.10g}"
            for action in from_factors(rows, calendar("XNYS"))
            if first.toordinal() < action.day <= last.toordinal()
        )
    return "\n".join(lines) + "\n"


def build(source: Path, target: Path) -> None:
    """All files of the sample."""
    target.mkdir(exist_ok=True)
    bars = pl.read_parquet(source / "equities" / "us14_daily_ohlcv_raw.parquet")
    for symbol in DAILY:
        (target / f"{symbol}.bars").write_bytes(daily(bars, symbol))
    factors = pl.read_parquet(source / "equities" / "us14_corporate_actions.parquet")
    (target / "us14_actions.csv").write_text(actions(factors, bars))
    trades = pl.read_parquet(source / "equities" / "minute_trade_bars.parquet")
    week = (date(2013, 10, 4), date(2013, 10, 11))
    (target / "spy_minutes.bars").write_bytes(minutes(trades, "SPY", "etf", "XNYS", *week))
    coins = pl.read_parquet(source / "crypto" / "bitstamp_btcusd_1m_20200101.parquet")
    day = date(2020, 1, 1)
    (target / "btcusd_minutes.bars").write_bytes(minutes(coins, "BTCUSD", "crypto", "24/7", day, day))


if __name__ == "__main__":
    default = Path(__file__).parents[1] / "src" / "stratofold" / "market" / "samples"
    build(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else default)
