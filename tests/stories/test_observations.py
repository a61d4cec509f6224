"""Values that are no prices: heard when they were known, in three executions, and by nobody early."""

from array import array
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

import stratofold
from stratofold import Setup, Strategy, backtest, check, read
from stratofold.market.sessions import calendar

SECOND = 1_000_000_000
XNYS = calendar("XNYS")
FIRST = XNYS.index_of(datetime(2024, 1, 2, tzinfo=UTC).date())
DAYS = [datetime.fromtimestamp(close // SECOND, UTC).date() for close in XNYS.closes[FIRST : FIRST + 120]]


def bars():
    close = np.round(100.0 * np.exp(np.cumsum(np.random.default_rng(4).normal(0.0, 0.01, len(DAYS)))), 2)
    return pl.DataFrame({"date": DAYS, "open": close, "high": close, "low": close, "close": close, "volume": 1e6})


def figures(count=30):
    """A figure every third day, known ten minutes after a noon in New York, of the month before."""
    chance = np.random.default_rng(6)
    known = [datetime(day.year, day.month, day.day, 17, 10, tzinfo=UTC) for day in DAYS[5::3][:count]]
    return pl.DataFrame(
        {
            "series": ["CPI" if k % 3 else "PMI" for k in range(len(known))],
            "known": known,
            "period": [moment - timedelta(days=30) for moment in known],
            "value": np.round(chance.normal(0.0, 2.0, len(known)), 3),
        }
    )


MARKET = read(bars(), symbols="SPY", observations=figures())


class Follows(Strategy):
    """Long after a figure above 0, else flat."""

    series = ("PMI", "CPI")

    def setup(self):
        self.heard = array("d", [0.0, 0.0])
        self.count = 0
        self.lag = 0
        self.last = 0.0

    def on_observation(self, observation, book):
        self.heard[observation.series] += observation.value
        self.count += 1
        self.last = observation.value
        self.lag = observation.known - observation.time
        book.target_quantity(0, 10.0 if observation.value > 0.0 else 0.0)


def test_each_is_heard_once_when_it_was_known():
    result = backtest(Follows, MARKET, execution="interpreted")
    table = figures()
    orders = result.orders.to_polars()
    bought = table.with_columns(long=pl.col("value") > 0.0)
    changes = bought.filter(pl.col("long") != pl.col("long").shift(1, fill_value=False))
    assert orders["decided"].dt.epoch("ns").to_list() == changes["known"].dt.epoch("ns").to_list()


def test_three_executions_agree(tmp_path):
    results = [backtest(Follows, MARKET, execution=name) for name in ("interpreted", "compiled")]
    kernel = stratofold.freeze(Follows, MARKET, tmp_path / "follows.kernel")
    results.append(backtest(Follows, MARKET, execution="frozen", kernel=kernel))
    assert len(results[0].fills) > 5
    assert all(dict(one.stats) == dict(results[0].stats) for one in results)
    assert all(one.fills.to_polars().equals(results[0].fills.to_polars()) for one in results)


def test_check_passes_what_hears_and_catches_what_reads_ahead():
    assert check(Follows, MARKET).ok
    table = figures()["value"].to_list()

    class Reads(Follows):
        """Knows the next figure already."""

        def on_observation(self, observation, book):
            self.count += 1
            book.target_quantity(0, 10.0 if self.count < len(table) and table[self.count] > 0.0 else 0.0)

    report = check(Reads, MARKET)
    assert not report.ok
    assert "look-ahead" in str(report)


def test_without_a_lag_a_period_is_no_time_of_knowing():
    table = figures().drop("known")
    with pytest.raises(Setup, match="SF653"):
        read(bars(), symbols="SPY", observations=table)
    late = stratofold.market.observations.read_observations(read(bars(), symbols="SPY"), table, lag=timedelta(days=45))
    assert (late.observations.time - late.observations.about == 45 * 86_400 * SECOND).all()


def test_a_date_is_known_at_its_sessions_close():
    table = pl.DataFrame(
        {"series": "X", "published": [DAYS[3], datetime(2024, 1, 6, tzinfo=UTC).date()], "value": [1.0, 2.0]}
    )
    market = read(bars(), symbols="SPY", observations=table)
    assert market.observations.time.tolist() == [
        XNYS.closes[FIRST + 3],
        XNYS.closes[FIRST + 4],
    ]  # a Saturday: on Monday


def test_symbols_ranges_and_hashes():
    table = figures().with_columns(symbol=pl.Series(["SPY", "", "TSLA"] * 10))
    market = read(bars(), symbols="SPY", observations=table)
    assert len(market.observations.time) == 20  # what is about another symbol is left out
    assert set(market.observations.symbol.tolist()) == {0, -1}
    half = market.subset(None, "2024-01-02", "2024-02-29")
    assert 0 < len(half.observations.time) < 20
    assert read(bars(), symbols="SPY").content_hash != MARKET.content_hash
    assert read(bars(), symbols="SPY", observations=figures(29)).content_hash != MARKET.content_hash


@pytest.mark.parametrize(
    ("table", "code"),
    [
        (figures().drop("value"), "SF201"),
        (figures().with_columns(value=pl.lit(float("nan"))), "SF654"),
        (figures().with_columns(known=pl.lit("soon")), "SF2"),
    ],
)
def test_tables_that_cannot_be(table, code):
    with pytest.raises(Setup, match=code):
        read(bars(), symbols="SPY", observations=table)


def test_data_without_observations_are_told_to_who_waits_for_them():
    assert any("observations=" in text for text in backtest(Follows, read(bars(), symbols="SPY")).warnings)
    assert not any("observations=" in text for text in backtest(Follows, MARKET).warnings)


def test_a_series_that_is_not_there_is_named():
    class Asks(Follows):
        """Misspelt."""

        series = ("CPY",)

    with pytest.raises(Setup, match="SF655") as caught:
        backtest(Asks, MARKET)
    assert "'CPI'" in caught.value.fix
