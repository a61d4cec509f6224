"""Part 8 of the fill contract, row by row, by hand figures: the reference and the fold give the same, and it is this.

Words are said after the row whose place is their key; fills are (time, number, signed quantity, price, maker).
"""

import pytest

from tests.reference.scenario import Word
from tests.reference.ticks import Depth, Quote, TickCase, TickScript, TickSimulator, Trade
from tests.tick_harness import run_ticks_case

RUNNERS = {"reference": lambda case, script: TickSimulator(case, script).run(), "fold": run_ticks_case}
both = pytest.mark.parametrize("run", RUNNERS.values(), ids=RUNNERS)


def buy(quantity, **more):
    return Word("buy", quantity=float(quantity), **more)


def sell(quantity, **more):
    return Word("sell", quantity=float(quantity), **more)


def quote(time, bid, ask, bid_size=10.0, ask_size=10.0, symbol=0):
    return Quote(time, symbol, bid, bid_size, ask, ask_size)


def trade(time, price, size=4.0, aggressor=0):
    return Trade(time, 0, price, size, aggressor)


def bid(time, price, size, last=True):
    return Depth(time, 0, 1, price, size, last)


def ask(time, price, size, last=True):
    return Depth(time, 0, -1, price, size, last)


CALM = [quote(10, 99.0, 101.0), quote(20, 99.0, 101.0), quote(30, 99.0, 101.0)]
BOOK = [
    bid(10, 98.0, 6.0, last=False),
    bid(10, 99.0, 5.0, last=False),
    ask(10, 101.0, 3.0, last=False),
    ask(10, 102.0, 8.0),
]


