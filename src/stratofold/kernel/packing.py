"""Objects into one block of memory, and back into the same objects.

What comes in: the layouts of a survey, and which fields and arrays machine code writes.  What goes out: a `Packer`
that fills a `Block` (numbers inline, addresses absolute) and afterwards gives the objects what changed.
Why so: the objects' numbers keep the state of the entry until a run has succeeded.  Arrays are read and written where
they are; of those that machine code writes, the block keeps a copy for the way back.  For each layout one function is
written as text, as `dataclasses` does, because a run of a few bars takes less time than a loop over fields would.
"""

import hashlib
import struct
from array import array
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any, NamedTuple

from stratofold.fold.marks import is_other
from stratofold.kernel.blocks import Block, Full, address_of
from stratofold.kernel.layout import Field, Layout
from stratofold.kernel.refused import Changed

_CAPACITY_FIRST = 1 << 14
_CODES = {"int": "q", "float": "d", "bool": "?"}
_ADDRESS = struct.Struct("=Q")
_FORMATS = {"d": "d", "q": "q", "l": "q", "<d": "d", "<q": "q", "<l": "q"}

_Piece = tuple[str, int, Callable[..., None]]  # name, offset, reader
_MISFITS = (struct.error, AttributeError, KeyError, TypeError)  # what packing an object of another layout raises


def foreign(values: Any, code: str) -> tuple[int, int]:
    """(address, length) of numbers that machine code only reads; raises Changed where they are of another kind."""
    if type(values) is array and values.typecode == code:
        return values.buffer_info()
    if type(values).__module__ == "numpy":  # asked itself: to look through a view takes three times as long
        kind, flags = values.dtype, values.flags
        if _FORMATS.get(kind.char) == code and kind.isnative and values.ndim == 1 and flags.c_contiguous:
            return values.__array_interface__["data"][0], len(values)
    if hasattr(values, "__array_interface__") or isinstance(values, memoryview):
        view = memoryview(values)
        if _FORMATS.get(view.format) == code and view.ndim == 1 and view.contiguous:
            return address_of(values), len(view)
    raise Changed(f"an array of {code!r} is {type(values).__name__} now")


def side_by_side(fields: Sequence[tuple[int, str]]) -> list[tuple[int, Callable[..., None], int, int]]:
    """Numbers that lie at (offset, code), in runs without a gap: where each begins, what packs it, and which of them it is."""
    runs: list[tuple[int, str, int]] = []
    for number, (offset, code) in enumerate(fields):
        begin, codes, first = runs[-1] if runs else (offset, "", number)
        if runs and begin + struct.calcsize("=" + codes) == offset:
            runs[-1] = (begin, codes + code, first)
        else:
            runs.append((offset, code, number))
    return [(begin, struct.Struct("=" + codes).pack_into, first, first + len(codes)) for begin, codes, first in runs]


