"""Portfolio construction in the fold: from returns as they come to weights, the same to the last bit in all executions.

What comes in: a row of returns a period, one number a symbol.
What goes out: covariances, and weights by one of the classic rules; scales for a target of risk or growth.
Why it is shaped so: every object makes its arrays once, in `setup`, and works in them; a matrix is one array, row by
row.  Everything is in the compilable subset and needs nothing but square roots.
"""

from stratofold.fold.portfolio.covariance import Covariance
from stratofold.fold.portfolio.frontier import MeanVariance
from stratofold.fold.portfolio.hierarchy import HierarchicalRiskParity
from stratofold.fold.portfolio.parity import InverseVolatility, RiskParity
from stratofold.fold.portfolio.scale import (
    cap_classes,
    kelly_scale,
    portfolio_mean,
    portfolio_variance,
    volatility_scale,
)
from stratofold.fold.portfolio.sleeves import Sleeves

__all__ = [
    "Covariance",
    "HierarchicalRiskParity",
    "InverseVolatility",
    "MeanVariance",
    "RiskParity",
    "Sleeves",
    "cap_classes",
    "kelly_scale",
    "portfolio_mean",
    "portfolio_variance",
    "volatility_scale",
]
