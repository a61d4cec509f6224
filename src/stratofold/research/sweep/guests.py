"""The strategies of a block's cells, one after another in the same place, of which nothing is made twice that need not be.

What comes in: a program that is laid out, and sets of parameters.  What goes out: the program with a strategy of these
parameters in it, as `setup` would have left it.
Why so: a short cell costs less than to make its strategy.  Where `setup` depends on parameters alone (`settled`), what
`per_symbol` makes of the same arguments is kept with how it lies in memory, and so is the whole strategy when what
`setup` reads comes again: then only the parameters that hooks read are written.  Machine code changes memory, never
objects, so what is kept stays as `setup` has made it.
"""

from __future__ import annotations

import struct
from math import inf
from operator import le
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from stratofold.instance import build_strategy
from stratofold.owning import owns_all
from stratofold.research.sweep.abreast import Pattern, Seats
from stratofold.research.sweep.columns import SUMS
from stratofold.research.sweep.mould import Mould
from stratofold.research.sweep.sets import Sets, is_constant, values_of
from stratofold.research.sweep.settled import reads_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from stratofold.fold.strategy import Strategy
    from stratofold.kernel import Program
    from stratofold.kernel.blocks import Piece
    from stratofold.kernel.program import Writer
    from stratofold.research.sweep.tapes import Tapes

    Words = NDArray[np.uint64]

_BYTES_MAX = 1 << 25  # of what is kept, for one program: a hundred symbols' averages of fifty windows are half of it
_CODES = {int: "q", float: "d", bool: "?"}
_TYPES: dict[Any, Any] = {int: np.int64, float: np.float64, bool: np.bool_}
_SCALARS = {int, float, bool}
Shelf = Any  # `build_strategy`'s


class Seat(NamedTuple):
    """The cell that writes tapes, as it has entered; its objects are shown what the tapes have come to."""

    tapes: Tapes
    fold: Strategy
    guest: Piece
    write: Writer
    values: Sequence[Any]


