"""Ready-made strategies, each with its test and its page: start from one, do not expect to grow rich with it."""

from stratofold.strategies.allocation import Allocation
from stratofold.strategies.breakout import DonchianBreakout
from stratofold.strategies.buy_and_hold import BuyAndHold
from stratofold.strategies.crossover import Crossover
from stratofold.strategies.ensemble import Ensemble
from stratofold.strategies.momentum import Momentum
from stratofold.strategies.pairs import Pairs
from stratofold.strategies.quoter import TwoSidedQuoter
from stratofold.strategies.reversion import RsiMeanReversion

# By what they hear.
ON_BARS = (
    "Allocation",
    "BuyAndHold",
    "Crossover",
    "DonchianBreakout",
    "Ensemble",
    "Momentum",
    "Pairs",
    "RsiMeanReversion",
)
ON_TICKS = ("TwoSidedQuoter",)

__all__ = [
    "ON_BARS",
    "ON_TICKS",
    "Allocation",
    "BuyAndHold",
    "Crossover",
    "DonchianBreakout",
    "Ensemble",
    "Momentum",
    "Pairs",
    "RsiMeanReversion",
    "TwoSidedQuoter",
]
