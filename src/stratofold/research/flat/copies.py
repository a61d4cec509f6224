"""A function without the names that only stand for other names.

What comes in: the tree of a function into which others were written; each brought names for its arguments and results.
What goes out: the same function, in which a name that is stored to once, from another, is that other wherever it is
read, if nothing is stored to the other meanwhile.
"""

from __future__ import annotations

import ast
from typing import NamedTuple


class _Copy(NamedTuple):
    """`target = source`, as the statement at `place` of a block whose last statement is number `end`."""

    target: str
    source: str
    block: list[ast.stmt]
    statement: ast.stmt
    place: int
    end: int


class _Numbered:
    """Every statement of a function by number, in the order of the text."""

    def __init__(self, function: ast.FunctionDef) -> None:
        """Count through the function."""
        self.stores: dict[str, list[int]] = {}
        self.loads: dict[str, list[int]] = {}
        self.loops: list[tuple[int, int]] = []
        self.copies: list[_Copy] = []
        self._count = 0
        for each in function.args.args:
            self.stores[each.arg] = [0]
        self._block(function.body)

    def _block(self, body: list[ast.stmt]) -> None:
        """The statements of one block."""
        copies = []
        for statement in body:
            self._count += 1
            place = self._count
            if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Name):
                (target,) = statement.targets
                if isinstance(target, ast.Name):
                    copies.append((target.id, statement.value.id, body, statement, place))
            self._one(statement, place)
            if isinstance(statement, (ast.While, ast.For)):
                self.loops.append((place, self._count))
        self.copies += [_Copy(*each, self._count) for each in copies]

    def _one(self, statement: ast.stmt, place: int) -> None:
        """A statement's own names, then the blocks in it."""
        for node in ast.iter_child_nodes(statement):
            if isinstance(node, ast.ExceptHandler):
                self._block(node.body)
            elif not isinstance(node, ast.stmt):
                self._names(node, place)
        for name in ("body", "orelse"):
            self._block(getattr(statement, name, []))

    def _names(self, tree: ast.AST, place: int) -> None:
        """The names in an expression."""
        for node in ast.walk(tree):
            if isinstance(node, ast.Name):
                uses = self.loads if isinstance(node.ctx, ast.Load) else self.stores
                uses.setdefault(node.id, []).append(place)

    def is_spare(self, copy: _Copy) -> bool:
        """Whether the other name does as well."""
        uses = self.loads.get(copy.target, [])
        if self.stores[copy.target] != [copy.place] or not all(copy.place < use <= copy.end for use in uses):
            return False
        last = max(uses, default=copy.place)
        for begin, end in self.loops:
            if copy.place < begin <= last:
                last = max(last, end)
        return not any(copy.place < store <= last for store in self.stores.get(copy.source, []))


def without_copies(function: ast.FunctionDef) -> None:
    """Take every name that is spare out of `function`."""
    while True:
        numbered = _Numbered(function)
        spare = [copy for copy in numbered.copies if numbered.is_spare(copy)]
        chosen = {copy.target: copy for copy in spare}
        chosen = {name: copy for name, copy in chosen.items() if copy.source not in chosen}
        if not chosen:
            return
        for copy in chosen.values():
            copy.block[:] = [each for each in copy.block if each is not copy.statement] or [
                ast.Pass(lineno=1, col_offset=0)
            ]
        for node in ast.walk(function):
            if isinstance(node, ast.Name) and node.id in chosen:
                node.id = chosen[node.id].source


__all__ = ["without_copies"]
