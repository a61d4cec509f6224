"""Shocks, gaps and tails of a run: every figure is worked out again from fills and prices."""

from dataclasses import replace
from datetime import UTC, date, datetime

import numpy as np
import polars as pl
import pytest

import stratofold
from stratofold import Strategy
from stratofold.errors import Setup
from stratofold.research.holdings import holdings
from stratofold.research.result import Result
from stratofold.research.stress import SCENARIOS, classes_of, stress, stress_now
from stratofold.strategies import Momentum
from tests.unit.sweep.test_report import Balanced

SYMBOLS = ("SPY", "AAPL", "USO", "EEM", "AIG")


class Long(Strategy):
    """Half of the money in each of two symbols, kept, with a stop far below the first."""

    def setup(self):
        self.bought = 0

    def on_bar(self, bar, book):
        if self.bought < 2:
            book.buy(bar.symbol, 400.0)
            self.bought += 1
        elif self.bought == 2 and book.position(0) > 0.0:
            book.sell(0, 400.0, stop=110.0)
            self.bought = 3


class Short(Strategy):
    """Sells once."""

    def setup(self):
        self.sold = 0

    def on_bar(self, bar, book):
        if self.sold == 0:
            book.sell(bar.symbol, 100.0)
            self.sold = 1


@pytest.fixture(scope="module")
def run():
    data = stratofold.sample(*SYMBOLS, start="2003-01-01", end="2010-12-31")
    return stratofold.backtest(Momentum, data, top=3, execution="interpreted")


@pytest.fixture(scope="module")
def held(run):
    return holdings(run)


def test_what_is_held_is_the_exposure_that_the_run_wrote_down(run, held):
    """Through splits (Apple 2:1, AIG 1:20, EEM 3:1), to half a cent."""
    exposure = np.asarray(run.equity.raw["exposure"])
    assert held.gross * held.equity == pytest.approx(exposure, abs=0.006)
    assert held.own == pytest.approx(run.daily_returns.to_numpy(), abs=1e-15)
    assert len(run.bars.actions.time) > 0


def test_a_gap_is_the_open_over_the_last_close(run, held):
    own, k = run.bars.of("SPY"), held.symbols.index("SPY")
    expected = own.open[1:] / own.close[:-1] - 1.0
    assert held.gaps[1:, k] == pytest.approx(expected, abs=1e-12)
    split = int(np.flatnonzero(held.days == date(2009, 7, 1).toordinal())[0])
    assert abs(held.gaps[split, held.symbols.index("AIG")]) < 0.2  # twenty shares became one


def test_the_years_own_prices_go_before_the_classes(run, held):
    shock = next(each for each in stress(run).shocks if each.scenario.name.startswith("2008"))
    assert shock.own == SYMBOLS
    days = [int(np.flatnonzero(held.days == day.toordinal())[0]) for day in shock.scenario.span]
    moves = held.closes[days[1]] / held.closes[days[0]] - 1.0
    assert moves[held.symbols.index("SPY")] == pytest.approx(-0.396, abs=5e-4)
    assert moves[held.symbols.index("USO")] == pytest.approx(-0.513, abs=5e-4)
    hurt = held.weights @ moves
    assert (shock.worst, shock.last) == pytest.approx((hurt.min(), hurt[-1]))
    assert shock.worst_day.toordinal() == held.days[hurt.argmin()]


def test_where_there_are_none_the_class_is_taken(run, held):
    shock = stress(run).shocks[0]
    assert shock.own == ()
    by_hand = held.weights @ np.array(
        [SCENARIOS[0].moves["commodity" if name == "USO" else "equity"] for name in SYMBOLS]
    )
    assert shock.worst == pytest.approx(by_hand.min())
    other = stress(run, classes=dict.fromkeys(SYMBOLS, "bond")).shocks[0]
    assert other.worst == 0.0


def test_the_scenarios_of_2020_are_what_the_sample_says():
    data = stratofold.sample("SPY", "USO", start="2020-01-01", end="2020-06-30")
    found = holdings(stratofold.backtest(Long, data, execution="interpreted"))
    scenario = SCENARIOS[2]
    first, last = (int(np.flatnonzero(found.days == day.toordinal())[0]) for day in scenario.span)
    moves = found.closes[last] / found.closes[first] - 1.0
    assert moves.tolist() == pytest.approx([scenario.moves["equity"], scenario.moves["commodity"]], abs=6e-4)


def test_the_worst_gap_costs_what_it_would_have(run, held):
    found = {each.symbol: each for each in stress(run).gaps}["AIG"]
    k = held.symbols.index("AIG")
    assert found.weight == held.weights[:, k].max()
    assert found.day == date(2008, 9, 16)
    assert found.cost == pytest.approx(found.weight * held.gaps[:, k].min())


