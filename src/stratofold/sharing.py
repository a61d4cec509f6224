"""One indicator, several symbols: the mistake that makes an average of prices that have nothing to do with each other.

What comes in: a strategy whose `setup` is done.  What goes out: nothing, or an error with the line and the remedy
(contract 5).  An update inside a condition that mentions a symbol is the user's own care, and is left alone.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from typing import TYPE_CHECKING

from stratofold.errors import Setup

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stratofold.fold.strategy import Strategy

_seen: set[tuple[type, frozenset[str]]] = set()


def refuse_shared(fold: Strategy) -> None:
    """Raise Setup where `on_bar` feeds one plain indicator with the bars of every symbol; asked once a class."""
    if fold.symbol_count < 2:  # one symbol cannot share
        return
    plain = frozenset(name for name, value in vars(fold).items() if hasattr(value, "update"))
    if not plain or (type(fold), plain) in _seen:
        return
    for name, line in _updates(type(fold), plain):
        what = f"self.{name} is one indicator, and is fed by the bars of {fold.symbol_count} symbols"
        kind = type(getattr(fold, name)).__name__
        fix = f"in setup: self.{name} = self.per_symbol({kind}, ...); then self.{name}[bar.symbol].update(...)"
        raise Setup("SF123", what, place=line, why="its values would mix their prices", fix=fix)
    _seen.add((type(fold), plain))


def _updates(strategy: type[Strategy], plain: frozenset[str]) -> Iterator[tuple[str, str]]:
    """Unguarded `self.name.update(...)` in `on_bar`, with file and line."""
    function = strategy.on_bar
    try:
        lines, first = inspect.getsourcelines(function)
    except (OSError, TypeError):
        return
    tree = ast.parse(textwrap.dedent("".join(lines)))
    bar = list(inspect.signature(function).parameters)[1]
    for node in _unguarded(tree):
        call = node.func
        owner = call.value if isinstance(call, ast.Attribute) and call.attr == "update" else None
        whole_bar = any(isinstance(argument, ast.Name) and argument.id == bar for argument in node.args)
        if isinstance(owner, ast.Attribute) and owner.attr in plain and not whole_bar:
            yield owner.attr, f"{inspect.getsourcefile(function)}:{first + node.lineno - 1}"


def _unguarded(node: ast.AST) -> Iterator[ast.Call]:
    """Calls that no condition on a symbol stands before."""
    if isinstance(node, (ast.If, ast.IfExp)) and "symbol" in ast.dump(node.test):
        return
    if isinstance(node, ast.Call):
        yield node
    for child in ast.iter_child_nodes(node):
        yield from _unguarded(child)
