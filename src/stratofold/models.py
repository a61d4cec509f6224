"""The models, where strategies import them from, and the hash that pins one.

What comes in: a model, ours or any plain class of numbers and arrays.
What goes out: its SHA-256, the same on every machine.
Why it is shaped so: a result must say which weights made it, and the fold itself may not import a hash.
"""

import sys
from array import array
from hashlib import sha256
from typing import Any

from stratofold.errors import Setup
from stratofold.fold.models import Linear, Recurrent, TreeEnsemble
from stratofold.fold.state import fields

__all__ = ["Linear", "Recurrent", "TreeEnsemble", "content_hash"]


def content_hash(model: object) -> str:
    """SHA-256 in hexadecimal over a model's class name and the little-endian bytes of its numbers.

    What counts is what the class lists as `CONTENT`, else every attribute; so a network's state is not part of it.
    Each attribute goes in as its name, its kind, its length and its bytes.  Raises `Setup` SF402 for an attribute
    that is no number, array, model or list of models.
    """
    digest = sha256()
    _add(digest, model, type(model).__name__)
    return digest.hexdigest()


def _add(digest: Any, value: object, place: str) -> None:
    """One value and what is under it."""
    if isinstance(value, (bool, int, float)):
        code = "d" if isinstance(value, float) else "q"
        _add_array(digest, array(code, [value]), type(value).__name__)
    elif isinstance(value, array):
        _add_array(digest, value, value.typecode)
    elif isinstance(value, list):
        digest.update(f"list {len(value)};".encode())
        for index, item in enumerate(value):
            _add(digest, item, f"{place}[{index}]")
    elif hasattr(value, "__dict__") or hasattr(value, "__slots__"):
        digest.update(f"{type(value).__name__};".encode())
        for name in getattr(type(value), "CONTENT", None) or fields(value):
            digest.update(f"{name}:".encode())
            _add(digest, getattr(value, name), f"{place}.{name}")
    else:
        what = f"{place} is a {type(value).__name__}, which has no bytes of its own"
        why = "a model's hash pins the numbers that made a result"
        raise Setup("SF402", what, place=place, why=why, fix="keep numbers and arrays in the model")


def _add_array(digest: Any, values: "array[Any]", kind: str) -> None:
    """Numbers, with what they are and how many."""
    digest.update(f"{kind} {len(values)};".encode())
    if sys.byteorder == "big":
        values = array(values.typecode, values)
        values.byteswap()
    digest.update(values.tobytes())
