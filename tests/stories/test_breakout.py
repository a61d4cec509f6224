"""Channel breakout: the desk buys a new high with a stop below, and leaves on a new low."""

import polars as pl
import pytest

import stratofold
from stratofold.strategies import DonchianBreakout
from tests.stories.telling import COSTS, adds_up, both_ways, decisions, fills, sessions, split_factor

QUIET = [(10.0, 10.5, 9.5, 10.0)] * 21  # true range 1, so the average of twenty is 1
BREAKOUT = (10.0, 11.0, 10.0, 11.0)  # the highest of the last three highs was 10.5
DAYS = sessions(40)


def told(*rows, split=None):
    """Bars of (open, high, low, close) after the quiet ones."""
    rows = [*QUIET, *rows]
    frame = pl.DataFrame(rows, ["open", "high", "low", "close"], orient="row").with_columns(
        date=pl.Series(DAYS[: len(rows)]), volume=pl.lit(1e6), symbol=pl.lit("SPY")
    )
    actions = {"symbol": ["SPY"], "date": [DAYS[21]], "kind": ["split"], "value": [split]}
    return stratofold.read(frame, actions=pl.DataFrame(actions) if split else None)


def story(data, **more):
    return stratofold.backtest(DonchianBreakout, data, entry=3, leave=2, **more)


def test_a_breakout_is_bought_with_what_the_risk_allows():
    # The stop is two ranges below 11; one per cent of 100,000 over a distance of 2 is 500 units.
    result = story(told(BREAKOUT, (11.0, 12.0, 11.0, 12.0)))
    assert fills(result, DAYS) == [(22, "SPY", "buy", 500.0, 11.0)]
    orders = result.orders.to_polars()
    assert orders.select("kind", "side", "quantity", "stop", "state").row(-1) == ("stop", "sell", 500.0, 9.0, "working")


def test_a_close_below_the_lower_channel_leaves_and_takes_the_stop_back():
    # Lows of 11 and 12 came before; a close of 10.5 is below both and above the stop.
    result = story(
        told(
            BREAKOUT,
            (11.0, 12.0, 11.0, 12.0),
            (12.0, 13.0, 12.0, 13.0),
            (13.0, 13.0, 10.5, 10.5),
            (10.0, 10.5, 9.8, 10.0),
        )
    )
    assert fills(result, DAYS) == [(22, "SPY", "buy", 500.0, 11.0), (25, "SPY", "sell", 500.0, 10.0)]
    assert set(result.orders.to_polars()["state"]) == {"filled", "cancelled"}
    assert result.stats["final_equity"] == 100_000.0 - 500


def test_the_stop_does_not_wait_for_a_close():
    result = story(told(BREAKOUT, (11.0, 12.0, 11.0, 12.0), (12.0, 12.0, 8.0, 11.5)))
    assert fills(result, DAYS) == [(22, "SPY", "buy", 500.0, 11.0), (23, "SPY", "sell", 500.0, 9.0)]
    assert result.stats["final_equity"] == 100_000.0 - 1000  # the one per cent that was risked


def test_risk_that_the_cash_does_not_carry_is_capped_by_it():
    # Five per cent over 2 are 2,500 units, 27,500; over half a range, 10,000 units, and 100,000 buy 9,090 at 11.
    result = story(told(BREAKOUT, (11.0, 12.0, 11.0, 12.0)), risk=0.05, stop_ranges=0.5)
    assert fills(result, DAYS) == [(22, "SPY", "buy", 9090.0, 11.0)]


def test_a_high_that_is_equalled_is_not_broken():
    assert fills(story(told((10.0, 10.5, 10.0, 10.5), (10.5, 10.5, 10.0, 10.5)))) == []


def test_a_reverse_split_is_not_a_breakout():
    assert fills(story(told((20.0, 21.0, 19.0, 20.0), (20.0, 21.0, 19.0, 20.0), split=0.5))) == []


def test_a_breakout_on_the_day_of_a_split_is_one():
    # Two for one at the first new bar: 5.5 is 11 in old units; the stop is two ranges of a half below.
    result = story(told((5.0, 5.5, 5.0, 5.5), (5.5, 6.0, 5.5, 6.0), split=2.0))
    assert fills(result, DAYS) == [(22, "SPY", "buy", 1000.0, 5.5)]
    assert result.orders.to_polars()["stop"].to_list()[-1] == 4.5


@pytest.fixture(scope="module", params=[("SPY",), ("us14",)], ids=["SPY", "fourteen names"])
def real(request):
    """A run on real prices, and each symbol's closes, highs and lows in the units of its first day."""
    data = stratofold.sample(*request.param)
    prices = {}
    for symbol in data.symbols:
        own = data.of(symbol)
        factor = split_factor(data, symbol, own.time)
        prices[symbol] = (own.close * factor, own.high * factor, own.low * factor)
    return data, both_ways(DonchianBreakout, data, **COSTS), prices


def test_on_real_prices_every_entry_is_above_the_highs_before_it(real):
    data, result, prices = real
    entries = [(fill["symbol"], k) for fill, k in decisions(result, data) if fill["side"] == "buy"]
    for symbol, k in entries:
        close, high, _ = prices[symbol]
        assert close[k] > high[k - 55 : k].max()
    assert len(entries) > 30 * len(data.symbols)
    assert min(k for _, k in entries) >= 55


def test_on_real_prices_every_exit_is_its_stop_or_a_new_low(real):
    data, result, prices = real
    kinds = dict(result.orders.to_polars().select("number", "kind").iter_rows())
    sales = [(fill, k) for fill, k in decisions(result, data) if fill["side"] == "sell"]
    for fill, k in sales:
        close, _, low = prices[fill["symbol"]]
        assert kinds[fill["number"]] == "stop" or close[k] < low[k - 20 : k].min()
    assert {kinds[fill["number"]] for fill, _ in sales} == {"stop", "market"}


def test_on_real_prices_everything_adds_up(real):
    data, result, _ = real
    adds_up(result, data)
