"""Plain Python objects, run as machine code: `build`, `freeze`, `load`, and the refusal of what cannot be compiled.

    objects ── layout ──► fields and offsets ──┐
    classes ── source ──► syntax trees ── unit ─┴─► LLVM text ── emit ──► kernel file ── loader ──► code
                                    (body, statements, expressions, arithmetic, calls, memory, iteration)
    objects ── packing ──► block of memory ──► code ──► packing ──► the same objects

The front end is ours, and small: the subset has three kinds of numbers, so reading the syntax tree directly gives
Python's own meaning operator by operator, an error with the user's own file and line, 200 functions compiled in a few
tenths of a second, and no compiler in the process that runs a cached or frozen kernel.
Nothing here imports llvmlite before something must be compiled.
"""

from stratofold.kernel.compile import Kernel, adopt, build, freeze, frozen, is_at_hand, is_built, load
from stratofold.kernel.program import Program
from stratofold.kernel.refused import Changed, Refused

__all__ = [
    "Changed",
    "Kernel",
    "Program",
    "Refused",
    "adopt",
    "build",
    "freeze",
    "frozen",
    "is_at_hand",
    "is_built",
    "load",
]
