"""Traps: plain Python that machine code is tempted to run differently.

Each class is one trap: its method `go` runs interpreted and in machine code on the same `inputs`.  Where a line is
marked `# refused`, the compiler must refuse exactly there; `leaves` says that machine code may hand the event back to
the interpreter although Python itself raises nothing (an int past 63 bits).
"""

# ruff: noqa: C416, F821, F841, PLC2401, PLW2901 - what a linter warns of is what these are about
import math
from array import array
from enum import IntEnum
from math import exp, inf, nan

NUMBERS = (0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 3.5, 1e16, -1e300, 5e-324, inf, -inf, nan)
WHOLES = (0, 1, -1, 2, -3, 7, 60, 64, 2**31, 2**53 + 1, -(2**62), 2**63 - 1, -(2**63))
PAIRS = tuple((a, b) for a in NUMBERS for b in NUMBERS)
WHOLE_PAIRS = tuple((a, b) for a in WHOLES for b in WHOLES)
MIXED = tuple((a, b) for a in WHOLES for b in NUMBERS)


class Side(IntEnum):
    """An enumeration whose members are numbers."""

    BUY = 1
    SELL = -1


RATIO = 1.5
TABLE = (3, 1, 4, 1, 5)
WEIGHTS = array("d", [0.25, 0.5, 0.25])


class Trap:
    """A trap without state and with no argument, unless it says otherwise."""

    inputs: tuple[tuple[float, ...], ...] = ((),)
    leaves = False


# Fields that change type


class IntFieldGivenFloat(Trap):
    """`self.entry = 0`, and later a price: 101.37 and not 101."""

    inputs = ((101.37,), (-0.5,))

    def __init__(self) -> None:
        self.entry = 0

    def go(self, x: float) -> float:
        self.entry = x
        return self.entry * 2


class IntFieldSummed(Trap):
    """`self.total = 0`, then `+=` a float."""

    inputs = ((0.1,), (0.2,), (0.3,))

    def __init__(self) -> None:
        self.total = 0

    def go(self, x: float) -> float:
        self.total += x
        return self.total


class IntFieldDivided(Trap):
    """An int field divided by an int becomes a float."""

    def __init__(self) -> None:
        self.share = 7

    def go(self) -> float:
        self.share = self.share / 2
        return self.share


class BoolFieldGivenInt(Trap):
    """A flag that becomes a number."""

    def __init__(self) -> None:
        self.flag = True

    def go(self) -> bool:
        self.flag = 2  # refused
        return self.flag


class IntFieldGivenBool(Trap):
    """A counter that becomes a flag."""

    def __init__(self) -> None:
        self.count = 0

    def go(self) -> int:
        self.count = self.count == 0  # refused
        return self.count


class NoneField(Trap):
    """None, for a price that is not there yet."""

    inputs = ((1.0,),)

    def __init__(self) -> None:
        self.entry = None

    def go(self, x: float) -> float:
        self.entry = x  # refused
        return x


class TextField(Trap):
    """A field of text."""

    def __init__(self) -> None:
        self.mood = "calm"

    def go(self) -> bool:
        return self.mood == "calm"  # refused


class UnusedText(Trap):
    """A field of text that no hook reads is nobody's business."""

    def __init__(self) -> None:
        self.name = "x"
        self.count = 0

    def go(self) -> int:
        self.count += 1
        return self.count


class NewField(Trap):
    """An attribute that appears in a hook."""

    def go(self) -> int:
        self.fresh = 1  # refused
        return self.fresh


# Indices


class IndexPastEnd(Trap):
    """An index past the end, or before the start, raises; a negative one counts from the end."""

    inputs = tuple((i,) for i in (-5, -4, -3, -1, 0, 2, 3, 4, 2**40, -(2**63)))

    def __init__(self) -> None:
        self.window = array("d", [1.0, 2.0, 3.0])

    def go(self, i: int) -> float:
        return self.window[i]


class StorePastEnd(Trap):
    """Writing past the end raises and writes nothing."""

    inputs = tuple((i,) for i in (-4, -3, -1, 0, 2, 3, 1000))

    def __init__(self) -> None:
        self.window = array("q", [1, 2, 3])

    def go(self, i: int) -> int:
        self.window[i] += 10
        return self.window[0]


