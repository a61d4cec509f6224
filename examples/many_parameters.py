"""A grid of parameters: chosen on the first half of the history, judged on the second.

The kernel is compiled once for the strategy, whatever its parameters; `print(study)` says how much of the best is luck.
"""

import stratofold
from stratofold.strategies import Crossover

costs = {"fees": stratofold.Fees(per_share=0.005, minimum=1.0), "slippage": stratofold.Slippage(proportional=0.0001)}
first = stratofold.sample("SPY", end="2009-12-31")
second = stratofold.sample("SPY", start="2010-01-01")
space = {"fast": range(5, 45, 5), "slow": range(50, 250, 25), "quantity": 0.0}

chosen = stratofold.sweep(Crossover, first, execution="compiled", **space, **costs)
judged = stratofold.sweep(Crossover, second, execution="compiled", **space, **costs)
print(chosen)

after = {(row["fast"], row["slow"]): row["sharpe"] for row in judged.table.iter_rows(named=True)}
print(f"\n{'fast':>5} {'slow':>5} {'first half':>11} {'second half':>12}")
for row in chosen.top(5).iter_rows(named=True):
    print(f"{row['fast']:5} {row['slow']:5} {row['sharpe']:11.3f} {after[row['fast'], row['slow']]:12.3f}")
everywhere = judged.table["sharpe"]
print(f"any pair, second half: median {everywhere.median():.3f}, best {everywhere.max():.3f}")
