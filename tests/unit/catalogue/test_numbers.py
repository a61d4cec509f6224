"""Text read by machine code is what polars reads, or is left to polars."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import stratofold
from stratofold.errors import Setup
from stratofold.market.catalogue import intake, numbers
from stratofold.market.catalogue.intake import Stated
from stratofold.market.catalogue.numbers import numbers_in

SIDES = {"buy": 1, "sell": -1, "BUY": 1}
SCHEMA = {"time": pl.Int64(), "price": pl.Float64(), "side": pl.String(), "note": pl.String(), "maker": pl.Boolean()}
WANTED = ["time", "price", "side", "maker"]
HEADER = ",".join(SCHEMA)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Every file is large enough, and a block holds a few lines."""
    monkeypatch.setattr(numbers, "SMALLEST_BYTES", 0)
    monkeypatch.setattr(numbers, "_BLOCK_BYTES", 256)


def written(folder, lines, *, end="\n"):
    file = folder / "t.csv"
    file.write_bytes(("\n".join([HEADER, *lines]) + end).encode())
    return file


def read(file):
    return numbers_in(file, SCHEMA, WANTED, {"side": SIDES})


plain = st.tuples(
    st.integers(-(2**63) + 1, 2**63 - 1).map(str),
    st.one_of(
        st.integers(-(2**53), 2**53).map(str),
        st.tuples(st.integers(-99_999_999, 99_999_999), st.text("0123456789", min_size=1, max_size=8)).map("{0[0]}.{0[1]}".format),
        st.tuples(st.integers(0, 9), st.text("0123456789", min_size=1, max_size=14)).map("-{0[0]}.{0[1]}".format),
    ),
    st.sampled_from(sorted(SIDES)), st.text("abc .-", max_size=12), st.sampled_from(["true", "false"]),
)  # fmt: skip


@settings(max_examples=25, deadline=None)
@given(rows=st.lists(plain, min_size=1, max_size=40), end=st.sampled_from(["\n", ""]))
def test_what_is_plain_is_read_as_polars_reads_it(tmp_path_factory, rows, end):
    file = written(tmp_path_factory.mktemp("t"), [",".join(row) for row in rows], end=end)
    theirs = pl.read_csv(file, schema=SCHEMA)
    ours = read(file)
    assert ours["time"].equals(theirs["time"])
    assert ours["price"].equals(theirs["price"])
    assert ours["maker"].equals(theirs["maker"])
    assert ours["side"].to_list() == [SIDES[side] for side in theirs["side"]]


ODD = {
    "a quote": '1,"2.5",buy,x,true',
    "a quote in what is passed over": '1,2.5,buy,"x,y",true',
    "nothing": "1,,buy,x,true",
    "no side that is known": "1,2.5,none,x,true",
    "a longer word": "1,2.5,buyer or seller,x,true",
    "a word that only begins so": "1,2.5,buyx,x,true",
    "a letter": "1,2.5x,buy,x,true",
    "an exponent": "1,2e5,buy,x,true",
    "a point without a digit": "1,2.,buy,x,true",
    "a point first": "1,.5,buy,x,true",
    "a plus": "+1,2.5,buy,x,true",
    "a space": "1, 2.5,buy,x,true",
    "a sign alone": "-,2.5,buy,x,true",
    "a time past 64 bits": "9223372036854775808,2.5,buy,x,true",
    "a time of twenty digits": "00000000000000000001,2.5,buy,x,true",
    "more than 53 bits": "1,9007199254740993,buy,x,true",
    "a reading of infinity": "1,inf,buy,x,true",
    "a truth that is none": "1,2.5,buy,x,True",
    "a field too few": "1,2.5,buy,x",
    "a field too many": "1,2.5,buy,x,true,7",
    "an empty line": "",
    "a carriage return": "1,2.5,buy,x,true\r",
    "a carriage return in what is passed over": "1,2.5,buy,x\r,true",
    "a word and a zero": "1,2.5,buy\0,x,true",
    "a last word and a zero": "1,2.5,buy,x,true\0",
    "a letter beyond ASCII in what is passed over": "1,2.5,buy,é,true",
    "a line longer than a block": "1,2.5,buy," + "x" * 300 + ",true",
}


@pytest.mark.parametrize("line", ODD.values(), ids=ODD)
@pytest.mark.parametrize("at", [0, 30])
def test_what_is_not_plain_is_left_to_polars(tmp_path, line, at):
    good = ["1,2.5,buy,x,true"] * 40
    assert read(written(tmp_path, good)) is not None
    assert read(written(tmp_path, [*good[:at], line, *good[at:]])) is None


def test_of_other_columns_and_files_nothing_is_read(tmp_path):
    file = written(tmp_path, ["1,2.5,buy,x,true"])
    assert numbers_in(file, SCHEMA, [*WANTED, "note"], {"side": SIDES}) is None  # text that is wanted
    assert numbers_in(file, {**SCHEMA, "price": pl.Date()}, WANTED, {"side": SIDES}) is None
    assert numbers_in(file, dict(reversed(SCHEMA.items())), WANTED, {"side": SIDES}) is None  # another header
    assert read(written(tmp_path, [])) is None
    assert read(file.rename(tmp_path / "t.tsv")) is None


def test_where_nothing_is_compiled_polars_reads(tmp_path, monkeypatch):
    file = written(tmp_path, ["1,2.5,buy,x,true"])
    assert read(file) is not None

    def refused(_):
        raise Setup("SF613", "no target for this machine's processor")

    monkeypatch.setattr(numbers, "reader", refused)
    assert read(file) is None


def test_many_more_lines_than_the_first_block_promises(tmp_path):
    long, short = "123456789012,2.5,sell," + "x" * 200 + ",false", "1,2,buy,,true"
    ours = read(written(tmp_path, [*[long] * 3, *[short] * 500]))
    assert len(ours) == 503
    assert ours["time"].to_list() == [123456789012] * 3 + [1] * 500


def test_an_import_is_the_same_by_either_way(tmp_path, monkeypatch):
    header = "E,p,q,t,is_buyer_maker,side\n"
    rows = "".join(
        f"17000000{k:05},{k / 7:.6f},{k % 13}.5,{k},{'true' if k % 3 else 'false'},buy\n" for k in range(900)
    )
    file = tmp_path / "BTCUSDT.csv"
    file.write_text(header.replace("E,p,q,t", "timestamp,price,size,trade_id") + rows)
    seen = []
    monkeypatch.setattr(intake, "numbers_in", lambda *given: seen.append(numbers_in(*given)) or seen[-1])
    quick = stratofold.catalogue(tmp_path / "quick", make=True)
    quick.take(file, Stated("s"))
    monkeypatch.setattr(intake, "numbers_in", lambda *_: None)
    slow = stratofold.catalogue(tmp_path / "slow", make=True)
    slow.take(file, Stated("s"))
    assert len(seen[0]) == 900
    assert quick.hash == slow.hash  # the same bytes in the same files
