"""A strategy made from the source that a journal kept of it."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from stratofold.errors import Setup
from stratofold.live.manifest import AS_IT_WAS


def strategy_from_source(name: str, source: str) -> type[Any]:
    """The class that `name` meant when `source` was written; raises Setup SF957 when that does not run any more.

    Each source is a module of its own: what a class was written in is looked up by its module's name.
    """
    place, _, wanted = name.partition(":")
    module = ModuleType(f"as_it_was_{Path(place).stem}_{hashlib.sha256(source.encode()).hexdigest()[:16]}")
    module.__file__ = place
    module.__package__ = place.rpartition(".")[0] if not place.endswith(".py") else ""
    setattr(module, AS_IT_WAS, source)
    sys.modules[module.__name__] = module
    try:
        exec(compile(source, f"<{place} as it was>", "exec", dont_inherit=True), vars(module))  # noqa: S102  the book's own code, from its journal
        found: type[Any] = vars(module)[wanted]
    except Exception as error:
        raise Setup(
            "SF957", f"{name} as it was does not run any more", why=f"{type(error).__name__}: {error}",
            fix="bring back what that code imports, or open another book: --book NAME",
        ) from error  # fmt: skip
    return found
