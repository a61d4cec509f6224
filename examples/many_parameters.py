"""A grid of parameters: chosen on the first half of the history, judged on the second.

The kernel is compiled once for the strategy, whatever its parameters.
"""

import stratofold
from stratofold.strategies import Crossover

costs = {"fees": stratofold.Fees(per_share=0.005, minimum=1.0), "slippage": stratofold.Slippage(proportional=0.0001)}
first = stratofold.sample("SPY", end="2009-12-31")
second = stratofold.sample("SPY", start="2010-01-01")


def sharpe(data, fast, slow):
    """The Sharpe ratio of one pair of averages with all equity at work."""
    result = stratofold.backtest(Crossover, data, execution="compiled", quantity=0.0, fast=fast, slow=slow, **costs)
    return result.stats["sharpe"]


grid = [(fast, slow) for fast in range(5, 45, 5) for slow in range(50, 250, 25)]
scores = sorted(((sharpe(first, *pair), pair) for pair in grid), reverse=True)
print(f"{len(grid)} pairs on {first!r}")
print(f"{'fast':>5} {'slow':>5} {'first half':>11} {'second half':>12}")
for score, (fast, slow) in scores[:5]:
    print(f"{fast:5} {slow:5} {score:11.3f} {sharpe(second, fast, slow):12.3f}")
everywhere = sorted(sharpe(second, *pair) for pair in grid)
print(f"any pair, second half: median {everywhere[len(grid) // 2]:.3f}, best {everywhere[-1]:.3f}")
