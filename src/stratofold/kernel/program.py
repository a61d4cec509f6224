"""Objects bound to a kernel: packed, run, and given what the run has made of them.

What comes in: a kernel's function and the objects of a run.  What goes out: a `Program`, in which the strategy can be
exchanged, whole or part by part, and whose state can be kept and gone on from.
"""

import ctypes
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING

from stratofold.kernel.blocks import Block, Piece
from stratofold.kernel.loader import Image
from stratofold.kernel.packing import Packer, side_by_side
from stratofold.kernel.refused import Changed

if TYPE_CHECKING:
    from stratofold.kernel.series import Series, Words
    from stratofold.kernel.standing import Places, Records, Standing

_STRATEGY = 1  # the root that another run exchanges
_FEED = -1  # the root that another market exchanges: the last that is packed of those that stay
_CODES = {"int": "q", "float": "d", "bool": "?"}
Writer = Callable[[Block, int, Sequence[float]], None]  # numbers into a block, at a place


class Program:
    """A kernel and the objects it runs on.

    The objects' numbers keep the state of the entry until `unpack`; their arrays are written in place.  After a failed
    `run`, `number("bar_index")` says how far it had come, and `restore` brings the state of the entry back, arrays too.
    After `unpack`, `restore` takes the objects as Python has changed them since.
    """

    def __init__(
        self, function: Callable[..., int], packer: Packer, objects: list[object], image: Image, *, holds: bool = False
    ) -> None:
        """Pack the objects; raises Changed where they have another layout.

        If it `holds`, the arrays of engine and feed are not written but copied: they show nothing of a run.
        """
        self.objects = objects
        self._function = function
        self._image = image
        self._packer = packer
        self._block: Block
        self._block, self._addresses = packer.pack(objects, holds=holds)
        self._holds = holds
        self._result = ctypes.c_int64()
        self._answer = ctypes.byref(self._result)
        self._is_ahead = False
        self._is_reusable = True

    @property
    def is_reusable(self) -> bool:
        """Whether the block still knows the objects as they were before the first event."""
        return self._is_reusable

    def is_by(self, packer: Packer | None) -> bool:
        """Whether `packer` laid this program's objects out."""
        return self._packer is packer

    def vacate(self) -> None:
        """Let go of the strategy; in memory the engine is as it was packed, its objects hold what they were given."""
        self._block.dismiss()
        self.objects[_STRATEGY] = None

    def hear(self, feed: object) -> None:
        """Have another feed heard, for which the engine would be the same; the strategy is dismissed.

        The next market of a sweep has other bars and nothing else, and to lay an engine out takes as long as hundreds of
        its cells beside their bars.  Raises Changed, and still hears the feed before, where it does not fit.
        """
        self.vacate()
        self._packer.rewrite(feed, self._block, self._addresses[_FEED])
        self.objects[_FEED] = feed

    def enter(self, strategy: object, *, is_sealed: bool = True) -> None:
        """Take another strategy in after `vacate`; raises Changed where it has another layout.

        What is not sealed can not be restored.
        """
        self._addresses[_STRATEGY] = self._packer.admit(strategy, self._block, is_sealed=is_sealed)
        self.objects[_STRATEGY] = strategy
        self._is_ahead = False

    def guest(self) -> Piece:
        """The strategy as it has entered, for `recall`."""
        return self._block.guest()

    def recall(
        self, guest: Piece, write: Writer, values: Sequence[float], *, is_sealed: bool = True, strategy: object = None
    ) -> None:
        """Take in once more, after `vacate`, what entered before; `write` gives it these `values`.

        Without its objects, unless that `strategy` is to be revealed.  Raises Changed for a value that machine numbers
        cannot hold.
        """
        self._block.add(guest)
        try:
            write(self._block, guest.place, values)
        except struct.error as wrong:
            raise Changed(str(wrong)) from wrong
        self._stand_at(guest)
        self.objects[_STRATEGY] = strategy
        if is_sealed:
            self._block.note()
        self._is_ahead = False

    def expect(self, items: list[object]) -> None:
        """Remember how a list of the next strategy is packed, for when the very same comes again as it was."""
        self._block.asked[id(items)] = items

    def learnt(self, items: list[object]) -> Piece | None:
        """How a list is packed, where that is remembered."""
        return self._block.images.get(id(items))

    def part(self, items: list[object]) -> Piece | None:
        """A list of the guest's as it has entered, where that is remembered and others can lie in its place."""
        place = self._block.lists.get(id(items), 0) - self._block.shift
        piece = self._block.images.get(id(items))
        if piece is None or piece.place not in (-1, place):
            return None
        return piece._replace(place=place)

    def number_part(self, name: str) -> Piece | None:
        """A numeric attribute of the strategy as it has entered; None where it has no place of its own."""
        row = self._packer.roots[_STRATEGY].fields.get(name)
        if row is None or row.kind not in _CODES or row.fixed is not None:
            return None
        place = self._addresses[_STRATEGY] - self._block.shift + row.offset
        size = struct.calcsize("=" + _CODES[row.kind])
        return Piece(place, bytes(self._block.memory[place : place + size]), [], [], [], {}, {})

    def rest(self, parts: Sequence[Piece]) -> Piece | None:
        """The strategy as it has entered, for `put` under its parts; None where they cannot be exchanged one by one."""
        return self._block.without(self._block.guest(), parts)

    def inner(self, rest: Piece, parts: Sequence[Piece]) -> "Places | None":
        """Where, in words of `rest`, the strategy that has entered names itself; None where it could not lie elsewhere.

        It could not where its parts name each other, or where it names what is not its own.
        """
        from stratofold.kernel.standing import addresses_in, words_at

        first, last = rest.place, rest.place + len(rest.content)
        try:
            places = addresses_in(self._packer.guest_layout, first, self._block)
        except Changed:
            return None
        found = words_at(self._block, places) - self._block.shift
        inner = places[(first <= found) & (found < last)]
        is_hosts = (self._block.start <= found) & (found < first)
        is_parts = [((part.place <= inner) & (inner < part.place + len(part.content))).any() for part in parts]
        return None if is_hosts.any() or any(is_parts) else (inner - first) // 8

    def moved(self, rest: Piece, inner: "Places", other: "Program") -> Piece | None:
        """What is left of a strategy in another program, as it lies in this one; None where this one is of another layout."""
        from stratofold.kernel.standing import moved

        place = self._block.hosts_end
        if other._packer is not self._packer or place + len(rest.content) > self._block.end:  # noqa: SLF001  of this class
            return None
        step = place + self._block.shift - rest.place - other._block.shift  # noqa: SLF001
        return rest._replace(place=place, content=moved(rest.content, inner, step))

    def put(self, pieces: Sequence[Piece], write: Writer, values: Sequence[float]) -> None:
        """Take in, after `vacate`, a strategy put together: the first piece is what is left of one, the others its parts.

        It cannot be restored.  `write` gives it these `values`; raises Changed for one that machine numbers cannot hold.
        """
        self._block.put(pieces)
        try:
            write(self._block, pieces[0].place, values)
        except struct.error as wrong:
            raise Changed(str(wrong)) from wrong
        self._stand_at(pieces[0])
        self._is_ahead = False

    def writer(self, names: Sequence[str]) -> Writer | None:
        """A function that writes numeric attributes of the strategy where it lies; None where one has no place of its own."""
        fields = self._packer.roots[_STRATEGY].fields
        rows = [row for name in names if (row := fields.get(name)) is not None]
        if len(rows) < len(names) or any(row.kind not in _CODES or row.fixed is not None for row in rows):
            return None
        runs = side_by_side([(row.offset, _CODES[row.kind]) for row in rows])

        def write(block: Block, place: int, values: Sequence[float]) -> None:
            for offset, pack, first, last in runs:
                pack(block.memory, place + offset, *values[first:last])

        return write

    def series(self, rest: Piece, names: Sequence[str], noted: Iterable[str]) -> "Series | None":
        """Runs of guests that are put together as `put` does it, with the numbers of these names, of which others are `noted`.

        None where there is no machine code for that, or the hosts have arrays that it does not put back.
        """
        from stratofold.kernel.series import Series
        from stratofold.kernel.series_text import NAME

        self.vacate()
        if NAME not in self._image.header["beside"] or self._block.copies:
            return None
        self._stand_at(rest)
        fields = self._packer.roots[_STRATEGY].fields
        spans = [(fields[name].offset, struct.calcsize("=" + _CODES[fields[name].kind])) for name in names]
        rows = [(name, *self._row(name)) for name in noted]
        return Series(self._image, self._block, self._addresses, rest, spans, rows)

    def begin(self, series: "Series", pieces: "Words", numbers: "Words", stop: int, answer: int) -> None:
        """Have runs of a series go on to `stop`, as `Series.begin` says; `run` is of the one at which it has stopped last."""
        self.vacate()
        self._stand_at(series.rest)
        self._is_ahead = True
        series.begin(pieces, numbers, stop, answer)

    def _stand_at(self, guest: Piece) -> None:
        """The strategy lies where this piece does."""
        self._addresses[_STRATEGY] = guest.place + self._block.shift

    def reveal(self) -> None:
        """Give the strategy's objects the state that machine code reached."""
        self._packer.reveal(self.objects[_STRATEGY], self._block, self._addresses[_STRATEGY])

    def learn(self, items: list[object], *, anew: bool = False) -> None:
        """A list of the strategy's, packed just now, is packed the same way whenever the very same comes again.

        With `anew` it is packed once more where it lies, after a run; then nobody may go on with that run.
        """
        self._packer.learn(items, self._block, anew=anew)

    def forget(self, items: list[object] | None = None) -> None:
        """A list (without one, any) is packed anew the next time; whoever lets go of one that was learnt says so."""
        if items is None:
            self._block.forget_all()
        else:
            self._block.forget(items)

    def run(self, stop: int) -> tuple[int, int]:
        """(status, value): status 0 and what `run` returned, or why machine code left."""
        self._is_ahead = True
        status = self._function(self._answer, *self._addresses, stop)
        return status, self._result.value

    def unpack(self, parts: frozenset[str] | None = None) -> None:
        """Give the objects the state that machine code reached; of the engine only `parts`, if given."""
        self._packer.unpack(self.objects, self._block, self._addresses, parts)
        self._is_ahead = False

    def restore(self) -> None:
        """Enter again with the objects' state; raises Changed where an object has another kind or shape now."""
        if self._is_ahead:
            self._block.rewind()
        else:
            self._is_reusable = False
            self._block, self._addresses = self._packer.pack(self.objects, self._block, holds=self._holds)
        self._is_ahead = False

    def changes(self) -> bytes:
        """What machine code has changed since the entry: where the run stands, for `take`, in another process too."""
        return self._block.changes()

    def take(self, changes: bytes) -> None:
        """Stand where `changes` were made, by the same code with the same parameters; raises Changed where that is not so."""
        self._is_ahead = True
        self._block.take(changes)

    def state(self) -> bytes:
        """Where the run stands, for `standing`, in another process too; raises Changed where the strategy holds what is not its own."""
        from stratofold.kernel.standing import state_of

        return state_of(self._block, self._packer, self._addresses[_STRATEGY])

    def standing(self, states: Sequence[bytes], before: int = 0) -> "Standing":
        """Runs to go on with, of which `state` has said where they stand, all of one `shape_of`; raises Changed where they do not fit.

        `before` are the words that each begins with and that are the caller's own.  The strategy is none of Python's
        until the next one enters.
        """
        from stratofold.kernel.standing import Standing

        self.vacate()
        return Standing(self._block, self._packer, states, before)

    def each(self, standing: "Standing") -> Iterator[int]:
        """The numbers of these runs: the next `run` goes on with the one that was given last."""
        for number, address in enumerate(standing.entering()):
            self._addresses[_STRATEGY] = address
            self._is_ahead = True
            yield number

    def records(self, names: Iterable[str]) -> "Records":
        """Notes of dotted numeric attributes of the first root, as machine code leaves them in one run after another."""
        from stratofold.kernel.standing import Records

        rows = [(name, *self._row(name)) for name in names]
        return Records(self._block, self._addresses[0] - self._block.shift, rows)

    def reader(self, names: Iterable[str]) -> Callable[[], tuple[float, ...]]:
        """A function that gives dotted numeric attributes of the first root (`tally.downside`) as machine code left them."""
        rows = [self._row(name) for name in names]
        order = sorted(range(len(rows)), key=lambda k: rows[k][0])
        text, at = "=", 0
        for k in order:
            offset, code = rows[k]
            text += f"{offset - at}x{code}"
            at = offset + struct.calcsize(code)
        unpack = struct.Struct(text).unpack_from
        place = self._addresses[0] - self._block.shift
        chosen = itemgetter(*(order.index(k) for k in range(len(rows))))
        memory = self._block.memory
        return lambda: chosen(unpack(memory, place))

    def _row(self, name: str) -> tuple[int, str]:
        """Where a dotted attribute lies in the first root, and the code of its kind."""
        *parts, last = name.split(".")
        layout, offset = self._packer.roots[0], 0
        for part in parts:
            row = layout.fields[part]
            if row.layout is None:
                raise AssertionError(f"{part} is no object")
            layout, offset = row.layout, offset + row.offset
        row = layout.fields[last]
        return offset + row.offset, _CODES[row.kind]

    def number(self, name: str, root: int = 0) -> float:
        """A numeric attribute of a root object as machine code left it, without unpacking the rest."""
        row = self._packer.roots[root].fields[name]
        place = self._addresses[root] - self._block.shift + row.offset
        return struct.unpack_from("=" + _CODES[row.kind], self._block.memory, place)[0]  # type: ignore[no-any-return]
