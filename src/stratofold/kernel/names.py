"""What a name that is not local means: a closure's cell, a global of the module, a builtin."""

import ast
import builtins
import inspect
from dataclasses import dataclass
from types import FunctionType
from typing import TYPE_CHECKING, Any

from stratofold.kernel.kinds import Value

if TYPE_CHECKING:
    from stratofold.kernel.body import Body


@dataclass(frozen=True, slots=True, eq=False)
class Bound:
    """A method and the object it was reached through."""

    function: FunctionType
    owner: Value

    def __call__(self) -> None:
        """Never: it exists only while compiling."""
        raise TypeError("a bound method of machine code")


@dataclass(frozen=True, slots=True, eq=False)
class Super:
    """`super()`: the object, and the class whose bases are searched."""

    owner: Value
    cls: type

    def find(self, name: str) -> Any:
        """The member that `super().name` finds."""
        order = self.owner.kind.layout.cls.__mro__
        for cls in order[order.index(self.cls) + 1 :]:
            if name in cls.__dict__:
                return inspect.getattr_static(cls, name)
        raise AttributeError(name)


def global_of(body: "Body", node: ast.Name) -> Any:
    """The Python value of a name outside the function; raises Refused where there is none."""
    function = body.function
    code = function.__code__
    if node.id in code.co_freevars and function.__closure__ is not None:
        cell = function.__closure__[code.co_freevars.index(node.id)]
        return cell.cell_contents
    for scope in (function.__globals__, vars(builtins)):
        if node.id in scope:
            return scope[node.id]
    raise body.refuse(node, f"the name {node.id} means nothing here", "define it above the class")
