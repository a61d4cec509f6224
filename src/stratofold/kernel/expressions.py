"""Expressions: names, attributes, elements, tests and choices.

What comes in: a syntax tree and the `Body` being written.  What goes out: a `Value`.  Evaluation order is Python's,
and what Python would not evaluate (the right of `and`, the other arm of a choice) is not evaluated here either.
"""

import ast
import inspect
from array import array
from enum import IntEnum
from types import FunctionType, MethodType, ModuleType
from typing import Any

from stratofold.kernel import arithmetic, calls, memory
from stratofold.kernel.body import Body, Unreachable, Way
from stratofold.kernel.kinds import (
    BOOL,
    FLOAT,
    INT,
    KNOWN,
    NOTHING,
    NUMBERS,
    ArrayKind,
    ListKind,
    ObjectKind,
    TupleKind,
    Value,
    number_value,
)
from stratofold.kernel.names import Bound, Super, global_of


def lower(body: Body, node: ast.expr) -> Value:
    """Write an expression; raises Refused where it is outside the subset."""
    writer = _WRITERS.get(type(node))
    if writer is None:
        reason, fix = _OUTSIDE.get(type(node), (f"{type(node).__name__} has no machine code", ""))
        raise body.refuse(node, reason, fix)
    value: Value = writer(body, node)
    return value


def number(body: Body, node: ast.expr) -> Value:
    """An expression that must be a number."""
    value = lower(body, node)
    if value.kind not in NUMBERS:
        raise body.refuse(node, f"a number is needed here, not {value.kind.name}")
    return value


def _constant(body: Body, node: ast.Constant) -> Value:
    """A literal."""
    return known(body, node.value, node)


def known(body: Body, value: Any, node: ast.AST) -> Value:
    """A Python value that is known while compiling."""
    if isinstance(value, int) and not -(1 << 63) <= value < 1 << 63:
        raise body.refuse(node, f"{value} does not fit 64 bits")
    if isinstance(value, bool | int | float):
        return number_value(value)
    if isinstance(value, array) and value.typecode in "dq":
        return body.unit.constant_array(value.typecode, value)
    if isinstance(value, tuple) and value and all(type(each) is type(value[0]) for each in value):
        if isinstance(value[0], float):
            return body.unit.constant_array("d", value)
        if isinstance(value[0], int) and not isinstance(value[0], bool):
            return body.unit.constant_array("q", value)
    if isinstance(value, FunctionType | ModuleType | type | str | Super) or callable(value):
        return Value(KNOWN, "", value)
    if value is None:
        raise body.refuse(node, "None has no machine code", "use nan for a number that is not there yet")
    raise body.refuse(node, f"a {type(value).__name__} has no machine code", "keep it as an attribute set in setup")


def _name(body: Body, node: ast.Name) -> Value:
    """A local variable, or what the name means in the module."""
    if node.id in body.locals:
        return body.read(node.id, node)
    return known(body, global_of(body, node), node)


def _attribute(body: Body, node: ast.Attribute) -> Value:
    """`owner.name`."""
    return attribute(body, lower(body, node.value), body.attribute_name(node.attr), node)


def attribute(body: Body, owner: Value, name: str, node: ast.AST) -> Value:
    """A field, a method, a property or a class constant of an object; a member of a module or class."""
    if owner.kind is KNOWN:
        return _member_of_known(body, owner.constant, name, node)
    if not isinstance(owner.kind, ObjectKind):
        raise body.refuse(node, f"{owner.kind.name} has no attribute {name} in machine code")
    row = owner.kind.layout.fields.get(name)
    if row is not None:
        return memory.load_field(body, owner, row, node)
    cls = owner.kind.layout.cls
    return _member_of_class(body, owner, inspect.getattr_static(cls, name, _MISSING), (cls, name), node)


_MISSING = object()


def _member_of_class(body: Body, owner: Value, member: Any, called: tuple[type, str], node: ast.AST) -> Value:
    """What a class says of a name that is no field."""
    if member is _MISSING:
        what = f"{called[0].__name__}.{called[1]}"
        raise body.refuse(node, f"{what} is not there when setup is done", f"set self.{called[1]} in setup")
    if isinstance(member, property):
        return calls.function(body, member.fget, [owner], {}, node)
    if isinstance(member, FunctionType):
        return Value(KNOWN, "", Bound(member, owner))
    if isinstance(member, staticmethod):
        return Value(KNOWN, "", member.__func__)
    if isinstance(member, classmethod):
        raise body.refuse(node, f"the class method {called[1]} has no machine code", "make it an ordinary method")
    return known(body, member, node)


