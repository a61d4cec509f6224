"""The door: every shape that holds the same bars gives the same `MarketData`."""

import gzip
import io
from array import array
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratofold.errors import Setup
from stratofold.market.frames import read
from stratofold.market.instruments import Crypto, Equity, Future
from stratofold.market.sample import sample
from stratofold.market.sample_catalogue import SampleCatalogue

NEW_YORK = ZoneInfo("America/New_York")
WORDS = ("open", "high", "low", "close", "volume")


@pytest.fixture(scope="module")
def spy():
    """Fifty days of SPY across a change of clocks, as a polars frame with dates."""
    market = sample("SPY", start="2020-02-01", end="2020-04-15")
    days = [datetime.fromtimestamp(int(time) // 10**9, UTC).date() for time in market.time]
    return pl.DataFrame({"date": days, **{word: getattr(market, word) for word in WORDS}})


@pytest.fixture(scope="module")
def minutes():
    """One morning of SPY minutes, stamped with their starts in UTC."""
    market = sample("spy_minutes").subset(
        None, datetime(2013, 10, 7, 14, tzinfo=UTC), datetime(2013, 10, 7, 15, tzinfo=UTC)
    )
    starts = pl.Series("ts", market.time - 60 * 10**9).cast(pl.Datetime("ns")).dt.replace_time_zone("UTC")
    return pl.DataFrame({"ts": starts, **{word: getattr(market, word) for word in WORDS}})


def same(left, right):
    """Equal bars and times, whatever was noted on the way."""
    assert left.symbols == right.symbols
    for name in ("time", "symbol", *WORDS):
        assert np.array_equal(getattr(left, name), getattr(right, name)), name
    assert (left.span_ns, left.calendar.name, left.instruments) == (
        right.span_ns,
        right.calendar.name,
        right.instruments,
    )
    return True


def with_index(frame, **how):
    return frame.to_pandas().set_index("date", **how)


def written(frame, folder, ending):
    path = folder / f"SPY{ending}"
    if ending == ".csv":
        frame.write_csv(path)
    elif ending == ".csv.gz":
        text = io.BytesIO()
        frame.write_csv(text)
        path.write_bytes(gzip.compress(text.getvalue()))
    elif ending == ".tsv":
        frame.write_csv(path, separator="\t")
    elif ending == ".parquet":
        frame.write_parquet(path)
    else:
        frame.write_ipc(path, compression="uncompressed")
    return path


SHAPES = {
    "polars": lambda frame: frame,
    "polars, lazy": lambda frame: frame.lazy(),
    "polars, in pieces": lambda frame: pl.concat([frame[:7], frame[7:]], rechunk=False),
    "polars, decimals": lambda frame: frame.with_columns(pl.col("close").cast(pl.Decimal(18, 4))),
    "pandas, dates in a column": lambda frame: frame.to_pandas(),
    "pandas, dates in the index": with_index,
    "pandas, an unnamed index": lambda frame: with_index(frame).rename_axis(None),
    "pandas, an integer index": lambda frame: frame.to_pandas()[::1].set_index(np.arange(5, 5 + len(frame))),
    "pandas, column-wise memory": lambda frame: pd.DataFrame({"date": frame["date"].to_numpy(), **{word: frame[word].to_numpy() for word in WORDS}}),
    "pandas, nullable numbers": lambda frame: with_index(frame).convert_dtypes(),
    "pandas on Arrow": lambda frame: frame.to_pandas(use_pyarrow_extension_array=True),
    "pandas, midnights of New York": lambda frame: with_index(frame).tz_localize("America/New_York"),
    "pandas, periods": lambda frame: with_index(frame).set_axis(pd.PeriodIndex(frame["date"].to_list(), freq="D", name="date")),
    "pandas, text dates": lambda frame: frame.to_pandas().assign(date=[str(day) for day in frame["date"]]),
    "pandas, Python dates": lambda frame: frame.to_pandas().assign(date=frame["date"].to_list()),
    "Arrow table": lambda frame: frame.to_arrow(),
    "Arrow record batch": lambda frame: frame.to_arrow().combine_chunks().to_batches()[0],
    "arrays": lambda frame: {name: frame[name].to_numpy() for name in frame.columns},
    "the standard library's arrays": lambda frame: {
        "date": frame["date"].to_list(), **{word: array("d", frame[word].to_list()) for word in WORDS}
    },
    "lists": lambda frame: {name: frame[name].to_list() for name in frame.columns},
    "midnights of UTC, aware": lambda frame: frame.with_columns(pl.col("date").cast(pl.Datetime("us")).dt.replace_time_zone("UTC")),
    "midnights, naive": lambda frame: frame.with_columns(pl.col("date").cast(pl.Datetime("ms"))),
    "dates as numbers": lambda frame: frame.with_columns(pl.col("date").dt.strftime("%Y%m%d").cast(pl.Int64)),
    "seconds of midnights": lambda frame: frame.with_columns(pl.col("date").cast(pl.Datetime("ms")).dt.epoch("s")),
    "text with slashes": lambda frame: frame.with_columns(pl.col("date").dt.strftime("%Y/%m/%d")),
}  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
def test_daily_bars_of_any_shape(spy, shape):
    assert same(read(SHAPES[shape](spy), symbols="SPY"), read(spy, symbols="SPY"))


@pytest.mark.parametrize("ending", [".csv", ".csv.gz", ".tsv", ".parquet", ".arrow"])
def test_daily_bars_of_a_file(spy, tmp_path, ending):
    path = written(spy, tmp_path, ending)
    assert same(read(path), read(spy, symbols="SPY"))
    assert same(read(str(path), symbols="SPY"), read(spy, symbols="SPY"))


def test_a_csv_that_pandas_wrote(spy, tmp_path):
    with_index(spy).rename_axis(None).to_csv(tmp_path / "SPY.csv")
    assert same(read(tmp_path / "SPY.csv"), read(spy, symbols="SPY"))


def test_days_close_with_their_session_on_both_sides_of_a_clock_change(spy):
    market = read(spy, symbols="SPY")
    closes = dict(zip(spy["date"], market.time, strict=True))
    for day, hour in ((date(2020, 3, 6), 21), (date(2020, 3, 9), 20)):
        assert closes[day] == int(datetime(day.year, day.month, day.day, hour, tzinfo=UTC).timestamp()) * 10**9
    assert market.span_ns == 86_400 * 10**9
    assert market.instruments == (Equity("SPY", price_decimals=4),)


# --- Names of columns.

SPELLINGS = [
    ("Date", "Open", "High", "Low", "Close", "Volume"),
    ("DATE", "OPEN", "HIGH", "LOW", "CLOSE", "VOL"),
    ("t", "o", "h", "l", "c", "v"),
    ("timestamp", "open_price", "high_price", "low_price", "close_price", "volume"),
    ("datetime", "Price Open", "Price High", "Price Low", "Price Close", "Qty"),
    ("ts", "px_open", "px_high", "px_low", "px_last", "size"),
    ("trade_date", "open", "high", "low", "Last", "traded_volume"),
]


@pytest.mark.parametrize("names", SPELLINGS)
def test_columns_by_any_usual_name(spy, names):
    market = read(spy.rename(dict(zip(spy.columns, names, strict=True))), symbols="SPY")
    assert same(market, read(spy, symbols="SPY"))
    assert f"{names[4]} as close" in market.notes[0]


def test_an_adjusted_close_serves_only_where_there_is_no_other(spy):
    both = spy.with_columns((pl.col("close") * 0.5).alias("Adj Close"))
    assert same(read(both, symbols="SPY"), read(spy, symbols="SPY"))
    market = read(spy.rename({"close": "Adj Close"}), symbols="SPY")
    assert any("adjusted" in note for note in market.notes)


def test_without_volume_it_is_nought_and_said(spy):
    market = read(spy.drop("volume"), symbols="SPY")
    assert not market.volume.any()
    assert any("no volume" in note for note in market.notes)


def test_without_a_name_it_gets_one_and_is_told(spy):
    market = read(spy)
    assert market.symbols == ("ASSET",)
    assert any('symbols="SPY"' in note for note in market.notes)


# --- Times with hours.

INTRADAY = {
    "polars, UTC": lambda frame: frame,
    "polars, New York": lambda frame: frame.with_columns(pl.col("ts").dt.convert_time_zone("America/New_York")),
    "pandas, UTC": lambda frame: frame.to_pandas().set_index("ts"),
    "pandas, New York": lambda frame: frame.to_pandas().set_index("ts").tz_convert("America/New_York"),
    "pandas, a fixed offset": lambda frame: frame.to_pandas().set_index("ts").tz_convert("-05:00"),
    "seconds": lambda frame: frame.with_columns(pl.col("ts").dt.epoch("s")),
    "milliseconds": lambda frame: frame.with_columns(pl.col("ts").dt.epoch("ms")),
    "microseconds": lambda frame: frame.with_columns(pl.col("ts").dt.epoch("us")),
    "nanoseconds": lambda frame: frame.with_columns(pl.col("ts").dt.epoch("ns")),
    "seconds as floats": lambda frame: frame.with_columns(pl.col("ts").dt.epoch("s").cast(float)),
    "text with Z": lambda frame: frame.with_columns(pl.col("ts").dt.strftime("%Y-%m-%dT%H:%M:%SZ")),
    "text with an offset": lambda frame: frame.with_columns(
        pl.col("ts").dt.convert_time_zone("America/New_York").dt.strftime("%Y-%m-%d %H:%M:%S%z")
    ),
    "aware Python datetimes": lambda frame: {
        "ts": [moment.astimezone(NEW_YORK) for moment in frame["ts"].dt.cast_time_unit("us")], **{word: frame[word] for word in WORDS}
    },
    "columns of polars": lambda frame: {name: frame[name] for name in frame.columns},
    "columns of pandas": lambda frame: {name: frame.to_pandas()[name] for name in frame.columns},
}  # fmt: skip


@pytest.mark.parametrize("shape", INTRADAY)
def test_minutes_of_any_shape(minutes, shape):
    market = read(INTRADAY[shape](minutes), symbols="SPY")
    assert same(market, read(minutes, symbols="SPY"))
    assert market.time[0] == int(datetime(2013, 10, 7, 14, tzinfo=UTC).timestamp()) * 10**9
    assert market.span_ns == 60 * 10**9
    assert any("starts of bars of 1 minute" in note for note in market.notes)


@pytest.mark.parametrize("make", [lambda frame: frame, lambda frame: frame.to_pandas()])
def test_naive_times_with_a_stated_zone(minutes, make):
    naive = minutes.with_columns(pl.col("ts").dt.convert_time_zone("America/New_York").dt.replace_time_zone(None))
    assert same(read(make(naive), symbols="SPY", timezone="America/New_York"), read(minutes, symbols="SPY"))


def test_closes_stay_where_they_are_said_to_be_closes(minutes):
    ends = minutes.with_columns(pl.col("ts") + timedelta(minutes=1))
    assert same(read(ends, symbols="SPY", stamped="close"), read(minutes, symbols="SPY"))


@pytest.mark.parametrize("span", ["1min", "60s", timedelta(minutes=1), 60 * 10**9])
def test_a_span_can_be_stated(minutes, span):
    thin = minutes[::7]
    assert read(thin, symbols="SPY").span_ns == 7 * 60 * 10**9
    assert read(thin, symbols="SPY", span=span).time[0] == read(minutes, symbols="SPY").time[0]


def test_bars_outside_regular_sessions_are_kept_and_counted():
    whole = sample("spy_minutes")
    starts = pl.Series(whole.time - 60 * 10**9).cast(pl.Datetime("ns")).dt.replace_time_zone("UTC")
    market = read({"ts": starts, **{word: getattr(whole, word) for word in WORDS}}, symbols="SPY")
    inside = [whole.calendar.opens[k] < time for time in whole.time for k in [whole.calendar.session_of(int(time))]]
    assert len(market) == len(whole)
    assert any(f"{inside.count(False):,} bars are outside" in note for note in market.notes)


def test_bars_outside_are_counted_in_a_long_frame_too(minutes):
    early = minutes.with_columns((pl.col("ts") - timedelta(hours=3)).cast(minutes["ts"].dtype))
    both = pl.concat([minutes.with_columns(symbol=pl.lit("SPY")), early.with_columns(symbol=pl.lit("QQQ"))])
    assert any(f"{len(early)} bars are outside" in note for note in read(both).notes)


def test_bars_of_less_than_a_second(minutes):
    half = minutes.with_columns(
        ts=pl.Series(
            int(datetime(2020, 1, 2, 15, tzinfo=UTC).timestamp()) * 10**9 + 5 * 10**8 * np.arange(len(minutes))
        )
    )
    assert any("bars of 500000000 ns" in note for note in read(half, symbols="SPY").notes)


def test_a_long_frame_of_one_symbol(spy):
    assert same(read(spy.with_columns(symbol=pl.lit("SPY"))), read(spy, symbols="SPY"))


# --- Calendars.


def daily(days, price=10.0):
    return pl.DataFrame({"date": days, **{word: [price] * len(days) for word in WORDS}})


def test_weekend_bars_mean_always_open_and_a_coin():
    days = [date(2020, 1, 1) + timedelta(days=k) for k in range(30)]
    market = read(daily(days), symbols="BTCUSD")
    assert (market.calendar.name, market.instruments[0].kind, market.instruments[0].quantity_decimals) == (
        "24/7",
        "crypto",
        8,
    )
    assert market.time[0] == int(datetime(2020, 1, 2, tzinfo=UTC).timestamp()) * 10**9


def test_an_instrument_that_never_closes_decides_for_weekdays_too():
    days = [date(2020, 1, 6) + timedelta(days=k) for k in range(5)]
    assert read(daily(days), symbols="BTCUSD", instruments=Crypto("BTCUSD")).calendar.name == "24/7"
    assert read(daily(days), symbols="BTCUSD").calendar.name == "XNYS"
    assert read(daily(days), symbols="DAX", instruments=Equity("DAX", calendar="24/5")).calendar.name == "24/5"
    both = {"BTCUSD": daily(days), "SPY": daily(days)}
    stated = [Crypto("BTCUSD"), Equity("SPY", calendar="XNYS"), Equity("OTHER", calendar="24/5")]
    assert read(both, instruments=stated).calendar.name == "24/7"
    assert read(both["SPY"], symbols="SPY", instruments=stated).calendar.name == "XNYS"


def test_weekdays_that_are_holidays_mean_any_weekday():
    days = [day for k in range(30) if (day := date(2020, 1, 1) + timedelta(days=k)).weekday() < 5]
    market = read(daily(days), symbols="DAX")
    assert market.calendar.name == "24/5"
    assert any("2020-01-01" in note for note in market.notes)


def test_days_before_the_table_fall_back_to_weekdays():
    days = [day for k in range(30) if (day := date(1962, 1, 2) + timedelta(days=k)).weekday() < 5]
    with pytest.raises(Setup, match="is no session of XNYS"):
        read(daily(days), symbols="GE", calendar="XNYS")


def test_minutes_around_the_clock():
    start = int(datetime(2022, 1, 1, tzinfo=UTC).timestamp())
    always = {"time": start + 60 * np.arange(20_000), **dict.fromkeys(WORDS, np.full(20_000, 5.0))}
    assert read(always, symbols="BTC").calendar.name == "24/7"
    weekdays = (np.arange(20_000) // 1440 + 5) % 7 < 5  # 2022-01-01 was a Saturday
    forex = {name: column[weekdays] for name, column in always.items()}
    assert read(forex, symbols="EURUSD").calendar.name == "24/5"


def test_weekly_bars_need_to_say_which_day_they_carry():
    mondays = [date(2020, 1, 6) + timedelta(days=7 * k) for k in range(20)]
    with pytest.raises(Setup, match="first day or the last"):
        read(daily(mondays), symbols="SPY")
    starts, closes = (read(daily(mondays), symbols="SPY", stamped=how) for how in ("start", "close"))
    friday = int(datetime(2020, 1, 10, 21, tzinfo=UTC).timestamp()) * 10**9
    assert (starts.time[0], starts.span_ns) == (friday, 7 * 86_400 * 10**9)
    assert closes.time[0] == friday - 4 * 86_400 * 10**9


def test_daily_times_that_are_session_closes_or_opens_are_known(spy):
    market = read(spy, symbols="SPY")
    columns = {word: getattr(market, word) for word in WORDS}
    opens = np.frombuffer(market.calendar.opens, np.int64)
    closes = np.frombuffer(market.calendar.closes, np.int64)
    assert same(read({"time": market.time, **columns}, symbols="SPY"), market)
    assert same(read({"time": opens[np.searchsorted(closes, market.time)], **columns}, symbols="SPY"), market)
    with pytest.raises(Setup, match="start or their close"):
        read({"time": market.time - 3_600 * 10**9, **columns}, symbols="SPY")


# --- Several symbols.


@pytest.fixture(scope="module")
def two(spy):
    """SPY, and half of it under another name with some days missing."""
    other = spy.with_columns([pl.col(word) / 2 for word in WORDS[:4]])[3:40:2]
    return {"SPY": spy, "HALF": other}


def stacked(two, columns=("symbol",)):
    return pl.concat([frame.with_columns(pl.lit(name).alias(columns[0])) for name, frame in two.items()])


MANY = {
    "long, a symbol after the other": stacked,
    "long, by date": lambda two: stacked(two).sort("date", maintain_order=True),
    "long, a category": lambda two: stacked(two).with_columns(pl.col("symbol").cast(pl.Categorical)),
    "long, pandas": lambda two: stacked(two).to_pandas(),
    "long, pandas, two index levels": lambda two: stacked(two).to_pandas().set_index(["date", "symbol"]),
    "long, pandas, unnamed levels": lambda two: stacked(two).to_pandas().set_index(["date", "symbol"]).rename_axis([None, None]),
    "long, tickers": lambda two: stacked(two).rename({"symbol": "Ticker"}),
    "long, arrays": lambda two: {name: stacked(two)[name].to_numpy() for name in stacked(two).columns},
    "a mapping": lambda two: two,
    "a mapping of arrays": lambda two: {name: {column: frame[column].to_numpy() for column in frame.columns} for name, frame in two.items()},
    "wide, pandas": lambda two: pd.concat({name: with_index(frame) for name, frame in two.items()}, axis=1),
    "wide, prices first": lambda two: pd.concat({name: with_index(frame) for name, frame in two.items()}, axis=1).swaplevel(axis=1),
}  # fmt: skip


@pytest.mark.parametrize("shape", MANY)
def test_many_symbols_of_any_shape(two, shape):
    market = read(MANY[shape](two), symbols=["SPY", "HALF"])
    assert same(market, read(two))
    assert (np.diff(market.time) >= 0).all()
    for name, frame in two.items():
        assert np.array_equal(market.of(name).close, frame["close"].to_numpy())


def test_a_folder_of_files(two, tmp_path):
    for name, frame in two.items():
        frame.write_parquet(tmp_path / f"{name}.parquet")
    (tmp_path / "README").write_text("not bars")
    assert same(read(tmp_path, symbols=["SPY", "HALF"]), read(two))
    assert read(tmp_path).symbols == ("HALF", "SPY")
    assert read(tmp_path, symbols="SPY").symbols == ("SPY",)


def test_symbols_are_chosen_and_ordered_as_asked(two):
    assert read(stacked(two)).symbols == ("SPY", "HALF")
    assert read(stacked(two), symbols=["HALF", "SPY"]).symbols == ("HALF", "SPY")
    assert same(read(stacked(two), symbols="HALF"), read(two["HALF"], symbols="HALF"))


def test_one_symbol_has_one_handle(spy):
    market = read(spy, symbols="SPY")
    assert market.symbol.tolist() == [0]


# --- What is already read, and what is stated.


def test_market_data_and_catalogues_pass_through(spy):
    market = read(spy, symbols="SPY")
    assert read(market) is market
    assert len(read(market, start="2020-03-01", end="2020-03-31")) == 22
    assert read(SampleCatalogue(), symbols=["AAPL", "SPY"]).symbols == ("AAPL", "SPY")
    with pytest.raises(Setup, match="instruments cannot change data"):
        read(market, instruments=Equity("SPY"))


def test_instruments_are_taken_as_stated(spy):
    stated = Future("SPY", multiplier=50.0, price_decimals=2, margin=0.1)
    for shape in (stated, [stated], {"SPY": stated}):
        assert read(spy, symbols="SPY", instruments=shape).instruments == (stated,)


# prices | decimals
GRIDS = [
    ([1.25, 2.5], 2),
    ([1.2345, 2.5], 4),
    ([1.23456, 1.0], 6),
    ([0.00001234, 1.0], 8),
    ([1 / 3, 1.0], 8),
    ([101.0, 7.0], 2),
]


@pytest.mark.parametrize(("prices", "decimals"), GRIDS)
def test_price_decimals_are_read_off_the_data(prices, decimals):
    frame = pl.DataFrame({"date": [date(2020, 1, 2), date(2020, 1, 3)], **dict.fromkeys(WORDS[:4], prices)})
    assert read(frame, symbols="X").instruments[0].price_decimals == decimals


def test_dust_of_adjusting_is_swept_and_nothing_else(spy):
    high = spy["high"].to_numpy().copy()
    high[5] = max(spy["open"][5], spy["close"][5]) * (1 - 1e-13)
    market = read(spy.with_columns(pl.Series("high", high)), symbols="SPY")
    assert market.high[5] == max(spy["open"][5], spy["close"][5])
    assert np.array_equal(market.high[6:], high[6:])


def test_columns_that_fit_are_not_copied():
    count = 1_000
    columns = {word: np.full(count, 5.0) for word in WORDS}
    time = int(datetime(2022, 1, 1, tzinfo=UTC).timestamp()) * 10**9 + 60 * 10**9 * np.arange(count)
    market = read({"time": time, **columns}, symbols="BTC", stamped="close")
    assert np.shares_memory(market.time, time)
    assert all(np.shares_memory(getattr(market, word), columns[word]) for word in WORDS)


def test_a_mapped_file_is_not_copied(minutes, tmp_path):
    values = np.lib.format.open_memmap(tmp_path / "close.npy", mode="w+", dtype=np.float64, shape=(len(minutes),))
    values[:] = minutes["close"].to_numpy()
    mapped = np.load(tmp_path / "close.npy", mmap_mode="r")
    columns = {word: minutes[word].to_numpy() for word in WORDS}
    market = read({"ts": minutes["ts"].dt.epoch("ns").to_numpy(), **columns, "close": mapped}, symbols="SPY")
    assert np.shares_memory(market.close, mapped)


def test_a_folder_of_columns_is_mapped_and_not_copied(minutes, tmp_path):
    folder = tmp_path / "SPY"
    folder.mkdir()
    for word in WORDS:
        np.save(folder / f"{word}.npy", minutes[word].to_numpy())
    np.save(folder / "time.npy", minutes["ts"].dt.epoch("ns").to_numpy() + 60 * 10**9)
    market = read(folder, stamped="close")
    assert same(market, read(minutes, symbols="SPY"))
    assert not market.close.flags.owndata
    (folder / "open.npy").write_bytes((folder / "open.npy").read_bytes()[:40])
    with pytest.raises(Setup, match="the NumPy file cannot be read"):
        read(folder)


def test_columns_nobody_asked_for_are_said(spy):
    market = read(spy.with_columns(Dividends=pl.lit(0.0), Adj_Close=pl.lit(1.0)), symbols="SPY")
    assert any(note == "columns not read: Dividends, Adj_Close" for note in market.notes)


@st.composite
def shuffled(draw):
    """A few symbols with random days each, as one long table in an order that keeps each symbol's own."""
    days = [date(2020, 1, 1) + timedelta(days=k) for k in range(40)]
    rows = {name: sorted(draw(st.sets(st.sampled_from(days), min_size=2))) for name in ("A", "B", "C")}
    order = draw(st.permutations([name for name, own in rows.items() for _ in own]))
    left = {name: iter(own) for name, own in rows.items()}
    return [(name, next(left[name])) for name in order]


@given(shuffled(), st.data())
def test_rows_end_up_in_order_of_time_and_symbol_wherever_they_stood(rows, data):
    price = [data.draw(st.integers(100, 999)) / 100 for _ in rows]
    table = {"symbol": [name for name, _ in rows], "date": [day for _, day in rows], **dict.fromkeys(WORDS[:4], price)}
    market = read(table, symbols=["A", "B", "C"], calendar="24/7", span="1d")
    expected = sorted(zip((day for _, day in rows), (name for name, _ in rows), price, strict=True))
    handles = [market.symbols[k] for k in market.symbol]
    days = [datetime.fromtimestamp(int(time) // 10**9 - 86_400, UTC).date() for time in market.time]
    assert list(zip(days, handles, market.close, strict=True)) == expected


@given(st.sampled_from(WORDS), st.integers(0, 49), st.sampled_from([float("nan"), float("inf"), -1.0]))
def test_one_wrong_figure_is_found_wherever_it_is(word, row, value):
    market = sample("SPY", start="2020-02-01", end="2020-04-15")
    columns = {name: getattr(market, name).copy() for name in WORDS}
    columns[word][row] = value
    with pytest.raises(Setup, match=f"the {word} is .*\n.*SPY, row {row}, "):
        read({"time": market.time, **columns}, symbols="SPY")


def test_foreign_frames_come_in_through_narwhals(spy):
    import narwhals

    assert same(read(narwhals.from_native(spy), symbols="SPY"), read(spy, symbols="SPY"))
    reader = pa.RecordBatchReader.from_batches(spy.to_arrow().schema, spy.to_arrow().to_batches())
    assert same(read(reader, symbols="SPY"), read(spy, symbols="SPY"))
