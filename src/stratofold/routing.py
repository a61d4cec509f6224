"""Where the user's operators lead, so that interpreted, compiled and frozen code give the same last bit everywhere.

What comes in: a strategy's class or object.  What goes out: the same functions with the same names, files and lines,
in which `**`, the functions of `math` that IEEE 754 does not round correctly, `sum` and `round(x, digits)` call
`fold/maths.py`.
Why so: the C library's `exp` differs between systems, `x**2` between interpreter and compiler, and `sum` of floats
between Python versions.  Only functions that mention one of these are rewritten, and only their code is exchanged, so
that every reference to them stays good.  Machine code is made from the source as written, with the same rules.
Standard library only: a live function imports this.
"""

import ast
import builtins
import linecache
import math
import opcode
import sys
import sysconfig
from array import array
from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from types import CodeType, FunctionType, ModuleType
from typing import Any

from stratofold.fold import maths

# Functions of `math` that IEEE 754 does not round correctly, and their namesakes in `fold/maths.py`.
MATHS: dict[Callable[..., Any], str] = {
    getattr(math, name): name
    for name in (
        "acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "cbrt", "cos", "cosh", "erf", "erfc", "exp",
        "expm1", "hypot", "log", "log10", "log1p", "log2", "sin", "sinh", "tan", "tanh",
    )
    if hasattr(math, name)
} | {math.pow: "power"}  # fmt: skip

_INSTALLED = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")})
_BUILT_IN = ("built-in", "frozen")  # where Python's modules without a file are from
_POWERS = (8, 21)  # the arguments of BINARY_OP for ** and **=
_HERE, _MATHS, _FLOAT = "_stratofold_routing", "_stratofold_maths", "_stratofold_float"


# What rewritten code calls


def power(base: Any, exponent: Any) -> Any:
    """`base ** exponent`: ints exactly, floats by `maths.power`, anything else as Python has it."""
    if isinstance(base, int) and isinstance(exponent, int) and exponent >= 0:
        return base**exponent
    if isinstance(base, int | float) and isinstance(exponent, int | float):
        return maths.power(float(base), float(exponent))
    return base**exponent


def logarithm(x: float, base: float) -> float:
    """`math.log(x, base)`."""
    return maths.log(x) / maths.log(base)


def total(values: Iterable[Any], start: Any = 0) -> Any:
    """`sum(values, start)` from left to right, without the compensation that Python 3.12 added."""
    if isinstance(values, array) and values.typecode == "d" and start == 0:
        return maths.total(values)
    result = start
    for value in values:
        result = result + value
    return result


def rounded(value: Any, ndigits: Any = None) -> Any:
    """`round(value, ndigits)`: floats by `maths.round_half_even`."""
    if isinstance(value, float) and isinstance(ndigits, int):
        return maths.round_half_even(value, ndigits)
    return round(value, ndigits)


# Whose code is whose


_adopted: set[str] = set()  # packages that hold somebody's strategy


def adopt(strategy: type, root: type) -> None:
    """What is around a strategy is its user's, wherever it is installed: the packages of its class and of others that it goes back to.

    `root` is what every strategy goes back to.
    """
    names = {cls.__module__.partition(".")[0] for cls in strategy.__mro__ if issubclass(cls, root)}
    _adopted.update(names - {"stratofold"})


def is_users(module: ModuleType | None) -> bool:
    """Whether a module is written by the user: neither Python's, nor installed, nor ours (ready-made strategies are).

    One that nobody knows (None), or that has no file and is not built into Python, was made by a program: the user's.
    """
    name = getattr(module, "__name__", "")
    if name == "stratofold" or name.startswith("stratofold."):
        return name.startswith("stratofold.strategies")
    if module is None or name.partition(".")[0] in _adopted:
        return True
    file = getattr(module, "__file__", None)
    if file is None:
        return getattr(module.__spec__, "origin", None) not in _BUILT_IN
    return not file.startswith(_INSTALLED)


def is_plain(cls: type) -> bool:
    """Whether objects of a class are state in plain Python: ours or the user's."""
    return is_ours_or_users(cls.__module__)


def is_ours_or_users(name: str) -> bool:
    """As `is_users`, of a module by its name; ours too."""
    return name.startswith("stratofold.") or is_users(sys.modules.get(name))


Fact = tuple[Any, str, object]  # a scope, a name, and what the name meant


