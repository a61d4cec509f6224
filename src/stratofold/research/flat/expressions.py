"""Expressions: read in Python's own order, with calls written out before them where they can be.

What comes in: a syntax tree and the frame that it belongs to.  What goes out: a `Value`; lines that must come first
are put before it.  Whatever was read earlier and might change meanwhile is kept in a name of its own.
"""

from __future__ import annotations

import ast
import builtins
import math
from types import BuiltinFunctionType, FunctionType
from typing import TYPE_CHECKING, Any

from stratofold.research.flat import calls
from stratofold.research.flat.kinds import MANY, Many, Thing, is_held
from stratofold.research.flat.writer import NOTHING, Frame, Unfit, Value, Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_OPERATORS = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%", ast.Pow: "**",
    ast.LShift: "<<", ast.RShift: ">>", ast.BitAnd: "&", ast.BitOr: "|", ast.BitXor: "^", ast.MatMult: "@",
    ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Is: "is",
    ast.IsNot: "is not", ast.In: "in", ast.NotIn: "not in", ast.Not: "not ", ast.USub: "-", ast.UAdd: "+",
    ast.Invert: "~", ast.And: "and", ast.Or: "or",
}  # fmt: skip


def operator(node: ast.operator | ast.cmpop | ast.unaryop | ast.boolop) -> str:
    """An operator as it is written."""
    return _OPERATORS[type(node)]


def read(w: Writer, node: ast.expr, frame: Frame, wanted: str = "") -> Value:
    """One expression; where it is a call that is written out, its result may go to the name `wanted`."""
    if isinstance(node, ast.Call):
        return calls.call(w, node, frame, wanted)
    return _READERS[type(node)](w, node, frame)


def read_all(w: Writer, nodes: Sequence[ast.expr], frame: Frame) -> list[Value]:
    """Several expressions, from left to right."""
    done: list[Value] = []
    for node in nodes:
        place = len(w.out)
        value = read(w, node, frame)
        if len(w.out) > place:
            for earlier, each in enumerate(done):
                if not each.is_stable:
                    done[earlier] = w.keep(each, place)
                    place += 1
        done.append(value)
    return done


def _constant(w: Writer, node: ast.Constant, _: Frame) -> Value:
    """A number, a text, None."""
    return w.number(node.value) if isinstance(node.value, (int, float)) else Value(repr(node.value), is_stable=True)


def _name(w: Writer, node: ast.Name, frame: Frame) -> Value:
    """A local name, or what a global one means."""
    name = node.id
    if name in frame.bound:
        return frame.bound[name]
    if name in frame.source.locals:
        return Value(name + frame.suffix, frame.kinds.get(name), is_stable=True)
    if name not in frame.scope:
        if not hasattr(builtins, name):
            raise Unfit(name)
        return Value(name, is_stable=True)
    value = frame.scope[name]
    if isinstance(value, (int, float)) and not frame.source.is_users:
        w.rely(frame.scope, name)
        return w.number(value)
    if isinstance(value, (FunctionType, BuiltinFunctionType, type)):
        w.rely(frame.scope, name)
        return Value(w.alias(value, name), is_stable=True)
    if value is math:
        w.rely(frame.scope, name)
        return Value(w.alias(value, name), is_stable=True)
    return Value(f"{w.alias(frame.scope, 'module')}[{name!r}]")  # the user's own, and may change


def _attribute(w: Writer, node: ast.Attribute, frame: Frame) -> Value:
    """What an attribute holds; a property is its function."""
    owner = read(w, node.value, frame)
    thing, name = owner.kind, node.attr
    if not isinstance(thing, Thing):
        if w.names.get(owner.text) is not math:
            w.unclear.add(name)
        return Value(f"{owner.text}.{name}")
    known = w.constants.get((thing.path, name), NOTHING)
    if known is not NOTHING:
        return w.number(known)
    kind = w.graph.holds(thing, name)
    if kind is not None and kind.path:
        return w.at(kind)
    member = calls.member(w, thing.cls, name)
    if isinstance(member, property) and isinstance(member.fget, FunctionType):
        got = calls.write_out(w, member.fget, [owner], {}, frame, "")
        if got is not None:
            return got
    if not is_held(thing.cls, name):
        w.unclear.add(name)
    return Value(f"{owner.text}.{name}", kind)


