"""The statistics: a ten-row example worked by hand, empyrical where definitions coincide, the books where none exists."""

from datetime import date, timedelta
from math import isnan, sqrt

import empyrical
import numpy as np
import pandas as pd
import polars as pl
import pytest

import stratofold
from stratofold.strategies import BuyAndHold, Crossover, DonchianBreakout, Momentum, RsiMeanReversion

CLOSES = [100, 101, 100, 102, 104, 103, 99, 101, 105, 104]
DAYS = [date(2024, 1, 2) + timedelta(days=k) for k in (0, 1, 2, 3, 6, 7, 8, 9, 10, 14)]  # the 15th was a holiday


def bars(closes=CLOSES, days=DAYS):
    """Bars that open where the last one closed."""
    opens = [closes[0], *closes[:-1]]
    pairs = list(zip(opens, closes, strict=True))
    return pl.DataFrame(
        {
            "symbol": ["TEST"] * len(closes),
            "date": days,
            "open": [float(price) for price in opens],
            "high": [float(max(pair)) for pair in pairs],
            "low": [float(min(pair)) for pair in pairs],
            "close": [float(price) for price in closes],
            "volume": [1e6] * len(closes),
        }
    )


# Ten sessions: 1,000 shares decided at the first close and bought at the second open, both at 100.
#   equity   100,000 101,000 100,000 102,000 104,000 103,000 99,000 101,000 105,000 104,000
#   return %   0.000   1.000  -0.990   2.000   1.961  -0.962 -3.883   2.020   3.960  -0.952
RETURNS = (0.0, 1 / 100, -1 / 101, 2 / 100, 2 / 102, -1 / 104, -4 / 103, 2 / 99, 4 / 101, -1 / 105)
MEAN = 0.004153869
DEVIATION = 0.022305600
DOWNSIDE = 0.013376627


@pytest.fixture(scope="module")
def ten():
    return stratofold.backtest(BuyAndHold, bars()).stats


TEN = {
    "final_equity": 104_000.0,
    "total_return": 0.04,
    "cagr": 1.04 ** (252 / 10) - 1,  # 1.687
    "volatility": DEVIATION * sqrt(252),  # 0.3541
    "sharpe": MEAN / DEVIATION * sqrt(252),  # 2.956
    "sortino": MEAN / DOWNSIDE * sqrt(252),  # 4.930
    "max_drawdown": 5_000 / 104_000,  # from the fifth session to the seventh
    "max_drawdown_days": 4.0,  # Monday the 8th to its recovery on Friday the 12th
    "exposure": 0.9,  # everything, on nine of ten closes
    "time_in_market": 0.9,
    "trades": 0,  # still held
    "fees": 0.0,
    "traded_value": 100_000.0,
    "sessions": 10,
    "bars": 10,
    "sessions_per_year": 252,
}


@pytest.mark.parametrize("key", TEN)
def test_ten_rows_by_hand(ten, key):
    assert ten[key] == pytest.approx(TEN[key], rel=1e-6)


def test_the_hand_figures_add_up():
    assert sum(RETURNS) / 10 == pytest.approx(MEAN, rel=1e-6)
    assert sqrt(sum((one - MEAN) ** 2 for one in RETURNS) / 9) == pytest.approx(DEVIATION, rel=1e-6)
    assert sqrt(sum(min(one, 0.0) ** 2 for one in RETURNS) / 10) == pytest.approx(DOWNSIDE, rel=1e-6)


def test_what_follows_from_the_others_follows(ten):
    assert ten["calmar"] == pytest.approx(ten["cagr"] / ten["max_drawdown"], rel=1e-12)
    mean_equity = sum((100, 101, 100, 102, 104, 103, 99, 101, 105, 104)) * 100
    assert ten["turnover"] == pytest.approx(100_000 / mean_equity / (10 / 252), rel=1e-12)


def test_nothing_traded_has_no_risk_and_no_ratio():
    stats = stratofold.backtest(Crossover, bars()).stats
    assert (stats["total_return"], stats["volatility"], stats["max_drawdown"], stats["exposure"]) == (
        0.0,
        0.0,
        0.0,
        0.0,
    )
    assert all(isnan(stats[key]) for key in ("sharpe", "sortino", "calmar", "win_rate", "profit_factor"))