def _member_of_known(body: Body, owner: Any, name: str, node: ast.AST) -> Value:
    """A member of a module, a class, an enumeration or `super()`."""
    if isinstance(owner, Super):
        return _member_of_class(body, owner.owner, owner.find(name), (owner.cls, name), node)
    if isinstance(owner, ModuleType | type) and hasattr(owner, name):
        member = getattr(owner, name)
        if isinstance(member, MethodType):
            raise body.refuse(node, f"the class method {name} has no machine code", "make it an ordinary function")
        return known(body, int(member) if isinstance(member, IntEnum) else member, node)
    if isinstance(owner, IntEnum):
        return known(body, getattr(owner, name), node)
    raise body.refuse(node, f"{getattr(owner, '__name__', owner)!s} has no {name} in machine code")


def _subscript(body: Body, node: ast.Subscript) -> Value:
    """`owner[index]`."""
    owner = lower(body, node.value)
    if isinstance(node.slice, ast.Slice):
        raise body.refuse(node, "a slice has no machine code", "loop over the indices")
    return element(body, owner, lower(body, node.slice), node)


def element(body: Body, owner: Value, index: Value, node: ast.AST) -> Value:
    """An element of an array, a list, a table or a tuple."""
    if isinstance(owner.kind, ArrayKind | ListKind):
        _no_text(body, index, node)
        return memory.load_element(body, owner, index, node)
    if isinstance(owner.kind, ObjectKind):
        return calls.method(body, owner, "__getitem__", [index], node)
    if isinstance(owner.kind, TupleKind) and isinstance(index.constant, int):
        members = body.members(owner)
        if -len(members) <= index.constant < len(members):
            return members[index.constant]
    raise body.refuse(node, f"this index into {owner.kind.name} has no machine code")


def _no_text(body: Body, value: Value, node: ast.AST) -> None:
    """Refuse text where a symbol's handle is meant."""
    if value.kind is KNOWN and isinstance(value.constant, str):
        raise body.refuse(
            node, f"a symbol is a number here, not the text {value.constant!r}",
            f"resolve it once: self.handle = self.symbol({value.constant!r}) in setup",
        )  # fmt: skip


def _tuple(body: Body, node: ast.Tuple) -> Value:
    """Several values at once."""
    parts = [lower(body, each) for each in node.elts]
    for part in parts:
        if part.kind in (KNOWN, NOTHING):
            raise body.refuse(node, f"a tuple cannot hold {part.kind.name}")
    return Value(TupleKind(tuple(part.kind for part in parts)), "", None, parts)


def _binary(body: Body, node: ast.BinOp) -> Value:
    """`left op right`."""
    left = lower(body, node.left)
    right = lower(body, node.right)
    if _goes_on(body, node) and left.kind is INT:
        return Value(INT, body.value(f"add nsw i64 {left.text}, {right.text}"))
    return arithmetic.binary(body, node.op, left, right, node)


def _goes_on(body: Body, node: ast.BinOp) -> bool:
    """Whether this is the place after one that lies in a column: no column is so long that 64 bits do not hold it."""
    return (
        isinstance(node.op, ast.Add)
        and isinstance(node.left, ast.Name)
        and is_one(node.right)
        and any(index == node.left.id for _, index in body.inside)
    )


def is_one(node: ast.expr) -> bool:
    """Whether this is the int 1, written out."""
    return isinstance(node, ast.Constant) and type(node.value) is int and node.value == 1


def _unary(body: Body, node: ast.UnaryOp) -> Value:
    """`-x`, `+x`, `~x`, `not x`."""
    if isinstance(node.op, ast.Not):
        return Value(BOOL, body.value(f"xor i1 {test(body, node.operand)}, true"))
    if isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant):
        literal = node.operand.value
        if isinstance(literal, int | float) and not isinstance(literal, bool):
            return known(body, -literal, node)
    return arithmetic.unary(body, node.op, lower(body, node.operand), node)


def _call(body: Body, node: ast.Call) -> Value:
    """`function(arguments)`."""
    return calls.call(body, node)


# Tests


def test(body: Body, node: ast.expr) -> str:
    """The truth of an expression, as an i1 operand."""
    if isinstance(node, ast.BoolOp | ast.Compare) or (isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)):
        yes, no, after, slot = body.label(), body.label(), body.label(), body.hidden("i1")
        branch(body, node, yes, no)
        before = dict(body.environment)
        for label, answer in ((yes, "true"), (no, "false")):
            body.start(label)
            body.emit(f"store i1 {answer}, ptr {slot}")
            body.emit(f"br label %{after}")
        body.environment = before
        body.start(after)
        return body.value(f"load i1, ptr {slot}")
    return truth(body, lower(body, node), node)


