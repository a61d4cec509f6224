"""What machine code was made from, as hashes: the user's source and numbers, and the fold's.

What comes in: the classes of a survey.  What goes out: one hash over the text of every file of the user's that they
reach, and over the numbers in those modules and classes, which a program may have changed since the file was read.
A change of one character anywhere in those files compiles again: compiling is cheap, a stale kernel is not.
"""

import functools
import hashlib
import sys
from array import array
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from stratofold.kernel.source import lines_of
from stratofold.routing import is_users

_PACKAGE = Path(__file__).resolve().parent.parent


@functools.cache
def engine_hash() -> str:
    """The hash of everything of ours that becomes machine code or makes it: events, fold, kernel."""
    total = hashlib.sha256()
    files = [_PACKAGE / "events.py", _PACKAGE / "routing.py"]
    for room in ("fold", "kernel"):
        files += sorted((_PACKAGE / room).rglob("*.py"))
    for path in files:
        total.update(path.relative_to(_PACKAGE).as_posix().encode())
        total.update(path.read_bytes())
    return total.hexdigest()


def source_hash(classes: list[type]) -> str:
    """The hash of the user's source that objects of these classes can reach, and of its numbers."""
    reached = _Reached()
    for cls in classes:
        reached.add(cls)
    total = hashlib.sha256()
    for text in sorted(reached.texts()):
        total.update(text.encode())
        total.update(b"\0")
    return total.hexdigest()


class _Reached:
    """The modules, classes and functions of the user's that some classes lead to."""

    def __init__(self) -> None:
        """Nothing yet."""
        self._seen: set[int] = set()
        self._files: set[str] = set()
        self._numbers: list[str] = []

    def add(self, thing: Any) -> None:
        """Follow a class, a function or a module as far as the user's own code goes."""
        if id(thing) in self._seen:
            return
        self._seen.add(id(thing))
        if isinstance(thing, ModuleType):
            if is_users(thing):
                self._add_scope(thing.__name__, vars(thing))
        elif isinstance(thing, type):
            for cls in thing.__mro__:
                if is_users(sys.modules.get(cls.__module__)):
                    self._add_scope(f"{cls.__module__}.{cls.__qualname__}", vars(cls))
        elif isinstance(thing, FunctionType) and is_users(sys.modules.get(thing.__module__)):
            self._add_function(thing)

    def texts(self) -> Iterator[str]:
        """Everything that the hash is over."""
        for file in self._files:
            yield "".join(lines_of(file))
        yield from self._numbers

    def _add_function(self, function: FunctionType) -> None:
        """A function's file, and what its names mean."""
        self._files.add(function.__code__.co_filename)
        scope = function.__globals__
        for name in _names(function.__code__):
            if name in scope:
                self._add_value(f"{function.__module__}.{name}", scope[name])
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=False):
            if name != "__class__":
                self._add_value(f"{function.__qualname__}.{name}", cell.cell_contents)

    def _add_scope(self, owner: str, scope: Any) -> None:
        """The members of a class or module."""
        for name, value in list(scope.items()):
            if not name.startswith("__") or isinstance(value, FunctionType):
                self._add_value(f"{owner}.{name}", value)

    def _add_value(self, name: str, value: Any) -> None:
        """A number's value, or whatever leads further."""
        if isinstance(value, Enum):
            self._numbers.append(f"{name}={value.value!r}")
        elif isinstance(value, bool | int | float):
            self._numbers.append(f"{name}={value!r}")
        elif isinstance(value, tuple | array) and all(isinstance(each, bool | int | float) for each in value):
            self._numbers.append(f"{name}={tuple(value)!r}")
        elif isinstance(value, property):
            for part in (value.fget, value.fset):
                if part is not None:
                    self.add(part)
        elif isinstance(value, staticmethod):
            self.add(value.__func__)
        elif isinstance(value, FunctionType | type | ModuleType):
            self.add(value)


def _names(code: Any) -> Iterator[str]:
    """Every global or attribute name that code, or code inside it, mentions."""
    yield from code.co_names
    for constant in code.co_consts:
        if hasattr(constant, "co_names"):
            yield from _names(constant)
