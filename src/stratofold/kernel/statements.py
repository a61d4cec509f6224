"""Statements, one function each: what Python does, in blocks and jumps.

What comes in: a syntax tree and the `Body` being written.  What goes out: lines on the body.  A statement after which
nothing can run raises `Unreachable`, and what follows it in its block is not written.
"""

import ast
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from stratofold.kernel import arithmetic, expressions, iteration, memory
from stratofold.kernel.body import RAISED, Again, Body, Environment, Unreachable, Variable, Way, meeting
from stratofold.kernel.kinds import INT, KNOWN, NOTHING, TupleKind, Value, join


def block(body: Body, nodes: Sequence[ast.stmt]) -> bool:
    """Write statements in order; whether what follows them can run."""
    try:
        for node in nodes:
            statement(body, node)
    except Unreachable:
        return False
    return True


def statement(body: Body, node: ast.stmt) -> None:
    """Write one statement; raises Refused where it is outside the subset."""
    writer = _WRITERS.get(type(node))
    if writer is None:
        reason, fix = _OUTSIDE.get(type(node), (f"{type(node).__name__} statements have no machine code", ""))
        raise body.refuse(node, reason, fix)
    writer(body, node)


def _expression(body: Body, node: ast.Expr) -> None:
    """A call for its effect; text standing alone is a comment."""
    if not isinstance(node.value, ast.Constant):
        expressions.lower(body, node.value)


def _assign(body: Body, node: ast.Assign) -> None:
    """`a = b = value`."""
    value = expressions.lower(body, node.value)
    for target in node.targets:
        store(body, target, value)


def _annotated(body: Body, node: ast.AnnAssign) -> None:
    """`a: float = value`; without a value it says nothing to the machine."""
    if node.value is not None:
        store(body, node.target, expressions.lower(body, node.value))


def store(body: Body, target: ast.expr, value: Value) -> None:
    """Put `value` into a name, an attribute, an element, or several at once."""
    if isinstance(target, ast.Name):
        body.write(target.id, value, target)
    elif isinstance(target, ast.Attribute):
        owner = expressions.lower(body, target.value)
        memory.store_attribute(body, owner, body.attribute_name(target.attr), value, target)
    elif isinstance(target, ast.Subscript):
        owner = expressions.lower(body, target.value)
        memory.store_element(body, owner, expressions.lower(body, target.slice), value, target)
    elif isinstance(target, ast.Tuple):
        _unpack(body, target, value)
    else:
        raise body.refuse(target, "this assignment has no machine code")


def _unpack(body: Body, target: ast.Tuple, value: Value) -> None:
    """`a, b = pair`."""
    if not isinstance(value.kind, TupleKind) or len(value.kind.parts) != len(target.elts):
        raise body.refuse(target, f"{value.kind.name} cannot be taken apart into {len(target.elts)} names")
    for each, part in zip(target.elts, body.members(value), strict=True):
        store(body, each, part)


def _augmented(body: Body, node: ast.AugAssign) -> None:
    """`a += value`; the owner and the index of a target are evaluated once."""
    target = node.target
    if isinstance(target, ast.Name):
        old = body.read(target.id, target)
        body.write(target.id, _changed(body, old, node), node)
    elif isinstance(target, ast.Attribute):
        owner = expressions.lower(body, target.value)
        name = body.attribute_name(target.attr)
        old = expressions.attribute(body, owner, name, target)
        new = _changed(body, old, node)
        memory.store_attribute(body, owner, name, new, target)
    else:
        owner = expressions.lower(body, target.value)
        index = expressions.lower(body, target.slice)
        old = expressions.element(body, owner, index, target)
        new = _changed(body, old, node)
        memory.store_element(body, owner, index, new, target)


def _changed(body: Body, old: Value, node: ast.AugAssign) -> Value:
    """The number that a target comes to; what our engine counts one by one never comes to 2**63."""
    if body.counts_up and old.kind is INT and expressions.is_one(node.value):
        sign = {ast.Add: "add", ast.Sub: "sub"}.get(type(node.op))
        if sign is not None:
            return Value(INT, body.value(f"{sign} nsw i64 {old.text}, 1"))
    return arithmetic.binary(body, node.op, old, expressions.lower(body, node.value), node)