def _subscript(w: Writer, node: ast.Subscript, frame: Frame) -> Value:
    """An element of a list or array, or what `__getitem__` says."""
    owner, index = read_all(w, [node.value, node.slice], frame)
    if isinstance(owner.kind, Many):
        is_only = w.constants.get((owner.kind.path, "len")) == 1
        return element_of(w, owner, index.text, 0 if is_only else index.constant)
    if isinstance(owner.kind, Thing):
        member = calls.member(w, owner.kind.cls, "__getitem__")
        if isinstance(member, FunctionType):
            got = calls.write_out(w, member, [owner, index], {}, frame, "")
            if got is not None:
                return got
    return Value(f"{owner.text}[{index.text}]")


def element_of(w: Writer, values: Value, text: str, index: object) -> Value:
    """What lies at an index of a list, `index` where it is known."""
    element = w.graph.element(values.kind, index) if isinstance(values.kind, Many) else None
    return w.at(element) if element is not None and element.path else Value(f"{values.text}[{text}]", element)


def _tuple(w: Writer, node: ast.Tuple, frame: Frame) -> Value:
    """Several numbers."""
    return Value("(" + "".join(f"{each.text}, " for each in read_all(w, node.elts, frame)) + ")")


def _unary(w: Writer, node: ast.UnaryOp, frame: Frame) -> Value:
    """`not x`, `-x`."""
    operand = read(w, node.operand, frame)
    return _folded(w, f"({operator(node.op)}{operand.text})", operand)


def _binary(w: Writer, node: ast.BinOp, frame: Frame) -> Value:
    """`a + b`."""
    left, right = read_all(w, [node.left, node.right], frame)
    return _folded(w, f"({left.text} {operator(node.op)} {right.text})", left, right)


def _folded(w: Writer, text: str, *parts: Value) -> Value:
    """The text, or the number it makes where all its parts are numbers."""
    if any(part.constant is NOTHING or part.constant != part.constant for part in parts):
        return Value(text)
    try:
        return w.number(eval(text, w.names))  # noqa: S307  numbers and operators that we wrote ourselves
    except ArithmeticError:
        return Value(text)


def _compare(w: Writer, node: ast.Compare, frame: Frame) -> Value:
    """`a < b`; in a chain nothing may be put before what may never be read."""
    size = _size(w, node, frame)
    if size is not None:
        other = read(w, node.comparators[0], frame)
        return Value(f"({size.text} {operator(node.ops[0])} {other.text})")
    if _is_of_many(w, node, frame):
        return w.number(True)
    first, second = read_all(w, [node.left, node.comparators[0]], frame)
    text = f"{first.text} {operator(node.ops[0])} {second.text}"
    if len(node.ops) == 1:
        return _folded(w, f"({text})", first, second)
    for operation, comparator in zip(node.ops[1:], node.comparators[1:], strict=True):
        text += f" {operator(operation)} {_alone(w, comparator, frame).text}"
    return Value(f"({text})")


def _is_of_many(w: Writer, node: ast.Compare, frame: Frame) -> bool:
    """Whether it is `len(column) > 1`, of a column that is known to be longer."""
    match node:
        case ast.Compare(ast.Call(ast.Name("len"), [ast.Attribute() as column]), [ast.Gt()], [ast.Constant(1)]):
            kind = read(w, column, frame).kind
            return isinstance(kind, Many) and w.constants.get((kind.path, "len")) is MANY
    return False