def branch(body: Body, node: ast.expr, yes: str, no: str) -> bool | None:
    """Jump to `yes` where the expression is true, else to `no`; returns which it is where that is known already."""
    if isinstance(node, ast.BoolOp):
        return _branch_both(body, node, yes, no)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        turned = branch(body, node.operand, no, yes)
        return None if turned is None else not turned
    if isinstance(node, ast.Compare):
        _branch_compare(body, node, yes, no)
    else:
        value = lower(body, node)
        if value.kind in NUMBERS and value.constant is not None:
            body.emit(f"br label %{yes if value.constant else no}")
            return bool(value.constant)
        body.emit(f"br i1 {truth(body, value, node)}, label %{yes}, label %{no}")
    return None


def _branch_both(body: Body, node: ast.BoolOp, yes: str, no: str) -> bool | None:
    """`and`, `or`: a further side only where those before leave it open; one that always fails is its own end.

    A side that is known to decide is the last one; what it says is returned, whatever was open before it.
    """
    last = len(node.values) - 1
    deciding = isinstance(node.op, ast.Or)
    every: bool | None = not deciding
    for index, each in enumerate(node.values):
        going_on = body.label()
        ways = (yes, going_on) if deciding else (going_on, no)
        try:
            said = branch(body, each, *(ways if index < last else (yes, no)))
        except Unreachable:
            if index == 0:
                raise
            return None
        if said is deciding:
            return deciding
        every = every if said is not None else None
        if index < last:
            body.start(going_on)
    return every


def _branch_compare(body: Body, node: ast.Compare, yes: str, no: str) -> None:
    """`a < b <= c`: each side once, and no further than the first that is false."""
    left = lower(body, node.left)
    last = len(node.ops) - 1
    for index, (operator, right_node) in enumerate(zip(node.ops, node.comparators, strict=True)):
        try:
            condition, left = compare(body, operator, left, right_node, node)
        except Unreachable:
            if index == 0:
                raise
            return
        going_on = yes if index == last else body.label()
        body.emit(f"br i1 {condition}, label %{going_on}, label %{no}")
        if index < last:
            body.start(going_on)


def compare(body: Body, operator: ast.cmpop, left: Value, right_node: ast.expr, node: ast.AST) -> tuple[str, Value]:
    """One comparison as an i1, and the value of its right side."""
    if isinstance(operator, ast.In | ast.NotIn):
        return _contains(body, operator, left, right_node, node), left
    if isinstance(operator, ast.Is | ast.IsNot):
        raise body.refuse(node, "is and is not have no machine code", "compare numbers with == or use isnan(...)")
    right = lower(body, right_node)
    for one in (left, right):
        _no_text(body, one, node)
    if left.kind not in NUMBERS or right.kind not in NUMBERS:
        raise body.refuse(node, f"{left.kind.name} cannot be compared with {right.kind.name} in machine code")
    return arithmetic.compare(body, operator, left, right), right


def _contains(body: Body, operator: ast.cmpop, left: Value, right_node: ast.expr, node: ast.AST) -> str:
    """`x in (1, 2, 3)`, `x in array`."""
    _no_text(body, left, node)
    if isinstance(right_node, ast.Tuple):
        values = [lower(body, each) for each in right_node.elts]
        for each in values:
            _no_text(body, each, node)
        if left.kind not in NUMBERS or any(each.kind not in NUMBERS for each in values):
            raise body.refuse(node, "only numbers can be looked for")
        found = "false"
        for each in values:
            found = body.value(f"or i1 {found}, {arithmetic.compare(body, ast.Eq(), left, each)}")
    else:
        where = lower(body, right_node)
        if not isinstance(where.kind, ArrayKind) or left.kind not in NUMBERS:
            raise body.refuse(node, f"nothing can be looked for in {where.kind.name}", "write the loop")
        found = calls.written(body, "contains", [where, left], node).text
    return body.value(f"xor i1 {found}, true") if isinstance(operator, ast.NotIn) else found


def truth(body: Body, value: Value, node: ast.AST) -> str:
    """Whether Python takes a value as true."""
    if value.kind is BOOL:
        return value.text
    if value.kind is INT:
        return body.value(f"icmp ne i64 {value.text}, 0")
    if value.kind is FLOAT:
        return body.value(f"fcmp une double {value.text}, 0.0")
    if isinstance(value.kind, ArrayKind | ListKind):
        return body.value(f"icmp ne i64 {memory.length(body, value)}, 0")
    if isinstance(value.kind, ObjectKind):
        for name in ("__bool__", "__len__"):
            if hasattr(value.kind.layout.cls, name):
                return truth(body, calls.method(body, value, name, [], node), node)
        return "true"
    raise body.refuse(node, f"{value.kind.name} is no condition in machine code")