class Packer:
    """Fills and empties blocks for some root layouts; `stored` and `loaded` say what machine code writes and reads.

    An array that it only writes, a log, is not copied for the way back: what a run that failed has written there, the
    next run writes again, and nobody looks before.
    """

    def __init__(
        self, roots: list[Layout], stored: set[str], loaded: set[str], guest: int = -1, signature: str = ""
    ) -> None:
        """Write the functions for every layout; `guest` is the root that may be exchanged, `signature` the whole layout's."""
        self.roots = roots
        self.tag = int.from_bytes(hashlib.blake2b(signature.encode(), digest_size=8).digest(), "little")
        self._guest = guest % len(roots)
        self._stored = stored
        self._loaded = loaded
        self._writers: dict[int, Callable[..., None]] = {}
        self._readers: dict[int, Callable[..., None]] = {}
        self._capacity = _CAPACITY_FIRST
        for root in roots:
            self._prepare(root)
        self._pieces = [self._pieces_of(root) for root in roots]

    def pack(
        self, objects: list[object], block: Block | None = None, *, holds: bool = False
    ) -> tuple[Block, list[int]]:
        """A block with the objects in it, and the addresses of the roots; raises Changed where they do not fit.

        If it `holds`, the hosts' arrays stay as they are, and machine code works on copies in the block.
        """
        while True:
            if block is None:
                block = Block(self._capacity)
            block.clear(holds=holds)
            try:
                return block, self._fill(objects, block)
            except Full:
                self._capacity = 2 * (block.end + 1)
                block = None
            except _MISFITS as wrong:
                raise Changed(str(wrong)) from wrong

    def admit(self, guest: object, block: Block, *, is_sealed: bool = True) -> int:
        """Pack a guest into a block that has dismissed its own; returns its address.

        What is not sealed nobody may restore.  Raises Changed where it does not fit: then the block is of no further use.
        """
        try:
            place = self._write(self._guest, guest, block)
        except (Full, *_MISFITS) as wrong:
            raise Changed(str(wrong)) from wrong
        if is_sealed:
            block.seal()
        else:
            block.check_sharing()
        return place + block.shift

    def rewrite(self, thing: object, block: Block, address: int) -> None:
        """Pack another last root where the one before it lies, the guest dismissed; raises Changed where it does not fit."""
        write = self._writers[id(self.roots[-1])]
        try:
            block.reseat(lambda: write(block, address - block.shift, (thing,)))
        except _MISFITS as wrong:
            raise Changed(str(wrong)) from wrong

    def reveal(self, guest: object, block: Block, address: int) -> None:
        """Give the guest what machine code changed."""
        block.is_stale = True
        for _, offset, read in self._pieces[self._guest]:
            read(block, address - block.shift + offset, (guest,))

    def learn(self, items: list[object], block: Block, *, anew: bool = False) -> None:
        """Have a list of the guest packed as it lies here from now on, for as long as it is the very same.

        With `anew` as its objects are now: a run has changed it where it lies, and they were changed since.
        """
        for row in self.roots[self._guest].fields.values():
            if row.kind == "list" and row.layout is not None and row.layout.cls is type(items[0]):
                if anew:
                    self._writers[id(row.layout)](block, block.lists[id(items)] - block.shift, items)
                block.learn(items, row.layout.size)

    @property
    def guest_layout(self) -> Layout:
        """The layout of the root that may be exchanged."""
        return self.roots[self._guest]

    def is_written(self, group: str) -> bool:
        """Whether machine code writes to arrays of a group."""
        return group in self._stored or any(f"any {code}" in self._stored for code in "dq")

    def _fill(self, objects: list[object], block: Block) -> list[int]:
        """Write the roots and what they lead to, the guest last."""
        places = [-1 if k == self._guest else self._write(k, thing, block) for k, thing in enumerate(objects)]
        block.seat()
        places[self._guest] = self._write(self._guest, objects[self._guest], block)
        block.seal()
        return [place + block.shift for place in places]

    def _write(self, root: int, thing: object, block: Block) -> int:
        """Write one root and what it leads to; returns its place."""
        layout = self.roots[root]
        place = block.room(layout.size)
        self._writers[id(layout)](block, place, (thing,))
        return place

    def unpack(
        self, objects: list[object], block: Block, addresses: list[int], parts: frozenset[str] | None = None
    ) -> None:
        """Give the objects what machine code changed.

        If `parts` are given, the first root gets its own numbers, the objects of these names and the lists of these
        dotted names, such as `book` and `book.orders.slots`.
        """
        for pieces, thing, address in zip(self._pieces, objects, addresses, strict=True):
            for name, offset, read in pieces:
                if parts is None or not name or name in parts:
                    read(block, address - block.shift + offset, (thing,))
            parts = None
        block.is_stale = True

    # Writing the functions

    def _prepare(self, layout: Layout) -> None:
        """The writer and the reader of one layout whose objects stand alone (roots and list elements)."""
        if id(layout) in self._writers:
            return
        self._writers[id(layout)] = lambda *_: None  # a list of its own kind inside finds the finished one by name
        plan = _Plan(self._stored, self._loaded)
        plan.visit(layout, "o", 0)
        for row in plan.list_rows:
            self._prepare(row.element)
        self._writers[id(layout)] = self._compiled("write", plan, plan.writer_text(layout.size), layout.size)
        lists = [row for row in plan.list_rows if self._has_reader(row.element)]
        if plan.back or lists:
            self._readers[id(layout)] = self._compiled("read", plan, plan.reader_text(layout.size, lists), layout.size)

    def _pieces_of(self, root: Layout) -> list[_Piece]:
        """The root's own numbers, which have no name, then each object inside it by name, and each list."""
        own = Layout(root.cls, root.number, {row.name: row for row in root.fields.values() if row.kind != "object"})
        pieces = self._pieces_in(own, "", 0, root.size)
        for row in root.fields.values():
            if row.kind == "object" and row.layout is not None:
                pieces += self._pieces_in(row.layout, row.name, row.offset, row.layout.size)
        return pieces

    def _pieces_in(self, layout: Layout, name: str, offset: int, size: int) -> list[_Piece]:
        """The numbers of one object and of those inside it, and its lists."""
        plan = _Plan(self._stored, self._loaded)
        plan.visit(layout, f"o.{name}" if name else "o", 0, name)
        pieces: list[_Piece] = []
        if plan.back:
            text = plan.reader_text(size, [], alone=bool(name))
            pieces.append((name, offset, self._compiled("read", plan, text, size)))
        for row in plan.list_rows:
            read = self._readers.get(id(row.element))
            if read is not None:
                pieces.append((row.path, offset + row.at, _list_reader(row, read)))
        return pieces

    def _compiled(self, name: str, plan: "_Plan", text: str, size: int) -> Callable[..., None]:
        """The function `name` of a text."""
        scope: dict[str, Any] = {"Changed": Changed, "writers": self._writers, "readers": self._readers}
        scope |= plan.scope
        scope["S"] = struct.Struct("=" + plan.format(size))
        exec(text, scope)  # noqa: S102 - the text is ours: names of attributes are identifiers
        return scope[name]  # type: ignore[no-any-return]

    def _has_reader(self, layout: Layout) -> bool:
        """Whether objects of a layout can come back changed."""
        return id(layout) in self._readers


