"""Random programs inside the subset run alike in interpreter and machine code: results, state, and where they raise."""

import linecache
import math
import sys
import types
from typing import Any

import pytest

from stratofold import routing
from tests.parity.machine import Machine
from tests.parity.programs import Program
from tests.parity.test_traps import bits, state

INPUTS = (
    (1.5, -2.0, 3, 1),
    (0.0, 0.5, 0, 2),
    (-7.25, 1e10, -5, 9),
    (math.nan, 1.0, 2, 2),
    (math.inf, -0.0, 2**40, -1),
    (1e-300, 3.3, 100, 7),
    (2.0, 2.0, 1, 1),
)


@pytest.mark.parametrize("seed", range(24))
def test_a_random_program_is_one_program(seed: int) -> None:
    """Each input from a fresh state; machine code leaves wherever Python raises or an int is past 63 bits."""
    made = _made(seed)
    machine = Machine(made(), made.go, (float, float, int, int))
    for values in INPUTS:
        twin, machine.owner = made(), made()
        expected = _interpreted(twin, values)
        status, got = machine(*values)
        if status == 0:
            assert (bits(got), state(machine.owner)) == (bits(expected), state(twin)), f"{values}"
        else:
            assert machine.owner.__dict__ == made().__dict__, "a machine that left has put everything back"


def _interpreted(twin: Any, values: tuple[float, ...]) -> Any:
    """What Python gives, or the name of what it raises, which no result of the machine equals."""
    try:
        return twin.go(*values)
    except (ArithmeticError, ValueError, IndexError, UnboundLocalError) as raised:
        return repr(raised)


def _made(seed: int) -> Any:
    """The class of a random program, rerouted as a user's is."""
    source = Program(seed).source
    name = f"<random program {seed}>"
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    module = types.ModuleType("random_programs")
    module.__file__ = name
    sys.modules[module.__name__] = module
    exec(compile(source, name, "exec"), module.__dict__)  # noqa: S102 - the program is ours
    made: Any = module.__dict__["Made"]
    routing.route(made)
    return made
