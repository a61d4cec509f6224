"""What indicators say, computed once and read by every cell whose indicator would say the same.

What comes in: the factory and arguments with which a strategy's `setup` asks for an object a symbol.  What goes out: in
the object's place a *tape*, which has its method and what is read of it.  The first run with these arguments writes the
tape: what the method was given at each call, what it returned, and what the object showed after it.  Later runs read it.
Why so: nothing about the strategy is guessed.  A call reads the tape only if it is given what was given then, down to
the sign of a zero, from the first call on; an object of plain Python then answers and shows the same.  A run that gives
something else leaves machine code and is done without tapes.  What a tape does not have (another method, an attribute
that is set from outside, an int that changes) the compiler does not find, and the block does without tapes.
An indicator of a handful of operations (SMA, EMA) is as quickly made anew as written: unless it is read often
(`reuse`), only those are taped whose method loops, asks objects of its own, or takes some dozens of operations (RSI, ATR).
The second tape of a kind is foretold what the first one was given: its indicator is asked for all at once when it is
first called, and from then on its tape is read like any other.  So one cell writes, and where other bars are to be heard
next it writes again, on the same tapes; nothing but what was heard is forgotten in between.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakKeyDictionary, WeakSet

import numpy as np

from stratofold.fold.tally import LANES
from stratofold.research.sweep.taping import SCALARS, arrays_of, columns_of, functions_of, plan_for, unknown, wipe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from stratofold.fold.strategy import Strategy
    from stratofold.market.data import MarketData
    from stratofold.research.sweep.taping import Plan

BYTES_MAX = 1 << 27  # of all tapes that are kept in this process
# All blocks of one have the same.
_plans: WeakKeyDictionary[type[Strategy], dict[Any, Plan | None]] = WeakKeyDictionary()
_PATIENCE = 64  # tapes that are made before we ask whether they are read
_WORTH = 40  # operations: what is as many is quicker read than made anew, and written soon


@dataclass(eq=False)
class Tape:
    """What `per_symbol` gives: a tape for each symbol; whether they are complete, and packed as they were before.

    One that no run has called yet (a rule that is switched off, a symbol without bars) is as good as new, and so they
    are sound before they are all made: every run that wrote on them has ended.
    """

    key: Any
    things: list[Any]
    size: int
    own: tuple[Any, ...]  # the same, if `setup` has not put others into the list
    arguments: tuple[Any, ...]
    given: list[str]  # what its columns of what it was given are called
    arrays: list[tuple[array[Any], array[Any]]] | None = None  # its objects', and as they were when those were made
    first: list[Any] = field(default_factory=list)  # the objects that were packed first: others lie where they did
    lent: dict[str, array[float]] = field(default_factory=dict)  # columns that are another's, by name
    # What it writes on while it is not known whose they are.
    own_columns: dict[str, array[float]] = field(default_factory=dict)
    sources: list[tuple[array[Any], array[Any]]] | None = None  # of one that writes again: as `arrays`
    is_foretold: bool = False  # it was told beforehand what it will be given
    is_sound: bool = False
    is_made: bool = False
    is_learnt: bool = False
    is_gone: bool = False  # whoever has it still is to ask for another

    def write_on(self, name: str, column: array[float]) -> None:
        """Have all symbols write on this column."""
        for thing in self.things:
            setattr(thing, name, column)


class _Sorted(NamedTuple):
    """All tapes there are: of those that are foretold how far each is known, and their objects' arrays with copies; and the others."""

    things: list[tuple[Any, array[int]]]
    arrays: list[tuple[array[Any], array[Any]]]
    others: list[Tape]
    is_restored: bool  # whether the arrays are all that what is foretold comes from


