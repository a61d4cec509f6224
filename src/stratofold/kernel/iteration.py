"""What a `for` statement can walk: ranges, arrays, lists, tables with `__len__` and `__getitem__`, `enumerate`, `zip`.

Each is a counter with a first number, a test, a next number and an item for the number.
"""

import ast
from collections.abc import Callable
from dataclasses import dataclass

from stratofold.kernel import calls, expressions, memory
from stratofold.kernel.body import RAISED, Body
from stratofold.kernel.kinds import BOOL, INT, KNOWN, ArrayKind, ListKind, ObjectKind, TupleKind, Value


@dataclass(slots=True)
class Steps:
    """A walk: operands in, operands out; `goes_on` and `next` take the counter's operand."""

    start: str
    goes_on: Callable[[str], str]
    next: Callable[[str], str]
    item: Callable[[str], Value]


def over(body: Body, node: ast.expr) -> Steps | None:
    """How to walk what `node` gives, None where there is nothing; raises Refused where machine code cannot."""
    if isinstance(node, ast.Call) and not node.keywords:
        function = expressions.lower(body, node.func)
        walk = _CALLS.get(function.constant) if function.kind is KNOWN and callable(function.constant) else None
        if walk is not None:
            return walk(body, node)
    return _values(body, expressions.lower(body, node), node)


def _values(body: Body, value: Value, node: ast.expr) -> Steps | None:
    """The elements of an array, a list or a table."""
    if value.kind == ListKind(None):
        return None
    if isinstance(value.kind, ArrayKind | ListKind):
        length = memory.length(body, value)
        return _counted(body, lambda: length, lambda now: memory.element_at(body, value, now))
    if isinstance(value.kind, ObjectKind):
        return _table(body, value, node)
    if isinstance(value.kind, TupleKind):
        raise body.refuse(node, "a loop over a tuple has no machine code", "use array('d', ...) or a range")
    raise body.refuse(node, f"a loop over {value.kind.name} has no machine code", "use a range, an array or a list")


def _table(body: Body, value: Value, node: ast.expr) -> Steps:
    """An object with `__len__` and `__getitem__`; its length is asked again each turn, as Python would find out."""
    cls = value.kind.layout.cls
    if hasattr(cls, "__iter__") or not hasattr(cls, "__len__") or not hasattr(cls, "__getitem__"):
        raise body.refuse(
            node, f"a loop over {cls.__name__} has no machine code", "give it __len__ and __getitem__ alone"
        )
    return _counted(
        body,
        lambda: calls.method(body, value, "__len__", [], node).text,
        lambda now: calls.method(body, value, "__getitem__", [Value(INT, now)], node),
    )


def _counted(body: Body, length: Callable[[], str], item: Callable[[str], Value]) -> Steps:
    """0, 1, 2 … up to a length."""
    return Steps(
        "0",
        lambda now: body.value(f"icmp slt i64 {now}, {length()}"),
        lambda now: body.value(f"add nuw nsw i64 {now}, 1"),
        item,
    )


def _range(body: Body, node: ast.Call) -> Steps:
    """`range(stop)`, `range(start, stop)`, `range(start, stop, step)`."""
    numbers = [_whole(body, argument) for argument in node.args]
    if not 1 <= len(numbers) <= 3:
        raise body.refuse(node, "range takes one to three numbers")
    start = numbers[0] if len(numbers) > 1 else Value(INT, "0", 0)
    stop = numbers[1] if len(numbers) > 1 else numbers[0]
    step = numbers[2] if len(numbers) > 2 else Value(INT, "1", 1)
    return Steps(
        start.text,
        _range_test(body, stop, step),
        lambda now: _range_next(body, now, step),
        lambda now: Value(INT, now),
    )


def _range_test(body: Body, stop: Value, step: Value) -> Callable[[str], str]:
    """Whether a range goes on, by the sign of its step; a step of 0 leaves the kernel, as Python raises."""
    if step.constant is not None and step.constant != 0:
        comparison = "slt" if step.constant > 0 else "sgt"
        return lambda now: body.value(f"icmp {comparison} i64 {now}, {stop.text}")
    body.fail_when(body.value(f"icmp eq i64 {step.text}, 0"), RAISED)
    upward = body.value(f"icmp sgt i64 {step.text}, 0")

    def goes_on(now: str) -> str:
        below, above = body.value(f"icmp slt i64 {now}, {stop.text}"), body.value(f"icmp sgt i64 {now}, {stop.text}")
        return body.value(f"select i1 {upward}, i1 {below}, i1 {above}")

    return goes_on


def _range_next(body: Body, now: str, step: Value) -> str:
    """The next number; one past the last int stays there, and ends the range."""
    if step.constant == 1:
        return body.value(f"add nsw i64 {now}, 1")
    return body.value(f"call i64 @llvm.sadd.sat.i64(i64 {now}, i64 {step.text})")


def _whole(body: Body, node: ast.expr) -> Value:
    """An int argument of `range`."""
    value = expressions.lower(body, node)
    if value.kind is BOOL:
        return body.convert(value, INT)
    if value.kind is not INT:
        raise body.refuse(node, f"range takes ints, not {value.kind.name}", "write int(...)")
    return value


def _enumerate(body: Body, node: ast.Call) -> Steps | None:
    """`enumerate(values)`: pairs of a number and an item."""
    if len(node.args) != 1:
        raise body.refuse(node, "enumerate takes one argument in machine code")
    inner = _values(body, expressions.lower(body, node.args[0]), node)
    if inner is None:
        return None

    def item(now: str) -> Value:
        part = inner.item(now)
        return Value(TupleKind((INT, part.kind)), "", None, [Value(INT, now), part])

    return Steps("0", inner.goes_on, inner.next, item)


def _zip(body: Body, node: ast.Call) -> Steps | None:
    """`zip(one, other)`: as far as the shorter goes."""
    found = [_values(body, expressions.lower(body, argument), node) for argument in node.args]
    walks = [walk for walk in found if walk is not None]
    if not walks or len(walks) < len(found):
        return None

    def goes_on(now: str) -> str:
        condition = walks[0].goes_on(now)
        for walk in walks[1:]:
            condition = body.value(f"and i1 {condition}, {walk.goes_on(now)}")
        return condition

    def item(now: str) -> Value:
        parts = [walk.item(now) for walk in walks]
        return Value(TupleKind(tuple(part.kind for part in parts)), "", None, parts)

    return Steps("0", goes_on, walks[0].next, item)


_CALLS = {range: _range, enumerate: _enumerate, zip: _zip}
