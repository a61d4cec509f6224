"""The shipped sample: real bars for a first backtest, without a network.

What comes in: a name ("us14", "spy_minutes", "btcusd_minutes") or symbols of the daily set.
What goes out: `MarketData` with raw prices and, for the daily set, its splits and dividends.
Why it is shaped so: a first backtest should not wait for a table library to load, so each symbol is one small file of
compressed differences that NumPy undoes in two milliseconds; `scripts/build_sample.py` writes them, and SOURCES.md beside
them says where every figure is from.

The format: a line of JSON (symbol, kind, currency, rows, price and volume decimals, whether times are days or minutes, the
first of them), then a zlib stream of columns: time steps, closes less the close before, high less close, close less low, open
less close (int32, in steps of the last price decimal) and volumes (int64, in steps of the last volume decimal).
"""

from __future__ import annotations

import json
import zlib
from dataclasses import replace
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from stratofold.market.data import MarketData
from stratofold.market.instruments import Instrument
from stratofold.market.sessions import DAY_NS, MINUTE_NS, calendar
from stratofold.market.spelling import unknown_symbol

if TYPE_CHECKING:
    import numpy as np

    from stratofold.market.data import Ints, Moment

FOLDER = Path(__file__).parent / "samples"
DAILY = ("SPY", "QQQ", "IWM", "EEM", "USO", "BNO", "AAPL", "AIG", "BAC", "FB", "GOOG", "GOOGL", "IBM", "WM")
SETS = {"us14": DAILY, "spy_minutes": ("spy_minutes",), "btcusd_minutes": ("btcusd_minutes",)}


class _Stored(NamedTuple):
    """One file, undone: `time` is ordinals of days or nanoseconds UTC of closes."""

    instrument: Instrument
    days: bool
    time: Ints
    columns: dict[str, np.ndarray]


def sample(*names: str, start: Moment = None, end: Moment = None) -> MarketData:
    """The sample of a name, or of symbols of the daily set in the order given; everything daily without a name.

    Raises Setup, with the nearest name, for what is not shipped.
    """
    files = _files(names or ("us14",))
    market = _bars(files)
    return market if start is None and end is None else market.subset(None, start, end)


def _files(names: tuple[str, ...]) -> tuple[str, ...]:
    """The files a name or symbols stand for."""
    if len(names) == 1 and names[0] in SETS:
        return SETS[names[0]]
    for name in names:
        if name not in DAILY:
            raise unknown_symbol(name, (*DAILY, *SETS), "the sample")
    return tuple(dict.fromkeys(names))


@lru_cache(maxsize=16)
def _bars(files: tuple[str, ...]) -> MarketData:
    """Files as one `MarketData`; kept, because its columns cannot be written."""
    import numpy as np

    stored = [_load(name) for name in files]
    whole = calendar(stored[0].instrument.calendar or "XNYS")
    times = [_closes(one, whole) for one in stored]
    time = _joined(times)
    prices = [_joined([one.columns[name] for one in stored]) for name in ("open", "high", "low", "close", "volume")]
    symbol = np.zeros(1, np.int64)
    if len(stored) > 1:
        symbol = np.repeat(np.arange(len(stored)), [len(own) for own in times])
        order = np.lexsort((symbol, time))
        symbol, time, prices = symbol[order], time[order], [column[order] for column in prices]
    for column in (symbol, time, *prices):
        column.flags.writeable = False
    open_, high, low, close, volume = prices
    span = DAY_NS if stored[0].days else MINUTE_NS
    market = MarketData(
        tuple(one.instrument.symbol for one in stored),
        tuple(one.instrument for one in stored),
        time,
        symbol,
        open_,
        high,
        low,
        close,
        volume,
        span,
        whole.slice(int(time[0]) - span, int(time[-1])),
        notes=(f"sample {', '.join(files)}: raw prices; sources and licences in {FOLDER.name}/SOURCES.md",),
    )
    return _with_actions(market) if stored[0].days else market


def _joined(columns: list[np.ndarray]) -> np.ndarray:
    import numpy as np

    return columns[0] if len(columns) == 1 else np.concatenate(columns)


def _closes(stored: _Stored, whole: Any) -> Ints:
    """Nanoseconds of each bar's close."""
    import numpy as np

    if not stored.days:
        return stored.time
    days = np.frombuffer(whole.days, np.int64)
    return np.frombuffer(whole.closes, np.int64)[days.searchsorted(stored.time)]


def _load(name: str) -> _Stored:
    """One file."""
    return unpacked((FOLDER / f"{name}.bars").read_bytes())


def unpacked(content: bytes) -> _Stored:
    """The bars of one file's content; the inverse of `packed` in scripts/build_sample.py."""
    import numpy as np

    cut = content.index(b"\n") + 1
    head = json.loads(content[:cut])
    rows = head["rows"]
    body = zlib.decompress(content[cut:])
    steps = np.frombuffer(body, "<i4", 5 * rows).reshape(5, rows).astype(np.int64)
    volume = np.frombuffer(body, "<i8", rows, 20 * rows)
    time = head["first"] + np.cumsum(steps[0])
    close = np.cumsum(steps[1])
    scale = 10.0 ** head["price_decimals"]
    columns = {
        "open": (close + steps[4]) / scale,
        "high": (close + steps[2]) / scale,
        "low": (close - steps[3]) / scale,
        "close": close / scale,
        "volume": volume / 10.0 ** head["volume_decimals"],
    }
    facts = {name: head[name] for name in ("kind", "currency", "price_decimals", "calendar")}
    instrument = Instrument(head["symbol"], **facts)
    return _Stored(instrument, head["days"], time if head["days"] else time * MINUTE_NS, columns)


def _with_actions(market: MarketData) -> MarketData:
    """The splits and dividends of the symbols here, from the first bar on."""
    from stratofold.market.actions import KINDS, RawAction, build

    rows = []
    for line in (FOLDER / "us14_actions.csv").read_text().splitlines()[1:]:
        symbol, day, kind, value = line.split(",")
        if symbol in market.symbols:
            rows.append((symbol, RawAction(date.fromisoformat(day).toordinal(), KINDS[kind], float(value))))
    return replace(market, actions=build(market, rows))
