"""SQL over a catalogue reads what the manifest names, and only the files that a filter leaves."""

import re
from datetime import datetime

import duckdb
import polars as pl
import pytest

from stratofold.errors import Setup
from stratofold.market.catalogue import ddl, sql
from stratofold.market.catalogue.kinds import KINDS, columns_of
from tests.unit.catalogue.conftest import bars, trades

YEARS = ("2020", "2021", "2022")


@pytest.fixture
def three(catalogue):
    """Three symbols over three years each."""
    for symbol in ("A", "B/C", "it's"):
        catalogue.append("bars", bars(1090), "s", symbol=symbol, span="1d")
    return catalogue


def files_read(catalogue, text):
    """How many Parquet files DuckDB opened rows of."""
    with sql.connected(catalogue) as connection:
        plan = connection.execute("EXPLAIN ANALYZE " + text).fetchall()[0][1]
    return sum(int(number) for number in re.findall(r"Total Files Read: (\d+)", plan))


@pytest.mark.parametrize(
    ("where", "rows", "files"),
    [
        ("true", 3270, 9),
        ("symbol = 'A'", 1090, 3),
        ("symbol = 'it''s' and time >= '2021-06-01'", 1090 - 516, 2),
        ("time >= '2021-01-01' and time < '2022-01-01'", 3 * 365, 3),
        ("year = 2022 and symbol in ('A', 'B/C')", 2 * 360, 2),
        ("time > '2030-01-01'", 0, 0),
    ],
)
def test_filters_leave_out_the_files_they_rule_out(three, where, rows, files):
    text = f"select count(close) from bars where {where}"
    assert sql.query(three, text).rows == [(rows,)]
    assert files_read(three, text) == files


def test_symbols_come_back_as_they_were(three):
    assert sql.query(three, "select distinct symbol from bars order by 1").rows == [("A",), ("B/C",), ("it's",)]


def test_times_are_utc_whatever_the_query_calls_them(three):
    answer = sql.query(three, "select min(time), max(time) as latest from bars where year = 2020 and symbol = 'A'")
    assert answer.rows == [(datetime(2020, 1, 2), datetime(2020, 12, 31))]  # noqa: DTZ001 - UTC, as the page says
    assert answer.columns[1] == "latest"


def test_only_what_the_manifest_names_is_read(three, folder):
    stray = folder / "kind=bars/source=s/span=1d/symbol=A/year=2020/stray.parquet"
    stray.write_bytes(next(stray.parent.glob("*.parquet")).read_bytes())
    assert sql.query(three, "select count(*) from bars where symbol = 'A'").rows == [(1090,)]


def test_others_read_the_folders_without_us(three, folder):
    found = pl.scan_parquet(folder / "kind=bars", hive_partitioning=True).collect()
    assert len(found) == 3270
    assert set(found["symbol"]) == {"A", "B/C", "it's"}
    glob = f"{folder}/kind=bars/*/*/*/*/*.parquet"
    by_year = duckdb.sql(
        f"select year, count(*) from read_parquet('{glob}', hive_partitioning = true) group by 1 order by 1"
    )
    assert by_year.fetchall() == [(2020, 3 * 365), (2021, 3 * 365), (2022, 3 * 360)]


@pytest.mark.parametrize("text", ["selec", "select * from nothing", "select clsoe from bars", ""])
def test_a_query_that_cannot_be_is_told_so(three, text):
    if not text:
        assert sql.query(three, text).rows == []
        return
    with pytest.raises(Setup, match="SFC17"):
        sql.query(three, text)


def test_an_answer_becomes_a_file(three, tmp_path):
    count = sql.export(three, "select symbol, time, close from bars;", tmp_path / "out.parquet")
    assert count == len(pl.read_parquet(tmp_path / "out.parquet")) == 3270
    with pytest.raises(Setup, match="SFC19"):
        sql.export(three, "select 1", tmp_path / "out.xlsx")


@pytest.mark.parametrize("kind", KINDS)
def test_external_tables_have_the_columns_of_the_files(kind):
    path = f"kind={kind}/source=s/{'span=1d/' if kind == 'bars' else ''}symbol=A/year=2020/x.parquet"
    athena = ddl.statements("athena", [path], "s3://bucket/prefix/", "lake")
    assert re.findall(r"^  `(\w+)` ", athena[0], re.MULTILINE) == [name for name, _ in columns_of(kind)]
    assert f"LOCATION 's3://bucket/prefix/kind={kind}/'" in athena[0]
    redshift = ddl.statements("redshift", [path], "s3://bucket/prefix", "lake")
    assert re.findall(r'^  "(\w+)" ', redshift[0], re.MULTILINE) == [name for name, _ in columns_of(kind)]
    assert '"year"=2020) LOCATION \'s3://bucket/prefix/kind=' in redshift[1]


def test_the_types_of_external_tables_are_those_of_the_files(catalogue):
    catalogue.append("trades", trades([5]), "s", symbol="A")
    with sql.connected(catalogue) as connection:
        described = {row[0]: row[1] for row in connection.execute("DESCRIBE trades").fetchall()}
    words = {"TIMESTAMP WITH TIME ZONE": "timestamp", "VARCHAR": "string"}
    for name, word in columns_of("trades"):
        assert words.get(described[name], described[name].lower()) == word


@pytest.mark.parametrize(("engine", "location"), [("hive", "s3://b/p"), ("athena", "folder/p")])
def test_an_engine_or_a_place_that_cannot_be(engine, location):
    with pytest.raises(Setup, match="SFC20"):
        ddl.statements(engine, [], location, "lake")