class Reached:
    """The user's functions that some classes and functions lead to, and the numbers they find on the way.

    `functions` are in the order met; `numbers` are lines "name=value" of constants of modules and classes; `facts` are
    what the members of those classes and modules are now.
    """

    def __init__(self) -> None:
        """Nothing yet."""
        self._seen: set[int] = set()
        self.functions: list[FunctionType] = []
        self.numbers: list[str] = []
        self.facts: list[Fact] = []

    def add(self, thing: Any) -> None:
        """Follow a class, a function or a module as far as the user's own code goes."""
        if id(thing) in self._seen:
            return
        self._seen.add(id(thing))
        if isinstance(thing, ModuleType):
            if is_users(thing):
                self._add_scope(thing.__name__, vars(thing))
        elif isinstance(thing, type):
            for cls in thing.__mro__:
                if is_users(sys.modules.get(cls.__module__)):
                    self._add_scope(f"{cls.__module__}.{cls.__qualname__}", vars(cls))
        elif isinstance(thing, FunctionType) and is_users(sys.modules.get(thing.__module__)):
            self._add_function(thing)

    def _add_function(self, function: FunctionType) -> None:
        """A function, and what its names mean."""
        self.functions.append(function)
        scope = function.__globals__
        for name in _names(function.__code__):
            if name in scope:
                self.facts.append((scope, name, scope[name]))
                self._add_value(f"{function.__module__}.{name}", scope[name])
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=False):
            if name != "__class__":
                self._add_value(f"{function.__qualname__}.{name}", cell.cell_contents)

    def _add_scope(self, owner: str, scope: Any) -> None:
        """The members of a class or module."""
        for name, value in list(scope.items()):
            if not name.startswith("__") or isinstance(value, FunctionType):
                self.facts.append((scope, name, value))
                self._add_value(f"{owner}.{name}", value)

    def _add_value(self, name: str, value: Any) -> None:
        """A number's value, or whatever leads further."""
        if isinstance(value, Enum):
            self.numbers.append(f"{name}={value.value!r}")
        elif isinstance(value, bool | int | float):
            self.numbers.append(f"{name}={value!r}")
        elif isinstance(value, tuple | array) and all(isinstance(each, bool | int | float) for each in value):
            self.numbers.append(f"{name}={tuple(value)!r}")
        elif isinstance(value, property):
            for part in (value.fget, value.fset):
                self.add(part)
        elif isinstance(value, staticmethod | classmethod):
            self.add(value.__func__)
        elif isinstance(value, FunctionType | type | ModuleType):
            self.add(value)


def _names(code: CodeType) -> Iterator[str]:
    """Every global or attribute name that code, or code inside it, mentions."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


# Rewriting

_routed: set[CodeType] = set()


def route(*things: object) -> None:
    """Reroute the user's functions that these classes, functions or objects lead to; again costs next to nothing.

    Functions whose source cannot be read stay as they are.
    """
    reached = Reached()
    for thing in things:
        for found in _classes(thing):
            reached.add(found)
    for function in reached.functions:
        if function.__code__ not in _routed:
            if _needs_routing(function):
                _rewrite(function)
            _routed.add(function.__code__)


def _classes(thing: object) -> Iterator[Any]:
    """A class or function itself; of an object its class and those of the plain objects it holds."""
    if isinstance(thing, type | FunctionType | ModuleType):
        yield thing
        return
    waiting, seen = [thing], set()
    while waiting:
        each = waiting.pop()
        if isinstance(each, list | tuple):
            waiting += each
        elif is_plain(type(each)) and id(each) not in seen:
            seen.add(id(each))
            yield type(each)
            waiting += getattr(each, "__dict__", {}).values()


def _needs_routing(function: FunctionType) -> bool:
    """Whether a function mentions anything that must be led elsewhere."""
    code, scope = function.__code__, function.__globals__
    for name in _names(code):
        value = scope.get(name, getattr(builtins, name, None))
        if value is math or value is sum or value is round or (callable(value) and _is_routed(value)):
            return True
    return any(_has_power(each) for each in _codes(code))


def _is_routed(value: Any) -> bool:
    """Whether a function of `math` is led elsewhere."""
    try:
        return value in MATHS
    except TypeError:  # not hashable: no function of `math`
        return False


def _codes(code: CodeType) -> Iterator[CodeType]:
    """Code and the code inside it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _has_power(code: CodeType) -> bool:
    """Whether `**` may occur; a number that only looks like it costs one look at the source."""
    operation = opcode.opmap["BINARY_OP"]
    text = code.co_code
    return any(text[at] == operation and text[at + 1] in _POWERS for at in range(0, len(text), 2))