def _return(body: Body, node: ast.Return) -> None:
    """`return value`."""
    value = Value(NOTHING) if node.value is None else expressions.lower(body, node.value)
    leave(body, value, node)
    raise Unreachable


def leave(body: Body, value: Value, node: ast.AST) -> None:
    """Return `value`, in the kind that all returns of the function share."""
    if value.kind is KNOWN:
        raise body.refuse(node, "a function, class or module cannot be returned")
    known = body.learnt.returns
    if known is None:
        body.learnt.returns = known = value.kind
    elif known != value.kind:
        together = None if NOTHING in (known, value.kind) else join(known, value.kind)
        if together is None:
            raise body.refuse(
                node, f"it returns {known.name} in one place and {value.kind.name} in another", "return one kind"
            )
        if together != known:
            body.learnt.returns = together
            raise Again
        value = body.convert(value, together)
    if known is not NOTHING:
        body.emit(f"store {value.kind.llvm} {body.whole(value)}, ptr %result")
    body.emit("store i32 0, ptr %status")
    body.emit("br label %exit")


def _if(body: Body, node: ast.If) -> None:
    """`if … elif … else`; what can never run is not written."""
    yes, no, after = body.label(), body.label(), body.label()
    known = expressions.branch(body, node.test, yes, no)
    before = dict(body.environment)
    ways = []
    for label, nodes, goes_here in ((yes, node.body, True), (no, node.orelse, False)):
        if known is (not goes_here):
            continue
        body.start(label)
        body.environment = dict(before)
        if block(body, nodes):
            ways.append(body.way())
    body.meet(ways, after)


def _while(body: Body, node: ast.While) -> None:
    """`while … else` without its else."""
    if node.orelse:
        raise body.refuse(node, "a loop with else has no machine code", "use a flag")
    for_ever = isinstance(node.test, ast.Constant) and bool(node.test.value)

    def head(inside: str, outside: str) -> None:
        if for_ever:
            body.emit(f"br label %{inside}")
        else:
            expressions.branch(body, node.test, inside, outside)

    loop(body, node.body, Loop(head, can_end=not for_ever))


def _for(body: Body, node: ast.For) -> None:
    """`for … in` a range, an array, a list, a table, `enumerate` or `zip`."""
    if node.orelse:
        raise body.refuse(node, "a loop with else has no machine code", "use a flag")
    steps = iteration.over(body, node.iter)
    if steps is None:
        return
    counter = body.hidden("i64")
    body.emit(f"store i64 {steps.start}, ptr {counter}")
    now = ""

    def head(inside: str, outside: str) -> None:
        nonlocal now
        now = body.value(f"load i64, ptr {counter}")
        body.emit(f"br i1 {steps.goes_on(now)}, label %{inside}, label %{outside}")

    def enter() -> None:
        store(body, node.target, steps.item(now))

    def advance() -> None:
        body.emit(f"store i64 {steps.next(now)}, ptr {counter}")

    loop(body, node.body, Loop(head, enter, advance))


@dataclass(slots=True)
class Loop:
    """What a loop does around its turns: `head` decides, `enter` prepares a turn, `advance` steps on."""

    head: Callable[[str, str], None]
    enter: Callable[[], None] = lambda: None
    advance: Callable[[], None] = lambda: None
    can_end: bool = True


def loop(body: Body, nodes: Sequence[ast.stmt], around: Loop) -> None:
    """A loop whose turns are `nodes`.

    It is written again, with wider kinds at its head, until what comes back from a turn fits what went in.
    """
    start = body.way()
    at_head = dict(body.environment)
    mark = len(body.lines)
    while True:
        del body.lines[mark:]
        top, outside = body.label(), body.label()
        exits, back = _attempt(body, nodes, around, at_head, (top, outside))
        wider = meeting([Way(at_head, []), *back])
        if _fits(body, at_head, wider):
            break
        at_head = wider
    body.lead(start, at_head, top)
    facts = "" if _has_loop(nodes) else body.facts_of_loops
    for way in back:
        body.lead(way, at_head, top, facts=facts)
    if around.can_end:
        body.start(outside)
        body.environment = dict(wider)
        exits.append(body.way())
    for way in exits:
        for name, variable in wider.items():
            way.environment.setdefault(name, replace(variable, sure=False))
    body.meet(exits, body.label())


