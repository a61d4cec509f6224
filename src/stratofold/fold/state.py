"""The state of a fold as bytes, and back: what makes a restart a no-op.

What comes in: a graph of plain objects of numbers, arrays, nested objects and lists of those.  What goes out: bytes
that depend on values alone, not on where or by which execution they were made; `restore` writes them into a graph of
the same classes, lengthening or shortening tables as they were, and `copy` does so without bytes between.
"""

from __future__ import annotations

from array import array
from math import nan
from operator import attrgetter, itemgetter, ne
from typing import TYPE_CHECKING, Any

from stratofold.errors import Setup

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    # Some of a sequence's values, by their places.
    Pick = Callable[[Sequence[Any]], Sequence[Any]]

_WORD = 8
_getters: dict[tuple[str, ...], Any] = {}  # the values of so many fields at once
_LETTERS = {float: ord("f"), int: ord("i"), bool: ord("b")}
_HELD = ord("x")
_names_of: dict[tuple[Any, ...], tuple[str, ...]] = {}  # by class and own attributes
_names_of_slots: dict[type, tuple[str, ...]] = {}  # by class, of those that have no other attributes
_plans: dict[tuple[type, ...], _Plan] = {}
_shapes: dict[tuple[tuple[str, ...], bytes], _Shape] = {}  # by names and letters
_objects: set[type] = set()  # the classes that are known to be plain
_HIDING = {"builtins", "collections", "numpy", "pandas", "polars", "pyarrow", "re", "_io", "_thread"}
_EMPTY = {"collections.abc"}  # these classes hold nothing themselves
_LEAST, _MOST = -(2**63), 2**63 - 1
_NAN_BITS = array("q", array("d", [nan]).tobytes())[0]


def fields(thing: object) -> tuple[str, ...]:
    """The names of an object's attributes in order of definition, without those that belong to Python.

    What a class names in `CONTENT` is an artefact's: immutable, given anew by `setup`, and in no snapshot (contract 8).
    """
    kind = type(thing)
    if kind in _names_of_slots:
        return _names_of_slots[kind]
    own = getattr(thing, "__dict__", None) or ()
    names = _names_of.get((kind, *own))
    if names is None:
        slots = (name for base in reversed(kind.__mro__) for name in base.__dict__.get("__slots__", ()))
        every = (*(name for name in slots if name != "__dict__"), *own)
        names = _names_of[kind, *own] = tuple(name for name in every if _is_state(kind, name))
        if len(names) > 1:
            _getters[names] = attrgetter(*names)
        if not hasattr(thing, "__dict__"):
            _names_of_slots[kind] = names
    return names


def _values_of(thing: object, names: tuple[str, ...]) -> Sequence[Any]:
    """The values of an object's fields."""
    return _getters[names](thing) if len(names) > 1 else [getattr(thing, name) for name in names]


def _set_all(thing: object, names: Sequence[str], values: Sequence[Any]) -> None:
    """Give an object's fields their values, without a turn of the interpreter for each: `setattr` says None of every one."""
    any(map(setattr, [thing] * len(names), names, values))


def _pick(places: Sequence[int]) -> Pick:
    """What takes the values at some places out of a sequence."""
    if len(places) > 1:
        return itemgetter(*places)
    return lambda values: [values[place] for place in places]


def _is_state(kind: type, name: str) -> bool:
    """Whether an attribute is part of the state."""
    return not name.startswith("_edge") and name not in getattr(kind, "CONTENT", ())


def save(thing: object) -> bytes:
    """The whole graph under `thing` as bytes; raises Setup for what is no state, naming the attribute."""
    out = bytearray()
    _write_object(thing, out)
    return bytes(out)


class _Plan:
    """How objects whose fields are of these types are written: the letters, and where ints, floats and the rest stand."""

    __slots__ = ("floats", "has_floats", "has_ints", "held", "ints", "letters", "numbers")

    def __init__(self, kinds: tuple[type, ...]) -> None:
        """One type a field."""
        letters = bytes(_LETTERS.get(kind, _HELD) for kind in kinds)
        self.letters = len(letters).to_bytes(_WORD, "little") + letters
        ints = [place for place, kind in enumerate(kinds) if kind is int or kind is bool]
        floats = [place for place, kind in enumerate(kinds) if kind is float]
        self.ints, self.floats, self.numbers = _pick(ints), _pick(floats), _pick([*ints, *floats])
        self.has_ints, self.has_floats = bool(ints), bool(floats)
        self.held = [place for place, letter in enumerate(letters) if letter == _HELD]


