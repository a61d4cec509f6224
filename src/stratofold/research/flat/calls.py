"""Calls: written out where the function is known, else as they stand.

What comes in: a call, or a property that is read.  What goes out: the `Value` of its result, with the function's own
lines before it; a function that is long, or of another's file, is written once and called by name.
"""

from __future__ import annotations

import ast
from types import FunctionType
from typing import TYPE_CHECKING, Any

from stratofold.research.flat import expressions, statements
from stratofold.research.flat.kinds import MANY, Many, Thing
from stratofold.research.flat.sources import Source, Unfit, always_returns, has_return, returns_last
from stratofold.research.flat.writer import NOTHING, Frame, Value, Writer

if TYPE_CHECKING:
    from types import CodeType

_LONG = 220  # nodes of a tree: beyond, a function is written once and called
_DEEP = 12  # functions written into one another
_SHORT = 25  # nodes of a property or function that may stand where no line can be put before
_BETTER = {"min": "<", "max": ">"}
_INDICATORS = "stratofold.fold.indicators"
_OFTEN_HERE = frozenset({"turn_session", "_refresh_watched", "reach"})  # of the seldom ones: most bars may need them
_SELDOM_HERE = frozenset({"passes"})  # only where an order rests: it alone reads what is then written late, or never

_sources: dict[CodeType, Source | Unfit] = {}


def source_of(function: FunctionType) -> Source | None:
    """A function's source, None where it cannot be written into another."""
    code = function.__code__
    if code not in _sources:
        try:
            _sources[code] = Source(function)
        except Unfit as no:
            _sources[code] = no
    found = _sources[code]
    return found if isinstance(found, Source) else None


def member(w: Writer, cls: type, name: str) -> Any:
    """What a class or its bases say of a name, None where an object of it may have its own."""
    if name in w.graph.stored:
        return None
    for base in cls.__mro__:
        if name in base.__dict__:
            w.rely(cls, name)
            return base.__dict__[name]
    return None


def call(w: Writer, node: ast.Call, frame: Frame, wanted: str) -> Value:
    """One call; its result may go to the name `wanted`."""
    if any(isinstance(each, ast.Starred) for each in node.args) or any(each.arg is None for each in node.keywords):
        raise Unfit("star-arguments")
    named = [each.value for each in node.keywords]
    if isinstance(node.func, ast.Attribute):
        owner, *given = expressions.read_all(w, [node.func.value, *node.args, *named], frame)
        if isinstance(owner.kind, Thing) and owner.kind.path == "strategy" and not frame.source.is_users:
            return _hook(w, node.func.attr, given)
        target, first = _method(w, owner, node.func.attr), [owner]
        function = f"{owner.text}.{node.func.attr}"
    else:
        target, first = _global_function(node.func, frame), []
        given = expressions.read_all(w, [*node.args, *named], frame)
        function = expressions.read(w, node.func, frame).text
    count = len(node.args)
    keywords = {str(each.arg): value for each, value in zip(node.keywords, given[count:], strict=True)}
    if target is not None:
        got = write_out(w, target, [*first, *given[:count]], keywords, frame, wanted)
        if got is not None:
            return got
    known = _builtin(w, function, given) if _is_builtin(node.func, frame) and not keywords else None
    if known is not None:
        return known
    texts = [value.text for value in given[:count]] + [f"{name}={value.text}" for name, value in keywords.items()]
    return Value(f"{function}({', '.join(texts)})")


def _is_builtin(node: ast.expr, frame: Frame) -> bool:
    """Whether a name is neither local nor of the module, and so Python's own."""
    return isinstance(node, ast.Name) and not any(
        node.id in names for names in (frame.bound, frame.source.locals, frame.scope)
    )


