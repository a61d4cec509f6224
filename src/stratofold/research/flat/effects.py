"""What calling a function does to the attributes that are known by path: which it may read, which it may store to.

What comes in: the trees of functions that were written, and what is known of their names.  What goes out: for each its
`Effects`, with those of all that it calls.  What cannot be seen is taken to do everything.
"""

from __future__ import annotations

import ast
import dis
import functools
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

Slot = tuple[str, str]  # the name of a path ("" for any object at all), and an attribute

NOTHING, EVERYTHING = 0, 1
_ENGINE = "engine_"
# Python's own functions that only look at what they are given; of numbers, arrays and lists.
_HARMLESS = frozenset({"abs", "bool", "float", "int", "len", "max", "min", "range", "round"})


class Effects(NamedTuple):
    """Slots read and stored to, and how far it reaches beyond them."""

    reads: frozenset[Slot] = frozenset()
    stores: frozenset[Slot] = frozenset()
    reach: int = NOTHING

    def touches(self, slot: Slot) -> bool:
        """Whether it may read a slot or store to it."""
        return self.changes(slot) or slot in self.reads or ("", slot[1]) in self.reads

    def changes(self, slot: Slot) -> bool:
        """Whether it may store to a slot."""
        return self.reach == EVERYTHING or slot in self.stores or ("", slot[1]) in self.stores


class Methods:
    """What the methods and properties of the engine's classes do, by name: read off their code, and all that leads to."""

    def __init__(self, classes: Iterable[type]) -> None:
        """`classes` are all that the engine has objects of."""
        self._members: dict[str, list[FunctionType]] = {}
        self._known: dict[str, Effects] = {}
        for base in {base for cls in classes for base in cls.__mro__ if base.__module__.startswith("stratofold.")}:
            for name, member in base.__dict__.items():
                function = member.fget if isinstance(member, property) else member
                if isinstance(function, FunctionType):
                    self._members.setdefault(name, []).append(function)

    def of(self, name: str) -> Effects:
        """What members called `name` do."""
        if name not in self._known:
            self._known[name] = self._read_off(self._members.get(name, []))
        return self._known[name]

    def _read_off(self, waiting: list[FunctionType]) -> Effects:
        """What some functions do, and those whose names they mention."""
        if not waiting:
            return Effects(reach=EVERYTHING)
        reads: set[Slot] = set()
        stores: set[Slot] = set()
        seen: set[FunctionType] = set()
        waiting = [*waiting]
        while waiting:
            function = waiting.pop()
            if function not in seen:
                seen.add(function)
                for step in _steps(function.__code__):
                    name = str(step.argval)
                    if step.opname in ("STORE_ATTR", "DELETE_ATTR"):
                        stores.add(("", name))
                    elif step.opname in ("LOAD_ATTR", "LOAD_METHOD"):
                        reads.add(("", name))
                        waiting += self._members.get(name, [])
                    elif isinstance(found := function.__globals__.get(name), FunctionType):
                        waiting.append(found)
        return Effects(frozenset(reads), frozenset(stores))


@functools.cache
def methods_of(classes: frozenset[type]) -> Methods:
    """The methods of these classes, looked at once."""
    return Methods(classes)


def _steps(code: CodeType) -> Iterator[dis.Instruction]:
    """Every step of some code, and of the code inside it."""
    yield from dis.get_instructions(code)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _steps(constant)


class Known(NamedTuple):
    """What is known of the names in a text."""

    paths: frozenset[str]  # names of objects at the end of a path
    unclear: frozenset[str]  # attributes of which some may be properties
    functions: Mapping[str, Effects]
    methods: Methods  # of the engine's objects
    harmless: frozenset[str] = frozenset()  # functions of numbers that only return something, and modules of such
    numbers: frozenset[Slot] = frozenset()  # slots that hold a number


def united(effects: Iterable[Effects]) -> Effects:
    """All of them together."""
    reads: set[Slot] = set()
    stores: set[Slot] = set()
    reach = NOTHING
    for each in effects:
        reads |= each.reads
        stores |= each.stores
        reach = max(reach, each.reach)
    return Effects(frozenset(reads), frozenset(stores), reach)


def effects_of(nodes: Iterable[ast.AST], known: Known, apart: frozenset[Slot] = frozenset()) -> Effects:
    """What these trees do, by themselves and in what they call; their own mentions of slots in `apart` left out."""
    found: list[Effects] = []
    for node in _walk(nodes):
        if isinstance(node, ast.Call):
            found.append(_of_call(node, known))
        elif isinstance(node, ast.Attribute) and (base_of(node, known), node.attr) not in apart:
            found.append(_of_attribute(node, known))
    return united(found)


def _walk(nodes: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """Everything in some trees but what is raised, after which nobody goes on."""
    waiting = [*nodes]
    while waiting:
        node = waiting.pop()
        if not isinstance(node, ast.Raise):
            yield node
            waiting += ast.iter_child_nodes(node)


def base_of(node: ast.Attribute, known: Known) -> str:
    """The name of the path that an attribute belongs to, empty where it is of some object."""
    return node.value.id if isinstance(node.value, ast.Name) and node.value.id in known.paths else ""


def _of_attribute(node: ast.Attribute, known: Known) -> Effects:
    """A number or an object is read or stored; a property may do anything."""
    base = base_of(node, known)
    if _is_harmless(node.value, known):
        return Effects()
    if node.attr in known.unclear and (base, node.attr) not in known.numbers:
        return _of_member(base, node.attr, known)
    slots = frozenset({(base, node.attr)})
    return Effects(reads=slots) if isinstance(node.ctx, ast.Load) else Effects(reads=slots, stores=slots)


def _is_harmless(node: ast.expr, known: Known) -> bool:
    """Whether an expression is a module of nothing but harmless functions."""
    return isinstance(node, ast.Name) and node.id in known.harmless


def _of_member(base: str, name: str, known: Known) -> Effects:
    """What a member of an object's class does; the user's may do anything."""
    return known.methods.of(name) if base.startswith(_ENGINE) else Effects(reach=EVERYTHING)


def _of_call(node: ast.Call, known: Known) -> Effects:
    """A call of a function by name, or of a method that was not written out."""
    if isinstance(node.func, ast.Attribute):
        if _is_harmless(node.func.value, known):
            return Effects()
        return _of_member(base_of(node.func, known), node.func.attr, known)
    if not isinstance(node.func, ast.Name):
        return Effects(reach=EVERYTHING)
    name = node.func.id
    if name in known.functions:
        return known.functions[name]
    return Effects() if name in _HARMLESS or name in known.harmless else Effects(reach=EVERYTHING)


def effects_by_name(functions: Mapping[str, ast.FunctionDef], known: Known) -> dict[str, Effects]:
    """Of each function, what calling it does: what it does itself, and what those do that it leads to."""
    alone = known._replace(functions={**known.functions, **dict.fromkeys(functions, Effects())})
    own = {name: effects_of(function.body, alone) for name, function in functions.items()}
    called = {name: _called(function, functions) for name, function in functions.items()}
    found = own
    while True:  # until nothing is added
        again = {name: united([own[name], *(found[each] for each in called[name])]) for name in functions}
        if again == found:
            return found
        found = again


def _called(function: ast.FunctionDef, functions: Collection[str]) -> set[str]:
    """Those of `functions` that a function calls by name."""
    calls = (node.func for node in _walk(function.body) if isinstance(node, ast.Call))
    return {each.id for each in calls if isinstance(each, ast.Name) and each.id in functions}


__all__ = ["EVERYTHING", "Effects", "Known", "Slot", "base_of", "effects_by_name", "effects_of", "methods_of", "united"]
