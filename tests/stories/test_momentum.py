"""Multi-asset momentum: the desk looks once a month, holds what trends and trades, and keeps its stops."""

from datetime import UTC, date, datetime
from itertools import pairwise

import numpy as np
import pytest

import stratofold
from stratofold.strategies import Momentum
from tests.stories.telling import COSTS, adds_up, bars, both_ways, decisions, fills, sessions, split_factor

SESSIONS = 130
DAYS = sessions(SESSIONS)
MARCH_28, APRIL_1, APRIL_30 = (DAYS.index(date(2024, *day)) for day in ((3, 28), (4, 1), (4, 30)))
LIQUID = {"RISES": 1e6, "FALLS": 1e6, "SMALL": 1e3}


def growth(rate, count=SESSIONS, start=100.0):
    return [round(start * (1.0 + rate) ** k, 2) for k in range(count)]


RISES = growth(0.01)


def story(data, **more):
    return stratofold.backtest(Momentum, data, **{"top": 2, **more})


def test_it_buys_the_liquid_name_that_rises_once_sixty_sessions_are_over():
    # 28 March is the sixty-first session of the year and the last of its month; SMALL rises too, and hardly trades.
    data = bars(volume=LIQUID, RISES=RISES, FALLS=growth(-0.005), SMALL=growth(0.02))
    result = story(data, take_profit=10.0)
    quantity = float(int(0.95 * 100_000 / RISES[MARCH_28]))
    assert MARCH_28 == 60
    assert fills(result, DAYS)[0] == (APRIL_1, "RISES", "buy", quantity, RISES[MARCH_28])
    assert {symbol for symbol, *_ in fills(result)} == {"RISES"}


def test_no_name_gets_more_than_twice_its_equal_share():
    data = bars(volume=LIQUID, RISES=RISES, FALLS=growth(-0.005), SMALL=growth(0.02))
    result = story(data, top=6, take_profit=10.0, end=str(DAYS[APRIL_1]), by_volatility=False)
    bought = {symbol: quantity for symbol, _, quantity, _ in fills(result)}
    small = growth(0.02)[MARCH_28]
    assert bought == {
        "RISES": float(int(0.95 / 3 * 100_000 / RISES[MARCH_28])),
        "SMALL": float(int(0.95 / 3 * 100_000 / small)),
    }


def swinging(swing, count=SESSIONS):
    """Closes that rise one per cent a session on average, by more and less in turns."""
    returns = [0.01 + swing * (-1) ** k for k in range(count)]
    return [round(100.0 * value, 2) for value in np.cumprod([1.0 + each for each in returns])]


@pytest.mark.parametrize("by_volatility", [True, False])
def test_sizes_are_equal_or_go_with_the_inverse_of_volatility(by_volatility):
    closes = {"CALM": swinging(0.005), "WILD": swinging(0.015)}
    result = story(bars(**closes), by_volatility=by_volatility, take_profit=10.0, end=str(DAYS[APRIL_1]))
    wishes = {
        symbol: 1.0 / np.std(np.diff(rows[: MARCH_28 + 1])[-60:] / rows[MARCH_28 - 60 : MARCH_28])
        if by_volatility
        else 1.0
        for symbol, rows in closes.items()
    }
    expected = {
        symbol: float(int(0.95 * wishes[symbol] / sum(wishes.values()) * 100_000 / rows[MARCH_28]))
        for symbol, rows in closes.items()
    }
    assert {symbol: quantity for symbol, _, quantity, _ in fills(result)} == expected
    assert (expected["CALM"] > 2 * expected["WILD"]) == by_volatility


def crash(at, fraction):
    """The riser with one bad day."""
    return [close if k < at else round(close * (1.0 - fraction), 2) for k, close in enumerate(RISES)]


def above(closes, k):
    return np.mean(closes[k - 19 : k + 1]) > np.mean(closes[k - 49 : k + 1])


def test_a_stop_is_kept_and_its_name_barred_while_its_trend_goes_on():
    closes = crash(APRIL_1 + 7, 0.25)
    assert above(closes, APRIL_30)  # so it would be bought again
    result = story(bars(A=closes, FALLS=growth(-0.005)), take_profit=10.0, end=str(DAYS[APRIL_30 + 5]))
    assert [row[:3] for row in fills(result, DAYS)] == [(APRIL_1, "A", "buy"), (APRIL_1 + 8, "A", "sell")]
    patient = story(bars(A=closes, FALLS=growth(-0.005)), take_profit=10.0, stop_loss=0.5, end=str(DAYS[APRIL_30 + 5]))
    assert "sell" not in {side for _, side, *_ in fills(patient)}


def test_a_barred_name_returns_with_its_next_trend():
    # A crash that goes on for thirty sessions ends the trend; the rise after it is another.
    start = APRIL_1 + 7
    closes = RISES[:start] + growth(-0.01, 30, RISES[start] * 0.7)
    closes += growth(0.01, 60, closes[-1])
    days = sessions(len(closes))
    result = story(bars(A=closes, FALLS=growth(-0.005, len(closes))), take_profit=10.0)
    told = [row[:3] for row in fills(result, days) if row[1] == "A"]
    assert told[:2] == [(APRIL_1, "A", "buy"), (start + 1, "A", "sell")]
    again = next(k for k in range(start + 30, len(closes)) if above(closes, k) and days[k + 1].month != days[k].month)
    assert told[2] == (again + 1, "A", "buy")