class Tapes:
    """The tapes of one block; `given` and `made` count what was asked for, and what had to be made.

    A tape is found by its place among all that `setup` asks for, besides factory and arguments: two of the same in one
    strategy advance apart.
    """

    def __init__(self, strategy: type[Strategy], market: MarketData, *, takes_all: bool = False) -> None:
        """A tape has room for a call a bar; `takes_all` has what is quickly computed taped too."""
        self.market: MarketData | None = market  # that they tell of; none while the cell that has to write is under way
        self._strategy = strategy
        self._length = longest(market)
        self._bytes_max = BYTES_MAX
        self.takes_all = takes_all
        self._plans = _plans.setdefault(strategy, {})
        self._kept: dict[Any, Tape] = {}
        self._size = 0
        self._place = 0
        self._now: list[Tape] = []
        self._sorted: _Sorted | None = None  # None: to be looked up
        self._barred: set[int] = set()
        self._models: dict[Any, Tape] = {}  # by all but the arguments: one that is written
        self._unlike: set[int] = set()  # the places at which tapes of other arguments are given something else
        self._writer: Mapping[str, Any] | None = None  # the parameters of the first cell that has written
        self._written: list[Tape] = []  # what it has
        self._is_firm = True  # whether all that was packed of tapes lies where it lay, and as it was packed first
        self.is_crowded = False  # whether there was no room for one that was asked for
        self.is_dismissed = False  # whether what was learnt of tapes has to be forgotten before the next cell
        self.is_writing = False  # whether the cell at hand writes a tape
        self.is_growing = False  # whether it has asked for one that there was not
        self.given = 0
        self.made = 0
        # Readings that are sure to come beyond two of each tape, because cells wait for what is written now.
        self.awaited = 0
        _living.add(self)

    def dismiss(self) -> None:
        """Let go of all tapes: another block writes its own and wants the room."""
        for kept in self._kept.values():
            kept.is_gone = True
        self._kept.clear()
        self._sorted = None
        self._models.clear()
        self._size = 0
        self.is_dismissed = True

    def begin(self) -> None:
        """A new cell."""
        self._place = 0
        self.is_dismissed = False
        self._now.clear()
        self.is_writing = self.is_growing = False

    def read_again(self, now: list[Tape], times: int | None = None) -> bool:
        """A new cell, which reads these, or several, which read them so many times; whether they are all there still."""
        if self.is_dismissed or any(kept.is_gone or not kept.is_made for kept in now):
            return False
        self.begin()
        self._now += now
        self.given += len(now) if times is None else times
        return True

    def of(self, items: list[Any]) -> Tape | None:
        """The tapes of which the cell at hand was given this list."""
        return next((kept for kept in self._now if kept.things is items), None)

    def ask(self, factory: Any, arguments: tuple[Any, ...], options: dict[str, Any], count: int) -> list[Any] | None:
        """A list of tapes for `per_symbol`, or None where such objects have none."""
        self._place = place = self._place + 1
        if place in self._barred or options or not SCALARS.issuperset(map(type, arguments)):
            return None
        key = (place, factory, repr(arguments), count)  # 1, 1.0 and True are equal, and so are both zeros
        kept = self._kept.get(key) or self._blanks(key, arguments)
        if kept is None:
            return None
        if not kept.is_made:
            self.is_writing = True
        self._now.append(kept)
        self.given += 1
        return kept.things

    def _blanks(self, key: Any, arguments: tuple[Any, ...]) -> Tape | None:
        """Tapes on which nothing is written; None where such objects can have none."""
        place, factory, _, count = key
        if not isinstance(factory, type):
            return None
        kind = (factory, count == 1)
        if kind not in self._plans:
            thing = factory(*arguments)
            self._plans[kind] = plan_for(thing, functions_of(self._strategy), is_alone=count == 1)
        plan = self._plans[kind]
        if plan is None or not (self.takes_all or plan.cost is None or plan.cost >= _WORTH):
            return None
        model = None if place in self._unlike else self._models.get(_kind(key))
        is_foretold = model is not None
        given = columns_of(plan.arguments)
        columns = {f"tape_{name}": self._column(count) for name in plan.shown}
        columns["tape_result"] = self._column(count)
        columns |= {
            f"tape_{name}": getattr(model.things[0], f"tape_{name}") if model else unknown(self._room(count))
            for name in given
        }
        own = [column for name, column in columns.items() if not (is_foretold and name.startswith("tape_given_"))]
        size = sum(8 * len(column) for column in own)
        others: Sequence[Any] = [None] * count if model is None else model.things
        things = [
            self._blank(plan, factory(*arguments), (number, count), columns, other)
            for number, other in enumerate(others)
        ]
        self._sorted = None
        kept = self._kept[key] = Tape(key, things, size, tuple(things), arguments, given, is_foretold=is_foretold)
        kept.is_sound = kept.is_made = is_foretold
        arrays = [arrays_of(thing.tape_source) for thing in things] if is_foretold else []
        if None not in arrays:
            kept.arrays = [(values, values[:]) for some in arrays for values in some or ()]
        self._size += size
        self.made += 1
        self.is_growing = True
        return kept

    def is_of_use(self) -> bool:
        """Whether tapes are asked for, untouched by `setup`, and more often read than written."""
        if not self._now or (self.made > _PATIENCE and 2 * self.made > self.given + self.awaited):
            return False
        return not any(
            tuple(kept.things) != kept.own or any(thing.tape_at != _begins_at(thing) for thing in kept.own)
            for kept in self._now
        )

    def unlearnt(self) -> Iterator[list[Any]]:
        """The complete tapes of the cell at hand that are now packed for the first time."""
        for kept in self._now:
            if kept.is_made and not kept.is_learnt:
                kept.is_learnt = True
                yield kept.things

    def written(self, parameters: Mapping[str, Any] | None = None) -> None:
        """The run of these parameters is over, and the tapes hold how far they came: those that were called are complete."""
        if self._writer is None:
            self._writer, self._written = parameters, list(self._now)
        for kept in self._now:
            for thing in kept.things:
                if not (thing.tape_is_foretold or _is_known(thing)):
                    thing.tape_known[0] = thing.tape_at
                thing.tape_at = _begins_at(thing)
            if not kept.is_made:
                kept.is_sound = True
                kept.is_made = all(map(_is_known, kept.things))
                if kept.is_made:
                    if kept.first:
                        self._share_again(kept)
                    else:
                        self._share_given(kept)
                    self._models[_kind(kept.key)] = kept

    @property
    def is_lasting(self) -> bool:
        """Whether other bars can be told of as these were: one cell wrote everything, and of all else it was foretold."""
        if self._writer is None or not self._is_firm or self.is_dismissed:
            return False
        known = self._known()
        return known.is_restored and all(kept.is_made and kept in self._written for kept in known.others)

    def anew(
        self, market: MarketData, forget: Callable[[list[Any]], None], *, is_seated: bool = False
    ) -> Mapping[str, Any] | None:
        """Forget what was heard, and nothing of how it lies in memory: another market is to be heard.

        Returns the parameters of the cell that has to write first; None where it cannot be heard.  What that one writes
        is packed anew, and `forget` is told of it, unless that cell `is_seated` as it was when it wrote before.
        """
        if longest(market) > self._length or not self.is_lasting:
            return None
        self.market = None
        known = self._known()
        for thing, count in known.things:
            thing.tape_at, count[0] = thing.tape_far, thing.tape_first
        for values, before in known.arrays:
            values[:] = before
        for kept in known.others:
            kept.is_made = False
            for thing in kept.things:
                thing.tape_at = thing.tape_known[0] = thing.tape_first
            for values, before in kept.sources or ():
                values[:] = before
            if not is_seated:
                forget(kept.things)
                _renew(kept)
            for name in kept.lent:  # what was the same of the last market need not be of this one
                if name not in kept.own_columns:
                    kept.own_columns[name] = kept.lent[name][:]
                kept.write_on(name, kept.own_columns[name])
            for name in kept.given:
                wipe(getattr(kept.things[0], f"tape_{name}"))
        return self._writer

    @property
    def is_repeatable(self) -> bool:
        """Whether the cell that has to write finds its objects as they were when it wrote before."""
        return all(kept.sources is not None for kept in self._written)

    def write_again(self) -> None:
        """The cell that has to write is seated as it was when it wrote before."""
        self.begin()
        self._now += self._written
        self.given += len(self._now)
        self.is_writing = True

    @property
    def is_between(self) -> bool:
        """Whether a market was forgotten and the next is not written yet."""
        return self.market is None

    def _known(self) -> _Sorted:
        """The tapes there are; a market more asks for each of them, and they are the same as a rule."""
        if self._sorted is None:
            every = list(self._kept.values())
            tapes = [kept for kept in every if kept.is_foretold]
            self._sorted = _Sorted(
                [(thing, thing.tape_known) for kept in tapes for thing in kept.things],
                [pair for kept in tapes for pair in kept.arrays or ()],
                [kept for kept in every if not kept.is_foretold],
                all(kept.arrays is not None for kept in every),
            )
        return self._sorted

    def broken(self) -> bool:
        """The run did not end: whether that may be because a tape was asked for something else.

        Then its place has no tapes any more; or, where it was foretold what another is given, tapes that are not foretold.
        """
        found = False
        for kept in self._now:
            kept.is_sound = kept.is_made
            barred = self._unlike if kept.is_foretold else self._barred
            for thing in kept.things:
                thing.tape_at = _begins_at(thing)
                if thing.tape_is_other or thing.tape_known[0] < 0:
                    barred.add(kept.key[0])
                    found = True
        return found

    @property
    def is_full(self) -> bool:
        """Whether there is more than there is room for, in all blocks of this process."""
        return sum([other._size for other in _living]) > self._bytes_max  # noqa: SLF001  they are all of this class

    def drop(self) -> list[list[Any]]:
        """Forget what is not complete, is no use any more, or has no room; returns what was forgotten."""
        if self.is_full:
            for other in _living - {self}:
                other.dismiss()
        gone = [kept for kept in self._now if not kept.is_sound or kept.key[0] in self._barred]
        if self._unlike:
            gone += [kept for kept in self._kept.values() if kept.is_foretold and kept.key[0] in self._unlike]
        size = self._size
        for kept in self._kept.values():
            if size <= self._bytes_max:
                break
            gone.append(kept)
            size -= kept.size
            self.is_crowded = True
        self._is_firm &= not gone
        self._sorted = None if gone else self._sorted
        for kept in set(gone):
            if self._kept.get(kept.key) is kept:
                del self._kept[kept.key]
            if self._models.get(model := _kind(kept.key)) is kept:
                del self._models[model]
            kept.is_gone = True
            self._size -= kept.size
        return [kept.things for kept in gone]

    def forget_places(self) -> None:
        """What was learnt of how tapes lie in memory is of use no more."""
        self._is_firm &= not self._kept
        for kept in self._kept.values():
            kept.is_learnt = False

    def _column(self, count: int) -> array[float]:
        """Room for what is shown before and after each call of so many symbols."""
        return array("d", bytes(8 * self._room(count)))

    def _room(self, count: int) -> int:
        """How long a column is: a call a bar and one more, and what is read past them of bars that are asked about at once."""
        return count * (self._length + 2) + LANES

    def _blank(
        self, plan: Plan, thing: Any, of: tuple[int, int], columns: Mapping[str, array[float]], other: Any
    ) -> Any:
        """A tape of `thing`, of which nothing is known but what it shows before the first call.

        It is number so and so `of` those that share these columns, symbol beside symbol, as they are called.
        `other` is a tape that has been given what this one will be, if one is known.
        """
        number, count = of
        tape = plan.tape()
        tape.tape_first = number
        tape.tape_far = count * (self._length + 1) + number
        if count > 1:
            tape.tape_step = count
        tape.tape_known = array("q", [number])  # past the last call; -1 of what was foretold in vain
        tape.tape_ahead = tape.tape_known if other is None else other.tape_known
        tape.tape_is_foretold = other is not None
        tape.tape_at = _begins_at(tape)
        tape.tape_is_other = False
        tape.tape_source = thing
        for name, column in columns.items():
            setattr(tape, name, column)
        for name in plan.shown:
            columns[f"tape_{name}"][tape.tape_first] = columns[f"tape_{name}"][tape.tape_far] = float(
                getattr(thing, name)
            )
        for name in plan.constant:
            setattr(tape, name, getattr(thing, name))
        return tape

    def _share_given(self, kept: Tape) -> None:
        """Most tapes are given the same closes: one array of them will do, and stays in the processor's cache."""
        for name in (f"tape_{each}" for each in kept.given):
            mine = getattr(kept.things[0], name)
            for other in self._kept.values():
                theirs = getattr(other.things[0], name, mine) if other.is_made else mine
                if theirs is not mine and _is_same(theirs, mine):
                    kept.write_on(name, theirs)
                    kept.lent[name] = theirs
                    kept.size -= 8 * len(mine)
                    self._size -= 8 * len(mine)
                    break

    def _share_again(self, kept: Tape) -> None:
        """Columns that were another's of the market before are so again, or these tapes do not last: others lie packed so."""
        for name, theirs in kept.lent.items():
            is_same = _is_same(theirs, getattr(kept.things[0], name))
            self._is_firm &= is_same
            if is_same:
                kept.write_on(name, theirs)


