"""Real files, dirty and clean: every known defect is named, and no error is invented on what is sound."""

import polars as pl
import pytest

from stratofold.market.cleaning import check, clean


def counted(report):
    return dict(report.table().select("rule", "findings").iter_rows())


def places(report, rule):
    """Symbol and date of a rule's findings."""
    rows = report.findings.filter(pl.col("rule") == rule)
    return list(rows.select("symbol", day=pl.from_epoch("time", "ns").dt.strftime("%Y-%m-%d")).iter_rows())


@pytest.fixture(scope="module")
def dirty(shared_data):
    return shared_data / "equities" / "dirty_ticker_reuse_daily.parquet"


@pytest.fixture(scope="module")
def names(shared_data):
    return pl.read_parquet(shared_data / "equities" / "symbol_map.parquet")


def test_the_dirty_file(dirty):
    report = check(dirty)
    assert places(report, "ticker reuse") == [
        ("BNO", "2010-06-02"), ("EEM", "2003-04-11"), ("FB", "2012-05-18"), ("QQQ", "2011-03-23"), ("USO", "2006-04-10"),
        ("WM", "2009-08-05"),
    ]  # fmt: skip
    assert sorted(places(report, "unadjusted split")) == [
        ("BNO", "2013-08-29"), ("EEM", "2005-06-09"), ("EEM", "2008-07-24"), ("GOOG", "2014-04-03"), ("QQQ", "2000-03-20"),
        ("USO", "2020-04-29"), ("WM", "2001-05-16"),
    ]  # fmt: skip
    assert counted(report)["zero volume"] == 26
    assert ("GOOG", "2008-09-30") in places(report, "spike")  # 294.57, a print that the exchange took back
    assert ("GOOG", "2008-09-30") in places(report, "spike of a range")  # and a low of one cent


def test_with_a_map_of_names_a_rename_is_no_reuse_and_a_swap_of_classes_is(dirty, names):
    report = check(dirty, names=names)
    assert places(report, "ticker reuse") == [
        ("BNO", "2010-06-02"), ("EEM", "2003-04-11"), ("FB", "2012-05-18"), ("GOOG", "2014-04-03"), ("USO", "2006-04-10"),
        ("WM", "2009-08-05"),
    ]  # fmt: skip
    separated = clean(report).table
    assert {"FB.1", "FB", "GOOGL", "GOOG", "QQQ", "WM", "WM~1"} <= set(separated["symbol"])
    again = check(separated.drop("source_row"))
    assert places(again, "ticker reuse") == [("QQQ", "2011-03-23")]


def test_fourteen_stocks_and_their_one_missing_session(shared_data):
    actions = pl.read_parquet(shared_data / "equities" / "us14_corporate_actions.parquet").sort(
        "symbol", "date", nulls_last=True
    )
    stepped = actions.filter(pl.col("split_factor") != pl.col("split_factor").shift(-1).over("symbol"))
    bars = pl.read_parquet(shared_data / "equities" / "us14_daily_ohlcv_raw.parquet").sort("symbol", "date")
    splits = stepped.select("symbol", "date").join_asof(
        bars.select("symbol", date="date", ex="date"), on="date", by="symbol", strategy="forward", allow_exact_matches=False,
        check_sortedness=False,
    )  # fmt: skip
    report = check(bars, splits=splits.select("symbol", date="ex"))
    assert report.errors == 0
    assert places(report, "gap") == [("EEM", "2003-08-14")]
    assert places(report, "unadjusted split") == []
    assert {symbol for symbol, _ in places(report, "zero volume")} == {"BNO"}
    assert counted(report)["zero volume"] == 26
    assert set(counted(report)) == {"gap", "zero volume", "stale", "spike of a range"}


def test_a_split_inside_a_file_of_minutes(shared_data):
    report = check(shared_data / "equities" / "minute_trade_bars.parquet")
    (split,) = report.findings.filter(pl.col("rule") == "unadjusted split").to_dicts()
    assert (split["symbol"], split["expected"]) == ("AAPL", 7.0)
    assert report.errors == 0


CLEAN = [
    "crypto/btcperp_1m_2022_01",
    "ticks/spy_trades",
    "ticks/aig_trades",
    "ticks/eurusd_oanda",
    "equities/etf_daily_close_2008_2016",
]


@pytest.mark.parametrize("name", CLEAN)
def test_nothing_is_found_in_what_is_sound(shared_data, name):
    assert counted(check(shared_data / f"{name}.parquet")) == {}


def test_minutes_of_days_that_are_a_year_apart_have_gaps_and_no_split(shared_data):
    assert counted(check(shared_data / "crypto" / "coinbase_minute_trade_bars.parquet")) == {"gap": 7}


def test_crossed_quotes_of_one_venue(shared_data):
    report = check(shared_data / "ticks" / "eurusd_fxcm.parquet")
    assert counted(report) == {"crossed quote": 21_039}
    assert 0.10 < report.share_bad() < 0.11


@pytest.mark.parametrize("market", ["spot_btcusdt", "usdm_btcusdt", "cm_btcusd_perp"])
@pytest.mark.parametrize("kind", ["bbo", "trades"])
def test_captures_of_binance(shared_data, market, kind):
    assert counted(check(shared_data / "l2" / f"binance_{market}_20240808_{kind}.parquet")) == {}