# name: (rows, words by row, fills, states, what else the case states)
RULES = {
    "a market order meets the touch as it stood": (
        [quote(10, 99.0, 101.0), quote(20, 97.0, 98.0)], {0: [buy(3)]}, [(10, 1, 3.0, 101.0, False)], ["filled"], {},
    ),
    "after its latency, the touch as it stood then": (
        [quote(10, 99.0, 101.0), quote(20, 97.0, 98.0), quote(30, 90.0, 91.0)], {0: [buy(3)]},
        [(25, 1, 3.0, 98.0, False)], ["filled"], {"latency": 15},
    ),
    "what arrives at the time of a quote meets it after that quote": (
        [quote(10, 99.0, 101.0), quote(20, 97.0, 98.0), quote(30, 90.0, 91.0)], {0: [buy(3)]},
        [(20, 1, 3.0, 98.0, False)], ["filled"], {"latency": 10},
    ),
    "what arrives with the last event waits": (CALM[:1], {0: [buy(3)]}, [], ["working"], {}),
    "no more than is shown, and the rest of the next quote": (
        CALM, {0: [buy(15)]}, [(10, 1, 10.0, 101.0, False), (20, 1, 5.0, 101.0, False)], ["filled"], {},
    ),
    "a size that nobody says is enough for all": (
        [quote(10, 99.0, 101.0, None, None), CALM[1]], {0: [buy(500)]}, [(10, 1, 500.0, 101.0, False)], ["filled"], {},
    ),
    "the volume cap makes every size smaller": (
        CALM, {0: [buy(7)]}, [(10, 1, 5.0, 101.0, False), (20, 1, 2.0, 101.0, False)], ["filled"], {"cap": 0.5},
    ),
    "nothing fills at a crossed quote": (
        [quote(10, 102.0, 101.0), quote(20, 99.0, 101.0), quote(30, 99.0, 101.0)], {0: [buy(3)]},
        [(20, 1, 3.0, 101.0, False)], ["filled"], {},
    ),
    "nor in a halt": (
        CALM, {0: [buy(3)]}, [(30, 1, 3.0, 101.0, False)], ["filled"], {"halts": [(10, 0, True), (25, 0, False)]},
    ),
    "a limit that the touch meets takes at the touch, and rests when that has gone": (
        [quote(10, 99.0, 101.0, ask_size=2.0), quote(20, 99.0, 103.0), quote(30, 99.0, 102.0), quote(40, 99.0, 103.0)],
        {0: [buy(5, limit=102.0)]}, [(10, 1, 2.0, 101.0, False), (30, 1, 3.0, 102.0, True)], ["filled"], {},
    ),
    "one that rests fills at its limit when the other side comes to it": (
        [quote(10, 99.0, 101.0), quote(20, 97.0, 98.0), quote(30, 97.0, 98.0)], {0: [buy(3, limit=99.0)]},
        [(20, 1, 3.0, 99.0, True)], ["filled"], {},
    ),
    "post-only rests": (
        [quote(10, 99.0, 101.0), quote(20, 98.0, 99.0), quote(30, 97.0, 98.0)], {0: [buy(3, limit=100.0, tif="POST_ONLY")]},
        [(20, 1, 3.0, 100.0, True)], ["filled"], {},
    ),
    "post-only that would take is cancelled": (CALM, {0: [buy(3, limit=101.0, tif="POST_ONLY")]}, [], ["cancelled"], {}),
    "post-only moved to where it would take is cancelled": (
        CALM, {0: [buy(3, limit=100.0, tif="POST_ONLY")], 1: [Word("replace", number=1, limit=101.0)]}, [], ["cancelled"], {},
    ),
    "what IOC leaves is cancelled": (CALM, {0: [buy(15, tif="IOC")]}, [(10, 1, 10.0, 101.0, False)], ["cancelled"], {}),
    "FOK for more than is shown is cancelled": (CALM, {0: [buy(15, tif="FOK")]}, [], ["cancelled"], {}),
    "FOK for what is shown fills": (CALM, {0: [buy(10, tif="FOK")]}, [(10, 1, 10.0, 101.0, False)], ["filled"], {}),
    "a buy stop waits for the offer": (
        [quote(10, 99.0, 101.0), quote(20, 102.0, 103.0), quote(30, 99.0, 101.0)], {0: [buy(3, stop=103.0)]},
        [(20, 1, 3.0, 103.0, False)], ["filled"], {},
    ),
    "a trade reaches a stop, which takes at the touch": (
        [quote(10, 99.0, 101.0), trade(20, 103.0), quote(30, 90.0, 91.0)], {0: [buy(3, stop=103.0)]},
        [(20, 1, 3.0, 101.0, False)], ["filled"], {},
    ),
    "a stop-limit that is reached rests at its limit": (
        [quote(10, 99.0, 101.0), quote(20, 102.0, 104.0), quote(30, 102.0, 103.0), quote(40, 99.0, 100.0)],
        {0: [buy(3, stop=103.0, limit=103.0)]}, [(30, 1, 3.0, 103.0, True)], ["filled"], {},
    ),
    "a cancel that comes after the fill is too late": (
        CALM, {0: [buy(3)], 1: [Word("cancel", number=1)]}, [(15, 1, 3.0, 101.0, False)], ["filled"], {"latency": 5},
    ),
    "a day is over before the first event after its close": (
        [quote(10, 99.0, 101.0), quote(20, 97.0, 98.0)], {0: [buy(3, limit=99.0, tif="DAY")]}, [], ["expired"],
        {"closes": [15, 10**6]},
    ),
    "a trade beyond the limit fills up to its size": (
        [quote(10, 99.0, 101.0), trade(20, 97.0), trade(30, 97.0)], {0: [buy(7, limit=98.0)]},
        [(20, 1, 4.0, 98.0, True), (30, 1, 3.0, 98.0, True)], ["filled"], {},
    ),
    "which all our orders share": (
        [quote(10, 99.0, 101.0), trade(20, 97.0), trade(30, 98.5)], {0: [buy(3, limit=98.0), buy(3, limit=99.0)]},
        [(20, 1, 3.0, 98.0, True), (20, 2, 1.0, 99.0, True), (30, 2, 2.0, 99.0, True)], ["filled", "filled"], {},
    ),
    "a trade at the limit is nobody's without depth": (
        [quote(10, 99.0, 101.0), trade(20, 98.0), trade(30, 98.0)], {0: [buy(3, limit=98.0)]}, [], ["working"], {},
    ),
    "unless we stand in front": (
        [quote(10, 99.0, 101.0), trade(20, 98.0), trade(30, 98.0)], {0: [buy(6, limit=98.0)]},
        [(20, 1, 4.0, 98.0, True), (30, 1, 2.0, 98.0, True)], ["filled"], {"queue": "front"},
    ),
    "a buyer's trade does not fill a bid": (
        [quote(10, 99.0, 101.0), trade(20, 97.0, aggressor=1), trade(30, 97.0, aggressor=-1)], {0: [buy(3, limit=98.0)]},
        [(30, 1, 3.0, 98.0, True)], ["filled"], {},
    ),
    "on trades alone a market order takes at the next trade": (
        [trade(10, 100.0), trade(20, 102.0), trade(30, 103.0)], {0: [buy(6)]},
        [(20, 1, 4.0, 102.0, False), (30, 1, 2.0, 103.0, False)], ["filled"], {},
    ),
    "a limit beyond it takes at the trade's price": (
        [trade(10, 100.0), trade(20, 98.0), trade(30, 97.0)], {0: [buy(6, limit=99.0)]},
        [(20, 1, 4.0, 98.0, False), (30, 1, 2.0, 97.0, False)], ["filled"], {},
    ),
    "or else rests, and is filled at its limit by a trade beyond": (
        [trade(10, 100.0), trade(20, 99.0), trade(30, 98.0)], {0: [buy(3, limit=99.0)]},
        [(30, 1, 3.0, 99.0, True)], ["filled"], {},
    ),
    "taking on depth walks the levels": (
        [*BOOK, bid(20, 97.0, 1.0)], {3: [buy(7)]}, [(10, 1, 3.0, 101.0, False), (10, 1, 4.0, 102.0, False)], ["filled"], {},
    ),
    "while the limit allows it, and again when the next message shows it": (
        [*BOOK, bid(20, 97.0, 1.0)], {3: [buy(7, limit=101.0)]}, [(10, 1, 3.0, 101.0, False), (20, 1, 3.0, 101.0, False)], ["working"], {},
    ),
    "FOK counts what is shown within the limit": (
        [*BOOK, bid(20, 97.0, 1.0)], {3: [buy(11, limit=102.0, tif="FOK"), sell(12, limit=98.0, tif="FOK")]},
        [(10, 1, 3.0, 101.0, False), (10, 1, 8.0, 102.0, False)], ["filled", "cancelled"], {},
    ),
    "the queue: those ahead trade first": (
        [*BOOK, trade(20, 99.0, 4.0, -1), trade(30, 99.0, 3.0, -1), trade(40, 99.0, 3.0, -1)], {3: [buy(3, limit=99.0)]},
        [(30, 1, 2.0, 99.0, True), (40, 1, 1.0, 99.0, True)], ["filled"], {},
    ),
    "what leaves the level by trades is not counted twice": (
        [*BOOK, trade(20, 99.0, 2.0, -1), bid(21, 99.0, 3.0), trade(30, 99.0, 4.0, -1)], {3: [buy(3, limit=99.0)]},
        [(30, 1, 1.0, 99.0, True)], ["filled_in_part"], {"queue": "proportional"},
    ),
    "behind all: no more than is shown can be ahead": (
        [*BOOK, bid(20, 99.0, 1.0), trade(30, 99.0, 2.0, -1), trade(40, 99.0, 9.0, -1)], {3: [buy(3, limit=99.0)]},
        [(30, 1, 1.0, 99.0, True), (40, 1, 2.0, 99.0, True)], ["filled"], {},
    ),
    "in proportion: half of what came behind, half of the rest": (
        [*BOOK, bid(20, 99.0, 10.0), bid(21, 99.0, 4.0), trade(30, 99.0, 3.0, -1)], {3: [buy(3, limit=99.0)]},
        [(30, 1, 1.0, 99.0, True)], ["filled_in_part"], {"queue": "proportional"},
    ),
    "the one that moved comes last again": (
        [*BOOK, bid(15, 98.0, 6.0), bid(20, 98.0, 6.0), trade(30, 98.0, 7.0, -1), trade(40, 98.0, 9.0, -1)],
        {3: [buy(3, limit=99.0)], 4: [Word("replace", number=1, limit=98.0)]},
        [(30, 1, 1.0, 98.0, True), (40, 1, 2.0, 98.0, True)], ["filled"], {},
    ),
    "one that was made smaller keeps its place": (
        [*BOOK, trade(20, 99.0, 4.0, -1), bid(25, 99.0, 9.0), trade(30, 99.0, 2.0, -1)],
        {3: [buy(3, limit=99.0)], 4: [Word("replace", number=1, quantity=1.0)]},
        [(30, 1, 1.0, 99.0, True)], ["filled"], {},
    ),
    "an answer to a fill between two events meets the later one": (
        [quote(10, 99.0, 101.0), quote(90, 95.0, 96.0), quote(99, 95.0, 96.0)], {0: [buy(3)]},
        [(12, 1, 3.0, 101.0, False), (90, 2, -3.0, 95.0, False)], ["filled", "filled"],
        {"latency": 2, "on_fill": {0: [sell(3)]}},
    ),
}  # fmt: skip


@both
@pytest.mark.parametrize("name", RULES)
def test_a_rule_of_the_contract(run, name):
    rows, words, fills, states, more = RULES[name]
    on_fill = more.get("on_fill", {})
    case = TickCase(rows, **{key: value for key, value in more.items() if key != "on_fill"})
    found = run(case, TickScript(words, on_fill))
    assert [
        (time, number, side * size, price, maker) for time, number, _, side, size, price, maker in found.fills
    ] == fills
    ends = ["filled_in_part" if state == "working" and filled else state for _, state, filled in found.orders]
    assert ends == [state if state != "working" or not fills else "filled_in_part" for state in states]
