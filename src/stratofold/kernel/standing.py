"""Where runs of one program stand, as bytes that any process may go on from, many of them at once.

What comes in: a block with a guest in it, after a run; or bytes that were made of such.
What goes out: the bytes; or `Standing`: runs to go on with one after the other, each in memory of its own.
Why so: to make a strategy and pack it takes longer than to hear a day of bars.  So a guest is kept whole, its arrays too,
with addresses counted from where it begins: to go on it needs neither `setup` nor objects, and it runs where its bytes
were read to.  Of the hosts, which every process packs itself, only what a run has changed is kept.  Whatever is to be
done to the numbers of all runs is done to all of them in one call.

A state is words of 64 bits, in the order of the machine:

    which layout | words of the hosts and of the guest, 32 bits each | how many addresses the guest holds | where they lie,
    in words of the guest | words of the hosts that were changed, and of arrays, 32 bits each | a bit for each word of the
    hosts, set where it was changed | those words | the guest's words | the arrays' words
"""

import struct
from array import array
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from stratofold.kernel.blocks import Block, address_of
from stratofold.kernel.layout import Layout
from stratofold.kernel.packing import Packer
from stratofold.kernel.refused import Changed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Words = NDArray[np.uint64]
    Places = NDArray[np.int64]

_Plan = tuple[list[int], list[tuple[int, Layout]]]

_SPAN = struct.Struct("=QQ")  # address, length
_HEAD = 3  # words before those that say where addresses lie
_READ_MAX = 1 << 13  # words of arrays that no code writes: a model would be in every state
_KINDS = {"q": np.int64, "d": np.float64, "?": np.bool_}
_LOW, _HALF = np.uint64(0xFFFFFFFF), np.uint64(32)
_plans: WeakKeyDictionary[Layout, _Plan] = WeakKeyDictionary()


