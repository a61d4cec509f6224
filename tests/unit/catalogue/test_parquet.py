"""Files of our own writer: the same rows by whoever reads them, and other rows left to polars."""

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stratofold.errors import Setup
from stratofold.kernel import bits
from stratofold.market.catalogue import parquet
from stratofold.market.catalogue.kinds import KINDS
from stratofold.market.catalogue.rows import normal
from stratofold.market.catalogue.zstd import compressed

EXTREMES = [0, 1, -1, 127, 128, 2**31, 2**53, 2**63 - 1, -(2**63)]
REALS = [0.0, -0.0, 1.5, -1e300, float("inf"), float("-inf"), 5e-324]


@pytest.fixture(autouse=True)
def _however_few(monkeypatch):
    monkeypatch.setattr(parquet, "ROWS_MIN", 1)


def read_by_all(path):
    """The rows, by three readers that have nothing to do with each other."""
    theirs = duckdb.sql(f"select * from '{path}'").to_arrow_table()
    for rows in (pl.read_parquet(path), pl.from_arrow(pq.read_table(path)), pl.from_arrow(theirs)):
        assert isinstance(rows, pl.DataFrame)
        yield rows.with_columns(pl.col(pl.Datetime("us", "*")).dt.convert_time_zone("UTC"))


def same_by_all(rows, path, rows_a_group=524_288):
    assert parquet.written(rows, path, rows_a_group)
    for read in read_by_all(path):
        assert read.schema == rows.schema
        assert read.equals(rows, null_equal=True)


@pytest.mark.parametrize("kind", ["bars", "trades", "quotes", "depth"])
def test_every_kind_that_has_numbers_is_read_by_all(kind, tmp_path):
    random = np.random.default_rng(1)
    count = 1_300
    names = [name for name, word in KINDS[kind].columns if word in ("double", "bigint", "tinyint")]
    made = {name: np.round(random.normal(100, 3, count), 2) for name in names if name not in ("side", "aggressor")}
    made |= {name: random.choice([-1, 1], count) for name in names if name in ("side", "aggressor")}
    time = 1_709_294_400_000_000_000 + np.cumsum(random.integers(0, 10**10, count))
    rows = normal(kind, pl.DataFrame({"time": time, **made}))
    same_by_all(rows, tmp_path / "rows.parquet", rows_a_group=500)


@pytest.mark.parametrize("count", [1, 2, 31, 33, 127, 129, 130, 161, 257])
def test_any_number_of_rows(count, tmp_path):
    random = np.random.default_rng(count)
    whole = random.integers(-(2**40), 2**40, count)
    rows = pl.DataFrame({"a": np.cumsum(whole), "b": whole % 3 * 0.5, "c": np.zeros(count, np.int16), "d": whole / 7})
    same_by_all(rows, tmp_path / "rows.parquet")


@settings(max_examples=12, deadline=None, derandomize=True)
@given(
    st.lists(st.tuples(st.sampled_from(EXTREMES) | st.integers(-(2**63), 2**63 - 1), st.sampled_from(REALS) | st.floats()), min_size=1, max_size=300)
)  # fmt: skip
def test_any_numbers(tmp_path_factory, pairs):
    path = tmp_path_factory.mktemp("any") / "rows.parquet"
    wholes, reals = zip(*pairs, strict=True)
    rows = pl.DataFrame({"whole": wholes, "real": reals}, schema={"whole": pl.Int64, "real": pl.Float64})
    assert parquet.written(rows, path, 128)
    for read in read_by_all(path):
        for name in rows.columns:  # bits: a zero has a sign, and what is no number is equal to nothing
            assert read[name].to_numpy().tobytes() == rows[name].to_numpy().tobytes()


def test_differences_of_every_width(tmp_path):
    """From 0 bits, where each is as far from the last, to 64."""
    steps = [step for width in range(64) for step in (0, 2**width - 1) * 16]
    rows = pl.DataFrame({"whole": np.cumsum(np.array(steps, np.uint64)).view(np.int64)})
    same_by_all(rows, tmp_path / "rows.parquet")


def test_more_distinct_values_than_a_dictionary_has(tmp_path):
    count = bits.DISTINCT_MAX + 3
    rows = pl.DataFrame({"real": np.arange(count) + 0.5, "few": np.arange(count) % bits.DISTINCT_MAX * 0.25})
    same_by_all(rows, tmp_path / "rows.parquet")
    columns = pq.ParquetFile(tmp_path / "rows.parquet").metadata.row_group(0)
    assert "RLE_DICTIONARY" not in columns.column(0).encodings
    assert "RLE_DICTIONARY" in columns.column(1).encodings


