"""The memory that objects are packed into, and what packing has added to it.

What comes in: bytes and arrays, as `packing` writes them.  What goes out: the same memory as it was before a run, or with
another guest in it.
Why so: an engine is packed once and has many guests; what packing a guest adds is known as a `Piece`, so that it can be
added again without any of its objects.
"""

import ctypes
import struct
from collections.abc import Callable, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from stratofold.kernel.refused import Changed

if TYPE_CHECKING:
    from array import array

    import numpy as np
    from numpy.typing import NDArray


_ALIGNMENT = 64
_CHANGES = struct.Struct("=QQQ")  # words of the block, those that a run changed, bytes of arrays


class Full(Exception):
    """The block has no room."""


class Piece(NamedTuple):
    """What packing something has added to a block: bytes, arrays with copies, and what stands where.

    `place` is the only one where the bytes hold; -1: they hold anywhere.
    """

    place: int
    content: bytes
    copies: list[tuple["array[Any]", "array[Any]"]]
    kept: list[Any]
    groups: list[str]
    lists: dict[int, int]
    objects: dict[int, int]

    def restore(self) -> None:
        """Arrays as they were packed."""
        for values, copy in self.copies:
            values[:] = copy


Mark = tuple[int, int, int, int, int]  # how far a block is filled


class _Buffer(ctypes.Structure):
    """CPython's `Py_buffer`, for the address of memory that is read only."""

    _fields_ = (
        ("buf", ctypes.c_void_p), ("obj", ctypes.py_object), ("len", ctypes.c_ssize_t),
        ("itemsize", ctypes.c_ssize_t), ("readonly", ctypes.c_int), ("ndim", ctypes.c_int),
        ("format", ctypes.c_char_p), ("shape", ctypes.c_void_p), ("strides", ctypes.c_void_p),
        ("suboffsets", ctypes.c_void_p), ("internal", ctypes.c_void_p),
    )  # fmt: skip


def address_of(values: Any) -> int:
    """Where the numbers of a buffer lie; the caller keeps it alive."""
    found = _Buffer()
    ctypes.pythonapi.PyObject_GetBuffer(ctypes.py_object(values), ctypes.byref(found), 0)
    address = found.buf or 0
    ctypes.pythonapi.PyBuffer_Release(ctypes.byref(found))
    return address


