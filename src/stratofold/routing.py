"""Which code is the user's, and where its operators lead so that all three executions give the same last bit."""

import math
import sys
import sysconfig
from collections.abc import Callable
from types import ModuleType
from typing import Any

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


def is_users(module: ModuleType | None) -> bool:
    """Whether a module is written by the user: neither Python's, nor installed, nor ours (ready-made strategies are)."""
    name = getattr(module, "__name__", "")
    if name == "stratofold" or name.startswith("stratofold."):
        return name.startswith("stratofold.strategies")
    file = getattr(module, "__file__", None)
    if file is None:
        return name == "__main__"
    return not file.startswith(_INSTALLED)


def is_plain(cls: type) -> bool:
    """Whether objects of a class are state in plain Python: ours or the user's."""
    name = cls.__module__
    return name.startswith("stratofold.") or is_users(sys.modules.get(name))
