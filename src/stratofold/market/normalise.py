"""Normalising: one name, one unit, one currency and one clock for what several vendors call and count differently.

What comes in: polars frames with a column of symbols, of prices, of times.
What goes out: the same frames with columns put into one form; returns and z-scores that know nothing of later rows.
Why it is shaped so: each step is one expression over columns, so that steps combine, run lazily, and are tested by changing
the future and asking whether the past moved.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import polars as pl

from stratofold.errors import Setup
from stratofold.market.zones import time_zone

if TYPE_CHECKING:
    from collections.abc import Iterable

# Assets that vendors know by other names (ISO 4217's X-codes, Kraken's and BitMEX's).
ASSETS = {"XBT": "BTC", "XXBT": "BTC", "XETH": "ETH", "XDG": "DOGE", "ZUSD": "USD", "ZEUR": "EUR", "BCHABC": "BCH"}
QUOTED_IN = ("USDT", "USDC", "FDUSD", "BUSD", "ZUSD", "USD", "ZEUR", "EUR", "GBP", "JPY", "XBT", "BTC", "ETH")
_CLASS = re.compile(r"([A-Z]+)[ ./\-]([A-Z])(?:R)?$")
_PRICES = ("open", "high", "low", "close", "price", "bid", "ask")
_SIZES = ("volume", "size", "bid_size", "ask_size")
# What a vendor writes a price in: how many of it are one of the currency.
MINOR_UNITS = {"GBX": ("GBP", 100.0), "GBp": ("GBP", 100.0), "ZAc": ("ZAR", 100.0), "ILA": ("ILS", 100.0)}


def symbol(text: str, kind: str = "equity") -> str:
    """One name for an instrument: `BRK-B`, `BRK/B` and `BRK B` are `BRK.B`; `btc-usd`, `XBT/USD` and `BTCUSD` are `BTCUSD`.

    `kind` is "equity" or "crypto": only a pair of currencies is read apart.  Raises Setup SF649 for another kind.
    """
    name = text.strip().upper()
    if kind == "equity":
        shares = _CLASS.fullmatch(name)
        return f"{shares[1]}.{shares[2]}" if shares else name
    if kind != "crypto":
        raise Setup("SF649", f"the kind {kind!r} has no names to put into one form", fix='use "equity" or "crypto"')
    base, quote = _pair(name)
    return ASSETS.get(base, base) + ASSETS.get(quote, quote)


def _pair(name: str) -> tuple[str, str]:
    """Base and quoted currency; what names no pair is all base."""
    apart = re.split(r"[-_/: ]", name)
    if len(apart) == 2:
        return apart[0], apart[1]
    ending = next((one for one in QUOTED_IN if name.endswith(one) and len(name) > len(one)), "")
    return name.removesuffix(ending), ending


def with_symbols(frame: pl.DataFrame, kind: str = "equity", column: str = "symbol") -> pl.DataFrame:
    """The frame with one name for each instrument."""
    names = frame[column].unique().to_list()
    return frame.with_columns(pl.col(column).replace_strict({name: symbol(name, kind) for name in names}))


def in_units(frame: pl.DataFrame, *, price: float = 1.0, size: float = 1.0) -> pl.DataFrame:
    """Prices divided by `price` (100 where the vendor writes pence), sizes multiplied by `size` (100 where it counts lots)."""
    for name, factor in (("price", price), ("size", size)):
        if not 0.0 < factor < float("inf"):
            raise Setup("SF649", f"a unit of {name} of {factor!r} cannot be", fix="give how many are one, above 0")
    return frame.with_columns(
        *(pl.col(name) / price for name in _PRICES if name in frame.columns),
        *(pl.col(name) * size for name in _SIZES if name in frame.columns),
    )


def in_major_units(frame: pl.DataFrame, currency: str) -> tuple[pl.DataFrame, str]:
    """Prices out of a vendor's minor unit (pence, cents), and the currency they are then in."""
    major, count = MINOR_UNITS.get(currency, (currency, 1.0))
    return in_units(frame, price=count), major


def in_currency(frame: pl.DataFrame, rates: pl.DataFrame, time: str = "time") -> pl.DataFrame:
    """Prices in another currency, by the last rate known at each row's time; before the first rate they are null.

    `rates`: a column of the same times, sorted, and `rate`, units of the new currency for one of the old.
    """
    known = rates.select(pl.col(time).cast(frame.schema[time]), "rate").sort(time)
    order = frame.with_row_index("_row").sort(time).join_asof(known, on=time, strategy="backward")
    prices = [name for name in _PRICES if name in frame.columns]
    return order.sort("_row").with_columns(pl.col(prices) * pl.col("rate")).drop("_row", "rate")


def in_utc(frame: pl.DataFrame, zone: str | None = None, time: str = "time") -> pl.DataFrame:
    """Times as ns UTC; `zone` is that of times that have none.

    A wall time that the clock skipped or that came twice is null, for it says no moment.  Raises Setup for naive times without a zone.
    """
    kind = frame.schema[time]
    if isinstance(kind, pl.Datetime) and kind.time_zone is None:
        if zone is None:
            raise Setup("SF213", "the times have no zone", fix='say which: zone="America/New_York", or zone="UTC"')
        time_zone(zone)
        aware = pl.col(time).dt.replace_time_zone(zone, ambiguous="null", non_existent="null")
    else:
        aware = pl.col(time)
    return frame.with_columns(aware.dt.convert_time_zone("UTC").dt.cast_time_unit("ns"))


def returns(column: str = "close", *, over: str | Iterable[str] = "symbol", logarithmic: bool = False) -> pl.Expr:
    """Each row's return since the row before it of the same symbol; the first has none."""
    before = pl.col(column).shift(1).over(over)
    ratio = pl.col(column) / before
    return (ratio.log() if logarithmic else ratio - 1.0).alias("return")


def z_score(column: str, window: int, *, over: str | Iterable[str] = "symbol") -> pl.Expr:
    """How many standard deviations each row is above the mean of the `window` rows that end with it.

    Neither uses a later row.  The standard deviation divides by `window` (TA-Lib's STDDEV); null until there are `window` rows,
    and where nothing moved.
    """
    mean = pl.col(column).rolling_mean(window).over(over)
    deviation = pl.col(column).rolling_std(window, ddof=0).over(over)
    return pl.when(deviation > 0.0).then((pl.col(column) - mean) / deviation).alias(f"{column}_z_score")
