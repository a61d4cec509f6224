"""Honest validation: what a result is worth after everything that was tried to get it.

What comes in: returns a period (never a year), of one strategy or of every trial.
What goes out: splits of time, probabilities, intervals and other histories; one module for each.
Why it is shaped so: but for `monte_carlo`, which runs a strategy itself, nothing here knows how the returns came about, so
it serves a sweep, a notebook and other people's results alike; it needs NumPy only.
"""

from stratofold.research.validation.bootstrap import Interval, block_length, interval
from stratofold.research.validation.luck import Luck, luck
from stratofold.research.validation.order import Orders, trade_order
from stratofold.research.validation.overfitting import Overfitting, overfitting_probability
from stratofold.research.validation.paths import Blocks, Garch, Jumps
from stratofold.research.validation.reality import Reality, reality_check
from stratofold.research.validation.sharpe import (
    Track,
    deflated_sharpe,
    effective_trials,
    expected_maximum_sharpe,
    minimum_backtest_length,
    minimum_track_record,
    probabilistic_sharpe,
    sharpe_ratios,
    track,
)
from stratofold.research.validation.splits import (
    Combinations,
    Split,
    combinatorial,
    crossed,
    purged_folds,
    walk_forward_splits,
)
from stratofold.research.validation.stability import Stability, stability
from stratofold.research.validation.synthetic import MonteCarlo, monte_carlo

__all__ = [
    "Blocks", "Combinations", "Garch", "Interval", "Jumps", "Luck", "MonteCarlo", "Orders", "Overfitting", "Reality", "Split",
    "Stability", "Track", "block_length", "combinatorial", "crossed", "deflated_sharpe", "effective_trials", "expected_maximum_sharpe",
    "interval", "luck", "minimum_backtest_length", "minimum_track_record", "monte_carlo", "overfitting_probability",
    "probabilistic_sharpe", "purged_folds", "reality_check", "sharpe_ratios", "stability", "track", "trade_order", "walk_forward_splits",
]  # fmt: skip
