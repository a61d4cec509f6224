"""Objects into one block of memory, and back into the same objects.

What comes in: the layouts of a survey, and which fields and arrays machine code writes.  What goes out: a `Packer`
that fills a `Block` (numbers inline, addresses absolute) and afterwards gives the objects what changed.
Why so: the objects' numbers keep the state of the entry until a run has succeeded.  Arrays are read and written where
they are; of those that machine code writes, the block keeps a copy for the way back.  For each layout one function is
written as text, as `dataclasses` does, because a run of a few bars takes less time than a loop over fields would.
"""

import ctypes
import struct
from array import array
from collections.abc import Callable
from typing import Any

from stratofold.kernel.layout import Field, Layout
from stratofold.kernel.refused import Changed

_ALIGNMENT = 64
_CAPACITY_FIRST = 1 << 14
_CODES = {"int": "q", "float": "d", "bool": "?"}
_FORMATS = {"d": "d", "q": "q", "l": "q", "<d": "d", "<q": "q", "<l": "q"}


class _Full(Exception):
    """The block has no room."""


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
        self.shift = ctypes.addressof(ctypes.c_char.from_buffer(self.memory))  # from a place to an address
        self.start = -self.shift % _ALIGNMENT
        self.end = capacity
        self.clear()

    def clear(self) -> None:
        """Forget what lies here."""
        self.next = self.start
        self.before = b""
        self.copies: list[tuple[array[Any], array[Any]]] = []
        self.kept: list[Any] = []
        self.groups: list[str] = []
        self.lists: dict[int, int] = {}
        self.objects: dict[int, int] = {}

    def room(self, size: int) -> int:
        """A place for `size` bytes."""
        place = self.next
        self.next = place + (size + 7 & -8)
        if self.next > self.end:
            raise _Full
        return place

    def seal(self) -> None:
        """Remember what was packed."""
        self.check_sharing()
        self.before = bytes(memoryview(self.memory)[: self.next])

    def rewind(self) -> None:
        """The numbers and arrays as they were packed."""
        self.memory[: self.next] = self.before
        for values, copy in self.copies:
            values[:] = copy

    def check_sharing(self) -> None:
        """Refuse arrays that are one and the same where the layout takes them for two."""
        if len(set(map(id, self.kept))) == len(self.kept):
            return
        group_of: dict[int, str] = {}
        for values, group in zip(self.kept, self.groups, strict=True):
            if group_of.setdefault(id(values), group) != group:
                raise Changed(f"{group} and {group_of[id(values)]} share an array")


def foreign(values: Any, code: str) -> tuple[int, int]:
    """(address, length) of numbers that machine code only reads; raises Changed where they are of another kind."""
    if type(values) is array and values.typecode == code:
        return values.buffer_info()
    if hasattr(values, "__array_interface__") or isinstance(values, memoryview):
        view = memoryview(values)
        if _FORMATS.get(view.format) == code and view.ndim == 1 and view.contiguous:
            return address_of(values), len(view)
    raise Changed(f"an array of {code!r} is {type(values).__name__} now")


