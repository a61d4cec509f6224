"""Calls: methods and functions of plain Python, the builtins and `math` functions that machine code has, and powers.

A function is compiled once for each kinds of arguments, when it is first called.  What IEEE does not round correctly
goes to `fold/maths.py`, whose plain Python is compiled like everything else.
"""

import ast
import math
import sys
from collections.abc import Callable
from types import FunctionType
from typing import Any

from stratofold import routing
from stratofold.fold import marks, maths
from stratofold.kernel import arithmetic, expressions, memory
from stratofold.kernel import written as written_functions
from stratofold.kernel.body import ARITHMETIC, LEFT, RAISED, Body
from stratofold.kernel.forms import DAYS
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
from stratofold.kernel.names import Bound, Super

_POWER_MAX = 64  # int powers up to here are written out as multiplications


def call(body: Body, node: ast.Call) -> Value:
    """`function(arguments)`; raises Refused where the callee has no machine code."""
    target = expressions.lower(body, node.func)
    if target.kind is not KNOWN or isinstance(target.constant, str):
        raise body.refuse(node, f"{target.kind.name} cannot be called in machine code")
    callee = target.constant
    if callee is super:
        return _super(body, node)
    if (
        callee in _TEXT_CALLS
        and len(node.args) == 1
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, str)
    ):
        return _TEXT_CALLS[callee](body, node)
    if isinstance(callee, FunctionType) and body.unit.does_without(callee):
        return Value(NOTHING)
    arguments = [expressions.lower(body, each) for each in node.args]
    keywords = {}
    for each in node.keywords:
        if each.arg is None:
            raise body.refuse(node, "star-arguments have no machine code", "write the arguments out")
        keywords[each.arg] = expressions.lower(body, each.value)
    if isinstance(callee, Bound):
        return function(body, callee.function, [callee.owner, *arguments], keywords, node)
    if callee is marks.soon:
        return _soon(body, arguments)
    if callee is marks.is_float:
        return number_value(arguments[0].kind is FLOAT)
    if callee is marks.leaps:
        return number_value(bool(body.unit.leaps))
    if callee is marks.turns:
        return number_value(body.unit.leaps == DAYS)
    if callee is marks.rests:
        return number_value(body.unit.rests)
    if callee is marks.is_other:
        return _is_other(body, arguments)
    if isinstance(callee, FunctionType):
        return function(body, callee, arguments, keywords, node)
    return _builtin(body, callee, arguments, keywords, node)


def _super(body: Body, node: ast.Call) -> Value:
    """`super()` without arguments."""
    code = body.function.__code__
    owner = body.read(code.co_varnames[0], node) if code.co_argcount else None
    if owner is None or "__class__" not in code.co_freevars or body.function.__closure__ is None:
        raise body.refuse(node, "super has no machine code here", "name the base class's method")
    cls = body.function.__closure__[code.co_freevars.index("__class__")].cell_contents
    return Value(KNOWN, "", Super(owner, cls))


def method(body: Body, owner: Value, name: str, arguments: list[Value], node: ast.AST) -> Value:
    """`owner.name(arguments)`."""
    member = expressions.attribute(body, owner, name, node)
    if not isinstance(member.constant, Bound):
        raise body.refuse(node, f"{owner.kind.name}.{name} is no method")
    return function(body, member.constant.function, [owner, *arguments], {}, node)


def written(body: Body, name: str, arguments: list[Value], node: ast.AST) -> Value:
    """A call of one of our own helpers in plain Python."""
    return function(body, getattr(written_functions, name), arguments, {}, node)


def function(body: Body, callee: Any, arguments: list[Value], keywords: dict[str, Value], node: ast.AST) -> Value:
    """Call a plain function; raises Refused where it or its arguments have no machine code."""
    if not isinstance(callee, FunctionType):
        raise body.refuse(node, f"{callee!r} is no plain function")
    if getattr(callee, "leaves_kernel", False):
        raise body.fail(LEFT)
    values = _bind(body, callee, arguments, keywords, node)
    for value in values:
        if value.kind in (KNOWN, NOTHING):
            raise body.refuse(node, f"{callee.__name__} is given {value.kind.name}", "give it numbers or objects")
    instance = body.unit.instance(callee, tuple(value.kind for value in values))
    if not instance.is_done and routing.is_users(sys.modules.get(callee.__module__)):
        # Python ends endless recursion with an exception, a processor by running out of stack.
        raise body.refuse(node, f"{callee.__name__} calls itself, which has no machine code", "write a loop")
    given = ", ".join(f"{value.kind.llvm} {body.whole(value)}" for value in values)
    returned = instance.learnt.struct
    result = body.value(f"call {returned} {instance.name}({given})")
    if instance.learnt.returns is None and instance.is_done:
        body.pass_on(result)
        raise body.fail(RAISED)
    if returned == "i32":
        body.pass_on(result)
        return Value(NOTHING)
    if instance.fails:
        body.pass_on(body.value(f"extractvalue {returned} {result}, 0"))
    return Value(instance.learnt.returns, body.value(f"extractvalue {returned} {result}, 1"))


