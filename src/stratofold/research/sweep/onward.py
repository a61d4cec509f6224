"""Where cells stand in machine code, and cells that go on from there: many at once.

What comes in: a program that has run to an event; or states, and the program they fit.  What goes out: states; or the
sums and the new states of all that could go on.
Why so: a new day is a few microseconds of bars.  What is to be done beside them is done to many cells in one call, and
neither `setup` nor a strategy's objects are needed (`kernel.standing`).  What holds more than its own numbers goes on the
long way: it is made anew, and then what was changed is put in its place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from stratofold import kernel
from stratofold.kernel.standing import shape_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from stratofold.kernel import Program
    from stratofold.research.sweep.cells import Leg
    from stratofold.research.sweep.laid import Laid

_STANDS, _CHANGED = b"standin2", b"changed2"  # a state begins with which of the two it is
_HEAD = len(_STANDS)
_BYTES_MAX = 1 << 19  # of states that go on together: what is done to all of them is done in the processor's cache


def state_of(program: Program) -> bytes:
    """Where a run stands."""
    try:
        return _STANDS + program.state()
    except kernel.Changed:
        return _CHANGED + program.changes()


def go_on_alone(program: Program, state: bytes) -> None:
    """Stand where a state was kept, the strategy made anew.

    Raises Changed for a state that is not of this kind, or of another layout.
    """
    if state[:_HEAD] != _CHANGED:
        raise kernel.Changed("the state is of another kind")
    program.take(state[_HEAD:])


def alike(states: Sequence[bytes]) -> Iterator[tuple[int, int]]:
    """The stretches of states that can go on together: where each begins and ends."""
    first, shape, size = 0, b"", 0
    for number, state in enumerate(states):
        size += len(state)
        if shape and state.startswith(_STANDS) and state.startswith(shape, _HEAD) and size <= _BYTES_MAX:
            continue
        if shape:
            yield first, number
        first, size = number, len(state)
        shape = shape_of(state, _HEAD) if state.startswith(_STANDS) else b""
    if shape:
        yield first, len(states)


class Together(NamedTuple):
    """What cells came to that went on together: the numbers of those that are done, their sums, and states by number.

    What machine code leaves to Python is not done, and has no state.
    """

    done: Sequence[int] | NDArray[np.intp]
    sums: Mapping[str, Any]
    states: list[tuple[int, bytes]]


def go_on_together(laid: Laid, first: int, leg: Leg) -> Together:
    """Cells of a leg that are `alike`, the first of this number.  Raises Changed where they are of another layout."""
    runs = laid.program.standing(leg.begun, _HEAD // 8)
    laid.records.clear()
    done, kept = [], []
    for number in laid.program.each(runs):
        if leg.keep:
            if not laid.carry(leg.keep):
                continue
            runs.leave(number)
            kept.append(number)
        if leg.ends:
            if not laid.carry(laid.events):
                continue
            laid.records.note()
        done.append(number)
    sums = laid.records.columns()
    states = runs.states() if leg.keep else []
    standing = [(first + number, states[number]) for number in (done if leg.ends else kept)] if leg.keep else []
    return Together([first + number for number in done], sums, standing)
