"""How an object graph lies in memory.

What comes in: the objects themselves, as the user's `setup` left them.  What goes out: one `Layout` for each class and
shape found: its fields, their kinds and byte offsets.  Numbers and nested objects lie inline; an array or a list is
(address, length); an object that is met a second time is held by address.  Nothing here depends on lengths, on
parameter values or on the number of symbols, so one compilation serves them all.

A value that machine code cannot hold (text, None, a dictionary) is a *shut* field: it is left to Python, and only code
that reads it is refused.
"""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import copysign, inf, isnan
from types import NoneType
from typing import Any

from stratofold.kernel.refused import Refused
from stratofold.routing import is_plain

_EIGHT = 8  # so many numbers are taken at a time
_APART = 128  # bytes: from one eight to the next of a row, so that LLVM sees that none is the other's eight turns later
WORD = 8
_ALIGNMENT = {"bool": 1}
_OBJECTS_MAX = 1_000_000
_slots_of: dict[type, tuple[str, ...]] = {}
_LEAVES = {int, float, bool, str, NoneType, array, memoryview, list}


@dataclass(slots=True)
class Field:
    """One attribute: its kind, where it lies, and what it leads to.

    `kind` is int, float, bool, object, reference, array, frozen array, list, empty or shut; `reason` and
    `fix` say why it is shut.  `group` names the attributes that share one array with this one (usually just itself).
    `fixed` is the number that the attribute has in every run of the strategy, or in this one, where its class says so; of
    an array or a list it is the length; `is_within` says that the one element, or the eight, lie behind address and length.
    """

    name: str
    kind: str
    layout: "Layout | None" = None
    code: str = ""
    reason: str = ""
    fix: str = ""
    offset: int = 0
    group: str = ""
    fixed: float | None = None
    is_within: bool = False

    @property
    def size(self) -> int:
        """Bytes."""
        if self.is_within:
            if self.fixed == _EIGHT:
                return _APART
            return 2 * WORD + (self.layout.size if self.layout is not None else WORD)
        if self.kind == "object" and self.layout is not None:
            return self.layout.size
        return {"bool": 1, "shut": 0, "array": 16, "frozen array": 16, "list": 16, "empty": 16}.get(self.kind, WORD)

    def text(self) -> str:
        """What a signature says of the field."""
        leads = f" {self.layout.number}" if self.layout is not None else ""
        value = "" if self.fixed is None else f"={self.fixed}{' within' * self.is_within}"
        return f"{self.name}:{self.kind}{self.code}{leads}@{self.offset}{self.group}{value}"


