"""A catalogue: bars from a warm one into the kernel without a copy; ten million ticks of text into one, beside polars.

The import is measured beside polars reading the same file into the same types, in one run: twice, because what a time is
written as decides what reading costs.  Bars are timed from opening the catalogue to a packed block of the kernel.
"""

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl

import stratofold
from figures import Figure, walk
from stratofold.market.catalogue.append import ROWS_A_GROUP
from stratofold.market.catalogue.intake import Stated
from stratofold.market.catalogue.parquet import written
from stratofold.market.catalogue.rows import normal
from stratofold.research.prepare import Options, prepare
from stratofold.strategies import Crossover

ROWS = 1_000_000
TICKS = 10_000_000
PLACES = ("time", "open", "high", "low", "close", "volume")


def cpu(work, runs):
    """The least CPU seconds of some runs, and what the last gave."""
    best, found = float("inf"), None
    for _ in range(runs):
        began = time.process_time()
        found = work()
        best = min(best, time.process_time() - began)
    return best, found


def warm(folder: Path) -> None:
    """One million bars out of the cache of columns, to where the kernel reads them."""
    columns = walk(ROWS)
    place = stratofold.catalogue(folder, make=True)
    place.append("bars", pl.DataFrame(columns), "walk", symbol="S", span="1min", calendar="24/7")
    place.bars()

    def into():
        market = stratofold.catalogue(folder).bars("S")
        return market, prepare(Crossover, market, Options(), {})

    seconds, (market, run) = cpu(into, 15)
    for name in PLACES:
        column = getattr(market, name)
        assert getattr(run.feed, name) is column
        assert mapped(column, folder), f"{name} was copied"
    assert np.array_equal(market.close, columns["close"])
    Figure("catalogue: 1 M bars, opened and into the kernel, warm", seconds * 1000, "CPU ms", 10, better="less").say()


def mapped(column: np.ndarray, folder: Path) -> bool:
    """Whether a column's memory lies in a mapped file of a folder, by what the system says of this process."""
    address = column.__array_interface__["data"][0]
    for line in Path("/proc/self/maps").read_text(encoding="ascii").splitlines():
        low, high = (int(part, 16) for part in line.split(" ", 1)[0].split("-"))
        if low <= address < high:
            return str(folder) in line
    return False


def ticks(count: int) -> pl.DataFrame:
    """Trades of a random walk."""
    random = np.random.default_rng(1)
    step = 1000 * random.integers(0, 2_000_000, count)
    return pl.DataFrame({
        "time": 1_700_000_000_000_000_000 + np.cumsum(step),
        "price": np.round(100 + np.cumsum(random.normal(0, 0.002, count)), 2),
        "size": np.round(random.exponential(100, count)) + 1,
        "side": random.choice(["buy", "sell"], count),
        "id": np.arange(count),
    })  # fmt: skip


def stored(folder: Path, count: int) -> None:
    """The same rows by the catalogue's own writer and by polars': the time, the bytes, and the time of reading them again."""
    sides = pl.when(pl.col("side") == "buy").then(1).otherwise(-1).cast(pl.Int8)
    rows = normal("trades", ticks(count).with_columns(aggressor=sides).drop("side"))
    files = [folder / "ours.parquet", folder / "polars.parquet"]
    write = [
        lambda: written(rows, files[0], ROWS_A_GROUP),
        lambda: rows.write_parquet(files[1], compression="zstd", compression_level=1, row_group_size=ROWS_A_GROUP),
    ]
    seconds = [cpu(one, 3)[0] for one in write]
    Figure("catalogue: ticks written, over polars' own writer", seconds[0] / seconds[1], "x", 0.5, better="less").say()
    bytes_of = [file.stat().st_size for file in files]
    Figure(
        "catalogue: their bytes, over those of polars' file", bytes_of[0] / bytes_of[1], "x", 0.7, better="less"
    ).say()
    seconds = [cpu(lambda file=file: pl.read_parquet(file), 3)[0] for file in files]
    Figure("catalogue: read again, over polars' file", seconds[0] / seconds[1], "x", 0.7, better="less").say()


def imported(folder: Path, count: int) -> None:
    """Text into a catalogue, beside polars reading it."""
    frame = ticks(count)
    instant = pl.from_epoch("time", "ns").dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ")
    for words, frame_of in (("ISO 8601", frame.with_columns(time=instant)), ("epoch", frame)):
        file = folder / f"{words[:3]}.csv"
        frame_of.write_csv(file)
        theirs = best = float("inf")
        for k in range(3):  # in turns, because a shared machine slows both alike
            seconds, read = cpu(lambda file=file: pl.read_csv(file, try_parse_dates=True), 1)
            theirs = min(theirs, seconds)
            assert len(read) == count
            del read
            place = stratofold.catalogue(folder / f"{words[:3]}{k}", make=True)
            began = time.process_time()
            receipt = place.take(file, Stated("ticks", symbol="T"))
            best = min(best, time.process_time() - began)
            assert receipt.added == count
        ratio = best / theirs
        Figure(
            f"catalogue: {count // 1_000_000} M CSV ticks ({words}) imported, over polars' own reading",
            ratio,
            "x",
            1.2,
            better="less",
        ).say()
        Figure(f"catalogue: {count // 1_000_000} M CSV ticks ({words}) imported", count / best / 1e6, "M/CPU s").say()
        file.unlink()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        warm(Path(name) / "bars")
        stored(Path(name), 2_000_000)
        imported(Path(name), int(sys.argv[1]) if len(sys.argv) > 1 else TICKS)