def test_a_profit_is_taken():
    result = story(bars(RISES=RISES, FALLS=growth(-0.005)), take_profit=0.1, end=str(DAYS[APRIL_30 + 5]))
    told = fills(result, DAYS)
    bought = told[0][4]
    reached = next(k for k in range(APRIL_1, SESSIONS) if RISES[k] / bought - 1.0 > 0.1)
    assert [row[:3] for row in told] == [(APRIL_1, "RISES", "buy"), (reached + 1, "RISES", "sell")]


def test_with_daily_it_does_not_wait_for_the_month():
    start = "2024-01-10"
    days = sessions(70, start)
    data = bars(start=start, RISES=RISES[:70], FALLS=growth(-0.005, 70))
    assert fills(story(data, daily=True), days)[0][:3] == (61, "RISES", "buy")
    assert fills(story(data, daily=False), days) == []


def test_a_split_is_neither_a_crash_nor_a_profit():
    split = APRIL_1 + 7
    closes = [close if k < split else round(close / 4, 2) for k, close in enumerate(RISES)]
    result = story(
        bars([("A", split, 4)], A=closes, FALLS=growth(-0.005)), take_profit=10.0, end=str(DAYS[APRIL_30 + 5])
    )
    ((_, _, quantity, _),) = fills(result)
    assert result.positions.to_polars()["quantity"].to_list() == [4 * quantity]


def test_a_name_that_trades_no_more_is_not_bought():
    data = bars(ENDS=RISES[:MARCH_28], RISES=RISES, FALLS=growth(-0.005))
    result = story(data, top=3, by_volatility=False)
    assert set(result.orders.to_polars()["symbol"]) == {"RISES"}


@pytest.fixture(scope="module")
def real():
    data = stratofold.sample()
    return data, both_ways(Momentum, data, **COSTS)


def dollar_volumes(data):
    """Worth traded by symbol and session, 0 where a listed symbol did not trade and NaN before it was listed."""
    every = np.unique(data.time)
    table = np.zeros((len(data.symbols), len(every)))
    for row, symbol in zip(table, data.symbols, strict=True):
        own = data.of(symbol)
        at = np.searchsorted(every, own.time)
        row[at] = own.close * own.volume
        row[: at[0]] = np.nan
    return every, table


def liquid_names(symbols, volumes, top=8):
    """The universe by medians of NumPy."""
    medians = dict(zip(symbols, np.median(volumes, axis=1), strict=True))
    listed = [symbol for symbol in symbols if not np.isnan(medians[symbol])]
    return set(sorted(listed, key=medians.get, reverse=True)[:top])


def test_on_real_prices_it_buys_only_liquid_names_that_trend(real):
    data, result = real
    every, volumes = dollar_volumes(data)
    prices = {
        symbol: data.of(symbol).close * split_factor(data, symbol, data.of(symbol).time) for symbol in data.symbols
    }
    bought = 0
    for fill, k in decisions(result, data):
        if fill["side"] == "buy":
            session = int(np.searchsorted(every, fill["time"])) - 1
            assert fill["symbol"] in liquid_names(data.symbols, volumes[:, session - 60 : session])
            assert above(prices[fill["symbol"]], k)
            bought += 1
    assert bought > 600


def test_on_real_prices_it_buys_at_the_first_open_of_a_month(real):
    data, result = real
    days = [datetime.fromtimestamp(time / 1e9, UTC).date() for time in np.unique(data.time)]
    firsts = {day for before, day in pairwise(days) if before.month != day.month}
    for row in result.fills.to_polars().iter_rows(named=True):
        # On any other day it only leaves.
        assert row["time"].date() in firsts or (row["side"], row["position"]) == ("sell", 0.0)


def test_on_real_prices_it_holds_no_more_names_than_its_universe(real):
    _, result = real
    held, at = set(), None
    for row in result.fills.to_polars().iter_rows(named=True):
        if row["time"] != at:
            assert len(held) <= 8
            at = row["time"]
        (held.add if row["position"] else held.discard)(row["symbol"])


def test_on_real_prices_everything_adds_up(real):
    data, result = real
    adds_up(result, data)
    assert (result.stats["end"] - result.stats["start"]).days > 5 * 365
    assert result.stats["trades"] > 300
    assert result.fills.to_polars()["time"][0].date() == date(1998, 4, 1)  # sixty sessions, then the month's end


@pytest.mark.parametrize("more", [{"daily": True}, {"by_volatility": False, "top": 3, "stop_loss": 0.05}])
def test_every_way_to_run_it_is_the_same_in_machine_code(more):
    data = stratofold.sample(start="2010-01-01", end="2016-12-31")
    adds_up(both_ways(Momentum, data, **more, **COSTS), data)
