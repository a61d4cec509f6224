"""Statements: each as it stands, with its expressions read and its names made its own.

What comes in: the statements of a function and its frame.  What goes out: lines.  A test that is known leaves only
the branch that is taken.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from stratofold.fold.leap import look_ahead
from stratofold.research.flat import expressions
from stratofold.research.flat.kinds import Kind, Many, Thing, pathless
from stratofold.research.flat.writer import NOTHING, Frame, Line, Unfit, Value, Writer

if TYPE_CHECKING:
    from collections.abc import Callable


def write(w: Writer, body: list[ast.stmt], frame: Frame) -> None:
    """Several statements."""
    for statement in body:
        if frame.source.file == w.file:
            w.line = statement.lineno
        _WRITERS[type(statement)](w, statement, frame)


def _block(w: Writer, body: list[ast.stmt], frame: Frame) -> list[Line]:
    """Several statements, apart."""
    line = w.line
    lines, _ = w.block(lambda: write(w, body, frame))
    w.line = line
    return lines


def _word(w: Writer, node: ast.Pass | ast.Break | ast.Continue, _: Frame) -> None:
    """`break`, `continue`; `pass` says nothing."""
    if not isinstance(node, ast.Pass):
        w.emit("break" if isinstance(node, ast.Break) else "continue")


def _expression(w: Writer, node: ast.Expr, frame: Frame) -> None:
    """A call for what it does."""
    value = expressions.read(w, node.value, frame)
    if not value.is_stable:
        w.emit(value.text)


def _return(w: Writer, node: ast.Return, frame: Frame) -> None:
    """A return; of a function that stands in another it is the end of its way."""
    if not frame.is_inner:
        value = expressions.read(w, node.value, frame) if node.value else Value("")
        frame.result_kinds.add(pathless(value.kind))
        w.emit(f"return {value.text}".rstrip())
        return
    if frame.result:
        if node.value is None:
            raise Unfit("a result on some ways only")
        value = expressions.read(w, node.value, frame, frame.result)
        frame.result_kinds.add(pathless(value.kind))
        _store(w, frame.result, value)
    if frame.leaves_loop:
        w.emit("break")


def _store(w: Writer, name: str, value: Value) -> None:
    """`name = value`, unless it is there already."""
    if value.text != name:
        w.emit(f"{name} = {value.text}")


def _raise(w: Writer, node: ast.Raise, frame: Frame) -> None:
    """`raise X("...")`."""
    if node.exc is None or node.cause is not None:
        raise Unfit("raise")
    w.emit(f"raise {expressions.read(w, node.exc, frame).text}")


def _annotated(w: Writer, node: ast.AnnAssign, frame: Frame) -> None:
    """`x: int = 1`."""
    if node.value is not None:
        _assign_to(w, node.target, node.value, frame)


def _assign(w: Writer, node: ast.Assign, frame: Frame) -> None:
    """`x = 1`."""
    if len(node.targets) != 1:
        raise Unfit("several targets")
    _assign_to(w, node.targets[0], node.value, frame)


def _assign_to(w: Writer, target: ast.expr, node: ast.expr, frame: Frame) -> None:
    """`node` goes to `target`; Python reads the value before the target's own parts."""
    if isinstance(target, ast.Name):
        _assign_name(w, target.id, node, frame)
    elif isinstance(target, ast.Attribute):
        value, owner = expressions.read_all(w, [node, target.value], frame)
        _refuse_constant(w, owner, target.attr)
        w.emit(f"{owner.text}.{target.attr} = {value.text}")
    elif isinstance(target, ast.Subscript):
        value, owner, index = expressions.read_all(w, [node, target.value, target.slice], frame)
        if isinstance(owner.kind, Thing):
            raise Unfit("__setitem__")
        w.emit(f"{owner.text}[{index.text}] = {value.text}")
    else:
        _assign_tuple(w, target, node, frame)


def _assign_name(w: Writer, name: str, node: ast.expr, frame: Frame) -> None:
    """A local name; one that is stored to only once may stand for an object."""
    value = expressions.read(w, node, frame, name + frame.suffix)
    is_only = frame.source.stores.get(name) == 1 and name not in frame.source.parameters
    if is_only and isinstance(value.kind, (Thing, Many)):
        if value.kind.path:
            frame.bound[name] = value
            return
        frame.kinds[name] = value.kind
    _store(w, name + frame.suffix, value)


def _assign_tuple(w: Writer, target: ast.expr, node: ast.expr, frame: Frame) -> None:
    """`a, b = f()`."""
    names = [each.id for each in getattr(target, "elts", ()) if isinstance(each, ast.Name)]
    if not isinstance(target, ast.Tuple) or len(names) != len(target.elts):
        raise Unfit("target")
    value = expressions.read(w, node, frame)
    w.emit(f"{', '.join(name + frame.suffix for name in names)}, = {value.text}")


