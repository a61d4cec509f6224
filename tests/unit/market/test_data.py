"""`MarketData`: slices, symbols, hashes."""

import hashlib
from datetime import UTC, date, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratofold import events
from stratofold import market as market_package
from stratofold.errors import Setup
from stratofold.market.data import MarketData, Rates, Statuses, moment_text, time_bounds
from stratofold.market.digests import BARS, digests_until
from stratofold.market.instruments import Crypto, Equity
from stratofold.market.sample import DAILY, sample
from stratofold.market.sessions import calendar

DAY = 86_400 * 10**9


def three(rates=None, statuses=None):
    """Three symbols in two currencies on four days, one bar missing."""
    whole = calendar("24/7").slice(10 * DAY, 14 * DAY)
    time = np.array([11, 11, 11, 12, 12, 13, 13, 13, 14, 14, 14]) * DAY
    symbol = np.array([0, 1, 2, 0, 2, 0, 1, 2, 0, 1, 2])
    price = 10.0 + np.arange(11.0)
    instruments = (Equity("A"), Equity("B", currency="EUR"), Crypto("C", currency="USDT"))
    columns = (price, price + 1, price - 1, price, price * 100)
    extra = {name: value for name, value in (("rates", rates), ("statuses", statuses)) if value is not None}
    return MarketData(("A", "B", "C"), instruments, time, symbol, *columns, DAY, whole, **extra)


def test_it_says_what_it_is():
    assert repr(three()) == "MarketData(A, B, C: 11 bars, 1970-01-12 00:00 UTC to 1970-01-15 00:00 UTC, 24/7)"
    assert repr(sample("us14")).startswith("MarketData(SPY, QQQ, IWM, EEM and 10 more: 56,719 bars")
    assert moment_text(1_500_000_000) == "1970-01-01 00:00:01 UTC"


def test_without_bars_it_says_so():
    nothing = np.empty(0)
    market = MarketData(
        ("A",), (Equity("A"),), np.empty(0, np.int64), np.zeros(1, np.int64), *[nothing] * 5, DAY, calendar("24/7")
    )
    assert repr(market) == "MarketData(A: no bars)"


def test_the_package_names_what_it_offers():
    assert {"MarketData", "calendar", "read"} <= set(dir(market_package))
    assert market_package.MarketData is MarketData
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = market_package.nothing


def test_one_symbol_at_a_time():
    market = three()
    assert market.of("B").time.tolist() == [11 * DAY, 13 * DAY, 14 * DAY]
    assert market.of("B").close.tolist() == [11.0, 16.0, 19.0]
    spy = sample("SPY")
    assert spy.of("SPY").close is spy.close
    with pytest.raises(Setup, match="did you mean 'SPY'"):
        spy.of("spy")


def test_symbols_get_new_handles_in_the_order_asked():
    part = three().subset(["C", "A"])
    assert part.symbols == ("C", "A")
    assert [item.symbol for item in part.instruments] == ["C", "A"]
    assert part.symbol.tolist() == [0, 1] * 4
    assert part.close[:4].tolist() == [12.0, 10.0, 14.0, 13.0]
    assert three().subset("B").symbol.tolist() == [0]


def test_symbols_carry_their_currencies_rates_and_halts():
    rates = Rates(np.array([1, 2, 3]) * DAY, np.array([1, 2, 1]), np.array([1.1, 1.0, 1.2]))
    statuses = Statuses(np.array([11, 12, 13]) * DAY, np.array([events.HALT] * 3), np.array([1, -1, 2]))
    market = three(rates, statuses)
    assert market.currencies == ("USD", "EUR", "USDT")
    part = market.subset(["C", "B"])
    assert part.currencies == ("USDT", "EUR")
    assert list(zip(part.rates.currency, part.rates.value, strict=True)) == [(1, 1.1), (0, 1.0), (1, 1.2)]
    assert part.statuses.symbol.tolist() == [1, -1, 0]
    assert market.subset("A").rates.time.tolist() == []
    later = market.subset(None, date(1970, 1, 13))
    assert np.array_equal(later.rates.time, market.rates.time)  # the last rate of the past still holds
    assert later.statuses.symbol.tolist() == [2]


def columns(market, name):
    """A column or a table's."""
    found = getattr(market, name)
    return [found] if name in BARS else found


