"""The table of traps (contract 1): equal in interpreter and machine code, or refused at the very line."""

import copy
import linecache
import struct
from typing import Any

import pytest

from stratofold import routing
from stratofold.kernel import Refused
from stratofold.kernel.layout import state_names
from tests.parity.machine import Machine
from tests.parity.traps import Trap, all_traps

_TRAPS_MIN = 60


def bits(value: Any) -> Any:
    """A value so that equal means equal to the last bit, all NaN alike; a widened int equals its float."""
    if isinstance(value, bool | int) and not isinstance(value, bool) and abs(value) <= 2**53:
        value = float(value)
    if isinstance(value, float):
        return "nan" if value != value else struct.pack("<d", value)
    return value


def state(owner: object) -> list[Any]:
    """Everything numeric that an object holds."""
    found: list[Any] = []
    for name in state_names(owner):
        value = getattr(owner, name)
        if isinstance(value, bool | int | float):
            found.append(bits(value))
        elif hasattr(value, "typecode"):
            found += [bits(each) for each in value]
        elif isinstance(value, list):
            found += [state(each) for each in value]
        elif hasattr(value, "__dict__"):
            found.append(state(value))
    return found


def _refused_line(trap: type[Trap]) -> int:
    """The line marked `# refused`, 0 if none is."""
    code = trap.go.__code__  # type: ignore[attr-defined]
    first = code.co_firstlineno
    last = max(line for *_, line in code.co_lines() if line)
    for number in range(first, last + 2):
        if "# refused" in linecache.getline(code.co_filename, number):
            return number
    return 0


def test_the_table_is_long_enough() -> None:
    """Contract 1 asks for at least 60 traps."""
    assert len(all_traps()) >= _TRAPS_MIN


@pytest.mark.parametrize("trap", all_traps(), ids=lambda trap: trap.__name__)
def test_a_trap_is_equal_or_refused(trap: type[Trap]) -> None:
    """Each trap, on each of its inputs, from the same state on."""
    wanted = _refused_line(trap)
    routing.route(trap)
    go: Any = trap.go  # type: ignore[attr-defined]
    types = tuple(type(value) for value in trap.inputs[0])
    owner, twin = trap(), trap()
    if wanted:
        with pytest.raises(Refused) as refusal:
            Machine(owner, go, types)
        assert (refusal.value.file, refusal.value.line) == (go.__code__.co_filename, wanted)
        assert refusal.value.reason
        assert "LLVM" not in str(refusal.value)
        return
    machine = Machine(owner, go, types)
    for values in trap.inputs:
        _compare(trap, machine, twin, values)


def _compare(trap: type[Trap], machine: Machine, twin: Any, values: tuple[float, ...]) -> None:
    """One input, both ways; where Python raises, machine code leaves."""
    try:
        expected = twin.go(*values)
    except (ArithmeticError, ValueError, IndexError, UnboundLocalError, AssertionError):
        assert machine(*values)[0] != 0, f"{values} raises"
        machine.owner = copy.deepcopy(twin)
        return
    status, got = machine(*values)
    if status and trap.leaves:
        machine.owner = copy.deepcopy(twin)
        return
    assert status == 0, f"{values} left with {status}; Python gives {expected!r}"
    assert bits(got) == bits(expected), f"{values}: {got!r}, Python gives {expected!r}"
    assert state(machine.owner) == state(twin)