def _bind(
    body: Body, callee: FunctionType, arguments: list[Value], keywords: dict[str, Value], node: ast.AST
) -> list[Value]:
    """The callee's parameters in order, defaults filled in."""
    code = callee.__code__
    if code.co_flags & 0x0C:
        raise body.refuse(node, f"{callee.__name__} takes star-arguments, which have no machine code", "write them out")
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    if len(arguments) > code.co_argcount:
        raise body.refuse(node, f"{callee.__name__} takes {code.co_argcount} arguments and is given {len(arguments)}")
    values = dict(zip(names, arguments, strict=False))
    for name, value in keywords.items():
        if name not in names or name in values:
            raise body.refuse(node, f"{callee.__name__} is given {name!r}, which it does not take or already has")
        values[name] = value
    given = callee.__defaults__ or ()
    defaults = dict(zip(names[code.co_argcount - len(given) : code.co_argcount], given, strict=True))
    defaults |= callee.__kwdefaults__ or {}
    for name in names:
        if name not in values:
            if name not in defaults:
                raise body.refuse(node, f"{callee.__name__} is called without {name!r}")
            values[name] = expressions.known(body, defaults[name], node)
    return [values[name] for name in names]


def power(body: Body, left: Value, right: Value, node: ast.AST) -> Value:
    """`left ** right`: ints by multiplication, floats by `fold/maths.py`."""
    if left.kind is not FLOAT and right.kind is not FLOAT:
        if isinstance(right.constant, int) and right.constant < 0:
            return _routed(body, "power", [left, right], node)
        if right.constant is None or right.constant > _POWER_MAX:
            whole = [arithmetic.as_int(body, left), arithmetic.as_int(body, right)]
            return function(body, maths.whole_power, whole, {}, node)
        result = number_value(1)
        base = arithmetic.as_int(body, left)
        for _ in range(right.constant):
            result = arithmetic.binary(body, ast.Mult(), result, base, node)
        return result
    return _routed(body, "power", [left, right], node)


def _routed(body: Body, name: str, arguments: list[Value], node: ast.AST) -> Value:
    """A function of `fold/maths.py`, given floats."""
    target = routing.logarithm if name == "log" and len(arguments) > 1 else getattr(maths, name, None)
    if target is None:
        raise body.refuse(node, f"math.{name} has no machine code")
    for value in arguments:
        if value.kind not in NUMBERS:
            raise body.refuse(node, f"math.{name} takes numbers, not {value.kind.name}")
    return function(body, target, [arithmetic.as_float(body, value) for value in arguments], {}, node)


def _builtin(body: Body, callee: Any, arguments: list[Value], keywords: dict[str, Value], node: ast.Call) -> Value:
    """A builtin or a function of `math`."""
    name = getattr(callee, "__name__", str(callee))
    routed = routing.MATHS.get(callee) if callable(callee) else None
    if keywords:
        raise body.refuse(node, f"{name} takes no keywords in machine code")
    if routed is not None:
        return _routed(body, routed, arguments, node)
    writer = _BUILTINS.get(callee)
    if writer is None:
        home = getattr(callee, "__module__", None)
        if home not in (None, "builtins") and not isinstance(callee, type):
            name = f"{home}.{name}"
        if isinstance(callee, type):
            raise body.refuse(node, f"a {name} made inside a hook has no machine code", "make it in setup")
        raise body.refuse(node, f"{name} has no machine code", "do it in setup, or write it out with numbers")
    return writer(body, arguments, node)


def _soon(body: Body, arguments: list[Value]) -> Value:
    """`marks.soon(numbers, index)`: the processor is told; an address outside is no error to it."""
    numbers, index = arguments
    at = body.value(f"getelementptr i64, ptr {memory.beginning(body, numbers)}, i64 {index.text}")
    body.emit(f"call void @llvm.prefetch.p0(ptr {at}, i32 0, i32 3, i32 1)")
    return Value(NOTHING)


