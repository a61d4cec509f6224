"""What the attributes of a run's objects hold, learnt from the objects themselves.

What comes in: the roots of a run by name (engine, feed, strategy).  What goes out: of a class and an attribute, whether
it is always an object of one class, or a list of such, and by which path from a root it is reached.
Why so: an attribute that holds an object never holds another one while a run goes on (nobody stores to it outside of
`__init__` and `setup`), so that the path to it may be walked once, before the first event.  Where a user's code does so, the attribute is unknown.
"""

from __future__ import annotations

import re
import sys
from array import array
from types import FunctionType, MemberDescriptorType
from typing import TYPE_CHECKING, Any, NamedTuple

from stratofold.fold.strategy import Strategy
from stratofold.routing import is_plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from stratofold.research.flat.habits import Habits

NUMBERS = (int, float, bool)
MANY = "many"  # a length of which no more is known than that it is over 1


class Thing(NamedTuple):
    """An object of exactly this class; `path` is the way to it from a root, empty where there are several such."""

    cls: type
    path: str = ""


class Many(NamedTuple):
    """A list of objects of exactly this class (None: of numbers, or of several classes), or an array."""

    element: type | None
    path: str = ""


Kind = Thing | Many | None


def pathless(kind: Kind) -> Kind:
    """The kind of something that may be reached by several ways."""
    return kind._replace(path="") if kind is not None else None


Found = tuple[bool, type | None] | None  # whether there are many, and of which class; None: not always the same


class Graph:
    """What attributes hold, by class and name, in everything that some roots lead to."""

    def __init__(self, roots: Mapping[str, Any]) -> None:
        """Walk from `roots`, each object once."""
        self.roots = dict(roots)
        self.found: dict[tuple[type, str], Found] = {}
        self.mixed: set[tuple[type, str]] = set()  # objects of one class hold different things there
        self.met: set[type] = set()
        self.stored: frozenset[str] = frozenset()
        waiting, seen = [*roots.values()], set()
        while waiting:
            each = waiting.pop()
            if id(each) not in seen:
                seen.add(id(each))
                waiting += self._look_at(each)

    def _look_at(self, thing: Any) -> list[Any]:
        """Note what the attributes of one object hold; returns the objects among it."""
        cls, inner = type(thing), []
        self.met.add(cls)
        for name in names_of(cls):
            value = getattr(thing, name, None)
            kind: type = type(value)
            if value is None or kind in NUMBERS:
                continue
            found, held = _found(cls, value, kind)
            inner += held
            if self.found.setdefault((cls, name), found) != found:
                self.found[cls, name] = None
                self.mixed.add((cls, name))
        return inner

    @property
    def classes(self) -> frozenset[type]:
        """Every class that has an attribute which holds something."""
        return frozenset(cls for cls, _ in self.found)

    def respect(self, habits: Habits) -> None:
        """Forget what a user's code changes while a run goes on."""
        self.stored = habits.stored
        for (cls, name), found in self.found.items():
            many = found is None or found[0]
            if name in habits.rebound or (many and name in habits.relisted):
                self.found[cls, name] = None
                self.mixed.discard((cls, name))

    def holds(self, thing: Thing, name: str) -> Kind:
        """What attribute `name` of `thing` holds, None where that is a number or not always the same."""
        found = self.found.get((thing.cls, name))
        if found is None and thing.path and (thing.cls, name) in self.mixed:
            value = getattr(value_at(self.roots, thing.path), name)
            found, _ = _found(thing.cls, value, type(value))
        if found is None:
            return None
        many, cls = found
        path = f"{thing.path}.{name}" if thing.path else ""
        return Many(cls, path) if many else Thing(cls, path) if cls else None

    def element(self, many: Many, index: object) -> Kind:
        """What lies at `index` of a list of objects; a number that is known leads on along the path."""
        if many.element is None:
            return None
        if type(index) is int and many.path and 0 <= index < len(value_at(self.roots, many.path)):
            return Thing(many.element, f"{many.path}.{index}")
        return Thing(many.element)


def _found(cls: type, value: Any, kind: type) -> tuple[Found, list[Any]]:
    """What one attribute holds, and the objects in it."""
    if kind is list:
        classes = {type(each) for each in value}
        if len(classes) == 1 and _is_ours(element := classes.pop()):
            return (True, element), value
        return ((True, None) if _is_fold(cls) else None), []
    if kind is array:
        return ((True, None) if _is_fold(cls) else None), []
    return ((False, kind), [value]) if _is_ours(kind) else (None, [])


def _is_ours(cls: type) -> bool:
    """Whether objects of a class are state."""
    return cls not in NUMBERS and is_plain(cls)


def _is_fold(cls: type) -> bool:
    """Whether a class is the fold's own, none of whose arrays is exchanged while a run goes on."""
    return cls.__module__.startswith("stratofold.fold.") and cls is not Strategy


_names: dict[type, tuple[str, ...]] = {}


def names_of(cls: type) -> tuple[str, ...]:
    """The attributes that objects of a class may have: slots, and what its functions mention.

    An object is not asked for its dictionary: CPython 3.11 reads attributes ten times as slowly once it was.
    """
    known = _names.get(cls)
    if known is None:
        known = _names[cls] = tuple(sorted({*_slots(cls), *_mentioned(cls)}))
    return known


def _slots(cls: type) -> Iterator[str]:
    """Every slot of a class and its bases."""
    for base in cls.__mro__:
        yield from (name for name in base.__dict__.get("__slots__", ()) if not name.startswith("__"))


def _mentioned(cls: type) -> Iterator[str]:
    """Names in the functions of a class and its bases that are no members of the class."""
    if not hasattr(cls, "__dict__") or cls.__dictoffset__ == 0:
        return
    for base in cls.__mro__:
        for member in base.__dict__.values():
            function = member.fget if isinstance(member, property) else member
            if isinstance(function, FunctionType):
                for name in function.__code__.co_names:
                    if not name.startswith("__") and not hasattr(cls, name):
                        yield name


def is_held(cls: type, name: str) -> bool:
    """Whether what an attribute says is held by the object itself, and not worked out by its class."""
    for base in cls.__mro__:
        if name in base.__dict__:
            member = base.__dict__[name]
            return isinstance(member, MemberDescriptorType) or not hasattr(member, "__get__")
    return True


def value_at(roots: Mapping[str, Any], path: str) -> Any:
    """What lies at the end of a path."""
    root, *names = path.split(".")
    value = roots[root]
    for name in names:
        value = value[int(name)] if name.isdecimal() else getattr(value, name)
    return value


def path_text(path: str) -> str:
    """A path as Python reads it."""
    return re.sub(r"\.(\d+)", r"[\1]", path)


def module_of(function: FunctionType) -> Any:
    """The module of a function, None where it has gone."""
    return sys.modules.get(function.__module__)
