"""One backtest of 1,260 daily bars in a warm process: what a call costs, result and statistics included."""

import stratofold
from figures import Figure, cpu_seconds
from stratofold.strategies import Crossover

FLOORS = {"interpreted": (5.0, None), "compiled": (0.3, 0.05)}
CALLS = 50

data = stratofold.sample("SPY").subset(start="2015-01-02", end="2020-01-03")
assert 1_250 <= len(data.time) <= 1_270, len(data.time)


def calls(execution: str) -> None:
    """`CALLS` backtests."""
    for _ in range(CALLS):
        stratofold.backtest(Crossover, data, execution=execution).stats["final_equity"]


for execution, (floor, goal) in FLOORS.items():
    calls(execution)
    milliseconds = cpu_seconds(lambda execution=execution: calls(execution)) / CALLS * 1e3
    Figure(f"{len(data.time):,} daily bars, warm, {execution}", milliseconds, "CPU ms", floor, goal, "less").say()
