"""What Numba makes of a function before any optimisation: the modules that `emit` takes."""

import contextlib
import functools

from numba import njit, types
from numba.core import codegen
from numba.extending import intrinsic

FLAGS = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True, "error_model": "python", "boundscheck": True}


@intrinsic
def value_at(_typing, address, index):
    """The double number `index` from `address` on, with nothing of Numba's arrays around it."""

    def load(_context, builder, _signature, arguments):
        return builder.load(builder.gep(arguments[0], [arguments[1]]))

    return types.float64(types.CPointer(types.float64), types.int64), load


@functools.cache  # Numba compiles a function and what it calls once, so there is one chance to listen
def modules_of(function, signature):
    """(modules as text, name of the entry) of `function`, plain or already njit, compiled for `signature`."""
    kept = []
    with _listening(kept):
        dispatcher = function if hasattr(function, "compile") else njit(**FLAGS)(function)
        dispatcher.compile(signature)
    return kept, dispatcher.overloads[signature].fndesc.llvm_func_name


@contextlib.contextmanager
def _listening(kept):
    original = codegen.CPUCodeLibrary.add_ir_module

    def add(self, module):
        kept.append(str(module))
        return original(self, module)

    codegen.CPUCodeLibrary.add_ir_module = add
    try:
        yield
    finally:
        codegen.CPUCodeLibrary.add_ir_module = original