class Block:
    """One aligned piece of memory: the root objects first, then what they lead to, in the order met."""

    def __init__(self, capacity: int) -> None:
        """Zeroed memory of `capacity` bytes."""
        self.memory = bytearray(capacity + _ALIGNMENT)
        self.holds = False
        self.shift = ctypes.addressof(ctypes.c_char.from_buffer(self.memory))  # from a place to an address
        self.start = -self.shift % _ALIGNMENT
        self.end = capacity
        self._view: NDArray[np.uint64] | None = None
        self.clear()

    def clear(self, *, holds: bool = False) -> None:
        """Forget what lies here; if it `holds`, what the hosts' arrays contain is to lie here too."""
        self.holds = holds
        self._held: dict[int, int] = {}  # where an array's numbers lie, by id
        self.next = self.start
        self.before = b""  # what was packed
        self.is_stale = False  # whether the objects hold something newer
        self.images: dict[int, Piece] = {}  # lists that are packed as they were before, by id; who asks keeps them
        # Lists of which that is to be remembered, by id; an interrupt does not make it forgotten.
        self.asked: dict[int, list[object]] = {}
        self.copies: list[tuple[array[Any], array[Any]]] = []
        self.kept: list[Any] = []
        self.groups: list[str] = []
        self.lists: dict[int, int] = {}
        self.objects: dict[int, int] = {}
        self._hosts = (self.start, 0, 0, self.lists, self.objects)
        self._arrays: set[int] = set()  # of the hosts
        self._seated = b""  # the hosts as they were packed

    def room(self, size: int) -> int:
        """A place for `size` bytes."""
        place = self.next
        self.next = place + (size + 7 & -8)
        if self.next > self.end:
            raise Full
        return place

    def hold(self, arrays: Sequence["array[Any]"]) -> list[int]:
        """The addresses of copies of some arrays that lie here, so that all of the hosts' state is put back at once."""
        for values in arrays:
            if id(values) not in self._held:
                content = values.tobytes()
                place = self.room(len(content))
                self.memory[place : place + len(content)] = content
                self._held[id(values)] = place + self.shift
        return [self._held[id(values)] for values in arrays]

    def seat(self) -> None:
        """Everything but the guest lies here now."""
        self.holds = False
        self._hosts = (self.next, len(self.copies), len(self.kept), dict(self.lists), dict(self.objects))
        self.check_sharing()
        self._note_hosts()

    def _note_hosts(self) -> None:
        """The hosts as they lie here are what comes back when a guest is dismissed."""
        self._arrays = set(map(id, self.kept))
        self._seated = bytes(memoryview(self.memory)[self.start : self.next])

    def reseat(self, write: Callable[[], None]) -> None:
        """Have `write` pack the last of the hosts anew where it lies, after `dismiss`; raises what that raises, and is as before."""
        count = len(self.kept)
        try:
            write()
        except BaseException:
            del self.kept[count:], self.groups[count:]
            memoryview(self.memory)[self.start : self.next] = self._seated
            raise
        first = 2 * count - len(self.kept)  # it has as many arrays as before: the layout is the same
        del self.kept[first:count], self.groups[first:count]
        self._note_hosts()

    def dismiss(self) -> None:
        """Forget the guest; everything else is as it was packed."""
        self.next, copies, kept, lists, objects = self._hosts
        del self.copies[copies:], self.kept[kept:], self.groups[kept:]
        if len(self.lists) > len(lists):
            self.lists = dict(lists)
        if len(self.objects) > len(objects):
            self.objects = dict(objects)
        memoryview(self.memory)[self.start : self.next] = self._seated
        for values, copy in self.copies:
            values[:] = copy

    def learn(self, items: list[object], size: int) -> None:
        """Remember how a list lies here, for the next guest that holds the very same."""
        place = self.lists[id(items)] - self.shift
        content = bytes(memoryview(self.memory)[place : place + size * len(items)])
        self.images[id(items)] = Piece(-1, content, [], [], [], {}, {})

    def forget(self, items: list[object]) -> None:
        """The list is packed anew whenever it comes."""
        self.images.pop(id(items), None)
        self.asked.pop(id(items), None)

    def forget_all(self) -> None:
        """As `forget`, of every list."""
        self.images.clear()
        self.asked.clear()

    @property
    def hosts_end(self) -> int:
        """Where the hosts end and the guest begins."""
        return self._hosts[0]

    @property
    def seated(self) -> bytes:
        """The hosts as they were packed."""
        return self._seated

    def arrays_of_guest(self) -> "list[tuple[Any, str]]":
        """The arrays that the guest holds, each with its group; raises Changed for one of the hosts'."""
        first = self._hosts[2]
        found = list(zip(self.kept[first:], self.groups[first:], strict=True))
        if not self._arrays.isdisjoint([id(values) for values, _ in found]):
            raise Changed("the strategy holds an array of the engine's")
        return found

    def guest(self) -> Piece:
        """What was packed after the hosts."""
        place, copies, kept, lists, objects = self._hosts
        return self.piece((place, copies, kept, len(lists), len(objects)))

    def mark(self) -> Mark:
        """How far the block is filled, for `piece`."""
        return self.next, len(self.copies), len(self.kept), len(self.lists), len(self.objects)

    def piece(self, mark: Mark) -> Piece:
        """What was added since `mark`."""
        place, copies, kept, lists, objects = mark
        content = bytes(memoryview(self.memory)[place : self.next])
        return Piece(
            place, content, self.copies[copies:], self.kept[kept:], self.groups[kept:],
            dict(islice(self.lists.items(), lists, None)), dict(islice(self.objects.items(), objects, None)),
        )  # fmt: skip

    def add(self, piece: Piece) -> None:
        """Add the same once more, its arrays as they were."""
        place = self.room(len(piece.content))
        self.memory[place : self.next] = piece.content
        piece.restore()
        self.copies += piece.copies
        self.kept += piece.kept
        self.groups += piece.groups
        if piece.lists:
            self.lists |= piece.lists
        if piece.objects:
            self.objects |= piece.objects

    def put(self, pieces: Sequence[Piece]) -> None:
        """Pieces of guests where each lies, a later one over an earlier one; nobody may `seal` or go back to that."""
        memory = self.memory
        for piece in pieces:
            place = piece.place
            memory[place : place + len(piece.content)] = piece.content
            for values, copy in piece.copies:
                values[:] = copy

    def without(self, guest: Piece, parts: Sequence[Piece]) -> Piece | None:
        """A guest that has just entered, but for the arrays of parts of it; None where parts have objects that others name."""
        if len(self.objects) > len(self._hosts[4]):
            return None
        others = {id(values) for part in parts for values, _ in part.copies}
        return guest._replace(copies=[pair for pair in guest.copies if id(pair[0]) not in others])

    def seal(self) -> None:
        """Remember what was packed."""
        self.check_sharing()
        self.note()

    def note(self) -> None:
        """As `seal`, of what was packed and looked at before."""
        self.before = bytes(memoryview(self.memory)[: self.next])

    def rewind(self) -> None:
        """The numbers and arrays as they were packed."""
        self.memory[: self.next] = self.before[: self.next]
        for values, copy in self.copies:
            values[:] = copy

    def changes(self) -> bytes:
        """What a run has changed since `seal`, arrays too: numbers alone, so another process may `take` it."""
        import numpy as np

        now = self._words()
        changed = now != np.frombuffer(self.before, np.uint64, len(now), self.start)
        words = now[changed]
        arrays = b"".join([values.tobytes() for values, _ in self.copies])
        head = _CHANGES.pack(len(now), len(words), len(arrays))
        return b"".join((head, np.packbits(changed).tobytes(), words.tobytes(), arrays))

    def take(self, changes: bytes) -> None:
        """Come to where `changes` were made, after `seal`; raises Changed where another layout made them."""
        import numpy as np

        now = self._words()
        words, count, size = _CHANGES.unpack_from(changes)
        if words != len(now) or size != sum([8 * len(values) for values, _ in self.copies]):
            raise Changed("the changes are of another layout")
        marks = np.frombuffer(changes, np.uint8, -(-words // 8), _CHANGES.size)
        at = _CHANGES.size + len(marks)
        now[np.unpackbits(marks, count=words).view(np.bool_)] = np.frombuffer(changes, np.uint64, count, at)
        at += 8 * count
        for values, _ in self.copies:
            view = memoryview(values).cast("B")
            view[:] = changes[at : at + len(view)]
            at += len(view)

    def _words(self) -> "NDArray[np.uint64]":
        """What is packed, as words; a view."""
        import numpy as np

        if self._view is None:
            self._view = np.frombuffer(self.memory, np.uint64, self.end // 8, self.start)
        return self._view[: (self.next - self.start) // 8]

    def check_sharing(self) -> None:
        """Refuse arrays that are one and the same where the layout takes them for two."""
        new = [id(values) for values in self.kept[self._hosts[2] :]]
        if len(set(new)) == len(new) and self._arrays.isdisjoint(new):
            return
        group_of: dict[int, str] = {}
        for values, group in zip(self.kept, self.groups, strict=True):
            if group_of.setdefault(id(values), group) != group:
                raise Changed(f"{group} and {group_of[id(values)]} share an array")