class Packer:
    """Fills and empties blocks for some root layouts; `stored` and `loaded` say what machine code writes and reads.

    An array that it only writes, a log, is not copied for the way back: what a run that failed has written there, the
    next run writes again, and nobody looks before.
    """

    def __init__(self, roots: list[Layout], stored: set[str], loaded: set[str]) -> None:
        """Write the functions for every layout."""
        self.roots = roots
        self._stored = stored
        self._loaded = loaded
        self._writers: dict[int, Callable[..., None]] = {}
        self._readers: dict[int, Callable[..., None] | None] = {}
        self._capacity = _CAPACITY_FIRST
        for root in roots:
            self._prepare(root)

    def pack(self, objects: list[object], block: Block | None = None) -> tuple[Block, list[int]]:
        """A block with the objects in it, and the addresses of the roots; raises Changed where they do not fit."""
        while True:
            if block is None:
                block = Block(self._capacity)
            block.clear()
            try:
                return block, self._fill(objects, block)
            except _Full:
                self._capacity = 2 * (block.end + 1)
                block = None
            except (struct.error, AttributeError, KeyError, TypeError) as wrong:
                raise Changed(str(wrong)) from wrong

    def _fill(self, objects: list[object], block: Block) -> list[int]:
        """Write the roots and what they lead to."""
        places = [block.room(root.size) for root in self.roots]
        for root, thing, place in zip(self.roots, objects, places, strict=True):
            self._writers[id(root)](block, place, (thing,))
        block.seal()
        return [place + block.shift for place in places]

    def unpack(self, objects: list[object], block: Block, addresses: list[int]) -> None:
        """Give the objects what machine code changed."""
        for root, thing, address in zip(self.roots, objects, addresses, strict=True):
            reader = self._readers[id(root)]
            if reader is not None:
                reader(block, address - block.shift, (thing,))

    # Writing the functions

    def _prepare(self, layout: Layout) -> None:
        """The writer and the reader of one layout whose objects stand alone (roots and list elements)."""
        if id(layout) in self._writers:
            return
        self._writers[id(layout)] = lambda *_: None  # a list of its own kind inside finds the finished one by name
        plan = _Plan(self._stored, self._loaded)
        plan.visit(layout, "o", 0)
        for inner in plan.lists.values():
            self._prepare(inner)
        text = plan.writer_text(layout.size)
        scope: dict[str, Any] = {"Changed": Changed, "writers": self._writers, "readers": self._readers}
        scope |= plan.scope
        scope["S"] = struct.Struct("=" + plan.format(layout.size))
        exec(text, scope)  # noqa: S102 - the text is ours: names of attributes are identifiers
        self._writers[id(layout)] = scope["write"]
        reader = plan.reader_text(layout.size, self._has_reader)
        if reader:
            exec(reader, scope)  # noqa: S102
        self._readers[id(layout)] = scope.get("read")

    def _has_reader(self, layout: Layout) -> bool:
        """Whether objects of a layout can come back changed."""
        return self._readers.get(id(layout)) is not None