class EmptyArray(Trap):
    """An empty array has no element 0, and a loop over it does nothing."""

    def __init__(self) -> None:
        self.window = array("d")

    def go(self) -> float:
        best = 0.0
        for x in self.window:
            best = x
        return best + self.window[0]


class FloatIndex(Trap):
    """A float is no index."""

    def __init__(self) -> None:
        self.window = array("d", [1.0, 2.0])

    def go(self) -> float:
        return self.window[1.0]  # refused


class BoolIndex(Trap):
    """True is index 1."""

    inputs = ((1.0,), (-1.0,))

    def __init__(self) -> None:
        self.window = array("d", [1.0, 2.0])

    def go(self, x: float) -> float:
        return self.window[x > 0.0]


class SliceOfArray(Trap):
    """A slice makes a new array."""

    def __init__(self) -> None:
        self.window = array("d", [1.0, 2.0])

    def go(self) -> float:
        return self.window[0:1][0]  # refused


class IntArrayGivenFloat(Trap):
    """array('q') takes no float."""

    def __init__(self) -> None:
        self.counts = array("q", [1, 2])

    def go(self) -> int:
        self.counts[0] = 1.5  # refused
        return self.counts[0]


class FloatArrayGivenInt(Trap):
    """array('d') turns an int into the nearest double."""

    inputs = ((2**53 + 1,), (7,))

    def __init__(self) -> None:
        self.window = array("d", [1.0, 2.0])

    def go(self, n: int) -> float:
        self.window[0] = n
        return self.window[0]


class ArrayTimesTwo(Trap):
    """`array * 2` doubles the length in Python and the values elsewhere."""

    def __init__(self) -> None:
        self.window = array("d", [1.0, 2.0])

    def go(self) -> int:
        return len(self.window * 2)  # refused


class ArrayReplaced(Trap):
    """An attribute that takes another array."""

    def __init__(self) -> None:
        self.a = array("d", [1.0, 2.0])
        self.b = array("d", [3.0, 4.0])

    def go(self) -> float:
        self.a = self.b  # refused
        return self.a[0]


class SharedArray(Trap):
    """Two attributes that hold one array see each other's writes."""

    def __init__(self) -> None:
        self.a = array("d", [1.0, 2.0])
        self.b = self.a

    def go(self) -> float:
        before = self.b[0]
        self.a[0] = before + 5.0
        return self.b[0]


class ChosenArray(Trap):
    """A local name that is one of two arrays."""

    inputs = ((1.0,), (-1.0,))

    def __init__(self) -> None:
        self.a = array("d", [1.0, 2.0])
        self.b = array("d", [3.0, 4.0])

    def go(self, x: float) -> float:
        chosen = self.a if x > 0.0 else self.b
        chosen[0] = chosen[0] + self.a[1]
        return self.a[0] + 10.0 * self.b[0]


# Division


class FloatDivision(Trap):
    """`x / 0.0` raises; everything else is IEEE."""

    inputs = PAIRS

    def go(self, a: float, b: float) -> float:
        return a / b


class FloatFloorDivision(Trap):
    """`//` of floats, signs, zeros and infinities included."""

    inputs = (*PAIRS, (7.5, 2.0), (-7.5, 2.0), (7.5, -2.0), (1e308, 1e-5), (0.3, 0.1), (5e-324, 3e-310))

    def go(self, a: float, b: float) -> float:
        return a // b


class FloatRemainder(Trap):
    """`%` of floats has the divisor's sign."""

    inputs = (*PAIRS, (7.5, 2.0), (-7.5, 2.0), (7.5, -2.0), (1e308, 1e-5), (0.3, 0.1), (5e-324, 3e-310), (1e300, 3.7))

    def go(self, a: float, b: float) -> float:
        return a % b