def _rewrite(function: FunctionType) -> None:
    """Exchange a function's code for its rerouted twin."""
    code = function.__code__
    node = _definition(code)
    if node is None:
        return
    router = _Router(function)
    node = router.visit(node)
    if not router.found:
        return
    node.decorator_list = []
    module = ast.fix_missing_locations(ast.Module([_in_its_place(node, function)], []))
    twin = _code_of(compile(module, code.co_filename, "exec", dont_inherit=True), node.name, node.lineno)
    if twin is None or twin.co_freevars != code.co_freevars:
        return
    function.__globals__.setdefault(_HERE, sys.modules[__name__])
    function.__globals__.setdefault(_MATHS, maths)
    function.__globals__.setdefault(_FLOAT, float)
    function.__code__ = twin


def _definition(code: CodeType) -> ast.FunctionDef | None:
    """The syntax tree of a function, fresh; None where there is no source."""
    try:
        tree = ast.parse("".join(linecache.getlines(code.co_filename)), code.co_filename)
    except SyntaxError:
        return None
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name == code.co_name:
            first = node.decorator_list[0].lineno if node.decorator_list else node.lineno
            if code.co_firstlineno in (first, node.lineno):
                return node
    return None


def _in_its_place(node: ast.FunctionDef, function: FunctionType) -> ast.stmt:
    """A definition inside a class of its class's name (for `__private` names) inside a function with its free names."""
    inner: ast.stmt = node
    owners = function.__qualname__.split(".")
    if len(owners) > 1 and owners[-2] != "<locals>":
        inner = ast.ClassDef(owners[-2], [], [], [inner], [])
        if sys.version_info >= (3, 12):
            inner.type_params = []
    free = [name for name in function.__code__.co_freevars if name != "__class__"]
    given = ast.arguments([], [ast.arg(name) for name in free], None, [], [], None, [])
    outer = ast.FunctionDef("_outer", given, [inner], [])
    if sys.version_info >= (3, 12):
        outer.type_params = []
    return outer


def _code_of(code: CodeType, name: str, line: int) -> CodeType | None:
    """The code of the function `name` at `line` inside other code."""
    for each in _codes(code):
        if each.co_name == name and each.co_firstlineno == line:
            return each
    return None


class _Router(ast.NodeTransformer):
    """Leads the operators of one function elsewhere; `found` says whether there were any."""

    def __init__(self, function: FunctionType) -> None:
        """For the names as this function sees them."""
        self._function = function
        self._locals = {*function.__code__.co_varnames, *function.__code__.co_cellvars}
        self.found = False

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        """`a ** b`."""
        self.generic_visit(node)
        if not isinstance(node.op, ast.Pow):
            return node
        return self._call(_member(_HERE, "power"), [node.left, node.right], node)

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        """`a **= b`, whose target is read and written."""
        self.generic_visit(node)
        if not isinstance(node.op, ast.Pow):
            return node
        source = ast.unparse(node.target)
        old = ast.copy_location(ast.parse(source, mode="eval").body, node)
        new = self._call(_member(_HERE, "power"), [old, node.value], node)
        return ast.copy_location(ast.Assign([node.target], new), node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """`math.exp(x)`, `exp(x)`, `sum(values)`, `round(x, digits)`."""
        self.generic_visit(node)
        target = self._meaning(node.func)
        if target is sum:
            return self._call(_member(_HERE, "total"), node.args, node)
        if target is round and len(node.args) + len(node.keywords) > 1:
            return self._call(_member(_HERE, "rounded"), node.args, node)
        if target is None or not callable(target) or not _is_routed(target) or node.keywords:
            return node
        name = MATHS[target]
        reals: list[ast.expr] = [ast.Call(ast.Name(_FLOAT, ast.Load()), [each], []) for each in node.args]
        if name == "log" and len(reals) > 1:
            return self._call(_member(_HERE, "logarithm"), reals, node)
        if name == "hypot" and len(reals) != 2:  # `maths.hypot` is of two legs
            return node
        return self._call(_member(_MATHS, name), reals, node)

    def _call(self, function: ast.expr, arguments: list[ast.expr], node: ast.AST) -> ast.Call:
        """A call in the place of `node`, with its keywords."""
        self.found = True
        call = ast.Call(function, arguments, getattr(node, "keywords", []))
        return ast.fix_missing_locations(ast.copy_location(call, node))

    def _meaning(self, node: ast.expr) -> Any:
        """What a name, or a member of a module, means; None where only running would tell."""
        if isinstance(node, ast.Name):
            if node.id in self._locals:
                return None
            return self._function.__globals__.get(node.id, getattr(builtins, node.id, None))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            owner = self._meaning(node.value)
            return getattr(owner, node.attr, None) if isinstance(owner, ModuleType) else None
        return None


def _member(module: str, name: str) -> ast.expr:
    """`module.name` as a tree."""
    return ast.Attribute(ast.Name(module, ast.Load()), name, ast.Load())
