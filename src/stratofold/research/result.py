"""The result of a run: figures, frames, what was assumed, and the door to the report.

What comes in: the columns that the run wrote down (numbers only), the tally's figures, the prices it ran on and the
tables that turn codes into names.
What goes out: `Result`, which prints in a terminal and a notebook, gives frames in the library the user likes, and
writes one offline HTML file.
Why it is shaped so: building a `Result` costs next to nothing, because nothing is converted and no table library is
imported before somebody looks.
"""

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from html import escape
from math import isfinite, nan
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stratofold.fold.lifecycle import STATE_NAMES
from stratofold.fold.order import KIND_NAMES, TIF_NAMES
from stratofold.research.frames_out import Columns, Frame, Names, as_names
from stratofold.research.stats import HEADLINES, Stats, money_decimals, words_for

if TYPE_CHECKING:
    import pandas as pd

    from stratofold.research.stress import Stress

# The frames and the order of their columns; what a run writes beyond these comes last.
FRAMES = {
    "trades": "symbol side opened closed quantity entry_price exit_price profit fees bars",
    "orders": "number symbol strategy side kind tif quantity limit stop decided done state filled average_price parent",
    "fills": "time number symbol side quantity price fee maker position",
    "equity": "time equity cash exposure",
    "positions": "symbol quantity average_price price value profit",
    "refusals": "time number symbol side quantity reason limit observed",
}
NANOSECONDS_A_DAY = 86_400_000_000_000
ORDINAL_OF_1970 = date(1970, 1, 1).toordinal()
# Names by column, or by frame and column.
_TABLES: dict[str, Sequence[str] | Names] = {
    "side": {1: "buy", -1: "sell"},
    "trades.side": {1: "long", -1: "short"},
    "kind": KIND_NAMES,
    "tif": TIF_NAMES,
    "state": STATE_NAMES,
}


