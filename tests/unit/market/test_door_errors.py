"""What is wrong with data is said with file or frame, symbol, row, time, reason and fix: kept word for word."""

import re
from datetime import UTC, date, datetime, timedelta, timezone

import numpy as np
import pandas as pd
import polars as pl
import pytest

from stratofold.errors import Setup
from stratofold.market.frames import read
from stratofold.market.instruments import Equity

WORDS = ("open", "high", "low", "close", "volume")
DAYS = [date(2020, 1, 2), date(2020, 1, 3), date(2020, 1, 6), date(2020, 1, 7), date(2020, 1, 8), date(2020, 1, 9)]


def bars(**changed):
    """Six good days of SPY, some columns changed."""
    good = {
        "date": DAYS,
        "open": [10.0, 10.5, 11.0, 10.5, 10.0, 10.5],
        "high": [11.0, 11.5, 12.0, 11.5, 11.0, 11.5],
        "low": [9.0, 9.5, 10.0, 9.5, 9.0, 9.5],
        "close": [10.5, 11.0, 10.5, 10.0, 10.5, 11.0],
        "volume": [100.0, 200.0, 300.0, 200.0, 100.0, 50.0],
    }
    return pl.DataFrame({**good, **changed})


def at(row, name, value):
    """The good days with one figure changed."""
    column = bars()[name].to_list()
    column[row] = value
    return bars(**{name: column})


def moments(*hours, zone=None):
    return [datetime(2020, 1, 2, hour, tzinfo=zone) for hour in hours]


def long(**changed):
    """The good days of two symbols."""
    return pl.concat(
        [
            bars().with_columns(pl.lit("SPY").alias("symbol")),
            bars(**changed).with_columns(pl.lit("QQQ").alias("symbol")),
        ]
    )


