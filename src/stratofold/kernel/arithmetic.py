"""Operators on numbers, with Python's meaning.

What comes in: operands that are int (64 bits), float or bool.  What goes out: a number; what Python would raise, and
every int past 63 bits, leaves the kernel.  Float remainders and floor divisions follow CPython's definition through
C's exact `fmod`; int and float are compared exactly; the quotient of two ints is the double nearest to it.
"""

import ast
from operator import and_, or_, xor

from stratofold.kernel import calls
from stratofold.kernel.body import ARITHMETIC, Body
from stratofold.kernel.kinds import BOOL, FLOAT, INT, NUMBERS, Value, join, number_value

__all__ = ["as_float", "as_int", "binary", "compare", "join", "negate", "unary"]

_WRITTEN = {ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul"}
_SIGNS = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%", ast.Pow: "**",
    ast.LShift: "<<", ast.RShift: ">>", ast.BitAnd: "&", ast.BitOr: "|", ast.BitXor: "^", ast.MatMult: "@",
}  # fmt: skip


def as_float(body: Body, value: Value) -> Value:
    """A number as Python's arithmetic makes it a float: the nearest double."""
    if value.kind is FLOAT:
        return value
    if value.constant is not None:
        return number_value(float(value.constant))
    kind = "ui" if value.kind is BOOL else "si"
    return Value(FLOAT, body.value(f"{kind}tofp {value.kind.llvm} {value.text} to double"))


def as_int(body: Body, value: Value) -> Value:
    """A bool as the int it is; an int unchanged."""
    return body.convert(value, INT)


def binary(body: Body, operator: ast.operator, left: Value, right: Value, node: ast.AST) -> Value:
    """`left operator right`; raises Refused where either is no number."""
    sign = _SIGNS[type(operator)]
    for value in (left, right):
        if value.kind not in NUMBERS:
            whole = " on a whole array" if value.kind.name.startswith("array") else f" on {value.kind.name}"
            raise body.refuse(node, f"{sign}{whole} has no machine code", "loop over the elements")
    if isinstance(operator, ast.Pow):
        return calls.power(body, left, right, node)
    if FLOAT in (left.kind, right.kind):
        return _float(body, sign, as_float(body, left), as_float(body, right), node)
    if left.kind is BOOL and right.kind is BOOL and sign in "&|^":
        return Value(BOOL, body.value(f"{_BITS[sign]} i1 {left.text}, {right.text}"))
    return _int(body, sign, as_int(body, left), as_int(body, right), node)


_BITS = {"&": "and", "|": "or", "^": "xor"}
_KNOWN_BITS = {"&": and_, "|": or_, "^": xor}
_WIDE = {"+": "add", "-": "sub"}
_FLOAT = {"+": "fadd", "-": "fsub", "*": "fmul"}


def _float(body: Body, sign: str, left: Value, right: Value, node: ast.AST) -> Value:
    """An operator on doubles."""
    if sign in _FLOAT:
        return Value(FLOAT, body.value(f"{_FLOAT[sign]} double {left.text}, {right.text}"))
    if sign not in ("/", "//", "%"):
        raise body.refuse(node, f"{sign} on floats means nothing in Python")
    if (right.constant is None or right.constant == 0.0) and not body.is_wide:
        _check_divisor(body, right)
    if sign == "/":
        return Value(FLOAT, body.value(f"fdiv double {left.text}, {right.text}"))
    name = body.unit.support("floor_divide" if sign == "//" else "remainder")
    return Value(FLOAT, body.value(f"call double {name}(double {left.text}, double {right.text})"))


def _check_divisor(body: Body, value: Value) -> None:
    """Leave where a double is 0 or -0: one jump asks for that or NaN, and hardly any number comes to the second."""
    doubtful, good = body.label(), body.label()
    is_doubtful = body.value(f"fcmp ueq double {value.text}, 0.0")
    body.emit(f"br i1 {is_doubtful}, label %{doubtful}, label %{good}, !prof !1")
    body.start(doubtful)
    is_number = body.value(f"fcmp ord double {value.text}, 0.0")
    body.codes.add(ARITHMETIC)
    body.emit(f"br i1 {is_number}, label %fail.{ARITHMETIC}, label %{good}")
    body.start(good)


