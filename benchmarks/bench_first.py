"""The first strategy on a machine, a further one, and the next process: CPU seconds of fresh processes.

The first has an empty kernel cache.  A further strategy finds the engine compiled; the next process finds everything.
What `import numba` costs is measured in the same run and taken off, as the floors are over it.
"""

import os
import subprocess
import sys
import tempfile

from figures import Figure

RUN = """
import time
start = time.process_time()
import stratofold
from stratofold.strategies import {strategy}
stratofold.backtest({strategy}, stratofold.sample("SPY"), execution="compiled")
print(time.process_time() - start)
"""
NUMBA = "import time; start = time.process_time(); import numba; print(time.process_time() - start)"


def seconds(code: str, cache: str) -> float:
    """CPU seconds that a fresh process takes for `code`."""
    environment = {**os.environ, "STRATOFOLD_CACHE": cache}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    return float(done.stdout.splitlines()[-1])


with tempfile.TemporaryDirectory() as cache:
    numba = min(seconds(NUMBA, cache) for _ in range(3))
    first = seconds(RUN.format(strategy="Crossover"), cache) - numba
    further = seconds(RUN.format(strategy="BuyAndHold"), cache) - numba
    following = min(seconds(RUN.format(strategy="Crossover"), cache) for _ in range(3))

Figure("import numba", numba, "CPU s").say()
Figure("the first strategy on a machine, over import numba", first, "CPU s", 15, better="less").say()
Figure("each further strategy, over import numba", further, "CPU s", 5, better="less").say()
Figure("the next process, over import numba", max(following - numba, 0.0), "CPU s", 0.5, better="less").say()
Figure("the next process, whole", following, "CPU s", better="less").say()