class Result:
    """What a backtest found out.

    `stats` is a mapping of figures.  `trades`, `orders`, `fills`, `equity`, `positions` and `refusals` are frames.
    `parameters` are the strategy's, `execution` is how it ran, `hashes` pin the code, the data, the parameters and the
    artefacts.  `notices` say what was mapped or chosen, `warnings` what may be wrong, `ignores` what was not simulated.
    """

    def __init__(
        self,
        strategy: str,
        parameters: Mapping[str, Any],
        execution: str,
        symbols: Sequence[str],
        stats: Mapping[str, Any],
        columns: Mapping[str, Columns | Callable[[], Columns]],
        *,
        bars: Any = None,
        benchmark: Columns | None = None,
        names: Mapping[str, Sequence[str] | Names] | None = None,
        assumed: Sequence[str] = (),
        ignores: Sequence[str] = (),
        notices: Sequence[str] = (),
        warnings: Sequence[str] = (),
        hashes: Mapping[str, str] | None = None,
        currency: str = "USD",
    ) -> None:
        """Keep the parts; nothing is converted yet.

        `columns` holds, by frame, the columns or a function that makes them.  `bars` is the `MarketData` of the run (or
        None: no candles and no benchmark).  `benchmark` has `time` and `equity`; without it the report works out
        buy-and-hold.  `names` turns codes into names by column (`reason`) or by frame and column (`orders.kind`); sides, kinds,
        times in force and states are known.
        `assumed` are the words of the first line: "unlimited", "free of costs".
        """
        self.strategy = strategy
        self.parameters = dict(parameters)
        self.execution = execution
        self.symbols = tuple(symbols)
        self.stats = Stats(stats, currency)
        self.bars = bars
        self.benchmark = benchmark
        self.assumed = tuple(assumed)
        self.ignores = tuple(ignores)
        self.notices = list(notices)
        self.warnings = list(warnings)
        self.hashes: Mapping[str, str] = hashes or {}
        self.currency = currency
        self._columns = columns
        self._tables = names or {}
        self._frames: dict[str, Frame] = {}

    def frame(self, name: str) -> Frame:
        """The frame called `name`, one of `FRAMES`; made when it is first asked for."""
        if name not in self._frames:
            tables = {**_TABLES, "symbol": self.symbols, **self._tables}
            order = FRAMES[name].split()
            self._frames[name] = Frame(name, self._columns.get(name, {}), _names_of(name, tables), order)
        return self._frames[name]

    @property
    def trades(self) -> Frame:
        """Round trips from flat to flat: symbol side opened closed quantity entry_price exit_price profit fees bars."""
        return self.frame("trades")

    @property
    def orders(self) -> Frame:
        """Every order: what was asked, when it was decided and done, its last state, what was filled."""
        return self.frame("orders")

    @property
    def fills(self) -> Frame:
        """Every execution: time number symbol side quantity price fee maker position (held after it)."""
        return self.frame("fills")

    @property
    def equity(self) -> Frame:
        """Time, equity, cash and exposure at each session's close, or at every event with `equity_curve=True`."""
        return self.frame("equity")

    @property
    def positions(self) -> Frame:
        """What is held at the end: symbol quantity average_price price value profit."""
        return self.frame("positions")

    @property
    def refusals(self) -> Frame:
        """What risk turned down: time number symbol side quantity reason limit observed."""
        return self.frame("refusals")

    @property
    def first_line(self) -> str:
        """What was run on what, how, and what the run assumed."""
        some = ", ".join(self.symbols[:4]) + (f" and {len(self.symbols) - 4} more" if len(self.symbols) > 4 else "")
        return " · ".join([f"{self.strategy} on {some}", *self._period(), self.execution, *self.assumed])

    def _period(self) -> list[str]:
        """First and last day, if the statistics know them."""
        start, end = self.stats.get("start"), self.stats.get("end")
        return [f"{self.stats.text('start')} to {self.stats.text('end')}"] if start and end else []

    def session_equity(self) -> tuple[list[int], list[float]]:
        """The last equity of each session: days (proleptic ordinals, as `date.fromordinal` takes) and money."""
        raw = self.equity.raw
        if not len(self.equity):
            return [], []
        days = session_days(raw["time"], getattr(self.bars, "calendar", None))
        values = raw["equity"]
        last = [row for row in range(len(days)) if row + 1 == len(days) or days[row + 1] != days[row]]
        return [days[row] for row in last], [float(values[row]) for row in last]

    @property
    def daily_returns(self) -> "pd.Series[float]":
        """Returns by session as a pandas series (dates without a zone), as pyfolio and quantstats want them.

        The first return counts from the starting money if the statistics hold `initial_equity`, else it is 0.
        """
        import pandas as pd

        days, equity = self.session_equity()
        index = pd.DatetimeIndex([date.fromordinal(day) for day in days], name="date")
        start = self.stats.get("initial_equity", equity[0] if equity else nan)
        before = [start, *equity[:-1]]
        returns = [now / then - 1.0 if then else nan for now, then in zip(equity, before, strict=False)]
        return pd.Series(returns, index=index, name=self.strategy, dtype="float64")

    @property
    def fingerprint(self) -> str:
        """SHA-256 over every bit of statistics, orders, fills, trades, refusals and equity.

        Two runs that decided the same have the same one, whichever way they were executed.
        """
        from hashlib import sha256

        digest = sha256(repr(sorted(self.stats.items())).encode())
        for name in FRAMES:
            for column, values in getattr(self, name).raw.items():
                plain = values.tolist() if hasattr(values, "tolist") else list(values)
                digest.update(f"{name}.{column}={plain!r}".encode())
        return digest.hexdigest()

    def report(self, path: "str | Path | None" = None, *, open: bool = False) -> Path:  # noqa: A002 - the word of the issue
        """Write the report, one offline HTML file of at most 1 MB, and return where it is.

        `path` defaults to the strategy's name in the working folder; `open` shows it in the browser.
        Raises Setup SF502 where it can not be written.
        """
        from stratofold.research.report import default_path, write

        written = write(self, Path(path) if path is not None else default_path(self.strategy))
        if open:
            import webbrowser

            webbrowser.open(written.as_uri())
        return written

    def stress(self, *, classes: Mapping[str, str] | None = None) -> "Stress":
        """What this run could have lost: tails, shocks like those of history, gaps through stops.

        `classes` says what a symbol is ("equity", "bond", "commodity", "crypto") where its kind and name do not.
        Raises Setup SFS91 for a run without sessions or in several currencies, and SFS92 for a class or symbol not known.
        """
        from stratofold.research.stress import stress

        return stress(self, classes=classes)

    def as_dict(self) -> dict[str, Any]:
        """The result for `--json`: money as decimal strings, times as ISO 8601, what is not a number as null."""
        return {
            "strategy": self.strategy,
            "parameters": {key: _json_value(value) for key, value in self.parameters.items()},
            "execution": self.execution,
            "symbols": list(self.symbols),
            "currency": self.currency,
            "stats": {key: _json_figure(key, value, self.currency) for key, value in self.stats.items()},
            "rows": {name: len(self.frame(name)) for name in FRAMES},
            "first_line": self.first_line,
            "ignores": list(self.ignores),
            "notices": list(self.notices),
            "warnings": list(self.warnings),
            "hashes": dict(self.hashes.items()),
        }

    def __str__(self) -> str:
        lines = [self.first_line, "", str(self.stats)]
        lines += [f"note: {text}" for text in self.notices]
        lines += [f"warning: {text}" for text in self.warnings]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        """The first line, the headline figures and the notes, for a notebook; every text escaped."""
        cells = "".join(
            f'<td style="padding:0 1.5em 0 0"><small>{escape(words_for(key).label)}</small><br>'
            f"<b>{escape(self.stats.text(key))}</b></td>"
            for key in HEADLINES
            if key in self.stats
        )
        notes = "".join(f"<br><small>{escape(text)}</small>" for text in [*self.notices, *self.warnings])
        details = f"<details><summary>All figures</summary>{self.stats._repr_html_()}</details>"
        return f"<div><p>{escape(self.first_line)}{notes}</p><table><tr>{cells}</tr></table>{details}</div>"