def _int(body: Body, sign: str, left: Value, right: Value, node: ast.AST) -> Value:
    """An operator on ints."""
    if sign in _WIDE and body.is_wide:
        return Value(INT, body.value(f"{_WIDE[sign]} nsw i64 {left.text}, {right.text}"))
    if sign in ("+", "-", "*"):
        name = {"+": "sadd", "-": "ssub", "*": "smul"}[sign]
        return _checked(body, f"{name}.with.overflow", left, right)
    if sign in _BITS and isinstance(left.constant, int) and isinstance(right.constant, int):
        return number_value(_KNOWN_BITS[sign](left.constant, right.constant))
    if sign in _BITS:
        return Value(INT, body.value(f"{_BITS[sign]} i64 {left.text}, {right.text}"))
    if sign == "/":
        body.fail_when(body.value(f"icmp eq i64 {right.text}, 0"), ARITHMETIC)
        name = body.unit.support("true_divide")
        return Value(FLOAT, body.value(f"call double {name}(i64 {left.text}, i64 {right.text})"))
    if sign in ("//", "%"):
        return _divided(body, sign, left, right)
    if sign in ("<<", ">>"):
        return _shifted(body, sign, left, right)
    raise body.refuse(node, f"{sign} has no machine code")


def _checked(body: Body, operation: str, left: Value, right: Value) -> Value:
    """An int operation that leaves where 64 bits do not hold the result."""
    pair = body.value(f"call {{i64, i1}} @llvm.{operation}.i64(i64 {left.text}, i64 {right.text})")
    over = body.value(f"extractvalue {{i64, i1}} {pair}, 1")
    body.fail_when(over, ARITHMETIC)
    return Value(INT, body.value(f"extractvalue {{i64, i1}} {pair}, 0"))


def negate(body: Body, value: Value) -> Value:
    """`-value` of an int."""
    return _checked(body, "ssub.with.overflow", number_value(0), value)


def _divided(body: Body, sign: str, left: Value, right: Value) -> Value:
    """`//` and `%`: the quotient rounded down, the remainder with the divisor's sign."""
    if right.constant is not None and right.constant > 0:
        return _divided_by_positive(body, sign, left, right)
    body.fail_when(body.value(f"icmp eq i64 {right.text}, 0"), ARITHMETIC)
    is_lowest = body.value(f"icmp eq i64 {left.text}, {-(1 << 63)}")
    by_minus_one = body.value(f"icmp eq i64 {right.text}, -1")
    body.fail_when(body.value(f"and i1 {is_lowest}, {by_minus_one}"), ARITHMETIC)
    rest = body.value(f"srem i64 {left.text}, {right.text}")
    is_off = body.value(f"icmp ne i64 {rest}, 0")
    signs = body.value(f"xor i64 {rest}, {right.text}")
    differ = body.value(f"icmp slt i64 {signs}, 0")
    down = body.value(f"and i1 {is_off}, {differ}")
    return _rounded_down(body, sign, left, right, (rest, down))


def _divided_by_positive(body: Body, sign: str, left: Value, right: Value) -> Value:
    """The same where the divisor is a constant above 0."""
    rest = body.value(f"srem i64 {left.text}, {right.text}")
    return _rounded_down(body, sign, left, right, (rest, body.value(f"icmp slt i64 {rest}, 0")))


def _rounded_down(body: Body, sign: str, left: Value, right: Value, found: tuple[str, str]) -> Value:
    """From the machine's division toward zero to Python's, downward where `down` holds."""
    rest, down = found
    if sign == "%":
        moved = body.value(f"add i64 {rest}, {right.text}")
        return Value(INT, body.value(f"select i1 {down}, i64 {moved}, i64 {rest}"))
    quotient = body.value(f"sdiv i64 {left.text}, {right.text}")
    return Value(INT, body.value(f"sub i64 {quotient}, {body.value(f'zext i1 {down} to i64')}"))


