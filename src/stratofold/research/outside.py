"""What a strategy can reach beside its state and the events: globals, closures, class attributes, defaults, artefacts.

What comes in: a strategy class.  What goes out: an `Outside`, which puts everything back to how it was at the start
(what a restart does), and a `Change`, which rebuilds containers with other numbers (what another future would do).
Why so: a strategy that reads ahead must have the future from somewhere, and that is hardly ever the feed; it is a
table of prices that lies beside the strategy.
"""

from __future__ import annotations

import copy
import sys
from array import array
from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from stratofold.fold.strategy import Param, Strategy
from stratofold.market.data import MarketData
from stratofold.routing import is_plain, is_users

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from types import CodeType

_DEPTH_MAX = 6
_HITS_MIN = 5  # fewer numbers that equal a price of the future are chance: a window of 50 bars, a price of 50.00
_LONG_MIN = 32
_NUMERIC = "fiub"
_SEED = 20_011
_CONTAINERS = (list, dict, set, bytearray, deque, array, np.ndarray)
_COLUMNS = ("open", "high", "low", "close", "volume")


@dataclass(frozen=True)
class Place:
    """A name outside the state, and how to read and write what stands there."""

    name: str
    get: Callable[[], Any]
    put: Callable[[Any], None]


class Outside:
    """Everything outside the state that a strategy's code can reach, as it was before the first event."""

    def __init__(self, strategy: type[Strategy]) -> None:
        """Find the places and take down what stands there."""
        self.places = Walk(strategy).places
        self.start = [place.get() for place in self.places]
        self._kept = [_copied(value) for value in self.start]
        self._spare = [_copied(value) for value in self.start]

    @contextmanager
    def as_at_start(self, instead: Mapping[int, Any] | None = None) -> Iterator[None]:
        """Every place as it was at the start (or `instead`, by the place's number); afterwards as it was found."""
        found = [place.get() for place in self.places]
        for number, place in enumerate(self.places):
            place.put(instead[number] if instead and number in instead else self._fresh(number))
        try:
            yield
        finally:
            for place, value in zip(self.places, found, strict=True):
                place.put(value)

    def _fresh(self, number: int) -> Any:
        """A copy of what stood there; the last copy serves again where nobody wrote to it."""
        if not _same(self._spare[number], self._kept[number]):
            self._spare[number] = _copied(self._kept[number])
        return self._spare[number]

    def changed(self, change: Change) -> dict[int, Any]:
        """By the place's number, what `change` makes of it, where that is anything else."""
        found = {}
        for number, value in enumerate(self._kept):
            new = change.whole(value)
            if new is not None:
                found[number] = new
        return found

    def containers(self) -> list[str]:
        """Names of the places that hold a container that can be written to."""
        return [p.name for p, value in zip(self.places, self._kept, strict=True) if isinstance(value, _CONTAINERS)]


def _copied(value: Any) -> Any:
    """A deep copy where there can be one."""
    try:
        return copy.deepcopy(value)
    except Exception:  # noqa: BLE001  what cannot be copied (a socket, a generator) stays what it is
        return value


def _same(one: Any, other: Any) -> bool:
    """Whether two copies are surely equal; where that is not quickly said, they are not."""
    if isinstance(one, np.ndarray):
        return one.dtype.kind in _NUMERIC and one.tobytes() == other.tobytes()
    return isinstance(one, (int, float, str, tuple, list, dict, set, array)) and bool(
        one is other or _equal(one, other)
    )


def _equal(one: Any, other: Any) -> bool:
    """Equality of containers whose members may not know it."""
    try:
        return bool(one == other)
    except Exception:  # noqa: BLE001  an array inside a list has no truth value
        return False


# Finding the places