class Guests:
    """Seats strategies of one class in one program."""

    def __init__(
        self, program: Program, strategy: type[Strategy], symbols: tuple[str, ...], artifacts: Mapping[str, object]
    ) -> None:
        """Nothing is kept yet; a strategy of the class has been built before."""
        self._program = program
        self._strategy = strategy
        self._symbols = symbols
        self._artifacts = artifacts
        self._declared = strategy.parameters()
        self._names = list(self._declared)
        self._rows = [
            (name, type(each.default), _or(each.low, -inf), _or(each.high, inf), each)
            for name, each in self._declared.items()
        ]
        self._write = program.writer(self._names)
        reads = reads_of(strategy) if owns_all(strategy) and self._write is not None else None
        self._is_settled = reads is not None
        self.is_alike = reads is not None and not reads.symbols  # for as many symbols, whichever they are
        self._reads = [k for k, name in enumerate(self._names) if reads is not None and name in reads.parameters]
        codes = {name: _CODES[kind] for name, kind, *_ in self._rows}
        self.mould = None
        self._pattern: Pattern | None = None  # of the cells that were looked at last
        self._seats: Seats | None = None  # theirs
        self._writing: Seat | None = None  # who writes tapes of the next market, too
        if reads is not None and reads.parts is not None and self._write is not None:
            self.mould = Mould(program, self._write, self._names, reads.parts, codes)
        _, self._kinds, self._lows, self._highs, _ = (
            map(list, zip(*self._rows, strict=True)) if self._rows else [[]] * 5
        )
        self._pack = struct.Struct("=" + "".join(codes[self._names[k]] for k in self._reads)).pack
        self._lists: dict[Any, list[Any]] = {}
        self._guests: dict[bytes, Piece] = {}
        self._once: set[bytes] = set()
        self._size = 0

    def hear(self, symbols: tuple[str, ...]) -> None:
        """Be of other symbols, of which there are as many."""
        self._symbols = symbols

    def forget(self) -> None:
        """Let go of everything that is kept."""
        self.forget_objects()
        if self.mould is not None:
            self.mould.forget()
        self._seats = self._writing = None
        self._size = 0

    def forget_objects(self) -> None:
        """After Python was shown what a run has made of objects, they are not as `setup` has left them; what was packed is."""
        lists, self._lists = self._lists, {}  # first: what is kept and forgotten would be packed as a run has left it
        self._guests.clear()
        self._once.clear()
        for items in lists.values():
            self._program.forget(items)

    def seat_again(self, parameters: Mapping[str, Any], tapes: Tapes | None) -> bool:
        """Put a strategy in its place of which every part has been there; whether that could be.  It cannot be restored."""
        if self.mould is None or self.mould.is_off:
            return False
        values: list[Any] = list(map(parameters.get, self._names))
        is_known = list(map(type, values)) == self._kinds and len(parameters) == len(values)
        if not is_known or not all(map(le, self._lows, values)) or not all(map(le, values, self._highs)):
            return False
        return self.mould.seat(values, tapes)

    def inherit(self, other: Guests) -> None:
        """Take over the parts of strategies that another program has, where nothing of them is of its market."""
        if self.mould is None or other.mould is None or not self.is_alike or len(self._symbols) != len(other._symbols):
            return
        self.mould.inherit(other.mould)
        self._size = other._size if self.mould.is_ready else 0
        self._pattern = other._pattern  # the next market's cells have the same parameters, as a rule

    @property
    def is_ready(self) -> bool:
        """Whether strategies can be put together of parts."""
        return self.mould is not None and self.mould.is_ready

    def seats(self, sets: Sequence[Mapping[str, Any]]) -> Seats | None:
        """What each of some strategies is put together of, as far as that has been there; None where they cannot be."""
        if self.mould is None or self.mould.series(SUMS) is None:
            return None
        if self._pattern is None or not self._pattern.is_of(self.mould, sets):
            words = self._words(sets)
            self._pattern = None if words is None else Pattern(self.mould, words, sets)
        if self._pattern is None:
            return None
        if self._seats is None or not self._seats.is_still(self.mould, self._pattern):
            self._seats = Seats(self.mould, self._pattern)
        return self._seats

    def _words(self, sets: Sequence[Mapping[str, Any]]) -> Words | None:
        """Parameters as machine words, a column each; None where one is not what was declared."""
        found = np.zeros((len(sets), len(self._names)), np.uint64)
        if (set(map(len, sets)) if not isinstance(sets, Sets) else {len(sets.columns)}) != {len(self._names)}:
            return None
        for number, (name, kind, low, high, _) in enumerate(self._rows):
            try:
                column = values_of(sets, name)
            except KeyError:
                return None
            if isinstance(column, tuple) or column.dtype != _TYPES[kind]:  # also an int past 63 bits
                return None
            values = column[:1] if is_constant(column) else column
            if not ((low <= values) & (values <= high)).all():
                return None
            found[:, number] = values.view(np.uint64) if values.itemsize == 8 else values
        return found

    def seat(self, parameters: Mapping[str, Any], tapes: Tapes | None = None, *, is_sealed: bool = False) -> None:
        """Put a strategy in its place; raises what `build_strategy` raises, and Changed where it has another layout."""
        shelf = None if tapes is None else tapes.ask
        values = self._accepted(parameters) if self._is_settled else None
        if values is None:
            fold = build_strategy(self._strategy, self._symbols, parameters, self._artifacts, shelf)
            self._program.vacate()
            self._program.enter(fold, is_sealed=is_sealed)
            return
        try:
            key = None if shelf is not None else self._pack(*[values[number] for number in self._reads])
        except struct.error:  # an int past 63 bits
            key = None
        guest = None if key is None else self._guests.get(key)
        if guest is not None and self._write is not None:
            self._program.vacate()
            self._program.recall(guest, self._write, values, is_sealed=is_sealed)
            return
        fold = self._made(values, shelf)
        self._seat_new(fold, is_sealed=is_sealed)
        if tapes is not None and tapes.is_between and self._write is not None:
            self._writing = Seat(tapes, fold, self._program.guest(), self._write, values)
        for things in () if tapes is None else tapes.unlearnt():
            self._program.learn(things)  # before the mould looks, which else would wait for the next cell that has them
        if self.mould is not None and not is_sealed:
            asked: Any = fold._edge_shelf  # noqa: SLF001  our own
            self._size += self.mould.learn(fold, values, asked.given, tapes)
        if key is not None:
            self._keep(key)

    def seat_of(self, tapes: Tapes) -> Seat | None:
        """The cell that writes these tapes, where it can be seated as it was."""
        seat = self._writing
        return seat if seat is not None and seat.tapes is tapes and tapes.is_repeatable else None

    def seat_writer(self, seat: Seat) -> None:
        """Put it in its place again: there is no `setup` and no packing, and its objects are the same."""
        seat.tapes.write_again()
        self._program.vacate()
        self._program.recall(seat.guest, seat.write, seat.values, is_sealed=False, strategy=seat.fold)

    def learn_written(self, tapes: Tapes) -> None:
        """The run of the strategy that entered last has written tapes: whoever asks for them finds them packed."""
        for things in tapes.unlearnt():
            self._program.learn(things, anew=True)
        if self.mould is not None:
            self._size += self.mould.learn_written()

    def _accepted(self, parameters: Mapping[str, Any]) -> list[Any] | None:
        """The parameters in their order, as the strategy takes them; None where there is one that it has not."""
        if parameters.keys() - self._declared.keys():
            return None
        values = []
        for name, kind, low, high, declared in self._rows:
            value = parameters.get(name, declared.default)
            values.append(value if type(value) is kind and low <= value <= high else declared.accept(value))
        return values

    def _made(self, values: Sequence[Any], shelf: Shelf) -> Strategy:
        """A strategy of these parameters, its `setup` done."""
        fold = object.__new__(self._strategy)  # whoever is settled has `Strategy.__init__`, and this is what it leaves
        vars(fold).update(zip(self._names, values, strict=True))
        fold.symbol_count = len(self._symbols)
        fold._edge_symbols = self._symbols
        fold._edge_artifacts, fold._edge_loaded = {}, []
        fold._edge_shelf = _Asked(self._lists, self._program.expect, shelf)
        fold.setup()
        return fold

    def _seat_new(self, fold: Strategy, *, is_sealed: bool) -> None:
        """As `seat`, of a strategy; what was packed for the first time is counted."""
        asked: Any = fold._edge_shelf  # noqa: SLF001  our own
        self._program.vacate()
        self._program.enter(fold, is_sealed=is_sealed)
        for items in asked.new:
            learnt = self._program.learnt(items)
            self._size += _size(learnt) if learnt is not None else 0
        self._refuse_too_much()

    def _keep(self, key: bytes) -> None:
        """Keep the strategy that has just entered, if what `setup` reads has come before."""
        if key not in self._once:
            self._once.add(key)
            return
        guest = self._guests[key] = self._program.guest()
        self._size += _size(guest)
        self._refuse_too_much()

    def _refuse_too_much(self) -> None:
        """Begin anew where what is kept takes too much room."""
        if self._size > _BYTES_MAX:
            self.forget()


