"""Corporate actions: out of factor files, and as a table from the user."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratofold import events
from stratofold.market.actions import Factor, RawAction, from_factors
from stratofold.market.frames import read
from stratofold.market.sample import sample
from stratofold.market.sessions import calendar

XNYS = calendar("XNYS")
LAST = date(2050, 1, 1).toordinal()


def day(text):
    return date.fromisoformat(text).toordinal()


def test_factors_by_hand():
    """A two-for-one on Monday the 9th, a dividend of 0.50 on a close of 50 on Thursday the 12th."""
    factors = [
        Factor(day("2020-03-06"), 0.99, 0.5, 110.0),
        Factor(day("2020-03-11"), 0.99, 1.0, 50.0),
        Factor(LAST, 1.0, 1.0, 0.0),
    ]
    assert from_factors(factors, XNYS) == [
        RawAction(day("2020-03-09"), events.SPLIT, 2.0),
        RawAction(day("2020-03-12"), events.DIVIDEND, 0.5),
    ]


@given(st.integers(1, 999), st.floats(5.0, 500.0), st.sampled_from([2, 3]))
def test_a_dividend_comes_back_through_seven_decimals(thousandths, close, decimals):
    dividend = round(thousandths / 1000.0, decimals)
    factors = [Factor(day("2020-03-11"), round(1.0 - dividend / close, 7), 1.0, close), Factor(LAST, 1.0, 1.0, 0.0)]
    found = from_factors(factors, XNYS)
    if dividend == 0.0:
        assert found == []
    else:
        assert found[0].value == pytest.approx(dividend, abs=close * 1e-7)


@pytest.mark.parametrize("ratio", [2.0, 3.0, 7.0, 20.0, 1.5, 1.25, 4 / 3, 0.05, 0.125, 0.1])
def test_a_split_comes_back_through_six_figures(ratio):
    factors = [Factor(day("2020-03-06"), 1.0, float(f"{1 / ratio:.6g}"), 10.0), Factor(LAST, 1.0, 1.0, 0.0)]
    assert from_factors(factors, XNYS) == [RawAction(day("2020-03-09"), events.SPLIT, ratio)]


def test_a_ratio_of_no_small_fraction_is_kept():
    factors = [Factor(day("2020-03-06"), 1.0, 0.9973, 10.0), Factor(LAST, 1.0, 1.0, 0.0)]
    assert from_factors(factors, XNYS)[0].value == 1.0 / 0.9973


def spy():
    market = sample("SPY", start="2020-01-02", end="2020-01-31")
    days = [datetime.fromtimestamp(int(time) // 10**9, UTC).date() for time in market.time]
    return {"date": days, **{name: getattr(market, name) for name in ("open", "high", "low", "close", "volume")}}


TABLE = {
    "symbol": ["SPY", "SPY", "", "SPY"],
    "date": [date(2020, 1, 10), date(2020, 1, 10), date(2020, 1, 6), date(2020, 1, 18)],
    "kind": ["dividend", "Split", "deposit", "dividends"],
    "value": [0.5, 2.0, 1_000.0, 0.25],
}


@pytest.mark.parametrize("make", [dict, pl.DataFrame, lambda table: pl.DataFrame(table).to_pandas()])
def test_a_table_of_actions(make):
    market = read(spy(), symbols="SPY", actions=make(TABLE))
    rows = [
        (datetime.fromtimestamp(int(time) // 10**9, UTC), *rest) for time, *rest in zip(*market.actions, strict=True)
    ]
    opened = datetime(2020, 1, 6, 14, 30, tzinfo=UTC)
    assert rows == [
        (opened, events.DEPOSIT, -1, 0, 1_000.0),
        (opened + timedelta(days=4), events.SPLIT, 0, 0, 2.0),  # a split before the dividend of its day
        (opened + timedelta(days=4), events.DIVIDEND, 0, 0, 0.5),
        (opened + timedelta(days=15), events.DIVIDEND, 0, 0, 0.25),  # a Saturday before Martin Luther King Day
    ]


def test_actions_by_symbol_and_with_hours():
    moments = [datetime(2020, 1, 7, 12, tzinfo=UTC)]
    market = read({"SPY": spy()}, actions={"SPY": {"time": moments, "kind": ["funding"], "value": [0.0001]}})
    assert market.actions.time.tolist() == [int(moments[0].timestamp()) * 10**9]
    assert market.actions.kind.tolist() == [events.FUNDING]
    assert market.actions.value.tolist() == [0.0001]


def test_a_delisting_may_leave_its_price_open():
    table = {"symbol": ["SPY"], "date": [date(2020, 1, 30)], "kind": ["delisting"], "value": [float("nan")]}
    assert np.isnan(read(spy(), symbols="SPY", actions=table).actions.value[0])
