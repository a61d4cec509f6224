"""A function whose attributes are kept in local names: what CPython reads and writes quickest.

What comes in: the tree of a function, and the slots (an attribute of an object at the end of a path) that may be kept.
What goes out: the same function, which reads each of them once at its beginning, works on the names, and writes them
back before anyone else may look: before a call that may read or store them, a return, an error.  After a call that may
store to one it is read again.  Statements that do both at once stand as they were, between writing and reading.
What is only copied from a column, and asked for by nobody here, is written late: then the place in the column is kept.
"""

from __future__ import annotations

import ast
from collections import Counter
from typing import TYPE_CHECKING, Any, TypeVar

from stratofold.research.flat.effects import Effects, Known, Slot, base_of, effects_of
from stratofold.research.flat.kinds import NUMBERS, is_held, value_at

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

Tree = TypeVar("Tree", bound=ast.AST)


def keep_in_names(function: ast.FunctionDef, slots: Iterable[Slot], known: Known) -> None:
    """Let `function` keep these slots in names of its own."""
    _Registers(slots, known).keep(function)


def numbers_in(
    function: ast.FunctionDef, known: Known, paths: Mapping[str, str], roots: Mapping[str, Any]
) -> frozenset[Slot]:
    """Every attribute of a path that a function mentions and that holds a number in these roots' objects."""
    places = {name: path for path, name in paths.items()}
    found = {(base_of(node, known), node.attr) for node in ast.walk(function) if isinstance(node, ast.Attribute)}
    return frozenset((base, name) for base, name in found if base and holds_number(value_at(roots, places[base]), name))


def holds_number(thing: Any, name: str) -> bool:
    """Whether an object's attribute is there and is a number, and not a property that says one."""
    return is_held(type(thing), name) and type(getattr(thing, name, None)) in NUMBERS


_PLACE, _AWAY = "late_at", "is_away"  # names that no path begins with
_TOLD = ("engine_book_", "time")  # the message of an error tells it


