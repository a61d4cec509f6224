"""Buy and hold: the desk buys once, and then only collects dividends."""

import stratofold
from stratofold.strategies import BuyAndHold
from tests.stories.telling import COSTS, adds_up, bars, both_ways, fills


def test_the_first_close_buys_at_the_next_open_and_nothing_follows():
    result = stratofold.backtest(BuyAndHold, bars(SPY=[100.0, 102.0, 90.0, 120.0]))
    assert fills(result) == [("SPY", "buy", 1000.0, 100.0)]
    assert result.stats["final_equity"] == 120_000.0


def test_an_open_above_the_close_leaves_a_remainder_that_is_not_asked_for_again():
    # 1,000 were asked for at 100; at 103 the cash buys 970, for 99,910, and 90 are left.
    result = stratofold.backtest(BuyAndHold, bars(SPY=[100.0, 103.0, 103.0], opens={"SPY": {1: 103.0}}))
    assert fills(result) == [("SPY", "buy", 970.0, 103.0)]
    assert result.equity.to_polars()["cash"][-1] == 90.0


def test_each_symbol_gets_its_share_when_it_appears():
    # QQQ comes when 500 SPY at 100 have become 60,000: half of 110,000 is 55,000, and the cash of 50,000 buys less.
    result = stratofold.backtest(BuyAndHold, bars(SPY=[100.0, 120.0, 120.0, 120.0], QQQ=[None, None, 50.0, 50.0]))
    assert fills(result) == [("SPY", "buy", 500.0, 100.0), ("QQQ", "buy", 1000.0, 50.0)]


def test_a_split_is_not_a_reason_to_trade():
    result = stratofold.backtest(BuyAndHold, bars([("AAPL", 2, 4)], AAPL=[400.0, 400.0, 101.0, 102.0]))
    assert fills(result) == [("AAPL", "buy", 250.0, 400.0)]
    assert result.positions.to_polars().select("quantity", "price").row(0) == (1000.0, 102.0)


def test_twenty_three_years_of_spy_are_one_purchase_and_its_dividends():
    data = stratofold.sample("SPY")
    result = both_ways(BuyAndHold, data, **COSTS)
    ((_, side, quantity, price),) = fills(result)
    fee = result.stats["fees"]
    bought = result.fills.to_polars()["time"].dt.timestamp("ns")[0]
    dividends = sum(
        round(quantity * value, 2)
        for kind, time, value in zip(data.actions.kind, data.actions.time, data.actions.value, strict=True)
        if kind == 1 and time > bought
    )
    assert (side, fee) == ("buy", round(0.005 * quantity, 2))
    cash = 100_000.0 - round(quantity * price, 2) - fee + dividends
    assert round(result.stats["final_equity"], 2) == round(cash + quantity * data.close[-1], 2)
    adds_up(result, data)


def test_of_fourteen_names_the_last_comes_when_the_cash_is_gone():
    data = stratofold.sample()
    result = both_ways(BuyAndHold, data, **COSTS)
    bought = [symbol for symbol, *_ in fills(result)]
    assert sorted(bought) == sorted(set(data.symbols) - {"GOOGL"})
    assert bought[-1] == "GOOG"  # listed the same day, one handle before
    adds_up(result, data)