def test_what_the_foot_says(tmp_path):
    rows = normal("trades", pl.DataFrame({"time": [1_000, 3_000, 2_000], "price": [2.0, -0.0, 1.0], "size": [1.0, float("nan"), 3.0]}))  # fmt: skip
    assert parquet.written(rows, tmp_path / "rows.parquet", 2)
    found = pq.ParquetFile(tmp_path / "rows.parquet").metadata
    assert (found.num_rows, found.num_row_groups) == (3, 2)
    first, second = (
        {group.column(k).path_in_schema: group.column(k) for k in range(found.num_columns)}
        for group in map(found.row_group, range(2))
    )
    assert {column.compression for column in first.values()} == {"ZSTD"}
    assert first["time"].statistics.min.timestamp() == 1e-6
    assert (first["price"].statistics.min, first["price"].statistics.max) == (1.0, 2.0)
    assert first["exchange"].statistics.null_count == 2
    assert second["time"].statistics.max.timestamp() == 3e-6
    assert [column["size"].statistics.has_min_max for column in (first, second)] == [True, False]  # one is no number


def test_equal_rows_are_equal_files(tmp_path):
    rows = pl.DataFrame({"whole": np.arange(1_000) ** 3, "real": np.arange(1_000) % 7 + 0.5})
    for name in ("one", "two"):
        parquet.written(rows, tmp_path / name, 300)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_ticks_are_smaller_than_by_a_general_writer(tmp_path):
    random = np.random.default_rng(3)
    rows = pl.DataFrame({
        "time": 1_700_000_000_000_000 + np.cumsum(random.integers(0, 2_000_000, 20_000)), "id": np.arange(20_000),
        "price": np.round(100 + np.cumsum(random.normal(0, 0.002, 20_000)), 2), "size": np.round(random.exponential(100, 20_000)) + 1,
    })  # fmt: skip
    assert parquet.written(rows, tmp_path / "ours", 524_288)
    rows.write_parquet(tmp_path / "theirs", compression="zstd", compression_level=1)
    assert (tmp_path / "ours").stat().st_size < 0.7 * (tmp_path / "theirs").stat().st_size


def test_one_table_with_a_file_of_polars(tmp_path):
    rows = normal("quotes", pl.DataFrame({"time": [1, 2, 3], **{name: [1.0, 2.0, 3.0] for name in ("bid", "bid_size", "ask", "ask_size")}}))  # fmt: skip
    parquet.written(rows, tmp_path / "one.parquet", 9)
    rows.write_parquet(tmp_path / "two.parquet")
    assert pl.scan_parquet(tmp_path / "*.parquet").collect().equals(pl.concat([rows, rows]))


@pytest.mark.parametrize(
    "rows",
    [
        pl.DataFrame({"real": [1.0, None]}),
        pl.DataFrame({"text": ["a", "b"]}),
        pl.DataFrame({"truth": [True, False]}),
        pl.DataFrame({"day": [1, 2]}).with_columns(pl.col("day").cast(pl.Date)),
    ],
)
def test_what_is_left_to_polars(rows, tmp_path):
    assert not parquet.written(rows, tmp_path / "rows.parquet", 9)
    assert not list(tmp_path.iterdir())


def test_few_rows_and_unknown_processors_are_left_to_polars(tmp_path, monkeypatch):
    rows = pl.DataFrame({"real": [1.0, 2.0]})
    monkeypatch.setattr(parquet, "ROWS_MIN", 3)
    assert not parquet.written(rows, tmp_path / "rows.parquet", 9)

    def unknown():
        raise Setup("SF613", "no target", fix="none")

    monkeypatch.setattr(parquet, "ROWS_MIN", 1)
    monkeypatch.setattr(bits, "differences", unknown)
    assert not parquet.written(rows, tmp_path / "rows.parquet", 9)


@pytest.mark.parametrize("count", [1, 255, 256, 32_769, 131_072, 131_073, 300_000])
def test_zstandard(count):
    random = np.random.default_rng(count)
    for data in (bytes(count), random.bytes(count), random.integers(0, 4, count, np.uint8).tobytes()):
        frame = compressed(data)
        assert pa.Codec("zstd").decompress(frame, count).to_pybytes() == data
        assert len(frame) <= count + 13 + 3 * (count // 131_072 + 1)
