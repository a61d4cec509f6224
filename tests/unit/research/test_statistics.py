"""Statistics: ten rows worked by hand, agreement with empyrical where definitions coincide, and sums without tolerance.

The ten sessions of the example, 500 and then 1,000 shares, orders decided at a close and filled at the next open:

    session  1 Mon  close 100                 equity 100,000            decides to buy 500
             2 Tue  open 100, close 102       + 500 * 2   = 101,000
             3 Wed  close 100                 - 500 * 2   = 100,000
             4 Thu  close 104                 + 500 * 4   = 102,000
             5 Fri  close 108                 + 500 * 4   = 104,000     decides to sell 500
             6 Mon  open 106, close 110       - 500 * 2   = 103,000     flat at the close; decides to buy 1,000
             7 Tue  open 103, close 99        - 1,000 * 4 =  99,000
             8 Wed  close 101                 + 1,000 * 2 = 101,000
             9 Thu  close 105                 + 1,000 * 4 = 105,000     decides to sell 1,000
            10 Fri  open 102, close 90        - 1,000 * 3 = 102,000     flat at the close

Returns in thousandths: 0, 10, -9.901, 20, 19.608, -9.615, -38.835, 20.202, 39.604, -28.571; their sum is 22.491, so the
mean is 0.0022491.  The squares of the deviations sum to 0.0053254; a ninth of that is 0.00059172, whose root, 0.024325,
is the standard deviation.  The squares of the negative returns sum to 0.00251495; a tenth of that has the root 0.015859.
"""

from datetime import date, timedelta
from decimal import Decimal
from math import inf, isnan, sqrt
from statistics import fmean, stdev

import polars as pl
import pytest

from stratofold import Fees, Slippage, Strategy, backtest, read, sample, strategies
from stratofold.events import DIVIDEND, SPLIT

