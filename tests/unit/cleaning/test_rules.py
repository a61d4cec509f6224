"""Defects planted into clean tables: each is found by its own rule, at its own row, and by no other rule."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from stratofold.errors import Setup
from stratofold.market.cleaning import RULES, check, clean, undo
from stratofold.market.sessions import calendar

DAYS = 80


def daily(symbol="AAA", count=DAYS):
    """A quiet walk on sessions of New York, from January 2023."""
    sessions = calendar("XNYS")
    first = sessions.index_of(date(2023, 1, 3))
    chance = np.random.default_rng(7)
    close = np.round(100.0 * np.exp(np.cumsum(chance.normal(0.0, 0.01, count))), 2)
    open_ = np.round(close * (1.0 + chance.normal(0.0, 0.002, count)), 2)
    return pl.DataFrame(
        {
            "symbol": symbol,
            "date": [date.fromordinal(day) for day in sessions.days[first : first + count]],
            "open": open_,
            "high": np.round(np.maximum(open_, close) * 1.003, 2),
            "low": np.round(np.minimum(open_, close) * 0.997, 2),
            "close": close,
            "volume": chance.integers(900_000, 1_100_000, count).astype(float),
        }
    )


def minutes(days=2, zone="UTC"):
    """Minute bars of regular sessions, stamped with their start."""
    sessions = calendar("XNYS")
    first = sessions.index_of(date(2023, 11, 22))
    opens, closes = sessions.opens[first : first + days], sessions.closes[first : first + days]
    starts = [
        start for opened, closed in zip(opens, closes, strict=True) for start in range(opened, closed, 60_000_000_000)
    ]
    price = np.round(50.0 + np.cumsum(np.random.default_rng(3).normal(0.0, 0.01, len(starts))), 2)
    time = pl.Series("time", starts).cast(pl.Datetime("ns", "UTC"))
    frame = pl.DataFrame({"time": time, "close": price, "volume": np.arange(len(starts)) % 97 + 100.0})
    shaped = frame.select(
        "time", open="close", high=pl.col("close") + 0.01, low=pl.col("close") - 0.01, close="close", volume="volume"
    )
    return shaped.with_columns(pl.col("time").dt.convert_time_zone(zone))


def trades(count=200):
    """Trades of one symbol, numbered, a second apart."""
    begin = datetime(2023, 1, 4, 15, tzinfo=UTC)
    chance = np.random.default_rng(5)
    return pl.DataFrame(
        {
            "time": pl.Series([begin + timedelta(seconds=k) for k in range(count)]),
            "price": np.round(20.0 + np.cumsum(chance.normal(0.0, 0.005, count)), 3),
            "size": np.full(count, 100.0),
            "trade_id": np.arange(count),
            "suspicious": np.zeros(count, np.int64),
        }
    )


def quotes(count=200):
    return trades(count).select(
        "time",
        bid=pl.col("price") - 0.01,
        ask=pl.col("price") + 0.01,
        bid_size="size",
        ask_size="size",
        suspicious="suspicious",
    )


def put(frame, row, **values):
    """A frame with other values in one row."""
    here = pl.int_range(pl.len()) == row
    return frame.with_columns(
        pl.when(here).then(value).otherwise(pl.col(name)).alias(name) for name, value in values.items()
    )


def without(frame, *rows):
    return frame.filter(~pl.int_range(pl.len()).is_in(rows))


def again(frame, row, at, **values):
    """A frame with a row repeated at another place."""
    return pl.concat([frame[:at], put(frame, row, **values)[row], frame[at:]])


def swapped(frame, one, other):
    order = np.arange(len(frame))
    order[one], order[other] = other, one
    return frame[order]


def halved(frame, row):
    """Prices after a split of two for one that nobody adjusted, volume twice."""
    later = pl.int_range(pl.len()) >= row
    prices = ("open", "high", "low", "close")
    return frame.with_columns(
        *(pl.when(later).then(pl.col(name) / 2.0).otherwise(pl.col(name)) for name in prices),
        pl.when(later).then(pl.col("volume") * 2.0).otherwise(pl.col("volume")),
    )


def another_company(frame):
    """Two years without the ticker, then somebody else's prices."""
    sessions = calendar("XNYS")
    first = sessions.index_of(frame["date"][0]) - 500
    earlier = frame.with_columns(
        date=pl.Series([date.fromordinal(sessions.days[first + k]) for k in range(len(frame))])
    )
    return pl.concat([earlier, frame.with_columns(pl.col("open", "high", "low", "close") * 3.0)])


