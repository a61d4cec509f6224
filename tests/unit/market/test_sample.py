"""The sample: what is in it, and that it is what its sources say."""

import sys
from datetime import UTC, date, datetime
from pathlib import Path
from subprocess import run
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest

from stratofold import events
from stratofold.errors import Setup
from stratofold.market.sample import DAILY, FOLDER, sample

WORDS = ("open", "high", "low", "close", "volume")


def test_it_is_small():
    assert sum(file.stat().st_size for file in FOLDER.iterdir()) < 1_000_000


def test_the_daily_set():
    market = sample()
    assert market.symbols == DAILY
    assert len(market) == 56_719
    assert (market.calendar.name, market.span_ns) == ("XNYS", 86_400 * 10**9)
    ahead, symbols = np.diff(market.time), np.diff(market.symbol)
    assert ((ahead > 0) | ((ahead == 0) & (symbols > 0))).all()
    assert {item.kind for item in market.instruments} == {"etf", "equity"}


def test_symbols_in_the_order_asked():
    assert sample("AAPL", "SPY").symbols == ("AAPL", "SPY")
    assert np.array_equal(sample("AAPL", "SPY").of("SPY").close, sample("SPY").close)
    assert np.array_equal(sample().of("SPY").close, sample("SPY").close)


def test_minutes():
    market = sample("spy_minutes")
    assert (market.symbols, len(market), market.span_ns) == (("SPY",), 4_839, 60 * 10**9)
    coins = sample("btcusd_minutes")
    assert (coins.symbols, len(coins), coins.calendar.name) == (("BTCUSD",), 1_440, "24/7")
    assert coins.instruments[0].quantity_decimals == 8


def test_its_columns_cannot_be_written():
    with pytest.raises(ValueError, match="read-only"):
        sample("SPY").close[0] = 1.0


def test_what_is_not_shipped():
    with pytest.raises(Setup, match="did you mean 'SPY'"):
        sample("SPX")
    with pytest.raises(Setup, match="is not in the data"):
        sample("SPY", "spy_minutes")


def test_it_needs_no_table_library():
    code = "import sys; from stratofold.market.sample import sample; sample('SPY'); print('polars' in sys.modules, 'pandas' in sys.modules)"
    done = run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONPATH": ":".join(sys.path)}
    )
    assert done.stdout.split() == ["False", "False"]


# symbol | day          | open | high | low | close | volume, by the source
BARS = [
    ("SPY", "1998-01-02", 97.31, 97.53, 96.53, 97.36, 2_150_000),
    ("AAPL", "2021-03-26", 120.35, 121.48, 118.92, 121.21, 90_549_889),
    ("IBM", "2021-03-01", 120.35, 122.32, 119.8649, 120.74, 5_237_888),
]


@pytest.mark.parametrize(("symbol", "day", "figures"), [(row[0], row[1], row[2:]) for row in BARS])
def test_bar(symbol, day, figures):
    bar = sample(symbol, start=day, end=day)
    assert len(bar) == 1
    assert tuple(float(getattr(bar, word)[0]) for word in WORDS) == figures


# Splits as the companies and the fund announced them: symbol | ex-date | new shares for old.
SPLITS = [
    ("AAPL", "2000-06-21", 2), ("AAPL", "2005-02-28", 2), ("AAPL", "2014-06-09", 7), ("AAPL", "2020-08-31", 4),
    ("AIG", "1998-08-03", 1.5), ("AIG", "1999-08-02", 1.25), ("AIG", "2000-07-31", 1.5), ("AIG", "2009-07-01", 1 / 20),
    ("BAC", "2004-08-30", 2), ("EEM", "2005-06-09", 3), ("EEM", "2008-07-24", 3), ("IBM", "1999-05-27", 2),
    ("IWM", "2005-06-09", 2), ("USO", "2020-04-29", 1 / 8),
]  # fmt: skip


