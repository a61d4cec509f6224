"""Files on their way into a catalogue: what kind of rows they hold, and those rows in our words.

What comes in: a path to files that polars reads, and what the user states of them.
What goes out: rows of series in their one form, and notes of what was understood.
Why it is shaped so: a file is taken as it is, mistakes included, because raw is what a later cleaning starts from; only
what a row *is* must be clear: its kind, its symbol, its moment.  Ticks are read lazily, so that text is parsed once, on all
cores, and only the columns that are wanted.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import polars as pl

from stratofold.errors import Setup
from stratofold.market import alternative
from stratofold.market.catalogue.kinds import (
    ACTIONS,
    BARS,
    DEPTH,
    KINDS,
    NAMES,
    OBSERVATIONS,
    QUOTES,
    TRADES,
    kind_of,
    polars_schema,
)
from stratofold.market.catalogue.layout import series_of, span_text
from stratofold.market.catalogue.moments import PROBE, time_expression
from stratofold.market.catalogue.numbers import numbers_in
from stratofold.market.catalogue.rows import normal
from stratofold.market.files import lazy_frames, reading
from stratofold.market.frames import closed_parts
from stratofold.market.sentiment import score
from stratofold.market.sessions import DAY_NS
from stratofold.market.spelling import plain

if TYPE_CHECKING:
    from stratofold.market.catalogue.append import Rows

# What columns are called elsewhere, compared in lower case without punctuation, in order of preference.
SPELLINGS = {
    "time": ("time", "timestamp", "ts", "datetime", "tsevent", "tradems", "eventms", "eventtime", "date", "t", "transacttime", "siptimestamp",
             "participanttimestamp", "recvns", "tsrecv"),
    "symbol": ("symbol", "ticker", "sym", "instrument", "productid"),
    "price": ("price", "px", "p", "tradeprice"),
    "size": ("size", "qty", "quantity", "volume", "amount", "s", "tradesize"),
    "aggressor": ("aggressor", "side", "buyerismaker", "isbuyermaker", "takerside"),
    "id": ("id", "tradeid", "updateid", "aggtradeid", "i"),
    "exchange": ("exchange", "venue", "x"),
    "condition": ("condition", "conditions"),
    "suspicious": ("suspicious",),
    "received_ns": ("receivedns", "recvns", "tsrecv", "receivetime"),
    "bid": ("bid", "bidprice", "bp", "bestbid"),
    "bid_size": ("bidsize", "bidqty", "bs", "bidvolume"),
    "ask": ("ask", "askprice", "ap", "offer", "bestask"),
    "ask_size": ("asksize", "askqty", "as", "askvolume"),
    "side": ("side",),
    "snapshot": ("snapshot", "issnapshot"),
    "first_id": ("firstid", "firstupdateid"),
    "final_id": ("finalid", "lastid", "lastupdateid"),
    "prev_final_id": ("prevfinalid", "previousfinalid"),
    "series": ("series", "name", "indicator", "seriesid", "concept", "tag"),
    "about": ("about", "period", "observationdate", "reportdate", "periodend", "end"),
    "value": ("value", "amount", "ratio"),
    "text": ("text", "headline", "title"),
    "action": ("action", "kind", "type"),
}  # fmt: skip
_SIDES = {
    spelt: number
    for number, words in ((1, ("buy", "bid", "b", "buyer")), (-1, ("sell", "ask", "offer", "s", "a", "seller")))
    for word in words
    for spelt in (word, word.upper(), word.capitalize())
}
_SIDED = ("aggressor", "side")
# When an observation became known; a mere date or period says what it is about, and nobody knew it then.
_KNOWN = ("known", "knownat", "published", "publishedat", "released", "releasedate", "realtimestart", "createdat", "filed",
          "acceptancedatetime")  # fmt: skip
FEEDS = (".json", ".xml", ".rss", ".atom")
# Bars of quotes, as some vendors give them: the last quote of each is a quote, known when the bar is complete.
_QUOTE_BARS = {"bid": "bidclose", "ask": "askclose"}
_BUYER_IS_MAKER = ("buyerismaker", "isbuyermaker")


class Stated(NamedTuple):
    """What a user says of files, beyond what they say themselves."""

    source: str
    kind: str | None = None
    symbol: str | None = None
    span: str | None = None
    calendar: str = "auto"
    stamped: str = "auto"
    timezone: str | None = None
    series: str | None = None


def rows_of(path: Path, stated: Stated, notes: list[str]) -> list[Rows]:
    """The rows of a file or a folder of files; raises Setup where it is not clear what they are."""
    if stated.kind is not None:
        kind_of(stated.kind)
    if path.suffix.lower() in FEEDS:
        return observations_of(said_in(path, stated).lazy(), str(path), path.stem, stated._replace(series=None), notes)
    tables = [(source, stem, frame, _kind_of(source, frame, stated)) for source, stem, frame in lazy_frames(path)]
    batch: list[Rows] = []
    files = [Path(source) for source, *_, kind in tables if kind == BARS]
    for file in [path] if files and len(files) == len(tables) else files:
        batch += bars_of(file, stated, notes)
    for source, stem, frame, kind in tables:
        if kind == BARS:
            continue
        with reading(source):
            if kind in ("factors", NAMES):
                from stratofold.market.catalogue import reference

                batch += reference.rows_of(kind, frame.collect(), source, stated)
            elif kind == QUOTES and _is_quote_bars(frame):
                batch += quotes_of_bars(frame, source, stem, stated, notes)
            else:
                batch += ticks_of(frame, kind, source, stem, stated, notes)
    return _joined(batch)


def _kind_of(source: str, frame: pl.LazyFrame, stated: Stated) -> str:
    """What a table holds, by what its columns are called."""
    names = frame.collect_schema().names()
    if {"pricefactor", "splitfactor"} <= {plain(name) for name in names}:
        return "factors"
    if {"mapfile", "ticker"} & {plain(name) for name in names} and {"lastday", "mapfile"} & {
        plain(name) for name in names
    }:
        return NAMES
    return stated.kind or kind_by_columns(source, names)


def kind_by_columns(source: str, names: list[str]) -> str:
    """The kind of a table by its columns; raises Setup SFC14 where none or nothing fits."""
    has = found_columns(names)
    plain_names = {plain(name) for name in names}
    if plain_names >= set(_QUOTE_BARS.values()):
        return QUOTES
    if {"close", "c", "adjclose"} & plain_names and (
        {"open", "o"} & plain_names or not {"price", "bid", "value"} & set(has)
    ):
        return BARS  # closes alone are none, which the door says with what to do about it
    for kind, needed in (
        (QUOTES, {"bid", "ask"}), (DEPTH, {"side", "price", "size", "final_id"}), (DEPTH, {"side", "price", "size", "snapshot"}),
        (TRADES, {"price", "size"}), (OBSERVATIONS, {"series", "value"}), (ACTIONS, {"action", "value", "symbol"}),
    ):  # fmt: skip
        if needed <= set(has):
            return kind
    if "text" in has and plain_names & set(_KNOWN):
        return OBSERVATIONS
    raise Setup(
        "SFC14", "it is not clear what these rows are", place=source, why=f"the columns are {', '.join(names)}",
        fix=f"say it: --kind {', '.join(KINDS)}, or rename the columns",
    )  # fmt: skip


def found_columns(names: list[str]) -> dict[str, str]:
    """Our word to the column that carries it."""
    by_plain: dict[str, str] = {}
    for name in names:
        by_plain.setdefault(plain(name), name)
    found = {}
    for word, spellings in SPELLINGS.items():
        spelt = next((by_plain[spelling] for spelling in spellings if spelling in by_plain), None)
        if spelt is not None:
            found[word] = spelt
    return found


def bars_of(path: Path, stated: Stated, notes: list[str]) -> list[Rows]:
    """Bars through the door: their times as closes, everything else as it is."""
    wanted = None if stated.symbol is None else (stated.symbol,)
    parts, _, closed = closed_parts(
        path,
        wanted,
        notes,
        {},
        calendar=stated.calendar,
        span=stated.span,
        stamped=stated.stamped,
        timezone=stated.timezone,
    )
    span = span_text(closed.span_ns)
    batch: list[Rows] = []
    for part, time in zip(parts, closed.times, strict=True):
        columns = dict(zip(("open", "high", "low", "close", "volume"), part.columns, strict=True))
        for number, symbol in enumerate(part.symbols):
            rows = slice(None) if len(part.symbols) == 1 else np.flatnonzero(part.code == number)
            frame = pl.DataFrame({"time": time[rows], **{name: column[rows] for name, column in columns.items()}})
            batch.append(
                (series_of(BARS, stated.source, symbol, span), normal(BARS, frame, part.source), closed.calendar.name)
            )
    return batch


def _is_quote_bars(frame: pl.LazyFrame) -> bool:
    return {plain(name) for name in frame.collect_schema().names()} >= set(_QUOTE_BARS.values())


def quotes_of_bars(frame: pl.LazyFrame, source: str, stem: str, stated: Stated, notes: list[str]) -> list[Rows]:
    """The last quote of each bar, at the bar's close; their other quotes have no times, and are left out."""
    whole = frame.collect()
    by_plain, has = {plain(name): name for name in reversed(whole.columns)}, found_columns(whole.columns)
    last = pl.col(by_plain["bidclose"])
    symbol = pl.col(has["symbol"]) if "symbol" in has and not stated.symbol else pl.lit(stated.symbol or stem)
    clock = whole.select(
        pl.col(time_column(frame, whole.columns)).alias("time"), symbol.alias("symbol"),
        *(last.alias(name) for name in ("open", "high", "low", "close")), volume=0.0,
    )  # fmt: skip
    ((part,), _, closed) = closed_parts(
        clock,
        None,
        notes,
        {},
        calendar=stated.calendar,
        span=stated.span,
        stamped=stated.stamped,
        timezone=stated.timezone,
    )
    notes.append("bars of quotes: the last quote of each is kept, known at the bar's close")
    wanted = {word: by_plain[spelt] for word, spelt in _QUOTE_BARS.items()}
    wanted |= {word: has[word] for word in ("bid_size", "ask_size") if word in has}
    quotes = whole.select(pl.col(name).alias(word) for word, name in wanted.items()).with_columns(time=closed.times[0])
    code = np.broadcast_to(part.code, len(whole))
    return [
        (series_of(QUOTES, stated.source, name), normal(QUOTES, quotes.filter(code == number), source), "")
        for number, name in enumerate(part.symbols)
    ]