def repeated(frame, row, count):
    """One bar's values on so many days."""
    values = [name for name in frame.columns if name not in ("symbol", "date")]
    here = pl.int_range(pl.len()).is_between(row, row + count - 1)
    return frame.with_columns(
        pl.when(here).then(frame[name][row]).otherwise(pl.col(name)).alias(name) for name in values
    )


def negative(frame, row):
    """A bar below zero, its high still above its low."""
    return put(
        frame,
        row,
        open=-frame["open"][row],
        high=-frame["low"][row],
        low=-frame["high"][row],
        close=-frame["close"][row],
    )


def late(frame, by):
    """The last bar again, so many minutes later."""
    time = (pl.col("time") + pl.duration(minutes=by)).cast(frame.schema["time"])
    return pl.concat([frame, frame[-1:].with_columns(time)])


NAN, INF = float("nan"), float("inf")
DAILY, MINUTES, TRADES, QUOTES = daily(), minutes(), trades(), quotes()

PLANTED = {
    "clean days": (DAILY, {}),
    "clean minutes, an early close among them": (MINUTES, {}),
    "clean trades": (TRADES, {}),
    "clean quotes": (QUOTES, {}),
    "two rows changed places": (swapped(DAILY, 20, 21), {"out of order": [21]}),
    "a bar twice": (again(DAILY, 30, 31), {"repeated row": [31]}),
    "a bar again, much later": (again(DAILY, 30, 50), {"out of order": [50], "repeated row": [50]}),
    "a bar again with another close": (again(DAILY, 30, 31, close=DAILY["low"][30]), {"two bars of one time": [31]}),
    "no close": (put(DAILY, 12, close=NAN), {"not a number": [12]}),
    "an infinite high": (put(DAILY, 12, high=INF), {"not a number": [12]}),
    "volume null": (put(DAILY, 12, volume=None), {"not a number": [12]}),
    "a close of nothing": (put(DAILY, 40, close=0.0), {"zero price": [40], "outside its range": [40]}),
    "all of it negative": (negative(DAILY, 9), {"negative price": [9]}),
    "negative volume": (put(DAILY, 9, volume=-5.0), {"negative size": [9]}),
    "high and low exchanged": (put(DAILY, 33, high=DAILY["low"][33], low=DAILY["high"][33]), {"high below low": [33]}),
    "an open above the high": (put(DAILY, 33, open=DAILY["high"][33] + 1.0), {"outside its range": [33]}),
    "a digit too many": (put(DAILY, 44, close=DAILY["close"][44] * 10, high=DAILY["close"][44] * 10), {"spike": [44]}),
    "a low that never was": (put(DAILY, 44, low=0.01), {"spike of a range": [44]}),
    "a feed that hangs": (repeated(DAILY, 50, 6), {"stale": [50]}),
    "nobody traded": (put(DAILY, 60, volume=0.0), {"zero volume": [60]}),
    "volume in pieces of a thousand": (put(DAILY, 60, volume=DAILY["volume"][60] * 1_500), {"volume glitch": [60]}),
    "a split nobody adjusted": (halved(DAILY, 55), {"unadjusted split": [55]}),
    "half the price after three weeks of nothing": (without(halved(DAILY, 55), *range(40, 55)), {"gap": [39]}),
    "half the price after a long weekend": (without(halved(DAILY, 55), 53, 54), {"unadjusted split": [53], "gap": [52]}),
    "another company": (another_company(DAILY), {"ticker reuse": [DAYS]}),
    "three sessions missing": (without(DAILY, 20, 21, 22), {"gap": [19]}),
    "a bar on a Sunday": (put(DAILY, 4, date=date(2023, 1, 8)), {"closed that day": [4], "gap": [3]}),
    "ten minutes missing": (without(MINUTES, *range(100, 110)), {"gap": [99]}),
    "an afternoon on half a day": (late(MINUTES, 30), {"after an early close": [len(MINUTES)]}),
    "New York's clock taken for UTC": (minutes(6).with_columns(pl.col("time") - pl.duration(hours=5)), {"wrong time zone": [0]}),
    "a trade again": (again(TRADES, 70, 71), {"repeated row": [71]}),
    "equal trades of different numbers": (again(TRADES, 70, 71, trade_id=9_999), {}),
    "a trade ten times too high": (put(TRADES, 70, price=TRADES["price"][70] * 10), {"spike": [70]}),
    "a trade marked": (put(TRADES, 70, suspicious=1), {"flagged by the venue": [70]}),
    "a crossed quote": (put(QUOTES, 80, ask=QUOTES["bid"][80] - 0.05), {"crossed quote": [80]}),
    "a quote of one side": (put(QUOTES, 80, ask=0.0, ask_size=0.0), {"one side only": [80]}),
    "a quote below zero": (put(QUOTES, 80, bid=-1.0), {"negative price": [80]}),
}  # fmt: skip


