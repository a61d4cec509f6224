"""Regimes, where strategies import them from: `from stratofold.regimes import VolatilityRegime`."""

from stratofold.fold.regimes import CALM, WILD, CorrelationRegime, HiddenMarkov, VolatilityRegime

__all__ = ["CALM", "WILD", "CorrelationRegime", "HiddenMarkov", "VolatilityRegime"]
