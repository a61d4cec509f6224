"""Two moving averages: the desk acts on a change of signal, and on nothing else."""

from datetime import date

import polars as pl
import pytest

import stratofold
from stratofold.strategies import Crossover
from tests.stories.telling import COSTS, adds_up, bars, both_ways, fills, sessions

# bar        0     1     2     3     4     5    6    7    8     9
CLOSES = [10.0, 10.0, 10.0, 12.0, 12.0, 9.0, 9.0, 9.0, 12.0, 12.0]
# of two     -    10    10    11    12  10.5    9    9  10.5    12
# of three   -     -    10 10.67 11.33    11   10    9    10    11
# so                  equal  above above below below equal above above
DAYS = sessions(len(CLOSES))


def story(data, **more):
    return stratofold.backtest(Crossover, data, fast=2, slow=3, **more)


def test_an_order_goes_out_once_per_change_of_signal():
    result = story(bars(SPY=CLOSES))
    assert fills(result, DAYS) == [
        (4, "SPY", "buy", 50.0, 12.0),
        (6, "SPY", "sell", 50.0, 9.0),
        (9, "SPY", "buy", 50.0, 12.0),
    ]
    assert result.stats["final_equity"] == 100_000.0 - 50 * 3


def test_with_short_it_turns_over_and_is_never_flat_again():
    result = story(bars(SPY=CLOSES), short=True)
    assert fills(result, DAYS) == [
        (4, "SPY", "buy", 50.0, 12.0),
        (6, "SPY", "sell", 100.0, 9.0),
        (9, "SPY", "buy", 100.0, 12.0),
    ]
    assert result.stats["final_equity"] == 100_000.0 - 50 * 3 - 50 * 3


@pytest.mark.parametrize(("short", "expected"), [(False, []), (True, [("SPY", "sell", 50.0, 9.0)])])
def test_a_first_signal_downward_sells_only_what_may_be_short(short, expected):
    assert fills(story(bars(SPY=[10.0, 10.0, 9.0, 9.0, 9.0, 8.0]), short=short)) == expected


def test_without_a_quantity_each_symbol_gets_an_equal_weight():
    # Half of 100,000 at 12 is 4,166 units; at 24, 2,083.
    result = story(bars(SPY=CLOSES[:6], QQQ=[2 * close for close in CLOSES[:6]]), quantity=0.0)
    assert fills(result, DAYS)[:2] == [(4, "SPY", "buy", 4166.0, 12.0), (4, "QQQ", "buy", 2083.0, 24.0)]


def test_averages_that_are_equal_on_paper_are_no_signal():
    # (0.1 + 0.3) / 2 is (0.2 + 0.1 + 0.3) / 3; in binary sums the second is larger in its last place.
    assert fills(story(bars(SPY=[0.2, 0.1, 0.3, 0.3]), short=True)) == []


def test_a_split_is_not_a_signal():
    closes = [10.0, 10.0, 10.0, 12.0, 12.0, 6.5, 7.0, 7.5]  # two for one before the sixth bar; 6.5 was 13
    result = story(bars([("SPY", 5, 2)], SPY=closes))
    assert fills(result, DAYS) == [(4, "SPY", "buy", 50.0, 12.0)]
    assert result.positions.to_polars()["quantity"].to_list() == [100.0]


def test_on_real_prices_the_fills_are_those_of_two_rolling_means():
    data = stratofold.sample("SPY")
    result = both_ways(Crossover, data, **COSTS)
    # The same rule by another library, in cents, so that equal averages are equal: signal at a close, fill at the next.
    cents = (pl.Series(data.close) * 100).round().cast(pl.Int64)
    above = cents.rolling_sum(20) * 50 - cents.rolling_sum(50) * 20
    expected, side = [], 0
    for k, gap in enumerate(above):
        turned = 0 if not gap else 1 if gap > 0 else -1
        if turned not in {0, side} and k + 1 < len(data):
            if turned == 1 or side == 1:
                expected.append((data.time[k + 1], "buy" if turned == 1 else "sell"))
            side = turned
    rows = result.fills.to_polars()
    assert list(zip(rows["time"].dt.timestamp("ns"), rows["side"], strict=True)) == expected
    assert len(expected) > 100
    assert set(rows["quantity"]) == {50.0}
    assert rows["time"][0].date() > date(1998, 3, 13)  # fifty closes first
    assert result.stats["fees"] == len(rows) * 1.0  # fifty shares are a quarter of a dollar, and the least is one
    adds_up(result, data)


def test_on_fourteen_names_with_weights():
    data = stratofold.sample()
    adds_up(both_ways(Crossover, data, quantity=0.0, short=True, **COSTS), data)
