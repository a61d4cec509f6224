"""Optuna as a sampler: asked for a generation of trials, told how they did, asked again.

What comes in: a space and how many trials.  What goes out: sets of parameters; Optuna keeps nothing on disk, because the
study's own table does: it asks the same again from the same seed, and finished cells are told at once.
Why in generations: a generation is evaluated in one piece by machine code or by many workers.
"""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any

from stratofold.errors import Setup

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stratofold.research.sweep.space import Dimension, Parameters, Space

_ALLOWED_TRIES = 100  # questions in a row that the conditions forbid


class Asked:
    """Optuna's TPE, CMA-ES or NSGA-II over a space; `goals` is how many objectives there are, all the more the better."""

    is_adaptive = True

    def __init__(self, space: Space, name: str, trials: int, seed: int, goals: int, generation: int) -> None:
        """A study in memory; raises Setup SFS09 without Optuna, SFS10 for objectives that the method cannot have."""
        try:
            import optuna
        except ImportError:
            fix = "pip install 'stratofold[optuna]', or sampler=\"sobol\""
            raise Setup("SFS09", f"sampler={name!r} needs Optuna, which is not installed", fix=fix) from None
        if goals > 1 and name == "cmaes":
            raise Setup("SFS10", "CMA-ES has one objective", fix='sampler="nsga2", or one objective')
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._failed = optuna.trial.TrialState.FAIL
        self._study = optuna.create_study(
            directions=["maximize"] * goals, sampler=_method(optuna, name, seed, generation)
        )
        self._space, self._left, self._generation = space, trials, generation
        self._trials: list[Any] = []

    def ask(self) -> list[Parameters]:
        """The next generation."""
        self._trials = []
        points: list[Parameters] = []
        misses = 0
        while len(points) < min(self._generation, self._left) and misses < _ALLOWED_TRIES:
            trial = self._study.ask()
            point = dict(self._space.fixed) | {each.name: _suggested(trial, each) for each in self._space.dimensions}
            if not self._space.allows(point):
                self._study.tell(trial, state=self._failed)
                misses += 1
                continue
            misses = 0
            self._trials.append(trial)
            points.append(point)
        self._left = self._left - len(points) if points else 0
        return points

    def tell(self, values: Sequence[Sequence[float]]) -> None:
        """How the generation did; a trial without a number has failed."""
        for trial, row in zip(self._trials, values, strict=True):
            if all(isfinite(value) for value in row):
                self._study.tell(trial, list(row))
            else:
                self._study.tell(trial, state=self._failed)


def _method(optuna: Any, name: str, seed: int, generation: int) -> Any:
    """Optuna's sampler of that name."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what is experimental
        if name == "tpe":
            return optuna.samplers.TPESampler(seed=seed, constant_liar=True)
        if name == "cmaes":
            return optuna.samplers.CmaEsSampler(seed=seed)
        return optuna.samplers.NSGAIISampler(seed=seed, population_size=generation)


def _suggested(trial: Any, dimension: Dimension) -> Any:
    """A value of one dimension as Optuna would have it."""
    if dimension.values:
        number = trial.suggest_int(dimension.name, 0, len(dimension.values) - 1)
        return dimension.values[number]
    if dimension.kind is float:
        return trial.suggest_float(dimension.name, dimension.low, dimension.high)
    return trial.suggest_int(dimension.name, int(dimension.low), int(dimension.high))