@dataclass(eq=False)
class Layout:
    """The fields of one class in one shape; `number` is unique within a survey."""

    cls: type
    number: int = -1
    fields: dict[str, Field] = field(default_factory=dict)
    size: int = 0
    is_met_again: bool = False

    @property
    def is_ours(self) -> bool:
        """Whether it is of a class of the fold, whose objects have all their attributes from the first."""
        return self.cls.__module__.startswith("stratofold.fold.")

    def key(self) -> tuple[Any, ...]:
        """What two layouts must share to be the same one."""
        rows = tuple(
            (row.name, row.kind, row.code, id(row.layout) if row.layout else 0, row.fixed, row.is_within)
            for row in self.fields.values()
        )
        return (self.cls, rows)

    def place(self) -> None:
        """Give every field its offset."""
        at = 0
        for row in self.fields.values():
            step = _ALIGNMENT.get(row.kind, WORD)
            at = (at + step - 1) // step * step
            row.offset = at
            at += row.size
        self.size = max(WORD, (at + WORD - 1) // WORD * WORD)

    def text(self) -> str:
        """The layout as one line of a signature."""
        rows = ", ".join(row.text() for row in self.fields.values())
        return f"{self.number} {self.cls.__module__}.{self.cls.__qualname__} {self.size}: {rows}"


class _Widen(Exception):
    """An int field of one object is a float in its neighbour, or a number that one has always its neighbour has not, or lies in two."""


def state_names(thing: object) -> Iterator[str]:
    """The names of an object's own attributes: its slots, base classes first, then its dictionary; without `_edge…`."""
    for cls in reversed(type(thing).__mro__):
        slots = cls.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if name not in ("__dict__", "__weakref__") and not name.startswith("_edge") and hasattr(thing, name):
                yield name
    for name in getattr(thing, "__dict__", ()):
        if not name.startswith("_edge"):
            yield name


class Survey:
    """All layouts of some root objects; `frozen` roots hold their arrays by address, as code never writes to them.

    One that `settles` takes for fixed what classes say that no run changes (`FIXED_IN_RUN`), where it is what it mostly is:
    machine code has nothing in it then of fees that nobody charges or of currencies that nobody holds.  What they alone hold
    one of (`HOLDS_WITHIN`) lies inside them, so that its address is no number to be kept in a register.
    """

    def __init__(self, roots: list[object], frozen: set[int], widened: set[str], *, settles: bool = False) -> None:
        """Walk the graph; raises Refused where it cannot be laid out at all."""
        self.widened = widened
        self._settles = settles
        self._loose: set[str] = set()  # what is settled, but not alike in the objects of one list
        self._apart: set[str] = set()  # what would lie within its owner, and somebody else has it too
        while True:
            self.layouts: list[Layout] = []
            self._by_key: dict[tuple[Any, ...], Layout] = {}
            self._placed: dict[int, Layout] = {}
            self._lists: dict[int, Layout | None] = {}
            self._arrays: dict[int, str] = {}
            self._groups: dict[str, str] = {}
            self._within: dict[int, str] = {}
            try:
                self.roots = [self._object(root, index in frozen) for index, root in enumerate(roots)]
            except _Widen:
                continue
            self._name_groups()
            return

    @property
    def signature(self) -> str:
        """The whole layout as text: equal text, equal machine code."""
        roots = ",".join(str(root.number) for root in self.roots)
        return "\n".join([roots, *(layout.text() for layout in self.layouts)])

    def _object(self, thing: object, frozen: bool) -> Layout:
        """The layout of one object and of all below it."""
        layout = Layout(type(thing))
        self._placed[id(thing)] = layout
        if len(self._placed) > _OBJECTS_MAX:
            raise Refused(f"{type(thing).__name__} leads to more than {_OBJECTS_MAX:,} objects")
        for name in state_names(thing):
            layout.fields[name] = self._field(thing, name, getattr(thing, name), frozen)
        same = self._by_key.get(layout.key())
        if same is not None and not layout.is_met_again:
            self._placed[id(thing)] = same
            return same
        layout.place()
        layout.number = len(self.layouts)
        self.layouts.append(layout)
        self._by_key[layout.key()] = layout
        return layout

    def _field(self, owner: object, name: str, value: Any, frozen: bool) -> Field:
        """One attribute's field."""
        fixed = self._fixed(owner, name, value)
        if isinstance(value, bool):
            return Field(name, "bool", fixed=fixed)
        if isinstance(value, int):
            return Field(name, "float" if self._is_widened(type(owner), name) else "int", fixed=fixed)
        if isinstance(value, float):
            return Field(name, "float", fixed=fixed)
        if isinstance(value, array | memoryview) or (frozen and hasattr(value, "__array_interface__")):
            is_within = self._lies_within(owner, name, value, fixed)
            self._note_array(value, f"{type(owner).__qualname__}.{name}")
            found = _array_field(name, value if isinstance(value, array) else memoryview(value), frozen, fixed)
            found.is_within = is_within and found.kind == "array"
            return found
        if isinstance(value, list):
            is_within = self._lies_within(owner, name, value, fixed)
            found = self._list_field(name, value, frozen, fixed)
            found.is_within = is_within and found.kind == "list"
            return found
        if not is_plain(type(value)):
            return _shut(name, *_why_shut(value))
        met = self._placed.get(id(value))
        if met is not None:
            met.is_met_again = True
            return Field(name, "reference", met)
        return Field(name, "object", self._object(value, frozen))

    def _fixed(self, owner: object, name: str, value: Any) -> float | None:
        """The number that an attribute is sure to have, or the length of what it holds."""
        if name in getattr(owner, "FIXED_BY_STRATEGY", ()):
            return int(value)
        if not self._settles or name not in _said(owner, "FIXED_IN_RUN") or _key(type(owner), name) in self._loose:
            return None
        if isinstance(value, int | float):
            return value if _is_usual(value) else None
        return len(value) if len(value) <= 1 or name in _said(owner, "HOLDS_EIGHT") else None

    def _lies_within(self, owner: object, name: str, value: object, fixed: float | None) -> bool:
        """Whether the one element of an array or a list, or the eight of an array, lie inside its owner: nobody else has it."""
        key = _key(type(owner), name)
        other = self._within.get(id(value))
        if other is not None:
            self._apart.add(other)
            raise _Widen
        is_own = id(value) not in self._lists and id(value) not in self._arrays and key not in self._apart
        is_said = fixed == 1 and name in _said(owner, "HOLDS_WITHIN")
        if not (is_own and (is_said or (fixed == _EIGHT and name in _said(owner, "HOLDS_EIGHT")))):
            return False
        self._within[id(value)] = key
        return True

    def _note_array(self, value: object, name: str) -> None:
        """Remember which attributes hold one and the same array."""
        first = self._arrays.setdefault(id(value), name)
        one, other = sorted((self._group(first), self._group(name)))
        self._groups[other] = one

    def _group(self, name: str) -> str:
        """The name that stands for all attributes that share arrays with `name`."""
        while self._groups.setdefault(name, name) != name:
            name = self._groups[name]
        return name

    def _name_groups(self) -> None:
        """Write its group on every array field."""
        for layout in self.layouts:
            for row in layout.fields.values():
                if row.kind in ("array", "frozen array"):
                    row.group = self._group(f"{layout.cls.__qualname__}.{row.name}")

    def _is_widened(self, cls: type, name: str) -> bool:
        """Whether this int field must hold floats too."""
        return _key(cls, name) in self.widened

    def _list_field(self, name: str, items: list[Any], frozen: bool, fixed: float | None) -> Field:
        """A list of objects of one class and shape."""
        if not items:
            return Field(name, "empty")
        if id(items) in self._lists:
            return Field(name, "list", self._lists[id(items)], fixed=fixed)
        cls = type(items[0])
        if not is_plain(cls):
            return _shut(name, *_why_shut(items))
        if any(type(item) is not cls for item in items):
            return _shut(name, "a list of objects of different classes", "keep one list for each class")
        if any(id(item) in self._placed for item in items):
            return _shut(name, "a list of objects that are also kept elsewhere", "keep each object in one list")
        layouts = [self._object(item, frozen) for item in items]
        for layout in layouts:
            if layout is not layouts[0]:
                self._reconcile(layouts[0], layout)
                reason = f"a list of {cls.__name__} objects whose attributes differ in kind"
                return _shut(name, reason, "give each attribute one kind of value")
        self._lists[id(items)] = layouts[0]
        return Field(name, "list", layouts[0], fixed=fixed)

    def _reconcile(self, one: Layout, other: Layout) -> None:
        """Start again with a wider field where that alone makes two layouts equal."""
        found = False
        for name in one.fields.keys() & other.fields.keys():
            pair = {one.fields[name].kind, other.fields[name].kind}
            key = _key(one.cls, name)
            if pair == {"int", "float"} and key not in self.widened:
                self.widened.add(key)
                found = True
            if one.fields[name].text() != other.fields[name].text() and self._settles and key not in self._loose:
                self._loose.add(key)
                found = True
        if found:
            raise _Widen


def _key(cls: type, name: str) -> str:
    """What an attribute of a class is called."""
    return f"{cls.__module__}.{cls.__qualname__}.{name}"


def _said(owner: object, what: str) -> tuple[str, ...]:
    """What an object's class says of its attributes; one that is not the fold's says it itself, whatever it derives from."""
    cls = type(owner)
    is_ours = cls.__module__.startswith("stratofold.fold.")
    found: tuple[str, ...] = getattr(cls, what, ()) if is_ours else vars(cls).get(what, ())
    return found


def _is_usual(value: float) -> bool:
    """Whether a number is one that most runs have where it could be any: nothing, one, no limit, none stated.

    A kernel is made for each set of them that is met, so it must not be just any number.
    """
    return isnan(value) or value in (1.0, inf) or (value == 0.0 and copysign(1.0, value) > 0.0)


def outline(roots: list[object], *, settles: bool) -> tuple[object, ...]:
    """What decides how objects are laid out, as far as it is seen without laying them out: a twentieth of the time.

    Classes, the kinds of what is in a dictionary, what is fixed; of the objects of a longer list what is fixed alone.
    """
    found: list[object] = []
    waiting, seen = roots[::-1], set()
    while waiting:
        thing = waiting.pop()
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        found += (type(thing), *_facts(thing, settles=settles))
        names = tuple(state_names(thing)) if hasattr(thing, "__dict__") else _slots(type(thing))
        values = [getattr(thing, name, None) for name in names]
        if hasattr(thing, "__dict__"):
            found += zip(names, map(_kind, values), strict=True)
        for value in values:
            cls = type(value)
            if cls is list and value:
                if len(value) == 1:
                    waiting.append(value[0])
                elif settles:
                    found.append(frozenset(_facts(each, settles=True) for each in value))
            elif cls not in _LEAVES and is_plain(cls):
                waiting.append(value)
    return tuple(found)


def _slots(cls: type) -> tuple[str, ...]:
    """The attributes of a class without a dictionary, looked up once."""
    if cls not in _slots_of:
        _slots_of[cls] = tuple(name for base in reversed(cls.__mro__) for name in base.__dict__.get("__slots__", ()))
    return _slots_of[cls]


def _kind(value: Any) -> object:
    """The class of a value, or of a list's first."""
    return (list, type(value[0])) if type(value) is list and value else type(value)


def _facts(thing: object, *, settles: bool) -> tuple[object, ...]:
    """What is fixed of an object: numbers that are usual, as text since NaN equals nothing, and lengths."""
    always: tuple[str, ...] = getattr(thing, "FIXED_BY_STRATEGY", ())
    facts: list[object] = [getattr(thing, name) for name in always]
    for name in _said(thing, "FIXED_IN_RUN") if settles else ():
        value = getattr(thing, name)
        if isinstance(value, int | float):
            facts.append(str(value) if _is_usual(value) else "")
        else:
            facts.append(min(len(value), 2))
    return tuple(facts)


def _array_field(name: str, value: "array[Any] | memoryview", frozen: bool, fixed: float | None = None) -> Field:
    """An array of doubles or 64-bit integers; a memoryview is somebody else's memory and held by address."""
    code = value.typecode if isinstance(value, array) else {"l": "q", "@d": "d"}.get(value.format, value.format)
    if code not in ("d", "q"):
        return _shut(name, f"an array of {code!r}", "use array('d', ...) or array('q', ...)")
    if isinstance(value, memoryview):
        if not frozen and isinstance(value.obj, array):
            return _shut(name, "a memoryview of an array", "keep the array itself")
        if value.ndim != 1 or not value.contiguous:
            return _shut(name, "a memoryview that is not one unbroken dimension", "copy it into array('d', ...)")
        return Field(name, "frozen array", code=code)
    return Field(name, "frozen array" if frozen else "array", code=code, fixed=fixed)


def _shut(name: str, reason: str, fix: str) -> Field:
    """A field that is left to Python."""
    return Field(name, "shut", reason=reason, fix=fix)


def _why_shut(value: Any) -> tuple[str, str]:
    """A word for what a value is, and what to use instead."""
    if value is None:
        return "None", "use nan for a number that is not there yet"
    if isinstance(value, str):
        return "text", "use a number, such as the handle that self.symbol('SPY') gives in setup"
    if isinstance(value, list | tuple):
        of = type(value[0]).__name__ if value else "nothing"
        return f"a {type(value).__name__} of {of}", "use array('d', ...) or array('q', ...)"
    if type(value).__module__ == "numpy":
        return "a NumPy value", "use array('d', ...) or float(...)"
    return f"a {type(value).__name__}", "keep numbers, array('d', ...) and plain objects of those"
