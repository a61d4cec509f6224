"""fold/maths: within a unit in the last place of mpmath, Python's own special cases, and one last bit in machine code."""

import ctypes
import math
import operator
import random
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratofold.fold import maths

INF, NAN = math.inf, math.nan
SPECIAL = (
    0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, 3.0, -3.0, 0.1, 2.5, 7.5, -7.5, INF, -INF, NAN, 5e-324, -5e-324, 1e-310,
    2.2250738585072014e-308, 1.7976931348623157e308, -1.7976931348623157e308, 709.782712893384, 709.7827128933841,
    710.4758600739439, 710.475860073944, -745.1332191019412, -745.1332191019413, 1.0000000000000002, 0.9999999999999999,
    4503599627370496.0, 9007199254740993.0, 1e22,
)  # fmt: skip
ONE_ARGUMENT = [
    "acos",
    "acosh",
    "asin",
    "asinh",
    "atan",
    "atanh",
    "cbrt",
    "cos",
    "cosh",
    "erf",
    "erfc",
    "exp",
    "expm1",
    "log",
    "log10",
    "log1p",
    "log2",
    "norm_cdf",
    "norm_pdf",
    "sigmoid",
    "sin",
    "sinh",
    "sqrt",
    "tan",
    "tanh",
    "nearest",
    "floor",
    "ceil",
    "trunc",
    "round_whole",
]
TWO_ARGUMENTS = ["atan2", "floor_divide", "floor_modulo", "fmod", "hypot", "power"]


def between(low, high):
    """Numbers spread evenly."""
    return lambda chance: chance.uniform(low, high)


def sized(low, high):
    """Numbers of either sign spread evenly by binary exponent."""
    return lambda chance: chance.choice((-1.0, 1.0)) * 2.0 ** chance.uniform(low, high)


def above(low, high):
    """The same, above zero."""
    return lambda chance: 2.0 ** chance.uniform(low, high)


def near_one(chance):
    """Numbers whose logarithm is tiny."""
    return 1.0 + chance.choice((-1.0, 1.0)) * 2.0 ** chance.uniform(-52, -1)


def near_quarter_turns(chance):
    """Angles next to a multiple of pi/2."""
    return chance.randint(-(2**28), 2**28) * (math.pi / 2)


ANGLES = (between(-4, 4), sized(-40, 29.9), near_quarter_turns)
RATIOS = (between(-1, 1), sized(-40, 0), lambda chance: 1 - 2 ** chance.uniform(-52, -1))
POSITIVE = (above(-1070, 1023), above(-4, 4), near_one)
# function | where its arguments are drawn from | worst error allowed, in units in the last place (measured: docs/maths.md)
ACCURACY = (
    ("exp", (between(-708, 709.7), between(-2, 2), sized(-60, 2), between(-745, -708)), 0.76),
    ("expm1", (between(-40, 45), between(-2, 2), sized(-60, 2), between(40, 709)), 0.86),
    ("log", POSITIVE, 0.75),
    ("log1p", (above(-80, 1000), between(-0.999, 1), sized(-60, -1)), 0.6),
    ("log2", POSITIVE, 0.51),
    ("log10", POSITIVE, 0.51),
    ("tanh", (between(-3, 3), sized(-60, 5), between(0.4, 1.2)), 0.85),
    ("sinh", (between(-3, 3), sized(-60, 9.4), between(0.3, 0.5)), 0.85),
    ("cosh", (between(-3, 3), sized(-60, 9.4)), 0.7),
    ("asinh", (between(-3, 3), sized(-60, 1000)), 0.6),
    ("acosh", (lambda chance: 1 + 2 ** chance.uniform(-52, 0), above(0.001, 1000)), 0.6),
    ("atanh", (between(-0.999, 0.999), sized(-60, -0.001), lambda chance: 1 - 2 ** chance.uniform(-52, -1)), 0.6),
    ("cbrt", (sized(-1070, 1023), sized(-3, 3)), 0.7),
    ("sin", ANGLES, 0.85),
    ("cos", ANGLES, 0.85),
    ("tan", ANGLES, 0.95),
    ("asin", RATIOS, 0.6),
    ("acos", RATIOS, 0.6),
    ("atan", (between(-3, 3), sized(-40, 60)), 0.6),
    ("erf", (between(-3, 3), sized(-40, 3), between(-6, 6)), 0.85),
    ("erfc", (between(-6, 3), sized(-40, 3), between(0, 26.5)), 0.9),
)
ACCURACY_OF_OURS = (
    ("sigmoid", lambda mp, x: 1 / (1 + mp.exp(-x)), (between(-5, 5), between(-700, 50), sized(-60, 3)), 0.7),
    ("norm_cdf", lambda mp, x: mp.erfc(-x / mp.sqrt(2)) / 2, (between(-6, 3), sized(-40, 3), between(-37.5, 0)), 0.95),
    ("norm_pdf", lambda mp, x: mp.exp(-x * x / 2) / mp.sqrt(2 * mp.pi), (between(-6, 3), between(-37.5, 37)), 0.7),
)
ACCURACY_OF_PAIRS = (
    ("power", (lambda c: (2 ** c.uniform(-1000, 1000), c.uniform(-1, 1)), lambda c: (2 ** c.uniform(-8, 8), c.uniform(-80, 80)),
               lambda c: (near_one(c), c.uniform(-1e6, 1e6)), lambda c: (2 ** c.uniform(-15, 15), float(c.randint(-64, 64)))), 0.7),
    ("hypot", (lambda c: (c.uniform(-3, 3), c.uniform(-3, 3)), lambda c: (2 ** c.uniform(-1060, 1000), 2 ** c.uniform(-1060, 1000))), 0.6),
    ("atan2", (lambda c: (c.uniform(-3, 3), c.uniform(-3, 3)), lambda c: (2 ** c.uniform(-30, 30), 2 ** c.uniform(-30, 30))), 0.6),
)  # fmt: skip


