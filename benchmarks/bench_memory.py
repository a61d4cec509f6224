"""Peak memory of one million bars from a memory-mapped Arrow file, kernel cached, equity curve on."""

import subprocess
import sys
import tempfile
from pathlib import Path

import polars as pl

from figures import Figure, walk

RUN = """
import sys
import stratofold
from figures import peak_megabytes
from stratofold.strategies import Crossover
result = stratofold.backtest(Crossover, sys.argv[1], execution="compiled", equity_curve=True)
assert result.stats["bars"] == 1_000_000
print(peak_megabytes())
"""

with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "walk.arrow"
    columns = walk(1_000_000)
    pl.DataFrame({**columns, "time": pl.Series(columns["time"]).cast(pl.Datetime("ns", "UTC"))}).write_ipc(path)
    command = [sys.executable, "-c", RUN, str(path)]
    here = Path(__file__).parent  # where a text finds `figures`
    peaks = [
        float(subprocess.run(command, cwd=here, capture_output=True, text=True, check=True).stdout) for _ in range(2)
    ]

Figure("peak memory, 1 M bars memory-mapped, kernel cached, equity curve", min(peaks), "MB", 260, better="less").say()
