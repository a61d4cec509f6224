"""A catalogue: market data by kind, source, symbol and time, raw, with what is needed to read them as of a day.

What comes in: a shelf of files; a choice of source, span and way of adjusting; symbols and a range.
What goes out: `MarketData` for a backtest, frames for everything else, and the hashes of the bytes they were read from.
Why it is shaped so: a catalogue that is open stays as it was when it was opened, whoever writes meanwhile, so that one
question has one answer; `at` opens an earlier state by its hash.  Bars come out of a cache of decoded columns.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import replace as dataclass_replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from stratofold.errors import Retry, Setup
from stratofold.market.catalogue import adjust as adjusting
from stratofold.market.catalogue.choice import chosen_series, missing
from stratofold.market.catalogue.kinds import ACTIONS, BARS, DEPTH, NAMES, OBSERVATIONS, QUOTES, TRADES, kind_of
from stratofold.market.catalogue.layout import Series, series_of, span_ns, span_text
from stratofold.market.catalogue.manifest import File, Manifest, damaged, decode, earlier
from stratofold.market.catalogue.names import Names, Stretch, history, names_of
from stratofold.market.data import MarketData, time_bounds

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date
    from pathlib import Path

    import polars as pl

    from stratofold.adapters.ports import Shelf
    from stratofold.market.catalogue.append import Receipt, Rows
    from stratofold.market.catalogue.intake import Stated
    from stratofold.market.data import Actions, Moment
    from stratofold.market.instruments import Instrument
    from stratofold.market.tick_data import TickData


TICKS = (QUOTES, TRADES, DEPTH)
_LOOKS = 5  # a file is put aside once


class Holding(NamedTuple):
    """What a catalogue has of one series: files, rows, bytes, and the times (ns UTC) of its first and last row."""

    series: Series
    files: int
    rows: int
    bytes: int
    first: int
    last: int
    calendar: str


class Catalogue:
    """See `ports.Catalogue`: what `stratofold.catalogue(folder)` opens, and `choose` narrows."""

    def __init__(
        self,
        shelf: Shelf,
        *,
        source: str | None = None,
        span: str | None = None,
        adjust: str = adjusting.RAW,
        as_of: date | None = None,
        at: str | None = None,
        instruments: Mapping[str, Instrument] | None = None,
    ) -> None:
        """Open it as it stands, or as it stood `at` a hash; raises Setup SFC13 for a hash it never had, Stop SFC04."""
        self.shelf = shelf
        self.source, self.span, self.as_of = source, span, as_of
        self.adjust = adjusting.check(adjust)
        self.instruments = dict(instruments or {})
        self.at = at
        self.refresh()

    def __repr__(self) -> str:
        """Where it is, what was chosen of it, and its state."""
        chosen = ", ".join(str(one) for one in (self.source, self.span, self.adjust, self.as_of) if one is not None)
        return f"Catalogue({self.shelf.place}, {chosen}, {self.hash[:12]})"

    def refresh(self) -> None:
        """Look at the catalogue as it stands now."""
        text = self.shelf.read()
        self.manifest, self.hash = Manifest(), ""
        if text is not None:
            self.manifest, self.hash = decode(text, self.shelf.place), hashlib.sha256(text).hexdigest()
        if self.at is not None:
            self._go_back(self.at)
        for name in ("_files_of", "_series", "_names"):
            self.__dict__.pop(name, None)

    def _go_back(self, at: str) -> None:
        found = earlier(self.manifest, at, self.shelf.change) if at else None
        if found is None:
            raise Setup(
                "SFC13", f"the catalogue never had the hash {at!r}", place=self.shelf.place,
                fix="give the hash that a result names, or its first letters",
            )  # fmt: skip
        self.manifest, self.hash = found, found.hash

    def choose(self, **choice: Any) -> Self:
        """The same state with another `source`, `span`, `adjust`, `as_of` or `instruments`."""
        stated = {name: getattr(self, name) for name in ("source", "span", "adjust", "as_of", "instruments")}
        other = type(self)(self.shelf, **{**stated, **choice, "at": self.at})
        other.manifest, other.hash = self.manifest, self.hash
        return other

    # What there is.

    @cached_property
    def _files_of(self) -> dict[Series, dict[str, File]]:
        return self.manifest.by_series()

    @cached_property
    def _series(self) -> list[Series]:
        return list(self._files_of)

    def holdings(self, kind: str | None = None) -> list[Holding]:
        """Every series there is, or those of a kind, in order."""
        if kind is not None:
            kind_of(kind)
        return [self._holding(series) for series in self._series if kind in (None, series.kind)]

    def _holding(self, series: Series) -> Holding:
        files = list(self._files_of[series].values())
        return Holding(
            series, len(files), sum(file.rows for file in files), sum(file.bytes for file in files),
            min(file.first for file in files), max(file.last for file in files), files[-1].calendar,
        )  # fmt: skip

    def symbols(self) -> tuple[str, ...]:
        """Every symbol with bars of the chosen source and span, in order."""
        _, _, found = chosen_series(self._series, BARS, self.source, self.span, self.shelf.place)
        return tuple(sorted(found))

    def damaged(self) -> list[str]:
        """The files whose bytes are not those that the manifest names; each is read whole."""
        found = []
        for path, file in self.manifest.files.items():
            with open(self.shelf.path(path), "rb") as opened:  # noqa: PTH123 - the shelf's paths are text
                if hashlib.file_digest(opened, "sha256").hexdigest() != file.sha256:
                    found.append(path)
        return found

    # Bars.

    def bars(self, symbols: Iterable[str] | str | None = None, start: Moment = None, end: Moment = None) -> MarketData:
        """See `ports.Catalogue`; raw prices come with their actions as events, adjusted ones without.

        Raises Setup SFC11 where more than one source or span would answer, SF209 for a symbol that is not there.
        """
        from stratofold.market.catalogue.columns import kept

        source, span, there = chosen_series(self._series, BARS, self.source, self.span, self.shelf.place)
        wanted = self._wanted(symbols, there)
        parts = {symbol: self._parts(symbol, there) for symbol in wanted}
        files = [path for symbol in wanted for path in self._paths(parts[symbol])]
        tickers = {series.symbol for symbol in wanted for series, _ in parts[symbol]}
        own = (series for series in self._series if series.kind == ACTIONS and series.symbol in tickers)
        files += [path for series in own for path in self._files_of[series]]
        stated = (repr(parts), self.adjust, str(self.as_of), repr(sorted(self.instruments.items())))
        market = kept(
            self.shelf.cache(),
            (source, span, *wanted, *stated),
            files,
            lambda: self._built(source, span, wanted, parts),
        )
        market = dataclass_replace(market, provenance=self._provenance(files))
        return market if start is None and end is None else market.subset(None, start, end)

    def observed(
        self, market: MarketData, names: Iterable[str], start: Moment = None, end: Moment = None
    ) -> MarketData:
        """`market` with those series of observations that the catalogue has, of its symbols or of none, from any source.

        A row without a number is none that a strategy hears.  Raises Setup SFC26 where two sources have the same series.
        """
        from stratofold.market.catalogue.decode import observation_rows
        from stratofold.market.observations import with_observations

        wanted, (low, high) = tuple(names), time_bounds(start, end)
        own = [one for one in self._series if one.kind == OBSERVATIONS and one.symbol in (*market.symbols, *wanted)]
        parts = {one: self._frame_of(one, low, high) for one in own}
        rows, found = observation_rows(parts, wanted, market.symbols, self.shelf.place)
        if not found:
            return market
        digest = self._provenance(path for one in own for path in self._files(one, low, high))[1][1]
        provenance = (*market.provenance, ("catalogue observations", digest))
        return dataclass_replace(with_observations(market, rows, found), provenance=provenance)

    def actions(self, symbols: Iterable[str] | str | None = None, start: Moment = None, end: Moment = None) -> Actions:
        """See `ports.Catalogue`."""
        return self.choose(adjust=adjusting.RAW).bars(symbols, start, end).actions

    def _wanted(self, symbols: Iterable[str] | str | None, there: Mapping[str, Series]) -> tuple[str, ...]:
        wanted = tuple(sorted(there)) if symbols is None else (symbols,) if isinstance(symbols, str) else tuple(symbols)
        for symbol in wanted:
            if not any(stretch.ticker in there for stretch in self._history(symbol, there)):
                raise missing(symbol, there, self.shelf.place)
        return wanted

    def _history(self, symbol: str, there: Mapping[str, Series]) -> list[Stretch]:
        day = None if self.as_of is None else self.as_of.toordinal()
        return history(self._names, symbol, day, there.__contains__)

    def _parts(self, symbol: str, there: Mapping[str, Series]) -> list[tuple[Series, Stretch]]:
        """The series and stretches of time that make up a symbol's history."""
        return [(there[one.ticker], one) for one in self._history(symbol, there) if one.ticker in there]

    def _paths(self, parts: Iterable[tuple[Series, Stretch]]) -> list[str]:
        return [path for series, stretch in parts for path in self._files(series, *stretch.bounds_ns)]

    @cached_property
    def _names(self) -> Names:
        from stratofold.market.catalogue.columns import kept_names

        series = [one for one in self._series if one.kind == NAMES]
        if not series:
            return {}
        files = [path for one in series for path in self._files_of[one]]
        return kept_names(
            self.shelf.cache(), files, lambda: names_of({one.symbol: self._frame_of(one, None, None) for one in series})
        )

    def _built(
        self, source: str, span: str, wanted: tuple[str, ...], parts: Mapping[str, list[tuple[Series, Stretch]]]
    ) -> MarketData:
        """Bars decoded, checked and merged, with their actions or adjusted by them."""
        from stratofold.market.catalogue.decode import decoded

        frames = {
            symbol: [self._frame_of(series, *stretch.bounds_ns) for series, stretch in parts[symbol]]
            for symbol in wanted
        }
        calendars = {self._holding(series).calendar for symbol in wanted for series, _ in parts[symbol]}
        place = f"{self.shelf.place}: {source} {span}"
        actions = {symbol: self._actions_of(parts[symbol]) for symbol in wanted}
        return decoded(
            frames, actions, span_ns=span_ns(span), calendars=calendars, place=place, known=self.instruments,
            adjust=self.adjust, as_of=self.as_of,
        )  # fmt: skip

    def _actions_of(self, parts: Iterable[tuple[Series, Stretch]]) -> list[Any]:
        """Frames of the actions of a symbol's history: of its bars' own source, else of any."""
        found = []
        for bars, stretch in parts:
            own = [one for one in self._series if one.kind == ACTIONS and one.symbol == bars.symbol]
            same = [one for one in own if one.source == bars.source] or own[:1]
            found += [self._frame_of(one, *stretch.bounds_ns) for one in same]
        return found

    def _provenance(self, files: Iterable[str]) -> tuple[tuple[str, str], ...]:
        """What a result says of the bytes it saw: the catalogue's state, and the hash over those of the files read."""
        hashes = "\n".join(f"{self.manifest.files[path].sha256} {path}" for path in sorted(set(files)))
        return ("catalogue", self.hash), ("catalogue files", hashlib.sha256(hashes.encode()).hexdigest())

    # Everything else.

    def files(
        self, kind: str, symbols: Iterable[str] | str | None = None, start: Moment = None, end: Moment = None
    ) -> list[str]:
        """The files that can hold rows of a kind in a range, as paths on this machine."""
        low, high = time_bounds(start, end)
        return [self.shelf.path(path) for series in self._of(kind, symbols) for path in self._files(series, low, high)]

    def frame(
        self, kind: str, symbols: Iterable[str] | str | None = None, start: Moment = None, end: Moment = None
    ) -> pl.DataFrame:
        """The rows of a kind over a range as they are kept, raw, with their symbol; sorted by time.

        Raises Setup SFC11 where more than one source or span would answer, SF209 for a symbol that is not there.
        """
        import polars as pl

        low, high = time_bounds(start, end)
        found = [
            self._frame_of(series, low, high).with_columns(pl.lit(series.symbol).alias("symbol"))
            for series in self._of(kind, symbols)
        ]
        whole = pl.concat(found)
        return whole if len(found) == 1 else whole.sort("time", "nanos", maintain_order=True)

    def ticks(
        self,
        symbols: Iterable[str] | str | None = None,
        start: Moment = None,
        end: Moment = None,
        *,
        kinds: Iterable[str] = TICKS,
    ) -> TickData:
        """Quotes, trades and depth, of those `kinds` that the catalogue has, for a backtest of a strategy that hears them.

        A row's time is when it was received, where that is known of a whole kind, else the venue's.  Raises as `frame` does.
        """
        from stratofold.market.catalogue.decode import tick_frames
        from stratofold.market.tick_frames import read_ticks

        asked = tuple(kinds)
        there = [kind for kind in asked if any(one.kind == kind for one in self._series)] or asked[:1]
        wanted = (symbols,) if isinstance(symbols, str) else None if symbols is None else tuple(symbols)
        frames: dict[str, Any] = tick_frames({kind: self.frame(kind, wanted, start, end) for kind in there})
        low, high = time_bounds(start, end)
        files = [path for kind in there for series in self._of(kind, wanted) for path in self._files(series, low, high)]
        found = read_ticks(**frames, symbols=wanted, instruments=self.instruments or None)
        return dataclass_replace(found, provenance=self._provenance(files))

    def _of(self, kind: str, symbols: Iterable[str] | str | None) -> list[Series]:
        _, _, there = chosen_series(self._series, kind, self.source, self.span, self.shelf.place)
        wanted = sorted(there) if symbols is None else [symbols] if isinstance(symbols, str) else list(symbols)
        for symbol in wanted:
            if symbol not in there:
                raise missing(symbol, there, self.shelf.place)
        return [there[symbol] for symbol in wanted]

    def _files(self, series: Series, low: int | None, high: int | None) -> list[str]:
        """The files of a series that can hold rows of low <= time < high."""
        return [
            path
            for path, file in self._files_of[series].items()
            if (low is None or file.last >= low) and (high is None or file.first < high)
        ]

    def _frame_of(self, series: Series, low: int | None, high: int | None) -> pl.DataFrame:
        """The rows of one series in their order."""
        import polars as pl

        from stratofold.market.catalogue.kinds import polars_schema
        from stratofold.market.catalogue.rows import between

        paths = self._files(series, low, high)
        if not paths:
            return pl.DataFrame(schema=polars_schema(series.kind))
        for _ in range(_LOOKS):
            with suppress(FileNotFoundError):  # put aside by a writer between asking where it is and reading it
                frames = [pl.scan_parquet(self.shelf.path(path), glob=False, hive_partitioning=False) for path in paths]
                return self._collected(pl.concat(frames).filter(*between(low, high)))
        raise Retry(
            "SFC06", "other writers of the catalogue were quicker each time", place=self.shelf.place, fix="run it again"
        )

    def _collected(self, frame: pl.LazyFrame) -> pl.DataFrame:
        """The rows; raises Stop SFC27 for a file that is damaged, FileNotFoundError for one that is gone."""
        import polars as pl

        try:
            return frame.collect()
        except FileNotFoundError:
            raise
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
            raise damaged(self.shelf.place, error) from error

    # Writing.

    def append(
        self,
        kind: str,
        frame: pl.DataFrame,
        source: str,
        *,
        symbol: str | None = None,
        span: str = "",
        calendar: str = "",
        replace: bool = False,
    ) -> Receipt:
        """Put rows of one kind into the catalogue, all or none; without `symbol` a column says it.

        `frame` has the columns of the kind and `time`, as aware datetimes or nanoseconds UTC.  Rows that are there already
        are left out.  Raises Setup SFC07 for contradictions (unless `replace`), SFC08 for what does not fit, Stop SFC05.
        """
        parts = {symbol: frame} if symbol is not None else _by_symbol(frame)
        return self._append(_normal(kind, source, parts, span, calendar), replace=replace)

    def add(self, market: MarketData, source: str, *, replace: bool = False) -> Receipt:
        """Put the bars and the actions of `MarketData` into the catalogue, in one change."""
        from stratofold.market.catalogue.decode import action_frame, bar_frame

        span, calendar = span_text(market.span_ns), market.calendar.name
        batch = _normal(BARS, source, _by_symbol(bar_frame(market)), span, calendar)
        batch += _normal(ACTIONS, source, _by_symbol(action_frame(market)), "", "")
        return self._append(batch, replace=replace)

    def take(self, path: Path, stated: Stated, *, replace: bool = False) -> Receipt:
        """Put the rows of a file, or of a folder of files, into the catalogue, in one change; see `intake.rows_of`."""
        from stratofold.market.catalogue.intake import rows_of

        notes: list[str] = []
        receipt = self._append(rows_of(path, stated, notes), replace=replace)
        receipt.notes += notes
        return receipt

    def _append(self, batch: list[Rows], *, replace: bool) -> Receipt:
        from stratofold.market.catalogue.append import append

        receipt = append(self.shelf, batch, replace=replace)
        self.at = None
        self.refresh()
        return receipt


def _normal(kind: str, source: str, parts: Mapping[str, pl.DataFrame], span: str, calendar: str) -> list[Rows]:
    """Rows of each symbol in their one form."""
    from stratofold.market.catalogue.rows import normal

    return [
        (series_of(kind, source, name, span), normal(kind, part, f"{source} {kind} of {name}"), calendar)
        for name, part in parts.items()
        if len(part)
    ]


def _by_symbol(frame: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Rows of each symbol in their order."""
    if "symbol" not in frame.columns:
        raise Setup("SFC08", "no row says its symbol", place="the frame", fix='give symbol="SPY", or a column symbol')
    return {str(key[0]): part for key, part in frame.partition_by("symbol", as_dict=True, include_key=False).items()}