def _is_other(body: Body, arguments: list[Value]) -> Value:
    """`marks.is_other(noted, value)`: one comparison of their bits; what is no double is another."""
    noted, value = arguments
    if value.kind is not FLOAT:
        return number_value(True)
    bits = [body.value(f"bitcast double {each.text} to i64") for each in (noted, value)]
    return Value(BOOL, body.value(f"icmp ne i64 {bits[0]}, {bits[1]}"))


def _numbers(body: Body, arguments: list[Value], count: int, node: ast.AST) -> list[Value]:
    """Exactly `count` numbers."""
    if len(arguments) != count:
        raise body.refuse(node, f"this takes {count} argument(s) in machine code, not {len(arguments)}")
    for value in arguments:
        if value.kind not in NUMBERS:
            raise body.refuse(node, f"this takes numbers, not {value.kind.name}")
    return arguments


def _intrinsic(name: str, count: int = 1) -> Callable[[Body, list[Value], ast.AST], Value]:
    """A function that IEEE rounds correctly and the processor has."""

    def write(body: Body, arguments: list[Value], node: ast.AST) -> Value:
        reals = [arithmetic.as_float(body, value).text for value in _numbers(body, arguments, count, node)]
        given = ", ".join(f"double {text}" for text in reals)
        return Value(FLOAT, body.value(f"call double @llvm.{name}.f64({given})"))

    return write


def _square_root(body: Body, arguments: list[Value], node: ast.AST) -> Value:
    """`math.sqrt`, which raises below zero."""
    real = arithmetic.as_float(body, _numbers(body, arguments, 1, node)[0])
    body.fail_when(body.value(f"fcmp olt double {real.text}, 0.0"), ARITHMETIC)
    return Value(FLOAT, body.value(f"call double @llvm.sqrt.f64(double {real.text})"))


def _to_int(rounding: str) -> Callable[[Body, list[Value], ast.AST], Value]:
    """`int`, `floor`, `ceil`, `round`: what is NaN, infinite or past 63 bits leaves."""

    def write(body: Body, arguments: list[Value], node: ast.AST) -> Value:
        if rounding == "roundeven" and len(arguments) == 2:
            return _round_to(body, arguments, node)
        value = _numbers(body, arguments, 1, node)[0]
        if value.kind is not FLOAT:
            return arithmetic.as_int(body, value)
        whole = body.value(f"call double @llvm.{rounding}.f64(double {value.text})")
        low = body.value(f"fcmp oge double {whole}, 0xC3E0000000000000")
        high = body.value(f"fcmp olt double {whole}, 0x43E0000000000000")
        fits = body.value(f"and i1 {low}, {high}")
        body.fail_when(body.value(f"xor i1 {fits}, true"), ARITHMETIC)
        return Value(INT, body.value(f"fptosi double {whole} to i64"))

    return write


def _round_to(body: Body, arguments: list[Value], node: ast.AST) -> Value:
    """`round(x, digits)`."""
    value, digits = _numbers(body, arguments, 2, node)
    if value.kind is not FLOAT or digits.kind is not INT:
        raise body.refuse(node, "round(x, digits) takes a float and an int in machine code", "write float(x)")
    return function(body, maths.round_half_even, [value, digits], {}, node)


def _float(body: Body, arguments: list[Value], node: ast.AST) -> Value:
    """`float(number)`."""
    return arithmetic.as_float(body, _numbers(body, arguments, 1, node)[0])


def _float_of_text(body: Body, node: ast.Call) -> Value:
    """`float("nan")`."""
    literal: Any = node.args[0].value if isinstance(node.args[0], ast.Constant) else None
    try:
        return number_value(float(literal))
    except (TypeError, ValueError):
        raise body.refuse(node, f"float({literal!r}) has no machine code") from None


def _bool(body: Body, arguments: list[Value], node: ast.AST) -> Value:
    """`bool(value)`."""
    if len(arguments) != 1:
        raise body.refuse(node, "bool takes one argument in machine code")
    return Value(BOOL, expressions.truth(body, arguments[0], node))


def _absolute(body: Body, arguments: list[Value], node: ast.AST) -> Value:
    """`abs(number)`."""
    value = _numbers(body, arguments, 1, node)[0]
    if value.kind is FLOAT:
        return Value(FLOAT, body.value(f"call double @llvm.fabs.f64(double {value.text})"))
    whole = arithmetic.as_int(body, value)
    body.fail_when(body.value(f"icmp eq i64 {whole.text}, {-(1 << 63)}"), ARITHMETIC)
    return Value(INT, body.value(f"call i64 @llvm.abs.i64(i64 {whole.text}, i1 false)"))


