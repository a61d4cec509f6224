"""Whoever interrupts a block, at any line of ours, and goes on with it, finds every cell as it is alone."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

import stratofold
from stratofold.kernel import packing
from stratofold.research import sweep
from stratofold.research.prepare import Options
from stratofold.research.sweep import guests, mould
from stratofold.research.sweep.block import Block
from tests.unit.sweep.test_tapes import Choosy, Rings, Runs, same, singly

TAPED = [{"window": window, "skip": skip} for window in (3, 5) for skip in (0, 7)]
MOULDED = [{"window": window, "size": size} for window in (3, 5) for size in (4.0, 8.0)]
STREAKS = [{"least": least, "window": window} for least in (1, 2) for window in (5, 9)]
# What is remembered of a cell in two steps.
FUNCTIONS = [mould.Mould.series, guests._Asked._found, packing.pack_list]
OURS = str(Path(sweep.__file__).parent)


class Interrupt:
    """A trace that counts how often each line of some code is come to, and interrupts at one of those times."""

    def __init__(self, is_watched, at=None):
        self.is_watched, self.at = is_watched, at
        self.seen = {}

    def __call__(self, frame, _kind, _value):
        return self.line if self.is_watched(frame.f_code) else None

    def line(self, frame, kind, _value):
        if kind == "line":
            place = (frame.f_code.co_filename, frame.f_lineno)
            self.seen[place] = self.seen.get(place, 0) + 1
            if (*place, self.seen[place]) == self.at:
                self.at = None
                raise KeyboardInterrupt
        return self.line


@pytest.fixture(scope="module")
def two():
    """Two markets of one engine."""
    market = stratofold.sample("SPY", start="2014-06-02", end="2014-09-30")
    return market, replace(market, **{name: getattr(market, name) + 3.0 for name in ("open", "high", "low", "close")})


def interrupted(strategy, sets, two, trace, *, follows, is_taped):
    """A block that was interrupted, and before it, where it `follows` one, that one; with the number of each's market."""
    options, blocks = Options(), []
    for market in two[: 1 + follows]:
        made = Block(strategy, market, options, execution="compiled", before=blocks[-1] if blocks else None)
        if not is_taped:
            made._tapes, made.asks_no_tapes = None, True
        elif made._tapes is not None:
            made._tapes.takes_all = True
        if len(blocks) < follows:
            made.run(sets)
        blocks.append(made)
    before = sys.gettrace()
    sys.settrace(trace)
    try:
        blocks[-1].run(sets)
    except KeyboardInterrupt:
        pass
    finally:
        sys.settrace(before)
    return list(enumerate(blocks))[::-1]


def refuse_wrong(strategy, sets, two, wanted, is_watched, **how):
    """Interrupt at every line that is come to, twice each; returns how many interrupts there were."""
    count, free = 0, Interrupt(is_watched)
    interrupted(strategy, sets, two, free, **how)
    for place, often in free.seen.items():
        for nth in range(1, min(often, 2) + 1):
            trace = Interrupt(is_watched, (*place, nth))
            for number, one in 2 * interrupted(strategy, sets, two, trace, **how):
                assert same(one.run(sets), wanted[number]), (place, nth, how)
            count += trace.at is None
    return count


def test_who_is_interrupted_between_two_steps_of_remembering_goes_on_soundly(two):
    """A series had no room for its parts, and an indicator was kept as a run had left it: cells were wrong without a word."""
    codes = {function.__code__ for function in FUNCTIONS}
    wanted = [singly(Rings, two[0], TAPED)]
    assert refuse_wrong(Rings, TAPED, two, wanted, codes.__contains__, follows=False, is_taped=False) > 20


@pytest.mark.nightly
@pytest.mark.parametrize("follows", [False, True])
@pytest.mark.parametrize("is_taped", [False, True])
@pytest.mark.parametrize(("strategy", "sets"), [(Rings, TAPED), (Choosy, MOULDED), (Runs, STREAKS)])
def test_who_is_interrupted_anywhere_goes_on_soundly(two, strategy, sets, is_taped, follows):
    wanted = [singly(strategy, market, sets) for market in two]

    def is_ours(code):
        return code.co_filename.startswith(OURS)

    assert refuse_wrong(strategy, sets, two, wanted, is_ours, follows=follows, is_taped=is_taped) > 200