def state_of(block: Block, packer: Packer, guest: int) -> bytes:
    """Where the run of a block stands, its guest at an address; raises Changed where that holds what is not its own."""
    end = block.hosts_end
    places = addresses_in(packer.guest_layout, guest - block.shift, block)
    seated, hosts = _words(block.seated), _words(block.memory, block.start, end)
    words = _words(block.memory, end, block.next).copy()
    at = (places - end) // 8
    found, arrays = _relative(block, packer, words[at].tolist())
    words[at] = found
    changed = hosts != seated
    counts = _pair(int(np.count_nonzero(changed)), sum(map(len, arrays)) // 8)
    first = [packer.tag, _pair(len(hosts), len(words)), len(at), *at.tolist(), counts]
    parts = (np.array(first, np.uint64), _packed(changed), hosts[changed], words)
    return b"".join([*(part.tobytes() for part in parts), *arrays])


def _relative(block: Block, packer: Packer, addresses: list[int]) -> tuple[list[int], list[bytes]]:
    """Addresses as bytes from where the guest begins, and what its arrays hold, which are to follow it."""
    first = block.hosts_end + block.shift
    at = block.next - block.hosts_end
    places: dict[int, int] = {}
    arrays, unwritten = [], 0
    for values, group in block.arrays_of_guest():
        if type(values) is not array:
            raise Changed("the strategy reads an array of somebody else's")
        address, length = values.buffer_info()
        if address not in places:
            places[address] = at
            arrays.append(values.tobytes())
            at += 8 * length
            unwritten += 0 if packer.is_written(group) else length
    found = [places[each] if each in places else each - first for each in addresses]
    if unwritten > _READ_MAX or any(not 0 <= each <= at for each in found):
        raise Changed("the strategy holds what is not its own")
    return found, arrays


def addresses_in(layout: Layout, place: int, block: Block) -> "Places":
    """Where in a block an object, and all that it leads to, hold addresses."""
    found: list[Places] = []
    seen: set[int] = set()
    waiting = [(layout, np.array([place]))]
    while waiting:
        kind, places = waiting.pop()
        offsets, lists = _plan_of(kind)
        found.append((places[:, None] + np.array(offsets, np.int64)).ravel())
        for offset, element in lists:
            for address, count in (_SPAN.unpack_from(block.memory, each + offset) for each in places.tolist()):
                if address not in seen:
                    seen.add(address)
                    waiting.append((element, address - block.shift + element.size * np.arange(count)))
    return np.unique(np.concatenate(found))


def _plan_of(layout: Layout) -> _Plan:
    """Where an object of a layout holds addresses, and which of them are lists', of what."""
    if layout not in _plans:
        offsets: list[int] = []
        lists: list[tuple[int, Layout]] = []
        for row in layout.fields.values():
            if row.kind == "frozen array":
                raise Changed("the strategy reads an array of somebody else's")
            if row.kind == "object" and row.layout is not None:
                inner = _plan_of(row.layout)
                offsets += [row.offset + each for each in inner[0]]
                lists += [(row.offset + each, element) for each, element in inner[1]]
            elif row.kind in ("array", "list", "reference"):
                offsets.append(row.offset)
            if row.kind == "list" and row.layout is not None:
                lists.append((row.offset, row.layout))
        _plans[layout] = offsets, lists
    return _plans[layout]


class Standing:
    """Runs that are gone on with, one after the other: each enters the block, and may `leave` it to be kept again.

    `before` are the words that stand before each state, a row each: its owner's own.
    """

    def __init__(self, block: Block, packer: Packer, states: Sequence[bytes], before: int = 0) -> None:
        """Of states of one `shape`; raises Changed where they are of another layout than the block's hosts."""
        self._block = block
        self._bytes = bytearray().join(states)
        words = self._flat = np.frombuffer(self._bytes, np.uint64)
        self._seated = _words(block.seated)
        lengths = np.array(list(map(len, states))) // 8
        begins = np.cumsum(lengths) - lengths
        count = self._check(packer.tag, before)
        masks = begins + before + _HEAD + count + 1
        counts = words[masks - 1]
        changed, arrays = (counts & _LOW).astype(np.int64), (counts >> _HALF).astype(np.int64)
        firsts = masks + _bits(len(self._seated))
        self._tails = firsts + changed
        ends = self._tails + int(words[before + 1] >> _HALF) + arrays
        if (ends != begins + lengths).any():
            raise Changed("the state is not whole")
        self.before = words[begins[:, None] + np.arange(before)]
        self._at = words[before + _HEAD : before + _HEAD + count].astype(np.int64)
        self._head = words[before : before + _HEAD + count].tobytes()
        self._counts = counts & ~_LOW
        self._hosts = self._hosts_of(masks, firsts, changed)
        self._settle(ends - self._tails)
        self._prepare(ends)

    def _check(self, tag: int, before: int) -> int:
        """How many addresses a guest holds; raises Changed for another layout."""
        which, widths, count = self._flat[before : before + _HEAD].tolist()
        if which != tag or widths & int(_LOW) != len(self._seated):
            raise Changed("the state is of another layout")
        return int(count)

    def _hosts_of(self, masks: "Places", firsts: "Places", changed: "Places") -> "Words":
        """The hosts of every run, a row each."""
        width = len(self._seated)
        packed = self._flat[masks[:, None] + np.arange(_bits(width))]
        is_changed = np.unpackbits(packed.view(np.uint8), axis=1, count=width).view(np.bool_)
        columns = np.flatnonzero(is_changed.any(axis=0))  # a tenth of all
        found = np.tile(self._seated[columns], (len(masks), 1))
        before = np.cumsum(changed) - changed
        found[is_changed[:, columns]] = self._flat[np.repeat(firsts - before, changed) + np.arange(int(changed.sum()))]
        hosts = np.tile(self._seated, (len(masks), 1))
        hosts[:, columns] = found
        return hosts

    def _settle(self, sizes: "Places") -> None:
        """Every address as the machine has it: the guests run where they lie."""
        places = self._tails[:, None] + self._at
        found = self._flat[places]
        if (found > 8 * sizes[:, None].astype(np.uint64)).any():
            raise Changed("the state leads out of itself")
        self._moves = (address_of(self._bytes) + 8 * self._tails).astype(np.uint64)
        self._flat[places] = found + self._moves[:, None]

    def _prepare(self, ends: "Places") -> None:
        """What entering and leaving take, as Python's own: they are done for every run."""
        block = self._block
        self._goal = memoryview(block.memory)[block.start : block.hosts_end]
        self._kept = bytearray(len(self._bytes))
        rows = self._hosts.data.cast("B")
        size = len(self._goal)
        self._rows = [rows[at : at + size] for at in range(0, len(rows), size)]
        view, kept = memoryview(self._bytes), memoryview(self._kept)
        spans = list(zip((8 * self._tails).tolist(), (8 * ends).tolist(), strict=True))
        self._own = [view[first:last] for first, last in spans]
        self._goals = [kept[first:last] for first, last in spans]

    def entering(self) -> Iterator[int]:
        """The address of each guest, one after the other, once the hosts stand where its run does."""
        goal = self._goal
        for row, address in zip(self._rows, self._moves.tolist(), strict=True):
            goal[:] = row
            yield address

    def leave(self, number: int) -> None:
        """Keep where the run stands now that has entered last, which is the one of this number."""
        self._rows[number][:] = self._goal
        self._goals[number][:] = self._own[number]

    def states(self) -> list[bytes]:
        """Where every run stood when it left, after the words `before`; of one that did not leave, nothing of use."""
        is_changed = self._hosts != self._seated
        columns = np.flatnonzero(is_changed.any(axis=0))
        words = self._hosts[:, columns][is_changed[:, columns]].tobytes()
        each = np.count_nonzero(is_changed, axis=1)
        kept = np.frombuffer(self._kept, np.uint64)
        kept[self._tails[:, None] + self._at] -= self._moves[:, None]
        marks = np.hstack([(self._counts | each.astype(np.uint64))[:, None], _packed(is_changed).view(np.uint64)])
        before, firsts, head = _rows_of(self.before), _rows_of(marks), self._head
        ends = (8 * np.cumsum(each)).tolist()
        spans = zip([0, *ends[:-1]], ends, strict=True)
        rows = zip(before, firsts, spans, self._goals, strict=True)
        return [b"".join((own, head, first, words[a:b], tail)) for own, first, (a, b), tail in rows]


class Records:
    """Numbers of an object as one run after another leaves them: noted as bytes, given as columns."""

    def __init__(self, block: Block, place: int, rows: Sequence[tuple[str, int, str]]) -> None:
        """`rows` are names, offsets and codes of numbers of an object at a place."""
        first = min(offset for _, offset, _ in rows)
        size = max(offset for _, offset, _ in rows) + 8 - first
        self._view = memoryview(block.memory)[place + first : place + first + size]
        names, offsets, codes = zip(*rows, strict=True)
        kinds = [_KINDS[code] for code in codes]
        places = [offset - first for offset in offsets]
        self._type = np.dtype({"names": names, "formats": kinds, "offsets": places, "itemsize": size})
        self._taken: list[bytes] = []

    def clear(self) -> None:
        """Nothing is noted."""
        self._taken.clear()

    def note(self) -> None:
        """What the object holds now."""
        self._taken.append(bytes(self._view))

    def columns(self) -> "dict[str, NDArray[Any]]":
        """What was noted, a column for each name."""
        found = np.frombuffer(b"".join(self._taken), self._type)
        return {name: np.ascontiguousarray(found[name]) for name in found.dtype.names or ()}


def shape_of(state: bytes, at: int = 0) -> bytes:
    """What states that are gone on from together begin with, from a byte on."""
    return state[at : at + 8 * (_HEAD + int.from_bytes(state[at + 16 : at + 24], "little"))]


def _words(memory: Any, first: int = 0, last: int | None = None) -> "Words":
    """Bytes as words; a view."""
    size = (len(memory) if last is None else last) - first
    return np.frombuffer(memory, np.uint64, size // 8, first)


def words_at(block: Block, places: "Places") -> "Places":
    """The words at some places of a block, as signed numbers."""
    found: Places = np.frombuffer(block.memory, np.int64, (block.end - block.start) // 8, block.start)[
        (places - block.start) // 8
    ]
    return found


def moved(content: bytes, at: "Places", step: int) -> bytes:
    """Content of which some words are addresses in itself, so many bytes further on."""
    found = np.frombuffer(content, np.int64).copy()
    found[at] += step
    return found.tobytes()


def _bits(width: int) -> int:
    """How many words hold a bit for each of so many."""
    return -(-width // 64)


def _packed(marks: "NDArray[np.bool_]") -> "NDArray[np.uint8]":
    """A bit for each mark of a row, in whole words."""
    packed = np.packbits(marks, axis=-1)
    room = 8 * _bits(marks.shape[-1]) - packed.shape[-1]
    return np.pad(packed, [(0, 0)] * (packed.ndim - 1) + [(0, room)])


def _rows_of(words: "Words") -> "list[bytes | memoryview]":
    """The bytes of each row."""
    size = words.shape[1] * 8
    content = memoryview(words.tobytes())
    return [content[size * number : size * (number + 1)] for number in range(len(words))]


def _pair(low: int, high: int) -> int:
    """Two numbers of 32 bits in one word."""
    return low | high << 32