def _plan_of(values: Sequence[Any]) -> _Plan:
    """How an object with these values is written."""
    kinds = tuple(map(type, values))
    plan = _plans.get(kinds)
    if plan is None:
        plan = _plans[kinds] = _Plan(kinds)
    return plan


def _write_object(thing: Any, out: bytearray) -> None:
    """An object: a letter a field, its ints and bools, its floats, then what it holds."""
    names = fields(thing)
    values = _values_of(thing, names)
    plan = _plan_of(values)
    out += plan.letters
    if plan.has_ints:
        try:
            out += array("q", plan.ints(values)).tobytes()
        except OverflowError as beyond:
            large = next(k for k, value in enumerate(values) if type(value) is int and not _LEAST <= value <= _MOST)
            raise _no_state("an int beyond 64 bits", thing, names[large]) from beyond
    if plan.has_floats:
        out += _one_nan(array("d", plan.floats(values))).tobytes()
    for place in plan.held:
        _write_held(values[place], out, thing, names[place])


def _write_held(value: Any, out: bytearray, owner: Any, name: str) -> None:
    """An array, a list of objects, or an object; `name` is the owner's field."""
    if type(value) is array:
        out += value.typecode.encode() + len(value).to_bytes(_WORD, "little") + _one_nan(value).tobytes()
    elif type(value) is list:
        out += b"l" + len(value).to_bytes(_WORD, "little")
        for item in value:
            _only_objects(item, owner, name)
            _write_object(item, out)
    else:
        _only_objects(value, owner, name)
        out += b"o"
        _write_object(value, out)


def _one_nan(values: Any) -> Any:
    """The array with every NaN the same: which sign one has depends on the processor and on how warm Python is."""
    if values.typecode != "d":
        return values
    total = sum(values)  # NaN if one of them is
    if total == total or array("q", values.tobytes()).count(_NAN_BITS) == sum(map(ne, values, values)):
        return values
    return array("d", [value if value == value else nan for value in values])


def _only_objects(value: Any, owner: Any, name: str) -> None:
    """Raise Setup for what is neither number, array nor plain object.

    A date, a decimal or a generator of random numbers keeps what it is where `fields` does not see it, and has its own way
    of being pickled: it would come back as another.  What a lock or a connection is, even pickling does not see.
    """
    kind = type(value)
    if kind in _objects:
        return
    for base in kind.__mro__[:-1]:
        if base.__module__ not in _EMPTY and (
            base.__module__.partition(".")[0] in _HIDING or not {"__reduce__", "__reduce_ex__"}.isdisjoint(vars(base))
        ):
            raise _no_state(f"a {kind.__name__}", owner, name)
    try:
        value.__reduce_ex__(2)
    except TypeError as hidden:
        raise _no_state(f"a {kind.__name__}", owner, name) from hidden
    _objects.add(kind)


def is_plain(value: object) -> bool:
    """Whether an object can be state: a plain one, that `save` writes field by field."""
    try:
        _only_objects(value, value, "")
    except Setup:
        return False
    return True


def _no_state(what: str, owner: Any, name: str) -> Setup:
    """The error for a value that cannot be kept."""
    place, why = f"{type(owner).__name__}.{name}", "state is numbers and arrays"
    return Setup("SF110", f"{what} is no state", place=place, why=why, fix='keep numbers, or array("d")')


def restore(thing: object, state: bytes) -> None:
    """Write `state` into the graph under `thing`, which must be of the same classes."""
    end = _read_object(thing, memoryview(state), 0)
    if end != len(state):
        raise Setup("SF111", "the state does not fit the strategy", why="it is longer than the object graph")


def copy(source: object, into: object) -> None:
    """Make the graph under `into` equal to that under `source`: `restore(into, save(source))`, without the bytes.

    Raises Setup SF111 for graphs of different classes, and SF110 for what is no state.
    """
    names = fields(source)
    if fields(into) != names:
        raise _misfit(type(into).__name__)
    values = _values_of(source, names)
    plan = _plan_of(values)
    _set_all(into, plan.numbers(names), plan.numbers(values))
    for place in plan.held:
        _copy_held(values[place], into, names[place])