def _shifted(body: Body, sign: str, left: Value, right: Value) -> Value:
    """`<<` and `>>`; a negative count leaves, and so does a bit shifted out."""
    body.fail_when(body.value(f"icmp slt i64 {right.text}, 0"), ARITHMETIC)
    if sign == ">>":
        count = body.value(f"call i64 @llvm.smin.i64(i64 {right.text}, i64 63)")
        return Value(INT, body.value(f"ashr i64 {left.text}, {count}"))
    body.fail_when(body.value(f"icmp ugt i64 {right.text}, 62"), ARITHMETIC)
    moved = body.value(f"shl i64 {left.text}, {right.text}")
    back = body.value(f"ashr i64 {moved}, {right.text}")
    body.fail_when(body.value(f"icmp ne i64 {back}, {left.text}"), ARITHMETIC)
    return Value(INT, moved)


def unary(body: Body, operator: ast.unaryop, value: Value, node: ast.AST) -> Value:
    """`-x`, `+x`, `~x`; raises Refused where it is no number."""
    if value.kind not in NUMBERS or (isinstance(operator, ast.Invert) and value.kind is FLOAT):
        raise body.refuse(node, f"this sign before {value.kind.name} has no machine code", "loop over the elements")
    if value.kind is FLOAT:
        return value if isinstance(operator, ast.UAdd) else Value(FLOAT, body.value(f"fneg double {value.text}"))
    whole = as_int(body, value)
    if isinstance(operator, ast.UAdd):
        return whole
    return (
        negate(body, whole) if isinstance(operator, ast.USub) else Value(INT, body.value(f"xor i64 {whole.text}, -1"))
    )


_COMPARISONS = {
    ast.Eq: ("eq", "oeq"), ast.NotEq: ("ne", "une"), ast.Lt: ("slt", "olt"), ast.LtE: ("sle", "ole"),
    ast.Gt: ("sgt", "ogt"), ast.GtE: ("sge", "oge"),
}  # fmt: skip


def compare(body: Body, operator: ast.cmpop, left: Value, right: Value) -> str:
    """One comparison as an i1; anything but != is false with NaN."""
    for_ints, for_floats = _COMPARISONS[type(operator)]
    if left.kind is FLOAT and right.kind is FLOAT:
        return body.value(f"fcmp {for_floats} double {left.text}, {right.text}")
    if FLOAT in (left.kind, right.kind):
        return _compare_mixed(body, operator, left, right)
    left, right = as_int(body, left), as_int(body, right)
    return body.value(f"icmp {for_ints} i64 {left.text}, {right.text}")


def _compare_mixed(body: Body, operator: ast.cmpop, left: Value, right: Value) -> str:
    """An int with a float, exactly: by the sign of their difference, 2 where there is none (NaN)."""
    whole, real = (right, left) if left.kind is FLOAT else (left, right)
    if whole.kind is BOOL or (isinstance(whole.constant, int) and abs(whole.constant) < 1 << 53):
        pair = (real, as_float(body, whole)) if left.kind is FLOAT else (as_float(body, whole), real)
        return body.value(f"fcmp {_COMPARISONS[type(operator)][1]} double {pair[0].text}, {pair[1].text}")
    name = body.unit.support("compare")
    order = body.value(f"call i64 {name}(i64 {whole.text}, double {real.text})")
    if left.kind is FLOAT:
        turned = body.value(f"sub i64 0, {order}")
        is_nan = body.value(f"icmp eq i64 {order}, 2")
        order = body.value(f"select i1 {is_nan}, i64 2, i64 {turned}")
    if isinstance(operator, ast.Gt | ast.GtE):
        low = 1 if isinstance(operator, ast.Gt) else 0
        return body.value(f"icmp ult i64 {body.value(f'sub i64 {order}, {low}')}, {2 - low}")
    return body.value(f"icmp {_COMPARISONS[type(operator)][0]} i64 {order}, 0")