def _renew(kept: Tape) -> None:
    """Objects as they were made, to be asked for what tapes say; others lie where the first of them did."""
    kept.is_learnt = False
    kept.first = kept.first or [thing.tape_source for thing in kept.things]
    for thing in kept.things:
        thing.tape_source = kept.key[1](*kept.arguments)
    arrays = [arrays_of(thing.tape_source) for thing in kept.things]
    kept.sources = None if None in arrays else [(values, values[:]) for some in arrays for values in some or ()]


def _begins_at(thing: Any) -> int:
    """Where a tape stands before its first call; one that is to be foretold where nothing is written, so that it is asked."""
    at: int = thing.tape_far if thing.tape_is_foretold else thing.tape_first
    return at


def _is_known(thing: Any) -> bool:
    """Whether it is known what a tape is given."""
    return bool(thing.tape_known[0] != thing.tape_first)


def _is_same(first: array[float], second: array[float]) -> bool:
    """Whether two columns are alike to the bit."""
    return first.tobytes() == second.tobytes()  # a memory's view compares item by item


_living: WeakSet[Tapes] = WeakSet()


def _kind(key: Any) -> Any:
    """What a tape's key is but for the arguments."""
    place, factory, _, count = key
    return place, factory, count


def longest(market: MarketData) -> int:
    """The bars of the symbol that has most, and at least one."""
    symbols = np.asarray(market.symbol)
    return max(int(np.bincount(symbols).max()) if len(symbols) > 1 else len(market.time), 1)