@pytest.mark.parametrize("has_tables", [False, True])
def test_every_symbol_apart_is_what_its_subset_is(has_tables):
    """Whatever is known beside its bars; one that is alone is itself."""
    rates = Rates(np.array([1, 2, 3]) * DAY, np.array([1, 2, 1]), np.array([1.1, 1.0, 1.2]))
    statuses = Statuses(np.array([11, 12, 13]) * DAY, np.array([events.HALT] * 3), np.array([1, -1, 2]))
    market = three(rates, statuses) if has_tables else three()
    apart = list(market.apart())
    assert [each.symbols for each in apart] == [("A",), ("B",), ("C",)]
    for each in apart:
        alone = market.subset(each.symbols[0])
        assert each.content_hash == alone.content_hash
        assert each.instruments == alone.instruments
        for name in (*BARS, "rates", "statuses", "actions", "observations"):
            assert list(map(list, columns(each, name))) == list(map(list, columns(alone, name))), name
        assert all(getattr(each, name).flags.c_contiguous for name in BARS)
    assert list(apart[0].apart()) == apart[:1]


# Days count from 1970-01-01; day 12 is 13 January and closes at midnight as day 13.
# from, to                                           | first close | last close, in days
RANGES = [
    (("1970-01-12", None), 12, 14),
    ((None, "1970-01-12"), 11, 12),
    (("1970-01-12", "1970-01-12"), 12, 12),
    ((date(1970, 1, 12), date(1970, 1, 13)), 12, 13),
    ((datetime(1970, 1, 13, tzinfo=UTC), datetime(1970, 1, 14, tzinfo=UTC)), 12, 13),
    (("1970-01-13T00:00:00+00:00", "1970-01-14T02:00:00+02:00"), 12, 13),
    ((13 * DAY, 13 * DAY), 13, 13),
]


@pytest.mark.parametrize(("bounds", "first", "last"), RANGES)
def test_a_range_of_days_ends_with_the_bar_that_closes_at_midnight(bounds, first, last):
    part = three().subset(None, *bounds)
    assert (part.time[0] // DAY, part.time[-1] // DAY) == (first, last)


@given(st.integers(10, 15), st.integers(0, 5))
def test_a_range_is_a_view_of_every_bar_inside(first, days):
    market = three()
    low, high = first * DAY, (first + days) * DAY
    inside = (market.time >= low) & (market.time <= high)
    if not inside.any():
        with pytest.raises(Setup, match="no bars in the range"):
            market.subset(None, low, high)
        return
    part = market.subset(None, low, high)
    assert np.array_equal(part.close, market.close[inside])
    assert np.shares_memory(part.close, market.close)
    assert part.calendar.closes[0] <= part.time[0]
    assert part.calendar.closes[-1] >= part.time[-1]


def test_bounds_are_half_open_nanoseconds():
    assert time_bounds(None, None) == (-(2**63), 2**63 - 1)
    assert time_bounds("1970-01-02", "1970-01-02") == (DAY + 1, 2 * DAY + 1)
    assert time_bounds(5, 7) == (5, 8)


def test_actions_outside_the_range_are_left_behind():
    part = sample("AAPL", start="2014-06-09", end="2014-06-30")
    assert [(int(kind), value) for kind, value in zip(part.actions.kind, part.actions.value, strict=True)] == [
        (events.SPLIT, 7.0)
    ]
    assert len(sample("AAPL", start="2014-06-10", end="2014-06-30").actions.time) == 0


def test_the_hash_sees_all_that_can_change_a_result():
    market = three()
    digests = {
        market.content_hash,
        market.subset(["A", "C", "B"]).content_hash,
        market.subset(None, 11 * DAY, 13 * DAY).content_hash,
        three(rates=Rates(np.array([0]), np.array([1]), np.array([1.1]))).content_hash,
        three(statuses=Statuses(np.array([0]), np.array([1]), np.array([1]))).content_hash,
    }
    assert len(digests) == 5
    assert three().content_hash == market.content_hash


def test_the_hash_of_the_sample_is_what_it_was():
    """A change of the shipped figures, or of their hash, must be meant."""
    assert sample(*DAILY).content_hash == sample("us14").content_hash
    assert sample("SPY").content_hash == "b4aa28550758f81c24ab67c7754e5fa2beb77412912c858f20ee099cefa2647d"


def test_columns_are_hashed_once_whatever_is_asked_for_first():
    """Past a mark, at one, and before it: each is the hash of the first rows."""
    market, other = (sample(*DAILY) for _ in range(2))
    assert len(market) > 2 * 16_384
    rows = [len(market), 1, 16_384, 20_000, 16_383, 0, 20_000]
    found = [[each.digest() for each in digests_until(market, count)] for count in rows]
    wanted = [[each.digest() for each in digests_until(other, count)] for count in reversed(rows)]
    assert found == wanted[::-1]
    plain = [hashlib.sha256(getattr(market, name)[:20_000].tobytes()).digest() for name in BARS]
    assert found[3] == plain
