"""What may be an artifact's name, in every store.

What comes in: a name.  What goes out: the same, or Setup SF818.
Why it is shaped so: a name is a path in one store and a key in another, so it is held to what is harmless in both.
"""

from __future__ import annotations

import re

from stratofold.errors import Setup

_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")


def check(name: str) -> str:
    """The name, when it is one; raises Setup SF818."""
    if all(_PART.fullmatch(part) for part in name.split("/")):
        return name
    raise Setup(
        "SF818",
        f"{name!r} cannot be an artifact's name",
        fix="use letters, digits, '.', '_' and '-', in parts with '/' between; no part begins with '.' or '-'",
    )