def _extreme(operator: ast.cmpop, name: str) -> Callable[[Body, list[Value], ast.AST], Value]:
    """`min`, `max`: the first argument unless a later one is really below (above) it, so NaN stays where Python has it."""

    def write(body: Body, arguments: list[Value], node: ast.AST) -> Value:
        if len(arguments) == 1 and isinstance(arguments[0].kind, ArrayKind):
            return written(body, name, arguments, node)
        if len(arguments) < 2:
            raise body.refuse(node, f"{name} takes two or more numbers, or one array, in machine code")
        kind: Any = _numbers(body, arguments, len(arguments), node)[0].kind
        for value in arguments[1:]:
            kind = arithmetic.join(kind, value.kind) if kind is not None else None
        if kind is None:
            raise body.refuse(node, f"{name} of bools and floats has no machine code", "write float(...)")
        best = body.convert(arguments[0], kind)
        for value in arguments[1:]:
            each = body.convert(value, kind)
            better = arithmetic.compare(body, operator, each, best)
            best = Value(kind, body.value(f"select i1 {better}, {kind.llvm} {each.text}, {kind.llvm} {best.text}"))
        return best

    return write


def _length(body: Body, arguments: list[Value], node: ast.AST) -> Value:
    """`len(value)`."""
    if len(arguments) == 1:
        kind = arguments[0].kind
        if isinstance(kind, ArrayKind | ListKind):
            return Value(INT, memory.length(body, arguments[0]))
        if isinstance(kind, TupleKind):
            return number_value(len(kind.parts))
        if isinstance(kind, ObjectKind):
            return method(body, arguments[0], "__len__", [], node)
    raise body.refuse(node, "len takes an array, a list or a table in machine code")


def _total(body: Body, arguments: list[Value], node: ast.AST) -> Value:
    """`sum(array)`, from left to right."""
    if len(arguments) != 1 or not isinstance(arguments[0].kind, ArrayKind):
        raise body.refuse(node, "sum takes one array in machine code", "write the loop")
    if arguments[0].kind.element is INT:
        return written(body, "count", arguments, node)
    return function(body, maths.total, arguments, {}, node)


def _float_test(condition: str) -> Callable[[Body, list[Value], ast.AST], Value]:
    """`isnan`, `isinf`, `isfinite`, by comparing the absolute value with infinity."""

    def write(body: Body, arguments: list[Value], node: ast.AST) -> Value:
        real = arithmetic.as_float(body, _numbers(body, arguments, 1, node)[0])
        size = body.value(f"call double @llvm.fabs.f64(double {real.text})")
        return Value(BOOL, body.value(f"fcmp {condition} double {size}, 0x7FF0000000000000"))

    return write


def _float_remainder(body: Body, arguments: list[Value], node: ast.AST) -> Value:
    """`math.fmod`, which raises for an infinite dividend or a divisor of zero unless the other is NaN."""
    left, right = (arithmetic.as_float(body, value) for value in _numbers(body, arguments, 2, node))
    size = body.value(f"call double @llvm.fabs.f64(double {left.text})")
    endless = body.value(f"fcmp oeq double {size}, 0x7FF0000000000000")
    by_zero = body.value(f"fcmp oeq double {right.text}, 0.0")
    are_numbers = body.value(f"fcmp ord double {left.text}, {right.text}")
    wrong = body.value(f"or i1 {endless}, {by_zero}")
    body.fail_when(body.value(f"and i1 {wrong}, {are_numbers}"), ARITHMETIC)
    name = body.unit.support("fmod")
    return Value(FLOAT, body.value(f"call double {name}(double {left.text}, double {right.text})"))


def _power(body: Body, arguments: list[Value], node: ast.AST) -> Value:
    """`pow(left, right)`."""
    left, right = _numbers(body, arguments, 2, node)
    return power(body, left, right, node)


_TEXT_CALLS: dict[Any, Callable[[Body, ast.Call], Value]] = {float: _float_of_text}
_BUILTINS: dict[Any, Callable[[Body, list[Value], Any], Value]] = {
    abs: _absolute,
    bool: _bool,
    float: _float,
    int: _to_int("trunc"),
    len: _length,
    max: _extreme(ast.Gt(), "largest"),
    min: _extreme(ast.Lt(), "smallest"),
    pow: _power,
    round: _to_int("roundeven"),
    sum: _total,
    math.ceil: _to_int("ceil"),
    math.copysign: _intrinsic("copysign", 2),
    math.fabs: _intrinsic("fabs"),
    math.floor: _to_int("floor"),
    math.fmod: _float_remainder,
    math.isfinite: _float_test("olt"),
    math.isinf: _float_test("oeq"),
    math.isnan: _float_test("uno"),
    math.sqrt: _square_root,
    math.trunc: _to_int("trunc"),
}
