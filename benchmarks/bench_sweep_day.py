"""A new day over stored cells: what it costs beside the whole study, in the same process and the same minute.

Five years of minutes of one symbol (1,260 sessions of 390), and a study of two averages that is kept.  The whole is a
sweep that keeps nothing, over the longer market; the day is the same sweep of a study that was kept one session ago:
places are hashed, states read, each cell goes on by a session, states and cells are written.  A thousand cells are run
and a fifth of them, on the same prices read anew; ten thousand are reckoned from what a cell more costs and what does
not grow with them, because to make them takes minutes.  All are CPU seconds, of which noise only ever adds.
"""

import shutil
import sys
import tempfile
import time
from math import inf
from pathlib import Path

import numpy as np
import polars as pl

import stratofold
from figures import MINUTE, Figure, walk
from stratofold.strategies import Crossover

SESSIONS, MINUTES = 1_260, 390
SLOW = range(60, 260, 4) if "--short" not in sys.argv else range(60, 260, 20)
SPACE = {"fast": range(5, 25), "slow": SLOW, "execution": "compiled"}


def minutes():
    """Random walks, minute by minute of each session."""
    closes = np.asarray(stratofold.sample("SPY", start="2010-01-04", end="2015-06-30").calendar.closes)[:SESSIONS]
    times = (closes[:, None] - MINUTE * np.arange(MINUTES)[None, ::-1]).ravel()
    frame = pl.DataFrame(walk(len(times)))
    return stratofold.read(frame.with_columns(pl.Series(frame.columns[0], times).cast(frame.schema[frame.columns[0]])))


def seconds(data, **more):
    """CPU seconds of a sweep, and the study."""
    begun = time.process_time()
    study = stratofold.sweep(Crossover, data, **SPACE | more)
    return time.process_time() - begun, study


def days(folder, kept, fast):
    """The fewest CPU seconds of a new day over the cells of these `fast`, each time with a copy of what was kept."""
    least = inf
    for number in range(9):
        goal = folder / f"{len(fast)}-{number}"
        shutil.copytree(kept, goal)
        spent, grown = seconds(minutes(), study=goal, fast=fast)
        least = min(least, spent)
    return least, grown


def main() -> None:
    """The whole, the day, and one beside the other."""
    data = minutes()
    before = data.subset(end=int(data.time[-MINUTES - 1]))
    few = SPACE["fast"][: len(SPACE["fast"]) // 5]
    stratofold.sweep(Crossover, before, fast=[5, 6], slow=[60, 64], execution="compiled")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        kept, _ = seconds(before, study=folder / "kept")
        once, study = seconds(data)
        part = min(seconds(data, fast=few)[0] for _ in range(4)) / len(few)  # noise in the whole would flatter the day
        whole = min(once, part * len(SPACE["fast"]))
        day, grown = days(folder, folder / "kept", SPACE["fast"])
        some, _ = days(folder, folder / "kept", few)
        size = sum(path.stat().st_size for path in (folder / "kept" / "states").iterdir()) / len(grown)
    if grown.continued != len(grown) or not grown.table.equals(study.table):
        raise AssertionError("the grown study is not the whole one")
    count = len(grown)
    cell = (day - some) / (count - count // 5)
    fixed = max(day - cell * count, 0.0)
    share = 100.0 * (fixed + 10_000 * cell) / (10_000 * whole / count)
    Figure("a new day over 10,000 stored cells, of the full time (reckoned)", share, "%", 1.0, None, "less").say()
    Figure(
        f"a new day over {count:,} stored cells, of the full time", 100.0 * day / whole, "%", None, None, "less"
    ).say()
    Figure("a new day, a cell", cell * 1e6, "CPU us", None, None, "less").say()
    Figure("a new day, beside its cells", fixed * 1e3, "CPU ms", None, None, "less").say()
    Figure("the whole five years, a cell", whole / count * 1e6, "CPU us", None, None, "less").say()
    Figure("keeping where cells stand, of the full time", 100.0 * (kept / once - 1.0), "%", None, None, "less").say()
    Figure("a state on the disk", size, "bytes a cell", None, None, "less").say()


if __name__ == "__main__":
    main()