class IntDivision(Trap):
    """`int / int` is the double nearest to the quotient, beyond 2**53 too."""

    inputs = (*WHOLE_PAIRS, (1_700_000_000_000_000_001, 60_000_000_000), (2**60 + 3, 7), (10**18 + 1, 10**18 - 1))

    def go(self, a: int, b: int) -> float:
        return a / b


class IntFloorDivision(Trap):
    """`int // int` rounds down, and the lowest int by -1 does not fit."""

    inputs = (*WHOLE_PAIRS, (7, -2), (-7, 2))
    leaves = True

    def go(self, a: int, b: int) -> int:
        return a // b


class IntRemainder(Trap):
    """`int % int` has the divisor's sign."""

    inputs = (*WHOLE_PAIRS, (7, -2), (-7, 2))
    leaves = True

    def go(self, a: int, b: int) -> int:
        return a % b


class RemainderOfConstant(Trap):
    """`time % day` of a time before 1970."""

    inputs = tuple((n,) for n in WHOLES)

    def go(self, a: int) -> int:
        return a % 86_400 + a // 86_400


# Integers


class IntSum(Trap):
    """Past 63 bits Python goes on."""

    inputs = WHOLE_PAIRS
    leaves = True

    def go(self, a: int, b: int) -> int:
        return a + b


class IntDifference(Trap):
    """The same downward."""

    inputs = WHOLE_PAIRS
    leaves = True

    def go(self, a: int, b: int) -> int:
        return a - b


class IntProduct(Trap):
    """The same for products."""

    inputs = WHOLE_PAIRS
    leaves = True

    def go(self, a: int, b: int) -> int:
        return a * b


class IntNegated(Trap):
    """The lowest int has no opposite."""

    inputs = tuple((n,) for n in WHOLES)
    leaves = True

    def go(self, a: int) -> int:
        return -a + abs(a)


class ShiftLeft(Trap):
    """Bits shifted out are lost elsewhere."""

    inputs = WHOLE_PAIRS[: 13 * 5]
    leaves = True

    def go(self, a: int, b: int) -> int:
        return b << a


class ShiftRight(Trap):
    """A shift by 64 or more is 0 or -1, by a negative count an error."""

    inputs = WHOLE_PAIRS

    def go(self, a: int, b: int) -> int:
        return a >> b


class Bits(Trap):
    """`& | ^ ~` on signed ints."""

    inputs = WHOLE_PAIRS

    def go(self, a: int, b: int) -> int:
        return (a & b) ^ (a | ~b)


class IntPower(Trap):
    """A constant power of an int."""

    inputs = tuple((n,) for n in WHOLES)
    leaves = True

    def go(self, a: int) -> int:
        return a**3


class IntPowerOfVariable(Trap):
    """A power of an int whose exponent is not known."""

    inputs = ((2, 10), (2, 62), (2, 64), (-3, 3), (0, 0), (10, 18), (10, 19))
    leaves = True

    def go(self, a: int, b: int) -> int:
        return a**b


class BigLiteral(Trap):
    """A literal past 63 bits."""

    def go(self) -> bool:
        return self == 9223372036854775808  # refused


# Floats and their library


class Square(Trap):
    """`x ** 2` differs from `x * x` in some libraries."""

    inputs = tuple((n,) for n in (*NUMBERS, 1.1, 0.1, 101.37, 1e-160))

    def go(self, x: float) -> float:
        return x**2


class Cube(Trap):
    """`x ** 3` differs in a quarter of all values."""

    inputs = tuple((n,) for n in (*NUMBERS[:-4], 1.1, 0.1, 101.37, -7.3))

    def go(self, x: float) -> float:
        return x**3