def ticks_of(frame: pl.LazyFrame, kind: str, source: str, stem: str, stated: Stated, notes: list[str]) -> list[Rows]:
    """Rows of any other kind, by symbol."""
    schema = frame.collect_schema()
    has = found_columns(schema.names())
    if kind == OBSERVATIONS:
        return observations_of(frame, source, stem, stated, notes)
    if "time" not in has:
        raise Setup(
            "SFC08",
            "there is no column time",
            place=source,
            why=f"the columns are {', '.join(schema.names())}",
            fix="rename the column of times",
        )
    beginning = frame.head(PROBE).collect()
    if not len(beginning):
        raise Setup("SFC15", "there are no rows", place=source, fix="check the file")
    time = time_column(beginning.lazy(), schema.names())
    words = [word for word in list(polars_schema(kind))[2:] if word in has]
    by_column = stated.symbol is None and "symbol" in has
    used = [time, *(has[word] for word in [*words, *(["symbol"] if by_column else [])])]
    columns = [time_expression(beginning.lazy(), time, source, stated.timezone)]
    quick = numbers_in(
        Path(source), schema, used, {has[word]: _sides(beginning[has[word]]) for word in _SIDED if word in words}
    )
    if quick is not None:
        frame, schema = quick.lazy(), quick.schema
    columns += [_translated(word, has[word], schema[has[word]]).alias(word) for word in words]
    if (
        kind == DEPTH and "snapshot" not in has
    ):  # a book as it stands has one id, a change of it the range that it spans
        columns.append(pl.lit("first_id" not in has and "final_id" in has).alias("snapshot"))
    if by_column:
        columns.append(pl.col(has["symbol"]).cast(pl.String).alias("symbol"))
    try:
        whole = frame.select(columns).collect()
    except pl.exceptions.PolarsError as error:
        raise _unread(kind, source, str(error).partition("\n")[0]) from None
    parts: dict[str, Any] = {stated.symbol or stem: whole}
    if by_column:
        parts = {
            str(key[0]): part
            for key, part in whole.partition_by("symbol", as_dict=True, include_key=False, maintain_order=True).items()
        }
    return [(series_of(kind, stated.source, name), normal(kind, part, source), "") for name, part in parts.items()]


