"""A strategy put together out of parts that were packed before, each for the parameters that it depends on.

What comes in: a strategy that has just entered a program, and later the parameters of others.  What goes out: the program
with that other strategy in it, as its `setup` would have left it, or nothing where a part of it is not known yet.
Why so: a grid of a thousand sets has some thirty averages.  Where `setup` is one attribute a statement (`settled`), an
attribute is the same whenever the parameters that it reads are; so a cell costs the copies of its parts and no Python
of its own: no `setup`, no objects, no packing.  What no parameter changes is copied as a whole, below the parts.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from stratofold.kernel.refused import Changed
from stratofold.research.sweep.abreast import Part

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from stratofold.fold.strategy import Strategy
    from stratofold.kernel import Program
    from stratofold.kernel.blocks import Piece
    from stratofold.kernel.program import Writer
    from stratofold.kernel.series import Series
    from stratofold.kernel.standing import Places
    from stratofold.research.sweep.tapes import Tape, Tapes


@dataclass(frozen=True, eq=False)
class Kind:
    """An attribute: the numbers of the parameters that it depends on, and what was packed of it, by their values."""

    name: str
    picks: tuple[int, ...]
    pack: Callable[..., bytes]  # values to a key; both zeros have one of their own
    known: dict[bytes, tuple[Piece, Tape | None]] = field(default_factory=dict)

    def moved(self, step: int) -> Kind:
        """The same with its parts so many bytes further on, but for those that read a tape."""
        found = Kind(self.name, self.picks, self.pack)
        for key, (piece, tape) in self.known.items():
            if tape is None:
                found.known[key] = piece._replace(place=piece.place + step), None
        return found

    def key(self, values: Sequence[Any]) -> bytes:
        """What its part is called; raises struct.error for an int past 63 bits."""
        if len(self.picks) == 1:
            return self.pack(values[self.picks[0]])
        return self.pack(*[values[pick] for pick in self.picks])


class _Late(NamedTuple):
    """The parts of a strategy that has entered, as far as they were there then, and the tapes that its run has to write first."""

    kinds: list[Kind]
    found: list[tuple[Kind, Piece, Tape | None]]
    tapes: list[tuple[Kind, Tape]]
    values: Sequence[Any]


class Mould:
    """The parts of one program's strategies; `is_off` where they cannot be put together."""

    def __init__(self, program: Program, write: Writer, names: Sequence[str], parts: Mapping[str, frozenset[str]],
                 codes: Mapping[str, str]) -> None:  # fmt: skip
        """`names` are the parameters in their order, `codes` how `struct` packs them, `parts` is of `settled.Reads`."""
        self.is_off = False
        self._program = program
        self._write = write
        self._rest: Piece | None = None  # all that no parameter changes
        self._inner: Places | None = None  # where that names itself
        self._series: Series | None = None
        self._names = names
        self._late: _Late | None = None
        self.taped: set[str] = set()  # the kinds whose parts read tapes
        self.age = 0  # how often every part was let go of
        self.kinds: list[Kind] = []
        self._parts: list[dict[bytes, Part]] = []  # of each kind, as a series wants them
        self._former: list[dict[bytes, Part]] = []  # of the mould that these were inherited from
        for name, read in parts.items():
            picks = tuple(k for k, each in enumerate(names) if each in read)
            pack = struct.Struct("=" + "".join(codes[names[k]] for k in picks)).pack
            self.kinds.append(Kind(name, picks, pack))

    @property
    def is_ready(self) -> bool:
        """Whether there is something to put parts on."""
        return self._rest is not None and not self.is_off

    def values_of(self, parameters: Mapping[str, Any]) -> list[Any]:
        """Parameters in their order."""
        return [parameters[name] for name in self._names]

    def has(self, parameters: Mapping[str, Any]) -> bool:
        """Whether every part of such a strategy is known."""
        values = self.values_of(parameters)
        return all(kind.key(values) in kind.known for kind in self.kinds)

    def part_of(self, number: int, key: bytes) -> Part | None:
        """A part of the kind of this number, for a series; None where it is not known."""
        found, known = self._parts[number].get(key), self.kinds[number].known.get(key)
        if found is None and known is not None and self._series is not None:
            former = self._former[number].get(key) if self._former else None
            copies = self._series.copies(known[0], None if former is None else former.copies)
            found = self._parts[number][key] = Part(copies, known[1])
        return found

    def series(self, noted: Sequence[str]) -> Series | None:
        """Runs of what is put together, of which these numbers are noted; None where there is no machine code for that."""
        if self._series is None and self._rest is not None:
            self._parts = [{} for _ in self.kinds]  # first: who is interrupted before the series asks for it again
            self._series = self._program.series(self._rest, self._names, noted)
        return self._series

    def inherit(self, other: Mould) -> None:
        """Take over what another program's mould has: the same parts, but for those that read a tape of its market.

        Their arrays are shared, because every run begins with them as `setup` has left them.
        """
        rest = None
        if other.is_ready and other._rest is not None and other._inner is not None:
            rest = self._program.moved(other._rest, other._inner, other._program)
        if rest is None or other._rest is None:
            return
        step = rest.place - other._rest.place
        self._rest, self._inner, self.kinds = rest, other._inner, [kind.moved(step) for kind in other.kinds]
        self._former = list(other._parts)
        self.taped |= other.taped

    def forget(self) -> None:
        """Let go of every part."""
        self._rest = self._series = self._inner = None
        self._parts, self._former, self._late = [], [], None
        self.age += 1
        for kind in self.kinds:
            kind.known.clear()

    def seat(self, values: Sequence[Any], tapes: Tapes | None) -> bool:
        """Put a strategy of these parameters in its place; whether every part of it was there."""
        if self._rest is None:
            return False
        pieces, read = [self._rest], []
        try:
            for kind in self.kinds:
                piece, tape = kind.known[kind.key(values)]
                pieces.append(piece)
                if tape is not None:
                    read.append(tape)
        except (KeyError, struct.error):
            return False
        if tapes is not None and not tapes.read_again(read):
            self.forget()
            return False
        self._program.vacate()
        try:
            self._program.put(pieces, self._write, values)
        except Changed:
            return False
        return True

    def learn(self, fold: Strategy, values: Sequence[Any], asked: Sequence[list[Any]], tapes: Tapes | None) -> int:
        """Take the parts of a strategy that has just entered, of which `asked` are the lists that `per_symbol` gave.

        Returns how many bytes are kept that nobody else keeps.
        """
        self._late = None
        if self.is_off:
            return 0
        lists = {id(items) for items in asked}
        found: list[tuple[Kind, Piece, Tape | None]] = []
        late: list[tuple[Kind, Tape]] = []
        kinds = []
        for kind in self.kinds:
            value = getattr(fold, kind.name)
            if type(value) is list and id(value) in lists:
                piece = self._program.part(value)
                tape = None if tapes is None else tapes.of(value)
                if tape is not None:
                    self.taped.add(kind.name)
                if tape is not None and not tape.is_learnt:
                    late.append((kind, tape))
                elif piece is None:
                    return 0  # not packed to stay yet: another time
                else:
                    found.append((kind, piece, tape))
            elif kind.picks:
                piece = self._program.number_part(kind.name)
                if piece is None:
                    self.is_off = True
                    return 0
                found.append((kind, piece, None))
            else:
                continue  # the same for all, in what is left
            kinds.append(kind)
        if late:
            self._late = _Late(kinds, found, late, values) if self._rest is not None else None
            return 0
        return self._keep(kinds, found, values)

    def learn_written(self) -> int:
        """As `learn`, of the strategy that entered last, whose tapes have been written since."""
        late, self._late = self._late, None
        if late is None or self.is_off:
            return 0
        for kind, tape in late.tapes:
            piece = self._program.part(tape.things)
            if piece is None or not tape.is_learnt:
                return 0
            late.found.append((kind, piece, tape))
        return self._keep(late.kinds, late.found, late.values)

    def _keep(self, kinds: list[Kind], found: list[tuple[Kind, Piece, Tape | None]], values: Sequence[Any]) -> int:
        """Keep parts, where they lie where those before them lay."""
        size = 0
        if self._rest is None:
            pieces = [piece for _, piece, _ in found]
            self._rest = self._program.rest(pieces)
            self._inner = None if self._rest is None else self._program.inner(self._rest, pieces)
            self.kinds = kinds
            self.is_off = self._rest is None
            size = len(self._rest.content) if self._rest is not None else 0
        self.is_off |= len(found) != len(self.kinds)
        for kind, piece, tape in found:
            other = next(iter(kind.known.values()), (piece,))[0]
            if kind not in self.kinds or other.place != piece.place or len(other.content) != len(piece.content):
                self.is_off = True
            key = kind.key(values)
            if not self.is_off and key not in kind.known:
                kind.known[key] = piece, tape
                size += len(piece.content)  # its arrays are those of a list, which is counted where it is made
        if self.is_off:
            self.forget()
        return size
