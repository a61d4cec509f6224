"""Rerouting: the same functions, names and lines, with operators that give one last bit everywhere."""

import math
import traceback
from array import array
from math import exp
from typing import Any

import pytest

from stratofold import routing
from stratofold.fold import maths

FACTOR = 3


def helper(x: float) -> float:
    """A module's function that a class calls."""
    return x**FACTOR


class Base:
    """Operators of every kind that is led elsewhere."""

    def __init__(self) -> None:
        self.x = 2.0
        self.__hidden = 0.5

    def powers(self, y: float) -> float:
        """`**`, `**=`, `math.pow`."""
        z = y**0.3
        z **= 1.7
        self.x **= self.__hidden
        return z + self.x + math.pow(y, 0.2)

    def library(self, y: float) -> float:
        """Functions of `math`, by module and by name."""
        return math.tanh(y) + exp(y) + math.log(y, 7) + math.log2(y) + math.hypot(y, 1) + math.hypot(y, 1.0, 2.0)

    def sums(self, values: Any) -> Any:
        """`sum` and `round`."""
        return round(sum(values), 2), round(7.5), round(sum(values, 1) * 1.0, ndigits=1)

    def calls(self, y: float) -> float:
        """A function of the module."""
        return helper(y) + self.half

    @property
    def half(self) -> float:
        """A property."""
        return self.x**0.5

    @staticmethod
    def plain(y: float) -> float:
        """Nothing to reroute."""
        return y * 2.0


class Derived(Base):
    """A class that calls its base's method, and a local name that hides a function's."""

    def powers(self, y: float) -> float:
        """`super()` with a power beside it."""
        return super().powers(y) + y**1.1

    def hidden(self, y: float) -> float:
        """`exp` is a number here."""
        exp = y
        return exp * sum([exp, exp])


def test_results_are_those_of_our_own_maths() -> None:
    """Every operator leads to `fold/maths.py`."""
    thing = Derived()
    routing.route(thing)
    y = 1.2345
    z = maths.power(maths.power(y, 0.3), 1.7)
    assert thing.powers(y) == z + maths.power(2.0, 0.5) + maths.power(y, 0.2) + maths.power(y, 1.1)
    wanted = maths.tanh(y) + maths.exp(y) + maths.log(y) / maths.log(7.0) + maths.log2(y) + maths.hypot(y, 1.0)
    assert thing.library(y) == wanted + math.hypot(y, 1.0, 2.0)
    assert thing.calls(y) == maths.power(y, 3.0) + maths.power(thing.x, 0.5)
    assert thing.hidden(y) == y * (0 + y + y)


def test_sums_are_plain_loops() -> None:
    """No compensation, on any Python; ints stay ints."""
    routing.route(Base)
    values = [0.1] * 10 + [1e16, 1.0, -1e16]
    total = 0
    for value in values:
        total = total + value
    assert Base().sums(values)[0] == round(total, 2)
    assert Base().sums(array("d", values))[0] == round(total, 2)
    assert Base().sums(k for k in range(4)) == (6, 8, 1.0)


def test_only_functions_that_need_it_are_exchanged() -> None:
    """The others keep their very code, and rerouting again changes nothing."""
    plain = Base.plain.__code__
    routing.route(Base)
    codes = [Base.powers.__code__, Base.library.__code__, helper.__code__]
    routing.route(Base, Derived)
    assert [Base.powers.__code__, Base.library.__code__, helper.__code__] == codes
    assert Base.plain.__code__ is plain
    assert "power" in helper.__code__.co_names


def test_a_traceback_shows_the_users_own_line() -> None:
    """File and line are those of the source."""
    routing.route(Base)
    first = Base.powers.__code__.co_firstlineno
    with pytest.raises(TypeError) as raised:
        Base().powers("two")  # type: ignore[arg-type]
    frame = next(frame for frame in traceback.extract_tb(raised.tb) if frame.name == "powers")
    assert (frame.filename, frame.lineno) == (__file__, first + 2)
    assert frame.line == "z = y**0.3"


@pytest.mark.parametrize(
    ("base", "exponent", "result"),
    [(2, 10, 1024), (2, -1, 0.5), (True, 3, 1), (2.0, 3, 8.0), (3, 0.5, maths.power(3.0, 0.5)), (2, 200, 2**200)],
)
def test_a_power_keeps_pythons_kinds(base: float, exponent: float, result: float) -> None:
    """Ints stay exact ints, everything else is a float."""
    got = routing.power(base, exponent)
    assert got == result
    assert type(got) is type(result)


def test_a_power_raises_what_python_raises() -> None:
    """Nothing to a negative power."""
    with pytest.raises(ZeroDivisionError):
        routing.power(0, -1)
    assert routing.power(1j, 2) == -1


@pytest.mark.parametrize(
    ("cls", "plain"), [(Base, True), (int, False), (array, False), (pytest.Item, False), (routing.Reached, True)]
)
def test_plain_classes_are_ours_and_the_users(cls: type, plain: bool) -> None:
    """What is installed or Python's own is no state."""
    assert routing.is_plain(cls) is plain


def test_what_a_class_reaches_is_known() -> None:
    """Functions through names, and the numbers they use."""
    reached = routing.Reached()
    reached.add(Derived)
    assert {"powers", "hidden", "helper", "half"} <= {function.__name__ for function in reached.functions}
    assert any(line.endswith("FACTOR=3") for line in reached.numbers)