CASES = {
    "a missing column": lambda: bars().drop("close"),
    "a misspelt column": lambda: bars().rename({"close": "clsoe"}),
    "only closes": lambda: bars().select("date", "close"),
    "no times": lambda: bars().drop("date"),
    "unsorted": lambda: bars()[[0, 2, 1, 3, 4, 5]],
    "newest first": lambda: bars().reverse(),
    "a symbol unsorted": lambda: long()[[0, 1, 2, 3, 4, 5, 6, 8, 7, 9, 10, 11]],
    "duplicated": lambda: bars()[[0, 1, 1, 2, 3]],
    "a symbol duplicated": lambda: long()[[0, 1, 2, 6, 7, 7, 8]],
    "naive times": lambda: bars(date=moments(9, 10, 11, 12, 13, 14)),
    "naive times as text": lambda: bars(date=[f"2020-01-02 {hour:02}:30" for hour in range(9, 15)]),
    "a missing time": lambda: at(2, "date", None),
    "times nobody can read": lambda: bars(date=["2020-01-02", "2020-01-03", "soon", "2020-01-07", "2020-01-08", "2020-01-09"]),
    "mixed zones": lambda: {
        **bars().to_dict(as_series=False),
        "date": moments(9, 10, 11, zone=UTC) + moments(12, 13, 14, zone=timezone(timedelta(hours=-5))),
    },
    "some times with a zone": lambda: bars(date=["2020-01-02T09:30:00Z"] * 5 + ["2020-01-02T09:31:00"]),
    "a price that is not a number": lambda: at(3, "close", float("nan")),
    "a price left out": lambda: at(3, "close", None),
    "an endless price": lambda: at(3, "high", float("inf")),
    "a negative price": lambda: at(1, "low", -9.5),
    "a price of zero": lambda: at(1, "low", 0.0),
    "high below low": lambda: at(4, "high", 8.0),
    "an open outside": lambda: at(4, "open", 12.5),
    "a close outside": lambda: at(4, "close", 8.5),
    "a close outside in a long frame": lambda: long(close=[10.5, 11.0, 10.5, 10.0, 10.5, 99.0]),
    "a negative volume": lambda: at(5, "volume", -50.0),
    "prices as text": lambda: bars().with_columns(pl.col("close").cast(pl.String)),
    "prices as objects": lambda: bars().to_pandas().assign(close=np.array([10.5, 11.0, 10.5, None, 10.5, 11.0], object)),
    "an empty frame": lambda: bars()[:0],
    "an empty mapping": dict,
    "columns of different lengths": lambda: {**bars().to_dict(as_series=False), "close": [1.0, 2.0]},
    "a row without a symbol": lambda: long().with_columns(symbol=pl.Series([None, *["SPY"] * 11])),
    "days and times together": lambda: {"SPY": bars(), "QQQ": bars(date=moments(9, 10, 11, 12, 13, 14, zone=UTC))},
    "a stray weekend": lambda: pl.DataFrame(
        {"date": [d for k in range(60) if (d := date(2020, 1, 2) + timedelta(days=k)).weekday() < 5 or k == 30], **dict.fromkeys(WORDS, 5.0)}
    ),
    "a table of nothing known": lambda: 42,
    "one bar of no length": lambda: bars()[:1].with_columns(pl.Series("date", moments(9, zone=UTC))),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_message(case, snapshot):
    with pytest.raises(Setup) as caught:
        read(CASES[case]())
    assert str(caught.value) == snapshot


ASKED = {
    "an unknown symbol": {"symbols": ["SPY", "QQ"]},
    "a range without bars": {"start": "2021-01-01"},
    "a range that cannot be read": {"start": "last week"},
    "a naive bound": {"start": datetime(2020, 1, 2, 9)},  # noqa: DTZ001 - the mistake itself
    "an unknown calendar": {"calendar": "NYSE"},
    "an unknown way to stamp": {"stamped": "middle"},
    "an unknown span": {"span": "1 fortnight"},
    "actions of an unknown kind": {
        "actions": {"symbol": ["SPY"], "date": [DAYS[1]], "kind": ["slpit"], "value": [2.0]}
    },
    "actions of an unknown symbol": {
        "actions": {"symbol": ["SPX"], "date": [DAYS[1]], "kind": ["split"], "value": [2.0]}
    },
    "a split into nothing": {"actions": {"symbol": ["SPY"], "date": [DAYS[1]], "kind": ["split"], "value": [0.0]}},
    "actions without values": {"actions": {"symbol": ["SPY"], "date": [DAYS[1]], "kind": ["split"]}},
}


@pytest.mark.parametrize("case", ASKED)
def test_message_of_what_was_asked(case, snapshot):
    with pytest.raises(Setup) as caught:
        read(long(), **ASKED[case])
    assert str(caught.value) == snapshot


def test_a_symbol_in_two_tables(tmp_path, snapshot):
    long().write_parquet(tmp_path / "both.parquet")
    bars().write_csv(tmp_path / "SPY.csv")
    with pytest.raises(Setup) as caught:
        read(tmp_path)
    assert str(caught.value) == snapshot


def cut_short(path):
    bars().write_parquet(path)
    path.write_bytes(path.read_bytes()[:-20])


def broken_parquet(path):
    bars().write_parquet(path)
    content = bytearray(path.read_bytes())
    content[-12:-4] = b"\xff" * 8
    path.write_bytes(content)


FILES = {
    "a Parquet file cut short": ("SPY.parquet", cut_short),
    "an empty Parquet file": ("SPY.parquet", lambda path: path.write_bytes(b"")),
    "a Parquet file with a broken footer": ("SPY.parquet", broken_parquet),
    "an Arrow file that is none": ("SPY.arrow", lambda path: path.write_text("date,open\n")),
    "an empty CSV": ("SPY.csv", lambda path: path.write_text("")),
    "a CSV cut short": ("SPY.csv", lambda path: path.write_bytes(b"date,open,high,low,close\n2020-01-02,1,1,1,1\n2020-01-03,1,1,1")),
    "a CSV with a row too long": ("SPY.csv", lambda path: path.write_text("date,open,high,low,close\n2020-01-02,1,1,1,1\n2020-01-03,1,1,1,1,1,1\n")),
    "a CSV with text for a price": ("SPY.csv", lambda path: path.write_text("date,open,high,low,close\n2020-01-02,1,1,1,1\n2020-01-03,1,1,1,n/a\n")),
    "an ending nobody reads": ("SPY.xlsx", lambda path: path.write_text("")),
    "a name with a slip": ("SPY.prquet", lambda path: bars().write_parquet(path.with_suffix(".parquet"))),
}  # fmt: skip


@pytest.mark.parametrize("case", FILES)
def test_message_of_a_file(case, tmp_path, snapshot):
    name, write = FILES[case]
    path = tmp_path / name
    write(path)
    with pytest.raises(Setup) as caught:
        read(path)
    message = re.sub(r"it has [1-9][0-9,]* bytes", "it has N bytes", str(caught.value).replace(str(tmp_path), "FOLDER"))
    why = next((line for line in message.splitlines() if line.startswith("  why:")), "")
    if "cannot be read" in message:  # the reader's own words are its own business
        assert len(why) > len("  why: ")
        message = message.replace(why, "  why: ...")
    assert message == snapshot


def test_a_csv_of_a_header_is_empty(tmp_path):
    (tmp_path / "SPY.csv").write_text("date,open,high,low,close\n")
    with pytest.raises(Setup, match="there are no bars"):
        read(tmp_path / "SPY.csv")


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_a_last_line_without_an_end_is_a_line(tmp_path, end):
    rows = [f'2020-01-0{day},"X, or Y",1,1,1,1' for day in (2, 3)]
    (tmp_path / "SPY.csv").write_text("\n".join(["date,symbol,open,high,low,close", *rows]) + end, newline="")
    assert len(read(tmp_path / "SPY.csv")) == 2


@pytest.mark.parametrize(
    "text",
    [
        "date,open,hi\rgh,low,close\n2020-01-02,1,1,1,1\n2020-01-03,1,1,1",
        "date,open,high,low,close\n2020-01-02,1,1,1\r1",
    ],
    ids=["in the first line", "in the last line"],
)
def test_a_return_amid_a_line_ends_none(tmp_path, text):
    """Found by the nightly fuzzer: the reader of the last line raised what nobody expected."""
    (tmp_path / "SPY.csv").write_text(text, newline="")
    with pytest.raises(Setup, match="the CSV file is cut short"):
        read(tmp_path / "SPY.csv")


def test_a_folder_without_bars(tmp_path):
    with pytest.raises(Setup, match="no bars in the folder"):
        read(tmp_path)


@pytest.mark.parametrize(
    "make", [lambda frame: frame, lambda frame: frame.to_pandas(), lambda frame: frame.to_dict(as_series=False)]
)
@pytest.mark.parametrize(
    ("case", "code"),
    [("high below low", "SF206"), ("duplicated", "SF203"), ("unsorted", "SF202"), ("a negative volume", "SF208")],
)
def test_the_same_code_from_any_library(make, case, code):
    with pytest.raises(Setup) as caught:
        read(make(CASES[case]()), symbols="SPY")
    assert caught.value.code == code
    assert "SPY, row " in caught.value.place


def test_errors_are_plain_for_machines():
    with pytest.raises(Setup) as caught:
        read(at(4, "high", 8.0), symbols="SPY")
    assert caught.value.as_dict()["code"] == "SF206"
    assert isinstance(caught.value, ValueError)


def test_a_repeated_hour_is_refused():
    hours = pd.date_range("2020-11-01 00:30", periods=6, freq="h")
    with pytest.raises(Setup, match="happens twice or never in America/New_York"):
        read(bars().with_columns(pl.Series("date", hours.to_numpy())), timezone="America/New_York")
    with pytest.raises(Setup, match="time zone 'Mars' is not known"):
        read(bars().with_columns(pl.Series("date", hours.to_numpy())), timezone="Mars")


# what                             | frame                                                              | part of the message
ODD = [
    ("times that are flags", lambda: bars().to_pandas().assign(date=[True] * 6), "the time True cannot be read"),
    ("times that are objects", lambda: bars().to_pandas().assign(date=[object] * 6), "cannot be read"),
    ("times that are nothing", lambda: {**bars().to_dict(as_series=False), "date": [None] * 6}, "the time None cannot be read"),
    ("dates among text", lambda: {**bars().to_dict(as_series=False), "date": [*DAYS[:5], "soon"]}, "cannot be read"),
    ("a float time missing", lambda: bars(date=[1.6e9, float("nan"), 1.6e9, 1.6e9, 1.6e9, 1.6e9]), "a time is missing"),
    ("no numbers for times", lambda: {name: np.array([]) for name in ("time", *WORDS)}, "there are no bars"),
    ("the 32nd of January", lambda: bars(date=[20200102, 20200103, 20200106, 20200132, 20200203, 20200204]), "the time 20200132 cannot be read"),
    ("month thirteen", lambda: bars(date=[20200102, 20200103, 20200106, 20201301, 20201302, 20201303]), "the time 20201301 cannot be read"),
    ("nullable text for prices", lambda: bars().to_pandas().assign(close=pd.Series(list("abcdef"), dtype="string")), "not numbers"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "message"), [row[1:] for row in ODD], ids=[row[0] for row in ODD])
def test_odd_columns(make, message):
    with pytest.raises(Setup, match=message):
        read(make(), symbols="SPY")


def test_symbols_of_a_mapping_have_near_names_too():
    with pytest.raises(Setup, match="did you mean 'SPY'"):
        read({"SPY": bars()}, symbols="SPYY")
    with pytest.raises(Setup, match="there are no bars"):
        read(long(), symbols=[])


def test_long_bars_with_first_days_need_a_table_a_symbol():
    mondays = [date(2020, 1, 6) + timedelta(days=7 * k) for k in range(6)]
    weekly = long(date=mondays).with_columns(date=pl.Series([*mondays, *mondays]))
    with pytest.raises(Setup, match="give one table a symbol"):
        read(weekly, stamped="start")
    assert len(read(weekly, stamped="close")) == 12


def test_minutes_beyond_the_table():
    early = bars(date=[datetime(1985, 7, 1, 15, minute, tzinfo=UTC) for minute in range(6)])
    market = read(early, symbols="IBM")
    assert market.calendar.name == "24/5"
    assert any("beyond the sessions known" in note for note in market.notes)
    with pytest.raises(Setup, match="XNYS is known from 1990-01-02 to 2035-12-31"):
        read(early, symbols="IBM", calendar="XNYS")


def test_a_row_number_is_the_users_own_after_other_symbols_were_left_out():
    with pytest.raises(Setup, match="QQQ, row 11"):
        read(long(close=[10.5, 11.0, 10.5, 10.0, 10.5, 99.0]), symbols="QQQ")
    assert read(long(close=[10.5, 11.0, 10.5, 10.0, 10.5, 99.0]), symbols="SPY", instruments=Equity("SPY")).symbols == (
        "SPY",
    )
