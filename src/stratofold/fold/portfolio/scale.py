"""How much of a portfolio to hold: by a target of risk, by growth, and by what each class of assets may take."""

from array import array
from math import sqrt


def portfolio_variance(weights: "array[float]", matrix: "array[float]") -> float:
    """The variance a period of `weights` under a covariance matrix."""
    count = len(weights)
    total = 0.0
    for first in range(count):
        for second in range(count):
            total += weights[first] * matrix[first * count + second] * weights[second]
    return total


def portfolio_mean(weights: "array[float]", mean: "array[float]") -> float:
    """The mean return a period of `weights`."""
    total = 0.0
    for symbol in range(len(weights)):
        total += weights[symbol] * mean[symbol]
    return total


def volatility_scale(variance: float, target: float, periods: float, most: float) -> float:
    """What to multiply weights by for a volatility of `target` a year of `periods`; at most `most`, 0 without variance.

    Moreira and Muir, "Volatility-Managed Portfolios", Journal of Finance 72(4), 2017.
    """
    return min(target / sqrt(variance * periods), most) if variance > 0.0 else 0.0


def kelly_scale(mean: float, variance: float, fraction: float, most: float) -> float:
    """What to multiply weights by to hold `fraction` of the growth-optimal amount; from 0 to `most`.

    Kelly, "A New Interpretation of Information Rate", Bell System Technical Journal 35(4), 1956, for small returns:
    mean over variance.
    """
    return min(max(fraction * mean / variance, 0.0), most) if variance > 0.0 else 0.0


def cap_classes(weights: "array[float]", classes: "array[int]", caps: "array[float]") -> None:
    """Cut `weights` in place so that those of each class sum to its cap at most; what is cut stays cash.

    `classes` numbers each symbol's class, `caps` is the share of equity of each class.
    """
    for kind in range(len(caps)):
        total = 0.0
        for symbol in range(len(weights)):
            if classes[symbol] == kind:
                total += abs(weights[symbol])
        if total > caps[kind]:
            for symbol in range(len(weights)):
                if classes[symbol] == kind:
                    weights[symbol] = weights[symbol] * (caps[kind] / total)