def _builtin(w: Writer, function: str, given: list[Value]) -> Value | None:
    """A length that is known, and the less or greater of two as Python itself tells it, without a call."""
    if function == "len" and isinstance(given[0].kind, Many):
        length = w.constants.get((given[0].kind.path, "len"), MANY)
        return None if length is MANY else w.number(length)
    if function not in _BETTER or len(given) != 2 or w.held:
        return None
    one, other = (value if value.is_stable else w.keep(value) for value in given)
    return Value(f"({other.text} if {other.text} {_BETTER[function]} {one.text} else {one.text})")


def _hook(w: Writer, name: str, given: list[Value]) -> Value:
    """A call of a strategy's hook: a function that the factory is given, and that knows its arguments."""
    paths = [value.kind.path for value in given if isinstance(value.kind, Thing) and value.kind.path]
    if len(paths) != len(given) or w.hooks.setdefault(name, paths) != paths:
        raise Unfit("a hook's arguments")
    return Value(f"{name}_()")


def _method(w: Writer, owner: Value, name: str) -> FunctionType | None:
    """The function that a method call leads to, where that is known."""
    if not isinstance(owner.kind, Thing) or (owner.kind.cls, name) in w.graph.found:
        return None
    found = member(w, owner.kind.cls, name)
    return found if isinstance(found, FunctionType) else None


def _global_function(node: ast.expr, frame: Frame) -> FunctionType | None:
    """The function that a global name means."""
    if not isinstance(node, ast.Name) or node.id in frame.bound or node.id in frame.source.locals:
        return None
    found = frame.scope.get(node.id)
    return found if isinstance(found, FunctionType) else None


def write_out(
    w: Writer, function: FunctionType, given: list[Value], keywords: dict[str, Value], frame: Frame, wanted: str
) -> Value | None:
    """A call of a known function: its lines here, a call of its own text, or None for an ordinary call."""
    source = source_of(function)
    if source is None or function in w.stack or hasattr(function, "leaves_kernel"):
        return None
    if source.is_users and source.file != w.file:  # its lines would be another file's
        return None
    arguments = _bound(w, source, given, keywords)
    if arguments is None:
        return None
    if frame.source.is_users and not source.is_users and not _may_enter(function, arguments):
        return None
    if w.held:
        return _as_expression(w, function, source, arguments) if source.size <= _SHORT else None
    try:
        if _stands_alone(function, source, w):
            return alone(w, function, source, arguments)
        return inside(w, function, source, arguments, wanted)
    except Unfit as no:
        if not no.is_blamed:
            _sources[function.__code__] = no
            no.is_blamed = True
        raise


def _may_enter(function: FunctionType, arguments: dict[str, Value]) -> bool:
    """Whether our code may stand among the user's lines: indicators, and words that nothing given can upset."""
    known = all(value.constant is not NOTHING or value.kind is not None for value in arguments.values())
    return known or function.__module__.startswith(_INDICATORS)


def _stands_alone(function: FunctionType, source: Source, w: Writer) -> bool:
    """Whether a function is written once, to be called."""
    is_seldom = hasattr(function, "seldom") and function.__name__ not in _OFTEN_HERE
    return (
        is_seldom
        or function.__name__ in _SELDOM_HERE
        or source.returns_in_loop
        or source.size > _LONG
        or len(w.stack) > _DEEP
    )


def _bound(w: Writer, source: Source, given: list[Value], keywords: dict[str, Value]) -> dict[str, Value] | None:
    """Arguments by parameter; None where they do not fit, or a default is no number."""
    if len(given) > len(source.positional):
        return None
    arguments = {**dict(zip(source.positional, given, strict=False)), **keywords}
    for name in source.parameters:
        if name not in arguments:
            default = source.defaults.get(name)
            if type(default) not in (int, float, bool):
                return None
            arguments[name] = w.number(default)
    return {name: arguments[name] for name in source.parameters} if len(arguments) == len(source.parameters) else None


