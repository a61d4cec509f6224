"""What a newcomer does wrong, and what `backtest` answers: code, place, reason, fix, kept word for word.

Each row goes through the front door.  Paths of this checkout are shortened, so that the snapshots are the same
everywhere; nothing else is.
"""

import math
import re
import traceback
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from stratofold import Fees, Setup, Strategy, backtest, param, sample, strategies, sweep
from stratofold.indicators import SMA

HERE = Path(__file__)
DAYS = [date(2020, 1, 2), date(2020, 1, 3), date(2020, 1, 6), date(2020, 1, 7)]


class Crosses(Strategy):
    """A small strategy with two parameters."""

    fast = param(2, low=1, high=60)
    slow = param(3, low=2, high=250)

    def setup(self) -> None:
        self.fast_average = self.per_symbol(SMA, self.fast)

    def on_bar(self, bar, book) -> None:
        if bar.close > self.fast_average[bar.symbol].update(bar.close):
            book.target_weight(bar.symbol, 0.5)


def bars(**changed):
    """Four good days of SPY, some columns changed."""
    good = {
        "date": DAYS,
        "open": [10.0, 10.5, 11.0, 10.5],
        "high": [11.0, 11.5, 12.0, 11.5],
        "low": [9.0, 9.5, 10.0, 9.5],
        "close": [10.5, 11.0, 10.5, 10.0],
        "volume": [100.0, 200.0, 300.0, 200.0],
    }
    return pl.DataFrame({**good, **changed})


def wild(word):
    """A strategy that says one word on its third bar."""

    class Wild(Strategy):
        def setup(self) -> None:
            self.heard = 0

        def on_bar(self, bar, book) -> None:
            self.heard += 1
            if self.heard == 3:
                word(bar, book)

    return Wild


class AsksForAnother(Strategy):
    """Wants a symbol that is not there."""

    def setup(self) -> None:
        self.other = self.symbol("SPX")


class AsksForAModel(Strategy):
    """Wants an artifact that is not there."""

    def setup(self) -> None:
        self.model = self.artifact("trend")


def cut_short(folder):
    """A Parquet file of which half never arrived."""
    path = folder / "cut.parquet"
    bars().write_parquet(path)
    path.write_bytes(path.read_bytes()[:1_000])  # how long the whole is hangs on the writer's version
    return path