def _boolean(body: Body, node: ast.expr) -> Value:
    """A comparison as a value."""
    return Value(BOOL, test(body, node))


def _and_or(body: Body, node: ast.BoolOp) -> Value:
    """`a and b` as a value: the last side that was looked at."""
    ways: list[tuple[Way, Value]] = []
    after = body.label()
    for each in node.values[:-1]:
        value = lower(body, each)
        condition = truth(body, value, each)
        going_on, done = body.label(), body.label()
        labels = (going_on, done) if isinstance(node.op, ast.And) else (done, going_on)
        body.emit(f"br i1 {condition}, label %{labels[0]}, label %{labels[1]}")
        body.start(done)
        ways.append((body.way(), value))
        body.start(going_on)
    try:
        last = lower(body, node.values[-1])
        ways.append((body.way(), last))
    except Unreachable:
        pass
    return _either(body, ways, after, node)


def _choice(body: Body, node: ast.IfExp) -> Value:
    """`one if test else other`."""
    yes, no, after = body.label(), body.label(), body.label()
    branch(body, node.test, yes, no)
    before = dict(body.environment)
    ways = []
    for label, arm in ((yes, node.body), (no, node.orelse)):
        body.start(label)
        body.environment = dict(before)
        try:
            value = lower(body, arm)
            ways.append((body.way(), value))
        except Unreachable:
            continue
    return _either(body, ways, after, node)


def _either(body: Body, ways: list[tuple[Way, Value]], after: str, node: ast.AST) -> Value:
    """The value of whichever way was taken, in a kind that holds all of them."""
    kind = None
    for _, value in ways:
        kind = value.kind if kind is None else _joined(body, kind, value.kind, node)
    if kind is None:
        raise Unreachable
    if kind in (KNOWN, NOTHING):
        raise body.refuse(node, f"a choice of {kind.name} has no machine code")
    slot = body.hidden(kind.llvm)
    for way, value in ways:
        lines, body.lines = body.lines, way.tail
        wide = body.convert(value, kind)
        body.emit(f"store {kind.llvm} {body.whole(wide)}, ptr {slot}")
        tail: list[Any] = []
        body.lines.append(tail)
        way.tail, body.lines = tail, lines
    body.meet([way for way, _ in ways], after)
    return Value(kind, body.value(f"load {kind.llvm}, ptr {slot}"))


def _joined(body: Body, one: Any, other: Any, node: ast.AST) -> Any:
    """The kind that holds both; raises Refused where there is none."""
    kind = arithmetic.join(one, other)
    if kind is None:
        raise body.refuse(node, f"this is sometimes {one.name} and sometimes {other.name}", "make both the same kind")
    return kind


_WRITERS: dict[type, Any] = {
    ast.Constant: _constant,
    ast.Name: _name,
    ast.Attribute: _attribute,
    ast.Subscript: _subscript,
    ast.Tuple: _tuple,
    ast.BinOp: _binary,
    ast.UnaryOp: _unary,
    ast.Call: _call,
    ast.Compare: _boolean,
    ast.BoolOp: _and_or,
    ast.IfExp: _choice,
}

_LOOP = "write the loop"
_OUTSIDE = {
    ast.ListComp: ("a list comprehension has no machine code", _LOOP),
    ast.SetComp: ("a set comprehension has no machine code", _LOOP),
    ast.DictComp: ("a dictionary comprehension has no machine code", _LOOP),
    ast.GeneratorExp: ("a generator has no machine code", _LOOP),
    ast.List: ("a list made inside a hook has no machine code", "make it in setup, as array('d', ...)"),
    ast.Dict: ("a dictionary has no machine code", "use arrays by symbol handle"),
    ast.Set: ("a set has no machine code", "use an array of 0 and 1"),
    ast.NamedExpr: (":= has no machine code", "assign on a line of its own"),
    ast.Lambda: ("a lambda has no machine code", "make it a method"),
    ast.JoinedStr: ("text has no machine code", "keep numbers; write text outside the hooks"),
    ast.Yield: ("a generator has no machine code", "make it an ordinary method"),
    ast.Await: ("await has no machine code", "make it an ordinary method"),
    ast.Starred: ("star-arguments have no machine code", "write the arguments out"),
}
