"""Whether `setup` makes the same of the same parameters whenever it is called, and which of them it reads.

What comes in: a strategy's class.  What goes out: the parameters that its `setup` reads; or None where it may depend on
anything else (the time, a counter in a module, a file, a random number), or may change what it was given.
Why so: a sweep calls `setup` a hundred thousand times.  What is known to depend on parameters alone need not be made
twice.  It is read off the source: only statements and calls that are known to be harmless are, anything else is not.
"""

from __future__ import annotations

import ast
import builtins
import math
from array import array
from functools import cache
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakKeyDictionary

from stratofold.fold.strategy import Param, Strategy
from stratofold.kernel.refused import Refused
from stratofold.kernel.source import tree_of

if TYPE_CHECKING:
    from collections.abc import Iterable

_PURE = {int, float, bool, abs, min, max, round, range, len, array}
_OPERATIONS = (
    ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.IfExp, ast.Tuple, ast.List, ast.ListComp, ast.comprehension,
    ast.Subscript, ast.Slice,
)  # fmt: skip
# What of a class's own methods is not called by an expression, or is read; its annotations and slots are not called at all.
_HARMLESS = {
    "__init__",
    "__repr__",
    "__str__",
    "__class_getitem__",
    "__init_subclass__",
    "__annotate__",
    "__annotate_func__",
}
_SYMBOLS = ast.operator, ast.unaryop, ast.boolop, ast.cmpop, ast.expr_context
_found: WeakKeyDictionary[type, Reads | None] = WeakKeyDictionary()


class Reads(NamedTuple):
    """What a `setup` reads: the parameters; and by attribute those that it depends on, in all that is made of them.

    `parts` is None where statements are more than one attribute each, so that one may decide what becomes of another,
    or that there is an error.  `symbols` says whether it asks for the handles of symbols by name.
    """

    parameters: frozenset[str]
    parts: dict[str, frozenset[str]] | None
    symbols: bool


class _Unsettled(Exception):
    """Something is not known to be harmless."""


def parameters_read(strategy: type[Strategy]) -> frozenset[str] | None:
    """The parameters that `setup` reads where it depends on nothing else; None where it may."""
    reads = reads_of(strategy)
    return None if reads is None else reads.parameters


def reads_of(strategy: type[Strategy]) -> Reads | None:
    """What `setup` reads where it depends on parameters alone; None where it may depend on anything else."""
    if strategy not in _found:
        _found[strategy] = _looked_up(strategy)
    return _found[strategy]


def _looked_up(strategy: type[Strategy]) -> Reads | None:
    """As `reads_of`."""
    if strategy.__init__ is not Strategy.__init__ or strategy.per_symbol is not Strategy.per_symbol:
        return None
    try:
        _check_ordinary(strategy)
        reading = _Reading(strategy, strategy.setup)
    except (Refused, _Unsettled):
        return None
    return Reads(frozenset(reading.parameters), reading.parts if reading.is_straight else None, reading.names_symbols)


def _check_ordinary(cls: type) -> None:
    """Raise where attributes of a class's objects are more than attributes, or operators and `len` more than Python's own."""
    if type(cls) is not type:
        raise _Unsettled
    for base in cls.__mro__:
        if base is not object and not _is_ours(base):
            special = {name for name, member in vars(base).items() if name.startswith("__") and callable(member)}
            if not special <= _HARMLESS:
                raise _Unsettled


@cache
def _is_settled(cls: type) -> bool:
    """Whether an object of a class is the same whenever it is made of the same arguments, and making it changes nothing."""
    if _is_ours(cls):
        return True
    try:
        _check_ordinary(cls)
        if cls.__init__ is not object.__init__:  # type: ignore[misc]  # it is looked at, not called
            _Reading(cls, cls.__init__)  # type: ignore[misc]
    except (Refused, _Unsettled, RecursionError):
        return False
    return True