def _refuse_constant(w: Writer, owner: Value, name: str) -> None:
    """Raise Unfit where a number that was taken for constant is stored to."""
    if isinstance(owner.kind, Thing) and (owner.kind.path, name) in w.constants and name != "symbol":
        raise Unfit(f"{owner.text}.{name} is stored to")


def _augment(w: Writer, node: ast.AugAssign, frame: Frame) -> None:
    """`x += 1`; where the value needs lines of its own, the old value is read before them."""
    target = node.target
    if isinstance(target, ast.Name):
        place = f"{target.id}{frame.suffix}"
    elif isinstance(target, ast.Attribute):
        owner = expressions.read(w, target.value, frame)
        _refuse_constant(w, owner, target.attr)
        place = f"{owner.text}.{target.attr}"
    else:
        owner, index = expressions.read_all(w, [target.value, target.slice], frame)
        if not index.is_stable:
            index = w.keep(index)
        place = f"{owner.text}[{index.text}]"
    before = len(w.out)
    value = expressions.read(w, node.value, frame)
    operation = expressions.operator(node.op)
    if len(w.out) == before:
        w.emit(f"{place} {operation}= {value.text}")
    elif isinstance(target, ast.Name) or owner.is_stable:
        old = w.keep(Value(place), before)
        w.emit(f"{place} = {old.text} {operation} {value.text}")
    else:
        raise Unfit("where to add is read first")


def _is_idle(node: ast.stmt) -> bool:
    """Whether a statement only has machine code fetch ahead; Python has nothing to fetch with."""
    call = node.value if isinstance(node, ast.Expr) else None
    return isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == look_ahead.__name__


def _if(w: Writer, node: ast.If, frame: Frame) -> None:
    """A branch; only the one taken, where that is known, and none that is idle here."""
    if not node.orelse and not frame.source.is_users and all(_is_idle(each) for each in node.body):
        return
    test = expressions.truth(w, node.test, frame)
    if test.constant is not NOTHING:
        write(w, node.body if test.constant else node.orelse, frame)
        return
    w.emit(f"if {test.text}:", _block(w, node.body, frame))
    other = _block(w, node.orelse, frame)
    if other:
        w.emit("else:", other)


def _while(w: Writer, node: ast.While, frame: Frame) -> None:
    """A loop; a test that needs lines of its own is made inside."""
    if node.orelse:
        raise Unfit("while-else")
    lines, test = w.block(lambda: expressions.read(w, node.test, frame))
    body = _block(w, node.body, frame)
    if lines:
        w.emit("while True:", [*lines, (w.line, f"if not {test.text}:", [(w.line, "break", None)]), *body])
    else:
        w.emit(f"while {test.text}:", body)


def _is_once(w: Writer, kind: Kind) -> bool:
    """Whether a list is known to hold one thing."""
    return isinstance(kind, Many) and kind.element is not None and w.constants.get((kind.path, "len")) == 1


def _leaves(body: list[ast.stmt]) -> bool:
    """Whether a loop's body may leave or cut short a turn."""
    return any(isinstance(node, (ast.Break, ast.Continue)) for statement in body for node in ast.walk(statement))


def _for(w: Writer, node: ast.For, frame: Frame) -> None:
    """A loop over a range, an array or a list."""
    if node.orelse or not isinstance(node.target, ast.Name):
        raise Unfit("for")
    values = expressions.read(w, node.iter, frame)
    if _is_once(w, values.kind) and frame.source.stores.get(node.target.id) == 1 and not _leaves(node.body):
        frame.bound[node.target.id] = expressions.element_of(w, values, "0", 0)
        write(w, node.body, frame)
        return
    if isinstance(values.kind, Many) and values.kind.element and frame.source.stores.get(node.target.id) == 1:
        frame.kinds[node.target.id] = Thing(values.kind.element)
    w.emit(f"for {node.target.id}{frame.suffix} in {values.text}:", _block(w, node.body, frame))


_WRITERS: dict[type[ast.stmt], Callable[[Writer, Any, Frame], None]] = {
    ast.Pass: _word,
    ast.Break: _word,
    ast.Continue: _word,
    ast.Expr: _expression,
    ast.Return: _return,
    ast.Raise: _raise,
    ast.AnnAssign: _annotated,
    ast.Assign: _assign,
    ast.AugAssign: _augment,
    ast.If: _if,
    ast.While: _while,
    ast.For: _for,
}