REAL = {
    "crossover": (Crossover, ("SPY",), {"quantity": 0.0}),
    "mean reversion": (RsiMeanReversion, ("SPY",), {}),
    "breakout": (DonchianBreakout, ("SPY", "AAPL", "IBM"), {}),
    "momentum": (Momentum, ("us14",), {"start": "2010-01-01"}),
}


@pytest.fixture(scope="module", params=REAL)
def real(request):
    strategy, symbols, keywords = REAL[request.param]
    fees = stratofold.Fees(per_share=0.005, minimum=1.0)
    return stratofold.backtest(strategy, stratofold.sample(*symbols), fees=fees, **keywords)


# What empyrical defines as we do (docs/numbers.md); its volatility is of raw returns, ours of excess: the same without a rate.
SAME = {
    "total_return": lambda returns: empyrical.cum_returns_final(returns),
    "cagr": lambda returns: empyrical.annual_return(returns, annualization=252),
    "volatility": lambda returns: empyrical.annual_volatility(returns, annualization=252),
    "sharpe": lambda returns: empyrical.sharpe_ratio(returns, annualization=252),
    "sortino": lambda returns: empyrical.sortino_ratio(returns, annualization=252),
}


@pytest.mark.parametrize("key", SAME)
def test_empyrical_agrees(real, key):
    assert real.stats[key] == pytest.approx(SAME[key](real.daily_returns), rel=1e-9)


def test_empyrical_sees_no_deeper_drawdown_than_ours(real):
    sampled = -empyrical.max_drawdown(real.daily_returns)
    assert sampled - 1e-12 <= real.stats["max_drawdown"] <= sampled + 0.2


@pytest.mark.parametrize("key", ["sharpe", "sortino"])
def test_empyrical_agrees_with_a_constant_rate(key):
    result = stratofold.backtest(Crossover, stratofold.sample("SPY"), quantity=0.0, risk_free=0.03)
    theirs = {
        "sharpe": empyrical.sharpe_ratio(result.daily_returns, risk_free=0.03 / 252),
        "sortino": empyrical.sortino_ratio(result.daily_returns, required_return=0.03 / 252),
    }
    assert result.stats[key] == pytest.approx(theirs[key], rel=1e-9)


def test_a_dated_rate_holds_from_its_day_on():
    rates = {"2005-01-01": 0.03, "2008-12-16": 0.0025, "2015-12-17": 0.005}
    result = stratofold.backtest(Crossover, stratofold.sample("SPY"), quantity=0.0, start="2005-01-01", risk_free=rates)
    returns = result.daily_returns
    dated = pd.Series(rates)
    dated.index = pd.DatetimeIndex(dated.index)
    free = dated.reindex(returns.index, method="ffill").fillna(0.0) / 252
    excess = returns - free
    assert result.stats["sharpe"] == pytest.approx(excess.mean() / excess.std(ddof=1) * sqrt(252), rel=1e-9)
    assert result.stats["volatility"] == pytest.approx(excess.std(ddof=1) * sqrt(252), rel=1e-9)


def test_the_figures_of_trades_are_those_of_the_frame(real):
    profits = real.trades.to_polars()["profit"].to_numpy()
    won, lost = profits[profits > 0], profits[profits <= 0]
    assert real.stats["trades"] == len(profits)
    assert real.stats["win_rate"] == pytest.approx(len(won) / len(profits), rel=1e-12)
    assert real.stats["profit_factor"] == pytest.approx(won.sum() / -lost.sum(), rel=1e-9)


def test_fees_and_value_traded_are_those_of_the_fills(real):
    fills = real.fills.to_polars()
    assert round(real.stats["fees"], 2) == round(float(fills["fee"].sum()), 2)
    assert real.stats["traded_value"] == pytest.approx(float((fills["quantity"] * fills["price"]).sum()), rel=1e-6)


def test_the_last_equity_is_the_final_equity(real):
    equity = real.equity.to_polars()["equity"]
    assert equity[-1] == real.stats["final_equity"]
    assert len(equity) == real.stats["sessions"]
    drops = 1 - equity.to_numpy() / np.maximum.accumulate(equity.to_numpy())
    assert drops.max() <= real.stats["max_drawdown"] + 1e-12