def _copy_held(value: Any, into: Any, name: str) -> None:
    """An array, a list of objects, or an object."""
    own = getattr(into, name)
    if type(value) is array:
        if len(own) == len(value):
            own[:] = value
        else:
            setattr(into, name, value[:])
    elif type(value) is list:
        _fit(own, len(value), f"{type(into).__name__}.{name}")
        for theirs, ours in zip(value, own, strict=True):
            copy(theirs, ours)
    else:
        _only_objects(value, into, name)
        copy(value, own)


class _Shape:
    """How objects with these fields, and a letter for each, are read: their numbers at once, then what they hold."""

    __slots__ = ("bools", "floats", "held", "ints", "names")

    def __init__(self, names: tuple[str, ...], letters: bytes) -> None:
        """One letter a field."""
        named = list(zip(names, letters, strict=True))
        ints = [name for name, letter in named if letter not in (_LETTERS[float], _HELD)]
        floats = [name for name, letter in named if letter == _LETTERS[float]]
        self.ints, self.floats = _WORD * len(ints), _WORD * len(floats)  # bytes
        self.names = [*ints, *floats]
        self.bools = [name for name, letter in named if letter == _LETTERS[bool]]
        self.held = [name for name, letter in named if letter == _HELD]


def _read_object(thing: Any, state: memoryview, at: int) -> int:
    """An object's fields; returns where the next value begins."""
    names = fields(thing)
    end = at + _WORD + int.from_bytes(state[at : at + _WORD], "little")
    letters = bytes(state[at + _WORD : end])
    shape = _shapes.get((names, letters))
    if shape is None:
        if len(letters) != len(names):
            raise _misfit(type(thing).__name__)
        shape = _shapes[names, letters] = _Shape(names, letters)
    middle = end + shape.ints
    at = middle + shape.floats
    _set_all(thing, shape.names, [*array("q", bytes(state[end:middle])), *array("d", bytes(state[middle:at]))])
    for name in shape.bools:
        setattr(thing, name, bool(getattr(thing, name)))
    for name in shape.held:
        at = _read_held(thing, name, state, at)
    return at


def _read_held(thing: Any, name: str, state: memoryview, at: int) -> int:
    """What an object holds: an array is made anew, lists and objects are read in place."""
    tag = bytes(state[at : at + 1])
    old = getattr(thing, name)
    if tag == b"o":
        return _read_object(old, state, at + 1)
    length = int.from_bytes(state[at + 1 : at + 1 + _WORD], "little")
    at += 1 + _WORD
    if tag == b"l":
        return _read_list(old, length, state, at, f"{type(thing).__name__}.{name}")
    end = at + length * _WORD
    setattr(thing, name, array(tag.decode(), bytes(state[at:end])))
    return end


def _read_list(old: Any, length: int, state: memoryview, at: int, place: str) -> int:
    """A list of objects, lengthened with fresh ones of the same class or shortened as it was."""
    _fit(old, length, place)
    for item in old:
        at = _read_object(item, state, at)
    return at


def _fit(old: Any, length: int, place: str) -> None:
    """Lengthen or shorten a list of objects; one that is longer takes after its first."""
    if not isinstance(old, list):
        raise _misfit(place)
    while len(old) < length:
        old.append(_another(old, length, place))
    del old[length:]


def _another(items: list[Any], length: int, place: str) -> Any:
    """A fresh object like the first of a list; raises Setup SF111 where there is none, or where it takes arguments.

    A state says how many there were, not of which class: that is said by what `setup` has made.
    """
    if not items:
        why = f"a list that setup leaves empty is to hold {length} again, and a state does not say of which class"
    else:
        kind = type(items[0])
        try:
            return kind()
        except TypeError as raised:
            why = f"a longer list is filled with {kind.__name__}(), and that raised {type(raised).__name__}: {raised}"
    fix = "restore it into the code that saved it; of objects that come and go make one in setup at least, of a class that needs no arguments"
    raise Setup("SF111", "the state does not fit the strategy", place=place, why=why, fix=fix)


def _misfit(place: str) -> Setup:
    """The error for a state of other classes."""
    return Setup(
        "SF111", "the state does not fit the strategy", place=place, fix="restore it into the code that saved it"
    )
