"""Whether a kernel lies on the disk is asked once for what is laid out alike, and again for what is not."""

from math import inf

import pytest

import stratofold
from stratofold import Fees, Limits, Slippage, Strategy, param
from stratofold.indicators import EMA, SMA
from stratofold.kernel import cache, is_at_hand
from stratofold.kernel import compile as compiling
from stratofold.research.prepare import Options
from stratofold.research.sweep.laid import prepare_cell
from tests.unit.sweep.test_fixed_in_run import ASSUMED


class Choosing(Strategy):
    """What it makes depends on its parameters."""

    length = param(5)
    smooth = param(False)
    notes = param(False)

    def setup(self):
        factory = EMA if self.smooth else SMA
        self.averages = self.per_symbol(factory, self.length)
        if self.notes:
            self.note = 0.0

    def on_bar(self, bar, book):
        if bar.close > self.averages[bar.symbol].update(bar.close):
            book.target_weight(bar.symbol, 0.5)


class Wide(Slippage):
    """Another class of the same numbers."""

    __slots__ = ()


@pytest.fixture(scope="module")
def one():
    return stratofold.sample("SPY", start="2014-03-03", end="2014-03-31")


@pytest.fixture(scope="module")
def two():
    return stratofold.sample("SPY", "AAPL", start="2014-03-03", end="2014-03-31")


@pytest.fixture
def keys(monkeypatch):
    """What the disk was asked about by a process that has no kernel; it has none either."""
    monkeypatch.setattr(compiling, "_built", {})
    monkeypatch.setattr(compiling, "_asked", set())
    asked = []
    monkeypatch.setattr(cache, "holds", lambda key: bool(asked.append(key)))
    return asked


def objects(market, assumed, **parameters):
    run = prepare_cell(Choosing, market, Options(**assumed), parameters)
    return run.engine, run.strategy, run.feed


ALLOWS = dict.fromkeys(Limits.__slots__, inf)
MORE = {
    "a class of one's own": {"slippage": Wide()},
    "one limit": {"limits": Limits(**ALLOWS | {"position_max": 3.0})},
    "grace": {"grace_seconds": 1.0},
}


def test_whatever_is_assumed(one, two, keys):
    """For every kernel that a sweep may have made there is a question, whatever was asked before it."""
    every = [objects(market, assumed) for market in (one, two) for assumed in (ASSUMED | MORE).values()]
    wanted = [compiling._key([*each], "native", True)[0] for each in every]
    for each in every:
        assert not is_at_hand(*each, out=True)
    assert set(keys) == set(wanted)
    assert len(set(wanted)) > 20


def test_whatever_setup_makes(one, keys):
    for parameters in ({}, {"smooth": True}, {"notes": True}, {"length": 7}):
        assert not is_at_hand(*objects(one, {}, **parameters))
    assert len(set(keys)) == len(keys) == 3


@pytest.mark.parametrize("out", [False, True])
def test_what_is_alike_is_asked_once(one, keys, out):
    """Or a short run waits longer for the question than for its bars."""
    for fees in (0.005, 0.004):
        for length in (5, 6):
            assert not is_at_hand(*objects(one, {"fees": Fees(per_share=fees)}, length=length), out=out)
    assert len(keys) == 1
