"""Liquid names as of the simulated day: who belongs is worked out from sessions that are over, never from today's."""

import pytest

from stratofold import Setup
from stratofold.events import Bar
from stratofold.fold.universe import Universe


def feed(universe, session, *volumes, price=10.0):
    """One bar a symbol of one session; None is a symbol that does not trade."""
    bar = Bar()
    for symbol, volume in enumerate(volumes):
        if volume is not None:
            bar.session, bar.symbol, bar.close, bar.volume = session, symbol, price, float(volume)
            universe.update(bar)


def members(universe):
    return [symbol for symbol in range(universe.symbol_count) if universe.has(symbol)]


def test_nobody_belongs_until_the_window_is_full():
    universe = Universe(2, 1, "median dollar volume", 3)
    seen = []
    for session in range(5):
        feed(universe, session, 100, 200)
        seen.append(members(universe))
    assert seen == [[], [], [], [1], [1]]


def test_today_is_not_used_today():
    """A burst of volume counts from the next session on."""
    universe = Universe(2, 1, "median dollar volume", 1)
    feed(universe, 0, 100, 200)
    feed(universe, 1, 100_000, 200)
    assert members(universe) == [1]
    feed(universe, 2, 1, 1)
    assert members(universe) == [0]


# Volumes of five sessions; medians 30, 50, 50, 20: the lower handle comes first among equals.
MEDIANS = ((30, 50, 50, 20), (1, 50, 900, 20), (900, 1, 50, 20), (30, 900, 1, 20), (30, 50, 50, 9_000))


@pytest.mark.parametrize(
    ("top", "expected"), [(1, [1]), (2, [1, 2]), (3, [0, 1, 2]), (4, [0, 1, 2, 3]), (9, [0, 1, 2, 3])]
)
def test_the_top_by_the_median(top, expected):
    universe = Universe(4, top, "median volume", 5)
    for session, volumes in enumerate((*MEDIANS, (0, 0, 0, 0))):
        feed(universe, session, *volumes)
    assert members(universe) == expected
    assert list(universe.rank) == [2, 0, 1, 3]


def test_money_weighs_volume_by_price():
    cheap, dear = (Universe(2, 1, by, 1) for by in ("median volume", "median dollar volume"))
    for universe in (cheap, dear):
        for session in (0, 1):
            bar = Bar()
            for symbol, (price, volume) in enumerate(((1.0, 1_000.0), (100.0, 20.0))):
                bar.session, bar.symbol, bar.close, bar.volume = session, symbol, price, volume
                universe.update(bar)
    assert (members(cheap), members(dear)) == ([0], [1])


def test_the_bars_of_one_session_are_summed():
    universe = Universe(2, 1, "median volume", 1)
    for volumes in ((60, 100), (60, None), (60, None)):
        feed(universe, 0, *volumes)
    feed(universe, 1, 1, 1)
    assert members(universe) == [0]


def test_a_late_listing_waits_for_its_own_window():
    universe = Universe(2, 2, "median volume", 2)
    seen = []
    for session in range(6):
        feed(universe, session, 100, None if session < 2 else 900)
        seen.append(members(universe))
    assert seen == [[], [], [0], [0], [0, 1], [0, 1]]


@pytest.mark.parametrize(("more", "code"), [(("median beta", 5), "SF121"), (("median volume", 0), "SF122")])
def test_what_makes_no_universe(more, code):
    with pytest.raises(Setup, match=code):
        Universe(3, 2, *more)
    with pytest.raises(Setup, match="SF122"):
        Universe(3, 0, "median volume", 5)
