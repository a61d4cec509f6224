"""LLVM in a process of its own, which gives back at its end the hundred megabytes that a compiler takes.

What comes in: what `emit` is given.  What goes out: the bytes of the kernel file that it makes.
Why so: a sweep compiles once and then runs for minutes, and its memory is what it keeps of its cells.  A process that has
LLVM already compiles at once, and one that cannot start another does so too: then the error, if there is one, is its own.
"""

import pickle
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from stratofold.kernel.loader import MAGIC

_CHILD = """
import pickle, sys
path, modules, entry, target, facts = pickle.load(sys.stdin.buffer)
sys.path[:] = path
from stratofold.kernel.emit import emit
sys.stdout.buffer.write(emit(modules, entry, target, **facts))
"""


def emitted(modules: list[str], entry: str, target: str, *, is_aside: bool, **facts: Any) -> bytes:
    """As `emit`; what `is_aside` is made in another process where this one has no LLVM yet."""
    made = by_child(modules, entry, target, facts) if is_aside and "llvmlite" not in sys.modules else b""
    if made:
        return made
    from stratofold.kernel.emit import emit

    return emit(modules, entry, target, **facts)


def by_child(modules: list[str], entry: str, target: str, facts: Mapping[str, Any]) -> bytes:
    """What a new process makes of it; nothing where there is no such process, it fails, or it says something else."""
    given = pickle.dumps((sys.path, modules, entry, target, dict(facts)))
    try:
        done = subprocess.run([sys.executable, "-c", _CHILD], input=given, capture_output=True, check=False)  # noqa: S603 - our own text
    except OSError:
        return b""
    return done.stdout if done.returncode == 0 and done.stdout.startswith(MAGIC) else b""