class _ListRow(NamedTuple):
    """A list inside a layout: its key in the scope, how it is reached, and where its address lies."""

    key: str
    element: Layout
    expression: str
    path: str
    order: int  # among the struct's values
    at: int


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
        self.list_rows: list[_ListRow] = []
        self.scope: dict[str, Any] = {}
        self._values = 0
        self._is_elsewhere = False

    def visit(self, layout: Layout, name: str, base: int, path: str = "") -> None:
        """Add an object that the expression `name` gives, at `base`; `path` is its dotted name from the root."""
        local = f"n{len(self.checks)}"
        cls = f"C{len(self.checks)}"
        self.scope[cls] = layout.cls
        self.checks.append(f"    {local} = {name}\n    if type({local}) is not {cls}: raise Changed({name!r})")
        hidden = _constants(layout)
        if hidden:
            self.scope["H" + cls] = hidden
            self.checks.append(f"    if not H{cls}.isdisjoint({local}.__dict__): raise Changed({name!r})")
        if layout.is_met_again:
            self.checks.append(f"    block.objects[id({local})] = at + {base} + block.shift")
        self._is_elsewhere |= getattr(
            layout.cls, "IS_KEPT_ELSEWHERE", False
        )  # and so is all that follows: it has a plan of its own
        for row in layout.fields.values():
            self._field(layout, row, local, base + row.offset, f"{path}.{row.name}" if path else row.name)

    def _field(self, layout: Layout, row: Field, local: str, at: int, path: str) -> None:
        """Add one attribute."""
        name = f"{local}.{row.name}"
        if row.fixed is not None:
            value = name if row.kind in _CODES else f"len({name})"
            key = f"F{len(self.checks)}"
            self.scope |= {key: row.fixed, "is_other": is_other}
            other = f"is_other({key}, {value})" if type(row.fixed) is float else f"{value} != {key}"
            self.checks.append(f"    if {value} is not {key} and {other}: raise Changed({name!r})")
        if row.kind in _CODES:
            if row.kind == "bool" and not layout.is_ours:  # which takes any number for a truth
                self.checks.append(f"    if {name} is not True and {name} is not False: raise Changed({name!r})")
            if f"{layout.number}.{row.name}" in self.stored:
                self.back.append((name, self._values))
            self._add(at, _CODES[row.kind], name, 1)
        elif row.kind == "object" and row.layout is not None:
            self.visit(row.layout, name, at, path)
        elif row.is_within:
            self._within(row, name, at, path)
        elif row.kind == "reference":
            self._add(at, "Q", f"block.objects[id({name})]", 1)
        elif row.kind == "frozen array":
            self.scope["foreign"] = foreign
            self._add(at, "QQ", f"*foreign({name}, {row.code!r})", 2)
            self.checks.append(f"    block.kept.append({name})\n    block.groups.append({row.group!r})")
        elif row.kind == "array":
            names = {row.group, f"any {row.code}"}
            is_kept = bool(names & self.stored and names & self.loaded) and not self._is_elsewhere
            self._add(at, "QQ", f"p{len(self.arrays)}, l{len(self.arrays)}", 2)
            self.arrays.append((name, row, is_kept))
        elif row.kind == "list" and row.layout is not None:
            self._list(row.layout, name, at, path)
        elif row.kind == "empty":
            self.checks.append(f"    if {name}: raise Changed({name!r})")
            self._add(at, "QQ", "0, 0", 2)

    def _within(self, row: Field, name: str, at: int, path: str) -> None:
        """Add address and length of what lies within, and that behind them."""
        count = int(row.fixed or 1)
        self._add(at, "Qq", f"at + {at + 16} + block.shift, {count}", 2)
        if row.layout is not None:
            self.checks.append(f"    block.lists[id({name})] = at + {at + 16} + block.shift")
            self.visit(row.layout, f"{name}[0]", at + 16, path)
            return
        self.checks.append(f"    if {name}.typecode != {row.code!r}: raise Changed({name!r})")
        if row.group in self.stored or f"any {row.code}" in self.stored:
            self.back += [(f"{name}[{place}]", self._values + place) for place in range(count)]
        self._add(at + 16, f"{count}{row.code}", f"*{name}", count)

    def _list(self, element: Layout, name: str, at: int, path: str) -> None:
        """Add a list of objects."""
        key = f"E{len(self.list_rows)}"
        self.scope[key] = id(element)
        self.scope.update(pack_list=pack_list, unpack_list=unpack_list)
        self.list_rows.append(_ListRow(key, element, name, path, self._values, at))
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
        goals = "".join(f"p{k}, " for k, (_, _, is_kept) in enumerate(self.arrays) if is_kept)
        held = [f"    if block.holds: {goals}= block.hold(({written}))", "    else: block.copies += COPIES"]
        return [
            f"    a = ({''.join(f'{name}, ' for name, _, _ in self.arrays)})",
            "    if [x.typecode for x in a] != T: raise Changed('an array of another kind')",
            f"    {places}= [x.buffer_info() for x in a]",
            "    block.kept += a",
            "    block.groups += G",
            *(line.replace("COPIES", f"[(x, x[:]) for x in ({written})]") for line in held if written),
        ]

    def reader_text(self, size: int, lists: list[_ListRow], *, alone: bool = True) -> str:
        """The function that unpacks numbers and `lists`; what is not `alone` has others' bytes between its own."""
        rows = [check.split("\n")[0] for check in self.checks if check.startswith("    n")]
        rows.append("    v = unpack(memory, at)")
        rows += [f"    {name} = v[{index}]" for name, index in self.back]
        rows += [
            f"    unpack_list(block, {row.expression}, readers[{row.key}], v[{row.order}], {row.element.size})"
            for row in lists
        ]
        if alone and not lists:
            unless = f"    if stale or memory[at : at + {size}] != before[at : at + {size}]:"
            rows = [unless, *(f"    {line}" for line in rows)]
        rows.append(f"    at += {size}")
        first = "    memory, before, stale, unpack = block.memory, block.before, block.is_stale, S.unpack_from"
        return _loop("read", first, rows)