class _Asked:
    """What `per_symbol` asks for during one `setup`: tapes, or what was made of the same before at the same place."""

    def __init__(self, kept: dict[Any, list[Any]], expect: Callable[[list[object]], None], shelf: Shelf) -> None:
        """`given` are the lists that it gave, `new` those of them that were not there before."""
        self.given: list[list[Any]] = []
        self.new: list[list[Any]] = []
        self._kept = kept
        self._expect = expect
        self._shelf = shelf
        self._place = 0

    def __call__(
        self, factory: Any, arguments: tuple[Any, ...], options: dict[str, Any], count: int
    ) -> list[Any] | None:
        """A list for `per_symbol`; None has it make one."""
        self._place += 1
        found: list[Any] | None = None if self._shelf is None else self._shelf(factory, arguments, options, count)
        if found is None and not options and _SCALARS.issuperset(map(type, arguments)):
            found = self._found(factory, arguments, count)
        if found is not None:
            self.given.append(found)
        return found

    def _found(self, factory: Any, arguments: tuple[Any, ...], count: int) -> list[Any]:
        """What was made of the same at the same place, if it was; else made now."""
        key = (self._place, factory, repr(arguments))
        found = self._kept.get(key)
        if found is None:
            found = [factory(*arguments) for _ in range(count)]
            self._expect(found)
            self._kept[key] = found  # from now on: what is kept and not expected would be packed as a run has left it
            self.new.append(found)
        return found


def _or(bound: float | None, other: float) -> float:
    """A bound, or what stands for none."""
    return other if bound is None else bound


def _size(piece: Piece) -> int:
    """Bytes that a piece keeps, its arrays and their copies included."""
    return len(piece.content) + sum(16 * len(values) for values, _ in piece.copies)