@pytest.mark.parametrize(("symbol", "day", "ratio"), SPLITS)
def test_split(symbol, day, ratio):
    actions = sample(symbol, start=day, end=day).actions
    assert [(kind, value) for kind, value in zip(actions.kind, actions.value, strict=True)] == [(events.SPLIT, ratio)]
    opened = datetime.fromtimestamp(int(actions.time[0]) // 10**9, UTC)
    in_new_york = opened.astimezone(ZoneInfo("America/New_York"))
    assert (opened.date(), f"{in_new_york:%H:%M}") == (date.fromisoformat(day), "09:30")


# Dividends as announced: symbol | ex-date | dollars a share, of the day.
DIVIDENDS = [
    ("SPY", "2018-12-21", 1.4354), ("SPY", "2019-12-20", 1.57), ("SPY", "2020-03-20", 1.4056), ("SPY", "2020-06-19", 1.3662),
    ("SPY", "2020-09-18", 1.3392), ("SPY", "2020-12-18", 1.58), ("SPY", "2021-03-19", 1.2778),
    ("AAPL", "2012-08-09", 2.65), ("AAPL", "2014-05-08", 3.29), ("AAPL", "2014-08-07", 0.47), ("AAPL", "2020-08-07", 0.82),
    ("AAPL", "2020-11-06", 0.205), ("IBM", "2020-05-07", 1.63), ("BAC", "2020-12-03", 0.18), ("WM", "2021-03-11", 0.575),
]  # fmt: skip


@pytest.mark.parametrize(("symbol", "day", "dollars"), DIVIDENDS)
def test_dividend(symbol, day, dollars):
    actions = sample(symbol, start=day, end=day).actions
    assert [(kind, value) for kind, value in zip(actions.kind, actions.value, strict=True)] == [
        (events.DIVIDEND, dollars)
    ]


def test_spy_pays_four_times_a_year_and_once_more_for_microsofts_special_of_2004():
    actions = sample("SPY", start="1999-01-01", end="2020-12-31").actions
    assert len(actions.time) == 22 * 4 + 1
    assert 0.2 < actions.value.min() < actions.value.max() < 1.7


def test_prices_around_a_split_make_sense_only_with_it():
    """Raw closes fall by the ratio; with the split undone no day moves by a third, except the days that really did."""
    for symbol, day, ratio in SPLITS:
        market = sample(symbol)
        k = int(np.searchsorted(market.time, int(datetime.fromisoformat(f"{day}T00:00:00+00:00").timestamp()) * 10**9))
        assert 0.7 < market.close[k] * ratio / market.close[k - 1] < 1.3


def test_it_is_its_sources(shared_data: Path):
    source = pl.read_parquet(shared_data / "equities" / "us14_daily_ohlcv_raw.parquet")
    for symbol in DAILY:
        own, market = source.filter(pl.col("symbol") == symbol).sort("date"), sample(symbol)
        assert own["date"].dt.date().to_list() == [
            datetime.fromtimestamp(int(time) // 10**9, UTC).date() for time in market.time
        ]
        for word in WORDS:
            assert np.array_equal(getattr(market, word), own[word].cast(pl.Float64).to_numpy())


def test_its_actions_undo_the_sources_factors(shared_data: Path):
    """Prices taken back through our splits and dividends are the source's adjusted prices, to the decimals of its factors."""
    factors = pl.read_parquet(shared_data / "equities" / "us14_corporate_actions.parquet")
    for symbol in DAILY:
        market = sample(symbol)
        rows = factors.filter(pl.col("symbol") == symbol).sort("date", nulls_last=True)
        price, split = 1.0, 1.0
        for k in range(len(market.actions.time) - 1, -1, -1):
            kind, value = market.actions.kind[k], float(market.actions.value[k])
            before = int(np.searchsorted(market.time, market.actions.time[k])) - 1
            if kind == events.SPLIT:
                split /= value
            else:
                price *= 1.0 - value / float(market.close[before])
            day = datetime.fromtimestamp(int(market.time[before]) // 10**9, UTC).replace(tzinfo=None)
            row = rows.filter(pl.col("date") >= day.replace(hour=0, minute=0))[0]
            assert split == pytest.approx(row["split_factor"][0], rel=1e-5), (symbol, day)
            assert price == pytest.approx(row["price_factor"][0], rel=2e-3), (symbol, day)