def session_days(times: Sequence[int], calendar: Any) -> list[int]:
    """The session's date (proleptic ordinal) of each time, by the calendar, or by UTC days without one.

    A time belongs to the first session that closes at it or later, so midnight belongs to the day that ends there.
    """
    plain: list[int] = times.tolist() if hasattr(times, "tolist") else list(times)
    if calendar is None or not len(calendar.closes):
        return [ORDINAL_OF_1970 + (time - 1) // NANOSECONDS_A_DAY for time in plain]
    closes, days = calendar.closes, calendar.days
    return [days[min(bisect_left(closes, time), len(days) - 1)] for time in plain]


def _names_of(frame: str, tables: Mapping[str, Sequence[str] | Names]) -> dict[str, Names]:
    """The tables of names for one frame's columns; `frame.column` goes before `column`."""
    own = {key.removeprefix(f"{frame}."): table for key, table in tables.items() if key.startswith(f"{frame}.")}
    common = {key: table for key, table in tables.items() if "." not in key}
    return {column: as_names(table) for column, table in {**common, **own}.items()}


def _json_figure(key: str, value: Any, currency: str) -> Any:
    """One statistic for JSON; money is a decimal string, never a binary float."""
    if words_for(key).unit == "money" and isinstance(value, float) and isfinite(value):
        return f"{value:.{money_decimals(currency)}f}"
    whole = words_for(key).unit == "count" and isinstance(value, float) and value.is_integer()
    return int(value) if whole else _json_value(value)


def _json_value(value: Any) -> Any:
    """A plain value for JSON."""
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, datetime | date):
        return value.isoformat()
    return value if isinstance(value, int | str | bool | None) else str(value)
