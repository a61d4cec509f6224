"""Statistics as columns equal the fold's own, to the bit, whatever the sums."""

import struct
from random import Random
from types import SimpleNamespace

import numpy as np
import pytest

from stratofold.fold.grid import to_grid
from stratofold.fold.tally import Tally, statistics
from stratofold.research.sweep.columns import STATISTICS, SUMS, _are_pythons, columns_of, statistics_of

WHOLE = {
    "bar_count",
    "drawdown_length",
    "in_market_count",
    "peak_time",
    "session_count",
    "moved_count",
    "time",
    "trade_count",
    "win_count",
}


def tally(chance, digits=12, step=1):
    """Sums such as no run has, the zeros among them that make figures NaN; times are whole `step`s of nanoseconds."""
    made = Tally(1, 1e7, [0.0])
    for name in (each.rpartition(".")[2] for each in SUMS if each.startswith("tally.")):
        if name in WHOLE:
            is_time = "time" in name or "length" in name
            value = chance.choice([0, 1, 2, chance.randrange(1, 2**60 if is_time else 10**6)])
            value = value * step % 2**60 if is_time else value
        else:
            value = chance.choice([0.0, chance.uniform(-1e9, 1e9), -1e-9, 10.0 ** chance.uniform(-9, digits)])
        setattr(made, name, value)
    made.drawdown, made.downside = chance.random(), abs(made.downside)
    return made


def bits(number):
    return struct.pack("<d", number) if number == number else "nan"


@pytest.mark.parametrize(
    ("digits", "step", "sessions", "is_c"),
    [(12, 1, None, True), (13.9, 1, None, False), (12, 60 * 10**9, 1260, True), (12, 60 * 10**9, 1260, False)],
)
def test_columns_equal_the_folds_own_statistics(digits, step, sessions, is_c, monkeypatch):
    """Also of amounts near 2**53 steps, which are rounded another way; of whole minutes, and as many sessions in all.

    And where NumPy's powers are not Python's: that is seen before the first.
    """
    if not is_c:
        power = np.float_power
        monkeypatch.setattr(np, "float_power", lambda *of: power(*of) * (1.0 + 2.0**-52))
    monkeypatch.setattr("stratofold.research.sweep.columns._are_pythons", _are_pythons.__wrapped__)
    assert _are_pythons.__wrapped__() is is_c
    chance = Random(7)
    tallies = [tally(chance, digits, step) for _ in range(400)]
    for each in tallies:
        each.session_count = each.session_count if sessions is None else sessions
        each.moved_count = min(each.moved_count, each.session_count)
    equities = [chance.choice([0.0, chance.uniform(-1e8, 1e9)]) for _ in tallies]
    rows = [
        tuple(
            equity
            if name == "equity_steps"
            else 3
            if name == "logs.refusals.count"
            else getattr(each, name.rpartition(".")[2])
            for name in SUMS
        )
        for each, equity in zip(tallies, equities, strict=True)
    ]
    columns = statistics_of(columns_of(rows), 100.0, 252.0)
    assert set(columns) == set(STATISTICS)
    singly = [statistics_of(columns_of([row]), 100.0, 252.0) for row in rows]  # none has to mind another's amounts
    for name, column in columns.items():
        assert [bits(float(each[name][0])) for each in singly] == [bits(value) for value in column.tolist()], name
    for k, (each, equity) in enumerate(zip(tallies, equities, strict=True)):
        expected = statistics(each, SimpleNamespace(scale=[100.0], equity_steps=equity), 252.0)
        for name in ("gross_profit", "gross_loss"):
            expected[name] = to_grid(expected[name], 100.0)
        expected["refusals"] = 3.0
        for name in STATISTICS:
            assert bits(float(columns[name][k])) == bits(expected[name]), (k, name)
