"""Conditions between parameters: `fast < slow`, as text or as a function of the parameters.

What comes in: texts, functions, or one of them.  What goes out: functions of a set of parameters.
Text is read as an expression of names, numbers, comparisons and arithmetic, and of nothing else, because it may come
from a command line or a file.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from stratofold.errors import Setup

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Condition = Callable[[Mapping[str, Any]], bool]

_ALLOWED = (
    ast.Expression, ast.Compare, ast.BoolOp, ast.BinOp, ast.UnaryOp, ast.Name, ast.Constant, ast.Load,
    ast.cmpop, ast.boolop, ast.operator, ast.unaryop,
)  # fmt: skip
_POWER, _SHIFTED = "a power", "a shift"  # names that no text can say
_BITS_MAX = 4_096  # of a whole number


def conditions(where: Any, names: Sequence[str]) -> tuple[Condition, ...]:
    """The conditions of `where`: one, or a list of them; raises Setup SFS04 for what is none."""
    rows = [where] if isinstance(where, str) or callable(where) else list(where)
    return tuple(row if callable(row) else _expression(row, names) for row in rows)


def _expression(text: str, names: Sequence[str]) -> Condition:
    """A condition from its text."""
    try:
        tree = ast.parse(text, mode="eval")
    except SyntaxError:
        raise _no_condition(text, "it is no expression", names) from None
    for node in ast.walk(tree):
        if not isinstance(node, _ALLOWED):
            raise _no_condition(text, "only names, numbers, comparisons and arithmetic are understood", names)
        if isinstance(node, ast.Name) and node.id not in names:
            raise _no_condition(text, f"there is no parameter {node.id!r}", names)
        if isinstance(node, ast.Constant) and not isinstance(node.value, int | float):
            raise _no_condition(text, f"{node.value!r} is no number", names)
    if not _is_truth(tree.body):
        raise _no_condition(text, "it is a number, and nothing that holds or does not", names)
    code = compile(ast.fix_missing_locations(_Bounded().visit(tree)), "<where>", "eval")
    known = {"__builtins__": {}, _POWER: _power, _SHIFTED: _shifted}

    def holds(parameters: Mapping[str, Any]) -> bool:
        try:
            return bool(eval(code, known, dict(parameters)))  # noqa: S307  names and numbers alone
        except ArithmeticError:
            return False
        except (TypeError, ValueError) as wrong:  # 1.5 << 2, 1 << -1
            raise _no_condition(text, str(wrong), names) from wrong

    holds.__name__ = text  # which is what is said of it
    return holds


class _Bounded(ast.NodeTransformer):
    """Powers and shifts, which alone can make a number of any length, asked of functions that refuse to."""

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        """An operation, after those within it."""
        self.generic_visit(node)
        name = {ast.Pow: _POWER, ast.LShift: _SHIFTED}.get(type(node.op))
        return node if name is None else ast.Call(ast.Name(name, ast.Load()), [node.left, node.right], [])


def _power(base: Any, exponent: Any) -> Any:
    """Base to the exponent; raises OverflowError for a whole number past `_BITS_MAX`."""
    if isinstance(base, int) and isinstance(exponent, int) and base.bit_length() * exponent > _BITS_MAX:
        raise OverflowError
    return base**exponent


def _shifted(number: Any, count: Any) -> Any:
    """Number shifted to the left; raises OverflowError for more than `_BITS_MAX`."""
    if isinstance(count, int) and count > _BITS_MAX:
        raise OverflowError
    return number << count


def _is_truth(node: ast.expr) -> bool:
    """Whether an expression is a comparison, a parameter (which may be a truth), or is put together of such."""
    if isinstance(node, ast.BoolOp):
        return all(map(_is_truth, node.values))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return _is_truth(node.operand)
    return isinstance(node, ast.Compare | ast.Name)


def _no_condition(text: str, why: str, names: Sequence[str]) -> Setup:
    """The refusal of a condition."""
    return Setup(
        "SFS04", f"the condition {text!r} is not understood", why=why, fix=f'"fast < slow", of {", ".join(names)}'
    )