def _constants(layout: Layout) -> frozenset[str]:
    """What a class has as a constant and its objects do not have: code that reads it knows its value.

    One of them may have an attribute of that name, where `setup` makes it for some parameters only.
    """
    if layout.is_ours or not layout.cls.__dictoffset__:
        return frozenset()
    named = {name: value for base in reversed(layout.cls.__mro__) for name, value in vars(base).items()}
    return frozenset(name for name, value in named.items() if isinstance(value, int | float)) - layout.fields.keys()


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
        image = block.images.get(id(items)) if block.images else None
        if image is not None:
            if image.place < 0 or image.place == block.next:
                block.lists[id(items)] = met = block.next + block.shift
                block.add(image)
                return met, len(items)
            image.restore()
        before = block.mark()
        place = block.room(size * len(items))
        block.lists[id(items)] = met = place + block.shift
        write(block, place, items)
        if image is None and id(items) in block.asked:
            block.images[id(items)] = block.piece(before)
    return met, len(items)


def unpack_list(block: Block, items: list[object], read: Callable[..., None], address: int, size: int) -> None:
    """Give a list's objects what machine code changed."""
    place = address - block.shift
    end = place + size * len(items)
    if block.is_stale or block.memory[place:end] != block.before[place:end]:
        read(block, place, items)


def _list_reader(row: _ListRow, read: Callable[..., None]) -> Callable[..., None]:
    """What unpacks one list of a root, whose address lies at a place."""
    items_of = attrgetter(row.path)

    def unpack(block: Block, place: int, roots: tuple[object]) -> None:
        (address,) = _ADDRESS.unpack_from(block.memory, place)
        unpack_list(block, items_of(roots[0]), read, address, row.element.size)

    return unpack