def _has_loop(nodes: Sequence[ast.stmt]) -> bool:
    """Whether there is a loop in these: what LLVM is told of loops is of the innermost."""
    return any(isinstance(each, ast.For | ast.While) for node in nodes for each in ast.walk(node))


def _attempt(
    body: Body, nodes: Sequence[ast.stmt], around: Loop, at_head: Environment, labels: tuple[str, str]
) -> tuple[list[Way], list[Way]]:
    """Write the loop once, knowing `at_head`; the ways out of its middle, and the way back."""
    top, outside = labels
    inside, step = body.label(), body.label()
    body.environment = dict(at_head)
    body.start(top)
    around.head(inside, outside)
    exits: list[Way] = []
    turns: list[Way] = []
    body.start(inside)
    body.loops.append((exits, turns))
    if _turn(body, nodes, around.enter):
        turns.append(body.way())
    body.loops.pop()
    return exits, _step(body, turns, step, around.advance)


def _fits(body: Body, at_head: Environment, wider: Environment) -> bool:
    """Whether what comes back from a turn says nothing new of what the turn reads."""
    if any(not _alike(at_head[name], wider[name]) for name in at_head):
        return False
    return not body.missed & (wider.keys() - at_head.keys())


def _turn(body: Body, nodes: Sequence[ast.stmt], enter: Callable[[], None]) -> bool:
    """One turn of a loop; whether its end can be reached."""
    try:
        enter()
    except Unreachable:
        return False
    return block(body, nodes)


def _step(body: Body, turns: list[Way], label: str, advance: Callable[[], None]) -> list[Way]:
    """What every way back does before the next turn; the way back, if there is one."""
    if not turns:
        return []
    body.meet(turns, label)
    advance()
    return [body.way()]


def _alike(one: Variable, other: Variable) -> bool:
    """Whether the same is known of a name."""
    return one.kind == other.kind and one.sure == other.sure


def _break(body: Body, node: ast.Break) -> None:
    """Leave the loop."""
    body.loops[-1][0].append(body.way())
    raise Unreachable


def _continue(body: Body, node: ast.Continue) -> None:
    """Go on with the loop's next turn."""
    body.loops[-1][1].append(body.way())
    raise Unreachable


def _raise(body: Body, node: ast.Raise) -> None:
    """Leave: the event is run again interpreted, where the exception is raised in earnest."""
    raise body.fail(RAISED)


def _assert(body: Body, node: ast.Assert) -> None:
    """Leave unless it holds."""
    going_on, wrong = body.label(), body.label()
    expressions.branch(body, node.test, going_on, wrong)
    body.start(wrong)
    body.fail(RAISED)
    body.start(going_on)


def _pass(body: Body, node: ast.Pass) -> None:
    """Nothing."""


_WRITERS: dict[type, Callable[[Body, Any], None]] = {
    ast.Expr: _expression,
    ast.Assign: _assign,
    ast.AnnAssign: _annotated,
    ast.AugAssign: _augmented,
    ast.Return: _return,
    ast.If: _if,
    ast.While: _while,
    ast.For: _for,
    ast.Break: _break,
    ast.Continue: _continue,
    ast.Raise: _raise,
    ast.Assert: _assert,
    ast.Pass: _pass,
}

_OUTSIDE = {
    ast.Try: ("try and except have no machine code", "test for the condition instead"),
    ast.With: ("a with statement has no machine code", "do it in setup"),
    ast.Import: ("an import inside a hook has no machine code", "import at the top of the file"),
    ast.ImportFrom: ("an import inside a hook has no machine code", "import at the top of the file"),
    ast.FunctionDef: ("a function inside a function has no machine code", "make it a method"),
    ast.ClassDef: ("a class inside a function has no machine code", "move it to the top of the file"),
    ast.Global: ("a global variable is not part of the state", "keep it as an attribute set in setup"),
    ast.Nonlocal: ("an enclosing variable is not part of the state", "keep it as an attribute set in setup"),
    ast.Delete: ("del has no machine code", "leave the name alone"),
    ast.Match: ("match has no machine code", "use if and elif"),
}
