"""One method of one object, run in machine code: what the trap tests and the kernel's unit tests ask of the compiler."""

import ctypes
from types import FunctionType
from typing import TYPE_CHECKING, Any

from stratofold.kernel import loader
from stratofold.kernel.emit import emit
from stratofold.kernel.kinds import BOOL, FLOAT, INT, NOTHING, ObjectKind
from stratofold.kernel.layout import Survey
from stratofold.kernel.packing import Packer
from stratofold.kernel.unit import compile_text

if TYPE_CHECKING:
    from collections.abc import Callable

_KINDS = {bool: (BOOL, ctypes.c_bool), int: (INT, ctypes.c_int64), float: (FLOAT, ctypes.c_double)}
_RESULTS = {"bool": ctypes.c_bool, "int": ctypes.c_int64, "float": ctypes.c_double}


class Machine:
    """`function(owner, *arguments)` compiled for this machine; raises Refused where it cannot be."""

    def __init__(
        self, owner: object, function: FunctionType, types: tuple[type, ...], *, settles: bool = False
    ) -> None:
        """Compile for arguments of these types; `settles` as of a `Survey`."""
        self.owner = owner
        widened: set[str] = set()
        while True:
            survey = Survey([owner], set(), widened, settles=settles)
            kinds = (ObjectKind(survey.roots[0]), *(_KINDS[each][0] for each in types))
            text, unit = compile_text(function, survey, kinds, "entry")
            if unit.widened <= widened:
                break
            widened |= unit.widened
        entry = unit.entry
        returned = entry.learnt.returns if entry is not None else None
        self.text = text
        self._packer = Packer(survey.roots, unit.stored, unit.loaded)
        self._result: Any = _RESULTS[returned.name]() if returned not in (None, NOTHING) else ctypes.c_int64()
        self._has_result = returned not in (None, NOTHING)
        pointers = [ctypes.c_void_p, ctypes.c_void_p]
        self._call: Callable[..., int] = loader.load(emit([text], "entry")).function(
            ctypes.c_int32, [*pointers, *(_KINDS[each][1] for each in types)]
        )

    def __call__(self, *arguments: float) -> tuple[int, Any]:
        """(status, result); the owner gets its new state where the status is 0."""
        block, addresses = self._packer.pack([self.owner])
        status = self._call(ctypes.byref(self._result), addresses[0], *arguments)
        if status:
            block.rewind()
        else:
            self._packer.unpack([self.owner], block, addresses)
        return status, self._result.value if self._has_result else None