def _size(w: Writer, node: ast.Compare, frame: Frame) -> Value | None:
    """The size of a name's number, if that is compared first: the sign of 0 does not matter then, so no call is needed."""
    left = node.left
    if not (isinstance(left, ast.Call) and isinstance(left.func, ast.Name) and left.func.id == "abs"):
        return None
    if not isinstance(left.args[0], ast.Name) or frame.source.is_users or len(node.ops) > 1:
        return None
    given = read(w, left.args[0], frame)
    if not given.is_stable:
        return None
    name = given.text
    return Value(f"({name} if {name} >= 0.0 else -{name})", is_stable=True)


def _alone(w: Writer, node: ast.expr, frame: Frame) -> Value:
    """An expression before which nothing is put."""
    w.held += 1
    try:
        lines, value = w.block(lambda: read(w, node, frame))
    finally:
        w.held -= 1
    if lines:
        raise Unfit("a call in a chain of comparisons")
    return value  # type: ignore[no-any-return]


def _boolean(w: Writer, node: ast.BoolOp, frame: Frame) -> Value:
    """`a and b`: where `b` needs lines of its own they are read only if it is."""
    return _rest_of_boolean(w, node.op, node.values, frame)


def truth(w: Writer, node: ast.expr, frame: Frame) -> Value:
    """An expression of which only the truth is asked."""
    if isinstance(node, ast.BoolOp):
        return _rest_of_boolean(w, node.op, node.values, frame, is_test=True)
    return read(w, node, frame)


def _rest_of_boolean(w: Writer, op: ast.boolop, nodes: list[ast.expr], frame: Frame, *, is_test: bool = False) -> Value:
    """The operands from one on; `is_test` where only their truth is asked."""
    first = read(w, nodes[0], frame)
    is_last = len(nodes) == 1
    if first.constant is not NOTHING and not is_last:
        decided = bool(first.constant) == isinstance(op, ast.Or)
        return first if decided else _rest_of_boolean(w, op, nodes[1:], frame, is_test=is_test)
    if is_last:
        return first
    lines, rest = w.block(lambda: _rest_of_boolean(w, op, nodes[1:], frame, is_test=is_test))
    if is_test and rest.constant is not NOTHING:
        decides = bool(rest.constant) == isinstance(op, ast.Or)
        if not decides:
            return first
        if first.is_stable:
            return rest  # type: ignore[no-any-return]
    if not lines:
        return Value(f"({first.text} {operator(op)} {rest.text})")
    if w.held:
        raise Unfit("a call where nothing may be put before")
    kept = w.keep(first)
    w.emit(f"if {kept.text}:" if isinstance(op, ast.And) else f"if not {kept.text}:")
    w.out[-1] = (*w.out[-1][:2], [*lines, (w.line, f"{kept.text} = {rest.text}", None)])
    return Value(kept.text, is_stable=True)


def _choice(w: Writer, node: ast.IfExp, frame: Frame) -> Value:
    """`a if test else b`."""
    test = read(w, node.test, frame)
    if test.constant is not NOTHING:
        return read(w, node.body if test.constant else node.orelse, frame)
    lines, body = w.block(lambda: read(w, node.body, frame))
    others, other = w.block(lambda: read(w, node.orelse, frame))
    if not lines and not others:
        return Value(f"({body.text} if {test.text} else {other.text})")
    if w.held:
        raise Unfit("a call where nothing may be put before")
    name = w.fresh("chosen")
    w.emit(f"if {test.text}:", [*lines, (w.line, f"{name} = {body.text}", None)])
    w.emit("else:", [*others, (w.line, f"{name} = {other.text}", None)])
    return Value(name, is_stable=True)


_READERS: dict[type[ast.AST], Callable[[Writer, Any, Frame], Value]] = {
    ast.Constant: _constant,
    ast.Name: _name,
    ast.Attribute: _attribute,
    ast.Subscript: _subscript,
    ast.Tuple: _tuple,
    ast.UnaryOp: _unary,
    ast.BinOp: _binary,
    ast.Compare: _compare,
    ast.BoolOp: _boolean,
    ast.IfExp: _choice,
}