def alone(w: Writer, function: FunctionType, source: Source, arguments: dict[str, Value]) -> Value:
    """A call of a function that is written by itself, for these kinds of arguments."""
    fixed = {name: value for name, value in arguments.items() if _is_fixed(name, value, source)}
    key = (function, tuple((name, value.kind, _text_if(name in fixed, value)) for name, value in arguments.items()))
    if key not in w.written:
        w.written[key] = name = w.fresh(function.__name__)
        rest = [parameter for parameter in source.parameters if parameter not in fixed]
        frame = Frame(source, "", fixed)
        frame.kinds = {name: value.kind for name, value in arguments.items() if name not in source.stores}
        w.codes[function] = function.__code__
        line = source.line if source.file == w.file else 0
        with w.apart(function, line) as lines:
            statements.write(w, source.body, frame)
        w.functions.append((line, f"def {name}({', '.join(rest)}):", lines))
        w.answers[name] = frame.result_kind
    texts = [value.text for name, value in arguments.items() if name not in fixed]
    return Value(f"{w.written[key]}({', '.join(texts)})", w.answers.get(w.written[key]))


def _is_fixed(name: str, value: Value, source: Source) -> bool:
    """Whether an argument is the same at every call: an object at the end of a path, or a number."""
    has_path = isinstance(value.kind, (Thing, Many)) and bool(value.kind.path)
    return name not in source.stores and (has_path or value.constant is not NOTHING)


def _text_if(is_wanted: bool, value: Value) -> str:
    """The text of a value, where it matters."""
    return value.text if is_wanted else ""


def _as_expression(w: Writer, function: FunctionType, source: Source, arguments: dict[str, Value]) -> Value | None:
    """A function that is one expression, of arguments that may be read more than once."""
    returned = _only_return(source)
    if returned is None or not all(value.is_stable for value in arguments.values()):
        return None
    w.stack.append(function)
    w.codes[function] = function.__code__
    try:
        return expressions.read(w, returned, Frame(source, "", arguments))
    finally:
        w.stack.pop()


def _only_return(source: Source) -> ast.expr | None:
    """The expression of a function that is no more."""
    only = source.body[0]
    return only.value if len(source.body) == 1 and isinstance(only, ast.Return) else None


def inside(w: Writer, function: FunctionType, source: Source, arguments: dict[str, Value], wanted: str) -> Value:
    """The function's lines, here."""
    frame = Frame(source, w.fresh(""), {})
    for name, value in arguments.items():
        if value.is_stable and name not in source.stores:
            frame.bound[name] = value
        else:
            w.emit(f"{name}{frame.suffix} = {value.text}")
            if name not in source.stores:
                frame.kinds[name] = value.kind
    w.stack.append(function)
    w.codes[function] = function.__code__
    line = w.line
    try:
        returned = _only_return(source)
        if returned is not None:
            return expressions.read(w, returned, frame, wanted)
        return _body(w, source, frame, wanted)
    finally:
        w.line = line
        w.stack.pop()


def _body(w: Writer, source: Source, frame: Frame, wanted: str) -> Value:
    """The statements of a function, each return made the end of its way."""
    frame.is_inner = True
    if not has_return(source.body):
        statements.write(w, source.body, frame)
        return Value("None", is_stable=True)
    returns = [each for statement in source.body for each in ast.walk(statement) if isinstance(each, ast.Return)]
    is_valued = any(each.value is not None for each in returns)
    if is_valued and not always_returns(source.body):
        raise Unfit("a result on some ways only")
    frame.result = (wanted or w.fresh("result")) if is_valued else ""
    tidy = returns_last(source.body)
    if tidy is not None:
        statements.write(w, tidy, frame)
    else:
        _in_a_loop(w, source, frame)
    return Value(frame.result or "None", frame.result_kind, is_stable=True)


def _in_a_loop(w: Writer, source: Source, frame: Frame) -> None:
    """Statements that return early, in a loop that is left at each return and turns only once."""
    frame.leaves_loop = True

    def turn() -> Any:
        statements.write(w, source.body, frame)
        if not always_returns(source.body):
            w.emit("break")

    lines, _ = w.block(turn)
    w.emit("while True:", lines)


__all__ = ["alone", "call", "inside", "member", "source_of", "write_out"]