@pytest.fixture(scope="module")
def mp():
    """mpmath at 160 bits."""
    mpmath = pytest.importorskip("mpmath", reason="mpmath, the oracle of the maths, is not installed")
    with mpmath.workprec(160):
        yield mpmath.mp


def units(mp, got, exact):
    """The error in units in the last place of the true value."""
    rounded = float(exact)
    return 0.0 if got == rounded == 0.0 else float(abs(mp.mpf(got) - exact) / mp.mpf(math.ulp(rounded)))


def worst(mp, ours, truth, sources, count=250):
    """The largest error over `count` arguments of each source, with where it was."""
    chance = random.Random(2)
    found = (0.0, None)
    for source in sources:
        for _ in range(count):
            drawn = source(chance)
            arguments = drawn if isinstance(drawn, tuple) else (drawn,)
            exact = truth(*map(mp.mpf, arguments))
            if abs(exact) < 1.79e308:
                found = max(found, (units(mp, ours(*arguments), exact), arguments), key=lambda row: row[0])
    return found


@pytest.mark.parametrize(
    ("name", "sources", "allowed"),
    [*ACCURACY, *ACCURACY_OF_PAIRS],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_within_a_unit_in_the_last_place(mp, name, sources, allowed):
    """Every function against 160 bits of mpmath."""
    truth = {"log2": lambda x: mp.log(x) / mp.log(2), "cbrt": lambda x: mp.sign(x) * mp.cbrt(abs(x))}.get(
        name
    ) or getattr(mp, name)
    error, where = worst(mp, getattr(maths, name), truth, sources)
    assert error < allowed, where


@pytest.mark.parametrize(
    ("name", "formula", "sources", "allowed"), ACCURACY_OF_OURS, ids=[row[0] for row in ACCURACY_OF_OURS]
)
def test_our_own_functions_are_as_near(mp, name, formula, sources, allowed):
    """The functions Python's `math` has not got."""
    error, where = worst(mp, getattr(maths, name), lambda x: formula(mp, x), sources)
    assert error < allowed, where


def outcome(function, *arguments):
    """The value, or the name of the error; a complex number counts as Python's `math` treats it."""
    try:
        value = function(*arguments)
    except (ValueError, ArithmeticError) as error:
        return type(error).__name__
    return "ValueError" if isinstance(value, complex) else value


def same(a, b):
    """The same type and bits, any NaN being as good as another."""
    if isinstance(a, float) and isinstance(b, float):
        return (math.isnan(a) and math.isnan(b)) or struct.pack("<d", a) == struct.pack("<d", b)
    return a == b and type(a) is type(b)


def close(a, b):
    """The same, or neighbours: the C library is no better than we are."""
    if isinstance(a, float) and isinstance(b, float) and math.isfinite(a) and math.isfinite(b) and a != 0.0 != b:
        return abs(a - b) <= 3 * math.ulp(b)
    return same(a, b)


@pytest.mark.parametrize("name", [row[0] for row in ACCURACY if row[0] not in {"sin", "cos", "tan"}] + ["sqrt"])
def test_special_values_and_errors_are_those_of_python(name):
    """Zeros with their signs, infinities, NaN, the first overflow and what lies outside the domain."""
    for x in SPECIAL:
        expected = (
            outcome(getattr(math, name), x)
            if hasattr(math, name)
            else outcome(lambda v: math.copysign(abs(v) ** (1 / 3), v), x)
        )
        assert close(outcome(getattr(maths, name), x), expected), x


@pytest.mark.parametrize(("name", "theirs"), [("power", operator.pow), ("hypot", math.hypot), ("atan2", math.atan2)])
def test_pairs_of_special_values_are_those_of_python(name, theirs):
    """All pairs of special values."""
    for x in SPECIAL:
        for y in SPECIAL:
            expected = outcome(theirs, x, y)
            if name == "power" and -INF < x < 0 and math.isfinite(y) and y != int(y):
                expected = "ValueError"  # Python makes a complex number, or fails on the way to one
            assert close(outcome(getattr(maths, name), x, y), expected), (x, y)


@pytest.mark.parametrize("name", ["sin", "cos", "tan"])
def test_angles_from_two_to_the_thirty_are_refused(name):
    """Past 2**30 an angle would need pi to a thousand bits."""
    ours = getattr(maths, name)
    assert close(ours(1073741823.0), getattr(math, name)(1073741823.0))
    assert math.isnan(ours(NAN))
    assert [outcome(ours, x) for x in (1073741824.0, -1e22, INF)] == ["ValueError"] * 3
    assert same(ours(-0.0), getattr(math, name)(-0.0))


@given(st.floats(allow_nan=False), st.integers(-22, 22))
def test_round_is_pythons(x, digits):
    """Half to even on the exact value, not on a product that rounding has moved onto a tie."""
    assert same(maths.round_half_even(x, digits), round(x, digits))


@given(st.integers(-(10**7), 10**7), st.integers(0, 5), st.integers(0, 6))
def test_round_is_pythons_next_to_ties(steps, places, digits):
    """Decimals such as 0.015 and 2.675, which look like ties and are not."""
    x = steps / 10**places
    assert same(maths.round_half_even(x, digits), round(x, digits))


def test_round_says_how_many_digits_it_takes():
    """Ten to the 23 is no double."""
    with pytest.raises(ValueError, match="-22 to 22"):
        maths.round_half_even(1.0, 23)


@given(st.floats(), st.floats())
def test_remainders_are_pythons(x, y):
    """`//`, `%` and `fmod` to the last bit."""
    assert same(outcome(maths.floor_modulo, x, y), outcome(operator.mod, x, y))
    assert same(outcome(maths.floor_divide, x, y), outcome(operator.floordiv, x, y))
    assert same(outcome(maths.fmod, x, y), outcome(math.fmod, x, y))


@given(st.floats())
def test_whole_parts_are_pythons_up_to_63_bits(x):
    """Floor, ceiling, truncation and rounding to an int."""
    for ours, theirs in (
        (maths.floor, math.floor),
        (maths.ceil, math.ceil),
        (maths.trunc, math.trunc),
        (maths.round_whole, round),
    ):
        expected = outcome(theirs, x)
        fits = isinstance(expected, str) or abs(expected) < 2**63
        assert outcome(ours, x) == (expected if fits else "OverflowError")
    assert same(maths.nearest(x), math.copysign(float(round(x)), x) if math.isfinite(x) else x)


@given(st.floats(-1e150, 1e150))
def test_a_square_is_a_product(x):
    """Issue 2's own example: `x**2` is `x * x`, in the interpreter and the compiler."""
    assert same(maths.power(x, 2.0), x * x)


def test_what_is_exact_stays_exact():
    """Powers of ten and two, perfect cubes, whole powers of short decimals."""
    assert [maths.log10(float(10**n)) for n in range(23)] == list(range(23))
    assert [maths.log2(2.0**n) for n in range(-1074, 1024)] == list(range(-1074, 1024))
    assert [maths.cbrt(float(n**3)) for n in range(-50, 51)] == list(range(-50, 51))
    assert [maths.power(1.5, float(n)) for n in range(33)] == [3**n / 2**n for n in range(33)]
    assert maths.power(10.0, -2.0) == 0.01
    assert maths.hypot(3.0, 4.0) == 5.0
    assert maths.norm_cdf(0.0) == maths.sigmoid(0.0) == 0.5


def test_whole_powers():
    """Whole numbers to whole powers, up to 63 bits."""
    for base in (-10, -3, -2, -1, 0, 1, 2, 3, 7, 10):
        for exponent in range(18):
            assert maths.whole_power(base, exponent) == base**exponent
    assert outcome(maths.whole_power, 10, 19) == "OverflowError"
    assert outcome(maths.whole_power, 2, -1) == "ValueError"


def test_total_runs_from_left_to_right():
    """Python's `sum` compensates from 3.12 on; a written loop never does."""
    assert maths.total([0.1] * 10) == 0.9999999999999999
    assert maths.total([1e16, 1.0, -1e16]) == 0.0
    assert same(maths.total([]), 0.0)


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [("exp", -745.0, 709.0), ("log", 1e-300, 1e300), ("tanh", -20.0, 20.0), ("sigmoid", -700.0, 40.0), ("norm_cdf", -37.0, 8.0),
     ("atan", -1e6, 1e6), ("cbrt", -1e9, 1e9), ("erf", -6.0, 6.0), ("sinh", -700.0, 700.0), ("asinh", -1e9, 1e9)],
)  # fmt: skip
def test_a_rising_function_rises(name, low, high):
    """Neighbours a few units apart, where a seam between two formulas would show."""
    ours = getattr(maths, name)
    chance = random.Random(3)
    for _ in range(400):
        x = chance.uniform(low, high)
        assert ours(x) <= ours(x + 8 * math.ulp(x)), x


