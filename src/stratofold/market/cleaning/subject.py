"""What is examined: a table of bars, trades or quotes, understood and not repaired.

What comes in: a polars frame, or whatever the data door reads, with columns under any usual name.
What goes out: a `Subject`: the table as it came, and beside it one row of plain columns for each of its rows, numbered, so
that every finding names the user's own row.
Why it is shaped so: the data door refuses the first thing that is wrong; an examination must see everything that is, so it
reads prices that are none and times that go backwards, and says what they are.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import polars as pl

from stratofold.errors import Setup
from stratofold.market import spelling
from stratofold.market.cleaning.companies import Companies, named
from stratofold.market.frames import UNNAMED
from stratofold.market.sessions import DAY_NS, EPOCH_ORDINAL, Calendar, calendar
from stratofold.market.tables import PolarsTable
from stratofold.market.times import read_times

if TYPE_CHECKING:
    from stratofold.market.cleaning.rules import Tolerance

BARS, TRADES, QUOTES = "bars", "trades", "quotes"
PRICES = {BARS: ("open", "high", "low", "close"), TRADES: ("price",), QUOTES: ("bid", "ask")}
SIZES = {BARS: ("volume",), TRADES: ("size",), QUOTES: ("bid_size", "ask_size")}
_COMMON = ("time", "symbol")
_SPELLINGS = {
    "price": ("price", "p", "px", "lastprice", "tradeprice", "last"),
    "size": ("size", "qty", "quantity", "amount", "volume", "v", "s", "tradesize"),
    "id": ("id", "tradeid", "i", "sequence"),
    "bid": ("bid", "bidprice", "bestbid", "bp", "b"),
    "ask": ("ask", "askprice", "offer", "bestask", "ap", "a"),
    "bid_size": ("bidsize", "bs", "bidqty", "bidvolume"),
    "ask_size": ("asksize", "as", "askqty", "askvolume", "offersize"),
    "venue": ("venue", "exchange", "ex", "x"),
    "flag": ("suspicious", "flag", "bad", "isbad", "badtick"),
    **{word: spellings for word, spellings in spelling.SPELLINGS.items() if word != "volume"},
    "volume": spelling.SPELLINGS["volume"],
}
_OPTIONAL = {BARS: (), TRADES: ("id", "venue", "flag"), QUOTES: ("venue", "flag")}
_TIMES_OF_OTHERS = ("eventms", "tradems", "recvns")  # stamps of a recorder, in their unit


@dataclass(frozen=True)
class Subject:
    """A table to examine.

    `frame` has a row for each row of `original`: `row`, `symbol`, `time` (ns UTC; a date is its midnight), the prices and
    sizes of its kind as floats, and what else the kind may have.  `is_daily` says that times are dates.
    """

    kind: str
    source: str
    original: pl.DataFrame
    frame: pl.DataFrame
    columns: dict[str, str]
    is_daily: bool
    calendar: Calendar
    tolerance: Tolerance
    companies: Companies | None = None
    splits: pl.DataFrame | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def prices(self) -> tuple[str, ...]:
        """The columns of prices."""
        return PRICES[self.kind]

    @property
    def sizes(self) -> tuple[str, ...]:
        """The columns of sizes that are there."""
        return tuple(name for name in SIZES[self.kind] if name in self.frame.columns)

    @property
    def venue(self) -> list[str]:
        """By what rows are told apart besides their symbol: two exchanges quote at once, and neither repeats the other."""
        return ["venue"] if "venue" in self.frame.columns else []

    @cached_property
    def span(self) -> int:
        """How long a bar lasts (ns): the most frequent gap; 0 without two bars."""
        gaps = self.ordered.select(gap=pl.col("time").diff().over("symbol")).filter(pl.col("gap") > 0)
        counted = gaps.group_by("gap").len().sort("len", "gap", descending=[True, False])
        return int(counted["gap"][0]) if len(counted) else 0

    @cached_property
    def ordered(self) -> pl.DataFrame:
        """Rows in order of symbol, time and row, each with the `company` that its symbol stood for."""
        ordered = self.frame.sort("symbol", "time", "row")
        return ordered if self.companies is None else named(ordered, self.companies)

    @cached_property
    def sound(self) -> pl.DataFrame:
        """What is left to compare neighbours in: ordered, one row a moment for bars, with prices that can be.

        `part` numbers the stretches of a symbol that are of one company, so that no rule looks across.
        """
        possible = pl.all_horizontal(pl.col(name).is_finite() & (pl.col(name) > 0.0) for name in self.prices)
        if self.kind == BARS:
            possible &= (pl.col("high") >= pl.col("low")).fill_null(value=False)
        elif self.kind == QUOTES:
            possible &= pl.col("ask") >= pl.col("bid")
        kept = self.ordered.filter(possible)
        if self.kind == BARS:
            kept = kept.unique(["symbol", "time"], keep="first", maintain_order=True)
        return kept.with_columns(part=self._begins_company().cast(pl.Int32).cum_sum().over("symbol"))

    @cached_property
    def present(self) -> pl.DataFrame:
        """Every moment that has a row, whatever its prices, each with its `part`."""
        there = self.ordered.unique(["symbol", "time"], keep="first", maintain_order=True)
        known = there.join(self.sound.select("row", "part"), "row", "left", maintain_order="left")
        return known.with_columns(pl.col("part").forward_fill().backward_fill().over("symbol"))

    def _begins_company(self) -> pl.Expr:
        """Where another company begins: by the map, where there is one, else after a gap that no company survives."""
        before = pl.col("time").shift(1).over("symbol")
        if self.companies is not None:
            return before.is_not_null() & pl.col("company").ne_missing(pl.col("company").shift(1).over("symbol"))
        if not self.is_daily or self.kind != BARS:
            return pl.col("time").is_null()  # never: nothing tells them apart
        days = (pl.col("time") - before) // DAY_NS
        jump = (pl.col("close") / pl.col("close").shift(1).over("symbol")).log().abs()
        bounds = self.tolerance
        reused = (days >= bounds.reuse_days) | ((days >= bounds.reuse_days_with_jump) & (jump >= bounds.reuse_jump))
        return reused.fill_null(value=False)


_OF_DEPTH = {"finalid", "firstid", "prevfinalid", "lastupdateid", "snapshot"}  # what only depth has


def kind_of(names: list[str]) -> str:
    """Bars, trades or quotes, by the columns; raises Setup where they are of none."""
    found = _recognised(names)
    if _OF_DEPTH & {spelling.plain(name) for name in names}:
        raise Setup(
            "SF640", "these are changes of depth, which have no neighbours to compare with",
            fix="read them: stratofold.read_ticks(depth=..., snapshot=...) joins them by their ids",
        )  # fmt: skip
    if "bid" in found and "ask" in found:
        return QUOTES
    if "close" in found and "price" not in {spelling.plain(name) for name in names}:
        return BARS
    if "price" in found:
        return TRADES
    raise Setup(
        "SF640",
        "neither bars, trades nor quotes",
        why=f"the columns are {', '.join(names)}",
        fix="name the columns open, high, low, close, volume, or price and size, or bid and ask",
    )


def _recognised(names: list[str]) -> dict[str, str]:
    """Our word to the table's own name."""
    by_plain: dict[str, str] = {}
    for name in names:
        by_plain.setdefault(spelling.plain(name), name)
    found = {}
    for word, spellings in _SPELLINGS.items():
        match = next((one for one in spellings if one in by_plain), None)
        if match is not None:
            found[word] = by_plain[match]
    return found


