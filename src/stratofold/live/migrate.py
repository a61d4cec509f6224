"""A strategy's state carried into other code: what has the same name and shape is kept, the rest begins fresh.

What comes in: the strategy as it was, and one that `setup` has just made.  What goes out: the second, with what fitted.
"""

from __future__ import annotations

from typing import Any

from stratofold.errors import Setup
from stratofold.fold.state import fields, restore, save


def migrate(old: Any, new: Any) -> list[str]:
    """Copy into `new` every field of `old` that it has too and that fits; returns the names that were left fresh."""
    parameters = type(new).parameters() if hasattr(type(new), "parameters") else {}
    fresh = []
    for name in fields(new):
        if name in parameters:
            continue
        if name not in fields(old) or not _carried(old, new, name):
            fresh.append(name)
    return fresh


def _carried(old: Any, new: Any, name: str) -> bool:
    """Copy one field if it fits; whether it did."""
    was, now = getattr(old, name), getattr(new, name)
    if type(was).__qualname__ != type(now).__qualname__:
        return False
    if isinstance(was, (int, float, bool)):
        setattr(new, name, was)
        return True
    holder, target = _Holder(was), _Holder(now)
    try:
        restore(target, save(holder))
    except Setup:
        return False
    setattr(new, name, target.held)
    return True


class _Holder:
    """One field by itself, so that arrays and lists are saved as any object's are."""

    __slots__ = ("held",)

    def __init__(self, held: Any) -> None:
        """Hold it."""
        self.held = held