OPENS = (100, 100, 102, 100, 104, 106, 103, 99, 101, 102)
CLOSES = (100, 102, 100, 104, 108, 110, 99, 101, 105, 90)
EQUITY = (100_000, 101_000, 100_000, 102_000, 104_000, 103_000, 99_000, 101_000, 105_000, 102_000)
RETURNS = [after / before - 1.0 for before, after in zip((100_000, *EQUITY), EQUITY, strict=False)]
DAYS = [date(2020, 1, 6) + timedelta(days=k + 2 * (k // 5)) for k in range(10)]


class TenRows(Strategy):
    """The orders of the example."""

    def setup(self) -> None:
        self.session = 0

    def on_bar(self, bar, book) -> None:
        self.session += 1
        if self.session == 1:
            book.buy(bar.symbol, 500.0)
        elif self.session == 5:
            book.sell(bar.symbol, 500.0)
        elif self.session == 6:
            book.buy(bar.symbol, 1_000.0)
        elif self.session == 9:
            book.sell(bar.symbol, 1_000.0)


def ten_rows():
    rows = {
        "date": DAYS,
        "open": [float(price) for price in OPENS],
        "high": [float(max(pair)) for pair in zip(OPENS, CLOSES, strict=True)],
        "low": [float(min(pair)) for pair in zip(OPENS, CLOSES, strict=True)],
        "close": [float(price) for price in CLOSES],
        "volume": [1e6] * 10,
    }
    return read(pl.DataFrame(rows), symbols="SPY")


@pytest.fixture(scope="module")
def stats():
    return backtest(TenRows, ten_rows(), execution="interpreted").stats


# name | by hand, rounded to its last digit | the same from the returns, to the last bits
ROWS = (
    ("final_equity", 102_000.00, 102_000.0),
    ("total_return", 0.0200, 0.02),
    ("cagr", 0.6471, 1.02**25.2 - 1.0),
    ("volatility", 0.3862, stdev(RETURNS) * sqrt(252)),
    ("sharpe", 1.4678, fmean(RETURNS) / stdev(RETURNS) * sqrt(252)),
    ("sortino", 2.2514, fmean(RETURNS) / sqrt(fmean([min(each, 0.0) ** 2 for each in RETURNS])) * sqrt(252)),
    ("max_drawdown", 0.0481, 5_000 / 104_000),
    ("calmar", 13.46, (1.02**25.2 - 1.0) / (5_000 / 104_000)),
    # from Friday's 104,000 until Thursday's 105,000; the last, from Thursday to Friday, is shorter
    ("max_drawdown_days", 6.0, 6.0),
    # 51/101, 50/100, 52/102 and 54/104 while 500 are held, 1 three times while all is in, else 0
    ("exposure", 0.5034, (51 / 101 + 50 / 100 + 52 / 102 + 54 / 104 + 3.0) / 10),
    ("time_in_market", 0.7, 0.7),
    # 50,000 + 53,000 + 103,000 + 102,000 over a mean equity of 101,700, in 10/252 of a year
    ("traded_value", 308_000.0, 308_000.0),
    ("turnover", 76.32, 308_000 / 101_700 * 25.2),
    ("trades", 2.0, 2.0),
    ("win_rate", 0.5, 0.5),
    ("gross_profit", 3_000.0, 3_000.0),
    ("gross_loss", 1_000.0, 1_000.0),
    ("profit_factor", 3.0, 3.0),
    ("fees", 0.0, 0.0),
    ("sessions", 10.0, 10.0),
    ("sessions_per_year", 252.0, 252.0),
    ("bars", 10.0, 10.0),
)


@pytest.mark.parametrize(("name", "by_hand", "exactly"), ROWS, ids=[row[0] for row in ROWS])
def test_ten_rows_by_hand(stats, name, by_hand, exactly):
    digits = len(repr(by_hand).partition(".")[2])
    assert round(stats[name], digits) == by_hand
    assert stats[name] == pytest.approx(exactly, rel=1e-12)


def test_a_constant_risk_free_rate():
    """2.52 % a year is 0.0001 a session: the mean falls by it, the deviation stays."""
    stats = backtest(TenRows, ten_rows(), risk_free=0.0252, execution="interpreted").stats
    excess = [each - 0.0001 for each in RETURNS]
    assert round(stats["sharpe"], 4) == 1.4025
    assert stats["sharpe"] == pytest.approx(fmean(excess) / stdev(excess) * sqrt(252), rel=1e-12)
    assert stats["sortino"] == pytest.approx(
        fmean(excess) / sqrt(fmean([min(each, 0.0) ** 2 for each in excess])) * sqrt(252), rel=1e-12
    )


@pytest.mark.parametrize("key", [str, lambda day: day], ids=["text", "date"])
def test_a_dated_risk_free_rate(key):
    """Nothing in the first two sessions, 2.52 % from Wednesday, 5.04 % from the second Monday on."""
    rates = {key(date(2020, 1, 8)): 0.0252, key(date(2020, 1, 13)): 0.0504}
    stats = backtest(TenRows, ten_rows(), risk_free=rates, execution="interpreted").stats
    free = [0.0] * 2 + [0.0001] * 3 + [0.0002] * 5
    excess = [each - rate for each, rate in zip(RETURNS, free, strict=True)]
    assert stats["sharpe"] == pytest.approx(fmean(excess) / stdev(excess) * sqrt(252), rel=1e-12)
    assert stats["volatility"] == pytest.approx(stdev(excess) * sqrt(252), rel=1e-12)


def test_fees_belong_to_their_trades():
    """A dollar an order: both trades pay two, and the loser loses more.  (A hundred more pays for all 1,000 shares.)"""
    stats = backtest(TenRows, ten_rows(), cash=100_100.0, fees=Fees(minimum=1.0), execution="interpreted").stats
    assert (stats["fees"], stats["final_equity"]) == (4.0, 102_096.0)
    assert (stats["gross_profit"], stats["gross_loss"]) == (2_998.0, 1_002.0)


class Idle(Strategy):
    """Does nothing."""


class Keeps(Strategy):
    """Buys once and keeps."""

    def on_bar(self, bar, book) -> None:
        if book.position(bar.symbol) == 0.0:
            book.buy(bar.symbol, 100.0)


def test_what_cannot_be_computed_is_no_number():
    stats = backtest(Idle, ten_rows(), execution="interpreted").stats
    for name in ("sharpe", "sortino", "calmar", "win_rate", "profit_factor"):
        assert isnan(stats[name]), name
    assert (stats["total_return"], stats["volatility"], stats["max_drawdown"], stats["trades"]) == (0.0, 0.0, 0.0, 0.0)


def test_a_position_at_the_end_is_valued_and_no_trade():
    stats = backtest(Keeps, ten_rows(), execution="interpreted").stats
    assert (stats["trades"], stats["final_equity"], stats["time_in_market"]) == (0.0, 99_000.0, 0.9)


def test_only_winners_have_an_endless_profit_factor():
    class Once(TenRows):
        def on_bar(self, bar, book) -> None:
            self.session += 1
            if self.session in {1, 5}:
                book.target_quantity(bar.symbol, 500.0 if self.session == 1 else 0.0)

    assert backtest(Once, ten_rows(), execution="interpreted").stats["profit_factor"] == inf


# Against empyrical-reloaded on real prices.


@pytest.mark.parametrize("risk_free", [0.0, 0.03])
@pytest.mark.parametrize("strategy", [strategies.BuyAndHold, strategies.Crossover, strategies.RsiMeanReversion])
def test_empyrical_agrees_where_definitions_coincide(strategy, risk_free):
    empyrical = pytest.importorskip("empyrical")
    market = sample("SPY", start="2004-01-01", end="2012-12-31")
    more = {"quantity": 0.0} if strategy is strategies.Crossover else {}
    result = backtest(
        strategy, market, risk_free=risk_free, fees=Fees(per_share=0.005), execution="interpreted", **more
    )
    equity = result.equity.to_pandas()["equity"]
    returns = equity / equity.shift(1, fill_value=100_000.0) - 1.0
    a_session = risk_free / 252
    same = {
        "total_return": empyrical.cum_returns_final(returns),
        "cagr": empyrical.annual_return(returns),
        "volatility": empyrical.annual_volatility(returns),
        "sharpe": empyrical.sharpe_ratio(returns, risk_free=a_session),
        "sortino": empyrical.sortino_ratio(returns, required_return=a_session),
        "max_drawdown": -empyrical.max_drawdown(returns),
        "calmar": empyrical.calmar_ratio(returns),
    }
    for name, value in same.items():
        assert result.stats[name] == pytest.approx(value, rel=1e-9), name


def test_where_empyrical_differs_several_symbols_a_session():
    """A session's bars come one after the other, and drawdown is watched at each: never shallower than theirs."""
    empyrical = pytest.importorskip("empyrical")
    market = sample("SPY", "AAPL", "IBM", start="2004-01-01", end="2009-12-31")
    result = backtest(strategies.BuyAndHold, market, execution="interpreted")
    equity = result.equity.to_pandas()["equity"]
    theirs = -empyrical.max_drawdown(equity / equity.shift(1, fill_value=100_000.0) - 1.0)
    assert theirs * (1.0 - 1e-12) <= result.stats["max_drawdown"] < theirs * 1.1


# Sums with tolerance zero.

SHIPPED = [getattr(strategies, name) for name in strategies.ON_BARS]


@pytest.mark.parametrize("strategy", SHIPPED, ids=lambda each: each.__name__)
def test_fills_actions_and_fees_add_up_to_positions_and_cash(strategy):
    """An account in decimals, from the fills, splits and dividends alone, ends where the fold does."""
    market = sample("SPY", "AAPL", start="2013-06-03", end="2015-05-29")
    costs = {"fees": Fees(per_share=0.005, minimum=1.0), "slippage": Slippage(spread=0.0004)}
    result = backtest(strategy, market, **costs, execution="interpreted")
    fills = result.fills.to_polars()
    assert len(fills) > 0
    cash, held = decimals(market, fills)
    rows = result.positions.to_polars()
    names = {name: held[k] for k, name in enumerate(market.symbols) if held[k]}
    assert {row["symbol"]: Decimal(repr(row["quantity"])) for row in rows.iter_rows(named=True)} == names
    worth = sum(cents(float(names[row["symbol"]]) * row["price"]) for row in rows.iter_rows(named=True))
    assert Decimal(repr(result.stats["final_equity"])) == cash + worth
    assert Decimal(repr(result.stats["fees"])) == sum(Decimal(repr(fee)) for fee in fills["fee"])


def decimals(market, fills):
    """Cash and units from fills and actions in order of time; these actions leave no fraction of a share."""
    deals = [(row["time"], 1, row) for row in fills.iter_rows(named=True)]
    for k in range(len(market.actions.time)):
        moment = pl.Series([int(market.actions.time[k])]).cast(pl.Datetime("ns", "UTC"))[0]
        deals.append((moment, 0, k))
    cash, held = Decimal(100_000), [Decimal(0)] * len(market.symbols)
    for _, is_fill, what in sorted(deals, key=lambda deal: deal[:2]):
        if is_fill:
            symbol = market.symbols.index(what["symbol"])
            side = 1 if what["side"] in (1, "buy") else -1
            quantity, price = Decimal(repr(what["quantity"])), Decimal(repr(what["price"]))
            held[symbol] += side * quantity
            cash -= side * cents(float(quantity) * float(price)) + Decimal(repr(what["fee"]))
        else:
            symbol, kind = int(market.actions.symbol[what]), int(market.actions.kind[what])
            value = Decimal(repr(float(market.actions.value[what])))
            if kind == SPLIT:
                held[symbol] *= value
                assert held[symbol] == int(held[symbol])
            elif kind == DIVIDEND:
                cash += cents(float(held[symbol]) * float(value))
    return cash, held


def cents(product):
    """A double product on the grid of cents, as the page on fills defines it: rounded once, half to even."""
    return Decimal(round(product * 100.0)) / 100
