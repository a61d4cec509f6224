"""How much of a study's best cell is luck: the returns of its neighbours, handed to `research.validation`.

What comes in: a study.  What goes out: `Luck`, or None where nothing can be judged.
Why so: a study keeps sums, not returns, so those of a sample of cells are made once more, which costs as many cells and
needs the process that has their code; what it found is kept beside the cells, for whoever opens the study later.
Every cell of the study counts as a trial, sampled or not, on other markets or not, whichever call has asked for it.
"""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from stratofold.research.sweep.block import Block
from stratofold.research.validation.luck import Luck, luck
from stratofold.research.validation.sharpe import (
    deflated_sharpe,
    expected_maximum_sharpe,
    minimum_track_record,
    track,
)

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray

    from stratofold.research.sweep.study import Study
    from stratofold.research.validation.sharpe import Track

FILE = "luck.json"
_CELLS_MAX = 200
_BARS_MAX = 4_000_000  # to hear again, of all cells together
_SPLITS = (16, 12, 8, 6, 4)
_SESSIONS_A_SPLIT = 4


def luck_of(study: Study) -> Luck | None:
    """How much of the study's best cell is luck; of a study that was opened from its folder, what was found back then."""
    if not study.places:
        return _kept(study)
    found = _judged(study)
    if found is not None:
        _keep(study, found)
    return found


def _about(study: Study) -> dict[str, Any]:
    """What a judgement is about: another best cell, or one cell more, and it holds no longer."""
    top = study.top(1)
    return {"best": top["cell"][0] if len(top) else "", "cells": len(study)}


def _keep(study: Study, found: Luck) -> None:
    """Leave a judgement beside the cells; a disk that does not take it has had its error already, from the cells."""
    folder = study.store.folder
    if folder is None:
        return
    half = folder / f"{FILE}.half"
    with suppress(OSError):
        half.write_text(json.dumps({"about": _about(study), "luck": found._asdict()}), encoding="utf-8")
        half.replace(folder / FILE)


def _kept(study: Study) -> Luck | None:
    """The judgement that lies beside the cells, where it is about these."""
    folder = study.store.folder
    try:
        kept = json.loads((folder / FILE).read_text(encoding="utf-8")) if folder is not None else {}
        return Luck(**kept["luck"]) if kept.get("about") == _about(study) else None
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _judged(study: Study) -> Luck | None:
    """The best cell judged by returns."""
    ranked = study.ranked()
    if not len(ranked):
        return None
    best = ranked.row(0, named=True)
    place = study.place_of(best)
    sample = _sample(ranked, best, max(2, min(_CELLS_MAX, _BARS_MAX // max(len(place.market), 1))))
    splits = next((count for count in _SPLITS if best["sessions"] >= count * _SESSIONS_A_SPLIT), 0)
    if len(sample) < 2 or not splits:
        return None
    block = Block(place.strategy, place.market, place.options)
    returns = block.returns([study.parameters_of(row) for row in sample.iter_rows(named=True)])
    found = luck(returns, best=0, splits=splits)
    sharpes = study.tried()["sharpe"]
    tried = sharpes.filter(sharpes.is_finite()).to_numpy()
    return _among(found, track(returns[:, 0]), tried / place.market.calendar.sessions_per_year**0.5)


def _among(found: Luck, one: Track, ratios: NDArray[np.float64]) -> Luck:
    """The luck of a sample's best among all that were tried, whose Sharpe ratios a period are `ratios`.

    How many of them are independent follows from the sample's mean correlation, as in `effective_trials`.
    """
    count = len(ratios)
    if count <= found.trials:
        return found
    mean = (found.trials - found.effective) / (found.trials - 1)
    effective = mean + (1.0 - mean) * count
    lucky = expected_maximum_sharpe(effective, float(ratios.var(ddof=1)))
    return found._replace(
        trials=count, effective=effective, lucky_sharpe=lucky, deflated=deflated_sharpe(one, ratios, effective),
        needed_periods=minimum_track_record(one, lucky),
    )  # fmt: skip


def _sample(ranked: pl.DataFrame, best: dict[str, Any], count: int) -> pl.DataFrame:
    """The best cell, and others of its place that have a Sharpe ratio, evenly through their ranks."""
    rows = ranked.filter(
        (ranked["place"] == best["place"]) & ranked["sharpe"].is_finite() & (ranked["traded_value"] > 0.0)
    )
    if not len(rows) or rows["cell"][0] != best["cell"]:
        return rows.clear()
    found: pl.DataFrame = rows[np.unique(np.linspace(0, len(rows) - 1, min(count, len(rows))).astype(int)).tolist()]
    return found