class _Plan:
    """What packing one layout means, field by field, nested objects included."""

    def __init__(self, stored: set[str], loaded: set[str]) -> None:
        """Nothing yet."""
        self.stored = stored
        self.loaded = loaded
        self.checks: list[str] = []
        self.items: list[tuple[int, str, str]] = []  # offset, struct code, expression
        self.back: list[tuple[str, int]] = []  # attribute, its index among the struct's values
        self.arrays: list[tuple[str, Field, bool]] = []
        self.lists: dict[str, Layout] = {}
        self.list_rows: list[tuple[str, str, int]] = []
        self.scope: dict[str, Any] = {}
        self._values = 0

    def visit(self, layout: Layout, name: str, base: int) -> None:
        """Add an object that the expression `name` gives, at `base`."""
        local = f"n{len(self.checks)}"
        cls = f"C{len(self.checks)}"
        self.scope[cls] = layout.cls
        self.checks.append(f"    {local} = {name}\n    if type({local}) is not {cls}: raise Changed({name!r})")
        if layout.is_met_again:
            self.checks.append(f"    block.objects[id({local})] = at + {base} + block.shift")
        for row in layout.fields.values():
            self._field(layout, row, local, base + row.offset)

    def _field(self, layout: Layout, row: Field, local: str, at: int) -> None:
        """Add one attribute."""
        name = f"{local}.{row.name}"
        if row.kind in _CODES:
            if f"{layout.number}.{row.name}" in self.stored:
                self.back.append((name, self._values))
            self._add(at, _CODES[row.kind], name, 1)
        elif row.kind == "object" and row.layout is not None:
            self.visit(row.layout, name, at)
        elif row.kind == "reference":
            self._add(at, "Q", f"block.objects[id({name})]", 1)
        elif row.kind == "frozen array":
            self.scope["foreign"] = foreign
            self._add(at, "QQ", f"*foreign({name}, {row.code!r})", 2)
            self.checks.append(f"    block.kept.append({name})\n    block.groups.append({row.group!r})")
        elif row.kind == "array":
            names = {row.group, f"any {row.code}"}
            is_kept = bool(names & self.stored and names & self.loaded)
            self._add(at, "QQ", f"p{len(self.arrays)}, l{len(self.arrays)}", 2)
            self.arrays.append((name, row, is_kept))
        elif row.kind == "list" and row.layout is not None:
            self._list(row.layout, name, at)
        elif row.kind == "empty":
            self.checks.append(f"    if {name}: raise Changed({name!r})")
            self._add(at, "QQ", "0, 0", 2)

    def _list(self, element: Layout, name: str, at: int) -> None:
        """Add a list of objects."""
        key = f"E{len(self.lists)}"
        self.lists[key] = element
        self.scope[key] = id(element)
        self.scope.update(pack_list=pack_list, unpack_list=unpack_list)
        self.list_rows.append((key, name, self._values))
        self._add(at, "QQ", f"*pack_list(block, {name}, writers[{key}], {element.size})", 2)

    def _add(self, at: int, code: str, expression: str, count: int) -> None:
        """Add values of the struct."""
        self.items.append((at, code, expression))
        self._values += count

    def format(self, size: int) -> str:
        """The struct's format, gaps written out."""
        parts, here = [], 0
        for at, code, _ in self.items:
            parts.append(f"{at - here}x{code}" if at > here else code)
            here = at + struct.calcsize("=" + code)
        return "".join([*parts, f"{size - here}x" if size > here else ""])

    def writer_text(self, size: int) -> str:
        """The function that packs."""
        given = "".join(f", {expression}" for _, _, expression in self.items)
        rows = [*self.checks, *self._array_text(), f"    pack(memory, at{given})", f"    at += {size}"]
        return _loop("write", "    memory, pack = block.memory, S.pack_into", rows)

    def _array_text(self) -> list[str]:
        """Lines that look at all arrays at once, which costs a fraction of one call each."""
        if not self.arrays:
            return []
        self.scope["T"] = [row.code for _, row, _ in self.arrays]
        self.scope["G"] = [row.group for _, row, _ in self.arrays]
        places = "".join(f"(p{k}, l{k}), " for k in range(len(self.arrays)))
        written = "".join(f"{name}, " for name, _, is_kept in self.arrays if is_kept)
        return [
            f"    a = ({''.join(f'{name}, ' for name, _, _ in self.arrays)})",
            "    if [x.typecode for x in a] != T: raise Changed('an array of another kind')",
            f"    {places}= [x.buffer_info() for x in a]",
            "    block.kept += a",
            "    block.groups += G",
            *([f"    block.copies += [(x, x[:]) for x in ({written})]"] if written else []),
        ]

    def reader_text(self, size: int, has_reader: Callable[[Layout], bool]) -> str:
        """The function that unpacks, empty where nothing comes back."""
        lists = [row for row in self.list_rows if has_reader(self.lists[row[0]])]
        if not self.back and not lists:
            return ""
        rows = [check.split("\n")[0] for check in self.checks if check.startswith("    n")]
        rows.append("    v = unpack(memory, at)")
        rows += [f"    {name} = v[{index}]" for name, index in self.back]
        rows += [
            f"    unpack_list(block, {name}, readers[{key}], v[{index}], {self.lists[key].size})"
            for key, name, index in lists
        ]
        unless = [] if lists else [f"    if memory[at : at + {size}] != before[at : at + {size}]:"]
        rows = [*unless, *("    " * len(unless) + line for line in rows), f"    at += {size}"]
        return _loop("read", "    memory, before, unpack = block.memory, block.before, S.unpack_from", rows)


def _loop(name: str, first: str, rows: list[str]) -> str:
    """A function of a block, a place and objects that lie side by side from there on."""
    inside = ("    " + line for row in rows for line in row.split("\n"))
    return "\n".join([f"def {name}(block, at, items):", first, "    for o in items:", *inside])


def pack_list(block: Block, items: list[object], write: Callable[..., None], size: int) -> tuple[int, int]:
    """(address, length) of a list's objects, packed side by side."""
    if not items:
        raise Changed("a list is empty now")
    met = block.lists.get(id(items))
    if met is None:
        place = block.room(size * len(items))
        block.lists[id(items)] = met = place + block.shift
        write(block, place, items)
    return met, len(items)


def unpack_list(block: Block, items: list[object], read: Callable[..., None], address: int, size: int) -> None:
    """Give a list's objects what machine code changed."""
    place = address - block.shift
    end = place + size * len(items)
    if block.memory[place:end] != block.before[place:end]:
        read(block, place, items)