class Walk:
    """From a strategy class to each function, class and module of the user's that it leads to."""

    def __init__(self, strategy: type[Strategy]) -> None:
        """Walk at once; `places` is what was met."""
        self.places: list[Place] = []
        self._seen: set[int] = set()
        self._met: set[tuple[int, str]] = set()
        for base in strategy.__mro__:
            if base not in (Strategy, object):
                self._class(base)

    def _thing(self, thing: Any) -> bool:
        """Follow what holds code; returns whether it did (then it is no value to be changed)."""
        thing = getattr(thing, "__wrapped__", thing) if callable(thing) else thing
        if isinstance(thing, FunctionType):
            if is_users(sys.modules.get(thing.__module__)):
                self._function(thing)
        elif isinstance(thing, type):
            if is_users(sys.modules.get(thing.__module__)):
                self._class(thing)
        elif isinstance(thing, ModuleType):
            if is_users(thing):
                self._module(thing)
        else:
            if is_plain(type(thing)) and type(thing).__module__ != "builtins":
                self._class(type(thing))
            return callable(thing) and not hasattr(thing, "__dict__")
        return True

    def _first_time(self, thing: object) -> bool:
        """Whether `thing` was not seen before."""
        known = id(thing) in self._seen
        self._seen.add(id(thing))
        return not known

    def _class(self, cls: type) -> None:
        """The members of a class: methods lead further, the rest are places."""
        if not self._first_time(cls):
            return
        for name, member in list(vars(cls).items()):
            for function in _functions_of(member):
                self._function(function)
            is_code = isinstance(member, (property, classmethod, staticmethod, FunctionType, Param))
            if not is_code and not name.startswith("__") and not _is_slot(member) and not self._thing(member):
                self._place(
                    cls, name, f"{cls.__name__}.{name}", partial(getattr, cls, name), partial(setattr, cls, name)
                )

    def _module(self, module: ModuleType) -> None:
        """The values of one of the user's modules."""
        if self._first_time(module):
            for name in list(vars(module)):
                self._global(vars(module), name)

    def _function(self, function: FunctionType) -> None:
        """The globals, closure cells and defaults of one function."""
        if not self._first_time(function):
            return
        for name in _names(function.__code__):
            if name in function.__globals__:
                self._global(function.__globals__, name)
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=False):
            if name != "__class__" and not self._thing(cell.cell_contents):
                contents = "cell_contents"
                self._place(cell, "", name, partial(getattr, cell, contents), partial(setattr, cell, contents))
        for name in ("__defaults__", "__kwdefaults__"):
            if getattr(function, name):
                get, put = partial(getattr, function, name), partial(setattr, function, name)
                self._place(function, name, f"a default of {function.__qualname__}", get, put)

    def _global(self, scope: dict[str, Any], name: str) -> None:
        """A module's name."""
        if not name.startswith("__") and not self._thing(scope[name]):
            self._place(scope, name, name, partial(scope.__getitem__, name), partial(scope.__setitem__, name))

    def _place(self, owner: object, key: str, name: str, get: Callable[[], Any], put: Callable[[Any], None]) -> None:
        """Take a place down once."""
        if (id(owner), key) not in self._met:
            self._met.add((id(owner), key))
            self.places.append(Place(name, get, put))


def _functions_of(member: Any) -> list[FunctionType]:
    """The plain functions behind a member of a class."""
    if isinstance(member, property):
        parts = [member.fget, member.fset]
    else:
        parts = [getattr(member, "__func__", getattr(member, "__wrapped__", member))]
    return [part for part in parts if isinstance(part, FunctionType)]


def _is_slot(member: object) -> bool:
    """Whether a member is the descriptor of a slot."""
    return type(member).__name__ in ("member_descriptor", "getset_descriptor")