def test_losses_of_the_night_are_told_from_those_of_the_day(run, held):
    found = stress(run)
    lost = held.own < 0.0
    night = np.maximum(np.minimum(held.overnight, 0.0), held.own)[lost].sum() / held.own[lost].sum()
    assert found.overnight == pytest.approx(night)
    assert 0.0 < found.overnight < 1.0


def test_a_stop_that_was_gapped_through_is_counted():
    data = stratofold.sample("SPY", "USO", start="2008-08-01", end="2008-12-31")
    result = stratofold.backtest(Long, data, execution="interpreted")
    filled = [
        (s, p)
        for k, s, p in zip(*(result.orders[n] for n in ("kind", "stop", "average_price")), strict=True)
        if k == "stop"
    ]
    (stop, price) = filled[0]
    found = stress(result)
    assert found.stops.filled == 1
    assert found.stops.worst == pytest.approx((stop - price) / stop)
    assert "1 stop order of this run was filled" in str(found)


def test_a_short_book_fears_a_squeeze():
    data = stratofold.sample("SPY", start="2014-01-01", end="2014-12-31")
    found = stress(stratofold.backtest(Short, data, execution="interpreted"))
    assert [each.worst < 0.0 for each in found.shocks] == [False, False, False, False, True]
    assert "squeeze" in str(found).splitlines()[0]


def test_a_page_says_what_the_terminal_says(run, tmp_path):
    found = stress(run)
    text = found.report(tmp_path / "stress.html").read_text()
    assert Balanced(text).open == []
    assert "<script" not in text
    for each in found.shocks:
        assert each.scenario.name in text
        assert each.scenario.source in text.replace("&#x27;", "'").replace("&amp;", "&")
    assert all(word in str(found) for word in ("shortfall 99%", "Halts", "nothing here promises"))
    assert found.as_dict()["shocks"][0]["scenario"] == "1987: one day"


def test_what_is_held_now_is_tested_without_a_history(tmp_path):
    found = stress_now(
        "main", {"SPY": 0.5, "BTCUSD": 0.3, "TLT": 0.2}, {"SPY": "etf", "BTCUSD": "crypto", "TLT": "etf"}
    )
    assert found.classes == {"SPY": "equity", "BTCUSD": "crypto", "TLT": "bond"}
    assert found.shocks[1].last == pytest.approx(-0.5 * 0.396 - 0.3 * 0.513 - 0.2 * 0.102)
    assert [each.symbol for each in found.gaps] == ["SPY", "BTCUSD", "TLT"]
    assert Balanced(found.report(tmp_path / "now.html").read_text()).open == []
    empty = stress_now("main", {}, {})
    assert "none of these shocks" in str(empty)
    assert Balanced(empty.report(tmp_path / "empty.html").read_text()).open == []


def test_a_short_track_has_shocks_and_no_tails():
    data = stratofold.sample("SPY", start="2014-01-01", end="2014-01-31")
    found = stress(stratofold.backtest(Short, data, execution="interpreted"))
    assert found.tails == {}
    assert "value at risk" not in str(found)
    assert found.shocks


class Once(Strategy):
    """Buys at the fifth trade."""

    def setup(self):
        self.heard = 0

    def on_trade(self, trade, book):
        self.heard += 1
        if self.heard == 5:
            book.buy(trade.symbol, 3.0)


def test_a_run_on_ticks_is_tested_at_the_prices_of_trades():
    seconds = [datetime(2024, 1, 2, 15, 0, k, tzinfo=UTC) for k in range(40)]
    trades = pl.DataFrame({"time": seconds, "price": [100.0 + k for k in range(40)], "size": [5.0] * 40})
    result = stratofold.backtest(Once, stratofold.read_ticks(trades=trades, symbols="X"), execution="interpreted")
    found = holdings(result)
    assert found.gross * found.equity == pytest.approx(np.asarray(result.equity.raw["exposure"]))
    shock = stress(result, classes={"X": "equity"}).shocks[0]
    assert shock.last == pytest.approx(found.gross[-1] * SCENARIOS[0].moves["equity"])


def test_a_run_without_a_session_and_one_in_other_money_are_refused(run):
    bare = Result("Bare", {}, "interpreted", ("SPY",), {}, {}, bars=None)
    other = replace(run.bars, instruments=tuple(replace(each, currency="EUR") for each in run.bars.instruments))
    for result in (bare, Result("Other", {}, "interpreted", SYMBOLS, {}, {"equity": run.equity.raw}, bars=other)):
        with pytest.raises(Setup) as error:
            stress(result)
        assert error.value.code == "SFS91"


@pytest.mark.parametrize("said", [{"SPY": "stock"}, {"TLT": "bond"}])
def test_a_class_that_is_not_known_is_told(said):
    with pytest.raises(Setup) as error:
        classes_of(("SPY",), {}, said)
    assert error.value.code == "SFS92"
