"""A frozen kernel: its size, what loading it costs, that nothing of a compiler is in the process, and its speed."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import stratofold
from figures import Figure
from stratofold.strategies import Crossover

RUN = """
import json, sys, time
sys.path.insert(0, sys.argv[2])
import numpy
from figures import cpu_seconds, walk
import polars as pl
import stratofold
from stratofold import kernel
from stratofold.strategies import Crossover
columns = walk(1_000_000)
frame = pl.DataFrame({**columns, "time": pl.Series(columns["time"]).cast(pl.Datetime("ns", "UTC"))})
data = stratofold.read(frame)
load = cpu_seconds(lambda: kernel.load(sys.argv[1]), runs=7)
def run(**how):
    return cpu_seconds(lambda: stratofold.backtest(Crossover, data, **how), runs=1)

run(execution="frozen", kernel=sys.argv[1])
clean = not {"numba", "llvmlite"} & set(sys.modules)
run(execution="compiled")
turns = [(run(execution="frozen", kernel=sys.argv[1]), run(execution="compiled")) for _ in range(9)]
frozen, compiled = map(min, zip(*turns))  # by turns, so that neither finds the other's clock
print(json.dumps({"load": load, "frozen": frozen, "compiled": compiled, "clean": clean}))
"""

with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "crossover.kernel"
    stratofold.freeze(Crossover, stratofold.sample("SPY"), path)
    size = path.stat().st_size
    command = [sys.executable, "-c", RUN, str(path), str(Path(__file__).parent)]
    told = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

Figure("frozen kernel, its file", size / 1e3, "kB", 100, better="less").say()
Figure("frozen kernel, loading it", told["load"] * 1e3, "CPU ms", 5, better="less").say()
Figure("frozen kernel, no compiler in the process", float(told["clean"]), "yes/no", 1).say()
Figure("frozen kernel, speed of the compiled one", told["compiled"] / told["frozen"], "ratio", 0.9).say()