class RealPower(Trap):
    """`x ** y`, with what Python raises."""

    inputs = tuple(pair for pair in PAIRS if pair[0] >= 0.0 or pair[1] == pair[1] // 1 or pair[0] != pair[0])

    def go(self, a: float, b: float) -> float:
        return a**b


class PowerInPlace(Trap):
    """`self.x **= 0.5`."""

    inputs = ((2.0,), (1e300,), (0.0,))

    def __init__(self) -> None:
        self.x = 1.0

    def go(self, a: float) -> float:
        self.x = a
        self.x **= 0.5
        return self.x


class Exponential(Trap):
    """`exp` and `math.exp`, with overflow."""

    inputs = tuple((n,) for n in (*NUMBERS, 1.1, 709.7, 710.0, -745.2))

    def go(self, x: float) -> float:
        return exp(x) + math.exp(x / 2.0)


class Logarithms(Trap):
    """`log` of zero and below raises; of an int it is the float's."""

    inputs = tuple((n,) for n in (*NUMBERS, 1.1, 10.0, 1e-310))

    def go(self, x: float) -> float:
        return math.log(x) + math.log10(x) + math.log2(x) + math.log1p(x) + math.log(x, 3) + math.log(2)


class SquareRoot(Trap):
    """`sqrt(-1)` raises, `sqrt(-0.0)` does not."""

    inputs = tuple((n,) for n in (*NUMBERS, 2.0))

    def go(self, x: float) -> float:
        return math.sqrt(x)


class Circles(Trap):
    """Sines and their kin."""

    inputs = tuple((n,) for n in (0.0, -0.0, 0.5, -1.0, 1.0, 3.0, 1e5, nan))

    def go(self, x: float) -> float:
        return math.sin(x) + math.cos(x) * math.tan(x) + math.atan(x) + math.atan2(x, 2.0) + math.hypot(x, 3.0)


class Hyperbolas(Trap):
    """`tanh` and its kin."""

    inputs = tuple((n,) for n in (*NUMBERS[:7], 20.0, -20.0, 400.0, nan))

    def go(self, x: float) -> float:
        return math.tanh(x) + math.sinh(x) - math.cosh(x) + math.erf(x)


class Remainder(Trap):
    """`math.fmod` has the dividend's sign."""

    inputs = (*PAIRS, (7.5, -2.0), (-7.5, 2.0), (1e300, 3.7))

    def go(self, a: float, b: float) -> float:
        return math.fmod(a, b)


class GammaFunction(Trap):
    """A function of `math` that has no bits of its own here."""

    def go(self) -> float:
        return math.gamma(0.5)  # refused


class SumOfArray(Trap):
    """`sum` of floats is compensated from Python 3.12 on, and is a plain loop here."""

    inputs = ((1e16,), (0.1,), (-0.0,))

    def __init__(self) -> None:
        self.window = array("d", [0.1] * 10)

    def go(self, x: float) -> float:
        self.window[3] = x
        return sum(self.window)


class SumOfInts(Trap):
    """`sum` of an int array stays an int."""

    def __init__(self) -> None:
        self.counts = array("q", [1, 2, 3])

    def go(self) -> int:
        return sum(self.counts) // 4


class ExtremesOfArray(Trap):
    """`max(array)` and `min(array)` with NaN in them."""

    inputs = ((nan,), (2.5,), (-inf,))

    def __init__(self) -> None:
        self.window = array("d", [1.0, 2.0, 3.0])

    def go(self, x: float) -> float:
        self.window[0] = x
        return max(self.window) - 2.0 * min(self.window)


class Fused(Trap):
    """`a * b + c` is two roundings."""

    inputs = ((0.1, 10.0), (1.1, 1.1), (1e16 + 2.0, 3.0))

    def go(self, a: float, b: float) -> float:
        return a * b + -a * b + (a * a - b)


class NotReordered(Trap):
    """A sum in a loop has an order."""

    def __init__(self) -> None:
        self.window = array("d", [1e16, 1.0, -1e16, 1.0, 0.1, 0.2, 0.3, 1e-9])

    def go(self) -> float:
        total = 0.0
        for x in self.window:
            total += x
        return total


# Comparisons and choices


class MaxOfTwo(Trap):
    """`max(a, b)` keeps the first unless the second is really greater: NaN and -0.0 show it."""

    inputs = PAIRS

    def go(self, a: float, b: float) -> float:
        return max(a, b)


class MinOfThree(Trap):
    """`min` with an int among floats."""

    inputs = PAIRS

    def go(self, a: float, b: float) -> float:
        return min(a, b, 1) * 1.0


class MaxOfMixed(Trap):
    """`max(int, float)` compares exactly."""

    inputs = MIXED
    leaves = True

    def go(self, a: int, b: float) -> float:
        return max(a, b) / 1.0


class CompareMixed(Trap):
    """An int and a float compare exactly, beyond 2**53 too."""

    inputs = (*MIXED, (2**53 + 1, 2.0**53), (2**63 - 1, 2.0**63), (-(2**63), -(2.0**63)))

    def go(self, a: int, b: float) -> int:
        return (a < b) + 2 * (a <= b) + 4 * (a == b) + 8 * (a != b) + 16 * (b < a) + 32 * (b <= a)


class CompareChain(Trap):
    """`a < b <= 1` looks at each side once; NaN is below nothing."""

    inputs = PAIRS

    def go(self, a: float, b: float) -> bool:
        return a < b <= 1


class TruthOfNumbers(Trap):
    """NaN is true, -0.0 is false."""

    inputs = PAIRS

    def go(self, a: float, b: float) -> int:
        return (1 if a else 0) + (2 if not b else 0) + (4 if a and b else 0) + (8 if a or b else 0)


class ValueOfOr(Trap):
    """`a or b` is a or b, not a truth."""

    inputs = PAIRS

    def go(self, a: float, b: float) -> float:
        return (a or b) + (a and b)


class ShortCircuit(Trap):
    """What Python does not evaluate must not fail."""

    inputs = ((0.0,), (2.0,))

    def go(self, x: float) -> bool:
        return x != 0.0 and 1.0 / x > 0.1


class ChoiceOfKinds(Trap):
    """`x if test else 0` is a float or an int."""

    inputs = ((1.5,), (-1.5,))

    def go(self, x: float) -> float:
        y = x if x > 0.0 else 0
        return y / 2


class SymbolAsText(Trap):
    """A symbol compared with its name is always false."""

    inputs = ((3,),)

    def go(self, symbol: int) -> bool:
        return symbol == "SPY"  # refused


class IdentityOfNumbers(Trap):
    """`is` on numbers means nothing."""

    inputs = ((3,),)

    def go(self, n: int) -> bool:
        return n is RATIO  # refused


class Membership(Trap):
    """`in` a tuple and in an array."""

    inputs = ((1,), (2,), (5,))

    def __init__(self) -> None:
        self.counts = array("q", [5, 7])

    def go(self, n: int) -> int:
        return (n in (1, 3)) + 2 * (n in self.counts) + 4 * (n not in (1, 3))


# Conversions


class IntOfFloat(Trap):
    """`int(nan)` and `int(inf)` raise, `int(1e300)` is long."""

    inputs = tuple((n,) for n in (*NUMBERS, 2.0**62, 2.0**63, -(2.0**63), 2.9, -2.9))
    leaves = True

    def go(self, x: float) -> int:
        return int(x)


class RoundHalfEven(Trap):
    """`round(2.5)` is 2."""

    inputs = tuple((n,) for n in (*NUMBERS, 1.5, 2.5, -1.5, 0.49999999999999994, 2.0**52 + 0.5))
    leaves = True

    def go(self, x: float) -> int:
        return round(x)


class RoundToDigits(Trap):
    """`round(2.675, 2)` is 2.67, because 2.675 is not quite that."""

    inputs = tuple((n,) for n in (2.675, 1.005, -2.5, 0.125, 1e15 + 0.3, nan, inf, -0.004, 12345.678))

    def go(self, x: float) -> float:
        return round(x, 2)


class FloorAndCeil(Trap):
    """`floor` and `ceil` are ints."""

    inputs = tuple((n,) for n in (2.5, -2.5, -0.0, 1e15, nan, inf))

    def go(self, x: float) -> int:
        return math.floor(x) * 3 + math.ceil(x) + math.trunc(x)


class FloatOfInt(Trap):
    """A long int becomes the nearest double."""

    inputs = tuple((n,) for n in WHOLES)

    def go(self, n: int) -> float:
        return float(n) + n * 0.5


class BoolsAreInts(Trap):
    """True + True is 2, and -True is -1."""

    inputs = ((1.0, 2.0), (2.0, 1.0))

    def go(self, a: float, b: float) -> int:
        up = a < b
        return up + up - (-up) + (up & (a > 0.0)) + int(up) * 5


class FloatOfText(Trap):
    """`float("nan")`."""

    def go(self) -> bool:
        x = float("nan")
        return x != x and float("-inf") < 0.0


# Names and flow


class NameSetOnOneWay(Trap):
    """A name that only one way sets."""

    inputs = ((1.0,), (-1.0,))

    def go(self, x: float) -> float:
        if x > 0.0:
            y = x
        return y


class NameFromLastTurn(Trap):
    """A name that an earlier turn of the loop set."""

    inputs = ((0,), (1,), (3,))

    def go(self, n: int) -> int:
        total = 0
        for k in range(n):
            if k > 0:
                total += before
            before = k * k
        return total + k


class KindChanges(Trap):
    """`x = 1` and later `x = 0.5`: an int first, a float then."""

    inputs = ((7,), (2**60,))

    def go(self, n: int) -> float:
        x = n
        y = x // 2
        x = 0.5
        return x + y


class KindChangesInLoop(Trap):
    """An int that becomes a float on the way round."""

    inputs = ((0,), (3,))

    def go(self, n: int) -> float:
        x = 1
        for _ in range(n):
            x = x / 2
        return x * 3


class LoopVariableChanged(Trap):
    """Changing the loop's name does not change the loop."""

    def go(self) -> int:
        seen = 0
        for k in range(4):
            seen += k
            k += 10
        return seen + k


class RangeOfSteps(Trap):
    """Ranges up, down, empty, and by a step of nothing."""

    inputs = ((0, 5, 2), (5, 0, -2), (0, 5, -1), (3, 3, 1), (0, 5, 0), (2**63 - 3, 2**63 - 1, 5))

    def go(self, a: int, b: int, c: int) -> int:
        count = 0
        for k in range(a, b, c):
            count += 1 + k % 3
        return count


class BreakAndContinue(Trap):
    """Leaving a loop early, with a name set inside."""

    inputs = ((0,), (3,), (10,))

    def go(self, n: int) -> int:
        found = -1
        k = 0
        while True:
            k += 1
            if k == 2:
                continue
            if k > 5:
                break
            if k > n:
                found = k
                break
        return found * 10 + k


class TwoResults(Trap):
    """A function that returns two numbers, and a swap."""

    inputs = ((7, 2), (-7, 2))

    def split(self, a: int, b: int) -> tuple[int, float]:
        return a // b, a / b

    def go(self, a: int, b: int) -> float:
        whole, part = self.split(a, b)
        whole, part = part, whole
        return whole * 10 + part


class Recursion(Trap):
    """A function that calls itself, perhaps for ever."""

    inputs = ((10,),)

    def go(self, n: int) -> int:
        return 1 if n < 2 else self.go(n - 1) + self.go(n - 2)  # refused


class ReturnOfNothing(Trap):
    """A number on one way, nothing on the other."""

    inputs = ((1.0,),)

    def go(self, x: float) -> float:
        if x > 0.0:
            return x
        return None  # refused


class Raises(Trap):
    """An exception of one's own."""

    inputs = ((1.0,), (-1.0,))

    def go(self, x: float) -> float:
        if x < 0.0:
            raise ValueError(f"{x} is below zero")
        assert x != 5.0, "five"
        return x


# Objects


class Node:
    """An object inside another."""

    step = 2

    def __init__(self, value: float) -> None:
        self.value = value
        self.memory = array("d", [value] * 2)

    @property
    def double(self) -> float:
        """Twice the value."""
        return self.value * self.step

    def add(self, more: float, times: float = 1.0) -> float:
        """Add and tell."""
        self.value += more * times
        self.memory[0] = self.value
        return self.value


class Deep(Node):
    """A class that calls its base's method."""

    step = 3

    def add(self, more: float, times: float = 1.0) -> float:
        """Add twice."""
        return super().add(more, times=times) + super().add(more)


class ListOfObjects(Trap):
    """A list of objects of one class; a negative index; a loop."""

    inputs = ((0, 1.5), (-1, 2.0), (3, 1.0))

    def __init__(self) -> None:
        self.nodes = [Node(1.0), Node(2.0), Node(3.0)]

    def go(self, i: int, x: float) -> float:
        node = self.nodes[i]
        node.add(x, times=2.0)
        total = 0.0
        for k, each in enumerate(self.nodes):
            total += each.double * k + each.memory[0]
        return total


class Table:
    """Some of its slots count."""

    def __init__(self) -> None:
        self.slots = [Node(1.0), Node(2.0), Node(4.0)]
        self.count = 3

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Node:
        if index < 0 or index >= self.count:
            raise IndexError("no such slot")
        return self.slots[index]

    def __bool__(self) -> bool:
        return self.count > 1


class TableThatShrinks(Trap):
    """A loop over a table that gets shorter on the way asks for its length each turn."""

    inputs = ((2.0,), (9.0,), (0.0,))

    def __init__(self) -> None:
        self.table = Table()

    def go(self, x: float) -> float:
        total = 0.0
        for node in self.table:
            total += node.value
            if node.value == x:
                self.table.count -= 1
        if self.table:
            total += 100.0 * len(self.table) + self.table[len(self.table) - 1].value
        return total


class EmptyList(Trap):
    """A list that is still empty has no element, and a loop over it does nothing."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []

    def go(self) -> float:
        total = float(len(self.nodes))
        for node in self.nodes:
            total += node.value
        return total + self.nodes[0].value


class OverriddenMethod(Trap):
    """The class of the object decides, and `super()` finds its base's."""

    inputs = ((1.5,),)

    def __init__(self) -> None:
        self.node = Deep(1.0)

    def go(self, x: float) -> float:
        return self.node.add(x) + self.node.double


class MixedList(Trap):
    """A list of objects of two classes."""

    def __init__(self) -> None:
        self.nodes = [Node(1.0), Deep(2.0)]

    def go(self) -> float:
        return self.nodes[0].value  # refused


class OneObjectTwice(Trap):
    """One object held by two names is one object."""

    def __init__(self) -> None:
        self.a = Node(1.0)
        self.b = self.a

    def go(self) -> float:
        self.a.value = 5.0
        self.b.value += 1.0
        return self.a.value


class KeptEvent(Trap):
    """Keeping a record that is filled again for the next event."""

    def __init__(self) -> None:
        self.node = Node(1.0)
        self.last = 0.0

    def go(self) -> float:
        self.last = self.node  # refused
        return 1.0


class PrivateName(Trap):
    """`self.__x` is private to its class."""

    def __init__(self) -> None:
        self.__x = 2

    def go(self) -> int:
        self.__x += 1
        return self.__x


class Enumerations(Trap):
    """Members of an IntEnum are numbers, and so are constants of modules and classes."""

    inputs = ((1,), (-1,), (3,))
    SHIFT = 4

    def __init__(self) -> None:
        self.side = Side.SELL

    def go(self, n: int) -> float:
        total = TABLE[n] * RATIO + WEIGHTS[1] + self.SHIFT
        if n == Side.BUY:
            self.side = Side.BUY
        return total * self.side


class MakesObject(Trap):
    """An object made inside a hook."""

    def go(self) -> float:
        return Node(1.0).value  # refused


class Comprehension(Trap):
    """A list made inside a hook."""

    def go(self) -> int:
        return len([k for k in range(3)])  # refused


class TryExcept(Trap):
    """Catching what machine code cannot raise."""

    def go(self) -> float:
        try:  # refused
            return 1.0 / 0.0
        except ZeroDivisionError:
            return 0.0


class Printing(Trap):
    """Text for people."""

    def go(self) -> int:
        print("hello")  # refused
        return 1


class UnicodeNames(Trap):
    """Names are letters of any alphabet."""

    inputs = ((2.0,),)

    def __init__(self) -> None:
        self.größe = 1.0

    def go(self, λ: float) -> float:
        μ = λ * 2.0
        self.größe += μ
        return self.größe


def all_traps() -> list[type[Trap]]:
    """Every trap, in the order written."""
    return Trap.__subclasses__()