COMPILED = (
    dict.fromkeys(ONE_ARGUMENT, "f")
    | dict.fromkeys(TWO_ARGUMENTS, "ff")
    | {"round_half_even": "fi", "whole_power": "ii"}
)


def machine_code(name):
    """A function of the maths as a kernel of its own; a failure raises ArithmeticError, whatever it was."""
    from stratofold.kernel import emit, kinds, loader
    from stratofold.kernel.layout import Survey
    from stratofold.kernel.unit import compile_text

    places = {"f": (kinds.FLOAT, ctypes.c_double), "i": (kinds.INT, ctypes.c_int64)}
    given = [places[letter] for letter in COMPILED[name]]
    text, unit = compile_text(
        getattr(maths, name), Survey([], set(), set()), tuple(kind for kind, _ in given), name="run"
    )
    result = (ctypes.c_int64 if unit.entry.learnt.returns is kinds.INT else ctypes.c_double)()
    image = loader.load(emit.emit([text], "run"))
    function = image.function(ctypes.c_int32, [ctypes.c_void_p, *(place for _, place in given)])

    def call(*arguments):
        if function(ctypes.addressof(result), *arguments):
            raise ArithmeticError
        return result.value

    return call


def drawn(chance):
    """A double of any size, now and then a whole one."""
    kind = chance.random()
    if kind < 0.3:
        return chance.uniform(-3, 3)
    if kind < 0.5:
        return sized(-1070, 1023.9)(chance)
    return float(chance.randint(-70, 70)) if kind > 0.9 else sized(-60, 31)(chance)


