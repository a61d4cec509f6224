"""What a user's code does to attributes while a run goes on: only what it leaves alone may be taken for fixed.

What comes in: the classes of a strategy's objects.  What goes out: the names that its functions, and those they lead to, store to.
Names alone are compared, so that more is taken for changing than is; that costs time, and no meaning.
"""

from __future__ import annotations

import dis
from types import CodeType
from typing import TYPE_CHECKING, NamedTuple

from stratofold.routing import Reached

if TYPE_CHECKING:
    from collections.abc import Iterator

_BEFORE_THE_RUN = ("__init__", "setup")
_ELEMENT = ("STORE_SUBSCR", "DELETE_SUBSCR", "STORE_SLICE")
_OF_LISTS = frozenset({"append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort"})
_BEHIND_THE_BACK = frozenset({"setattr", "delattr", "vars", "exec", "eval", "globals", "__dict__", "__class__"})


class Habits(NamedTuple):
    """Names stored to at all, those stored to while the run goes on, and those whose lists may change meanwhile."""

    stored: frozenset[str]
    rebound: frozenset[str]
    relisted: frozenset[str]
    is_open: bool  # whether everything it does can be seen
    has_operators: bool  # whether an operator or an index may lead to a function of its own


_known: dict[frozenset[type], Habits] = {}


def habits_of(classes: frozenset[type]) -> Habits:
    """The habits of these classes together, asked once."""
    if classes not in _known:
        _known[classes] = _looked_at(classes)
    return _known[classes]


def _looked_at(classes: frozenset[type]) -> Habits:
    """Every function of the user's that the classes lead to."""
    reached = Reached()
    for cls in classes:
        reached.add(cls)
    stored, rebound, relisted, mentioned = set(), set(), set(), set()
    names = {function.__name__ for function in reached.functions}
    for function in reached.functions:
        for code in _codes(function.__code__):
            attributes, changes_elements = _stores(code)
            stored |= attributes
            mentioned |= {*code.co_names}
            if function.__name__ not in _BEFORE_THE_RUN:
                rebound |= attributes
                if changes_elements:
                    relisted |= {*code.co_names}
    has_operators = any(name.startswith("__") and name != "__init__" for name in names)
    return Habits(
        frozenset(stored), frozenset(rebound), frozenset(relisted), not mentioned & _BEHIND_THE_BACK, has_operators
    )


def _codes(code: CodeType) -> Iterator[CodeType]:
    """Code and the code inside it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _stores(code: CodeType) -> tuple[set[str], bool]:
    """The attributes that some code stores to, and whether it may change the elements of something."""
    names, changes = set(), bool(_OF_LISTS & {*code.co_names})
    for step in dis.get_instructions(code):
        if step.opname in ("STORE_ATTR", "DELETE_ATTR"):
            names.add(str(step.argval))
        elif step.opname in _ELEMENT:
            changes = True
    return names, changes
