"""A function as its author wrote it, and whether it can be written into another.

What comes in: a function.  What goes out: its tree, its parameters, and how often each local name is stored to.
A function that was decorated, rerouted, whose source has gone, or that uses what the writer does not know is `Unfit`:
then it is called as it is.
"""

from __future__ import annotations

import ast
import linecache
import sys
import textwrap
from typing import TYPE_CHECKING, Any

from stratofold.routing import is_users

if TYPE_CHECKING:
    from types import CodeType, FunctionType

_KNOWN = {
    ast.Name, ast.Constant, ast.Attribute, ast.Subscript, ast.Tuple, ast.UnaryOp, ast.BinOp, ast.Compare, ast.BoolOp,
    ast.IfExp, ast.Call, ast.keyword, ast.Expr, ast.Assign, ast.AugAssign, ast.AnnAssign, ast.If, ast.While, ast.For,
    ast.Break, ast.Continue, ast.Pass, ast.Return, ast.Raise,
    ast.Load, ast.Store, ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow, ast.LShift, ast.RShift,
    ast.BitAnd, ast.BitOr, ast.BitXor, ast.MatMult, ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Is,
    ast.IsNot, ast.In, ast.NotIn, ast.Not, ast.USub, ast.UAdd, ast.Invert, ast.And, ast.Or,
}  # fmt: skip
_ROUTED = "_stratofold_"  # what the names in rerouted code begin with
_MORE_LINES = 8  # a call's closing brackets may stand below the last line that does something


class Unfit(Exception):
    """The function, or what was found in it, cannot be written into another; `is_blamed` when that was noted."""

    is_blamed = False


class Source:
    """One function: what the writer asks of it."""

    def __init__(self, function: FunctionType) -> None:
        """Read and look through the function; raises Unfit."""
        self.function = function
        self.file = function.__code__.co_filename
        self.line = function.__code__.co_firstlineno
        node = _tree(function.__code__)
        given = node.args
        if given.vararg or given.kwarg or given.posonlyargs or function.__code__.co_freevars:
            raise Unfit(function.__qualname__)
        self.positional = [each.arg for each in given.args]
        self.parameters = self.positional + [each.arg for each in given.kwonlyargs]
        self.defaults = _defaults(function, self.positional)
        self.locals = frozenset(function.__code__.co_varnames)
        self.stores: dict[str, int] = {}
        self.size = 0
        self.returns_in_loop = False
        self.body = _without_docstring(node.body)
        for statement in self.body:
            self._look_through(statement)
        self.is_users = is_users(sys.modules.get(function.__module__))

    def _look_through(self, statement: ast.AST) -> None:
        """Count what a statement has, and refuse what is not known."""
        for node in ast.walk(statement):
            kind = type(node)
            self.size += 1
            if kind not in _KNOWN:
                raise Unfit(kind.__name__)
            if kind is ast.Name and type(node.ctx) is ast.Store:  # type: ignore[attr-defined]
                self.stores[node.id] = self.stores.get(node.id, 0) + 1  # type: ignore[attr-defined]
            elif (kind is ast.For or kind is ast.While) and has_return(node.body):  # type: ignore[attr-defined]
                self.returns_in_loop = True


def _tree(code: CodeType) -> ast.FunctionDef:
    """The definition that some code was made from; raises Unfit."""
    if any(name.startswith(_ROUTED) for name in code.co_names):
        raise Unfit("rerouted")
    lines = linecache.getlines(code.co_filename)
    first = code.co_firstlineno - 1
    last = max(line for _, _, line in code.co_lines() if line)
    for end in range(last, last + _MORE_LINES):
        try:
            tree = ast.parse(textwrap.dedent("".join(lines[first:end])))
        except SyntaxError:
            continue
        node = tree.body[0] if tree.body else None
        if isinstance(node, ast.FunctionDef) and node.name == code.co_name:
            ast.increment_lineno(node, first)
            return node
        break
    raise Unfit("no source")


def _without_docstring(body: list[ast.stmt]) -> list[ast.stmt]:
    """The statements that do something."""
    first = body[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and len(body) > 1:
        return body[1:]
    return body


def _defaults(function: FunctionType, positional: list[str]) -> dict[str, Any]:
    """Parameters' defaults by name."""
    values = function.__defaults__ or ()
    return {
        **dict(zip(positional[len(positional) - len(values) :], values, strict=True)),
        **(function.__kwdefaults__ or {}),
    }


def _returns(node: ast.AST) -> bool:
    """Whether there is a return in it."""
    return any(isinstance(each, ast.Return) for each in ast.walk(node))


def has_return(body: list[ast.stmt]) -> bool:
    """Whether one of the statements returns."""
    return any(_returns(statement) for statement in body)


def always_returns(body: list[ast.stmt]) -> bool:
    """Whether every way through the statements ends in a return, or raises."""
    if not body:
        return False
    last = body[-1]
    if isinstance(last, ast.If):
        return always_returns(last.body) and always_returns(last.orelse)
    return isinstance(last, (ast.Return, ast.Raise))


def returns_last(body: list[ast.stmt]) -> list[ast.stmt] | None:
    """The same statements with each return the last on its way, what follows an `if` moved into it; None: cannot be."""
    for place, statement in enumerate(body):
        if isinstance(statement, ast.Return):
            return body[: place + 1]
        if _returns(statement):
            moved = _moved(statement, body[place + 1 :]) if isinstance(statement, ast.If) else None
            return None if moved is None else [*body[:place], moved]
    return body


def _moved(statement: ast.If, rest: list[ast.stmt]) -> ast.If | None:
    """An `if` with the statements after it moved into the branch that goes on."""
    if always_returns(statement.body):
        body, other = returns_last(statement.body), returns_last([*statement.orelse, *rest])
    elif always_returns(statement.orelse):
        body, other = returns_last([*statement.body, *rest]), returns_last(statement.orelse)
    elif not rest:
        body, other = returns_last(statement.body), returns_last(statement.orelse)
    else:
        return None
    if body is None or other is None:
        return None
    return ast.copy_location(ast.If(statement.test, body, other), statement)