def _names(code: CodeType) -> Iterator[str]:
    """Every name that code, or code inside it, mentions."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, type(code)):
            yield from _names(constant)


# Changing what stands there


class Change:
    """Rebuilds containers with other numbers; the originals stay as they are."""

    least = 1

    def __init__(self) -> None:
        """Nothing changed yet."""
        self.hits = 0

    def whole(self, value: Any) -> Any:
        """`value` changed, or None where nothing (or no more than chance) in it changes."""
        self.hits = 0
        new = self.of(value)
        return new if self.hits >= self.least else None

    def of(self, value: Any, depth: int = 0) -> Any:
        """`value` with its numbers changed, in the same types."""
        if depth > _DEPTH_MAX or isinstance(value, (str, bytes, int, float, type, FunctionType, ModuleType, Strategy)):
            return value
        if isinstance(value, np.ndarray):
            return self.column(value) if value.dtype.kind in _NUMERIC else value
        if isinstance(value, array):
            return _array_of(value.typecode, self.column(np.array(value))) if value.typecode != "u" else value
        if isinstance(value, (list, tuple, deque)):
            return _sequence_like(value, self.items(list(value), depth))
        if isinstance(value, dict):
            return _dict_like(value, self.items(list(value.values()), depth))
        if type(value).__module__.partition(".")[0] in ("pandas", "polars"):
            return self._frame(value)
        return self._object(value, depth)

    def column(self, values: Any) -> Any:
        """A NumPy array of numbers, changed."""
        raise NotImplementedError

    def items(self, items: list[Any], depth: int) -> list[Any]:
        """The members of a container, changed."""
        raise NotImplementedError

    def _frame(self, value: Any) -> Any:
        """A pandas or polars frame or series."""
        if type(value).__name__ not in ("Series", "DataFrame"):
            return value
        if type(value).__name__ == "Series":
            return self._series(value)
        if type(value).__module__.startswith("polars"):
            return value.with_columns([self._series(value[name]) for name in value.columns])
        new = value.copy()
        for number in range(value.shape[1]):
            new.isetitem(number, self._series(value.iloc[:, number]))
        return new

    def _series(self, value: Any) -> Any:
        """One column of a frame."""
        numbers = value.to_numpy()
        if numbers.dtype.kind not in _NUMERIC:
            return value
        new = self.column(numbers)
        if type(value).__module__.startswith("polars"):
            return type(value)(value.name, new)
        return type(value)(new, index=value.index, name=value.name)

    def _object(self, value: Any, depth: int) -> Any:
        """Market data, or an object of a plain class with what it holds."""
        if isinstance(value, MarketData):
            return replace(value, **{name: self.column(getattr(value, name)) for name in _COLUMNS})
        if not is_plain(type(value)) or not hasattr(value, "__dict__"):
            return value
        new = copy.copy(value)
        for name, held in vars(value).items():
            new.__dict__[name] = self.of(held, depth + 1)
        return new


class OtherFuture(Change):
    """Each number that equals a value of the market's future, and none of its past, becomes what the future became."""

    least = _HITS_MIN

    def __init__(self, market: MarketData, changed: MarketData, stop: int) -> None:
        """`changed` is `market` with other rows from `stop` on."""
        super().__init__()
        self.of_value: dict[float, float] = {}
        past: set[float] = {0.0}
        names = getattr(market, "NUMBERS", _COLUMNS)
        for name in names:
            past.update(getattr(market, name)[:stop].tolist())
        for name in names:
            for old, new in zip(
                getattr(market, name)[stop:].tolist(), getattr(changed, name)[stop:].tolist(), strict=True
            ):
                self._learn(old, new, past)
        seen, other = market.observations.value.tolist(), changed.observations.value.tolist()
        past.update(old for old, new in zip(seen, other, strict=True) if old == new)
        for old, new in zip(seen, other, strict=True):
            self._learn(old, new, past)

    def _learn(self, old: float, new: float, past: set[float]) -> None:
        """A value of the future, and what it became."""
        if old == old and old not in past:  # noqa: PLR0124  NaN is no number of the future
            self.of_value.setdefault(old, new)
            self.of_value.setdefault(float(np.float32(old)), new)

    def column(self, values: Any) -> Any:
        """A NumPy array of numbers, changed."""
        numbers = values.ravel().tolist()
        new = np.array([self.of_value.get(number, number) for number in numbers], dtype=values.dtype)
        self.hits += sum(number in self.of_value for number in numbers)  # NaN is never in it
        return new.reshape(values.shape)

    def items(self, items: list[Any], depth: int) -> list[Any]:
        """The members of a container, changed."""
        return [self._item(item, depth) for item in items]

    def _item(self, item: Any, depth: int) -> Any:
        """One member."""
        if isinstance(item, (int, float)) and not isinstance(item, bool):
            new = self.of_value.get(item)
            if new is None:
                return item
            self.hits += 1
            return type(item)(new)
        return self.of(item, depth + 1)


class OtherOrder(Change):
    """Whatever is as long as there are bars is put in another order: then it can not be about the bars any more."""

    def __init__(self, bar_count: int) -> None:
        """`bar_count` bars are heard."""
        super().__init__()
        self.long = max(bar_count, _LONG_MIN)

    def column(self, values: Any) -> Any:
        """A NumPy array of numbers, its rows in another order."""
        count = len(values) if values.ndim else 0
        if count < self.long or _is_index(values):
            return values
        self.hits += count
        return values[_order(count)]

    def items(self, items: list[Any], depth: int) -> list[Any]:
        """The members of a container in another order, or each of them rebuilt."""
        told = any(isinstance(item, (int, float, np.number, list, tuple, dict)) for item in items)
        if len(items) < self.long or not told or _is_index(items):
            return [self.of(item, depth + 1) for item in items]
        self.hits += len(items)
        return [items[k] for k in _order(len(items)).tolist()]


def _order(count: int) -> Any:
    """A fixed order of `count` things that keeps no pattern."""
    return np.random.default_rng(_SEED).permutation(count)


def _is_index(values: Any) -> bool:
    """Whether values are all alike, or ascending whole numbers (positions, times): those say nothing of prices."""
    try:
        column = np.asarray(values)
    except ValueError:
        return False
    if column.ndim != 1 or column.dtype.kind not in _NUMERIC:
        return False
    ascends = column.dtype.kind in "iu" and bool((column[1:] > column[:-1]).all())
    return ascends or bool((column == column[0]).all())


def _array_of(code: str, values: Any) -> array[Any]:
    """An `array` of these numbers."""
    new = array(code)
    new.frombytes(values.tobytes())
    return new


def _sequence_like(value: Any, items: list[Any]) -> Any:
    """A list, tuple, named tuple or deque of the same kind."""
    if hasattr(value, "_make"):
        return value._make(items)
    return type(value)(items, value.maxlen) if isinstance(value, deque) else type(value)(items)


def _dict_like(value: Any, items: list[Any]) -> Any:
    """A dictionary of the same kind and keys."""
    new = copy.copy(value)
    new.update(zip(value, items, strict=True))
    return new