class _Reading:
    """A function that makes an object's state, read statement by statement; raises where one is not known to be harmless."""

    def __init__(self, cls: type, function: Any) -> None:
        """`parameters` are those that it reads of the object."""
        if not isinstance(function, FunctionType) or function.__closure__:
            raise _Unsettled
        defaults = (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values())
        if not all(each is None or _is_number(each) for each in defaults):
            raise _Unsettled
        tree = tree_of(function)
        self.parameters: set[str] = set()
        self.parts: dict[str, frozenset[str]] = {}
        self.is_straight = True
        self.names_symbols = False
        self._cls = cls
        self._scope = function.__globals__
        arguments = [each.arg for each in (*tree.args.posonlyargs, *tree.args.args, *tree.args.kwonlyargs)]
        if not arguments or tree.args.vararg or tree.args.kwarg:
            raise _Unsettled
        self._me, *rest = arguments
        self._local = set(rest)
        self._own: set[str] = set()  # attributes that it has set
        self._asked: set[str] = set()  # those of them that a statement has read
        self._made = 0  # how many it has set
        for node in tree.body:
            self._part(node)

    def _part(self, node: ast.AST) -> None:
        """A statement of the function's own: which parameters the attribute that it sets depends on."""
        before, self.parameters = self.parameters, set()
        self._asked.clear()
        self._made = 0
        self._statement(node)
        made = self.parameters.union(*(self.parts.get(name, ()) for name in self._asked))
        self.parameters |= before
        target = node.targets[0] if isinstance(node, ast.Assign) and len(node.targets) == 1 else None
        if isinstance(target, ast.Attribute) and self._made == 1 and target.attr not in self.parts:
            self.parts[target.attr] = frozenset(made)
        elif not isinstance(node, ast.Pass | ast.Expr):
            self.is_straight = False

    def _all(self, nodes: Iterable[ast.AST]) -> None:
        """Statements."""
        for node in nodes:
            self._statement(node)

    def _statement(self, node: ast.AST) -> None:
        """One statement; one that raises ends the cell, so it may say what it likes."""
        if isinstance(node, ast.Assign):
            self._expression(node.value)
            for target in node.targets:
                self._set(target)
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            self._expression(node.value)
            self._set(node.target)
        elif isinstance(node, ast.If):
            self._expression(node.test)
            self._all([*node.body, *node.orelse])
        elif isinstance(node, ast.For):
            self._expression(node.iter)
            self._set(node.target)
            self._all([*node.body, *node.orelse])
        elif not (
            isinstance(node, ast.Pass | ast.Raise)
            or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
            or (isinstance(node, ast.Return) and node.value is None)
        ):
            raise _Unsettled

    def _set(self, target: ast.AST) -> None:
        """A name or an attribute of the object's own is set; a parameter stays what it was given."""
        if isinstance(target, ast.Tuple):
            for each in target.elts:
                self._set(each)
        elif isinstance(target, ast.Name) and target.id != self._me:
            self._local.add(target.id)
        elif isinstance(target, ast.Attribute) and self._is_own(target):
            there = _declared(self._cls, target.attr)
            if there is not None and not _is_number(there):
                raise _Unsettled
            self._own.add(target.attr)
            self._made += 1
        else:
            raise _Unsettled

    def _is_own(self, node: ast.AST) -> bool:
        """Whether a node is an attribute of the object's."""
        return isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == self._me

    def _expression(self, node: ast.AST) -> None:
        """What has a value."""
        if isinstance(node, ast.comprehension):
            self._set(node.target)
        if isinstance(node, _OPERATIONS):
            outside = set(self._local)
            inner = sorted(ast.iter_child_nodes(node), key=lambda each: not isinstance(each, ast.comprehension))
            for each in inner:  # a comprehension's own names are set before they are read
                self._expression(each)
            if isinstance(node, ast.ListComp):  # and are nobody's after it
                self._local = outside
        elif isinstance(node, ast.Call):
            self._call(node)
        elif isinstance(node, ast.Attribute) and self._is_own(node):
            self._read(node.attr)
        elif isinstance(node, ast.Name | ast.Attribute):
            is_local = isinstance(node, ast.Name) and node.id in self._local
            if not is_local and not _is_number(self._meant(node)):
                raise _Unsettled
        elif not isinstance(node, (ast.Constant, *_SYMBOLS)):
            raise _Unsettled

    def _read(self, name: str) -> None:
        """An attribute of the object's is read."""
        there = _declared(self._cls, name)
        if isinstance(there, Param):
            self.parameters.add(name)
        elif name in self._own:
            self._asked.add(name)
        elif name != "symbol_count" and not _is_number(there):
            raise _Unsettled

    def _call(self, node: ast.Call) -> None:
        """A call: of what has no state, of a class whose objects are settled, or of the strategy's own helpers."""
        if isinstance(node.func, ast.Attribute) and self._is_own(node.func):
            self._call_of_own(node, node.func.attr)
            return
        called = self._meant(node.func)
        is_pure = _is_among(called, _PURE) or (isinstance(called, BuiltinFunctionType) and called.__self__ is math)
        if not is_pure and not self._is_class(node.func):
            raise _Unsettled
        self._arguments(node, node.args)

    def _call_of_own(self, node: ast.Call, name: str) -> None:
        """A call of the strategy's: for an object a symbol, or for the handle of a symbol that the source names."""
        if name == "per_symbol" and node.args and self._is_class(node.args[0]):
            self._arguments(node, node.args[1:])
            return
        is_helper = name == "symbol" and getattr(self._cls, name, None) is Strategy.symbol
        if not is_helper or node.keywords or not all(isinstance(each, ast.Constant) for each in node.args):
            raise _Unsettled
        self.names_symbols = True

    def _arguments(self, node: ast.Call, arguments: Iterable[ast.AST]) -> None:
        """What a call is given."""
        for each in (*arguments, *(keyword.value for keyword in node.keywords)):
            self._expression(each)
        if any(keyword.arg is None for keyword in node.keywords):
            raise _Unsettled

    def _is_class(self, node: ast.AST) -> bool:
        """Whether a node names a class whose objects are settled."""
        meant = self._meant(node)
        return isinstance(meant, type) and _is_settled(meant)

    def _meant(self, node: ast.AST) -> Any:
        """What a name of the module, or of a module that it names, stands for; nothing for anything else."""
        if isinstance(node, ast.Name) and node.id not in self._local and node.id != self._me:
            return self._scope.get(node.id, getattr(builtins, node.id, None))
        if isinstance(node, ast.Attribute):
            module = self._meant(node.value)
            return vars(module).get(node.attr) if type(module) is ModuleType else None  # it may make others up
        return None


def _declared(cls: type, name: str) -> Any:
    """What a class or one of its bases says of a name, itself: who asks for it may be given something else each time."""
    return next((vars(base)[name] for base in cls.__mro__ if name in vars(base)), None)


def _is_ours(cls: type) -> bool:
    """Whether a class is of the fold: what it has is known."""
    return cls.__module__.startswith("stratofold.fold.")


def _is_number(value: Any) -> bool:
    """Whether a value is a plain number."""
    return type(value) in (bool, int, float)


def _is_among(value: Any, some: set[Any]) -> bool:
    """Whether a value is one of some; one that cannot be looked up is none."""
    return any(value is each for each in some)
