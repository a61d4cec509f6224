"""What honesty costs: the probability of overfitting and the luck of the best of a thousand trials over five years of days.

No floor was asked for; the ceilings keep `sweep`, which prints both by default, from waiting for them.
"""

import time

import numpy as np

from figures import Figure
from stratofold.research import validation

DAYS, TRIALS = 1_260, 1_000


def timed(name, work, ceiling):
    """CPU seconds of one call."""
    began = time.process_time()
    work()
    Figure(f"validation: {name}", time.process_time() - began, "CPU s", ceiling, better="less").say()


def main() -> None:
    """Print every figure."""
    returns = np.random.default_rng(1).normal(0.0, 0.01, (DAYS, TRIALS))
    timed("overfitting, 16 blocks, 1,000 trials", lambda: validation.overfitting_probability(returns), 4.0)
    timed("luck of the best of 1,000 trials", lambda: validation.luck(returns), 4.5)
    timed("reality check, 1,000 resamples", lambda: validation.reality_check(returns), 3.0)
    timed("interval of a Sharpe ratio", lambda: validation.interval(returns[:, 0]), 0.5)


if __name__ == "__main__":
    main()