@pytest.mark.parametrize(("table", "expected"), PLANTED.values(), ids=PLANTED)
def test_each_planted_defect_is_named_and_nothing_else(table, expected):
    findings = check(table).findings
    found = {name: rows["row"].to_list() for (name,), rows in findings.group_by("rule", maintain_order=True)}
    assert found == expected


def test_every_rule_has_a_planted_defect():
    assert {rule.name for rule in RULES} == {name for _, expected in PLANTED.values() for name in expected}


@pytest.mark.parametrize("table", [table for table, _ in PLANTED.values()], ids=PLANTED)
def test_clean_and_changes_together_are_the_source(table):
    if "symbol" not in table.columns:
        table = table.with_columns(symbol=pl.lit("AAA"))
    report = check(table)
    cleaned = clean(report)
    assert undo(cleaned).equals(table, null_equal=True)
    assert cleaned.table["source_row"].is_unique().all()


@pytest.mark.parametrize("table", [table for table, _ in PLANTED.values()], ids=PLANTED)
def test_what_is_clean_has_no_error_left(table):
    table = table if "symbol" in table.columns else table.with_columns(symbol=pl.lit("AAA"))
    report = check(table)
    left = check(clean(report).table.drop("source_row"))
    mended = {rule.name for rule in RULES if rule.action != "keep"}
    assert not set(left.findings["rule"]) & mended


def test_a_split_that_is_stated_is_no_finding():
    table = halved(DAILY, 55)
    stated = pl.DataFrame({"symbol": ["AAA"], "date": [table["date"][55]]})
    assert len(check(table, splits=stated).findings) == 0


def test_companies_are_told_apart_by_a_map_and_by_number():
    table = another_company(DAILY)
    numbered = clean(check(table)).table
    assert numbered["symbol"].unique(maintain_order=True).to_list() == ["AAA~1", "AAA"]
    names = pl.DataFrame(
        {
            "company": ["OLD", "OLD", "NEW", "NEW"],
            "until": [date(2021, 1, 1), date(2021, 12, 31), date(2023, 1, 3), None],
            "symbol": ["AAA"] * 4,
        }
    )
    assert clean(check(table, names=names)).table["symbol"].unique(maintain_order=True).to_list() == ["OLD", "AAA"]


@pytest.mark.parametrize(
    ("table", "code"),
    [
        (DAILY.head(0), "SF641"),
        (DAILY.select("symbol", "date"), "SF640"),
        (pl.DataFrame({"time": [1], "side": ["bid"], "price": [1.0], "size": [1.0], "final_id": [1]}), "SF640"),
        (DAILY.drop("date"), "SF201"),
        (DAILY.with_columns(date=pl.lit("yesterday")), "SF"),
    ],
)
def test_what_is_no_table_of_market_data_is_refused(table, code):
    with pytest.raises(Setup, match=code):
        check(table)