# What was done wrong -> how.
WRONG = {
    "unknown parameter": lambda _: backtest(Crosses, bars(), fsat=20),
    "parameter out of bounds": lambda _: backtest(Crosses, bars(), fast=61),
    "parameter of another type": lambda _: backtest(Crosses, bars(), fast="20"),
    "a whole number that is not": lambda _: backtest(Crosses, bars(), fast=20.5),
    "missing column": lambda _: backtest(Crosses, bars().drop("close")),
    "unsorted times": lambda _: backtest(Crosses, bars()[[0, 2, 1, 3]]),
    "duplicated times": lambda _: backtest(Crosses, bars()[[0, 1, 1, 2]]),
    "naive times": lambda _: backtest(Crosses, bars(date=[datetime(2020, 1, 2, hour) for hour in range(9, 13)])),  # noqa: DTZ001 - the mistake
    "NaN price": lambda _: backtest(Crosses, bars(close=[10.5, float("nan"), 10.5, 10.0])),
    "negative price": lambda _: backtest(Crosses, bars(low=[9.0, 9.5, -10.0, 9.5])),
    "high below low": lambda _: backtest(Crosses, bars(high=[11.0, 11.5, 9.0, 11.5])),
    "unknown symbol in an order": lambda _: backtest(wild(lambda bar, book: book.buy(7, 1.0)), bars()),
    "text for a symbol in an order": lambda _: backtest(wild(lambda bar, book: book.buy("SPY", 1.0)), bars()),
    "unknown symbol in setup": lambda _: backtest(AsksForAnother, bars(), symbols="SPY"),
    "unknown symbol asked of the data": lambda _: backtest(Crosses, sample("SPY", "AAPL"), symbols=["SPX"]),
    "unknown artifact": lambda _: backtest(AsksForAModel, bars()),
    "quantity off the lot": lambda _: backtest(wild(lambda bar, book: book.buy(bar.symbol, 0.5)), bars()),
    "quantity past what is exact": lambda _: backtest(wild(lambda bar, book: book.buy(bar.symbol, 1e16)), bars()),
    "target past what is exact": lambda _: backtest(
        wild(lambda bar, book: book.target_weight(bar.symbol, 1e16)), bars()
    ),
    "quantity of nothing": lambda _: backtest(wild(lambda bar, book: book.sell(bar.symbol, 0.0)), bars()),
    "prices that make no order": lambda _: backtest(
        wild(lambda bar, book: book.buy(bar.symbol, 1.0, limit=-1.0)), bars()
    ),
    "Parquet file cut short": lambda folder: backtest(Crosses, cut_short(folder)),
    "file that is not there": lambda folder: backtest(Crosses, folder / "none.parquet"),
    "empty frame": lambda _: backtest(Crosses, bars().head(0)),
    "a period without bars": lambda _: backtest(Crosses, bars(), start="2021-01-01"),
    "a strategy that raises": lambda _: backtest(wild(lambda bar, book: 1.0 / (bar.symbol * bar.close)), bars()),
    "an instance for a class": lambda _: backtest(Crosses(), bars()),
    "something else for a strategy": lambda _: backtest("Crosses", bars()),
    "no cash": lambda _: backtest(Crosses, bars(), cash=0.0),
    "an execution that is none": lambda _: backtest(Crosses, bars(), execution="fast"),
    "frozen without a kernel": lambda _: backtest(Crosses, bars(), execution="frozen"),
    "an account in yen": lambda _: backtest(Crosses, bars(), base="JPY"),
    "a period of an indicator": lambda _: backtest(strategies.Crossover, bars(), fast=1),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_mistake_is_answered_with_its_place_and_its_remedy(wrong, snapshot, tmp_path):
    with pytest.raises(Setup) as caught:
        WRONG[wrong](tmp_path)
    error = caught.value
    assert error.code.startswith("SF")
    assert error.fix
    assert error.place or error.why or "param" in error.what or wrong in NO_PLACE
    assert error.as_dict()["code"] == error.code
    said = str(error).replace(str(tmp_path), "<folder>").replace(str(HERE.parent), "<here>")
    said = re.sub(r"test_errors.py:\d+", "test_errors.py:<line>", said)
    assert said == snapshot


# There is no line, symbol or time where an argument of `backtest` itself is wrong.
NO_PLACE = {"an instance for a class", "something else for a strategy", "no cash", "an execution that is none"}


# A strategy that raises.


class Fragile(Strategy):
    """Divides by nothing at its 30th bar, inside a function that it calls."""

    def setup(self) -> None:
        self.heard = 0

    def on_bar(self, bar, book) -> None:
        self.heard += 1
        self.divide(bar)

    def divide(self, bar) -> float:
        return bar.close / (30 - self.heard)  # the line that is named


@pytest.mark.parametrize("execution", ["interpreted", "compiled"])
def test_a_strategy_that_raises_is_named_with_line_symbol_and_time(execution):
    market = sample("IBM", "SPY", start="2015-01-01", end="2015-06-30")
    with pytest.raises(Setup) as caught:
        backtest(Fragile, market, execution=execution)
    error, cause = caught.value, caught.value.__cause__
    line = next(
        k for k, text in enumerate(HERE.read_text().splitlines(), 1) if text.endswith("# the line that is named")
    )
    moment = datetime.fromtimestamp(int(market.time[29]) / 1e9, UTC)
    assert error.code == "SF131"
    assert error.place == f"{HERE}:{line}, {market.symbols[int(market.symbol[29])]}, {moment:%Y-%m-%d %H:%M:%S} UTC"
    assert error.what == f"Fragile raised ZeroDivisionError: {cause}"
    assert type(cause) is ZeroDivisionError
    assert traceback.extract_tb(cause.__traceback__)[-1].lineno == line


class Grows(Strategy):
    """Asks for so many times as much at every bar, until no double can hold it."""

    times = param(100.0)

    def setup(self) -> None:
        self.size = 1.0

    def on_bar(self, bar, book) -> None:
        self.size *= self.times
        book.buy(bar.symbol, 1.0)
        book.target_quantity(bar.symbol, self.size)


MEANS = ["interpreted", pytest.param("compiled", marks=pytest.mark.nightly)]


@pytest.mark.parametrize("execution", MEANS)
@pytest.mark.parametrize("times", [100.0, math.inf])
def test_an_amount_past_what_is_exact_is_said_alike_by_every_execution(execution, times):
    with pytest.raises(Setup) as caught:
        backtest(Grows, sample("SPY", start="2015-01-01", end="2015-03-31"), execution=execution, times=times)
    assert caught.value.code == "SF133"
    assert type(caught.value.__cause__) is OverflowError
    assert re.search(r"SPY, 2015-01-\d\d", caught.value.place)


@pytest.mark.parametrize("execution", MEANS)
def test_a_cell_says_so_too(execution):
    market = sample("SPY", start="2015-01-01", end="2015-03-31")
    told = sweep(Grows, market, times=[1.0, 100.0, math.inf], execution=execution).table["error"].to_list()
    wanted = "SF133: Grows came to an amount that is not a number, or past 2**53 steps of its decimal grid"
    assert told == [None, wanted, wanted]


def test_a_strategys_own_overflow_is_its_own():
    with pytest.raises(Setup, match="raised OverflowError") as caught:
        backtest(wild(lambda bar, book: math.exp(bar.close * 100.0)), bars())
    assert caught.value.code == "SF131"


class RaisesInSetup(Strategy):
    """Cannot begin."""

    def setup(self) -> None:
        raise KeyError("nothing here")


def test_a_setup_that_raises_is_its_own_error():
    with pytest.raises((Setup, KeyError)) as caught:
        backtest(RaisesInSetup, bars())
    raised = caught.value if isinstance(caught.value, KeyError) else caught.value.__cause__
    assert isinstance(raised, KeyError)


def test_refusals_are_values_on_the_record_and_not_errors():
    """Risk says no: the run goes on, the result says why, and warns when nothing at all was allowed."""
    from stratofold import Limits

    result = backtest(strategies.BuyAndHold, bars(), limits=Limits(), fees=Fees())
    rows = result.refusals.to_polars()
    assert rows["reason"].to_list() == ["order_rate"]
    assert any("every order was refused" in warning for warning in result.warnings)