@pytest.mark.parametrize("name", COMPILED)
def test_machine_code_gives_the_same_bits(name):
    """Special and random values: the same bits, NaN included; where one fails the other does."""
    pytest.importorskip("llvmlite", reason="the compiler is not installed")
    chance = random.Random(7)
    if COMPILED[name] == "f":
        rows = [(x,) for x in SPECIAL] + [(drawn(chance),) for _ in range(400)]
    elif COMPILED[name] == "ff":
        rows = [(x, y) for x in SPECIAL for y in SPECIAL] + [(drawn(chance), drawn(chance)) for _ in range(400)]
    elif name == "round_half_even":
        rows = [(drawn(chance), chance.randint(-23, 23)) for _ in range(400)]
    else:
        rows = [(base, exponent) for base in range(-12, 13) for exponent in range(-1, 30)]
    interpreted, compiled = getattr(maths, name), machine_code(name)
    for arguments in rows:
        expected, found = outcome(interpreted, *arguments), outcome(compiled, *arguments)
        expected = "ArithmeticError" if isinstance(expected, str) else expected
        assert bits(found) == bits(expected), arguments


def bits(value):
    """The bytes of a double; anything else as it is."""
    return struct.pack("<d", value) if isinstance(value, float) else value


def test_every_function_is_compared():
    """A function added to the maths is added to the comparison."""
    assert set(COMPILED) | {"total"} == set(maths.__all__)