def _unread(kind: str, source: str, why: str) -> Setup:
    """The error for rows that polars does not read as they were understood."""
    if "in time zone" in why:  # an hour that a clock change repeats or skips
        what = "a time happens twice or never in its zone"
        return Setup("SF217", what, place=source, why=why.partition(". ")[0], fix="give the times in UTC")
    return Setup(
        "SFC08", f"the rows cannot be read as {kind}", place=source, why=why,
        fix="correct the file, or say what it holds: --kind",
    )  # fmt: skip


def said_in(path: Path, stated: Stated) -> pl.DataFrame:
    """The observations in a feed, an answer or a table of JSON; raises Setup SF223 without the file, SF656 for anything else.

    Headlines and posts are scored by the shipped lexicon; a series is named by `series`, or after the file.
    """
    if not path.is_file():
        raise Setup(
            "SF223", "no such file", place=str(path), fix="check the path; it is relative to the current folder"
        )
    return alternative.said(path.read_bytes(), stated.series or path.stem, stated.symbol or "")


def observations_of(frame: pl.LazyFrame, source: str, stem: str, stated: Stated, notes: list[str]) -> list[Rows]:
    """Observations by symbol; what is about none lies under the name of its series.

    Where the column of knowing has dates, each counts from the evening: nobody knew it at that day's midnight.
    Raises Setup SF653 where no column says when they were known, SFC08 where there is neither value nor text.
    """
    names = frame.collect_schema().names()
    has, by_plain = found_columns(names), {plain(name): name for name in reversed(names)}
    known = next((by_plain[spelling] for spelling in _KNOWN if spelling in by_plain), None)
    if known is None and "about" in has:
        known = by_plain.get("time")  # as a catalogue itself writes it
    if known is None:
        raise Setup(
            "SF653", "the table does not say when its values were known", place=source, why=f"the columns are {', '.join(names)}",
            fix="name that column `known`: a date of the period that a figure is about is earlier than anybody knew it",
        )  # fmt: skip
    if not {"value", "text"} & set(has):
        what = "there is no column value, and no text to be scored"
        raise Setup(
            "SFC08", what, place=source, why=f"the columns are {', '.join(names)}", fix="rename the column of values"
        )
    about = next((name for name in (has.get("about"), by_plain.get("date")) if name not in (None, known)), None)
    series = pl.lit(stated.series or stem)
    if not stated.series and "series" in has:
        series = pl.col(has["series"]).cast(pl.String)
    columns = [time_expression(frame, known, source, stated.timezone), series.alias("series"), _value_of(has)]
    if about is not None:
        moment = time_expression(frame, about, source, stated.timezone)
        columns.append((moment // 1000).cast(pl.Datetime("us")).dt.replace_time_zone("UTC").alias("about"))
    if "text" in has:
        columns.append(pl.col(has["text"]).alias("text"))
    told = (
        pl.lit(stated.symbol)
        if stated.symbol
        else pl.col(has["symbol"]).cast(pl.String)
        if "symbol" in has
        else pl.lit("")
    )
    columns.append(pl.when(told.fill_null("") == "").then(series).otherwise(told).alias("symbol"))
    whole = frame.select(columns).collect()
    if len(whole) and (whole["time"] % DAY_NS == 0).all():
        notes.append(f"observations are known on dates: each counts from {alternative.CLOSE_OF_DAY_HOUR}:00 UTC")
        whole = whole.with_columns(pl.col("time") + alternative.CLOSE_OF_DAY_HOUR * 3_600_000_000_000)
    parts = whole.partition_by("symbol", as_dict=True, include_key=False, maintain_order=True)
    return [
        (series_of(OBSERVATIONS, stated.source, str(key[0])), normal(OBSERVATIONS, part, source), "")
        for key, part in parts.items()
    ]


def _value_of(has: dict[str, str]) -> pl.Expr:
    """The values, or the scores of what is written where there are none."""
    if "value" in has:
        return pl.col(has["value"]).alias("value")
    texts = pl.col(has["text"]).cast(pl.String)
    return texts.map_elements(score, return_dtype=pl.Float64).alias("value")


def time_column(frame: pl.LazyFrame, names: list[str]) -> str:
    """The column of times; a vendor that does not say a moment writes 0 in its column, and then another one is meant."""
    by_plain = {plain(name): name for name in reversed(names)}
    spelt = [by_plain[spelling] for spelling in SPELLINGS["time"] if spelling in by_plain]
    if len(spelt) > 1:
        some = frame.select(spelt).head(1).collect()
        said = [
            name for name in spelt if not some.schema[name].is_numeric() or (len(some) and (some[name][0] or 0) > 0)
        ]
        return (said or spelt)[0]
    return spelt[0]


def _sides(some: pl.Series) -> dict[str, int]:
    """Every word for a side, those of `some` first."""
    seen = dict.fromkeys(some.unique(maintain_order=True)) if some.dtype == pl.String else {}
    return {word: _SIDES[word] for word in seen if word in _SIDES} | _SIDES


def _translated(word: str, name: str, stored: pl.DataType) -> pl.Expr:
    """A column's values in our terms: 1 for a buyer or a bid, -1 for a seller or an offer."""
    column = pl.col(name)
    if word in _SIDED:
        if plain(name) in _BUYER_IS_MAKER:
            return pl.when(column).then(-1).otherwise(1)
        if stored == pl.String:
            return column.replace_strict(_SIDES, default=0, return_dtype=pl.Int8)
    if word == "suspicious":
        return column.cast(pl.Boolean)
    return column


def _joined(batch: list[Rows]) -> list[Rows]:
    """One entry a series."""
    by_series: dict[Any, list[Rows]] = {}
    for one in batch:
        by_series.setdefault(one[0], []).append(one)
    joined: list[Rows] = []
    for series, parts in by_series.items():
        frame = (
            parts[0][1]
            if len(parts) == 1
            else normal(series.kind, pl.concat([part for _, part, _ in parts]), str(series))
        )
        joined.append((series, frame, parts[0][2]))
    return joined
