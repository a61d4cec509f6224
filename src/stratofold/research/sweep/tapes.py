"""What indicators say, computed once and read by every cell whose indicator would say the same.

What comes in: the factory and arguments with which a strategy's `setup` asks for an object a symbol.  What goes out: in
the object's place a *tape*, which has its method and what is read of it.  The first run with these arguments writes the
tape: what the method was given at each call, what it returned, and what the object showed after it.  Later runs read it.
Why so: nothing about the strategy is guessed.  A call reads the tape only if it is given what was given then, down to
the sign of a zero, from the first call on; an object of plain Python then answers and shows the same.  A run that gives
something else leaves machine code and is done without tapes.  What a tape does not have (another method, an attribute
that is set from outside, an int that changes) the compiler does not find, and the block does without tapes.
An indicator of a handful of operations (SMA, EMA) is quicker made anew than read: only those are taped whose method
loops, asks objects of its own, or takes some dozens of operations (RSI, ATR).
The second tape of a kind is foretold what the first one was given: its indicator is asked for all at once when it is
first called, and from then on its tape is read like any other.  So one cell writes, and where other bars are to be heard
next it writes again, on the same tapes; nothing but what was heard is forgotten in between.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, WeakSet

import numpy as np

from stratofold.research.sweep.taping import SCALARS, arrays_of, columns_of, functions_of, plan_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from stratofold.fold.strategy import Strategy
    from stratofold.market.data import MarketData
    from stratofold.research.sweep.taping import Plan

BYTES_MAX = 1 << 26  # of all tapes that are kept in this process
_plans: WeakKeyDictionary[type[Strategy], dict[Any, Plan | None]] = (
    WeakKeyDictionary()
)  # all blocks of one have the same
_PATIENCE = 64  # tapes that are made before we ask whether they are read
_WORTH = 40  # operations: what is as many is quicker read than made anew


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
    arrays: list[tuple[array[Any], array[Any]]] | None = None  # its objects', and as they were when those were made
    first: list[Any] = field(default_factory=list)  # the objects that were packed first: others lie where they did
    lent: list[tuple[Any, str, Any]] = field(default_factory=list)  # columns that are another's, by name
    is_foretold: bool = False  # it was told beforehand what it will be given
    is_sound: bool = False
    is_made: bool = False
    is_learnt: bool = False
    is_gone: bool = False  # whoever has it still is to ask for another


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
        self._barred: set[int] = set()
        self._models: dict[Any, Tape] = {}  # by all but the arguments: one that is written
        self._unlike: set[int] = set()  # the places at which tapes of other arguments are given something else
        self._writer: Mapping[str, Any] | None = None  # the parameters of the first cell that has written
        self._written: list[Tape] = []  # what it has
        self._is_firm = True  # whether all that was packed of tapes lies where it lay, and as it was packed first
        self.is_dismissed = False  # whether what was learnt of tapes has to be forgotten before the next cell
        self.is_writing = False  # whether the cell at hand writes a tape
        self.is_growing = False  # whether it has asked for one that there was not
        self.given = 0
        self.made = 0
        self.awaited = (
            0  # readings that are sure to come beyond two of each tape, because cells wait for what is written now
        )
        _living.add(self)

    def dismiss(self) -> None:
        """Let go of all tapes: another block writes its own and wants the room."""
        for kept in self._kept.values():
            kept.is_gone = True
        self._kept.clear()
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
        least = 0 if self.takes_all else _WORTH
        kind = (factory, least)
        if kind not in self._plans:
            thing = factory(*arguments)
            self._plans[kind] = plan_for(thing, functions_of(self._strategy), least)
        plan = self._plans[kind]
        if plan is None:
            return None
        model = None if place in self._unlike else self._models.get(_kind(key))
        is_foretold = model is not None
        columns = columns_of(plan.arguments) if model is None else ()
        size = 8 * count * self._length * (1 + len(columns) + len(plan.shown))
        others: Sequence[Any] = [None] * count if model is None else model.things
        things = [self._blank(plan, factory(*arguments), other) for other in others]
        kept = self._kept[key] = Tape(key, things, size, tuple(things), arguments, is_foretold=is_foretold)
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
        return not any(tuple(kept.things) != kept.own or any(thing.tape_at for thing in kept.own) for kept in self._now)

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
                thing.tape_known[0] = thing.tape_known[0] or thing.tape_at
                thing.tape_at = 0
            if not kept.is_made:
                kept.is_sound = True
                kept.is_made = all(thing.tape_known[0] for thing in kept.things)
                if kept.is_made:
                    if kept.first:
                        self._share_again(kept)
                    else:
                        self._share_given(kept)
                    if not any(thing.tape_is_whole for thing in kept.things):
                        self._models[_kind(kept.key)] = kept

    @property
    def is_lasting(self) -> bool:
        """Whether other bars can be told of as these were: one cell wrote everything, and of all else it was foretold."""
        every = [kept.is_made and kept.arrays is not None and (kept.is_foretold or kept in self._written)
                 for kept in self._kept.values()]  # fmt: skip
        return self._writer is not None and self._is_firm and not self.is_dismissed and all(every)

    def anew(self, market: MarketData, forget: Callable[[list[Any]], None]) -> Mapping[str, Any] | None:
        """Forget what was heard, and nothing of how it lies in memory: another market is to be heard.

        Returns the parameters of the cell that has to write first; None where it cannot be heard.  What that one writes
        is packed anew; `forget` is told of it.
        """
        if longest(market) > self._length or not self.is_lasting:
            return None
        self.market = None
        for kept in self._kept.values():
            for thing in kept.things:
                thing.tape_at = thing.tape_known[0] = 0
            for values, before in kept.arrays or ():
                values[:] = before
            if not kept.is_foretold:
                kept.is_made = kept.is_learnt = False
                forget(kept.things)
                kept.first = kept.first or [thing.tape_source for thing in kept.things]
                for thing in kept.things:
                    thing.tape_source = kept.key[1](*kept.arguments)
                for thing, name, _ in kept.lent:  # what was the same of the last market need not be of this one
                    setattr(thing, name, _zeros(self._length))
        return self._writer

    def broken(self) -> bool:
        """The run did not end: whether that may be because a tape was asked for something else.

        Then its place has no tapes any more; or, where it was foretold what another is given, tapes that are not foretold.
        """
        found = False
        for kept in self._now:
            kept.is_sound = kept.is_made
            barred = self._unlike if kept.is_foretold else self._barred
            for thing in kept.things:
                thing.tape_at = 0
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
        gone += [kept for kept in self._kept.values() if kept.is_foretold and kept.key[0] in self._unlike]
        size = self._size
        for kept in self._kept.values():
            if size <= self._bytes_max:
                break
            gone.append(kept)
            size -= kept.size
        self._is_firm &= not gone
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

    def _blank(self, plan: Plan, thing: Any, other: Any) -> Any:
        """A tape of `thing`, of which nothing is known but what it shows before the first call.

        `other` is a tape that has been given what this one will be, if one is known.
        """
        tape = plan.tape()
        tape.tape_at = 0
        tape.tape_known = array("q", [0])  # calls; -1 of what was foretold in vain
        tape.tape_ahead = tape.tape_known if other is None else other.tape_known
        tape.tape_is_foretold = other is not None
        tape.tape_is_other = False
        tape.tape_is_whole = False
        tape.tape_source = thing
        tape.tape_result = _zeros(self._length)
        for name in columns_of(plan.arguments):
            setattr(tape, f"tape_{name}", _zeros(self._length) if other is None else getattr(other, f"tape_{name}"))
        for name in plan.shown:
            column = _zeros(self._length + 1)
            column[0] = float(getattr(thing, name))
            setattr(tape, f"tape_{name}", column)
        for name in plan.constant:
            setattr(tape, name, getattr(thing, name))
        return tape

    def _share_given(self, kept: Tape) -> None:
        """Most tapes are given the same closes: one array of them will do, and stays in the processor's cache."""
        for number, thing in enumerate(kept.things):
            for name in (each for each in type(thing).__slots__ if each.startswith(("tape_given_", "tape_same_"))):
                mine = getattr(thing, name)
                for other in self._kept.values():
                    theirs = getattr(other.things[number], name, mine) if other.is_made else mine
                    if theirs is not mine and np.array_equal(
                        np.frombuffer(theirs, np.int64), np.frombuffer(mine, np.int64)
                    ):
                        setattr(thing, name, theirs)
                        kept.lent.append((thing, name, theirs))
                        kept.size -= 8 * self._length
                        self._size -= 8 * self._length
                        break

    def _share_again(self, kept: Tape) -> None:
        """Columns that were another's of the market before are so again, or these tapes do not last: others lie packed so."""
        for thing, name, theirs in kept.lent:
            known = 8 * thing.tape_known[0]
            is_same = memoryview(theirs).cast("B")[:known] == memoryview(getattr(thing, name)).cast("B")[:known]
            self._is_firm &= is_same
            if is_same:
                setattr(thing, name, theirs)


_living: WeakSet[Tapes] = WeakSet()


def _kind(key: Any) -> Any:
    """What a tape's key is but for the arguments."""
    place, factory, _, count = key
    return place, factory, count


def longest(market: MarketData) -> int:
    """The bars of the symbol that has most, and at least one."""
    symbols = np.asarray(market.symbol)
    return max(int(np.bincount(symbols).max()) if len(symbols) > 1 else len(market.time), 1)


def _zeros(count: int) -> array[float]:
    """`count` doubles."""
    return array("d", [0.0]) * count