class _Registers:
    """One function on its way."""

    def __init__(self, slots: Iterable[Slot], known: Known) -> None:
        """`slots` are those to be kept."""
        self.known = known
        self.slots = sorted(slots)
        self.kept = frozenset(self.slots)
        self.stored: list[Slot] = []
        self.late: dict[Slot, ast.Assign] = {}
        self.count = 0
        self._reading = {
            slot: _assign(ast.Name(_name(slot), ast.Store()), _attribute(slot, ast.Load())) for slot in slots
        }
        self._writing = {
            slot: _assign(_attribute(slot, ast.Store()), ast.Name(_name(slot), ast.Load())) for slot in slots
        }

    def keep(self, function: ast.FunctionDef) -> None:
        """Rewrite the function."""
        mentions = [*self._direct(function)]
        stores = Counter(slot for slot, is_stored in mentions if is_stored)
        read = {slot for slot, is_stored in mentions if not is_stored}
        self._find_late(function, {slot for slot, count in stores.items() if count == 1} - read)
        self.stored = [slot for slot in self.slots if slot in stores]
        body = [*self._block(function.body), *self._write(self.stored)]
        begin = [] if not self.late else _assigned(_PLACE, ast.Constant(-1))
        if self.stored:
            body = [ast.Try(body, [self._on_error()], [], [])]
            begin += _assigned(_AWAY, ast.Constant(value=False))
        function.body = [*begin, *self._read(self.slots), *body]

    def _on_error(self) -> ast.ExceptHandler:
        """Write everything, but a time that was given by the one who raised."""
        told = [ast.If(ast.UnaryOp(ast.Not(), ast.Name(_AWAY, ast.Load())), self._write([_TOLD]), [])]
        others = self._write(slot for slot in self.stored if slot != _TOLD)
        body = [*others, *(told if _TOLD in self.stored else []), ast.Raise()]
        return ast.ExceptHandler(ast.Name("BaseException", ast.Load()), None, body)

    def _find_late(self, function: ast.FunctionDef, slots: set[Slot]) -> None:
        """Of `slots`, those that a loop copies from columns, all at one place before anything else happens."""
        for loop in ast.walk(function):
            if isinstance(loop, ast.While):
                for statement in loop.body:
                    if not isinstance(statement, ast.Assign) or self._beyond(statement) is not None:
                        break
                    slot = next((slot for slot, _ in self._direct(statement)), None)
                    if slot in slots and _is_element(statement.value):
                        self.late[slot] = statement

    # Between names and attributes.

    def _read(self, slots: Iterable[Slot]) -> list[ast.stmt]:
        """Names take what the attributes hold."""
        return [self._reading[slot] for slot in slots if slot not in self.late]

    def _write(self, slots: Iterable[Slot]) -> list[ast.stmt]:
        """Attributes take what the names hold, or the column."""
        wanted = [*slots]
        late = [self._late_write(slot) for slot in wanted if slot in self.late]
        is_begun = ast.Compare(ast.Name(_PLACE, ast.Load()), [ast.GtE()], [ast.Constant(0)])
        return [
            *(self._writing[slot] for slot in wanted if slot not in self.late),
            *([ast.fix_missing_locations(ast.If(is_begun, late, [], lineno=1))] if late else []),
        ]

    def _late_write(self, slot: Slot) -> ast.stmt:
        """The attribute takes what lies in its column at the place that was kept."""
        column: Any = self.late[slot].value
        return _assign(
            _attribute(slot, ast.Store()), ast.Subscript(column.value, ast.Name(_PLACE, ast.Load()), ast.Load())
        )

    def _direct(self, tree: ast.AST) -> Iterator[tuple[Slot, bool]]:
        """The kept slots that a tree mentions itself, and whether it stores to them."""
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute):
                slot = (base_of(node, self.known), node.attr)
                if slot in self.kept:
                    yield slot, not isinstance(node.ctx, ast.Load)

    def _beyond(self, node: ast.AST) -> Effects | None:
        """What a tree does to kept slots otherwise than by their names; None where it does nothing of the kind."""
        effects = effects_of([node], self.known, self.kept)
        if effects == Effects():
            return None
        return effects if any(effects.touches(slot) for slot in self.slots) else None

    def _around(self, statement: ast.stmt, effects: Effects) -> list[ast.stmt]:
        """A statement that reaches beyond: as it was, after writing what it may see and before reading what it may change."""
        own = dict.fromkeys(slot for slot, _ in self._direct(statement))
        changed = {slot for slot, is_stored in self._direct(statement) if is_stored}
        before = [slot for slot in self.stored if slot in own or effects.touches(slot)]
        after = [slot for slot in self.slots if slot in changed or effects.changes(slot)]
        if effects.changes(_TOLD):
            return [*self._write(before), *_assigned(_AWAY, ast.Constant(value=True)), statement,
                    *_assigned(_AWAY, ast.Constant(value=False)), *self._read(after)]  # fmt: skip
        return [*self._write(before), statement, *self._read(after)]

    # Statements.

    def _block(self, body: list[ast.stmt]) -> list[ast.stmt]:
        """Several statements."""
        return [each for statement in body for each in self._statement(statement)]

    def _statement(self, node: ast.stmt) -> list[ast.stmt]:
        """One statement, and what must stand around it."""
        if isinstance(node, ast.If):
            before, test = self._value(node.test)
            return [*before, ast.copy_location(ast.If(test, self._block(node.body), self._block(node.orelse)), node)]
        if isinstance(node, ast.While):
            return [self._while(node)]
        if isinstance(node, ast.For):
            before, values = self._value(node.iter)
            return [*before, ast.copy_location(ast.For(node.target, values, self._block(node.body), []), node)]
        if isinstance(node, ast.Return):
            before, value = self._value(node.value) if node.value else ([], None)
            return [*before, *self._write(self.stored), ast.copy_location(ast.Return(value), node)]
        if isinstance(node, ast.Assign) and any(node is late for late in self.late.values()):
            is_last = node is [*self.late.values()][-1]
            return _assigned(_PLACE, node.value.slice) if is_last and isinstance(node.value, ast.Subscript) else []
        effects = self._beyond(node)
        return [self._named(node)] if effects is None else self._around(node, effects)

    def _while(self, node: ast.While) -> ast.While:
        """A loop; a test that reaches beyond is made inside."""
        before, test = self._value(node.test)
        body = self._block(node.body)
        if before:
            leave = ast.If(ast.UnaryOp(ast.Not(), test), [ast.Break()], [])
            before = [*before, ast.copy_location(leave, node)]
            test = ast.Constant(value=True)
        return ast.copy_location(ast.While(test, [*before, *body], []), node)

    def _value(self, node: ast.expr) -> tuple[list[ast.stmt], ast.expr]:
        """An expression that is read once; where it reaches beyond, it is kept first."""
        effects = self._beyond(node)
        if effects is None:
            return [], self._named(node)
        self.count += 1
        name = f"test_{self.count}"
        statement = ast.copy_location(ast.Assign([ast.Name(name, ast.Store())], node), node)
        return self._around(statement, effects), ast.copy_location(ast.Name(name, ast.Load()), node)

    def _named(self, node: Tree) -> Tree:
        """A tree with names for the kept slots."""
        return _Rename(self.kept, self.known).visit(node)  # type: ignore[no-any-return]


class _Rename(ast.NodeTransformer):
    """Attributes become names."""

    def __init__(self, kept: frozenset[Slot], known: Known) -> None:
        """`kept` are the slots that have names."""
        self.kept = kept
        self.known = known

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        """One attribute."""
        slot = (base_of(node, self.known), node.attr)
        if slot in self.kept:
            return ast.copy_location(ast.Name(_name(slot), node.ctx), node)
        return self.generic_visit(node)


def _name(slot: Slot) -> str:
    """The name that holds a slot; no path's name ends like it."""
    return slot[0] + slot[1]


def _is_element(node: ast.expr) -> bool:
    """Whether an expression is an element, by a name, of a column of the feed, which nobody writes to."""
    is_by_name = (
        isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and isinstance(node.slice, ast.Name)
    )
    return is_by_name and node.value.id.startswith("feed_")  # type: ignore[attr-defined]


def _assigned(name: str, value: ast.expr) -> list[ast.stmt]:
    """`name = value`."""
    return [_assign(ast.Name(name, ast.Store()), value)]


def _assign(target: ast.expr, value: ast.expr) -> ast.stmt:
    """`target = value`, one tree wherever it stands."""
    return ast.fix_missing_locations(ast.Assign([target], value, lineno=1))


def _attribute(slot: Slot, context: ast.expr_context) -> ast.Attribute:
    """The slot itself."""
    return ast.Attribute(ast.Name(slot[0], ast.Load()), slot[1], context)


__all__ = ["holds_number", "keep_in_names", "numbers_in"]