def understand(
    frame: pl.DataFrame,
    tolerance: Tolerance,
    *,
    source: str = "the frame",
    kind: str | None = None,
    timezone: str | None = None,
    calendar_name: str = "auto",
    companies: Companies | None = None,
    splits: pl.DataFrame | None = None,
) -> Subject:
    """A polars frame as a `Subject`.

    Raises Setup for columns that are of no kind, for a table without rows, and for times that cannot be read.
    """
    if len(frame) == 0:
        raise Setup("SF641", "the table is empty", place=source, fix="give at least one row")
    kind = kind or kind_of(frame.columns)
    if kind not in PRICES:
        raise Setup("SF642", f"the kind {kind!r} is not known", fix=f"use one of {', '.join(PRICES)}")
    columns = _columns(frame.columns, kind, source)
    notes: list[str] = []
    table = PolarsTable(frame, source)
    times = read_times(table.times(frame.columns.index(columns["time"])), source, timezone, notes)
    values = (times.values - EPOCH_ORDINAL) * DAY_NS if times.days else times.values
    symbol = pl.col(columns["symbol"]).cast(pl.String) if "symbol" in columns else pl.lit(UNNAMED)
    numbers = [pl.col(columns[word]).cast(pl.Float64, strict=False).alias(word) for word in columns if _is_number(word)]
    if kind == BARS and (absent := [word for word in PRICES[BARS] if word not in columns]):
        notes.append(f"{', '.join(absent)} taken as the close, which is all there is")
        numbers += [pl.col(columns["close"]).cast(pl.Float64, strict=False).alias(word) for word in absent]
    others = [pl.col(columns[word]).alias(word) for word in ("id", "venue", "flag") if word in columns]
    plain = frame.select(symbol.alias("symbol"), *numbers, *others).with_columns(time=pl.Series(values, dtype=pl.Int64))
    plain = plain.with_row_index("row")
    name = _calendar(plain, calendar_name, is_daily=times.days)
    return Subject(kind, source, frame, plain, columns, times.days, calendar(name), tolerance, companies, splits, notes)


def _is_number(word: str) -> bool:
    return any(word in names for names in (*PRICES.values(), *SIZES.values()))


def _columns(names: list[str], kind: str, source: str) -> dict[str, str]:
    """The columns that the kind has; raises Setup where one is missing that it needs."""
    found = _recognised(names)
    needed = ("time", "close") if kind == BARS else ("time", *PRICES[kind])
    missing = [word for word in needed if word not in found]
    if missing == ["time"] and (stamp := next((n for n in names if spelling.plain(n) in _TIMES_OF_OTHERS), None)):
        found["time"], missing = stamp, []
    if missing:
        raise spelling.missing_column(source, names, missing)
    wanted = (*_COMMON, *PRICES[kind], *SIZES[kind], *_OPTIONAL[kind])
    return {word: found[word] for word in wanted if word in found}


def _calendar(plain: pl.DataFrame, stated: str, *, is_daily: bool) -> str:
    """The calendar stated, or what the days and hours of the rows show."""
    if stated != "auto":
        return stated
    weekend = (pl.col("time") // DAY_NS + 3) % 7 >= 5  # 1970-01-01 was a Thursday
    night = (pl.col("time") % DAY_NS // _HOUR_NS).is_between(2, 7)
    length = pl.col("time").max() - pl.col("time").min()
    weekends, nights, lasted = plain.select(weekend=weekend.mean(), night=night.mean(), length=length).row(0)
    if weekends > _WEEKEND_SHARE_MIN:
        return "24/7"
    if is_daily or nights < _NIGHT_SHARE_MIN:
        return "XNYS"
    return "24/7" if lasted < 7 * DAY_NS else "24/5"


_WEEKEND_SHARE_MIN = 0.05
_NIGHT_SHARE_MIN = 0.02  # between 02:00 and 08:00 UTC no American stock trades
_HOUR_NS = 3_600_000_000_000
