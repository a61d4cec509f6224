"""Groups of bars: heard when everyone expected has come, or when time has moved on."""

from array import array
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from stratofold import Strategy, backtest, read
from stratofold.research.execute import interpret
from stratofold.research.prepare import Options, prepare

PRICES = {"open": 10.0, "high": 10.0, "low": 10.0, "close": 10.0, "volume": 1.0}
START = datetime(2024, 1, 2, 15, 0, tzinfo=UTC)


class Roll(Strategy):
    """Writes down how many symbols each group had."""

    def setup(self):
        self.count = 0
        self.present = array("q", [0] * 16)

    def on_bars(self, bars, book):
        self.present[self.count] = bars.present_count
        self.count += 1
        book.target_quantity(0, float(self.count))


def minutes(present):
    """Bars of the symbols named for each minute."""
    rows = [
        {"symbol": symbol, "time": START + timedelta(minutes=k), **PRICES}
        for k, symbols in enumerate(present)
        for symbol in symbols
    ]
    return pl.DataFrame(rows)


@pytest.mark.parametrize("grace_seconds", [0.0, 90.0, 600.0])
def test_groups_are_the_same_in_machine_code_whatever_the_grace(grace_seconds):
    data = minutes(["ABC", "AB", "ABC", "ABC", "ABC"])
    runs = [backtest(Roll, data, grace_seconds=grace_seconds, execution=name) for name in ("interpreted", "compiled")]
    assert [run.execution for run in runs] == ["interpreted", "compiled"]
    one, other = (run.orders.to_polars().to_dicts() for run in runs)
    assert one == other
    assert len(one) >= 4


def test_who_is_expected_follows_who_came():
    market = read(minutes(["ABC", "AB", "ABC", "ABC", "ABC"]))
    run = prepare(Roll, market, Options(), {})
    interpret(run, market)
    assert list(run.strategy.present[: run.strategy.count]) == [3, 2, 2, 3, 3]
