"""Where cells stand, and what they are called."""

from dataclasses import replace

import pytest

import stratofold
from stratofold.kernel import sources
from stratofold.research.prepare import Options
from stratofold.research.sweep import place as here
from stratofold.research.sweep.place import places_of
from tests.unit.sweep.strategies import Above, Idle


def test_places_of_one_sweep_are_called_what_each_is_called_alone(monkeypatch):
    """What they share is read once: the source of a strategy is read for its first symbol, not for each of hundreds."""
    read = []
    hashed = sources.source_hash
    monkeypatch.setattr(sources, "source_hash", lambda classes: read.append(classes) or hashed(classes))
    market = stratofold.sample("SPY", "AAPL", start="2014-06-02", end="2014-12-31")
    costs = {"free": {}, "dear": {"volume_cap": 0.1}}
    places = places_of([Above], market, Options(), each_symbol=True, costs=costs)
    assert len(places) == 4
    assert len(read) == 1
    assert len({place.hash for place in places}) == 4
    for place in places:
        assert replace(place, read={}).hashes == place.hashes


class Choosy(Above):
    """Holds one symbol, by name."""

    def setup(self) -> None:
        """Whichever is there."""
        super().setup()
        self.chosen = self.symbol("SPY") if self.symbol_count > 1 else 0


@pytest.mark.parametrize("strategy", [Above, Idle])
def test_no_two_cells_have_a_name_in_common(strategy):
    """Nor has one cell two: what it is called is the same alone, among others, and from where another place stands."""
    market = stratofold.sample("SPY", "AAPL", start="2014-06-02", end="2014-12-31")
    one, other = places_of([strategy], market, Options(), each_symbol=True)
    declared = strategy.parameters()
    sets = [{name: each.default + k for name, each in declared.items()} for k in range(3)]
    names = [*one.named(one.words(sets)), *other.named(other.words(sets))]
    assert len({*names}) == 6
    assert {len(name) for name in names} == {32}
    assert names == [place.key(each) for place in (one, other) for each in sets]
    assert names[3:] == one.named(one.words(sets), other.hash)


def test_what_a_place_is_made_of_is_looked_at_again_where_it_may_be_another(monkeypatch):
    """Once for a strategy that asks for no symbol by name, but for each number of symbols; once a market for one that does."""
    made = []
    monkeypatch.setattr(here, "_built", lambda strategy, market, _: made.append((strategy, market.symbols)))
    market = stratofold.sample("SPY", "AAPL", start="2014-06-02", end="2014-12-31")
    places = places_of([Above, Choosy], market, Options(), each_symbol=True)
    assert len({each.hash for each in places}) == 4
    assert made == [(Above, ("SPY",)), (Choosy, ("SPY",)), (Choosy, ("AAPL",))]
    del made[:]
    read = {}
    for each in (market, market.subset("AAPL"), market):
        here.code_hash(Above, each, Options(), read)
    assert len(made) == 3  # other options each time, and so their own
    options = Options()
    for each in (market, market.subset("AAPL"), market.subset("SPY"), market):
        here.code_hash(Above, each, options, read)
    assert len(made) == 5
